"""What numbers can do, as far as Python's operators do not say it: functions, powers, constants.

The same closures (`derive.verification.closures`) compute with real numbers of 40 digits, with
fractions and integers, and with elements of a field.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from functools import partial
from typing import Any

import mpmath
import sympy
from sympy import Expr

from derive.backends.numpy.functions import FUNCTIONS as NAMES
from derive.calculus.selection import attains
from derive.language import scalars
from derive.verification import field
from derive.verification.number import Number, through


@dataclass(frozen=True, eq=False)
class Arithmetic:
    """One kind of numbers.

    Attributes
    ----------
    functions : mapping of type to callable
        Every function of a definition.
    constant : callable
        What stands for a real number that is no fraction.
    power : callable
        A base with an exponent.
    infinite : callable
        What stands for a float that is infinite.
    """

    functions: Mapping[type, Callable]
    constant: Callable[[Expr], Any]
    power: Callable[[Any, Any], Any]
    infinite: Callable[[float], Any]


def _sigmoid(x):
    return 1 / (1 + mpmath.exp(-x))


def _cubic(x):
    return mpmath.sqrt(2 / mpmath.pi) * (x + mpmath.mpf("0.044715") * x**3)


def _gated(gate: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """``x * gate(x)``, and 0 at minus infinity."""
    return lambda x: mpmath.mpf(0) if x == -mpmath.inf else x * gate(x)


_SMOOTH: dict[type, Callable] = {
    sympy.exp: mpmath.exp,
    sympy.log: mpmath.log,
    sympy.tanh: mpmath.tanh,
    sympy.sinh: mpmath.sinh,
    sympy.cosh: mpmath.cosh,
    sympy.sin: mpmath.sin,
    sympy.cos: mpmath.cos,
    sympy.tan: mpmath.tan,
    sympy.atan: mpmath.atan,
    sympy.erf: mpmath.erf,
    scalars.log1p: mpmath.log1p,
    scalars.expm1: mpmath.expm1,
    scalars.sigmoid: _sigmoid,
    scalars.softplus: lambda x: mpmath.log1p(mpmath.exp(-abs(x))) + max(x, 0),
    scalars.lorentzian: lambda x: 1 / (1 + x**2),
    scalars.normal_cdf: mpmath.ncdf,
    scalars.normal_pdf: mpmath.npdf,
    scalars.silu: _gated(_sigmoid),
    scalars.mish: _gated(lambda x: mpmath.tanh(mpmath.log1p(mpmath.exp(x)))),
    scalars.gelu: _gated(mpmath.ncdf),
    scalars.gelu_tanh: _gated(lambda x: _sigmoid(2 * _cubic(x))),  # 1 + tanh would cancel
    scalars.softsign: lambda x: mpmath.sign(x) if mpmath.isinf(x) else x / (1 + abs(x)),
}
# Their slopes are measured; none of them has a kink.


def _chosen(better: Callable[[Any, Any], bool]) -> Callable:
    """The first of several numbers that none beats; a NaN if there is one."""

    def choose(*numbers: Any) -> Any:
        best = numbers[0]
        for number in numbers[1:]:
            if best == best and (better(number, best) or number != number):
                best = number
        return best

    return choose


largest = _chosen(lambda a, b: a > b)
FUNCTIONS: dict[type, Callable] = {
    **{f: through(meaning, f in (sympy.tanh, scalars.sigmoid)) for f, meaning in _SMOOTH.items()},
    sympy.Abs: lambda x: -x if x < 0 else x if x != 0 else 0 * x,
    sympy.sign: lambda x: (x > 0) - (x < 0) if x == x else x,
    sympy.floor: math.floor,
    sympy.ceiling: math.ceil,
    sympy.Max: largest,
    sympy.Min: _chosen(lambda a, b: a < b),
    sympy.Mod: lambda a, b: a % b,
    attains: lambda a, b, behind=1: behind == 0 or a == b or (a != a and b != b),
    scalars.bounded: lambda x: max(min(x, 10**9), -(10**9)) if x == x else x,
    scalars.relu: lambda x: 0 if x <= 0 else x,
    scalars.step: lambda x: int(x > 0) if x == x else x,
    scalars.stop: lambda x: x.stopped if isinstance(x, Number) else x,
}
"""Every function of a definition. One with a kink, or no slope at all, hands a number on or not."""


def _irrational(value: Expr) -> Any:
    """A named constant to the working precision; a float is the decimal that it prints as."""
    return Number(
        mpmath.mpf(repr(float(value)) if value.is_Float else str(sympy.N(value, mpmath.mp.dps)))
    )


def _power(base: Any, exponent: Any) -> Any:
    if isinstance(exponent, Fraction) and exponent.denominator == 1:
        exponent = exponent.numerator
    if isinstance(base, int) and isinstance(exponent, int) and exponent < 0 and base:
        return Fraction(1, base**-exponent)
    if isinstance(base, int | float | Fraction) and not isinstance(exponent, int):
        base = Number(base)
    if isinstance(base, int | Fraction) and isinstance(exponent, int) and exponent < 0 == base:
        base = Number(base)  # infinite, as floats have it
    return base**exponent


NUMBERS = Arithmetic(FUNCTIONS, _irrational, _power, Number)
"""Numbers that remember, and whatever Python computes with: integers and fractions stay exact."""


def _power_of_elements(base: Any, exponent: Any) -> Any:
    if isinstance(base, int | Fraction) and isinstance(exponent, int):
        return Fraction(base) ** exponent if exponent < 0 else base**exponent
    return field.as_element(base) ** exponent


_NAMES = {f: name.removeprefix("np.").removeprefix("_") for f, name in NAMES.items()}
FIELD = Arithmetic(
    FUNCTIONS | {f: partial(field.call, n) for f, n in _NAMES.items() if n in field.FUNCTIONS},
    lambda value: field.constant(float(value)),
    _power_of_elements,
    field.Element,
)
"""Elements of a field: see `derive.verification.field`."""
