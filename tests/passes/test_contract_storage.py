"""Pass: what a loop hands to its next round only needs two rows."""

import tracemalloc

import numpy as np
import pytest
from sympy import Eq, Sum, tanh

from derive.calculus.statements import Statement
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.passes.contract_storage import contracted
from derive.program.dependences import in_order
from derive.program.grammar import Program, adding, computes, statements_of
from tests.backends.numpy.building import failures, loaded, text_of

T, N = sizes("T N")
t, n, m = axes("t n m", T, N, N)
x, y, a, k = (tensor(name, T, N) for name in "xyak")
h, U = state("h", T, N), parameter("U", N, N)
late, early = tensor("late", N), tensor("early", N)

EVERY = Statement((t, n), h[t, n], y[t, n])
BEGIN = Statement((n,), h[T - 1, n], late[n])
ROUND = Statement((t, n), a[t, n], h[t, n] * k[t, n])
NEXT = Statement((t, n, m), h[t - 1, n], a[t, m] * U[m, n])
END = Statement((n,), early[n], h[-1, n])


def program(*statements: Statement, keep=()) -> Program:
    return Program("f", (), tuple(keep), in_order(tuple(map(adding, statements)), "f"))


def test_two_rows_stand_for_all():
    """The example of the docstring."""
    body = contracted(program(EVERY, BEGIN, ROUND, NEXT, END, keep={a, early})).body
    assert [str(s) for s in statements_of(body)] == [
        "[n<N]: h[Mod(T + 1, 2), n] += late[n]",
        "[t<T, n<N]: h[Mod(t, 2), n] += y[t, n]",
        "[t<T, n<N]: a[t, n] += h[Mod(t, 2), n]*k[t, n]",
        "[t<T, n<N, m<N]: h[Mod(t + 1, 2), n] += U[m, n]*a[t, m]",
        "[n<N]: early[n] += h[1, n]",
    ]
    assert [b.into for b in computes(body)] == ["update", "update", "update", "set", "update"]


@pytest.mark.parametrize(
    "statements, keep",
    [
        ((BEGIN, ROUND, NEXT, END), {h}),
        ((BEGIN, ROUND, NEXT, Statement((t, n), x[t, n], h[t, n])), ()),
        ((BEGIN, ROUND, NEXT, Statement((n,), early[n], h[0, n])), ()),
        ((BEGIN, ROUND, Statement((t, n, m), h[t - 2, n], a[t, m] * U[m, n])), ()),
        ((Statement((n,), h[0, n], late[n]), ROUND, NEXT, END), ()),
    ],
    ids=["it is asked for", "read whole", "read at another row", "two steps", "begins elsewhere"],
)
def test_what_is_needed_whole_is_whole(statements, keep):
    """Every row of it, or one that is gone when the loop is done."""
    whole = program(*statements, keep={a, *keep})
    assert contracted(whole).body == whole.body


def network(*, forward_in_time: bool = True) -> Operation:
    """A state that sees the one before it, and with it an input that may be absent."""
    begin, shown = tensor("origin", N, optional=True), tensor("shown", T, N)
    past = Sum(U[n, m] * h[t - 1, m], m)
    equations = (Eq(h[-1, n], begin[n]), Eq(h[t, n], tanh(past + x[t, n])))
    index = t if forward_in_time else T - 1 - t
    return Operation("f", "F.", (x, U, begin), (shown,), (*equations, Eq(shown[t, n], h[index, n])))


@pytest.mark.parametrize("forward_in_time", [True, False])
def test_a_network_is_right(forward_in_time):
    """No steps at all included."""
    assert failures(network(forward_in_time=forward_in_time), count=8) == []


def test_rows_take_turns():
    """Each has a name for the round."""
    text = text_of(network())
    assert "h_bar = np.zeros((2, N), dtype)" in text
    assert "h_bar_t = h_bar[t % 2]" in text


def test_backward_of_a_long_sequence_keeps_two_arrays_of_its_length():
    """Cotangents of pre-activations and of the input, as large as the residuals and the input."""
    module = loaded(network()).module
    signal, weight = np.ones((40_000, 16)), np.zeros((16, 16))
    output, residuals = module.forward(signal, weight)
    tracemalloc.start()
    try:
        module.backward(output, residuals)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 2.4 * signal.nbytes
