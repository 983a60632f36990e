"""The first chapter: neurons, and how a network of them learns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from math import exp
from typing import Any

from sympy import Rational

from derive.calculus.array import Array
from derive.course.drawings import Curve, curves, layers
from derive.course.networks import network_by_hand, neuron
from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Drawing, Shown, Stop
from derive.verification.example import worked

RATE = Rational(1, 2)


def _squashed() -> tuple[Drawing, ...]:
    drawn = (
        Curve("sigmoid", lambda x: 1 / (1 + exp(-x))),
        Curve("its slope", lambda x: exp(-x) / (1 + exp(-x)) ** 2),
        Curve("ReLU", lambda x: max(0.0, x)),
    )
    picture = curves(
        drawn, (-4, 4), (0, 2), "The sigmoid rises from zero to one. Its slope is a hill around "
        "zero. ReLU is zero on the left and a straight line on the right.", "x",
        ticks=((-4, -2, 0, 2, 4), (0, 0.5, 1, 1.5, 2)),
    )  # fmt: skip
    return (Drawing(picture, "Far from zero the sigmoid is flat: little gradient passes."),)


def _steepest() -> Mapping[str, Any]:
    return {"quarter": Rational(1, 4)}


NEURON = Stop(
    title="Neuron, sigmoid and ReLU",
    question="What does a neuron compute, and how does its result depend on each weight?",
    words=(
        "A neuron weighs its inputs {x}, adds a bias {b}, and squashes the sum {s}. The chain rule "
        "goes back through the same two lines. The slope of the sigmoid needs nothing new: it is "
        "made of the result {y}, which is at hand.",
        "The slope is at most {quarter}. So each sigmoid by itself makes a gradient that "
        "passes through it at least four times smaller. ReLU has the slope one wherever its input "
        "is positive. This is one reason why deep networks use it. At zero it has no slope; the "
        "module takes zero.",
    ),
    terms=_steepest,
    shown=(
        Shown(
            neuron, gradients=("w", "x", "b"),
            numbers=("x", "w", "b", "s", "y", "y_bar", "w_bar", "x_bar", "b_bar"),
        ),
        Shown(operation("relu"), gradients=("x",), numbers=("x", "y", "y_bar", "x_bar")),
    ),
    drawings=_squashed,
    code=Code(
        "import numpy as np\n"
        "from generated import sigmoid\n"
        "y, residuals = sigmoid.forward(np.array([0.0]))\n"
        "print(y, sigmoid.backward(np.ones(1), residuals).x)",
        "[0.5] [0.25]",
    ),
)  # fmt: skip


def _after_one_step() -> Mapping[str, Any]:
    """The error before and after a step against the gradient."""
    before = worked(network_by_hand)
    arrays = {tensor.name: array for tensor, array in before.arrays.items()}
    moved = {name: _moved(arrays[name], arrays[f"{name}_bar"]) for name in ("theta", "v")}
    given = {**network_by_hand.example, **moved}
    after = worked(replace(network_by_hand, example=given))
    error = {tensor.name: array for tensor, array in after.arrays.items()}["E"]
    return {
        "rate": RATE,
        "before": float(arrays["E"].entries[0]),
        "after": float(error.entries[0]),
    }


def _moved(weights: Array, gradient: Array) -> list:
    """Weights after the step, rounded to what an example can say exactly."""
    pairs = zip(weights.entries, gradient.entries, strict=True)
    flat = [Rational(f"{float(w - RATE * g):.12f}") for w, g in pairs]
    if len(weights.shape) == 1:
        return flat
    rows, columns = weights.shape
    return [flat[columns * row : columns * (row + 1)] for row in range(rows)]


BY_HAND = Stop(
    title="A small network by hand",
    question="How does the error at the end reach a weight at the beginning?",
    words=(
        "Two inputs {x} feed two hidden neurons {h}, and these feed one neuron {y}. The error {E} "
        "is half the square of what is missing to the target {t}. It is the loss itself, so that "
        "its own gradient {E_bar} is one.",
        "Backpropagation is the order of the work. First the gradient by {s}, the last sum. It is "
        "used for {v_bar}, and handed back through {v} to the hidden neurons. Theirs is used for "
        "{theta_bar}. Nothing is computed twice. In the line for {theta_bar} there is a "
        "factor for each thing on the way: the error, the slope of the last neuron, the weight "
        "between, the slope of the hidden neuron, the input.",
        "A gradient step goes the other way: each weight loses {rate} times its gradient. On these "
        "numbers one step takes the error from {before} to {after}.",
    ),
    terms=_after_one_step,
    shown=(
        Shown(
            network_by_hand, gradients=("v", "theta"),
            numbers=("x", "theta", "v", "t", "r", "h", "s", "y", "E", "v_bar", "theta_bar"),
        ),
    ),
    drawings=lambda: (
        Drawing(
            layers((("x", 2), ("h", 2), ("y", 1)), ("θ", "v")),
            "Values go to the right, gradients come back along the same lines.",
        ),
    ),
    code=Code(
        "import numpy as np, derive\n"
        "from derive.course.networks import network_by_hand\n"
        "module, x = derive.compile(network_by_hand), np.array([1.0, 2.0])\n"
        "E, kept = module.forward(x, np.ones((2, 2)), np.ones(2), np.array(1.0))\n"
        "print(np.round(module.backward(np.array(1.0), kept).theta, 6))",
        "[[-0.00066 -0.00132]\n [-0.00066 -0.00132]]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Neurons", (NEURON, BY_HAND))
