"""Numbers that remember: values and slopes against closed forms, and IEEE's rules at the edges."""

import math

import mpmath
import numpy as np
import pytest

from derive.verification.number import Number, gradients, numbers, through


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
