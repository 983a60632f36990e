"""Pass: what a loop reads once is computed for a part of its rounds at a time.

    k[t] = f(x[t])                           for start <= t < stop, in parts of T:
    for t:  a[t] = c[t]*k[t]     becomes         k[t] = f(x[start + t])
                                                 for t:  a[t] = c[t]*k[t - start]

It stays in the cache, and no array is made that is as long as the loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Add, Expr, Integer, Mul

from derive.calculus.bounds import inside
from derive.calculus.statements import Statement, names_in
from derive.language.symbols import Access, Axis, Tensor
from derive.program.facts import named, part_of, with_extent, writes_apart
from derive.program.grammar import (
    Block,
    Body,
    Compute,
    Loop,
    Module,
    Program,
    Tile,
    computes,
    mapped,
    statements_of,
)


def tile_loops(module: Module) -> Module:
    """Move what loops read into them, part by part, in both directions."""
    return module.each(tiled)


def tiled(program: Program) -> Program:
    """Move what the loops of a program read into them; outputs stay whole."""
    body: Body = program.body
    for loop in body:
        if isinstance(loop, Loop):
            body = _with_tile(loop, body, {*program.outputs})
    return replace(program, body=body)


def _with_tile(loop: Loop, body: Body, keep: set[Tensor]) -> Body:
    """All blocks, those that the loop alone reads within it; tensors in `keep` stay whole."""
    made = {b.target for b in body if isinstance(b, Compute)} - keep
    whole = {t: d for t in made if (d := _dimension(t, loop, body)) is not None}
    if not whole:
        return body
    ahead = [b for b in body if isinstance(b, Compute) and b.target in whole]
    start, stop = part_of(loop.axis, names_in(statements_of(body)))
    short = {t: with_extent(t, d, stop - start).like(outside=None) for t, d in whole.items()}
    part = Axis(loop.axis.name, stop - start)
    now = [
        replace(b, statement=_of_part(b.statement, loop.axis, part, start, short)) for b in ahead
    ]
    inner = mapped(loop.body, lambda b: _in_round(b, whole, start, short))
    elements = Add(*(Mul(*_without(t.shape, d)) for t, d in whole.items()))
    rounds = replace(loop, body=inner, start=start, stop=stop)
    tile = Tile(loop.axis, start, stop, elements, (*now, rounds), loop.falling)
    return tuple(tile if b is loop else b for b in body if b not in ahead)


def _dimension(tensor: Tensor, loop: Loop, body: Body) -> int | None:
    """The dimension of the tensor that the loop walks, if it can be computed in parts."""
    every, inner = computes(body), computes(loop.body)
    writers = [b for b in every if b.target == tensor]
    readers = [b for b in every if any(r.tensor == tensor for r in b.statement.entries)]
    if not readers or any(b not in body or not _is_pointwise(b.statement) for b in writers):
        return None
    if any(b not in inner for b in readers):
        return None
    accesses = [b.statement.target for b in writers]
    accesses += [r for b in readers for r in b.statement.entries if r.tensor == tensor]
    for dimension, index in enumerate(accesses[0].index):
        if index == loop.axis and all(a.index[dimension] == index for a in accesses):
            return dimension
    return None


def _is_pointwise(statement: Statement) -> bool:
    """Whether each entry is computed once, by functions of others that are always there."""
    if any(r.tensor.optional for r in statement.entries) or statement.where:
        return False
    reads = all(r.tensor.outside is None or inside(r, statement.domain) for r in statement.reads)
    return reads and {*statement.domain} == named(statement) and writes_apart(statement, ())


def _without(shape: Sequence[Expr], dimension: int) -> list[Expr]:
    return [e for d, e in enumerate(shape) if d != dimension] or [Integer(1)]


def _of_part(
    statement: Statement, old: Axis, part: Axis, start: Expr, short: dict[Tensor, Tensor]
) -> Statement:
    target = Access(short[statement.target.tensor], *statement.target.index)
    shifted: dict = {r: _read(r, old, part, start, short) for r in statement.entries}
    shifted[old] = part + start  # the index as a number, too
    return replace(
        statement,
        domain=tuple(part if a == old else a for a in statement.domain),
        target=target.xreplace({old: part}),
        value=statement.value.xreplace(shifted),
    )


def _read(
    access: Access, old: Axis, part: Axis, start: Expr, short: dict[Tensor, Tensor]
) -> Access:
    if access.tensor in short:
        return Access(short[access.tensor], *access.index).xreplace({old: part})
    return access.xreplace({old: part + start})


def _in_round(
    block: Block, whole: dict[Tensor, int], start: Expr, short: dict[Tensor, Tensor]
) -> Compute | None:
    if not isinstance(block, Compute):
        return None
    found = {}
    for read in block.statement.entries:
        if read.tensor in whole:
            index = list(read.index)
            index[whole[read.tensor]] -= start
            found[read] = Access(short[read.tensor], *index)
    return replace(block, statement=block.statement.substitute(found)) if found else None
