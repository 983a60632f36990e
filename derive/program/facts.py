"""What is known of the statements of a program, found once and for every target."""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr, Mod, Symbol

from derive.calculus.affine import Affine, affine, axes_in
from derive.calculus.bounds import inside
from derive.calculus.statements import Statement
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Bound, Tensor
from derive.program.grammar import Program, computes

Axes = tuple[Axis, ...]


def place(index: Expr) -> Affine:
    """An index as a constant and coefficients; a remainder, of two rows, is a constant."""
    remainders = sorted(index.atoms(Mod), key=str)
    if not remainders:
        return affine(index)
    hidden = {m: Symbol(f"row{number}", integer=True) for number, m in enumerate(remainders)}
    found = affine(index.xreplace(hidden))
    back = {symbol: remainder for remainder, symbol in hidden.items()}
    return Affine(found.constant.xreplace(back), found.coefficients)


def named(statement: Statement) -> set[Axis]:
    """The axes that the target names: its points are not joined along them."""
    return axes_in(statement.target.index)


def writes_apart(statement: Statement, outer: Axes) -> bool:
    """Whether no two points of the axes that the target names write one entry.

    ``y[p, 2*q]`` does, and ``y[u, p + u]``; ``y[p + u]`` and ``y[token[t]]`` do not, unless the
    `outer` axes, which are fixed, are all but one of those that stand there.
    """
    places = [place(index) for index in statement.target.index]
    if any(axes_in(at.reads) - {*outer} for at in places):
        return False
    told = {*outer}  # axes that an entry tells
    waiting = [at for at in places if {*at.iterators} - told]
    while waiting:
        alone = [at for at in waiting if len({*at.iterators} - told) == 1]
        if not alone:
            return False
        told |= {a for at in alone for a in at.iterators}
        waiting = [at for at in waiting if {*at.iterators} - told]
    return True


def walks_whole(target: Access, dimensions: Iterable[int] | None = None) -> bool:
    """Whether an axis of its own walks all of every dimension, or of those that are given.

    An axis that is cut into parts walks all of it in all parts together.
    """
    tensor = target.tensor
    chosen = range(len(target.index)) if dimensions is None else dimensions
    walked: list[Symbol] = []
    for dimension in chosen:
        at = place(target.index[dimension])
        if tensor.offset[dimension] != 0 or [c for _, c in at.coefficients] != [1]:
            return False
        (axis,) = at.iterators
        assert isinstance(axis, Axis)
        start, stop = at.constant, at.constant + axis.extent
        length = stop.extent if isinstance(start, Bound) and isinstance(stop, Bound) else stop
        if length != tensor.shape[dimension] or not (start == 0 or isinstance(start, Bound)):
            return False
        walked.append(axis)
    return len(set(walked)) == len(walked)


def part_of(axis: Axis, names: Iterable[str]) -> tuple[Bound, Bound]:
    """The ends of a part of an axis, which have none of the `names`."""
    taken = {*names}
    start, stop = (fresh(f"{axis.name}_{end}", taken) for end in ("start", "stop"))
    return Bound(start, axis.extent), Bound(stop, axis.extent)


def with_extent(tensor: Tensor, dimension: int, extent: Expr) -> Tensor:
    """The tensor with another extent in one dimension: room for a part of it, or for two rows."""
    shape = tuple((extent if d == dimension else e,) for d, e in enumerate(tensor.shape))
    return tensor.like(shape=shape)


def without_dimension(tensor: Tensor, dimension: int) -> Tensor:
    """One row of the tensor."""
    shape = tuple((e,) for d, e in enumerate(tensor.shape) if d != dimension)
    offset = tuple(o for d, o in enumerate(tensor.offset) if d != dimension)
    return tensor.like(shape=shape, offset=offset)


def accesses_of(statement: Statement, tensor: Tensor) -> tuple[Access, ...]:
    """Where a statement writes or reads a tensor."""
    return tuple(a for a in (statement.target, *statement.entries) if a.tensor == tensor)


def bare_axes(value: Expr) -> set[Axis]:
    """Axes whose own number stands in the value."""
    if isinstance(value, Access):
        return set()
    if isinstance(value, Axis):
        return {value}
    return set().union(*map(bare_axes, value.args)) if value.args else set()


def is_copy_with_fill(statement: Statement) -> bool:
    """``copy[i] = x[...]``, where x reads a number other than 0 outside: the copy holds it there.

    The copy holds nothing else before, so nobody else may write it.
    """
    value = statement.value
    if not isinstance(value, Access) or value.tensor.outside in (None, 0):
        return False
    if statement.op != "add" or statement.where or inside(value, statement.domain):
        return False
    return set(statement.domain) <= named(statement) and writes_apart(statement, ())


def names_of_entries(program: Program, stack: Tensor) -> tuple[int, list[str]]:
    """In which dimension tensors were stacked, and what they were called; no names if none were."""
    found: dict[int, dict[int, str]] = {}
    for block in (b for b in computes(program.body) if b.target == stack):
        stacked = [origin.target for origin in block.origins]
        known = {a for target in stacked for a in axes_in(target.index)}
        for dimension, index in enumerate(block.statement.target.index):
            at = place(index)
            new = [a for a in at.iterators if a not in known]
            whole = at.constant.is_Integer and all(a.extent == len(stacked) for a in new)
            if whole and len(at.iterators) == len(new):
                names = found.setdefault(dimension, {})
                names |= {int(at.constant) + i: t.tensor.name for i, t in enumerate(stacked)}
    for dimension, names in found.items():
        if stack.shape[dimension] == len(names) > 1 and stack.name not in names.values():
            return dimension, [names[i] for i in sorted(names)]
    return 0, []
