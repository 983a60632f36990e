"""Pass: statements in an order in which every entry is written before it is read.

Until now the order of a program's statements had no meaning; from now on it has.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from derive.program.dependences import in_order
from derive.program.grammar import Block, Body, Compute, Module, computes


def schedule(module: Module) -> Module:
    """Order both directions, and say what one hands to the other."""
    saved = module.shared
    kept = (t for t in saved if t not in module.forward.inputs)
    outputs = tuple(dict.fromkeys((*module.forward.outputs, *kept)))
    forward = replace(
        module.forward, outputs=outputs, body=_ordered(module.forward.body, module.forward.name)
    )
    backward = replace(
        module.backward,
        inputs=(*saved, *module.backward.inputs),
        body=_ordered(module.backward.body, module.backward.name),
    )
    return replace(module, forward=forward, backward=backward, saved=saved)


def _ordered(body: Body, name: str) -> Body:
    return tuple(_largest_first(in_order(computes(body), name)))


def _largest_first(body: Iterable[Block]) -> Iterable[Block]:
    """Of neighbours with one target the largest comes first: it can set it."""
    run: list[Compute] = []
    for block in (*body, None):
        if run and not (isinstance(block, Compute) and block.target == run[0].target):
            yield from sorted(run, key=_size)
            run = []
        if isinstance(block, Compute):
            run.append(block)
        elif block is not None:
            yield block


def _size(block: Compute) -> tuple[bool, int]:
    return any(r.tensor.optional for r in block.statement.entries), -len(block.statement.domain)
