"""From systems to the two functions of a module: forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.calculus.adjoint import Adjoint
from derive.calculus.reuse import forward_values, reuse_forward
from derive.calculus.statements import Statement, System
from derive.language.symbols import Tensor
from derive.lowering.copies import without_copies
from derive.lowering.outside import with_outside
from derive.lowering.program import Line, Node
from derive.lowering.sharing import share_values
from derive.lowering.strategies import plan_windows
from derive.lowering.windows import trilinear
from derive.lowering.writer import Describe, Needs, Writer


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
    cotangents : dict
        From an input or output to its cotangent.
    needs : Needs
        Constants and functions that the module must define.
    """

    forward: Direction
    backward: Direction
    saved: tuple[Tensor, ...]
    cotangents: dict[Tensor, Tensor]
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
    optional = {t for t in system.inputs if t.optional}
    bars = adjoint.cotangent
    onward, reverse = adjoint.primal.statements, adjoint.statements
    if passes:
        reverse = with_forward_values(reverse, system)
        onward, reverse = share_values(onward, reverse)
    computed = System(system.inputs, system.outputs, onward).tensors
    reads = {r.tensor for s in reverse for r in s.entries}
    saved = tuple(t for t in computed if t in reads)
    wanted = {bars[t]: t.name for t in system.inputs if t in bars}
    arriving = (*computed, *(bars[t] for t in system.outputs if t in bars))

    def direction(statements, given, asked, keep) -> Direction:
        if passes:
            statements = without_copies(statements, {*given, *asked, *keep})
        statements = with_outside(statements)
        plan = plan_windows(statements) if passes else None
        if plan is None:
            writer = Writer(name, optional, describe, needs, {}, False, passes)
            return Direction((Variant("", writer.lines(statements, asked, keep)),))
        variants = []
        for word, chosen, slide in plan.strategies():
            forms = {s: f for s in chosen if (f := trilinear(s))}
            writer = Writer(name, optional, describe, needs, forms, slide, True)
            variants.append(Variant(word, writer.lines(chosen, asked, keep)))
        always = plan.applies() is None and plan.prefers() is None
        if len(variants) == 2 and (always or variants[0].lines == variants[1].lines):
            variants.pop()
        if len(variants) == 1:
            return Direction((Variant("", variants[0].lines),))
        return Direction(tuple(variants), plan.applies(), plan.prefers())

    forward = direction(onward, system.inputs, {}, {*system.outputs, *saved})
    backward = direction(reverse, arriving, wanted, ())
    return Program(forward, backward, saved, bars, needs)


def with_forward_values(statements: Iterable[Statement], system: System) -> tuple[Statement, ...]:
    """Read what forward has computed instead of computing it again: ``1 - tanh(a)**2`` becomes
    ``1 - h**2``."""
    rule = reuse_forward(forward_values(system))
    rewritten = ((s, rule(s, frozenset())) for s in statements)
    return tuple(result[0] if result else s for s, result in rewritten)
