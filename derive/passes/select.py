"""Pass: what a call may skip stands under a condition.

w_bar += ...                  if the gradient of w is wanted:  w_bar += ...
y += b[k]       becomes       if b is given:                   y += b[k]
"""

from __future__ import annotations

from dataclasses import replace

from derive.language.symbols import Tensor
from derive.program.grammar import (
    Block,
    Body,
    Compute,
    Module,
    Present,
    Program,
    Tile,
    Wanted,
    When,
    computes,
    mapped,
)


def select(module: Module) -> Module:
    """Skip what serves no gradient that is wanted, and terms of what is not given."""
    return module.each(_selected)


def _selected(program: Program) -> Program:
    serves = _serves(program)

    def asked(block: Block) -> frozenset[str]:
        names = (serves.get(b.target, program.names) for b in computes((block,)))
        return frozenset().union(*names)

    def body(blocks: Body, around: frozenset[str]) -> Body:
        result: list[Block] = []
        for block in blocks:
            names = asked(block)
            if isinstance(block, Tile):
                block = replace(block, body=body(block.body, names))
            inner = mapped((block,), lambda b: _given(b, program.inputs))
            test = Wanted(names)
            if names == around:
                result += inner
            elif result and isinstance(last := result[-1], When) and last.test == test:
                result[-1] = replace(last, body=(*last.body, *inner))
            else:
                result.append(When(test, inner))
        return tuple(result)

    everything = program.names if len(program.names) != 1 else frozenset()
    return replace(program, body=body(program.body, everything))


def _serves(program: Program) -> dict[Tensor, frozenset[str]]:
    """For each tensor, the names of the outputs that it contributes to."""
    serves = {tensor: frozenset({name}) for tensor, name in program.wanted.items()}
    grew = bool(serves)
    while grew:
        grew = False
        for block in computes(program.body):
            names = serves.get(block.target, frozenset())
            for read in block.statement.entries:
                union = serves.get(read.tensor, frozenset()) | names
                if union != serves.get(read.tensor, frozenset()):
                    serves[read.tensor] = union
                    grew = True
    return serves


def _given(block: Block, inputs: tuple[Tensor, ...]) -> Block | None:
    """A Compute under the condition that all it reads is there."""
    if not isinstance(block, Compute):
        return None
    read = dict.fromkeys(r.tensor for r in block.statement.entries)
    absent = [t for t in read if t.optional and t in inputs]
    return When(Present(tuple(absent)), (block,)) if absent else None
