"""Definitions that nobody has thought of are refused with a reason, or right.

`derive.compile` checks every module against the equations as written, so it is enough to ask for
one. Any number is tried by ``python -m tests.survey``.
"""

import pytest

from tests.definitions import random_definition
from tests.survey import ACCEPTED, REFUSED, outcome

COUNT, PART = 300, 10


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_a_random_definition_is_refused_with_a_reason_or_right(first):
    found = {seed: outcome(seed) for seed in range(first, first + PART)}
    assert {s: f for s, f in found.items() if f[0] not in (ACCEPTED, REFUSED)} == {}


def test_most_random_definitions_can_be_meant():
    """Else the law above would say little."""
    refused = 0
    for seed in range(COUNT):
        try:
            random_definition(seed)
        except Exception:  # SymPy's own, too
            refused += 1
    assert refused < COUNT / 20


def test_a_seed_means_one_definition():
    one, two = random_definition(7), random_definition(7)
    assert list(map(str, one.equations)) == list(map(str, two.equations))
