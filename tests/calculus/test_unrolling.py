"""Backpropagation through time as a double sum: evaluated, it is the recursion and the adjoint."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq

from derive.calculus import unrolling
from derive.calculus.adjoint import adjoint
from derive.calculus.lift import equations_of, outputs_apart
from derive.calculus.plain import plain
from derive.calculus.statements import System
from derive.calculus.unrolling import recurrences, straight, unrolled
from derive.language.symbols import Access
from derive.ops import shipped
from derive.prose.text import Text
from derive.verification.reference import evaluate
from tests.calculus.evaluation import number
from tests.calculus.test_jacobian import Soft, derived, mixing, mutual

SIZES = {"T": 3, "N": 2, "I": 2, "H": 2, "P": 3, "O": 2, "clip": 1, "steps": 3}
SHIPPED = {o.name: o for family in shipped().values() for o in family}


def reads_itself(operation):
    """Whether a tensor depends on itself."""
    reads = {}
    for equation in equations_of(operation):
        found = {a.tensor for a in equation.right.atoms(Access)}
        reads.setdefault(equation.left.tensor, set()).update(found)
    reached = {tensor: set(found) for tensor, found in reads.items()}
    for _ in reads:
        for found in reached.values():
            found |= {further for tensor in found for further in reads.get(tensor, ())}
    return any(tensor in found for tensor, found in reached.items())


def recurrent():
    """Every shipped operation with a loop, in its plain case, and two that nobody ships."""
    found = [plain(o) for o in SHIPPED.values() if reads_itself(o)]
    return [*(o for o in found if list(recurrences(derived(o)))), mutual, mixing]


class Through(Soft):
    """A loop with numbers: its Jacobians, what enters it directly, and what its weights do."""

    def __init__(self, operation):
        super().__init__(operation, SIZES)
        self.unrollings = unrolled(self.derivation)

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
        cut = self.cut(one)
        way = adjoint(cut, one.weights)
        sizes, arrays = self.environment({})
        given = dict(arrays)
        start = 0
        for state in one.states:
            array = np.zeros_like(arrays[self.bar(state)])
            index = [slice(None)] * array.ndim
            index[one.loop.place[state]] = time - state.offset[one.loop.place[state]]
            size = array[tuple(index)].size
            array[tuple(index)] = row[start : start + size].reshape(array[tuple(index)].shape)
            start += size
            given[way.cotangent[state].name] = array
        found = evaluate(way.system, given | self.before(one), sizes)
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


@pytest.fixture(scope="module", params=recurrent(), ids=str)
def case(request):
    return Through(request.param)


def double_sum(case, one):
    """Σ_t Σ_{t' ≤ t} ∂L[t]/∂s[t] J[t] ⋯ J[t'+1] ∂⁺s[t']/∂w, term by term as it is printed."""
    direct, steps = case.rows(one, ("direct",)), case.steps(one)
    jacobians = case.jacobians(one)
    total = {w: 0 for w in one.weights}
    for last, time in enumerate(steps):
        for first, earlier in enumerate(steps[: last + 1]):
            row = direct[time]
            for between in reversed(steps[first + 1 : last + 1]):
                row = row @ jacobians[between]
            for weight, value in case.immediate(one, earlier, row).items():
                total[weight] = total[weight] + value
    return total


def test_the_double_sum_is_the_adjoint(case):
    _, arrays = case.environment({})
    assert case.unrollings
    for one in case.unrollings:
        assert one.weights
        for weight, value in double_sum(case, one).items():
            expected = arrays[case.bar(weight)].astype(float)
            assert abs(expected).max() > 1e-4, weight
            np.testing.assert_allclose(value, expected, rtol=1e-9, atol=1e-12)


def test_the_double_sum_is_the_recursion(case):
    """dL/ds[t] by the recursion, by the sum over later steps, and as part of the cotangent."""
    for one in case.unrollings:
        direct, jacobians = case.rows(one, ("direct",)), case.jacobians(one)
        known = case.rows(one, ("direct", "later"))
        steps = case.steps(one)
        row = np.zeros_like(direct[steps[-1]])
        for place in reversed(range(len(steps))):
            now = steps[place]
            if place + 1 < len(steps):
                row = row @ jacobians[steps[place + 1]]
            row = direct[now] + row
            np.testing.assert_allclose(row, known[now], rtol=1e-9, atol=1e-12)
            summed = 0
            for later in range(place, len(steps)):
                part = direct[steps[later]]
                for between in reversed(steps[place + 1 : later + 1]):
                    part = part @ jacobians[between]
                summed = summed + part
            np.testing.assert_allclose(summed, known[now], rtol=1e-9, atol=1e-12)
