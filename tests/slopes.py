"""Values of a definition's module, and its gradients beside the slopes of these values."""

from __future__ import annotations

from functools import cache
from types import ModuleType
from typing import Any

import numpy as np

from derive import compile
from derive.language import Operation


@cache
def module_of(operation: Operation) -> ModuleType:
    return compile(operation)


def values_of(operation: Operation, *arrays: np.ndarray, **options: Any) -> np.ndarray:
    """The first output."""
    output = module_of(operation).apply(*arrays, **options)
    return output[0] if isinstance(output, tuple) else output


def gradients_are_slopes(
    operation: Operation, *arrays: np.ndarray, step: float = 1e-6, **options: Any
) -> None:
    """Central differences along each entry of each real input, for some cotangent."""
    module = module_of(operation)
    output, residuals = module.forward(*arrays, **options)
    several = isinstance(output, tuple)
    bars = tuple(
        np.cos(1.0 + np.arange(y.size)).reshape(y.shape) if y.dtype.kind == "f" else None
        for y in (output if several else (output,))
    )
    grads = module.backward(bars if several else bars[0], residuals)

    def total(*given: np.ndarray) -> float:
        found = module.apply(*given, **options)
        pairs = zip(bars, found if several else (found,), strict=True)
        return sum(float((bar * y).sum()) for bar, y in pairs if bar is not None)

    for place, (tensor, array) in enumerate(zip(operation.inputs, arrays, strict=False)):
        if tensor.integer or array is None:
            continue
        expected = np.zeros_like(array)
        for entry in np.ndindex(*array.shape):
            sides = []
            for sign in (1, -1):
                moved = array.copy()
                moved[entry] += sign * step
                sides.append(total(*arrays[:place], moved, *arrays[place + 1 :]))
            expected[entry] = (sides[0] - sides[1]) / (2 * step)
        found = getattr(grads, tensor.name)
        np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-7, err_msg=tensor.name)
