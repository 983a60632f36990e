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

from sympy import Add, And, Eq, Expr, Ge, Integer, Max, Mod, Mul, Ne, Piecewise, Sum

from derive.calculus.affine import axes_in
from derive.calculus.bounds import nonnegative
from derive.calculus.measure import length
from derive.calculus.normal import put, sign_of, tidy
from derive.calculus.products import Known, Powers, matches, powers, product
from derive.calculus.putting_in import plainly, renamed
from derive.calculus.sifting import decided
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import Equal, bound, free_axes
from derive.language.symbols import Access, Axis, Tensor

_DEPTH = 3  # of definitions that are put in to know a sum


def sift_bound(term: Statement) -> Statement:
    """Σ_c δ(c, target[n]) f(c)  →  f(target[n])        for every index that is summed"""
    for guard in term.where:
        if guard.kind != "eq":
            continue
        for axis in bound(term):
            coefficient = guard.expression.coeff(axis, 1)
            rest = tidy(guard.expression - coefficient * axis)
            if sign_of(coefficient) is None or abs(coefficient) != 1 or axis in rest.free_symbols:
                continue
            solution = tidy(-rest / coefficient)
            ranges = (Guard("ge", solution), Guard("ge", tidy(axis.extent - 1 - solution)))
            where = (*(g for g in term.where if g is not guard), *ranges)
            domain = tuple(a for a in term.domain if a != axis)
            moved = put(replace(term, domain=domain, where=where), {axis: solution})
            return sift_bound(moved)
    return next(iter(decided([term])), replace(term, value=Integer(0)))


def at_a_point(term: Statement) -> Statement:
    """x[h]/max(H, 1)  →  x[h]/H        for h < H, there being an h"""
    known: dict[Any, Any] = {}
    for node in sorted(term.value.atoms(Max), key=str):
        for one in node.args:
            if not one.has(Access) and all(
                nonnegative(one - other, term.domain) for other in node.args if other != one
            ):
                known[node] = one
    return replace(term, value=term.value.xreplace(known)) if known else term


def reuse_sums(term: Statement, sums: tuple[Statement, ...]) -> tuple[Statement, Access | None]:
    """Σ_{s,o} ȳ[t,o] p[t,s] v[s,o]  →  Σ_o ȳ[t,o] y[t,o]        where y[t,o] = Σ_s p[t,s] v[s,o]"""
    if isinstance(term.value, Piecewise):
        return term, None
    number, given = powers(term.value)
    for known in sums:
        factor, factors = powers(known.value)
        for values, times in Known(known.target, factor, tuple(factors.items())).within(given):
            summed = {values.get(axis) for axis in bound(known)}
            left = {b: given[b] for b in given if b not in {f.xreplace(values) for f in factors}}
            others = axes_in(left).union(*map(_axes_of, term.where))
            exact = all(given[f.xreplace(values)] == e for f, e in factors.items())
            free = len(summed) == len(bound(known)) and summed <= set(bound(term)) - others
            entry: Any = known.target.xreplace(values)
            if times != 1 or not exact or not free or axes_in((entry,)) & summed:
                continue
            if all(a.extent == values[a].extent for a in bound(known)):  # type: ignore
                domain = tuple(a for a in term.domain if a not in summed)
                left[entry] = left.get(entry, Integer(0)) + 1
                return replace(term, domain=domain, value=product(number / factor, left)), entry
    return term, None


@dataclass(frozen=True)
class Totals:
    """What forward statements say of sums, and what entries stand for.

    Attributes
    ----------
    sums : tuple of Statement
        Each entry of their target is a sum, and nothing else.
    values : tuple of Statement
        Each entry of their target has the value, and nothing else.
    """

    sums: tuple[Statement, ...]
    values: tuple[Statement, ...]

    def of(self, value: Expr, axes: tuple[Axis, ...], depth: int = _DEPTH) -> Expr | None:
        """A sum over all points of `axes`, without a sum; None if it is not known.

        There has to be a point.
        """
        if isinstance(value, Add):
            parts = [self.of(term, axes, depth) for term in value.args]
            return None if any(part is None for part in parts) else Add(*parts)  # type: ignore
        number, found = powers(value)
        inner = {b: e for b, e in found.items() if axes_in((b,)) & set(axes)}
        outer = product(number, {b: e for b, e in found.items() if b not in inner})
        own = axes_in(inner)
        for axis in axes:
            if axis not in own:
                outer = outer * axis.extent
        left = tuple(a for a in axes if a in own)
        if not left:
            return outer
        rest = self.computed(inner, left)
        if rest is None and depth and len(inner) == 1:
            ((base, exponent),) = inner.items()
            if exponent == 1 and (meant := self.meant(base)) is not None:
                rest = self.of(at_a_point(_box(meant, left)).value, left, depth - 1)
        return None if rest is None else _unrounded(outer * rest, axes)

    def computed(self, inner: Powers, axes: tuple[Axis, ...]) -> Expr | None:
        """The sum as an entry that was computed forward."""
        for statement in self.sums:
            summed = bound(statement)
            number, factors = powers(statement.value)
            within = {b: e for b, e in factors.items() if axes_in((b,)) & set(summed)}
            if len(within) != len(inner) or len(summed) != len(axes):
                continue
            pattern, value = product(Integer(1), within), product(Integer(1), inner)
            for values in matches(pattern, value, {}):
                same = {values.get(a) for a in summed} == set(axes)
                if same and all(values[a].extent == a.extent for a in summed):  # type: ignore
                    outer = product(number, {b: e for b, e in factors.items() if b not in within})
                    entry: Any = statement.target / outer
                    entry = entry.xreplace(values)
                    if not axes_in((entry,)) & set(axes):
                        return at_a_point(_box(entry, axes)).value
        return None

    def meant(self, entry: Expr) -> Expr | None:
        """What an entry is, or a sum in brackets."""
        if isinstance(entry, Add):
            return entry
        for statement in self.values:
            values = next(matches(statement.target, entry, {}), None)
            if values is not None and isinstance(statement.value, Add | Mul):
                return statement.value.xreplace(values)
        return None


def _box(value: Any, axes: tuple[Axis, ...]) -> Statement:
    """A value at the points of a box."""
    return Statement(axes, Access(Tensor("value", ())), value)


def _unrounded(value: Expr, axes: tuple[Axis, ...]) -> Expr:
    return at_a_point(_box(value, axes)).value


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
        windows = any(_axes_of(g) & {*bound(t)} for t in own for g in t.where)
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
    where = tuple(g for g in term.where if not _axes_of(g) & set(summed))
    sums: list[Equal] = []
    for axes in _components(term, summed, found):
        inner = {b: e for b, e in found.items() if axes_in((b,)) & set(axes)}
        guards = [g for g in term.where if _axes_of(g) & set(axes)]
        value: Any = product(Integer(1), inner)
        known = None
        if not guards and not value.atoms(Access) & _reads(term, cotangents):
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
    return {a for a in term.value.atoms(Access) if a.tensor in cotangents}


def _axes_of(guard: Guard) -> set[Axis]:
    return axes_in((guard.expression, guard.modulus))


def _components(term: Statement, summed: tuple[Axis, ...], found: Powers) -> list[tuple[Axis, ...]]:
    """Indices that some factor or condition binds together."""
    groups = [{axis} for axis in summed]
    for axes in [*(axes_in((b,)) for b in found), *map(_axes_of, term.where)]:
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
