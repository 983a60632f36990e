"""Rows of a tensor that get equations of their own.

What comes before the beginning of a state does:

    h_bar[t' - 1] = f(t')      becomes      h_bar[t] = f(t + 1)    and    h_bar[-1] = f(0)

A state begins at -1 and every index at 0, so all its rows at once are those at ``t' - 1``. Readers
look for the row at t. And so do rows that are read by their numbers, such as those of gates:

    a_bar[i] = f δ(i, 0) + g δ(i, 1)      becomes      a_bar[0] = f    and    a_bar[1] = g
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Integer, Symbol

from derive.calculus.bounds import nonnegative
from derive.calculus.line import Line
from derive.calculus.normal import put
from derive.calculus.sifting import decided, vanishing
from derive.calculus.statements import Statement
from derive.calculus.step import Becomes, listing
from derive.language.symbols import Access, Axis, Tensor


def set_boundary_apart(line: Line) -> None:
    """Record the change of index, without what vanishes in the rows that it sets apart."""
    for position, first in enumerate(line.target.offset):
        if first >= 0 or not _all_rows(line.current, position):
            continue
        old: Axis = next(iter(line.current[0].target.index[position].atoms(Axis)))
        new = _shorter(old, first, line)
        rest = decided(_moved(s, old, new, first) for s in line.current)
        rows = decided(_at(s, old, row) for row in range(-first) for s in line.current)
        because = (Becomes(old, new - first), "; what comes before the beginning stands apart")
        if not (rest or rows):
            continue
        terms, zeros = _without_zeros((*rest, *rows))
        if zeros:
            verb = " are 0 there" if len(zeros) > 1 else " is 0 there"
            because = (*because, "; ", *listing(zeros), verb)
        line.add("change of index", terms, because)


def set_rows_apart(line: Line) -> None:
    """Solve δ between an index of the result and numbers, if every term has one."""
    for place, index in enumerate(line.current[0].target.index):
        alike = all(s.target.index[place] == index for s in line.current)
        found = [_row(s, index) for s in line.current] if isinstance(index, Axis) else []
        rows = [row for row in found if row]
        if alike and found and len(rows) == len(found):
            because = ("each row that a δ names has an equation of its own",)
            line.add("rows apart", [term for _, term in rows], because)


def _row(term: Statement, axis: Axis) -> tuple[Integer, Statement] | None:
    """The row that a δ gives to a term, and the term as one of that row."""
    for delta in (g for g in term.where if g.kind == "eq"):
        for number in (axis - delta.expression, axis + delta.expression):
            if isinstance(number, Integer):
                kept = tuple(g for g in term.where if g is not delta)
                return number, _at(replace(term, where=kept), axis, int(number))
    return None


def _all_rows(terms: Sequence[Statement], position: int) -> bool:
    """Whether all terms write the same entry, at an index that walks all rows."""
    index = terms[0].target.index[position]
    return all(s.target == terms[0].target for s in terms) and len(index.atoms(Axis)) == 1


def _shorter(old: Axis, first: int, line: Line) -> Axis:
    """An index for the rows from 0 on; without its prime if that name is free."""
    used = {a.name for s in line.current for a in s.domain} | line.reserved
    plain = old.name.rstrip("'")
    name = old.name if plain in used else plain
    return Axis(Symbol(name, integer=True), old.extent + first)


def _moved(term: Statement, old: Axis, new: Axis, first: int) -> Statement:
    domain = tuple(new if a == old else a for a in term.domain)
    return replace(put(term, {old: new - first}), domain=domain)


def _at(term: Statement, old: Axis, row: int) -> Statement:
    domain = tuple(a for a in term.domain if a != old)
    return replace(put(term, {old: Integer(row)}), domain=domain)


def _without_zeros(terms: Sequence[Statement]) -> tuple[Sequence[Statement], tuple[Tensor, ...]]:
    """y_bar[-1]  →  0        y_bar being 0 outside its range; unless nothing were left"""
    zeros = {s: access.tensor for s in terms for access in vanishing(s) if _outside(access, s)}
    kept = [s for s in terms if s not in zeros]
    return (kept, tuple(dict.fromkeys(zeros.values()))) if kept else (terms, ())


def _outside(access: Access, term: Statement) -> bool:
    """Whether the access is outside its tensor at every point of the box."""
    tensor = access.tensor
    return any(
        nonnegative(first - 1 - index, term.domain)
        or nonnegative(index - first - extent, term.domain)
        for index, extent, first in zip(access.index, tensor.shape, tensor.offset, strict=True)
    )
