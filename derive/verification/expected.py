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
    doubt : str
        Why there is no telling, if there is none: a clause.
    """

    error: float
    what: str = ""
    doubt: str = ""


@dataclass(frozen=True)
class Expected:
    """Inputs and cotangents with what the reference makes of them.

    Attributes
    ----------
    inputs, y_bar, values : mapping of str to ndarray
        There is a cotangent for each output; the other values are gradients.
    rounding : mapping of str to ndarray
        How far floats may be off in each value.
    positive : bool
        The inputs are above 0.
    calm : bool
        Nothing was infinite on the way.
    rounding_clear : bool
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
    rounding_clear: bool
    steep: bool = False

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.values.values())

    @property
    def meets_infinity(self) -> bool:
        """Whether some value or gradient is infinite."""
        return any(np.isinf(value).any() for value in self.values.values())

    @property
    def has_gap(self) -> bool:
        """Whether some value or gradient is NaN."""
        return any(np.isnan(value).any() for value in self.values.values())

    @property
    def has_no_value(self) -> bool:
        """Whether there are outputs, and every entry of them is NaN."""
        outputs = [self.values[name] for name in self.y_bar if self.values[name].size]
        return bool(outputs) and all(np.isnan(output).all() for output in outputs)

    @property
    def merit(self) -> tuple[float, bool, bool]:
        """The larger, the more a comparison tells; see `tells`."""
        tight = all(np.all(self.rounding[n] <= _LOOSE * _scale(v)) for n, v in self.values.items())
        finite = sum(int(np.isfinite(value).sum()) for value in self.values.values())
        entries = sum(value.size for value in self.values.values())
        return finite / max(entries, 1), self.calm and not self.steep, self.rounding_clear and tight

    @property
    def tells(self) -> bool:
        """Whether every entry can be compared."""
        return self.is_finite and self.merit[1:] == (True, True)

    @property
    def is_settled(self) -> bool:
        """Whether other inputs would tell no more: what is infinite hardly depends on them."""
        return self.merit[2] and not self.has_gap

    def judged(self, found: Mapping[str, np.ndarray | None], tolerance: float) -> Judgement:
        """Compare values and gradients; `tolerance` is relative, and rounding is allowed for."""
        if self.has_no_value and all(_is_nan(found[name]) for name in self.y_bar):
            return Judgement(0.0, doubt="the equations have no value")
        wrong, errors, doubt = [], [0.0], ""
        for name, right in self.values.items():
            here = found[name]
            if here is None or here.shape != right.shape:
                shape = None if here is None else here.shape
                what = f"{name} is off by inf: its shape is {shape}, and should be {right.shape}"
                return Judgement(np.inf, what)
            # An output is NaN where the equations have no value. The slope there is measured: it
            # may be NaN for another reason, and anything will do.
            ignored = np.isnan(right) & (name not in self.y_bar)
            if self.steep or not self.calm:  # a module may meet infinity elsewhere on its way
                lost = np.isfinite(right) & ~np.isfinite(here)
                ignored |= lost
                doubt = "numbers are infinite on the way" if lost.any() else doubt
            off, scale = _off(here, right, ignored), _scale(right)
            error = float(np.max(off, initial=0)) / scale
            if error <= tolerance:
                errors.append(error)
            elif np.all(off <= tolerance * scale + self.rounding[name]):
                loose = np.any(self.rounding[name] > _LOOSE * scale)
                doubt = "rounding decides" if loose else doubt
            else:
                errors.append(error)
                wrong.append(f"{name} {_where(here, right, off, error)}")
        if wrong and not self.rounding_clear:
            return Judgement(0.0, doubt="rounding decides")
        return Judgement(float(np.max(errors)), "; ".join(wrong), doubt)  # NaN if one is


def _is_nan(found: np.ndarray | None) -> bool:
    return found is not None and bool(np.isnan(found).all())


def _scale(right: np.ndarray) -> float:
    """The largest entry, or 1."""
    return max(1.0, float(np.max(np.abs(right), initial=0, where=np.isfinite(right))))


def _off(found: np.ndarray, right: np.ndarray, ignored: np.ndarray) -> np.ndarray:
    """How far each entry is off: NaN where only it is NaN, infinite where only it is not."""
    off = np.zeros(right.shape)
    np.subtract(found, right, out=off, where=(found != right) & ~ignored)
    gap = np.isnan(right) & ~ignored
    off[gap] = np.where(np.isnan(found[gap]), 0, np.inf)
    return np.abs(off)


def _where(found: np.ndarray, right: np.ndarray, off: np.ndarray, error: float) -> str:
    """The entry that is off most: what it is, and what it should be."""
    place = np.unravel_index(int(np.argmax(np.where(off == off, off, np.inf))), right.shape)
    index = ", ".join(str(int(i)) for i in place)
    what = "is NaN" if np.isnan(error) else f"is off by {error:.1e}"
    return f"{what}: [{index}] is {found[place]:.9g}, and should be {right[place]:.9g}"
