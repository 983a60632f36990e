"""`derive verify`: three verifications that do not trust each other, on a generated file.

Reference     values and gradients are those of plain loops over the equations as written.
Exact         the gradients are the transpose of the derivative, modulo a large prime.
Differences   the gradients are the slopes of the values, in floating point.

Each runs on every case and, where a module chooses between strategies, on every strategy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import sympy

from derive.language import scalars
from derive.language.operation import Operation
from derive.language.options import Setting
from derive.language.symbols import Access
from derive.verification.cases import Case, cases
from derive.verification.differences import Diagnosis, check_differences
from derive.verification.exact import leaves, like, transpose_defect
from derive.verification.expected import ROUNDINGS, Expected, Judgement
from derive.verification.field import NoRule
from derive.verification.number import Number, evaluation, gradients, numbers
from derive.verification.reference import as_written, evaluate
from derive.verification.strategies import Loaded

TOLERANCE = 1e-11
"""Error allowed against the reference, relative to the largest entry of the array or to 1.

Sums of the sizes of a case lose about 1e-15 and a function a few units more; what is wrong is off
by about 1, or was cancelled in a form that is not stable. What the equations themselves cancel is
allowed for, see `Expected`."""

_COMPARING = (
    sympy.Max, sympy.Min, sympy.Abs, sympy.core.relational.Relational, scalars.relu, scalars.step,
)  # fmt: skip
_FAR = 1e6  # a number that stands for infinity is no place to put inputs at
_DRAWS = 3  # of inputs that sit on a kink, or at which rounding decides
Arrays = dict[str, np.ndarray | None]

INTERVAL = "Say where inputs lie: tensor(..., interval=(low, high))."


@dataclass
class Report:
    """What the verifications found.

    Attributes
    ----------
    lines : list of str
        One for each verification, with its figure.
    ok : bool
        Whether nothing failed.
    failures : list of str
        One for each case that failed: the case, the strategy, what is wrong.
    """

    lines: list[str] = field(default_factory=list)
    failures: list[str] = field(default_factory=list)

    @property
    def ok(self) -> bool:
        return not self.failures


def verify(operation: Operation, path: Path) -> Report:
    """Verify a generated file against the definition it was made from.

    Parameters
    ----------
    operation : Operation
        The definition.
    path : Path
        The generated file; its text is what is verified.

    Returns
    -------
    Report

    Raises
    ------
    VerificationError
        If the definition yields too few cases.
    """
    return Verification(operation, cases(operation)).report(Loaded(Path(path)))


class Verification:
    """The verifications of one operation on given cases; what they need is computed once.

    Parameters
    ----------
    operation : Operation
    chosen : sequence of Case
    """

    def __init__(self, operation: Operation, chosen: tuple[Case, ...]) -> None:
        self.operation = operation
        self.cases = chosen
        self.system = as_written(operation)
        self._known: dict[tuple[Case, str], Expected] = {}
        self.field_blind: dict[Case, None] = {}  # where the field does not see an identity
        self.no_rule: dict[str, None] = {}  # why nothing could be said in the field
        self.doubtful: dict[Case, str] = {}  # where values and gradients tell nothing, and why

    def report(self, loaded: Loaded) -> Report:
        """Run everything; a check that raises has failed."""
        report = Report()
        checks = (
            ("reference", self.reference, _largest_error),
            ("exact", self.exact, _no_defect),
            ("differences", self.differences, _largest_relative_error),
        )
        reached: set[str] = set()
        for name, check, figure in checks:
            errors, failed = [], []
            for case, module, strategy in runs(self.cases, loaded):
                reached.add(strategy)
                try:
                    error, what = check(case, module)
                except Exception as raised:
                    error, what = np.inf, f"{type(raised).__name__}: {raised}"
                errors.append(error)
                if what:
                    forced = f" ({strategy})" if strategy else ""
                    failed.append(f"{name}: {case}{forced}: {what}")
            text = f"{len(self.cases)} cases, {_count(reached)}{figure(errors, failed)}"
            if name == "reference" and self.doubtful:
                why = ", ".join(dict.fromkeys(self.doubtful.values()))
                text += f"; {len(self.doubtful)} tell nothing: {why}"
                if self.doubtful.keys() >= {c for c in self.cases if not c.is_empty}:
                    failed.append(f"reference: no case tells anything: {why}. {INTERVAL}")
            if name == "exact" and self.field_blind:
                text += f"; {len(self.field_blind)} not decided, but right by the reference"
            if name == "exact" and self.no_rule:
                text += f"; by central differences where there is {', '.join(self.no_rule)}"
            report.lines.append(f"{name:<11} {text}")
            report.lines += [f"{name:<11} FAILED {failed[0]}"] if failed else []
            report.failures += failed
        named = {part for strategy in reached for part in strategy.split(" and ")}
        for direction, strategy in loaded.strategies:
            if strategy not in named:
                report.failures.append(f"no case reaches the {direction} strategy {strategy}")
                report.lines.append(f"strategies  FAILED {report.failures[-1]}")
        return report

    def reference(self, case: Case, module: ModuleType) -> tuple[float, str]:
        """Compare values and gradients with plain loops; the largest error, and what is wrong."""
        judgement = self.compared(case, module, self.expected(case))
        if judgement.doubt:
            self.doubtful[case] = judgement.doubt
        return judgement.error, judgement.what

    def compared(self, case: Case, module: ModuleType, expected: Expected) -> Judgement:
        """Whether a module has the expected values and gradients."""
        inputs = expected.inputs.values()
        value = module.apply(*inputs, **case.options)
        output, residuals = module.forward(*inputs, **case.options)
        grads = module.backward(like(output, _as_leaves(output, expected.y_bar)), residuals)
        found = {
            **dict(zip(case.outputs, leaves(value).values(), strict=True)),
            **{f"the gradient of {n}": getattr(grads, n) for n in case.differentiable},
        }
        return expected.judged(found, TOLERANCE)

    def exact(self, case: Case, module: ModuleType, *, subsets: bool = True) -> tuple[float, str]:
        """Compare gradients with the transpose of the derivative, modulo a prime; by central
        differences if the field cannot compute what is defined."""
        drawn = case.draw(case.rng("integers"))
        inputs: dict[str, Any] = {
            name: array if array is None or array.dtype.kind in "iu" else array.shape
            for name, array in drawn.items()
        }
        # Said aloud, so that a default such as 1e-5 arrives as an exact number too.
        real = {o.name: o.default for o in case.operation.options if not o.integer}
        options = real | dict(case.options)
        rng = case.rng("elements")
        try:
            defect = transpose_defect(
                module, inputs, options, case.differentiable, rng, subsets=subsets
            )
        except (NoRule, ArithmeticError) as reason:
            # Where the equations meet infinity, floats have NaN on their way; the field has none.
            # So they may in a call with an empty axis, whatever outputs without entries tell, and
            # where the field draws 0 for what a root is taken of.
            expected = self.expected(case)
            finite = expected.calm and not (expected.steep or case.is_empty or self.takes_roots)
            if not isinstance(reason, NoRule) and finite:
                raise
            if case.is_empty and not expected.calm:
                return 0, ""  # infinite, and without an entry that could tell
            self.no_rule[str(reason)] = None
            return self.differences(case, module)
        if defect.is_zero:
            return 0, ""
        # SymPy may have used an identity that hashed values do not obey, exp(x)² = exp(2x), or
        # rounded a constant. Gradients that agree entry by entry decide, where all of them tell.
        expected = self.expected(case)
        if not defect.faults and not expected.has_gap:
            judgement = self.compared(case, module, expected)
            if not judgement.what and not judgement.doubt:
                self.field_blind[case] = None
                return 0, ""
        return 1, str(defect)

    @cached_property
    def takes_roots(self) -> bool:
        """Whether a slope is infinite where the value is not."""
        values = (statement.value for statement in self.system.statements)
        powers = (power for value in values for power in value.atoms(sympy.Pow))
        return any(p.base.has(Access) and p.exp.is_integer is not True for p in powers)

    def differences(self, case: Case, module: ModuleType) -> tuple[float, str]:
        """Compare gradients with central differences; draw again where these mean nothing."""
        says_nothing = (Diagnosis.KINK_CROSSED, Diagnosis.STEP_TOO_SMALL)
        found = None
        # One number alone may happen to be above 0, where that was needed elsewhere.
        positive = any(self.expected(each).positive for each in (case, *self.cases))
        for draw in range(_DRAWS):
            rng = case.rng("differences", draw)
            inputs = case.draw(rng, positive=positive)
            found = check_differences(module, inputs, case.options, case.differentiable, rng)
            if found.diagnosis not in says_nothing:
                break
        assert found is not None
        # A slope that rounding hides, draw after draw, agrees as far as it can be measured.
        agrees = found.agrees or found.diagnosis is Diagnosis.STEP_TOO_SMALL
        return found.worst, "" if agrees else str(found)

    def expected(self, case: Case) -> Expected:
        """What the plain loops say; computed once for all strategies."""
        # A logarithm or a root of an input wants numbers above 0.
        kinks = dict.fromkeys((self.kinks(case), ()))  # at a kink a slope may be infinite
        ways = (*({"kinks": numbers} for numbers in kinks), {"positive": True})
        return self.telling(case, "values", ways)

    def in_float32(self, case: Case) -> Expected:
        """The same for float32, at the nearest inputs of that kind."""
        positive = self.expected(case).positive
        way = {"positive": True} if positive else {"kinks": self.kinks(case)}
        return self.telling(case, "float32", (way,), np.float32)

    def tied(self, case: Case) -> Expected:
        """The same where many inputs are equal."""
        return self.telling(case, "ties", ({"ties": True}, {"ties": True, "positive": True}))

    def telling(
        self,
        case: Case,
        name: str,
        ways: tuple[Mapping[str, Any], ...],
        dtype: type = np.float64,
    ) -> Expected:
        """What the plain loops say at the first inputs at which every entry can be compared, or at
        the best ones; `ways` say how inputs are drawn."""
        if (case, name) in self._known:
            return self._known[case, name]
        best = error = None
        for draw in range(_DRAWS):
            for way in ways:
                try:
                    found = self.evaluated(case, draw=draw, dtype=dtype, **way)
                except (ArithmeticError, TypeError, ValueError) as raised:
                    error = raised
                    continue
                best = found if best is None or found.merit >= best.merit else best
                if best.tells:
                    break
            if best is not None and best.is_settled:
                break
        if best is None:
            assert error is not None
            raise error
        self._known[case, name] = best
        return best

    @cached_property
    def compared_with(self) -> frozenset[Any]:
        """The numbers and settings in all that compares entries."""
        compared: set[Any] = set()
        for statement in self.system.statements:
            for node in statement.value.atoms(*_COMPARING):
                if node.has(Access):
                    compared |= node.atoms(sympy.Number, Setting) | {sympy.Integer(0)}
        return frozenset(compared)

    def kinks(self, case: Case) -> tuple[float, ...]:
        """Numbers that the definition compares with, of either sign."""
        real = (_told_apart(case.values.get(number, number)) for number in self.compared_with)
        near = {number for number in real if abs(number) < _FAR}
        return tuple(sorted({sign * number for number in near for sign in (1, -1)}))

    def evaluated(
        self,
        case: Case,
        *,
        draw: int = 0,
        positive: bool = False,
        kinks: tuple[float, ...] = (),
        ties: bool = False,
        dtype: type = np.float64,
    ) -> Expected:
        """Values and gradients, entry by entry, at random inputs (see `Case.draw`)."""
        rng = case.rng("values", draw)
        inputs = case.draw(rng, positive=positive, kinks=kinks, ties=ties)
        y_bar = {n: np.asarray(rng.standard_normal(s)) for n, s in case.outputs.items()}
        inputs, y_bar = ({n: _near(a, dtype) for n, a in p.items()} for p in (inputs, y_bar))
        return self.at(case, inputs, y_bar, positive, dtype)

    def at(
        self,
        case: Case,
        inputs: Arrays,
        y_bar: Mapping[str, np.ndarray],
        positive: bool = False,
        dtype: type = np.float64,
    ) -> Expected:
        """Values and gradients, entry by entry, at given inputs, which are numbers of `dtype`."""
        with evaluation(dtype) as met:
            given = {
                name: (
                    array
                    if array is None or array.dtype.kind in "iu"
                    else numbers(array, active=name in case.differentiable)
                )
                for name, array in inputs.items()
            }
            found = evaluate(self.system, given, case.values)
            pairs = ((found[name].flat, y_bar[name].flat) for name in y_bar)
            weighed = [pair for both in pairs for pair in zip(*both, strict=True)]
            inner = {name: np.asarray(given[name]) for name in case.differentiable}
            entered = [leaf for array in inner.values() for leaf in array.flat]
            slopes = iter(gradients(weighed, entered))
            entries = {name: [*found[name].flat] for name in case.outputs}
            shapes = dict(case.outputs)
            for name, array in inner.items():
                entries[f"the gradient of {name}"] = [next(slopes) for _ in array.flat]
                shapes[f"the gradient of {name}"] = array.shape
            unit = ROUNDINGS * 2.0**-met.bits
            values = {n: np.array([float(e) for e in entries[n]]) for n in entries}
            rounding = {n: np.array([unit * _spread(e) for e in entries[n]]) for n in entries}
            values, rounding = (
                {n: a.reshape(shapes[n]) for n, a in part.items()} for part in (values, rounding)
            )
            calm, clear = not met.met_infinity, met.closest > unit
        return Expected(inputs, y_bar, values, rounding, positive, calm, clear, met.met_pole)


def runs(chosen: Iterable[Case], loaded: Loaded) -> Iterator[tuple[Case, ModuleType, str]]:
    """Every case with every strategy, axes whole and cut into parts in turn."""
    for number, case in enumerate(chosen):
        for choice in loaded.choices(cut=number % 2 == 1):
            yield case, loaded.forced(choice), loaded.name_of(choice)


def _near(array: np.ndarray | None, dtype: type) -> Any:
    """Each real number as the nearest one of a dtype; integers as they are."""
    if array is None or array.dtype.kind != "f":
        return array
    return array.astype(dtype).astype(float)


def _spread(entry: Any) -> float:
    """How many roundings a number may be off; 0 if there is no telling."""
    spread = entry.spread if isinstance(entry, Number) else 0.0
    return spread if math.isfinite(spread) else 0.0


def _as_leaves(output: Any, y_bar: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cotangents by the names of the output's fields."""
    return dict(zip(leaves(output), y_bar.values(), strict=True))


def _told_apart(number: Any) -> float:
    """A number that a float prints as; near it, if none does: 1/3 is on no side of its float."""
    exact = not isinstance(number, sympy.Rational) or number == sympy.Rational(repr(float(number)))
    return float(number) if exact else round(float(number) * 64) / 64


def _count(reached: set[str]) -> str:
    return f"{len(reached)} strategies, " if len(reached) > 1 else ""


def _largest_error(errors: list[float], failed: list[str]) -> str:
    return f"largest error {max(errors):.1e}"


def _no_defect(errors: list[float], failed: list[str]) -> str:
    return f"{len(failed)} defects (error probability near 2^-61 each)"


def _largest_relative_error(errors: list[float], failed: list[str]) -> str:
    return f"largest relative error {max(errors):.1e}"


__all__ = ["Report", "Verification", "verify"]
