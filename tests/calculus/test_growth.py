"""Bounds of one-step Jacobians: what they are, and that numbers keep them."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq, Integer, Sum, sin, tanh

from derive.calculus.growth import growth, largest, norm, past_weights
from derive.calculus.intervals import Known
from derive.calculus.plain import plain
from derive.calculus.unrolling import unrolled
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.ops.recurrent import OPERATIONS
from derive.prose.text import Text
from derive.verification.reference import evaluate
from tests.calculus.test_jacobian import derived
from tests.calculus.test_unrolling import Through

SHIPPED = {operation.name: operation for operation in OPERATIONS}
T, N, H, K = sizes("T N H K")
t, n, i, j, k, m = axes("t n i j k m", T, N, H, H, H, K)
x, y = tensor("x", T, N, H), tensor("y", T, N, H)
u, a, b = state("u", T, N, H), tensor("a", T, N, K), tensor("b", T, N, H)
U, V, w = parameter("U", K, H), parameter("V", H, K), parameter("w", H)


def operation(*equations, inputs=(x, U, V, w)):
    ends = (Eq(u[-1, n, j], 0), Eq(y[t, n, j], u[t, n, j]))
    return Operation("network", "", inputs, (y,), (*ends, *equations))


# Two matrices one after the other, with a slope between them; and a term of its own for each unit.
narrow = operation(
    Eq(a[t, n, m], sin(Sum(U[m, k] * u[t - 1, n, k], k))),
    Eq(u[t, n, j], tanh(Sum(V[j, m] * a[t, n, m], m)) / 2 + w[j] * u[t - 1, n, j] + x[t, n, j]),
)


def bounds(given):
    derivation = derived(given)
    (one,) = unrolled(derivation)
    found = growth(one, derivation)
    printer = Text(derivation.order, derivation.axes, derivation.written)
    return found and {b.derivative.name: printer.expression(most) for b, most in found.blocks}


def test_the_bounds_of_the_textbooks():
    """Each factor of a term is bounded where it can be: 1 − h² ≤ 1, z (1 − z) ≤ 1/4."""
    assert bounds(plain(SHIPPED["rnn"])) == {"h_jacobian": "‖weight_hh‖"}
    assert bounds(plain(SHIPPED["rnn_relu"])) == {"h_jacobian": "‖weight_hh‖"}
    assert bounds(plain(SHIPPED["rnn_truncated"])) == {"h_jacobian": "‖weight_hh‖"}
    most = "max|c[t − 1, n]|·‖weight_hh[1]‖/4 + ‖weight_hh[0]‖/4 + ‖weight_hh[2]‖"
    assert bounds(plain(SHIPPED["lstm"])) == {
        "c_jacobian": "1",
        "c_jacobian_h": most,
        "h_jacobian_c": "1",
        "h_jacobian": f"{most} + ‖weight_hh[3]‖/4",
    }
    assert bounds(plain(SHIPPED["gru"])) == {
        "h_jacobian": "max|q[t,n,2]|·‖weight_hh[0]‖/4 + ‖weight_hh[1]‖/2 + ‖weight_hh[2]‖ + 1"
    }
    assert bounds(plain(SHIPPED["gru_before"])) == {
        "h_jacobian": "‖weight_hh[0]‖·‖weight_hh[2]‖/4 + ‖weight_hh[1]‖/2 + ‖weight_hh[2]‖ + 1"
    }
    assert bounds(narrow) == {"u_jacobian": "max|w| + ‖U‖·‖V‖/2"}


def test_a_given_first_state_bounds_nothing():
    """1 − h² is at most 1 only if h lies between −1 and 1, and h0 may be anything."""
    assert bounds(SHIPPED["rnn"]) == {"h_jacobian": "‖weight_hh‖·(max|h[t,n]|² + 1)"}


def test_what_is_no_chain_of_matrices_has_no_bound():
    twice = operation(
        Eq(u[t, n, j], tanh(Sum(U[m, j] * V[j, m] * u[t - 1, n, k] * w[k], m, k)) + x[t, n, j])
    )
    assert bounds(twice) is None
    mixed = operation(Eq(u[t, n, j], tanh(u[t - 1, N - 1 - n, j] * w[j]) + x[t, n, j]))
    assert bounds(mixed) is None


def numbers(case, one, most, time):
    """A bound in numbers: norms of matrices, largest entries of what belongs to a step."""
    sizes, arrays = case.environment({})
    found = {}
    for value in most.atoms(norm, largest):
        (entry,) = value.args
        if entry.tensor.name not in arrays:
            system = replace(case.adjoint.primal, outputs=(entry.tensor,))
            arrays[entry.tensor.name] = evaluate(system, arrays, sizes)[entry.tensor.name]
        place = tuple(
            (
                int(e.xreplace({one.time: Integer(time)})) - o
                if e.xreplace({one.time: Integer(0)}).is_number
                else slice(None)
            )
            for e, o in zip(entry.index, entry.tensor.offset, strict=False)
        )
        array = arrays[entry.tensor.name][place].astype(float)
        found[value] = np.linalg.norm(array, 2) if isinstance(value, norm) else abs(array).max()
    return float(most.xreplace(found))


def ratios(case):
    """For each block and step: its norm, over the bound."""
    (one,) = case.unrollings
    found = growth(one, case.derivation)
    for block, most in found.blocks:
        alone = replace(one, blocks=(block,))
        for time, whole in case.jacobians(alone).items():
            yield np.linalg.norm(whole, 2) / numbers(case, one, most, time)
    for time, whole in case.jacobians(one).items():
        yield np.linalg.norm(whole, 2) / numbers(case, one, found.most, time)


BOUNDED = ["rnn", "rnn_relu", "lstm", "lstm_peephole", "lstm_peephole_full", "lstm_coupled",
           "lstm_projected", "lstm_clipped", "gru", "gru_mirrored", "gru_before"]  # fmt: skip


@pytest.mark.parametrize("given", [*(plain(SHIPPED[name]) for name in BOUNDED), narrow], ids=str)
def test_no_jacobian_is_larger_than_its_bound(given):
    found = list(ratios(Through(given)))
    assert max(found) <= 1
    assert max(found) >= 1 / 5  # a bound that is far too large would hold, too


def test_a_wrong_bound_is_caught(monkeypatch):
    right = Known.magnitude
    monkeypatch.setattr(Known, "magnitude", lambda known, value: right(known, value) / 4)
    assert max(ratios(Through(plain(SHIPPED["rnn"])))) > 1


def test_the_bound_holds_over_many_steps():
    """‖dh[t]/dh[t']‖ ≤ Π ‖J[r]‖ ≤ ‖weight_hh‖^(t − t')"""
    case = Through(plain(SHIPPED["rnn"]))
    (one,) = case.unrollings
    found = growth(one, case.derivation)
    jacobians = case.jacobians(one)
    first, second = jacobians
    product = np.linalg.norm(jacobians[second] @ jacobians[first], 2)
    each = [np.linalg.norm(jacobians[s], 2) for s in (first, second)]
    assert product <= each[0] * each[1] <= numbers(case, one, found.most, second) ** 2
    assert found.constant and found.least == 0


def test_what_of_a_bound_is_there_without_weights():
    for name, constant, least in [("rnn", True, 0), ("lstm", False, 2), ("gru_before", True, 1)]:
        derivation = derived(plain(SHIPPED[name]))
        found = growth(unrolled(derivation)[0], derivation)
        assert (found.constant, found.least) == (constant, least)


def test_where_the_way_past_every_weight_lies():
    for name in ("lstm", "gru", "gru_mirrored"):
        derivation = derived(plain(SHIPPED[name]))
        ((_, interval),) = past_weights(unrolled(derivation)[0], derivation)
        assert interval == (0, 1)
