"""Backpropagation through time as a double sum: evaluated, it is the recursion and the adjoint."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq, Integer, Sum, sympify, tanh

from derive.calculus import jacobian
from derive.calculus.adjoint import adjoint
from derive.calculus.lift import equations_of, outputs_apart
from derive.calculus.plain import plain
from derive.calculus.statements import System
from derive.calculus.straight import recurrences, straight
from derive.calculus.unrolling import unrolled
from derive.language import Operation, axes, parameter, sigmoid, sizes, state, stop, tensor
from derive.language.symbols import Access
from derive.ops import shipped
from derive.prose.text import Text
from derive.verification.reference import evaluate
from tests.calculus.evaluation import number
from tests.calculus.test_jacobian import Soft, derived, mixing, mutual

T, N, H = sizes("T N H")
t, n, j, k = axes("t n j k", T, N, H, H)
x, y, u0 = tensor("x", T, N, H), tensor("y", T, N, H), tensor("u0", N, H)
W, u, back = parameter("W", H, H), state("u", T, N, H), tensor("back", T, N, H, outside=0)

SIZES = {"T": 3, "N": 2, "I": 2, "H": 2, "P": 3, "O": 2, "K": 3, "clip": 1, "steps": 3, "S": 4}
SIZES |= {"I_encoder": 2, "I_decoder": 3}
SHIPPED = {o.name: o for family in shipped().values() for o in family}


# Time runs the other way, and stands behind the sequences.
row = tensor("row", N, T, H, outside=0)
drive, out = (tensor(name, N, T, H) for name in ("drive", "out"))
backwards = Operation(
    "backwards", "", (drive, W), (out,),
    (
        Eq(row[n, t, j], tanh(Sum(W[j, k] * row[n, t + 1, k], k) + drive[n, t, j])),
        Eq(out[n, t, j], row[n, t, j]),
    ),
)  # fmt: skip
# What a step leaves is more than its state: the unrolled sum does not speak of it.
gate = tensor("gate", T, N, H)
leaking = Operation(
    "leaking", "", (x, W, u0), (y,),
    (
        Eq(u[-1, n, j], u0[n, j]),
        Eq(gate[t, n, j], sigmoid(Sum(W[j, k] * u[t - 1, n, k], k) + x[t, n, j])),
        Eq(u[t, n, j], gate[t, n, j] * u[t - 1, n, j]),
        Eq(y[t, n, j], u[t, n, j] + gate[t, n, j]),
    ),
)  # fmt: skip
# A state is read from two steps before.
far = Operation(
    "far", "", (x, W), (y,),
    (
        Eq(back[t, n, j], tanh(Sum(W[j, k] * back[t - 2, n, k], k) + x[t, n, j])),
        Eq(y[t, n, j], back[t, n, j]),
    ),
)  # fmt: skip


def reads_itself(operation):
    """Whether a tensor depends on itself, and a gradient flows along."""
    reads = {}
    for equation in equations_of(operation):
        moving = equation.right.replace(stop, lambda _: Integer(0))
        found = {a.tensor for a in moving.atoms(Access)}
        reads.setdefault(equation.left.tensor, set()).update(found)
    reached = {tensor: set(found) for tensor, found in reads.items()}
    for _ in reads:
        for found in reached.values():
            found |= {further for tensor in found for further in reads.get(tensor, ())}
    return any(tensor in found for tensor, found in reached.items())


# Every shipped operation with a loop, in its plain case, and some that nobody ships.
RECURRENT = [
    *(plain(o) for o in SHIPPED.values() if reads_itself(o)), mutual, mixing, backwards,
]  # fmt: skip


class Through(Soft):
    """A loop with numbers: its Jacobians, what enters it directly, and what its weights do."""

    def __init__(self, operation):
        super().__init__(operation, SIZES)
        self.unrollings = unrolled(self.derivation)
        self.severed = {}

    def array(self, tensor, sizes, rng):
        """Mostly positive, so that rectifiers let something through."""
        shape = [number(e, sizes) for e in tensor.shape]
        return (rng.integers(-4, 10, shape) / 8).astype(object)

    def steps(self, one):
        """The numbers of all steps, in the order in which they are computed."""
        extent = number(one.time.extent, self.environment({})[0])
        return list(range(extent))[:: one.ahead]

    def at(self, one, tensor, array, time):
        """The entries of a state's array at a step, in a row."""
        place = one.loop.place[tensor]
        return np.take(array, time - tensor.offset[place], place).astype(float).ravel()

    def rows(self, one, name):
        """For each step, parts of the cotangents of all states side by side."""
        found = {}
        for part in one.parts:
            found[part] = self.value(tuple(s for n in name for s in getattr(part, n)), part.bar, {})
        return {
            t: np.concatenate([self.at(one, p.state, a, t) for p, a in found.items()])
            for t in self.steps(one)
        }

    def jacobians(self, one):
        """The derivative of all states by all states, for each step that follows another."""
        values = {(b.of, b.by): self.value(b.last.after, b.derivative, {}) for b in one.blocks}
        found = {}
        for before, now in zip(self.steps(one), self.steps(one)[1:], strict=False):
            sizes = [self.at(one, s, self.environment({})[1][self.bar(s)], now).size
                     for s in one.states]  # fmt: skip
            blocks = [[self.block(one, values, of, by, now, before, (m, n))
                       for by, n in zip(one.states, sizes, strict=True)]
                      for of, m in zip(one.states, sizes, strict=True)]  # fmt: skip
            found[now] = np.block(blocks)
        return found

    def block(self, one, values, of, by, now, before, shape):
        if (of, by) not in values:
            return np.zeros(shape)
        place = one.loop.place
        array = np.take(values[of, by], now - of.offset[place[of]], place[of])
        place = of.rank - 1 + place[by]
        return (
            np.take(array, before - by.offset[one.loop.place[by]], place)
            .astype(float)
            .reshape(shape)
        )

    def bar(self, tensor):
        return self.adjoint.cotangent[tensor].name

    def immediate(self, one, time, row):
        """A row times ∂⁺s[time]/∂w for every weight, with the states of the step before fixed."""
        if one.loop.states not in self.severed:
            way = adjoint(self.cut(one), one.weights)
            self.severed[one.loop.states] = way, self.before(one)
        way, before = self.severed[one.loop.states]
        sizes, arrays = self.environment({})
        given = dict(arrays)
        start = 0
        for each in one.states:
            array = np.zeros_like(arrays[self.bar(each)])
            index = [slice(None)] * array.ndim
            index[one.loop.place[each]] = time - each.offset[one.loop.place[each]]
            size = array[tuple(index)].size
            array[tuple(index)] = row[start : start + size].reshape(array[tuple(index)].shape)
            start += size
            given[way.cotangent[each].name] = array
        found = evaluate(way.system, given | before, sizes)
        return {w: found[way.cotangent[w].name].astype(float) for w in one.weights}

    def cut(self, one):
        """The system whose states read, one step before, what is given to them."""
        place = one.loop.place
        known = {state: state.like(name=f"{state.name}_before") for state in one.states}

        def severed(statement):
            target = statement.target
            if target.tensor not in one.loop.tensors:
                return statement
            now = target.index[place[target.tensor]]
            reads = {
                a: Access(known[a.tensor], *a.index)
                for a in statement.value.atoms(Access)
                if a.tensor in known and a.index[place[a.tensor]] != now
            }
            return replace(statement, value=statement.value.xreplace(reads))

        system = self.adjoint.primal
        statements = tuple(map(severed, system.statements))
        inputs = (*system.inputs, *known.values())
        return outputs_apart(System(inputs, one.states, statements, system.order))

    def before(self, one):
        sizes, arrays = self.environment({})
        system = replace(self.adjoint.primal, outputs=one.states)
        found = evaluate(system, arrays, sizes)
        return {f"{name}_before": array for name, array in found.items()}


@pytest.fixture(scope="module", params=RECURRENT, ids=str)
def case(request):
    return Through(request.param)


def double_sum(case, one, start=0):
    """Σ_t Σ_{t' ≤ t} ∂L[t]/∂s[t] J[t] ⋯ J[t'+1] ∂⁺s[t']/∂w, term by term as it is printed."""
    direct, steps = case.rows(one, ("direct",)), case.steps(one)
    jacobians = case.jacobians(one)
    total = dict.fromkeys(one.weights, 0)
    for last, time in enumerate(steps):
        for first, earlier in list(enumerate(steps))[start : last + 1]:
            row = direct[time] @ product(jacobians, steps[first + 1 : last + 1])
            for weight, value in case.immediate(one, earlier, row).items():
                total[weight] = total[weight] + value
    return total


def product(jacobians, steps):
    """The product over some steps, the later ones on the left; a number if there are none."""
    whole = np.eye(len(next(iter(jacobians.values()))))
    for step in steps:
        whole = jacobians[step] @ whole
    return whole


def close(one, other):
    return np.allclose(one, other, rtol=1e-9, atol=1e-12)


def agree(case, one, start=0):
    """Whether the double sum is what the adjoint says."""
    _, arrays = case.environment({})
    found = double_sum(case, one, start)
    return all(close(value, arrays[case.bar(w)].astype(float)) for w, value in found.items())


def test_the_double_sum_is_the_adjoint(case):
    _, arrays = case.environment({})
    assert len(case.unrollings) == len(list(recurrences(case.derivation)))
    for one in case.unrollings:
        assert one.weights
        assert all(abs(arrays[case.bar(weight)]).max() > 1e-4 for weight in one.weights)
        assert agree(case, one)


def test_the_double_sum_is_the_recursion(case):
    """dL/ds[t] by the recursion, by the sum over later steps, and as part of the cotangent."""
    for one in case.unrollings:
        direct, jacobians = case.rows(one, ("direct",)), case.jacobians(one)
        known = case.rows(one, ("direct", "later"))
        steps = case.steps(one)
        row = np.zeros_like(direct[steps[-1]])  # dL/ds behind the last step
        for place, now in reversed(list(enumerate(steps))):
            row = direct[now] + (
                row @ jacobians[steps[place + 1]] if place + 1 < len(steps) else row
            )
            summed = sum(
                direct[later] @ product(jacobians, steps[place + 1 : steps.index(later) + 1])
                for later in steps[place:]
            )
            assert close(row, known[now])
            assert close(summed, known[now])


def test_a_cotangent_is_all_its_parts(case):
    _, arrays = case.environment({})
    for one in case.unrollings:
        found = case.rows(one, ("direct", "later", "within"))
        later = case.rows(one, ("later",))
        for time in case.steps(one):
            whole = [case.at(one, s, arrays[case.bar(s)], time) for s in one.states]
            assert close(found[time], np.concatenate(whole))
        assert not later[case.steps(one)[-1]].any()  # nothing comes from behind the last step
        assert all(later[time].any() for time in case.steps(one)[:-1])


def test_every_parameter_belongs_to_a_loop_or_to_what_is_behind_all(case):
    """A layer on top reads states, and no state depends on it."""
    within = {w for one in case.unrollings for w in one.weights}
    others = {i for i in case.operation.inputs if i.parameter} - within
    for other in others:
        bar = case.adjoint.cotangent[other]
        loops = {case.adjoint.cotangent[x] for one in case.unrollings for x in one.loop.tensors}
        final = case.derivation.final(bar)
        assert not {a.tensor for s in final.shown for a in s.reads} & loops


def plain_case(name):
    return Through(plain(SHIPPED[name]))


@pytest.mark.parametrize("name", ["rnn", "lstm"])
def test_a_sum_begun_late_is_caught(name):
    case = plain_case(name)
    (one,) = case.unrollings
    assert agree(case, one)
    assert not agree(case, one, start=1)


def test_a_forgotten_way_into_a_step_is_caught(monkeypatch):
    """Without the last state's own gradient, or with the way within the step counted twice."""
    case = plain_case("lstm")
    (one,) = case.unrollings
    for change in (
        lambda p: replace(p, direct=p.direct[:-1]),
        lambda p: replace(p, direct=(*p.direct, *p.within)),
    ):
        changed = replace(one, parts=tuple(map(change, one.parts)))
        assert not agree(case, changed)


def test_a_transposed_product_is_caught(monkeypatch):
    case = plain_case("gru")
    (one,) = case.unrollings
    right = case.jacobians(one)
    monkeypatch.setattr(case, "jacobians", lambda _: {t: m.T for t, m in right.items()})
    assert not agree(case, one)


def test_what_the_sum_does_not_speak_of_is_left_out():
    for operation in (leaking, far):
        assert list(recurrences(derived(operation)))
        assert not unrolled(derived(operation))
    assert not unrolled(derived(plain(SHIPPED["softmax"])))


def test_more_terms_than_anybody_reads_are_not_unrolled(monkeypatch):
    monkeypatch.setattr(jacobian, "MOST_TERMS", 2)
    assert not unrolled(derived(plain(SHIPPED["gru"])))


def test_what_leads_past_every_weight():
    found = {
        name: [Text().statements([s]) for s in straight(derived(plain(SHIPPED[name])))]
        for name in ("rnn", "lstm", "lstm_peephole", "gru", "gru_mirrored")
    }
    past = "∂c[t,n,j]/∂c[t − 1, n, j] = forget_gate[t,n,j]"
    assert found == {
        "rnn": [],
        "lstm": [past],
        "lstm_peephole": [past],
        "gru": ["∂h[t,n,j]/∂h[t − 1, n, j] = update_gate[t,n,j]"],
        "gru_mirrored": ["∂h[t,n,j]/∂h[t − 1, n, j] = 1 − update_gate[t,n,j]"],
    }


def test_it_is_what_is_left_of_a_step_without_weights(case):
    """With 0 for the parameters of a one-step Jacobian, what leads past them is all there is."""
    for one in case.unrollings:
        lengths = {a.tensor for b in one.blocks for s in b.terms for a in s.value.atoms(Access)}
        zero = {w for w in lengths if w.parameter}
        for block in (b for b in one.blocks if b.of == b.by):
            past = [s for s in one.straight if s.target.tensor.of == block.of]
            nothing = tuple(without(s, zero) for s in block.terms)
            along = [replace(s, target=Access(block.derivative, *s.target.index)) for s in past]
            expected = case.value(tuple(along), block.derivative, {})
            assert close(case.value(nothing, block.derivative, {}).astype(float),
                         expected.astype(float))  # fmt: skip


def without(statement, zero):
    reads = {a: 0 for a in statement.value.atoms(Access) if a.tensor in zero}
    return replace(statement, value=sympify(statement.value.xreplace(reads)))
