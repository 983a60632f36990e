"""Operations are closed under differentiation: their gradients and tangents are operations again.

    y[n,o] = Σ_i weight[o,i]·x[n,i]          an operation
    x_bar[n,i] += weight[o,i]·y_bar[n,o]     its gradient by x
    y_dot[n,o] += weight[o,i]·x_dot[n,i]     its tangent along x

The adjoint and the tangent of a system are systems, and a statement is an equation: a scatter, or a
maximum. So what comes out is a definition as an author could have written it, and everything that is
done with a definition can be done with it; it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import sympy
from sympy import And, Expr, Mod, Piecewise, Sum
from sympy.logic.boolalg import Boolean

from derive.calculus.adjoint import adjoint, tangent as tangent_system
from derive.calculus.affine import axes_in
from derive.calculus.checks import check, unread
from derive.calculus.lift import to_system
from derive.calculus.selection import reduced
from derive.calculus.statements import Guard, Statement, System
from derive.errors import DefinitionError
from derive.language.composition import compose
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.notes import rewritten
from derive.language.operation import Equation, Operation
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor


def gradient(
    operation: Operation, wrt: Iterable[str | Tensor] | None = None, *, name: str = ""
) -> Operation:
    wanted = _inputs(operation, wrt)
    system = to_system(operation)
    reverse = adjoint(system, wanted)
    bars = [reverse.cotangent[t] for t in system.outputs if t in reverse.cotangent]
    arriving = tuple(b for b in reverse.system.inputs if b in bars)
    return _operation(
        operation,
        reverse.system,
        arriving,
        name or f"{operation.name}_gradient",
        f"The gradient of {operation.name}",
    )


def tangent(
    operation: Operation, wrt: Iterable[str | Tensor] | None = None, *, name: str = ""
) -> Operation:
    wanted = _inputs(operation, wrt)
    system = to_system(operation)
    forward = tangent_system(system, wanted)
    arriving = tuple(t for t in forward.inputs if t not in system.inputs)
    return _operation(
        operation,
        forward,
        arriving,
        name or f"{operation.name}_tangent",
        f"The tangent of {operation.name}",
    )


def _inputs(operation: Operation, wrt) -> tuple[Tensor, ...]:
    check(operation)
    named = {t.name: t for t in operation.inputs}
    if wrt is None:
        return tuple(t for t in operation.inputs if not t.integer)
    return tuple(named[str(n)] for n in wrt)


def _operation(operation, system, arriving, name, summary) -> Operation:
    equations = tuple(_equations(system))
    written = {e.left.tensor for e in equations}
    outputs = tuple(t for t in system.outputs if t in written)
    inputs = (*operation.inputs, *arriving)

    def made(inputs):
        return compose(
            name,
            summary,
            (),
            inputs=inputs,
            outputs=outputs,
            equations=equations,
            options=operation.options,
            requires=operation.requires,
            legend=operation.legend,
            source=operation.source,
        )

    spare = unread(made(inputs))
    return made(tuple(t for t in inputs if t not in spare))


def _equations(system: System) -> Iterator[Equation]:
    extrema: dict[tuple, list[Statement]] = {}
    for s in system.statements:
        if s.op != "add":
            extrema.setdefault((s.op, s.target, s.domain), []).append(s)
    for s in system.statements:
        if s.op == "add":
            yield _sum(s, system.order)
        elif s is (parts := extrema[s.op, s.target, s.domain])[0]:
            yield _extremum(parts, system.order)


def _sum(statement: Statement, order: Order) -> Equation:
    value = _noted(statement.value, order)
    if statement.where:
        value = Piecewise((value, _condition(statement.where)), (0, True))
    seen = axes_in((statement.target, value))
    if rest := [a for a in statement.domain if a not in seen]:
        value = Sum(value, *rest)
    return Equation(statement.target, value, scatter=True)


def _extremum(parts: Sequence[Statement], order: Order) -> Equation:
    first = parts[0]
    kind = Maximum if first.op == "max" else ArgMaximum
    cases = []
    for part in parts:
        value = part.value if part.op == "max" else part.value.args[0]
        cases.append((_noted(value, order), _condition(part.where)))
    value = cases[0][0] if cases[0][1] == sympy.true else Piecewise(*cases)
    return Equation(first.target, kind(value, *reduced(first)))


def _condition(where: Iterable[Guard]) -> Boolean:
    return And(*map(_holds, where))


def _holds(guard: Guard) -> Boolean:
    match guard.kind:
        case "ge":
            return sympy.Ge(guard.expression, 0)
        case "eq":
            return sympy.Eq(guard.expression, 0)
        case "divides":
            return sympy.Eq(Mod(guard.expression, guard.modulus), 0)
    return sympy.Ne(Mod(guard.expression, guard.modulus), 0)


def _noted(value: Any, order: Order) -> Any:
    """The expression with notes of how it was written, for equations know no order but this."""
    if isinstance(value, Access | Axis) or not value.args:
        return value
    given = [_noted(a, order) for a in value.args]
    return rewritten(value, order, value.func(*given), given)
