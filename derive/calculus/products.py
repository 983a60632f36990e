"""Products as their factors with exponents, and what of them was computed forward.

    e[n,c] / total[n]**2     is     y[n,c] / total[n]       where y[n,c] = e[n,c] / total[n]

Indices of the definition are put in as they are found in the product.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, exp, floor

from derive.calculus.bounds import inside
from derive.calculus.measure import measure
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis, entries_in

Powers = dict[Expr, Expr]  # from a base to its exponent, a number


def powers(value: Expr) -> tuple[Expr, Powers]:
    """The number before a product, and its other factors."""
    number: Expr = Integer(1)
    found: Powers = {}
    for factor in Mul.make_args(value):
        if factor.is_number:
            number = number * factor
            continue
        base, exponent = factor, Integer(1)
        if isinstance(factor, Pow) and factor.exp.is_number:
            base, exponent = factor.args
        found[base] = found.get(base, Integer(0)) + exponent
    return number, found


def product(number: Expr, found: Mapping[Expr, Expr]) -> Expr:
    return Mul(number, *(base**exponent for base, exponent in found.items()))


def matches(pattern: Any, node: Any, found: dict[Axis, Expr]) -> Iterator[dict[Axis, Expr]]:
    """Values of the pattern's axes, beyond those that were `found`, that make it `node`."""
    if isinstance(pattern, Axis):
        if found.get(pattern, node) == node:
            yield found | {pattern: node}
        return
    if not pattern.args or not node.args:
        if pattern == node:
            yield found
        return
    if pattern.func != node.func or len(pattern.args) != len(node.args):
        return
    several = isinstance(pattern, Add | Mul) and len(pattern.args) <= 4
    orders = itertools.permutations(node.args) if several else [node.args]
    for arguments in orders:
        yield from _all_match(pattern.args, arguments, found)


def _all_match(patterns: Any, nodes: Any, found: dict[Axis, Expr]) -> Iterator[dict[Axis, Expr]]:
    if not patterns:
        yield found
        return
    for more in matches(patterns[0], nodes[0], found):
        yield from _all_match(patterns[1:], nodes[1:], more)


@dataclass(frozen=True)
class Known:
    """``entry = number * product of factors``, for all values of the axes in them."""

    entry: Expr
    number: Expr
    factors: tuple[tuple[Expr, Expr], ...]

    def within(self, given: Powers) -> Iterator[tuple[dict[Axis, Expr], Expr]]:
        """The axes' values, and how many times the product is a part of another one."""
        yield from self._rest(self.factors, given, {}, None)

    def _rest(
        self, factors: Any, given: Powers, found: dict[Axis, Expr], times: Expr | None
    ) -> Iterator[tuple[dict[Axis, Expr], Expr]]:
        if not factors:
            if times:
                yield found, times
            return
        (base, exponent), *rest = factors
        for other, own in given.items():
            times_here = floor(own / exponent)
            if times_here < 1:
                continue
            fewer = times_here if times is None else min(times, times_here)
            for more in matches(base, other, found):
                yield from self._rest(rest, given, more, fewer)


def known_products(definitions: tuple[Statement, ...]) -> tuple[Known, ...]:
    """What forward statements say of products, of powers and of exponentials.

    A logarithm ``y = x - log(total)`` says that ``exp(x) / total`` is ``exp(y)``.
    """
    found = []
    for statement in definitions:
        entry: Any = statement.target
        values = [(entry, statement.value)]
        if isinstance(statement.value, Add):
            values = [(exp(entry), exp(statement.value))]
        for name, value in values:
            number, factors = powers(value)
            plain = [base for base in factors if isinstance(base, Access)]
            whole = sum(factors.values(), Integer(0)) if len(factors) == 1 else Integer(0)
            if len(factors) < 2 and (plain or isinstance(value, Function) or whole == 1):
                continue
            if factors and measure(name) < measure(value):
                found.append(Known(name, number, tuple(factors.items())))
    return tuple(found)


def reuse(value: Expr, term: Statement, known: tuple[Known, ...]) -> tuple[Expr, list[Expr]]:
    """The value with what was computed forward in place of products; and what that is."""
    if isinstance(value, Piecewise):
        used: list[Expr] = []
        pieces = []
        for piece, condition in value.args:
            new, more = reuse(piece, term, known)
            pieces.append((new, condition))
            used += more
        return (Piecewise(*pieces), used) if used else (value, [])
    used = []
    number, found = powers(value)
    while better := next(_shorter(number, found, term, known), None):
        number, found, entry = better
        used.append(entry)
    return (product(number, found), used) if used else (value, [])


def _shorter(
    number: Expr, given: Powers, term: Statement, known: tuple[Known, ...]
) -> Iterator[tuple[Expr, Powers, Expr]]:
    before = measure(product(number, given))
    loose = _without_slopes(given)
    for one in known:
        for values, times in one.within(loose):
            entry: Any = one.entry.xreplace(values)
            if not all(inside(a, term.domain, term.where) for a in entries_in(entry)):
                continue
            left = dict(given)
            for base, exponent in one.factors:
                base = base.xreplace(values)
                left[base] = left[base] - exponent * times
            left = {base: exponent for base, exponent in left.items() if exponent != 0}
            left[entry] = left.get(entry, Integer(0)) + times
            factor = number / one.number**times
            if measure(product(factor, left)) <= before:
                yield factor, left, entry


def _without_slopes(given: Powers) -> Powers:
    """The factors that are no part of a slope ``y (1 - y)``, which a reader knows by its look."""
    loose = dict(given)
    for base in given:
        if isinstance(base, Add) and (own := 1 - base) in loose:
            loose[own] = loose[own] - 1
    return {base: exponent for base, exponent in loose.items() if exponent != 0}
