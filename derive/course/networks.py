"""Networks small enough to be worked out by hand, and whole ones made of shipped operations."""

from sympy import Eq, Sum, oo, tanh

from derive.language import (
    Operation,
    axes,
    compose,
    parameter,
    part,
    relu,
    sigmoid,
    sizes,
    tensor,
)
from derive.ops.convolution import correlate
from derive.ops.pooling import max_pool

I, H = sizes("I H")
i, k, j = axes("i k j", I, I, H)


def _neuron() -> Operation:
    x, s, y = tensor("x", I), tensor("s"), tensor("y")
    weight, bias = parameter("w", I), parameter("b")
    return Operation(
        name="neuron",
        summary="Weigh inputs, add a bias, and squash the sum with a sigmoid.",
        inputs=(x, weight, bias),
        outputs=(y,),
        equations=(
            Eq(s[()], Sum(weight[i] * x[i], i) + bias[()]),
            Eq(y[()], sigmoid(s[()])),
        ),
        legend={"i": "input"},
        example={"x": [1, 2], "w": [0.5, -0.25], "b": 0.5},
    )


def _by_hand() -> Operation:
    x, target, loss = tensor("x", I), tensor("t"), tensor("E")
    theta, v = parameter("theta", H, I), parameter("v", H)
    r, h, s, y = tensor("r", H), tensor("h", H), tensor("s"), tensor("y")
    return Operation(
        name="network_by_hand",
        summary="Two layers of neurons with sigmoids, and half the square of the error.",
        inputs=(x, theta, v, target),
        outputs=(loss,),
        equations=(
            Eq(r[j], Sum(theta[j, i] * x[i], i)),
            Eq(h[j], sigmoid(r[j])),
            Eq(s[()], Sum(v[j] * h[j], j)),
            Eq(y[()], sigmoid(s[()])),
            Eq(loss[()], (y[()] - target[()]) ** 2 / 2),
        ),
        legend={"i": "input", "j": "hidden neuron"},
        example={
            "x": [1, 2],
            "theta": [[0.5, -0.25], [1, 0.5]],
            "v": [1, -0.5],
            "t": 1,
        },
    )


def _cnn() -> Operation:
    """Filters, ReLU, maxima of squares of four, and a linear layer over all that is left."""
    N, C, Y, X, O = sizes("N C H W O")
    x = tensor("x", N, C, Y, X, outside=0)
    filters = part(correlate(2), lambda name: "a" if name == "y" else name, x=x)
    a = filters["y"]
    n, c, p, q = axes("n k p q", *a.shape)
    r = tensor("r", *a.shape, outside=-oo)
    called = dict(zip("yncpquvPQ", "mnkijstIJ", strict=True))
    pool = part(max_pool(2), lambda name: called.get(name, f"{name}_pool"), x=r)
    m, y = pool["y"], tensor("y", N, O)
    (o,) = axes("o", O)
    *_, row, column = axes("n k i j", *m.shape)
    theta = parameter("theta", O, *m.shape[1:])
    return compose(
        "cnn",
        "A convolutional network: filters, ReLU, the largest of four, and a linear layer.",
        (filters, pool),
        inputs=(x, theta),
        outputs=(y,),
        equations=(
            Eq(r[n, c, p, q], relu(a[n, c, p, q])),
            Eq(y[n, o], Sum(theta[o, c, row, column] * m[n, c, row, column], c, row, column)),
        ),
        legend={"o": "class"},
        example={
            "x": [[[
                [1, 0, 2, 1, 0], [0, 1, 1, 3, 1], [2, 1, 0, 0, 1], [1, 0, 1, 2, 0], [0, 1, 1, 0, 3]
            ]]],
            "weight": [[[[1, 0], [0, -1]]]],
            "theta": [[[[1, 0], [1, 0]]], [[[0, 1], [1, 2]]]],
        },
    )  # fmt: skip


def _shortcut() -> Operation:
    x, weight, a, y = tensor("x", I), parameter("weight", I, I), tensor("a", I), tensor("y", I)
    return Operation(
        name="residual_block",
        summary="A layer whose result is added to its input.",
        inputs=(x, weight),
        outputs=(y,),
        equations=(
            Eq(a[i], Sum(weight[i, k] * x[k], k)),
            Eq(y[i], x[i] + tanh(a[i])),
        ),
        legend={"i,k": "unit"},
        example={"x": [1, -1], "weight": [[0.5, 0.25], [0, 1]]},
    )


neuron, network_by_hand, cnn, residual_block = _neuron(), _by_hand(), _cnn(), _shortcut()
