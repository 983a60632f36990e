"""Claims are judged rightly: slips in true gradients are refuted, and the true line is found again.

What would show that it is not so: a true line refuted, a slip let through that makes a difference,
a suggestion that is no gradient. Who judges here are the adjoint systems of the operations, on the
calls that modules are checked on, with nothing of `derive.claims`.
"""

import random
from collections.abc import Sequence
from functools import cache

import numpy as np
import pytest

from derive.calculus.adjoint import adjoint
from derive.calculus.statements import System
from derive.claims import Answer, audit
from derive.claims.line import Line
from derive.language import Claim, Cotangent, Equation
from derive.language.operation import sides
from derive.verification.arithmetic import NUMBERS
from derive.verification.case import Case
from derive.verification.cases import cases, few
from derive.verification.number import evaluation, numbers
from derive.verification.reference import evaluate, written
from tests.cases import SUBJECT
from tests.claimed import Lines, Slip, slip

NAMES = (
    "linear",
    "correlate1d",
    "convolve2d",
    "conv_transpose1d",
    "softmax",
    "layer_norm",
    "mse_loss",
    "cross_entropy",
    "rnn_cell",
    "gru_cell",
    "lstm_cell",
    "rnn",
)
SLIPS = 30
SUGGESTED = 24
TRUE = (
    *NAMES,
    *("glu", "relu", "gelu", "embedding", "dropout", "batch_norm", "huber_loss", "nll_loss"),
    *("max_pool1d", "max_pool2d_with_indices", "adaptive_avg_pool1d", "lp_pool1d"),
    *("signal_convolve", "concatenate", "lstm", "gru"),
)


@cache
def lines(name: str) -> Lines:
    return Lines.of(SUBJECT[name].operation)


def drawn(seed: int) -> Slip:
    """A slip that can be written as a claim."""
    source = random.Random(seed)
    found = None
    while found is None:
        found = slip(lines(NAMES[seed % len(NAMES)]), source)
    return found


def calls(claim: Claim) -> list[Case]:
    """Calls of a module's checks that say no option but those that the claim names: of what it does
    not name, it claims nothing."""
    operation = claim.operation
    named = set().union(*(side.free_symbols for side in sides(claim.equation)))
    options = {o.name for o in operation.options if named & {*o.settings}}
    chosen = [c for c in (*few(operation), *cases(operation)) if {*c.options} <= options]
    chosen.sort(key=lambda case: len(case.options), reverse=True)
    found = list({str(case): case for case in chosen}.values())[:5]
    assert sum(not case.is_empty for case in found) >= 2, f"hardly anything to judge {claim} by"
    return found


def is_so(claim: Claim, line: Line | None = None, more: Sequence[Case] = ()) -> bool:
    """Whether the right side of a claim, or of another line, is the gradient, to 20 digits, on some
    calls and on those of `more`."""
    operation = claim.operation
    equation = claim.equation if line is None else line.equation
    left, right = sides(equation)
    scatter = isinstance(equation, Equation) and equation.scatter
    back = adjoint(lines(operation.name).system)
    bars = {Cotangent(t): bar for t, bar in back.cotangent.items()}
    bar = bars[left.tensor]
    claimed = bar.like(name="claimed")
    statement = written(Equation(left, right, scatter)).substitute({left.tensor: claimed})
    statements = (*back.system.statements, statement.substitute(bars))
    system = System(back.system.inputs, (claimed, bar), statements, operation.order)
    for number, case in enumerate((*calls(claim), *more)):
        rng = np.random.default_rng(number)
        arrays = {n: None if a is None else numbers(a) if a.dtype == float else a
                  for n, a in case.draw(rng).items()}  # fmt: skip
        for output, shape in case.outputs.items():
            arriving = {t.name: b for t, b in back.cotangent.items()}.get(output)
            if arriving is not None:
                arrays[arriving.name] = numbers(rng.standard_normal(shape))
        with evaluation():
            try:
                found = evaluate(system, arrays, case.values, NUMBERS)
            except IndexError:  # it reads what is not there
                return False
            for one, other in zip(found["claimed"].flat, found[bar.name].flat, strict=True):
                gap = (one - other) if other == other else 0
                if abs(float(getattr(gap, "value", gap))) > 1e-20 * max(1, abs(float(other))):
                    return False
    return True


@pytest.mark.parametrize("name", TRUE)
def test_what_the_derivation_says_is_so(name):
    """The last line for every input, claimed back."""
    claims = [lines(name).claim(s) for s in lines(name).gradients.values()]
    claims = [claim for claim in claims if claim is not None]
    assert claims or name == "glu"  # both halves are scatters of their own
    for claim in claims:
        verdict = audit(claim)
        assert verdict.answer is Answer.equal, str(verdict)


def test_slips_are_refuted_and_mended(record_property):
    """Thirty slips; those that are none are told as well."""
    suggested = refuted = literally = 0
    lost = []
    for seed in range(SLIPS):
        one = drawn(seed)
        verdict = audit(one.claim)
        found = [verdict.found.point.case] if verdict.found else []
        assert verdict.holds == is_so(one.claim, more=found), f"{seed} {one}\n{verdict}"
        if verdict.holds:
            suggested += 1  # it needs no mending
            continue
        refuted += 1
        entry = verdict.found.entry
        assert entry.differs and entry.right != entry.claimed
        if verdict.meant is None:
            lost.append(str(one))
            continue
        meant, right = verdict.meant.line.equation.right, sides(one.right.equation)[1]
        literally += meant == right
        assert meant == right or is_so(one.claim, verdict.meant.line), f"{seed} {one}\n{verdict}"
        suggested += 1
    record_property("refuted", refuted)
    record_property("mended", suggested)
    print(f"{refuted} of {SLIPS} slips refuted; {suggested} lines mended, or right as they were; "
          f"{literally} of them word for word", *lost, sep="\n")  # fmt: skip
    assert refuted >= SUGGESTED
    assert suggested >= SUGGESTED and literally >= SUGGESTED


def test_the_judge_sees_slips():
    """A judge that lets everything through would find all of this in order."""
    right = drawn(0).right
    assert is_so(right)
    wrong = [drawn(seed) for seed in range(6)]
    assert not any(is_so(one.claim) for one in wrong if one.kind == "sign")
    assert sum(not is_so(one.claim) for one in wrong) >= 5
