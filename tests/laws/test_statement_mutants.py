"""The gate sees slips in statements: nothing passes whose equations or adjoint are others.

A fixed sample of the shipped operations; any number is tried by ``python -m tests.slips``.
"""

import pytest

from tests.cases import SUBJECTS
from tests.slips import ALARM, LOST, tried

SEEDS, PARTS = range(0, 120, 4), 6
NAMES = tuple(str(s) for s in SUBJECTS)


@pytest.mark.parametrize("part", range(PARTS))
def test_what_makes_a_difference_is_noticed(part: int, record_property):
    outcomes = {seed: tried(seed, NAMES) for seed in SEEDS[part::PARTS]}
    record_property("slips that make a difference", sum(o.counts for o in outcomes.values()))
    assert {s: o for s, o in outcomes.items() if o.what in (LOST, ALARM)} == {}
    assert sum(o.counts for o in outcomes.values()) >= len(outcomes) * 2 / 3
