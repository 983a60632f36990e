"""The verifications bite: one slip in the mathematics of a module, and nearly always one of them
fails.

All mutants are tried with DERIVE_ALL_MUTANTS=1 (minutes); otherwise a fixed sample of each module.
"""

import os
import warnings
from contextlib import suppress
from functools import cache

import pytest

from derive.errors import VerificationError
from derive.verification.cases import Case, stated
from derive.verification.sizes import formulas_of
from derive.verification.strategies import Loaded
from derive.verification.verify import runs
from tests.cases import SUBJECTS, Subject
from tests.mutants import count, is_mathematics, mutants

ALL = bool(os.environ.get("DERIVE_ALL_MUTANTS"))
SAMPLE = max(8, 350 // len(SUBJECTS))  # of each module
PARTS = 12
LEAST = 0.85  # share of slips that are noticed

# Far from the cases of `derive verify`: hardly two numbers agree, and both (u-1)*d > u-1+d and
# (p-1)*s > p-1+s, which small numbers never show. Options are those of the last one to three axes.
SIZES = {"T": 2, "U": 3, "V": 3, "D": 2, "H": 6, "W": 8, "O": 2, "P": 3, "Q": 5}
SIZES |= {"N": 3, "C": 2, "K": 3}
ALONE = {"N": 1, "C": 1, "K": 1, "T": 3, "U": 3, "V": 3, "O": 3, "P": 3, "Q": 4}
STATED: tuple[tuple[dict[str, int], dict[str, tuple]], ...] = (
    (SIZES, {"dilation": (1, 2, 4), "padding": ((0, 1), (1, 0), (2, 1))}),
    (SIZES, {"stride": (1, 2, 1), "dilation": (1, 3, 2), "padding": ((1, 0), (2, 1), (0, 1))}),
    (
        {**ALONE, "D": 9, "H": 8, "W": 7},
        {"dilation": (4, 3, 2), "padding": ((1, 0),) * 3, "output_size": (7, 5, 5)},
    ),
    ({**ALONE, "T": 2, "U": 2, "V": 2, "D": 10, "H": 8, "W": 8}, {"stride": (4, 3, 2)}),
)


@cache
def discriminating(subject: Subject) -> tuple[Case, ...]:
    """Cases on which hardly two numbers agree; too large for plain loops, not for the field."""
    operation = subject.operation
    free = {size.name for size in formulas_of(operation).free}
    found: list[Case] = []
    for sizes, options in STATED:
        given: dict[str, object] = {n: v for n, v in sizes.items() if n in free}
        for option in operation.options:
            if option.name in options:
                rank = len(option.settings) // (2 if option.sides else 1)
                values = options[option.name][-rank:]
                pairs = any(isinstance(value, tuple) for value in values)
                first = pairs and not option.sides
                given[option.name] = tuple(v[0] if first else v for v in values)
            elif option.name == "groups" and not found:
                given["groups"] = 2
        narrow = {name: value for name, value in given.items() if name != "padding"}
        for possible in (given, narrow):  # a window may be too small for it
            with suppress(VerificationError):
                found.append(stated(operation, possible))
                break
    assert found, operation.name
    return tuple(found)


def killed(subject: Subject, text: str) -> bool:
    """Whether a verification fails; raising an exception is a way to fail."""
    verification, apart = subject.verification, discriminating(subject)
    hardest = sorted(subject.cases, key=lambda case: case.is_empty)
    try:
        loaded = Loaded(subject.path, text)
        # Twice, since a case is run with the batch cut, or not, by its position.
        for case, module, _ in runs([*hardest, hardest[-1], *hardest], loaded):
            if verification.reference(case, module)[1]:
                return True
        for case, module, _ in runs(apart, loaded):
            if verification.exact(case, module)[1]:
                return True
    except Exception:
        return True
    return False


@pytest.mark.parametrize("part", range(PARTS))
def test_most_slips_are_noticed(part: int, record_property):
    """At least `LEAST` of them, where what ships is accepted.

    Of the rest, most are the same program: a sum over other axes of the same extents, operands that
    trade places, frames that are larger than they need be, entries that nobody reads.
    """
    tried = noticed = 0
    survivors = []
    for subject in SUBJECTS[part::PARTS]:
        text = subject.path.read_text(encoding="utf-8")
        every = 1 if ALL else max(1, count(text, is_mathematics) // SAMPLE)
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            assert not killed(subject, text), f"{subject}, as it ships"
            for mutant in mutants(text, every, is_mathematics):
                tried += 1
                noticed += (was := killed(subject, mutant.text))
                survivors += [] if was else [f"{subject}: {mutant}"]
    record_property("kill rate", noticed / tried)
    assert noticed >= LEAST * tried, f"{noticed} of {tried}:\n" + "\n".join(survivors)
