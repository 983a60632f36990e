"""Steps of gradient descent, and gradients that are cut short."""

from typing import Any

import numpy as np
import pytest

import generated

INFINITY = np.inf


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


@pytest.mark.parametrize("length", [0.5, 2.0])
def test_a_vector_is_cut_to_a_length(length):
    """Its direction stays; what is short enough stays as it is, and so does 0."""
    x = normal(3, 4)
    norm = np.linalg.norm(x)
    y = generated.clip_by_norm.apply(x, max_norm=length)
    np.testing.assert_allclose(y, x * length / norm, rtol=1e-14)
    y, residuals = generated.clip_by_norm.forward(x, max_norm=2 * norm)
    np.testing.assert_allclose(y, x, rtol=1e-14)
    bar = normal(3, 4, seed=1)
    np.testing.assert_allclose(generated.clip_by_norm.backward(bar, residuals).x, bar, rtol=1e-14)
    y, residuals = generated.clip_by_norm.forward(np.zeros(3))
    assert not y.any()
    assert generated.clip_by_norm.backward(np.ones(3), residuals).x.tolist() == [1, 1, 1]
    with pytest.raises(ValueError, match="max_norm must be above 0"):
        generated.clip_by_norm.apply(x, max_norm=0.0)


def test_entries_are_clipped():
    x = np.array([-INFINITY, -3, 0.5, 7])
    y = generated.clip_by_value.apply(x, min_val=-1, max_val=2.0)
    assert y.tolist() == [-1, -1, 0.5, 2]


def test_a_gradient_of_0_moves_nothing():
    """Nor is anything infinite, where all that was remembered is 0."""
    w, zero = np.array([1.0, -2.0]), np.zeros(2)
    for name in ("momentum_step", "nesterov_step", "rmsprop", "adam", "adamw"):
        module: Any = getattr(generated, name)
        remembered = len(module.Gradients._fields) - 2
        outputs, residuals = module.forward(w, zero, *(zero,) * remembered)
        if name != "adamw":
            assert outputs.new_weight.tolist() == w.tolist()
        grads = module.backward(tuple(np.ones(2) for _ in outputs), residuals)
        assert all(np.isfinite(g).all() for g in grads)


def test_shares_below_1():
    w = np.ones(2)
    for name, options, many in (("rmsprop", {"alpha": 1.0}, 1), ("adam", {"beta2": 1.5}, 2)):
        with pytest.raises(ValueError, match="must be below 1"):
            getattr(generated, name).apply(*(w,) * (2 + many), **options)


OPTIMISERS = {
    "gradient_step": ("SGD", {"lr": 0.1}, {}),
    "momentum_step": ("SGD", {"lr": 0.1, "momentum": 0.8}, {}),
    "nesterov_step": ("SGD", {"lr": 0.1, "momentum": 0.8}, {"nesterov": True}),
    "rmsprop": ("RMSprop", {"lr": 0.1, "alpha": 0.7, "eps": 1e-3}, {}),
    "adam": ("Adam", {"lr": 0.1, "eps": 1e-3}, {"betas": (0.8, 0.95)}),
    "adamw": ("AdamW", {"lr": 0.1, "eps": 1e-3, "weight_decay": 0.2}, {"betas": (0.8, 0.95)}),
}


@pytest.mark.torch
@pytest.mark.parametrize("name", OPTIMISERS)
def test_steps_are_those_of_pytorch(name):
    """Several of them, each remembering what the one before handed over."""
    torch = pytest.importorskip("torch")
    kind, options, theirs = OPTIMISERS[name]
    module: Any = getattr(generated, name)
    weight = normal(3, 4)
    right = torch.nn.Parameter(torch.tensor(weight))
    optimiser = getattr(torch.optim, kind)([right], **options, **theirs)
    if "betas" in theirs:
        options = options | {"beta1": theirs["betas"][0], "beta2": theirs["betas"][1]}
    remembered = [np.zeros((3, 4)) for _ in range(len(module.Gradients._fields) - 2)]
    for step in range(1, 6):
        gradient = normal(3, 4, seed=step)
        right.grad = torch.tensor(gradient)
        optimiser.step()
        if "betas" in theirs:
            options["step"] = step
        outputs = module.apply(weight, gradient, *remembered, **options)
        weight, *remembered = outputs if isinstance(outputs, tuple) else (outputs,)
        np.testing.assert_allclose(weight, right.detach().numpy(), rtol=1e-13, atol=1e-14)
