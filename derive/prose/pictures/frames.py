"""A sum over a window on numbers, a frame for each result: shift, multiply, add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy import Expr, Integer

from derive.calculus.array import Array
from derive.calculus.instance import Place
from derive.calculus.step import Phrase
from derive.language.symbols import Access, Tensor
from derive.prose.numbers import short
from derive.prose.pictures.grammar import Cell, Item, Picture
from derive.prose.pictures.letters import PLUS, Letters
from derive.prose.pictures.page import Page
from derive.prose.pictures.planes import Drawn
from derive.prose.pictures.relation import Link, counting

MOST_FRAMES = 9
_WIDEST = 9


def frames_picture(one: Drawn, arrays: Mapping[Tensor, Array]) -> Picture | None:
    """For each result the numbers that it sees, the weights under them, and the sum.

    None if the sum is not all of the result: other channels, or other terms, add to it.

    Parameters
    ----------
    one : Drawn
        A window at the sizes of the arrays.
    arrays : mapping of Tensor to array
        Numbers of source, weights and target, product axes split.
    """
    source, target = one.window.source.tensor, one.window.target.tensor
    counts = counting(one.window)
    letters = Letters((source, target, *counts))
    places = [p for p in one.target.places() if one.target.is_inner(p)]
    fits = len(places) <= MOST_FRAMES and one.source.columns <= _WIDEST
    if not fits or not {source, target, *counts} <= arrays.keys():
        return None
    number = Valued(one, arrays)
    frames = {p: [k for k in one.links if k.target == p] for p in places}
    for place, seen in frames.items():
        if any(k.weight is None for k in seen) or not number.is_all(place, seen):
            return None
    page = Page(max(one.source.columns, 8))
    sum_of = letters.entry(target, ())
    page.say((f"{len(places)} sums of products, one for each entry of ", sum_of, ":"))
    for place, seen in frames.items():
        page.y += 0.2
        page.add(_frame(one, number, seen, page.y))
        page.y += one.source.rows * (1 if len(place) == 2 else 2) + 0.1
        page.say(_sum(letters.entry(target, place), number, seen))
    page.say(letters.legend())
    return page.picture(
        "frames",
        ("The entries of ", sum_of, ", one after the other"),
        (
            "For each entry of ", sum_of, ", the numbers of ", letters.entry(source, ()),
            " that it sees, what each is multiplied by, and the sum.",
        ),
    )  # fmt: skip


class Valued:
    """Entries of a window as numbers."""

    def __init__(self, one: Drawn, arrays: Mapping[Tensor, Array]) -> None:
        self.one, self.arrays = one, arrays

    def source(self, place: Place) -> Expr:
        """A number of the source; what lies around it is what is read there."""
        tensor = self.one.window.source.tensor
        if not self.one.source.is_inner(place):
            return tensor.outside if tensor.outside is not None else Integer(0)
        along = dict(zip((s for s, _ in self.one.window.along), place, strict=True))
        return self.at(tensor, tuple(along.get(d, 0) for d in range(tensor.rank)))

    def target(self, place: Place) -> Expr:
        tensor = self.one.window.target.tensor
        along = dict(zip(self.one.window.at, place, strict=True))
        return self.at(tensor, tuple(along.get(d, 0) for d in range(tensor.rank)))

    def at(self, tensor: Tensor, place: Place) -> Expr:
        index = tuple(i - first for i, first in zip(place, tensor.offset, strict=True))
        return self.arrays[tensor][index]

    def weight(self, link: Link) -> Expr:
        weight = sympy.sympify(link.weight)
        return weight.xreplace({
            a: self.at(a.tensor, tuple(int(i) for i in a.index)) for a in weight.atoms(Access)
        })  # fmt: skip

    def is_all(self, place: Place, seen: list[Link]) -> bool:
        """Whether the products of a window add up to the result."""
        products = (self.weight(k) * self.source(k.source) for k in seen)
        return bool(abs(sum(products, Integer(0)) - self.target(place)) < 1e-12)


def _frame(one: Drawn, number: Valued, seen: list[Link], y: float) -> Iterator[Item]:
    """The source with what is seen of it; a line has the weights below, a plane within."""
    by = {k.source: k for k in seen}
    plane = len(one.source.first) == 2
    filled = {}
    for place in one.source.places():
        label = short(number.source(place))
        role = "input" if one.source.is_inner(place) else "zero"
        shade = None
        if plane and place in by:
            label = f"{label}·{_bracketed(number.weight(by[place]))}"
            shade = one.shades.get(sympy.sympify(by[place].weight))
        filled[place] = Cell(0, 0, role, (label,), shade=shade)
    yield from one.source.cells(0, y, "input", filled)
    for link in seen if not plane else ():
        column, _ = one.source.corner(link.source)
        label = (f"·{_bracketed(number.weight(link))}",)
        shade = one.shades.get(sympy.sympify(link.weight))
        yield Cell(column, y + 1, "weight", label, shade=shade)
    height = 1 if plane else 2
    frame = one.source.frame([k.source for k in seen], 0, y)
    yield type(frame)(frame.x, frame.y, frame.width, frame.height * height)


def _sum(name: Expr, number: Valued, seen: list[Link]) -> Phrase:
    parts: list = [name, " = "]
    for link in seen:
        factors = short(number.source(link.source)), _bracketed(number.weight(link))
        parts += [PLUS] * (len(parts) > 2) + ["\u2009·\u2009".join(factors)]
    return (*parts, " =\u00a0", short(number.target(seen[0].target)))


def _bracketed(number: Expr) -> str:
    text = short(number)
    return f"({text})" if text.startswith("−") else text
