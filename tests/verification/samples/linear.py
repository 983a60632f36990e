"""y[n,o] = b[o] + Σ_i x[n,i] · w[o,i]"""

from typing import NamedTuple

import numpy as np

_DTYPES = ("float32", "float64")


class Residuals(NamedTuple):
    x: np.ndarray
    weight: np.ndarray
    has_bias: bool


class Gradients(NamedTuple):
    x: np.ndarray | None
    weight: np.ndarray | None
    bias: np.ndarray | None


def apply(x, weight, bias=None):
    if weight.dtype.name not in _DTYPES:
        raise TypeError(f"weight: expected one of {_DTYPES}, got {weight.dtype}")
    y = x @ weight.T
    if bias is not None:
        y += bias
    return y


def forward(x, weight, bias=None):
    return apply(x, weight, bias), Residuals(x, weight, bias is not None)


def backward(grad_output, residuals, wrt=("x", "weight", "bias")):
    x, weight, has_bias = residuals
    return Gradients(
        x=grad_output @ weight if "x" in wrt else None,
        weight=grad_output.T @ x if "weight" in wrt else None,
        bias=grad_output.sum(axis=0) if "bias" in wrt and has_bias else None,
    )
