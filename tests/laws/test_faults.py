"""Definitions that were computed wrongly once, with their right values worked out beside them."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import (
    Eq,
    Max,
    Min,
    Piecewise,
    Rational,
    Sum,
    atan,
    cosh,
    exp,
    floor,
    log,
    oo,
    sqrt,
    tanh,
)

from derive.backends.numpy.elementwise import constant_name
from derive.errors import DefinitionError
from derive.language import (
    Maximum,
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    parameter,
    sigmoid,
    size,
    sizes,
    state,
    step,
    stop,
    tensor,
)  # fmt: skip
from derive.pipeline import compile
from tests.slopes import gradients_are_slopes, module_of, values_of

N, M, T, K, U, J = sizes("N M T K U J")
n, m, t, k, u, j = axes("n m t k u j", N, M, T, K, U, J)
l = axis("l", J)
x, y, b = tensor("x", N), tensor("y", N), tensor("b", M)
RNG = np.random.default_rng(0)
X = np.array([1.0, 2.0, 3.0, 4.0])


def operation(*equations, inputs=(x,), outputs=(y,), **more) -> Operation:
    return Operation("fault", "A test.", inputs, outputs, equations, **more)


# ---- constants ----------------------------------------------------------------------------


@pytest.mark.parametrize("bound", [0.5, Rational(2, 5), sqrt(2), Rational(1, 3), 1e-20])
def test_a_constant_keeps_its_sign(bound):
    """At −2 and 2, what lies between −bound and bound is one of the two."""
    between = operation(Eq(y[n], Max(-bound, Min(bound, x[n]))))
    right = [-float(bound), float(bound)]
    np.testing.assert_allclose(values_of(between, np.array([-2.0, 2.0])), right, rtol=1e-15)


def test_small_and_large_constants_are_two():
    both = operation(Eq(y[n], Max(1e20, x[n]) + Max(1e-20, -x[n]) * 1e30))
    np.testing.assert_allclose(values_of(both, np.ones(1)), [1e20 + 1e10], rtol=1e-15)


def test_constants_of_different_values_have_different_names():
    """Signs, brackets, powers and quotients are told from each other; names are identifiers."""
    two, three = sqrt(2), sqrt(3)
    numbers = [
        two, two * 3, two / 3, two**3 + 1, sqrt(2 * 3), 1 + two, sqrt(1 + two), sqrt(1 + two) * 3,
        sqrt(three + two), two + three, two / three, two * three + 1, log(2) / 3, log(3) / 2,
        log(Rational(2, 3)), exp(2), exp(-2), exp(20), 2 ** Rational(1, 3), 3 ** Rational(1, 2) * 2,
        Rational(1, 3), Rational(1, 30), Rational(10, 3), Rational(1, 10), Rational(1, 100),
        Rational(11, 10), Rational(1, 10**20), Rational(10**60 + 1, 3), Rational(10**60 + 2, 7),
    ]  # fmt: skip
    names = [constant_name(number) for number in numbers]
    assert len(set(names)) == len(names)
    assert all(name.isidentifier() and name[0] == "_" and name[1].isupper() for name in names)
    assert constant_name(two) == "_SQRT_2" and constant_name(Rational(2, 5)) == "_C0_4"


# ---- integers, conditions, intervals -------------------------------------------------------


def test_an_integer_is_an_index_and_a_value():
    """Interpolation between two entries; beyond the end the signal is 0."""
    signal, place = tensor("x", M, outside=0), tensor("pos", N)
    low = integers("low", N, below=M)
    share = place[n] - low[n]
    between = operation(
        Eq(y[n], (1 - share) * signal[low[n]] + share * signal[low[n] + 1]),
        inputs=(signal, place, low),
    )
    entries, places, below = RNG.standard_normal(5), np.array([0.25, 3.5, 4.2]), np.array([0, 3, 4])
    right = np.interp(places, np.arange(6), np.append(entries, 0))
    np.testing.assert_allclose(values_of(between, entries, places, below), right)
    gradients_are_slopes(between, entries, places, below)


def test_the_maximum_of_a_fraction_of_an_index():
    ramp = operation(Eq(y[n], Max(n / 2 - Rational(1, 4), 0) * x[n]))
    assert np.array_equal(values_of(ramp, np.ones(4)), [0, 0.25, 0.75, 1.25])
    gradients_are_slopes(ramp, X)


def test_a_bound_that_has_cases_of_its_own():
    """What lies between the counts before and after; before the first there is none."""
    until = integers("until", N, below=M + 1)
    before = Piecewise((until[n - 1], n >= 1), (0, True))
    part = Piecewise((b[m], (m >= before) & (m < until[n])), (0, True))
    pieces = operation(Eq(y[n], Sum(part, m)), inputs=(b, until))
    ends = np.array([2, 2, 5])
    assert np.array_equal(values_of(pieces, np.arange(1.0, 7), ends), [1 + 2, 0, 3 + 4 + 5])
    gradients_are_slopes(pieces, np.arange(1.0, 7), ends)


@pytest.mark.parametrize(
    ("interval", "inside", "outside"),
    [
        ((0.5, 2), (0.5, 2.0), (0.4, 2.1, np.nan)),
        ((Rational(1, 3), 1), (0.34, 1.0), (0.33, 1.1, np.nan)),
        ((-oo, 5), (-1e300, 5.0, -np.inf), (5.1, np.inf, np.nan)),
        ((0, oo), (0.0, 1e300, np.inf), (-0.1, np.nan)),
        ((-oo, oo), (0.0, -np.inf), (np.nan,)),
    ],
)
def test_an_interval_has_ends_and_no_nan(interval, inside, outside):
    bounded = tensor("x", N, interval=interval)
    module = module_of(operation(Eq(y[n], 2 * bounded[n]), inputs=(bounded,)))
    for number in inside:
        assert module.apply(np.array([0.75, number]))[1] == 2 * number
    for number in outside:
        with pytest.raises(ValueError, match="entries of x must lie in"):
            module.apply(np.array([0.75, number]))


def test_a_case_may_be_compared():
    """SymPy makes a choice between conditions of it: whether the case that holds is above 0."""
    case = Piecewise((x[n] - 2, n < 2), (x[n] - 4, True))
    chosen = operation(Eq(y[n], Piecewise((x[n] ** 2, case > 0), (3 * x[n], True))))
    assert np.array_equal(values_of(chosen, X), [3, 6, 9, 12])
    assert np.array_equal(values_of(chosen, X + 1.5), [2.5**2, 3.5**2, 4.5**2, 5.5**2])
    gradients_are_slopes(chosen, X + 0.25)
    smaller = operation(Eq(y[n], Min(Piecewise((x[n], x[n] > 2), (-x[n], True)), x[n] ** 2 - 3)))
    assert np.array_equal(values_of(smaller, X), [-2, -2, 3, 4])
    gradients_are_slopes(smaller, X + 0.25)


def test_integers_are_factors_of_gradients():
    """The gradient of a sum that is weighted by integers is a product with integers."""
    weight, table, z = integers("c", N, below=9), tensor("v", K), tensor("z", N, K)
    weighted = operation(
        Eq(z[n, k], weight[n] * table[k] ** 2), Eq(y[n], x[n] * Sum(z[n, k], k)),
        inputs=(x, table, weight),
    )  # fmt: skip
    factors, numbers = np.array([1, 8, 0, 2]), np.array([0.5, -2.0])
    assert np.allclose(values_of(weighted, X, numbers, factors), X * factors * 4.25)
    gradients_are_slopes(weighted, X, numbers, factors)
    single = [X.astype("float32"), numbers.astype("float32"), factors]
    output, residuals = module_of(weighted).forward(*single)
    grads = module_of(weighted).backward(output, residuals)
    assert {a.dtype.name for a in (output, *grads)} == {"float32"}


def test_cases_of_a_diagonal_may_be_sums():
    """A case of an entry of the diagonal, times that entry: both slopes go to it."""
    square, whole = tensor("x", N, N), tensor("y", N, M)
    diagonal = square[n, n]
    cases = Piecewise((b[m], diagonal >= 0), (diagonal, True)) * diagonal
    both = operation(Eq(whole[n, m], cases), inputs=(square, b), outputs=(whole,))
    given, factors = RNG.standard_normal((4, 4)), RNG.standard_normal(3)
    d = np.diag(given)[:, None]
    np.testing.assert_allclose(values_of(both, given, factors), np.where(d >= 0, factors, d) * d)
    gradients_are_slopes(both, given, factors)


@pytest.mark.parametrize("length", [1, 2, 5])
def test_a_signal_at_two_paces(length):
    """``Σ_u x[p+u]·x[2u]·w[u]``, also where no place is left for p."""
    P = size("P", Max(N - U + 1, 0))
    p, w = axis("p", P), parameter("w", U)
    signal, z = tensor("x", N, outside=0), tensor("z", P)
    paces = operation(
        Eq(z[p], Sum(signal[p + u] * signal[2 * u] * w[u], u)), inputs=(signal, w), outputs=(z,)
    )
    given, taps = RNG.standard_normal(length), RNG.standard_normal(2)
    twice = [given[2 * i] if 2 * i < length else 0 for i in range(2)]
    right = [sum(given[q + i] * twice[i] * taps[i] for i in range(2)) for q in range(length - 1)]
    np.testing.assert_allclose(values_of(paces, given, taps), right)
    gradients_are_slopes(paces, given, taps)


# ---- what is read outside ------------------------------------------------------------------


@pytest.mark.parametrize("number", [5, Rational(1, 3), -2])
def test_a_number_beyond_the_ends_stands_in_each_term(number):
    """In a sum, in one case of several, beside other writers, and where nothing is beyond."""
    framed = tensor("x", N, outside=number)
    f = np.pad(X, 2, constant_values=float(number))
    before, here, after = f[1:5], f[2:6], f[3:7]
    rights = {
        framed[n - 1] + framed[n + 1]: before + after,
        framed[n - 1] + framed[n]: before + here,
        2 * framed[n - 1]: 2 * before,
        Piecewise((framed[n - 1], n < 2), (framed[n + 1], True)): np.r_[before[:2], after[2:]],
        Piecewise((framed[n - 1], n < 2), (0, True)): np.r_[before[:2], 0, 0],
    }
    for value, right in rights.items():
        outside = operation(Eq(y[n], value), inputs=(framed,))
        np.testing.assert_allclose(values_of(outside, X), right, err_msg=str(value))
        gradients_are_slopes(outside, X)
    spread = operation(
        accumulate(y[n - 1], framed[n + 1]), accumulate(y[n], framed[n - 1]), inputs=(framed,)
    )
    np.testing.assert_allclose(values_of(spread, X), np.r_[after[1:], 0] + before)
    gradients_are_slopes(spread, X)
    w = parameter("w", U)
    summed = operation(Eq(y[n], Sum(framed[n + u - 1] + w[u], u)), inputs=(framed, w))
    np.testing.assert_allclose(values_of(summed, X, np.ones(2)), before + here + 2)
    gradients_are_slopes(summed, X, np.ones(2))


# ---- time ----------------------------------------------------------------------------------

h, xs, ys = state("h", T, N, J), tensor("x", T, N, J), tensor("y", T, N, J)
w, g = parameter("w", J, J), parameter("g", J)
XS, W, G = RNG.standard_normal((3, 2, 4)), RNG.standard_normal((4, 4)), RNG.standard_normal(4)


def recurrent(step) -> np.ndarray:
    found = [np.zeros((2, 4))]
    for now in XS:
        found.append(np.tanh(step(found[-1]) + now))
    return np.array(found[1:])


@pytest.mark.parametrize(
    ("factor", "array", "right"),
    [
        (parameter("v", J, J)[j, l], W.T + 1, recurrent(lambda s: s @ (W * (W.T + 1)).T)),
        (g[l], G, recurrent(lambda s: (s * G) @ W.T)),
    ],
)
def test_a_recurrent_product_of_three(factor, array, right):
    """``Σ_l v[j,l]·w[j,l]·h[t−1,n,l]``"""
    total = Sum(factor * w[j, l] * h[t - 1, n, l], l)
    cell = operation(
        Eq(h[-1, n, j], 0), Eq(h[t, n, j], tanh(total + xs[t, n, j])), Eq(ys[t, n, j], h[t, n, j]),
        inputs=(xs, w, factor.tensor), outputs=(ys,),
    )  # fmt: skip
    np.testing.assert_allclose(values_of(cell, XS, W, array), right)
    gradients_are_slopes(cell, XS, W, array)


def test_integers_of_a_loop_stay_integers():
    """k[t] is tok[t]; h = 1·1 + 5, 2·6 + 7, 3·19 + 7."""
    K = size("K", minimum=2)
    tok, index = integers("tok", T, below=2), integers("k", T, below=K)
    line, table, series, out = state("h", T), tensor("w", K), tensor("x", T), tensor("y", T)
    chosen = operation(
        Eq(index[t], tok[t] * (K - 1) - (K - 2) * tok[t]),
        Eq(line[-1], 1),
        Eq(line[t], series[t] * line[t - 1] + stop(table[index[t]])),
        Eq(out[t], line[t]),
        inputs=(series, tok, table), outputs=(out,),
    )  # fmt: skip
    given = np.array([1.0, 2.0, 3.0]), np.array([0, 1, 1]), np.array([5.0, 7.0])
    assert np.array_equal(values_of(chosen, *given), [6, 19, 64])


def test_what_a_loop_carries_begins_at_0():
    """A wave: u[t] = 2u[t−1] − u[t−2] + x[t], with a column that is carried beside it."""
    S = size("S")
    i = axis("i", S)
    wave, late = state("u", T, S), state("p", T, S)
    source, out = tensor("x", T, S), tensor("y", T, S)
    second = operation(
        Eq(wave[-1, i], 0), Eq(late[-1, i], 0), Eq(late[t, i], wave[t - 1, i]),
        Eq(wave[t, i], 2 * wave[t - 1, i] - late[t - 1, i] + source[t, i]),
        Eq(out[t, i], wave[t, i]), inputs=(source,), outputs=(out,),
    )  # fmt: skip
    ones = np.ones((5, 1))
    assert np.array_equal(values_of(second, ones)[:, 0], [1, 3, 6, 10, 15])
    grads = module_of(second).backward(ones, module_of(second).forward(ones)[1])
    assert np.array_equal(grads.x[:, 0], [15, 10, 6, 3, 1])


def test_windows_over_the_last_state_read_what_is_written():
    """A convolution inside the loop over time."""
    hidden, last = state("h", T, N), tensor("before", T, N, outside=0)
    taps, source, out = parameter("w", 3), tensor("x", T, N), tensor("y", T, N)
    tap = axis("tap", 3)
    cell = operation(
        Eq(hidden[-1, n], 0), Eq(last[t, n], hidden[t - 1, n]),
        Eq(hidden[t, n], tanh(Sum(taps[tap] * last[t, n + tap - 1], tap) + source[t, n])),
        Eq(out[t, n], hidden[t, n]), inputs=(source, taps), outputs=(out,),
    )  # fmt: skip
    given, kernel = RNG.standard_normal((4, 5)), RNG.standard_normal(3)
    row, right = np.zeros(5), []
    for now in given:
        wide = np.pad(row, 1)
        row = np.tanh(sum(kernel[i] * wide[i : i + 5] for i in range(3)) + now)
        right.append(row)
    np.testing.assert_allclose(values_of(cell, given, kernel), right)
    gradients_are_slopes(cell, given, kernel)


def test_a_gated_convolution_over_time():
    """What a ConvLSTM does: two convolutions of the last state, and a second state."""
    H, C = sizes("H C")
    i, c, d, tap = axis("i", H), axis("c", C), axis("d", C), axis("tap", 3)
    hidden, cell = state("h", T, C, H), state("cell", T, C, H)
    last = tensor("before", T, C, H, outside=0)
    source, out = tensor("x", T, C, H), tensor("y", T, C, H)
    forget, new = parameter("f", C, C, 3), parameter("w", C, C, 3)
    seen = last[t, d, i + tap - 1]
    gate = sigmoid(Sum(forget[c, d, tap] * seen, d, tap))
    value = tanh(Sum(new[c, d, tap] * seen, d, tap) + source[t, c, i])
    whole = operation(
        Eq(hidden[-1, c, i], 0), Eq(cell[-1, c, i], 0), Eq(last[t, c, i], hidden[t - 1, c, i]),
        Eq(cell[t, c, i], cell[t - 1, c, i] * gate + value),
        Eq(hidden[t, c, i], tanh(cell[t, c, i])), Eq(out[t, c, i], hidden[t, c, i]),
        inputs=(source, forget, new), outputs=(out,),
    )  # fmt: skip
    given = RNG.standard_normal((3, 2, 4))
    kernels = RNG.standard_normal((2, 2, 2, 3))
    row, kept, right = np.zeros((2, 4)), np.zeros((2, 4)), []
    for now in given:
        wide = np.pad(row, ((0, 0), (1, 1)))
        one, two = (
            sum(np.outer(q[:, e, s], wide[e, s : s + 4]) for e in range(2) for s in range(3))
            for q in kernels
        )
        kept = kept / (1 + np.exp(-one)) + np.tanh(two + now)
        row = np.tanh(kept)
        right.append(row)
    np.testing.assert_allclose(values_of(whole, given, *kernels), right)
    gradients_are_slopes(whole, given, *kernels)


def test_a_lag_may_be_an_index():
    """``h[t] = tanh(x[t] + Σ_u a[u]·h[t−1−u])``, where nothing is before the beginning."""
    past, source, out = tensor("h", T, outside=0), tensor("x", T), tensor("y", T)
    a = parameter("a", U)
    lagged = operation(
        Eq(past[t], tanh(source[t] + Sum(a[u] * past[t - 1 - u], u))), Eq(out[t], past[t]),
        inputs=(source, a), outputs=(out,),
    )  # fmt: skip
    given, weights, found = RNG.standard_normal(6), RNG.standard_normal(3), []
    for now in given:
        before = [*reversed(found), 0.0, 0.0, 0.0][:3]
        found.append(np.tanh(now + weights @ before))
    np.testing.assert_allclose(values_of(lagged, given, weights), found)
    gradients_are_slopes(lagged, given, weights)


@pytest.mark.xfail(
    strict=True, raises=DefinitionError, reason="a cycle whose equations name a layer differently"
)
def test_layers_may_be_an_axis():
    """The input of a layer in two equations: of the first layer, and of the others."""
    L = size("L", minimum=1)
    layer, above = axis("layer", L), axis("above", L - 1)
    hidden, entering = state("h", T, L), tensor("z", T, L)
    source, v, out = tensor("x", T), tensor("v", L), tensor("y", T)
    stack = operation(
        Eq(hidden[-1, layer], 0), Eq(entering[t, 0], source[t]),
        Eq(entering[t, above + 1], hidden[t, above]),
        Eq(hidden[t, layer], tanh(entering[t, layer] + v[layer] * hidden[t - 1, layer])),
        Eq(out[t], hidden[t, L - 1]), inputs=(source, v), outputs=(out,),
    )  # fmt: skip
    given, weights = RNG.standard_normal(4), RNG.standard_normal(3)
    rows, right = np.zeros(3), []
    for now in given:
        for i in range(3):
            now = rows[i] = np.tanh(now + weights[i] * rows[i])
        right.append(now)
    np.testing.assert_allclose(values_of(stack, given, weights), right)


# ---- inputs that are left out --------------------------------------------------------------


def test_a_copy_of_what_is_left_out_is_0():
    """x·exp(z) with z a copy of an input: without it, x·exp(0)."""
    maybe, z = tensor("q", N, optional=True), tensor("z", N)
    copied = operation(Eq(z[n], maybe[n]), Eq(y[n], x[n] * exp(z[n])), inputs=(x, maybe))
    assert np.array_equal(values_of(copied, X), X)
    np.testing.assert_allclose(values_of(copied, X, X / 8), X * np.exp(X / 8))


def test_a_function_goes_with_what_is_left_out_of_its_argument():
    """cosh(q·Σz) is no function of 0 without q: it is nothing, as cosh(q) is."""
    maybe, z = tensor("q", N, optional=True), tensor("z", M)
    long = operation(Eq(y[n], x[n] + cosh(maybe[n] * Sum(z[m], m))), inputs=(x, z, maybe))
    assert np.array_equal(values_of(long, X, np.ones(3)), X)
    np.testing.assert_allclose(values_of(long, X, np.ones(3), X / 8), X + np.cosh(3 * X / 8))
    compared = Eq(y[n], Max(x[n], maybe[n] * Piecewise((x[n], x[n] > 1), (3, True))))
    with pytest.raises(DefinitionError, match="q may be left out"):
        compile(operation(compared, inputs=(x, z, maybe)))


def test_options_make_no_extents_that_no_array_has():
    """The message names the option, and nothing is allocated."""
    from generated import adaptive_avg_pool2d, conv_transpose2d, correlate2d

    image, kernel = np.ones((1, 1, 4, 4)), np.ones((1, 1, 2, 2))
    with pytest.raises(ValueError, match=r"padding=1099511627776.*too large"):
        correlate2d.apply(image, kernel, padding=2**40)
    with pytest.raises(ValueError, match=r"stride=1099511627776.*too large"):
        conv_transpose2d.apply(image, kernel, stride=2**40)
    with pytest.raises(ValueError, match=r"output_size=1099511627776.*too large"):
        adaptive_avg_pool2d.apply(image, output_size=2**40)


def test_valid_is_refused_as_by_scipy():
    """One array larger along one axis, smaller along the other."""
    from generated import signal_convolve2d, signal_correlate2d

    for module in (signal_convolve2d, signal_correlate2d):
        with pytest.raises(ValueError, match="larger one along every axis"):
            module.apply(np.ones((5, 3)), np.ones((3, 5)), mode="valid")
        assert module.apply(np.ones((5, 3)), np.ones((3, 5)), mode="full").shape == (7, 7)
        assert module.apply(np.ones((1, 5)), np.ones((3, 1)), mode="full").shape == (3, 5)
        assert module.apply(np.ones((3, 3)), np.ones((5, 5)), mode="valid").shape == (3, 3)


# ---- maxima and windows ---------------------------------------------------------------------


def test_a_maximum_is_a_term_of_a_sum():
    """The largest over k and a sum over m are added; the maximum is not taken with the sum."""
    rows, edge, z = tensor("f", K, N), tensor("b", M, outside=0), tensor("z")
    signs = Max(-1, step(Sum(rows[k, n], n)))
    value = Maximum(signs, k) + Sum(edge[m - 1], m)
    added = operation(Eq(z[()], value), inputs=(rows, edge), outputs=(z,))
    assert values_of(added, np.array([[-1.0, -2.0], [1.0, 2.0]]), np.array([3.0, 9.0])) == 1 + 3


def test_windows_of_no_positions():
    """No window fits, so nothing is read of the image, and its gradient is 0."""
    places = size("Q", floor((K - U) / 3) + 1)
    p = axis("p", places)
    image, kernel, z = tensor("h", K, outside=0), tensor("w", U), tensor("z", places)
    slid = operation(
        Eq(z[p], Sum(kernel[u] * image[3 * p + u], u)),
        inputs=(image, kernel),
        outputs=(z,),
        requires=((places >= 0, "the window is longer than the image"),),
    )
    module = module_of(slid)
    y, residuals = module.forward(np.ones(1), np.ones(2))
    assert y.shape == (0,)
    gradients = module.backward(y, residuals)
    assert np.array_equal(gradients.h, [0]) and np.array_equal(gradients.w, [0, 0])


def test_a_maximum_over_points_of_which_none_takes_part():
    """The largest of s for n < 2 and of 1/3 for other n: with one n, and with three."""
    some = size("N", minimum=1)
    i, z = axis("i", some), tensor("z")
    total, rows = Sum(b[m], m), tensor("x", some)
    largest = Maximum(Piecewise((total, i < 2), (Rational(1, 3), True)), i)
    either = operation(Eq(z[()], largest * Sum(rows[i], i)), inputs=(rows, b), outputs=(z,))
    low = np.array([-1.0, -2.0])
    assert values_of(either, np.ones(1), low) == -3
    assert values_of(either, np.ones(3), low) == 3 * (1 / 3)
    gradients_are_slopes(either, np.ones(1), low)


def test_an_index_is_a_number_of_its_own_in_each_part_of_a_loop():
    """o[t] = atan(t·x[t] + o[t−1]); backward computes in two parts what is known of all steps."""
    signal, seen, past = tensor("x", T), tensor("y", T), state("o", T)
    step = Eq(past[t], atan(t * signal[t] + past[t - 1]))
    counted = operation(
        Eq(past[-1], 0), step, Eq(seen[t], past[t]), inputs=(signal,), outputs=(seen,)
    )
    module, array = module_of(counted), np.array([0.3, -0.2, 0.5, 0.1, -0.4])
    whole = vars(module)["_parts"]
    try:
        vars(module)["_parts"] = lambda count, elements: [(0, 2), (2, count)]
        gradients_are_slopes(counted, array)
    finally:
        vars(module)["_parts"] = whole


# ---- the same twice -------------------------------------------------------------------------


def test_what_is_accumulated_twice_is_added_twice():
    twice = operation(accumulate(y[n], x[n]), accumulate(y[n], x[n]))
    found, residuals = module_of(twice).forward(X)
    assert np.array_equal(found, 2 * X)
    assert np.array_equal(module_of(twice).backward(np.ones(4), residuals).x, np.full(4, 2))


def test_slopes_that_are_equal_are_two_terms():
    """y += a·x and y += a·x + c: the slope by x is 2·a."""
    a, c = tensor("a", N), tensor("c", N)
    product = a[n] * x[n]
    twice = operation(accumulate(y[n], product), accumulate(y[n], product + c[n]), inputs=(x, a, c))
    found, residuals = module_of(twice).forward(X, X + 1, X + 2)
    assert np.array_equal(found, 2 * X * (X + 1) + X + 2)
    grads = module_of(twice).backward(np.ones(4), residuals)
    assert np.array_equal(grads.x, 2 * (X + 1)) and np.array_equal(grads.c, np.ones(4))


def test_a_tensor_and_its_copy_are_two_terms():
    """z[n,m] = w[m,n], y = w[m,n] + z[n,m] = 2·w[m,n]"""
    table, copy, both = tensor("w", M, N), tensor("z", N, M), tensor("y", N, M)
    doubled = operation(
        Eq(copy[n, m], table[m, n]),
        Eq(both[n, m], table[m, n] + copy[n, m]),
        inputs=(table,),
        outputs=(both,),
    )
    module, array = module_of(doubled), np.arange(6.0).reshape(2, 3)
    found, residuals = module.forward(array)
    assert np.array_equal(found, 2 * array.T)
    assert np.array_equal(module.backward(np.ones((3, 2)), residuals).w, np.full((2, 3), 2))


# ---- windows that are turned round ----------------------------------------------------------


def test_a_scatter_of_what_is_computed_before_it():
    """y[n+u] += f[n] + a[u]·x[n+1], x being −2 outside; terms with and without a product."""
    signal, taps, offset = tensor("x", N, outside=-2), tensor("a", U), tensor("f", N)
    spread = operation(
        accumulate(y[n + u], offset[n] ** 2 + taps[u] * signal[n + 1] + offset[n]),
        inputs=(signal, taps, offset),
    )
    array, weight, other = np.array([1.0, 2.0, 3.0]), np.array([5.0, 7.0]), np.array([0.5, 1, 2])
    right = np.zeros(4)
    for place, number in enumerate((2, 3, -2)):
        for tap in range(2):
            right[place + tap] += other[place] ** 2 + weight[tap] * number + other[place]
    np.testing.assert_allclose(values_of(spread, array, weight, other), right[:3])
    gradients_are_slopes(spread, array, weight, other)


@pytest.mark.parametrize("outside", [None, 0, -2])
def test_a_scatter_of_a_temporary_that_is_read_elsewhere(outside):
    """y[n+u] += h[n]·a[u] with h = tanh(x), beside v = h²; the order of equations is free."""
    taps, hidden, long = tensor("a", U), tensor("h", N, outside=outside), tensor("y", N + U)
    square = tensor("v", N)
    spread = operation(
        accumulate(long[n + u], hidden[n] * taps[u]),
        Eq(square[n], hidden[n + (0 if outside is None else 1)] ** 2),
        Eq(hidden[n], tanh(x[n])),
        inputs=(x, taps),
        outputs=(long, square),
    )
    weight = np.array([2.0, -1.0])
    found = module_of(spread).apply(X, weight)
    np.testing.assert_allclose(found.y, np.append(np.convolve(np.tanh(X), weight), 0))
    moved = X if outside is None else X[1:]
    beyond = [] if outside is None else [outside**2]
    np.testing.assert_allclose(found.v, [*np.tanh(moved) ** 2, *beyond])
    gradients_are_slopes(spread, X, weight)


# ---- arrays whose outside is a number --------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "slope"),
    [(lambda a, b: a * b, [2, 1]), (lambda a, b: (a * b) ** 2, [8, 2]), (lambda a, b: b, [1, 1])],
)
def test_what_lies_outside_of_a_batch_has_its_part_in_the_gradients_by_the_others(value, slope):
    """y[n,q] = Σ_u value(x[n, q+u−1], w[u]): window 0 of a row of one 1 holds a 2 before it."""
    w = parameter("w", U)
    q, u_ = axis("q", K + U - 1), axis("u", U)
    image, y_ = tensor("x", N, K, outside=2), tensor("y", N, K + U - 1)
    term = value(image[n, q + u_ - U + 1], w[u_])
    padded = operation(Eq(y_[n, q], Sum(term, u_)), inputs=(image, w), outputs=(y_,))
    module = compile(padded)
    ones = np.ones((1, 1)), np.ones(2)
    grads = module.backward(np.array([[1.0, 0.0]]), module.forward(*ones)[1])
    assert np.array_equal(grads.w, slope)


@pytest.mark.parametrize("outside", [1, 0, -1])
def test_a_point_beyond_the_array_may_be_the_first_of_equal_ones(outside):
    """Of two equal entries in a window the first has the gradient: here it lies outside."""
    q, u_ = axis("q", N + 1), axis("u", 2)
    image, y_ = tensor("x", N, outside=outside), tensor("y", N + 1)
    largest = operation(Eq(y_[q], Maximum(image[q + u_ - 1], u_)), inputs=(image,), outputs=(y_,))
    module = compile(largest)
    residuals = module.forward(np.full(3, float(outside)))[1]
    found = module.backward(np.array([1.0, 10, 100, 1000]), residuals).x
    assert np.array_equal(found, [10, 100, 1000])


def test_in_a_window_of_no_entries_nothing_has_the_gradient():
    """A point that lies outside, where −∞ is read, does not take part, whatever is added to it."""
    w = parameter("w", K)
    image = tensor("x", N, outside=-oo)
    module = compile(
        operation(Eq(y[n], Maximum(image[n + 2 * k - 1] + w[k], k)), inputs=(image, w))
    )
    value, residuals = module.forward(np.array([5.0]), np.array([1.0, 2.0]))
    assert np.array_equal(value, [-np.inf])
    assert np.array_equal(module.backward(np.ones(1), residuals).w, [0, 0])


# ---- what is written into --------------------------------------------------------------------


def test_a_loop_does_not_write_into_an_input_that_is_only_stopped():
    """h[t] = atan(stop(x[t]) + w·h[t−1]): the pre-activation is no name for x."""
    h, w = state("h", T, K), tensor("w", K, K)
    first, j_ = tensor("x", T, K), axis("j", K)
    cell = operation(
        Eq(h[-1, k], 0),
        Eq(h[t, k], atan(stop(first[t, k]) + Sum(w[k, j_] * h[t - 1, j_], j_))),
        inputs=(first, w), outputs=(h,),
    )  # fmt: skip
    given, weight = np.array([[1.0, 2.0], [3.0, 4.0]]), np.eye(2)
    kept = given.copy()
    found = values_of(cell, given, weight)
    assert np.array_equal(given, kept)
    np.testing.assert_allclose(found[-2:][1], np.arctan(given[1] + np.arctan(given[0])))


def test_a_shared_value_goes_with_what_is_left_out():
    """x + max(½, atan(q)) without q is x, although backward needs atan(q) as well."""
    maybe = tensor("q", N, optional=True)
    cut = operation(Eq(y[n], x[n] + Max(0.5, atan(maybe[n])) ** 2), inputs=(x, maybe))
    assert np.array_equal(values_of(cut, X), X)
    np.testing.assert_allclose(values_of(cut, X, X), X + np.arctan(X) ** 2)


def test_a_selection_among_values_of_no_axes_takes_the_dtype_of_the_call():
    """{min(√2, Σx) if b > 0; −3/2 otherwise} + b, exactly checked, too."""
    total = Min(sqrt(2), Sum(x[n], n))
    selected = Eq(tensor("y", M)[m], Piecewise((total, b[m] > 0), (-1.5, True)) + b[m])
    module = compile(operation(selected, inputs=(x, b), outputs=(tensor("y", M),)))
    found = module.apply(X[:1], np.array([1.0, -1.0]))
    assert np.array_equal(found, [2, -2.5])
