"""Independently recurrent network: each unit sees only itself in its past.

h[t] = relu(W x[t] + u * h[t-1] + b)
"""

from sympy import Eq, Sum

from derive import Operation, axes, parameter, relu, sizes, state, tensor

T, N, I, H = sizes("T N I H")
t, n, i, j = axes("t n i j", T, N, I, H)

x, y = tensor("x", T, N, I), tensor("y", T, N, H)
W, u, b = parameter("W", H, I), parameter("u", H), parameter("b", H)
h, h0 = state("h", T, N, H), tensor("h0", N, H, optional=True)

indrnn = Operation(
    name="indrnn",
    summary="Run an independently recurrent network with ReLU over sequences.",
    inputs=(x, W, u, b, h0),
    outputs=(y,),
    equations=(
        Eq(h[-1, n, j], h0[n, j]),
        Eq(h[t, n, j], relu(Sum(W[j, i] * x[t, n, i], i) + u[j] * h[t - 1, n, j] + b[j])),
        Eq(y[t, n, j], h[t, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "i": "input feature", "j": "unit"},
    source="Li et al., Independently recurrent neural network (IndRNN), CVPR 2018, equation 4",
)
