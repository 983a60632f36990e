"""A network of two neurons, and the gradient by its second weight as it stands on a slide.

h₁ = σ(Θ₁ x),   ŷ = σ(Θ₂ h₁),   E = (ŷ − y)²/2
"""

from sympy import Eq

from derive import Claim, Operation, derivative, parameter, sigmoid, tensor

x, y, h1, s2, y_hat, E = (tensor(name) for name in ("x", "y", "h1", "s2", "y_hat", "E"))
Theta1, Theta2 = parameter("Theta1"), parameter("Theta2")

small_network = Operation(
    name="small_network",
    summary="Two neurons, one behind the other, and the squared error.",
    inputs=(x, Theta1, Theta2, y),
    outputs=(E,),
    equations=(
        Eq(h1[()], sigmoid(Theta1[()] * x[()])),
        Eq(s2[()], Theta2[()] * h1[()]),
        Eq(y_hat[()], sigmoid(s2[()])),
        Eq(E[()], (y_hat[()] - y[()]) ** 2 / 2),
    ),
)

error = y_hat[()] - y[()]
slope = sigmoid(s2[()]) * (1 - sigmoid(s2[()]))  # σ'(s₂)

slide = Claim(small_network, Eq(derivative(E, Theta2)[()], error * slope * Theta2[()]))
mended = Claim(small_network, Eq(derivative(E, Theta2)[()], error * slope * h1[()]))
