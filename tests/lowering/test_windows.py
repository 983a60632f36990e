"""Windowed contractions are found by their structure, never by their names."""

import numpy as np
import pytest
from sympy import Eq, Integer, Sum, floor

from derive import compile
from derive.calculus.adjoint import adjoint
from derive.calculus.lift import to_system
from derive.calculus.statements import System
from derive.language import Operation, axes, option, parameter, size, sizes, tensor
from derive.lowering.windows import pulled, trilinear
from derive.ops import shipped
from derive.verification.reference import evaluate
from tests.lowering.building import failures, program_of
from tests.lowering.zoo import ZOO

A, B, C, R, S = sizes("A B C R S")
E, F = sizes("E F", minimum=1)
SHIPPED = {o.name: o for operations in shipped().values() for o in operations}


def disguised(flip: bool) -> Operation:
    """Correlation of planes: other letters, other orders of axes, another name."""
    hop = option("hop", 1, over=("r", "s"), minimum=1, samples=(2,))
    rim = option("rim", 0, over=("r", "s"), sides=True, minimum=0, samples=(1, 2))
    places = [
        size(name, floor((long + rim[a][0] + rim[a][1] - tap) / hop[a]) + 1)
        for a, (name, long, tap) in enumerate(zip("VW", (R, S), (E, F), strict=True))
    ]
    a, b, c, v, w, e, f = axes("a b c v w e f", A, B, C, *places, E, F)
    picture = tensor("picture", R, B, S, A, outside=0)
    stencil = parameter("stencil", E, C, F, B)
    answer = tensor("answer", C, *places[::-1], A)
    seen = [hop[0] * v + e - rim[0][0], hop[1] * w + f - rim[1][0]]
    tap = (E - 1 - e, F - 1 - f) if flip else (e, f)
    value = picture[seen[0], b, seen[1], a] * stencil[tap[0], c, tap[1], b]
    return Operation(
        "disguised",
        "Nobody would know it.",
        (picture, stencil),
        (answer,),
        (Eq(answer[c, w, v, a], Sum(value, b, e, f)),),
        options=(hop, rim),
        requires=tuple((p >= 1, "too small") for p in places),
    )


def strategies(operation: Operation) -> dict[str, list[str]]:
    program = program_of(operation)
    return {
        "forward": [v.name for v in program.forward.variants],
        "backward": [v.name for v in program.backward.variants],
    }


@pytest.mark.parametrize("flip", [False, True], ids=["correlation", "convolution"])
def test_a_disguised_correlation_gets_the_same_strategies_and_is_exact(flip):
    """Renamed, its axes permuted, its kernel flipped or not."""
    operation = disguised(flip)
    assert strategies(operation) == strategies(SHIPPED["correlate2d"])
    assert strategies(operation)["backward"] == ["slide", "columns"]
    assert failures(operation, count=4) == []


def form_of(operation: Operation):
    """The trilinear form of the one contraction, if it is one."""
    found = [f for s in to_system(operation).statements if (f := trilinear(s))]
    return found[0] if found else None


def test_places_shared_with_the_kernel_are_no_window():
    """A locally connected layer has a kernel for each place."""
    assert form_of(ZOO["locally_connected"]) is None
    assert strategies(ZOO["locally_connected"]) == {"forward": [""], "backward": [""]}


def test_a_causal_filter_is_a_window_of_falling_taps():
    """``x[t - d*u]``: turned round, the taps rise."""
    form = form_of(ZOO["causal"])
    assert form is not None and form.windows[0].flipped
    assert form.windows[0].dilation.is_positive
    assert strategies(ZOO["causal"])["backward"] == ["slide", "columns"]


def test_a_window_on_itself_or_under_a_function_is_none():
    """Autocorrelation, an entry listed twice, a value that is no product."""
    n, k = axes("n k", A, E)
    x, w, y = tensor("x", A, outside=0), parameter("w", E), tensor("y", A)
    plane = tensor("x", A, A, outside=0)
    for value, image in (
        (x[n + k] ** 2 * w[k], x),
        (x[n + k] * w[k] * x[n], x),
        (plane[n + k, n] * w[k], plane),
        (x[n + 2 * k] * w[k] * n, x),
    ):
        operation = Operation("f", "F.", (image, w), (y,), (Eq(y[n], Sum(value, k)),))
        assert form_of(operation) is None
        assert failures(operation, count=3) == []


@pytest.mark.parametrize("name", ["correlate1d", "convolve2d", "conv_transpose2d", "causal"])
@pytest.mark.parametrize("direction", ["forward", "adjoint"])
def test_the_pulled_form_is_the_same_sum(name, direction):
    """Image and output change places; the plain loops see no difference at stride 1."""
    operation = {**SHIPPED, **ZOO}[name]
    system = to_system(operation)
    statements = adjoint(system).statements if direction == "adjoint" else system.statements
    forms = [f for s in statements if (f := trilinear(s))]
    assert forms
    rng = np.random.default_rng(0)
    values = {s: 2 for form in forms for s in _symbols(form)}
    for form in forms:
        values |= dict.fromkeys(form.unit_steps, 1)
    for form in forms:
        inputs = [r.tensor for r in form.statement.reads]
        arrays = {}
        for tensor_ in inputs:
            shape = [int(e.xreplace(_numbers(values))) for e in tensor_.shape]
            arrays[tensor_.name] = rng.integers(-9, 9, shape).astype(object)
        found = []
        for statement in (form.statement, pulled(form)):
            reads = tuple(r.tensor for r in statement.reads)
            target = statement.target.tensor
            found.append(evaluate(System(reads, (target,), (statement,)), arrays, values))
        (one,), (other,) = (list(f.values()) for f in found)
        assert (one == other).all() and one.any()


def _symbols(form) -> set:
    """Sizes and settings of a form; those that a formula gives take any value here as well."""
    tensors = [form.statement.target.tensor, *(r.tensor for r in form.statement.reads)]
    found = {s for t in tensors for e in t.shape for s in e.free_symbols}
    for axis in form.statement.domain:
        found |= axis.extent.free_symbols
    for access in (form.image, form.kernel, form.output):
        for index in access.index:
            found |= {s for s in index.free_symbols if not hasattr(s, "extent")}
    return found


def _numbers(values: dict) -> dict:
    return {s: Integer(v) for s, v in values.items()}


def test_a_window_over_nothing_is_nothing():
    """No places and no taps, under every strategy there is."""
    module = compile(ZOO["toeplitz"])
    output, residuals = module.forward(np.zeros(0), np.zeros(0))
    strategies = getattr(module, "_STRATEGIES", {}).get("backward", (module._backward,))
    for strategy in strategies:
        found = strategy(residuals.sizes, output.dtype, ("x", "v"), output, *residuals[3:])
        assert found.x.shape == found.v.shape == (0,)
