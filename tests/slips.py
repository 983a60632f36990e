"""Try slips in the statements of the shipped operations, and count those that the gate notices.

    python -m tests.slips 2000
    python -m tests.slips 300 --first 1000 --only lstm

Only what makes a difference counts: statements that, evaluated by plain loops, give other numbers
than the right ones on some call. These are the gate's own few calls, those of `derive verify`, and
larger ones, with inputs of every kind; so what is measured is also whether the gate's calls show
what others would.
"""

from __future__ import annotations

import random
import warnings
from collections import defaultdict
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import typer

from derive.backends.numpy.lower import lower
from derive.backends.numpy.module import render_module
from derive.calculus.adjoint import Adjoint
from derive.calculus.derivation import outline
from derive.calculus.lift import to_system
from derive.calculus.statements import System
from derive.errors import NotVerified, VerificationError
from derive.language.operation import Operation
from derive.language.symbols import Tensor
from derive.verification import reference
from derive.verification.arithmetic import NUMBERS
from derive.verification.case import Case
from derive.verification.cases import cases, few, stated
from derive.verification.gate import examine
from derive.verification.number import Number, evaluation, numbers
from derive.verification.sizes import formulas_of
from derive.verification.verify import Verification
from tests.cases import SUBJECTS
from tests.statement_mutants import Mutant, Slips

EQUAL, LOST, ALARM = "equal", "passed", "refused, though equal"
LARGER = 12  # calls
_WORK = 4000  # points of a call, at most
_APART = 1e-9  # relative to the largest entry or 1: what is less, rounding may do


@dataclass(frozen=True)
class Outcome:
    """What became of a slip: `EQUAL`, `LOST`, `ALARM`, or which check noticed it."""

    what: str
    mutant: str
    why: str = ""

    @property
    def counts(self) -> bool:
        """Whether there was anything to notice."""
        return self.what not in (EQUAL, ALARM)


@dataclass(frozen=True)
class _Call:
    """Numbers for everything that comes in, and what the right statements make of them."""

    case: Case
    arrays: dict[str, Any]
    right: dict[str, np.ndarray]


class Judge:
    """One operation, its slips and calls that tell them from what is right."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.slips = Slips(to_system(operation))
        self.outline = outline(operation, self.slips.right)
        self.verification = Verification(operation, few(operation))
        self._calls: list[_Call] = []
        self._more = self._found()

    def outcome(self, mutant: Mutant) -> Outcome:
        """What becomes of a slip."""
        what, why = self._noticed(mutant)
        if (found := self.difference(mutant)) is None:
            return Outcome(ALARM if what else EQUAL, str(mutant), why)
        return Outcome(what or LOST, str(mutant), why or found)

    def _noticed(self, mutant: Mutant) -> tuple[str, str]:
        """Which check notices a slip, and what it says; nothing if none does."""
        try:
            program = lower(
                self.operation.name, mutant.apart, mutant.adjoint, lambda statement, adds: ""
            )
            text = render_module(program, self.outline, layout=False)
        except Exception as error:
            return "no module", f"{type(error).__name__}: {error}"
        try:
            examine(self.operation, text)
        except NotVerified as refusal:
            return refusal.check, str(refusal.what)
        except Exception as error:
            return "no check", f"{type(error).__name__}: {error}"
        return "", ""

    def difference(self, mutant: Mutant) -> str | None:
        """A call for which the statements of a slip give other numbers; None if there is none."""
        try:
            wrong = mutant.adjoint
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        for call in self.calls():
            try:
                with evaluation():
                    found = _evaluated(wrong, call.case, call.arrays)
            except Exception as error:
                return f"{call.case}: {type(error).__name__}: {error}"
            for name, right in call.right.items():
                if _differ(found.get(name), right):
                    return f"{call.case}: {name}"
        return None

    def calls(self) -> Iterator[_Call]:
        """Calls that tell, the cheapest first; computed once."""
        yield from self._calls
        for call in self._more:
            self._calls.append(call)
            yield call

    def _found(self) -> Iterator[_Call]:
        own = [c for c in self.verification.cases if not c.is_empty]
        kinds = ("kinks", "positive", "ties")
        for case in own[::-1]:
            yield from self._call(case, kinds[0]) or self._call(case, kinds[1])
        for case in own:
            yield from self._call(case, kinds[2])
        for number, case in enumerate((*self.larger(), *cases(self.operation))):
            yield from self._call(case, kinds[number % 3 // 2 * 2]) or self._call(case, kinds[1])

    def _call(self, case: Case, kind: str) -> list[_Call]:
        """A call with numbers drawn in some way; none if there infinity is met."""
        rng = np.random.default_rng(len(self._calls))
        if kind == "kinks":
            drawn = case.draw(rng, kinks=self.verification.kinks(case))
        else:
            drawn = case.draw(rng, positive=kind == "positive", ties=kind == "ties")
        whole = self.slips.right
        arrays: dict[str, Any] = dict(drawn)
        for tensor in self.operation.outputs:
            if tensor in whole.cotangent:
                bar = rng.standard_normal(case.outputs[tensor.name])
                arrays[whole.cotangent[tensor].name] = np.asarray(bar)
        with suppress(ArithmeticError, TypeError, ValueError), evaluation() as met:
            right = _evaluated(whole, case, arrays)
            if not met.met_infinity and all(np.isfinite(a).all() for a in right.values()):
                return [_Call(case, arrays, right)]
        return []

    def larger(self) -> list[Case]:
        """Calls with sizes that no check would take time for."""
        source = random.Random(1)
        formulas = formulas_of(self.operation)
        found: list[Case] = []
        for _ in range(8 * LARGER):
            given: dict[str, Any] = {
                s.name: max(s.minimum, source.randint(2, 9)) for s in formulas.free
            }
            given |= source.choice(self.verification.cases).options
            with suppress(VerificationError):
                case = stated(self.operation, given)
                work = formulas.work({s.name: v for s, v in case.values.items()})
                if work <= _WORK and len(found) < LARGER:
                    found.append(case)
        return found


class _Evaluation(reference.Evaluation):
    """A slip may read beyond a tensor that says nothing of outside: there anything may be."""

    def read(self, tensor: Tensor, index: tuple[int, ...]) -> Any:
        try:
            return super().read(tensor, index)
        except IndexError:
            return 1 if tensor.integer else Number(1.37 + 0.1 * sum(index))


def _evaluated(whole: Adjoint, case: Case, arrays: dict[str, Any]) -> dict[str, np.ndarray]:
    """Outputs and gradients by plain loops over statements."""
    system = whole.system
    absent = {whole.cotangent[t] for t in system.inputs if t.name in case.shapes
              and case.shapes[t.name] is None and t in whole.cotangent}  # fmt: skip
    written = [t for t in system.outputs if t not in absent]
    outputs = (*whole.primal.outputs, *written)
    asked = System(system.inputs, outputs, system.statements, system.order)
    given = {
        name: a if a is None or a.dtype.kind in "iu" else numbers(a) for name, a in arrays.items()
    }
    found = _Evaluation(asked, given, case.values, NUMBERS).outputs()
    return {name: np.array([float(e) for e in a.flat]) for name, a in found.items()}


def _differ(found: np.ndarray | None, right: np.ndarray) -> bool:
    if found is None or found.shape != right.shape:
        return True
    scale = max(1.0, float(np.max(np.abs(right), initial=0)))
    return not bool((np.abs(found - right) <= _APART * scale).all())


@cache
def judge(name: str) -> Judge:
    """The judge of a shipped operation, made once."""
    return Judge(next(s.operation for s in SUBJECTS if s.operation.name == name))


def tried(seed: int, names: tuple[str, ...]) -> Outcome:
    """What becomes of the slip of a seed, in one of the operations named."""
    of = judge(names[seed % len(names)])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return of.outcome(of.slips.draw(random.Random(seed)))


def main(
    count: Annotated[int, typer.Argument(help="How many slips.")],
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
    only: Annotated[str, typer.Option(help="Operations with this in their names.")] = "",
) -> None:
    """Try slips on all cores, count what becomes of them, and print those that nobody noticed."""
    names = tuple(str(s) for s in SUBJECTS if only in str(s))
    found: dict[str, list[tuple[int, Outcome]]] = defaultdict(list)
    seeds = range(first, first + count)
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        outcomes = pool.map(partial(tried, names=names), seeds, chunksize=8)
        for seed, outcome in zip(seeds, outcomes, strict=True):
            found[outcome.what].append((seed, outcome))
    for what, members in sorted(found.items(), key=lambda item: -len(item[1])):
        typer.echo(f"{len(members):6d}  {what}")
        for seed, outcome in members if what in (LOST, ALARM) else ():
            typer.echo(f"        {seed} {names[seed % len(names)]}: {outcome.mutant}")
            typer.echo(f"            {outcome.why.splitlines()[0]}")
    real = sum(o.counts for members in found.values() for _, o in members)
    typer.echo(f"{real - len(found[LOST])} of {real} slips that make a difference were noticed")


if __name__ == "__main__":
    typer.run(main)
