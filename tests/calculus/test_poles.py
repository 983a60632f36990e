"""A slope of 0 beside an infinite one: 0 where a choice says so, else what the chain rule has, NaN.

What is right follows from the functions: √max(x, 0) is constant below 0, |x|**p with p < 1 has no
slope at 0, nor has the length of a vector.
"""

import warnings

import numpy as np
import pytest
from sympy import Abs, Eq, Max, Piecewise, Rational, Sum, sign, sqrt

from derive import compile
from derive.language import Operation, axis, option, relu, size, tensor
from derive.verification.number import Number, evaluation, gradients, number

N, M = size("N"), size("M", minimum=1)
n, m = axis("n", N), axis("m", M)
x, y, q, rows = tensor("x", N), tensor("y", N), tensor("q", N), tensor("rows", N, M)
POINTS = np.array([-4.0, -1.0, 0.0, 1.0, 4.0])


def slopes(*equations, inputs=(x,), given=POINTS, **more):
    with warnings.catch_warnings():  # a slope may be infinite, which is said
        warnings.simplefilter("ignore", UserWarning)
        module = compile(Operation("steep", "A test.", inputs, (y,), equations, **more))
    _, residuals = module.forward(given)
    with np.errstate(divide="ignore", invalid="ignore"):
        return module.backward(np.ones(len(given)), residuals)[0]


BELOW = {
    "one equation": (Eq(y[n], sqrt(relu(x[n]))),),
    "two equations": (Eq(q[n], relu(x[n])), Eq(y[n], sqrt(q[n]))),
    "a factor between": (Eq(q[n], 4 * relu(x[n]) / 4), Eq(y[n], sqrt(q[n]))),
}


@pytest.mark.parametrize("how", BELOW)
def test_below_0_the_root_of_relu_is_level(how):
    assert slopes(*BELOW[how]).tolist() == [0, 0, 0, 0.5, 0.25]


def test_a_maximum_selects_too():
    """At 0 the first as written has the whole slope, and that of the root is infinite."""
    assert slopes(Eq(y[n], sqrt(Max(x[n], 0)))).tolist()[:2] == [0, 0]
    assert slopes(Eq(y[n], sqrt(Max(0, x[n])))).tolist() == [0, 0, 0, 0.5, 0.25]


POWERS = {
    "a root": (sqrt(Abs(x[n])), lambda x: np.sign(x) / (2 * np.sqrt(abs(x)))),
    "a third root": (Abs(x[n]) ** Rational(1, 3), lambda x: np.sign(x) * abs(x) ** (-2 / 3) / 3),
    "a root with a sign": (sign(x[n]) * sqrt(Abs(x[n])), lambda x: 1 / (2 * np.sqrt(abs(x)))),
}


@pytest.mark.parametrize("name", POWERS)
def test_at_0_a_root_of_the_absolute_value_has_no_slope(name):
    value, slope = POWERS[name]
    found, apart = slopes(Eq(y[n], value)), POINTS != 0
    assert np.allclose(found[apart], slope(POINTS[apart])) and np.isnan(found[2])


def test_a_norm_whose_power_is_an_option():
    power = option("p", 2.0, integer=False, minimum=0, samples=(0.5,))
    norm = Sum(Abs(rows[n, m]) ** power[0], m) ** (1 / power[0])
    given = np.array([[3.0, 4.0], [0.0, 2.0]])
    found = slopes(Eq(y[n], norm), inputs=(rows,), options=(power,), given=given)
    assert np.allclose(found, [[0.6, 0.8], [0, 1]])


def test_a_length_has_no_slope_at_0():
    equation = Eq(y[n], sqrt(Sum(rows[n, m] ** 2, m)))
    given = np.array([[3.0, 4.0], [0.0, 0.0], [0.0, -2.0]])
    found = slopes(equation, inputs=(rows,), given=given, cases=({"N": 13, "M": 1},))
    assert np.allclose(found[[0, 2]], [[0.6, 0.8], [0, -1]]) and np.isnan(found[1]).all()


HINGES = {
    "a maximum": Max(0, q[n] - Rational(1, 3)),
    "cases": Piecewise((q[n] - Rational(1, 3), q[n] > Rational(1, 3)), (0, True)),
}


@pytest.mark.parametrize("how", HINGES)
def test_what_is_right_is_not_refused_for_a_hinge_over_a_length(how):
    """Nothing times infinity is NaN to a module, though nothing depends on the length there."""
    length = Eq(q[n], sqrt(Sum(rows[n, m] ** 2, m)))
    given = np.array([[3.0, 4.0], [0.1, 0.1]])
    found = slopes(length, Eq(y[n], HINGES[how]), inputs=(rows,), given=given,
                   cases=({"N": 13, "M": 1},))  # fmt: skip
    assert np.allclose(found, [[0.6, 0.8], [0, 0]])


def test_the_reference_knows_nothing_of_0_times_infinity_but_by_a_choice():
    with evaluation() as met:
        at = Number(0, active=True)
        (slope,) = gradients([(at**2, 1.0)], [at])
        assert slope.value == 0 and not met.met_pole
        (slope,) = gradients([((at * at) ** number(0.5), 1.0)], [at])
        assert slope.value != slope.value and met.met_pole
