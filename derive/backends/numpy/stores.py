"""Nests of array operations as lines of NumPy."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sympy import Expr

from derive.arrays.grammar import Bound, First, Inside, Nest, Only, Part, Span
from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.tree import (
    ALL,
    NONE,
    Assign,
    Attribute,
    Binary,
    Do,
    For,
    If,
    Line,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Update,
    call,
    method,
    names_in,
    numpy,
)
from derive.backends.numpy.values import Values
from derive.backends.numpy.views import Array
from derive.calculus.affine import affine
from derive.calculus.bounds import nonnegative
from derive.language.order import Order
from derive.language.symbols import Tensor
from derive.program.loops import moves_apart


@dataclass
class Lowered:
    """The lines of one statement, and what they need of the module."""

    lines: tuple[Line, ...]
    makes_target: bool
    constants: dict[str, Expr] = field(default_factory=dict)


class Store:
    """Writes the lines of one nest.

    With `in_place`, its target exists; with `again`, another statement has written to it. New
    names are none of the `names`.
    """

    def __init__(
        self,
        nest: Nest,
        order: Order,
        finite: frozenset[Tensor],
        names: Iterable[str],
        *,
        in_place: bool,
        again: bool,
    ) -> None:
        self.nest, self.in_place, self.again = nest, in_place, again
        self.values = Values(nest, order, finite, names)
        self.views = self.values.views

    def lower(self, assign: bool) -> Lowered:
        """The lines.

        Parameters
        ----------
        assign : bool
            The target holds nothing yet, and this statement writes all of it: it may make the
            target, or write into one that is allocated before (see `Lowered.makes_target`).
        """
        body, makes_target = self.body(assign)
        return Lowered(self.around(body), makes_target, self.values.elementwise.constants)

    # ---- what stands around ----------------------------------------------------------------

    def around(self, lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Loops from the outside in; a slice is named in the outermost loop that knows its ends."""
        slices = [Assign(name, steps) for steps, name in self.views.steps.items()]
        for axis, bounds in reversed(self.nest.loops):
            parts = [self.part(bound) for bound in bounds if isinstance(bound, Part)]
            known = {axis.name} | names_in([part.target for part in parts])
            here = [one for one in slices if names_in(one.value) & known]
            slices = [one for one in slices if one not in here]
            loop = call("range", lower_integer(axis.extent))
            if isinstance(self.nest.value, First):  # the first point that is met writes last
                loop = call("reversed", loop)
            lines = (For(Name(axis.name), loop, self.bounded(bounds, (*here, *lines))),)
        return self.bounded(self.nest.ahead, (*slices, *lines))

    def bounded(self, bounds: Iterable[Bound], lines: tuple[Line, ...]) -> tuple[Line, ...]:
        """Parts of axes first, then conditions around the rest."""
        parts: list[Line] = []
        for bound in bounds:
            if isinstance(bound, Only):
                lines = (If(self.condition(bound), lines),)
            else:
                parts.append(self.part(bound))
        return (*parts, *lines)

    def condition(self, bound: Only) -> Node:
        if not isinstance(bound.condition, Inside):
            return self.values.number(bound.condition)
        place, size = map(lower_integer, (bound.condition.expression, bound.condition.size))
        if place == Literal(0):
            return Binary(">", size, place)
        return Binary("and", Binary(">=", place, Literal(0)), Binary("<", place, size))

    def part(self, part: Part) -> Assign:
        """Where an axis starts and stops."""
        first, *others = map(_span, part.spans)
        for other in others:
            first = call("_overlap", first, other)
        extent = self.views.extents[part.axis]
        return Assign(TupleOf((extent.start, extent.stop)), first)

    # ---- what is stored --------------------------------------------------------------------

    def body(self, assign: bool) -> tuple[tuple[Line, ...], bool]:
        """The innermost lines, and whether they make the target."""
        nest, statement = self.nest, self.nest.statement
        target = self.views.view(nest.target)
        if isinstance(nest.value, First):
            return self.first(target, nest.value), False
        result = self.values.value(nest.value)
        aligned = result.aligned(target.axes)
        # A scalar expression is no array, and a broadcast one too small: they need a place.
        complete = set(result.axes) == set(target.axes) and target.axes
        alone = not (nest.fixed or self.in_place)
        if assign and complete and nest.exact and nest.whole and alone:
            owned = aligned if result.fresh else method(aligned, "copy")
            return (Assign(Name(statement.target.tensor.name), owned),), True
        place = target.node
        in_place = assign or not statement.target.index
        if in_place and not isinstance(place, Subscript):
            place = Subscript(place, (Literal(...),))
        shape = None if self.views.extents else self.views.shape(target.axes)
        if assign:
            return (Assign(place, aligned, shape),), False
        if statement.op == "max":
            place = _array(target)
            return (Do(numpy("maximum", place, aligned, out=place)),), False
        if isinstance(place, Subscript) and not self.moves_apart():
            rows, *rest = place.items
            rows_alone = not isinstance(rows, Slice) and all(item == ALL for item in rest)
            if rows_alone and result.axes == target.axes:
                return (Do(call("_add_rows", place.value, rows, aligned)),), False
            where = TupleOf(tuple(_as_object(item) for item in place.items))
            add = Attribute(Name("np"), "add")
            return (Do(method(add, "at", place.value, where, aligned)),), False
        return (Update(place, aligned, shape=shape),), False

    def moves_apart(self) -> bool:
        """Whether no two entries of arrays of indices are one."""
        indices = self.nest.target.indices
        gathered = next((i.gathered for i in indices if i.gathered), ())
        places = [affine(i.expression) for i in indices if i.inside or _wraps_once(i)]
        return moves_apart(places, set(gathered))

    def first(self, target: Array, value: First) -> tuple[Line, ...]:
        """The number of the first point that meets the condition."""
        order = (*target.axes, *value.over)
        test = self.values.value(value.value).node
        mask = self.values.mask(value.guards, order)
        test = test if mask is None else Binary("&", test, mask)
        place = _array(target)
        place = place if isinstance(place, Subscript) else place[Literal(...)]
        if not value.over:
            number = lower_integer(value.number)
            if self.again:
                test = Binary("&", test, Binary("!=", call("_earlier", number, place), place))
            return (Do(numpy("copyto", place, number, where=test)),)
        begins = (self.views.extent(axis).start for axis in value.over)
        begin = [b for b in begins if b != Literal(0)]  # one at most, as `loops_of` sees to
        found = call("_first", test, Literal(len(value.over)), *begin)
        return (Assign(place, call("_earlier", found, place) if self.again else found),)


def _span(span: Span) -> Node:
    """The part of an axis that lies in a span."""
    extent, step = lower_integer(span.axis.extent), lower_integer(abs(span.step))
    if span.size is None:
        word = "_from" if span.step.is_positive else "_until"
        return call(word, extent, step, lower_integer(span.offset))
    falling = span.step.is_negative
    offset = lower_integer(span.size - 1 - span.offset if falling else span.offset)
    return call("_span", extent, lower_integer(span.size), step, offset)


def _wraps_once(index) -> bool:
    """Whether indices modulo the size stay distinct, since there are no more of them."""
    axes = affine(index.expression).iterators
    return len(axes) == 1 and nonnegative(index.size - axes[0].extent, ())  # type: ignore


def _array(target: Array) -> Node:
    """The part of an array that is written, as an array even where it is one entry."""
    if target.axes:
        return target.node
    node = target.node
    items = node.items if isinstance(node, Subscript) else ()
    return Subscript(node.value if isinstance(node, Subscript) else node, (*items, Literal(...)))


def _as_object(item: Node) -> Node:
    """A slice as it is written outside of brackets."""
    if not isinstance(item, Slice):
        return item
    return call("slice", *(part or NONE for part in (item.start, item.stop, item.step)))
