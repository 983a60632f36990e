"""A gated unit whose last line reads f, which no line defines: z is meant.

z[t] = σ(W_z x[t] + U_z h[t−1]),   g[t] = tanh(W_g x[t] + U_g h[t−1])
h[t] = f[t] h[t−1] + (1 − f[t]) g[t]
"""

from sympy import Eq, Sum, tanh

from derive import (
    Claim,
    Operation,
    Tensor,
    axes,
    cotangent,
    parameter,
    sigmoid,
    sizes,
    state,
    tensor,
)

T, I, H = sizes("T I H")
t, i, j, k = axes("t i j k", T, I, H, H)

x, y, h = tensor("x", T, I), tensor("y", T, H), state("h", T, H)
z, g, f = (tensor(name, T, H) for name in ("z", "g", "f"))
W_z, W_g = parameter("W_z", H, I), parameter("W_g", H, I)
U_z, U_g = parameter("U_z", H, H), parameter("U_g", H, H)


def gated(gate: Tensor) -> Operation:
    """The unit, with one of its gates in the last line."""
    return Operation(
        name="gru",
        summary="A recurrent unit with one gate.",
        inputs=(x, W_z, U_z, W_g, U_g),
        outputs=(y,),
        equations=(
            Eq(h[-1, j], 0),
            Eq(z[t, j], sigmoid(Sum(W_z[j, i] * x[t, i], i) + Sum(U_z[j, k] * h[t - 1, k], k))),
            Eq(g[t, j], tanh(Sum(W_g[j, i] * x[t, i], i) + Sum(U_g[j, k] * h[t - 1, k], k))),
            Eq(h[t, j], gate[t, j] * h[t - 1, j] + (1 - gate[t, j]) * g[t, j]),
            Eq(y[t, j], h[t, j]),
        ),
    )


slide = Claim(gated(f), Eq(cotangent(g)[t, j], cotangent(h)[t, j] * (1 - f[t, j])))
mended = Claim(gated(z), Eq(cotangent(g)[t, j], cotangent(h)[t, j] * (1 - z[t, j])))
