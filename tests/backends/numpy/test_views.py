"""Affine accesses as slices: compared with plain loops, exactly and under every strategy."""

import numpy as np
import pytest
from sympy import Eq, Piecewise, Sum, tanh

from derive import compile
from derive.language import Operation, axis, option, parameter, size, sizes, tensor
from tests.backends.numpy.building import failures, text_of

N, C, K = sizes("N C K")
i, j, k = axis("i", N), axis("j", C), axis("k", K)
x, y, v = tensor("x", N), tensor("y", N), tensor("v", 2 * N + 3)
x0, w = tensor("x", N, outside=0), parameter("w", K)
x1 = tensor("x", N, outside=1)
square, flat = tensor("x", N, N), tensor("y", N)
early = tensor("h", N + 1, offset=(-1,))
step = option("step", 1, minimum=1, samples=(2, 3))
S = step.settings[0]
i2 = axis("i2", N)


def case(name, *equations, inputs=(x,), outputs=(y,), **more):
    operation = Operation(name, "A view.", inputs, outputs, equations, **more)
    return pytest.param(operation, id=name)


LEGAL = [
    case("reversed", Eq(y[i], x[N - 1 - i])),
    case("reversed_product", Eq(y[i], x[N - 1 - i] * x[i])),
    case("strided", Eq(y[i], v[2 * i + 3] * x[i]), inputs=(x, v)),
    case("strided_falling", Eq(y[i], v[2 * N - 2 * i] * x[i]), inputs=(x, v)),
    case("falling_matrix", Eq(y[i], Sum(square[N - 1 - i, N - 1 - i2], i2)), inputs=(square,)),
    case("transposed", Eq(square[i, i2], tanh(tensor("a", N, N)[i2, i])),
         inputs=(tensor("a", N, N),), outputs=(square,)),
    case("diagonal", Eq(y[i], square[i, i]), inputs=(square,)),
    case("antidiagonal", Eq(y[i], square[i, N - 1 - i]), inputs=(square,)),
    case("clipped_low", Eq(y[i], Sum(x0[i - 2] * w[k], k)), inputs=(x0, w)),
    case("clipped_high", Eq(y[i], Sum(x0[i + 3] * w[k], k)), inputs=(x0, w)),
    case("clipped_falling", Eq(y[i], Sum(x0[2 - i] * w[k], k)), inputs=(x0, w)),
    case("clipped_stride", Eq(y[i], Sum(x0[S * i - 1] * w[k], k)), inputs=(x0, w), options=(step,)),
    case("clipped_both", Eq(y[i], Sum(x0[3 * i - 4 * k + 2] * w[k], k)), inputs=(x0, w)),
    case("outside_of_square", Eq(y[i], x0[i + 1] ** 2), inputs=(x0,)),
    case("first_and_last", Eq(tensor("y", 2)[0], Sum(x[i], i)), Eq(tensor("y", 2)[1], 3),
         outputs=(tensor("y", 2),)),
    case("triangle", Eq(tensor("y", N, N)[i, i2], Piecewise((x[i] * x[i2], i2 <= i), (x[i], True))),
         outputs=(tensor("y", N, N),)),
    case("offset", Eq(y[i], early[i - 1] * early[i] * x[i]), inputs=(x, early)),
    case("offset_copy", Eq(y[i], early[i] * x[i]), inputs=(x, early)),
    case("product_axis", Eq(y[i], tensor("p", (N, 2))[(i, 0)] - tensor("p", (N, 2))[(i, 1)]),
         inputs=(tensor("p", (N, 2)),)),
    case("scaled_guard", Eq(y[i], Sum(Piecewise((tensor("a", N, C)[i, j], 2 * j <= 3 * i + 1),
         (0, True)), j)), inputs=(tensor("a", N, C),)),
    case("two_axes_guard", Eq(y[i], Sum(Piecewise((tensor("a", N, C)[i, j], i + j <= 3),
         (0, True)), j)), inputs=(tensor("a", N, C),)),
    case("difference", Eq(y[i], x0[i + 1] - x0[i]), inputs=(x0,)),
    case("cosine_outside", Eq(y[i], tanh(x0[i - 1] + 1)), inputs=(x0,)),
    case("ones_outside", Eq(y[i], x1[i - 1] * x1[i]), inputs=(x1,)),
    case("ones_outside_window", Eq(y[i], Sum(x1[i + k] * w[k], k)), inputs=(x1, w)),
]  # fmt: skip


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
@pytest.mark.parametrize("operation", LEGAL)
def test_a_view_reads_and_writes_what_the_index_says(operation, passes):
    """Values, gradients and the transpose identity on several sizes."""
    assert failures(operation, count=6, passes=passes) == []


def test_a_falling_axis_is_a_slice_turned_round():
    """``x[N-1-i]`` is no loop and no gather."""
    text = text_of(Operation("r", "R.", (x,), (y,), (Eq(y[i], x[N - 1 - i]),)))
    body = text[text.index("def _forward") :]
    assert "x[::-1]" in body and "for " not in body[: body.index("return")]


@pytest.mark.parametrize("taken", [tensor("i0", N), axis("i0", K)], ids=["tensor", "axis"])
def test_the_bounds_of_a_clipped_axis_have_names_of_their_own(taken):
    """The initial state of an axis h is h0."""
    if taken.is_symbol and hasattr(taken, "axes_of"):
        operation = Operation("f", "F.", (x0, taken), (y,), (Eq(y[i], x0[i - 1] * taken[i]),))
    else:
        value = Sum(x0[i + taken - 1] * w[taken] ** 2, taken)
        operation = Operation("f", "F.", (x0, w), (y,), (Eq(y[i], value),))
    assert failures(operation) == []


def test_a_size_that_a_formula_makes_negative_is_named():
    """Wrong input gets an error that names the argument, never NumPy's."""
    P, U = size("P", N - K + 1), K
    p, u = axis("p", P), axis("u", U)
    out = tensor("y", P)
    operation = Operation("f", "F.", (x, w), (out,), (Eq(out[p], Sum(x[p + u] * w[u], u)),))
    with pytest.raises(ValueError, match="P"):
        compile(operation).apply(np.ones(2), np.ones(5))
