"""Time generated layers beside PyTorch: a perceptron, and what works entry by entry.

    pip install -e ".[benchmarks]" && python benchmarks/perceptron.py

Forward plus backward, float32, one thread, in turns in one process. The figures to read are the
ratios (time / PyTorch's time). The perceptron has two linear layers with ReLU between them and
softmax cross-entropy behind them; all gradients by its parameters are computed. The other rows
have about a million entries each.
"""

import argparse

from timing import medians  # first of all: it fixes the number of threads

# isort: split
import numpy as np
import torch
import torch.nn.functional as F

import generated
from generated import cross_entropy, linear, relu

torch.set_num_threads(1)

IMAGES, PIXELS, HIDDEN, CLASSES = 256, 784, 512, 10
ROWS, COLUMNS, VOCABULARY = 4096, 256, 10_000
RNG = np.random.default_rng(0)


def normal(*shape):
    return RNG.standard_normal(shape, np.float32)


def same(ours, theirs, name):
    """Refuse to time what does not compute the same."""
    for one, other in zip(ours, theirs, strict=True):
        assert np.abs(one - other.numpy()).max() <= 1e-4 * np.abs(other.numpy()).max(), name


def perceptron():
    """Two linear layers and a loss, and the gradients by the four parameters."""
    x, target = normal(IMAGES, PIXELS), RNG.integers(0, CLASSES, IMAGES)
    weights = (normal(HIDDEN, PIXELS) / 28, normal(HIDDEN), normal(CLASSES, HIDDEN) / 22,
               normal(CLASSES))  # fmt: skip
    leaves = [torch.from_numpy(weight).requires_grad_() for weight in weights]
    images, classes, one = torch.from_numpy(x), torch.from_numpy(target), np.ones((), np.float32)

    def derive_run():
        weight, bias, weight_out, bias_out = weights
        before, lower = linear.forward(x, weight, bias)
        hidden, kink = relu.forward(before)
        scores, upper = linear.forward(hidden, weight_out, bias_out)
        _, loss = cross_entropy.forward(scores, target)
        scores_bar = cross_entropy.backward(one, loss, wrt="x").x
        out = linear.backward(scores_bar, upper)
        before_bar = relu.backward(out.x, kink).x
        found = linear.backward(before_bar, lower, wrt=("weight", "bias"))
        return found.weight, found.bias, out.weight, out.bias

    def torch_run():
        hidden = F.relu(F.linear(images, *leaves[:2]))
        loss = F.cross_entropy(F.linear(hidden, *leaves[2:]), classes)
        return torch.autograd.grad(loss, leaves)

    return derive_run, torch_run


def layer(name, function, x, integers=None, **parameters):
    """A single layer, and its gradients by all inputs that have one."""
    module, given = getattr(generated, name), () if integers is None else (integers,)
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, *parameters.values())]
    numbers = [torch.from_numpy(a) for a in given]
    cotangent = normal(*function(*numbers, *leaves).shape)

    def derive_run():
        result, residuals = module.forward(x, *given, **parameters)
        bars = cotangent if isinstance(result, np.ndarray) else (cotangent, None, None)
        return [g for g in module.backward(bars, residuals) if g is not None]

    def torch_run():
        return torch.autograd.grad(function(*numbers, *leaves), leaves, torch.from_numpy(cotangent))

    return derive_run, torch_run


def contestants():
    """Each row by its name: ours, and PyTorch's."""
    yield f"perceptron {PIXELS}-{HIDDEN}-{CLASSES}, {IMAGES} images", perceptron()
    x = normal(ROWS, COLUMNS)
    for name in ("relu", "sigmoid", "tanh", "gelu", "silu"):
        yield name, layer(name, getattr(torch, name, None) or getattr(F, name), x)
    yield "softmax", layer("softmax", lambda x: F.softmax(x, -1), x)
    affine = {"weight": normal(COLUMNS), "bias": normal(COLUMNS)}
    yield (
        "layer_norm",
        layer("layer_norm", lambda x, *learned: F.layer_norm(x, (COLUMNS,), *learned), x, **affine),
    )
    images, affine = normal(16, 64, 32, 32), {"weight": normal(64), "bias": normal(64)}
    yield (
        "batch_norm",
        layer(
            "batch_norm",
            lambda x, *learned: F.batch_norm(x, None, None, *learned, training=True),
            images,
            **affine,
        ),
    )
    words = RNG.integers(0, VOCABULARY, ROWS)
    yield "embedding", layer("embedding", F.embedding, normal(VOCABULARY, COLUMNS), words)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=25)
    arguments = parser.parse_args()
    print(f"{'forward + backward, one thread':40}  torch ms  derive/torch")
    for name, (derive_run, torch_run) in contestants():
        same(derive_run(), torch_run(), name)
        found = medians({"torch": torch_run, "derive": derive_run}, arguments.repeats)
        ratio = found["derive"] / found["torch"]
        print(f"{name:40}  {found['torch'] * 1e3:8.2f}  {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    main()
