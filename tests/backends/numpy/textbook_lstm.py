"""A long short-term memory as textbooks write it: a matrix for each gate."""

from sympy import Eq, Sum, tanh

from derive.language import Operation, axes, parameter, sigmoid, sizes, state, tensor

T, N, I, H = sizes("T N I H")
t, n, i, j, k = axes("t n i j k", T, N, I, H, H)
WORDS = {"i": "input", "f": "forget", "g": "cell", "o": "output"}

x, y = tensor("x", T, N, I), tensor("y", T, N, H)
h, c = state("h", T, N, H), state("c", T, N, H)
h0, c0 = tensor("h0", N, H, optional=True), tensor("c0", N, H, optional=True)
W = {g: parameter(f"W_{g}", H, I) for g in WORDS}
U = {g: parameter(f"U_{g}", H, H) for g in WORDS}
b = {g: parameter(f"b_{g}", H, optional=True) for g in WORDS}
gates = {g: tensor(f"{word}_gate", T, N, H)[t, n, j] for g, word in WORDS.items()}


def before(g: str):
    """The pre-activation of a gate."""
    return Sum(W[g][j, i] * x[t, n, i], i) + Sum(U[g][j, k] * h[t - 1, n, k], k) + b[g][j]


textbook_lstm = Operation(
    "textbook_lstm",
    "Run a long short-term memory with a matrix for each gate.",
    (x, *W.values(), *U.values(), *b.values(), h0, c0),
    (y,),
    (
        Eq(h[-1, n, j], h0[n, j]),
        Eq(c[-1, n, j], c0[n, j]),
        *(Eq(gates[g], (tanh if g == "g" else sigmoid)(before(g))) for g in WORDS),
        Eq(c[t, n, j], gates["f"] * c[t - 1, n, j] + gates["i"] * gates["g"]),
        Eq(h[t, n, j], gates["o"] * tanh(c[t, n, j])),
        Eq(y[t, n, j], h[t, n, j]),
    ),
)
