"""The entries of a matrix form, by the rules of matrices: rows by columns, entry by entry."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from sympy import Expr

from derive.calculus.matrices import (
    Apply,
    Diagonal,
    Hadamard,
    Indicator,
    Leaf,
    Matrix,
    Ones,
    Plus,
    Power,
    Product,
    Scalar,
    Scaled,
    SumOver,
    Transpose,
)
from derive.language.symbols import Axis
from derive.verification.closures import Compiler

Here = Mapping[str, Any]  # sizes, settings and subscripts by name


class Matrices:
    """Computes matrices with what a compiler computes with.

    Parameters
    ----------
    compiler : Compiler
        Reads entries, and evaluates what has no entries.
    """

    def __init__(self, compiler: Compiler) -> None:
        self.compiler = compiler

    def entries(self, matrix: Matrix, here: Here) -> np.ndarray:
        """All entries, as an array with two axes."""
        sides = (matrix.rows, matrix.columns)
        shape = tuple(1 if a is None else self.number(a.extent, here) for a in sides)
        return _as_array(self._entries(matrix, here), shape)

    def number(self, value: Expr, here: Here) -> Any:
        return self.compiler.compiled(value)(here)

    def _entries(self, matrix: Matrix, here: Here) -> Any:
        if isinstance(matrix, Leaf | Indicator):
            value = matrix.entry if isinstance(matrix, Leaf) else matrix.condition
            return self._at_each(value, matrix.rows, matrix.columns, here)
        if isinstance(matrix, Ones):
            return 1
        if isinstance(matrix, Scalar):
            return self.number(matrix.value, here)
        if isinstance(matrix, Transpose):
            return self.entries(matrix.of, here).T
        if isinstance(matrix, Product):
            first, *others = (self.entries(f, here) for f in matrix.factors)
            for other in others:
                first = _product(first, other)
            return first
        if isinstance(matrix, Hadamard):
            first, *others = (self.entries(f, here) for f in matrix.factors)
            for other in others:
                first = first * other
            return first
        if isinstance(matrix, Diagonal):
            column = self.entries(matrix.of, here)[:, 0]
            whole = np.full((len(column), len(column)), 0, dtype=object)
            for place, entry in enumerate(column):
                whole[place, place] = entry
            return whole
        if isinstance(matrix, Scaled):
            found = self.entries(matrix.of, here)
            for number in matrix.over:
                found = found * self.entries(number, here)[0, 0]
            return found
        if isinstance(matrix, Plus):
            total: Any = 0
            for negative, term in matrix.terms:
                entries = self.entries(term, here)
                total = total - entries if negative else total + entries
            return total
        if isinstance(matrix, Power):
            exponent = self.number(matrix.exponent, here)
            return self._each(lambda e: self.compiler.numbers.power(e, exponent), matrix.of, here)
        if isinstance(matrix, Apply):
            return self._each(self.compiler.numbers.functions[matrix.function], matrix.of, here)
        assert isinstance(matrix, SumOver)
        return self._over_subscripts(matrix, here)

    def _at_each(
        self, value: Any, rows: Axis | None, columns: Axis | None, here: Here
    ) -> np.ndarray:
        """A value at each point of two axes."""
        compute = self.compiler.compiled(value)
        ends = [1 if a is None else self.number(a.extent, here) for a in (rows, columns)]
        whole = np.empty(ends, dtype=object)
        for place in np.ndindex(*ends):
            names = {a.name: p for a, p in zip((rows, columns), place, strict=True) if a}
            entry = compute({**here, **names})
            whole[place] = int(entry) if isinstance(entry, bool) else entry
        return whole

    def _each(self, function: Callable[[Any], Any], matrix: Matrix, here: Here) -> np.ndarray:
        entries = self.entries(matrix, here)
        found = np.empty(entries.shape, dtype=object)
        for place in np.ndindex(*entries.shape):
            found[place] = function(entries[place])
        return found

    def _over_subscripts(self, matrix: SumOver, here: Here) -> Any:
        total: Any = 0
        guards = [self.compiler.guard(g) for g in matrix.where]
        for there in self.compiler.box(matrix.axes)(here):
            if all(holds(there) for holds in guards):
                total = total + self.entries(matrix.of, there)
        return total


def _product(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Rows by columns; a sum of nothing is 0."""
    if one.shape[1] != other.shape[0]:
        raise ValueError(f"{one.shape[1]} columns meet {other.shape[0]} rows")
    whole = np.full((one.shape[0], other.shape[1]), 0, dtype=object)
    for row, column in np.ndindex(*whole.shape):
        for k in range(one.shape[1]):
            whole[row, column] = whole[row, column] + one[row, k] * other[k, column]
    return whole


def _as_array(found: Any, shape: tuple[int, ...]) -> np.ndarray:
    """A number for every entry, or an array of the right shape."""
    if isinstance(found, np.ndarray):
        if found.shape == shape or found.shape == (1, 1):
            return np.broadcast_to(found, shape)
        raise ValueError(f"a matrix of shape {found.shape} stands where {shape} was expected")
    whole = np.empty(shape, dtype=object)
    whole[...] = found
    return whole
