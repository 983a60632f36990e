"""Lines and planes of cells, and windows on them at sizes small enough to be drawn."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr

from derive.calculus.instance import Instance, Place
from derive.calculus.sizes import choices, completed, free_sizes, symbols_of
from derive.calculus.statements import System
from derive.language.options import Option
from derive.language.symbols import Tensor
from derive.prose.pictures.grammar import Cell, Frame, Role
from derive.prose.pictures.relation import MOST, Link, Window, links

_LEAST, _ENOUGH, _LONGEST = 2, 3, 9
_ROOM = {1: 7, 2: 5}  # the longest source for which there are three windows


@dataclass(frozen=True)
class Plane:
    """A line or plane of cells, with what lies around it."""

    first: Place
    last: Place
    inner: tuple[range, ...]

    @classmethod
    def around(cls, inner: tuple[range, ...], places: Iterable[Place]) -> Plane:
        """Large enough for all places; a line is a plane of one row."""
        found = [*places, tuple(r[0] for r in inner), tuple(r[-1] for r in inner)]
        ends = [(min(p), max(p)) for p in zip(*found, strict=True)]
        return cls(tuple(a for a, _ in ends), tuple(b for _, b in ends), inner)

    @property
    def rows(self) -> int:
        return self.last[0] - self.first[0] + 1 if len(self.first) == 2 else 1

    @property
    def columns(self) -> int:
        return self.last[-1] - self.first[-1] + 1

    def corner(self, place: Place) -> tuple[int, int]:
        """Column and row of a place."""
        row = place[0] - self.first[0] if len(place) == 2 else 0
        return place[-1] - self.first[-1], row

    def places(self) -> Iterator[Place]:
        columns = range(self.first[-1], self.last[-1] + 1)
        if len(self.first) == 1:
            yield from ((c,) for c in columns)
        else:
            rows = range(self.first[0], self.last[0] + 1)
            yield from ((r, c) for r in rows for c in columns)

    def is_inner(self, place: Place) -> bool:
        return all(i in r for i, r in zip(place, self.inner, strict=True))

    def centre(self, place: Place, x: float = 0, y: float = 0) -> tuple[float, float]:
        column, row = self.corner(place)
        return x + column + 0.5, y + row + 0.5

    def cells(
        self,
        x: float,
        y: float,
        role: Role,
        filled: Mapping[Place, Cell | None] | None = None,
        outer: Sequence[Any] = (0,),
    ) -> Iterator[Cell]:
        """A cell for each place, those around the tensor dashed; some are filled otherwise."""
        filled = filled or {}
        heavy = [p for p in self.places() if (c := filled.get(p)) and c.line == "heavy"]
        for place in (*(p for p in self.places() if p not in heavy), *heavy):
            column, row = self.corner(place)
            cell = filled.get(place)
            inner = self.is_inner(place)
            if cell is None:
                kind: tuple = (role, ()) if inner else ("zero", tuple(outer))
                cell = Cell(0, 0, *kind)
            line = cell.line if inner else "dashed"
            yield Cell(x + column, y + row, cell.role, cell.label, line, shade=cell.shade)

    def frame(self, places: Sequence[Place], x: float, y: float) -> Frame:
        """A frame around places."""
        corners = [self.corner(p) for p in places]
        left, top = (min(c[i] for c in corners) for i in (0, 1))
        right, bottom = (max(c[i] for c in corners) + 1 for i in (0, 1))
        return Frame(x + left, y + top, right - left, bottom - top)


@dataclass(frozen=True)
class Drawn:
    """A window at numbers: its links and the planes of source and target."""

    window: Window
    instance: Instance
    links: tuple[Link, ...]
    source: Plane
    target: Plane
    shades: dict[Expr, int]

    @property
    def inner(self) -> tuple[Link, ...]:
        """Those whose both ends are entries."""
        return tuple(
            k for k in self.links
            if self.source.is_inner(k.source) and self.target.is_inner(k.target)
        )  # fmt: skip

    @property
    def some_inside(self) -> bool:
        """Whether a window lies within the source, or all of a copy within the target."""
        sides = [(k.target, self.source.is_inner(k.source)) for k in self.links]
        sides = (
            sides
            if all(self.target.is_inner(k.target) for k in self.links)
            else [(k.source, self.target.is_inner(k.target)) for k in self.links]
        )
        return bool({p for p, _ in sides} - {p for p, inside in sides if not inside})


def drawn(window: Window, instance: Instance) -> Drawn:
    """The links of a window, and room for them."""
    found = links(window, instance)
    source = _extents(window.source.tensor, [s for s, _ in window.along], instance)
    target = _extents(window.target.tensor, window.at, instance)
    weights = dict.fromkeys(k.weight for k in found if k.weight is not None)
    return Drawn(
        window,
        instance,
        found,
        Plane.around(source, (k.source for k in found)),
        Plane.around(target, (k.target for k in found)),
        {weight: number for number, weight in enumerate(sorted(weights, key=str))},
    )


def _extents(tensor: Tensor, at: Sequence[int], instance: Instance) -> tuple[range, ...]:
    shape = instance.shape(tensor)
    return tuple(range(tensor.offset[d], tensor.offset[d] + shape[d]) for d in at)


def sized(
    system: System,
    window: Window,
    options: Sequence[Option],
    said: Mapping[str, Any],
    taps: int,
    enough: int = _ENOUGH,
) -> Instance | None:
    """The smallest sizes at which windows are seen to slide; None if there are none.

    Windows have `taps` entries along each dimension unless options say how many. There are `enough`
    of them, or two if a source with room for more is too large to be drawn; one at least lies
    within the source.
    """
    ends = [window.source.tensor.shape[s] for s, _ in window.along]
    ends += [window.target.tensor.shape[r] for r in window.at]
    inner = [s for s in free_sizes(a.extent for a in window.taps) if s not in ends]
    lengths = [s for s in free_sizes(ends) if s not in inner]

    def found(spoken: Mapping[str, Any]) -> Iterator[tuple[int, int, Instance]]:
        for length in range(1, _LONGEST + 1):
            sizes = {s: max(taps, s.minimum) for s in inner} | dict.fromkeys(lengths, length)
            values = completed(symbols_of(system), options, spoken, sizes)
            if values is not None:
                instance = Instance(system, values)
                yield length, _windows(window, instance), instance

    for spoken in choices(options, said):
        known = list(found(spoken))
        for least, shortest, longest in (
            (enough, 1, _ROOM[len(window.along)]),
            (_LEAST, _ROOM[MOST] - 1, _LONGEST),
        ):
            for length, count, instance in known:
                fits = count >= least and shortest <= length <= longest
                if fits and drawn(window, instance).some_inside:
                    return instance
    return None


def _windows(window: Window, instance: Instance) -> int:
    """How many windows there are along the dimension with the fewest."""
    source = _extents(window.source.tensor, [s for s, _ in window.along], instance)
    target = _extents(window.target.tensor, window.at, instance)
    return min(len(r) for r in (*source, *target))
