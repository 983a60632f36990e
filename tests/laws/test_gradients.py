"""What `derive verify` does, case by case: values and gradients are what the definition says.

Here the exact checker sees every case and the slower two a part of them; `derive verify` shows
all cases to all three.
"""

import pytest

from derive.verification.cases import COUNT
from derive.verification.verify import runs
from tests.cases import CASES, SUBJECTS, Subject, Trial


def _dropped(v) -> int:
    """Columns of the padded image that no window reaches."""
    low, high = (v.get(f"padding_w_{side}", v.get("padding_w", 0)) for side in ("low", "high"))
    return (v["W"] + low + high - v["dilation_w"] * (v["V"] - 1) - 1) % v["stride_w"]


WINDOW, PLANE, FLOOR = {"V", "stride_w"}, {"V", "stride_w", "H"}, {"Q", "V", "stride_w"}
NOWHERE, PADDED = set(), {"output_padding_w"}
HARD = (
    (WINDOW, NOWHERE, lambda v: v["V"] > v["stride_w"] > 1),
    (WINDOW, NOWHERE, lambda v: v["V"] < v["stride_w"]),
    (WINDOW, NOWHERE, lambda v: v["V"] % 2 == 0 and v["stride_w"] > 1),
    (WINDOW, NOWHERE, lambda v: v["dilation_w"] > 1 and v["V"] > 1),
    (WINDOW, NOWHERE, lambda v: v["groups"] > 1 and v["C"] > 1),
    (WINDOW, NOWHERE, lambda v: v["groups"] > 1 and v["K"] > 1),
    (WINDOW, NOWHERE, lambda v: v["padding_w_low"] != v["padding_w_high"]),
    (PLANE, NOWHERE, lambda v: v["H"] != v["W"] and v["U"] != v["V"]),
    (PLANE, NOWHERE, lambda v: v["stride_h"] != v["stride_w"]),
    (FLOOR, PADDED, lambda v: _dropped(v) > 0),
    (FLOOR, PADDED, lambda v: _dropped(v) == 0 and v["stride_w"] > 1),
)
"""Sizes and options that must be there, others that must not, and what some case has to meet."""


@pytest.mark.parametrize("trial", CASES, ids=str)
def test_vjp_is_the_transpose_of_jvp(trial: Trial):
    """⟨ȳ, J·v⟩ = ⟨Jᵀ·ȳ, v⟩, by every strategy, and in the field: nothing else decides."""
    verification = trial.subject.verification
    for module in trial.modules():
        _, wrong = verification.exact(trial.case, module)
        assert not wrong
    assert trial.case not in verification.field_blind and not verification.no_rule


@pytest.mark.parametrize("trial", CASES[1::2], ids=str)
def test_values_and_gradients_are_those_of_plain_loops(trial: Trial):
    """Entry by entry, of every other case: the generated file against the equations as written."""
    for module in trial.modules():
        _, wrong = trial.subject.verification.reference(trial.case, module)
        assert not wrong


@pytest.mark.parametrize("trial", CASES[::6], ids=str)
def test_gradients_are_slopes(trial: Trial):
    """D L(x)·v = (L(x+hv) − L(x−hv)) / 2h, up to rounding, in a sixth of the cases."""
    for module in trial.modules():
        _, wrong = trial.subject.verification.differences(trial.case, module)
        assert not wrong


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_the_cases_are_enough(subject: Subject):
    """At least 20, the same ones every time, and every strategy is reached."""
    assert len(subject.cases) == COUNT
    assert len({str(case) for case in subject.cases}) == COUNT
    forced = {name for _, _, name in runs(subject.cases, subject.loaded)}
    reached = {part for name in forced for part in name.split(" and ")}
    assert {name for _, name in subject.loaded.strategies} <= reached


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_the_cases_are_the_hard_ones(subject: Subject):
    """Where the definition has them: absent inputs, non-square, strides and kernels of each order,
    floors that drop something, even kernels, empty batches, unequal sides."""
    names = {s.name for s in subject.cases[0].values}

    def some(condition) -> bool:
        return any(
            condition({s.name: v for s, v in case.values.items()})
            for case in subject.cases
            if not case.is_empty
        )

    for tensor in subject.operation.inputs:
        if not tensor.required:
            assert {case.shapes[tensor.name] is None for case in subject.cases} == {True, False}
    for option in subject.operation.options:
        for word in option.spellings:
            assert any(
                case.options.get(option.name, option.default) == word for case in subject.cases
            )
    for needed, barred, condition in HARD:
        if needed <= names and not barred & names:
            assert some(condition)
    required = {s.name for relation, _ in subject.operation.requires for s in relation.free_symbols}
    if "N" in names - required:
        assert any(
            case.is_empty and any(0 in y or not y for y in case.outputs.values())
            for case in subject.cases
        )


@pytest.mark.parametrize("number", range(len(HARD)))
def test_the_hard_cases_are_of_some_operations(number):
    """Else the law above would not look for them, once an option has another name."""
    needed, barred, _ = HARD[number]
    named = ({s.name for s in subject.cases[0].values} for subject in SUBJECTS)
    assert sum(needed <= names and not barred & names for names in named) >= 3
