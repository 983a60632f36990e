"""Short derivations say the same, and leave out nothing that had to be solved."""

import pytest

from derive.calculus.folding import folded
from derive.language import Operation
from tests.calculus.evaluation import Numbers
from tests.calculus.test_derivation import EXTRA, SETTINGS, SHIPPED, SMALL, derived, numbers

TELLING = ("chain rule", "sift δ, solve for an index", "sift δ, exact division", "special case",
           "a δ that stays", "zero extension", "derivative of a maximum")  # fmt: skip


@pytest.mark.parametrize("operation", EXTRA, ids=str)
def test_a_folded_step_keeps_the_value(operation: Operation):
    case = Numbers(operation, SMALL)
    for steps in case.derivation.gradients.values():
        for told in folded(steps):
            assert case.check(told.step), told.step.label


def test_also_with_options():
    case = Numbers(SHIPPED["correlate1d"], numbers(1, *SETTINGS[1]))
    for steps in case.derivation.gradients.values():
        for told in folded(steps):
            assert case.check(told.step), told.step.label


@pytest.mark.parametrize("operation", [*SHIPPED.values(), *EXTRA], ids=str)
def test_what_tells_something_stays_with_its_number(operation: Operation):
    for steps in derived(operation).gradients.values():
        short = [told.step for told in folded(steps)]
        assert [part for told in folded(steps) for part in told.parts] == [*steps]
        labels = [step.label for step in short]
        assert labels[-1] == steps[-1].label
        assert [s.label for s in steps if s.rule in TELLING or s.reading] == [
            s.label for s in short if s.rule in TELLING or s.reading
        ]
        assert len(short) < len(steps)
