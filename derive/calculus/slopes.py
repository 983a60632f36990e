"""Derivatives of functions of one number, by the name that they have in a lesson.

y[n] (1 − y[n])        is  σ'(s[n])       where y[n] = σ(s[n])
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import Any

from sympy import Add, Expr, Function, Mul, preorder_traversal

from derive.calculus.products import Known, powers, product
from derive.calculus.statements import Statement
from derive.calculus.step import Equal
from derive.language.scalars import SCALARS
from derive.language.symbols import Access


@lru_cache
def slope_of(function: type) -> type:
    """A function's derivative as a function: ``tanh'``, whose attribute `of` is ``tanh``."""
    return type(f"{function.__name__}'", (Function,), {"nargs": 1, "of": function})


def known_slopes(definitions: Sequence[Statement]) -> tuple[tuple[Known, Expr], ...]:
    """For each function's value computed forward: its slope, where that is made of the value."""
    found = []
    for statement in definitions:
        function = statement.value.func
        row = SCALARS.get(function)
        if row is None or len(statement.value.args) != 1:
            continue
        argument: Any = statement.value.args[0]
        slope = row.derivative(argument, statement.target)
        if slope.has(statement.target) and not isinstance(slope, Access):
            number, factors = powers(slope)
            name = slope_of(function)(argument)
            found.append((Known(name, number, tuple(factors.items())), slope))
    return tuple(found)


def slopes_in(
    terms: Sequence[Statement], known: tuple[tuple[Known, Expr], ...]
) -> Iterator[tuple[type, Equal]]:
    """The slopes that terms hold as factors, with the functions whose they are."""
    for term in terms:
        for node in preorder_traversal(term.value):
            if not isinstance(node, Mul | Add):
                continue
            _, given = powers(node)
            for one, slope in known:
                for values, _ in one.within(given):
                    yield one.entry.func, Equal(one.entry.xreplace(values), slope.xreplace(values))


def by_name(
    terms: Sequence[Statement], known: tuple[tuple[Known, Expr], ...]
) -> tuple[Statement, ...]:
    """The terms with ``σ'(s)`` for every ``y (1 − y)``."""

    def named(value: Any) -> Any:
        if isinstance(value, Access) or not value.args:
            return value
        number, given = powers(value)
        for one, _ in known:
            for values, times in one.within(given):
                for base, exponent in one.factors:
                    base = base.xreplace(values)
                    given[base] = given[base] - exponent * times
                entry = one.entry.xreplace(values)
                number = number / one.number**times
                given = {b: e for b, e in (given | {entry: times}).items() if e != 0}
                return named(product(number, given))
        new = [named(argument) for argument in value.args]
        return value if new == [*value.args] else value.func(*new)

    return tuple(replace(term, value=named(term.value)) for term in terms)
