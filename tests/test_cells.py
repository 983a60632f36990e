"""The cells in examples/: each is a file of equations, and the engine knows none of them."""

from pathlib import Path

import numpy as np
import pytest

import derive
from derive.language.load import load
from derive.pipeline import rendered
from derive.verification import verify

CELLS = sorted((Path(__file__).parents[1] / "examples" / "cells").glob("*.py"))


def compiled(name):
    (operation,) = load(next(path for path in CELLS if path.stem == name))
    return derive.compile(operation)


def draw(*shapes, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.standard_normal(shape) for shape in shapes]


@pytest.mark.parametrize("path", CELLS, ids=lambda path: path.stem)
def test_builds_and_verifies(path, tmp_path):
    """What `derive build FILE --out DIR` and `derive verify` do: three checks, no defect."""
    (operation,) = load(path)
    assert operation.name == path.stem
    for output in rendered(operation, "").outputs:
        (tmp_path / output.path).write_text(output.text, encoding="utf-8")
    report = verify(operation, tmp_path / f"{path.stem}.py")
    assert report.ok, "\n".join(report.failures[:3])
    assert [line.split()[0] for line in report.lines] == ["reference", "exact", "differences"]


def test_separate_matrices_are_stacked_ones():
    """With one matrix for every gate and no peepholes, the paper's LSTM has PyTorch's gates."""
    matrices = [m for _ in "ifco" for m in ((3, 2), (3, 3), (3,))]
    x, h0, c0, *weights = draw((4, 2, 2), (2, 3), (2, 3), *matrices)
    none = [np.zeros(3)] * 3
    y = compiled("gers_schmidhuber").apply(x, *weights, *none, h0, c0)
    h, c = h0, c0
    for t in range(4):
        W, U, b = (np.concatenate(weights[kind::3]) for kind in range(3))
        i, f, g, o = np.split(x[t] @ W.T + h @ U.T + b, 4, axis=1)
        c = c / (1 + np.exp(-f)) + np.tanh(g) / (1 + np.exp(-i))
        h = c / (1 + np.exp(-o))
        np.testing.assert_allclose(y[t], h, rtol=1e-12)


def test_linear_recurrence_is_a_product():
    """h[t] is the sum of inputs times all coefficients since; so is its gradient, backwards."""
    a, x, h0 = draw((6, 2, 3), (6, 2, 3), (2, 3))
    module = compiled("linear_recurrence")
    y, residuals = module.forward(a, x, h0)
    past = np.concatenate([h0[None], x])
    since = [np.prod(a[s:], axis=0) for s in range(7)]
    np.testing.assert_allclose(y[-1], sum(p * s for p, s in zip(past, since, strict=True)))
    last = np.zeros_like(y)
    last[-1] = 1
    grads = module.backward(last, residuals)
    np.testing.assert_allclose(grads.x, since[1:])
    np.testing.assert_allclose(grads.h0, since[0])


def test_tanks_lose_nothing():
    x, W, b, V, u, d = draw((7, 2, 3), (4, 3), (4,), (4, 3), (4,), (4,))
    (start,) = (np.abs(a) for a in draw((2, 4), seed=1))
    y, inflow, level = compiled("tank").apply(x, W, b, V, u, d, start)
    np.testing.assert_allclose(start + inflow.sum(0), y.sum(0) + level, rtol=1e-12)


def test_oscillators_swing():
    """Left alone, without friction, a place swings about 0 for ever."""
    module = compiled("oscillators")
    none = [np.zeros((1, 1))] * 3 + [np.zeros(1)]
    y, *_ = module.apply(
        np.zeros((200, 1, 1)), *none, np.ones((1, 1)), np.zeros((1, 1)), dt=0.125, friction=0
    )
    assert y.max() > 0.9 and y.min() < -0.9 and np.abs(y).max() < 1.2
    crossings = np.count_nonzero(np.diff(np.sign(y[:, 0, 0])))
    assert crossings == round(200 * 0.125 / np.pi)
