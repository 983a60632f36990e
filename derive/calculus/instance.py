"""A system at given sizes: which entry every point of a statement writes, and which it reads.

    y[p] += w[u]·x[p + u]   with P = 3, U = 2   becomes   y[0] from w[0], x[0]; from w[1], x[1]; ...

Numbers for sizes are enough for that, unless an index or a condition reads an integer that only a
caller knows.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Integer, Symbol

from derive.calculus.statements import Guard, Statement, System
from derive.language.symbols import Access, Axis, Tensor, entries_in

Place = tuple[int, ...]


class Unknown(LookupError):
    """An integer that is not known from sizes alone."""


@dataclass(frozen=True)
class Entry:
    """One entry of a tensor, at numbers."""

    tensor: Tensor
    place: Place


@dataclass(frozen=True)
class Point:
    """One point of a statement.

    Attributes
    ----------
    here : mapping of Symbol to Integer
        All sizes, settings and indices.
    target : Entry
        What is written.
    reads : tuple of Entry
        What is read, in the order of ``statement.reads``.
    """

    statement: Statement
    here: Mapping[Symbol, Expr]
    target: Entry
    reads: tuple[Entry, ...]


class Instance:
    """A system with a number for each of its sizes and settings.

    Parameters
    ----------
    system : System
        Any system, adjoint ones included.
    values : mapping of Symbol to int
        A number for each size and setting.
    integers : mapping of Tensor to mapping of tuple to int, optional
        Entries of integer inputs; one that is not there has its default.
    """

    def __init__(
        self,
        system: System,
        values: Mapping[Symbol, int],
        integers: Mapping[Tensor, Mapping[Place, int]] | None = None,
    ) -> None:
        self.system = system
        self.values = {symbol: Integer(value) for symbol, value in values.items()}
        self.integers = dict(integers or {})
        self._known: dict[Entry, Integer] = {}

    def number(self, expression: Expr, here: Mapping[Symbol, Expr] | None = None) -> int:
        """An expression of sizes, settings, indices and integers that are known.

        Raises
        ------
        Unknown
            If it reads an integer that only a caller knows.
        """
        if expression.is_Integer:
            return int(expression)
        found = self.valued(expression, self.values if here is None else here)
        if not found.is_Integer:
            found = sympy.simplify(found)
        if not found.is_Integer:
            raise Unknown(str(found))
        return int(found)

    def shape(self, tensor: Tensor) -> Place:
        """Extents, product axes split."""
        return tuple(self.number(extent) for extent in tensor.shape)

    def extent(self, axis: Axis) -> int:
        return self.number(axis.extent)

    def holds(self, guard: Guard, here: Mapping[Symbol, Expr]) -> bool:
        """Whether a condition is met at a point."""
        value = self.number(guard.expression, here)
        if guard.kind in ("ge", "eq"):
            return value >= 0 if guard.kind == "ge" else value == 0
        divides = value % self.number(guard.modulus, here) == 0
        return divides == (guard.kind == "divides")

    def points(
        self, statement: Statement, fixed: Mapping[Axis, int] | None = None
    ) -> Iterator[Point]:
        """The points of a statement in row-major order, those that its guards exclude left out.

        Axes that are `fixed` do not run.
        """
        fixed = fixed or {}
        ranges = [(fixed[a],) if a in fixed else range(self.extent(a)) for a in statement.domain]
        for numbers in itertools.product(*ranges):
            indices = zip(statement.domain, map(Integer, numbers), strict=True)
            here = {**self.values, **dict(indices)}
            if all(self.holds(guard, here) for guard in statement.where):
                reads = tuple(self.entry(read, here) for read in statement.reads)
                yield Point(statement, here, self.entry(statement.target, here), reads)

    def entry(self, access: Access, here: Mapping[Symbol, Expr]) -> Entry:
        return Entry(access.tensor, tuple(self.number(i, here) for i in access.index))

    def inside(self, entry: Entry) -> bool:
        """Whether an entry lies in its tensor."""
        bounds = zip(entry.place, self.shape(entry.tensor), entry.tensor.offset, strict=True)
        return all(0 <= i - first < extent for i, extent, first in bounds)

    def valued(self, expression: Expr, here: Mapping[Symbol, Expr]) -> Expr:
        """An expression at a point, its integers and sizes put in; real entries have numbers as
        indices."""
        entries = self._entries(expression, here)
        return expression.xreplace({**entries, **here} if entries else here)

    def _entries(self, expression: Expr, here: Mapping[Symbol, Expr]) -> dict[Access, Integer]:
        """Every integer that is read; those inside indices of others are put in by the way."""
        return {
            access: self._integer(self.entry(access, here))
            for access in sorted(entries_in(expression), key=str)
            if access.tensor.integer
        }

    def _integer(self, entry: Entry) -> Integer:
        if entry in self._known:
            return self._known[entry]
        tensor = entry.tensor
        if tensor in self.integers:
            found = Integer(self.integers[tensor][entry.place])
        elif tensor in self.system.inputs:
            if tensor.default is None:
                raise Unknown(tensor.name)
            found = Integer(self.number(tensor.default))
        else:
            found = self._computed(entry)
        self._known[entry] = found
        return found

    def _computed(self, entry: Entry) -> Integer:
        """What statements make of an entry of a tensor of integers."""
        values = []
        for statement in self.system.writing(entry.tensor):
            if statement.op == "first":
                raise Unknown(entry.tensor.name)  # which entry is the largest, sizes do not say
            for point in self.points(statement):
                if point.target == entry:
                    values.append(Integer(self.number(statement.value, point.here)))
        if any(s.op == "max" for s in self.system.writing(entry.tensor)):
            return max(values)
        return sum(values, Integer(0))
