"""What is done to a module between the equations and a target, once and in this order.

Every pass maps modules to modules that compute the same. Those that are `needed` make a program of
equations; any of the others may be left out, and what is computed is right all the same: a pass
only makes it faster.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass

from derive.calculus.adjoint import Adjoint
from derive.calculus.statements import System
from derive.errors import BrokenProgram, UsageError
from derive.passes.allocate import allocate
from derive.passes.contract_storage import contract_storage
from derive.passes.drop_copies import drop_copies
from derive.passes.fill_outside import fill_outside
from derive.passes.guard_sums import guard_sums
from derive.passes.hoist_factors import hoist_factors
from derive.passes.lift_windows import lift_windows
from derive.passes.route_maxima import route_maxima
from derive.passes.schedule import schedule
from derive.passes.select import select
from derive.passes.share_sums import share_sums
from derive.passes.share_values import share_values
from derive.passes.simplify import simplify
from derive.passes.stack import stack
from derive.passes.tile_batches import tile_batches
from derive.passes.tile_loops import tile_loops
from derive.program.check import faults
from derive.program.grammar import Module, Program, adding


@dataclass(frozen=True)
class Pass:
    """A row of the table."""

    run: Callable[[Module], Module]
    needed: bool = False

    @property
    def name(self) -> str:
        return self.run.__name__


PASSES = (
    Pass(simplify),
    Pass(share_values),
    Pass(drop_copies),
    Pass(route_maxima),
    Pass(hoist_factors),  # names what it takes out of a loop, so that stack finds it
    Pass(stack),
    Pass(share_sums),  # of stacks, too
    Pass(guard_sums, needed=True),
    Pass(fill_outside, needed=True),
    Pass(schedule, needed=True),  # statements are in no order before it, and in one behind it
    Pass(lift_windows),
    Pass(contract_storage),
    Pass(tile_loops),  # behind contract_storage: what lives in a round is in no part
    Pass(select, needed=True),  # a part or a loop stands under one condition
    Pass(tile_batches),  # and parts of a batch are those of what is asked for together
    Pass(allocate, needed=True),  # last: who writes first depends on all of the above
)


OPTIONAL = frozenset(row.name for row in PASSES if not row.needed)


def equations(name: str, system: System, adjoint: Adjoint) -> Module:
    """The statements of a system and of its adjoint, in no order yet."""
    bars = adjoint.cotangent
    wanted = {bars[t]: t.name for t in system.inputs if t in bars}
    arriving = tuple(bars[t] for t in system.outputs if t in bars)
    forward = tuple(map(adding, adjoint.primal.statements))
    backward = tuple(map(adding, adjoint.statements))
    return Module(
        Program(f"{name}, forwards", system.inputs, system.outputs, forward),
        Program(f"{name}, backwards", arriving, tuple(wanted), backward, wanted),
        bars,
        system.order,
    )


def after_passes(module: Module, without: Collection[str] = (), after: str = "") -> Module:
    """The module after all passes but those named, or up to one of them.

    Raises
    ------
    UsageError
        If one that is named is no pass, or has to run.
    BrokenProgram
        If what comes out is no program (see `derive.program.check`).
    """
    known = [row.name for row in PASSES]
    if after and after not in known:
        raise UsageError(f"{after!r} is no pass; the passes are {', '.join(known)}.")
    for name in without:
        if name not in OPTIONAL:
            optional = ", ".join(sorted(OPTIONAL))
            raise UsageError(f"{name!r} cannot be left out; of the passes, {optional} can.")
    for row in PASSES:
        if row.name not in without:
            module = row.run(module)
        if row.name == after:
            return module
    for program in (module.forward, module.backward):
        if wrong := faults(program):
            raise BrokenProgram(program.name, wrong)
    return module
