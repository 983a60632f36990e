"""Which point attains a maximum: what differentiating a maximum needs, as a statement like others.

    y[p] max= x[s*p + u]                  over p, u
    y_argmax[p] first= attains(x[s*p + u], y[p])        the first u, in row-major order

and the adjoint of the maximum is that of a sum, where the selection is this point:

    x_bar[s*p + u] += y_bar[p]            where y_argmax[p] = u

The selection holds integers, so it has no derivative of its own. (Griewank and Walther, "Evaluating
Derivatives", 2nd ed., SIAM 2008, section 14.1: one of the pieces that are active is taken.)
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace

from sympy import Expr, Function, Integer

from derive.calculus.affine import axes_in
from derive.calculus.statements import Guard, Statement, System
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor


class attains(Function):
    """Whether two numbers are equal, or both of them NaN.

    Where there is a third, it counts the points behind this one, if it is known that one of them
    all attains the maximum: with none behind it nothing has to be compared.
    """

    nargs = (2, 3)


class taken(Function):
    """What is left of an entry where a condition holds; afterwards nothing of it is left."""

    nargs = 2


def with_selections(system: System, active: Iterable[Tensor]) -> System:
    """Add a selection for every maximum that writes an active tensor."""
    active = set(active)
    taken = system.names
    selections: dict[Tensor, Tensor] = {}
    statements: list[Statement] = []
    known = {_attained(s) for s in system.statements if s.op == "first"}
    for statement in system.statements:
        statements.append(statement)
        written = statement.target.tensor
        if statement.op != "max" or written not in active or statement.target in known:
            continue
        if written not in selections:
            selections[written] = _selection(written, taken)
        chosen = Access(selections[written], *statement.target.index)
        value = attains(statement.value, statement.target)
        statements.append(replace(statement, target=chosen, value=value, op="first"))
    return replace(system, statements=tuple(statements))


def selected(statement: Statement, system: System) -> Statement:
    """The part of a maximum that counts: the one point that attains it first."""
    if statement.op != "max":
        return statement
    chosen = next(
        s.target
        for s in system.statements
        if s.op == "first" and _attained(s) == statement.target and s.domain == statement.domain
    )
    guard = Guard("eq", chosen - rank(statement))
    return replace(statement, where=(*statement.where, guard), op="add")


def rank(statement: Statement, outer: Collection[Axis] = ()) -> Expr:
    """The number of a point in row-major order of the axes that are run over; those of loops around
    are not, whether the target names them or has one row for all rounds."""
    number: Expr = Integer(0)
    for axis in reduced(statement):
        if axis not in outer:
            number = number * axis.extent + axis
    return number


def reduced(statement: Statement) -> tuple[Axis, ...]:
    """The axes of the box that the target does not name."""
    return tuple(a for a in statement.domain if a not in axes_in(statement.target.index))


def _attained(selection: Statement) -> Expr:
    return selection.value.args[1]  # type: ignore[return-value]


def _selection(written: Tensor, taken: set[str]) -> Tensor:
    name = fresh(f"{written.name}_argmax", taken)
    return Tensor(name, written.axes_of, offset=written.offset, integer=True)
