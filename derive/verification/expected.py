"""What the reference makes of some inputs, and whether a module makes the same of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

ROUNDINGS = 8
"""How many times as far as the reference reckons floats may be off; nearer numbers are equal."""

_LOOSE = 0.01  # of the scale: a module that may be off by more is not checked


@dataclass(frozen=True)
class Judgement:
    """What is wrong with a module's arrays, if anything is.

    Attributes
    ----------
    error : float
        The largest error beyond what rounding does, relative to the largest entry of the array
        or to 1.
    what : str
        What is wrong; nothing if nothing is.
    rounded : bool
        Whether rounding decides what comes, so that there is no telling.
    """

    error: float
    what: str
    rounded: bool


@dataclass(frozen=True)
class Expected:
    """Inputs and cotangents with what the reference makes of them.

    Attributes
    ----------
    inputs, y_bar, values : mapping of str to ndarray
    rounding : mapping of str to ndarray
        How far floats may be off in each value.
    positive : bool
        The inputs are above 0.
    calm : bool
        Nothing was infinite on the way.
    is_decided : bool
        No two numbers that were compared were so near to each other that rounding decides.
    steep : bool
        A slope was infinite on the way.
    """

    inputs: Mapping[str, np.ndarray | None]
    y_bar: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    rounding: Mapping[str, np.ndarray]
    positive: bool
    calm: bool
    is_decided: bool
    steep: bool = False

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.values.values())

    def judged(self, found: Mapping[str, np.ndarray | None], tolerance: float) -> Judgement:
        """Compare values and gradients; `tolerance` is relative, and rounding is allowed for."""
        wrong, errors, rounded = [], [0.0], False
        for name, right in self.values.items():
            here = found[name]
            if here is None or here.shape != right.shape:
                shape = None if here is None else here.shape
                what = f"{name} is off by inf: its shape is {shape}, and should be {right.shape}"
                return Judgement(np.inf, what, False)
            off, scale = _off(here, right), _scale(right)
            error = float(np.max(off, initial=0)) / scale
            if error <= tolerance:
                errors.append(error)
            elif np.all(off <= tolerance * scale + self.rounding[name]):
                rounded |= bool(np.any(self.rounding[name] > _LOOSE * scale))
            else:
                errors.append(error)
                wrong.append(f"{name} is off by {error:.1e}{_where(here, right)}")
        if wrong and not self.is_decided:
            return Judgement(0.0, "", True)
        return Judgement(float(np.max(errors)), "; ".join(wrong), rounded)  # NaN if one is


def _scale(right: np.ndarray) -> float:
    """The largest entry, or 1."""
    return max(1.0, float(np.max(np.abs(right), initial=0, where=np.isfinite(right))))


def _off(found: np.ndarray, right: np.ndarray) -> np.ndarray:
    """How far each entry is off."""
    off = np.zeros(right.shape)
    # Infinities may be equal; where the equations have no value, anything will do.
    np.subtract(found, right, out=off, where=(found != right) & ~np.isnan(right))
    return np.abs(off)


def _where(found: np.ndarray, right: np.ndarray) -> str:
    """The entry that is off most: what it is, and what it should be."""
    off = np.abs(np.where(found == right, 0, found - right))
    place = np.unravel_index(int(np.argmax(np.where(off == off, off, np.inf))), right.shape)
    index = ", ".join(str(int(i)) for i in place)
    return f": [{index}] is {found[place]:.9g}, and should be {right[place]:.9g}"
