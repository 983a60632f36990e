"""Any statement as loops over some indices and whole-array operations over the rest.

This is the total fallback: whatever passes the checks of a definition is lowered here, correctly.
Passes elsewhere only rewrite systems so that what arrives here is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import sympy
from sympy import Add, Expr, Max, Mul, fraction
from sympy.logic.boolalg import Boolean

from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import nonnegative
from derive.calculus.selection import rank, reduced
from derive.calculus.statements import Guard, Statement, accesses
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor
from derive.lowering.contraction import axes_of, product
from derive.lowering.elementwise import Elementwise
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
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
    Unary,
    Update,
    call,
    method,
    numpy,
)
from derive.lowering.views import (
    Extent,
    Index,
    Scope,
    View,
    extent_of,
    index_array,
    indices,
    numbers,
    shape_of,
    view,
)
from derive.program.facts import bare_axes, is_copy_with_fill, writes_apart
from derive.program.loops import loops_of, moves_apart


@dataclass
class Lowered:
    """The lines of one statement, and what they need of the module."""

    lines: tuple[Line, ...]
    makes_target: bool
    constants: dict[str, Expr] = field(default_factory=dict)


class Fallback:
    """Lowers one statement, inside of `outer` loops.

    With `in_place`, its target exists; with `again`, another statement has written to it. The
    author's `order` says how terms and factors are grouped. Tensors in `finite` have no infinite
    entries.
    """

    def __init__(
        self,
        statement: Statement,
        outer: tuple[Axis, ...] = (),
        in_place: bool = False,
        again: bool = False,
        order: Order | None = None,
        finite: frozenset[Tensor] = frozenset(),
    ) -> None:
        self.statement, self.in_place, self.again = statement, in_place, again
        self.own_loops = tuple(a for a in loops_of(statement, outer) if a not in outer)
        self.loops = (*outer, *self.own_loops)
        self.inner = tuple(a for a in statement.domain if a not in self.loops)
        self.extents: dict[Axis, Extent] = {}
        read = (affine(g.expression).reads for g in statement.where)
        masked = any(axes_in(r) - set(self.loops) for r in read)
        self.indices = {
            access: indices(access, self.loops, statement.domain, trusted=not masked)
            for access in statement.reads
        }
        self.target = indices(statement.target, self.loops, statement.domain, trusted=False)
        self.scope = Scope(self.loops, statement.domain, self.extents)
        self.elementwise = Elementwise(
            self.read, compared=self.entry, loops=self.loops, order=order or Order(), finite=finite
        )
        self.order: tuple[Axis, ...] = self.inner
        self.masks = self.masking()

    def masking(self) -> tuple[Guard, ...]:
        """Conditions that differ from entry to entry of an array: those that read integers."""
        free = set(self.inner)
        found = [g for g in self.statement.where if axes_in(affine(g.expression).reads) & free]
        for split in self.every_index():
            for index in split:
                if not index.gathered or index.inside:
                    continue
                for bound in (index.expression, index.size - 1 - index.expression):
                    if not nonnegative(bound, self.statement.domain, self.statement.where):
                        found.append(Guard("ge", bound))
        return tuple(found)

    @property
    def exact(self) -> bool:
        """Whether no two points write the same entry and none is left out."""
        if not set(self.statement.where) <= set(self.masks):
            return False
        if any(not i.inside for split in self.every_index() for i in split):
            return False
        if any(i.gathered for i in self.target):
            return False
        places = [affine(index) for index in self.statement.target.index]
        axes = [a for place in places for a in place.iterators]
        single = all(
            len(p.iterators) <= 1 and all(p.coefficient(a) == 1 for a in p.iterators)
            for p in places
        )
        return single and len(set(axes)) == len(axes) and set(self.own_loops) <= set(axes)

    @property
    def apart(self) -> bool:
        """Whether each entry that is written is written once, though some may be left out."""
        written = axes_in(self.statement.target.index)
        gathered = any(i.gathered for i in self.target)
        alone = writes_apart(self.statement, self.loops[: len(self.loops) - len(self.own_loops)])
        return alone and not gathered and not self.masks and {*self.own_loops} <= written

    @property
    def whole(self) -> bool:
        """Whether the target's indices walk all of every dimension."""
        target = self.statement.target
        return all(
            isinstance(axis := affine(index).bare, Axis) and axis.extent == size and origin == 0
            for index, size, origin in zip(
                target.index, target.tensor.shape, target.tensor.offset, strict=True
            )
        )

    def every_index(self) -> Iterable[list[Index]]:
        yield self.target
        yield from self.indices.values()

    def lower(self, assign: bool) -> Lowered:
        """The statement's lines.

        Parameters
        ----------
        assign : bool
            The target holds nothing yet, and this statement writes all of it: it may make the
            target, or write into one that is allocated before (see `Lowered.makes_target`).
        """
        bounds = self.bounds()
        body, makes_target = self.body(assign)
        return Lowered(
            self.nest(bounds, body),
            makes_target,
            self.elementwise.constants,
        )

    # ---- the box -------------------------------------------------------------------------

    def bounds(self) -> list[tuple[set[Axis], Line | Node]]:
        """Lines that narrow a whole axis, and conditions, each with the loops it depends on."""
        found: list[tuple[set[Axis], Line | Node]] = []
        narrow: dict[Axis, list[tuple[Expr, Node]]] = {}
        within: list[Guard] = []  # what staying within an array implies
        for split in self.every_index():
            for index in split:
                if index.inside:
                    continue
                if not index.gathered:
                    last = index.size - 1 - index.expression
                    within += [Guard("ge", sympy.expand(e)) for e in (index.expression, last)]
                if index.gathered:
                    found.append((set(), Binary(">", lower_integer(index.size), Literal(0))))
                elif index.axis is None:
                    test = _between(index.offset, index.size)
                    found.append((axes_in((index.offset,)), test))
                else:
                    span = call(
                        "_span",
                        lower_integer(index.axis.extent),
                        lower_integer(index.size),
                        lower_integer(abs(index.step)),
                        lower_integer(
                            index.size - 1 - index.offset
                            if index.step.is_negative
                            else index.offset
                        ),
                    )
                    narrow.setdefault(index.axis, [])
                    if (index.offset, span) not in narrow[index.axis]:
                        narrow[index.axis].append((index.offset, span))
        for guard in self.statement.where:
            if guard in self.masks or guard in within:
                continue
            axis, entry = self.guard(guard)
            if axis is None:
                found.append((axes_in((guard.expression, guard.modulus)), entry))
            else:
                narrow.setdefault(axis, []).append((guard.expression - axis * 0, entry))
        for axis, spans in narrow.items():
            start, stop = Name(f"{axis.name}_first"), Name(f"{axis.name}_end")
            self.extents[axis] = Extent(start, stop)
            needs = axes_in(e for e, _ in spans) & set(self.loops)
            value = spans[0][1]
            for _, other in spans[1:]:
                value = call("_overlap", value, other)
            found.append((needs, Assign(TupleOf((start, stop)), value)))
        return found

    def guard(self, guard: Guard) -> tuple[Axis | None, Node]:
        """A condition on the loops, or the part of a whole axis on which it holds."""
        place = affine(guard.expression)
        free = [a for a in place.iterators if a not in self.loops]
        if not free:
            left = lower_integer(guard.expression)
            if guard.kind in ("divides", "indivisible"):
                left = Binary("%", left, lower_integer(guard.modulus))
            sign = {"ge": ">=", "eq": "==", "divides": "==", "indivisible": "!="}[guard.kind]
            return None, Binary(sign, left, Literal(0))
        (axis,) = free
        step = place.coefficient(axis)
        rest = place.expression - step * axis
        word = "_from" if step.is_positive else "_until"
        return axis, call(
            word, lower_integer(axis.extent), lower_integer(abs(step)), lower_integer(rest)
        )

    def nest(
        self, bounds: list[tuple[set[Axis], Line | Node]], body: tuple[Line, ...]
    ) -> tuple[Line, ...]:
        """Loops from the outside in; what depends on few loops stands before the others."""
        ready = [e for needs, e in bounds if not needs & set(self.own_loops)]
        levels = []
        outer = len(self.loops) - len(self.own_loops)
        for depth, axis in enumerate(self.own_loops, outer):
            known = set(self.loops[: depth + 1])
            new = [e for needs, e in bounds if axis in needs and needs & set(self.loops) <= known]
            levels.append((axis, new))
        lines = body
        for axis, entries in reversed(levels):
            lines = _before(entries, lines)
            loop = call("range", lower_integer(axis.extent))
            if self.statement.op == "first":  # the first point that is met writes last
                loop = call("reversed", loop)
            lines = (For(Name(axis.name), loop, lines),)
        return _before(ready, lines)

    # ---- the value -----------------------------------------------------------------------

    def read(self, place: Access | Axis) -> Node:
        """An entry, or an index, where it stands in the value."""
        if isinstance(place, Axis) and place in self.loops:
            return Name(place.name)
        node = self.entry(place)
        # Integers beside float32 would make float64 of it.
        integer = isinstance(place, Axis) or place.tensor.integer
        return call("_real", node, Name("dtype")) if integer else node

    def entry(self, place: Access | Axis) -> Node:
        """The same as it stands in a comparison, where integers stay integers."""
        if isinstance(place, Axis) and place in self.loops:
            return Name(place.name)
        seen = numbers(place, self.scope) if isinstance(place, Axis) else self.view(place)
        return seen.aligned(self.order)

    def view(self, access: Access) -> View:
        places = self.indices.get(access)
        if places is None:  # it stands in a condition alone
            places = indices(access, self.loops, self.statement.domain, trusted=True)
        return view(access, places, self.scope)

    def mask(self, order: tuple[Axis, ...]) -> Node | None:
        """All masks as one array with the axes of `order` that they name."""
        result: Node | None = None
        for guard in self.masks:
            test = self.test(guard, order)
            result = test if result is None else Binary("&", result, test)
        return result

    def test(self, guard: Guard, order: tuple[Axis, ...]) -> Node:
        """A condition on arrays: entries on the left, the rest on the right."""
        if guard.kind in ("divides", "indivisible"):
            rest = index_array(sympy.Mod(guard.expression, guard.modulus), order, self.scope)
            return Binary("==" if guard.kind == "divides" else "!=", rest, Literal(0))
        terms = Add.make_args(guard.expression)
        left = Add(*(t for t in terms if t.has(Access)))
        right, sign = left - guard.expression, "==" if guard.kind == "eq" else ">="
        if left.could_extract_minus_sign():
            left, right, sign = -left, -right, "==" if guard.kind == "eq" else "<="
        return Binary(sign, *(index_array(side, order, self.scope) for side in (left, right)))

    def excluded(self) -> tuple[Boolean, ...]:
        """Where the statement says that nothing is added, as far as that is a mask."""
        opposite = {"ge": sympy.Lt, "eq": sympy.Ne}
        masks = (g for g in self.masks if g in self.statement.where and g.kind in opposite)
        return tuple(opposite[g.kind](g.expression, 0) for g in masks)

    def masked_axes(self) -> tuple[Axis, ...]:
        named = axes_in(e for g in self.masks for e in (g.expression, g.modulus))
        return tuple(a for a in self.inner if a in named)

    def body(self, assign: bool) -> tuple[tuple[Line, ...], bool]:
        """The innermost lines, and whether they make the target."""
        target = view(self.statement.target, self.target, self.scope)
        if self.statement.op == "first":
            return self.first(target), False
        if self.statement.op == "max":
            result = self.largest(target.axes)
        elif self.statement.target.tensor.integer:
            result = self.count(target.axes)
        else:
            result = self.value(target.axes)
        aligned = result.aligned(target.axes)
        # A scalar expression is no array, and a broadcast one too small: they need a place.
        complete = set(result.axes) == set(target.axes) and target.axes
        alone = not (self.loops or self.in_place)
        if assign and complete and self.exact and self.whole and alone:
            owned = aligned if result.fresh else method(aligned, "copy")
            return (Assign(Name(self.statement.target.tensor.name), owned),), True
        place = target.node
        in_place = assign or not self.statement.target.index
        if in_place and not isinstance(place, Subscript):
            place = Subscript(place, (Literal(...),))
        shape = None if self.extents else shape_of(target.axes, {})
        if assign:
            return (Assign(place, aligned, shape),), False
        if self.statement.op == "max":
            place = _array(target)
            return (Do(numpy("maximum", place, aligned, out=place)),), False
        gathered = next((i.gathered for i in self.target if i.gathered), ())
        places = [affine(i.expression) for i in self.target if i.inside or _wraps_once(i)]
        apart = moves_apart(places, set(gathered))
        if isinstance(place, Subscript) and not apart:
            rows, *rest = place.items
            rows_alone = not isinstance(rows, Slice) and all(item == ALL for item in rest)
            if rows_alone and result.axes == target.axes:
                return (Do(call("_add_rows", place.value, rows, aligned)),), False
            where = TupleOf(tuple(_as_object(item) for item in place.items))
            add = Attribute(Name("np"), "add")
            return (Do(method(add, "at", place.value, where, aligned)),), False
        return (Update(place, aligned, shape=shape),), False

    def first(self, target: View) -> tuple[Line, ...]:
        """The number of the first point that meets the condition."""
        value = self.statement.value
        gone = tuple(a for a in reduced(self.statement) if a not in self.loops)
        self.order = order = (*target.axes, *gone)
        test = self.elementwise.value(value)
        mask = self.mask(order)
        test = test if mask is None else Binary("&", test, mask)
        place = _array(target)
        place = place if isinstance(place, Subscript) else place[Literal(...)]
        if not gone:
            number = lower_integer(rank(self.statement))
            if self.again:
                test = Binary("&", test, Binary("!=", call("_earlier", number, place), place))
            return (Do(numpy("copyto", place, number, where=test)),)
        begins = (extent_of(axis, self.extents).start for axis in gone)
        begin = [b for b in begins if b != Literal(0)]  # one at most, as `loops_of` sees to
        found = call("_first", test, Literal(len(gone)), *begin)
        return (Assign(place, call("_earlier", found, place) if self.again else found),)

    def largest(self, keep: tuple[Axis, ...]) -> View:
        """The largest of the values."""
        value = self.statement.value
        gone = tuple(a for a in self.inner if a not in keep)
        present = self.axes_in_value(value) | set(self.masked_axes())
        self.order = order = tuple(a for a in (*keep, *gone) if a in present)
        node = self.elementwise.value(value, self.excluded(), alone=True)
        fresh = not isinstance(value, Access)
        lowest = Unary("-", Attribute(Name("np"), "inf"))
        mask = self.mask(order)
        if mask is not None:
            node, fresh = numpy("where", mask, node, lowest), True
        over = [order.index(a) for a in gone if a in present]
        if over:
            axes = TupleOf(tuple(Literal(p) for p in over))
            alone = over == [len(order) - 1]
            found = method(node, "max", axis=axes, initial=lowest)
            node = call("_largest", node) if alone else found
        for axis in (a for a in gone if a not in present):
            if axis in self.extents or not axis.extent.is_positive:
                some = Binary(">", extent_of(axis, self.extents).length, Literal(0))
                node, fresh = numpy("where", some, node, lowest), True
        return View(node, tuple(a for a in keep if a in present), fresh or bool(over))

    def count(self, keep: tuple[Axis, ...]) -> View:
        """Integers, summed."""
        value = self.statement.value
        gone = tuple(a for a in self.inner if a not in keep)
        present = self.axes_in_value(value) | set(self.masked_axes())
        self.order = order = tuple(a for a in (*keep, *gone) if a in present)
        node = index_array(value, order, self.scope)
        mask = self.mask(order)
        if mask is not None:
            node = numpy("where", mask, node, Literal(0))
        over = [order.index(a) for a in gone if a in present]
        if over:
            axes: Node = TupleOf(tuple(Literal(p) for p in over))
            node = method(node, "sum", axis=axes)
        for axis in (a for a in gone if a not in present):
            node = Binary("*", node, extent_of(axis, self.extents).length)
        return View(node, tuple(a for a in keep if a in present), True)

    def value(self, keep: tuple[Axis, ...]) -> View:
        """The statement's value over the target's whole axes."""
        value = self.statement.value
        gone = tuple(a for a in self.inner if a not in keep)
        if not gone:
            axes = self.axes_in_value(value) | set(self.masked_axes())
            self.order = ordered = tuple(a for a in keep if a in axes)
            mask = self.mask(ordered)
            node = self.elementwise.value(value, self.excluded(), alone=mask is not None)
            if mask is not None:
                copy = is_copy_with_fill(self.statement)
                beyond = self.elementwise.lower(value.tensor.outside) if copy else Literal(0)
                node = numpy("where", mask, node, beyond)
            return View(node, ordered, mask is not None or not isinstance(value, Access))
        scalars: list[Expr] = []
        factors: list[View] = []
        for factor in Mul.make_args(value):
            if not factor.has(Access) and not self.axes_in_value(factor):
                scalars.append(factor)
            elif isinstance(factor, Access) and not factor.tensor.integer:
                factors.append(self.view(factor))
            else:
                axes = self.axes_in_value(factor)
                self.order = tuple(a for a in (*keep, *gone) if a in axes)
                seen = set(self.masked_axes()) <= axes  # else the mask has another shape
                node = self.elementwise.value(factor, self.excluded() if seen else ())
                factors.append(View(node, self.order, True))
        factors = self.cut(factors, (*keep, *gone))
        missing = [a for a in gone if a not in axes_of(factors)]
        result = product(factors, keep, self.extents) if factors else View(Literal(1), (), True)
        # A mean over nothing is an empty sum; it must not become 0/0.
        lengths = {a.extent: Max(a.extent, 1) for a in gone if not a.extent.is_positive}
        above, below = fraction(Mul(*scalars))
        scale = above / below.xreplace(lengths)
        node = result.node
        for axis in missing:
            extent = self.extents.get(axis)
            if extent is None:
                scale = scale * axis.extent
            else:
                node = Binary("*", node, extent.length)
        if scale != 1:
            node = self.elementwise.scaled(node, scale)
        return View(node, result.axes, result.fresh or node is not result.node)

    def cut(self, factors: list[View], order: tuple[Axis, ...]) -> list[View]:
        """The factors, 0 where a mask does not hold: all of them, since 0 times NaN is NaN."""
        if not self.masks:
            return factors
        masked = set(self.masked_axes())
        touched = [f for f in factors if masked & set(f.axes)]
        rest = [f for f in factors if f not in touched]
        if any(masked - set(f.axes) for f in touched[1:] and touched):
            # What one factor tells of a point no other knows: it is their product that is cut.
            axes = tuple(a for a in order if any(a in f.axes for f in touched))
            node = touched[0].aligned(axes)
            for factor in touched[1:]:
                node = Binary("*", node, factor.aligned(axes))
            touched = [View(node, axes, True)]
        one = View(call("_real", Literal(1), Name("dtype")), (), True)
        found = []
        for factor in touched or [one]:
            axes = tuple(a for a in order if a in masked or a in factor.axes)
            mask = self.mask(axes)
            assert mask is not None
            inside = numpy("where", mask, factor.aligned(axes), Literal(0))
            found.append(View(inside, axes, True))
        return [*found, *rest]

    def axes_in_value(self, value: Expr) -> set[Axis]:
        found: set[Axis] = set()
        for access in accesses(value):
            for index in self.indices.get(access, ()):
                found |= set(index.gathered) if index.gathered else {index.axis} - {None}
        return found | (bare_axes(value) - set(self.loops))


def _wraps_once(index: Index) -> bool:
    """Whether indices modulo the size stay distinct, since there are no more of them."""
    axes = affine(index.expression).iterators
    return len(axes) == 1 and nonnegative(index.size - axes[0].extent, ())  # type: ignore


def _before(entries: list[Line | Node], lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Assignments first, then conditions around the rest."""
    for entry in (e for e in entries if isinstance(e, Node)):
        lines = (If(entry, lines),)
    return (*(e for e in entries if isinstance(e, Line)), *lines)


def _array(target: View) -> Node:
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


def _between(offset: Expr, size: Expr) -> Node:
    place = lower_integer(offset)
    return Binary(
        "and",
        Binary(">=", place, Literal(0)),
        Binary("<", place, lower_integer(size)),
    )
