"""Central differences accept right gradients, reject wrong ones, and say when they cannot tell."""

from types import ModuleType

import numpy as np
import pytest

from derive.verification.differences import TOLERANCE, Diagnosis, check_differences
from tests.verification.samples import load
from tests.verification.test_exact import LSTM, MUTANTS, POOL

FUNCTION = """
import numpy as np
from typing import NamedTuple
class Gradients(NamedTuple):
    x: np.ndarray
def apply(x): return {value}
def forward(x): return apply(x), x
def backward(grad_output, x, wrt=("x",)): return Gradients(grad_output * ({derivative}))
"""


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def function(value: str, derivative: str) -> ModuleType:
    module = ModuleType("function")
    exec(FUNCTION.format(value=value, derivative=derivative), vars(module))
    return module


def check_function(value, derivative, x, rng, **keywords):
    module = function(value, derivative)
    return check_differences(module, {"x": np.asarray(x, float)}, {}, ["x"], rng, **keywords)


def check_lstm(rng, old="", new=""):
    inputs = {name: rng.standard_normal(shape) for name, shape in LSTM.items()}
    return check_differences(load("lstm", old, new), inputs, {}, LSTM, rng)


def test_accepts_an_lstm(rng):
    differences = check_lstm(rng)
    assert differences.agrees and differences.worst < TOLERANCE / 100
    assert set(differences.by_input) == set(LSTM)
    assert str(differences).startswith("gradients agree")


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[f"{old} → {new}" for old, new in MUTANTS])
def test_rejects_every_mutant_of_the_lstm_backward(old, new, rng):
    differences = check_lstm(rng, old, new)
    assert differences.diagnosis in (Diagnosis.ONE_WRONG, Diagnosis.SEVERAL_WRONG)
    assert differences.worst > TOLERANCE


def test_names_the_one_parameter_that_is_wrong(rng):
    differences = check_lstm(rng, "h[:-1].reshape", "h[1:].reshape")
    assert differences.diagnosis is Diagnosis.ONE_WRONG
    assert differences.where[0].startswith("weight_hh[")


def test_finds_the_one_entry_that_is_wrong(rng):
    x = rng.standard_normal((4, 5))
    wrong = "np.where(np.arange(20).reshape(4, 5) == 13, 1, 2 * x)"
    differences = check_function("x**2", wrong, x, rng)
    assert differences.diagnosis is Diagnosis.ONE_WRONG
    assert differences.where == ("x[2, 3]",)


def test_two_exchanged_entries_do_not_cancel():
    for seed in range(8):
        rng = np.random.default_rng(seed)
        assert not check_function("x**2", "2 * x[::-1]", [1.0, 2.0], rng).agrees


def test_accepts_max_pooling(rng):
    inputs = {"x": rng.standard_normal((2, 20, 30))}
    assert check_differences(load("max_pool"), inputs, POOL, ["x"], rng).agrees


def test_integer_and_absent_inputs_stay_as_they_are(rng):
    inputs = {"x": np.arange(6).reshape(2, 3), "weight": rng.standard_normal((5, 3)), "bias": None}
    assert check_differences(load("linear"), inputs, {}, ["weight", "bias"], rng).agrees


def test_a_kink_at_the_point_is_named(rng):
    differences = check_function("np.maximum(x, 0)", "x > 0", [-1.0, 0.0, 2.0], rng)
    assert differences.diagnosis is Diagnosis.KINK_CROSSED and differences.where == ("x",)


def test_a_kink_within_the_first_step_is_stepped_around(rng):
    for distance in (5e-6, 3e-6, 2e-6, 1e-6, 1e-7):
        assert check_function("np.abs(x)", "np.sign(x)", [-1.0, distance, 2.0], rng).agrees


def test_a_jump_is_no_slope(rng):
    assert check_function("np.sign(x)", "0 * x", [0.0], rng).diagnosis is Diagnosis.KINK_CROSSED


@pytest.mark.parametrize("size", [1e-3, 1.0, 1e4])
def test_strong_curvature_shrinks_the_step(size, rng):
    x = size * rng.standard_normal(5)
    assert check_function(
        f"np.sin(30 * x / {size})", f"30 / {size} * np.cos(30 * x / {size})", x, rng
    ).agrees


def test_a_step_that_is_too_small_is_named(rng):
    x = rng.standard_normal(5)
    differences = check_function("np.sin(x)", "np.cos(x)", x, rng, step=1e-13)
    assert differences.diagnosis is Diagnosis.STEP_TOO_SMALL
    assert check_function("x + 1e12", "1", x, rng).diagnosis is Diagnosis.STEP_TOO_SMALL


def test_a_constant_function_agrees_with_a_gradient_of_zero(rng):
    assert check_function("np.ones_like(x)", "0 * x", rng.standard_normal(5), rng).agrees


def test_what_is_not_finite_is_named(rng):
    differences = check_function("x", "x / np.where(x, x, np.nan)", [0.0, 1.0], rng)
    assert differences.diagnosis is Diagnosis.NOT_FINITE


def test_a_gradient_of_another_shape_is_named(rng):
    differences = check_function("x", "np.ones((2, 1))", [0.0, 1.0], rng)
    assert differences.diagnosis is Diagnosis.MISSHAPEN and differences.where == ("x",)


@pytest.mark.parametrize("shape", [(), (0,), (1, 0)])
def test_any_shape_will_do(shape, rng):
    assert check_function("x**2", "2 * x", rng.standard_normal(shape), rng).agrees
