"""Modules of statements written by hand, and programs line by line."""

from collections.abc import Mapping, Sequence

from derive.calculus.statements import Statement
from derive.language import Tensor
from derive.program.grammar import Block, Module, Program, adding
from derive.program.show import show


def module(
    forward: Sequence[Statement],
    backward: Sequence[Statement] = (),
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor] = (),
    wanted: Mapping[Tensor, str] | None = None,
) -> Module:
    """What stands at the beginning of the table: statements in no order, nothing saved.

    `wanted` are the outputs of backward that a call may leave out.
    """
    asked = dict(wanted or {})
    onward = Program("f", tuple(inputs), tuple(outputs), tuple(map(adding, forward)))
    reverse = Program("b", (), tuple(asked), tuple(map(adding, backward)), asked)
    return Module(onward, reverse, {})


def program(
    *body: Block,
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor] = (),
    wanted: Mapping[Tensor, str] | None = None,
) -> Program:
    """One direction, of blocks written by hand."""
    return Program("f", tuple(inputs), tuple(outputs), body, dict(wanted or {}))


def lines(program: Program) -> list[str]:
    """What a program does, without what is given and how far indices run."""
    return show(program).partition("\n\n")[2].splitlines()
