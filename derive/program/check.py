"""What a program must satisfy: what is read was written, names are unique, integers stay apart."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr

from derive.calculus.statements import Statement, accesses
from derive.language.symbols import Axis, Bound, Tensor, entries_in
from derive.program.assignment import Assignment
from derive.program.facts import writes_apart
from derive.program.grammar import (
    Allocate,
    Body,
    Compute,
    Loop,
    Program,
    Tile,
    bodies,
    computes,
    walk,
)


def faults(program: Program) -> list[str]:
    """What is wrong with a program in which all is allocated, in words; nothing if nothing is."""
    said: list[str] = []
    for way in _ways(program):
        check = Assignment(way)
        check.run()
        said += [*_kinds(way), *_names(way.body, ()), *check.wrong]
        said += [f"{t.name}: {why}" for t, why in check.unproved.items()]
    return list(dict.fromkeys(said))


def unproved(program: Program) -> tuple[Tensor, ...]:
    """The tensors that need a fill, for not all that is read of them is known to be written."""
    found: dict[Tensor, None] = {}
    for way in _ways(program):
        check = Assignment(way)
        check.run()
        found |= dict.fromkeys(check.unproved)
    return tuple(found)


def _ways(program: Program) -> tuple[Program, ...]:
    """The program with either way of its choice: of the two only one is gone."""
    choice = program.choice
    ways = (choice.body, choice.otherwise) if choice else (program.body,)
    return tuple(replace(program, body=body) for body in ways)


def _kinds(program: Program) -> Iterator[str]:
    """Two tensors of one name, and real numbers where integers have to be."""
    known: dict[str, Tensor] = {}
    blocks = computes(program.body)
    tensors = [a.tensor for b in blocks for a in b.accesses]
    tensors += [b.tensor for b in walk(program.body) if isinstance(b, Allocate)]
    for tensor in (*program.inputs, *program.outputs, *tensors):
        if known.setdefault(tensor.name, tensor) != tensor:
            yield f"{tensor.name} is the name of two tensors"
    for statement in (b.statement for b in blocks):
        places = [i for a in (statement.target, *statement.entries) for i in a.index]
        places += [e for g in statement.where for e in (g.expression, g.modulus)]
        for read in {a for place in places for a in entries_in(place)}:
            if not read.tensor.integer:
                yield f"{read} is real, in an index or a condition of {statement}"
        real = next((a for a in accesses(statement.value) if not a.tensor.integer), None)
        if statement.target.tensor.integer and statement.op != "first" and real is not None:
            yield f"{statement.target} holds integers, and {real} is real"


def _names(body: Body, bound: tuple[Expr, ...]) -> Iterator[str]:
    """What is bound twice or not at all; `bound` are the axes and ends of parts around."""
    for block in body:
        if isinstance(block, Compute):
            yield from _names_of(block, bound)
        if isinstance(block, Loop) and block.axis.name in map(str, bound):
            yield f"a loop over {block.axis} stands in another"
        if isinstance(block, Tile) and {str(block.start), str(block.stop)} & {*map(str, bound)}:
            yield f"parts from {block.start} to {block.stop} stand in others of these names"
        own = (block.axis,) if isinstance(block, Loop) else ()
        own = (block.start, block.stop) if isinstance(block, Tile) else own
        for inner in bodies(block):
            yield from _names(inner, (*bound, *own))


def _names_of(block: Compute, bound: tuple[Expr, ...]) -> Iterator[str]:
    statement = block.statement
    outer = tuple(a for a in bound if isinstance(a, Axis))
    names = [*bound, *(a for a in statement.domain if a not in outer)]
    used = _symbols(statement)
    for symbol in sorted(used - {*names}, key=str):
        if isinstance(symbol, Axis | Bound):
            yield f"{symbol} is not bound in {statement}"
    others = {a.tensor.name for a in block.accesses} | {str(s) for s in used - {*names}}
    for name in dict.fromkeys(map(str, names)):
        if [*map(str, names)].count(name) > 1 or name in others:
            yield f"{name} is the name of two things in {statement}"
    if block.into == "set" and not writes_apart(statement, outer):
        yield f"{statement.target} is set by several points of {statement}"


def _symbols(statement: Statement) -> set[Expr]:
    """Every symbol that a statement depends on; the shapes of its tensors too."""
    parts = [statement.target, statement.value, *(a.extent for a in statement.domain)]
    parts += [e for g in statement.where for e in (g.expression, g.modulus)]
    parts += [e for a in (statement.target, *statement.entries) for e in a.tensor.shape]
    return set().union(*(part.free_symbols for part in parts))
