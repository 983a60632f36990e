"""The matrix form of a line, recognised from its indices.

    x̄[n,i] = Σ_o ȳ[n,o] w[o,i]        X̄ = Ȳ W         o is shared, n and i are free
    w̄[o,i] = Σ_n ȳ[n,o] x[n,i]        W̄ = Ȳᵀ X        the sum runs down both columns
    ā[t,n,j] = h̄[t,n,j] (1 − h[t,n,j]²)   Ā_t = H̄_t ⊙ (1 − H_t²)

Samples are rows, as in PyTorch's shapes. An index along which something moves from step to step, or
that counts what is read by number, is a subscript; so is one that is left over.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from derive.calculus.affine import axes_in
from derive.calculus.closing import Closing
from derive.calculus.derivation import Derivation
from derive.calculus.matrices import (
    Diagonal,
    Hadamard,
    Indicator,
    Leaf,
    Matrix,
    Ones,
    Plus,
    Product,
    Scaled,
    SumOver,
    Transpose,
    nodes,
)
from derive.calculus.pairing import Build, NoForm, accesses_in, added
from derive.calculus.statements import Statement
from derive.calculus.step import PartialDerivative, Phrase, listing
from derive.language.symbols import Access, Axis, Tensor, entries_in

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
    because : tuple of Phrase
        Where transposes, diagonals and columns of ones come from.
    """

    target: Leaf
    value: Matrix
    terms: tuple[Statement, ...]
    because: tuple[Phrase, ...]

    @property
    def diagonal(self) -> MatrixForm | None:
        """The same with a diagonal matrix for what multiplies a column entry by entry, if so."""
        value = with_diagonals(self.value)
        if value == self.value:
            return None
        words = ("what multiplies a column entry by entry is a diagonal matrix before it",)
        return replace(self, value=value, because=(words,))


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
              for access in (term.target, *entries_in(term.value))
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
        for access in (target, *accesses_in(term.value)):
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
    build = Build(subscript, {tensor: place for place, tensor in enumerate(order)})
    try:
        found = [build.term(term, rows, columns) for term in terms]
    except NoForm:
        return None
    value = added(found, rows, columns)
    return MatrixForm(Leaf(target, rows, columns), value, tuple(terms), _because(value))


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


def _because(value: Matrix) -> tuple[Phrase, ...]:
    """Where transposes, diagonals and columns of ones come from."""
    words: list[Phrase] = []
    found = nodes(value)
    for product in (n for n in found if isinstance(n, Product)):
        for left, right in itertools.pairwise(product.factors):
            words.append(_meeting(left, right))
    if any(isinstance(n, Product) and any(isinstance(f, Ones) for f in n.factors) for n in found):
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
    return tuple(dict.fromkeys(filter(None, words)))


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
