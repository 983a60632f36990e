"""The fourth chapter: recurrent networks, and gradients through time."""

from __future__ import annotations

from collections.abc import Mapping
from math import log10
from typing import Any

from sympy import Float, Integer, Rational, Symbol

from derive.course.drawings import Curve, curves
from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Drawing, Shown, Stop

STEPS = 1000
BELOW, ABOVE = Rational(99, 100), Rational(101, 100)

ELMAN = Stop(
    title="Elman network, unrolling, backpropagation through time",
    question="A network feeds its state back to itself. How does one differentiate a loop?",
    words=(
        "Write the loop out. Each step then is a layer, which reads an input and the state that "
        "the layer before has left; all layers have the same weights. This is an ordinary "
        "network, as deep as the sequence is long, and backpropagation is what it always was.",
        "A state {h} reaches the loss in two ways: through the output of its own step, and through "
        "the next state. So its gradient is the sum of both. The second part is known once the "
        "next step is done. Therefore time runs backwards.",
        "The weights are read at every step, so their gradients are sums over all steps.",
        "Put the recursion into itself, and there is a term for each pair of steps: what a weight "
        "does in one step reaches the loss from a later one, through all the states between.",
    ),
    shown=(
        Shown(
            operation("rnn"), gradients=("h", "weight_hh"), matrices=True,
            time=("Recursion", "Unrolled", "Double sum"), pictures=("recurrence",),
            numbers=("x", "weight_ih", "weight_hh", "h", "h_bar", "weight_hh_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import rnn\n"
        "x, w = np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1), np.array([[0.5]])\n"
        "(y, h_n), residuals = rnn.forward(x, np.ones((1, 1)), w)\n"
        "print(y.ravel().round(3), rnn.backward((y, h_n), residuals).weight_hh.round(3))",
        "[ 0.762  0.363 -0.674] [[-0.27]]",
    ),
)  # fmt: skip


def _powers() -> Mapping[str, Any]:
    w, t = Symbol("w"), Symbol("t")
    return {
        "power": w**t, "steps": Integer(STEPS),
        "below": BELOW, "above": ABOVE,
        "vanished": Float(BELOW**STEPS), "exploded": Float(ABOVE**STEPS),
        "w": w,
    }  # fmt: skip


def _growth() -> tuple[Drawing, ...]:
    drawn = [
        Curve(f"{float(w):g} to the power of t", lambda t, w=w: t * log10(w))
        for w in (ABOVE, 1, BELOW)
    ]
    picture = curves(
        drawn, (0, STEPS), (-5, 5),
        "Three straight lines from one: the first rises, the second stays, the third falls.", "t",
        ticks=((0, 250, 500, 750, STEPS), (-4, -2, 0, 2, 4)), label=_power_of_ten,
    )  # fmt: skip
    caption = "The scale is logarithmic: from one line to the next it goes up a hundredfold."
    return (Drawing(picture, caption),)


def _power_of_ten(exponent: float) -> str:
    sign = "−" * (exponent < 0)
    return f'10<tspan dy="-5" font-size="10">{sign}{abs(exponent)}</tspan>'


VANISHING = Stop(
    title="Vanishing and exploding, clipping, the identity network",
    question="Why does a plain network forget, and why does it sometimes blow up?",
    words=(
        "From one step to a later one, the gradient is a product with a factor for each step "
        "between. Take the simplest network of all, a state that is multiplied by {w} at each "
        "step. After {steps} steps the factor is {power}: {vanished} for a weight of {below}, and "
        "{exploded} for {above}. A weight of exactly one keeps it.",
        "For many units the weight is a matrix, and its norm says what can happen at most.",
        "Against explosion one clips: if the norm of all gradients is larger than a bound, they "
        "are scaled down to it. Their direction stays. Against vanishing this does not help.",
        "The identity network starts where nothing vanishes: its recurrent matrix is the identity, "
        "its biases are zero, and ReLU has the slope one. What it does later it has to learn.",
    ),
    terms=_powers,
    shown=(
        Shown(
            operation("rnn"), definition=False, gradients=("h",),
            time=("Bound", "Vanishing and exploding"),
        ),
        Shown(
            operation("rnn_relu"), title="The identity network",
            example={"x": [[[1]], [[0]], [[2]]], "weight_ih": [[1]], "weight_hh": [[1]],
                     "y_bar": [[[0]], [[0]], [[1]]], "h_n_bar": [[0]]},
            gradients=("h",),
            numbers=("x", "weight_ih", "weight_hh", "h", "y_bar", "h_bar", "x_bar"),
        ),
    ),
    drawings=_growth,
    code=Code(
        "import numpy as np\n"
        "gradients = [np.array([3.0, 4.0]), np.array([12.0])]\n"
        "norm = np.sqrt(sum((g * g).sum() for g in gradients))\n"
        "print(norm, [g * min(1.0, 1.3 / norm) for g in gradients])",
        "13.0 [array([0.3, 0.4]), array([1.2])]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Recurrent networks", (ELMAN, VANISHING))
