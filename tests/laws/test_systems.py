"""The calculus is closed: the adjoint and the tangent of a system are systems again."""

from fractions import Fraction
from functools import partial
from typing import Any

import numpy as np
import pytest

from derive.calculus.adjoint import adjoint, tangent
from derive.calculus.lift import to_system
from derive.calculus.statements import System
from derive.verification import reference
from derive.verification.arithmetic import FIELD
from derive.verification.cases import Case
from derive.verification.field import Element, as_elements, random_elements
from tests.cases import SUBJECT, SUBJECTS, Subject

evaluate = partial(reference.evaluate, numbers=FIELD)

TWICE = [case for name in ("linear", "correlate1d") for case in SUBJECT[name].cases[3::2]]
SMOOTH = ("sigmoid", "gelu", "gelu_tanh", "silu", "mish", "softplus", "softsign", "elu", "softmax")
SMOOTH += ("log_softmax", "glu", "layer_norm", "rms_norm", "group_norm", "batch_norm", "mse_loss")
SMOOTH += ("cross_entropy", "binary_cross_entropy_with_logits", "kl_div", "ccc_loss")


def elements(system: System, case: Case, rng) -> dict[str, Any]:
    """Random elements for every input of a system; None where the case has none."""
    drawn = {}
    integers = case.draw(rng) if any(t.integer for t in system.inputs) else {}
    for tensor in system.inputs:
        shape = [int(str(extent.xreplace(case.values))) for extent in tensor.shape]
        absent = tensor.name in case.shapes and case.shapes[tensor.name] is None
        drawn[tensor.name] = None if absent else random_elements(tuple(shape), rng)
        if tensor.integer and not absent:
            drawn[tensor.name] = integers[tensor.name].reshape(shape)
    return drawn


def exact(case: Case) -> dict:
    """Sizes and settings; those that are real are fractions."""
    return {s: Fraction(repr(v)) if isinstance(v, float) else v for s, v in case.values.items()}


def directions(system: System, x: dict[str, Any], rng) -> dict[str, Any]:
    """Random elements for every input that has a derivative and is there; None for the others."""
    real = {t.name for t in system.inputs if not t.integer}
    return {
        n: None if a is None or n not in real else random_elements(np.shape(a), rng)
        for n, a in x.items()
    }


def moved_along(x: dict[str, Any], v: dict[str, Any]) -> dict[str, Any]:
    return {
        n: a if v.get(n) is None else as_elements(a + v[n] * Element(0, 1)) for n, a in x.items()
    }


def inner(a: np.ndarray, b: np.ndarray) -> Element:
    return sum((x * y for x, y in zip(a.flat, b.flat, strict=True)), Element(0))


def check_adjoint(system: System, case: Case, rng) -> None:
    """⟨ȳ, J·v⟩ = ⟨Jᵀ·ȳ, v⟩ for the system itself; J·v from dual numbers."""
    reverse = adjoint(system)
    x = elements(system, case, rng)
    present = [t for t in system.inputs if x[t.name] is not None and t in reverse.cotangent]
    v = {t.name: random_elements(np.shape(x[t.name]), rng) for t in present}
    moved = {n: as_elements(a + v[n] * Element(0, 1)) if n in v else a for n, a in x.items()}
    y = evaluate(system, moved, exact(case))
    y_bar = {t.name: random_elements(y[t.name].shape, rng) for t in system.outputs}
    bars = reverse.cotangent  # none for an output that is zero whatever the inputs
    arriving = {bars[t].name: y_bar[t.name] for t in system.outputs if t in bars}
    x_bar = evaluate(reverse.system, {**x, **arriving}, exact(case))

    pushed = sum((inner(y_bar[n], as_elements(y[n])) for n in y_bar), Element(0))
    pulled = (inner(as_elements(x_bar[bars[t].name]), v[t.name]) for t in present)
    assert Element(pushed.tangent) == sum(pulled, Element(0))


def only(system: System, case: Case) -> System:
    """Without the outputs that belong to an absent input: there are no such gradients."""
    absent = {f"{name}_bar" for name, shape in case.shapes.items() if shape is None}
    outputs = tuple(t for t in system.outputs if t.name not in absent)
    return System(system.inputs, outputs, system.statements)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_the_adjoint_of_a_system_is_its_transpose(subject: Subject):
    """Before there is any generated code."""
    for case in subject.cases[3::8]:
        check_adjoint(to_system(subject.operation), case, np.random.default_rng(5))


@pytest.mark.parametrize("case", TWICE, ids=str)
def test_the_adjoint_of_an_adjoint_is_its_transpose(case: Case):
    """The second derivative: reverse mode applied to the result of reverse mode."""
    first = only(adjoint(to_system(case.operation)).system, case)
    check_adjoint(first, case, np.random.default_rng(6))


@pytest.mark.parametrize("name", SMOOTH)
def test_the_second_derivative_of_what_is_smooth(name):
    """The rows of the table of scalar functions are closed under differentiation."""
    for case in SUBJECT[name].cases[4::12]:
        first = only(adjoint(to_system(case.operation)).system, case)
        check_adjoint(first, case, np.random.default_rng(6))


@pytest.mark.parametrize("case", TWICE[::4], ids=str)
def test_the_third_derivative_too(case: Case):
    """Nothing is special about the second time; names of cotangents stay apart."""
    system = to_system(case.operation)
    for _ in range(2):
        system = only(adjoint(system).system, case)
    names = [t.name for t in system.tensors]
    assert len(set(names)) == len(names)
    check_adjoint(system, case, np.random.default_rng(7))


@pytest.mark.parametrize("case", TWICE[::2], ids=str)
def test_the_adjoint_of_an_adjoint_is_the_tangent_where_it_must_be(case: Case):
    """⟨ȳ, f⟩ is linear in ȳ, so differentiating its gradient by ȳ gives J·v: forward mode."""
    system = to_system(case.operation)
    first = adjoint(system)
    second = adjoint(first.system)
    rng = np.random.default_rng(8)
    x = elements(system, case, rng)
    (y,) = system.outputs
    v = {
        t.name: None if x[t.name] is None else random_elements(np.shape(x[t.name]), rng)
        for t in system.inputs
    }
    forward = tangent(system)
    dots = {f"{name}_dot": direction for name, direction in v.items()}
    (moved,) = evaluate(forward, {**x, **dots}, exact(case)).values()

    shape = np.shape(moved)
    directions = {second.cotangent[first.cotangent[t]].name: v[t.name] for t in system.inputs}
    y_bar = {first.cotangent[y].name: random_elements(shape, rng)}
    twice = evaluate(second.system, {**x, **y_bar, **directions}, exact(case))
    found = twice[second.cotangent[first.cotangent[y]].name]
    assert found.shape == shape and np.array_equal(as_elements(found), as_elements(moved))


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_the_tangent_is_what_dual_numbers_say(subject: Subject):
    """J·v by the tangent rule and by arithmetic with ε² = 0."""
    rng = np.random.default_rng(9)
    for case in subject.cases[4::8]:
        system = to_system(subject.operation)
        x = elements(system, case, rng)
        v = directions(system, x, rng)
        y = evaluate(system, moved_along(x, v), exact(case))
        dots = {f"{name}_dot": direction for name, direction in v.items()}
        y_dot = evaluate(tangent(system), {**x, **dots}, exact(case))
        for name, found in y.items():
            tangents = [Element(e.tangent) for e in as_elements(found).flat]
            dot = y_dot.get(f"{name}_dot", np.zeros(np.shape(found), int))
            assert tangents == list(as_elements(dot).flat)
