"""Real numbers of 40 digits that remember what they were computed from.

This is how the checks differentiate: no rule for a function is stated anywhere. Sums, products and
powers know their slopes; the slope of any other function is measured with 80 digits, to some 50;
and a choice (a maximum, a case) hands one of its numbers on, memory included.

They know as well how far a module may be off that computes the same with floats: every operation
rounds, and passes on what its operands are off (running error analysis; Wilkinson, "Rounding Errors
in Algebraic Processes", 1963). Where two numbers that are compared lie closer together than that,
rounding decides, and nobody can tell what a module makes of it.
"""

from __future__ import annotations

import itertools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from fractions import Fraction
from heapq import heappop, heappush
from typing import Any

import mpmath
import numpy as np

_DIGITS = 40
_SHORT = 12  # characters of a number that somebody wrote
_LEAST = -1024  # binary exponent; what is smaller is 0
_NAN = mpmath.nan
_ONE = mpmath.mpf(1)  # the slope of a sum by a summand
_STEP = mpmath.mpf(10) ** -27  # third root of a rounding error of 80 digits
_FUNCTION = 4  # roundings of a function, for one of a sum or product
_serials = itertools.count()


@dataclass
class Evaluation:
    """The floats that a module computes with, and what was met on the way.

    Attributes
    ----------
    bits : int
        Of a mantissa.
    tiny : float
        Below it, floats have fewer bits.
    largest : int
        A binary exponent: what is larger is infinite, as it is in a module.
    closest : float
        Of two numbers that were compared, their difference in units of what they may be off.
    met_infinity : bool
        Whether any number was infinite.
    met_pole : bool
        Whether a root of 0 was taken, whose slope is infinite.
    """

    bits: int
    tiny: float
    largest: int
    closest: float = math.inf
    met_infinity: bool = False
    met_pole: bool = False

    @classmethod
    def of(cls, dtype: type = np.float64) -> Evaluation:
        kind = np.finfo(dtype)
        return cls(kind.nmant + 1, float(kind.tiny), kind.maxexp)


_now = Evaluation.of()


@contextmanager
def evaluation(dtype: type = np.float64) -> Iterator[Evaluation]:
    """Compute with 40 digits what a module computes with floats of a kind; see what is met."""
    global _now
    before, _now = _now, Evaluation.of(dtype)
    try:
        with mpmath.workdps(_DIGITS):
            yield _now
    finally:
        _now = before


class Number:
    """A value and the numbers it was computed from, each with its slope.

    Attributes
    ----------
    value : mpmath.mpf
    size : float
        Of the value, without its sign.
    parents : tuple of (Number, mpmath.mpf, float, float)
        With the slope by each, its size, and by how many roundings it is off. Empty for a constant.
        A slope may be 0, which tells nothing beside one that is infinite; what a choice did not
        take is no parent.
    active : bool
        Whether it is an input that is differentiated by, or depends on one.
    spread : float
        How far floats may be off, in units of their rounding: 1 for a constant near 1.
    form : int
        The same for numbers that are computed in the same way, and so rounded alike; its negative
        for their opposites.
    """

    __slots__ = ("active", "form", "parents", "serial", "size", "spread", "value")

    def __init__(
        self,
        value: Any,
        parents: tuple = (),
        active: bool = False,
        spread: float = 0.0,
        roundings: int = 1,
        form: int | None = None,
    ) -> None:
        """`spread` is what the operands contribute; with no roundings, the result is theirs."""
        self.value = value if isinstance(value, mpmath.mpf) else _real(value)
        self.size = abs(float(self.value))
        self.parents = tuple([p for p in parents if p[0].active]) if parents else ()
        self.active = active or bool(self.parents)
        self.form = hash(self.value) if form is None else form
        self.serial = next(_serials)
        _, mantissa, exponent, bits = self.value._mpf_
        if roundings and 0 < self.size < _now.tiny:
            spread += 2 * _now.tiny
        elif roundings and (spread or bits > _now.bits):  # or it needs no rounding
            spread += roundings * self.size
        self.spread = spread
        if mantissa and exponent + bits > _now.largest:
            self.value = mpmath.inf if self.value > 0 else -mpmath.inf
            _now.met_infinity = True
        elif bits < -1:  # (that of NaN is -1)
            _now.met_infinity = True

    def __repr__(self) -> str:
        return str(mpmath.nstr(self.value, 17))

    def __add__(self, other: Any) -> Number:
        other = number(other)
        value = self.value + other.value
        same = self.form == -other.form and value == 0  # rounded alike, they cancel
        spread = 0.0 if same else self.spread + other.spread
        by = ((self, _ONE, 1.0, 0.0), (other, _ONE, 1.0, 0.0))
        return Number(value, by, spread=spread, form=_unordered("+", self, other))

    def __mul__(self, other: Any) -> Number:
        other = number(other)
        value = self.value * other.value
        spread = self.spread and self.spread * other.size
        spread += other.spread and other.spread * self.size
        by = (
            (self, other.value, other.size, other.spread),
            (other, self.value, self.size, self.spread),
        )
        return Number(value, by, spread=spread, form=_unordered("*", self, other))

    __radd__, __rmul__ = __add__, __mul__

    def __neg__(self) -> Number:
        by = ((self, -1, 1.0, 0.0),)
        return Number(-self.value, by, spread=self.spread, roundings=0, form=-self.form)

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
        _now.met_pole |= bool(base == 0 and 0 != power < 1)
        self.note_edge(value, lambda near: _power(near, power))
        parents, spread = [], 0.0
        if power != 0 and (self.active or self.spread):
            slope = power * _power(base, power - 1)
            steep = abs(float(slope))
            bend = abs(float((power - 1) * slope / base)) if base and power != 1 else 0
            parents.append((self, slope, steep, bend * self.spread + _FUNCTION * steep))
            spread += self.spread and self.spread * steep
        if (exponent.active or exponent.spread) and not (base == 0 and power > 0):
            slope = value * _real(mpmath.log(base)) if base else _NAN
            bend = abs(float(slope))
            parents.append((exponent, slope, bend, bend * (exponent.spread + _FUNCTION)))
            spread += exponent.spread and exponent.spread * bend
        form = hash(("**", self.form, exponent.form))
        return Number(value, tuple(parents), spread=spread, roundings=_FUNCTION, form=form)

    def __rpow__(self, base: Any) -> Number:
        return number(base) ** self

    def __mod__(self, other: Any) -> Number:
        (self / other).to_nearest()  # where rounding decides, the rest may be anything
        return Number(self.value % number(other).value, spread=self.spread, roundings=0)

    def __eq__(self, other: object) -> bool:
        return self.compared(number(other)) == 0

    def __ne__(self, other: object) -> bool:
        return self.compared(number(other)) != 0

    def __lt__(self, other: Any) -> bool:
        return self.compared(number(other)) < 0

    def __le__(self, other: Any) -> bool:
        return self.compared(number(other)) <= 0

    def __gt__(self, other: Any) -> bool:
        return self.compared(number(other)) > 0

    def __ge__(self, other: Any) -> bool:
        return self.compared(number(other)) >= 0

    def compared(self, other: Number) -> Any:
        """Their difference, or its sign; it is noted if rounding may change that."""
        if self.value == other.value and self.form == other.form:
            return 0
        difference = self.value - other.value
        if difference != difference and self.value == other.value:
            return 0  # both are infinite
        spread = self.spread + other.spread
        if spread and abs(float(difference)) < _now.closest * spread:
            _now.closest = abs(float(difference)) / spread
        if 0 < abs(difference) < _now.tiny:  # floats may make 0 of one of them
            _now.closest = 0.0
        return difference

    def note_edge(self, value: Any, function: Callable[[Any], Any]) -> None:
        """Note it if a function has no value here, and rounding decides whether it has one."""
        if value == value or self.value != self.value or not self.spread:
            return
        off = mpmath.mpf(self.spread) * mpmath.mpf(2) ** -_now.bits
        if any(near == near for near in map(function, (self.value - off, self.value + off))):
            _now.closest = 0.0

    __hash__ = None  # type: ignore[assignment]

    @property
    def stopped(self) -> Number:
        """The same value, of no slope."""
        return Number(self.value, spread=self.spread, roundings=0, form=self.form)

    def __abs__(self) -> Number:
        return -self if self.value < 0 else self

    def __float__(self) -> float:
        return float(self.value)

    def to_nearest(self) -> Any:
        """The difference to the nearest integer."""
        return self.compared(Number(mpmath.nint(self.value)))

    def __floor__(self) -> int:
        self.to_nearest()
        return int(mpmath.floor(self.value))

    def __ceil__(self) -> int:
        return -(-self).__floor__()


def number(other: Any) -> Number:
    """Any number, exactly, as one that remembers."""
    return other if isinstance(other, Number) else Number(other)


def through(function: Callable[[Any], Any], saturates: bool = False) -> Callable[[Any], Number]:
    """A smooth function of mpmath as one of numbers that remember.

    Where it `saturates`, its slope is what is left to 1, such as ``1 - tanh(x)**2``, and is off by
    roundings of 1.
    """

    def value(x: Any) -> Any:
        try:
            return _real(function(x))
        except (ValueError, ArithmeticError):
            return _NAN

    def apply(x: Any) -> Number:
        x = number(x)
        here, form = value(x.value), hash((function, x.form))
        x.note_edge(here, value)
        if not (x.active or x.spread):
            return Number(here, roundings=_FUNCTION, form=form)
        with mpmath.workdps(2 * _DIGITS):
            step = _STEP * max(1, abs(x.value))
            above, below = value(x.value + step), value(x.value - step)
            slope = (above - below) / (2 * step)
            bend = abs(float((above - 2 * value(x.value) + below) / step**2)) if x.spread else 0
        steep = abs(float(slope))
        by = (x, slope, steep, bend * x.spread + _FUNCTION * max(steep, float(saturates)))
        spread = x.spread and x.spread * steep
        return Number(here, (by,), spread=spread, roundings=_FUNCTION, form=form)

    return apply


def gradients(outputs: Iterable[tuple[Any, Any]], inputs: Iterable[Number]) -> list[Number]:
    """The slopes of ``Σ weight·output`` by some inputs, with their spreads.

    Parameters
    ----------
    outputs : iterable of (number, weight)
    inputs : iterable of Number
    """
    slopes: dict[int, Any] = {}
    spreads: dict[int, float] = defaultdict(float)
    found: dict[int, Number] = {}
    waiting: list[int] = []  # whoever is made later cannot be a parent, and comes first

    def add(node: Number, slope: Any) -> None:
        serial = node.serial
        if serial in found:
            slopes[serial] += slope
        else:
            slopes[serial], found[serial] = slope, node
            heappush(waiting, -serial)

    for output, weight in outputs:
        if isinstance(output, Number) and output.active:
            add(output, mpmath.mpf(weight))
    while waiting:
        serial = -heappop(waiting)
        slope, spread = slopes[serial], spreads[serial]
        size = abs(float(slope))
        for parent, factor, steep, off in found[serial].parents:
            add(parent, slope if factor is _ONE else slope * factor)
            # As it is handed on, multiplied and added up.
            spreads[parent.serial] += spread * steep + size * off + 2 * size * steep
    return [
        Number(slopes.get(leaf.serial, 0), spread=spreads[leaf.serial], roundings=0)
        for leaf in inputs
    ]


def numbers(array: np.ndarray, active: bool = False) -> np.ndarray:
    """The entries as numbers that remember.

    A float that prints short is the decimal that it prints as, as in a definition, so that 0.1
    equals 1/10.
    """
    entries = [Number(_decimal(entry), active=active) for entry in array.ravel().tolist()]
    result = np.empty(len(entries), dtype=object)
    result[:] = entries
    return result.reshape(array.shape)


def _decimal(entry: float) -> Any:
    text = repr(entry)
    return mpmath.mpf(text if len(text) <= _SHORT else entry)


def _unordered(operation: str, one: Number, other: Number) -> int:
    """The form of a sum or product of two numbers."""
    first, second = one.form, other.form
    return hash((operation, first, second) if first < second else (operation, second, first))


def _real(value: Any) -> Any:
    """As an mpmath number: NaN if it is not real, infinite or 0 where a float is by far."""
    if isinstance(value, Fraction):
        return mpmath.mpf(value.numerator) / value.denominator
    value = mpmath.mpmathify(value)
    if isinstance(value, mpmath.mpc):
        return _NAN
    _, mantissa, exponent, bits = value._mpf_
    if mantissa and exponent + bits > _now.largest:
        return mpmath.inf if value > 0 else -mpmath.inf
    return mpmath.mpf(0) if mantissa and exponent + bits < _LEAST else value


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
