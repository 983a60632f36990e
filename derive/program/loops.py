"""Which axes of a statement are Python loops, so that all others can be whole array axes."""

from __future__ import annotations

from collections.abc import Iterable

from derive.calculus.affine import Affine, affine, axes_in
from derive.calculus.selection import reduced
from derive.calculus.statements import Statement, accesses
from derive.language.symbols import Axis


def loops_of(statement: Statement, outer: tuple[Axis, ...] = ()) -> tuple[Axis, ...]:
    """The axes that must be Python loops, so that all others can be whole array axes.

    `outer` are loops that run anyway.

    Of two axes that share an index, the one that walks a parameter is looped over (taps are fewer
    than pixels), else the one that is summed. An index that reads integers becomes an array of
    indices where `gather_loops` leaves it one.
    """
    reads = (*statement.reads, statement.target)
    loops = set(outer) | gather_loops(statement)
    shared: list[set[Axis]] = []
    for access in reads:
        seen: set[Axis] = set()
        for index in access.index:
            place = affine(index)
            if not axes_in(place.reads) <= loops:
                continue
            for axis in place.iterators:
                step = place.coefficient(axis)
                if axis in seen or not (step.is_positive or step.is_negative):
                    loops.add(axis)
                seen.add(axis)
            shared.append(set(place.iterators))
    for guard in statement.where:
        place = affine(guard.expression)
        if not axes_in(place.reads) <= loops:
            continue
        if guard.kind == "ge":
            for axis in place.iterators:
                step = place.coefficient(axis)
                if not (step.is_positive or step.is_negative):
                    loops.add(axis)
            shared.append(set(place.iterators))
        else:
            loops |= axes_in((guard.expression, guard.modulus))
    learned = {a for access in reads if access.tensor.parameter for a in axes_in(access.index)}
    while crowded := [group - loops for group in shared if len(group - loops) > 1]:
        candidates = set().union(*crowded)
        loops.add(max(candidates, key=lambda a: (a in learned, *_further_out(a, statement))))
        for guard in statement.where:  # a condition on numbers is one on the loops alone
            numbers = axes_in(affine(guard.expression).reads) <= loops
            if guard.kind != "ge" and numbers:
                loops |= axes_in((guard.expression, guard.modulus))
    if statement.op == "first":
        # Points are numbered from arrays only if these run over all of every axis but one.
        over = set(reduced(statement))
        seen = set().union(*(axes_in(access.index) for access in statement.reads))
        narrow = [g for g in statement.where if axes_in(accesses(g.expression)) <= loops]
        narrowed = axes_in(g.expression for g in narrow)
        if over & loops or (over & narrowed and len(over) > 1) or not over <= seen:
            loops |= over
    return tuple(a for a in statement.domain if a in loops)


def _further_out(axis: Axis, statement: Statement) -> tuple:
    """Sums are looped over before entries, and entries that lie apart before neighbours."""
    index = statement.target.index
    places = [a.index.index(axis) for a in statement.reads if axis in a.index]
    at = index.index(axis) if axis in index else min(places, default=-1)
    return axis not in index, -at, statement.domain.index(axis), axis.name


def gather_loops(statement: Statement) -> set[Axis]:
    """Axes of integers in an index that are loops, so that what moves besides them is a slice.

    ``Σ_v x[start[q] + v]`` sums a slice for each q: an array of indices would copy every window.
    """
    loops: set[Axis] = set()
    for access in (*statement.reads, statement.target):
        places = [affine(index) for index in access.index]
        for place in (p for p in places if p.reads):
            moving = set(place.iterators)
            if access != statement.target:
                windows = moving & set(reduced(statement))
            else:
                windows = moving and not moves_apart(places, axes_in((place.expression,)))
                windows = windows or statement.op != "add"
            if windows:
                loops |= axes_in(place.reads)
    return loops


def moves_apart(places: Iterable[Affine], axes: set[Axis]) -> bool:
    """Whether no two points of the axes meet: each moves an index of its own by 1."""
    moved = [p for p in places if len(p.iterators) == 1 and abs(p.coefficients[0][1]) == 1]
    return {p.iterators[0] for p in moved} >= axes
