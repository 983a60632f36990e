"""Numbers that people have worked out by hand; they come out exactly, as float64."""

import numpy as np
import pytest
import sympy

from tests.cases import SUBJECT

correlate2d, convolve2d, correlate1d, linear = (
    SUBJECT[name].module for name in ("correlate2d", "convolve2d", "correlate1d", "linear")
)
signal_convolve, signal_convolve2d, signal_correlate2d = (
    SUBJECT[f"signal_{name}"].module for name in ("convolve", "convolve2d", "correlate2d")
)


def plane(rows) -> np.ndarray:
    return np.array(rows, dtype=np.float64)


def image(rows) -> np.ndarray:
    """One image of one channel, or one filter of one channel."""
    return plane(rows)[None, None]


def exactly(found: np.ndarray, expected) -> None:
    assert found.dtype == np.float64
    np.testing.assert_array_equal(found, plane(expected))


def test_convolution_of_two_short_signals():
    """{0.5, 0.5, 0.5} * {3, 2, 1}"""
    y = signal_convolve.apply(plane([0.5, 0.5, 0.5]), plane([3, 2, 1]))
    exactly(y, [1.5, 2.5, 3, 1.5, 0.5])
    exactly(signal_convolve.apply(plane([3, 2, 1]), plane([0.5] * 3)), [1.5, 2.5, 3, 1.5, 0.5])


SQUARE = [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
SOBEL = [[-1, -2, -1], [0, 0, 0], [1, 2, 1]]
EDGES = [[-13, -20, -17], [-18, -24, -18], [13, 20, 17]]


def test_same_convolution_of_a_square():
    """As planes, and as a batch of one image."""
    exactly(signal_convolve2d.apply(plane(SQUARE), plane(SOBEL), mode="same"), EDGES)
    y = convolve2d.apply(image(SQUARE), image(SOBEL), padding="same")
    exactly(y[0, 0], EDGES)


def test_correlation_with_a_kernel_of_two_by_two():
    """It begins with -0.7, 5.5."""
    x = [[1, 3, 5, 2, 4], [6, 0, 2, 1, 3], [6, 3, 1, 3, 6], [7, 3, 2, 1, 3], [5, 3, 0, 0, 2]]
    y = correlate2d.apply(image(x), image([[0.2, 0.7], [-0.5, 0.7]]))
    assert y.shape == (1, 1, 4, 4)
    # Decimals are not exact in binary: what is exact is the nearest float64 of each sum.
    np.testing.assert_allclose(y[0, 0, 0, :2], [-0.7, 5.5], rtol=4e-16, atol=0)
    # The same in tenths is exact.
    tenths = correlate2d.apply(image(x), image([[2, 7], [-5, 7]]))
    exactly(tenths[0, 0, 0, :2], [-7, 55])


def symbolic(module, *arrays, **options):
    """Run a generated module on symbols: its accepted types are one name of the module."""
    private = SUBJECT[module].loaded.fresh()
    private.__dict__["_DTYPES"] = ("object",)
    return private.apply(*arrays, **options)


def test_what_the_nine_and_four_symbols_give():
    """Correlation o11 = F11 x11 + F12 x12 + F21 x21 + F22 x22; convolution has F turned round."""
    x = np.array(sympy.symbols("x1:4(1:4)"), dtype=object).reshape(1, 1, 3, 3)
    f = np.array(sympy.symbols("F1:3(1:3)"), dtype=object).reshape(1, 1, 2, 2)
    (x11, x12), (x21, x22) = x[0, 0, :2, :2]
    (f11, f12), (f21, f22) = f[0, 0]
    assert [str(s) for s in (x12, x21, f12, f21)] == ["x12", "x21", "F12", "F21"]
    correlated, convolved = symbolic("correlate2d", x, f), symbolic("convolve2d", x, f)
    assert correlated.shape == convolved.shape == (1, 1, 2, 2)
    o11 = f11 * x11 + f12 * x12 + f21 * x21 + f22 * x22
    assert sympy.expand(correlated[0, 0, 0, 0] - o11) == 0
    o11 = f22 * x11 + f21 * x12 + f12 * x21 + f11 * x22
    assert sympy.expand(convolved[0, 0, 0, 0] - o11) == 0
    rotated = symbolic("correlate2d", x, f[:, :, ::-1, ::-1])
    assert all(sympy.expand(a - b) == 0 for a, b in zip(convolved.flat, rotated.flat, strict=True))
    planes = symbolic("signal_convolve2d", x[0, 0], f[0, 0], mode="valid")
    pairs = zip(convolved.flat, planes.flat, strict=True)
    assert all(sympy.expand(a - b) == 0 for a, b in pairs)


@pytest.mark.parametrize(
    "options, size",
    [
        ({"stride": 1}, 5),
        ({"stride": 2}, 3),
        ({"stride": 3, "padding": 1}, 3),
        ({"stride": 3}, 2),  # does not fit evenly: the last row and column are left out
    ],
    ids=str,
)
def test_output_sizes_of_seven_by_seven(options, size):
    """With a kernel of three by three."""
    y = correlate2d.apply(np.zeros((1, 1, 7, 7)), np.zeros((1, 1, 3, 3)), **options)
    assert y.shape == (1, 1, size, size)


def test_ten_filters_on_a_colour_image():
    """32x32x3 with ten 5x5 filters, padding 2: 32x32x10 and 760 parameters."""
    weight, bias = np.zeros((10, 3, 5, 5)), np.zeros(10)
    y = correlate2d.apply(np.zeros((1, 3, 32, 32)), weight, bias, padding=2)
    assert y.shape == (1, 10, 32, 32)
    assert weight.size + bias.size == 760


IMAGE = [[4, 1, 0, 2, 5], [1, -1, 6, -2, 4], [-3, 4, 1, 3, 2], [0, -3, 0, 5, -1]]
KERNEL = [[6, 2, 1], [0, -2, 3], [2, -1, -4]]
RESULT = [[-2, -23, 6, 9, -18], [-9, 32, -15, 16, 18], [31, 8, -15, 35, 3], [-11, -3, 44, 1, 24]]


def test_same_correlation_of_an_image():
    """And a convolution with the flipped kernel: the same numbers."""
    flipped = plane(KERNEL)[::-1, ::-1]
    exactly(signal_correlate2d.apply(plane(IMAGE), plane(KERNEL), mode="same"), RESULT)
    exactly(signal_convolve2d.apply(plane(IMAGE), flipped, mode="same"), RESULT)
    exactly(correlate2d.apply(image(IMAGE), image(KERNEL), padding="same")[0, 0], RESULT)
    exactly(convolve2d.apply(image(IMAGE), flipped[None, None], padding="same")[0, 0], RESULT)


def test_gradients_of_the_same_correlation():
    """dL/dW of a sum of outputs counts what each tap has seen; dL/dX what each pixel has given."""
    x, weight = image(IMAGE), image(KERNEL)
    y, residuals = correlate2d.forward(x, weight, padding="same")
    grads = correlate2d.backward(np.ones_like(y), residuals)
    padded = np.pad(plane(IMAGE), 1)
    seen = [[padded[u : u + 4, v : v + 5].sum() for v in range(3)] for u in range(3)]
    exactly(grads.weight[0, 0], seen)
    assert grads.x[0, 0, 1, 1] == plane(KERNEL).sum()
    assert grads.bias is None


def test_an_mlp_by_hand():
    """Two inputs, three hidden units, one output, sigmoids everywhere, no biases.

    Hidden .79 .92 .16, output .62, E = (1 - y)^2 / 2 = .07; a step of gradient descent with rate 1.
    """
    x = plane([[1, -0.5]])
    theta1 = plane([[1.2, 2.1, -1.5], [-0.3, -0.7, 0.3]]).T.copy()
    theta2 = plane([[-0.2, 0.5, 1.3]])
    sigmoid, half_mse = SUBJECT["sigmoid"].module, SUBJECT["half_mse_loss"].module
    a, from_a = linear.forward(x, theta1)
    hidden, from_hidden = sigmoid.forward(a)
    b, from_b = linear.forward(hidden, theta2)
    y, from_y = sigmoid.forward(b)
    loss, from_loss = half_mse.forward(y, plane([[1]]))
    np.testing.assert_allclose(hidden, [[0.79, 0.92, 0.16]], atol=0.005)
    np.testing.assert_allclose(y, [[0.62]], atol=0.006)
    assert loss.shape == () and round(float(loss), 2) == 0.07

    y_bar = half_mse.backward(np.ones_like(loss), from_loss).x
    np.testing.assert_allclose(y_bar, [[-0.375]], atol=0.0005)
    b_bar = sigmoid.backward(y_bar, from_y).x
    second = linear.backward(b_bar, from_b)
    np.testing.assert_allclose(second.weight, [[-0.070, -0.081, -0.014]], atol=0.0005)
    np.testing.assert_allclose(theta2 - second.weight, [[-0.130, 0.581, 1.314]], atol=0.0005)
    a_bar = sigmoid.backward(second.x, from_hidden).x
    first = linear.backward(a_bar, from_a)
    s = np.array(hidden)
    by_hand = (b_bar * theta2 * s * (1 - s)).T @ x
    np.testing.assert_allclose(first.weight, by_hand, rtol=1e-15, atol=0)


def test_a_chain_of_three_sigmoids():
    """dL/dth1 = dL/dy sigma'(s3) th3 sigma'(s2) th2 sigma'(s1) x"""
    sigmoid = SUBJECT["sigmoid"].module
    thetas, value, kept = [plane([[t]]) for t in (0.7, -1.1, 0.4)], plane([[1.5]]), []
    x, slopes = value, []
    for theta in thetas:
        s, from_s = linear.forward(value, theta)
        value, from_value = sigmoid.forward(s)
        kept.append((from_s, from_value))
        slopes.append(float(value[0, 0] * (1 - value[0, 0])))
    bar = plane([[2.5]])
    for from_s, from_value in reversed(kept):
        grads = linear.backward(sigmoid.backward(bar, from_value).x, from_s)
        bar = grads.x
    by_hand = 2.5 * slopes[2] * 0.4 * slopes[1] * -1.1 * slopes[0] * float(x[0, 0])
    np.testing.assert_allclose(grads.weight, [[by_hand]], rtol=1e-14)
