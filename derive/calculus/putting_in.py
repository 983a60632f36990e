"""The statements of one cotangent in place of where another one reads it.

    x̄[n,c] = ē[n,c] e[n,c],  ē[n,c] = t̄[n] + ȳ[n,c]/t[n]
        becomes    x̄[n,c] = t̄[n] e[n,c] + ȳ[n,c] e[n,c]/t[n]

A derivative is linear in every cotangent, so statements of it become statements.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sympy import Integer, Symbol

from derive.calculus.bounds import inside, nonnegative
from derive.calculus.normal import put, tidy
from derive.calculus.sifting import decided
from derive.calculus.statements import Statement, distinct
from derive.calculus.step import bound
from derive.language.symbols import Access, Axis, Tensor


def put_in(
    terms: Iterable[Statement], inner: Mapping[Tensor, Sequence[Statement]]
) -> tuple[Statement, ...] | None:
    """The terms with the statements of `inner` for every read of what these write.

    None if some read cannot be replaced: it may lie outside, or be of a row that is not known.
    """
    found: list[Statement] = []
    for term in terms:
        read = next((r for r in term.reads if r.tensor in inner), None)
        if read is None:
            found.append(term)
            continue
        if not inside(read, term.domain, term.where) or term.value.xreplace({read: Integer(0)}):
            return None
        for statement in inner[read.tensor]:
            values = _values(statement.target, read, term)
            if values is None:
                return None
            if values is not _APART:
                found.append(_inserted(term, read, statement, values))
    return distinct(decided(found))


_APART: dict[Any, Any] = {"apart": True}  # other rows


def _values(target: Access, read: Access, term: Statement) -> dict[Any, Any] | None:
    """What the axes of a target are for it to be the entry that a term reads."""
    values: dict[Any, Any] = {}
    for own, index in zip(target.index, read.index, strict=True):
        if isinstance(own, Axis) and own not in values:
            if index.is_Integer and index < 0:
                return _APART
            for bound_of in (index, own.extent - 1 - index):
                if not nonnegative(bound_of, term.domain, term.where):
                    return None
            values[own] = index
            continue
        if own.atoms(Axis):
            return None
        difference = tidy(own - index)
        if difference.is_Integer and difference != 0:
            return _APART
        if difference != 0:
            return None
    return values


def _inserted(term: Statement, read: Access, inner: Statement, values: dict[Any, Any]) -> Statement:
    """``target += f * read`` with ``read += g`` as ``target += f * g``, over both boxes."""
    taken = {a.name for a in term.domain}
    summed = []
    for axis in bound(inner):
        new = renamed(axis, taken)
        taken.add(new.name)
        values[axis] = new
        summed.append(new)
    moved = put(replace(inner, target=read), values)
    value: Any = term.value.xreplace({read: moved.value})
    where = (*term.where, *(g for g in moved.where if g not in term.where))
    return replace(term, domain=(*term.domain, *summed), value=value, where=where)


def renamed(axis: Axis, taken: set[str]) -> Axis:
    """The axis with as few primes as make its name a new one."""
    name = axis.name.rstrip("'")
    while name in taken:
        name += "'"
    return Axis(Symbol(name, integer=True), axis.extent)


def plainly(term: Statement) -> Statement:
    """The same with as few primes as can be."""
    used = {a.name for a in term.domain if a not in bound(term)}
    values: dict[Any, Any] = {}
    for axis in bound(term):
        values[axis] = renamed(axis, used)
        used.add(values[axis].name)
    return term.substitute({a: b for a, b in values.items() if a != b})
