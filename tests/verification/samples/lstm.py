"""One LSTM layer over x[t,n,i], gates i f g o; h₀ and c₀ may be absent

a[t] = x[t] Wᵀ + h[t−1] Uᵀ + b
c[t] = f ⊙ c[t−1] + i ⊙ g        h[t] = o ⊙ tanh c[t]
"""

from typing import NamedTuple

import numpy as np

_DTYPES = ("float32", "float64")


class Output(NamedTuple):
    y: np.ndarray
    h_n: np.ndarray
    c_n: np.ndarray


class Residuals(NamedTuple):
    x: np.ndarray
    weight_ih: np.ndarray
    weight_hh: np.ndarray
    h: np.ndarray  # (T + 1, N, H), the state before the first step included
    c: np.ndarray  # the same
    gates: np.ndarray  # (T, N, 4, H)
    tanh_c: np.ndarray
    absent: tuple[str, ...]


class Gradients(NamedTuple):
    x: np.ndarray | None = None
    weight_ih: np.ndarray | None = None
    weight_hh: np.ndarray | None = None
    bias: np.ndarray | None = None
    h0: np.ndarray | None = None
    c0: np.ndarray | None = None


def _sigmoid(x, out=None):
    out = np.multiply(x, 0.5, out=out)
    np.tanh(out, out=out)
    out += 1
    out *= 0.5
    return out


def apply(x, weight_ih, weight_hh, bias, h0=None, c0=None):
    return forward(x, weight_ih, weight_hh, bias, h0, c0)[0]


def forward(x, weight_ih, weight_hh, bias, h0=None, c0=None):
    if x.dtype.name not in _DTYPES:
        raise TypeError(f"x: expected one of {_DTYPES}, got {x.dtype}")
    T, N, _ = x.shape
    H = weight_hh.shape[1]
    h, c = np.zeros((T + 1, N, H), x.dtype), np.zeros((T + 1, N, H), x.dtype)
    if h0 is not None:
        h[0] = h0
    if c0 is not None:
        c[0] = c0
    gates, tanh_c = (x @ weight_ih.T + bias).reshape(T, N, 4, H), np.empty((T, N, H), x.dtype)
    for t in range(T):
        gates[t] += (h[t] @ weight_hh.T).reshape(N, 4, H)
        i, f, g, o = gates[t].swapaxes(0, 1)
        for gate in (i, f, o):
            _sigmoid(gate, out=gate)
        np.tanh(g, out=g)
        c[t + 1] = f * c[t] + i * g
        np.tanh(c[t + 1], out=tanh_c[t])
        np.multiply(o, tanh_c[t], out=h[t + 1])
    absent = tuple(name for name, value in (("h0", h0), ("c0", c0)) if value is None)
    residuals = Residuals(x, weight_ih, weight_hh, h, c, gates, tanh_c, absent)
    return Output(h[1:].copy(), h[-1].copy(), c[-1].copy()), residuals


def backward(grad_output, residuals, wrt=Gradients._fields):
    x, weight_ih, weight_hh, h, c, gates, tanh_c, absent = residuals
    T, N, H = tanh_c.shape
    a_bar = np.empty_like(gates)
    h_bar = np.zeros((N, H), x.dtype) if grad_output.h_n is None else grad_output.h_n
    c_bar = np.zeros((N, H), x.dtype) if grad_output.c_n is None else grad_output.c_n
    for t in reversed(range(T)):
        i, f, g, o = gates[t].swapaxes(0, 1)
        i_bar, f_bar, g_bar, o_bar = a_bar[t].swapaxes(0, 1)
        if grad_output.y is not None:
            h_bar = h_bar + grad_output.y[t]
        c_bar = c_bar + h_bar * o * (1 - tanh_c[t] ** 2)
        i_bar[...] = c_bar * g * i * (1 - i)
        f_bar[...] = c_bar * c[t] * f * (1 - f)
        g_bar[...] = c_bar * i * (1 - g**2)
        o_bar[...] = h_bar * tanh_c[t] * o * (1 - o)
        c_bar = c_bar * f
        h_bar = a_bar[t].reshape(N, 4 * H) @ weight_hh
    a_bar = a_bar.reshape(T * N, 4 * H)
    found = Gradients(
        x=(a_bar @ weight_ih).reshape(x.shape),
        weight_ih=a_bar.T @ x.reshape(T * N, -1),
        weight_hh=a_bar.T @ h[:-1].reshape(T * N, H),
        bias=a_bar.sum(axis=0),
        h0=h_bar,
        c0=c_bar,
    )
    kept = set(wrt) - set(absent)
    return Gradients(*(g if n in kept else None for n, g in found._asdict().items()))
