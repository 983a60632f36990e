"""Operations are closed under differentiation: gradients and tangents of them are operations again.

    y[n,o] = Σ_i weight[o,i]·x[n,i]               an operation
    x_bar[n,i] += weight[o,i]·y_bar[n,o]          its gradient by x
    y_dot[n,o] += weight[o,i]·x_dot[n,i]          its tangent along x

The adjoint and the tangent of a system are systems, and a statement is an equation: a scatter, or a
maximum. So what comes out is a definition like those that people write, and whatever is done with a
definition can be done with it; it can be differentiated again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import sympy
from sympy import Add, And, Expr, Mod, Piecewise, Sum
from sympy.logic.boolalg import Boolean

from derive.calculus.adjoint import adjoint
from derive.calculus.adjoint import tangent as tangent_of
from derive.calculus.affine import axes_in
from derive.calculus.checks import check, check_system, one_to_one, unread
from derive.calculus.lift import lifted, outputs_apart
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
    operation: Operation, wrt: Sequence[str] | None = None, *, name: str = ""
) -> Operation:
    """The gradient of an operation as an operation: what its module's ``backward`` computes.

    Parameters
    ----------
    operation : Operation
        What to differentiate; it may be a gradient or a tangent itself.
    wrt : sequence of str, optional
        Names of the inputs to differentiate by; without it, every input by which there is a
        derivative.
    name : str, optional
        What the new operation is called, by default the old name with ``_gradient``.

    Returns
    -------
    Operation
        Its inputs are the cotangents of the outputs (``y_bar``) and those inputs of `operation`
        that the gradient depends on; its outputs are the cotangents of the inputs (``x_bar``).
        Inputs that may be left out come last.

    Raises
    ------
    DefinitionError
        If `wrt` names no input, or one by which the derivative is 0 everywhere; if the definition
        does not make sense.

    Examples
    --------
    >>> from derive.ops.dense import linear
    >>> gradient(linear, ["x"])
    <Operation linear_gradient: weight, y_bar -> x_bar>
    """
    wanted = _wanted(operation, wrt)
    system = _system(operation)
    reverse = adjoint(system, wanted)
    made = {statement.target.tensor for statement in reverse.statements}
    moving = [t for t in wanted if t in reverse.cotangent and reverse.cotangent[t] in made]
    _check_moving(operation, wanted if wrt else (), moving)
    bars = {reverse.cotangent[t] for t in system.outputs if t in reverse.cotangent}
    return _operation(
        operation,
        reverse.system,
        arriving=[t for t in reverse.system.inputs if t in bars],
        leaving=[reverse.cotangent[t] for t in moving],
        name=name or f"{operation.name}_gradient",
        summary=f"The gradient of {operation.name} by {_listed(moving)}.",
    )


def tangent(operation: Operation, wrt: Sequence[str] | None = None, *, name: str = "") -> Operation:
    """The tangent of an operation as an operation: how the outputs change as inputs move.

    Parameters
    ----------
    operation : Operation
        What to differentiate; it may be a gradient or a tangent itself.
    wrt : sequence of str, optional
        Names of the inputs that move; without it, every input by which there is a derivative.
    name : str, optional
        What the new operation is called, by default the old name with ``_tangent``.

    Returns
    -------
    Operation
        Its inputs are the directions in which inputs move (``x_dot``) and those inputs of
        `operation` that the tangent depends on; its outputs are the tangents of the outputs
        (``y_dot``), but of those that do not move. The direction of an input that may be left out
        may be left out, too: that input then stays where it is.

    Raises
    ------
    DefinitionError
        If `wrt` names no input, or one by which the derivative is 0 everywhere; if the definition
        does not make sense.

    Examples
    --------
    >>> from derive.ops.dense import linear
    >>> tangent(gradient(linear, ["x"]), ["weight"])
    <Operation linear_gradient_tangent: y_bar, weight_dot -> x_bar_dot>
    """
    wanted = _wanted(operation, wrt)
    system = _system(operation)
    forward = tangent_of(system, wanted)
    dots = dict(zip(wanted, forward.inputs[len(system.inputs) :], strict=True))
    reads = {read.tensor for statement in forward.statements for read in statement.reads}
    moving = [t for t in wanted if dots[t] in reads]
    _check_moving(operation, wanted if wrt else (), moving)
    made = {statement.target.tensor for statement in forward.statements}
    return _operation(
        operation,
        forward,
        arriving=[dots[t] for t in moving],
        leaving=[t for t in forward.outputs if t in made],
        name=name or f"{operation.name}_tangent",
        summary=f"The tangent of {operation.name} along {_listed(moving)}.",
    )


def _wanted(operation: Operation, wrt: Sequence[str] | None) -> tuple[Tensor, ...]:
    """The inputs that are named, in their order; without names all that hold real numbers."""
    check(operation)
    real = {t.name: t for t in operation.inputs if not t.integer}
    names = tuple(real) if wrt is None else (wrt,) if isinstance(wrt, str) else tuple(wrt)
    for name in names:
        if name not in real:
            integer = name in [t.name for t in operation.inputs]
            raise DefinitionError(
                operation.name,
                f"wrt names {name}, which " + ("holds integers" if integer else "is no input"),
                remedy=f"Its inputs of real numbers are {', '.join(real)}."
                " A derivative has only those inputs that it depends on.",
            )
    if not names:
        raise DefinitionError(
            operation.name, "wrt names no input", remedy=f"Name some of {', '.join(real)}."
        )
    return tuple(tensor for name, tensor in real.items() if name in names)


def _check_moving(operation: Operation, asked: Sequence[Tensor], moving: Sequence[Tensor]) -> None:
    """Raise if what was asked for, or everything, has no derivative."""
    still = [t for t in asked if t not in moving]
    if still or not moving:
        by = f"by {_listed(still)}" if still else "by every input"
        raise DefinitionError(
            operation.name,
            f"its derivative {by} is 0 wherever there is one, so there is nothing to compute",
            remedy="Name inputs on which the outputs depend otherwise than in steps.",
        )


def _system(operation: Operation) -> System:
    """The system of a definition that can be meant."""
    system = lifted(operation)
    check_system(operation, system)
    return outputs_apart(system)


def _listed(tensors: Iterable[Tensor]) -> str:
    names = [t.name for t in tensors]
    return " and ".join(filter(None, (", ".join(names[:-1]), names[-1])))


# ---- from a system to an operation ---------------------------------------------------------


def _operation(
    operation: Operation,
    system: System,
    arriving: Sequence[Tensor],
    leaving: Sequence[Tensor],
    name: str,
    summary: str,
) -> Operation:
    """The equations of a derivative, with all else that the operation says.

    What it says in words of itself stays behind: notes, aliases, the example, dictionaries.
    """
    equations = tuple(_equations(system))

    def taking(inputs: Iterable[Tensor], **more: Any) -> Operation:
        return compose(
            name,
            summary,
            (),
            inputs=tuple(inputs),
            outputs=leaving,
            equations=equations,
            options=operation.options,
            requires=operation.requires,
            legend=operation.legend,
            source=operation.source,
            time=operation.time,
            **more,
        )

    whole = taking((*operation.inputs, *arriving))
    spare = unread(whole)
    extents = {axis.name: axis.extent for axis in whole.axes}
    known = {thing.name for thing in (*whole.sizes, *whole.options)}
    return taking(
        (t for t in whole.inputs if t not in spare),
        rows={i: names for i, names in operation.rows.items() if extents.get(i) == len(names)},
        cases=[{k: case[k] for k in case if k in known} for case in operation.cases],
    )


def _equations(system: System) -> Iterator[Equation]:
    """One equation for each statement, or for all cases of a maximum."""
    extrema: dict[tuple, list[Statement]] = {}
    for statement in system.statements:
        if statement.op == "add":
            continue
        extrema.setdefault(_extremum(statement), []).append(statement)
    for statement in system.statements:
        if statement.op == "add":
            alone = len(system.writing(statement.target.tensor)) == 1
            yield _sum(statement, alone and one_to_one(statement.target), system.order)
        elif (cases := extrema.pop(_extremum(statement), None)) is not None:
            yield _largest(cases, system.order)


def _extremum(statement: Statement) -> tuple:
    return statement.op, statement.target, statement.domain


def _sum(statement: Statement, whole: bool, order: Order) -> Equation:
    """``target = Σ value`` if that is the whole of it, or else ``target += value``.

    A scatter sums over what stands on its right alone, but for an index that nothing names.
    """
    value = _noted(statement.value, order)
    if statement.where:
        value = Piecewise((value, _condition(statement.where)), (0, True))
    whole &= not isinstance(statement.value, Add)  # whose terms would be summed one by one
    named = axes_in((*statement.target.index, *(() if whole else (value,))))
    summed = [axis for axis in statement.domain if axis not in named]
    return Equation(statement.target, Sum(value, *summed) if summed else value, scatter=not whole)


def _largest(cases: Sequence[Statement], order: Order) -> Equation:
    """``target = max value``, or where it lies."""
    first, *_ = cases
    kind, values = Maximum, [s.value for s in cases]
    if first.op == "first":
        kind, values = ArgMaximum, [value.args[0] for value in values]
    pieces = [(_noted(v, order), _condition(s.where)) for v, s in zip(values, cases, strict=True)]
    value: Any = Piecewise(*pieces) if first.where else pieces[0][0]
    return Equation(first.target, kind(value, *reduced(first)))


def _condition(where: Iterable[Guard]) -> Boolean:
    return And(*(_RELATIONS[g.kind](g.expression, g.modulus) for g in where))


_RELATIONS: Mapping[str, Any] = {
    "ge": lambda expression, _: sympy.Ge(expression, 0),
    "eq": lambda expression, _: sympy.Eq(expression, 0),
    "divides": lambda expression, modulus: sympy.Eq(Mod(expression, modulus), 0),
    "indivisible": lambda expression, modulus: sympy.Ne(Mod(expression, modulus), 0),
}


def _noted(value: Any, order: Order) -> Any:
    """The expression with notes of how it was written, from which an operation has its order."""
    if isinstance(value, Access | Axis) or not value.args:
        return value
    given = [_noted(argument, order) for argument in value.args]
    new: Expr = value.func(*given)
    return rewritten(value, order, new, given)


__all__ = ["gradient", "tangent"]
