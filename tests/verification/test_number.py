"""Numbers that remember: values and slopes against closed forms, and IEEE's rules at the edges."""

import math
from fractions import Fraction

import mpmath
import numpy as np
import pytest

from derive.language.scalars import gelu, gelu_tanh, mish, silu, softsign
from derive.verification.arithmetic import FUNCTIONS
from derive.verification.number import Evaluation, Number, evaluation, gradients, numbers, through


@pytest.fixture(autouse=True)
def doubles():
    with evaluation():
        yield


def test_an_evaluation_leaves_nothing_behind():
    before = mpmath.mp.dps
    with evaluation(np.float32) as single:
        assert float(1 / leaf(0.0)) == math.inf
        assert single.met_infinity and single.bits == 24
        with evaluation() as other:
            assert not other.met_infinity
        with pytest.raises(ZeroDivisionError), evaluation():
            raise ZeroDivisionError
        assert leaf(1e39).value == mpmath.inf and single.bits == 24
    assert mpmath.mp.dps == before
    assert leaf(1e39).value == mpmath.mpf(1e39)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_what_is_beyond_the_floats_is_infinite(dtype):
    """However it is made; a sum and a product, too."""
    with evaluation(dtype) as met:
        most = leaf(float(np.finfo(dtype).max))
        assert most.value != mpmath.inf and not met.met_infinity
        for beyond in (most + most, most * 2, most**2, 4 / (1 / most)):
            assert beyond.value == mpmath.inf
        assert (-most - most).value == -mpmath.inf and met.met_infinity


def leaf(value: float) -> Number:
    return Number(value, active=True)


def slope(function, *at: float) -> list[float]:
    leaves = [leaf(value) for value in at]
    return [float(s) for s in gradients([(function(*leaves), 1.0)], leaves)]


@pytest.mark.parametrize(
    "function, at, expected",
    [
        (lambda x, y: x * y + x, (3, 5), [6, 3]),
        (lambda x, y: x - y / x, (2, 8), [3, -0.5]),
        (lambda x: 1 / x, (4,), [-1 / 16]),
        (lambda x: x**3, (-2,), [12]),
        (lambda x: 2**x, (3,), [8 * math.log(2)]),
        (lambda x, y: x**y, (2, 3), [12, 8 * math.log(2)]),
        (lambda x: x * x - x * x, (7,), [0]),
        (lambda x: abs(x), (-7,), [-1]),
    ],
)
def test_slopes_of_arithmetic(function, at, expected):
    assert slope(function, *at) == pytest.approx(expected, rel=1e-15)


def test_a_slope_that_is_measured_has_more_digits_than_a_float():
    x = leaf(0.7)
    (found,) = gradients([(through(mpmath.tanh)(x), 1)], [x])
    assert abs(found - (1 - mpmath.tanh(x.value) ** 2)) < mpmath.mpf(10) ** -35


def test_a_number_that_is_used_twice_is_differentiated_once():
    """A chain of sixty doublings has 2^60 ways from its end to its beginning."""
    x = leaf(1.0)
    y = x
    for _ in range(60):
        y = y + y
    assert gradients([(y, 1.0)], [x]) == [2**60]


def test_what_no_output_depends_on_has_the_slope_0():
    assert slope(lambda x, y: x, 2, 3) == [1, 0]


@pytest.mark.parametrize(
    "value, expected",
    [
        (lambda x: 1 / x, math.inf),
        (lambda x: x**0, 1),
        (lambda x: 0 * (1 / x), math.nan),
        (lambda x: 1 / x - 1 / x, math.nan),
        (lambda x: through(mpmath.log)(x), -math.inf),
        (lambda x: through(mpmath.log)(x - 1), math.nan),
        (lambda x: through(mpmath.exp)(x + 1000), math.inf),
    ],
)
def test_edges_are_those_of_floats(value, expected):
    assert np.array_equal(float(value(leaf(0.0)).value), expected, equal_nan=True)


def test_arrays_keep_their_shape():
    assert numbers(np.ones((2, 0, 3))).shape == (2, 0, 3)


# ---- what floats make of it -------------------------------------------------------------------

SMOOTH = [
    lambda x, y, z: x + y + z,
    lambda x, y, z: (x + y) * (y + z) - x * z,
    lambda x, y, z: x / (y + z) ** 3,
    lambda x, y, z: (x - y) * 1e5 + (y - z),
    lambda x, y, z: x**0.3 * y - z,
]


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("function", SMOOTH)
def test_floats_are_off_by_no_more_than_is_said(function, dtype):
    """And by more than a thousandth of it, at some of a hundred points."""
    rng = np.random.default_rng(0)
    shares = []
    with evaluation(dtype) as floats:
        for _ in range(100):
            point = rng.uniform(0.5, 1.5, 3).astype(dtype)
            exact = function(*numbers(point.astype(float)))
            off = abs(float(exact.value - mpmath.mpf(float(function(*point)))))
            said = exact.spread * 2.0**-floats.bits
            shares.append(off / said if said else float(off > 0) * 2)  # some sums are not rounded
    assert 1e-3 < max(shares) <= 1


def test_slopes_are_off_by_no_more_than_is_said():
    """x·y·tan(z) near the pole of tan, whose slope is tan² + 1."""
    point = np.array([0.3, 1.7, 1.57])
    leaves = [*numbers(point, active=True)]
    tangent = through(mpmath.tan)(leaves[2])
    product = leaves[0] * leaves[1] * tangent
    x, y, z = point
    floats = (y * np.tan(z), x * np.tan(z), x * y * (np.tan(z) ** 2 + 1))
    for found, near in zip(gradients([(product, 1.0)], leaves), floats, strict=True):
        off = abs(float(found.value - mpmath.mpf(float(near))))
        assert off <= found.spread * 2.0**-53 <= 1e-9 * abs(near)


def test_what_needs_no_rounding_is_exact():
    x, y = numbers(np.array([0.1, 3.0]))
    for value in (y, x * 0, x - x, x * y - x * y, y * y - 2 * y, -y, 2 * y / 4):
        assert value.spread == 0
    assert x.spread == 0.1 and (x + 0).spread > 0 and (x * x).spread > 0 and (y / 7).spread > 0


def near(met: Evaluation) -> bool:
    return met.closest < 8 * 2.0**-met.bits


def compared(*of: float, by) -> bool:
    """Whether something that was compared was nearer than rounding can tell."""
    with evaluation() as met:
        by(*numbers(np.array(of)))
    return near(met)


@pytest.mark.parametrize(
    "by, unsure",
    [
        (lambda x, y: x + y > Number(Fraction(3, 10)), True),  # 0.30000000000000004 in floats
        (lambda x, y: x + y >= Number(Fraction(31, 100)), False),
        (lambda x, y: x > y, False),
        (lambda x, y: x == Number(Fraction(1, 10)), False),  # the float is that decimal
        (lambda x, y: x * y > y * x, False),  # rounded alike
        (lambda x, y: x * x * y > x * y * x, True),
        (lambda x, y: through(mpmath.exp)(x) > through(mpmath.exp)(x), False),
        (lambda x, y: math.floor((x + y) * 10), True),  # 3.0000000000000004
        (lambda x, y: math.floor(x * 14), False),
    ],
)
def test_rounding_decides_between_numbers_that_are_equal(by, unsure):
    assert compared(0.1, 0.2, by=by) is unsure


def test_what_is_too_small_for_a_float_is_not_told_from_0():
    """exp(−200) is 1e-87: a number of float64, and none of float32."""
    for dtype, unsure in ((np.float64, False), (np.float32, True)):
        with evaluation(dtype) as met:
            assert through(mpmath.exp)(leaf(-200.0)) > 0.0
        assert near(met) is unsure


@pytest.mark.parametrize("function", [silu, mish, gelu, gelu_tanh, softsign])
def test_functions_have_their_limits_at_infinity(function):
    """0 far left, x far right; softsign tends to ±1. Far left nothing cancels, either."""
    of = FUNCTIONS[function]
    ends = [of(Number(side * mpmath.inf)).value for side in (-1, 1)]
    assert ends == ([-1, 1] if function is softsign else [0, mpmath.inf])
    with evaluation():
        assert -1 < of(Number(-10)).value < 0
