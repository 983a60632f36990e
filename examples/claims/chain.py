"""Three layers without any nonlinearity: which factors stand before the first weight?

h₁ = θ₁ x,   h₂ = θ₂ h₁,   h₃ = θ₃ h₂
"""

from sympy import Eq

from derive import Claim, Operation, cotangent, parameter, tensor

x, h1, h2, h3 = (tensor(name) for name in ("x", "h1", "h2", "h3"))
theta1, theta2, theta3 = (parameter(f"theta{layer}") for layer in (1, 2, 3))

chain = Operation(
    name="chain",
    summary="Multiply a number by three weights, one after the other.",
    inputs=(x, theta1, theta2, theta3),
    outputs=(h3,),
    equations=(
        Eq(h1[()], theta1[()] * x[()]),
        Eq(h2[()], theta2[()] * h1[()]),
        Eq(h3[()], theta3[()] * h2[()]),
    ),
)

dL = cotangent(h3)[()]  # ∂L/∂h₃

slide = Claim(chain, Eq(cotangent(theta1)[()], dL * h2[()] * h1[()] * x[()]))
mended = Claim(chain, Eq(cotangent(theta1)[()], dL * theta3[()] * theta2[()] * x[()]))
