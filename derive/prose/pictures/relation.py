"""Statements seen as windows: which entries of one tensor meet which entries of another one.

    y[p] += w[u]·x[s·p + u]        y[p] meets x[s·p + u], with the weight w[u]
    z[s·p + u] += w[u]·x[p]        z[s·p + u] meets x[p], with the weight w[u]

What makes a window is an index that moves with two axes, of which the other tensor has one.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from derive.calculus.affine import axes_in
from derive.calculus.differentiate import partial
from derive.calculus.instance import Instance, Place
from derive.calculus.statements import Statement, System
from derive.language.symbols import Access, Axis, Tensor, entries_in

MOST = 2  # dimensions that a plane has


@dataclass(frozen=True)
class Handing:
    """A statement that hands an entry on, times a number.

    Attributes
    ----------
    at : tuple of int
        Where the dimensions of the window are in what it writes.
    """

    statement: Statement
    slope: Expr
    at: tuple[int, ...]


@dataclass(frozen=True)
class Window:
    """A statement whose read and target meet in windows.

    Attributes
    ----------
    source : Access
        What is read.
    along : tuple of (int, int)
        For each dimension of the window, its position among the indices of source and target.
    weight : sympy.Expr or None
        The factor of the source; None if the value is no multiple of it.
    onward : tuple of Handing
        What hands the sum on, entry by entry.
    """

    statement: Statement
    source: Access
    along: tuple[tuple[int, int], ...]
    weight: Expr | None
    onward: tuple[Handing, ...] = ()

    @property
    def target(self) -> Access:
        """What is written in the end."""
        return self.onward[-1].statement.target if self.onward else self.statement.target

    @property
    def at(self) -> tuple[int, ...]:
        """Where the dimensions of the window are in it."""
        return self.onward[-1].at if self.onward else tuple(r for _, r in self.along)

    @property
    def taps(self) -> tuple[Axis, ...]:
        """The axes within a window, in the order of its dimensions."""
        return tuple(axis for one, other in self._axes for axis in self._sorted(one ^ other))

    @property
    def axes(self) -> set[Axis]:
        """The axes that move within windows, or from one to the next."""
        return {axis for one, other in self._axes for axis in one | other}

    @property
    def _axes(self) -> list[tuple[set[Axis], set[Axis]]]:
        """For each dimension, the axes in the index of the source, and of the target."""
        target = self.statement.target
        return [
            (axes_in([self.source.index[s]]), axes_in([target.index[r]])) for s, r in self.along
        ]

    def _sorted(self, axes: set[Axis]) -> list[Axis]:
        return sorted(axes, key=self.statement.domain.index)


@dataclass(frozen=True)
class Link:
    """An entry of the source that meets one of the target.

    Attributes
    ----------
    weight : sympy.Expr or None
        The entry of the weight, or the number, with which they meet.
    """

    source: Place
    target: Place
    weight: Expr | None


def windows(system: System) -> Iterator[Window]:
    """Every statement with a window of one or two dimensions."""
    for statement in system.statements:
        if statement.op == "first" or statement.target.tensor.integer:
            continue
        found = [
            window
            for read in statement.reads
            if not read.tensor.integer and (window := _window(statement, read, system))
        ]
        # Taps belong to what is learned; else to what is named last.
        fed = [w for w in found if not w.source.tensor.parameter] or found
        if fed:
            yield _handed_on(min(fed, key=lambda w: _place(w, system)), system)


def _place(window: Window, system: System) -> int:
    return system.tensors.index(window.source.tensor)


def _window(statement: Statement, read: Access, system: System) -> Window | None:
    target = statement.target
    sides = read.index, target.index
    have = [axes_in(side) for side in sides]
    along = []
    for here, side in enumerate(sides):
        other = 1 - here
        for dimension, index in enumerate(side):
            axes = axes_in([index])
            if not (axes & have[other]) or axes <= have[other]:
                continue
            partners = [d for d, i in enumerate(sides[other]) if axes & axes_in([i])]
            if len(partners) != 1:
                return None
            pair = (dimension, partners[0])
            along.append(pair if here == 0 else pair[::-1])
    if not 0 < len(along) <= MOST or len(set(along)) != len(along):
        return None
    return Window(statement, read, tuple(sorted(along)), _weight(statement, read, system))


def _weight(statement: Statement, read: Access, system: System) -> Expr | None:
    """The factor of an entry in a product; None for a function of it, and for a maximum."""
    if statement.op == "max":
        return None
    slope = partial(statement.value, read, system.order)
    return None if slope.has(read) or slope == 0 else slope


def _handed_on(window: Window, system: System) -> Window:
    """Follow a sum to where it is handed on, entry by entry, and weighed by numbers."""
    while window.weight is not None and window.target.tensor not in system.outputs:
        tensor = window.target.tensor
        reading = [(s, r) for s in system.statements for r in s.reads if r.tensor == tensor]
        if len(reading) != 1:
            break
        ((statement, read),) = reading
        slope = partial(statement.value, read, system.order)
        if statement.op != "add" or any(not a.tensor.integer for a in entries_in(slope)):
            break
        index, written = [read.index[d] for d in window.at], statement.target.index
        if any(not isinstance(i, Axis) or written.count(i) != 1 for i in index):
            break
        handing = Handing(statement, slope, tuple(written.index(i) for i in index))
        window = replace(window, onward=(*window.onward, handing))
    return window


def links(window: Window, instance: Instance) -> tuple[Link, ...]:
    """Every meeting, all axes that do not move at their first number."""
    fixed = {a: 0 for a in window.statement.domain if a not in window.axes}
    met: dict[tuple[Place, Place], Expr | None] = {}
    for point in instance.points(window.statement, fixed):
        read = instance.entry(window.source, point.here)
        source = tuple(read.place[s] for s, _ in window.along)
        target = tuple(point.target.place[r] for _, r in window.along)
        weight = window.weight
        if weight is not None:
            weight = instance.valued(weight, point.here)
            for handing in window.onward:
                weight *= instance.valued(handing.slope, _there(handing, target, instance))
            weight += met.get((source, target)) or 0
        met[source, target] = weight
    return tuple(Link(source, target, weight) for (source, target), weight in met.items())


def _there(handing: Handing, place: Place, instance: Instance) -> dict:
    """The point at which an entry is handed on."""
    statement = handing.statement
    here = {**instance.values, **{a: Integer(0) for a in statement.domain}}
    for dimension, number in zip(handing.at, place, strict=True):
        here[statement.target.index[dimension]] = Integer(number)  # type: ignore[index]
    return here


def counting(window: Window) -> dict[Tensor, tuple[int, ...]]:
    """Of the indices of each tensor in the weight, those that move."""
    found: dict[Tensor, tuple[int, ...]] = {}
    for access in (entries_in(window.weight) if window.weight is not None else ()):
        moving = (d for d, i in enumerate(access.index) if axes_in([i]) & window.axes)
        found[access.tensor] = tuple(moving)
    return found
