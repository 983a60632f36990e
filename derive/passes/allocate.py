"""Pass: who makes a tensor, who sets its entries, and who adds to them.

    y[n] += x[n];  y[n] += b[n]     becomes     new y;  y[n] = x[n];  y[n] += b[n]

The first that writes an entry sets it. Where not all that is read of a tensor is known to be
written (`derive.program.check`), it begins with the neutral element: 0, or -oo for a maximum. A
tensor that lives within one round of a loop, in one part of an axis, or under one condition is made
there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from sympy import Expr, Mod

from derive.calculus.bounds import disjoint
from derive.calculus.statements import Statement
from derive.language.symbols import Axis, Bound, Tensor
from derive.program.check import unproved
from derive.program.facts import is_copy_with_fill, place, walks_whole, writes_apart
from derive.program.grammar import (
    ZERO,
    Allocate,
    Block,
    Body,
    Compute,
    Loop,
    Module,
    Program,
    Tile,
    Wanted,
    When,
    bodies,
    computes,
    mapped,
    neutral,
    tensors_in,
)


def allocate(module: Module) -> Module:
    """Allocate every tensor of both directions."""
    return module.each(allocated)


def allocated(program: Program) -> Program:
    """The program with an Allocate for each tensor that it makes; those that are there go first."""
    program = replace(program, body=mapped(program.body, _without_rooms))
    program = replace(program, body=_with_sets(program))
    made = dict.fromkeys(b.target for b in computes(program.body))
    body = _with_rooms(program.body, {t for t in made if t not in program.inputs}, program)
    missing = [t for t in program.outputs if t not in {*made, *program.inputs}]
    return _with_fills(replace(program, body=(*(_nothing(t, program) for t in missing), *body)))


def _without_rooms(block: Block) -> Body | None:
    """Nothing of a room, nor of a condition under which nothing else stood."""
    nothing = isinstance(block, Allocate) or not any(bodies(block) or (block,))
    return () if nothing else None


def _nothing(tensor: Tensor, program: Program) -> Block:
    """An output on which nothing depends is 0."""
    room = Allocate(tensor, ZERO)
    name = program.wanted.get(tensor)
    return When(Wanted(frozenset({name})), (room,)) if name else room


# ---- who sets ------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Place:
    """A Compute, its number, and the axes of the loops around it."""

    block: Compute
    number: int
    loops: tuple[Axis, ...]


def _places(body: Body, loops: tuple[Axis, ...] = ()) -> Iterator[tuple[Compute, tuple[Axis, ...]]]:
    for block in body:
        if isinstance(block, Compute):
            yield block, loops
        inner = (*loops, block.axis) if isinstance(block, Loop) else loops
        for part in bodies(block):
            yield from _places(part, inner)


def _with_sets(program: Program) -> Body:
    """Let those set who are the first to write where they write."""
    places = [_Place(b, i, loops) for i, (b, loops) in enumerate(_places(program.body))]
    numbers = iter(range(len(places)))

    def change(block: Block) -> Block | None:
        if not isinstance(block, Compute):
            return None
        here = places[next(numbers)]
        first = _sets(block.statement, here.loops) and _is_first(here, places)
        return replace(block, into="set") if first else None

    return mapped(program.body, change)


def _sets(statement: Statement, loops: tuple[Axis, ...]) -> bool:
    """Whether each point writes an entry of its own, and nobody else's round or part that one."""
    rows = any(index.has(Mod) for index in statement.target.index)
    target = statement.target
    parts = any(a.extent.has(Bound) for a in statement.domain)
    if parts and not any(e.has(Bound) for e in (*target.index, *target.tensor.shape)):
        return False
    given = not any(read.tensor.optional for read in statement.entries)
    return given and not (rows and loops) and writes_apart(statement, loops)


def _is_first(here: _Place, places: list[_Place]) -> bool:
    """Whether nothing has been written yet where it writes, in whatever round."""
    mine = here.block.statement
    for other in places:
        if other is here or other.block.target != here.block.target:
            continue
        if disjoint(mine, other.block.statement):
            continue
        if other.number < here.number or not _same_round(here, other, places):
            return False
    return True


def _same_round(here: _Place, other: _Place, places: list[_Place]) -> bool:
    """Whether loops around both reach an entry in the same round for both."""
    mine, theirs = here.block.statement.target, other.block.statement.target
    if _is_local(here, places):
        return True
    for axis in here.loops:
        if axis not in other.loops:
            continue
        moving = [axis in place(i).iterators for i in mine.index]
        pairs = zip(moving, mine.index, theirs.index, strict=True)
        if not any(moving) or any(moves and left != right for moves, left, right in pairs):
            return False
    return True


def _is_local(here: _Place, places: list[_Place]) -> bool:
    """Whether the tensor lives within one round of the innermost loop."""
    uses = [p for p in places if any(a.tensor == here.block.target for a in p.block.accesses)]
    if not here.loops or any(p.loops[: len(here.loops)] != here.loops for p in uses):
        return False
    found = (a for p in uses for a in p.block.accesses if a.tensor == here.block.target)
    axis = here.loops[-1]
    return not any(i.has(axis) for a in found for i in a.index)


# ---- who makes -----------------------------------------------------------------------------


def _with_rooms(body: Body, made: set[Tensor], program: Program, *, within: bool = False) -> Body:
    """Make each tensor before the block that is the first to write it, or inside of that block.

    `within` a block, an output is made under the condition that this one stands under.
    """
    result: list[Block] = []
    waiting = set(made)
    for number, block in enumerate(body):
        own = dict.fromkeys(b.target for b in computes((block,)) if b.target in waiting)
        rest = (*body[:number], *body[number + 1 :])
        asked = {t: _asked_for(t, body, program) for t in own}
        inner = {t for t in own if _lives_in(t, asked[t], block, rest, program)}
        for tensor in (t for t in own if t not in inner):
            room = Allocate(tensor, _fill(tensor, block))
            always = within or asked[tensor] == program.names
            result.append(room if always else When(Wanted(asked[tensor]), (room,)))
        if inner:
            parts = [_with_rooms(part, inner, program, within=True) for part in bodies(block)]
            block = replace(block, **dict(zip(("body", "otherwise"), parts, strict=False)))  # type: ignore[arg-type]
        result.append(block)
        waiting -= own.keys()
    return tuple(result)


def _asked_for(tensor: Tensor, body: Body, program: Program) -> frozenset[str]:
    """The gradients for one of which the tensor is needed."""
    if name := program.wanted.get(tensor):
        return frozenset({name})

    def needing(body: Body, around: frozenset[str]) -> Iterator[frozenset[str]]:
        for block in body:
            if isinstance(block, Compute) and any(a.tensor == tensor for a in block.accesses):
                yield around
            asked = isinstance(block, When) and isinstance(block.test, Wanted)
            for part in bodies(block):
                yield from needing(part, block.test.names if asked else around)  # type: ignore[union-attr]

    return frozenset[str]().union(*needing(body, program.names))


def _lives_in(
    tensor: Tensor, asked: frozenset[str], block: Block, rest: Body, program: Program
) -> bool:
    """Whether nobody outside of the block has to do with the tensor, nor another round of it, or
    both are there for the same gradients."""
    alone = tensor not in {*tensors_in(rest), *program.outputs}
    if isinstance(block, When):
        return isinstance(block.test, Wanted) and (alone or block.test.names == asked)
    if isinstance(block, Compute) or not alone:
        return False
    found = [a for b in computes((block,)) for a in b.accesses if a.tensor == tensor]
    if isinstance(block, Tile):
        return any(isinstance(s, Bound) for e in tensor.shape for s in e.free_symbols)
    if isinstance(block, Loop):
        first = next(b for b in computes((block,)) if b.target == tensor)
        fixed = not any(i.has(block.axis, Mod) for a in found for i in a.index)
        return fixed and first.into == "set"
    return False


def _fill(tensor: Tensor, block: Block) -> Expr | None:
    """What a copy of an array holds beyond the array, before it is made."""
    first = next(b.statement for b in computes((block,)) if b.target == tensor)
    copied = is_copy_with_fill(first) and walks_whole(first.target)
    return first.value.tensor.outside if copied else None  # type: ignore[union-attr]


def _with_fills(program: Program) -> Program:
    """Let those tensors begin with a number that may be read where nobody has written."""
    needed = unproved(program)

    def change(block: Block) -> Block | None:
        if not isinstance(block, Allocate) or block.tensor not in needed or block.fill is not None:
            return None
        return replace(block, fill=neutral(block.tensor, program.body))

    return replace(program, body=mapped(program.body, change))
