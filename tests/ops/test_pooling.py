"""Pooling by hand, at ties and NaN, in wrong sizes, and beside PyTorch where it is installed."""

from itertools import product

import numpy as np
import pytest
from sympy import Eq

import generated
from derive import ArgMaximum, Maximum, Minimum, Operation, axes, compile, integers, sizes, tensor

TIES = np.array(
    [[3, 3, 2, 1, 0], [0, 0, 1, 3, 1], [3, 1, 2, 2, 3], [2, 0, 0, 2, 2], [2, 0, 0, 0, 1]], float
)[None, None]
SIGNS = np.array(
    [[-2, -23, 6, 9, -18], [-9, 32, -15, 16, 18], [31, 8, -15, 35, 3], [-11, -3, 44, 1, 24]], float
)[None, None]


def gradient(module, y_bar, *inputs, **options):
    output, residuals = module.forward(*inputs, **options)
    return module.backward(y_bar(output), residuals)


def test_maxima_with_many_ties():
    """The first maximum in row-major order takes the whole gradient."""
    y = generated.max_pool2d.apply(TIES, kernel_size=3, stride=1)
    assert y[0, 0].tolist() == [[3, 3, 3], [3, 3, 3], [3, 2, 3]]
    grads = gradient(generated.max_pool2d, np.ones_like, TIES, kernel_size=3, stride=1)
    expected = np.zeros((5, 5))
    for i, j in product(range(3), repeat=2):
        u, v = divmod(int(np.argmax(TIES[0, 0, i : i + 3, j : j + 3])), 3)
        expected[i + u, j + v] += 1
    assert np.array_equal(grads.x[0, 0], expected)


def test_maxima_with_negative_numbers():
    y = generated.max_pool2d.apply(SIGNS, kernel_size=3, stride=1)
    assert y[0, 0].tolist() == [[32, 35, 35], [44, 44, 44]]


@pytest.mark.parametrize("name", ["max_pool2d", "max_pool2d_with_indices"])
def test_nan_is_the_maximum_and_takes_the_gradient(name):
    """The first NaN of a window; infinite cotangents stay where they belong."""
    x = np.array([[1.0, np.nan, 3.0, 4.0], [np.nan, 0.0, 9.0, 2.0]])[None, None]
    module = getattr(generated, name)
    output, residuals = module.forward(x)
    y = output if name == "max_pool2d" else output.y
    assert np.isnan(y[0, 0, 0, 0]) and y[0, 0, 0, 1] == 9
    y_bar = np.array([[5.0, np.inf]])[None, None]
    with np.errstate(all="raise"):
        grads = module.backward(y_bar if name == "max_pool2d" else (y_bar, None), residuals)
    assert grads.x[0, 0].tolist() == [[0, 5, 0, 0], [0, 0, np.inf, 0]]


def test_minus_infinity_alone_is_a_maximum_too():
    x = np.full((1, 1, 3), -np.inf)
    grads = gradient(generated.max_pool1d, np.ones_like, x, kernel_size=3, padding=1, stride=3)
    assert grads.x.tolist() == [[[1, 0, 0]]]


def test_indices_count_the_entries_of_a_channel():
    output = generated.max_pool2d_with_indices.apply(TIES, kernel_size=3, stride=1)
    assert np.array_equal(TIES.reshape(-1)[output.indices[0, 0]], output.y[0, 0])
    assert output.indices[0, 0].tolist() == [[0, 1, 8], [10, 8, 8], [10, 12, 14]]


def test_means_count_what_is_asked_for():
    """A corner of a padded image: four entries of nine, or nine, or what the caller says."""
    x, options = np.ones((1, 1, 3, 3)), {"kernel_size": 3, "stride": 1, "padding": 1}
    corner = [
        generated.avg_pool2d.apply(x, **options, **more)[0, 0, 0, 0]
        for more in ({}, {"count_include_pad": False}, {"divisor_override": 2})
    ]
    assert corner == [4 / 9, 1, 2]


def test_ceil_mode_drops_a_window_that_begins_in_the_padding():
    x = np.arange(4.0)[None, None]
    options = {"kernel_size": 2, "stride": 2, "padding": 1, "ceil_mode": True}
    assert generated.max_pool1d.apply(x, **options).tolist() == [[[0, 2, 3]]]
    options = {"kernel_size": 1, "stride": 2, "ceil_mode": True}
    assert generated.max_pool1d.apply(x, **options).shape == (1, 1, 2)


BAD = [
    ("max_pool2d", {"kernel_size": 6}, "window is larger"),
    ("max_pool2d", {"kernel_size": 2, "padding": 2}, "padding is more than half"),
    ("avg_pool2d", {"kernel_size": 0}, "kernel_size"),
    ("avg_pool2d", {"kernel_size": 2, "stride": 0}, "stride"),
    ("avg_pool2d", {"kernel_size": 2, "divisor_override": 0}, "divisor_override"),
    ("max_pool2d", {"kernel_size": (2, 2, 2)}, "kernel_size"),
    ("max_pool2d", {"kernel_size": 2, "ceil_mode": "yes"}, "ceil_mode"),
    ("adaptive_avg_pool2d", {"output_size": 0}, "output_size"),
    ("lp_pool2d", {"norm_type": 0.5}, "norm_type"),
]


@pytest.mark.parametrize("name, options, words", BAD)
def test_what_cannot_be_is_refused(name, options, words):
    with pytest.raises((ValueError, TypeError), match=words):
        getattr(generated, name).apply(np.zeros((1, 1, 5, 5)), **options)


@pytest.mark.torch
@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", ["max_pool", "avg_pool", "lp_pool", "adaptive_max_pool",
                                  "adaptive_avg_pool", "indices"])  # fmt: skip
def test_the_same_as_pytorch(kind, rank):
    """Values, indices and gradients, for random sizes and options."""
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(rank)
    for _ in range(30):
        x = rng.integers(-3, 4, (2, 3, *rng.integers(4, 9, rank))).astype(float)  # with ties
        options = {"kernel_size": tuple(rng.integers(1, 4, rank).tolist()),
                   "stride": tuple(rng.integers(1, 4, rank).tolist()),
                   "ceil_mode": bool(rng.integers(2))}  # fmt: skip
        name = f"{kind}{rank}d"
        if kind in ("max_pool", "indices"):
            name = f"max_pool{rank}d" + ("_with_indices" if kind == "indices" else "")
            options["dilation"] = tuple(rng.integers(1, 3, rank).tolist())
        if kind in ("max_pool", "avg_pool", "indices"):
            options["padding"] = tuple(
                int(rng.integers(k // 2 + 1)) for k in options["kernel_size"]
            )
        if kind == "avg_pool":
            options["count_include_pad"] = bool(rng.integers(2))
            if rank > 1 and rng.integers(2):
                options["divisor_override"] = 3
        if kind == "lp_pool":
            options["ceil_mode"] = False  # PyTorch scales a window that is cut off
            options["norm_type"] = float(rng.choice([2, 4]))
            options["kernel_size"] = options["kernel_size"][0]  # PyTorch takes no tuple of one
        if kind.startswith("adaptive"):
            options = {"output_size": tuple(rng.integers(1, 7, rank).tolist())}
        leaf = torch.from_numpy(x).requires_grad_()
        expected = getattr(torch.nn.functional, name)(leaf, **options)
        module = getattr(generated, name)
        output, residuals = module.forward(x, **options)
        if kind == "indices":
            expected, places = expected
            assert np.array_equal(output.indices, places.numpy())
            output = output.y
        assert np.allclose(output, expected.detach().numpy())
        y_bar = rng.standard_normal(output.shape)
        expected.backward(torch.from_numpy(y_bar))
        grads = module.backward((y_bar, None) if kind == "indices" else y_bar, residuals)
        right = np.nan_to_num(leaf.grad.numpy())  # a root of 0 has the gradient 0 here
        assert np.allclose(grads.x, right), (name, x.shape, options)


def test_maxima_of_a_users_own():
    """Over an axis, weighed, of a sum; and a minimum."""
    N, K = sizes("N K")
    n, k = axes("n k", N, K)
    x, y, low = tensor("x", N, K), tensor("y", N), tensor("low", N)
    where = integers("where", N)
    operation = Operation(
        "span", "From the smallest to the largest.", (x,), (y, low, where),
        (Eq(y[n], 2 * Maximum(x[n, k] ** 2, k) - Maximum(x[n, k], k)),
         Eq(low[n], Minimum(x[n, k], k)),
         Eq(where[n], ArgMaximum(x[n, k], k))),
    )  # fmt: skip
    module = compile(operation)
    x_value = np.array([[1.0, -3.0, 2.0], [0.0, 0.0, -1.0]])
    output, residuals = module.forward(x_value)
    assert output.y.tolist() == [16, 2] and output.low.tolist() == [-3, -1]
    assert output.where.tolist() == [2, 0]
    grads = module.backward((np.ones(2), np.ones(2), None), residuals)
    assert grads.x.tolist() == [[0, -12 + 1, -1], [-1, 0, -4 + 1]]


def test_large_and_small_arrays_have_the_same_maxima():
    """Along short axes large arrays are run over in another way; ties and NaN included."""
    rng = np.random.default_rng(5)
    x = rng.integers(-2, 3, (40, 8, 6, 7)).astype(float)
    x[3, 1, 2, 3] = np.nan
    module = generated.adaptive_max_pool2d
    output, residuals = module.forward(x, output_size=3)
    y_bar = rng.standard_normal(output.shape)
    x_bar = module.backward(y_bar, residuals).x
    for i in range(len(x)):
        one, residuals = module.forward(x[i : i + 1], output_size=3)
        assert np.array_equal(one[0], output[i], equal_nan=True)
        assert np.array_equal(module.backward(y_bar[i : i + 1], residuals).x[0], x_bar[i])
