"""Windows on a grid: what one output sees, and which outputs see one input, with which weights."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence

from sympy import Expr

from derive.calculus.instance import Place
from derive.calculus.step import Phrase
from derive.language.symbols import Tensor
from derive.prose.pictures.grammar import Cell, Picture
from derive.prose.pictures.letters import PLUS, Letters, times
from derive.prose.pictures.page import Page
from derive.prose.pictures.planes import Drawn, Plane
from derive.prose.pictures.relation import Link, counting

GAP = 1.0  # between two planes
_WIDE = 11  # of two planes side by side


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
            parts += [PLUS] * (len(parts) > 2) + times(weight, factor)
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
            " sees", *_listed(entry(source, k.source) for k in seen),
            "; below, the entries of ", entry(target, ()), " that see ",
            entry(source, source_place), *_listed(entry(target, k.target) for k in seeing), ".",
        ),
    )  # fmt: skip


def _listed(entries: Iterable[Expr]) -> Iterator[Expr | str]:
    for number, entry in enumerate(entries):
        yield ", " if number else ": "
        yield entry


def _counted(number: int) -> tuple[str]:
    return ("one entry" if number == 1 else f"{number} entries",)


def _telling(one: Drawn) -> tuple[Place, Place]:
    """The target and source to look at: a window that reaches outside, if there is one, and an
    entry that as many windows as possible see."""
    outer = [k.target for k in one.links if not one.source.is_inner(k.source)]
    outer = [p for p in outer if one.target.is_inner(p)]
    target = min(outer) if outer else busiest([k.target for k in one.inner], one.target)
    return target, busiest([k.source for k in one.inner], one.source)


def _is_finite(tensor: Tensor) -> bool:
    return tensor.outside is not None and tensor.outside.is_finite


def busiest(places: Sequence[Place], plane: Plane) -> Place:
    """Of the places that occur most often the one nearest to the middle."""
    often = Counter(places)
    most = max(often.values())
    middle = [(a + b) / 2 for a, b in zip(plane.first, plane.last, strict=True)]

    def off(place: Place) -> float:
        return sum((i - m) ** 2 for i, m in zip(place, middle, strict=True))

    return min((p for p in often if often[p] == most), key=lambda p: (off(p), p))
