"""Matrices, and what is made of them: the tree of a formula without indices.

A node has rows and columns, each an axis, or None for one row or column alone. A vector is a
column. What else an entry is read at (a step of time, a gate) is a subscript of the whole matrix.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sympy import Expr

from derive.calculus.statements import Guard
from derive.language.symbols import Access, Axis

Side = Axis | None


@dataclass(frozen=True)
class Leaf:
    """The entries of a tensor along two of its axes, or one, or none; rows come first."""

    entry: Access
    rows: Side
    columns: Side

    @property
    def subscripts(self) -> tuple[Expr, ...]:
        """The indices that are neither rows nor columns."""
        return tuple(i for i in self.entry.index if i not in (self.rows, self.columns))


@dataclass(frozen=True)
class Ones:
    """Ones everywhere."""

    rows: Side
    columns: Side = None


@dataclass(frozen=True)
class Scalar:
    """A number, made of sizes, settings and what else has no entries."""

    value: Expr
    rows: Side = None
    columns: Side = None


@dataclass(frozen=True)
class Indicator:
    """1 where a condition holds, else 0."""

    condition: Any
    rows: Side
    columns: Side


@dataclass(frozen=True)
class Transpose:
    of: Matrix

    @property
    def rows(self) -> Side:
        return self.of.columns

    @property
    def columns(self) -> Side:
        return self.of.rows


@dataclass(frozen=True)
class Product:
    """Rows by columns."""

    factors: tuple[Matrix, ...]

    @property
    def rows(self) -> Side:
        return self.factors[0].rows

    @property
    def columns(self) -> Side:
        return self.factors[-1].columns


@dataclass(frozen=True)
class Hadamard:
    """Entry by entry."""

    factors: tuple[Matrix, ...]

    @property
    def rows(self) -> Side:
        return self.factors[0].rows

    @property
    def columns(self) -> Side:
        return self.factors[0].columns


@dataclass(frozen=True)
class Diagonal:
    """A column as the diagonal of a matrix that is 0 elsewhere."""

    of: Matrix

    @property
    def rows(self) -> Side:
        return self.of.rows

    @property
    def columns(self) -> Side:
        return self.of.rows


@dataclass(frozen=True)
class Scaled:
    """A matrix times numbers."""

    over: tuple[Matrix, ...]
    of: Matrix

    @property
    def rows(self) -> Side:
        return self.of.rows

    @property
    def columns(self) -> Side:
        return self.of.columns


@dataclass(frozen=True)
class Plus:
    """A sum; with each term, whether it is subtracted. A number stands for a matrix of it."""

    terms: tuple[tuple[bool, Matrix], ...]
    rows: Side
    columns: Side


@dataclass(frozen=True)
class Power:
    """Each entry to a power."""

    of: Matrix
    exponent: Expr

    @property
    def rows(self) -> Side:
        return self.of.rows

    @property
    def columns(self) -> Side:
        return self.of.columns


@dataclass(frozen=True)
class Apply:
    """A function of each entry."""

    function: type
    of: Matrix

    @property
    def rows(self) -> Side:
        return self.of.rows

    @property
    def columns(self) -> Side:
        return self.of.columns


@dataclass(frozen=True)
class SumOver:
    """A sum over subscripts, of what stands where the conditions hold; without axes, that alone."""

    axes: tuple[Axis, ...]
    where: tuple[Guard, ...]
    of: Matrix

    @property
    def rows(self) -> Side:
        return self.of.rows

    @property
    def columns(self) -> Side:
        return self.of.columns


Matrix = (
    Leaf | Ones | Scalar | Indicator | Transpose | Product | Hadamard | Diagonal | Scaled | Plus
    | Power | Apply | SumOver
)  # fmt: skip


def transposed(matrix: Matrix) -> Matrix:
    """The transpose; of what is one already, the matrix; of what has one entry, itself."""
    if isinstance(matrix, Transpose):
        return matrix.of
    if isinstance(matrix, Diagonal) or (matrix.rows is None and matrix.columns is None):
        return matrix
    if isinstance(matrix, Ones):
        both = matrix.rows and matrix.columns
        return Ones(matrix.columns, matrix.rows) if both else Transpose(matrix)
    if isinstance(matrix, Product):
        return Product(tuple(map(transposed, reversed(matrix.factors))))
    return Transpose(matrix)


def multiplied(*factors: Matrix) -> Matrix:
    """A product, brackets left out."""
    flat: list[Matrix] = []
    for factor in factors:
        flat += factor.factors if isinstance(factor, Product) else (factor,)
    return flat[0] if len(flat) == 1 else Product(tuple(flat))


def entrywise(*factors: Matrix) -> Matrix:
    """A product entry by entry, brackets left out."""
    flat: list[Matrix] = []
    for factor in factors:
        flat += factor.factors if isinstance(factor, Hadamard) else (factor,)
    return flat[0] if len(flat) == 1 else Hadamard(tuple(flat))


def parts(matrix: Matrix) -> tuple[Matrix, ...]:
    """What a node is made of."""
    if isinstance(matrix, Product | Hadamard):
        return matrix.factors
    if isinstance(matrix, Plus):
        return tuple(term for _, term in matrix.terms)
    if isinstance(matrix, Scaled):
        return (*matrix.over, matrix.of)
    if isinstance(matrix, Leaf | Ones | Scalar | Indicator):
        return ()
    return (matrix.of,)


def nodes(matrix: Matrix) -> tuple[Matrix, ...]:
    """The node and all below it."""
    return (matrix, *(node for part in parts(matrix) for node in nodes(part)))
