"""Windowed contractions are found by their structure, never by their names."""

import numpy as np
import pytest
from sympy import Eq, Sum, floor

from derive import compile
from derive.calculus.derivatives import gradient, tangent
from derive.calculus.lift import to_system
from derive.language import Operation, axes, option, parameter, size, sizes, tensor
from derive.ops import find, shipped
from derive.pipeline import explain
from derive.program.windows import windowed_product
from derive.verification.cases import cases
from derive.verification.verify import Verification, runs
from tests.backends.numpy.building import failures, loaded, program_of
from tests.backends.numpy.zoo import ZOO

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
    """The form of three tensors of the one contraction, if it is one."""
    found = [f for s in to_system(operation).statements if (f := windowed_product(s))]
    return found[0] if found else None


def test_places_shared_with_the_kernel_are_no_window():
    """A locally connected layer has a kernel for each place."""
    assert form_of(ZOO["locally_connected"]) is None
    assert strategies(ZOO["locally_connected"]) == {"forward": [""], "backward": [""]}


def test_a_causal_filter_is_a_window_of_falling_taps():
    """``x[t - d*u]``, as well as one of rising taps."""
    form = form_of(ZOO["causal"])
    assert form is not None and form.windows[0].tap in form.kernel.index
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


def test_patches_are_shared_whatever_the_order_of_boxes():
    """The gradient's two products walk the same copy in different orders: it is made once."""
    found = find("correlate1d")
    assert found is not None
    program = explain(gradient(found[1]), "forward", after="lift_windows")
    slide, columns = program.split("strategy columns")
    assert slide.count("y_bar_patches[g, k, v, n, ") == 1 and "y_bar_patches" not in columns


def test_a_product_is_in_one_group():
    """Of three that read the same patches the second cannot join the first; the third did both."""
    found = find("signal_correlate")
    assert found is not None
    twice = tangent(gradient(found[1]))
    program = explain(twice, "backward", after="lift_windows")
    assert program.split("strategy columns")[1].count("  kernel_bar[v] +=") == 1


def test_a_window_over_nothing_is_nothing():
    """No places and no taps."""
    module = compile(ZOO["toeplitz"])
    output, residuals = module.forward(np.zeros(0), np.zeros(0))
    assert [gradient.shape for gradient in module.backward(output, residuals)] == [(0,), (0,)]


def test_a_window_over_nothing_is_nothing_under_every_strategy():
    """Cases with an empty axis, one by one."""
    operation = ZOO["causal"]
    empty = tuple(case for case in cases(operation) if case.is_empty)
    verification, tried = Verification(operation, empty), set()
    for case, module, strategy in runs(empty, loaded(operation)):
        tried.add(strategy)
        assert not verification.reference(case, module)[1], (case, strategy)
        assert not verification.exact(case, module)[1], (case, strategy)
    assert len(tried) >= 2
