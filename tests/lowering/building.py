"""Build an operation in memory, with the passes or without, and run the three verifications."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from derive.calculus.adjoint import adjoint
from derive.calculus.checks import check, check_system
from derive.calculus.derivation import derivation
from derive.calculus.lift import to_system
from derive.language import Operation
from derive.lowering.lower import Program, lower
from derive.rendering.module import comment, render_module
from derive.verification.cases import Case, cases
from derive.verification.strategies import Loaded
from derive.verification.verify import Report, Verification


def text_of(operation: Operation, *, passes: bool = True) -> str:
    """The text of a module, as `derive.pipeline.build` makes it."""
    check(operation)
    system = to_system(operation)
    check_system(operation, system)
    reverse = adjoint(system)
    steps = derivation(operation, system, reverse)
    program = lower(operation.name, system, reverse, comment(steps), passes=passes)
    return render_module(program, steps)


def program_of(operation: Operation, *, passes: bool = True) -> Program:
    """The array program alone, with empty comments."""
    system = to_system(operation)
    return lower(operation.name, system, adjoint(system), lambda *_: "", passes=passes)


def loaded(operation: Operation, *, passes: bool = True) -> Loaded:
    """The module, ready for verification."""
    return Loaded(Path(f"{operation.name}.py"), text_of(operation, passes=passes))


def few(operation: Operation, count: int) -> tuple[Case, ...]:
    """Some of an operation's cases, spread evenly: the first of them have empty axes."""
    found = cases(operation)
    step = max(len(found) // count, 1)
    return found[::step][:count]


def report(operation: Operation, chosen: Sequence[Case], *, passes: bool = True) -> Report:
    """What the three verifications say of some cases."""
    return Verification(operation, tuple(chosen)).report(loaded(operation, passes=passes))
