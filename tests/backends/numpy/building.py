"""Build an operation in memory, with the passes or without, and run the three verifications."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from sympy import Eq

from derive.backends.numpy.lower import Mathematics, lower
from derive.backends.numpy.module import comment, render_module
from derive.calculus.adjoint import adjoint
from derive.calculus.checks import check, check_system
from derive.calculus.derivation import derivation
from derive.calculus.lift import to_system
from derive.language import Operation, Size, Tensor, axis, tensor
from derive.passes.separate_windows import with_separate_windows
from derive.verification.cases import Case, cases
from derive.verification.strategies import Loaded
from derive.verification.verify import Report, Verification, runs


def text_of(operation: Operation, *, passes: bool = True) -> str:
    """The text of a module, as `derive.pipeline.build` makes it."""
    check(operation)
    system = to_system(operation)
    check_system(operation, system)
    reverse = adjoint(system)
    steps = derivation(operation, system, reverse)
    apart = with_separate_windows(system) if passes else system
    describe = comment(steps, apart.order)
    program = lower(operation.name, apart, adjoint(apart), describe, passes=passes)
    return render_module(program, steps)


def program_of(operation: Operation, *, passes: bool = True) -> Mathematics:
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


def failures(
    operation: Operation, *, count: int = 4, passes: bool = True, checks: str = "reference exact"
) -> list[str]:
    """What is wrong with the module on a few cases, under every strategy; nothing if all is well.

    The reference compares values and gradients with plain loops, the exact check compares backward
    with the transpose of the derivative.
    """
    chosen = few(operation, count)
    verification = Verification(operation, chosen)
    wrong = []
    for case, module, strategy in runs(chosen, loaded(operation, passes=passes)):
        for name in checks.split():
            _, what = getattr(verification, name)(case, module)
            if what:
                wrong.append(f"{name}: {case} {strategy}: {what}")
    return wrong


def pointwise(name: str, value, *inputs: Tensor, size: Size) -> Operation:
    """``y[i] = value(i)`` over one axis."""
    y, i = tensor("y", size), axis("i", size)
    return Operation(name, "A test.", inputs, (y,), (Eq(y[i], value(i)),))
