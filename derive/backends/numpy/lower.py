"""From systems to the mathematics of a module: the lines of forward and backward."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from sympy.logic.boolalg import Boolean

from derive.arrays.harmless import finite_tensors
from derive.backends.numpy.tree import Line
from derive.backends.numpy.writer import Describe, Needs, Writer
from derive.calculus.adjoint import Adjoint
from derive.calculus.statements import System
from derive.language.symbols import Tensor
from derive.passes import OPTIONAL, after_passes, equations
from derive.program.grammar import Program, statements_of


@dataclass(frozen=True)
class Variant:
    """One way to run a direction: its name and its lines."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Direction:
    """Forward or backward: its strategies, and when the first of two is the faster one."""

    variants: tuple[Variant, ...]
    prefers: Boolean | None = None


@dataclass(frozen=True)
class Mathematics:
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
) -> Mathematics:
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
        Without those that may be left out: slow, and as correct.
    """
    needs = Needs()
    module = after_passes(equations(name, system, adjoint), without=() if passes else OPTIONAL)
    finite = finite_tensors(statements_of(module.forward.body), module.order)

    def lines(program: Program) -> tuple[Line, ...]:
        return Writer(program, describe, needs, passes, module.order, finite).lines()

    def direction(program: Program) -> Direction:
        choice = program.choice
        if choice is None:
            return Direction((Variant("", lines(program)),))
        ways = zip(choice.names, (choice.body, choice.otherwise), strict=True)
        variants = tuple(Variant(w, lines(replace(program, body=body))) for w, body in ways)
        return Direction(variants, choice.test)

    forward, backward = direction(module.forward), direction(module.backward)
    return Mathematics(forward, backward, module.saved, module.cotangents, needs)
