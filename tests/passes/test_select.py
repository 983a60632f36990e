"""Pass: what serves no gradient that is wanted is skipped, and so are terms of what is absent."""

import pytest

from derive.calculus.statements import Statement
from derive.language import axes, sizes, tensor
from derive.language.symbols import Bound
from derive.passes.select import select
from derive.program.grammar import Loop, Module, Tile, adding
from tests.passes.building import lines, program

(N,) = sizes("N")
(n,) = axes("n", N)
x, y, a, b, c, d = (tensor(name, N) for name in "xyabcd")
x_bar, w_bar, y_bar = (tensor(f"{name}_bar", N) for name in "xwy")
bias, scale = tensor("bias", N, optional=True), tensor("scale", N, optional=True)
WANTED = {x_bar: "x", w_bar: "w"}


def adds(target, value):
    return adding(Statement((n,), target[n], value))


def after(*body, wanted=None, inputs=(x, bias, scale), outputs=(y,)) -> list[str]:
    """The program of one direction; the other is empty."""
    wanted = wanted or {}
    given = program(*body, inputs=inputs, outputs=tuple(wanted) or outputs, wanted=wanted)
    return lines(select(Module(given, program(), {})).forward)


BOTH, X, W = adds(a, y_bar[n] * y[n]), adds(x_bar, a[n]), adds(w_bar, a[n] * x[n])


def test_what_serves_one_gradient_is_computed_for_it():
    """ā serves both, and is there in every call: one of the two is asked for."""
    assert after(BOTH, X, W, wanted=WANTED) == [
        "a[n] += y_bar[n]·y[n]",
        "if the gradient of x is wanted:",
        "  x_bar[n] += a[n]",
        "if the gradient of w is wanted:",
        "  w_bar[n] += a[n]·x[n]",
    ]


def test_so_is_all_that_leads_to_it():
    """b serves x̄ alone, through c; neighbours share a condition."""
    chain = adds(b, a[n]), adds(c, b[n] * y[n]), adds(x_bar, c[n])
    assert after(BOTH, *chain, W, wanted=WANTED)[1:5] == [
        "if the gradient of x is wanted:",
        "  b[n] += a[n]",
        "  c[n] += b[n]·y[n]",
        "  x_bar[n] += c[n]",
    ]


def test_a_gradient_that_is_the_only_one_may_be_left_out_too():
    """A call may ask for none."""
    found = after(BOTH, X, wanted={x_bar: "x"})
    assert found == [
        "if the gradient of x is wanted:",
        "  a[n] += y_bar[n]·y[n]",
        "  x_bar[n] += a[n]",
    ]


def test_outputs_of_which_none_may_be_left_out_stand_under_no_condition():
    """Forward."""
    assert after(adds(a, x[n]), adds(y, a[n])) == ["a[n] += x[n]", "y[n] += a[n]"]


def test_an_output_that_serves_no_gradient_stands_under_no_condition():
    """d is asked for in every call."""
    assert after(BOTH, X, W, adds(d, a[n]), wanted=WANTED)[-1] == "d[n] += a[n]"


BESIDE = {
    "beside two": {x_bar: "x", w_bar: "w"},
    "beside one": {x_bar: "x"},
}


@pytest.mark.parametrize("wanted", BESIDE.values(), ids=BESIDE)
@pytest.mark.xfail(strict=True, reason="only outputs that may be left out are asked for")
def test_an_output_that_may_not_be_left_out_is_computed_in_any_case(wanted):
    """d = a, with all that it needs, whatever else serves a gradient."""
    ahead = adds(a, x[n]), adds(x_bar, a[n]), adds(w_bar, x[n])
    given = program(*ahead, adds(d, a[n]), inputs=(x,), outputs=(*wanted, d), wanted=wanted)
    found = lines(select(Module(given, program(), {})).forward)
    assert "a[n] += x[n]" in found and "d[n] += a[n]" in found


def test_a_term_of_what_is_absent_is_dropped():
    """Only that term; one of two is absent if either is."""
    found = after(adds(y, x[n]), adds(y, bias[n]), adds(y, bias[n] * scale[n]))
    assert found == [
        "y[n] += x[n]",
        "if bias is given:",
        "  y[n] += bias[n]",
        "if bias and scale are given:",
        "  y[n] += bias[n]·scale[n]",
    ]
    known = adds(y, bias[n])
    assert after(known, inputs=(x,)) == ["y[n] += bias[n]"]  # it is computed, and so it is there


def test_a_loop_is_one_for_all_that_it_serves():
    """x̄ and w̄ in a loop: its rounds need no tests, but where a term may be absent."""
    body = X, adds(x_bar, a[n] * bias[n])
    assert after(Loop(n, body), W, wanted=WANTED) == [
        "if the gradient of x is wanted:",
        "  for n = 0 … N − 1:",
        "    x_bar[n] += a[n]",
        "    if bias is given:",
        "      x_bar[n] += a[n]·bias[n]",
        "if the gradient of w is wanted:",
        "  w_bar[n] += a[n]·x[n]",
    ]
    assert after(Loop(n, (X, W)), wanted=WANTED)[0] == "for n = 0 … N − 1:"


def test_in_a_part_each_block_is_asked_for_by_itself():
    """A part is large enough for tests."""
    first, last = Bound("first", N), Bound("last", N)
    assert after(Tile(n, first, last, N, (BOTH, X, W)), wanted=WANTED)[1:4] == [
        "  a[n] += y_bar[n]·y[n]",
        "  if the gradient of x is wanted:",
        "    x_bar[n] += a[n]",
    ]
