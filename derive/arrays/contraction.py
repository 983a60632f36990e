"""Sums of products as contractions of two factors at a time."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations

from derive.arrays.grammar import Axes, Contract, Reduce, Value


def product(factors: Sequence[Value], keep: Axes) -> Value:
    """Multiply the factors and sum over every axis that is not in `keep`."""
    values: list[Value] = [_without_private_axes(i, factors, keep) for i in range(len(factors))]
    while len(values) > 2:
        left, right = min(
            combinations(range(len(values)), 2), key=lambda pair: _cost(pair, values, keep)
        )
        others = [v for i, v in enumerate(values) if i not in (left, right)]
        needed = {*keep, *axes_of(others)}
        inner = tuple(a for a in axes_of((values[left], values[right])) if a in needed)
        values = [*others, Contract(values[left], values[right], inner)]
    if len(values) == 1:
        return values[0]
    left_value, right_value = values
    inner = tuple(a for a in keep if a in axes_of(values))
    return Contract(left_value, right_value, inner)


def axes_of(values: Iterable[Value]) -> Axes:
    """Every axis of the values, in order of appearance."""
    return tuple(dict.fromkeys(a for value in values for a in value.axes))


def _cost(pair: tuple[int, int], values: Sequence[Value], keep: Axes) -> tuple[int, int, int]:
    """Axes of the work, axes of the result, and place: what multiplying this pair first costs."""
    i, j = pair
    others = {*keep, *axes_of(v for k, v in enumerate(values) if k not in pair)}
    union = axes_of((values[i], values[j]))
    contracted = sum(1 for a in union if a not in others)
    return len(union) - 2 * contracted, len(union), i


def _without_private_axes(i: int, factors: Sequence[Value], keep: Axes) -> Value:
    """Sum out the axes that only this factor has."""
    used = {*keep, *axes_of(v for j, v in enumerate(factors) if j != i)}
    gone = tuple(a for a in factors[i].axes if a not in used)
    return Reduce("add", factors[i], gone) if gone else factors[i]
