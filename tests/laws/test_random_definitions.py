"""Definitions that nobody has thought of are refused with a reason, or right.

`derive.compile` checks every module against the equations as written, so it is enough to ask for
one. Any number is tried by ``python -m tests.survey``.
"""

import pytest

from tests.definitions import random_definition
from tests.survey import ACCEPTED, REFUSED, outcome

COUNT, PART = 300, 50
LEAST = 0.9  # of what can be written, must be accepted


@pytest.mark.parametrize("first", range(0, COUNT, PART))
def test_a_random_definition_is_refused_with_a_reason_or_right(first):
    found = {seed: outcome(seed) for seed in range(first, first + PART)}
    assert {s: f for s, f in found.items() if f[0] not in (ACCEPTED, REFUSED)} == {}
    # Else the law would say little.
    written = [what for what, why in found.values() if not why.startswith("as it is written")]
    assert len(written) >= LEAST * PART
    assert written.count(ACCEPTED) >= LEAST * len(written), found


def test_a_seed_means_one_definition():
    one, two = random_definition(7), random_definition(7)
    assert list(map(str, one.equations)) == list(map(str, two.equations))
