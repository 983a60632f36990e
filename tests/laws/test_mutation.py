"""The verifications bite: one slip in the mathematics of a module, and one of them fails.

All mutants are tried with DERIVE_ALL_MUTANTS=1 (minutes); otherwise a fixed sample of each module.
"""

import os
import re
import warnings

import pytest

from derive.verification.strategies import Loaded
from derive.verification.verify import runs
from tests.cases import SUBJECTS, Subject
from tests.mutants import Mutant, mutants

ALL = bool(os.environ.get("DERIVE_ALL_MUTANTS"))
SAMPLE = 40  # of each module

# (statement, what became of it, why no verification can or need notice)
EQUIVALENT: tuple[tuple[str, str, str], ...] = ()


def killed(subject: Subject, mutant: Mutant) -> bool:
    """Whether a verification fails; raising an exception is a way to fail."""
    verification = subject.verification
    hardest = sorted(subject.cases, key=lambda case: case.is_empty)
    try:
        loaded = Loaded(subject.path, mutant.text)
        for check, chosen in (
            (verification.reference, hardest),
            (verification.exact, hardest[:3]),
        ):
            # Twice, since a case is run with the batch cut, or not, by its position.
            for case, module, _ in (*runs(chosen, loaded), *runs([*chosen[1:], chosen[0]], loaded)):
                if check(case, module)[1]:
                    return True
    except Exception:
        return True
    return False


def excused(mutant: Mutant) -> bool:
    return any(
        re.fullmatch(before, mutant.before) and re.fullmatch(after, mutant.after)
        for before, after, _ in EQUIVALENT
    )


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_every_slip_is_noticed(subject: Subject):
    """Survivors are in the table, with the reason why they are the same program."""
    text = subject.path.read_text(encoding="utf-8")
    everything = sum(1 for _ in mutants(text))
    every = 1 if ALL else max(1, everything // SAMPLE)
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        survivors = [m for m in mutants(text, every) if not killed(subject, m) and not excused(m)]
    assert not survivors, "\n" + "\n".join(map(str, survivors))
