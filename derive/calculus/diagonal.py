"""Derivatives of an array by an array that are 0 unless two of their indices are equal."""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Symbol

from derive.calculus.line import Line
from derive.calculus.normal import put
from derive.calculus.statements import Statement
from derive.calculus.step import Equal, bound, listing
from derive.language.symbols import Axis


def merge_diagonal(line: Line) -> None:
    """J[j,k] = δ(j, k) f(j) + δ(j, k) g(j)  →  J[j,j] = f(j) + g(j), and 0 for every other k"""
    first = line.current[0]
    merged: dict[Expr, Expr] = {}
    for guard in first.where:
        pair = [a for a in first.domain if a in guard.expression.free_symbols]
        if (
            len(pair) == 2
            and all(equates(s, *pair) for s in line.current)
            and set(pair) <= first.target.free_symbols
        ):
            merged[pair[1]] = pair[0]
    if merged:
        after = []
        for term in line.current:
            domain = tuple(a for a in term.domain if a not in merged)
            moved = put(replace(term, domain=domain), merged)
            where = tuple(g for g in moved.where if (g.kind, g.expression) != ("eq", 0))
            after.append(replace(moved, where=where))
        only = listing(Equal(b, a) for b, a in merged.items())
        line.deltas = any(g.kind == "eq" for s in after for g in s.where)
        line.add("a δ of all terms", after, ("every term is 0 unless ", *only))
        line.rename()
        line.current = tuple(map(_fewer_primes, line.current))
        line.steps[-1] = replace(line.steps[-1], after=line.current)


def equates(term: Statement, one: Axis, other: Axis) -> bool:
    """Whether a term is 0 unless two indices are equal."""
    return any(g.kind == "eq" and g.expression in (one - other, other - one) for g in term.where)


def _fewer_primes(term: Statement) -> Statement:
    """Σ_{k''} f(k'')  →  Σ_{k'} f(k')        if no other index is called k'"""
    for axis in bound(term):
        taken = {a.name for a in term.domain}
        plain = axis.name.rstrip("'")
        names = (plain + "'" * n for n in range(1, len(axis.name) - len(plain)))
        if (name := next((n for n in names if n not in taken), None)) is not None:
            term = term.substitute({axis: Axis(Symbol(name, integer=True), axis.extent)})
    return term
