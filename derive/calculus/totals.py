"""What becomes of sums: an index that is known, a sum that was computed forward, one that is 0.

Σ_c δ(c, target[n]) f(c)          f(target[n])
Σ_s p[t,s] v[s,o]                 y[t,o]             where y[t,o] is that sum
Σ_h (x[n,h] − mean[n])            0                  where mean[n] = Σ_h x[n,h]/H
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from sympy import Add, Expr, Integer, Max, Mul, Piecewise

from derive.calculus.affine import axes_in
from derive.calculus.bounds import nonnegative
from derive.calculus.normal import put, sign_of, tidy
from derive.calculus.products import Known, Powers, matches, powers, product
from derive.calculus.sifting import decided
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import bound
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
            others = axes_in(left).union(*map(axes_of, term.where))
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


def axes_of(guard: Guard) -> set[Axis]:
    """The axes that a condition is about."""
    return axes_in((guard.expression, guard.modulus))
