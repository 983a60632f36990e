"""The exact checker accepts right modules and rejects wrong ones."""

from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from derive.verification.exact import transpose_defect
from derive.verification.field import Element, NoRule
from tests.verification.samples import load

LSTM = {
    "x": (3, 2, 3),
    "weight_ih": (8, 3),
    "weight_hh": (8, 2),
    "bias": (8,),
    "h0": (2, 2),
    "c0": (2, 2),
}
LINEAR = {"x": (2, 3), "weight": (5, 3), "bias": (5,)}
POOL = {"size": 3, "stride": 2, "padding": 1}
EVERYTHING = set(LSTM)

# Every one of these is a slip that people make: a sign, a factor, an index, a shape.
MUTANTS = [
    ("1 - tanh_c[t] ** 2", "1"),
    ("1 - tanh_c[t] ** 2", "1 + tanh_c[t] ** 2"),
    ("1 - tanh_c[t] ** 2", "1 - tanh_c[t]"),
    ("c_bar + h_bar * o", "c_bar - h_bar * o"),
    ("c_bar + h_bar * o", "h_bar * o"),
    ("h_bar + grad_output.y[t]", "h_bar - grad_output.y[t]"),
    ("h_bar + grad_output.y[t]", "h_bar + grad_output.y[t - 1]"),
    ("g * i * (1 - i)", "g * i * (1 + i)"),
    ("g * i * (1 - i)", "g * (1 - i)"),
    ("c[t] * f * (1 - f)", "c[t + 1] * f * (1 - f)"),
    ("i * (1 - g**2)", "i * (1 - g)"),
    ("i * (1 - g**2)", "f * (1 - g**2)"),
    ("h_bar * tanh_c[t] * o", "h_bar * c[t] * o"),
    ("c_bar = c_bar * f", "c_bar = c_bar * i"),
    ("h_bar = a_bar[t]", "h_bar = a_bar[-1]"),
    ("h_bar = a_bar[t]", "h_bar = -a_bar[t]"),
    ("@ x.reshape(T * N, -1)", "@ -x.reshape(T * N, -1)"),
    ("h[:-1].reshape", "h[1:].reshape"),
    ("bias=a_bar.sum(axis=0)", "bias=a_bar[0]"),
    ("h0=h_bar", "h0=-h_bar"),
    ("h0=h_bar", "h0=c_bar"),
    ("np.zeros((N, H), x.dtype) if grad_output.c_n is None else grad_output.c_n", "0 * h_bar"),
]


@pytest.fixture
def rng():
    return np.random.default_rng(7)


def test_accepts_a_linear_layer(rng):
    defect = transpose_defect(load("linear"), LINEAR, {}, tuple(LINEAR), rng)
    assert defect.is_zero and defect.total == 0 and not defect.by_input
    assert str(defect) == "⟨ȳ, J·v⟩ = ⟨Jᵀ·ȳ, v⟩ exactly"


@pytest.mark.parametrize("absent", [(), ("h0",), ("h0", "c0")], ids=str)
def test_accepts_an_lstm(absent, rng):
    inputs = {name: None if name in absent else shape for name, shape in LSTM.items()}
    assert transpose_defect(load("lstm"), inputs, {}, EVERYTHING, rng).is_zero


def test_accepts_named_constants_and_float_options(rng):
    for scale in (0.1, 1e-5, 2.0, 3):
        assert transpose_defect(load("gelu"), {"x": (2, 3)}, {"scale": scale}, ["x"], rng).is_zero


@pytest.mark.parametrize("wrong", ["-x**2", "-0.25 * x**2"])
def test_rejects_a_wrong_density(wrong, rng):
    module = load("gelu", "-0.5 * x**2", wrong)
    assert not transpose_defect(module, {"x": (2, 3)}, {}, ["x"], rng).is_zero


def test_accepts_max_pooling_and_its_integer_output(rng):
    assert transpose_defect(load("max_pool"), {"x": (2, 5, 6)}, POOL, ["x"], rng).is_zero


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("winner // size,", "winner % size,"),
        ("stride * p + winner", "p + winner"),
        ("[:, padding : padding + H", "[:, :H"),
    ],
)
def test_rejects_misrouted_maxima(old, new, rng):
    module = load("max_pool", old, new)
    assert not transpose_defect(module, {"x": (2, 5, 6)}, POOL, ["x"], rng).is_zero


@pytest.mark.parametrize(("old", "new"), MUTANTS, ids=[f"{old} → {new}" for old, new in MUTANTS])
def test_rejects_every_mutant_of_the_lstm_backward(old, new, rng):
    assert transpose_defect(load("lstm", old, new), LSTM, {}, EVERYTHING, rng).total != 0


def test_names_the_input_that_is_wrong(rng):
    defect = transpose_defect(
        load("lstm", "h[:-1].reshape", "h[1:].reshape"), LSTM, {}, EVERYTHING, rng
    )
    assert {name for name, part in defect.by_input.items() if part != 0} == {"weight_hh"}
    assert defect.total == sum(defect.by_input.values())
    assert str(defect) == "⟨ȳ, J·v⟩ ≠ ⟨Jᵀ·ȳ, v⟩ in weight_hh"


@pytest.mark.parametrize(
    ("old", "new", "fault"),
    [
        ("return apply(x, weight, bias),", "return 2 * apply(x, weight, bias),", "apply and"),
        (
            'grad_output @ weight if "x" in wrt',
            'grad_output @ np.add(weight, weight, out=weight) if "x" in wrt',
            "two backward calls disagree in x",
        ),
        ('sum(axis=0) if "bias" in wrt and', "sum(axis=0) if", "wrt=('x',) disagree in bias"),
        (
            'weight=grad_output.T @ x if "weight" in wrt',
            "weight=grad_output.T @ x if len(wrt) == 3",
            "wrt=('weight',) disagree in weight",
        ),
        ("grad_output.T @ x", "None and x", "weight has no gradient"),
        ("grad_output.sum(axis=0)", "grad_output", "gradient of bias has shape (2, 5)"),
        ("grad_output.sum(axis=0)", "np.empty(5, x.dtype)", "entries that were never written"),
    ],
)
def test_names_other_faults(old, new, fault, rng):
    defect = transpose_defect(load("linear", old, new), LINEAR, {}, tuple(LINEAR), rng)
    assert not defect.is_zero and fault in str(defect)


def test_a_gradient_of_a_constant_input_is_a_fault(rng):
    module = load("linear", 'if "bias" in wrt and has_bias else None', "")
    assert "gradient of bias exists" in str(transpose_defect(module, LINEAR, {}, ["x"], rng))


def test_arrays_are_used_as_they_are(rng):
    inputs = LINEAR | {"x": np.arange(6).reshape(2, 3)}
    assert transpose_defect(load("linear"), inputs, {}, ["weight", "bias"], rng).is_zero


def test_constant_outputs_have_no_cotangent(rng):
    module = load("lstm", "h_bar + grad_output.y[t]", "h_bar + 2 * grad_output.y[t]")
    for constant, right in (("h_n", False), ("y", True)):
        defect = transpose_defect(module, LSTM, {}, EVERYTHING, rng, constant_outputs=(constant,))
        assert defect.is_zero is right


def test_reading_what_was_never_written_is_an_error(rng):
    """In floats it would be garbage, and sometimes the right one."""
    module = load("lstm", "h_bar = a_bar[t]", "h_bar = a_bar[0]")
    with pytest.raises(TypeError, match="NoneType"):
        transpose_defect(module, LSTM, {}, EVERYTHING, rng)


def test_leaves_the_module_alone(rng):
    module = load("linear")
    before = dict(vars(module))
    transpose_defect(module, LINEAR, {}, tuple(LINEAR), rng)
    assert vars(module) == before


def test_is_reproducible():
    module = load("linear", "grad_output.T @ x", "-grad_output.T @ x")
    first, second = (
        transpose_defect(module, LINEAR, {}, tuple(LINEAR), np.random.default_rng(3))
        for _ in range(2)
    )
    assert isinstance(first.total, Element) and first.total == second.total != 0


def test_what_apply_cannot_compute_in_the_field_is_told_from_what_backward_cannot(rng):
    """With the one nothing can be said; the other is a fault of backward."""

    def module(at: str) -> ModuleType:
        made = ModuleType("reciprocal")
        made.__dict__.update(
            apply=lambda x: 1 / (x - x) if at == "apply" else x,
            forward=lambda x: (x, x),
            backward=lambda y, x, wrt: SimpleNamespace(x=y / (x - x) if at == "backward" else y),
        )
        return made

    shapes = {"x": (2,)}
    assert transpose_defect(module(""), shapes, {}, ("x",), rng, subsets=False).is_zero
    with pytest.raises(NoRule, match="division by zero"):
        transpose_defect(module("apply"), shapes, {}, ("x",), rng)
    with pytest.raises(ZeroDivisionError):
        transpose_defect(module("backward"), shapes, {}, ("x",), rng)
