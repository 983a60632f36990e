"""The equations, read literally: plain Python loops over what the author wrote.

Every entry is computed on demand from the equations that define it, sums and maxima inside them
point by point. Nothing is split, named, scheduled or differentiated: values are numbers of
`derive.verification.number`, which remember what they were computed from, and gradients are read
off that memory. So a misreading of the compiler is not shared.

Systems of statements are equations, too, and can be evaluated in the same way; their numbers may
then be anything that supports Python's arithmetic, such as fractions or elements of a field.
"""

from __future__ import annotations

import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Idx, Sum, Symbol

from derive.calculus.selection import rank
from derive.calculus.statements import Statement, System
from derive.language.maximum import Maximum
from derive.language.operation import Equation, Operation, sides
from derive.language.symbols import Tensor
from derive.verification.arithmetic import NUMBERS, Arithmetic
from derive.verification.closures import REDUCTIONS, Compiler, Environment, Evaluate


def as_written(operation: Operation) -> System:
    """The equations of an operation as they stand, with the sums inside them."""
    statements = tuple(map(written, operation.equations))
    return System(operation.inputs, operation.outputs, statements, operation.order)


def written(equation: Any) -> Statement:
    """One equation as it stands."""
    left, right = sides(equation)
    right = sympy.sympify(right)
    scatter = isinstance(equation, Equation) and equation.scatter
    free = sorted(left.atoms(Idx) | (_free(right) if scatter else set()), key=str)
    return Statement(tuple(free), left, right)  # type: ignore[arg-type]


def _free(value: Any) -> set[Idx]:
    """The indices that nothing inside `value` binds."""
    if isinstance(value, Idx):
        return {value}
    found = set().union(*map(_free, value.args)) if value.args else set()
    bound = {limit[0] for limit in value.limits} if isinstance(value, Sum | Maximum) else set()
    return found - bound


def evaluate(
    system: System,
    arrays: Mapping[str, np.ndarray | None],
    sizes: Mapping[Symbol, Any],
    numbers: Arithmetic = NUMBERS,
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
    numbers : Arithmetic
        What to compute with.

    Returns
    -------
    dict of str to ndarray
        The outputs by name with product axes split; object arrays of whatever number type the
        inputs' entries have.
    """
    return Evaluation(system, arrays, sizes, numbers).outputs()


def reading(
    system: System,
    arrays: Mapping[str, np.ndarray | None],
    sizes: Mapping[Symbol, Any],
    numbers: Arithmetic = NUMBERS,
) -> tuple[Compiler, Environment]:
    """What evaluates expressions over the entries of a system, and the sizes by name.

    The arguments are those of `evaluate`.
    """
    found = Evaluation(system, arrays, sizes, numbers)
    return found.compiler, found.environment


class _Once(Compiler):
    """Computes a sum or maximum once for all points that share it: no entry ever changes."""

    def closure(self, value: Any) -> Evaluate:
        compute = super().closure(value)
        if not isinstance(value, Sum | Maximum):
            return compute
        names = sorted(index.name for index in _free(value))
        known: dict[tuple[int, ...], tuple[Any, bool]] = {}

        def once(here: Environment) -> Any:
            key = tuple([here[name] for name in names])
            if key not in known:
                before, self.beyond = self.beyond, False
                known[key] = compute(here), self.beyond
                self.beyond = before
            result, beyond = known[key]
            self.beyond |= beyond
            return result

        return once


@contextmanager
def _deep() -> Iterator[None]:
    """An entry is computed within those that read it: over all steps of a recurrence."""
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, 100_000))
    try:
        yield
    finally:
        sys.setrecursionlimit(limit)


_WAITING = object()  # stands for an entry while it is computed


class Evaluation:
    """A system at some numbers, of which nothing is computed before it is asked for.

    Parameters are those of `evaluate`.
    """

    def __init__(self, system: System, arrays, sizes, numbers: Arithmetic = NUMBERS) -> None:
        self.system = system
        self.environment: Environment = {symbol.name: value for symbol, value in sizes.items()}
        self.given: dict[Tensor, np.ndarray] = {}
        left_out = {t for t in system.inputs if arrays.get(t.name) is None}
        absent = {t for t in left_out if t.default is None}
        self.compiler = _Once(self.read, absent, system.order, numbers)
        for tensor in system.inputs:
            if tensor not in left_out:
                array = np.asarray(arrays[tensor.name])
                if tensor.integer:
                    array = array.astype(object)  # Python's integers, which do not overflow
                self.given[tensor] = array.reshape(self.shape(tensor))
            elif tensor.default is not None:
                value = self.value(tensor.default)
                value = int(value) if tensor.integer else value
                self.given[tensor] = np.full(self.shape(tensor), value, object)
        self.memory: dict[tuple[Tensor, tuple[int, ...]], Any] = {}
        self.shapes = {t: self.shape(t) for t in system.tensors}
        self.operations = {s.target.tensor: s.op for s in system.statements}
        self.writers: dict[Tensor, dict[tuple[int, ...], list]] = {}

    def value(self, expression: Any) -> Any:
        """What is made of sizes and settings alone."""
        return self.compiler.compiled(expression)(self.environment)

    def number(self, expression: Any) -> int:
        return int(self.value(expression))

    def shape(self, tensor: Tensor) -> tuple[int, ...]:
        return tuple(self.number(extent) for extent in tensor.shape)

    def outputs(self) -> dict[str, np.ndarray]:
        found = {tensor.name: self.whole(tensor) for tensor in self.system.outputs}
        if not all(array.size for array in found.values()):
            # Whoever computes an output without entries computes what leads there: it is to
            # be known whether that is infinite.
            for tensor in self.shapes:
                self.whole(tensor)
        return found

    def entry(self, tensor: Tensor, index: tuple[int, ...]) -> Any:
        """One entry."""
        with _deep():
            return self.read(tensor, index)

    def whole(self, tensor: Tensor) -> np.ndarray:
        """Every entry."""
        shape = self.shapes.get(tensor) or self.shape(tensor)
        result = np.empty(shape, dtype=object)
        with _deep():
            for index in np.ndindex(*shape):
                shifted = tuple(i + o for i, o in zip(index, tensor.offset, strict=True))
                result[index] = self.read(tensor, shifted)
        return result

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
            for here in self.compiler.box(statement.domain)(self.environment):
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
            return self.value(tensor.outside)
        if tensor in self.given:
            found = self.memory[key] = self.given[tensor][place]
            return found
        self.memory[key] = _WAITING
        values: list[Any] = []
        for statement, value, here in self.points(tensor).get(index, ()):
            if statement.op != "first":
                values.append(value(here))
            elif value(here):
                values.append(int(self.compiler.compiled(rank(statement))(here)))
        result = self.memory[key] = REDUCTIONS[self.operations.get(tensor, "add")](values)
        return result


def _places(statement: Statement) -> Iterator[Expr]:
    """What says where a statement writes, and whether."""
    yield from statement.target.index
    for guard in statement.where:
        yield from (guard.expression, guard.modulus)
