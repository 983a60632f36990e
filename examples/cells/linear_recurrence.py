"""Linear recurrence with coefficients that vary in time: the scan behind state space models.

h[t] = a[t] * h[t-1] + x[t]
"""

from sympy import Eq

from derive import Operation, axes, sizes, state, tensor

T, N, H = sizes("T N H")
t, n, j = axes("t n j", T, N, H)

a, x, y = (tensor(name, T, N, H) for name in "axy")
h, h0 = state("h", T, N, H), tensor("h0", N, H, optional=True)

linear_recurrence = Operation(
    name="linear_recurrence",
    summary="Scan sequences with a linear recurrence whose coefficients vary in time.",
    inputs=(a, x, h0),
    outputs=(y,),
    equations=(
        Eq(h[-1, n, j], h0[n, j]),
        Eq(h[t, n, j], a[t, n, j] * h[t - 1, n, j] + x[t, n, j]),
        Eq(y[t, n, j], h[t, n, j]),
    ),
    legend={"t": "time step", "n": "sequence", "j": "unit"},
    source="Martin and Cundy, Parallelizing linear recurrent neural nets over sequence length, "
    "ICLR 2018",
)
