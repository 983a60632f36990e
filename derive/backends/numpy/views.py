"""Views of arrays as NumPy writes them: slices, arrays of indices, and their axes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

from sympy import Expr, Integer, Symbol

from derive.arrays.grammar import Axes, Index, Nest, Part, View
from derive.arrays.views import view_of
from derive.backends.numpy.integers import Integers, lower_integer
from derive.backends.numpy.tree import (
    ALL,
    NONE,
    Attribute,
    Binary,
    Call,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    call,
    numpy,
)
from derive.language.names import fresh
from derive.language.symbols import Access, Axis
from derive.program.facts import part_of


@dataclass(frozen=True)
class Extent:
    """The part of an axis that a statement runs over, from `start` to `stop`."""

    start: Node
    stop: Node

    @property
    def length(self) -> Node:
        return self.stop if self.start == Literal(0) else Binary("-", self.stop, self.start)


@dataclass(frozen=True)
class Array:
    """An array-valued expression whose axes are named.

    `fresh` says that its memory belongs to nobody else, `falling` that some stride is negative.
    """

    node: Node
    axes: Axes
    fresh: bool = False
    falling: bool = False

    def transposed(self, order: Axes) -> Array:
        """The same array with its axes in another order."""
        if order == self.axes:
            return self
        positions = tuple(self.axes.index(a) for a in order)
        if positions == (1, 0):
            return replace(self, node=Attribute(self.node, "T"), axes=order)
        return replace(self, node=self.node.transpose(*positions), axes=order)

    def aligned(self, order: Axes) -> Node:
        """Ready to be broadcast against arrays whose axes are `order`."""
        moved = self.transposed(tuple(a for a in order if a in self.axes))
        if not moved.axes or len(moved.axes) == len(order):
            return moved.node
        first = order.index(moved.axes[0])
        items = tuple(ALL if a in moved.axes else NONE for a in order[first:])
        return moved.node if all(i is ALL for i in items) else Subscript(moved.node, items)


class Views:
    """Writes the views of one nest; the ends of parts of axes have none of the `names`."""

    def __init__(self, nest: Nest, names: Iterable[str]) -> None:
        self.nest = nest
        bounds = (*nest.ahead, *(bound for _, inner in nest.loops for bound in inner))
        parts = (bound.axis for bound in bounds if isinstance(bound, Part))
        ends = {axis: part_of(axis, names) for axis in parts}
        self.taken = {*names}
        self.steps: dict[Call, Name] = {}  # slices that are named before they are used
        self.extents: Mapping[Axis, Extent] = {
            axis: Extent(Name(start.name), Name(stop.name)) for axis, (start, stop) in ends.items()
        }

    def extent(self, axis: Axis) -> Extent:
        """The part of the axis that is run over; all of it unless the nest says less."""
        return self.extents.get(axis) or Extent(Literal(0), lower_integer(axis.extent))

    def shape(self, axes: Axes) -> TupleOf:
        """The shape of an array with these axes."""
        return TupleOf(tuple(self.extent(a).length for a in axes))

    def size(self, axes: Axes) -> Node:
        """The number of points of these axes."""
        lengths = [self.extent(a).length for a in axes] or [Literal(1)]
        product = lengths[0]
        for length in lengths[1:]:
            product = Binary("*", product, length)
        return product

    def numbers(self, axis: Axis) -> Array:
        """0, 1, 2, ... along an axis."""
        extent = self.extent(axis)
        bounds = (extent.stop,) if extent.start == Literal(0) else (extent.start, extent.stop)
        return Array(numpy("arange", *bounds), (axis,), fresh=True)

    def integers(self, expression: Expr, order: Axes) -> Node:
        """An integer expression as an array whose axes are those of `order` that it names."""

        def array(e: Expr) -> Node | None:
            if isinstance(e, Axis):
                return None if e in self.nest.fixed else self.numbers(e).aligned(order)
            assert isinstance(e, Access)
            return self.view(self.trusted(e)).aligned(order)

        return Integers(array).lower(expression)

    def trusted(self, access: Access) -> View:
        """The view of an access that a condition or an index reads."""
        return view_of(access, self.nest.fixed, self.nest.statement.domain, trusted=True)

    def view(self, view: View) -> Array:
        """The part of the array that a view walks through.

        A falling axis (``w[U-1-u]``) is sliced upwards and then turned round, because a slice
        cannot say "down to and including the first entry".
        """
        if any(index.gathered for index in view.indices):
            return self.gather(view)
        items = _trimmed(tuple(self.item(index) for index in view.indices))
        kept = tuple(index for index in view.indices if index.axis is not None)
        name = Name(view.access.tensor.name)
        node: Node = Subscript(name, items) if items else name
        falling = any(index.step.is_negative for index in kept)
        if falling:
            turned = Slice(step=Unary("-", Literal(1)))
            turns = tuple(turned if i.step.is_negative else ALL for i in kept)
            node = Subscript(node, _trimmed(turns))
        return Array(node, view.axes, falling=falling)

    def gather(self, view: View) -> Array:
        """The array at arrays of indices, which NumPy broadcasts: their axes come where the first
        of them stands, or first of all if a slice stands between them."""
        items: list[Node] = []
        for index in view.indices:
            if not index.gathered:
                items.append(self.item(index))
                continue
            where = self.integers(index.expression, index.gathered)
            if not index.inside:  # what is read there does not count, but it must be there
                where = Binary("%", where, lower_integer(index.size))
            items.append(where)
        # An index that is a number counts among the arrays of indices.
        arrays = [p for p, i in enumerate(view.indices) if i.gathered or i.axis is None]
        axes = view.axes
        if arrays[-1] - arrays[0] + 1 != len(arrays):
            gathered = next(i.gathered for i in view.indices if i.gathered)
            axes = (*gathered, *(a for a in axes if a not in gathered))
        return Array(Subscript(Name(view.access.tensor.name), _trimmed(tuple(items))), axes, True)

    def item(self, index: Index) -> Node:
        """An index that is a number, or a slice."""
        if index.axis is None:
            return lower_integer(index.offset)
        if index.whole and index.axis not in self.extents:
            return ALL
        step, extent = abs(index.step), self.extents.get(index.axis)
        short = step == 1 and isinstance(index.offset, Integer | Symbol | Axis)
        if extent and index.step.is_positive and not short:
            return self.named_steps(index, extent)
        start, stop = self.ends(index)
        if start == Literal(0) and stop == lower_integer(index.size) and step == 1:
            return ALL
        return Slice(
            None if start == Literal(0) else start, stop, None if step == 1 else lower_integer(step)
        )

    def named_steps(self, index: Index, extent: Extent) -> Name:
        """A name for the slice that walks an axis in steps."""
        assert index.axis is not None
        offset, step = lower_integer(index.offset), lower_integer(index.step)
        found = call("_steps", offset, step, extent.start, extent.stop)
        if found not in self.steps:
            self.steps[found] = Name(fresh(f"{index.axis.name}_at", self.taken))
        return self.steps[found]

    def ends(self, index: Index) -> tuple[Node, Node]:
        """Where the slice begins and ends, upwards."""
        assert index.axis is not None
        falling = index.step.is_negative
        extent = self.extents.get(index.axis)
        if extent is None:
            count = index.axis.extent
            if falling:
                first = index.offset + index.step * (count - 1)
                return lower_integer(first), lower_integer(index.offset + 1)
            return lower_integer(index.offset), lower_integer(index.offset + index.step * count)
        if falling:
            last = Binary("-", extent.stop, Literal(1))
            return _at(index, last), Binary("+", _at(index, extent.start), Literal(1))
        return _at(index, extent.start), _at(index, extent.stop)


def _trimmed(items: tuple[Node, ...]) -> tuple[Node, ...]:
    """Without the full slices at the end, which say nothing."""
    kept = len(items)
    while kept and items[kept - 1] == ALL:
        kept -= 1
    return items[:kept]


def _at(index: Index, position: Node) -> Node:
    """``offset + step * position``."""
    if position == Literal(0):
        return lower_integer(index.offset)
    step = abs(index.step)
    scaled = position if step == 1 else Binary("*", lower_integer(step), position)
    if index.step.is_negative:
        return Binary("-", lower_integer(index.offset), scaled)
    return scaled if index.offset == 0 else Binary("+", lower_integer(index.offset), scaled)
