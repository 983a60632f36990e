"""Pass: what a loop reads once is computed in parts."""

import re
from unittest.mock import Mock

import numpy as np
import pytest
from sympy import Eq, Sum, tanh

from derive.calculus.statements import Statement
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.passes.tile_loops import tiled
from derive.program.dependences import in_order
from derive.program.grammar import Loop, Program, Tile, adding, statements_of
from tests.backends.numpy.building import loaded, text_of

T, N = sizes("T N")
t, n, m = axes("t n m", T, N, N)
x, y, k = tensor("x", T, N), tensor("y", T, N), tensor("k", T, N)
h, U = state("h", T, N), parameter("U", N, N)
KNOWN = Statement((t, n), k[t, n], tanh(x[t, n]))
STEP = Statement((t, n), h[t, n], h[t - 1, n] * k[t, n])


def tiles(*statements: Statement, keep=()) -> list[Tile]:
    program = Program("f", (), tuple(keep), in_order(tuple(map(adding, statements)), "f"))
    return [block for block in tiled(program).body if isinstance(block, Tile)]


def test_what_is_known_is_computed_before_each_part():
    """The example of the docstring."""
    (tile,) = tiles(KNOWN, STEP)
    ahead, loop = tile.body
    assert [str(s) for s in statements_of((ahead,))] == [
        "[t<-t_start + t_stop, n<N]: k[t, n] += tanh(x[t_start + t, n])"
    ]
    assert [str(s.value) for s in statements_of((loop,))] == ["h[t - 1, n]*k[-t_start + t, n]"]
    assert isinstance(loop, Loop) and loop.ends == (tile.start, tile.stop)
    assert tile.elements == N


@pytest.mark.parametrize(
    "statements, keep",
    [
        ((KNOWN, STEP), {k}),
        ((KNOWN, STEP, Statement((t, n), y[t, n], k[t, n])), ()),
        ((KNOWN, Statement((t, n), h[t, n], h[t - 1, n] * k[T - 1 - t, n])), ()),
        ((KNOWN, STEP, Statement((t, n), y[t, n], h[t - 1, n] + y[t - 1, n] * k[t, n])), ()),
        ((Statement((t, n, m), k[t, n], U[n, m] * x[t, m]), STEP), ()),
    ],
    ids=["it is asked for", "read elsewhere", "read in another order", "two loops", "a product"],
)
def test_what_must_be_whole_is_whole(statements, keep):
    """All of it is there before the loop."""
    assert tiles(*statements, keep=keep) == []


def network() -> Operation:
    past = Sum(U[n, m] * h[t - 1, m], m)
    begin = Eq(h[-1, n], 0)
    step = Eq(h[t, n], tanh(past + x[t, n]))
    return Operation("f", "F.", (x, U), (y,), (begin, step, Eq(y[t, n], h[t, n])))


def test_parts_of_any_length_give_the_same():
    """One, or as many as there are steps."""
    module = loaded(network()).module
    rng = np.random.default_rng(0)
    signal, weight = rng.standard_normal((7, 3)), rng.standard_normal((3, 3))
    output, residuals = module.forward(signal, weight)
    expected = module.backward(np.ones_like(output), residuals)
    for length in (1, 2, 3, 7):
        parts = [(i, min(i + length, 7)) for i in range(0, 7, length)]
        vars(module)["_parts"] = cut = Mock(return_value=parts)
        for one, other in zip(module.backward(output * 0 + 1, residuals), expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-12)
        cut.assert_called_once()


def test_parts_are_about_equal_and_fit():
    """No step is left out, and none is empty unless there are none."""
    cut = vars(loaded(network()).module)["_parts"]
    for count in (0, 1, 5, 1000):
        for elements in (0, 1, 1000, 10**9):
            parts = cut(count, elements)
            steps = [i for first, last in parts for i in range(first, last)]
            assert steps == list(range(count))
            lengths = {last - first for first, last in parts} or {0}
            assert max(lengths) - min(lengths) <= 1
            assert max(lengths) <= 1 or max(lengths) * elements < 2**17 + 2 * elements


def test_the_text_says_so():
    """A loop over parts, backwards, around the one over time."""
    text = text_of(network())
    assert re.search(r"for t_start, t_stop in reversed\(_parts\(T, N\)\):", text)
    assert "for t in reversed(range(t_start, t_stop)):" in text
