"""Backward reads through stops, and what has opposite conditions becomes one statement."""

from dataclasses import replace

import pytest
from sympy import Eq, Mod, Piecewise, Sum

from derive.calculus.lift import to_system
from derive.calculus.statements import Guard, Statement
from derive.language import Operation, axes, option, sizes, stop, tensor
from derive.language.order import Order
from derive.passes.simplify import without_opposites, without_stops

T, H = sizes("T H")
t, j = axes("t j", T, H)
step = option("step", 2, minimum=1)
(k,) = step.settings
a, h, y = tensor("a", T, H), tensor("h", T, H), tensor("y", H)


def statements(*cases) -> tuple[Statement, ...]:
    """Of a sum over time of `a` times something with cases."""
    value = Sum(a[t, j] * Piecewise(*cases), t)
    operation = Operation("test", "Test.", (a, h), (y,), (Eq(y[j], value),), (step,))
    return to_system(operation).statements


def test_a_sum_over_all_of_time():
    found = statements((h[t, j], t <= 0), (stop(h[t, j]), Eq(Mod(t, k), 0)), (h[t, j], True))
    assert len(found) == 3 and len(without_opposites(found)) == 3
    (one,) = without_opposites(without_stops(found, Order()))
    assert not one.where and not one.value.has(stop)
    assert one.value == a[t, j] * h[t, j] and one.domain == found[0].domain


def test_conditions_in_common_stay():
    found = statements((0, t <= 2), (stop(h[t, j]), Eq(Mod(t, k), 0)), (h[t, j], True))
    (one,) = without_opposites(without_stops(found, Order()))
    assert one.where == (Guard("ge", t - 3),)


@pytest.mark.parametrize(
    "change",
    [
        {"where": (Guard("indivisible", t + 1, k),)},
        {"where": (Guard("indivisible", t, k + 1),)},
        {"where": (Guard("ge", t - 1),)},
        {"value": h[t, j]},
        {"op": "max"},
        {"target": y[j + 1]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_what_is_not_the_opposite_stays_apart(change):
    one = Statement((j, t), y[j], a[t, j], (Guard("divides", t, k),))
    other = replace(one, where=(Guard("indivisible", t, k),))
    assert without_opposites((one, other)) == (replace(one, where=()),)
    apart = (one, replace(other, **change))
    assert without_opposites(apart) == apart


def test_a_condition_of_more_than_integers_away():
    """t >= 2 and t <= 0 leave a gap; t >= 0 and t <= 0 overlap."""
    at = [Statement((j, t), y[j], a[t, j], (Guard("ge", e),)) for e in (t - 2, t, -t)]
    assert without_opposites(at) == tuple(at)
