"""Pass: what goes to the first point that attains a maximum is handed from point to point.

    y_argmax[p] first= attains(x[s*p + u], y[p])
    x_bar[s*p + u] += y_bar[p]   where y_argmax[p] = u

becomes, in one loop over u,

    y_left[p] += y_bar[p]
    x_bar[s*p + u] += taken(y_left[p], attains(x[s*p + u], y[p]))

A point that attains the maximum takes what is left, and nothing is left for those behind it. No
selection is computed or kept: backward compares again. What no point before the last one has taken
is the last one's, without a comparison, where nothing else can be the maximum.
"""

from __future__ import annotations

from dataclasses import replace

import sympy
from sympy import Mul

from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import inside
from derive.calculus.selection import attains, rank, reduced, taken
from derive.calculus.statements import Guard, Statement, accesses, names_in
from derive.language.names import fresh
from derive.language.symbols import Access, Tensor
from derive.program.grammar import Module, adding, statements_of
from derive.program.loops import loops_of

Statements = tuple[Statement, ...]


def route_maxima(module: Module) -> Module:
    """Route what is only selected for."""
    onward, reverse = statements_of(module.forward.body), statements_of(module.backward.body)
    forward, backward = with_remainders(onward, reverse, {*module.forward.outputs})
    return module.with_bodies(map(adding, forward), map(adding, backward))


def with_remainders(
    forward: Statements, backward: Statements, keep: set[Tensor]
) -> tuple[Statements, Statements]:
    """Route what is only selected for, statement by statement; tensors in `keep` stay."""
    for selection in forward:
        number = selection.target.tensor
        if selection.op != "first" or number in keep:
            continue
        reading = [s for s in (*forward, *backward) if any(r.tensor == number for r in s.entries)]
        if len(reading) != 1 or reading[0] not in backward:
            continue
        routed = _routed(reading[0], selection, (*forward, *backward))
        if routed:
            forward = tuple(s for s in forward if s is not selection)
            backward = tuple(r for s in backward for r in (routed if s is reading[0] else (s,)))
    return forward, backward


def _routed(statement: Statement, selection: Statement, others: Statements) -> Statements:
    """The statements instead of one that adds where a number was selected; none if they differ."""
    source = statement.value
    guard = Guard("eq", selection.target - rank(selection))
    alike = statement.domain == selection.domain and guard in statement.where
    if not alike or not isinstance(source, Access) or source.index != selection.target.index:
        return ()
    names = names_in(others)
    name = fresh(f"{selection.value.args[1].tensor.name}_left", names)  # type: ignore[attr-defined]
    left = Access(Tensor(name, source.tensor.axes_of, offset=source.tensor.offset), *source.index)
    where = tuple(g for g in statement.where if g != guard)
    axes = tuple(a for a in statement.domain if a in axes_in(source.index))
    found = selection.value
    if _among(selection, others):
        behind = Mul(*(a.extent for a in reduced(selection))) - 1 - rank(selection)
        found = attains(*found.args, sympy.expand(behind))
    taking = replace(statement, value=taken(left, found), where=where)
    loops = set(loops_of(taking))
    finite = [a for a in accesses(found) if a.tensor.outside not in (None, -sympy.oo)]
    if not all(inside(access, selection.domain, selection.where) for access in finite):
        return ()  # a point beyond an array may be the first
    if not set(reduced(selection)) <= loops or (axes and set(axes) <= loops):
        return ()  # points are visited one after another, and what is left is an array to write to
    return Statement(axes, left, source), taking


def _among(selection: Statement, others: Statements) -> bool:
    """Whether one of the points is always the maximum: no other statement, nothing outside."""
    value, largest = selection.value.args
    writing = [s for s in others if s.target.tensor == largest.tensor]  # type: ignore[union-attr]
    inside = all(a.tensor.outside is None for a in accesses(value))
    below = isinstance(value, Access) and value.tensor.outside == -sympy.oo
    plain = not any(affine(g.expression).reads for g in selection.where)
    return len(writing) == 1 and plain and (inside or below)
