"""A derivation in short: bookkeeping steps in a row become one.

What follows from the definition of a partial derivative alone is bookkeeping: constants come before
the derivative, entries of a tensor are independent of each other, and an index that equals an index
of the same axis takes its name. A δ that has to be solved for an index, a boundary, a maximum are
not: there something happens.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from derive.calculus.step import Phrase, Step

_DEFINITIONS = ("derivative of the value", "linearity", "∂x[α]/∂x[β] = δ", "partial derivatives")
_BOOKKEEPING = (
    *_DEFINITIONS,
    "reuse forward values",
    "sift δ, same axis",
    "a δ of all terms",
    "drop implied conditions",
)
_PASSING = ("drop implied conditions",)  # nobody misses them, whatever follows


@dataclass(frozen=True)
class Told:
    """A step that stands for all steps in a row, and these; it has the label of the last."""

    step: Step
    parts: tuple[Step, ...]

    @property
    def solves(self) -> bool:
        """Whether something happens that does not follow from definitions alone."""
        return not {part.rule for part in self.parts} <= {*_BOOKKEEPING}


def folded(steps: Sequence[Step]) -> tuple[Told, ...]:
    """The steps in short; each is still true."""
    found: list[Told] = []
    run: list[Step] = []
    for step, after in zip(steps, (*steps[1:], None), strict=True):
        run.append(step)
        if after is not None and _goes_on(step, after):
            continue
        found.append(Told(_one(run), tuple(run)))
        run = []
    return tuple(found)


def _goes_on(step: Step, after: Step) -> bool:
    if step.assuming != after.assuming or step.reading:
        return False
    return step.rule in _PASSING or {step.rule, after.rule} <= {*_BOOKKEEPING}


def _one(run: Sequence[Step]) -> Step:
    """One step in place of several."""
    last = run[-1]
    if len(run) == 1:
        return last
    told = [step for step in run if step.rule not in (*_DEFINITIONS, *_PASSING)]
    because: Phrase = ()
    for step in told:
        because = (*because, "; ", *step.because) if because else step.because
    rule = last.rule if last.rule not in _BOOKKEEPING else "partial derivatives"
    return replace(last, rule=rule, before=run[0].before, because=because or last.because)
