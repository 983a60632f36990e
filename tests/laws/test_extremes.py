"""One number that is infinite, none, huge, tiny or 0: no exception, no warning, the right result.

What docs/numbers.md promises is held to here, for every shipped operation. What is right, plain
loops over the equations say, in numbers whose exponents do not end and whose digits are so many
that 1 is not lost beside what is huge.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import numpy as np
import pytest

from derive.verification import number
from derive.verification.cases import Case, few
from derive.verification.exact import leaves, like
from tests.cases import SUBJECTS, Subject

ALL = bool(os.environ.get("DERIVE_ALL_EXTREMES"))  # of every input; else a fixed sample
SAMPLE = 4  # of an operation, besides those of its first input
NUMBERS: dict[str, dict[str, float]] = {
    "float32": {"huge": 1e30, "-huge": -1e30, "tiny": 1e-40, "0": 0.0, "infinite": np.inf,
                "-infinite": -np.inf, "NaN": np.nan},
    "float64": {"huge": 1e300, "tiny": 1e-310},
}  # fmt: skip
CLOSE = {"float64": 1e-9, "float32": 1e-3}  # relative to the largest entry, or to ...
LEAST = {"float64": 1e-290, "float32": 1e-26}  # ... what is so small that its rounding is not

OVERFLOW = "squares and powers of what is huge are infinite, whatever is made of them"
HUGE_FAULTS = {
    **{f"lp_pool{rank}d": OVERFLOW for rank in (1, 2, 3)},
    **{f"{kind}_norm": OVERFLOW for kind in ("batch", "layer", "group", "instance", "rms")},
    "batch_norm_evaluation": OVERFLOW,
    "ccc_loss": OVERFLOW,
    **dict.fromkeys(("local_response_norm", "normalize", "clip_by_norm"), OVERFLOW),
    **dict.fromkeys(("pairwise_distance", "cosine_similarity"), OVERFLOW),
    **dict.fromkeys(("cosine_embedding_loss", "triplet_margin_loss"), OVERFLOW),
    **{f"stochastic_pool{rank}d_evaluation": OVERFLOW for rank in (1, 2, 3)},
}
if ALL:  # at an input that the sample leaves out
    HUGE_FAULTS["lstm_projected"] = "what is infinite meets a slope of 0 on the way back in time"
OTHER_FAULTS = {
    "tanhshrink": "plain loops have too few digits for the slope 1 − (1 − tanh²)",
    "conv_transpose1d": "zeros beyond the image meet what is infinite in the kernel",
    "signal_convolve2d": "rows beyond the image are skipped, and not 0 times a NaN of the kernel",
    "signal_correlate2d": "rows beyond the image are skipped, and not 0 times a NaN of the kernel",
}


@dataclass(frozen=True)
class Extreme:
    """One entry of one input set to one number."""

    subject: Subject
    case: Case
    name: str
    kind: str
    dtype: str

    def __str__(self) -> str:
        return f"{self.case} with {self.number} in {self.name}, {self.dtype}"

    @property
    def number(self) -> float:
        return NUMBERS[self.dtype][self.kind]

    def inputs(self) -> dict[str, Any]:
        """What is passed."""
        drawn = self.case.draw(np.random.default_rng(3))
        drawn = {n: _as(a, self.dtype) for n, a in drawn.items()}
        array = drawn[self.name]
        array[np.unravel_index(array.size // 2, array.shape)] = self.number
        return drawn


def _as(array: Any, dtype: str) -> Any:
    """Real numbers in another type."""
    return array if array is None or array.dtype.kind != "f" else np.array(array, dtype)


@cache
def case_of(subject: Subject) -> Case:
    """The plain call with everything in it, and few axes of length 1."""
    chosen = [c for c in few(subject.operation) if not c.is_empty]
    plain = [c for c in chosen if not c.options and None not in c.shapes.values()]
    axes = [[n for shape in c.shapes.values() if shape for n in shape] for c in plain or chosen]
    rank = [(sum(n < 2 for n in each), sum(each)) for each in axes]
    return (plain or chosen)[rank.index(min(rank))]


@cache
def extremes(subject: Subject) -> tuple[Extreme, ...]:
    """All of the first input, and a sample of those of the others."""
    case = case_of(subject)
    real = [t for t in subject.operation.inputs if t.name in case.differentiable]
    found = [
        [Extreme(subject, case, t.name, kind, d) for d in NUMBERS for kind in NUMBERS[d]]
        for t in real
    ]
    others = [extreme for each in found[1:] for extreme in each]
    step = 1 if ALL else max(1, len(others) // SAMPLE)
    return (*found[0], *others[::step])


@pytest.fixture(autouse=True)
def _numbers_without_end(monkeypatch):
    endless = partial(number.Evaluation, 53, 2.0**-1022, 10**9)
    monkeypatch.setattr(number.Evaluation, "of", lambda dtype: endless())
    monkeypatch.setattr(number, "_LEAST", -(10**9))


def wrong(extreme: Extreme, monkeypatch) -> Iterator[str]:
    """What is not as it should be."""
    monkeypatch.setattr(number, "_DIGITS", 340 if abs(extreme.number) == 1e300 else 80)
    case, dtype, inputs = extreme.case, extreme.dtype, extreme.inputs()
    rng = np.random.default_rng(len(case.values))
    y_bar = {n: np.array(rng.standard_normal(s), dtype) for n, s in case.outputs.items()}
    with warnings.catch_warnings(record=True) as warned:
        warnings.simplefilter("always")
        try:
            found = called(extreme, inputs, y_bar)
        except ValueError as refusal:
            if "must lie in" not in str(refusal):
                yield f"{refusal}"
            return  # the definition says which numbers it takes
    exact = {n: _as(a, "float64") for n, a in inputs.items()}
    bars = {n: _as(a, "float64") for n, a in y_bar.items()}
    right = extreme.subject.verification.at(case, exact, bars).values
    with np.errstate(all="ignore"):
        right = {name: _as(right[name], dtype) for name in found}
    calm = not np.isinf(extreme.number)
    if extreme.kind != "NaN":
        calm &= all(np.isfinite(a).all() for a in right.values())
    if warned and calm:
        yield f"a warning: {warned[0].message}"
    for name, array in found.items():
        if array.dtype != dtype:
            yield f"{name} is {array.dtype}"
        loose = name.startswith("the gradient") and not np.isfinite(extreme.number)
        yield from off(name, array, right[name], loose, extreme.kind == "NaN")


def called(extreme: Extreme, inputs, y_bar) -> dict[str, np.ndarray]:
    """Values and gradients of real numbers."""
    case, module = extreme.case, extreme.subject.module
    y, residuals = module.forward(*inputs.values(), **case.options)
    pairs = zip(leaves(y).items(), y_bar.values(), strict=True)
    bars = {name: bar for (name, leaf), bar in pairs if leaf.dtype.kind == "f"}
    grads = module.backward(like(y, bars), residuals)
    found = dict(zip(case.outputs, leaves(y).values(), strict=True))
    found |= {f"the gradient of {n}": getattr(grads, n) for n in case.differentiable}
    return {name: array for name, array in found.items() if array.dtype.kind == "f"}


def off(name: str, found, right, loose: bool, nan: bool) -> Iterator[str]:
    """In what two arrays differ, where there is a right value; with `loose`, NaN is one."""
    if nan and loose:
        return
    if nan and (np.isnan(right) & ~np.isnan(found)).any():
        yield f"{name}: a NaN is lost"
    known = ~np.isnan(right) & ~(loose & np.isnan(found))
    finite = np.abs(right[np.isfinite(right)])
    scale = max(np.max(finite, initial=0), LEAST[found.dtype.name])
    with np.errstate(all="ignore"):
        error = np.where(found == right, 0, np.abs(found.astype(float) - right.astype(float)))
    bad = known & ~(error <= CLOSE[found.dtype.name] * scale)
    if bad.any():
        yield f"{name}: {found[bad][0]}, and should be {right[bad][0]}"


def check(subject: Subject, huge: bool, monkeypatch) -> None:
    chosen = [e for e in extremes(subject) if ("huge" in e.kind) == huge]
    found = {str(e): list(wrong(e, monkeypatch)) for e in chosen}
    assert {e: said for e, said in found.items() if said} == {}


def subjects(faults: dict[str, str]) -> list:
    """Every operation; those that are known to be wrong are expected to fail."""

    def marks(name: str) -> list:
        if name not in faults:
            return []
        return [pytest.mark.xfail(strict=True, raises=AssertionError, reason=faults[name])]

    return [pytest.param(s, id=str(s), marks=marks(str(s))) for s in SUBJECTS]


@pytest.mark.parametrize("subject", subjects(HUGE_FAULTS))
def test_huge_numbers(subject: Subject, monkeypatch):
    """Results are right wherever the type holds them; else they are infinite."""
    check(subject, True, monkeypatch)


@pytest.mark.parametrize("subject", subjects(OTHER_FAULTS))
def test_tiny_numbers_infinity_and_nan(subject: Subject, monkeypatch):
    """NaN is in every value that depends on it, and in no other; infinity follows the equations."""
    check(subject, False, monkeypatch)


def test_the_faults_are_of_operations_that_ship():
    assert HUGE_FAULTS.keys() | OTHER_FAULTS.keys() <= {str(s) for s in SUBJECTS}
