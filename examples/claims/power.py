"""A linear recurrence for a thousand steps, which begins at 1: y₁₀₀₀ = w¹⁰⁰⁰.

y[0] = x₀,   y[t + 1] = w y[t]
"""

from sympy import Eq

from derive import Claim, Operation, axis, parameter, sizes, tensor

(T,) = sizes("T")
t = axis("t", T)
x0, w, y = tensor("x0"), parameter("w"), tensor("y", T + 1)

growth = Operation(
    name="growth",
    summary="Multiply by the same weight at every step.",
    inputs=(x0, w),
    outputs=(y,),
    equations=(Eq(y[0], x0[()]), Eq(y[t + 1], w[()] * y[t])),
    requires=((T >= 1, "there is no step"),),
)

thousand = {T: 1000, x0: 1}

slide = Claim(growth, Eq(y[1000], w[()] ** 999), given=thousand)
mended = Claim(growth, Eq(y[1000], w[()] ** 1000), given=thousand)
always = Claim(growth, Eq(y[t], w[()] ** t * x0[()]))
