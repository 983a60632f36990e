"""Pass: what a loop reads once is computed for a stretch of it at a time, and stays in the cache.

    k = f(x)                                 for first, last in _stretches(T, N * H):
    for t in range(T):             becomes       k = f(x[first:last])
        a[t] = c[t] * k[t]                       for t in range(first, last):
                                                     a[t] = c[t] * k[t - first]

No array is made that is as long as the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Add, Expr, Integer, Mul, Symbol

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis, Tensor
from derive.lowering.carries import Carrying
from derive.lowering.fallback import Fallback
from derive.lowering.schedule import Item, Loop

FIRST, LAST = (Symbol(name, integer=True, nonnegative=True) for name in ("first", "last"))


@dataclass(frozen=True)
class Stretched(Carrying):
    """A loop in stretches, and what is computed before each of them.

    Attributes
    ----------
    ahead : tuple of Statement
        Their axis of the loop runs over one stretch.
    elements : sympy.Expr
        How many numbers they compute for one round.
    """

    ahead: tuple[Statement, ...]
    elements: Expr

    @property
    def statements(self) -> tuple[Statement, ...]:
        return (*self.ahead, *super().statements)


def with_stretches(
    items: Sequence[Item], keep: set[Tensor]
) -> tuple[tuple[Item, ...], dict[Statement, Statement]]:
    """Move statements into the loops that they are for; tensors in `keep` stay whole.

    Returns
    -------
    items, renamed
        The items, and for each statement that was rewritten what it was before.
    """
    result = list(items)
    renamed: dict[Statement, Statement] = {}
    for item in items:
        if not isinstance(item, Loop):
            continue
        whole = {
            t: d for t in _tensors(items) - keep if (d := _dimension(t, item, items)) is not None
        }
        if not whole:
            continue
        ahead = [s for s in items if isinstance(s, Statement) and s.target.tensor in whole]
        short = {t: _shortened(t, d) for t, d in whole.items()}
        axis = Axis(item.axis.name, LAST - FIRST)
        now = {s: _of_stretch(s, item.axis, axis, short) for s in ahead}
        body = {s: _in_round(s, whole, short) for s in item.statements}
        elements = Add(*(Mul(*_without(t.shape, d)) for t, d in whole.items()))
        loop = _rebuilt(item, body)
        stretched = Stretched(
            loop.axis, loop.falling, loop.items, loop.pairs, tuple(now.values()), elements
        )
        result[result.index(item)] = stretched
        result = [i for i in result if i not in ahead]
        renamed |= {new: old for old, new in {**now, **body}.items()}
    return tuple(result), renamed


def _tensors(items: Sequence[Item]) -> set[Tensor]:
    return {i.target.tensor for i in items if isinstance(i, Statement)}


def _dimension(tensor: Tensor, loop: Loop, items: Sequence[Item]) -> int | None:
    """The dimension of the tensor that the loop walks, if it can be computed in stretches."""
    every = [s for i in items for s in (i.statements if isinstance(i, Loop) else (i,))]
    writers = [s for s in every if s.target.tensor == tensor]
    readers = [s for s in every if any(r.tensor == tensor for r in s.entries)]
    if not readers or any(s not in items or not _is_pointwise(s) for s in writers):
        return None
    if any(s not in loop.statements for s in readers):
        return None
    accesses = [s.target for s in writers]
    accesses += [r for s in readers for r in s.entries if r.tensor == tensor]
    for dimension, index in enumerate(accesses[0].index):
        if index == loop.axis and all(a.index[dimension] == index for a in accesses):
            return dimension
    return None


def _is_pointwise(statement: Statement) -> bool:
    """Whether each entry is computed once, by functions of others."""
    written = {a for i in statement.target.index for a in affine(i).iterators}
    absent = any(r.tensor.optional for r in statement.entries)
    return set(statement.domain) == written and not absent and Fallback(statement).exact


def _without(shape: Sequence[Expr], dimension: int) -> list[Expr]:
    return [e for d, e in enumerate(shape) if d != dimension] or [Integer(1)]


def _shortened(tensor: Tensor, dimension: int) -> Tensor:
    """The tensor with room for one stretch."""
    shape = tuple((LAST - FIRST if d == dimension else e,) for d, e in enumerate(tensor.shape))
    return tensor.like(shape=shape, outside=None)


def _of_stretch(
    statement: Statement, old: Axis, axis: Axis, short: dict[Tensor, Tensor]
) -> Statement:
    target = Access(short[statement.target.tensor], *statement.target.index)
    shifted = {r: _read(r, old, axis, short) for r in statement.entries}
    shifted[old] = axis + FIRST  # the index as a number, too
    return replace(
        statement,
        domain=tuple(axis if a == old else a for a in statement.domain),
        target=target.xreplace({old: axis}),
        value=statement.value.xreplace(shifted),
        where=tuple(g.substitute(shifted) for g in statement.where),
    )


def _read(access: Access, old: Axis, axis: Axis, short: dict[Tensor, Tensor]) -> Access:
    if access.tensor in short:
        return Access(short[access.tensor], *access.index).xreplace({old: axis})
    return access.xreplace({old: axis + FIRST})


def _in_round(
    statement: Statement, whole: dict[Tensor, int], short: dict[Tensor, Tensor]
) -> Statement:
    found = {}
    for read in statement.entries:
        if read.tensor in whole:
            index = list(read.index)
            index[whole[read.tensor]] -= FIRST
            found[read] = Access(short[read.tensor], *index)
    return statement.substitute(found) if found else statement


def _rebuilt(loop: Loop, body: dict[Statement, Statement]) -> Carrying:
    items = tuple(_rebuilt(i, body) if isinstance(i, Loop) else body[i] for i in loop.items)
    return Carrying(loop.axis, loop.falling, items, getattr(loop, "pairs", ()))
