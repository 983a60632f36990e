"""What is not verified is not written: the short form of the checks, before a module exists.

On up to eight small cases, with memory that nobody wrote to holding NaN, and every strategy forced:

values      outputs and gradients are those of the equations as written, entry by entry
ties        the same where many inputs are equal
exact       gradients are the transpose of the derivative, modulo a large prime
subsets     the same where some of them are asked for, with batches whole and cut
float32     numbers stay float32, near those of float64, and no warning is raised where none of
            them is infinite or NaN

Where the field has no rule for a function, central differences take the place of the exact check.
That is said, and so is whatever else could not be checked. `derive verify` is the long form.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import ModuleType

import numpy as np
from sympy import Mul

from derive.errors import DefinitionError, NotVerified
from derive.language.operation import Operation
from derive.language.order import Written
from derive.verification.case import Case
from derive.verification.cases import few, smaller
from derive.verification.exact import leaves, like
from derive.verification.expected import Expected, Judgement
from derive.verification.strategies import Loaded
from derive.verification.verify import INTERVAL, Verification, runs

_PAIR = 2  # cases that are tried in float32, and with ties
_TRIED = 12  # smaller cases, when one has failed
_FLOAT32_ERROR = 1e-4  # relative to the largest entry of an array or to 1

_WORDS = {
    "ties": "not where many inputs are equal",
    "exact": "not exactly",
    "subsets": "not for a part of the gradients",
    "float32": "not in float32",
}

Check = Callable[[Case, ModuleType], str]  # what is wrong, or nothing


@dataclass(frozen=True)
class Findings:
    """What the checks say of a module that passed.

    Attributes
    ----------
    cases : int
        On how many its values were checked: where rounding decides, they tell nothing.
    unchecked : tuple of str
        What could not be checked in the way described, and why; one clause each.
    """

    cases: int
    unchecked: tuple[str, ...] = ()


def examine(operation: Operation, text: str) -> Findings:
    """Check the text of a module against the definition it was made from.

    Parameters
    ----------
    operation : Operation
        The definition.
    text : str
        The module.

    Returns
    -------
    Findings

    Raises
    ------
    NotVerified
        With the smallest case found that fails, the check, and what came.
    VerificationError
        If the definition yields no case.
    """
    return _Gate(operation, text).findings()


class _Untold(Exception):
    """A check cannot tell anything of a case; a clause that says why."""


class _Gate:
    def __init__(self, operation: Operation, text: str) -> None:
        self.operation = operation
        self.loaded = Loaded(Path(f"{operation.name}.py"), text)
        self.verification = Verification(operation, few(operation))
        self.unchecked: dict[str, None] = {}
        self.untold: dict[Case, str] = {}  # of the check that runs, and why
        system = self.verification.system
        products = (p for s in system.statements for p in s.value.atoms(Mul))
        self.divides = any(_divides_twice(system.order.of(product) or ()) for product in products)

    def findings(self) -> Findings:
        cases = self.verification.cases
        for case in cases:
            try:
                self.verification.expected(case)
            except IndexError as beyond:
                raise DefinitionError(
                    self.operation.name,
                    f"{beyond}, for the call {case}",
                    remedy="Bound the index, say what the tensor reads outside=, or which sizes "
                    "are meant by minimum= or requires=.",
                ) from None
            except ZeroDivisionError:  # numbers that are real become infinite
                raise DefinitionError(
                    self.operation.name,
                    f"an integer is divided by 0, for the call {case}",
                    remedy="Divide by what is above 0, such as Max(k[n], 1), or say which sizes "
                    "are meant by minimum= or requires=.",
                ) from None
        told = len(cases)
        for name, check, chosen in self.plan(cases):
            self.untold = {}
            for case, module, strategy in runs(chosen, self.loaded):
                if what := self.outcome(check, case, module):
                    self.refuse(name, check, case, strategy, what)
            if name == "values":
                told -= len(self.untold)
                self.say_which()
            elif self.untold.keys() >= {*chosen}:
                why = next(
                    iter(self.untold.values()), "all calls that were tried have empty arrays"
                )
                self.unchecked[f"but {_WORDS[name]}: {why}"] = None
        if self.verification.field_blind:
            self.unchecked["not exactly, for an identity or a rounded constant: by values"] = None
        for reason in self.verification.no_rule:
            self.unchecked[f"not exactly, for {reason}: by central differences"] = None
        return Findings(told, tuple(self.unchecked))

    def say_which(self) -> None:
        """Note the calls whose values tell nothing; that they have none at all is an error."""
        cases = self.verification.cases
        if all(self.verification.expected(c).has_no_value for c in cases if not c.is_empty):
            raise DefinitionError(
                self.operation.name,
                f"the equations have no value, for the call {cases[-1]} and every other that was "
                "tried: all is NaN",
                remedy=INTERVAL,
            )
        for case, why in self.untold.items():
            self.unchecked[f"but for the call {case}, where {why}"] = None

    def plan(self, cases: tuple[Case, ...]) -> Iterator[tuple[str, Check, tuple[Case, ...]]]:
        """Every check with the cases it runs on."""
        full = tuple(c for c in cases if not c.is_empty)
        yield "values", self.values, cases
        yield "ties", self.ties, full[-_PAIR:]
        # The last one is for `subsets`, which asks for all gradients as well.
        yield "exact", self.exact, tuple(c for c in cases if len(full) < 2 or c is not full[-1])
        yield "subsets", self.subsets, full[-1:] * 2  # whole, and cut
        yield "float32", self.float32, full[-_PAIR:]

    def outcome(self, check: Check, case: Case, module: ModuleType) -> str:
        """What a check says; one that raises has failed."""
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            try:
                return check(case, module)
            except _Untold as reason:
                self.untold[case] = str(reason)
                return ""
            except Exception as raised:
                return f"{type(raised).__name__}: {raised}"

    def values(self, case: Case, module: ModuleType) -> str:
        return self.judged(self.verification.compared(case, module, self.expected(case)))

    def ties(self, case: Case, module: ModuleType) -> str:
        try:
            expected = self.verification.tied(case)
        except (ArithmeticError, TypeError, ValueError) as reason:
            raise _Untold(f"there the equations have no value: {reason}") from reason
        if not (expected.is_finite or expected.steep):
            raise _Untold("there not all values are finite")
        return self.judged(self.verification.compared(case, module, expected))

    def expected(self, case: Case) -> Expected:
        return self.verification.expected(case)

    def judged(self, judgement: Judgement) -> str:
        """What is wrong; without it, a doubt counts."""
        if judgement.doubt and not judgement.what:
            raise _Untold(judgement.doubt)
        return judgement.what

    def exact(self, case: Case, module: ModuleType, subsets: bool = False) -> str:
        expected = self.expected(case)
        if expected.meets_infinity or (expected.has_gap and (expected.steep or not expected.calm)):
            raise _Untold("what is infinite, such as the largest of nothing, has no slope")
        return self.verification.exact(case, module, subsets=subsets)[1]

    def subsets(self, case: Case, module: ModuleType) -> str:
        return self.exact(case, module, subsets=True)

    def float32(self, case: Case, module: ModuleType) -> str:
        """Run in float32: what is returned has that dtype and nearly the values of float64."""
        expected = self.verification.in_float32(case)
        calm = expected.calm and not (expected.has_gap or expected.steep)
        warn = "warn" if calm else "ignore"
        # d/(e/a) warns where a is 0, as it was written, though SymPy's d*a/e is 0.
        forbidden = "overflow|invalid" if self.divides else "overflow|invalid|divide"
        with (
            np.errstate(over=warn, invalid=warn, divide=warn),
            warnings.catch_warnings(record=True) as said,
        ):
            warnings.simplefilter("always")
            warnings.filterwarnings("error", forbidden, RuntimeWarning)
            call = partial(_run, module, case, expected.inputs, expected.y_bar, np.float32)
            try:
                found = call()
            except RuntimeWarning:  # a product may set a flag for numbers that it does not return;
                found = call()  # what a module warns of, it warns of again
        if said:
            clause = (
                "but for NumPy's warning of a division by 0: the equations divide by a quotient"
            )
            self.unchecked[clause] = None
        wrong = [n for n, a in found.items() if a.dtype.kind == "f" and a.dtype != np.float32]
        if wrong:
            return f"with float32 inputs, {wrong[0]} is {found[wrong[0]].dtype}"
        if expected.meets_infinity:
            raise _Untold("there numbers are infinite")
        what = self.judged(expected.judged(found, _FLOAT32_ERROR))
        return what and f"in float32, {what}"

    def refuse(self, name: str, check: Check, case: Case, strategy: str, what: str) -> None:
        """Look for a smaller case that fails in the same check, and raise."""
        for less in smaller(case)[:_TRIED]:
            for tried, module, how in runs((less,), self.loaded):
                if found := self.outcome(check, tried, module):
                    raise NotVerified(self.operation.name, name, str(tried), how, found)
        raise NotVerified(self.operation.name, name, str(case), strategy, what)


def _divides_twice(written: Written) -> bool:
    """Whether something is divided by a quotient."""
    brackets = [one for one in written if isinstance(one.part, tuple)]
    return any(
        (one.inverse and any(inner.inverse for inner in one.part)) or _divides_twice(one.part)
        for one in brackets
    )


def _run(module: ModuleType, case: Case, inputs, y_bar, dtype) -> dict[str, np.ndarray]:
    """Every array that a module hands out: outputs, gradients, and what it keeps."""
    given = {name: _as(array, dtype) for name, array in inputs.items()}
    output, residuals = module.forward(*given.values(), **case.options)
    named = zip(leaves(output), y_bar.values(), strict=True)
    bars = {
        name: bar.astype(dtype) for name, bar in named if leaves(output)[name].dtype.kind == "f"
    }
    grads = module.backward(like(output, bars), residuals)
    found = dict(zip(case.outputs, leaves(output).values(), strict=True))
    found |= {f"the gradient of {name}": getattr(grads, name) for name in case.differentiable}
    kept = residuals._asdict().items()
    found |= {f"the residual {name}": a for name, a in kept if isinstance(a, np.ndarray)}
    return {name: np.asarray(array) for name, array in found.items()}


def _as(array: np.ndarray | None, dtype: type) -> np.ndarray | None:
    """Real numbers in a dtype; integers as they are."""
    return array if array is None or array.dtype.kind != "f" else array.astype(dtype)
