"""Accesses as views: which axes stay whole, and which slice of an array each access is.

With the loop indices fixed, every index of an access is affine in at most one remaining axis, so
the access is a slice with a step: ``x[n, s*p + d*u - P]`` with u fixed is ``x[:, o + s*p0 : ...]``.
Where the slice would leave the array, the axis runs over the part ``p0 <= p < p1`` that stays.
An index that reads integers is an array of indices: ``table[token[t], d]`` is ``table[token]``.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import nonnegative
from derive.language.symbols import Access, Axis
from derive.lowering.integers import Integers, lower_integer
from derive.lowering.program import (
    ALL,
    NONE,
    Attribute,
    Binary,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    method,
    numpy,
)

Axes = tuple[Axis, ...]


@dataclass(frozen=True)
class Scope:
    """Where an access stands: the axes that are loops, the box, and the parts of it run over."""

    loops: Axes
    domain: Axes
    extents: Extents


@dataclass(frozen=True)
class Extent:
    """The part of an axis that a statement runs over, from `start` to `stop`."""

    start: Node
    stop: Node

    @property
    def length(self) -> Node:
        return self.stop if self.start == Literal(0) else Binary("-", self.stop, self.start)


Extents = Mapping[Axis, Extent]


def extent_of(axis: Axis, extents: Extents) -> Extent:
    """The part of the axis that is run over; all of it unless `extents` says less."""
    return extents.get(axis) or Extent(Literal(0), lower_integer(axis.extent))


@dataclass(frozen=True)
class View:
    """An array-valued expression whose axes are named.

    `fresh` says that its memory belongs to nobody else, `falling` that some stride is negative.
    """

    node: Node
    axes: tuple[Axis, ...]
    fresh: bool = False
    falling: bool = False

    def transposed(self, order: tuple[Axis, ...]) -> View:
        """The same array with its axes in another order."""
        if order == self.axes:
            return self
        positions = tuple(self.axes.index(a) for a in order)
        if positions == (1, 0):
            return replace(self, node=Attribute(self.node, "T"), axes=order)
        moved = method(self.node, "transpose", *(Literal(p) for p in positions))
        return replace(self, node=moved, axes=order)

    def aligned(self, order: tuple[Axis, ...]) -> Node:
        """Ready to be broadcast against arrays whose axes are `order`."""
        moved = self.transposed(tuple(a for a in order if a in self.axes))
        if not moved.axes or len(moved.axes) == len(order):
            return moved.node
        first = order.index(moved.axes[0])
        items = tuple(ALL if a in moved.axes else NONE for a in order[first:])
        return moved.node if all(i is ALL for i in items) else Subscript(moved.node, items)


@dataclass(frozen=True)
class Index:
    """One index of an access, ``offset + step * axis``, the loop indices being part of `offset`.

    With `gathered` axes it is an array of indices along these.
    """

    axis: Axis | None
    step: Expr
    offset: Expr
    size: Expr
    inside: bool
    gathered: Axes = ()

    @property
    def expression(self) -> Expr:
        return self.offset if self.axis is None else self.offset + self.step * self.axis

    @property
    def whole(self) -> bool:
        """Whether the axis simply walks the whole dimension."""
        return (
            self.axis is not None
            and self.step == 1
            and self.offset == 0
            and self.size == self.axis.extent
        )


def indices(access: Access, loops: Axes, domain: Axes, *, writing: bool) -> list[Index]:
    """The indices of an access with `loops` fixed.

    A read counts as inside where the tensor says nothing about its outside: the definition was
    checked for that. A write may always fall outside, and then does nothing.
    """
    tensor = access.tensor
    found = []
    for expression, size, origin in zip(access.index, tensor.shape, tensor.offset, strict=True):
        place = affine(expression - origin)
        free = [a for a in place.iterators if a not in loops]
        axis = free[0] if free else None
        step = place.coefficient(axis) if axis is not None else Integer(0)
        offset = place.expression - step * axis if axis is not None else place.expression
        gathered = _gathered(access, expression, loops, domain)
        index = Index(axis, step, offset, size, False)
        inside = index.whole or (tensor.outside is None and not writing)
        if not place.iterators:
            inside = False  # an entry of an axis that may be empty, whether or not a box is
        if not inside:
            last, box = size - 1 - place.expression, domain if place.iterators else ()
            inside = nonnegative(place.expression, box) and nonnegative(last, box)
        found.append(Index(axis, step, offset, size, inside, gathered))
    return found


def _gathered(access: Access, expression: Expr, loops: Axes, domain: Axes) -> Axes:
    """The axes of an array of indices: all that any index of the access with integers in it names,
    for an index that shares one of them; none for any other."""
    places = [affine(i) for i in access.index]
    if not any(place.reads for place in places):
        return ()
    # A falling slice would have to be turned round afterwards.
    arrays = [
        p.expression for p in places if p.reads or any(c.is_negative for _, c in p.coefficients)
    ]
    shared = axes_in(arrays) - set(loops)
    return tuple(a for a in domain if a in shared) if shared & axes_in((expression,)) else ()


def index_array(expression: Expr, order: Axes, scope: Scope) -> Node:
    """An integer expression as an array whose axes are those of `order` that it names."""

    def array(e: Expr) -> Node | None:
        if isinstance(e, Axis):
            return None if e in scope.loops else numbers(e, scope).aligned(order)
        assert isinstance(e, Access)
        split = indices(e, scope.loops, scope.domain, writing=False)
        return view(e, split, scope).aligned(order)

    return Integers(array).lower(expression)


def numbers(axis: Axis, scope: Scope) -> View:
    """0, 1, 2, ... along an axis."""
    extent = extent_of(axis, scope.extents)
    bounds = (extent.stop,) if extent.start == Literal(0) else (extent.start, extent.stop)
    return View(numpy("arange", *bounds), (axis,), fresh=True)


def view(access: Access, split: list[Index], scope: Scope) -> View:
    """The part of the array that the access walks through.

    A falling axis (``w[U-1-u]``) is sliced upwards and then turned round, because a slice cannot
    say "down to and including the first entry".
    """
    if any(index.gathered for index in split):
        return _gather(access, split, scope)
    items = _trimmed(tuple(_item(index, scope.extents) for index in split))
    kept = tuple(index for index in split if index.axis is not None)
    name = Name(access.tensor.name)
    node: Node = Subscript(name, items) if items else name
    falling = any(index.step.is_negative for index in kept)
    if falling:
        turned = Slice(step=Unary("-", Literal(1)))
        node = Subscript(node, _trimmed(tuple(turned if i.step.is_negative else ALL for i in kept)))
    return View(node, tuple(i.axis for i in kept if i.axis is not None), falling=falling)


def _gather(access: Access, split: list[Index], scope: Scope) -> View:
    """The array at arrays of indices, which NumPy broadcasts: their axes come where the first of
    them stands, or first of all if a slice stands between them."""
    gathered = next(i.gathered for i in split if i.gathered)
    places = [place for place, index in enumerate(split) if index.gathered]
    items: list[Node] = []
    axes: list[Axis] = []
    for place, index in enumerate(split):
        if not index.gathered:
            items.append(_item(index, scope.extents))
            axes += [index.axis] if index.axis is not None else []
            continue
        where = index_array(index.expression, gathered, scope)
        if not index.inside:
            last = lower_integer(index.size - 1)
            where = numpy("clip", where, Literal(0), last)
        items.append(where)
        if place == places[0]:
            axes += gathered
    # An index that is a number counts among the arrays of indices.
    arrays = [p for p, index in enumerate(split) if index.gathered or index.axis is None]
    if arrays[-1] - arrays[0] + 1 != len(arrays):
        axes = [*gathered, *(a for a in axes if a not in gathered)]
    return View(Subscript(Name(access.tensor.name), _trimmed(tuple(items))), tuple(axes), True)


def _trimmed(items: tuple[Node, ...]) -> tuple[Node, ...]:
    """Without the full slices at the end, which say nothing."""
    kept = len(items)
    while kept and items[kept - 1] == ALL:
        kept -= 1
    return items[:kept]


def _item(index: Index, extents: Extents) -> Node:
    if index.axis is None:
        return lower_integer(index.offset)
    if index.whole and index.axis not in extents:
        return ALL
    start, stop = _ends(index, extents.get(index.axis))
    step = abs(index.step)
    if start == Literal(0) and stop == lower_integer(index.size) and step == 1:
        return ALL
    return Slice(
        None if start == Literal(0) else start, stop, None if step == 1 else lower_integer(step)
    )


def _ends(index: Index, extent: Extent | None) -> tuple[Node, Node]:
    """Where the slice begins and ends, upwards."""
    falling = index.step.is_negative
    if extent is None:
        assert index.axis is not None
        count = index.axis.extent
        if falling:
            first = index.offset + index.step * (count - 1)
            return lower_integer(first), lower_integer(index.offset + 1)
        return lower_integer(index.offset), lower_integer(index.offset + index.step * count)
    if falling:
        last = Binary("-", extent.stop, Literal(1))
        return _at(index, last), Binary("+", _at(index, extent.start), Literal(1))
    return _at(index, extent.start), _at(index, extent.stop)


def _at(index: Index, position: Node) -> Node:
    """``offset + step * position``."""
    if position == Literal(0):
        return lower_integer(index.offset)
    step = abs(index.step)
    scaled = position if step == 1 else Binary("*", lower_integer(step), position)
    if index.step.is_negative:
        return Binary("-", lower_integer(index.offset), scaled)
    return scaled if index.offset == 0 else Binary("+", lower_integer(index.offset), scaled)


def shape_of(axes: tuple[Axis, ...], extents: Extents) -> TupleOf:
    """The shape of an array with these axes."""
    return TupleOf(tuple(extent_of(a, extents).length for a in axes))


def size_of(axes: tuple[Axis, ...], extents: Extents) -> Node:
    """The number of points of these axes."""
    lengths = [extent_of(a, extents).length for a in axes] or [Literal(1)]
    product = lengths[0]
    for length in lengths[1:]:
        product = Binary("*", product, length)
    return product
