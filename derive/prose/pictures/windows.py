"""Windows on a grid: what one output sees, and which outputs see one input, with which weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr

from derive.calculus.instance import Instance, Place
from derive.calculus.statements import System
from derive.calculus.step import Phrase
from derive.language.options import Option
from derive.language.symbols import Tensor
from derive.prose.pictures.grammar import Cell, Frame, Picture, Role
from derive.prose.pictures.letters import Letters, times
from derive.prose.pictures.page import Page
from derive.prose.pictures.relation import MOST, Link, Window, counting, links
from derive.prose.pictures.sizing import choices, completed, free_sizes

_LEAST, _ENOUGH, _LONGEST = 2, 3, 9
_ROOM = {1: 7, 2: 5}  # the longest source for which there are three windows
GAP = 1.0  # between two planes
_WIDE = 11  # of two planes side by side


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
        self, x: float, y: float, role: Role, filled: Mapping[Place, Cell | None] | None = None,
        outer: Sequence[Any] = (0,),
    ) -> Iterator[Cell]:
        """A cell for each place, those around the tensor dashed; some are filled otherwise."""
        for place in self.places():
            column, row = self.corner(place)
            cell = (filled or {}).get(place)
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
) -> Instance | None:
    """The smallest sizes at which windows are seen to slide; None if there are none.

    Windows have `taps` entries along each dimension unless options say how many, and there are
    three of them, or two if a source with room for three is too large to be drawn.
    """
    ends = [window.source.tensor.shape[s] for s, _ in window.along]
    ends += [window.target.tensor.shape[r] for r in window.at]
    inner = [s for s in free_sizes(a.extent for a in window.taps) if s not in ends]
    lengths = [s for s in free_sizes(ends) if s not in inner]

    room = _ROOM[len(window.along)]

    def at(length: int, spoken: Mapping[str, Any]) -> Instance | None:
        sizes = {s: max(taps, s.minimum) for s in inner} | {s: length for s in lengths}
        values = completed(system, options, spoken, sizes)
        return None if values is None else Instance(system, values)

    def windows(instance: Instance) -> int:
        counts = _extents(window.source.tensor, [s for s, _ in window.along], instance)
        found = _extents(window.target.tensor, window.at, instance)
        return min(len(r) for r in (*counts, *found))

    for spoken in choices(options, said):
        found = [(n, i) for n in range(1, _LONGEST + 1) if (i := at(n, spoken)) is not None]
        wishes: tuple[Callable[[int, int], bool], ...] = (
            lambda length, count: count >= _ENOUGH and length <= room,
            lambda length, count: count >= _LEAST and length >= _ROOM[MOST] - 1,
        )
        for wish in wishes:
            for length, instance in found:
                if wish(length, windows(instance)):
                    return instance
    return None


def window_picture(one: Drawn) -> Picture:
    """Above, what one entry of the target sees; below, which of them see one of the source."""
    window = one.window
    source, target = window.source.tensor, window.target.tensor
    counts = counting(window)
    letters = Letters((source, target, *counts))
    entry = letters.entry
    target_place, source_place = _telling(one)
    seen = [k for k in one.links if k.target == target_place]
    seeing = [k for k in one.inner if k.source == source_place]
    below = one.source.columns + GAP + one.target.columns > _WIDE
    right = 0.0 if below else one.source.columns + GAP
    drop = one.source.rows + GAP if below else 0.0
    width = max(one.source.columns, right + one.target.columns)
    verb = " is the largest of " if window.statement.op == "max" else " sees "
    outside = f"{source.outside}" if _is_finite(source) else ""

    def held(link: Link) -> Cell:
        if link.weight is None:
            return Cell(0, 0, "weight")
        label = (letters.put(link.weight, counts),)
        return Cell(0, 0, "weight", label, shade=one.shades[link.weight])

    def marked(access: Expr) -> Cell:
        return Cell(0, 0, "marked", (access,), "heavy")

    def total(access: Expr, terms: Sequence[tuple[Link, Expr]]) -> Phrase:
        if any(k.weight is None for k, _ in terms):
            return ()
        parts: list = [access, " = "]
        for link, factor in terms:
            weight = letters.put(link.weight, counts)  # type: ignore[arg-type]
            parts += [" + "] * (len(parts) > 2) + times(weight, factor)
        return tuple(parts)

    page = Page(width)
    page.say((entry(target, target_place), verb, *_counted(len(seen)), " of ", entry(source, ())))
    y = page.y
    page.add(one.source.cells(0, y, "input", {k.source: held(k) for k in seen}, (outside,)))
    page.add([one.source.frame([k.source for k in seen], 0, y)])
    page.add(one.target.cells(right, y + drop, "output", {
        target_place: marked(entry(target, target_place))}))  # fmt: skip
    height = max(one.source.rows, drop + one.target.rows)
    page.y += height + 0.15
    page.say(total(
        entry(target, target_place),
        [(k, entry(source, k.source)) for k in seen if one.source.is_inner(k.source)],
    ))  # fmt: skip
    page.y += 0.5
    page.say((entry(source, source_place), " is seen by ", *_counted(len(seeing)), " of ",
              entry(target, ())))  # fmt: skip
    y = page.y
    page.add(one.source.cells(0, y, "input", {
        source_place: marked(entry(source, source_place))}, (outside,)))  # fmt: skip
    page.add(one.target.cells(right, y + drop, "output", {k.target: held(k) for k in seeing}))
    page.add([one.target.frame([k.target for k in seeing], right, y + drop)])
    page.y += height + 0.15
    page.say(total(
        entry(source, source_place, True),
        [(k, entry(target, k.target, True)) for k in seeing],
    ))  # fmt: skip
    page.say(letters.legend())
    return page.picture(
        "window",
        ("Windows of ", entry(source, ()), " and the entries of ", entry(target, ())),
        (
            "Above, the entries of ", entry(source, ()), " that ", entry(target, target_place),
            " sees, each with its weight. Below, the entries of ", entry(target, ()),
            " that see ", entry(source, source_place), ", each with the same weight as above.",
        ),
    )  # fmt: skip


def _counted(number: int) -> tuple[str]:
    return ("one entry" if number == 1 else f"{number} entries",)


def _telling(one: Drawn) -> tuple[Place, Place]:
    """The target and source to look at: a window that reaches outside, if there is one, and an
    entry that as many windows as possible see."""
    outer = [k.target for k in one.links if not one.source.is_inner(k.source)]
    outer = [p for p in outer if one.target.is_inner(p)]
    target = min(outer) if outer else _busiest([k.target for k in one.inner], one.target)
    return target, _busiest([k.source for k in one.inner], one.source)


def _is_finite(tensor: Tensor) -> bool:
    return tensor.outside is not None and tensor.outside.is_finite


def _busiest(places: Sequence[Place], plane: Plane) -> Place:
    """Of the places that occur most often the one nearest to the middle."""
    often = Counter(places)
    most = max(often.values())
    middle = [(a + b) / 2 for a, b in zip(plane.first, plane.last, strict=True)]

    def off(place: Place) -> float:
        return sum((i - m) ** 2 for i, m in zip(place, middle, strict=True))

    return min((p for p in often if often[p] == most), key=lambda p: (off(p), p))
