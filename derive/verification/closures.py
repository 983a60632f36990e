"""SymPy expressions as Python closures; no text is ever evaluated."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

import sympy
from sympy import Add, Expr, Idx, Piecewise, Sum, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import ITE, And, Or

from derive.calculus.selection import attains
from derive.calculus.statements import Guard
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.order import Order
from derive.language.symbols import Access, Tensor, entries_in
from derive.verification.arithmetic import NUMBERS, Arithmetic, largest

Environment = Mapping[str, Any]  # of sizes, settings and indices, by name
Evaluate = Callable[[Environment], Any]


def maximum(values: Collection[Any]) -> Any:
    """The first of the largest; NaN if there is one, and -oo of nothing."""
    return largest(*values) if values else -math.inf


# Of no values: 0, -oo, and a number that no point has.
REDUCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "add": lambda values: reduce(add, values) if values else 0,
    "max": maximum,
    "first": lambda values: min(values, default=-1),
}


def fraction(value: Expr) -> Any:
    """A rational number exactly, or an infinite one."""
    if value.is_Integer:
        return int(value)
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q))
    return float(value)


class Compiler:
    """Turns expressions into closures, each of them once.

    Attributes
    ----------
    read : callable
        Gives the entry of a tensor at an index.
    absent : set of Tensor
        Inputs that were left out: a term that reads one is dropped.
    order : Order
        Of the arguments of a maximum or minimum, the first of the equal ones is taken.
    numbers : Arithmetic
        What is computed with.
    beyond : bool
        Whether something was read that is -oo because it lies outside its tensor.
    """

    def __init__(
        self,
        read: Callable[..., Any],
        absent: Collection[Tensor],
        order: Order,
        numbers: Arithmetic = NUMBERS,
    ) -> None:
        self.read, self.absent, self.order, self.numbers = read, absent, order, numbers
        self.beyond = False
        self.known: dict[Any, Evaluate] = {}

    def is_dropped(self, value: Any) -> bool:
        """Whether an input that was left out takes the whole value with it."""
        if isinstance(value, Access):
            return value.tensor in self.absent or any(map(self.is_dropped, value.index))
        if not self.absent or isinstance(value, Add | Sum | Maximum) or _by_index(value):
            return False  # these lose a term
        return any(map(self.is_dropped, value.args))

    def compiled(self, value: Any) -> Evaluate:
        if value not in self.known:
            self.known[value] = self.closure(value)
        return self.known[value]

    def box(self, axes: Sequence[Any]) -> Callable[[Environment], Iterator[Environment]]:
        """The environments at all points of a box, in row-major order."""
        names, ends = [], []
        for axis in axes:
            index, *limits = axis if isinstance(axis, tuple | sympy.Tuple) else (axis,)
            names.append(index.name)
            ends.append(tuple(map(self.compiled, limits or (index.lower, index.upper))))

        def points(here: Environment) -> Iterator[Environment]:
            ranges = [range(int(first(here)), int(last(here)) + 1) for first, last in ends]
            for point in itertools.product(*ranges):
                yield {**here, **dict(zip(names, point, strict=True))}

        return points

    def closure(self, value: Any) -> Evaluate:
        if isinstance(value, Access):
            tensor, read = value.tensor, self.read
            index = [self.compiled(i) for i in value.index]
            return lambda here: read(tensor, tuple([int(i(here)) for i in index]))
        if isinstance(value, Symbol | Idx):
            name = value.name
            return lambda here: here[name]
        if value in (sympy.true, sympy.false):
            truth = bool(value)
            return lambda here: truth
        if value.is_Rational:
            rational = fraction(value)
            return lambda here: rational
        if value.is_number and value.is_infinite:  # of anything else SymPy deduces it for long
            infinite = float(value)
            return lambda here: infinite
        if value.is_number and not value.args:
            real = self.numbers.constant(value)
            return lambda here: real
        if isinstance(value, ArgMaximum):
            return self.argmaximum(value)
        if isinstance(value, Maximum):
            return self.maximum(value)
        if isinstance(value, Sum):
            return self.sum(value)
        if isinstance(value, Piecewise):
            return self.chosen(value)
        arguments = value.args
        if isinstance(value, sympy.Max | sympy.Min):
            arguments = self.order.arguments(value)
        if isinstance(value, Add):
            arguments = [a for a in arguments if not self.is_dropped(a)]
        parts = [self.compiled(argument) for argument in arguments]
        # What one condition excludes may lie outside of what another one reads.
        if isinstance(value, And):
            return lambda here: all(part(here) for part in parts)
        if isinstance(value, Or):
            return lambda here: any(part(here) for part in parts)
        if isinstance(value, ITE):
            test, then, otherwise = parts
            return lambda here: then(here) if test(here) else otherwise(here)
        operation = self.operation(value)
        if len(parts) == 2:  # nearly all operations; it saves a list for each entry
            one, two = parts
            return lambda here: operation(one(here), two(here))
        return lambda here: operation(*[part(here) for part in parts])

    def operation(self, value: Any) -> Callable:
        """What makes one number of those that the arguments are."""
        if isinstance(value, Add):
            return lambda *parts: reduce(add, parts) if parts else 0
        if isinstance(value, sympy.Mul):
            return lambda *parts: reduce(mul, parts)
        if isinstance(value, sympy.Pow):
            return self.numbers.power
        return (_COMPARISONS | dict(self.numbers.functions))[value.func]

    def chosen(self, value: Piecewise) -> Evaluate:
        """The first case that holds. A comparison with NaN tells nothing: what it would select is
        NaN."""
        cases = [
            (piece, holds, self.sides(condition))
            for (piece, holds), (_, condition) in zip(self.cases(value, 0), value.args, strict=True)
        ]

        def first(here: Environment) -> Any:
            for piece, holds, compared in cases:
                for side in compared:
                    if (number := side(here)) != number:
                        return number
                if holds(here):
                    return piece(here)
            return 0

        return first

    def sides(self, condition: Any) -> list[Evaluate]:
        """The real numbers that a condition compares."""
        sides = {s for relation in condition.atoms(Relational) for s in relation.args}
        real = (s for s in sides if any(not a.tensor.integer for a in entries_in(s)))
        return [self.compiled(side) for side in real]

    def cases(self, value: Piecewise, nothing: Any) -> list[tuple[Evaluate, Evaluate]]:
        """Pieces and conditions; a piece that is dropped is `nothing`."""
        return [
            (
                (lambda here: nothing) if self.is_dropped(piece) else self.compiled(piece),
                self.compiled(condition),
            )
            for piece, condition in value.args
        ]

    def sum(self, value: Sum) -> Evaluate:
        function, *limits = value.args
        if self.is_dropped(function):
            return lambda here: 0
        term = self.compiled(function)
        points = self.box(limits[::-1])  # SymPy lists the innermost first

        def total(here: Environment) -> Any:
            return REDUCTIONS["add"]([term(there) for there in points(here)])

        return total

    def maximum(self, value: Maximum) -> Evaluate:
        compared = self.compared(value)
        infinite = self.numbers.infinite

        def largest_of(here: Environment) -> Any:
            values = [v for v in compared(here) if v is not None]
            return maximum(values) if values else infinite(-math.inf)

        return largest_of

    def argmaximum(self, value: ArgMaximum) -> Evaluate:
        compared = self.compared(value)

        def first(here: Environment) -> int:
            values = compared(here)
            largest = maximum([v for v in values if v is not None])
            same = self.numbers.functions[attains]
            ranks = (r for r, v in enumerate(values) if v is not None and same(v, largest))
            return next(ranks, -1)

        return first

    def compared(self, value: Maximum) -> Callable[[Environment], list[Any]]:
        """What is compared at every point, in order; None where a point does not take part."""
        function, *limits = value.args
        if self.is_dropped(function):
            return lambda here: []
        if _by_index(function):
            cases = self.cases(function, None)
        else:
            cases = [(self.compiled(function), lambda here: True)]

        def entry(here: Environment) -> Any:
            before, self.beyond = self.beyond, False
            found = next((v(here) for v, c in cases if c(here)), None)
            outside, self.beyond = self.beyond, before
            return None if outside and found == -math.inf else found

        points = self.box(limits)
        return lambda here: [entry(there) for there in points(here)]

    def guard(self, guard: Guard) -> Evaluate:
        """Whether a guard holds, as a function of the environment."""
        return holds_when(guard.kind, self.compiled(guard.expression), self.compiled(guard.modulus))


def holds_when(kind: str, expression: Evaluate, modulus: Evaluate) -> Evaluate:
    """The condition of a guard, from its closures."""
    return {
        "ge": lambda here: expression(here) >= 0,
        "eq": lambda here: expression(here) == 0,
        "divides": lambda here: expression(here) % modulus(here) == 0,
        "indivisible": lambda here: expression(here) % modulus(here) != 0,
    }[kind]


def _by_index(value: Any) -> bool:
    """Whether a value has cases that compare integers alone: each of them is a term."""
    if not isinstance(value, Piecewise):
        return False
    read = {a for _, condition in value.args for a in entries_in(condition)}
    return all(access.tensor.integer for access in read)


_COMPARISONS: dict[Any, Callable] = {
    sympy.Ge: lambda a, b: a >= b,
    sympy.Gt: lambda a, b: a > b,
    sympy.Le: lambda a, b: a <= b,
    sympy.Lt: lambda a, b: a < b,
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
    sympy.Not: lambda a: not a,
}
