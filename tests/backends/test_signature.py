"""Which size binds where, as data."""

from dataclasses import replace

import pytest
from sympy import Eq, Sum, floor

from derive.backends.signature import (
    FromAxis,
    FromFormula,
    FromOption,
    FromQuotient,
    signature,
)
from derive.language import Operation, axes, option, size, sizes, tensor

N, C, K = sizes("N C K")
groups, pad = option("groups", 1, minimum=1), option("pad", 0, spellings={"same": (C - 1,)})
(G,), (p,) = groups.settings, pad.settings
P = size("P", floor((N + p) / G))
n, g, k, c, q = axes("n g k c q", N, G, K, C, P)
x, w = tensor("x", N, (G, C)), tensor("w", (G, K), C)
b, y = tensor("b", (G, K), optional=True), tensor("y", P, (G, K))
GROUPED = Operation(
    "f",
    "F.",
    (x, w, b),
    (y,),
    (Eq(y[q, (g, k)], b[(g, k)] + Sum(x[n, (g, c)] * w[(g, k), c], n, c)),),
    options=(pad, groups),
    requires=((P >= 1, "too short"),),
)


def test_sizes_are_bound_in_an_order_that_can_be_followed():
    """Plain options, bare axes, quotients, words that build on them, formulas of all."""
    known = signature(GROUPED)
    assert known.bindings == (
        FromOption(groups),
        FromAxis(N, x, 0),
        FromAxis(C, w, 1),
        FromQuotient(K, w, 0, G, (G,)),
        FromOption(pad),
        FromFormula(P),
    )
    assert known.symbols == (G, N, C, K, p, P)


def test_what_binds_nothing_is_compared():
    """And it says where what is expected is from."""
    found = [(c.tensor, c.axis, c.extent, c.meaning) for c in signature(GROUPED).comparisons]
    assert found == [
        (x, 1, G * C, "groups * C; C from axis 1 of w"),
        (b, 0, G * K, "groups * K; K from axis 0 of w"),
    ]


def test_what_a_caller_can_see_is_told():
    """Of a computed size, what it is made of; and which options make extents."""
    known = signature(GROUPED)
    (required,) = known.requirements
    assert (required.relation, required.words, required.told) == (P >= 1, "too short", (N, G, p))
    assert set(known.made) == {P, G} and known.makers == (pad, groups)
    assert known.nonnegative == ()  # it is required to be 1 already
    assert signature(replace(GROUPED, requires=())).nonnegative == (P,)


@pytest.mark.parametrize("word", ["np", "numpy", "tree", "Literal"])
def test_it_is_no_text_of_any_target(word):
    """C and others print it, too."""
    import derive.backends.signature as module

    assert not hasattr(module, word)


def test_all_sizes_come_behind_those_they_are_made_of():
    """The one list: those of spellings and requirements, too."""
    V = size("V")
    spelled = option("o", 0, spellings={"word": (V,)})
    wide = Operation(
        "f", "F.", (x,), (x,), (), options=(spelled,), requires=((size("Q", 2 * P) > K, "no"),)
    )
    assert [s.name for s in wide.sizes] == ["N", "C", "V", "K", "P", "Q"]
