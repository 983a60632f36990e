"""A state on its own past becomes a loop; everything else runs over all of time at once."""

import pytest
from sympy import Eq, Sum, sin, tanh

from derive import compile
from derive.calculus.adjoint import adjoint
from derive.calculus.lift import to_system
from derive.errors import DefinitionError
from derive.language import Operation, axes, axis, option, parameter, size, sizes, state, tensor
from derive.program.dependences import in_order
from derive.program.grammar import Loop, adding, statements_of
from tests.backends.numpy.zoo import ZOO

T, N, I = sizes("T N I")
t, n, i = axes("t n i", T, N, I)
x, y, h, g = tensor("x", T), tensor("y", T), state("h", T), state("g", T)
zero = tensor("h", T, outside=0)


def items(*equations, inputs=(x,), outputs=(y,), reverse=False):
    """The schedule of an operation, or of its adjoint."""
    system = to_system(Operation("f", "F.", inputs, outputs, equations))
    statements = adjoint(system).statements if reverse else system.statements
    return in_order(tuple(map(adding, statements)), "f")


def loops(found) -> list[tuple[str, bool]]:
    """Axis and direction of every loop, outer ones first."""
    return [
        entry
        for item in found
        if isinstance(item, Loop)
        for entry in ((item.axis.name, item.falling), *loops(item.body))
    ]


def inside(found) -> set[str]:
    """Names of the tensors that loops write."""
    return {
        s.target.tensor.name for b in found if isinstance(b, Loop) for s in statements_of(b.body)
    }


PAST = (Eq(h[-1], 0), Eq(h[t], tanh(h[t - 1] + x[t])), Eq(y[t], h[t]))


def test_the_past_ascends_and_its_adjoint_descends():
    """``h[t-1]`` is a loop from 0 on, backpropagation through time one from the end."""
    assert loops(items(*PAST)) == [("t", False)]
    assert loops(items(*PAST, reverse=True)) == [("t", True)]


def test_the_future_descends_and_its_adjoint_ascends():
    """``h[t+1]`` runs the other way."""
    future = (Eq(zero[t], tanh(zero[t + 1] * x[t])), Eq(y[t], zero[t]))
    assert loops(items(*future)) == [("t", True)]
    assert loops(items(*future, reverse=True)) == [("t", False)]


def test_what_has_no_cycle_has_no_loop():
    """An access to the past of an input is a slice."""
    assert loops(items(Eq(y[t], tanh(tensor("x", T, outside=0)[t - 1])))) == []


def test_a_symbolic_lag_is_a_lag():
    """``h[t-k]`` with a positive size or option k."""
    k, lag = size("K", minimum=1), option("lag", 1, minimum=1)
    init = tensor("init", k)
    for back in (k, lag.settings[0]):
        found = items(Eq(zero[t], tanh(zero[t - back]) + x[t]), Eq(y[t], zero[t]), inputs=(x, init))
        assert loops(found) == [("t", False)]


def test_a_lag_that_may_be_zero_is_a_cycle():
    """``h[t-K]`` with K >= 0 may read what is being computed."""
    with pytest.raises(DefinitionError, match="cycle"):
        items(Eq(zero[t], tanh(zero[t - size("K")]) + x[t]), Eq(y[t], zero[t]))


def test_two_axes_carry_a_cycle_one_inside_the_other():
    """``h[i-1,j] + h[i,j-1]`` is a loop in a loop."""
    grid = to_system(ZOO["grid"])
    assert loops(in_order(tuple(map(adding, grid.statements)), "grid")) == [
        ("r", False),
        ("l", False),
    ]
    reverse = tuple(map(adding, adjoint(grid).statements))
    assert [falling for _, falling in loops(in_order(reverse, "grid"))] == [True, True]


def test_mutual_states_share_a_loop_and_separate_ones_do_not():
    """A strongly connected component is one loop."""
    begin = (Eq(h[-1], 0), Eq(g[-1], 1))
    mutual = (Eq(h[t], tanh(g[t - 1] + x[t])), Eq(g[t], sin(h[t] * g[t - 1])), Eq(y[t], g[t]))
    found = items(*begin, *mutual)
    assert loops(found) == [("t", False)] and inside(found) == {"h", "g"}
    stacked = (Eq(h[t], tanh(h[t - 1] + x[t])), Eq(g[t], h[t] * g[t - 1]), Eq(y[t], g[t]))
    assert loops(items(*begin, *stacked)) == [("t", False)] * 2


@pytest.mark.parametrize(
    "equations",
    [
        (Eq(y[t], y[t] + x[t]),),
        (Eq(h[-1], 0), Eq(h[t], g[t] + x[t]), Eq(g[-1], 0), Eq(g[t], 2 * h[t]), Eq(y[t], g[t])),
        (Eq(zero[t], zero[t - 1] + zero[t + 1] + x[t]), Eq(y[t], zero[t])),
        (Eq(y[t], tensor("m")[()] + x[t]), Eq(tensor("m")[()], Sum(y[t], t))),
    ],
    ids=["itself", "two at distance 0", "past and future", "a sum over all of time"],
)
def test_a_cycle_that_no_order_resolves_is_named(equations):
    """The message walks round it."""
    with pytest.raises(DefinitionError, match=r"cycle .*: (\w+) -> .*\1\n"):
        items(*equations)


def test_the_cycle_is_named_as_the_author_wrote_it():
    """An output that is read elsewhere has an inner name, of no interest to an author."""
    equations = (Eq(zero[t], zero[t] + x[t]),)
    with pytest.raises(DefinitionError, match=f"{zero.name} -> {zero.name}") as error:
        compile(Operation("itself", "A test.", (x,), (zero,), equations))
    assert "_value" not in str(error.value)


def test_an_autoregression_over_several_lags_is_a_loop():
    """``h[t-1-q]`` summed over q: every lag is at least 1."""
    k = size("K", minimum=1)
    a, q = parameter("a", k), axis("q", k)
    found = items(Eq(zero[t], x[t] + Sum(a[q] * zero[t - 1 - q], q)), inputs=(x, a))
    assert loops(found) == [("t", False)]


def test_components_of_a_state_are_told_apart():
    """``h[t,1]`` of ``h[t,0]`` is no cycle at distance 0."""
    s = state("s", T, 2)
    begin = Eq(s[-1, axis("e", 2)], 0)
    found = items(
        begin, Eq(s[t, 0], tanh(s[t - 1, 1]) + x[t]), Eq(s[t, 1], s[t, 0]), Eq(y[t], s[t, 1])
    )
    assert loops(found) == [("t", False)]


def test_input_projections_are_outside_the_loop():
    """So are the gradients of weights: one contraction over all of time."""
    xs, hs = tensor("x", T, I), state("h", T, N)
    w, u = parameter("w", N, I), parameter("u", N, N)
    m = axis("m", N)
    equations = (
        Eq(hs[-1, n], 0),
        Eq(hs[t, n], tanh(Sum(w[n, i] * xs[t, i], i) + Sum(u[n, m] * hs[t - 1, m], m))),
        Eq(y[t], Sum(hs[t, n], n)),
    )
    found = items(*equations, inputs=(xs, w, u))
    (loop,) = (item for item in found if isinstance(item, Loop))
    assert not any(r.tensor == xs for s in statements_of(loop.body) for r in s.reads)
    back = items(*equations, inputs=(xs, w, u), reverse=True)
    assert not inside(back) & {"x_bar", "w_bar", "u_bar"}
