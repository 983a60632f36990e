"""Pass: what goes over its data in loops of Python does so for a part of them at a time.

    z[n,q] += x[n,s*q+v];  y[n] += z[n,q]     becomes     for start <= n < stop, in parts of N:
                                                              z[n,q] += x[start+n,s*q+v]
                                                              y[start+n] += z[n,q]

The part is what fits the cache. What only these statements use is made anew for each part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from sympy import Max, Mul

from derive.calculus.affine import axes_in
from derive.calculus.statements import Statement, names_in
from derive.language.symbols import Access, Axis, Bound, Tensor
from derive.program.facts import bare_axes, part_of, with_extent, writes_apart
from derive.program.grammar import (
    NEUTRAL,
    Block,
    Body,
    Compute,
    Module,
    Program,
    Tile,
    Wanted,
    When,
    computes,
    statements_of,
)
from derive.program.loops import loops_of


def tile_batches(module: Module) -> Module:
    """Cut runs of statements into parts, in both directions."""
    return module.each(_tiled)


def _tiled(program: Program) -> Program:
    def inside(block: Block) -> Block:
        if isinstance(block, When) and isinstance(block.test, Wanted):
            return replace(block, body=_with_tiles(block.body, program))
        return block

    return replace(program, body=_with_tiles(tuple(map(inside, program.body)), program))


def _with_tiles(body: Body, program: Program) -> Body:
    result: list[Block] = []
    for run in _runs(body):
        made = _tile(run, program) if isinstance(run, list) else None
        result += [made] if made else run if isinstance(run, list) else [run]
    return tuple(result)


def _runs(body: Body) -> list[list[Compute] | Block]:
    """Neighbours that could run together, and everything else one by one."""
    found: list[list[Compute] | Block] = []
    for block in body:
        axis = _axis(block.statement) if isinstance(block, Compute) else None
        if axis is None:
            found.append(block)
            continue
        last = found[-1] if found else None
        joins = isinstance(last, list) and _axis(last[0].statement).extent == axis.extent  # type: ignore[union-attr]
        if joins:
            last.append(block)  # type: ignore[union-attr]
        else:
            found.append([block])  # type: ignore[list-item]
    return found


def _axis(statement: Statement) -> Axis | None:
    """The axis that walks the whole of the target's first dimension and stands nowhere else.

    Its own number stands in no value: within a part, it is counted from 0.
    """
    if not statement.target.index or any(a.tensor.optional for a in statement.entries):
        return None
    axis = statement.target.index[0]
    if not isinstance(axis, Axis) or any(axis in axes_in((g.expression,)) for g in statement.where):
        return None
    if axis in bare_axes(statement.value):
        return None
    for access in (statement.target, *statement.entries):
        if access.index and access.index[0] == axis:
            whole = access.tensor.shape[0] == axis.extent and access.tensor.offset[0] == 0
            if not whole or axis in axes_in(access.index[1:]):
                return None
        elif axis in axes_in(access.index):
            return None
    return axis


def _tile(run: Sequence[Compute], program: Program) -> Tile | None:
    """The run for a part at a time, if it goes over data more than once."""
    if not any(loops_of(block.statement) for block in run):
        return None
    axis = _axis(run[0].statement)
    assert axis is not None
    whole: set[Tensor] = set()
    split: dict[Tensor, None] = {}
    for block in run:
        own = _axis(block.statement)
        for access in block.accesses:
            if access.index and access.index[0] == own:
                split.setdefault(access.tensor)
            else:
                whole.add(access.tensor)
    others = [b for b in computes(program.body) if b not in run]
    written = {b.target for b in run}
    used = {a.tensor for b in others for a in b.accesses} | {*program.outputs}
    if whole & split.keys() or written & {b.target for b in others}:
        return None
    start, stop = part_of(axis, names_in(statements_of(program.body)))
    local = {t: with_extent(t, 0, stop - start) for t in split if t in written - used}

    def of_part(block: Compute) -> Compute:
        own = _axis(block.statement)
        part = Axis(str(own), stop - start)
        rows = {
            a: Access(a.tensor, start + part, *a.index[1:])
            for a in block.accesses
            if a.index and a.index[0] == own and a.tensor not in local
        }
        statement = block.statement.substitute(rows).substitute({**local, own: part})
        return replace(block, statement=statement)

    elements = Max(*(Mul(*tensor.shape[1:]) for tensor in split))
    fills = [
        _fill(block, start, stop)
        for tensor in split
        if tensor in written and tensor not in local
        and not writes_apart((block := next(b for b in run if b.target == tensor)).statement, ())
    ]  # fmt: skip
    return Tile(axis, start, stop, elements, (*fills, *map(of_part, run)))


def _fill(block: Compute, start: Bound, stop: Bound) -> Compute:
    """A part is emptied where it is computed, and not the whole beforehand: it is in the cache."""
    tensor = block.target
    part = Axis(str(block.statement.target.index[0]), stop - start)
    rest = tuple(Axis(f"i{d}", extent) for d, extent in enumerate(tensor.shape[1:], 1))
    target = Access(
        tensor, start + part, *(a + o for a, o in zip(rest, tensor.offset[1:], strict=True))
    )
    return Compute(Statement((part, *rest), target, NEUTRAL[block.statement.op]), "set")
