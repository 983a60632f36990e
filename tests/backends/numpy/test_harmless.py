"""How cases are computed: with few guards, and as fast for many numbers as for few."""

import warnings
from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Eq, Max, Min, Piecewise, Sum, exp, sqrt, tanh

import derive
from derive.arrays.harmless import Harmless, clipped, finite_tensors, spared
from derive.calculus.statements import Statement
from derive.language import Operation, axis, integers, size, tensor
from derive.language.order import Order
from derive.language.symbols import Access
from tests.backends.numpy.building import failures, pointwise, text_of

NAN, INFINITY = np.nan, np.inf
N, M = size("N"), size("M")
i, j = axis("i", N), axis("j", M)
x, g, w, s = (tensor(name, N) for name in "xgws")
MANY = 3 * 8192


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def guarded(value, finite=()):
    return Harmless(Order(), frozenset(finite)).value(value, ())


def run(operation: Operation, *inputs) -> tuple[np.ndarray, Any]:
    y, residuals = (made := derive.compile(operation)).forward(*inputs)
    return y, made.backward(np.ones_like(y), residuals)


# ---- guards --------------------------------------------------------------------------------


def test_zero_is_one_factor_s_alone():
    """{0 if x > 0; g·x otherwise}  →  {0 if x > 0; g otherwise}·min(x, 0)"""
    value = guarded(Piecewise((0, x[i] > 0), (g[i] * x[i], True)))
    cases, cut = sorted(value.args, key=lambda part: isinstance(part, clipped))
    assert cases == Piecewise((0, x[i] > 0), (g[i], True)) and cut.args[0] == x[i]
    value = Piecewise((g[i] / Max(x[i], 2), x[i] > 2), (0, True))
    assert not guarded(value).has(spared)


def test_zero_does_not_hide_nan_in_what_is_not_compared():
    """Nor are guards left out where they are needed."""
    value = Piecewise((0, x[i] > 0), (g[i] * tanh(w[i]), True))
    operation = pointwise("f", lambda i: value, x, g, w, size=N)
    y, _ = run(operation, np.array([1.0, -1]), np.array([INFINITY, 1]), np.array([NAN, 0.5]))
    assert y.tolist() == [0, np.tanh(0.5)]


def test_zero_beside_three_cases():
    """{0 if x ≤ −3; g if x ≥ 3; g·(x/3 + ½) otherwise} takes g once"""
    value = Piecewise((0, x[i] <= -3), (g[i], x[i] >= 3), (g[i] * (x[i] / 3 + 0.5), True))
    assert not guarded(value).has(spared)
    operation = pointwise("f", lambda i: value, x, g, size=N)
    points = np.array([-INFINITY, -3, -1.5, 0, 3, INFINITY, NAN])
    y, grads = run(operation, points, np.array([INFINITY, 2, 2, 2, 2, 2, 2]))
    np.testing.assert_equal(y, [0, 0, 0, 1, 2, 2, NAN])
    np.testing.assert_equal(grads.g[:-1], [0, 0, 0, 0.5, 1, 1])


def test_conditions_one_inside_the_other():
    """{{g if x < 6; 0} if min(x, 6) > 0; 0} is one selection, by x alone."""
    inner = Piecewise((g[i], x[i] < 6), (0, True))
    value = guarded(Piecewise((inner, Min(x[i], 6) > 0), (0, True)))
    assert value.args[0].cond == (x[i] < 6) & (x[i] > 0)
    other = Piecewise((Piecewise((g[i], x[i] < 6), (1, True)), x[i] > 0), (0, True))
    assert guarded(other) == other
    clip = pointwise("f", lambda i: Max(0, Min(6, x[i])), x, size=N)
    assert text_of(clip).count("_select(\n") + text_of(clip).count("_select(np") == 1


def test_tensors_without_infinite_entries():
    """a = tanh(x);  b = exp(x);  d = a·tanh(b);  e = a·x"""
    a, b, d, e = (tensor(name, N) for name in "abde")
    pairs = ((a, tanh(x[i])), (b, exp(x[i])), (d, a[i] * tanh(b[i])), (e, a[i] * x[i]))
    statements = [Statement((i,), target[i], value) for target, value in pairs]
    assert finite_tensors(statements, Order()) == {a, d}
    assert finite_tensors([*statements, Statement((i,), a[i], x[i])], Order()) == set()


def test_what_is_finite_needs_no_guard():
    value = Piecewise(((1 - s[i]) * s[i] * g[i], x[i] > 0), (0, True))
    assert len(guarded(value).atoms(spared)) > len(guarded(value, {s}).atoms(spared))


# ---- NaN -----------------------------------------------------------------------------------


def test_two_factors_that_compare_one_entry():
    """Neither leaves it to the other to be NaN."""
    left, right = Piecewise((g[i], x[i] > 0), (w[i], True)), Piecewise((w[i], x[i] > 1), (3, True))
    operation = pointwise("f", lambda i: left * right, x, g, w, size=N)
    y, grads = run(operation, np.array([NAN, 2]), np.array([2.0, 2]), np.array([5.0, 5]))
    np.testing.assert_equal(y, [NAN, 10])
    np.testing.assert_equal(grads.g, [NAN, 5])


# ---- many numbers --------------------------------------------------------------------------


def data(dtype: str, seed: int = 0) -> np.ndarray:
    numbers = np.random.default_rng(seed).standard_normal(MANY).astype(dtype)
    numbers[:8] = NAN, INFINITY, -INFINITY, 0.0, -0.0, 1, -1, 2
    return numbers


SELECTED = {
    "values": Piecewise((g[i], x[i] > 0), (w[i], True)),
    "zero behind": Piecewise((g[i], x[i] > 0), (0, True)),
    "zero before": Piecewise((0, x[i] > 0), (g[i], True)),
    "numbers": Piecewise((2, x[i] > 0), (-1, True)),
    "three": Piecewise((0, x[i] > 1), (g[i], x[i] > 0), (3, True)),
    "equal": Piecewise((7, Eq(x[i], 1)), (g[i], True)),
}


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name", SELECTED)
def test_many_numbers_are_selected_as_few_are(name, dtype):
    """Infinite and NaN ones included, of the same type, and no input is written to."""
    value = SELECTED[name]
    read = [t for t in (x, g, w) if any(a.tensor == t for a in value.atoms(Access))]
    inputs = [data(dtype, seed) for seed in range(len(read))]
    given = [array.copy() for array in inputs]
    operation = pointwise("f", lambda i: value, *read, size=N)
    y, grads = run(operation, *inputs)
    np.testing.assert_equal(inputs, given)
    few = [run(operation, *(a[k : k + 4096] for a in inputs)) for k in range(0, MANY, 4096)]
    np.testing.assert_equal(y, np.concatenate([part for part, _ in few]))
    for k, slope in enumerate(grads):
        np.testing.assert_equal(slope, np.concatenate([part[k] for _, part in few]))
        assert slope.dtype == y.dtype == dtype


def test_what_is_put_in_is_not_put_into_an_input():
    """Be it read with other axes; and integers that stand there become real."""
    z, image, k = tensor("z", N, M), tensor("image", M, N), integers("k", N, below=9)
    cases = Piecewise((7, Eq(image[j, i], 0)), (image[j, i], True))
    operation = Operation("f", "A test.", (image,), (z,), (Eq(z[i, j], cases),))
    numbers = np.array([[0.0, NAN], [2, 3], [0, 5]])
    before = numbers.copy()
    y, grads = run(operation, numbers)
    np.testing.assert_equal(y, [[7, 2, 7], [NAN, 3, 5]])
    np.testing.assert_equal(numbers, before)
    np.testing.assert_equal(grads.image, [[0, NAN], [1, 1], [0, 1]])
    operation = pointwise("f", lambda i: Piecewise((0, Eq(x[i], 0)), (k[i], True)), x, k, size=N)
    y, _ = run(operation, np.array([0, NAN, 1], "float32"), np.array([3, 4, 5]))
    np.testing.assert_equal(y, np.array([0, NAN, 5], "float32"))


@pytest.mark.parametrize("name", ["sigmoid", "softplus"])
def test_functions_of_many_numbers(name):
    """With and without one that is too large for an exponential."""
    function = getattr(derive.language, name)
    made = derive.compile(pointwise("f", lambda i: function(x[i]), x, size=N))
    numbers = data("float32")
    few = [made.apply(numbers[k : k + 4096]) for k in range(0, MANY, 4096)]
    np.testing.assert_allclose(made.apply(numbers), np.concatenate(few), rtol=3e-7)
    assert made.apply(np.array([1e4, -1e4, 0])).tolist()[1] == 0


# ---- products ------------------------------------------------------------------------------


def test_narrow_factors_are_multiplied_among_themselves():
    """y[n,m] = a[n,m]·b[m]·c[m] takes one pass through the large array, if nobody said how."""
    large, b, c, y = tensor("large", N, M), tensor("b", M), tensor("c", M), tensor("y", N, M)
    value = large[i, j] * b[j] * c[j]
    operation = Operation("f", "A test.", (large, b, c), (y,), (Eq(y[i, j], value),))
    assert not failures(operation)
    assert "y_bar * (b * c)" in text_of(operation)


def test_terms_of_a_sum_that_backward_needs_are_kept():
    """y[n] = Σ_m exp(z[n,m])"""
    z, y = tensor("z", N, M), tensor("y", N)
    operation = Operation("f", "A test.", (z,), (y,), (Eq(y[i], Sum(exp(z[i, j]), j)),))
    assert not failures(operation)
    assert text_of(operation).count("np.exp(") == 1


EXCLUDED = {
    "low": (Piecewise((0, x[i] <= -3), (g[i] * (x[i] + 3), True)), -3, -5),
    "high": (Piecewise((x[i], x[i] > 0), (g[i] * x[i] * (x[i] + 3), True)), 0.5, 5),
    "beside a number": (Piecewise((1, x[i] > 0), (g[i] * x[i], True)), 0.5, 5),
    "square": (Piecewise((g[i] ** 2 * x[i], x[i] < 2), (0, True)), 2, 3),
    "root": (Piecewise((g[i] * sqrt(x[i]), x[i] > 2), (0, True)), 2, -1),
    "quotient": (Piecewise((g[i] / x[i], x[i] > 2), (0, True)), 2, 0),
}


@pytest.mark.parametrize("name", EXCLUDED)
def test_nothing_warns_of_what_is_excluded(name):
    """Whatever the other factor is: infinite, 0, or so large that a product overflows."""
    value, edge, beyond = EXCLUDED[name]
    operation = pointwise("f", lambda i: value, x, g, size=N)
    assert not failures(operation)
    points = np.array([edge, edge, edge, beyond, beyond, beyond, np.copysign(INFINITY, beyond)])
    others = np.array([INFINITY, 0, 1e300, -INFINITY, 0, 1e300, 0])
    y, grads = run(operation, points, others)
    right = value.args[0 if name in ("low", "high", "beside a number") else 1].expr
    np.testing.assert_array_equal(y, points if right == x[i] else float(right))
    assert np.isfinite(grads.x).all() and not grads.g.any()


def test_a_number_between_numbers_is_a_number():
    """SymPy compares what stands in a maximum; a bound may be the number that is clipped."""
    assert clipped(sympy.Integer(-1), -sympy.oo, sympy.Rational(-2)) == -2
    assert Max(clipped(sympy.Integer(3), sympy.Integer(0), sympy.oo), x[i]) == Max(3, x[i])
