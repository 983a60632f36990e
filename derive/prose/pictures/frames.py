"""A sum over a window on numbers, a frame for each result: shift, multiply, add."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import sympy
from sympy import Expr, Integer

from derive.calculus.array import Array
from derive.calculus.instance import Place
from derive.calculus.step import Phrase
from derive.language.symbols import Access, Tensor, entries_in
from derive.prose.numbers import short
from derive.prose.pictures.grammar import Cell, Item, Picture, Role
from derive.prose.pictures.letters import PLUS, Letters
from derive.prose.pictures.page import Page
from derive.prose.pictures.planes import Drawn, Plane
from derive.prose.pictures.relation import Link, counting

MOST_FRAMES = 9
_WIDEST, _WIDTH = 9, 8


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
    columns = one.source.columns
    beside = 2 if len(places[0]) == 2 and 2 * columns < _WIDEST else 1
    page = Page(max(beside * columns + beside - 1, _WIDTH))
    sum_of = letters.entry(target, ())
    _weights(page, one, number, letters, max(frames.values(), key=len))
    page.say((f"{len(places)} sums of products, one for each entry of ", sum_of, ":"))
    share = page.width / beside
    for first in range(0, len(places), beside):
        top = page.y + 0.2
        for place, x in zip(places[first : first + beside], (0.0, share), strict=False):
            page.y, low = top, page.y
            page.add(_frame(one, number, frames[place], x, top))
            page.y += one.source.rows * (1 if len(place) == 2 else 2) + 0.1
            name = letters.entry(target, place)
            page.say(_sum(name, number, frames[place]), x, share - 0.5 * (beside - 1))
            page.y = max(page.y, low)
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
            a: self.at(a.tensor, tuple(int(i) for i in a.index)) for a in entries_in(weight)
        })  # fmt: skip

    def is_all(self, place: Place, seen: list[Link]) -> bool:
        """Whether the products of a window add up to the result."""
        products = (self.weight(k) * self.source(k.source) for k in seen)
        return bool(abs(sum(products, Integer(0)) - self.target(place)) < 1e-12)


def _weights(page: Page, one: Drawn, number: Valued, letters: Letters, seen: list[Link]) -> None:
    """The weights in their own order, where they are the entries of one tensor; and whether they
    lie turned round on what they weigh."""
    entries = {k.weight: k for k in one.links if isinstance(k.weight, Access)}
    tensors = {a.tensor for a in entries}
    if len(tensors) != 1 or any(not isinstance(k.weight, Access) for k in one.links):
        return
    (tensor,) = tensors
    at = counting(one.window)[tensor]
    own = {tuple(int(a.index[d]) for d in at): k for a, k in entries.items()}
    if len(at) != len(one.source.first):
        return
    plane = Plane.around(tuple(range(max(i) + 1) for i in zip(*own, strict=True)), ())
    page.say((letters.entry(tensor, ()), ":"))
    page.add(plane.cells(0, page.y, "weight", {
        place: Cell(0, 0, "weight", (short(number.weight(k)),), shade=one.shades[k.weight])
        for place, k in own.items()}))  # fmt: skip
    page.y += plane.rows + 0.2
    across = [k.weight for k in sorted(seen, key=lambda k: k.source)]
    if len(across) > 1 and across == [own[place].weight for place in sorted(own, reverse=True)]:
        page.say(("It lies turned round on ", letters.entry(one.window.source.tensor, ()), "."))


def _frame(one: Drawn, number: Valued, seen: list[Link], x: float, y: float) -> Iterator[Item]:
    """The source with what is seen of it; a line has the weights below, a plane within."""
    by = {k.source: k for k in seen}
    plane = len(one.source.first) == 2
    filled = {}
    for place in one.source.places():
        label = short(number.source(place))
        role: Role = "input" if one.source.is_inner(place) else "zero"
        shade = None
        if plane and place in by:
            label, role = f"{label}·{_bracketed(number.weight(by[place]))}", "weight"
            shade = one.shades.get(sympy.sympify(by[place].weight))
        filled[place] = Cell(0, 0, role, (label,), shade=shade)
    yield from one.source.cells(x, y, "input", filled)
    for link in seen if not plane else ():
        column, _ = one.source.corner(link.source)
        label = (f"·{_bracketed(number.weight(link))}",)
        shade = one.shades.get(sympy.sympify(link.weight))
        yield Cell(x + column, y + 1, "weight", label, shade=shade)
    height = 1 if plane else 2
    frame = one.source.frame([k.source for k in seen], x, y)
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
