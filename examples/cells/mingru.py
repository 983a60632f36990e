"""Minimal gated recurrent unit: neither gate nor candidate sees the past.

    z[t] = sigmoid(W_z x[t] + b_z),     g[t] = W_h x[t] + b_h
    h[t] = (1 - z[t]) * h[t-1] + z[t] * g[t]

So both are computed for all of time at once, and the loop has no product of matrices in it.
"""

from sympy import Eq, Sum

from derive import Operation, axes, parameter, sigmoid, sizes, state, tensor

T, N, I, H = sizes("T N I H")
t, n, i, j = axes("t n i j", T, N, I, H)

x, y = tensor("x", T, N, I), tensor("y", T, N, H)
W_z, b_z = parameter("W_z", H, I), parameter("b_z", H)
W_h, b_h = parameter("W_h", H, I), parameter("b_h", H)
z, g = tensor("z", T, N, H), tensor("g", T, N, H)
h, h0 = state("h", T, N, H), tensor("h0", N, H, optional=True)

mingru = Operation(
    name="mingru",
    summary="Run a minimal gated recurrent unit over sequences.",
    inputs=(x, W_z, b_z, W_h, b_h, h0),
    outputs=(y,),
    equations=(
        Eq(h[-1, n, j], h0[n, j]),
        Eq(z[t, n, j], sigmoid(Sum(W_z[j, i] * x[t, n, i], i) + b_z[j])),
        Eq(g[t, n, j], Sum(W_h[j, i] * x[t, n, i], i) + b_h[j]),
        Eq(h[t, n, j], (1 - z[t, n, j]) * h[t - 1, n, j] + z[t, n, j] * g[t, n, j]),
        Eq(y[t, n, j], h[t, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "i": "input feature", "j": "unit"},
    source="Feng et al., Were RNNs all we needed?, 2024, section 3.1",
)
