"""Worked examples: by hand, and beside the gradients that the checks find without any rule."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Integer, Rational

from derive.errors import DefinitionError
from derive.ops import shipped
from derive.verification.example import _plain, worked
from derive.verification.number import evaluation, gradients, numbers
from derive.verification.reference import as_written, evaluate

OPERATIONS = {o.name: o for family in shipped().values() for o in family}
WITH = [name for name, operation in OPERATIONS.items() if operation.example]


def entries(example, name: str) -> list:
    return list(next(a for t, a in example.arrays.items() if t.name == name).entries)


def test_most_of_what_is_shipped_has_an_example():
    first = {"correlate1d", "correlate2d", "convolve1d", "max_pool2d", "avg_pool2d", "linear",
             "relu", "sigmoid", "softmax", "cross_entropy", "layer_norm", "rnn", "lstm", "gru",
             "embedding"}  # fmt: skip
    assert first <= {*WITH}


def test_a_layer_by_hand():
    example = worked(OPERATIONS["linear"])
    assert entries(example, "y") == [3 - 2 + 1, 4 - 1, 1 + 2]
    assert entries(example, "y_bar") == [1, 2, 3]
    assert entries(example, "x_bar") == [3 + 0 + 3, -1 + 4 + 3]
    assert entries(example, "weight_bar") == [1, 2, 2, 4, 3, 6]
    assert entries(example, "bias_bar") == [1, 2, 3]


def test_a_correlation_by_hand():
    """x = 2 1 0 3 1 and w = 1 2 -1: the kernel turns round in the gradient by x."""
    example = worked(OPERATIONS["correlate1d"])
    assert entries(example, "y") == [2 + 2 - 0, 1 + 0 - 3, 0 + 6 - 1]
    assert entries(example, "x_bar") == [1, 2 + 2, -1 + 4 + 3, -2 + 6, -3]
    assert entries(example, "weight_bar") == [2 + 2 + 0, 1 + 0 + 9, 0 + 6 + 3]
    assert all(isinstance(n, Integer) for n in entries(example, "x_bar")), "exactly"


def test_thirds_stay_thirds():
    example = worked(replace(OPERATIONS["avg_pool1d"], example={
        "x": [[[1, 2, 2]]], "kernel_size": 3}))  # fmt: skip
    assert entries(example, "y") == [Rational(5, 3)]
    assert entries(example, "x_bar") == [Rational(1, 3)] * 3


def test_what_was_left_out_has_no_gradient():
    names = {t.name for t in worked(OPERATIONS["correlate1d"]).arrays}
    assert "bias" not in names and "bias_bar" not in names


def test_without_an_example_there_is_nothing_to_work_out():
    with pytest.raises(DefinitionError, match="no example to work out"):
        worked(OPERATIONS["correlate3d"])


@pytest.mark.parametrize("name", WITH)
def test_gradients_are_those_of_numbers_that_remember(name):
    """The lines of the derivation against slopes for which no rule is stated anywhere."""
    operation = OPERATIONS[name]
    example = worked(operation)
    arrays = {t.name: _plain(a) for t, a in example.given.arrays.items()}
    real = [t for t in example.given.arrays if not t.integer]
    sizes = {s: _plain_number(n) for s, n in example.given.values.items()}
    with evaluation():
        inputs = {
            t.name: numbers(arrays[t.name].astype(float), active=True) if t in real
            else arrays[t.name] for t in example.given.arrays
        }  # fmt: skip
        outputs = evaluate(as_written(operation), inputs, sizes)
        weighed = [
            (number, float(weight))
            for tensor, weights in example.given.arriving.items() if not tensor.integer
            for number, weight in zip(outputs[tensor.name].ravel(), weights.entries, strict=True)
        ]  # fmt: skip
        leaves = [leaf for t in real for leaf in inputs[t.name].ravel()]
        slopes = [float(slope) for slope in gradients(weighed, leaves)]
    found = [float(n) for t in real for n in _entries_or_zero(example, t)]
    np.testing.assert_allclose(found, slopes, rtol=1e-9, atol=1e-12)
    for tensor in example.given.arriving:
        values = [float(n) for n in outputs[tensor.name].ravel()]
        shown = [float(n) for n in entries(example, tensor.name)]
        np.testing.assert_allclose(shown, values, rtol=1e-9, atol=1e-12)


def _plain_number(number):
    return number if isinstance(number, int) else float(number)


def _entries_or_zero(example, tensor) -> list:
    bar = [a for t, a in example.arrays.items() if t.name == f"{tensor.name}_bar"]
    return list(bar[0].entries) if bar else [0] * len(example.arrays[tensor].entries)
