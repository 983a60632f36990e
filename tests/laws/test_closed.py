"""Operations are closed under differentiation: gradients and tangents of them are operations again.

A sample with operations of every family is tried; all of them with DERIVE_ALL_DERIVATIVES=1.
"""

from __future__ import annotations

import os
from fractions import Fraction
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from sympy import Eq, Sum, exp, tanh

import derive
from derive.calculus.lift import to_system
from derive.errors import DefinitionError
from derive.language import (
    Operation,
    axes,
    axis,
    compose,
    option,
    parameter,
    part,
    size,
    sizes,
    tensor,
)
from derive.prose.names import named
from derive.verification.arithmetic import FIELD, NUMBERS
from derive.verification.cases import Case
from derive.verification.exact import leaves, like
from derive.verification.field import Element, as_elements, random_elements, seam
from derive.verification.reference import as_written, evaluate
from tests.cases import SUBJECT, SUBJECTS, Subject

SAMPLE = {
    "linear", "embedding", "concatenate",
    "tanh", "gelu", "relu", "prelu", "softmax", "glu",
    "layer_norm", "batch_norm",
    "mse_loss", "cross_entropy", "binary_cross_entropy_with_logits", "kl_div",
    "correlate1d", "conv_transpose1d", "signal_convolve",
    "max_pool1d", "avg_pool2d", "lp_pool1d", "adaptive_max_pool1d",
    "rnn", "lstm", "lstm_clipped", "gru_cell", "gru_truncated",
    "rnn_bidirectional", "rnn_stacked",
}  # fmt: skip
EVERY = "DERIVE_ALL_DERIVATIVES" in os.environ
CHOSEN = [s for s in SUBJECTS if EVERY or s.operation.name in SAMPLE]
SMOOTH = {
    "linear", "tanh", "gelu", "softmax", "glu", "layer_norm", "mse_loss", "cross_entropy",
    "correlate1d", "conv_transpose1d", "signal_convolve", "lp_pool1d", "rnn", "lstm_cell",
}  # fmt: skip
Arrays = dict[str, Any]


def small(subject: Subject, count: int) -> list[Case]:
    """Cases that are not empty, some of the smaller ones; and one that is."""

    def entries(case: Case) -> int:
        return sum(int(np.prod(shape)) for shape in case.shapes.values() if shape is not None)

    full = sorted((c for c in subject.cases if not c.is_empty), key=entries)
    empty = [c for c in subject.cases if c.is_empty]
    return [*full[3 : 3 + 3 * count : 3], *empty[:1]]


def elements(case: Case, rng) -> Arrays:
    """Random elements for every input that holds real numbers and is there."""
    drawn = case.draw(rng)
    return {n: random_elements(drawn[n].shape, rng) if n in case.differentiable else a
            for n, a in drawn.items()}  # fmt: skip


def settings(case: Case) -> dict:
    return {s: Fraction(repr(v)) if isinstance(v, float) else v for s, v in case.values.items()}


def fractions(case: Case) -> dict[str, Any]:
    """Options that are real, said aloud as exact numbers."""
    real = {o.name: o.default for o in case.operation.options if not o.integer} | dict(case.options)
    return {n: Fraction(repr(v)) for n, v in real.items() if isinstance(v, float)}


def computed(operation: Operation, given: Arrays, case: Case, numbers=FIELD) -> Arrays:
    """The outputs of an operation by plain loops over its equations, in the shapes of a caller."""
    present = {t.name: given.get(t.name) for t in operation.inputs}
    return evaluate(as_written(operation), present, settings(case), numbers)


def backward(module: ModuleType, case: Case, x: Arrays, y_bar: Arrays, **options: Any) -> Arrays:
    """The gradients of the inputs that are there, by the operation's own module."""
    output, residuals = module.forward(*x.values(), **{**case.options, **options})
    names = zip(leaves(output), case.outputs, strict=True)
    arriving = {leaf: y_bar[name] for leaf, name in names if name in y_bar}
    grads = module.backward(like(output, arriving), residuals)
    return {n: getattr(grads, n) for n in case.differentiable}


def cotangents(case: Case, rng, draw=random_elements) -> Arrays:
    real = [t.name for t in case.operation.outputs if not t.integer]
    return {n: draw(case.outputs[n], rng) for n in real}


def suffixed(arrays: Arrays, suffix: str) -> Arrays:
    return {f"{name}_{suffix}": array for name, array in arrays.items()}


def inner(one: Arrays, other: Arrays) -> Element:
    """⟨a, b⟩ over the names that both have; what one lacks is 0."""
    pairs = [(as_elements(one[n]), as_elements(other[n])) for n in one.keys() & other.keys()]
    return sum((x * y for a, b in pairs for x, y in zip(a.flat, b.flat, strict=True)), Element(0))


def bare(arrays: Arrays, suffix: str) -> Arrays:
    return {name.removesuffix(f"_{suffix}"): array for name, array in arrays.items()}


@pytest.mark.parametrize("subject", CHOSEN, ids=str)
def test_the_gradient_of_an_operation_is_its_backward(subject: Subject):
    """Exactly: both are computed in the field; where a hash knows an identity on one side alone,
    40 digits decide."""
    of = derive.gradient(subject.operation)
    for case in small(subject, 2):
        rng = np.random.default_rng(3)
        x, y_bar = elements(case, rng), cotangents(case, rng)
        found = bare(computed(of, x | suffixed(y_bar, "bar"), case), "bar")
        expected = backward(seam(subject.module), case, x, y_bar, **fractions(case))
        for name, array in found.items():
            if name in expected:
                assert same(array, expected[name]) or same_numbers(of, subject, case, name), name
        rest = [expected[name] for name in expected.keys() - found.keys()]
        assert all((as_elements(array) == as_elements(0 * array)).all() for array in rest)


def same(one: np.ndarray, other: np.ndarray) -> bool:
    return np.array_equal(as_elements(one).ravel(), as_elements(other).ravel())


def same_numbers(of: Operation, subject: Subject, case: Case, name: str) -> bool:
    rng = np.random.default_rng(4)
    x, y_bar = case.draw(rng), cotangents(case, rng, lambda shape, r: r.standard_normal(shape))
    found = bare(computed(of, x | suffixed(y_bar, "bar"), case, NUMBERS), "bar")[name]
    expected = backward(subject.module, case, x, y_bar)[name]
    return np.allclose(found.astype(float).ravel(), expected.ravel(), rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("subject", CHOSEN, ids=str)
def test_the_tangent_is_the_derivative_and_the_gradient_its_transpose(subject: Subject):
    """ẏ is what dual numbers say, and ⟨ȳ, ẏ⟩ = ⟨x̄, ẋ⟩; exactly."""
    operation = subject.operation
    one, other = derive.gradient(operation), derive.tangent(operation)
    for case in small(subject, 2):
        rng = np.random.default_rng(5)
        x, y_bar = elements(case, rng), cotangents(case, rng)
        x_dot = {n: random_elements(np.shape(x[n]), rng) for n in case.differentiable}
        y_dot = bare(computed(other, x | suffixed(x_dot, "dot"), case), "dot")
        x_bar = bare(computed(one, x | suffixed(y_bar, "bar"), case), "bar")
        assert inner(y_bar, y_dot) == inner(x_bar, x_dot)
        moved = {n: as_elements(x[n] + x_dot[n] * Element(0, 1)) for n in x_dot}
        values = evaluate(to_system(operation), x | moved, settings(case), FIELD)
        for name, array in values.items():
            slopes = [Element(e.tangent) for e in as_elements(array).flat]
            found = as_elements(y_dot.get(name, np.zeros(array.shape, int)))
            assert slopes == list(found.flat)


# ---- modules -------------------------------------------------------------------------------


def called(module: ModuleType, operation: Operation, given: Arrays, case: Case) -> Arrays:
    """What a module computes, by name of the output."""
    present = {t.name: given.get(t.name) for t in operation.inputs}
    found = module.apply(**present, **case.options)
    return dict(zip([t.name for t in operation.outputs], leaves(found).values(), strict=True))


def central(values, x: Arrays, x_dot: Arrays, step: float = 1e-5) -> Arrays:
    """The slopes of what a function computes along a direction."""
    sides = [values(x | {n: x[n] + sign * step * x_dot[n] for n in x_dot}) for sign in (1, -1)]
    return {n: (sides[0][n] - sides[1][n]) / (2 * step) for n in sides[0]}


def near(found: Arrays, expected: Arrays) -> None:
    for name, array in found.items():
        scale = max(1.0, float(np.max(np.abs(array), initial=0)))
        np.testing.assert_allclose(array / scale, expected[name] / scale, atol=1e-6, err_msg=name)


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.operation.name in SMOOTH], ids=str)
def test_modules_of_first_and_second_derivatives(subject: Subject):
    """Each is checked as every module is; and beside them, differences: of values for tangents, of
    gradients for Hessian-vector products."""
    operation = subject.operation
    tangent, gradient = derive.tangent(operation), derive.gradient(operation)
    moving = [t.name for t in gradient.inputs if t in operation.inputs and not t.integer]
    product = derive.tangent(gradient, moving)
    case = small(subject, 1)[0]
    rng = np.random.default_rng(6)
    x = case.draw(rng)
    x_dot = {n: rng.standard_normal(np.shape(x[n])) for n in case.differentiable}
    y_bar = cotangents(case, rng, lambda shape, r: r.standard_normal(shape))
    given = x | suffixed(y_bar, "bar") | suffixed(x_dot, "dot")

    def values(x: Arrays) -> Arrays:
        return suffixed(called(subject.module, operation, x, case), "dot")

    def bars(x: Arrays) -> Arrays:
        return suffixed(backward(subject.module, case, x, y_bar), "bar_dot")

    near(called(derive.compile(tangent), tangent, given, case), central(values, x, x_dot))
    found = called(derive.compile(product), product, given, case)
    there = {n: a for n, a in found.items() if n.removesuffix("_bar_dot") in case.differentiable}
    assert there
    near(there, central(bars, x, x_dot))


LOSSES = ["mse_loss", "huber_loss", "cross_entropy", "binary_cross_entropy_with_logits", "ccc_loss"]


@pytest.mark.parametrize("subject", [s for s in SUBJECTS if s.operation.name in LOSSES], ids=str)
def test_the_gradient_of_the_gradient_of_a_loss_is_its_hessian(subject: Subject):
    """Which is symmetric: H v by the gradient of the gradient, and by the tangent of it."""
    gradient = derive.gradient(subject.operation, ["x"])
    wrt = ["x"] if "x" in [t.name for t in gradient.inputs] else ["y_bar"]
    for case in small(subject, 2)[:2]:
        rng = np.random.default_rng(7)
        x, y_bar = elements(case, rng), cotangents(case, rng)
        v = random_elements(np.shape(x["x"]), rng)
        given = x | suffixed(y_bar, "bar")
        twice, along = derive.gradient(gradient, wrt), derive.tangent(gradient, wrt)
        (one,) = computed(twice, given | {"x_bar_bar": v}, case).values()
        (other,) = computed(along, given | {"x_dot": v}, case).values()
        assert wrt == ["y_bar"] or same(one, other)


def test_third_derivatives_are_operations_too():
    """y = exp(2x): the third derivative is 8y, by any way of taking it."""
    N = size("N")
    n, x, y = axis("n", N), tensor("x", N), tensor("y", N)
    cube = Operation("cube", "E.", (x,), (y,), (Eq(y[n], exp(2 * x[n])),))
    at, ones = np.array([0.5, -1.0]), np.ones(2)
    for ways in ("ttt", "gtt", "ggt", "ggg", "tgt"):
        operation = cube
        for way in ways:
            operation = (derive.tangent if way == "t" else derive.gradient)(operation, ["x"])
        given = {t.name: at if t.name == "x" else ones for t in operation.inputs}
        found = derive.compile(operation).apply(**given)
        np.testing.assert_allclose(found, 8 * np.exp(2 * at))


@pytest.mark.parametrize("way", ["gtg", "tgg", "gg"])
def test_a_derivative_may_be_a_part(way):
    """The penalty Σ ‖∂e/∂x‖² of e = Σ tanh(w·x), and its gradient by w, are operations."""
    N, I = sizes("N I")
    n, i = axes("n i", N, I)
    x, w, e = tensor("x", N, I), parameter("w", I), tensor("e", N)
    energy = Operation("energy", "E.", (x, w), (e,), (Eq(e[n], tanh(Sum(w[i] * x[n, i], i))),))
    one, penalty = tensor("one", N), tensor("penalty")
    slope = part(derive.gradient(energy, ["x"]), "", x=x, w=w, e_bar=one)
    square = Sum(slope["x_bar"][n, i] ** 2, n, i)
    equations = (Eq(one[n], 1), Eq(penalty[()], square))
    whole = compose(
        "penalty", "P.", (slope,), inputs=(x, w), outputs=(penalty,), equations=equations
    )
    rng = np.random.default_rng(8)
    at, weight, step = rng.standard_normal((4, 3)), rng.standard_normal(3), 1e-6
    module = derive.compile(whole)

    def value(weight: np.ndarray) -> float:
        return float((((1 - np.tanh(at @ weight) ** 2)[:, None] * weight) ** 2).sum())

    value_found, residuals = module.forward(at, weight)
    assert abs(value_found - value(weight)) < 1e-12
    by_hand = [
        (value(weight + step * u) - value(weight - step * u)) / (2 * step) for u in np.eye(3)
    ]
    np.testing.assert_allclose(module.backward(np.array(1.0), residuals).w, by_hand, rtol=1e-6)
    operation = whole
    for letter in way:
        operation = (derive.tangent if letter == "t" else derive.gradient)(operation)
    derive.compile(operation)


def test_a_cotangent_and_its_cotangent_look_different():
    names = [named(name) for name in ("x", "x_bar", "x_bar_bar", "x_bar2")]
    assert len(set(names)) == 4 and [name.barred for name in names] == [False, True, True, False]


def test_what_carries_over():
    """Options, what is required, the meaning of indices, names of rows; integers, and what may be
    left out with its direction."""
    lstm, pool = operation_of("lstm"), operation_of("embedding")
    gradient, along = derive.gradient(lstm), derive.tangent(lstm)
    assert gradient.rows == lstm.rows and gradient.legend == lstm.legend
    assert gradient.options == lstm.options and gradient.requires == lstm.requires
    spare = {t.name for t in along.inputs if not t.required}
    assert {"h0", "h0_dot", "bias_ih_dot", "lengths"} <= spare and "x_dot" not in spare
    assert [t.name for t in derive.gradient(pool).inputs] == ["weight", "indices", "y_bar"]
    named = derive.gradient(lstm, ["x"], name="lstm_by_x")
    assert named.name == "lstm_by_x" and [t.name for t in named.outputs] == ["x_bar"]


def operation_of(name: str) -> Operation:
    return SUBJECT[name].operation


REFUSED = [
    (
        lambda: derive.gradient(operation_of("linear"), ["z"]),
        "linear: wrt names z, which is no input",
    ),
    (lambda: derive.gradient(operation_of("linear"), []), "wrt names no input"),
    (
        lambda: derive.tangent(operation_of("embedding"), ["indices"]),
        "indices, which holds integers",
    ),
    (lambda: derive.tangent(derive.gradient(operation_of("relu")), ["x"]), "by x is 0 wherever"),
    (
        lambda: derive.tangent(derive.gradient(operation_of("max_pool1d")), ["x"]),
        "by x is 0 wherever",
    ),
    (lambda: derive.gradient(derive.gradient(operation_of("linear"), ["x"]), ["x"]), "no input"),
]


@pytest.mark.parametrize("made, message", REFUSED)
def test_what_has_no_derivative_is_refused(made, message):
    with pytest.raises(DefinitionError, match=message):
        made()


def test_a_condition_on_a_real_setting_is_differentiated():
    """The slope of x**p has a case for p = 0, and the second one, too."""
    N = size("N")
    n, x, y = axis("n", N), tensor("x", N, interval=(0, 9)), tensor("y", N)
    power = option("p", 2, integer=False, samples=(1, 0, 3))
    raised = Operation("raised", "R.", (x,), (y,), (Eq(y[n], x[n] ** power[0]),), (power,))
    second = derive.compile(derive.tangent(derive.gradient(raised)))
    at, one, zero = np.array([0.0, 2.0]), np.ones(2), np.zeros(2)
    for p, expected in ((0, [0, 0]), (1, [0, 0]), (3, [0, 12])):
        found = second.apply(at, one, one, zero, p=p)
        np.testing.assert_allclose(found, expected)
