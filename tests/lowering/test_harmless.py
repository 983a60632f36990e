"""What a case that is not taken sees: the same values, whatever the cases are made of."""

import numpy as np
from sympy import Eq, Max, Piecewise, sqrt

from derive.language import Operation, axes, expm1, sizes, tensor
from tests.slopes import gradients_are_slopes, values_of

(N,) = sizes("N")
(n,) = axes("n", N)
x, y, z, w = (tensor(name, N) for name in "xyzw")
X, Z = np.array([0.3, -1.2, 0.8, 2.0]), np.array([0.9, 1.0, -0.4, 0.5])
W = np.array([0.7, 0.2, -0.6, 1.5])


def of(value) -> Operation:
    return Operation("cases", "Cases.", (x, z, w), (y,), (Eq(y[n], value),))


def test_a_maximum_in_a_slope_that_has_cases():
    """The slope of √(max(w, u)² + 1) is that of one of the two, in which the maximum stands."""
    largest = of(sqrt(Max(w[n], 1 / (x[n] ** 2 + 1)) ** 2 + 1) + z[n])
    right = np.sqrt(np.maximum(W, 1 / (X**2 + 1)) ** 2 + 1) + Z
    np.testing.assert_allclose(values_of(largest, X, Z, W), right)
    gradients_are_slopes(largest, X, Z, W)


def test_a_function_of_cases_is_a_factor_of_all_cases():
    """The slope of exp(u) − 1 has a factor exp(u) in each of the cases of u."""
    first = Piecewise((x[n], z[n] > 0), (0.1, True))
    second = Piecewise((w[n] ** 2, x[n] * w[n] > 0), (w[n], True))
    right = np.expm1(np.where(Z > 0, X, 0.1) + np.where(X * W > 0, W**2, W))
    np.testing.assert_allclose(values_of(of(expm1(first + second)), X, Z, W), right)
    gradients_are_slopes(of(expm1(first + second)), X, Z, W)


def test_a_case_that_is_never_taken():
    """Within a case, the opposite of its condition: √{z² if w > 1; x² otherwise}, and its slope."""
    value = sqrt(Piecewise((z[n] ** 2, w[n] > 1), (x[n] ** 2, True)) + 1)
    twice = Piecewise((value, w[n] > 1), (Piecewise((z[n], w[n] > 1), (value * x[n], True)), True))
    right = np.where(W > 1, np.sqrt(Z**2 + 1), X * np.sqrt(X**2 + 1))
    np.testing.assert_allclose(values_of(of(twice), X, Z, W), right)
    gradients_are_slopes(of(twice), X, Z, W)
