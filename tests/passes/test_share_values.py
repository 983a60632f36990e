"""Pass: a function value that both directions need is computed once, and forward keeps it."""

import pytest
from sympy import Piecewise, exp, log, sin, tanh

from derive.calculus.statements import Guard, Statement
from derive.language import axes, sizes, tensor
from derive.passes.share_values import share_values
from derive.program.grammar import statements_of
from tests.passes.building import lines, module

N, M = sizes("N M")
n, m = axes("n m", N, M)
a, c, o, h = (tensor(name, N) for name in "acoh")
h_bar, o_bar, a_bar = (tensor(f"{name}_bar", N) for name in "hoa")
bias, low = tensor("bias", N, optional=True), tensor("low", N, outside=0)


def after(forward, backward) -> tuple[list[str], list[str]]:
    shared = share_values(module(forward, backward, (a, c, o), (h,)))
    return lines(shared.forward), lines(shared.backward)


def adds(target, value, *where, box=(n,)) -> Statement:
    return Statement(box, target, value, where)


def test_what_both_directions_need_is_named_in_forward():
    """h = o·tanh(c) has ō = h̄·tanh(c): one tanh for both."""
    forward, backward = after(
        [adds(h[n], o[n] * tanh(c[n]))], [adds(o_bar[n], h_bar[n] * tanh(c[n]))]
    )
    assert forward == ["tanh_c[n] += tanh(c[n])", "h[n] += o[n]·tanh_c[n]"]
    assert backward == ["o_bar[n] += h_bar[n]·tanh_c[n]"]


def test_a_named_value_has_no_more_axes_than_it_reads():
    """tanh(c[n]) is computed N times, not N·M times."""
    wide, tall = tensor("wide", N, M), tensor("tall", N, M)
    forward, _ = after(
        [adds(tall[n, m], wide[n, m] * tanh(c[n]), box=(n, m))],
        [adds(o_bar[n], wide[n, m] * tanh(c[n]), box=(n, m))],
    )
    assert forward == ["tanh_c[n] += tanh(c[n])", "tall[n,m] += tanh_c[n]·wide[n,m]"]


def test_the_terms_of_a_sum_have_no_name_yet():
    """Σ tanh(c[n]) is one number, and backward needs each term."""
    forward, backward = after(
        [adds(tensor("total")[()], tanh(c[n]))], [adds(o_bar[n], tanh(c[n]) ** 2)]
    )
    assert forward == ["tanh_c[n] += tanh(c[n])", "total += Σ_{n} tanh_c[n]"]
    assert backward == ["o_bar[n] += tanh_c[n]²"]


def test_what_has_a_name_is_read_under_it():
    """h = tanh(a) has the slope 1 − tanh²(a) = 1 − h²; entries before h[0] are not there."""
    slope = a_bar[n], h_bar[n] * (1 - tanh(a[n]) ** 2)
    forward, backward = after([adds(h[n], tanh(a[n]))], [adds(*slope)])
    assert forward == ["h[n] += tanh(a[n])"]
    assert backward == ["a_bar[n] += h_bar[n]·(1 − h[n]²)"]
    early = a_bar[n], tanh(a[n - 1])
    _, backward = after([adds(h[n], tanh(a[n]))], [adds(*early, Guard("ge", n - 1)), adds(*early)])
    assert backward[0] == "a_bar[n] += [n ≥ 1]·h[n − 1]"
    assert backward[1].endswith("tanh(a[n − 1])")


def test_what_backward_needs_twice_is_named_there():
    """ā = h̄·(sin a + sin² a), in which sin a is computed once, and forward keeps nothing."""
    twice = [adds(a_bar[n], h_bar[n] * (sin(a[n]) + sin(a[n]) ** 2))]
    forward, backward = after([adds(h[n], c[n] * exp(a[n]))], twice)
    assert forward == ["h[n] += c[n]·exp(a[n])"]
    assert backward == ["sin_a[n] += sin(a[n])", "a_bar[n] += h_bar[n]·(sin_a[n] + sin_a[n]²)"]


CASE = Piecewise((log(c[n]), c[n] > 0), (0, True))
STAYS = {
    "an input that may be left out: its term goes with it": o[n] * tanh(bias[n]),
    "a number beyond the array": o[n] * tanh(low[n - 1]),
    "undefined outside of its case": o[n] * CASE,
    "backward needs another": o[n] * sin(c[n]),
}


@pytest.mark.parametrize("value", STAYS.values(), ids=STAYS)
def test_what_is_not_shared(value):
    """Both directions say what they said, each for itself."""
    slope = h_bar[n] * (tanh(c[n]) if value.has(sin) else value / o[n])
    given = [adds(h[n], value)], [adds(o_bar[n], slope)]
    shared = share_values(module(*given, (a, c, o), (h,)))
    assert [*statements_of(shared.forward.body)] == given[0]
    assert [*statements_of(shared.backward.body)] == given[1]


def test_what_forward_computes_under_a_condition_is_not_shared():
    """tanh(c[0]) is not computed where n ≥ 1 is asked for, and backward reads it."""
    value = o[n] * tanh(c[n])
    forward, backward = after(
        [adds(h[n], value, Guard("ge", n - 1))], [adds(o_bar[n], h_bar[n] * tanh(c[n]))]
    )
    assert forward == ["h[n] += [n ≥ 1]·o[n]·tanh(c[n])"]
    assert backward == ["o_bar[n] += h_bar[n]·tanh(c[n])"]
