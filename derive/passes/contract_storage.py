"""Pass: of what a loop hands on, no more rows are kept than are read again.

What is used only in the round that computes it needs one row:

    for t:  i_bar[t] = c_bar[t]*g[t];  a_bar[t] = i_bar[t]*...     becomes
    for t:  i_bar    = c_bar[t]*g[t];  a_bar[t] = i_bar*...

and what the next round reads needs two, an index modulo 2:

    h_bar[t] += y_bar[t]                           for t = T-1 .. 0:
    for t = T-1 .. 0:                                  h_bar[t % 2] += y_bar[t]
        a_bar[t] = h_bar[t]*k[t]       becomes         a_bar[t] = h_bar[t % 2]*k[t]
        h_bar[t-1] += a_bar[t]*w                       h_bar[(t-1) % 2] = a_bar[t]*w
    h0_bar = h_bar[-1]                             h0_bar = h_bar[-1 % 2]

What prepares every row ahead of the loop moves into it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer, Mod

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis, Tensor
from derive.program.facts import (
    accesses_of,
    named,
    place,
    walks_whole,
    with_extent,
    without_dimension,
    writes_apart,
)
from derive.program.grammar import (
    Block,
    Body,
    Compute,
    Loop,
    Module,
    Program,
    computes,
    mapped,
    tensors_in,
)


def contract_storage(module: Module) -> Module:
    """Keep one row or two of what need not be kept, in both directions."""
    return module.each(contracted)


def contracted(program: Program) -> Program:
    """Keep one row or two of tensors that are no outputs."""
    body = tuple(_with_one_row(b, program) if isinstance(b, Loop) else b for b in program.body)
    program = replace(program, body=body)
    while (shorter := _with_two_rows(program)) is not None:
        program = shorter
    return program


# ---- one row -------------------------------------------------------------------------------


def _with_one_row(loop: Loop, program: Program) -> Loop:
    """Drop the loop's axis from what lives within one round."""
    others = tensors_in(b for b in program.body if b is not loop) | {*program.outputs}
    straight = [b for b in loop.body if isinstance(b, Compute)]
    others |= tensors_in(b for b in loop.body if b not in straight)
    short: dict[Tensor, tuple[int, Tensor]] = {}
    for tensor in dict.fromkeys(b.target for b in straight):
        found = [a for b in straight for a in b.accesses if a.tensor == tensor]
        dimension = _dimension(found, loop.axis)
        if tensor in others or dimension is None:
            continue
        first = next(b.statement for b in straight if b.target == tensor)
        if _sets_all(first, (loop.axis,), dimension):
            short[tensor] = dimension, without_dimension(tensor, dimension)
    return replace(loop, body=mapped(loop.body, lambda b: _shortened(b, short)))


def _dimension(accesses: Sequence[Access], axis: Axis) -> int | None:
    """The one dimension that the loop's axis walks, at the same place in every access."""
    for dimension, index in enumerate(accesses[0].index):
        if place(index).iterators == (axis,):
            same = all(a.index[dimension] == index for a in accesses)
            rest = all(
                axis not in place(i).iterators
                for a in accesses
                for d, i in enumerate(a.index)
                if d != dimension
            )
            return dimension if same and rest else None
    return None


def _sets_all(statement: Statement, outer: tuple[Axis, ...], dimension: int) -> bool:
    """Whether a statement that comes first in its round leaves nothing of the row unwritten."""
    rest = [d for d in range(len(statement.target.index)) if d != dimension]
    absent = any(r.tensor.optional for r in statement.entries)
    return not absent and writes_apart(statement, outer) and walks_whole(statement.target, rest)


def _shortened(block: Block, short: dict[Tensor, tuple[int, Tensor]]) -> Block | None:
    if not isinstance(block, Compute):
        return None
    found = {}
    for access in block.accesses:
        if access.tensor in short:
            dimension, tensor = short[access.tensor]
            kept = (i for d, i in enumerate(access.index) if d != dimension)
            found[access] = Access(tensor, *kept)
    return _rewritten(block, found) if found else None


def _rewritten(block: Compute, values: dict[Access, Access]) -> Compute:
    return replace(block, statement=block.statement.substitute(values))


# ---- two rows ------------------------------------------------------------------------------


def _with_two_rows(program: Program) -> Program | None:
    """The program with one more tensor that has two rows; None if there is no more."""
    for number, loop in enumerate(program.body):
        if isinstance(loop, Loop) and not any(isinstance(b, Loop) for b in loop.body):
            for tensor in dict.fromkeys(b.target for b in computes(loop.body)):
                if tensor in program.outputs or tensor.rank < 2 or tensor.shape[0] == 2:
                    continue
                if carried := _Carried.of(
                    tensor, loop, program.body[:number], program.body[number + 1 :]
                ):
                    return replace(program, body=carried.contracted())
    return None


@dataclass(frozen=True)
class _Carried:
    """A tensor of which a loop reads one row and writes the next.

    Attributes
    ----------
    tensor : Tensor
    loop : Loop
    before, after : tuple of blocks
        What runs before the loop and after it.
    step : sympy.Expr
        From a row to the next: 1, or -1 in a falling loop.
    """

    tensor: Tensor
    loop: Loop
    before: Body
    after: Body
    step: Expr

    @classmethod
    def of(cls, tensor: Tensor, loop: Loop, before: Body, after: Body) -> _Carried | None:
        """None if some access is of any other row, or of a row at another time."""
        axis, step = loop.axis, Integer(-1 if loop.falling else 1)
        carried = cls(tensor, loop, before, after, step)
        rows = {a.index[0] for b in computes(loop.body) for a in accesses_of(b.statement, tensor)}
        outside = [b for b in (*before, *after) if tensor in tensors_in((b,))]
        if not rows <= {axis, axis + step} or any(not isinstance(b, Compute) for b in outside):
            return None
        start, stop = loop.ends
        begin, end = (stop - 1, start)[:: 1 if loop.falling else -1]
        prepared = all(carried.prepares(b, begin) for b in outside if b in before)
        concluded = all(carried.concludes(b, end + step) for b in outside if b in after)
        return carried if prepared and concluded and carried.begins_anew() else None

    def prepares(self, block: Block, begin: Expr) -> bool:
        """Whether the block adds to the first row, or to every row what it knows."""
        assert isinstance(block, Compute)
        statement = block.statement
        if block.target != self.tensor or statement.where:
            return False
        if any(r.tensor == self.tensor or r.tensor.optional for r in statement.entries):
            return False
        if {*statement.domain} != named(statement) or self.loop.axis in affine(begin).iterators:
            return False
        return statement.target.index[0] in (begin, self.loop.axis)

    def concludes(self, block: Block, end: Expr) -> bool:
        """Whether the block reads the last row."""
        assert isinstance(block, Compute)
        reads = [r for r in block.statement.entries if r.tensor == self.tensor]
        return block.target != self.tensor and all(r.index[0] == end for r in reads)

    def begins_anew(self) -> bool:
        """Whether some row is carried, and the first that is added to it is all of it."""
        blocks = computes(self.loop.body)
        writers = [b for b in blocks if self.begins(b)]
        read = (r for b in blocks for r in b.statement.entries if r.tensor == self.tensor)
        if not writers or any(r.index[0] == self.loop.axis + self.step for r in read):
            return False
        return _sets_all(writers[0].statement, (self.loop.axis,), 0)

    def begins(self, block: Compute) -> bool:
        """Whether the block writes to the next row."""
        row = self.loop.axis + self.step
        return block.target == self.tensor and block.statement.target.index[0] == row

    def contracted(self) -> Body:
        """All blocks, with two rows and what prepares a row within the loop."""
        axis = self.loop.axis
        moved = [
            b
            for b in self.before
            if isinstance(b, Compute) and b.target == self.tensor
            and b.statement.target.index[0] == axis
        ]  # fmt: skip
        inside = list(self.loop.body)
        first = next(b for b in inside if isinstance(b, Compute) and self.begins(b))
        inside[inside.index(first)] = replace(first, into="set")
        loop = replace(self.loop, body=(*moved, *inside))
        before = [b for b in self.before if b not in moved]
        two = with_extent(self.tensor, 0, Integer(2))
        rows = two.like(outside=None, offset=(0, *two.offset[1:]))

        def modulo(block: Block) -> Block | None:
            if not isinstance(block, Compute):
                return None
            found = {
                a: Access(rows, Mod(a.index[0], 2), *a.index[1:])
                for a in accesses_of(block.statement, self.tensor)
            }
            return _rewritten(block, found) if found else None

        return mapped((*before, loop, *self.after), modulo)
