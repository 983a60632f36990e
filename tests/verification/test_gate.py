"""No module gets by that is not what its definition says: one slip for every check."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from sympy import Eq, Piecewise, Rational, Sum, atan, cosh, exp, log, sign, sin, sqrt, tan, tanh

import derive
from derive import pipeline
from derive.errors import DefinitionError, NotVerified
from derive.language import Maximum, Operation, axes, expm1, integers, option, sizes, tensor
from derive.language.scalars import normal_pdf
from derive.verification.cases import FEW, cases, few
from derive.verification.gate import examine
from derive.verification.strategies import Loaded
from derive.verification.verify import Verification
from tests.cases import SUBJECT, SUBJECTS, Subject

N, I = sizes("N I")
n, i = axes("n i", N, I)
x, y, z = tensor("x", N, I), tensor("y", N), tensor("z", N, I)
rest = tensor("rest", N)
SUMS = Operation("sums", "Add squares.", (x,), (y,), (Eq(y[n], Sum(x[n, i] ** 2, i)),))
LARGEST = Operation("largest", "Take the largest.", (x,), (y,), (Eq(y[n], Maximum(x[n, i], i)),))


def text_of(operation: Operation) -> str:
    return pipeline.rendered(operation, "").outputs[0].text


def slipped(operation: Operation, right: str, wrong: str) -> NotVerified:
    text = text_of(operation)
    assert len(re.findall(right, text)) >= 1, text
    with pytest.raises(NotVerified) as refusal:
        examine(operation, re.sub(right, wrong, text, count=1))
    return refusal.value


@pytest.mark.parametrize("subject", SUBJECTS[::9], ids=str)
def test_what_ships_gets_by(subject: Subject):
    findings = examine(subject.operation, subject.path.read_text(encoding="utf-8"))
    assert 5 <= findings.cases <= FEW


@pytest.mark.parametrize(
    "right, wrong, check",
    [
        (r"np\.square\(x\)", "np.square(x + 1)", "values"),
        (r"return \(x_bar,\)", "return (x_bar * 2,)", "values"),
        (r"return \(x_bar,\)", "return (x_bar[:0],)", "values"),
        (r"return \(x_bar,\)", "raise KeyError(3)", "values"),
        (r"return y, x", "return y * np.float64(1), x", "float32"),
        (r"np\.square\(x\)", "np.square((x + 8192) - 8192)", "float32"),  # off by 1e-12, 1e-3
    ],
)
def test_a_slip_is_found_by(right, wrong, check):
    assert slipped(SUMS, right, wrong).check == check


def test_memory_that_nobody_wrote_is_not_0():
    """np.empty often holds zeros, so what is added to it is right by luck."""
    text = text_of(SUMS)
    wrong = text.replace(
        "    return y, x", "    y = y + np.empty(y.shape, y.dtype) * 0\n    return y, x"
    )
    assert wrong != text
    with pytest.raises(NotVerified):
        examine(SUMS, wrong)


def test_ties_are_tried():
    """The last of the largest instead of the first: the same wherever no two are equal."""
    text = text_of(LARGEST)
    assert "_first(" in text
    last = text.replace(
        "points.argmax(axis=-1)", "points.shape[-1] - 1 - points[..., ::-1].argmax(axis=-1)"
    )
    assert last != text
    with pytest.raises(NotVerified, match=r"ties|values"):
        examine(LARGEST, last)


def test_a_refusal_says_what_failed_on_which_call_and_whose_fault_it_is():
    refusal = slipped(SUMS, r"return \(x_bar,\)", "return (x_bar * 2,)")
    text = str(refusal)
    assert "sums: the module that was made is not what the definition says" in text
    assert "values" in text and "sums x[1,1]" in text  # the smallest call that shows it
    assert re.search(r"the gradient of x is off by .*: \[0, 0\] is \S+, and should be \S+", text)
    assert "defect of derive, not of the definition" in text and "--no-verify" in text


def test_compile_hands_out_nothing_that_failed(monkeypatch):
    def refuse(operation, text):
        raise NotVerified(operation.name, "values", "sums x[1,1]", "", "y is off")

    monkeypatch.setattr(pipeline, "examine", refuse)
    with pytest.raises(NotVerified):
        derive.compile(SUMS)
    assert derive.compile(SUMS, verify=False).apply.__name__ == "apply"


@pytest.mark.parametrize(
    "value",
    [
        Piecewise((x[n, i], x[n, i] < Rational(1, 2)), (1, True)),
        (x[n, i] + 1e-6) ** 2,
        x[n, i] * 0.1 / 3,
        atan(exp(x[n, i])),
        sqrt(x[n, i] ** 2 + Rational(1, 3)),
        log(1 + x[n, i] ** 2) / log(10),
    ],
    ids=str,
)
def test_right_modules_get_by(value):
    examine_of = Operation("own", "One's own.", (x,), (z,), (Eq(z[n, i], value),))
    assert derive.compile(examine_of) is not None


def test_the_few_cases_are_of_every_kind():
    rate = option("rate", 1, samples=(2, 3), minimum=1)
    bias = tensor("bias", I, optional=True)
    code = integers("code", N, below=I)
    operation = Operation(
        "kinds", "Kinds.", (x, code, bias), (z,),
        (Eq(z[n, i], rate[0] * x[n, i] + Piecewise((bias[i], code[n] >= 1), (0, True))),),
        options=(rate,),
    )  # fmt: skip
    chosen = few(operation)
    assert 5 <= len(chosen) <= FEW and len({str(c) for c in chosen}) == len(chosen)
    assert any(c.is_empty for c in chosen)
    assert any(not c.options and c.shapes["bias"] for c in chosen)
    assert any(c.options for c in chosen)
    assert {c.shapes["bias"] is None for c in chosen} == {True, False}
    assert any(c.shapes["x"] == (1, 1) for c in chosen)
    assert [str(c) for c in few(operation)] == [str(c) for c in chosen]


def squares_of(value) -> Operation:
    return Operation("own", "One's own.", (x, y), (z,), (Eq(z[n, i], value),))


TOTAL = Sum(x[n, i] ** 2, i)


@pytest.mark.parametrize(
    "value",
    [
        sin(expm1(TOTAL)),  # some 1e5: of float32, half of the digits are left, or none
        tan(TOTAL) ** 3,
        sign(Sum(y[n] ** 2 * x[n, i], i)),  # 0 if all terms cancel
        sign(normal_pdf(TOTAL)),  # below what float32 can hold
        cosh(Sum(10 * tanh(TOTAL), n)) ** 3 * y[n],
    ],
    ids=str,
)
def test_what_rounding_does_is_no_defect(value):
    examine(both := squares_of(y[n] + value * x[n, i]), text_of(both))


def test_a_slip_beside_what_rounding_does():
    """An exponential of sums is ill-conditioned; a wrong term beside it is found all the same."""
    slope = squares_of(sin(expm1(TOTAL)) + y[n] * x[n, i])
    text = text_of(slope)
    wrong = re.sub(r"\by\[:, None\] \* x\b", "y[:, None] * x * 1.001", text, count=1)
    assert wrong != text
    with pytest.raises(NotVerified) as refusal:
        examine(slope, wrong)
    assert refusal.value.check == "values"


def test_what_rounding_decides_is_said():
    """Σ_i sin(x[n,i])·y[n] is less than y[n]·Σ_i sin(x[n,i]), or not, by a rounding."""
    total = Sum(sin(x[n, i]), i)
    less = total * y[n] < Sum(sin(x[n, i]) * y[n], i)
    equal = squares_of(y[n] + x[n, i] * Piecewise((x[n, i], less), (1, True)))
    text = text_of(equal)
    away = text.replace("y[:, None] + x", "y[:, None] + 2 * x")
    assert away != text
    findings = examine(equal, text)
    (said,) = {re.sub(r" own .*,", ",", clause) for clause in findings.unchecked}
    assert said == "but for the call, where rounding decides"
    assert 0 < findings.cases == len(few(equal)) - len(findings.unchecked)
    with pytest.raises(NotVerified):  # there are calls where it does not
        examine(equal, away)


def test_one_call_has_everything_in_it_and_no_axis_of_length_1():
    """Else a slip in an axis of an optional input does not show, where statements are many."""
    for name in ("lstm_stacked_bidirectional", "conv_transpose3d", "gru_stacked"):
        roomy = [
            case
            for case in few(SUBJECT[name].operation)
            if not case.options and all(shape and min(shape) > 1 for shape in case.shapes.values())
        ]
        assert roomy


def test_kinks_are_tried_on_both_sides():
    case = next(c for c in few(SUMS) if not c.is_empty and np.prod(c.shapes["x"]) >= 18)
    drawn = case.draw(np.random.default_rng(0), kinks=(-3.0, 3.0))["x"]
    near = {k + side for k in (-3.0, 3.0) for side in (-0.25, 0, 0.25)}
    assert near <= set(drawn.ravel().tolist())


def test_a_module_that_fails_before_its_strategy_is_known_is_refused():
    correlate = SUBJECT["correlate1d"]
    text = correlate.path.read_text(encoding="utf-8")
    wrong = re.sub(r"(def _forward\w*\(sizes.*\n)", r"\1    raise KeyError(3)\n", text)
    assert wrong != text
    with pytest.raises(NotVerified, match="KeyError"):
        examine(correlate.operation, wrong)


def test_a_division_by_0_that_nobody_wrote_is_a_defect():
    """Even in a module that divides; d/(e/a), which does divide by 0 where a is 0, is no such."""
    quotient = squares_of(x[n, i] / (1 + y[n] ** 2))
    text = text_of(quotient)
    wrong = re.sub(r"(def _forward\(.*\n)", r"\1    np.divide(1, np.zeros(1, dtype))\n", text)
    assert wrong != text
    with pytest.raises(NotVerified, match="divide by zero") as refusal:
        examine(quotient, wrong)
    assert refusal.value.check == "float32"


# ---- what tells nothing is said, and excuses nothing ------------------------------------------


def inserted(operation: Operation, function: str, line: str) -> str:
    """The module with one more line at the beginning of a function."""
    text = text_of(operation)
    wrong = re.sub(rf"(def {function}\(.*\n(?:    \"\"\".*\"\"\"\n)?)", rf"\1    {line}\n", text)
    assert wrong != text
    return wrong


def test_equations_that_have_no_value_are_refused():
    """log(x - 100) of numbers near 0 is NaN, and so is a module's, whatever it computes."""
    logs = Operation("logs", "Logarithms.", (x,), (z,), (Eq(z[n, i], log(x[n, i] - 100)),))
    with pytest.raises(DefinitionError, match=r"no value.*all is NaN\n.*interval="):
        examine(logs, text_of(logs))


def test_an_interval_gives_them_values():
    above = tensor("x", N, I, interval=(101, 102))
    logs = Operation("logs", "Logarithms.", (above,), (z,), (Eq(z[n, i], log(above[n, i] - 100)),))
    text = text_of(logs)
    assert examine(logs, text).unchecked == ()
    with pytest.raises(NotVerified):
        examine(logs, text.replace("np.log(", "np.sin("))


def test_where_the_equations_have_no_value_a_module_has_none():
    """The product is right wherever there is a logarithm; elsewhere it must be NaN, not 0."""
    logs = Operation("logs", "Logarithms.", (x,), (z,), (Eq(z[n, i], log(x[n, i] - 1)),))
    text = text_of(logs)
    examine(logs, text)
    wrong = re.sub(r"np\.log\((.*?)\)\n", r"np.log(np.where(\1 > 0, \1, 1))\n", text, count=1)
    assert wrong != text
    with pytest.raises(NotVerified, match=r"\[\d, \d\] is 0, and should be nan"):
        examine(logs, wrong)


@pytest.mark.parametrize(
    "line, check",
    [
        ("np.exp(np.full(1, 1e4)); raise TypeError(3)", "values"),
        ("np.exp(np.full(1, 1e4)); x = x + 1", "values"),
        ("np.exp(np.full(1, 200, x.dtype))", "float32"),
    ],
)
def test_an_overflow_excuses_nothing(line, check):
    """Neither a crash, nor another value, nor itself: nothing here is large."""
    with pytest.raises(NotVerified) as refusal:
        examine(SUMS, inserted(SUMS, "_forward", line))
    assert refusal.value.check == check


def test_what_float32_cannot_hold_is_said():
    large = squares_of(x[n, i] * 10**39 + y[n])
    (said,) = examine(large, text_of(large)).unchecked
    assert said == "but not in float32: there numbers are infinite"


def test_a_division_that_only_backward_makes_is_no_matter_of_the_field():
    """It would have been left to central differences."""
    line = "1 / (0 if y_bar.dtype == object else 1)"
    wrong = text_of(SUMS).replace("    return Gradients(", f"    {line}\n    return Gradients(")
    assert line in wrong
    with pytest.raises(NotVerified, match="ZeroDivisionError") as refusal:
        examine(SUMS, wrong)
    assert refusal.value.check == "exact"


@pytest.mark.parametrize("cut", [True, False])
def test_parts_of_the_gradients_are_asked_for_with_batches_cut_and_whole(cut):
    text = text_of(SUMS) + "\n\ndef _parts(count, elements):\n    return [(0, count)]\n"
    line = f"if not wrt and (len(_parts(5, 1)) > 1) is {cut}: raise KeyError(3)"
    wrong = re.sub(r"(    wrt = .*\n)", rf"\1    {line}\n", text)
    assert wrong != text
    with pytest.raises(NotVerified, match="KeyError") as refusal:
        examine(SUMS, wrong)
    assert refusal.value.check == "subsets"


def test_a_gradient_that_rounding_hides_is_not_forgiven_its_transpose(monkeypatch):
    """The field and the reference disagree with the module, or cannot tell: it is wrong."""
    case = next(c for c in few(SUMS) if not c.is_empty)
    wrong = inserted(SUMS, "_backward", "y_bar = y_bar * 3")
    verification, module = Verification(SUMS, (case,)), Loaded(Path("sums.py"), wrong).module
    hidden = replace(verification.expected(case), rounding_clear=False)
    monkeypatch.setattr(verification, "expected", lambda case: hidden)
    assert verification.reference(case, module) == (0, "")
    assert verification.doubtful == {case: "rounding decides"}
    assert verification.exact(case, module)[1]


def test_inputs_at_which_rounding_decides_are_drawn_again(monkeypatch):
    case = next(c for c in few(SUMS) if not c.is_empty)
    verification, drawn = Verification(SUMS, (case,)), []
    evaluated = verification.evaluated

    def first_undecided(case, *, draw=0, **way):
        drawn.append(draw)
        return replace(evaluated(case, draw=draw, **way), rounding_clear=draw > 0)

    monkeypatch.setattr(verification, "evaluated", first_undecided)
    assert verification.expected(case).tells
    assert drawn == [0, 0, 1]


def test_no_two_calls_draw_the_same_numbers():
    """Of numbers alone as well, where nothing but they can vary."""
    a, b = tensor("a"), tensor("b")
    square = Operation("square", "Square.", (a,), (b,), (Eq(b[()], a[()] ** 2),))
    for chosen in (few(square), cases(square), [c for c in few(SUMS) if not c.is_empty]):
        assert len(chosen) >= 5
        verification = Verification(chosen[0].operation, tuple(chosen))
        firsts = [next(iter(verification.expected(c).inputs.values())).flat[0] for c in chosen]
        assert len(set(firsts)) == len(chosen)
        assert len({str(c) for c in chosen}) == len(chosen)
    examine(square, text_of(square))


def test_an_entry_that_is_nan_is_called_so():
    wrong = inserted(SUMS, "_forward", "x = x * np.nan")
    with pytest.raises(NotVerified, match=r"y is NaN: \[0\] is nan, and should be \d"):
        examine(SUMS, wrong)


def test_a_warning_that_is_passed_is_said():
    """y/(w/x) divides by w/x, which is 0 or infinite by the way it was written."""
    w = tensor("w", N, I)
    twice = Operation(
        "twice", "Divide.", (x, y, w), (z,), (Eq(z[n, i], y[n] / (w[n, i] / x[n, i])),)
    )
    assert examine(twice, text_of(twice)).unchecked == ()
    wrong = inserted(twice, "_forward", "np.divide(1, np.zeros(1, dtype))")
    said = examine(twice, wrong).unchecked
    assert said[0].startswith("but for NumPy's warning of a division by 0")


@pytest.mark.parametrize(
    "right",
    [
        1 / ((Maximum(y[n] ** 2, i) + Sum(x[n, i] ** 2, i)) ** 2 + 1),  # 1/∞ with the slope ∞·0
        Maximum(x[n, i] + y[n], i) * Sum(x[n, i], i),  # ∞·0
    ],
    ids=str,
)
def test_the_largest_of_nothing_is_no_defect(right):
    equations, empty = (Eq(rest[n], right),), {"N": 2, "I": 0}
    operation = Operation("own", "One's own.", (x, y), (rest,), equations, cases=(empty,))
    findings = examine(operation, text_of(operation))
    assert findings.cases >= 5
