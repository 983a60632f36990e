"""Statements with one cotangent in each become a line as one would write it by hand.

What does not depend on an index that is summed stands before the sum, a sum that is known is no
sum any more, and what all terms have in common stands before the bracket:

    x̄[n,c] += Σ_{c'} −ȳ[n,c'] y[n,c'] y[n,c]         becomes
    x̄[n,c] += ȳ[n,c] y[n,c]                           x̄[n,c] += y[n,c] (ȳ[n,c] − Σ_{c'} ȳ y)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Add, And, Eq, Expr, Ge, Integer, Mod, Mul, Ne, Piecewise, Sum

from derive.calculus.affine import axes_in
from derive.calculus.measure import length
from derive.calculus.products import Powers, powers, product
from derive.calculus.putting_in import plainly, renamed
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import Equal, bound, free_axes
from derive.calculus.totals import Totals, axes_of
from derive.language.symbols import Access, Axis, Tensor, entries_in


@dataclass(frozen=True)
class _Product:
    """One term: its factors, sums among them, and the conditions on free indices."""

    number: Expr
    factors: Powers
    where: tuple[Guard, ...]
    plain: Statement
    known: tuple[Equal, ...] = ()

    @property
    def alone(self) -> bool:
        """Whether it is one sum, with nothing before it but sizes and settings."""
        read = [base for base in self.factors if base.has(Access)]
        return len(read) == 1 and isinstance(read[0], Sum) and self.factors[read[0]] == 1


def collect(
    terms: Sequence[Statement], totals: Totals, cotangents: frozenset[Tensor]
) -> tuple[tuple[Statement, ...], tuple[Equal, ...]]:
    """The terms of each entry in the shortest of three forms: as they are; with what they have in
    common before a bracket, those under equal conditions together; or all of them together.

    Returns
    -------
    tuple of Statement, tuple of Equal
        The terms, and the sums that were known.
    """
    groups: dict[Access, list[Statement]] = {}
    for term in terms:
        groups.setdefault(term.target, []).append(term)
    found: list[Statement] = []
    sums: list[Equal] = []
    for own in groups.values():
        split = [_split(term, totals, cotangents) for term in own]
        known = [equal for one in split for equal in one.known]
        split = _added(split)
        if not split:
            found.append(replace(own[0], domain=free_axes(own[0]), where=(), value=Integer(0)))
            sums += known
            continue
        forms = [_together(split, False), _together(split, True)]
        windows = any(axes_of(g) & {*bound(t)} for t in own for g in t.where)
        forms.insert(0 if windows else 2, own)  # of equal ones, the first
        best = min(forms, key=length)
        found += best
        sums += known if best is not own else []
    return tuple(found), tuple(dict.fromkeys(sums))


def _split(term: Statement, totals: Totals, cotangents: frozenset[Tensor]) -> _Product:
    """A sum over several indices as a product of sums, each over those that belong together."""
    number, found = powers(term.value)
    summed = bound(term)
    outer = {b: e for b, e in found.items() if not axes_in((b,)) & set(summed)}
    where = tuple(g for g in term.where if not axes_of(g) & set(summed))
    sums: list[Equal] = []
    for axes in _components(term, summed, found):
        inner = {b: e for b, e in found.items() if axes_in((b,)) & set(axes)}
        guards = [g for g in term.where if axes_of(g) & set(axes)]
        value: Any = product(Integer(1), inner)
        known = None
        if not guards and not entries_in(value) & _reads(term, cotangents):
            known = totals.of(value, axes)
        if known is not None:
            more, factors = powers(known)
            sums.append(Equal(_named(value, axes, free_axes(term)), known))
            number = number * more
            for base, exponent in factors.items():
                outer[base] = outer.get(base, Integer(0)) + exponent
            continue
        if guards:
            value = Piecewise((value, And(*map(condition, guards))), (Integer(0), True))
        plain = _named(value, axes, free_axes(term))
        outer[plain] = outer.get(plain, Integer(0)) + 1
    outer = {b: e for b, e in outer.items() if e != 0}
    return _Product(number, outer, where, plainly(term), tuple(sums))


def _reads(term: Statement, cotangents: frozenset[Tensor]) -> set[Access]:
    return {a for a in entries_in(term.value) if a.tensor in cotangents}


def _components(term: Statement, summed: tuple[Axis, ...], found: Powers) -> list[tuple[Axis, ...]]:
    """Indices that some factor or condition binds together."""
    groups = [{axis} for axis in summed]
    for axes in [*(axes_in((b,)) for b in found), *map(axes_of, term.where)]:
        joint = [g for g in groups if g & axes]
        if len(joint) > 1:
            groups = [g for g in groups if g not in joint] + [set().union(*joint)]
    ordered = [tuple(a for a in summed if a in g) for g in groups]
    return sorted(ordered, key=lambda axes: summed.index(axes[0]))


def _named(value: Expr, axes: tuple[Axis, ...], free: tuple[Axis, ...]) -> Expr:
    """The sum, its indices with as few primes as can be."""
    used = {a.name for a in free}
    values: dict[Any, Any] = {}
    for axis in axes:
        values[axis] = renamed(axis, used)
        used.add(values[axis].name)
    return Sum(value.xreplace(values), *(values[a] for a in axes))


def condition(guard: Guard) -> Any:
    """A guard as a condition on numbers."""
    if guard.kind == "ge":
        return Ge(guard.expression, 0)
    if guard.kind == "eq":
        return Eq(guard.expression, 0)
    relation = Eq if guard.kind == "divides" else Ne
    return relation(Mod(guard.expression, guard.modulus), 0)


def _added(terms: Iterable[_Product]) -> list[_Product]:
    """Terms with equal factors added up; those that are 0 left out."""
    found: dict[Any, _Product] = {}
    for term in terms:
        key = (product(Integer(1), term.factors), term.where)
        if key in found:
            term = replace(term, number=found[key].number + term.number)
        found[key] = term
    return [term for term in found.values() if term.number != 0]


def _together(terms: Sequence[_Product], brackets: bool) -> list[Statement]:
    """The terms under equal conditions as one; with `brackets`, those under others as well."""
    groups: dict[tuple[Guard, ...], list[_Product]] = {}
    for term in terms:
        groups.setdefault(() if brackets else term.where, []).append(term)
    found = []
    for where, group in groups.items():
        first = group[0].plain
        if len(group) == 1 and group[0].alone:
            found.append(first)
            continue
        value = _factored(group) if brackets else _factored([replace(t, where=()) for t in group])
        domain = free_axes(first)
        found.append(replace(first, domain=domain, where=where, value=value))
    return found


def _factored(terms: Sequence[_Product]) -> Expr:
    """a b c + a d  →  a (b c + d)"""
    common = dict(terms[0].factors)
    for term in terms[1:]:
        shared = {}
        for base, exponent in common.items():
            other = term.factors.get(base, Integer(0))
            if exponent * other > 0:
                shared[base] = min(exponent, other, key=abs)
        common = shared
    numbers = {t.number for t in terms} | {-t.number for t in terms}
    number = terms[0].number if len(numbers) <= 2 else Integer(1)
    if len(terms) > 1 and number.could_extract_minus_sign():
        number = -number
    rest = []
    for term in terms:
        factors = dict(term.factors)
        for base, exponent in common.items():
            factors[base] = factors[base] - exponent
        value = product(term.number / number, {b: e for b, e in factors.items() if e != 0})
        if term.where:
            holds = Piecewise((Integer(1), And(*map(condition, term.where))), (Integer(0), True))
            value = Mul(value, holds)
        rest.append(value)
    return product(number, common) * Add(*rest)
