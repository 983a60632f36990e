"""Maxima where nobody expects them: values, gradients and who takes the gradient of a tie."""

import numpy as np
import pytest
from sympy import And, Eq, Ne, Or, Piecewise, Sum, exp, oo

import derive
from derive.language import (
    ArgMaximum,
    Maximum,
    Minimum,
    Operation,
    axes,
    axis,
    integers,
    parameter,
    sizes,
    tensor,
)
from tests.backends.numpy.building import failures, text_of

N, C, K, T, U = sizes("N C K T U")
i, j, k, t, u = axes("i j k t u", N, C, K, T, U)
j2 = axis("j2", C)
x, a, b, v = tensor("x", N), tensor("a", N, C), tensor("b", T, N), tensor("v", C)
low, w = tensor("x", N, outside=-oo), parameter("w", U)
y, z, total = tensor("y", N), tensor("z"), tensor("total")
out, logits, more = tensor("p", N, C), tensor("l", N, C), tensor("m", C, K)
lengths, place = integers("lengths", N, below=T + 1), integers("r", N, below=T + 1)
optional, bias = tensor("o", N, C, optional=True), tensor("bias", N, optional=True)
start = integers("start", K, below=N)
yk = tensor("y", K)


def case(name, *equations, inputs, outputs=(y,)):
    operation = Operation(name, "A maximum.", inputs, outputs, equations)
    return pytest.param(operation, id=name)


def where(condition):
    return Maximum(Piecewise((b[t, i], condition)), t)


WEIGHTS = Eq(total[()], Sum(w[u], u))
LEGAL = [
    case("of_a_sum", Eq(y[i], Maximum(Sum(a[i, j] * more[j, k], j), k)), inputs=(a, more)),
    case("under_a_sum", Eq(z[()], Sum(Maximum(a[i, j], j) * x[i], i)), inputs=(a, x), outputs=(z,)),
    case("of_a_maximum", Eq(z[()], Maximum(Maximum(a[i, j], j) * x[i], i)), inputs=(a, x),
         outputs=(z,)),
    case("of_everything", Eq(z[()], Maximum(a[i, j], i, j)), inputs=(a,), outputs=(z,)),
    case("columns_first", Eq(z[()], Maximum(a[i, j], j, i)), inputs=(a,), outputs=(z,)),
    case("of_squares", Eq(y[i], Maximum(a[i, j] ** 2, j)), inputs=(a,)),
    case("of_products", Eq(y[i], Maximum(a[N - 1 - i, C - 1 - j] * v[j], j)), inputs=(a, v)),
    case("range", Eq(y[i], Maximum(a[i, j], j) - Minimum(a[i, j], j)), inputs=(a,)),
    case("of_a_constant", Eq(y[i], Maximum(x[i], axis("r", 3))), inputs=(x,)),
    case("over_part_of_an_axis", Eq(y[i], Maximum(Piecewise((a[i, j], j <= i)), j)), inputs=(a,)),
    case("in_a_piece", Eq(y[i], Piecewise((Maximum(a[i, j], j), x[i] > 0), (0, True))),
         inputs=(a, x)),
    case("in_a_piece_by_index", Eq(y[i], Piecewise((Maximum(a[i, j], j), i >= 2), (x[i], True))),
         inputs=(a, x)),
    case("of_optional", Eq(y[i], Maximum(a[i, j] + optional[i, j], j)), inputs=(a, optional)),
    case("beside_optional", Eq(y[i], Maximum(a[i, j], j) + bias[i]), inputs=(a, bias)),
    case("falling_window", Eq(y[i], Maximum(low[i - u + 1], u)), WEIGHTS, inputs=(low, w),
         outputs=(y, total)),
    # outside of the signal, -oo + w[u] does take part
    case("tropical", Eq(y[i], Maximum(low[i + u] + w[u], u)), inputs=(low, w)),
    case("one_window", Eq(z[()], Maximum(low[2 * u + 1], u)), WEIGHTS, inputs=(low, w),
         outputs=(z, total)),
    case("windows_that_start", Eq(yk[k], Maximum(low[start[k] + 2 * u], u)), WEIGHTS,
         inputs=(low, w, start), outputs=(yk, total)),
    case("softmax", Eq(out[i, j], exp(logits[i, j] - Maximum(logits[i, j2], j2))
         / Sum(exp(logits[i, j2] - Maximum(logits[i, j], j)), j2)), inputs=(logits,),
         outputs=(out,)),
    case("lengths", Eq(y[i], where(t < lengths[i])), inputs=(b, lengths)),
    # Ne and Or become several statements, of which one tie is taken by one point all the same
    case("all_but_one", Eq(y[i], where(Ne(t, lengths[i]))), inputs=(b, lengths)),
    case("either", Eq(y[i], where(Or(t < lengths[i], Eq(t, T - 1)))), inputs=(b, lengths)),
    case("two_tensors", Eq(y[i], Maximum(Piecewise((b[t, i], Ne(t, 1)), (x[i], True)), t)),
         inputs=(b, x)),
    case("place", Eq(place[i], ArgMaximum(Piecewise((b[t, i], And(t >= 2, t < lengths[i]))), t)),
         Eq(y[i], Sum(b[t, i], t)), inputs=(b, lengths), outputs=(y, place)),
    case("place_plus_one", Eq(place[i], ArgMaximum(where(t > 1).args[0], t) + 1),
         Eq(y[i], Sum(b[t, i], t)), inputs=(b,), outputs=(y, place)),
    case("place_of_several", Eq(place[i], ArgMaximum(where(Ne(t, lengths[i])).args[0], t)),
         Eq(y[i], Sum(b[t, i], t)), inputs=(b, lengths), outputs=(y, place)),
    case("place_as_index", Eq(integers("r", N, below=C)[i], ArgMaximum(a[i, j], j)),
         Eq(y[i], a[i, integers("r", N, below=C)[i]]), inputs=(a,)),
    case("place_as_condition", Eq(integers("r", N, below=C)[i], ArgMaximum(a[i, j], j)),
         Eq(y[i], Piecewise((x[i] ** 2, integers("r", N, below=C)[i] >= 1), (x[i], True))),
         inputs=(a, x)),
]  # fmt: skip


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
@pytest.mark.parametrize("operation", LEGAL)
def test_a_maximum_is_what_plain_loops_say(operation, passes):
    """Values, gradients, the transpose identity and differences, empty axes included."""
    assert failures(operation, count=5, passes=passes, checks="reference exact differences") == []


def windows(name="windows"):
    """A window along each of two axes; `separate` takes them one after another."""
    P, Q, H, W, V = sizes("P Q H W V")
    p, q, s, c = axes("p q s c", P, Q, U, V)
    image, taps = tensor("x", H, W, outside=-oo), tensor("w", P, Q, U, V)
    y, q2 = tensor("y", P, Q), tensor("n")
    equations = (
        Eq(y[p, q], Maximum(image[2 * p + s - 1, q + c], s, c)),
        Eq(q2[()], Sum(taps[p, q, s, c], p, q, s, c)),
    )
    return Operation(name, "Windows.", (image, taps), (y, q2), equations)


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
def test_windows_along_two_axes_hand_a_tie_to_the_first_in_row_major_order(passes):
    """Columns go first, so that the first row with the maximum has its first column."""
    operation = windows()
    assert failures(operation, count=6, passes=passes) == []
    module = derive.compile(operation)
    x = np.zeros((3, 4))
    x[1, 2] = x[2, 0] = 5  # row 1 comes first, though column 0 does
    taps = np.zeros((1, 1, 4, 3))
    _, kept = module.forward(x, taps)
    bar = module.backward((np.ones((1, 1)), np.zeros(())), kept).x
    np.testing.assert_array_equal(np.argwhere(bar), [[1, 2]])


def test_windows_along_two_axes_are_taken_one_axis_after_another():
    """U + V passes over the data and not U V."""
    text = text_of(windows())
    assert "y_over_c" in text and "y_over_c" not in text_of(windows(), passes=False)


def test_a_tie_of_windows_is_handed_on_once():
    """What one point takes, the next one does not get: no selection is kept, a rest is."""
    operation = LEGAL[[case.id for case in LEGAL].index("falling_window")].values[0]
    assert "_taken(" in text_of(operation)
    module = derive.compile(operation)
    _, kept = module.forward(np.zeros(4), np.zeros(3))
    grads = module.backward((np.ones(4), np.zeros(())), kept)
    np.testing.assert_array_equal(grads.x, [0, 1, 1, 2])  # the tap u = 0 reads x[i + 1]


def test_the_maximum_of_everything_keeps_its_place():
    """One entry for all points has no rest to hand on: the number of the point is kept instead."""
    operation = LEGAL[[case.id for case in LEGAL].index("of_everything")].values[0]
    assert "_taken(" not in text_of(operation)
    module = derive.compile(operation)
    _, kept = module.forward(np.array([[1.0, 7.0], [7.0, 2.0]]))
    np.testing.assert_array_equal(module.backward(np.ones(()), kept).a, [[0, 1], [0, 0]])


def test_the_place_of_nothing_is_minus_one():
    """Where no point takes part, no number of a point is handed out."""
    operation = LEGAL[[case.id for case in LEGAL].index("place")].values[0]
    found = derive.compile(operation).apply(np.zeros((4, 3)), np.array([0, 3, 4]))
    np.testing.assert_array_equal(found.r, [-1, 2, 2])
