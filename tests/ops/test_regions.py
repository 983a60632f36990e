"""Pooling by lot and pooling of boxes, against plain loops."""

import numpy as np
import pytest

import generated


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def slopes(module, x, *others, **options):
    """The gradient by x for a random one by the output, which is linear in x; and both."""
    y, residuals = module.forward(x, *others, **options)
    bar = normal(*y.shape, seed=9)
    return y, bar, module.backward(bar, residuals).x


def transposed(function, x, bar):
    """The gradient of a linear function, entry by entry."""
    found = np.zeros_like(x)
    for place in np.ndindex(*x.shape):
        unit = np.zeros_like(x)
        unit[place] = 1
        found[place] = (function(unit) * bar).sum()
    return found


# ---- by lot --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"kernel_size": (2, 3), "stride": (1, 2)}], ids=str)
def test_one_entry_of_each_window(options):
    """It goes on, and takes the whole gradient."""
    x = normal(2, 3, 5, 7)
    (a, b), (s, r) = options.get("kernel_size", (2, 2)), options.get("stride", (2, 2))
    P, Q = (5 - a) // s + 1, (7 - b) // r + 1
    choice = np.random.default_rng(0).integers(0, a * b, (2, 3, P, Q))

    def plain(x):
        y = np.empty((2, 3, P, Q))
        for n, c, p, q in np.ndindex(*y.shape):
            u, v = divmod(choice[n, c, p, q], b)
            y[n, c, p, q] = x[n, c, s * p + u, r * q + v]
        return y

    y, bar, grad = slopes(generated.stochastic_pool2d, x, choice, **options)
    np.testing.assert_array_equal(y, plain(x))
    np.testing.assert_allclose(grad, transposed(plain, x, bar), rtol=1e-12, atol=1e-12)


def test_the_mean_of_what_is_drawn():
    """Each entry counts with its share of the sum; a window of zeros is 0 and has no slope."""
    x = np.abs(normal(2, 3, 6))
    x[0, 0, :2] = 0
    y, _, grad = slopes(generated.stochastic_pool1d_evaluation, x)
    windows = x.reshape(2, 3, 3, 2)
    total = windows.sum(-1)
    shares = windows / np.where(total == 0, 1, total)[..., None]
    np.testing.assert_allclose(y, (shares * windows).sum(-1), rtol=1e-14)
    assert y[0, 0, 0] == 0 and not grad[0, 0, :2].any()
    drawn = [
        generated.stochastic_pool1d.apply(x, np.full((2, 3, 3), number)) for number in range(2)
    ]
    np.testing.assert_allclose(y, sum(d * shares[..., i] for i, d in enumerate(drawn)), rtol=1e-14)
    with pytest.raises(ValueError, match="entries of x must lie in 0 <= entry"):
        generated.stochastic_pool1d_evaluation.apply(-x)


# ---- boxes ---------------------------------------------------------------------------------

IMAGE = np.array([1, 0, 1])
ROWS, COLUMNS = np.array([[0, 4], [2, 2], [1, 3]]), np.array([[1, 5], [0, 6], [4, 4]])


@pytest.mark.parametrize("size", [1, 2, (3, 2)], ids=str)
def test_the_largest_entry_of_a_cell(size):
    x = normal(2, 3, 5, 7)
    P, Q = (size, size) if isinstance(size, int) else size
    y, residuals = generated.roi_pool.forward(x, IMAGE, ROWS, COLUMNS, output_size=size)
    bar = normal(*y.shape, seed=9)
    expected, slope = np.empty_like(y), np.zeros_like(x)
    for k, c, p, q in np.ndindex(*y.shape):
        rows, columns = (
            range(first + i * (last - first + 1) // count,
                  first - (-(i + 1) * (last - first + 1)) // count)
            for (first, last), i, count in ((ROWS[k], p, P), (COLUMNS[k], q, Q))
        )  # fmt: skip
        value, h, w = max((x[IMAGE[k], c, h, w], h, w) for h in rows for w in columns)
        expected[k, c, p, q] = value
        slope[IMAGE[k], c, h, w] += bar[k, c, p, q]
    np.testing.assert_array_equal(y, expected)
    np.testing.assert_allclose(generated.roi_pool.backward(bar, residuals).x, slope, rtol=1e-12)
    with pytest.raises(ValueError, match="entries of rows must lie in 0 <= entry < 5"):
        generated.roi_pool.apply(x, IMAGE, ROWS + 1, COLUMNS, output_size=2)


def bilinear(x: np.ndarray, h: float, w: float) -> np.ndarray:
    """What torchvision reads at a point."""
    H, W = x.shape[1:]
    if not (-1 <= h <= H and -1 <= w <= W):
        return np.zeros(len(x))
    h, w = np.clip(h, 0, H - 1), np.clip(w, 0, W - 1)
    i, j = min(int(h), max(H - 2, 0)), min(int(w), max(W - 2, 0))
    a, b = h - i, w - j
    below, right = min(i + 1, H - 1), min(j + 1, W - 1)
    return (1 - a) * ((1 - b) * x[:, i, j] + b * x[:, i, right]) + a * (
        (1 - b) * x[:, below, j] + b * x[:, below, right]
    )


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"output_size": (2, 3), "sampling_ratio": 3},
        {"output_size": 2, "spatial_scale": 0.5, "aligned": True},
    ],
    ids=str,
)
def test_the_mean_of_points_of_a_cell(options):
    """Some boxes reach beyond the image, one is smaller than a pixel."""
    x = normal(2, 3, 5, 7)
    boxes = np.array([[0.3, 1.2, 6.9, 4.4], [-4, -3, 3, 9.5], [2, 2, 2.25, 2.5]])
    size, scale = options.get("output_size", 1), options.get("spatial_scale", 1)
    P, Q = (size, size) if isinstance(size, int) else size
    S, aligned = options.get("sampling_ratio", 2), options.get("aligned", False)

    def plain(x):
        y = np.zeros((3, 3, P, Q))
        for k, (left, top, right, bottom) in enumerate(boxes * scale):
            width, height = right - left, bottom - top
            if not aligned:
                width, height = max(width, 1), max(height, 1)
            for p, q, i, j in np.ndindex(P, Q, S, S):
                h = top - aligned / 2 + (p + (i + 0.5) / S) * height / P
                w = left - aligned / 2 + (q + (j + 0.5) / S) * width / Q
                y[k, :, p, q] += bilinear(x[IMAGE[k]], h, w) / S**2
        return y

    y, bar, grad = slopes(generated.roi_align, x, IMAGE, boxes, **options)
    np.testing.assert_allclose(y, plain(x), rtol=1e-12, atol=1e-13)
    np.testing.assert_allclose(grad, transposed(plain, x, bar), rtol=1e-12, atol=1e-13)
