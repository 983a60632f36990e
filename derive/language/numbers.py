"""Numbers of a definition, exactly: a float means the decimal that it prints as.

What rounds is floating point at run time alone. So ``0.1`` is one tenth in every derivation and in
exact checks, and two numbers are equal only if their authors wrote the same one.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sympy
from sympy import Float, Rational

from derive.errors import DefinitionError

_DOUBLE = 53  # binary digits; Python prints as few decimals as tell two floats apart


def exact(thing: Any) -> Any:
    """Anything SymPy understands but texts, with each float replaced by its decimal.

    Raises
    ------
    DefinitionError
        For what is no expression.
    """
    thing = understood(thing)
    floats = decimals(thing)
    return thing.xreplace(floats) if floats else thing


def understood(thing: Any) -> Any:
    """Anything SymPy understands but texts, as it does.

    Raises
    ------
    DefinitionError
        For what is no expression.
    """
    try:
        return sympy.sympify(thing, strict=True)
    except sympy.SympifyError:
        raise DefinitionError(
            "",
            f"{thing!r} is no number and no expression",
            remedy="Write it with numbers, sizes, axes, settings and entries of tensors.",
        ) from None


def decimals(thing: Any) -> dict[Float, Rational]:
    """The decimal of each float in an expression."""
    thing = understood(thing)
    floats = thing.atoms(Float) if thing.has(Float) else ()  # SymPy remembers what has none
    return {number: _rational(number) for number in floats}


def _rational(number: Float) -> Rational:
    value = float(number)
    short = number._prec <= _DOUBLE and value not in (0.0, float("inf"), -float("inf"))
    return Rational(repr(value) if short else str(number))


def decimal(number: Rational) -> str:
    """The number as a decimal, ``0.4`` or ``1E-20``; empty if it has none that ends."""
    rest, digits = int(number.q), 0
    while rest % 10 == 0:
        rest, digits = rest // 10, digits + 1
    for prime in (2, 5):
        while rest % prime == 0:
            rest, digits = rest // prime, digits + 1
    if rest != 1:
        return ""
    whole = int(number * 10**digits)
    return str(Decimal((int(whole < 0), tuple(map(int, str(abs(whole)))), -digits)))
