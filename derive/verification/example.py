"""A worked example: every tensor and every gradient of an operation, on the numbers it gives.

The values are those of the equations, read literally; the gradients are those of the lines that the
derivation ends in. What is rational stays exact; the rest has 40 digits.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy
from sympy import Expr, Rational

from derive.calculus.adjoint import adjoint
from derive.calculus.array import Array
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.example import Numbers, given_numbers
from derive.calculus.lift import to_system
from derive.calculus.statements import System
from derive.errors import DefinitionError
from derive.language.operation import Operation
from derive.language.symbols import Tensor
from derive.verification.number import Number, evaluation
from derive.verification.reference import evaluate

_DIGITS = 40


@dataclass(frozen=True, eq=False)
class Example:
    """Every tensor of an operation on the numbers of its example.

    Attributes
    ----------
    operation : Operation
    given : Numbers
        What the definition says.
    arrays : mapping of Tensor to Array
        Inputs, what is computed of them, and cotangents, in this order. Entries are SymPy's
        numbers; product axes are split. Optional inputs that are not given are not among them.
    """

    operation: Operation
    given: Numbers
    arrays: Mapping[Tensor, Array]


def worked(operation: Operation, steps: Derivation | None = None) -> Example:
    """Work the example of an operation out.

    Parameters
    ----------
    operation : Operation
        A definition with an ``example=``.
    steps : Derivation, optional
        Its derivation, if there is one already.

    Raises
    ------
    DefinitionError
        If there is no example, or it cannot be.
    """
    given = given_numbers(operation)
    if given is None:
        raise DefinitionError(
            operation.name,
            "there is no example to work out",
            remedy='Give numbers by name: example={"x": [1, 2, 3]}.',
        )
    system = to_system(operation)
    both = adjoint(system)
    steps = steps or derivation(operation, system, both)
    absent = {both.cotangent.get(t) for t in operation.inputs if t not in given.arrays}
    bars = [bar for bar in steps.gradients if bar not in absent]
    last = [step for bar in bars if (step := steps.final(bar)) is not None]
    lines = tuple(statement for step in last for statement in step.shown)
    arriving = {both.cotangent[t]: a for t, a in given.arriving.items() if t in both.cotangent}
    known = {**given.arrays, **arriving}
    written = tuple(dict.fromkeys(s.target.tensor for s in both.primal.statements))
    wanted = (*written, *(bar for bar in bars if bar not in arriving))
    whole = System(both.system.inputs, wanted, (*both.primal.statements, *lines), system.order)
    arrays = {tensor.name: _plain(array) for tensor, array in known.items()}
    with evaluation():
        found = evaluate(whole, arrays, {s: _python(n) for s, n in given.values.items()})
    values = {t: _exact(found[t.name]) for t in wanted}
    computed = {t: values[t] for t in written}
    gradients = {t: values[t] for t in wanted if t not in computed}
    return Example(operation, given, {**given.arrays, **computed, **arriving, **gradients})


def _plain(array: Array) -> np.ndarray:
    """SymPy's rational numbers as those of Python."""
    result = np.empty(len(array.entries), dtype=object)
    result[:] = [_python(number) for number in array.entries]
    return result.reshape(array.shape)


def _python(number: Any) -> int | Fraction:
    number = sympy.sympify(number)
    return int(number) if number.is_Integer else Fraction(int(number.p), int(number.q))


def _exact(array: np.ndarray) -> Array:
    """Numbers as SymPy has them."""
    return Array(array.shape, tuple(_number(entry) for entry in array.ravel()))


def _number(entry: Any) -> Expr:
    if isinstance(entry, Number):
        value = entry.value
        if value == int(value) if abs(value) < 2**53 else False:
            return sympy.Integer(int(value))
        return sympy.Float(str(value), _DIGITS)
    if isinstance(entry, float):
        return sympy.sympify(entry)
    return Rational(int(entry.numerator), int(entry.denominator))
