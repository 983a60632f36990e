"""Real numbers of 40 digits that remember what they were computed from.

This is how the checks differentiate: no rule for a function is stated anywhere. Sums, products and
powers know their slopes; the slope of any other function is measured with 80 digits, to some 50;
and a choice (a maximum, a case) hands one of its numbers on, memory included.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

_DIGITS = 40
_LARGEST = 1024  # binary exponent; what is larger is infinite, as it is in a module
_NAN = mpmath.nan
_STEP = mpmath.mpf(10) ** -27  # third root of a rounding error of 80 digits
_serials = itertools.count()


class Number:
    """A value and the numbers it was computed from, each with its slope.

    Attributes
    ----------
    value : mpmath.mpf
    parents : tuple of (Number, mpmath.mpf)
        Empty for a constant.
    active : bool
        Whether it is an input that is differentiated by, or depends on one.
    """

    __slots__ = ("active", "parents", "serial", "value")
    met_infinity = False  # whether any number so far was infinite, or none at all

    def __init__(self, value: Any, parents: tuple = (), active: bool = False) -> None:
        self.value = value if isinstance(value, mpmath.mpf) else _real(value)
        self.parents = tuple((p, s) for p, s in parents if p.active and s != 0)
        self.active = active or bool(self.parents)
        self.serial = next(_serials)
        _, mantissa, exponent, _ = self.value._mpf_
        if exponent and not mantissa:
            Number.met_infinity = True

    def __repr__(self) -> str:
        return str(mpmath.nstr(self.value, 17))

    def __add__(self, other: Any) -> Number:
        other = number(other)
        return Number(self.value + other.value, ((self, 1), (other, 1)))

    def __mul__(self, other: Any) -> Number:
        other = number(other)
        return Number(self.value * other.value, ((self, other.value), (other, self.value)))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Number:
        return Number(-self.value, ((self, -1),))

    def __sub__(self, other: Any) -> Number:
        return self + -number(other)

    def __rsub__(self, other: Any) -> Number:
        return number(other) + -self

    def __truediv__(self, other: Any) -> Number:
        return self * number(other) ** -1

    def __rtruediv__(self, other: Any) -> Number:
        return number(other) * self**-1

    def __pow__(self, exponent: Any) -> Number:
        exponent = number(exponent)
        base, power = self.value, exponent.value
        value = _power(base, power)
        slopes = []
        if self.active and power != 0:
            slopes.append((self, power * _power(base, power - 1)))
        if exponent.active and not (base == 0 and power > 0):
            slopes.append((exponent, value * _real(mpmath.log(base)) if base else _NAN))
        return Number(value, tuple(slopes))

    def __rpow__(self, base: Any) -> Number:
        return number(base) ** self

    def __mod__(self, other: Any) -> Number:
        return Number(self.value % number(other).value)

    def __eq__(self, other: object) -> bool:
        return self.value == number(other).value

    def __ne__(self, other: object) -> bool:
        return self.value != number(other).value

    def __lt__(self, other: Any) -> bool:
        return self.value < number(other).value

    def __le__(self, other: Any) -> bool:
        return self.value <= number(other).value

    def __gt__(self, other: Any) -> bool:
        return self.value > number(other).value

    def __ge__(self, other: Any) -> bool:
        return self.value >= number(other).value

    __hash__ = None  # type: ignore[assignment]

    def __abs__(self) -> Number:
        return -self if self.value < 0 else self

    def __float__(self) -> float:
        return float(self.value)

    def __floor__(self) -> int:
        return int(mpmath.floor(self.value))

    def __ceil__(self) -> int:
        return int(mpmath.ceil(self.value))


def number(other: Any) -> Number:
    """Any number, exactly, as one that remembers."""
    return other if isinstance(other, Number) else Number(other)


def through(function: Callable[[Any], Any]) -> Callable[[Any], Number]:
    """A smooth function of mpmath as one of numbers that remember."""

    def value(x: Any) -> Any:
        try:
            return _real(function(x))
        except (ValueError, ArithmeticError):
            return _NAN

    def apply(x: Any) -> Number:
        x = number(x)
        if not x.active:
            return Number(value(x.value))
        with mpmath.workdps(2 * _DIGITS):
            step = _STEP * max(1, abs(x.value))
            slope = (value(x.value + step) - value(x.value - step)) / (2 * step)
        return Number(value(x.value), ((x, slope),))

    return apply


def gradients(outputs: Iterable[tuple[Any, Any]], inputs: Iterable[Number]) -> list[Any]:
    """The slopes of ``Σ weight·output`` by some inputs.

    Parameters
    ----------
    outputs : iterable of (number, weight)
    inputs : iterable of Number
    """
    slopes: dict[int, Any] = {}
    found: dict[int, Number] = {}

    def add(target: Number, slope: Any) -> None:
        slopes[target.serial] = slopes.get(target.serial, 0) + slope

    waiting = []
    for output, weight in outputs:
        if isinstance(output, Number) and output.active:
            add(output, mpmath.mpf(weight))
            waiting.append(output)
    while waiting:
        node = waiting.pop()
        if node.serial not in found:
            found[node.serial] = node
            waiting += [parent for parent, _ in node.parents]
    for serial in sorted(found, reverse=True):  # whoever is made later cannot be a parent
        for parent, factor in found[serial].parents:
            add(parent, slopes[serial] * factor)
    return [slopes.get(leaf.serial, mpmath.mpf(0)) for leaf in inputs]


def numbers(array: np.ndarray, active: bool = False) -> np.ndarray:
    """The entries as numbers that remember; the working precision is 40 digits from now on.

    A float is the decimal that it prints as, as in a definition, so that 0.1 equals 1/10.
    """
    mpmath.mp.dps = _DIGITS
    entries = [Number(mpmath.mpf(repr(e)), active=active) for e in array.ravel().tolist()]
    result = np.empty(len(entries), dtype=object)
    result[:] = entries
    return result.reshape(array.shape)


def _real(value: Any) -> Any:
    """As an mpmath number: NaN if it is not real, infinite or 0 where a float is by far."""
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    value = mpmath.mpmathify(value)
    if isinstance(value, mpmath.mpc):
        return _NAN
    _, mantissa, exponent, bits = value._mpf_
    if mantissa and exponent + bits > _LARGEST:
        return mpmath.inf if value > 0 else -mpmath.inf
    return mpmath.mpf(0) if mantissa and exponent + bits < -_LARGEST else value


def _power(base: Any, power: Any) -> Any:
    """As IEEE arithmetic has it: 0**0 is 1, and what divides by 0 is infinite."""
    if power == 0:
        return mpmath.mpf(1)
    if base == 0 and power < 0:
        return mpmath.inf
    try:
        return _real(base**power)
    except (ValueError, ArithmeticError):
        return _NAN
