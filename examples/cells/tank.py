"""A cell of our own: tanks that fill and spill, and lose nothing.

    inflow[t] = softplus(W x[t] + b)
    valve[t]  = sigmoid(V x[t] + u * level[t-1] + d)
    y[t]      = valve[t] * level[t-1]
    level[t]  = level[t-1] + inflow[t] - y[t]

What has come in is what has gone out and what is still there, whatever the parameters are.
"""

from sympy import Eq, Sum

from derive import Operation, axes, parameter, sigmoid, sizes, softplus, state, tensor

T, N, I, H = sizes("T N I H")
t, n, i, j = axes("t n i j", T, N, I, H)

x, y = tensor("x", T, N, I), tensor("y", T, N, H)
W, b = parameter("W", H, I), parameter("b", H)
V, u, d = parameter("V", H, I), parameter("u", H), parameter("d", H)
inflow, valve = tensor("inflow", T, N, H), tensor("valve", T, N, H)
level, level_0, level_n = state("level", T, N, H), tensor("level_0", N, H), tensor("level_n", N, H)

tank = Operation(
    name="tank",
    summary="Fill and spill tanks over sequences.",
    inputs=(x, W, b, V, u, d, level_0),
    outputs=(y, inflow, level_n),
    equations=(
        Eq(level[-1, n, j], level_0[n, j]),
        Eq(inflow[t, n, j], softplus(Sum(W[j, i] * x[t, n, i], i) + b[j])),
        Eq(
            valve[t, n, j],
            sigmoid(Sum(V[j, i] * x[t, n, i], i) + u[j] * level[t - 1, n, j] + d[j]),
        ),
        Eq(y[t, n, j], valve[t, n, j] * level[t - 1, n, j]),
        Eq(level[t, n, j], level[t - 1, n, j] + inflow[t, n, j] - y[t, n, j]),
        Eq(level_n[n, j], level[T - 1, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "i": "input feature", "j": "tank"},
    source="none; Hoedt et al., MC-LSTM, 2021, conserve mass in a richer way",
)
