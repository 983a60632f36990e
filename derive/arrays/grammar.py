"""What a statement is made of, for targets that compute whole arrays at once.

    Nest   = loops, parts of axes and conditions, a target: View, and a value: Value
    Value  = View | Map | Masked | Contract | Reduce | Repeated | Scaled | First

Every value has named axes. Where they lie in memory, and in which order two factors are multiplied,
is the business of those who print. Everything is frozen; nothing is text.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from sympy import Expr

from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Access, Axis

Axes = tuple[Axis, ...]


@dataclass(frozen=True)
class Index:
    """One index of an access, ``offset + step * axis``, the loop indices being part of `offset`.

    With `gathered` axes it is an array of indices along these. An index that is `inside` never
    leaves the array.
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


# ---- values ---------------------------------------------------------------------------------


@dataclass(frozen=True)
class View:
    """The part of a tensor that an access walks through: a slice, or entries at integers."""

    access: Access
    indices: tuple[Index, ...]

    @property
    def axes(self) -> Axes:
        found = (i.gathered or ((i.axis,) if i.axis is not None else ()) for i in self.indices)
        return tuple(dict.fromkeys(axis for axes in found for axis in axes))


@dataclass(frozen=True)
class Map:
    """A scalar expression of entries and indices, at each point of some axes.

    Attributes
    ----------
    value : sympy.Expr
    axes : tuple of Axis
    alone : bool
        Whether no other array stands beside it, whose dtype it could take.
    integer : bool
        Whether it is computed with integers.
    """

    value: Expr
    axes: Axes
    alone: bool = False
    integer: bool = False


@dataclass(frozen=True)
class Masked:
    """A value where all guards hold, which differ from entry to entry, and elsewhere a number."""

    value: Value
    guards: tuple[Guard, ...]
    otherwise: Expr
    axes: Axes


@dataclass(frozen=True)
class Contract:
    """The product of two values, summed over the axes that both have and the result has not.

    The axes of a product fall into classes by membership alone: batch (both factors and the
    result), rows (left and result), columns (right and result), and summed (both factors only).
    """

    left: Value
    right: Value
    axes: Axes

    @property
    def summed(self) -> Axes:
        return tuple(a for a in self.left.axes if a in self.right.axes and a not in self.axes)

    @property
    def batch(self) -> Axes:
        return tuple(a for a in self.axes if a in self.left.axes and a in self.right.axes)

    @property
    def rows(self) -> Axes:
        return tuple(a for a in self.axes if a in self.left.axes and a not in self.right.axes)

    @property
    def columns(self) -> Axes:
        return tuple(a for a in self.axes if a in self.right.axes and a not in self.left.axes)


@dataclass(frozen=True)
class Reduce:
    """The sum or the largest of a value over some of its axes."""

    op: Literal["add", "max"]
    value: Value
    over: Axes

    @property
    def axes(self) -> Axes:
        return tuple(a for a in self.value.axes if a not in self.over)


@dataclass(frozen=True)
class Repeated:
    """The sum, or the largest, of the same value at every point of some axes that it lacks."""

    op: Literal["add", "max"]
    value: Value
    over: Axes

    @property
    def axes(self) -> Axes:
        return self.value.axes


@dataclass(frozen=True)
class Scaled:
    """A value times a number that is made of sizes and settings."""

    value: Value
    factor: Expr

    @property
    def axes(self) -> Axes:
        return self.value.axes


@dataclass(frozen=True)
class First:
    """The number of the first point, of the axes `over`, at which a condition holds; -1 for none.

    Without such axes it is the number of the point that the loops are at.
    """

    value: Map
    guards: tuple[Guard, ...]
    over: Axes
    number: Expr

    @property
    def axes(self) -> Axes:
        return tuple(a for a in self.value.axes if a not in self.over)


Value = View | Map | Masked | Contract | Reduce | Repeated | Scaled | First


# ---- what stands around a store ---------------------------------------------------------------


@dataclass(frozen=True)
class Span:
    """The points of an axis at which ``0 <= offset + step * axis``, and below `size` if it is told.

    The step is a number or a size, positive or negative.
    """

    axis: Axis
    step: Expr
    offset: Expr
    size: Expr | None = None


@dataclass(frozen=True)
class Part:
    """An axis runs over those of its points that lie in all of these spans."""

    axis: Axis
    spans: tuple[Span, ...]


@dataclass(frozen=True)
class Inside:
    """A number that is ``0 <= expression < size``."""

    expression: Expr
    size: Expr


@dataclass(frozen=True)
class Only:
    """What follows is done only where a condition on numbers holds."""

    condition: Guard | Inside


Bound = Part | Only


@dataclass(frozen=True)
class Nest:
    """One statement: loops from the outside in, and what is stored in the innermost.

    Attributes
    ----------
    statement : Statement
    outer : tuple of Axis
        The loops that run anyway.
    ahead : tuple of Part or Only
        What narrows the work before the first loop.
    loops : tuple of (Axis, tuple of Part or Only)
        Each loop of its own, and what narrows the work within it.
    target : View
    value : Value
    views : mapping of Access to View
        What is read.
    exact : bool
        Whether no two points write one entry, and none is left out.
    apart : bool
        Whether each entry that is written is written once, though some may be left out.
    whole : bool
        Whether the target's indices walk all of every dimension.
    """

    statement: Statement
    outer: Axes
    ahead: tuple[Bound, ...]
    loops: tuple[tuple[Axis, tuple[Bound, ...]], ...]
    target: View
    value: Value
    views: Mapping[Access, View]
    exact: bool
    apart: bool
    whole: bool

    @property
    def fixed(self) -> Axes:
        """The axes that are numbers where something is stored."""
        return (*self.outer, *(axis for axis, _ in self.loops))
