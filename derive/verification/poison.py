"""Memory that nobody wrote to, made visible: ``np.empty`` with NaN in every entry.

NumPy hands out whatever was there before, most often zeros or the right numbers of the call
before; a module that reads an entry which it has not written would pass any check by luck.
"""

from __future__ import annotations

from types import ModuleType
from typing import Any

import numpy as np

_UNLIKELY = -(2**62)  # an integer that is no index, count or length


def _filled(array: np.ndarray) -> np.ndarray:
    if array.dtype.kind == "f":
        array.fill(np.nan)
    elif array.dtype.kind == "i":
        array.fill(_UNLIKELY)
    return array


def _empty(*arguments: Any, **keywords: Any) -> np.ndarray:
    return _filled(np.empty(*arguments, **keywords))


def _empty_like(*arguments: Any, **keywords: Any) -> np.ndarray:
    return _filled(np.empty_like(*arguments, **keywords))


def _poisoned() -> ModuleType:
    module = ModuleType("numpy")
    vars(module).update(vars(np), empty=_empty, empty_like=_empty_like)
    return module


POISONED = _poisoned()
"""NumPy as a module under test sees it. (Arrays of objects hold None, on which sums fail.)"""
