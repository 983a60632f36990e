"""From systems to the two functions of a module: forward and backward."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from derive.calculus.adjoint import Adjoint
from derive.calculus.statements import Statement, System
from derive.language.symbols import Tensor
from derive.lowering.program import Line, Node
from derive.lowering.strategies import plan_windows
from derive.lowering.windows import trilinear
from derive.lowering.writer import Describe, Needs, Writer
from derive.passes import PASSES, equations, tile_batches
from derive.program.grammar import Module, adding, computes, statements_of


@dataclass(frozen=True)
class Variant:
    """One way to run a direction: its name and its lines."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Direction:
    """Forward or backward: its strategies, and the test that chooses the first of two."""

    variants: tuple[Variant, ...]
    applies: Node | None = None
    prefers: Node | None = None


@dataclass(frozen=True)
class Program:
    """The mathematics of a module.

    Attributes
    ----------
    forward, backward : Direction
        `forward` computes the outputs, `backward` the cotangents of the inputs.
    saved : tuple of Tensor
        Primal tensors that backward reads: inputs, and values computed by forward.
    cotangents : mapping
        From an input or output to its cotangent.
    needs : Needs
        Constants and functions that the module must define.
    """

    forward: Direction
    backward: Direction
    saved: tuple[Tensor, ...]
    cotangents: Mapping[Tensor, Tensor]
    needs: Needs


def lower(
    name: str, system: System, adjoint: Adjoint, describe: Describe, *, passes: bool = True
) -> Program:
    """Lower a system and its adjoint.

    Parameters
    ----------
    name : str
        The operation's name, for errors.
    system, adjoint
        What to lower.
    describe : callable
        Gives the comment of a statement, and is told whether it adds to what is there.
    passes : bool
        Without them every statement takes the total fallback: slow, and as correct.
    """
    needs = Needs()
    rows = [row for row in PASSES if row.needed or passes]
    cut = [row.name for row in rows].index("schedule")
    module = equations(name, system, adjoint)
    for row in rows[:cut]:
        module = row.run(module)

    def finished(module: Module, apart: Collection[Statement] = ()) -> Module:
        for row in rows[cut:]:
            module = tile_batches(module, apart) if row.run is tile_batches else row.run(module)
        return module

    def direction(word: str) -> Direction:
        flat = getattr(module, word)
        statements = statements_of(flat.body)
        plan = plan_windows(statements) if passes else None
        if plan is None:
            program = getattr(finished(module), word)
            writer = Writer(program, describe, needs, {}, False, passes, module.order)
            return Direction((Variant("", writer.lines()),))
        variants = []
        for how, chosen, slide in plan.strategies():
            blocks = computes(flat.body)
            body = tuple(
                b if s is b.statement else adding(s) for b, s in zip(blocks, chosen, strict=True)
            )
            forms = {s: f for s in chosen if (f := trilinear(s))}
            other = replace(module, **{word: replace(flat, body=body)})
            program = getattr(finished(other, forms), word)
            writer = Writer(program, describe, needs, forms, slide, True, module.order)
            variants.append(Variant(how, writer.lines()))
        always = plan.applies() is None and plan.prefers() is None
        if len(variants) == 2 and (always or variants[0].lines == variants[1].lines):
            variants.pop()
        if len(variants) == 1:
            return Direction((Variant("", variants[0].lines),))
        return Direction(tuple(variants), plan.applies(), plan.prefers())

    forward, backward = direction("forward"), direction("backward")
    return Program(forward, backward, module.saved, module.cotangents, needs)
