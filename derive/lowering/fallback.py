"""Any statement as loops over some indices and whole-array operations over the rest.

This is the total fallback: whatever passes the checks of a definition is lowered here, correctly.
Passes elsewhere only rewrite systems so that what arrives here is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from sympy import Add, Expr, Max, Mul, fraction

from derive.calculus.affine import affine, axes_in
from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Access, Axis
from derive.lowering.contraction import axes_of, product
from derive.lowering.elementwise import Elementwise
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
    Assign,
    Binary,
    For,
    If,
    Line,
    Literal,
    Name,
    Node,
    Subscript,
    TupleOf,
    Unary,
    Update,
    call,
    method,
    numpy,
)
from derive.lowering.views import Extent, Index, View, indices, view


def loops_of(statement: Statement, outer: tuple[Axis, ...] = ()) -> tuple[Axis, ...]:
    """The axes that must be Python loops, so that all others can be whole array axes.

    `outer` are loops that run anyway.

    Of two axes that share an index, the one that walks a parameter is looped over (taps are fewer
    than pixels), else the one that is summed.
    """
    reads = (*statement.reads, statement.target)
    loops: set[Axis] = set(outer)
    shared: list[set[Axis]] = []
    for access in reads:
        seen: set[Axis] = set()
        for index in access.index:
            place = affine(index)
            loops |= axes_in(r for read in place.reads for r in read.index)
            for axis in place.iterators:
                step = place.coefficient(axis)
                if axis in seen or not (step.is_positive or step.is_negative):
                    loops.add(axis)
                seen.add(axis)
            shared.append(set(place.iterators))
    loops |= _bare_axes(statement.value)
    for guard in statement.where:
        place = affine(guard.expression)
        if guard.kind == "ge" and not place.reads:
            for axis in place.iterators:
                step = place.coefficient(axis)
                if not (step.is_positive or step.is_negative):
                    loops.add(axis)
            shared.append(set(place.iterators))
        else:
            loops |= axes_in((guard.expression, guard.modulus))
    learned = {a for access in reads if access.tensor.parameter for a in axes_in(access.index)}
    while crowded := [group - loops for group in shared if len(group - loops) > 1]:
        candidates = set().union(*crowded)
        loops.add(max(candidates, key=lambda a: (a in learned, statement.domain.index(a), a.name)))
    return tuple(a for a in statement.domain if a in loops)


def _bare_axes(value: Expr) -> set[Axis]:
    """Axes whose own number stands in the value."""
    if isinstance(value, Access):
        return set()
    if isinstance(value, Axis):
        return {value}
    return set().union(*(_bare_axes(a) for a in value.args)) if value.args else set()


@dataclass
class Lowered:
    """The lines of one statement, and what they need of the module."""

    lines: tuple[Line, ...]
    makes_target: bool
    constants: dict[str, Expr] = field(default_factory=dict)


class Fallback:
    """Lowers one statement."""

    def __init__(self, statement: Statement, outer: tuple[Axis, ...] = ()) -> None:
        self.statement = statement
        self.own_loops = tuple(a for a in loops_of(statement, outer) if a not in outer)
        self.loops = (*outer, *self.own_loops)
        self.inner = tuple(a for a in statement.domain if a not in self.loops)
        self.extents: dict[Axis, Extent] = {}
        self.indices = {
            access: indices(access, self.loops, statement.domain, writing=False)
            for access in statement.reads
        }
        self.target = indices(statement.target, self.loops, statement.domain, writing=True)
        self.elementwise = Elementwise(self.read, compared=self.entry)
        self.order: tuple[Axis, ...] = self.inner

    @property
    def exact(self) -> bool:
        """Whether no two points write the same entry and none is left out."""
        if self.statement.where or any(not i.inside for split in self.every_index() for i in split):
            return False
        places = [affine(index) for index in self.statement.target.index]
        axes = [a for place in places for a in place.iterators]
        single = all(
            len(p.iterators) <= 1 and all(p.coefficient(a) == 1 for a in p.iterators)
            for p in places
        )
        return single and len(set(axes)) == len(axes) and set(self.own_loops) <= set(axes)

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
        for split in self.every_index():
            for index in split:
                if index.inside:
                    continue
                if index.axis is None:
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
            lines = (For(Name(axis.name), loop, lines),)
        return _before(ready, lines)

    # ---- the value -----------------------------------------------------------------------

    def read(self, access: Access) -> Node:
        node = self.entry(access)
        # Integers beside float32 would make float64 of it.
        return numpy("asarray", node, Name("dtype")) if access.tensor.integer else node

    def entry(self, access: Access) -> Node:
        return self.view(access).aligned(self.order)

    def view(self, access: Access) -> View:
        return view(access, self.indices[access], self.extents)

    def body(self, assign: bool) -> tuple[tuple[Line, ...], bool]:
        """The innermost lines, and whether they make the target."""
        target = view(self.statement.target, self.target, self.extents)
        result = self.value(target.axes)
        aligned = result.aligned(target.axes)
        # A scalar expression is no array, and a broadcast one too small: they need a place.
        complete = set(result.axes) == set(target.axes) and target.axes
        if assign and complete and self.exact and self.whole and not self.loops:
            owned = aligned if result.fresh else method(aligned, "copy")
            return (Assign(Name(self.statement.target.tensor.name), owned),), True
        place = target.node
        in_place = assign or not self.statement.target.index
        if in_place and not isinstance(place, Subscript):
            place = Subscript(place, (Literal(...),))
        return (Assign(place, aligned) if assign else Update(place, aligned),), False

    def value(self, keep: tuple[Axis, ...]) -> View:
        """The statement's value over the target's whole axes."""
        value = self.statement.value
        gone = tuple(a for a in self.inner if a not in keep)
        if not gone:
            self.order = keep
            axes = self.axes_in_value(value)
            ordered = tuple(a for a in keep if a in axes)
            self.order = ordered
            node = self.elementwise.lower(value)
            return View(node, ordered, fresh=not isinstance(value, Access))
        if isinstance(value, Add):
            raise AssertionError("a sum under a reduction is split into statements beforehand")
        scalars: list[Expr] = []
        factors: list[View] = []
        for factor in Mul.make_args(value):
            if not factor.has(Access):
                scalars.append(factor)
            elif isinstance(factor, Access):
                factors.append(self.view(factor))
            else:
                axes = self.axes_in_value(factor)
                self.order = tuple(a for a in (*keep, *gone) if a in axes)
                node = self.elementwise.lower(factor)
                factors.append(View(node, self.order, True))
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
            node = self.scaled(node, scale)
        return View(node, result.axes, result.fresh or node is not result.node)

    def scaled(self, node: Node, scale: Expr) -> Node:
        """``node * scale``, as a quotient where the scale is one: exact in integers."""
        above, below = fraction(scale)
        if above.could_extract_minus_sign():
            node, above = Unary("-", node), -above
        if above != 1:
            node = Binary("*", node, self.elementwise.lower(above))
        return node if below == 1 else Binary("/", node, self.elementwise.lower(below))

    def axes_in_value(self, value: Expr) -> set[Axis]:
        found: set[Axis] = set()
        for access in value.atoms(Access) if not isinstance(value, Access) else (value,):
            found |= {i.axis for i in self.indices.get(access, ()) if i.axis is not None}
        return found


def _before(entries: list[Line | Node], lines: tuple[Line, ...]) -> tuple[Line, ...]:
    """Assignments first, then conditions around the rest."""
    for entry in (e for e in entries if isinstance(e, Node)):
        lines = (If(entry, lines),)
    return (*(e for e in entries if isinstance(e, Line)), *lines)


def _between(offset: Expr, size: Expr) -> Node:
    place = lower_integer(offset)
    return Binary(
        "and",
        Binary(">=", place, Literal(0)),
        Binary("<", place, lower_integer(size)),
    )
