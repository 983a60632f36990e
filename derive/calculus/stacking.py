"""Rows with names that stand below each other, and what becomes of each, as one matrix.

    a[g,j] = Σ_i w[g,j,i] x[i] + b[g,j],    u[j] = σ(a[0,j]),    v[j] = tanh(a[1,j])

becomes

    ( u )   (  σ   )
    ( v ) = ( tanh ) (W x + b)        (g, j) are the rows of W and b
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sympy import Add, Expr

from derive.calculus.derivation import Derivation
from derive.calculus.matrices import Leaf, Matrix
from derive.calculus.matrix import matrix_form
from derive.calculus.pairing import NoForm
from derive.calculus.statements import Statement
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Tensor


@dataclass(frozen=True)
class Stacked:
    """One equation for all rows.

    Attributes
    ----------
    targets : tuple of Leaf
        What becomes of the rows with each name, one below the other.
    functions : tuple of type
        The function of each.
    value : Matrix
        The column that they are functions of.
    """

    targets: tuple[Leaf, ...]
    functions: tuple[type, ...]
    value: Matrix


def stacked(derivation: Derivation) -> Iterator[Stacked]:
    """What is read row by row and not otherwise, each time as a function of the entry alone."""
    for (tensor, place), names in derivation.rows.items():
        terms = [s for s in derivation.forward if s.target.tensor == tensor]
        apart = len({s.target for s in terms}) != 1 or any(s.where for s in terms)
        if apart or not _begins_product(tensor, place):
            continue
        readers = _readers(tensor, place, terms[0].target, derivation)
        value = _value(_summands(terms, derivation.order), place)
        if value is not None and [*readers] == [*range(len(names))]:
            units = terms[0].target.index[place + 1]
            yield Stacked(
                tuple(Leaf(s.target, units, None) for s in readers.values()),
                tuple(s.value.func for s in readers.values()),
                value,
            )


def _begins_product(tensor: Tensor, place: int) -> bool:
    """Whether an index is the first of the two of a product axis."""
    first = 0
    for factors in tensor.axes_of:
        if first == place:
            return len(factors) == 2
        first += len(factors)
    return False


def _readers(
    tensor: Tensor, place: int, target: Access, derivation: Derivation
) -> dict[int, Statement]:
    """By its number, the statement that reads a row; none at all if one does something else."""
    others = (*target.index[:place], *target.index[place + 1 :])
    found: dict[int, Statement] = {}
    for statement in derivation.forward:
        if tensor not in {entry.tensor for entry in statement.entries}:
            continue
        entry = statement.value.args[0] if statement.value.func in SCALARS else None
        rows = entry.index[place] if isinstance(entry, Access) else None
        if not (
            isinstance(entry, Access)
            and rows is not None and rows.is_Integer and int(rows) not in found
            and (*entry.index[:place], *entry.index[place + 1 :]) == others
            and statement.target.index == others
            and not statement.where
        ):  # fmt: skip
            return {}
        found[int(rows)] = statement
    return dict(sorted(found.items()))


def _summands(terms: Sequence[Statement], order: Sequence[Tensor]) -> list[Statement]:
    """A statement for each summand; those of one statement as their tensors are declared."""
    rank = {tensor: number for number, tensor in enumerate(order)}

    def place(value: Expr) -> int:
        return min((rank.get(a.tensor, len(rank)) for a in value.atoms(Access)), default=-1)

    return [
        replace(term, value=value)
        for term in terms
        for value in sorted(Add.make_args(term.value), key=place)
    ]


def _value(terms: list[Statement], place: int) -> Matrix | None:
    """The column of all rows, if those with a name stand together wherever they are read."""
    rows, units = terms[0].target.index[place : place + 2]
    if not isinstance(rows, Axis) or not isinstance(units, Axis):
        return None
    both = Axis(rows.name, rows.extent * units.extent)
    try:
        flat = [_flat(term, rows, units, both) for term in terms]
    except NoForm:
        return None
    target = flat[0].target
    others = frozenset((target.tensor, p) for p, i in enumerate(target.index) if i != both)
    form = matrix_form(target, flat, others)
    return form and form.value


def _flat(term: Statement, rows: Axis, units: Axis, both: Axis) -> Statement:
    """The statement with one index for the two of a product axis."""

    def entry(access: Access) -> Access:
        index = access.index
        place = index.index(rows) if rows in index else 0
        if {rows, units} <= {*index} and index[place + 1] == units:
            shape = [(extent,) for extent in access.tensor.shape]
            shape[place : place + 2] = [(both.extent,)]
            offset = (*access.tensor.offset[:place], *access.tensor.offset[place + 1 :])
            tensor = access.tensor.like(shape=tuple(shape), offset=offset)
            return Access(tensor, *index[:place], both, *index[place + 2 :])
        return access

    moved = {access: entry(access) for access in (term.target, *term.reads)}
    domain = (both, *(axis for axis in term.domain if axis not in (rows, units)))
    found = replace(
        term,
        domain=domain,
        target=moved[term.target],
        value=term.value.xreplace(moved),
    )
    if {rows, units} & {s for e in (found.target, found.value) for s in e.free_symbols}:
        raise NoForm
    return found
