"""What a generated module may do with the arrays it is given, and must do with those it makes."""

import random
from collections.abc import Callable
from itertools import combinations
from typing import Any

import numpy as np
import pytest

from derive.verification.exact import leaves, like
from tests.cases import CASES, FEW, SUBJECTS, Subject, Trial

FLOATS = ("float32", "float64")


def drawn(trial: Trial, dtype="float64") -> dict[str, Any]:
    """Inputs; integers stay integers."""
    arrays = trial.case.draw(np.random.default_rng(3))
    return {
        n: a if a is None or a.dtype.kind != "f" else a.astype(dtype) for n, a in arrays.items()
    }


def cotangent(output):
    """A cotangent that looks like the output."""
    rng = np.random.default_rng(4)
    named = {n: rng.standard_normal(y.shape).astype(y.dtype) for n, y in leaves(output).items()}
    return like(output, named)


def run(module, trial: Trial, inputs, layout=lambda a: a):
    """Output leaves and gradients, of arrays in some layout."""
    arrays = [None if a is None else layout(a) for a in inputs.values()]
    output, residuals = module.forward(*arrays, **trial.case.options)
    y_bar = cotangent(output)
    y_bar = like(y_bar, {n: layout(a) for n, a in leaves(y_bar).items()})
    grads = module.backward(y_bar, residuals)
    return leaves(output), grads._asdict()


def same(found: dict, expected: dict) -> None:
    """Equal up to the order of summation, None where None is."""
    assert found.keys() == expected.keys()
    for name, array in expected.items():
        if array is None:
            assert found[name] is None
        else:
            np.testing.assert_allclose(found[name], array, rtol=1e-12, atol=1e-12)


def identical(found: dict, expected: dict) -> None:
    """Equal to the last bit."""
    for name, array in expected.items():
        assert found[name] is None if array is None else np.array_equal(found[name], array)


@pytest.mark.parametrize("dtype", FLOATS)
@pytest.mark.parametrize("trial", FEW, ids=str)
def test_precision_is_that_of_the_inputs(trial: Trial, dtype):
    """float32 in → float32 out, float64 likewise, and both mean the same numbers."""
    for module in trial.modules():
        outputs, grads = run(module, trial, drawn(trial, dtype))
        exact, exact_grads = run(module, trial, drawn(trial))
        for found, right in ((outputs, exact), (grads, exact_grads)):
            for name, array in found.items():
                if array is not None:
                    assert type(array) is np.ndarray
                    expected = int if right[name].dtype.kind == "i" else dtype
                    assert array.dtype == expected and array.dtype.isnative
                    np.testing.assert_allclose(array, right[name], rtol=1e-3, atol=1e-3)


def strided(a: np.ndarray) -> np.ndarray:
    """Every second entry of a larger array along every axis."""
    large = np.full(tuple(2 * n + 1 for n in a.shape), np.nan if a.dtype.kind == "f" else 0)
    large = large.astype(a.dtype)
    view = large[(..., *(slice(1, 2 * n + 1, 2) for n in a.shape))]
    view[...] = a
    return view


def reversed_strides(a: np.ndarray) -> np.ndarray:
    flip = (..., *(slice(None, None, -1),) * a.ndim)
    return a[flip].copy()[flip]


def fortran(a: np.ndarray) -> np.ndarray:
    return np.array(a, order="F")


def read_only(a: np.ndarray) -> np.ndarray:
    a = a.copy()
    a.flags.writeable = False
    return a


def big_endian(a: np.ndarray) -> np.ndarray:
    return a.astype(a.dtype.newbyteorder(">"))


def repeated(a: np.ndarray) -> np.ndarray:
    """Along its first axis the same memory: stride 0."""
    return np.broadcast_to(a[:1], a.shape) if a.ndim else a


LAYOUTS: tuple[Callable, ...] = (
    strided,
    reversed_strides,
    fortran,
    read_only,
    big_endian,
    repeated,
)


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda f: f.__name__)
@pytest.mark.parametrize("trial", FEW, ids=str)
def test_the_layout_in_memory_does_not_matter(trial: Trial, layout):
    """Strided, negative strides, Fortran order, read-only, big-endian, broadcast: the same."""
    inputs = drawn(trial)
    if layout is repeated:
        inputs = {n: None if a is None else repeated(a).copy() for n, a in inputs.items()}
    for module in trial.modules():

        def plain(a):
            return repeated(a).copy() if layout is repeated else a

        outputs, grads = run(module, trial, inputs, layout)
        expected, expected_grads = run(module, trial, inputs, plain)
        same(outputs, expected)
        same(grads, expected_grads)
        assert all(a.dtype.isnative for a in (*outputs.values(), *grads.values()) if a is not None)


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_inputs_are_never_written_to(trial: Trial):
    """Neither by apply nor by forward nor by backward, be they read-only or not."""
    for module in trial.modules():
        inputs = drawn(trial)
        before = {n: None if a is None else a.copy() for n, a in inputs.items()}
        module.apply(*inputs.values(), **trial.case.options)
        output, residuals = module.forward(*inputs.values(), **trial.case.options)
        y_bar = cotangent(output)
        kept = {n: a.copy() for n, a in leaves(y_bar).items()}
        saved = [np.copy(a) for a in residuals if isinstance(a, np.ndarray)]
        module.backward(y_bar, residuals)
        identical(inputs, before)
        identical(leaves(y_bar), kept)
        now = [a for a in residuals if isinstance(a, np.ndarray)]
        assert all(map(np.array_equal, saved, now))


@pytest.mark.parametrize("trial", CASES, ids=str)
def test_what_is_returned_shares_memory_with_nothing(trial: Trial):
    """Outputs and gradients own their memory: not that of inputs, residuals or each other."""
    for module in trial.modules():
        inputs = list(drawn(trial).values())
        output, residuals = module.forward(*inputs, **trial.case.options)
        y_bar = cotangent(output)
        grads = module.backward(y_bar, residuals)
        made = [a for a in (*leaves(output).values(), *grads) if a is not None]
        given = (*inputs, *residuals, *leaves(y_bar).values())
        given = [a for a in given if isinstance(a, np.ndarray)]
        assert not any(np.shares_memory(a, b) for a in made for b in given)
        assert not any(np.shares_memory(a, b) for a, b in combinations(made, 2))
        assert all(a.flags.writeable for a in made)


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_overwriting_what_was_returned_disturbs_nothing(trial: Trial):
    """Backward after y[...] = nan, and again after its own gradients were overwritten."""
    for module in trial.modules():
        inputs = drawn(trial)
        output, residuals = module.forward(*inputs.values(), **trial.case.options)
        y_bar = cotangent(output)
        first = module.backward(y_bar, residuals)
        expected = {n: None if g is None else g.copy() for n, g in first._asdict().items()}
        for array in (*leaves(output).values(), *(g for g in first if g is not None)):
            array[...] = np.nan if array.dtype.kind == "f" else -9
        identical(module.backward(y_bar, residuals)._asdict(), expected)


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_apply_is_forward_without_residuals(trial: Trial):
    """The same values, and the same ones when called again."""
    inputs = drawn(trial).values()
    for module in trial.modules():
        output, _ = module.forward(*inputs, **trial.case.options)
        again = module.apply(*inputs, **trial.case.options)
        assert type(again) is type(output)
        identical(leaves(again), leaves(output))


def subsets(names: tuple[str, ...]) -> list[tuple[str, ...]]:
    """All of them; of many names, each one alone, all but each, and a fixed sample."""
    if len(names) <= 7:
        return [s for r in range(len(names) + 1) for s in combinations(names, r)]
    source = random.Random(0)
    sample = [tuple(n for n in names if source.random() < 0.3) for _ in range(64)]
    return [*((n,) for n in names), *combinations(names, len(names) - 1), *sample]


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_gradients_can_be_asked_for_selectively(trial: Trial):
    """Any subset in any order, or one name; the others are None, the values do not change."""
    for module in trial.modules():
        output, residuals = module.forward(*drawn(trial).values(), **trial.case.options)
        y_bar = cotangent(output)
        full = module.backward(y_bar, residuals)._asdict()
        names = tuple(full)
        for wrt in (*subsets(names), names[::-1], list(names), *names):
            asked = (wrt,) if isinstance(wrt, str) else wrt
            found = module.backward(y_bar, residuals, wrt=wrt)._asdict()
            identical(found, {n: g if n in asked else None for n, g in full.items()})


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_an_absent_input_has_no_gradient(trial: Trial):
    """It is None, even if asked for; the others have the shapes of their inputs."""
    module = trial.subject.module
    output, residuals = module.forward(*drawn(trial).values(), **trial.case.options)
    for tensor in trial.subject.operation.inputs:
        grad = getattr(module.backward(cotangent(output), residuals), tensor.name, None)
        shape = trial.case.shapes[tensor.name]
        if shape is None or tensor.integer:
            assert grad is None
        else:
            assert grad is not None and grad.shape == shape


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_an_absent_input_can_be_left_out(subject: Subject):
    """f(x, w) is f(x, w, None), and the same with the name of the argument."""
    for case in subject.cases:
        if None in case.shapes.values():
            arrays = case.draw(np.random.default_rng(3))
            given = {n: a for n, a in arrays.items() if a is not None}
            expected = subject.module.apply(*arrays.values(), **case.options)
            identical(leaves(subject.module.apply(**given, **case.options)), leaves(expected))


@pytest.mark.parametrize("trial", [t for t in CASES if t.case.is_empty], ids=lambda t: str(t))
def test_an_axis_may_be_empty(trial: Trial):
    """No images, no channels or no filters: outputs and gradients of the right shapes, no NaN."""
    for module in trial.modules():
        output, residuals = module.forward(*drawn(trial).values(), **trial.case.options)
        assert [y.shape for y in leaves(output).values()] == list(trial.case.outputs.values())
        grads = module.backward(cotangent(output), residuals)
        for name in trial.case.differentiable:
            grad = getattr(grads, name)
            assert grad.shape == trial.case.shapes[name] and np.isfinite(grad).all()


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_options_have_one_meaning(subject: Subject):
    """A list does for a tuple, NumPy's integers for Python's; saying a default changes nothing."""

    def other(value):
        if isinstance(value, tuple | list):
            return [other(v) for v in value]
        if isinstance(value, bool):
            return np.bool_(value)
        return np.int64(value) if isinstance(value, int) else value

    for case in subject.cases[::3]:
        inputs = case.draw(np.random.default_rng(3)).values()
        defaults = {o.name: o.default for o in subject.operation.options}
        expected = leaves(subject.module.apply(*inputs, **case.options))
        said = {n: other(v) for n, v in {**defaults, **case.options}.items()}
        identical(leaves(subject.module.apply(*inputs, **said)), expected)
