"""Pass: who makes a tensor, who sets its entries, and who adds to them."""

from typing import Literal

import pytest
from sympy import Integer, Mod

from derive.calculus.statements import Statement
from derive.language import axes, sizes, state, tensor
from derive.language.symbols import Axis, Bound
from derive.passes.allocate import allocated
from derive.program.check import faults
from derive.program.grammar import Loop, Present, Tile, Wanted, When, adding
from tests.passes.building import lines, program

N, M = sizes("N M")
n, m = axes("n m", N, M)
x, y, z, b = (tensor(name, N) for name in "xyzb")
h, wide = state("h", N), tensor("wide", N, M)
maybe, h0, k = tensor("maybe", N, optional=True), tensor("h0"), tensor("k")
x_bar, w_bar = tensor("x_bar", N), tensor("w_bar", N)
WANTED = {x_bar: "x", w_bar: "w"}


def adds(target, value, box=(n,), op: Literal["add", "max"] = "add"):
    return adding(Statement(box, target, value, op=op))


def given(*body, outputs=(y,), wanted=None):
    outputs = tuple(wanted or outputs)
    return program(*body, inputs=(x, b, h0, wide, maybe), outputs=outputs, wanted=wanted)


def after(*body, outputs=(y,), wanted=None) -> list[str]:
    """The lines of what comes out, in which all that is read was written."""
    found = allocated(given(*body, outputs=outputs, wanted=wanted))
    assert faults(found) == []
    return lines(found)


# ---- who sets, and what is filled ------------------------------------------------------------


def test_the_first_sets_and_others_add():
    """The example of the docstring."""
    found = after(adds(y[n], x[n]), adds(y[n], b[n]))
    assert found == ["new y  [N]", "y[n] = x[n]", "y[n] += b[n]"]


FILLED = {
    "every other entry": (adds(y[2 * n], x[n]), "0", "y[2·n] = x[n]"),
    "several points write one entry": (
        adds(y[n + m], wide[n, m], (n, m)), "0", "y[n + m] += wide[n,m]"
    ),
    "all but the first, of a maximum": (
        adds(y[n + 1], wide[n, m], (n, m), "max"), "−oo", "y[n + 1] = max_{m} wide[n,m]"
    ),
}  # fmt: skip


@pytest.mark.parametrize("block, neutral, line", FILLED.values(), ids=FILLED)
def test_what_nobody_may_have_written_is_neutral(block, neutral, line):
    """0 for a sum, −∞ for a maximum."""
    assert after(block) == [f"new y = {neutral}  [N]", line]


def test_a_term_of_what_is_absent_sets_nothing():
    """Without it, y is 0 or what the other terms are."""
    term = When(Present((maybe,)), (adds(y[n], maybe[n]),))
    added = ["if maybe is given:", "  y[n] += maybe[n]"]
    assert after(term) == ["new y = 0  [N]", *added]
    assert after(adds(y[n], x[n]), term) == ["new y  [N]", "y[n] = x[n]", *added]


def test_parts_that_make_up_the_whole_are_set_without_a_fill():
    """h[−1], and h[0] … h[N−1] in a loop; y is written behind it."""
    step = Loop(n, (adds(h[n], h[n - 1] + x[n]),))
    assert after(adds(h[-1], h0[()], ()), step, adds(y[n], h[n])) == [
        "new h  [(N + 1), from −1]",
        "h[−1] = h0",
        "for n = 0 … N − 1:",
        "  h[n] = h[n − 1] + x[n]",
        "new y  [N]",
        "y[n] = h[n]",
    ]


def test_a_cotangent_that_grows_from_round_to_round_is_added_to():
    """h̄[n−1] has its part of y already, but for n = 0: h̄[−1] begins with 0."""
    back = Loop(n, (adds(h[n - 1], h[n] * b[n]),), falling=True)
    assert after(adds(h[n], x[n]), back, outputs=(h,)) == [
        "new h = 0  [(N + 1), from −1]",
        "h[n] = x[n]",
        "for n = N − 1 … 0:",
        "  h[n − 1] += b[n]·h[n]",
    ]


def test_what_an_earlier_round_has_written_is_added_to():
    """h[n] has its part of h[n+1] when its round begins; a row of two is written by many rounds."""
    back = Loop(n, (adds(h[n], x[n]), adds(h[n - 1], h[n] * b[n])), falling=True)
    assert after(back, outputs=(h,))[2:] == ["  h[n] += x[n]", "  h[n − 1] += b[n]·h[n]"]
    rows = tensor("rows", 2)
    found = after(Loop(n, (adds(rows[Mod(n, 2)], x[n]),)), outputs=(rows,))
    assert found[0] == "new rows = 0  [2]" and " += " in found[-1]


def test_a_copy_holds_what_is_beyond_the_array_before_it_is_made():
    """y[n] = x[n−1], and 1 for n = 0."""
    one = tensor("one", N, outside=1)
    copy = program(adds(y[n], one[n - 1]), inputs=(one,), outputs=(y,))
    assert lines(allocated(copy))[0] == "new y = 1  [N]"
    later = program(adds(y[n + 1], one[n - 1]), inputs=(one,), outputs=(y,))
    assert lines(allocated(later))[0] == "new y = 0  [N]"


# ---- where it is made ------------------------------------------------------------------------


LOCAL = Loop(n, (adds(k[()], x[n] * b[n], ()), adds(y[n], k[()], ())))


def test_what_lives_in_one_round_is_made_there():
    """k is another number in each round; if it is read afterwards, there is one for all."""
    assert after(LOCAL) == [
        "new y  [N]",
        "for n = 0 … N − 1:",
        "  new k  [a number]",
        "  k = b[n]·x[n]",
        "  y[n] = k",
    ]
    assert after(LOCAL, outputs=(y, k))[0] == "new k = 0  [a number]"
    outside = after(LOCAL, adds(z[n], k[()]), outputs=(y, z))
    assert outside[0] == "new k = 0  [a number]"  # of no rounds at all


def test_of_two_that_write_in_one_round_the_first_sets():
    """In every round anew; z has an entry for each round, and is made once."""
    two = adds(k[()], x[n], ()), adds(k[()], b[n], ()), adds(z[n], k[()]), adds(y[n], z[n])
    assert after(Loop(n, two)) == [
        "new z  [N]",
        "new y  [N]",
        "for n = 0 … N − 1:",
        "  new k  [a number]",
        "  k = x[n]",
        "  k += b[n]",
        "  z[n] = k",
        "  y[n] = z[n]",
    ]


def test_what_is_as_long_as_a_part_is_made_for_each():
    """Its length is not known before."""
    first, last = Bound("first", N), Bound("last", N)
    part = Axis("n", last - first)
    own = tensor("own", last - first)
    inner = adds(own[part], x[first + part], (part,)), adds(y[first + part], own[part], (part,))
    assert after(Tile(n, first, last, Integer(1), inner)) == [
        "new y  [N]",
        "for each part first ≤ n < last of 0 ≤ n < N, a number a point:",
        "  (n counts from first)",
        "  new own  [(last − first)]",
        "  own[n] = x[n + first]",
        "  y[n + first] = own[n]",
    ]


def test_what_all_parts_add_to_is_made_once():
    """A sum over n, part by part."""
    first, last = Bound("first", N), Bound("last", N)
    part = Axis("n", last - first)
    total = adds(k[()], x[first + part], (part,))
    assert after(Tile(n, first, last, Integer(1), (total,)), outputs=(k,)) == [
        "new k = 0  [a number]",
        "for each part first ≤ n < last of 0 ≤ n < N, a number a point:",
        "  (n counts from first)",
        "  k += Σ_{n} x[n + first]",
    ]
    known = adds(z[first + part], x[first + part], (part,))
    used = adds(y[first + part], z[first + part], (part,))
    assert after(Tile(n, first, last, Integer(1), (known, used)))[0] == "new z  [N]"


def under(name: str, *body) -> When:
    return When(Wanted(frozenset(name)), body)


def test_what_serves_one_gradient_is_made_under_its_condition():
    """y is for x̄ alone, and so is x̄; z is for both."""
    both, own = adds(z[n], x[n] * b[n]), adds(y[n], z[n] * b[n])
    assert after(both, under("x", own, adds(x_bar[n], y[n])), under("w", adds(w_bar[n], z[n])),
                 wanted=WANTED) == [
        "new z  [N]",
        "z[n] = b[n]·x[n]",
        "if the gradient of x is wanted:",
        "  new y  [N]",
        "  y[n] = b[n]·z[n]",
        "  new x_bar  [N]",
        "  x_bar[n] = y[n]",
        "if the gradient of w is wanted:",
        "  new w_bar  [N]",
        "  w_bar[n] = z[n]",
    ]  # fmt: skip


def test_what_serves_two_of_three_gradients_is_made_for_either():
    """z is computed for x̄ and for w̄ and read for both: there is one, wherever it begins."""
    v_bar = tensor("v_bar", N)
    either = When(Wanted(frozenset("xw")), (adds(z[n], x[n]),))
    one, two = under("x", adds(x_bar[n], z[n])), under("w", adds(w_bar[n], z[n]))
    wanted = {**WANTED, v_bar: "v"}
    assert after(either, one, two, wanted=wanted)[2:5] == [
        "if the gradient of w or x is wanted:",
        "  new z  [N]",
        "  z[n] = x[n]",
    ]
    begin, go_on = under("x", adds(z[n], x[n])), under("w", adds(z[n], b[n]))
    assert after(begin, go_on, one, two, wanted=wanted)[2:8] == [
        "if the gradient of w or x is wanted:",
        "  new z = 0  [N]",
        "if the gradient of x is wanted:",
        "  z[n] = x[n]",
        "if the gradient of w is wanted:",
        "  z[n] += b[n]",
    ]


def test_a_gradient_on_which_nothing_depends_is_0_if_it_is_wanted():
    """x̄ = 0."""
    assert after(under("w", adds(w_bar[n], x[n])), wanted=WANTED) == [
        "if the gradient of x is wanted:",
        "  new x_bar = 0  [N]",
        "if the gradient of w is wanted:",
        "  new w_bar  [N]",
        "  w_bar[n] = x[n]",
    ]


def test_an_output_on_which_nothing_depends_is_0():
    """And one that is given is not made."""
    assert after(outputs=(y, x)) == ["new y = 0  [N]"]


# ---- done again, and done for several ---------------------------------------------------------

AGAIN = [
    pytest.param((LOCAL, adds(z[n], y[n])), None, id="a loop"),
    pytest.param((under("x", adds(z[n], x[n]), adds(x_bar[n], z[n])),
                  under("w", adds(w_bar[n], x[n]))), WANTED, id="under conditions"),
    pytest.param((), {x_bar: "x"}, id="nobody writes it"),
]  # fmt: skip


@pytest.mark.parametrize("body, wanted", AGAIN)
def test_done_again_it_changes_nothing(body, wanted):
    """Any pass that changes storage may be followed by it."""
    found = allocated(given(*body, outputs=(y, z), wanted=wanted))
    assert allocated(found) == found


@pytest.mark.xfail(strict=True, reason="each gradient is made under its own condition")
def test_what_one_loop_writes_for_two_gradients_is_there_for_either():
    """The loop runs if either is wanted."""
    rounds = Loop(n, (adds(x_bar[n], b[n], ()), adds(w_bar[n], x[n], ())))
    assert faults(allocated(given(rounds, wanted=WANTED))) == []
