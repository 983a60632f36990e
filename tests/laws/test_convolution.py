"""How the windowed operations are related to each other."""

from typing import Any

import numpy as np
import pytest

from tests.cases import SUBJECT

RANKS = (1, 2, 3)
CHANNELS, FILTERS, GROUPS = 4, 6, 2
OPTIONS = [
    {},
    {"stride": 2, "padding": 1},
    {"stride": 3, "dilation": 2, "padding": (1, 0)},
    {"groups": GROUPS, "padding": ((2, 0), (0, 1))},
    {"stride": 2, "groups": GROUPS, "dilation": 2},
]


def normal(*shape, seed=0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def fitted(options, rank) -> dict[str, Any]:
    """Options for this many axes, those with one entry for each axis cut or repeated."""
    return {n: (v * 2)[:rank] if isinstance(v, tuple) else v for n, v in options.items()}


def operands(rank, options):
    """An image on which every window fits without a remainder, and a kernel, sides unequal."""
    groups = options.get("groups", 1)
    x = normal(2, CHANNELS, *((7, 13, 7)[:rank]))
    weight = normal(FILTERS, CHANNELS // groups, *((3, 2, 1)[:rank]), seed=1)
    return x, weight


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rank", RANKS)
def test_transposed_convolution_is_the_gradient_of_correlation_by_its_input(rank, options):
    """dL/dX of correlate, for dL/dY, is conv_transpose of dL/dY with the same options."""
    correlate = SUBJECT[f"correlate{rank}d"].module
    transpose = SUBJECT[f"conv_transpose{rank}d"].module
    options = fitted(options, rank)
    x, weight = operands(rank, options)
    y, residuals = correlate.forward(x, weight, **options)
    y_bar = normal(*y.shape, seed=2)
    expected = correlate.backward(y_bar, residuals, wrt="x").x
    plain = transpose.apply(y_bar, weight, **options)
    missing = [full - got for full, got in zip(x.shape[2:], plain.shape[2:], strict=True)]
    found = transpose.apply(y_bar, weight, output_padding=missing, **options)
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rank", RANKS)
def test_correlation_is_the_gradient_of_transposed_convolution_by_its_input(rank, options):
    """And back: dL/dX of conv_transpose is correlate of dL/dY."""
    correlate = SUBJECT[f"correlate{rank}d"].module
    transpose = SUBJECT[f"conv_transpose{rank}d"].module
    options = fitted(options, rank)
    x = normal(2, FILTERS, *((3, 4, 2)[:rank]))
    weight = normal(FILTERS, CHANNELS // options.get("groups", 1), *((3, 2, 2)[:rank]), seed=1)
    y, residuals = transpose.forward(x, weight, **options)
    y_bar = normal(*y.shape, seed=2)
    found = transpose.backward(y_bar, residuals, wrt="x").x
    np.testing.assert_allclose(
        found, correlate.apply(y_bar, weight, **options), rtol=1e-12, atol=1e-12
    )


@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rank", RANKS)
def test_the_weight_gradients_are_each_other(rank, options):
    """The three are one trilinear form: exchanging X and Y leaves dL/dW as it is."""
    correlate = SUBJECT[f"correlate{rank}d"].module
    transpose = SUBJECT[f"conv_transpose{rank}d"].module
    options = fitted(options, rank)
    x = normal(2, FILTERS, *((3, 4, 2)[:rank]))
    weight = normal(FILTERS, CHANNELS // options.get("groups", 1), *((3, 2, 2)[:rank]), seed=1)
    y, residuals = transpose.forward(x, weight, **options)
    y_bar = normal(*y.shape, seed=2)
    found = transpose.backward(y_bar, residuals, wrt="weight").weight
    _, residuals = correlate.forward(y_bar, weight, **options)
    expected = correlate.backward(x, residuals, wrt="weight").weight
    np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("padding", ["valid", "same", "full", 2])
@pytest.mark.parametrize("options", OPTIONS, ids=str)
@pytest.mark.parametrize("rank", RANKS)
def test_convolution_is_correlation_with_the_kernel_rotated_by_180_degrees(rank, options, padding):
    """Values, and gradients with the flip undone."""
    convolve, correlate = (SUBJECT[f"{name}{rank}d"].module for name in ("convolve", "correlate"))
    options = {**fitted(options, rank), "padding": padding}
    x, weight = operands(rank, options)
    bias = normal(FILTERS, seed=3)
    flip = (..., *(slice(None, None, -1),) * rank)
    y, residuals = convolve.forward(x, weight, bias, **options)
    same_y, same_residuals = correlate.forward(x, weight[flip], bias, **options)
    np.testing.assert_allclose(y, same_y, rtol=1e-12, atol=1e-12)
    y_bar = normal(*y.shape, seed=2)
    grads, expected = convolve.backward(y_bar, residuals), correlate.backward(y_bar, same_residuals)
    np.testing.assert_allclose(grads.x, expected.x, rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grads.weight, expected.weight[flip], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(grads.bias, expected.bias, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("mode", ["full", "same", "valid"])
@pytest.mark.parametrize("sizes", [(7, 3), (3, 7), (6, 4), (4, 6), (5, 5), (1, 2), (2, 1)])
@pytest.mark.parametrize("rank", [1, 2])
def test_signal_operations_are_those_of_scipy(rank, sizes, mode):
    """Same modes, same lengths, same alignment for even kernels and kernels longer than signals.

    SciPy disagrees with itself: "same" of an even kernel lies one further in `correlate2d` than in
    `correlate` of the same two planes. We follow `correlate`, which is defined for every rank.
    """
    signal = pytest.importorskip("scipy.signal")
    suffix = "2d" if rank == 2 else ""
    x, kernel = (normal(*(n, n + 1)[:rank], seed=i) for i, n in enumerate(sizes))
    for name in ("convolve", "correlate"):
        found = SUBJECT[f"signal_{name}{suffix}"].module.apply(x, kernel, mode=mode)
        expected = getattr(signal, name)(x, kernel, mode=mode, method="direct")
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        if all(n % 2 for n in kernel.shape) or (name, mode) != ("correlate", "same"):
            expected = getattr(signal, f"{name}{suffix}")(x, kernel, mode=mode)
            np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", ["correlate2d", "convolve2d", "conv_transpose2d"])
@pytest.mark.parametrize("options", [{}, {"stride": 2}, {"padding": 1, "groups": 2}], ids=str)
def test_images_do_not_see_each_other(name, options):
    """A batch large enough to be cut into parts gives what its images give one at a time."""
    module = SUBJECT[name].module
    x, bias = normal(5, 8, 40, 41), normal(8, seed=3)
    weight = normal(8, 8 // options.get("groups", 1), 3, 3, seed=1)
    y, residuals = module.forward(x, weight, bias, **options)
    y_bar = normal(*y.shape, seed=2)
    grads = module.backward(y_bar, residuals)
    weight_bar, bias_bar = np.zeros_like(weight), np.zeros_like(bias)
    for i in range(len(x)):
        one, residuals = module.forward(x[i : i + 1], weight, bias, **options)
        np.testing.assert_allclose(one[0], y[i], rtol=1e-12, atol=1e-12)
        part = module.backward(y_bar[i : i + 1], residuals)
        np.testing.assert_allclose(part.x[0], grads.x[i], rtol=1e-12, atol=1e-12)
        weight_bar += part.weight
        bias_bar += part.bias
    np.testing.assert_allclose(weight_bar, grads.weight, rtol=1e-11, atol=1e-10)
    np.testing.assert_allclose(bias_bar, grads.bias, rtol=1e-11, atol=1e-10)


def test_depthwise_and_pointwise_are_what_they_are_called():
    """groups = channels: each channel by itself; a 1x1 kernel: a matrix for every pixel."""
    module = SUBJECT["correlate2d"].module
    x = normal(2, 3, 5, 4)
    weight = normal(6, 1, 3, 2, seed=1)
    y = module.apply(x, weight, groups=3)
    for k in range(6):
        alone = module.apply(x[:, k // 2 : k // 2 + 1], weight[k : k + 1])
        np.testing.assert_allclose(y[:, k : k + 1], alone, rtol=1e-12, atol=1e-12)
    weight = normal(6, 3, 1, 1, seed=1)
    expected = np.einsum("nchw,kc->nkhw", x, weight[:, :, 0, 0])
    np.testing.assert_allclose(module.apply(x, weight), expected, rtol=1e-12, atol=1e-12)
