"""Any statement as loops over some indices and whole-array operations over the rest.

This is total: whatever passes the checks of a definition is vectorized here, correctly. Passes only
rewrite programs so that what arrives here is fast.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

import sympy
from sympy import Expr, Integer, Max, Mul, fraction, oo
from sympy.logic.boolalg import Boolean

from derive.arrays.contraction import axes_of, product
from derive.arrays.grammar import (
    Axes,
    Bound,
    Contract,
    First,
    Index,
    Inside,
    Map,
    Masked,
    Nest,
    Only,
    Part,
    Reduce,
    Repeated,
    Scaled,
    Span,
    Value,
    View,
)
from derive.arrays.harmless import Harmless
from derive.arrays.views import view_of
from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import nonnegative
from derive.calculus.selection import rank, reduced
from derive.calculus.statements import Guard, Statement, accesses
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor
from derive.program.facts import bare_axes, is_copy_with_fill, writes_apart
from derive.program.loops import loops_of


def vectorized(
    statement: Statement,
    outer: Axes = (),
    order: Order | None = None,
    finite: frozenset[Tensor] = frozenset(),
) -> Nest:
    """A statement as a nest of loops around array operations.

    Parameters
    ----------
    statement : Statement
    outer : tuple of Axis
        The loops that run anyway.
    order : Order, optional
        How the author grouped terms and factors.
    finite : frozenset of Tensor
        Tensors that have no infinite entry.
    """
    return _Vectorizer(statement, outer, Harmless(order or Order(), finite)).nest()


class _Vectorizer:
    def __init__(self, statement: Statement, outer: Axes, harmless: Harmless) -> None:
        self.statement, self.outer, self.harmless = statement, outer, harmless
        self.own_loops = tuple(a for a in loops_of(statement, outer) if a not in outer)
        self.loops = (*outer, *self.own_loops)
        self.inner = tuple(a for a in statement.domain if a not in self.loops)
        read = (affine(g.expression).reads for g in statement.where)
        masked = any(axes_in(r) - set(self.loops) for r in read)
        self.views = {access: self.view(access, not masked) for access in statement.reads}
        self.target = self.view(statement.target, False)
        self.masks = self.masking()
        self.bounds = self.narrowing()
        self.narrow = {b.axis for _, b in self.bounds if isinstance(b, Part)}

    def view(self, access: Access, trusted: bool) -> View:
        return view_of(access, self.loops, self.statement.domain, trusted=trusted)

    def every_index(self) -> Iterable[Index]:
        for view in (self.target, *self.views.values()):
            yield from view.indices

    def fixed_places(self) -> Iterable[Index]:
        """Where integers are read at one place of an axis that may be empty, to be indices or in
        conditions."""
        read = (a for a in self.statement.entries if a not in self.views)
        for access in read:
            for index in self.view(access, True).indices:
                if index.axis is None and not (index.gathered or index.inside):
                    yield index

    def masking(self) -> tuple[Guard, ...]:
        """Conditions that differ from entry to entry of an array: those that read integers."""
        free = set(self.inner)
        found = [g for g in self.statement.where if axes_in(affine(g.expression).reads) & free]
        for index in self.every_index():
            if index.gathered and not index.inside:
                for bound in (index.expression, index.size - 1 - index.expression):
                    if not nonnegative(bound, self.statement.domain, self.statement.where):
                        found.append(Guard("ge", bound))
        return tuple(found)

    # ---- the box -------------------------------------------------------------------------

    def nest(self) -> Nest:
        """Loops from the outside in; what depends on few loops stands before the others."""
        own = set(self.own_loops)
        ahead = tuple(bound for needs, bound in self.bounds if not needs & own)
        levels = []
        for depth, axis in enumerate(self.own_loops, len(self.outer)):
            known = set(self.loops[: depth + 1])
            new = tuple(
                bound
                for needs, bound in self.bounds
                if axis in needs and needs & set(self.loops) <= known
            )
            levels.append((axis, new))
        return Nest(
            self.statement, self.outer, ahead, tuple(levels), self.target, self.value(),
            self.views, self.exact, self.apart, self.whole,
        )  # fmt: skip

    def narrowing(self) -> list[tuple[set[Axis], Bound]]:
        """Parts of whole axes, and conditions, each with the loops it depends on."""
        found: list[tuple[set[Axis], Bound]] = []
        narrow: dict[Axis, list[Span]] = {}
        within: list[Guard] = []  # what staying within an array implies
        for index in self.every_index():
            if index.inside:
                continue
            if index.gathered:
                found.append((set(), Only(Inside(Integer(0), index.size))))
                continue
            last = index.size - 1 - index.expression
            within += [Guard("ge", sympy.expand(e)) for e in (index.expression, last)]
            if index.axis is None:
                test = Only(Inside(index.offset, index.size))
                found.append((axes_in((index.offset,)), test))
            else:
                span = Span(index.axis, index.step, index.offset, index.size)
                spans = narrow.setdefault(index.axis, [])
                if span not in spans:
                    spans.append(span)
        for index in self.fixed_places():
            found.append((axes_in((index.offset,)), Only(Inside(index.offset, index.size))))
        for guard in self.statement.where:
            if guard in self.masks or guard in within:
                continue
            place = affine(guard.expression)
            free = [a for a in place.iterators if a not in self.loops]
            if free:
                (axis,) = free
                step = place.coefficient(axis)
                span = Span(axis, step, place.expression - step * axis)
                narrow.setdefault(axis, []).append(span)
            else:
                found.append((axes_in((guard.expression, guard.modulus)), Only(guard)))
        for axis, spans in narrow.items():
            needs = axes_in(span.offset for span in spans) & set(self.loops)
            found.append((needs, Part(axis, tuple(spans))))
        return found

    # ---- how much is written ---------------------------------------------------------------

    @property
    def exact(self) -> bool:
        """Whether no two points write the same entry and none is left out."""
        if not set(self.statement.where) <= set(self.masks):
            return False
        if any(not index.inside for index in self.every_index()) or any(self.fixed_places()):
            return False
        if any(index.gathered for index in self.target.indices):
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
        gathered = any(index.gathered for index in self.target.indices)
        alone = writes_apart(self.statement, self.outer)
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

    # ---- the value -----------------------------------------------------------------------

    def value(self) -> Value:
        """What is stored."""
        if self.statement.op == "first":
            return self.first()
        if self.statement.op == "max":
            return self.reduction("max", -oo)
        if self.statement.target.tensor.integer:
            return self.reduction("add", Integer(0))
        gone = self.gone
        return self.contraction(gone) if gone else self.entries()

    @property
    def keep(self) -> Axes:
        return self.target.axes

    @property
    def gone(self) -> Axes:
        """The whole axes that are reduced."""
        return tuple(a for a in self.inner if a not in self.keep)

    def map(
        self, value: Expr, axes: Axes, excluded: tuple[Boolean, ...] = (), *, alone: bool = False
    ) -> Map:
        """A scalar expression; of what is not selected, or `excluded`, nothing is seen."""
        return Map(self.harmless.value(value, excluded), axes, alone)

    def masked(self, value: Value, otherwise: Expr, axes: Axes) -> Value:
        return Masked(value, self.masks, otherwise, axes) if self.masks else value

    def entries(self) -> Value:
        """One value for each entry."""
        value = self.statement.value
        present = self.axes_in_value(value) | set(self.masked_axes)
        axes = tuple(a for a in self.keep if a in present)
        if isinstance(value, Access) and not self.masks and not value.tensor.integer:
            return self.views[value]
        copy = is_copy_with_fill(self.statement)
        beyond = value.tensor.outside if copy and isinstance(value, Access) else Integer(0)
        mapped = self.map(value, axes, self.excluded, alone=bool(self.masks))
        return self.masked(mapped, beyond, axes)

    def first(self) -> First:
        """The number of the first point that meets the condition."""
        gone = tuple(a for a in reduced(self.statement) if a not in self.loops)
        test = self.map(self.statement.value, (*self.keep, *gone))
        return First(test, self.masks, gone, rank(self.statement, self.outer))

    def reduction(self, op: Literal["add", "max"], neutral: Expr) -> Value:
        """The largest of the values, or the sum of integers."""
        value, gone = self.statement.value, self.gone
        present = self.axes_in_value(value) | set(self.masked_axes)
        axes = tuple(a for a in (*self.keep, *gone) if a in present)
        if op == "add":
            result: Value = Map(value, axes, integer=True)
        else:
            result = self.map(value, axes, self.excluded, alone=True)
        result = self.masked(result, neutral, axes)
        if over := tuple(a for a in gone if a in present):
            result = Reduce(op, result, over)
        absent = tuple(a for a in gone if a not in present)
        return Repeated(op, result, absent) if absent else result

    def contraction(self, gone: Axes) -> Value:
        """Sums of products."""
        scalars: list[Expr] = []
        factors: list[Value] = []
        for factor in Mul.make_args(self.statement.value):
            if not factor.has(Access) and not self.axes_in_value(factor):
                scalars.append(factor)
            elif isinstance(factor, Access) and not factor.tensor.integer:
                factors.append(self.views[factor])
            else:
                present = self.axes_in_value(factor)
                axes = tuple(a for a in (*self.keep, *gone) if a in present)
                seen = set(self.masked_axes) <= present  # else the mask has another shape
                factors.append(self.map(factor, axes, self.excluded if seen else ()))
        factors = self.cut(factors, (*self.keep, *gone))
        missing = [a for a in gone if a not in axes_of(factors)]
        result = product(factors, self.keep) if factors else Map(Integer(1), ())
        # A mean over nothing is an empty sum; it must not become 0/0.
        lengths = {a.extent: Max(a.extent, 1) for a in gone if not a.extent.is_positive}
        above, below = fraction(Mul(*scalars))
        scale = above / below.xreplace(lengths)
        scale *= Mul(*(axis.extent for axis in missing if axis not in self.narrow))
        if narrow := tuple(axis for axis in missing if axis in self.narrow):
            result = Repeated("add", result, narrow)
        return Scaled(result, scale) if scale != 1 else result

    def cut(self, factors: list[Value], order: Axes) -> list[Value]:
        """The factors, 0 where a mask does not hold: all of them, since 0 times NaN is NaN."""
        if not self.masks:
            return factors
        masked = set(self.masked_axes)
        touched = [f for f in factors if masked & set(f.axes)]
        rest = [f for f in factors if f not in touched]
        if len(touched) > 1 and any(masked - set(f.axes) for f in touched):
            # What one factor tells of a point no other knows: it is their product that is cut.
            axes = tuple(a for a in order if any(a in f.axes for f in touched))
            whole = touched[0]
            for factor in touched[1:]:
                whole = Contract(whole, factor, axes)
            touched = [whole]
        found = []
        for factor in touched or [Map(Integer(1), (), alone=True)]:
            axes = tuple(a for a in order if a in masked or a in factor.axes)
            found.append(self.masked(factor, Integer(0), axes))
        return [*found, *rest]

    @property
    def excluded(self) -> tuple[Boolean, ...]:
        """Where the statement says that nothing is added, as far as that is a mask."""
        opposite = {"ge": sympy.Lt, "eq": sympy.Ne}
        masks = (g for g in self.masks if g in self.statement.where and g.kind in opposite)
        return tuple(opposite[g.kind](g.expression, 0) for g in masks)

    @property
    def masked_axes(self) -> Axes:
        named = axes_in(e for g in self.masks for e in (g.expression, g.modulus))
        return tuple(a for a in self.inner if a in named)

    def axes_in_value(self, value: Expr) -> set[Axis]:
        views = (self.views[a].axes for a in accesses(value) if a in self.views)
        return {a for axes in views for a in axes} | (bare_axes(value) - set(self.loops))
