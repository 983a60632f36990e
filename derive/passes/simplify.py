"""Pass, for backward alone: a stop is only its value, and opposite conditions are none.

    if k | t:  w_bar += a[t]*stop(h[t-1])     becomes     if k | t:  w_bar += a[t]*h[t-1]
    if k | t:  w_bar += a[t]*h[t-1]           becomes     w_bar += a[t]*h[t-1]
    if k ∤ t:  w_bar += a[t]*h[t-1]

What a stop keeps from being differentiated has been left out of backward already. There it would
only keep apart what is one sum over all of time. In forward it has to stay, for the module is
differentiated once more when it is verified.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations

from sympy import Expr

from derive.calculus.affine import affine
from derive.calculus.statements import Guard, Statement
from derive.language.order import Order
from derive.language.scalars import stop
from derive.program.grammar import Module, adding, statements_of


def simplify(module: Module) -> Module:
    """Both, in backward."""
    statements = without_stops(statements_of(module.backward.body), module.order)
    body = map(adding, without_opposites(statements))
    return module.with_bodies(module.forward.body, body)


def without_stops(statements: Sequence[Statement], order: Order) -> tuple[Statement, ...]:
    """Read through every stop."""
    return tuple(replace(s, value=_without_stops(s.value, order)) for s in statements)


def _without_stops(value: Expr, order: Order) -> Expr:
    while stops := value.atoms(stop):
        value = order.put(value, {e: e.args[0] for e in stops})
    return value


def without_opposites(statements: Sequence[Statement]) -> tuple[Statement, ...]:
    """Merge statements that are the same but for one condition, and that one opposite."""
    current = list(statements)
    while (found := _pair(current)) is not None:
        first, second, merged = found
        current[current.index(first)] = merged
        current.remove(second)
    return tuple(current)


def _pair(statements: Sequence[Statement]) -> tuple[Statement, Statement, Statement] | None:
    guarded = [s for s in statements if s.where and s.op == "add"]
    for one, other in combinations(guarded, 2):
        if replace(one, where=()) != replace(other, where=()):
            continue
        rest = [g for g in one.where if g in other.where]
        mine, theirs = ([g for g in s.where if g not in rest] for s in (one, other))
        if len(mine) == len(theirs) == 1 and _opposite(mine[0], theirs[0]):
            return one, other, replace(one, where=tuple(rest))
    return None


def _opposite(one: Guard, other: Guard) -> bool:
    """Whether at every point exactly one of the two holds."""
    if {one.kind, other.kind} == {"divides", "indivisible"}:
        return (one.expression, one.modulus) == (other.expression, other.modulus)
    if one.kind == other.kind == "ge":  # of integers: e >= 0, or -e - 1 >= 0
        return affine(one.expression + other.expression).expression == -1
    return False
