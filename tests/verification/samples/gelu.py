"""y = s · x · ½ (1 + erf(x / √2)): named constants, a primitive of the module, a float option"""

import math
from typing import NamedTuple

import numpy as np

_DTYPES = ("float32", "float64")
_SQRT_2 = math.sqrt(2)
_SQRT_2_PI = math.sqrt(2 * math.pi)


class Gradients(NamedTuple):
    x: np.ndarray | None


def _erf(x, out=None):
    if x.dtype.name not in _DTYPES:
        raise TypeError(f"x: expected one of {_DTYPES}, got {x.dtype}")
    result = np.vectorize(math.erf, otypes=[x.dtype])(x)
    return result if out is None else np.copyto(out, result) or out


def apply(x, scale=1.0):
    return forward(x, scale)[0]


def forward(x, scale=1.0):
    phi = x / _SQRT_2
    _erf(phi, out=phi)
    phi += 1
    phi *= 0.5
    return scale * x * phi, (x, phi, scale)


def backward(grad_output, residuals, wrt=("x",)):
    x, phi, scale = residuals
    # φ(x) = exp(−x²/2) / √(2π)
    slope = phi + x * (np.exp(-0.5 * x**2) / _SQRT_2_PI)
    return Gradients(scale * grad_output * slope if "x" in wrt else None)
