"""Conditions in one form: comparisons joined by and, or, not."""

from __future__ import annotations

from typing import Any

from sympy import And, Not, Or
from sympy.logic.boolalg import ITE


def joined(value: Any) -> Any:
    """The same with every choice between conditions, which SymPy makes where cases are compared,
    written out: ``ITE(a, b, c)`` is ``a & b | ~a & c``."""
    if not value.has(ITE):
        return value
    return value.replace(ITE, lambda a, b, c: Or(And(a, b), And(Not(a), c)))
