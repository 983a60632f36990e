"""What an equation says is what its statements say: values and slopes, worked out by hand."""

import numpy as np
import pytest
from sympy import Eq, Integer, Sum, cos, exp, tanh

import derive
from derive.calculus.lift import to_system
from derive.language import (
    ArgMaximum,
    Maximum,
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    size,
    sizes,
    tensor,
)
from tests.slopes import gradients_are_slopes, values_of

N, M, U, K = sizes("N M U K")
n, m, u, k = axes("n m u k", N, M, U, K)
x, y, b = tensor("x", N), tensor("y", N), tensor("b", M)
X, B = np.array([0.3, -0.7, 1.1]), np.array([0.5, 2.0, -1.5, 0.25])


def operation(*equations, inputs=(x, b), outputs=(y,)) -> Operation:
    return Operation("lifted", "A test.", inputs, outputs, equations)


@pytest.mark.parametrize(
    ("value", "right"),
    [
        (exp(Sum(x[n], m)) * Sum(b[m], m), np.exp(4 * X) * B.sum()),
        (x[n] * Sum(x[n], m) + Sum(b[m], m), 4 * X**2 + B.sum()),
        (Sum(x[n], m) * Sum(b[m], m), 4 * X * B.sum()),
        (Sum(x[n] + b[m], m), 4 * X + B.sum()),
        (tanh(Sum(1 + x[n], m)) * Sum(b[m], m), np.tanh(4 * (1 + X)) * B.sum()),
        (Maximum(x[n], m) * Maximum(b[m], m), X * B.max()),
    ],
)
def test_a_summand_counts_as_often_as_its_index_says(value, right):
    """``Σ_m x[n]`` is M times x[n], in values and in gradients."""
    lifted = operation(Eq(y[n], value))
    assert np.allclose(values_of(lifted, X, B), right)
    gradients_are_slopes(lifted, X, B)


@pytest.mark.parametrize("letter", "azsrmg")
@pytest.mark.parametrize("bound", [True, False])
def test_a_temporary_is_not_called_like_an_index(letter, bound):
    """Of a sum that three functions need, whatever the author's index is called."""
    i = axis(letter, M)
    value = tanh(Sum(b[i], i) * x[n]) * tanh(Sum(b[i] ** 2, i) * x[n]) * Maximum(b[i], i)
    right = np.tanh(B.sum() * X) * np.tanh((B**2).sum() * X) * B.max()
    if bound:
        lifted = operation(Eq(y[n], value))
        assert np.allclose(values_of(lifted, X, B), right)
    else:
        whole = tensor("y", N, M)
        lifted = operation(Eq(whole[n, i], value + b[i]), outputs=(whole,))
        assert np.allclose(values_of(lifted, X, B), right[:, None] + B)
    gradients_are_slopes(lifted, X, B)
    system = to_system(lifted)
    assert not {t.name for t in system.tensors} & {i.name for i in lifted.axes}


def test_an_index_that_is_used_twice_gets_a_name_that_nothing_has():
    """Three sums over k inside each other, where a tensor is called k1 and an index k2."""
    k1, k2 = tensor("k1", K), axis("k2", N)
    y2 = tensor("y", N)
    value = Sum(k1[k] * Sum(k1[k] ** 2 * Sum(k1[k] ** 3, k), k), k)
    lifted = operation(Eq(y2[k2], x[k2] * value), inputs=(x, k1), outputs=(y2,))
    array = np.array([0.5, -2.0])
    right = X * array.sum() * (array**2).sum() * (array**3).sum()
    assert np.allclose(values_of(lifted, X, array), right)
    gradients_are_slopes(lifted, X, array)


def test_a_renamed_index_captures_none():
    """The inner sum's own k1 is not the outer k, which is renamed."""
    k1, w, z = axis("k1", K), tensor("w", K, K), tensor("z", K)
    value = z[k] * Sum(Sum(w[k, k1], k1) ** 2, k)
    y2 = tensor("y", K)
    lifted = operation(Eq(y2[k], value), inputs=(z, w), outputs=(y2,))
    array, factor = np.array([[1.0, 2.0], [3.0, -1.0]]), np.array([0.5, -3.0])
    assert np.allclose(values_of(lifted, factor, array), factor * (3**2 + 2**2))
    gradients_are_slopes(lifted, factor, array)


def test_a_maximum_that_is_accumulated_is_added():
    """Ones of shape (2, 2, 1) spread over windows overlap in the middle."""
    length = size("L", N + U - 1)
    w, z = tensor("w", N, U, K), tensor("z", length)
    lifted = operation(accumulate(z[n + u], Maximum(w[n, u, k], k)), inputs=(w,), outputs=(z,))
    assert np.array_equal(values_of(lifted, np.ones((2, 2, 1))), [1, 2, 1])
    gradients_are_slopes(lifted, np.arange(12.0).reshape(2, 2, 3) % 5)


def test_a_maximum_beside_another_equation_is_one_of_the_entries():
    """``y[0]`` is a maximum of negative numbers, the others are not."""
    S = size("S", N + 1)
    s, z, w = axis("s", S), tensor("z", S), tensor("w", K)
    lifted = operation(Eq(z[0], Maximum(w[k], k)), Eq(z[n + 1], x[n]), inputs=(x, w), outputs=(z,))
    assert s.extent == S
    assert np.array_equal(values_of(lifted, X, np.array([-3.0, -2.0])), [-2, *X])
    gradients_are_slopes(lifted, X, np.array([-3.0, -2.0]))


def test_where_a_maximum_lies_is_accumulated_too():
    count = integers("number", N)
    w = tensor("w", N, K)
    lifted = operation(
        accumulate(count[n], ArgMaximum(w[n, k], k)),
        accumulate(count[n], Integer(1)),
        Eq(y[n], x[n] * count[n]),
        inputs=(x, w),
    )
    array = np.array([[1.0, 3.0], [4.0, 2.0], [0.0, 5.0]])
    assert np.allclose(values_of(lifted, X, array), X * [2, 1, 2])


def test_an_output_may_be_0_throughout():
    z = tensor("z", N)
    zero = Operation("zero", "Nothing.", (x,), (y, z), (Eq(y[n], x[n]), Eq(z[n], 0)))
    found = derive.compile(zero).apply(np.ones(3))
    assert found.z.tolist() == [0, 0, 0] and found.y.tolist() == [1, 1, 1]


@pytest.mark.parametrize("inside", [False, True])
def test_a_temporary_may_be_0_throughout(inside):
    """Σ_k cos(0) = K, whether the author names the 0 or it stands in the equation."""
    w, zero = tensor("w", N, K), tensor("z", N, K)
    value = (
        Sum(cos(Sum(Integer(0), k)) * w[n, k], k) if inside else Sum(cos(zero[n, k]) * w[n, k], k)
    )
    named = () if inside else (Eq(zero[n, k], 0),)
    ones = operation(*named, Eq(y[n], value), inputs=(w,))
    assert values_of(ones, np.ones((3, 2))).tolist() == [2, 2, 2]


def test_terms_stay_in_the_order_in_which_they_were_written():
    """Also one that may be left out, and so has a statement of its own, behind a sum."""
    bias = tensor("bias", N, optional=True)
    lifted = operation(Eq(y[n], x[n] + (Sum(b[m], m) + bias[n])), inputs=(x, b, bias))
    assert [str(s.value) for s in to_system(lifted).statements] == ["x[n]", "b[m]", "bias[n]"]
