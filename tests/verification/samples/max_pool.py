"""y[n,p,q] = max_{u,v} x[n, s·p + u − P, s·q + v − P], outside = −∞; the first maximum wins"""

from typing import NamedTuple

import numpy as np

_DTYPES = ("float32", "float64")


class Output(NamedTuple):
    y: np.ndarray
    winner: np.ndarray


class Gradients(NamedTuple):
    x: np.ndarray | None


def _windows(x, size, stride, padding):
    edge = (padding, padding)
    padded = np.pad(x, ((0, 0), edge, edge), constant_values=-np.inf)
    windows = np.lib.stride_tricks.sliding_window_view(padded, (size, size), axis=(1, 2))
    windows = windows[:, ::stride, ::stride]
    return windows.reshape(*windows.shape[:3], size * size)


def apply(x, *, size, stride, padding=0):
    windows = _windows(x, size, stride, padding)
    return Output(windows.max(axis=3), windows.argmax(axis=3))


def forward(x, *, size, stride, padding=0):
    output = apply(x, size=size, stride=stride, padding=padding)
    return output, (x.shape, output.winner.copy(), size, stride, padding)


def backward(grad_output, residuals, wrt=("x",)):
    (N, H, W), winner, size, stride, padding = residuals
    if "x" not in wrt:
        return Gradients(None)
    _, P, Q = winner.shape
    n, p, q = np.ogrid[:N, :P, :Q]
    x_bar = np.zeros((N, H + 2 * padding, W + 2 * padding), grad_output.y.dtype)
    np.add.at(x_bar, (n, stride * p + winner // size, stride * q + winner % size), grad_output.y)
    return Gradients(x_bar[:, padding : padding + H, padding : padding + W])
