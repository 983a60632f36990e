"""Backpropagation through time as a double sum, whose inner sum begins at the first step.

h[t] = tanh(w h[t−1] + x[t]),   ∂L/∂w = Σ_t ∂⁺L/∂h[t] Σ_{k ≤ t} (Π_{k < s ≤ t} J[s]) ∂⁺h[k]/∂w

The products are a tensor of the claim's own, defined by a recurrence.
"""

from sympy import Eq, Sum, tanh

from derive import Claim, Operation, axis, cotangent, parameter, size, state, tensor

T = size("T", minimum=1)
t, k = axis("t", T), axis("k", T)
later = axis("s", T - 1)

x, w, h0 = tensor("x", T), parameter("w"), tensor("h0")
h, y = state("h", T), tensor("y", T)

neuron = Operation(
    name="neuron",
    summary="One neuron that sees its own state.",
    inputs=(x, w, h0),
    outputs=(y,),
    equations=(
        Eq(h[-1], h0[()]),
        Eq(h[t], tanh(w[()] * h[t - 1] + x[t])),
        Eq(y[t], h[t]),
    ),
)

slope = tensor("slope", T)  # tanh' at step t
product = tensor("product", T, T, outside=0)  # ∂h[t]/∂h[k]: 1 at t = k, 0 before
where = (
    Eq(slope[t], 1 - h[t] ** 2),
    Eq(product[k, k], 1),
    Eq(product[later + 1, k], product[later, k] * slope[later + 1] * w[()]),
)


def claim(first: int) -> Claim:
    """The double sum, its inner sum begun at a step."""
    inner = Sum(product[t, k] * slope[k] * h[k - 1], (k, first, T - 1))
    return Claim(neuron, Eq(cotangent(w)[()], Sum(cotangent(y)[t] * inner, t)), where)


slide, mended = claim(1), claim(0)
