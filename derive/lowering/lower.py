"""From systems to the two functions of a module: forward and backward."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.calculus.adjoint import Adjoint
from derive.calculus.reuse import forward_values, reuse_forward
from derive.calculus.statements import Statement, System
from derive.language.symbols import Tensor
from derive.lowering.ahead import with_factors_ahead
from derive.lowering.copies import without_copies
from derive.lowering.harmless import finite_tensors
from derive.lowering.nothing import guarded, infinite
from derive.lowering.opposites import without_opposites, without_stops
from derive.lowering.outside import with_outside
from derive.lowering.program import Line, Node
from derive.lowering.remainders import with_remainders
from derive.lowering.sharing import share_values
from derive.lowering.siblings import with_siblings
from derive.lowering.strategies import plan_windows
from derive.lowering.told import as_told, plain
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
    wanted = {bars[t]: t.name for t in system.inputs if t in bars}
    onward, reverse, order = adjoint.primal.statements, adjoint.statements, system.order
    told: dict[Statement, tuple[Statement, ...]] = {}
    if passes:
        reverse = without_opposites(without_stops(reverse, order))
        reverse = with_forward_values(reverse, system)
        onward, reverse = share_values(onward, reverse, order)
        known = {*system.tensors, *(bars[t] for t in system.outputs if t in bars)}
        stay = {*system.inputs, *system.outputs, *_saved(onward, reverse)}
        onward = without_copies(onward, stay, order)
        reverse = without_copies(reverse, {*known, *_saved(onward, reverse), *wanted}, order)
        onward, reverse = with_remainders(onward, reverse, set(system.outputs))
        ahead = with_factors_ahead(as_told(reverse), {*wanted})
        outer = {*system.outputs, *wanted}
        both = with_siblings(as_told(onward), ahead, {*system.inputs}, outer, bars, order)
        onward, reverse = map(plain, both)
        told = {t.statement: t.originals for part in both for t in part}
    finite = finite_tensors(onward, order)
    saved = (*(t for t in system.inputs if _reads(reverse, t)), *_saved(onward, reverse))
    far = infinite((*onward, *reverse))

    def tell(statement: Statement, adds: bool) -> str:
        originals = dict.fromkeys(told.get(statement, (statement,)))
        return "\n".join(describe(s, adds) for s in originals)

    def direction(statements, asked, keep) -> Direction:
        some = {s: guarded(s, far) for s in statements}
        told.update({now: told.get(s, (s,)) for s, now in some.items() if now is not s})
        statements = with_outside(some.values(), order)
        plan = plan_windows(statements) if passes else None
        if plan is None:
            writer = Writer(name, optional, tell, needs, {}, False, passes, order, finite)
            return Direction((Variant("", writer.lines(statements, asked, keep)),))
        variants = []
        for word, chosen, slide in plan.strategies():
            forms = {s: f for s in chosen if (f := trilinear(s))}
            writer = Writer(name, optional, tell, needs, forms, slide, True, order, finite)
            now = {s.target.tensor.name: s.target.tensor for s in chosen}
            named = {now.get(t.name, t): wanted_as for t, wanted_as in asked.items()}
            kept = {now.get(t.name, t) for t in keep}
            variants.append(Variant(word, writer.lines(chosen, named, kept)))
        always = plan.applies() is None and plan.prefers() is None
        if len(variants) == 2 and (always or variants[0].lines == variants[1].lines):
            variants.pop()
        if len(variants) == 1:
            return Direction((Variant("", variants[0].lines),))
        return Direction(tuple(variants), plan.applies(), plan.prefers())

    forward = direction(onward, {}, {*system.outputs, *saved})
    backward = direction(reverse, wanted, ())
    return Program(forward, backward, saved, bars, needs)


def _saved(onward: Iterable[Statement], reverse: Iterable[Statement]) -> tuple[Tensor, ...]:
    """What forward computes and backward reads."""
    written = dict.fromkeys(s.target.tensor for s in onward)
    return tuple(t for t in written if _reads(reverse, t))


def _reads(statements: Iterable[Statement], tensor: Tensor) -> bool:
    return any(r.tensor == tensor for s in statements for r in s.entries)


def with_forward_values(statements: Iterable[Statement], system: System) -> tuple[Statement, ...]:
    """Read what forward has computed instead of computing it again: ``1 - tanh(a)**2`` becomes
    ``1 - h**2``."""
    rule = reuse_forward(forward_values(system), system.order)
    rewritten = ((s, rule(s, frozenset())) for s in statements)
    return tuple(result[0] if result else s for s, result in rewritten)
