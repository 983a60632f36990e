"""Sums of products as products of matrices: an index after another is taken out.

Σ_k a[i,k] b[k,j]       two factors share k:       A B
Σ_k a[i,k]              one has k:                 A 1
Σ_k a[i,k] v[k] b[k,j]  what has k alone:          A diag(v) B
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, Sum

from derive.calculus.collecting import condition
from derive.calculus.matrices import (
    Apply,
    Diagonal,
    Indicator,
    Leaf,
    Matrix,
    Ones,
    Plus,
    Power,
    Scalar,
    Scaled,
    Side,
    SumOver,
    entrywise,
    multiplied,
    transposed,
)
from derive.calculus.statements import Statement
from derive.calculus.step import bound
from derive.language.symbols import Access, Axis, Tensor, entries_in


class NoForm(Exception):
    """Indices do not pair up."""


@dataclass(frozen=True)
class Build:
    """Expressions become matrices; `subscript` are the axes that are no rows or columns."""

    subscript: frozenset[Axis]
    rank: dict[Tensor, int]

    def axes(self, value: Any) -> frozenset[Axis]:
        """The rows and columns that a value has."""
        if isinstance(value, Sum):
            function, *limits = value.args
            return self.axes(function) - {limit.args[0] for limit in limits}
        if isinstance(value, Axis):
            return frozenset({value}) - self.subscript
        return frozenset().union(*map(self.axes, value.args)) if value.args else frozenset()

    def term(self, term: Statement, rows: Side, columns: Side) -> tuple[bool, Matrix]:
        number, value = _signed(term.value)
        kept = []
        for guard in term.where:
            axes = self.axes(guard.expression) | self.axes(guard.modulus)
            if not axes:
                kept.append(guard)
            elif guard.kind == "eq" and axes <= {rows, columns}:  # one entry of a row
                value *= Piecewise((1, condition(guard)), (0, True))
            else:
                raise NoForm
        summed = bound(term)
        inner = tuple(a for a in summed if a not in self.subscript)
        outer = tuple(a for a in summed if a in self.subscript)
        found = self.contracted(value, inner, rows, columns)
        if outer or kept:
            found = SumOver(outer, tuple(kept), found)
        return number, found

    # ---- sums of products ----------------------------------------------------------------

    def contracted(self, value: Expr, summed: Sequence[Axis], rows: Side, columns: Side) -> Matrix:
        """Σ over `summed` of a product, by taking one index after another out of it."""
        net = _Net()
        for factor in self.ordered(value):
            axes = tuple(self.axes(factor))
            if len(axes) > 2:
                raise NoForm
            first, second = self.sides(factor, axes, rows, columns)
            net.add(self.entries(factor, first, second))
        for axis in net.order(summed):
            net.eliminate(axis)
        return net.result(rows, columns)

    def ordered(self, value: Expr) -> list[Expr]:
        """Factors as they are declared, ``1 - y`` behind ``y``; then sums."""
        given = Mul.make_args(value)

        def key(factor: Any) -> tuple[bool, bool, int, bool, str]:
            inner = 1 - factor if isinstance(factor, Add) and 1 - factor in given else factor
            found = [self.rank.get(a.tensor, len(self.rank)) for a in accesses_in(inner)]
            late = not isinstance(inner, Access) or inner is not factor or 1 - inner in given
            return factor.has(Sum), late, min(found, default=-1), inner is not factor, str(factor)

        return sorted(given, key=key)

    def sides(
        self, factor: Expr, axes: Sequence[Axis], rows: Side, columns: Side
    ) -> tuple[Side, Side]:
        """Rows and columns of a factor: as its entries have them, else as the result has them."""
        if len(axes) < 2:
            return (axes[0] if axes else None), None
        for access in accesses_in(factor):
            found = [i for i in access.index if i in axes]
            if len(found) == 2:
                return found[0], found[1]
        ordered = sorted(axes, key=lambda a: (rows, columns, a).index(a))
        return ordered[0], ordered[1]

    # ---- entry by entry ------------------------------------------------------------------

    def entries(self, value: Expr, rows: Side, columns: Side) -> Matrix:
        """What has no index but these, in their order."""
        axes = self.axes(value)
        if isinstance(value, Access):
            found = [i for i in value.index if i in axes]
            if any(self.axes(i) for i in value.index if i not in axes) or len(found) > len(axes):
                raise NoForm
            leaf = Leaf(value, *(*found, None, None)[:2])
            return leaf if leaf.rows == rows else transposed(leaf)
        if isinstance(value, Sum):
            function, *limits = value.args
            summed = [limit.args[0] for limit in limits]
            number, body = _signed(function)
            found = self.summed(body, summed, rows, columns)
            return Scaled((Scalar(Integer(-1)),), found) if number else found
        if not axes and not value.has(Access):
            return Scalar(value)
        if isinstance(value, Add):
            terms = []
            for term in sorted(value.args, key=lambda t: (not t.is_number, str(t))):
                number, plain = _signed(term)
                terms.append((number, self.spread(plain, rows, columns)))
            return added(sorted(terms, key=lambda t: t[0]), rows, columns)
        if isinstance(value, Mul):
            return self.contracted(value, (), rows, columns)
        if isinstance(value, Pow) and not value.exp.has(Access) and not self.axes(value.exp):
            return Power(self.entries(value.base, rows, columns), value.exp)
        if isinstance(value, Piecewise):
            if len(value.args) > 2 or [p for p, _ in value.args] != [1, 0]:
                raise NoForm
            return Indicator(value.args[0][1], rows, columns)
        if isinstance(value, Function) and len(value.args) == 1:
            return Apply(value.func, self.entries(value.args[0], rows, columns))
        raise NoForm

    def summed(self, body: Expr, summed: Sequence[Axis], rows: Side, columns: Side) -> Matrix:
        if body.has(Piecewise):
            raise NoForm
        outer = tuple(a for a in summed if a in self.subscript)
        inner = tuple(a for a in summed if a not in self.subscript)
        found = self.contracted(body, inner, rows, columns)
        return SumOver(outer, (), found) if outer else found

    def spread(self, value: Expr, rows: Side, columns: Side) -> Matrix:
        """A term of a sum with all rows and columns that the sum has; a number stays one."""
        if value.is_number or not value.has(Access):
            return Scalar(value) if not self.axes(value) else self.entries(value, rows, columns)
        return self.contracted(value, (), rows, columns)


def added(terms: Iterable[tuple[bool, Matrix]], rows: Side, columns: Side) -> Matrix:
    """A sum, brackets left out."""
    flat: list[tuple[bool, Matrix]] = []
    for negative, term in terms:
        flat += term.terms if isinstance(term, Plus) and not negative else ((negative, term),)
    return flat[0][1] if len(flat) == 1 and not flat[0][0] else Plus(tuple(flat), rows, columns)


def _signed(value: Expr) -> tuple[bool, Expr]:
    number, rest = value.as_coeff_Mul()
    return (True, -number * rest) if number.is_negative else (False, value)


class _Net:
    """Factors by the indices that they have: those of a product that is to be summed."""

    def __init__(self) -> None:
        self.numbers: list[Matrix] = []
        self.columns: dict[Axis, Matrix] = {}
        self.edges: dict[frozenset[Axis], Matrix] = {}

    def add(self, factor: Matrix) -> None:
        rows, columns = factor.rows, factor.columns
        if rows is None and columns is None:
            self.numbers.append(factor)
        elif columns is None or rows is None:
            column = transposed(factor) if rows is None else factor
            axis = column.rows
            assert axis is not None
            known = self.columns.get(axis)
            self.columns[axis] = entrywise(known, column) if known else column
        else:
            key = frozenset({rows, columns})
            if len(key) == 1:
                raise NoForm
            known = self.edges.get(key)
            if known and known.rows != rows:
                factor = transposed(factor)
            self.edges[key] = entrywise(known, factor) if known else factor

    def meeting(self, axis: Axis) -> list[frozenset[Axis]]:
        return [key for key in self.edges if axis in key]

    def order(self, summed: Sequence[Axis]) -> Iterator[Axis]:
        """Indices to sum over, at any time one that the fewest matrices have."""
        left = list(summed)
        while left:
            axis = min(left, key=lambda a: len(self.meeting(a)))
            left.remove(axis)
            yield axis

    def eliminate(self, axis: Axis) -> None:
        """Σ over one index: a product of what has it."""
        meeting = [self.edges.pop(key) for key in self.meeting(axis)]
        column = self.columns.pop(axis, None)
        if not meeting:
            whole = multiplied(transposed(Ones(axis)), column) if column else Scalar(axis.extent)
            self.numbers.append(whole)
        elif len(meeting) == 1:
            self.add(multiplied(_to(meeting[0], axis), column or Ones(axis)))
        elif len(meeting) == 2:
            first, second = meeting
            between = (Diagonal(column),) if column else ()
            self.add(multiplied(_to(first, axis), *between, transposed(_to(second, axis))))
        else:
            raise NoForm

    def result(self, rows: Side, columns: Side) -> Matrix:
        """What is left, with these rows and columns."""
        before, behind = (self.columns.pop(a, None) if a else None for a in (rows, columns))
        edge = self.edges.pop(frozenset({rows, columns}), None) if rows and columns else None  # type: ignore
        if self.columns or self.edges:
            raise NoForm
        found: Matrix | None
        if rows and columns:
            if edge is None:
                found = multiplied(before or Ones(rows), transposed(behind or Ones(columns)))
            else:
                edge = edge if edge.rows == rows else transposed(edge)
                left = (Diagonal(before),) if before else ()
                right = (Diagonal(behind),) if behind else ()
                found = multiplied(*left, edge, *right)
        elif rows:
            found = before or Ones(rows)
        else:
            found = None
        numbers = tuple(n for n in self.numbers if n != Scalar(Integer(1)))
        if found is None:
            if not numbers:
                return Scalar(Integer(1))
            return Scaled(numbers[:-1], numbers[-1]) if numbers[1:] else numbers[0]
        return Scaled(numbers, found) if numbers else found


def _to(matrix: Matrix, axis: Axis) -> Matrix:
    """The matrix with the axis for its columns."""
    return matrix if matrix.columns == axis else transposed(matrix)


def accesses_in(value: Any) -> list[Access]:
    """Every entry that is read, in a fixed order."""
    return sorted(entries_in(value), key=str)
