"""Pass: what goes to the first point that attains a maximum is handed from point to point."""

from dataclasses import replace

import pytest
from sympy import oo

from derive.calculus.selection import attains
from derive.calculus.statements import Guard, Statement
from derive.language import axes, integers, sizes, tensor
from derive.passes.route_maxima import route_maxima
from derive.program.grammar import statements_of
from tests.passes.building import lines, module

N, P, U = sizes("N P U")
n, p, u = axes("n p u", N, P, U)
x, x_bar, v = tensor("x", N), tensor("x_bar", N), tensor("v", N, outside=0)
y, y_bar, z = tensor("y", P), tensor("y_bar", P), tensor("z", P)
number = integers("y_argmax", P)
FOUND = Guard("eq", number[p] - u)
BACK = Statement((p, u), x_bar[2 * p + u], y_bar[p], (FOUND,))


def maximum(value) -> list[Statement]:
    """y = max over u, and the number of the first u that attains it."""
    selection = Statement((p, u), number[p], attains(value, y[p]), op="first")
    return [Statement((p, u), y[p], value, op="max"), selection]


def test_a_point_takes_what_is_left():
    """The example of the docstring; U − 1 − u points come after the point u of a window, and of
    all points one attains the maximum."""
    routed = route_maxima(module(maximum(x[2 * p + u]), [BACK], (x,), (y,)))
    assert lines(routed.forward) == ["y[p] max= max_{u} x[2·p + u]"]
    left, taking = statements_of(routed.backward.body)
    assert str(left) == "[p<P]: y_left[p] += y_bar[p]"
    attained = "attains(x[2*p + u], y[p], U - u - 1)"
    assert str(taking) == f"[p<P, u<U]: x_bar[2*p + u] += taken(y_left[p], {attained})"


LOW = tensor("x", N, outside=-oo)
COMPARED = {
    "nothing is larger than -oo": (maximum(LOW[2 * p + u]), False),
    "another statement may be larger": (
        [*maximum(x[2 * p + u]), Statement((p,), y[p], z[p], op="max")],
        True,
    ),
}


@pytest.mark.parametrize("forward, compared", COMPARED.values(), ids=COMPARED)
def test_the_last_point_is_compared_if_none_need_attain_the_maximum(forward, compared):
    """Otherwise it takes what is left."""
    routed = route_maxima(module(forward, [BACK], (x, z), (y,)))
    *_, taking = statements_of(routed.backward.body)
    (condition,) = taking.value.atoms(attains)
    assert len(condition.args) == (2 if compared else 3)


def test_other_conditions_stay():
    """Only which point was selected is not asked any more."""
    inner = Guard("ge", p - 1)
    back = Statement((p, u), x_bar[2 * p + u], y_bar[p], (inner, FOUND))
    routed = route_maxima(module(maximum(x[2 * p + u]), [back], (x,), (y,)))
    *_, taking = statements_of(routed.backward.body)
    assert taking.where == (inner,)


top, top_bar, place = tensor("top"), tensor("top_bar"), integers("top_argmax")
WHOLE = [
    Statement((n,), top[()], x[n], op="max"),
    Statement((n,), place[()], attains(x[n], top[()]), op="first"),
]
TO_PLACE = Statement((n,), x_bar[n], top_bar[()], (Guard("eq", place[()] - n),))
PLAIN = maximum(x[2 * p + u])
ALSO = Statement((p,), y_bar[p], z[p], (Guard("eq", number[p]),))
STAYS = {
    "it is an output": (PLAIN, [BACK], {number}),
    "two read it": (PLAIN, [BACK, ALSO], ()),
    "whether it is the first": (PLAIN, [replace(BACK, where=(Guard("eq", number[p]),))], ()),
    "once for each n": (PLAIN, [replace(BACK, domain=(p, u, n))], ()),
    "a factor": (PLAIN, [Statement((p, u), x_bar[2 * p + u], y_bar[p] * z[p], (FOUND,))], ()),
    "0 beyond x may be the first": (maximum(v[2 * p + u]), [BACK], ()),
    "0 beyond v may be in the first": (maximum(x[2 * p + u] + v[2 * p + u - 1]), [BACK], ()),
    "its points are visited at once": (WHOLE, [TO_PLACE], ()),
}  # fmt: skip


@pytest.mark.parametrize("forward, backward, outputs", STAYS.values(), ids=STAYS)
def test_what_is_asked_for_by_its_number(forward, backward, outputs):
    """The selection stays."""
    given = module(forward, backward, (x, v, z), (y, *outputs))
    routed = route_maxima(given)
    assert [*statements_of(routed.forward.body)] == forward
    assert [*statements_of(routed.backward.body)] == backward
