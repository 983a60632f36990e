"""A special case is what the general one computes for those options and without those inputs."""

import random

import numpy as np
import pytest
from sympy import Eq, Piecewise, Sum

from derive.calculus.plain import ABSENT, GIVEN, plain, special
from derive.errors import DefinitionError, VerificationError
from derive.language import Operation, axes, integers, option, parameter, size, sizes, tensor
from derive.language.options import is_word
from derive.language.symbols import Size
from derive.ops import shipped
from derive.prose.text import equation_text
from derive.verification.cases import few, stated
from derive.verification.reference import as_written, evaluate

SHIPPED = {o.name: o for operations in shipped().values() for o in operations}


def lines(operation: Operation) -> list[str]:
    return [equation_text(e, (), operation.order) for e in operation.equations]


def assert_same(general: Operation, choices: dict) -> None:
    """Both say the same on a small call of the special case."""
    narrow = special(general, choices)
    case = few(narrow)[0]
    counts = {s.name: n for s, n in case.values.items() if isinstance(s, Size) and not s.formula}
    there = {t.name for t in narrow.inputs}
    said = {o.name: case.options.get(o.name, o.default) for o in narrow.options}
    said |= {name: value for name, value in choices.items() if value not in (GIVEN, ABSENT)}
    whole = stated(general, counts | said)
    arrays = case.draw(case.rng("special"))
    every = arrays | {t.name: None for t in general.inputs if t.name not in there}
    left = evaluate(as_written(narrow), arrays, case.values)
    right = evaluate(as_written(general), every, whole.values)
    assert left.keys() == right.keys()
    for name, found in left.items():
        one, other = (np.asarray(a, dtype=float).ravel() for a in (found, right[name]))
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12, err_msg=name)


@pytest.mark.parametrize("name", SHIPPED)
def test_the_plain_case_computes_what_the_general_one_does(name):
    narrow = plain(SHIPPED[name])
    assert all(t.required for t in narrow.inputs)
    assert_same(SHIPPED[name], {})


@pytest.mark.parametrize("name", [n for n, o in SHIPPED.items() if o.options or len(o.inputs) > 1])
def test_so_does_any_other_special_case(name):
    operation, source = SHIPPED[name], random.Random(name)
    spare = [t.name for t in operation.inputs if not t.required]
    for _ in range(50):  # a padding may be too large for a kernel
        choices = {o.name: source.choice(o.samples) for o in operation.options if o.samples}
        choices |= dict.fromkeys(source.sample(spare, len(spare) // 2), GIVEN)
        try:
            few(special(operation, choices))
        except VerificationError:
            continue
        return assert_same(operation, choices)
    pytest.fail("no choices that go together")


N, I, O, U = sizes("N I O U")
n, i, o, u = axes("n i o u", N, I, O, U)
stride = option("stride", 1, minimum=1, meaning="step")
X, W, B = tensor("x", N, I), parameter("w", O, I), parameter("b", O, optional=True)
Z = tensor("z", N, O)
LENGTH = integers("length", N, below=I + 1, default=I)
MASK = tensor("mask", N, optional=True)


def masked() -> Operation:
    value = Sum(Piecewise((W[o, i] * X[n, i], i < LENGTH[n]), (0, True)), i) + B[o] + MASK[n]
    return Operation("masked", "", (X, W, B, LENGTH, MASK), (Z,), (Eq(Z[n, o], value),))


def test_what_is_left_out_leaves_no_trace():
    assert lines(plain(masked())) == ["z[n,o] = Σ_{i} w[o,i]·x[n,i] + b[o]"]


def test_inputs_may_be_chosen():
    chosen = special(masked(), {"mask": GIVEN, "b": ABSENT})
    assert lines(chosen) == ["z[n,o] = Σ_{i} w[o,i]·x[n,i] + mask[n]"]
    assert [t.name for t in chosen.inputs] == ["x", "w", "mask"]


def test_an_input_stays_without_which_others_would_have_no_effect():
    """Left out, the matrix that multiplies it would be left out as well."""
    start = tensor("start", I, optional=True)
    z = Eq(Z[n, o], X[n, 0] + Sum(W[o, i] * start[i], i))
    assert "start" in [t.name for t in plain(Operation("z", "", (X, W, start), (Z,), (z,))).inputs]


def test_a_setting_that_is_neutral_is_bound_and_any_other_stays():
    P = size("P", I // stride.settings[0])
    slope = option("slope", 0.01, integer=False)
    (p,) = axes("p", P)
    y = tensor("y", N, P)
    strided = Operation(
        "strided", "", (X,), (y,), (Eq(y[n, p], slope.settings[0] * X[n, stride.settings[0] * p]),),
        options=(stride, slope),
    )  # fmt: skip
    assert lines(plain(strided)) == ["y[n,p] = slope·x[n,p]"]
    assert lines(special(strided, {"stride": 3})) == ["y[n,p] = slope·x[n,3·p]"]


def test_one_group_is_no_axis():
    (equation,) = lines(plain(SHIPPED["correlate1d"]))
    assert equation == "y[n,k,q] = bias[k] + Σ_{c,v} x[n, c, q + v]·weight[k,c,v]"


def test_unknown_names_and_values_are_refused():
    with pytest.raises(DefinitionError, match="neither an option nor a spare input"):
        special(masked(), {"masc": GIVEN})
    with pytest.raises(DefinitionError, match="say given or absent"):
        special(masked(), {"mask": "yes"})
    with pytest.raises(DefinitionError, match="no value of the option stride"):
        special(SHIPPED["correlate1d"], {"stride": 0})


def test_a_word_may_be_chosen():
    words = [o for o in SHIPPED["mse_loss"].options if is_word(o.default)]
    assert (
        words and lines(special(SHIPPED["mse_loss"], {"reduction": "sum"}))[-1] == "y = Σ_{m} l[m]"
    )
