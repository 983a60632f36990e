"""Pass: what is read beyond an array is 0, or is in a copy that holds it."""

import pytest
from sympy import tanh

from derive.calculus.statements import Guard, Statement
from derive.errors import DefinitionError
from derive.language import axes, parameter, sizes, tensor
from derive.passes.fill_outside import fill_outside
from derive.program.grammar import statements_of
from tests.passes.building import lines, module

N, U = sizes("N U")
i, u = axes("i u", N, U)
zero, one = tensor("x", N, outside=0), tensor("x", N, outside=1)
y, c, w, longer = tensor("y", N), tensor("c", N), parameter("w", U), tensor("y", N + 1)


def after(*statements: Statement) -> list[str]:
    return lines(fill_outside(module(statements)).forward)


def adds(target, value, *where, box=(i,)) -> Statement:
    return Statement(box, target, value, where)


def test_under_a_function_it_is_read_from_a_copy():
    """tanh(0 + 1) is added at i = 0, so that point may not be skipped."""
    assert after(adds(y[i], tanh(zero[i - 1] + 1))) == [
        "x_at[i] += x[i − 1]",
        "y[i] += tanh(x_at[i] + 1)",
    ]


def test_a_factor_that_is_not_0_is_read_from_a_copy():
    """c[0]·1 is added at i = 0."""
    assert after(adds(y[i], c[i] * one[i - 1])) == ["x_at[i] += x[i − 1]", "y[i] += c[i]·x_at[i]"]


def test_a_copy_has_an_index_for_all_that_moves():
    """A window under a function: N·U entries."""
    windows = adds(y[i], w[u] * tanh(1 + zero[i + u]), box=(i, u))
    assert after(windows)[0] == "x_at[i,u] += x[i + u]"
    shifted = adds(y[i], w[u] * tanh(1 + zero[i - 1]), box=(i, u))
    assert after(shifted)[0] == "x_at[i] += x[i − 1]"


def test_0_is_compared_with_the_others():
    """Of w·x, the largest is 0 at least where one of x is beyond the array."""
    largest = Statement((i, u), y[i], w[u] * zero[i + u - 1], op="max")
    assert after(largest)[0] == "x_at[i,u] += x[i + u − 1]"


def test_where_only_the_read_is_beyond_the_array_a_term_is_added():
    """y[N] has a term, though x[N] is not there."""
    assert after(adds(longer[i + 1], tanh(one[i + 1])))[0] == "x_at[i] += x[i + 1]"


def test_terms_of_a_sum_are_skipped_each_for_itself():
    """x[i+1] − x[i]: of the last point, only the first term."""
    assert after(adds(y[i], zero[i + 1] - zero[i])) == ["y[i] += −x[i]", "y[i] += x[i + 1]"]


def test_a_term_is_no_copy_of_all():
    """y holds c[i] as well as what is beyond x."""
    found = after(adds(y[i], c[i] + one[i - 1]))
    assert sorted(found) == ["x_at[i] += x[i − 1]", "y[i] += c[i]", "y[i] += x_at[i]"]


@pytest.mark.parametrize(
    "statements",
    [
        (adds(y[i + 1], one[i - 1]),),
        (adds(longer[i + 1], one[i - 1]),),
        (adds(y[i], one[i - 1]), adds(y[i], c[i])),
    ],
    ids=["all but the first", "one more", "another adds to it"],
)
def test_a_copy_into_part_of_a_tensor_is_copied_first(statements):
    """What holds the number beyond x before x comes in holds it everywhere, and nothing else."""
    first, second, *rest = after(*statements)
    assert first == "x_at[i] += x[i − 1]"
    assert second == f"{statements[0].target} += x_at[i]"
    assert rest == after(*statements[1:])


x_bar = tensor("x_bar", N)
STAYS = {
    "a factor is 0": adds(y[i], w[u] * zero[i + u - 1], box=(i, u)),
    "a copy of all holds it": adds(y[i], one[i - 1]),
    "it is never beyond": adds(y[i], tanh(one[i - 1]), Guard("ge", i - 1)),
    "the target is beyond there as well": adds(x_bar[i - 1], tanh(one[i - 1])),
    "such a read is an error": adds(y[i], tanh(c[i - 1])),
}


@pytest.mark.parametrize("statement", STAYS.values(), ids=STAYS)
def test_what_needs_no_copy(statement):
    """The points beyond the array may be skipped, or there are none."""
    assert statements_of(fill_outside(module([statement])).forward.body) == (statement,)


def test_what_may_be_left_out_may_not_be_read_beyond_its_end():
    """c·b[i−1] with b = 1 outside: without b nothing is added, beyond b c is. A sum tells the terms
    apart."""
    bias = tensor("b", N, outside=1, optional=True)
    with pytest.raises(DefinitionError, match="b may be left out, and is read beyond its end"):
        after(adds(y[i], c[i] * bias[i - 1]))
