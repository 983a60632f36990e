"""Activations and losses where they are delicate: kinks, infinities, nothing, bad targets."""

import warnings
from typing import Any

import numpy as np
import pytest

import generated
from tests.cases import SUBJECT

INFINITY = np.inf


def module(name) -> Any:
    return SUBJECT[name].module


def at(name, *points, dtype="float64", **options):
    """Values and slopes at some points; no warning is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x = np.array(points, dtype)
        y, residuals = module(name).forward(x, **options)
        slope = module(name).backward(np.ones_like(y), residuals).x
    assert y.dtype == slope.dtype == dtype
    return y.tolist(), slope.tolist()


# name: value and slope at minus infinity, at infinity
LIMITS = {
    "sigmoid": ((0, 0), (1, 0)),
    "tanh": ((-1, 0), (1, 0)),
    "relu": ((0, 0), (INFINITY, 1)),
    "leaky_relu": ((-INFINITY, 0.01), (INFINITY, 1)),
    "elu": ((-1, 0), (INFINITY, 1)),
    "celu": ((-1, 0), (INFINITY, 1)),
    "selu": ((-1.0507009873554805 * 1.6732632423543772, 0), (INFINITY, 1.0507009873554805)),
    "gelu": ((0, 0), (INFINITY, 1)),
    "gelu_tanh": ((0, 0), (INFINITY, 1)),
    "silu": ((0, 0), (INFINITY, 1)),
    "mish": ((0, 0), (INFINITY, 1)),
    "softplus": ((0, 0), (INFINITY, 1)),
    "softsign": ((-1, 0), (1, 0)),
    "hardtanh": ((-1, 0), (1, 0)),
    "hardsigmoid": ((0, 0), (1, 0)),
    "hardswish": ((0, 0), (INFINITY, 1)),
    "relu6": ((0, 0), (6, 0)),
    "threshold": ((0, 0), (INFINITY, 1)),
    "hardshrink": ((-INFINITY, 1), (INFINITY, 1)),
    "softshrink": ((-INFINITY, 1), (INFINITY, 1)),
    "tanhshrink": ((-INFINITY, 1), (INFINITY, 1)),
    "rrelu_evaluation": ((-INFINITY, 11 / 48), (INFINITY, 1)),
    "logsigmoid": ((-INFINITY, 1), (0, 0)),
    "exponential": ((0, 0), (INFINITY, INFINITY)),
}


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LIMITS)
def test_limits(name, dtype):
    """At infinity the value and the slope are their limits; at 1e4 they are near to them."""
    (low, low_slope), (high, high_slope) = LIMITS[name]
    values, slopes = at(name, -INFINITY, INFINITY, dtype=dtype)
    np.testing.assert_allclose(values, [low, high], rtol=1e-6)
    np.testing.assert_allclose(slopes, [low_slope, high_slope], rtol=1e-6)
    if name != "exponential":
        values, slopes = at(name, -1e4, 1e4, dtype=dtype)
        assert np.isfinite(values).all() and np.isfinite(slopes).all()
        np.testing.assert_allclose(slopes, [low_slope, high_slope], rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(
    "name, options, point, slope",
    [
        ("relu", {}, 0, 0),
        ("relu", {"at_zero": 0.5}, 0, 0.5),
        ("relu", {"at_zero": 1}, 0, 1),
        ("leaky_relu", {"negative_slope": 0.25}, 0, 0.25),
        ("elu", {"alpha": 0.5}, 0, 0.5),
        ("celu", {"alpha": 0.5}, 0, 1),
        ("hardtanh", {}, -1, 0),
        ("hardtanh", {}, 1, 0),
        ("hardsigmoid", {}, -3, 0),
        ("hardsigmoid", {}, 3, 0),
        ("hardswish", {}, -3, 0),
        ("hardswish", {}, 3, 1),
        ("relu6", {}, 0, 0),
        ("relu6", {}, 6, 0),
        ("threshold", {"threshold": 0.5}, 0.5, 0),
        ("hardshrink", {"lambd": 0.25}, 0.25, 0),
        ("hardshrink", {"lambd": 0.25}, -0.25, 0),
        ("softshrink", {"lambd": 0.25}, 0.25, 0),
        ("softshrink", {"lambd": 0.25}, -0.25, 0),
        ("rrelu_evaluation", {"lower": 0.25, "upper": 0.5}, 0, 0.375),
        # Draw divisors from 2 to 4, and divide by 3 in the end.
        ("rrelu_evaluation", {"lower": 0.25, "upper": 0.5, "mean": "harmonic"}, -1, 1 / 3),
    ],
)
def test_slopes_at_kinks(name, options, point, slope):
    """They are those that the modules' docstrings state."""
    assert at(name, point, **options)[1] == [slope]


def test_parameters_that_cannot_be():
    for name, options in (("celu", {"alpha": 0}), ("softplus", {"beta": -1.0})):
        with pytest.raises(ValueError, match="must be above 0"):
            module(name).apply(np.zeros(3), **options)
    for name in ("hardshrink", "softshrink"):
        with pytest.raises(ValueError, match="lambd must not be below 0"):
            module(name).apply(np.zeros(3), lambd=-0.5)
    with pytest.raises(ValueError, match="p must be below 1"):
        module("dropout").apply(np.zeros(3), np.ones(3, int), p=1.0)


@pytest.mark.parametrize("name", ["softmax", "log_softmax"])
def test_softmax_of_large_numbers(name):
    """The largest one takes all; equal ones share; one of minus infinity gets nothing."""
    values, slopes = at(name, [1e4, -1e4], [3, 3], [0, -INFINITY])
    probability = np.array(values) if name == "softmax" else np.exp(values)
    np.testing.assert_allclose(probability, [[1, 0], [0.5, 0.5], [1, 0]], atol=1e-300)
    assert np.isfinite(slopes).all()


# ---- losses --------------------------------------------------------------------------------


def test_losses_are_numbers():
    """Of shape (), unless they are kept apart; then they have the shape of the targets."""
    x, t = np.zeros((2, 3, 4)), np.zeros((2, 4), int)
    for name, target in (("mse_loss", x), ("cross_entropy", t), ("nll_loss", t)):
        for reduction in ("mean", "sum"):
            assert module(name).apply(x, target, reduction=reduction).shape == ()
        assert module(name).apply(x, target, reduction="none").shape == target.shape
    assert module("ccc_loss").apply(x, x).shape == ()


@pytest.mark.parametrize("name", ["mse_loss", "l1_loss", "huber_loss", "kl_div_log_target"])
def test_a_mean_over_nothing(name):
    """It is 0, and there is nothing to have a gradient."""
    x = np.zeros((0, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        loss, residuals = module(name).forward(x, x)
        assert loss == 0
        assert module(name).backward(np.ones_like(loss), residuals).x.shape == (0, 3)


def test_targets_that_are_all_ignored():
    """The loss and its gradients are 0, whatever the logits; PyTorch says NaN."""
    x = np.random.default_rng(0).standard_normal((2, 3))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for target, ignore in (([-100, -100], -100), ([1, 1], 1)):
            loss, residuals = module("cross_entropy").forward(
                x, np.array(target), ignore_index=ignore, label_smoothing=0.1
            )
            grads = module("cross_entropy").backward(np.ones_like(loss), residuals)
            assert loss == 0 and not grads.x.any()


@pytest.mark.parametrize("name", ["cross_entropy", "nll_loss"])
def test_targets_out_of_range(name):
    """Neither wrapped around nor read beyond the classes; the message names the argument."""
    x = np.zeros((2, 3))
    for wrong in ([0, 3], [0, -1], [7, -100]):
        with pytest.raises(ValueError, match="entries of target must lie in 0 <= entry < 3 or be"):
            module(name).apply(x, np.array(wrong))
    with pytest.raises(TypeError, match="target has dtype float64, expected integers"):
        module(name).apply(x, np.zeros(2))
    with pytest.raises(ValueError, match="label_smoothing must not be above 1"):
        module("cross_entropy").apply(x, np.zeros(2, int), label_smoothing=1.5)


def test_probabilities_out_of_range():
    half = np.full(2, 0.5)
    for wrong in (np.array([0.5, 1.5]), np.array([-0.1, 0.5])):
        with pytest.raises(ValueError, match="entries of x must lie in 0 <= entry <= 1"):
            module("binary_cross_entropy").apply(wrong, half)
        with pytest.raises(ValueError, match="entries of target must lie in"):
            module("kl_div").apply(half[None], wrong[None])


def test_certain_predictions():
    """Logarithms are cut off at -100; a loss is finite and no warning is raised."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        x, t = np.array([0.0, 1, 0, 1]), np.array([0.0, 0, 1, 1])
        loss, residuals = module("binary_cross_entropy").forward(x, t, reduction="none")
        np.testing.assert_allclose(loss, [0, 100, 100, 0])
        grads = module("binary_cross_entropy").backward(np.ones(4), residuals)
        assert grads.x.tolist() == [1, 0, 0, -1]
        y = module("kl_div").apply(np.array([[-1.0, -1]]), np.array([[0.0, 1]]), reduction="none")
        assert y.tolist() == [[0, 1]]


def test_concordance():
    """1 - 2 cov / (var x + var y + (mean x - mean y)^2), with variances of a population."""
    rng = np.random.default_rng(0)
    x, t = rng.standard_normal((2, 50))
    expected = 1 - 2 * np.cov(x, t, ddof=0)[0, 1] / (x.var() + t.var() + (x.mean() - t.mean()) ** 2)
    np.testing.assert_allclose(module("ccc_loss").apply(x, t), expected, rtol=1e-14)
    assert abs(module("ccc_loss").apply(x, x)) < 1e-15
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for constant in (np.ones(3), np.ones(0)):
            loss, residuals = module("ccc_loss").forward(constant, constant)
            assert loss == 1
            assert not module("ccc_loss").backward(np.ones_like(loss), residuals).x.any()


# ---- normalisation and layers --------------------------------------------------------------


def test_running_statistics():
    """They begin as 0 and 1, and move towards those of the batch; gradients stay away."""
    x = np.random.default_rng(0).standard_normal((4, 2, 3))
    outputs, residuals = module("batch_norm").forward(x, momentum=0.25)
    np.testing.assert_allclose(outputs.new_mean, 0.25 * x.mean((0, 2)))
    np.testing.assert_allclose(outputs.new_var, 0.75 + 0.25 * x.var((0, 2), ddof=1))
    bars = type(outputs)(None, np.ones(2), np.ones(2))
    assert not module("batch_norm").backward(bars, residuals).x.any()
    with pytest.raises(ValueError, match="more than one value for each channel"):
        module("batch_norm").apply(np.zeros((1, 2)))
    with pytest.raises(ValueError, match="entries of running_var must lie in 0 <= entry"):
        module("batch_norm_evaluation").apply(x, np.zeros(2), np.array([1.0, -1]))


def test_the_padding_row_learns_nothing():
    indices = np.array([[0, 2], [2, 1]])
    y, residuals = module("embedding").forward(np.eye(3), indices, padding_idx=2)
    assert np.array_equal(y, np.eye(3)[indices])
    grads = module("embedding").backward(np.ones_like(y), residuals)
    assert grads.weight.tolist() == [[1, 1, 1], [1, 1, 1], [0, 0, 0]]
    with pytest.raises(ValueError, match="entries of indices must lie in 0 <= entry < 3"):
        module("embedding").apply(np.eye(3), np.array([3]))


def test_dropout():
    """What is kept is scaled up; in evaluation, p = 0 and a mask of ones change nothing."""
    x, mask = np.arange(4.0), np.array([1, 0, 1, 0])
    assert module("dropout").apply(x, mask, p=0.75).tolist() == [0, 0, 8, 0]
    assert module("dropout").apply(x, np.ones(4, int), p=0).tolist() == x.tolist()


def test_arrays_one_behind_the_other():
    left, right = np.ones((2, 1, 3)), np.zeros((2, 2, 3))
    y, residuals = module("concatenate").forward(left, right)
    assert np.array_equal(y, np.concatenate((left, right), 1))
    grads = module("concatenate").backward(np.cumsum(np.ones_like(y), 1), residuals)
    assert np.array_equal(grads.left, left) and np.array_equal(grads.right[0, :, 0], [2, 3])
    assert module("flatten").apply(left).shape == (2, 3)


def test_a_class_that_is_ruled_out_has_no_part_in_a_loss():
    """A logit of -oo is a probability of 0: the loss is that of the other classes."""
    x = np.array([[2.0, 1.0, -np.inf]])
    alone = generated.cross_entropy.apply(x[:, :2].copy(), np.array([0]))
    y, residuals = generated.cross_entropy.forward(x, np.array([0]))
    assert y == alone
    grads = generated.cross_entropy.backward(np.ones(()), residuals)
    assert np.isfinite(grads.x).all() and grads.x[0, 2] == 0
