"""Intervals hold for whatever data, and are as narrow as the formulas allow."""

import numpy as np
import pytest
from sympy import Abs, Eq, Integer, Max, Min, Piecewise, Rational, Sum, cos, cosh, exp, oo, tanh

from derive.calculus.intervals import ANY, Known, intervals
from derive.calculus.lift import to_system
from derive.language import Operation, accumulate, axes, sigmoid, sizes, state, tensor
from derive.language.scalars import SCALARS, stop
from derive.language.symbols import Access

T, N = sizes("T N", minimum=1)
t, n = axes("t n", T, N)
x, y = tensor("x", T, N), tensor("y", T, N)
p, q, z = (tensor(name, T, N) for name in "pqz")
P, Q, Z, X = (Access(a, t, n) for a in (p, q, z, x))
SIGNED, UNIT = (Integer(-1), Integer(1)), (Integer(0), Integer(1))
KNOWN = Known({p: SIGNED, q: SIGNED, z: UNIT})


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (1 - P**2, (0, 1)),
        (Z * (1 - Z), (0, Rational(1, 4))),
        (P * Z * (1 - Z), (-Rational(1, 4), Rational(1, 4))),
        (P - Q, (-2, 2)),
        ((1 - Z) * P + Z * Q, (-1, 1)),  # a mean; term by term it would be (−2, 2)
        (P**3 - P, (-2 * 3 ** Rational(1, 2) / 9, 2 * 3 ** Rational(1, 2) / 9)),
        (P * (1 - P**2) * X, ANY),
        (tanh(X), (-1, 1)),
        (1 - tanh(X) ** 2, (0, 1)),
        (tanh(X) - tanh(X), (0, 0)),
        (stop(P), (-1, 1)),
        (exp(X), (0, oo)),
        (cosh(X) * Z, (0, oo)),
        (Max(Min(X, 2), -2), (-2, 2)),
        (Piecewise((P, X > 0), (3 * Z, True)), (-1, 3)),
        (Abs(X) + 1, (1, oo)),
        (X, ANY),
        (X / Z, ANY),
        (Integer(3), (3, 3)),
    ],
    ids=str,
)
def test_the_interval_of_a_formula(value, expected):
    assert KNOWN.interval(value) == expected
    assert KNOWN.magnitude(value) == max(map(abs, expected))


def lie(*equations, inputs=(x,)):
    found = intervals(to_system(Operation("op", "", inputs, (y,), equations)).statements)
    return {tensor.name: interval for tensor, interval in found.items()}


def test_the_outermost_function_tells():
    assert lie(Eq(y[t, n], sigmoid(x[t, n])))["y"] == (0, 1)
    assert lie(Eq(y[t, n], 2 * cos(x[t, n]) - 1))["y"] == (-3, 1)


def test_what_is_read_outside_counts():
    wide = tensor("wide", T, N, outside=7)
    found = lie(Eq(wide[t, n], tanh(x[t, n])), Eq(y[t, n], wide[t - 1, n]))
    assert found["y"] == (-1, 7)


def test_a_sum_over_an_axis_has_no_bound():
    total = tensor("total", N)
    equations = (Eq(total[n], Sum(tanh(x[t, n]), t)), Eq(y[t, n], total[n]))
    assert lie(*equations)["total"] == ANY


def test_terms_of_one_entry_are_added_up():
    entries = (accumulate(y[t, n], sigmoid(x[t, n])), accumulate(y[t, n], 2 * sigmoid(x[t, n])))
    assert lie(*entries)["y"] == (0, 3)


@pytest.mark.parametrize(
    ("step", "expected"),
    [
        (lambda s, z, g: (1 - z) * g + z * s, (-1, 1)),
        (lambda s, z, g: z * s + (1 - z), (0, 1)),
        (lambda s, z, g: z * s + g, ANY),
        (lambda s, z, g: z * tanh(s) + g, (-2, 2)),
        (lambda s, z, g: s / 2 + g, ANY),  # it is (−2, 2), but nothing here can tell
    ],
)
def test_a_state_lies_where_it_leads_itself(step, expected):
    h = state("h", T, N)
    gates = (Eq(z[t, n], sigmoid(x[t, n])), Eq(p[t, n], tanh(x[t, n])))
    found = lie(
        *gates,
        Eq(h[-1, n], 0),
        Eq(h[t, n], step(h[t - 1, n], z[t, n], p[t, n])),
        Eq(y[t, n], h[t, n]),
    )
    assert found["h"] == found["y"] == expected


def test_a_given_first_state_may_be_anything():
    h, h0 = state("h", T, N), tensor("h0", N)
    mean = Eq(h[t, n], (h[t - 1, n] + tanh(x[t, n])) / 2)
    found = lie(Eq(h[-1, n], h0[n]), mean, Eq(y[t, n], h[t, n]), inputs=(x, h0))
    assert found["h"] == ANY
    bounded = tensor("h0", N, interval=(-1, 1))
    found = lie(Eq(h[-1, n], bounded[n]), mean, Eq(y[t, n], h[t, n]), inputs=(x, bounded))
    assert found["h"] == (-1, 1)


@pytest.mark.parametrize("function", SCALARS, ids=lambda f: f.__name__)
def test_the_interval_of_every_function_holds_its_values(function):
    """At many places, and as narrow as these allow: only 2 % of it may stay empty."""
    interval = SCALARS[function].interval
    if interval is None:
        assert float(function(Integer(3)).evalf()) == 3
        return
    low, high = (float(end) for end in interval)
    places = np.concatenate([np.linspace(-20, 20, 81), [-0.01, 0.01, 1e3, -1e3]])
    found = []
    for place in places:
        value = function(Rational(str(place))).evalf()
        if value.is_real:
            found.append(float(value))
    assert low - 1e-12 <= min(found) and max(found) <= high + 1e-12
    for end, reached in ((low, min(found)), (high, max(found))):
        assert np.isinf(end) or abs(end - reached) <= 0.02 * max(1, abs(end))
