"""Tables of rows: gradients of rows that are looked up again and again."""

import numpy as np
import pytest

import generated


@pytest.mark.parametrize("count", [5, 300])  # row by row, and entry by entry
@pytest.mark.parametrize("padding_idx", [None, 2])
def test_rows_that_are_looked_up_several_times_get_the_sum(count, padding_idx):
    rng = np.random.default_rng(count)
    weight = rng.standard_normal((4, 16))
    indices = rng.integers(0, 4, (count, 2))
    options = {} if padding_idx is None else {"padding_idx": padding_idx}
    y, residuals = generated.embedding.forward(weight, indices, **options)
    assert np.array_equal(y, weight[indices])
    y_bar = rng.standard_normal(y.shape)
    expected = np.stack([y_bar[indices == row].sum(axis=0) for row in range(4)])
    if padding_idx is not None:
        expected[padding_idx] = 0
    found = generated.embedding.backward(y_bar, residuals).weight
    assert np.allclose(found, expected, rtol=1e-12, atol=1e-12)


def test_dtypes_are_one_object():
    """NumPy compares them by identity first, and is much slower where it cannot."""
    weight = np.ones((2, 3), np.dtype("f4").newbyteorder("="))
    _, residuals = generated.embedding.forward(weight, np.zeros(2, int))
    assert residuals.dtype is np.dtype("f4")
