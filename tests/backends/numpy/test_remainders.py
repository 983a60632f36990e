"""Pass: a cotangent is handed from point to point; the last one takes what is left."""

import numpy as np
import pytest
from sympy import Eq, oo

from derive import Maximum, compile, option
from derive.language import Operation, axes, sizes, tensor
from tests.backends.numpy.building import failures, text_of

(N,) = sizes("N")
taps = option("taps", 2, minimum=1, samples=(3,))
n, u = axes("n u", N, taps[0])
y = tensor("y", N)


def window(outside) -> Operation:
    """The largest of some neighbours; beyond the ends of x lies `outside`."""
    x = tensor("x", N, outside=outside)
    equation = Eq(y[n], Maximum(x[n + u - 1], u))
    return Operation("f", "F.", (x,), (y,), (equation,), options=(taps,))


@pytest.mark.parametrize("outside, compares", [(-oo, False), (0, True)])
def test_the_last_point_takes_what_is_left_without_a_comparison(outside, compares):
    """Unless a number outside may be the maximum: then it may have to leave it."""
    operation = window(outside)
    last = "taps - u - 1 == 0 or _attains(" in " ".join(text_of(operation).split())
    assert last is not compares
    assert not failures(operation)


def test_what_lies_outside_keeps_its_part():
    module = compile(window(0))
    y, residuals = module.forward(np.array([-1.0, -2.0, 3.0]))
    assert y.tolist() == [0, -1, 3]
    assert module.backward(np.array([5.0, 7.0, 11.0]), residuals).x.tolist() == [7, 0, 11]
