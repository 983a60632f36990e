"""Activations, normalisations, losses and what stands around layers, beside PyTorch's.

Values and gradients, on random numbers, on kinks, and on numbers as large as 1e4.
"""

from typing import Any

import numpy as np
import pytest

from tests.cases import SUBJECT

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
F: Any = torch.nn.functional

KINKS = np.array([-3.0, -1, -0.5, -0.25, 0, 0.25, 0.5, 1, 3, 6, 20])
LARGE = np.array([-1e4, -750, -100, -40, -30, 25, 40, 100, 700, 1e4])
ELEMENTWISE: dict[str, tuple[Any, list[dict]]] = {
    "sigmoid": (torch.sigmoid, [{}]),
    "tanh": (torch.tanh, [{}]),
    "relu": (F.relu, [{}]),
    "leaky_relu": (F.leaky_relu, [{}, {"negative_slope": 0.5}]),
    "elu": (F.elu, [{}, {"alpha": 0.5}]),
    "celu": (F.celu, [{}, {"alpha": 0.5}]),
    "selu": (F.selu, [{}]),
    "gelu": (F.gelu, [{}]),
    "gelu_tanh": (lambda x: F.gelu(x, approximate="tanh"), [{}]),
    "silu": (F.silu, [{}]),
    "mish": (F.mish, [{}]),
    "softplus": (F.softplus, [{}, {"beta": 2.0, "threshold": 2.0}]),
    "softsign": (F.softsign, [{}]),
    "hardtanh": (F.hardtanh, [{}, {"min_val": -0.5, "max_val": 0.25}]),
    "hardsigmoid": (F.hardsigmoid, [{}]),
    "hardswish": (F.hardswish, [{}]),
    "relu6": (F.relu6, [{}]),
    "threshold": (F.threshold, [{"threshold": 0.5, "value": -2.0}]),
    "logsigmoid": (F.logsigmoid, [{}]),
    "exponential": (torch.exp, [{}]),
    "softmax": (lambda x: F.softmax(x, -1), [{}]),
    "log_softmax": (lambda x: F.log_softmax(x, -1), [{}]),
    "crelu": (lambda x: torch.cat((F.relu(x), F.relu(-x)), -1), [{}]),
}


def normal(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def compare(name, expected, arrays, options=None, their=None, tolerance=1e-12) -> None:
    """Values, and gradients by every real input, for a random gradient by the output."""
    options = options or {}
    their = options if their is None else their
    module = SUBJECT[name].module
    output, residuals = module.forward(**arrays, **options)
    outputs = output if hasattr(output, "_fields") else (output,)
    tensors = {
        n: None if a is None else torch.tensor(a, requires_grad=a.dtype.kind == "f")
        for n, a in arrays.items()
    }
    right = expected(**tensors, **their)
    bars = [normal(*y.shape, seed=9) for y in outputs]
    right = right if isinstance(right, tuple) else (right,)
    for found, value in zip(outputs, right, strict=True):
        np.testing.assert_allclose(found, value.detach().numpy(), tolerance, tolerance)
    right[0].backward(torch.tensor(bars[0]))
    bars = [bars[0], *(np.zeros_like(b) for b in bars[1:])]
    grads = module.backward(bars[0] if len(bars) == 1 else tuple(bars), residuals)
    for key, tensor in tensors.items():
        if tensor is not None and tensor.grad is not None:
            slope = tensor.grad.numpy()
            np.testing.assert_allclose(
                getattr(grads, key), slope, tolerance, tolerance, err_msg=f"{name} {key}"
            )


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activations(name):
    """On random numbers, where the kinks are, and where exponentials overflow."""
    function, choices = ELEMENTWISE[name]
    for options in choices:
        large = LARGE[:-2] if name == "exponential" else LARGE
        for x in (normal(3, 4, 5), KINKS, large, np.zeros((0, 3))):
            if x is KINKS and name == "hardswish":
                x = x[x != 3]  # where we take the slope of the line
            # The sixths of PyTorch's slopes have the precision of float32.
            tolerance = 1e-7 if name == "hardsigmoid" else 1e-12
            compare(name, lambda x, **o: function(x, **o), {"x": x}, options, tolerance=tolerance)


def test_gates_and_learned_slopes():
    weight = normal(4, seed=1)
    compare("glu", lambda x: F.glu(x), {"x": normal(3, 2, 8)})
    compare("prelu", lambda x, weight: F.prelu(x, weight),
            {"x": normal(3, 4, 5), "weight": weight})  # fmt: skip
    compare("prelu", lambda x, weight: F.prelu(x, weight), {"x": KINKS[None, :4], "weight": weight})
    compare("prelu_shared", lambda x, weight: F.prelu(x, weight),
            {"x": KINKS, "weight": weight[:1]})  # fmt: skip


@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 2)], ids=str)
def test_normalisations(shape):
    x, weight, bias = 3 + 2 * normal(*shape), normal(4, seed=1), normal(4, seed=2)
    mean, var = normal(4, seed=3), np.exp(normal(4, seed=4))
    given = {"x": x, "running_mean": mean, "running_var": var}

    def training(x, running_mean, running_var, weight=None, bias=None, momentum=0.1, eps=1e-5):
        new = running_mean.detach().clone(), running_var.detach().clone()
        y = F.batch_norm(x, *new, weight, bias, True, momentum, eps)
        return (y, *new)

    def evaluation(x, running_mean, running_var, weight=None, bias=None):
        scale = (running_var + 1e-5) ** -0.5
        place = (slice(None), *(None,) * (x.ndim - 2))
        y = (x - running_mean[place]) * scale[place]
        y = y if weight is None else y * weight[place] + bias[place]
        plain = F.batch_norm(x, running_mean.detach(), running_var.detach(), weight, bias)
        torch.testing.assert_close(y, plain)
        return y

    for learned in ({}, {"weight": weight, "bias": bias}):
        compare("batch_norm", training, given | learned, {"momentum": 0.3, "eps": 0.1},
                tolerance=1e-11)  # fmt: skip
        compare("batch_norm", training, given | learned, tolerance=1e-11)
        compare("batch_norm_evaluation", evaluation, given | learned)
        for groups in (1, 2, 4):
            compare("group_norm",
                    lambda x, weight=None, bias=None, num_groups=1: F.group_norm(
                        x, num_groups, weight, bias),
                    {"x": x} | learned, {"num_groups": groups}, tolerance=1e-10)  # fmt: skip
        if len(shape) > 2:
            compare("instance_norm",
                    lambda x, weight=None, bias=None: F.instance_norm(x, None, None, weight, bias),
                    {"x": x} | learned, tolerance=1e-10)  # fmt: skip
        last = normal(5, *shape[2:], 4, seed=5)
        compare("layer_norm",
                lambda x, weight=None, bias=None: F.layer_norm(x, (4,), weight, bias),
                {"x": last} | learned, tolerance=1e-10)  # fmt: skip
        learned.pop("bias", None)
        compare("rms_norm", lambda x, weight=None, eps=1e-6: F.rms_norm(x, (4,), weight, eps),
                {"x": last} | learned, {"eps": 1e-6}, tolerance=1e-11)  # fmt: skip


REDUCTIONS = ("none", "mean", "sum")


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(), (5,), (3, 4), (2, 3, 4)], ids=str)
def test_losses_of_differences(shape, reduction):
    names = {"mse_loss": {}, "l1_loss": {}, "smooth_l1_loss": {"beta": 0.5}}
    names["huber_loss"] = {"delta": 0.7}
    for name, options in names.items():
        function = getattr(F, name)
        for scale in (1, 1e4):
            given = {"x": scale * normal(*shape), "target": scale * normal(*shape, seed=1)}
            compare(name, lambda x, target, f=function, **o: f(x, target, **o), given,
                    options | {"reduction": reduction})  # fmt: skip
    compare("half_mse_loss", lambda x, target: F.mse_loss(x, target, reduction=reduction) / 2,
            {"x": normal(*shape), "target": normal(*shape, seed=1)},
            {"reduction": reduction}, {})  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("shape", [(6, 4), (3, 4, 5), (2, 4, 3, 2)], ids=str)
def test_losses_of_classes(shape, reduction):
    """With weights, ignored targets (of a class, too) and smoothed labels."""
    places = (shape[0], *shape[2:])
    rng = np.random.default_rng(0)
    target = rng.integers(0, 4, places)
    target.flat[0] = -100
    weight = torch.tensor(rng.uniform(0.5, 2, 4))

    def plain(function):
        return lambda x, target, weight=None, **o: function(
            x, target, None if weight is None else weight.detach(), **o
        )

    for scale in (1, 1e4):
        x = scale * normal(*shape)
        for options in ({}, {"label_smoothing": 0.2}, {"ignore_index": 2, "label_smoothing": 0.5}):
            labels = np.where(target < 0, options.get("ignore_index", -100), target)
            options = options | {"reduction": reduction}
            for more in ({}, {"weight": weight.numpy()}):
                given = {"x": x, "target": labels} | more
                compare("cross_entropy", plain(F.cross_entropy), given, options)
                options.pop("label_smoothing", None)
                compare("nll_loss", plain(F.nll_loss), given, options)
    for options in ({}, {"label_smoothing": 0.3}):
        probabilities = rng.dirichlet(np.ones(4), places)
        given = {"x": normal(*shape), "target": np.moveaxis(probabilities, -1, 1).copy()}
        options = options | {"reduction": reduction}
        for more in ({}, {"weight": weight.numpy()}):
            compare("cross_entropy_probabilities", plain(F.cross_entropy), given | more, options)


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_losses_of_probabilities(reduction):
    rng = np.random.default_rng(0)
    p, t = rng.uniform(0.01, 0.99, (2, 3, 4)), rng.uniform(0, 1, (2, 3, 4))
    weight, positive = rng.uniform(0.5, 2, (2, 3, 4)), rng.uniform(0.5, 2, 4)
    how = {"reduction": reduction}

    def binary(x, target, weight=None, **o):
        return F.binary_cross_entropy(x, target, None if weight is None else weight.detach(), **o)

    def of_logits(x, target, weight=None, pos_weight=None, **o):
        weight, pos_weight = (w if w is None else w.detach() for w in (weight, pos_weight))
        return F.binary_cross_entropy_with_logits(x, target, weight, pos_weight=pos_weight, **o)

    for more in ({}, {"weight": weight}):
        compare("binary_cross_entropy", binary, {"x": p, "target": t} | more, how)
        for x in (normal(2, 3, 4), 1e4 * normal(2, 3, 4)):
            given = {"x": x, "target": t} | more
            compare("binary_cross_entropy_with_logits", of_logits, given, how)
            given["pos_weight"] = positive
            compare("binary_cross_entropy_with_logits", of_logits, given, how)
    ends = {"x": np.array([0.0, 1, 0, 1]), "target": np.array([0.0, 0, 1, 1])}
    y = SUBJECT["binary_cross_entropy"].module.apply(**ends, reduction="none")
    np.testing.assert_allclose(y, [0, 100, 100, 0])
    for words in (reduction, "batchmean"):
        how, logp = {"reduction": words}, np.log(p)
        compare("kl_div", lambda x, target, **o: F.kl_div(x, target, **o),
                {"x": logp, "target": t}, how)  # fmt: skip
        compare("kl_div_log_target",
                lambda x, target, **o: F.kl_div(x, target, log_target=True, **o),
                {"x": logp, "target": np.log(t)}, how)  # fmt: skip


def test_around_layers():
    rng = np.random.default_rng(0)
    indices = rng.integers(0, 5, (2, 3, 4))
    table = normal(5, 3)
    for padding in ("none", 2):
        compare("embedding", lambda weight, indices, padding_idx: F.embedding(
            indices, weight, padding_idx), {"weight": table, "indices": indices},
            {"padding_idx": padding},
            {"padding_idx": None if padding == "none" else padding})  # fmt: skip
    compare("flatten", lambda x: torch.flatten(x, 1), {"x": normal(2, 3, 4, 5)})
    compare("concatenate", lambda left, right: torch.cat((left, right), 1),
            {"left": normal(2, 3, 4), "right": normal(2, 1, 4)})  # fmt: skip
    compare("residual_add", lambda left, right: left + right,
            {"left": normal(2, 3), "right": normal(2, 3, seed=1)})  # fmt: skip
