"""Pass: what a call may skip stands under a condition.

w_bar += ...                  if the gradient of w is wanted:  w_bar += ...
y += b[k]       becomes       if b is given:                   y += b[k]
"""

from __future__ import annotations

from dataclasses import replace

from derive.language.symbols import Tensor
from derive.program.grammar import (
    Block,
    Compute,
    Module,
    Present,
    Program,
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
    body: list[Block] = []
    for block in program.body:
        names = frozenset().union(
            *(serves.get(b.target, program.names) for b in computes((block,)))
        )
        inner = mapped((block,), lambda b: _given(b, program.inputs))
        if names == program.names and len(names) != 1:
            body += inner
        elif body and isinstance(last := body[-1], When) and last.test == Wanted(names):
            body[-1] = replace(last, body=(*last.body, *inner))
        else:
            body.append(When(Wanted(names), inner))
    return replace(program, body=tuple(body))


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
