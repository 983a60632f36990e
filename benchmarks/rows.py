"""The rows: what is timed, as the generated modules do it and as PyTorch does.

Each side is a function without arguments that goes forward and backward once. It returns the output
and the gradients, so that the sides can be compared before they are timed. PyTorch is imported by
its own side alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np

Run = Callable[[], Sequence[Any]]
Arrays = Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Input:
    """A random array, and whether the gradient with respect to it is computed."""

    shape: tuple[int, ...]
    draw: Callable[[np.random.Generator, tuple[int, ...]], np.ndarray]
    differentiated: bool = True


def normal(*shape: int, scale: float = 1.0) -> Input:
    scale32 = np.float32(scale)
    return Input(shape, lambda rng, shape: rng.standard_normal(shape, np.float32) * scale32)


def probabilities(*shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.random(shape, np.float32), differentiated=False)


def integers(below: int, *shape: int) -> Input:
    return Input(shape, lambda rng, shape: rng.integers(0, below, shape), differentiated=False)


@dataclass(frozen=True)
class Row:
    """A name, the inputs, and the two sides: one of a generated package, one of PyTorch."""

    name: str
    inputs: Mapping[str, Input]
    generated: Callable[[ModuleType, Arrays], Run]
    torch: Callable[[Arrays], Run]

    def arrays(self) -> Arrays:
        rng = np.random.default_rng(0)
        return {name: given.draw(rng, given.shape) for name, given in self.inputs.items()}

    @property
    def sizes(self) -> str:
        """The shapes of the inputs, without vectors that are learned."""
        shown = (i.shape for i in self.inputs.values() if len(i.shape) > 1 or not i.differentiated)
        return " · ".join("×".join(map(str, shape)) for shape in shown)


def _cotangent(shape: tuple[int, ...]) -> np.ndarray:
    """The gradient with respect to the output, the same on each side of a row."""
    return np.random.default_rng(1).standard_normal(shape, np.float32)


def layer(
    name: str,
    operation: str,
    options: Mapping[str, Any] | None = None,
    torch: Callable[..., Any] | None = None,
    **inputs: Input,
) -> Row:
    """A row of one operation.

    Parameters
    ----------
    name : str
        Name of the row.
    operation : str
        Name of the generated module.
    options : mapping, optional
        Its options.
    torch : callable, optional
        Computes the same of PyTorch, which is its first argument, and of the inputs. Default: the
        function of that name in `torch.nn.functional`, with the same options.
    **inputs : Input
        The module's inputs by their names, in the order in which PyTorch takes them.
    """
    chosen = options or {}
    wrt = tuple(name for name, given in inputs.items() if given.differentiated)

    def with_generated(package: ModuleType, arrays: Arrays) -> Run:
        module = getattr(package, operation)
        result, _ = module.forward(**arrays, **chosen)
        several = isinstance(result, tuple)
        cotangent = _cotangent((result[0] if several else result).shape)
        if several:
            cotangent = (cotangent, *(None,) * (len(result) - 1))

        def run():
            result, residuals = module.forward(**arrays, **chosen)
            gradients = module.backward(cotangent, residuals, wrt=wrt)
            return result[0] if several else result, *(getattr(gradients, n) for n in wrt)

        return run

    def with_torch(arrays: Arrays) -> Run:
        import torch as pytorch

        def same_name(_, *tensors):
            return getattr(pytorch.nn.functional, operation)(*tensors, **chosen)

        function = torch or same_name
        tensors = {n: pytorch.from_numpy(a).requires_grad_(n in wrt) for n, a in arrays.items()}
        given, leaves = tuple(tensors.values()), [tensors[n] for n in wrt]
        cotangent = pytorch.from_numpy(_cotangent(tuple(function(pytorch, *given).shape)))

        def run():
            y = function(pytorch, *given)
            return y, *pytorch.autograd.grad(y, leaves, cotangent)

        return run

    return Row(name, inputs, with_generated, with_torch)


def correlation(name: str, image: Sequence[int], weight: Sequence[int], **options: int) -> Row:
    """A convolution as PyTorch means it, with a bias; the image is (N, C, ...)."""
    return layer(
        name,
        f"conv{len(image) - 2}d",
        options,
        x=normal(*image),
        weight=normal(*weight),
        bias=normal(weight[0]),
    )


def recurrent(operation: str, gates: int, steps: int, batch: int, width: int, hidden: int) -> Row:
    """A recurrent network on whole sequences, from states of zero."""
    rows, scale = gates * hidden, (3 * hidden) ** -0.5

    def torch(pytorch, x, *weights):
        function = getattr(pytorch, {"rnn": "rnn_tanh"}.get(operation, operation))
        zero = pytorch.zeros(1, batch, hidden)
        state = (zero, zero) if operation == "lstm" else zero
        # biases, one layer, no dropout, training, one direction, time first
        return function(x, state, weights, True, 1, 0.0, True, False, False)[0]

    return layer(
        f"{operation} T{steps} N{batch}",
        operation,
        torch=torch,
        x=normal(steps, batch, width),
        weight_ih=normal(rows, width, scale=scale),
        weight_hh=normal(rows, hidden, scale=scale),
        bias_ih=normal(rows, scale=scale),
        bias_hh=normal(rows, scale=scale),
    )


def _perceptron_generated(package: ModuleType, arrays: Arrays) -> Run:
    linear, relu, cross_entropy = package.linear, package.relu, package.cross_entropy
    x, weight, bias, weight_out, bias_out, target = arrays.values()
    one = np.ones((), np.float32)

    def run():
        before, lower = linear.forward(x, weight, bias)
        hidden, kink = relu.forward(before)
        scores, upper = linear.forward(hidden, weight_out, bias_out)
        value, loss = cross_entropy.forward(scores, target)
        scores_bar = cross_entropy.backward(one, loss, wrt="x").x
        out = linear.backward(scores_bar, upper)
        before_bar = relu.backward(out.x, kink).x
        found = linear.backward(before_bar, lower, wrt=("weight", "bias"))
        return value, found.weight, found.bias, out.weight, out.bias

    return run


def _perceptron_torch(arrays: Arrays) -> Run:
    import torch
    from torch.nn import functional as F

    x, *leaves, target = map(torch.from_numpy, arrays.values())
    for leaf in leaves:
        leaf.requires_grad_()

    def run():
        hidden = F.relu(F.linear(x, *leaves[:2]))
        loss = F.cross_entropy(F.linear(hidden, *leaves[2:]), target)
        return loss, *torch.autograd.grad(loss, leaves)

    return run


PERCEPTRON = Row(
    "perceptron",
    {
        "x": normal(256, 784),
        "weight": normal(512, 784, scale=784**-0.5),
        "bias": normal(512),
        "weight_out": normal(10, 512, scale=512**-0.5),
        "bias_out": normal(10),
        "target": integers(10, 256),
    },
    _perceptron_generated,
    _perceptron_torch,
)

ENTRIES = normal(4096, 256)
IMAGES = normal(32, 64, 32, 32)

ROWS = (
    layer("relu", "relu", x=ENTRIES),
    layer("sigmoid", "sigmoid", x=ENTRIES),
    layer("tanh", "tanh", x=ENTRIES),
    layer("gelu", "gelu", x=ENTRIES),
    layer("silu", "silu", x=ENTRIES),
    layer("softmax", "softmax", torch=lambda torch, x: torch.softmax(x, -1), x=ENTRIES),
    layer(
        "layer_norm",
        "layer_norm",
        torch=lambda torch, x, *learned: torch.nn.functional.layer_norm(x, (256,), *learned),
        x=ENTRIES,
        weight=normal(256),
        bias=normal(256),
    ),
    layer(
        "batch_norm",
        "batch_norm",
        torch=lambda torch, x, weight, bias: torch.nn.functional.batch_norm(
            x, None, None, weight, bias, training=True
        ),
        x=normal(16, 64, 32, 32),
        weight=normal(64),
        bias=normal(64),
    ),
    layer(
        "embedding",
        "embedding",
        torch=lambda torch, weight, words: torch.nn.functional.embedding(words, weight),
        weight=normal(10_000, 256),
        indices=integers(10_000, 4096),
    ),
    PERCEPTRON,
    layer("cross_entropy", "cross_entropy", x=normal(1024, 1024), target=integers(1024, 1024)),
    layer(
        "binary_cross_entropy_with_logits",
        "binary_cross_entropy_with_logits",
        x=ENTRIES,
        target=probabilities(4096, 256),
    ),
    layer(
        "kl_div", "kl_div", {"reduction": "batchmean"}, x=ENTRIES, target=probabilities(4096, 256)
    ),
    layer("huber_loss", "huber_loss", x=ENTRIES, target=probabilities(4096, 256)),
    layer("max pool 2x2", "max_pool2d", {"kernel_size": 2}, x=IMAGES),
    layer("max pool 3x3 s1", "max_pool2d", {"kernel_size": 3, "stride": 1}, x=IMAGES),
    layer("max pool 3x3 s2", "max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}, x=IMAGES),
    layer("avg pool 2x2", "avg_pool2d", {"kernel_size": 2}, x=IMAGES),
    layer("avg pool 2x2 s1", "avg_pool2d", {"kernel_size": 2, "stride": 1}, x=IMAGES),
    layer("avg pool 3x3 s1", "avg_pool2d", {"kernel_size": 3, "stride": 1}, x=IMAGES),
    layer("avg pool 3x3 s2", "avg_pool2d", {"kernel_size": 3, "stride": 2}, x=IMAGES),
    layer("adaptive avg pool 7x7", "adaptive_avg_pool2d", {"output_size": 7}, x=IMAGES),
    layer("adaptive max pool 7x7", "adaptive_max_pool2d", {"output_size": 7}, x=IMAGES),
    correlation("conv 3x3 64-64", (16, 64, 32, 32), (64, 64, 3, 3), padding=1),
    correlation("conv 3x3 3-16", (32, 3, 32, 32), (16, 3, 3, 3), padding=1),
    correlation("conv 3x3 s2 128-256", (8, 128, 16, 16), (256, 128, 3, 3), stride=2, padding=1),
    correlation("conv 3x3 512-512", (16, 512, 7, 7), (512, 512, 3, 3), padding=1),
    correlation("conv 1x1 128-128", (16, 128, 16, 16), (128, 128, 1, 1)),
    correlation("conv 7x7 16-32", (4, 16, 64, 64), (32, 16, 7, 7), padding=3),
    correlation("conv 5x5 6-16", (64, 6, 14, 14), (16, 6, 5, 5)),
    correlation("conv 5x5 1-8 N1", (1, 1, 28, 28), (8, 1, 5, 5)),
    correlation("depthwise 3x3 s1", (16, 64, 32, 32), (64, 1, 3, 3), padding=1, groups=64),
    correlation(
        "depthwise 3x3 s2", (16, 64, 32, 32), (64, 1, 3, 3), stride=2, padding=1, groups=64
    ),
    layer(
        "transposed 4x4 s2",
        "conv_transpose2d",
        {"stride": 2, "padding": 1},
        x=normal(8, 64, 16, 16),
        weight=normal(64, 32, 4, 4),
        bias=normal(32),
    ),
    correlation("conv1d 5 64-64", (16, 64, 256), (64, 64, 5), padding=2),
    correlation("conv3d 3x3x3 16-16", (2, 16, 16, 16, 16), (16, 16, 3, 3, 3), padding=1),
    *(
        recurrent(operation, gates, *sizes)
        for sizes in ((100, 32, 128, 256), (28, 128, 28, 512), (1000, 1, 32, 64))
        for operation, gates in (("lstm", 4), ("gru", 3), ("rnn", 1))
    ),
)
