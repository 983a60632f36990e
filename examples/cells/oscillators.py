"""Coupled oscillators: two states, place and speed, each of which drives the other.

v[t] = v[t-1] + dt * (tanh(W p[t-1] + V v[t-1] + U x[t] + b) - stiffness * p[t-1]
                      - friction * v[t-1])
p[t] = p[t-1] + dt * v[t]
"""

from sympy import Eq, Sum, tanh

from derive import Operation, axes, option, parameter, sizes, state, tensor

T, N, I, H = sizes("T N I H")
t, n, i, j, k = axes("t n i j k", T, N, I, H, H)
dt = option("dt", 0.0625, integer=False, minimum=0, samples=(0.5,), meaning="length of a time step")
stiffness = option("stiffness", 1, integer=False, samples=(2,), meaning="pull back to 0")
friction = option("friction", 1, integer=False, samples=(2,), meaning="loss of speed")

x, y = tensor("x", T, N, I), tensor("y", T, N, H)
W, V, U, b = (parameter("W", H, H), parameter("V", H, H), parameter("U", H, I), parameter("b", H))
p, v, force = state("p", T, N, H), state("v", T, N, H), tensor("force", T, N, H)
p0, v0 = (tensor(name, N, H, optional=True) for name in ("p0", "v0"))
p_n, v_n = tensor("p_n", N, H), tensor("v_n", N, H)

oscillators = Operation(
    name="oscillators",
    summary="Drive a network of coupled oscillators with sequences.",
    inputs=(x, W, V, U, b, p0, v0),
    outputs=(y, p_n, v_n),
    options=(dt, stiffness, friction),
    equations=(
        Eq(p[-1, n, j], p0[n, j]),
        Eq(v[-1, n, j], v0[n, j]),
        Eq(
            force[t, n, j],
            tanh(
                Sum(W[j, k] * p[t - 1, n, k], k)
                + Sum(V[j, k] * v[t - 1, n, k], k)
                + Sum(U[j, i] * x[t, n, i], i)
                + b[j]
            )
            - stiffness[0] * p[t - 1, n, j]
            - friction[0] * v[t - 1, n, j],
        ),
        Eq(v[t, n, j], v[t - 1, n, j] + dt[0] * force[t, n, j]),
        Eq(p[t, n, j], p[t - 1, n, j] + dt[0] * v[t, n, j]),
        Eq(y[t, n, j], p[t, n, j]),
        Eq(p_n[n, j], p[T - 1, n, j]),
        Eq(v_n[n, j], v[T - 1, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "i": "input feature", "j,k": "oscillator"},
    source="Rusch and Mishra, Coupled oscillatory recurrent neural network (coRNN), ICLR 2021, "
    "equation 3, explicit",
)
