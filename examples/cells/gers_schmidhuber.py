"""Long short-term memory with peepholes, as its paper has it: a matrix for every gate.

    i[t] = sigmoid(W_i x[t] + U_i h[t-1] + p_i * c[t-1] + b_i)
    f[t] = sigmoid(W_f x[t] + U_f h[t-1] + p_f * c[t-1] + b_f)
    c[t] = f[t] * c[t-1] + i[t] * tanh(W_c x[t] + U_c h[t-1] + b_c)
    o[t] = sigmoid(W_o x[t] + U_o h[t-1] + p_o * c[t] + b_o)
    h[t] = o[t] * c[t]

The output gate sees the new state, and the state leaves the cell without a squashing function.
"""

from sympy import Eq, Expr, Sum, tanh

from derive import Operation, axes, parameter, sigmoid, sizes, state, tensor

T, N, D, H = sizes("T N D H")
t, n, d, j, k = axes("t n d j k", T, N, D, H, H)

x, y = tensor("x", T, N, D), tensor("y", T, N, H)
W_i, W_f, W_c, W_o = (parameter(f"W_{gate}", H, D) for gate in "ifco")
U_i, U_f, U_c, U_o = (parameter(f"U_{gate}", H, H) for gate in "ifco")
b_i, b_f, b_c, b_o = (parameter(f"b_{gate}", H) for gate in "ifco")
p_i, p_f, p_o = (parameter(f"p_{gate}", H) for gate in "ifo")
i, f, o = (tensor(name, T, N, H) for name in "ifo")
h, c = state("h", T, N, H), state("c", T, N, H)
h0, c0 = (tensor(name, N, H, optional=True) for name in ("h0", "c0"))


def seen(W, U, b) -> Expr:
    """What a gate sees of the input and of the last output."""
    return Sum(W[j, d] * x[t, n, d], d) + Sum(U[j, k] * h[t - 1, n, k], k) + b[j]


gers_schmidhuber = Operation(
    name="gers_schmidhuber",
    summary="Run the LSTM of Gers and Schmidhuber over sequences: peepholes, no output squashing.",
    inputs=(x, W_i, U_i, b_i, W_f, U_f, b_f, W_c, U_c, b_c, W_o, U_o, b_o, p_i, p_f, p_o, h0, c0),
    outputs=(y,),
    equations=(
        Eq(h[-1, n, j], h0[n, j]),
        Eq(c[-1, n, j], c0[n, j]),
        Eq(i[t, n, j], sigmoid(seen(W_i, U_i, b_i) + p_i[j] * c[t - 1, n, j])),
        Eq(f[t, n, j], sigmoid(seen(W_f, U_f, b_f) + p_f[j] * c[t - 1, n, j])),
        Eq(
            c[t, n, j],
            f[t, n, j] * c[t - 1, n, j] + i[t, n, j] * tanh(seen(W_c, U_c, b_c)),
        ),
        Eq(o[t, n, j], sigmoid(seen(W_o, U_o, b_o) + p_o[j] * c[t, n, j])),
        Eq(h[t, n, j], o[t, n, j] * c[t, n, j]),
        Eq(y[t, n, j], h[t, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "d": "input feature", "j,k": "unit"},
    source="Gers and Schmidhuber, Recurrent nets that time and count, IJCNN 2000",
)
