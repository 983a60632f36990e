"""Scalar functions, cases, kinks and constants, against 40 digits and the exact identity."""

import numpy as np
import pytest
from sympy import Abs, E, Eq, Max, Min, Piecewise, Rational, Sum, cos, exp, pi, sqrt, tanh

from derive import compile
from derive.language import Operation, axis, integers, option, size, tensor
from derive.language.scalars import SCALARS
from derive.language.symbols import Access
from tests.backends.numpy.building import failures, pointwise, text_of

N = size("N")
x, w, b = tensor("x", N), tensor("w", N), tensor("b", N, optional=True)
R = Rational


@pytest.mark.parametrize("function", SCALARS, ids=lambda f: f.__name__)
def test_every_row_of_the_table_is_computed_and_differentiated(function):
    """Alone, inside another function, and next to its own argument."""
    operation = pointwise("f", lambda i: x[i] * function(x[i]), x, size=N)
    assert failures(operation, count=3) == []
    operation = pointwise("f", lambda i: w[i] * function(x[i] * w[i]) + cos(x[i]), x, w, size=N)
    assert failures(operation, count=3) == []


VALUES = {
    "fractions": lambda i: R(2, 3) * x[i] - R(1, 7),
    "irrational": lambda i: sqrt(2) * x[i] / 3 + pi * x[i] ** 2 + E + 2 ** R(1, 3),
    "exponential": lambda i: x[i] * exp(-1) + exp(R(1, 2)),
    "negative powers": lambda i: x[i] ** -1 + w[i] / x[i] ** 3 - (x[i] * w[i]) ** -2,
    "roots": lambda i: sqrt(x[i] ** 2 + 1) + (x[i] ** 2 + w[i] ** 2) ** R(-1, 2),
    "high powers": lambda i: x[i] ** 5 - w[i] ** 3 * x[i],
    "signs": lambda i: -(x[i] - w[i]) * -(x[i] + 1) - x[i],
    "index": lambda i: x[i] * i + i**2 + x[i] / N,
    "index in a function": lambda i: x[i] * exp(-i),
    "decimals": lambda i: x[i] * 0.5 + 1.25,
    "cases": lambda i: Piecewise((x[i] ** 2, x[i] > w[i]), (w[i] * x[i], True)),
    "three cases": lambda i: Piecewise(
        (x[i] ** 2, x[i] > 1), (w[i], x[i] < -1), (w[i] * x[i], True)
    ),
    "joined cases": lambda i: Piecewise((w[i] * x[i], (x[i] > 0) & (w[i] > 0)), (x[i], True)),
    "cases of both": lambda i: Piecewise(
        (x[i] ** 2 * w[i], (x[i] > 0) & (i > 1)), (3 * x[i], True)
    ),
    "absolute": lambda i: Piecewise((x[i] ** 2, Abs(x[i]) <= 1), (Abs(x[i]), True)) * w[i],
    "maximum": lambda i: Max(x[i], w[i]),
    "minimum": lambda i: Min(x[i], w[i], 1),
    "clip": lambda i: Max(-1, Min(1, x[i])) * w[i],
}


@pytest.mark.parametrize("name", VALUES)
def test_scalar_expressions_are_computed_and_differentiated(name):
    """Values to 1e-11, gradients exactly."""
    value = VALUES[name]
    read = {access.tensor for access in value(axis("i", N)).atoms(Access)}
    operation = pointwise("f", value, *(t for t in (x, w) if t in read), size=N)
    assert failures(operation, count=5) == []


def gradients(value, **arrays):
    """Gradients of ``sum of value``, one entry an array."""
    tensors = [t for t in (x, w) if t.name in arrays]
    module = compile(pointwise("f", value, *tensors, size=N))
    output, residuals = module.forward(*(np.array(a, float) for a in arrays.values()))
    return module.backward(np.ones_like(output), residuals)


def test_a_kink_gives_its_gradient_to_what_was_written_first():
    """``max(0, x)`` at 0 has slope 0, like ReLU; ``max(x, 0)`` has slope 1."""
    assert gradients(lambda i: Max(0, x[i]), x=[-1, 0, 2]).x.tolist() == [0, 0, 1]
    assert gradients(lambda i: Max(x[i], 0), x=[-1, 0, 2]).x.tolist() == [0, 1, 1]
    assert gradients(lambda i: Min(0, x[i]), x=[-1, 0, 2]).x.tolist() == [1, 0, 0]
    assert gradients(lambda i: Min(x[i], 0), x=[-1, 0, 2]).x.tolist() == [1, 1, 0]


@pytest.mark.parametrize("extremum", [Max, Min])
def test_a_tie_gives_its_gradient_once(extremum):
    """The slopes of a maximum of two equal entries sum to 1."""
    found = gradients(lambda i: extremum(x[i], w[i]), x=[1, 1, 2], w=[1, 2, 1])
    assert (found.x + found.w).tolist() == [1, 1, 1]


@pytest.mark.parametrize(
    "passes",
    [
        True,
        False,
    ],
    ids=["passes", "fallback"],
)
def test_a_term_without_its_optional_input_is_dropped_backwards_too(passes):
    """What forward does not add has no gradient."""
    for value in (lambda i: tanh(x[i] + b[i]), lambda i: x[i] + tanh(x[i] + b[i])):
        operation = pointwise("f", value, x, b, size=N)
        assert failures(operation, count=8, passes=passes) == []


def test_irrational_constants_are_named_once():
    """They are values of the module, which the exact checker replaces."""
    text = text_of(pointwise("f", lambda i: sqrt(2) * x[i] + pi * x[i] ** 2, x, size=N))
    assert text.count("1.4142135623730951") == text.count("3.141592653589793") == 1


def test_a_real_option_is_checked_exactly():
    """Its default, and a sample that is no dyadic fraction."""
    alpha = option("alpha", 0.01, integer=False, samples=(0.1, 0.25))
    i, y = axis("i", N), tensor("y", N)
    value = Piecewise((x[i], x[i] > 0), (alpha.settings[0] * x[i], True))
    operation = Operation("leaky", "L.", (x,), (y,), (Eq(y[i], value),), options=(alpha,))
    assert failures(operation, count=8) == []


def test_an_input_that_nothing_differentiates_has_gradient_zero_or_is_refused():
    """It decides between cases only; None would mean that it was not asked for."""
    value = pointwise("f", lambda i: Piecewise((x[i], w[i] > 0), (0, True)), x, w, size=N)
    assert failures(value, count=3) == []


def test_integers_in_a_value_do_not_widen_it():
    """float32 in, float32 out."""
    k, i, y = integers("k", N, below=5), axis("i", N), tensor("y", N)
    module = compile(Operation("f", "F.", (x, k), (y,), (Eq(y[i], x[i] * k[i]),)))
    assert module.apply(np.ones(3, np.float32), np.arange(3)).dtype == np.float32


def test_a_sum_may_decide_between_cases():
    """``(w, Sum(m) > 0)``: the sum has no gradient, and nothing asks for one."""
    m, n, y = tensor("m", N, 3), axis("n", N), tensor("y", N)
    value = Piecewise((w[n], Sum(m[n, axis("k", 3)], axis("k", 3)) > 0), (m[n, 0] * w[n], True))
    operation = Operation("f", "F.", (m, w), (y,), (Eq(y[n], value),))
    assert failures(operation, count=3) == []
