"""Sums of products of any tensors over any indices: exact, forward and backward."""

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sympy import Eq, Mul, Sum

from derive import compile
from derive.language import Operation, axes, leading, sizes, tensor
from tests.backends.numpy.building import failures, text_of

A, B, C, D = sizes("A B C D")
INDEX = dict(zip("abcd", axes("a b c d", A, B, C, D), strict=True))
word = st.text("abcd", max_size=3)  # letters may repeat: x[a, a] is a diagonal


def product(words: list[str], target: str) -> Operation | None:
    """``y[target] = sum of the product of a tensor for each word``."""
    used = set("".join(words))
    target = "".join(dict.fromkeys(target))  # an output lists an index once
    if not used or not used >= set(target):
        return None
    factors = [
        tensor(f"x{number}", *(INDEX[c].extent for c in word))[tuple(INDEX[c] for c in word)]
        for number, word in enumerate(words)
    ]
    summed = [INDEX[c] for c in sorted(used - set(target))]
    value = Sum(Mul(*factors), *summed) if summed else Mul(*factors)
    y = tensor("y", *(INDEX[c].extent for c in target))
    equation = Eq(y[tuple(INDEX[c] for c in target)], value)
    return Operation("product", "P.", tuple(f.tensor for f in factors), (y,), (equation,))


@settings(
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)
@given(st.lists(word, min_size=1, max_size=4), st.text("abcd", max_size=3))
def test_any_product_is_summed_as_defined(words, target):
    """One to four tensors with random index sets, against plain loops and the exact identity."""
    operation = product(words, target)
    if operation is not None:
        assert failures(operation, count=2) == []


@pytest.mark.parametrize(
    "words, target",
    [
        (["ab", "bc"], "ac"),
        (["ab", "cb"], "ca"),
        (["a", "ab", "b"], ""),
        (["a", "cab", "b"], "c"),
        (["ab", "ab"], "ab"),
        (["a", "b"], "ba"),
        (["aab"], "b"),
        (["aa"], ""),
        (["aa", "a"], "a"),
        (["aa", "bb"], ""),
        (["ab", "bc", "ca"], ""),
        (["abc"], "cab"),
        (["abc", "abd"], "dac"),
        (["ab", "", "b"], "a"),
        (["a", "a", "a", "a"], "a"),
    ],
    ids=lambda value: ",".join(value) or "scalar",
)
def test_products_with_names_of_their_own(words, target):
    """Matrix product, bilinear form, outer product, trace, batch only, cyclic, transposes."""
    operation = product(words, target)
    assert operation is not None and failures(operation, count=4) == []


def test_a_matrix_product_is_one_call():
    """No loop, no einsum, no copy."""
    operation = product(["ab", "bc"], "ac")
    assert operation is not None
    body = text_of(operation).partition("def _forward")[2].partition("return")[0]
    assert "y = x0 @ x1" in body and "for " not in body


def test_leading_axes_come_and_go():
    """``(*, I)`` with any number of leading axes."""
    n = leading("N")
    x, w, y = tensor("x", n, A), tensor("w", B, A), tensor("y", n, B)
    i, a, b = axes("i a b", n, A, B)
    operation = Operation("l", "L.", (x, w), (y,), (Eq(y[i, b], Sum(x[i, a] * w[b, a], a)),))
    assert failures(operation, count=12) == []


def test_leading_axes_may_stand_behind_another():
    """``(T, *)``: a sum over the axis before them."""
    n = leading("N")
    x, y = tensor("x", A, n), tensor("y", n)
    i, a = axes("i a", n, A)
    operation = Operation("l", "L.", (x,), (y,), (Eq(y[i], Sum(x[a, i], a)),))
    assert failures(operation, count=12) == []


def test_a_scale_divides_nothing_where_there_is_nothing():
    """The gradient of w over an empty batch is 0, not nan."""
    x, w, y = tensor("x", A), tensor("w"), tensor("y", A)
    (a,) = axes("a", A)
    module = compile(Operation("s", "S.", (x, w), (y,), (Eq(y[a], x[a] * w[()] / A),)))
    output, residuals = module.forward(np.zeros(0), np.array(2.0))
    with np.errstate(all="ignore"):
        assert module.backward(output, residuals).w == 0
