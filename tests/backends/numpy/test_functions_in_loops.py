"""Every scalar function may stand in a recurrence, where it is told where to write."""

import pytest
from sympy import Eq, log

from derive.language import Operation, axes, sizes, state, tensor
from derive.language.scalars import SCALARS, step, stop
from tests.backends.numpy.building import failures

T, N = sizes("T N")
t, n = axes("t n", T, N)
x, y, h = tensor("x", T, N), tensor("y", T, N), state("h", T, N)


# Of log, a state soon has no value; no gradient passes through the other two.
FUNCTIONS = [function for function in SCALARS if function not in (step, stop, log)]


@pytest.mark.parametrize("function", FUNCTIONS, ids=lambda function: function.__name__)
def test_a_cell(function):
    operation = Operation(
        name="cell", summary="A test.", inputs=(x,), outputs=(y,),
        equations=(
            Eq(h[-1, n], 1),
            Eq(h[t, n], function(x[t, n] / 8 + h[t - 1, n] / 8)),
            Eq(y[t, n], h[t, n]),
        ),
    )  # fmt: skip
    assert not failures(operation, count=3)
