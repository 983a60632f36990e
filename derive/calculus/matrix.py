"""The matrix form of a line, recognised from its indices.

    x̄[n,i] = Σ_o ȳ[n,o] w[o,i]        X̄ = Ȳ W         o is shared, n and i are free
    w̄[o,i] = Σ_n ȳ[n,o] x[n,i]        W̄ = Ȳᵀ X        the sum runs down both columns
    ā[t,n,j] = h̄[t,n,j] (1 − h[t,n,j]²)   Ā_t = H̄_t ⊙ (1 − H_t²)

Samples are rows, as in PyTorch's shapes. An index along which something moves from step to step, or
that counts what is read by number, is a subscript; so is one that is left over.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow, Sum

from derive.calculus.affine import axes_in
from derive.calculus.closing import Closing
from derive.calculus.collecting import condition
from derive.calculus.derivation import Derivation
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
    Side,
    SumOver,
    Transpose,
    entrywise,
    multiplied,
    nodes,
    transposed,
)
from derive.calculus.statements import Statement
from derive.calculus.step import PartialDerivative, Phrase, bound, listing
from derive.language.symbols import Access, Axis, Tensor

Positions = frozenset[tuple[Tensor, int]]  # of the indices that are subscripts
_LEFT_OVER = 2  # subscripts at most that nothing else says are some


@dataclass(frozen=True)
class MatrixForm:
    """One line without the indices of rows and columns.

    Attributes
    ----------
    target : Leaf
        What it says.
    value : Matrix
        What that is.
    terms : tuple of Statement
        The line with all its indices.
    because : Phrase
        Where transposes, diagonals and columns of ones come from.
    """

    target: Leaf
    value: Matrix
    terms: tuple[Statement, ...]
    because: Phrase

    @property
    def diagonal(self) -> MatrixForm | None:
        """The same with a diagonal matrix for what multiplies a column entry by entry, if so."""
        value = with_diagonals(self.value)
        if value == self.value:
            return None
        words = ("what multiplies a column entry by entry is a diagonal matrix before it",)
        return replace(self, value=value, because=words)


def matrix_forms(
    line: Closing, positions: Positions, order: Sequence[Tensor] = ()
) -> tuple[MatrixForm, ...] | None:
    """The matrix form of each target of a line; None if some of them has none.

    Parameters
    ----------
    line : Closing
        What is written with indices.
    positions : set of pairs of Tensor and int
        `subscripts` of its derivation.
    order : sequence of Tensor, optional
        The order of factors that nobody wrote, such as ``derivation.order``.
    """
    groups: dict[Access, list[Statement]] = {}
    for term in line.terms:
        groups.setdefault(term.target, []).append(term)
    found = [matrix_form(target, terms, positions, order) for target, terms in groups.items()]
    return None if None in found else tuple(form for form in found if form)


def subscripts(derivation: Derivation, lines: Iterable[Closing] = ()) -> Positions:
    """The indices at which something is read beside another one, or by number."""
    steps = (derivation.final(bar) for bar in derivation.gradients)
    terms = [*derivation.forward, *(s for step in steps if step for s in step.shown)]
    terms += [s for line in lines for s in line.terms]
    named = [[(access.tensor, position, index)
              for access in (term.target, *term.value.atoms(Access))
              if not isinstance(access.tensor, PartialDerivative)
              for position, index in enumerate(access.index) if not index.has(Access)]
             for term in terms]  # fmt: skip
    found = {(t, p) for places in named for t, p, index in places if not isinstance(index, Axis)}
    before = -1
    while before < len(found):  # what moves along one of them moves along it, too
        before = len(found)
        for places in named:
            moving = {a for t, p, index in places if (t, p) in found for a in axes_in((index,))}
            found |= {(t, p) for t, p, index in places if index in moving}
    return frozenset(found)


def matrix_form(
    target: Access,
    terms: Sequence[Statement],
    positions: Positions,
    order: Sequence[Tensor] = (),
) -> MatrixForm | None:
    """The matrix form of the terms of one entry, with as few subscripts as can be.

    None if indices do not pair up: some index may be shared by three factors, or by none.
    """
    moving: set[Axis] = set()
    for term in terms:
        for access in (target, *_accesses(term.value)):
            for position, index in enumerate(access.index):
                if (access.tensor, position) in positions or not isinstance(index, Axis):
                    moving |= axes_in((index,))
    free = [i for i in target.index if isinstance(i, Axis) and i not in moving]
    others = sorted({a for t in terms for a in t.domain if a not in moving}, key=str)
    others.sort(key=lambda a: (not getattr(a.extent, "packed", False), a not in free))
    for count in range(_LEFT_OVER + 1):
        for more in itertools.combinations(others, count):
            form = _form(target, terms, frozenset((*moving, *more)), order)
            if form is not None:
                return form
    return None


def _accesses(value: Any) -> list[Access]:
    return sorted(value.atoms(Access), key=str)


class _NoForm(Exception):
    """Indices do not pair up."""


def _form(
    target: Access,
    terms: Sequence[Statement],
    subscript: frozenset[Axis],
    order: Sequence[Tensor],
) -> MatrixForm | None:
    sides = [i for i in target.index if isinstance(i, Axis) and i not in subscript]
    if len(sides) > 2 or len(set(sides)) < len(sides):
        return None
    rows, columns = (*sides, None, None)[:2]
    build = _Build(subscript, {tensor: place for place, tensor in enumerate(order)})
    try:
        found = [build.term(term, rows, columns) for term in terms]
    except _NoForm:
        return None
    value = added(found, rows, columns)
    return MatrixForm(Leaf(target, rows, columns), value, tuple(terms), _because(value))


@dataclass(frozen=True)
class _Build:
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
                raise _NoForm
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
                raise _NoForm
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
            found = [self.rank.get(a.tensor, len(self.rank)) for a in _accesses(inner)]
            late = not isinstance(inner, Access) or inner is not factor or 1 - inner in given
            return factor.has(Sum), late, min(found, default=-1), inner is not factor, str(factor)

        return sorted(given, key=key)

    def sides(
        self, factor: Expr, axes: Sequence[Axis], rows: Side, columns: Side
    ) -> tuple[Side, Side]:
        """Rows and columns of a factor: as its entries have them, else as the result has them."""
        if len(axes) < 2:
            return (axes[0] if axes else None), None
        for access in _accesses(factor):
            found = [i for i in access.index if i in axes]
            if len(found) == 2:
                return found[0], found[1]
        ordered = sorted(axes, key=lambda a: ((rows, columns) + (a,)).index(a))
        return ordered[0], ordered[1]

    # ---- entry by entry ------------------------------------------------------------------

    def entries(self, value: Expr, rows: Side, columns: Side) -> Matrix:
        """What has no index but these, in their order."""
        axes = self.axes(value)
        if isinstance(value, Access):
            found = [i for i in value.index if i in axes]
            if any(self.axes(i) for i in value.index if i not in axes) or len(found) > len(axes):
                raise _NoForm
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
                raise _NoForm
            return Indicator(value.args[0][1], rows, columns)
        if isinstance(value, Function) and len(value.args) == 1:
            return Apply(value.func, self.entries(value.args[0], rows, columns))
        raise _NoForm

    def summed(self, body: Expr, summed: Sequence[Axis], rows: Side, columns: Side) -> Matrix:
        if body.has(Piecewise):
            raise _NoForm
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
                raise _NoForm
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
            raise _NoForm

    def result(self, rows: Side, columns: Side) -> Matrix:
        """What is left, with these rows and columns."""
        before, behind = (self.columns.pop(a, None) if a else None for a in (rows, columns))
        edge = self.edges.pop(frozenset({rows, columns}), None) if rows and columns else None  # type: ignore
        if self.columns or self.edges:
            raise _NoForm
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


def with_diagonals(matrix: Matrix) -> Matrix:
    """(1 − h ⊙ h) ⊙ h̄  →  diag(1 − h ⊙ h) h̄        where these are columns"""
    if isinstance(matrix, Hadamard) and matrix.columns is None:
        first, *others = matrix.factors
        return Product((*map(Diagonal, others), first))
    if isinstance(matrix, Scaled | SumOver):
        return replace(matrix, of=with_diagonals(matrix.of))
    if isinstance(matrix, Plus):
        return replace(matrix, terms=tuple((n, with_diagonals(t)) for n, t in matrix.terms))
    return matrix


def _because(value: Matrix) -> Phrase:
    """Where transposes, diagonals and columns of ones come from."""
    words: list[Phrase] = []
    found = nodes(value)
    for product in (n for n in found if isinstance(n, Product)):
        for left, right in itertools.pairwise(product.factors):
            words.append(_meeting(left, right))
    if any(isinstance(n, Product) and isinstance(n.factors[-1], Ones) for n in found):
        words.append(("a product with a column of ones is a sum",))
    for axis in dict.fromkeys(n.rows for n in found if isinstance(n, Diagonal)):
        if axis is not None:
            words.append(("what has the index ", axis, " alone is a diagonal matrix"))
    if any(isinstance(n, Hadamard) for n in found):
        words.append(("factors with equal indices are multiplied entry by entry",))
    subscript = dict.fromkeys(a for n in found if isinstance(n, SumOver) for a in n.axes)
    if subscript:
        words.append((*listing(subscript), " is" if len(subscript) == 1 else " are",
                      " no row or column, so the sum stays"))  # fmt: skip
    if any(isinstance(n, Indicator) for n in found):
        words.append(("what stands in brackets is 1 where it holds, else 0",))
    whole: list[Any] = []
    for number, phrase in enumerate(dict.fromkeys(filter(None, words))):
        whole += [*("; ",) * bool(number), *phrase]
    return tuple(whole)


def _meeting(left: Matrix, right: Matrix) -> Phrase:
    """How two factors of a product share an index, and which of them is transposed for it."""
    axis = left.columns
    if axis is None and isinstance(right, Transpose) and isinstance(right.of, Ones):
        return ("a row of ones repeats the column before it",)
    if axis is None:
        return ("a column times a row has an entry for each pair of indices",)
    if isinstance(left, Ones | Diagonal) or isinstance(right, Ones | Diagonal):
        return ()
    turned = [(m.of, side) for m, side in ((left, "rows"), (right, "columns"))
              if isinstance(m, Transpose) and isinstance(m.of, Leaf)]  # fmt: skip
    if not turned:
        return (axis, " is summed: it numbers the columns on the left and the rows on the right")
    leaf, side = turned[0]
    name = leaf.entry.tensor
    return (axis, f" is summed and numbers the {side} of ", name, ", which is therefore transposed")
