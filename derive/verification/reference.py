"""The equations, read literally: plain Python loops over what the author wrote.

Every entry is computed on demand from the equations that define it, sums and maxima inside them
point by point. Nothing is split, named, scheduled or differentiated: values are numbers of
`derive.verification.number`, which remember what they were computed from, and gradients are read
off that memory. So a misreading of the compiler is not shared.

Systems of statements are equations, too, and can be evaluated in the same way; their numbers may
then be anything that supports Python's arithmetic, such as fractions or elements of a field.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Add, Expr, Idx, Piecewise, Sum, Symbol
from sympy.core.relational import Relational
from sympy.logic.boolalg import ITE, And, Or

from derive.calculus.selection import attains
from derive.calculus.statements import Guard, Statement, System
from derive.language import scalars
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.operation import Equation, Operation, sides
from derive.language.order import Order
from derive.language.symbols import Access, Tensor
from derive.verification.number import Number, through

Environment = dict[str, Any]  # of sizes, settings and indices, by name
Evaluate = Callable[[Environment], Any]


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def _cubic(x):
    return mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)


_SMOOTH: dict[type, Callable] = {
    sympy.exp: mpmath.exp,
    sympy.log: mpmath.log,
    sympy.tanh: mpmath.tanh,
    sympy.sinh: mpmath.sinh,
    sympy.cosh: mpmath.cosh,
    sympy.sin: mpmath.sin,
    sympy.cos: mpmath.cos,
    sympy.tan: mpmath.tan,
    sympy.atan: mpmath.atan,
    sympy.erf: mpmath.erf,
    scalars.log1p: mpmath.log1p,
    scalars.expm1: mpmath.expm1,
    scalars.sigmoid: _sigmoid,
    scalars.softplus: lambda x: mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0),
    scalars.lorentzian: lambda x: 1 / (1 + x**2),
    scalars.normal_cdf: mpmath.ncdf,
    scalars.normal_pdf: mpmath.npdf,
    scalars.silu: lambda x: x * _sigmoid(x),
    scalars.mish: lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    scalars.gelu: lambda x: x * mpmath.ncdf(x),
    scalars.gelu_tanh: lambda x: x * (1 + mpmath.tanh(_cubic(x))) / 2,
    scalars.softsign: lambda x: x / (1 + abs(x)),
}
# Their slopes are measured; none of them has a kink.


def _chosen(better: Callable[[Any, Any], bool]) -> Callable:
    """The first of several numbers that none beats; a NaN if there is one."""

    def choose(*numbers: Any) -> Any:
        best = numbers[0]
        for number in numbers[1:]:
            if best == best and (better(number, best) or number != number):
                best = number
        return best

    return choose


FUNCTIONS: dict[type, Callable] = {
    **{name: through(function) for name, function in _SMOOTH.items()},
    sympy.Abs: lambda x: -x if x < 0 else x if x != 0 else 0,
    sympy.sign: lambda x: (x > 0) - (x < 0) if x == x else x,
    sympy.floor: math.floor,
    sympy.ceiling: math.ceil,
    sympy.Max: _chosen(lambda a, b: a > b),
    sympy.Min: _chosen(lambda a, b: a < b),
    sympy.Mod: lambda a, b: a % b,
    attains: lambda a, b: a == b or (a != a and b != b),
    scalars.bounded: lambda x: max(min(x, 10**9), -(10**9)) if x == x else x,
    scalars.relu: lambda x: 0 if x <= 0 else x,
    scalars.step: lambda x: int(x > 0) if x == x else x,
    scalars.stop: lambda x: x.stopped if isinstance(x, Number) else x,
}
"""Every function of a definition. One with a kink, or no slope at all, hands a number on or not."""


def as_written(operation: Operation) -> System:
    """The equations of an operation as they stand, with the sums inside them."""
    statements = []
    for given in operation.equations:
        left, right = sides(given)
        right = sympy.sympify(right)
        scatter = isinstance(given, Equation) and given.scatter
        free = sorted(left.atoms(Idx) | (_free(right) if scatter else set()), key=str)
        statements.append(Statement(tuple(free), left, right))  # type: ignore[arg-type]
    return System(operation.inputs, operation.outputs, tuple(statements), operation.order)


def _free(value: Any) -> set[Idx]:
    """The indices that nothing inside `value` binds."""
    if isinstance(value, Idx):
        return {value}
    found = set().union(*map(_free, value.args)) if value.args else set()
    bound = {limit[0] for limit in value.limits} if isinstance(value, Sum | Maximum) else set()
    return found - bound


def evaluate(
    system: System, arrays: Mapping[str, np.ndarray | None], sizes: Mapping[Symbol, Any]
) -> dict[str, np.ndarray]:
    """Every output of `system`, entry by entry.

    Parameters
    ----------
    system : System
        Equations as written, or any system of statements, adjoint and tangent ones included.
    arrays : mapping of str to ndarray or None
        The inputs by name, product axes merged or split; None for one that is left out: it has
        its default, or the terms that read it are dropped.
    sizes : mapping of Symbol to int
        A value for each size and setting that occurs.

    Returns
    -------
    dict of str to ndarray
        The outputs by name with product axes split; object arrays of whatever number type the
        inputs' entries have.
    """
    return _Evaluation(system, arrays, sizes).outputs()


_WAITING = object()  # stands for an entry while it is computed


class _Evaluation:
    def __init__(self, system: System, arrays, sizes) -> None:
        self.system = system
        self.environment: Environment = {symbol.name: value for symbol, value in sizes.items()}
        self.given: dict[Tensor, np.ndarray] = {}
        left_out = {t for t in system.inputs if arrays.get(t.name) is None}
        absent = {t for t in left_out if t.default is None}
        self.compiler = _Compiler(self.read, absent, system.order)
        for tensor in system.inputs:
            if tensor not in left_out:
                array = np.asarray(arrays[tensor.name])
                self.given[tensor] = array.reshape(self.shape(tensor))
            elif tensor.default is not None:
                self.given[tensor] = np.full(
                    self.shape(tensor), self.number(tensor.default), object
                )
        self.memory: dict[tuple[Tensor, tuple[int, ...]], Any] = {}
        self.shapes = {t: self.shape(t) for t in system.tensors}
        self.operations = {s.target.tensor: s.op for s in system.statements}
        self.writers: dict[Tensor, dict[tuple[int, ...], list]] = {}

    def number(self, expression: Any) -> int:
        return int(self.compiler.compiled(expression)(self.environment))

    def shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tuple(self.number(extent) for extent in tensor.shape)

    def outputs(self) -> dict[str, np.ndarray]:
        limit = sys.getrecursionlimit()
        sys.setrecursionlimit(max(limit, 100_000))
        try:
            found = {}
            for tensor in self.system.outputs:
                shape = self.shapes.get(tensor) or self.shape(tensor)
                result = np.empty(shape, dtype=object)
                for index in np.ndindex(*shape):
                    shifted = tuple(i + o for i, o in zip(index, tensor.offset, strict=True))
                    result[index] = self.read(tensor, shifted)
                found[tensor.name] = result
            return found
        finally:
            sys.setrecursionlimit(limit)

    def points(self, tensor: Tensor) -> dict[tuple[int, ...], list]:
        """For each entry of a tensor, the statements and points that write it."""
        if tensor in self.writers:
            return self.writers[tensor]
        writers: dict[tuple[int, ...], list] = defaultdict(list)
        for statement in self.system.writing(tensor):
            if any(map(self.compiler.is_dropped, (statement.value, *_places(statement)))):
                continue
            value = self.compiler.compiled(statement.value)
            index = [self.compiler.compiled(i) for i in statement.target.index]
            guards = [self.compiler.guard(g) for g in statement.where]
            for here in _points(statement.domain, self.compiler.compiled, self.environment):
                if all(holds(here) for holds in guards):
                    writers[tuple(int(i(here)) for i in index)].append((statement, value, here))
        self.writers[tensor] = writers
        return writers

    def read(self, tensor: Tensor, index: tuple[int, ...]) -> Any:
        key = (tensor, index)
        if key in self.memory:
            if (found := self.memory[key]) is _WAITING:
                raise RecursionError(f"{tensor.name}{list(index)} depends on itself")
            return found
        shape = self.shapes.get(tensor) or self.shape(tensor)
        place = tuple(i - o for i, o in zip(index, tensor.offset, strict=True))
        if not all(0 <= i < n for i, n in zip(place, shape, strict=True)):
            if tensor.outside is None:
                raise IndexError(f"{tensor.name}{list(index)} is outside its shape {shape}")
            self.compiler.beyond |= tensor.outside == -sympy.oo
            return _constant(tensor.outside)
        if tensor in self.given:
            return self.given[tensor][place]
        self.memory[key] = _WAITING
        values: list[Any] = []
        for statement, value, here in self.points(tensor).get(index, ()):
            if statement.op != "first":
                values.append(value(here))
            elif value(here):
                values.append(self.rank(statement, here))
        result = self.memory[key] = _REDUCTIONS[self.operations.get(tensor, "add")](values)
        return result

    def rank(self, statement: Statement, here: Environment) -> int:
        """The number of a point in row-major order of the axes that are run over."""
        named = {a for i in statement.target.index for a in i.atoms(Idx)}
        number = 0
        for axis in statement.domain:
            if axis not in named:
                number = number * self.number(axis.extent) + here[axis.name]
        return number


def _places(statement: Statement) -> Iterator[Expr]:
    """What says where a statement writes, and whether."""
    yield from statement.target.index
    for guard in statement.where:
        yield from (guard.expression, guard.modulus)


def _points(
    axes: Sequence[Any], compiled: Callable[[Any], Evaluate], here: Environment
) -> Iterator[Environment]:
    """The environment at every point of a box, in row-major order."""
    ranges: list[tuple[str, range]] = []
    for axis in axes:
        index, *ends = axis if isinstance(axis, tuple | sympy.Tuple) else (axis,)
        first, last = ends or (index.lower, index.upper)
        ranges.append(
            (index.name, range(int(compiled(first)(here)), int(compiled(last)(here)) + 1))
        )
    names = [name for name, _ in ranges]
    for point in itertools.product(*(numbers for _, numbers in ranges)):
        yield {**here, **dict(zip(names, point, strict=True))}


def _maximum(values: Collection[Any]) -> Any:
    """The first of the largest; NaN if there is one, and -oo of nothing."""
    return FUNCTIONS[sympy.Max](*values) if values else -math.inf


# Of no values: 0, -oo, and a number that no point has.
_REDUCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "add": lambda values: sum(values[1:], values[0]) if values else 0,
    "max": _maximum,
    "first": lambda values: min(values, default=-1),
}


def _constant(value: Expr) -> Any:
    if value.is_Integer:
        return int(value)
    if value.is_Rational:
        return Fraction(int(value.p), int(value.q))
    return float(value)


class _Compiler:
    """SymPy expressions as Python closures; no text is ever evaluated.

    Attributes
    ----------
    read : callable
        Gives the entry of a tensor at an index.
    absent : set of Tensor
        Inputs that were left out: a term that reads one is dropped.
    order : Order
        Of the arguments of a maximum or minimum, the first of the equal ones is taken.
    beyond : bool
        Whether something was read that is -oo because it lies outside its tensor.
    """

    def __init__(self, read: Callable[..., Any], absent: Collection[Tensor], order: Order) -> None:
        self.read, self.absent, self.order, self.beyond = read, absent, order, False
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

    def closure(self, value: Any) -> Evaluate:
        if isinstance(value, Access):
            tensor, read = value.tensor, self.read
            index = [self.compiled(i) for i in value.index]
            return lambda here: read(tensor, tuple(int(i(here)) for i in index))
        if isinstance(value, Symbol | Idx):
            name = value.name
            return lambda here: here[name]
        if value in (sympy.true, sympy.false):
            truth = bool(value)
            return lambda here: truth
        if value.is_Rational:
            rational = _constant(value)
            return lambda here: rational
        if value.is_infinite:
            infinite = float(value)
            return lambda here: infinite
        if value.is_number and not value.args:
            real = _irrational(value)
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
        operation = _operation(value)
        return lambda here: operation(*(part(here) for part in parts))

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
        real = (s for s in sides if any(not a.tensor.integer for a in s.atoms(Access)))
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
        axes = limits[::-1]  # SymPy lists the innermost first

        def total(here: Environment) -> Any:
            values = [term(there) for there in _points(axes, self.compiled, here)]
            return _REDUCTIONS["add"](values)

        return total

    def maximum(self, value: Maximum) -> Evaluate:
        compared = self.compared(value)
        return lambda here: _maximum([v for v in compared(here) if v is not None])

    def argmaximum(self, value: ArgMaximum) -> Evaluate:
        compared = self.compared(value)

        def first(here: Environment) -> int:
            values = compared(here)
            largest = _maximum([v for v in values if v is not None])
            same = FUNCTIONS[attains]
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

        return lambda here: [entry(there) for there in _points(limits, self.compiled, here)]

    def guard(self, guard: Guard) -> Evaluate:
        """Whether a guard holds, as a function of the environment."""
        expression, modulus = self.compiled(guard.expression), self.compiled(guard.modulus)
        return {
            "ge": lambda here: expression(here) >= 0,
            "eq": lambda here: expression(here) == 0,
            "divides": lambda here: expression(here) % modulus(here) == 0,
            "indivisible": lambda here: expression(here) % modulus(here) != 0,
        }[guard.kind]


def _by_index(value: Any) -> bool:
    """Whether a value has cases that compare integers alone: each of them is a term."""
    if not isinstance(value, Piecewise):
        return False
    read = {a for _, condition in value.args for a in condition.atoms(Access)}
    return all(access.tensor.integer for access in read)


def _irrational(value: Expr) -> Any:
    """A named constant to the working precision; a float is the decimal that it prints as."""
    return Number(
        mpmath.mpf(repr(float(value)) if value.is_Float else str(sympy.N(value, mpmath.mp.dps)))
    )


_COMPARISONS: dict[Any, Callable] = {
    sympy.Ge: lambda a, b: a >= b,
    sympy.Gt: lambda a, b: a > b,
    sympy.Le: lambda a, b: a <= b,
    sympy.Lt: lambda a, b: a < b,
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
    sympy.Not: lambda a: not a,
}


def _operation(value: Any) -> Callable:
    if isinstance(value, Add):
        return lambda *parts: sum(parts[1:], parts[0]) if parts else 0
    if isinstance(value, sympy.Mul):
        return lambda *parts: math.prod(parts[1:], start=parts[0])
    if isinstance(value, sympy.Pow):
        return _power
    return (_COMPARISONS | FUNCTIONS)[value.func]


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        exponent = exponent.numerator
    if isinstance(base, int) and isinstance(exponent, int) and exponent < 0 and base:
        return Fraction(1, base**-exponent)
    if isinstance(base, int | float | Fraction) and not isinstance(exponent, int):
        base = Number(base)
    if isinstance(base, int) and isinstance(exponent, int) and exponent < 0:
        base = Number(base)
    return base**exponent
