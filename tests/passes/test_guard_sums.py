"""Pass: a sum over nothing is 0, though a factor that it could be taken out of is infinite."""

import pytest
from sympy import oo

from derive.calculus.statements import Guard, Statement
from derive.language import axes, integers, sizes, tensor
from derive.passes.guard_sums import guard_sums
from derive.program.grammar import statements_of
from tests.passes.building import lines, module

N, Q = sizes("N Q")
E, F = sizes("E F", minimum=1)
n, q, e, f = axes("n q e f", N, Q, E, F)
x, c = tensor("x", N), tensor("c", Q)
a, b, d = tensor("a"), tensor("b"), tensor("d")
LARGEST = Statement((n,), a[()], x[n], op="max")  # of nothing where N = 0: -oo
TOTAL = Statement((q,), b[()], c[q] * a[()])
SOME = (Guard("ge", Q - 1),)


def after(*forward, backward=()) -> list[str]:
    found = guard_sums(module(forward, backward))
    return lines(found.forward) + lines(found.backward)


def test_an_infinite_factor_is_not_taken_out_of_a_sum_over_nothing():
    """Σ_q c[q]·a is 0 for Q = 0, and Σ(c)·a = 0·(−oo) would be NaN."""
    assert after(LARGEST, TOTAL) == ["a max= max_{n} x[n]", "b += Σ_{q: Q ≥ 1} a·c[q]"]
    assert after(LARGEST, backward=[TOTAL])[1] == "b += Σ_{q: Q ≥ 1} a·c[q]"


def test_what_is_computed_from_it_may_be_infinite_too():
    """However far."""
    twice = Statement((), tensor("twice")[()], 2 * a[()])
    again = Statement((), d[()], 1 - tensor("twice")[()])
    found = after(again, twice, LARGEST, Statement((q,), b[()], c[q] * d[()] ** 2))
    assert found[-1] == "b += Σ_{q: Q ≥ 1} c[q]·d²"


def test_so_may_what_lies_outside_and_a_maximum_under_a_condition():
    """The largest of those e ≥ 2, where there are two at most."""
    low, g = tensor("low", N, outside=-oo), tensor("g", E)
    most = Statement((e,), a[()], g[e], (Guard("ge", e - 2),), op="max")
    assert after(most, TOTAL)[-1] == "b += Σ_{q: Q ≥ 1} a·c[q]"
    (found,) = statements_of(
        guard_sums(module([Statement((q,), b[()], c[q] * low[0])])).forward.body
    )
    assert found.where == SOME


def test_conditions_in_front_stay():
    """One for each axis that may be empty and that an infinite factor lacks."""
    wide = tensor("wide", Q, N)
    inner = Guard("ge", q - 1)
    total = Statement((q, n), b[()], wide[q, n] * a[()], (inner,))
    *_, found = statements_of(guard_sums(module([LARGEST, total])).forward.body)
    assert found.where == (inner, *SOME, Guard("ge", N - 1))


few, k = tensor("few", F), integers("k")
many, largest = tensor("many", E, N), tensor("largest", N)
STAYS = {
    "of numbers, there is a largest": (
        Statement((n, e), largest[n], many[e, n], op="max"),
        Statement((q,), b[()], c[q] * largest[0]),
    ),
    "there is something to add up": (LARGEST, Statement((f,), b[()], few[f] * a[()])),
    "it is no factor of all": (
        Statement((q, n), tensor("l", Q)[q], tensor("w", Q, N)[q, n], op="max"),
        Statement((q,), b[()], c[q] * tensor("l", Q)[q]),
    ),
    "nothing is summed": (LARGEST, Statement((q,), c[q], a[()])),
    "a maximum": (LARGEST, Statement((q,), b[()], c[q] * a[()], op="max")),
    "integers": (LARGEST, Statement((q,), k[()], a[()])),
}


@pytest.mark.parametrize("statements", STAYS.values(), ids=STAYS)
def test_what_needs_no_condition(statements):
    """Every statement is as it was."""
    assert statements_of(guard_sums(module(statements)).forward.body) == statements
