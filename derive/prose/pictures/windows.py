"""Windows on a grid: what one output sees, and which outputs see one input, with which weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr

from derive.calculus.instance import Instance, Place
from derive.calculus.statements import System
from derive.language.options import Option
from derive.language.symbols import Tensor
from derive.prose.pictures.grammar import Cell, Frame, Item, Note, Picture, Role
from derive.prose.pictures.letters import Letters
from derive.prose.pictures.relation import Link, Window, counting, links
from derive.prose.pictures.sizing import choices, completed, free_sizes

_LEAST, _ENOUGH, _ROOM, _LONGEST = 2, 3, 5, 9
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
    room: int = _ROOM,
) -> Instance | None:
    """The smallest sizes at which windows are seen to slide; None if there are none.

    Windows have `taps` entries along each dimension unless options say how many, and there are
    three of them, or two if that takes a source of more than `room`.
    """
    ends = [window.source.tensor.shape[s] for s, _ in window.along]
    ends += [window.target.tensor.shape[r] for r in window.at]
    inner = [s for s in free_sizes(a.extent for a in window.taps) if s not in ends]
    lengths = [s for s in free_sizes(ends) if s not in inner]

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
            lambda length, count: count >= _LEAST and length >= room - 1,
        )
        for wish in wishes:
            for length, instance in found:
                if wish(length, windows(instance)):
                    return instance
    return None


def window_picture(one: Drawn) -> Picture:
    """Above, what one output sees; below, by which outputs one input is seen."""
    window = one.window
    source, target = window.source.tensor, window.target.tensor
    counts = counting(window)
    letters = Letters((source, target, *counts))
    seen = _busiest([k.target for k in one.inner], one.target)
    sees = _busiest([k.source for k in one.inner], one.source)
    below = one.source.columns + GAP + one.target.columns > _WIDE
    right = 0 if below else one.source.columns + GAP
    drop = one.source.rows + GAP if below else 0

    def label(weight: Expr | None) -> tuple:
        return () if weight is None else (letters.put(weight, counts),)

    def held(link: Link) -> Cell:
        shade = None if link.weight is None else one.shades[link.weight]
        return Cell(0, 0, "weight", label(link.weight), shade=shade)

    def row(y: float, filled_source: dict, filled_target: dict, around: Frame) -> list[Item]:
        outer = one.instance.number(source.outside) if _is_finite(source) else ""
        return [
            *one.source.cells(0, y, "input", filled_source, (str(outer),)),
            *one.target.cells(right, y + drop, "output", filled_target, ("",)),
            around,
        ]

    window_links = [k for k in one.links if k.target == seen]
    reverse_links = [k for k in one.inner if k.source == sees]
    height = max(one.source.rows, drop + one.target.rows)
    y, items = 1.5, []
    entry = letters.entry
    whole: tuple = tuple(entry(t, ()) for t in (source, target))
    items.append(Note(one.source.columns / 2, 0.4, (*_named(whole[0], source),)))
    items.append(Note(right + one.target.columns / 2, 0.4 + drop, (*_named(whole[1], target),)))
    items += [Note(0, 1.0, (entry(target, seen), " sees:"), "start")]
    items += row(
        y,
        {k.source: held(k) for k in window_links},
        {seen: Cell(0, 0, "marked", (entry(target, seen),), "heavy")},
        one.source.frame([k.source for k in window_links], 0, y),
    )
    y += height + 1.5
    items += [Note(0, y - 0.5, (entry(source, sees), " is seen by:"), "start")]
    reverse = one.target.frame([k.target for k in reverse_links], right, y + drop)
    items += row(
        y,
        {sees: Cell(0, 0, "marked", (entry(source, sees),), "heavy")},
        {k.target: held(k) for k in reverse_links},
        reverse,
    )
    y += height
    width = max(one.source.columns, right + one.target.columns)
    return Picture(
        "window",
        ("Windows of ", whole[0], " and the entries of ", whole[1]),
        (
            "Above: the entries of ", whole[0], " that ", entry(target, seen),
            " sees, each with its weight. Below: the entries of ", whole[1], " that see ",
            entry(source, sees), ", each with the weight with which it does.",
        ),
        width,
        y,
        tuple(items),
    )  # fmt: skip


def _named(short: Expr, tensor: Tensor) -> tuple:
    return (short,)


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
