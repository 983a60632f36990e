"""The verifications bite: one slip in the mathematics of a module, and one of them fails.

All mutants are tried with DERIVE_ALL_MUTANTS=1 (minutes); otherwise a fixed sample of each module.
"""

import ast
import itertools
import os
import random
import re
import warnings
from dataclasses import replace
from functools import cache

import pytest

from derive.verification.cases import Case, cases
from derive.verification.sizes import formulas_of
from derive.verification.strategies import Loaded
from derive.verification.verify import runs
from tests.cases import SUBJECT, SUBJECTS, Subject
from tests.mutants import Mutant, is_mathematics, mutants

ALL = bool(os.environ.get("DERIVE_ALL_MUTANTS"))
SAMPLE = 25  # of each module

# (what was changed, why the program is the same one); \1 is what did not change
EQUIVALENT: tuple[tuple[str, str], ...] = (
    (
        r"(\w+ = \w+\.sum\(axis=\()[0-9, ]+\)\)  ->  \1[0-9, ]+\)\)",
        "the axes of a sum have no order",
    ),
)
SUPPORT: tuple[tuple[str, str], ...] = ()

# Far from the cases of `derive verify`: every number is another one, and large enough for
# d + (u-1) < d*(u-1). With a stride of 1, with overlapping windows, with gaps between them.
STATED = (
    {"stride": 1, "dilation": 3, "groups": 2, "padding": 2},
    {"stride": 2, "dilation": 3, "groups": 1, "padding": 1},
    {"stride": 7, "dilation": 3, "groups": 2, "padding": 0},
)
TAPS = {"T": 2, "U": 4, "V": 3}
IMAGE = {"D": 9, "H": 13, "W": 11, "O": 2, "P": 4, "Q": 5, "N": 3, "C": 2, "K": 5}


@cache
def discriminating(subject: Subject) -> tuple[Case, ...]:
    """Cases on which hardly two numbers agree; too large for plain loops, not for the field."""
    operation = subject.operation
    free = {size.name for size in formulas_of(operation).free}
    known = {option.name for option in operation.options}
    stated = []
    for options in STATED:
        sizes = {n: v for n, v in {**IMAGE, **TAPS}.items() if n in free}
        stated.append({**sizes, **{n: v for n, v in options.items() if n in known}})
    return cases(replace(operation, cases=tuple(stated)))[: len(stated)]


def killed(subject: Subject, mutant: Mutant) -> bool:
    """Whether a verification fails; raising an exception is a way to fail."""
    verification = subject.verification
    hardest = sorted(subject.cases, key=lambda case: case.is_empty)
    try:
        loaded = Loaded(subject.path, mutant.text)
        for check, chosen in (
            (verification.reference, hardest),
            (verification.exact, discriminating(subject)),
        ):
            # Twice, since a case is run with the batch cut, or not, by its position.
            for case, module, _ in (*runs(chosen, loaded), *runs([*chosen[1:], chosen[0]], loaded)):
                if check(case, module)[1]:
                    return True
    except Exception:
        return True
    return False


def excused(mutant: Mutant, table: tuple[tuple[str, str], ...]) -> bool:
    change = f"{mutant.before}  ->  {mutant.after}"
    return any(re.fullmatch(row, change) for row, _ in table) or is_larger_frame(mutant)


def is_larger_frame(mutant: Mutant) -> bool:
    """Whether only the extents of a frame changed, and none of them can become smaller.

    A frame is an array with zeros around it. Windows read it, or are added to it, up to the end of
    the last window, and it is cropped to the tensor's own extents, so what lies beyond is zero,
    and nobody's.
    """
    before, after = (
        (ast.parse(text).body[0] for text in (mutant.before, mutant.after))
        if (re.match(r"\w+_framed = ", mutant.before))
        else (None, None)
    )
    if not isinstance(before, ast.Assign) or not isinstance(after, ast.Assign):
        return False
    shapes = []
    for statement in (before, after):
        call = statement.value
        if not isinstance(call, ast.Call) or not call.args:
            return False
        position = 0 if ast.unparse(call.func) == "np.zeros" else 2
        extents = call.args[position]
        call.args[position] = ast.Constant(None)
        shapes.append(extents)
    if ast.dump(before) != ast.dump(after):
        return False
    source = random.Random(0)
    old, new = (compile(ast.Expression(shape), "", "eval") for shape in shapes)
    names = {n.id for shape in shapes for n in ast.walk(shape) if isinstance(n, ast.Name)}
    for _ in itertools.repeat(None, 200):
        sizes = {name: source.randint(1, 9) for name in sorted(names)}
        pairs = list(zip(eval(old, sizes), eval(new, dict(sizes)), strict=True))  # our own text
        if any(n < o for o, n in pairs) or pairs[0][0] != pairs[0][1] and len(pairs) > 3:
            return False
    return True


def survivors(subject: Subject, every: int, only, table) -> list[str]:
    """Mutants that live and are not excused."""
    text = subject.path.read_text(encoding="utf-8")
    with warnings.catch_warnings():
        warnings.simplefilter("error", RuntimeWarning)
        return [
            str(mutant)
            for mutant in mutants(text, every, only)
            if not killed(subject, mutant) and not excused(mutant, table)
        ]


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_every_slip_in_the_mathematics_is_noticed(subject: Subject):
    """Survivors are in the table, with the reason why they are the same program."""
    text = subject.path.read_text(encoding="utf-8")
    everything = sum(1 for _ in mutants(text, 1, is_mathematics))
    every = 1 if ALL else max(1, everything // SAMPLE)
    left = survivors(subject, every, is_mathematics, EQUIVALENT)
    assert not left, "\n" + "\n".join(left)
