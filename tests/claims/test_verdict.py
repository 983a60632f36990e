"""Claims and what becomes of them: the three answers, the smallest numbers, errors that name."""

from fractions import Fraction

import pytest
from sympy import And, Eq, Function, Max, Ne, Piecewise, Sum, exp, log, sqrt, tanh

from derive import (
    ArgMaximum,
    Claim,
    Maximum,
    Operation,
    accumulate,
    audit,
    axes,
    axis,
    cotangent,
    derivative,
    integers,
    option,
    parameter,
    relu,
    sigmoid,
    size,
    sizes,
    state,
    step,
    tensor,
)
from derive.claims import Answer
from derive.errors import DefinitionError

N, I, O = sizes("N I O")
n, i, o = axes("n i o", N, I, O)
x, W, b, y = tensor("x", N, I), parameter("W", O, I), parameter("b", O), tensor("y", N, O)
dense = Operation(
    "dense", "A layer.", (x, W, b), (y,), (Eq(y[n, o], Sum(W[o, i] * x[n, i], i) + b[o]),)
)
dx, dW, db, dy = map(cotangent, (x, W, b, y))

v, r = tensor("v", N), tensor("r", N)


def pointwise(function, name="pointwise"):
    return Operation(name, "A function.", (v,), (r,), (Eq(r[n], function(v[n])),))


dv, dr = cotangent(v), cotangent(r)


def numbers(verdict):
    """What comes in at the point that is shown, in plain lists."""
    arrays = verdict.found.point.arrays
    return {name: array.tolist() for name, array in arrays.items() if array is not None}


# ---- equal -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "equation",
    [
        Eq(dx[n, i], Sum(dy[n, o] * W[o, i], o)),
        Eq(dW[o, i], Sum(dy[n, o] * x[n, i], n)),
        Eq(db[o], Sum(dy[n, o], n)),
        Eq(y[n, o], Sum(W[o, i] * x[n, i], i) + b[o]),
        accumulate(dW[o, i], dy[n, o] * x[n, i]),
    ],
    ids=str,
)
def test_what_is_so(equation):
    verdict = audit(Claim(dense, equation))
    assert verdict.answer is Answer.equal and verdict.holds
    assert verdict.found is None and verdict.meant is None
    assert str(verdict).splitlines()[0] == "equal"


@pytest.mark.parametrize(
    "function, slope",
    [
        (tanh, 1 - r[n] ** 2),
        (tanh, 4 / (exp(v[n]) + exp(-v[n])) ** 2),  # another form of the same
        (sigmoid, exp(-v[n]) / (1 + exp(-v[n])) ** 2),
        (lambda e: log(1 + exp(e)), sigmoid(v[n])),
    ],
)
def test_other_forms_of_a_slope_are_equal(function, slope):
    """Real numbers are compared, and not formulas."""
    verdict = audit(Claim(pointwise(function), Eq(dv[n], dr[n] * slope)))
    assert verdict.answer is Answer.equal, str(verdict)


def test_where_there_are_roots_positive_numbers_tell():
    """At negative ones neither side has a value."""
    assert audit(Claim(pointwise(sqrt), Eq(dv[n], dr[n] / (2 * r[n])))).holds
    wrong = audit(Claim(pointwise(sqrt), Eq(dv[n], dr[n] / r[n])))
    assert wrong.answer is Answer.wrong


def test_axes_of_the_claim_are_its_own():
    """Names and order of indices are those of whoever claims."""
    a, c, d = axes("a c d", N, O, I)
    assert audit(Claim(dense, Eq(dx[a, d], Sum(W[c, d] * dy[a, c], c)))).answer is Answer.equal


def test_a_derivative_of_one_tensor_by_another():
    (m,) = axes("m", N)
    (p,) = axes("p", O)
    same = Piecewise((W[o, i], Eq(m, n)), (0, True))
    assert audit(Claim(dense, Eq(derivative(y, x)[n, o, m, i], same))).answer is Answer.equal
    wrong = audit(Claim(dense, Eq(derivative(y, x)[n, o, m, i], W[o, i])))
    assert wrong.answer is Answer.wrong
    diagonal = Piecewise((1, And(Eq(n, m), Eq(o, p))), (0, True))
    assert audit(Claim(dense, Eq(derivative(y, y)[n, o, m, p], diagonal))).answer is Answer.equal
    none = Claim(dense, Eq(derivative(y, b)[n, o, p], Piecewise((1, Eq(o, p)), (0, True))))
    assert audit(none).answer is Answer.equal


# ---- equal but for a convention --------------------------------------------------------------


def test_at_a_kink_one_side_is_taken():
    """ReLU'(0) is 0 here, and 1 with ≥; elsewhere both are the same."""
    layer = pointwise(relu)
    assert audit(Claim(layer, Eq(dv[n], dr[n] * step(v[n])))).answer is Answer.equal
    verdict = audit(Claim(layer, Eq(dv[n], Piecewise((dr[n], v[n] >= 0), (0, True)))))
    assert verdict.answer is Answer.convention and verdict.holds
    assert numbers(verdict) == {"v": [0], "r_bar": [1]}
    assert (verdict.found.entry.right, verdict.found.entry.claimed) == (0, 1)
    assert "at a tie or kink, for N = 1:" in str(verdict)
    both = audit(Claim(layer, Eq(dv[n], Piecewise((dr[n], v[n] <= 0), (0, True)))))
    assert both.answer is Answer.wrong


def test_ties_of_a_maximum():
    left, right = tensor("left", N), tensor("right", N)
    larger = Operation("larger", ".", (left, right), (r,), (Eq(r[n], Max(left[n], right[n])),))
    ours = Piecewise((dr[n], left[n] >= right[n]), (0, True))
    halves = Piecewise((ours, left[n] > right[n]), (dr[n] / 2, left[n] >= right[n]), (0, True))
    assert audit(Claim(larger, Eq(cotangent(left)[n], ours))).answer is Answer.equal
    assert audit(Claim(larger, Eq(cotangent(left)[n], halves))).answer is Answer.convention


def test_a_claim_that_divides_by_0_has_no_value_there():
    square = pointwise(lambda e: e**2)
    verdict = audit(Claim(square, Eq(dv[n], 2 * dr[n] * r[n] / v[n])))
    assert verdict.answer is Answer.convention
    assert numbers(verdict)["v"] == [0]


def test_a_window_routes_to_its_largest_entry():
    H = size("H", minimum=2)
    P = size("P", H - 1)
    p, h, u = axis("p", P), axis("h", H), axis("u", 2)
    image, pooled, k = tensor("image", H), tensor("pooled", P), integers("k", P)
    largest = Maximum(image[p + u], u)
    pool = Operation("pool", "Pool.", (image,), (pooled,), (Eq(pooled[p], largest),))
    d, dp = cotangent(image), cotangent(pooled)
    where = (Eq(k[p], ArgMaximum(image[p + u], u)),)
    assert audit(Claim(pool, accumulate(d[p + k[p]], dp[p]), where)).answer is Answer.equal
    inside = (p <= h) & (p >= h - 1)
    won = Piecewise((dp[p], Eq(image[h], pooled[p]) & inside), (0, True))
    assert audit(Claim(pool, Eq(d[h], Sum(won, p)))).answer is Answer.convention
    mean = Piecewise((dp[p] / 2, inside), (0, True))
    assert audit(Claim(pool, Eq(d[h], Sum(mean, p)))).answer is Answer.wrong


def test_a_kink_refutes_nothing():
    """Small numbers lie on kinks; the numbers that are shown do not."""
    layer = pointwise(lambda e: relu(e) ** 2)
    verdict = audit(Claim(layer, Eq(dv[n], dr[n] * relu(v[n]))))
    assert verdict.answer is Answer.wrong
    assert numbers(verdict)["v"][0] > 0


# ---- not equal -------------------------------------------------------------------------------


def test_the_smallest_numbers():
    """Sizes of 1, one entry that is not 0, and both values."""
    verdict = audit(Claim(dense, Eq(dx[n, i], Sum(dy[n, o] * W[o, i] * x[n, i], o))))
    assert verdict.answer is Answer.wrong and not verdict.holds
    assert numbers(verdict) == {"x": [[0]], "W": [[1]], "b": [0], "y_bar": [[1]]}
    entry = verdict.found.entry
    assert (entry.place, entry.right, entry.claimed) == ((0, 0), 1, 0)
    assert str(verdict).splitlines() == [
        "not equal",
        "  claimed  x_bar[n,i] = Σ_{o} y_bar[n,o]·W[o,i]·x[n,i]",
        "  derived  x_bar[n,i] = Σ_{o} y_bar[n,o]·W[o,i]    (x_bar.4)",
        "  for N = 1, O = 1, I = 1:",
        "           W = [[1]]",
        "           y_bar = [[1]]",
        "           everything else is 0",
        "           x_bar[0,0] is 1, and 0 by the claim",
        "  equal without x[n,i]:",
        "           x_bar[n,i] = Σ_{o} y_bar[n,o]·W[o,i]",
    ]


def test_sizes_are_no_smaller_than_the_error_needs():
    """A sum that begins late is right where there is one term and it is 0."""
    total = Operation("total", ".", (v,), (cost := tensor("cost"),), (Eq(cost[()], Sum(v[n], n)),))
    verdict = audit(Claim(total, Eq(cost[()], Sum(v[n], (n, 1, N - 1)))))
    assert verdict.found.point.case.values[N] == 1
    mirrored = Operation("mirrored", ".", (v,), (r,), (Eq(r[n], v[N - 1 - n]),))
    verdict = audit(Claim(mirrored, Eq(dv[n], dr[n])))
    assert verdict.found.point.case.values[N] == 2


def test_the_same_claim_has_the_same_verdict():
    claim = Claim(dense, Eq(dW[o, i], Sum(dy[n, o] * W[o, i], n)))
    assert str(audit(claim)) == str(audit(claim))


def test_a_claim_of_an_input_that_nothing_depends_on():
    q = tensor("q", N)
    first = Operation("first", ".", (v, q), (r,), (Eq(r[n], v[n] + step(q[n])),))
    assert audit(Claim(first, Eq(cotangent(q)[n], 0))).answer is Answer.equal
    verdict = audit(Claim(first, Eq(cotangent(q)[n], dr[n])))
    assert verdict.answer is Answer.wrong and "no output depends on q" in str(verdict)


# ---- for what it is claimed ------------------------------------------------------------------

stride = option("stride", 1, minimum=1, samples=(2, 3), meaning="step")
(s,) = stride.settings
P = size("P", N)
spaced = tensor("spaced", N)
(signal,) = (tensor("signal", N, outside=0),)
skip = Operation(
    "skip", "Every few entries.", (signal,), (spaced,), (Eq(spaced[n], signal[s * n]),),
    options=(stride,),
)  # fmt: skip
ds, dsignal = cotangent(spaced), cotangent(signal)


def test_an_option_that_is_not_named_is_at_its_default():
    verdict = audit(Claim(skip, Eq(dsignal[n], ds[n])))
    assert verdict.answer is Answer.equal
    assert str(verdict).splitlines()[0] == "equal, for stride = 1"


def test_an_option_that_is_named_takes_other_values():
    assert audit(Claim(skip, accumulate(dsignal[s * n], ds[n]))).answer is Answer.equal
    verdict = audit(Claim(skip, accumulate(dsignal[(s + s**2) * n / 2], ds[n]), given={stride: 1}))
    assert verdict.answer is Answer.equal


def test_an_option_that_is_given_has_that_value():
    claim = Eq(dsignal[n], ds[n])
    verdict = audit(Claim(skip, claim, given={stride: 2}))
    assert verdict.answer is Answer.wrong
    assert "for stride = 2" in str(verdict).splitlines()[0]
    assert verdict.found.point.case.options == {"stride": 2}


def test_numbers_that_are_given():
    half = Claim(dense, Eq(y[n, o], b[o]), given={W: 0})
    assert audit(half).answer is Answer.equal
    verdict = audit(Claim(dense, Eq(y[n, o], b[o]), given={W: 0.5, I: 1, N: 1}))
    assert verdict.answer is Answer.wrong
    assert verdict.found.point.arrays["W"].ravel().tolist()[0] == Fraction(1, 2)


def test_an_input_may_be_left_out():
    bias = parameter("bias", O, optional=True)
    out = tensor("out", N, O)
    layer = Operation("layer", ".", (x, W, bias), (out,),
                      (Eq(out[n, o], Sum(W[o, i] * x[n, i], i) + bias[o]),))  # fmt: skip
    plain = Eq(out[n, o], Sum(W[o, i] * x[n, i], i))
    assert audit(Claim(layer, plain)).answer is Answer.wrong
    verdict = audit(Claim(layer, plain, given={bias: None}))
    assert str(verdict).splitlines()[0] == "equal, without bias"


@pytest.mark.parametrize(
    "given, said",
    [
        ({O: -1}, "given= says O=-1"),
        ({O: True}, "given= says O=True"),
        ({size("Q"): 3}, "names Q, which is no size of an input of dense"),
        ({stride: 1}, "names stride, which is no option of dense"),
        ({y: 1}, "names y, which is no input of dense"),
    ],
)
def test_what_cannot_be_given(given, said):
    with pytest.raises(DefinitionError, match=said):
        audit(Claim(dense, Eq(db[o], Sum(dy[n, o], n)), given=given))


def test_a_value_that_an_option_does_not_take():
    with pytest.raises(DefinitionError, match="given= says stride=0"):
        audit(Claim(skip, Eq(dsignal[n], ds[n]), given={stride: 0}))


# ---- errors ----------------------------------------------------------------------------------


def test_a_tensor_that_nobody_defines_is_named():
    z = tensor("z", N, O)
    with pytest.raises(DefinitionError, match="the claim reads z, which is no tensor of dense"):
        audit(Claim(dense, Eq(db[o], Sum(z[n, o], n))))
    with pytest.raises(DefinitionError, match="the claim reads z"):
        audit(Claim(dense, Eq(db[o], Sum(cotangent(z)[n, o], n))))


def test_a_function_that_nobody_defines_is_named():
    f = Function("f")
    with pytest.raises(DefinitionError, match="f is not offered"):
        audit(Claim(dense, Eq(db[o], Sum(f(dy[n, o]), n))))


def test_an_index_that_is_not_summed_is_named():
    with pytest.raises(DefinitionError, match="index n is used on the right but is neither"):
        audit(Claim(dense, Eq(db[o], dy[n, o])))


def test_a_cotangent_of_an_output_is_given():
    with pytest.raises(DefinitionError, match="y_bar is claimed, but the cotangent of an output"):
        audit(Claim(dense, Eq(dy[n, o], 1)))


def test_an_entry_that_is_not_there():
    with pytest.raises(DefinitionError, match=r"b_bar\[7\] is claimed, which lies outside b_bar"):
        audit(Claim(dense, Eq(db[7], Sum(dy[n, 7], n))))


def test_a_definition_of_itself():
    z = tensor("z", O)
    with pytest.raises(DefinitionError, match="an equation of the claim needs itself"):
        audit(Claim(dense, Eq(db[o], z[o]), where=(Eq(z[o], z[o] + 1, evaluate=False),)))


def test_an_operation_that_cannot_be_meant_is_refused():
    broken = Operation("broken", ".", (v,), (r,), (Eq(r[n], v[n] * tensor("f", N)[n]),))
    with pytest.raises(DefinitionError, match="f is neither an input nor defined"):
        audit(Claim(broken, Eq(dv[n], dr[n])))


# ---- recurrences -----------------------------------------------------------------------------

T = size("T", minimum=1)
t, later = axis("t", T), axis("later", T - 1)
h, w, e = state("h", T), parameter("w"), tensor("e", T)
out = tensor("out", T)
linear_state = Operation(
    "linear_state", "A linear state.", (e, w), (out,),
    (Eq(h[-1], 0), Eq(h[t], w[()] * h[t - 1] + e[t]), Eq(out[t], h[t])),
)  # fmt: skip


def test_a_recursion_is_an_equation_between_what_is_so():
    """What a claim reads of cotangents are the right ones, so each line is judged for itself."""
    dh, do = cotangent(h), cotangent(out)
    right = Claim(linear_state, Eq(dh[t], do[t] + w[()] * dh[t + 1]))
    assert audit(right).answer is Answer.equal
    wrong = audit(Claim(linear_state, Eq(dh[t], do[t] + w[()] * dh[t - 1])))
    assert wrong.answer is Answer.wrong
    assert str(wrong).splitlines()[-1].strip() == "h_bar[t] = out_bar[t] + w·h_bar[t + 1]"


def test_a_state_by_an_earlier_state():
    k = axis("k", T)
    power = Piecewise((w[()] ** (t - k), t >= k), (0, True))
    assert audit(Claim(linear_state, Eq(derivative(h, e)[t, k], power))).answer is Answer.equal
    assert audit(Claim(linear_state, Eq(derivative(h, h)[t, k], power))).answer is Answer.equal
    late = Piecewise((w[()] ** (t - k), t > k), (0, True))
    assert audit(Claim(linear_state, Eq(derivative(h, e)[t, k], late))).answer is Answer.wrong


def test_a_thousand_steps():
    """Exactly, with numbers of as many digits as it takes."""
    given = {T: 1000, e: 1}
    series = (w[()] ** 1000 - 1) / (w[()] - 1)
    verdict = audit(Claim(linear_state, Eq(h[999], series), given=given))
    assert verdict.answer is not Answer.wrong, str(verdict)
    assert audit(Claim(linear_state, Eq(h[999], series + 1), given=given)).answer is Answer.wrong


# ---- integers --------------------------------------------------------------------------------

C = size("C", minimum=1)
(c,) = axes("c", C)
ignored = option("ignored", -1, meaning="the class that does not count")
(mark,) = ignored.settings
label, score, loss = (
    integers("label", N, below=C, besides=mark),
    tensor("score", N, C),
    tensor("loss"),
)
picked = Operation(
    "picked", "Minus the scores of some classes.", (score, label), (loss,),
    (Eq(loss[()], Sum(Piecewise((-score[n, label[n]], Ne(label[n], mark)), (0, True)), n)),),
    options=(ignored,),
)  # fmt: skip
minus = -cotangent(loss)[()]


def test_what_marks_an_entry_is_tried_where_it_is_named():
    """A slide says nothing of classes that do not count."""
    plain = Piecewise((minus, Eq(label[n], c)), (0, True))
    assert audit(Claim(picked, Eq(cotangent(score)[n, c], plain))).answer is Answer.equal
    careless = Piecewise((minus, Eq(label[n], c)), (minus, Eq(label[n], mark)), (0, True))
    verdict = audit(Claim(picked, Eq(cotangent(score)[n, c], careless)))
    assert verdict.answer is Answer.wrong
    assert -1 in numbers(verdict)["label"]


def test_integers_stay_in_their_range():
    wrong = audit(Claim(picked, Eq(cotangent(score)[n, c], minus)))
    assert wrong.answer is Answer.wrong
    case = wrong.found.point.case
    assert all(0 <= entry < case.values[C] for entry in numbers(wrong)["label"])
