"""The Jacobian of one step: its steps keep their values, and steps multiply to the whole."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from sympy import Eq, Sum, sin, tanh

import derive
from derive.calculus import jacobian
from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import derivation
from derive.calculus.lift import to_system
from derive.language import Operation, axes, parameter, relu, sigmoid, sizes, state, tensor
from derive.language.load import load
from derive.ops.convolution import OPERATIONS as CONVOLUTIONS
from derive.ops.recurrent import OPERATIONS as RECURRENT
from derive.prose.text import Text
from derive.verification.reference import evaluate
from tests.calculus.evaluation import Numbers, number

T, N, H = sizes("T N H")
t, n, j, k = axes("t n j k", T, N, H, H)
x, y = tensor("x", T, N, H), tensor("y", T, N, H)
V, W, b = parameter("V", H, H), parameter("W", H, H), parameter("b", H)
u, v = state("u", T, N, H), state("v", T, N, H)
u0, v0, u_n, v_n = (tensor(name, N, H) for name in ("u0", "v0", "u_n", "v_n"))
g = tensor("g", T, N, H)

# Each state reads the other: u the last v, v the new u; and one gate is read the wrong way round.
mutual = Operation(
    "mutual", "", (x, V, W, b, u0, v0), (y, u_n, v_n),
    (
        Eq(u[-1, n, j], u0[n, j]),
        Eq(v[-1, n, j], v0[n, j]),
        Eq(g[t, n, j], sigmoid(Sum(V[j, k] * v[t - 1, n, k], k) + b[j] * u[t - 1, n, j])),
        Eq(u[t, n, j], g[t, n, H - 1 - j] * u[t - 1, n, j] + sin(v[t - 1, n, j])),
        Eq(v[t, n, j], tanh(Sum(W[j, k] * u[t, n, k], k) + x[t, n, j]) * g[t, n, j]),
        Eq(y[t, n, j], u[t, n, j] * v[t, n, j]),
        Eq(u_n[n, j], u[T - 1, n, j]),
        Eq(v_n[n, j], v[T - 1, n, j]),
    ),
)  # fmt: skip
# An entry is read twice by one statement, at indices that meet in the middle; states mix sequences.
mixing = Operation(
    "mixing", "", (x, V, u0), (y, u_n),
    (
        Eq(u[-1, n, j], u0[n, j]),
        Eq(g[t, n, j], tanh(Sum(V[j, k] * u[t - 1, N - 1 - n, k], k) + x[t, n, j])),
        Eq(u[t, n, j], g[t, n, j] * g[t, n, H - 1 - j] + relu(g[t, n, j])),
        Eq(y[t, n, j], u[t, n, j]),
        Eq(u_n[n, j], u[T - 1, n, j]),
    ),
)  # fmt: skip

SHIPPED = {operation.name: operation for operation in RECURRENT}
CELLS = Path(__file__).parents[2] / "examples" / "cells"
(oscillators,) = load(CELLS / "oscillators.py")
OPERATIONS = [
    *(SHIPPED[name] for name in ("rnn", "lstm", "lstm_peephole", "lstm_peephole_full",
                                 "lstm_coupled", "lstm_clipped", "gru", "gru_before")),
    oscillators, mutual, mixing,
]  # fmt: skip
SMALL = {"T": 2, "N": 2, "I": 1, "H": 2, "clip": 1, "stiffness": 2, "friction": 1}


class Soft(Numbers):
    """Numbers near 0: gates that are neither open nor shut, so that no derivative is almost 0.

    Sequences are as long as they can be, so that the last state is that of the last step.
    """

    def array(self, tensor, sizes, rng):
        if tensor.integer:
            return np.full(
                [number(e, sizes) for e in tensor.shape], number(tensor.below - 1, sizes)
            )
        return (super().array(tensor, sizes, rng) / 8).astype(object)

    def sizes(self, given):
        found = super().sizes(given)
        return {s: 0.5 if s.name == "dt" else value for s, value in found.items()}


def derived(operation):
    system = to_system(operation)
    return derivation(operation, system, adjoint(system))


def results(operation):
    """The last line of every block."""
    found = derived(operation)
    printer = Text(found.order, found.axes)
    return {
        block.name: printer.statements(steps[-1].shown, steps[-1].deltas)
        for block, steps in found.jacobians.items()
    }


def pairs(operation):
    """Each state with what it is at first and in the end."""
    outputs = {o.name: o for o in operation.outputs}
    inputs = {i.name: i for i in operation.inputs}
    names = [i[:-1] for i in inputs if i.endswith("0")]
    return [(name, inputs[f"{name}0"], outputs[f"{name}_n"]) for name in names]


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_every_step_keeps_the_value(operation):
    odd = {"H": 3} if operation is mixing else {}  # the two reads meet
    case = Soft(operation, SMALL | {"dt": 1, "T": 1} | odd)
    steps = [s for steps in case.derivation.jacobians.values() for s in steps]
    assert steps
    for step in steps:
        assert case.check(step), step.label
        assert max(abs(case.sides(step)[1].ravel())) > 1e-4, step.label


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_the_product_over_all_steps_is_the_derivative_of_the_whole(operation):
    """d(last states)/d(first states), by the adjoint of the unrolled system and by differences."""
    case = Soft(operation, SMALL | {"dt": 1, "T": 2})
    product = step_matrices(case, operation)
    np.testing.assert_allclose(product, by_adjoint(case, operation), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(product, by_differences(case, operation), rtol=1e-6, atol=1e-9)


def step_matrices(case, operation):
    """The product of the Jacobians of two steps, states side by side."""
    names = [name for name, _, _ in pairs(operation)]
    size = 4  # sequences times units
    product = np.eye(len(names) * size)
    for time in range(2):
        whole = np.zeros_like(product)
        for block, steps in case.derivation.jacobians.items():
            values = case.value(steps[-1].after, block, {}).astype(float)
            at = values[time + 1, :, :, time].reshape(size, size)  # row -1 comes first
            row, column = names.index(block.of.name), names.index(block.by.name)
            whole[row * size : (row + 1) * size, column * size : (column + 1) * size] = at
        product = whole @ product
    return product


def by_adjoint(case, operation):
    sizes, arrays = case.environment({})
    bars = {tensor: bar.name for tensor, bar in case.adjoint.cotangent.items()}
    rows = []
    for _, _, last in pairs(operation):
        for place in np.ndindex(2, 2):
            given = dict(arrays)
            for output in operation.outputs:
                given[bars[output]] = np.zeros_like(arrays[bars[output]])
            given[bars[last]][place] = 1
            found = evaluate(case.adjoint.system, given, sizes)
            row = [found[bars[first]].ravel() for _, first, _ in pairs(operation)]
            rows.append(np.concatenate(row).astype(float))
    return np.array(rows)


def by_differences(case, operation, step=1e-5):
    sizes, arrays = case.environment({})
    module = derive.compile(operation)
    given = {
        i.name: arrays[i.name].astype(int if i.integer else float).reshape(case_shape(i, sizes))
        for i in operation.inputs
    }
    options = {s.name: v for s, v in sizes.items() if s.name in {o.name for o in operation.options}}

    def last(name, place, move):
        moved = given[name].copy()
        moved[place] += move
        result = module.apply(**given | {name: moved}, **options)
        return np.concatenate([getattr(result, o.name).ravel() for _, _, o in pairs(operation)])

    columns = [
        (last(first.name, place, step) - last(first.name, place, -step)) / (2 * step)
        for _, first, _ in pairs(operation)
        for place in np.ndindex(2, 2)
    ]
    return np.array(columns).T


def case_shape(tensor, sizes):
    """The shape in which a module takes a tensor: product axes merged."""
    return tuple(
        int(np.prod([int(f.xreplace(sizes)) for f in factors])) for factors in tensor.axes_of
    )


def test_the_textbook_results():
    assert results(SHIPPED["rnn"]) == {
        "h_jacobian": "dh[t,n,j]/dh[t − 1, n, k] = (1 − h[t,n,j]²)·weight_hh[j,k]"
    }
    assert results(SHIPPED["lstm"])["c_jacobian"] == (
        "dc[t,n,j]/dc[t − 1, n, j] = forget_gate[t,n,j]"
    )
    assert results(SHIPPED["lstm"])["c_jacobian_h"] == (
        "dc[t,n,j]/dh[t − 1, n, k] = "
        "cell_gate[t,n,j]·input_gate[t,n,j]·(1 − input_gate[t,n,j])·weight_hh[0,j,k] + "
        "c[t − 1, n, j]·forget_gate[t,n,j]·(1 − forget_gate[t,n,j])·weight_hh[1,j,k] + "
        "input_gate[t,n,j]·(1 − cell_gate[t,n,j]²)·weight_hh[2,j,k]"
    )
    assert results(SHIPPED["lstm_peephole"])["c_jacobian"] == (
        "dc[t,n,j]/dc[t − 1, n, j] = forget_gate[t,n,j] + "
        "cell_gate[t,n,j]·input_gate[t,n,j]·(1 − input_gate[t,n,j])·weight_ci[j] + "
        "c[t − 1, n, j]·forget_gate[t,n,j]·(1 − forget_gate[t,n,j])·weight_cf[j]"
    )
    assert results(SHIPPED["gru"])["h_jacobian"].startswith(
        "dh[t,n,j]/dh[t − 1, n, k] = update_gate[t,n,j]·δ[j, k] + "
    )


def test_what_is_held_fixed_is_said():
    found = derived(SHIPPED["lstm"])
    words = {
        block.name: (Text().phrase(steps[0].because), Text().phrase(steps[-1].reading))
        for block, steps in found.jacobians.items()
    }
    assert words["c_jacobian"] == (
        "c depends on c[t − 1] directly; h[t − 1], inputs and parameters are held fixed",
        "a diagonal matrix, in which forget_gate[t,n,j] leads straight from c[t − 1] to c[t], "
        "past every weight",
    )
    assert words["c_jacobian_h"][0].startswith(
        "c depends on h[t − 1] through a, input_gate, forget_gate and cell_gate; c[t − 1], "
    )


def test_labels_count_for_each_block():
    for block, steps in derived(mutual).jacobians.items():
        assert [s.label for s in steps] == [f"{block.name}.{i + 1}" for i in range(len(steps))]
        assert steps[-1].shown


def test_what_does_not_recur_has_no_jacobian():
    for operation in (*CONVOLUTIONS[:1], SHIPPED["rnn_cell"], SHIPPED["lstm_cell"]):
        assert not derived(operation).jacobians


def test_a_step_that_recurs_itself_is_left_alone():
    """u[t,s] reads u[t-1,s] and u[t,s-1]: one step over t is no formula."""
    S = sizes("S", minimum=1)[0]
    (s,) = axes("s", S)
    grid = tensor("grid", T, S, outside=0)
    drive, out = tensor("drive", T, S), tensor("out", T, S)
    both = tanh(grid[t - 1, s] + grid[t, s - 1] + drive[t, s])
    operation = Operation("grid_network", "", (drive,), (out,),
                          (Eq(grid[t, s], both), Eq(out[t, s], grid[t, s])))  # fmt: skip
    assert not derived(operation).jacobians


def test_time_may_run_the_other_way_and_stand_anywhere():
    row = tensor("row", N, T, outside=0)
    drive, out = tensor("drive", N, T), tensor("out", N, T)
    operation = Operation(
        "backwards", "", (drive,), (out,),
        (Eq(row[n, t], sigmoid(drive[n, t]) * row[n, t + 1] + drive[n, t]),
         Eq(out[n, t], row[n, t])),
    )  # fmt: skip
    assert results(operation) == {"row_jacobian": "drow[n,t]/drow[n, t + 1] = sigmoid(drive[n,t])"}
    case = Soft(operation, SMALL)
    assert all(case.check(s) for steps in case.derivation.jacobians.values() for s in steps)


def test_the_way_back_is_a_loop_as_well():
    """In the adjoint system the same matrix, transposed, leads from t + 1 to t."""
    first = adjoint(to_system(SHIPPED["rnn"]))
    found = derivation(SHIPPED["rnn"], first.system, adjoint(first.system))
    steps = {block.name: steps for block, steps in found.jacobians.items()}
    assert Text().statements(steps["a_bar_jacobian"][-1].shown) == (
        "da_bar[t,n,j]/da_bar[t + 1, n, j'] = [t + 1 < T]·(1 − h[t,n,j]²)·weight_hh[j',j]"
    )


def test_more_terms_than_anybody_reads_are_not_listed():
    """v reaches u in 2⁸ ways, and w in 2⁸ terms of one; that u reaches itself is found anyway."""
    rungs, sides = ([tensor(f"{q}{i}", T, N, H) for i in range(9)] for q in "qr")
    equations = [Eq(rungs[0][t, n, j], v[t - 1, n, j] + x[t, n, j])]
    for low, side, high in zip(rungs, sides, rungs[1:], strict=False):
        equations += [Eq(side[t, n, j], sin(low[t, n, j])),
                      Eq(high[t, n, j], low[t, n, j] + side[t, n, j])]  # fmt: skip
    w, tower = state("w", T, N, H), [tensor(f"s{i}", T, N, H) for i in range(9)]
    equations += [Eq(tower[0][t, n, j], w[t - 1, n, j])]
    equations += [
        Eq(high[t, n, j], low[t, n, j] * low[t, n, H - 1 - j]) for low, high in pairwise(tower)
    ]
    past = (Eq(s[-1, n, j], u0[n, j]) for s in (u, v, w))
    now = (
        Eq(u[t, n, j], (rungs[-1][t, n, j] + tower[-1][t, n, j]) * u[t - 1, n, j]),
        Eq(v[t, n, j], u[t, n, j]),
        Eq(w[t, n, j], u[t, n, j]),
        Eq(y[t, n, j], u[t, n, j]),
    )
    operation = Operation("ladder", "", (x, u0), (y,), (*past, *equations, *now))
    both = "q8[t,n,j] + s8[t,n,j]"
    assert results(operation) == {
        f"{name}_jacobian{'_u' * (name != 'u')}": f"d{name}[t,n,j]/du[t − 1, n, j] = {both}"
        for name in "uvw"
    }


def test_a_forgotten_way_is_caught(monkeypatch):
    make = jacobian._block

    def forgetful(*given):
        block = make(*given)
        return replace(block, ways=block.ways[:-1])

    monkeypatch.setattr(jacobian, "_block", forgetful)
    case = Soft(SHIPPED["gru"], SMALL)
    (steps,) = case.derivation.jacobians.values()
    assert not case.check(steps[0])


def test_a_cotangent_reads_at_t_with_the_boundary_apart():
    found = derived(SHIPPED["gru"])
    (bar,) = (b for b in found.gradients if b.name == "h_bar")
    printer = Text(found.order, found.axes)
    final = found.final(bar)
    assert final is not None
    lines = [f"{left} = {right}" for left, _, right in printer.equations(final.shown)]
    assert lines == [
        "h_bar[t,n,k] = Σ_{gate,j} q_bar[t + 1, n, gate, j]·weight_hh[gate,j,k] + "
        "[t + 1 < T]·h_bar[t + 1, n, k]·update_gate[t + 1, n, k] + "
        "[t < lengths[n]]·y_bar[t,n,k] + [lengths[n] = t + 1]·h_n_bar[n,k]",
        "h_bar[−1,n,k] = Σ_{gate,j} q_bar[0,n,gate,j]·weight_hh[gate,j,k] + "
        "[T ≥ 1]·h_bar[0,n,k]·update_gate[0,n,k] + [lengths[n] = 0]·h_n_bar[n,k]",
    ]
    assert printer.phrase(final.reading) == "a recurrence that runs backwards in t"


@pytest.mark.parametrize("steps", [1, 2])
def test_every_step_of_a_state_keeps_the_value(steps):
    case = Soft(SHIPPED["lstm_peephole"], SMALL | {"T": steps, "N": 1})
    for bar in (b for b in case.derivation.gradients if b.name in ("h_bar", "c_bar")):
        for step in case.derivation.gradients[bar]:
            assert case.check(step), step.label
