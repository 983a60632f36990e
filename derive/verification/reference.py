"""The definition, read literally: plain Python loops over the statements of a system.

Every entry is computed on demand from the statements that write it, so no schedule is trusted and
a recurrence is nothing special. Numbers may be floats, ``mpmath`` numbers, fractions or elements
of a finite field: whatever supports Python's arithmetic.
"""

from __future__ import annotations

import itertools
import math
import sys
from collections import defaultdict
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, Symbol
from sympy.core.relational import Relational

from derive.calculus.selection import attains, reduced
from derive.calculus.statements import Guard, Statement, System
from derive.language import scalars
from derive.language.symbols import Access, Axis, Tensor

Environment = dict[Symbol, Any]
Evaluate = Callable[[Environment], Any]

_PRECISION = 40  # decimal digits of `high_precision`


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def _cubic(x):
    return mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)


FUNCTIONS: dict[type, Callable] = {
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
    sympy.Abs: abs,
    sympy.sign: lambda x: (x > 0) - (x < 0),
    sympy.floor: math.floor,
    sympy.ceiling: math.ceil,
    sympy.Max: max,
    sympy.Min: min,
    sympy.Mod: lambda a, b: a % b,
    attains: lambda a, b: a == b or (a != a and b != b),
    scalars.log1p: mpmath.log1p,
    scalars.expm1: mpmath.expm1,
    scalars.sigmoid: _sigmoid,
    scalars.softplus: lambda x: mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0),
    scalars.bounded: lambda x: x,
    scalars.lorentzian: lambda x: 1 / (1 + x**2),
    scalars.normal_cdf: mpmath.ncdf,
    scalars.normal_pdf: mpmath.npdf,
    scalars.silu: lambda x: x * _sigmoid(x),
    scalars.mish: lambda x: x * mpmath.tanh(mpmath.log1p(mpmath.exp(x))),
    scalars.gelu: lambda x: x * mpmath.ncdf(x),
    scalars.gelu_tanh: lambda x: x * (1 + mpmath.tanh(_cubic(x))) / 2,
    scalars.softsign: lambda x: x / (1 + abs(x)),
    scalars.relu: lambda x: max(x, 0),
    scalars.step: lambda x: int(x > 0) if x == x else x,
    scalars.stop: lambda x: x,
}


def evaluate(
    system: System, arrays: Mapping[str, np.ndarray | None], sizes: Mapping[Symbol, int]
) -> dict[str, np.ndarray]:
    """Every output of `system`, entry by entry.

    Parameters
    ----------
    system : System
        Any system, adjoint and tangent ones included.
    arrays : mapping of str to ndarray or None
        The inputs by name, product axes merged or split; None for one that is left out: it has
        its default, or its statements are dropped.
    sizes : mapping of Symbol to int
        A value for each size and setting that occurs.

    Returns
    -------
    dict of str to ndarray
        The outputs by name with product axes split; object arrays of whatever number type the
        inputs' entries have.
    """
    return _Evaluation(system, arrays, sizes).outputs()


class _Evaluation:
    def __init__(self, system: System, arrays, sizes) -> None:
        self.system = system
        self.environment: Environment = dict(sizes)
        self.given: dict[Tensor, np.ndarray] = {}
        left_out = {t for t in system.inputs if arrays.get(t.name) is None}
        self.absent = {t for t in left_out if t.default is None}
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

    def number(self, expression: Expr) -> int:
        return int(compiled(expression, self.read)(self.environment))

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
            if any(read.tensor in self.absent for read in statement.entries):
                continue
            value = compiled(statement.value, self.read)
            index = [compiled(i, self.read) for i in statement.target.index]
            guards = [guard_holds(g, self.read) for g in statement.where]
            extents = [range(self.number(axis.extent)) for axis in statement.domain]
            for point in itertools.product(*extents):
                here = {**self.environment, **dict(zip(statement.domain, point, strict=True))}
                if all(holds(here) for holds in guards):
                    writers[tuple(int(i(here)) for i in index)].append((statement, value, point))
        self.writers[tensor] = writers
        return writers

    def read(self, tensor: Tensor, index: tuple[int, ...]) -> Any:
        key = (tensor, index)
        if key in self.memory:
            return self.memory[key]
        shape = self.shapes.get(tensor) or self.shape(tensor)
        place = tuple(i - o for i, o in zip(index, tensor.offset, strict=True))
        if not all(0 <= i < n for i, n in zip(place, shape, strict=True)):
            if tensor.outside is None:
                raise IndexError(f"{tensor.name}{list(index)} is outside its shape {shape}")
            return _constant(tensor.outside)
        if tensor in self.given:
            return self.given[tensor][place]
        values: list[Any] = []
        for statement, value, point in self.points(tensor).get(index, ()):
            here = {**self.environment, **dict(zip(statement.domain, point, strict=True))}
            if statement.op != "first":
                values.append(value(here))
            elif value(here):
                values.append(self.rank(statement, here))
        result = self.memory[key] = _REDUCTIONS[self.operations.get(tensor, "add")](values)
        return result

    def rank(self, statement: Statement, here: Environment) -> int:
        """The number of a point in row-major order of the axes that are run over."""
        number = 0
        for axis in reduced(statement):
            number = number * self.number(axis.extent) + here[axis]
        return number


def _maximum(values: list[Any]) -> Any:
    """The largest; NaN if there is one, and -oo of nothing."""
    unordered = [v for v in values if v != v]
    return unordered[0] if unordered else max(values, default=-math.inf)


# Of no values: 0, -oo, and a number that no point has.
_REDUCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "add": lambda values: sum(values, 0),
    "max": _maximum,
    "first": lambda values: min(values, default=-1),
}


def _constant(value: Expr) -> Any:
    if value.is_Integer:
        return int(value)
    return float(value)


def guard_holds(guard: Guard, read) -> Evaluate:
    """The guard as a function of the environment."""
    expression, modulus = compiled(guard.expression, read), compiled(guard.modulus, read)
    return {
        "ge": lambda here: expression(here) >= 0,
        "eq": lambda here: expression(here) == 0,
        "divides": lambda here: expression(here) % modulus(here) == 0,
        "indivisible": lambda here: expression(here) % modulus(here) != 0,
    }[guard.kind]


def compiled(expression: Expr, read) -> Evaluate:
    """A SymPy expression as a Python closure (no text is ever evaluated)."""
    if isinstance(expression, Access):
        tensor = expression.tensor
        index = [compiled(i, read) for i in expression.index]
        return lambda here: read(tensor, tuple(int(i(here)) for i in index))
    if isinstance(expression, Symbol | Axis):
        return lambda here: here[expression]
    if expression.is_Integer:
        integer = int(expression)
        return lambda here: integer
    if expression.is_Rational:
        fraction = Fraction(int(expression.p), int(expression.q))
        return lambda here: fraction
    if expression.is_NumberSymbol or expression.is_Float:
        number = _irrational(expression)
        return lambda here: number
    if isinstance(expression, sympy.Piecewise):
        cases = [(compiled(v, read), compiled(c, read)) for v, c in expression.args]
        sides = {s for _, c in expression.args for r in c.atoms(Relational) for s in r.args}
        sides = [compiled(side, read) for side in sides if side.has(Access)]

        def chosen(here: Environment) -> Any:
            # A comparison with NaN tells nothing: what it would select is NaN.
            nan = next((n for n in (side(here) for side in sides) if n != n), None)
            return next((v(here) for v, c in cases if c(here)), 0) if nan is None else nan

        return chosen
    parts = [compiled(argument, read) for argument in expression.args]
    operation = _operation(expression)
    return lambda here: operation(*(part(here) for part in parts))


def _irrational(number: Expr) -> Any:
    return mpmath.mpf(str(sympy.N(number, _PRECISION)))


def _operation(expression: Expr) -> Callable:
    if isinstance(expression, sympy.Add):
        return lambda *parts: sum(parts[1:], parts[0])
    if isinstance(expression, sympy.Mul):
        return _product
    if isinstance(expression, sympy.Pow):
        return _power
    comparisons = {
        sympy.Ge: lambda a, b: a >= b,
        sympy.Gt: lambda a, b: a > b,
        sympy.Le: lambda a, b: a <= b,
        sympy.Lt: lambda a, b: a < b,
        sympy.Eq: lambda a, b: a == b,
        sympy.Ne: lambda a, b: a != b,
        sympy.And: lambda *parts: all(parts),
        sympy.Or: lambda *parts: any(parts),
        sympy.Not: lambda a: not a,
    }
    if expression == sympy.true or expression == sympy.false:
        truth = bool(expression)
        return lambda: truth
    if expression.func in comparisons:
        return comparisons[expression.func]
    return FUNCTIONS[expression.func]


def _product(*parts):
    result = parts[0]
    for part in parts[1:]:
        result = _lift(result, part) * _lift(part, result)
    return result


def _lift(number, other):
    """A fraction beside a float or an mpmath number becomes one of these."""
    if isinstance(number, Fraction) and isinstance(other, float | np.floating | mpmath.mpf):
        return mpmath.mpf(number.numerator) / number.denominator
    return number


def _power(base, exponent):
    if isinstance(exponent, Fraction):
        if exponent.denominator == 1:
            exponent = exponent.numerator
        else:
            if not isinstance(base, int | float | Fraction | mpmath.mpf):
                return base**exponent
            return mpmath.mpf(base) ** (mpmath.mpf(exponent.numerator) / exponent.denominator)
    if isinstance(exponent, int) and exponent < 0 and isinstance(base, int):
        return Fraction(1, base**-exponent)
    return base**exponent


def high_precision(array: np.ndarray) -> np.ndarray:
    """The entries as ``mpmath`` numbers; the working precision is 40 digits."""
    mpmath.mp.dps = _PRECISION
    return np.array([mpmath.mpf(float(v)) for v in array.ravel()], dtype=object).reshape(
        array.shape
    )
