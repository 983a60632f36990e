"""`verify` reports figures, names what failed and where, and refuses to judge on too few cases."""

import re
from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq, Sum, log

from derive.errors import VerificationError
from derive.language import Operation, axes, axis, sizes, tensor
from derive.pipeline import rendered
from derive.verification import verify
from derive.verification.cases import cases
from derive.verification.strategies import Loaded
from tests.cases import SUBJECT

N, I = sizes("N I", minimum=1)
n, i = axes("n i", N, I)
x, y = tensor("x", N, I), tensor("y", N)
LOGS = Operation("logs", "Add logarithms.", (x,), (y,), (Eq(y[n], Sum(log(x[n, i]), i)),))


def generated(operation: Operation, folder):
    """The generated module as a file."""
    (output,) = [o for o in rendered(operation, "").outputs if o.path.suffix == ".py"]
    path = folder / output.path
    path.write_text(output.text, encoding="utf-8")
    return path


def test_a_report_has_a_line_for_each_verification():
    report = verify(SUBJECT["linear"].operation, SUBJECT["linear"].path)
    assert report.ok and not report.failures
    reference, exact, differences = report.lines
    assert re.fullmatch(r"reference   24 cases, largest error \d\.\de-\d\d", reference)
    assert re.fullmatch(r"exact       24 cases, 0 defects \(.*2\^-61 each\)", exact)
    assert re.fullmatch(r"differences 24 cases, largest relative error \d\.\de-\d\d", differences)


def test_functions_are_compared_with_forty_digits_where_they_are_defined(tmp_path):
    """A logarithm wants numbers above 0."""
    report = verify(LOGS, generated(LOGS, tmp_path))
    assert report.ok, report.lines


@pytest.mark.filterwarnings("ignore:invalid value")
def test_a_report_says_that_no_case_tells_anything(tmp_path):
    far = Operation("far", "Far.", (x,), (y,), (Eq(y[n], Sum(log(x[n, i] - 100), i)),))
    report = verify(far, generated(far, tmp_path))
    assert not report.ok
    assert "tell nothing: the equations have no value" in report.lines[0]
    assert any("interval=" in line for line in report.lines)


@pytest.mark.parametrize(
    "right, wrong, by",
    [
        ("np.log(", "-np.log(", {"reference"}),
        ("return (x_bar,)", "return (-x_bar,)", {"exact", "differences"}),
        ("return (x_bar,)", "return (x_bar[:-1],)", {"exact", "differences"}),
        ("return (x_bar,)", "return (None,)", {"exact", "differences"}),
        ("return (x_bar,)", "raise KeyError(3)", {"exact", "differences", "reference"}),
    ],
)
def test_a_wrong_module_fails(tmp_path, right, wrong, by):
    """And the report says which verification, on which case."""
    path = generated(LOGS, tmp_path)
    text = path.read_text(encoding="utf-8")
    assert right in text
    path.write_text(text.replace(right, wrong), encoding="utf-8")
    report = verify(LOGS, path)
    assert not report.ok
    failed = {line.split()[0] for line in report.lines if "FAILED" in line}
    assert by <= failed
    assert all("logs x[" in line for line in report.lines if "FAILED" in line)


def test_too_few_cases_are_an_error():
    """A requirement that no small size meets; the message says what to write."""
    large = replace(LOGS, requires=((LOGS.inputs[0].shape[0] >= 10**6, "too small"),))
    with pytest.raises(VerificationError, match=r"no cases were found.*\n.*cases="):
        cases(large)


def test_an_operation_without_sizes_is_verified_on_several_draws():
    """Nothing varies but the numbers."""
    three = axis("i", 3)
    left, right = tensor("y", 3), tensor("x", 3)
    fixed = Operation("fixed", "Double.", (right,), (left,), (Eq(left[three], 2 * right[three]),))
    assert len(cases(fixed)) == 5


def test_cases_of_the_definition_come_first():
    """What they do not name is chosen; what they name must exist and be possible."""
    stated = Operation(
        "logs", "Add logarithms.", (x,), (y,), LOGS.equations, cases=({"N": 17}, {"I": 1, "N": 1})
    )
    first, second, *_ = cases(stated)
    assert first.shapes["x"] == (17, 2) and second.shapes["x"] == (1, 1)
    wrong = Operation("logs", "Add.", (x,), (y,), LOGS.equations, cases=({"M": 2},))
    with pytest.raises(VerificationError, match="cases= names M"):
        cases(wrong)


def test_every_strategy_is_forced():
    """On copies: what is forced is not seen by the module itself."""
    text = """
def _forward_one(sizes): return "one"
def _forward_two(sizes): return "two"
def _choose_forward(sizes): return _forward_one
def forward(sizes): return _choose_forward(sizes)(sizes)
_STRATEGIES = {"forward": (_forward_one, _forward_two)}
"""
    loaded = Loaded(SUBJECT["linear"].path, text)
    assert [loaded.forced(c).forward(2) for c in loaded.choices()] == ["one", "two"]
    assert loaded.module.forward(2) == "one"


def test_drawn_inputs_are_the_same_every_time():
    case = SUBJECT["linear"].cases[-1]
    one, two = (case.draw(np.random.default_rng(0)) for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)
