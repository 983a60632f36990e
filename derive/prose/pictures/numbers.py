"""Numbers in a cell: as they are where that is short, else rounded."""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Rational

from derive.language.numbers import decimal

_DIGITS = 3  # behind the point of what is rounded
_LONGEST = 6


def short(number: Any, digits: int = _DIGITS) -> str:
    """``2``, ``0.5``, ``1/3``; what is longer is rounded, ``0.731``."""
    number = exact(number)
    if number.is_Rational:
        text = decimal(Rational(number)) or f"{number.p}/{number.q}"
        if len(text) <= _LONGEST and "E" not in text:
            return text.replace("-", "−")
    if number.is_infinite or number is sympy.nan:
        return {sympy.oo: "∞", -sympy.oo: "−∞"}.get(number, "none")
    text = f"{float(number):.{digits}f}"
    if float(text) == 0 and number != 0:
        text = f"{float(number):.0e}".replace("e-0", "e-")
    return text.replace("-", "−")


def exact(number: Any) -> sympy.Expr:
    """Any number as SymPy has it: fractions exactly, others to many digits."""
    if isinstance(number, sympy.Expr):
        return number
    value = getattr(number, "value", number)  # one that remembers what it was computed from
    if hasattr(value, "numerator") and hasattr(value, "denominator"):
        return Rational(int(value.numerator), int(value.denominator))
    return sympy.Float(str(value), 40)
