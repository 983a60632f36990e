"""`derive verify`: three verifications that do not trust each other, on a generated file.

Reference     values and gradients are those of plain loops over the equations as written.
Exact         the gradients are the transpose of the derivative, modulo a large prime.
Differences   the gradients are the slopes of the values, in floating point.

Each runs on every case and, where a module chooses between strategies, on every strategy.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
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
from derive.verification.expected import ROUNDINGS, Expected
from derive.verification.number import Number, gradients, numbers
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
_REDRAWS = 3  # of inputs that sit on a kink
Arrays = dict[str, np.ndarray | None]


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
        self._expected: dict[Case, Expected] = {}
        self._single: dict[Case, Expected] = {}
        self._tied: dict[Case, Expected | None] = {}
        self.undecided: dict[Case, None] = {}  # where the field does not see an identity
        self.rounded: dict[Case, None] = {}  # where rounding decides what comes

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
            if name == "exact" and self.undecided:
                text += f"; {len(self.undecided)} not decided, but right by the reference"
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
        expected = self.expected(case)
        error, what = self.compared(case, module, expected)
        # Nothing times an infinite slope is nothing to the loops, and NaN to a module.
        return (0.0, "") if expected.steep and not np.isfinite(error) else (error, what)

    def compared(self, case: Case, module: ModuleType, expected: Expected) -> tuple[float, str]:
        """Whether a module has the expected values and gradients."""
        inputs = expected.inputs.values()
        value = module.apply(*inputs, **case.options)
        output, residuals = module.forward(*inputs, **case.options)
        grads = module.backward(like(output, _as_leaves(output, expected.y_bar)), residuals)
        found = {
            **dict(zip(case.outputs, leaves(value).values(), strict=True)),
            **{f"the gradient of {n}": getattr(grads, n) for n in case.differentiable},
        }
        return self.judged(case, found, expected, TOLERANCE)

    def judged(
        self,
        case: Case,
        found: Mapping[str, np.ndarray | None],
        expected: Expected,
        tolerance: float,
    ) -> tuple[float, str]:
        """The largest error, and what is wrong; it is noted where rounding decides."""
        judgement = expected.judged(found, tolerance)
        if judgement.rounded:
            self.rounded[case] = None
        return judgement.error, judgement.what

    def exact(self, case: Case, module: ModuleType, *, subsets: bool = True) -> tuple[float, str]:
        """Compare gradients with the transpose of the derivative, modulo a prime."""
        drawn = case.draw(np.random.default_rng(1))
        inputs: dict[str, Any] = {
            name: array if array is None or array.dtype.kind in "iu" else array.shape
            for name, array in drawn.items()
        }
        rng = np.random.default_rng(2)
        # Said aloud, so that a default such as 1e-5 arrives as an exact number too.
        real = {o.name: o.default for o in case.operation.options if not o.integer}
        options = real | dict(case.options)
        defect = transpose_defect(
            module, inputs, options, case.differentiable, rng, subsets=subsets
        )
        if defect.is_zero:
            return 0, ""
        # SymPy may have used an identity that hashed values do not obey, exp(x)² = exp(2x), or
        # rounded a constant. Gradients that agree entry by entry decide.
        if not defect.faults and not self.reference(case, module)[1]:
            self.undecided[case] = None
            return 0, ""
        return 1, str(defect)

    def differences(self, case: Case, module: ModuleType) -> tuple[float, str]:
        """Compare gradients with central differences; draw again where these mean nothing."""
        says_nothing = (Diagnosis.KINK_CROSSED, Diagnosis.STEP_TOO_SMALL)
        found = None
        for seed in range(_REDRAWS):
            rng = np.random.default_rng(seed)
            inputs = case.draw(rng, positive=self.expected(case).positive)
            found = check_differences(module, inputs, case.options, case.differentiable, rng)
            if found.diagnosis not in says_nothing:
                break
        assert found is not None
        # A slope that rounding hides, draw after draw, agrees as far as it can be measured.
        agrees = found.agrees or found.diagnosis is Diagnosis.STEP_TOO_SMALL
        return found.worst, "" if agrees else str(found)

    def expected(self, case: Case) -> Expected:
        """What the plain loops say; computed once for all strategies."""
        if case not in self._expected:
            found = None
            for kinks in dict.fromkeys((self.kinks(case), ())):  # at a kink a slope may be infinite
                with suppress(ArithmeticError, TypeError, ValueError):
                    found = self.evaluated(case, positive=False, kinks=kinks)
                if found is not None and found.is_finite and found.calm:
                    break
            if found is None or not (found.is_finite and found.calm):
                # A logarithm or a root of an input wants numbers above 0.
                found = self.evaluated(case, positive=True)
            self._expected[case] = found
        return self._expected[case]

    def single(self, case: Case) -> Expected:
        """The same for float32, at the nearest inputs of that kind."""
        if case not in self._single:
            same = self.expected(case)
            near = [
                {n: a if a is None or a.dtype.kind != "f" else _single(a) for n, a in part.items()}
                for part in (same.inputs, same.y_bar)
            ]
            self._single[case] = self.at(case, *near, same.positive, np.float32)  # type: ignore
        return self._single[case]

    def tied(self, case: Case) -> Expected | None:
        """What the plain loops say where inputs are equal; None if they cannot be computed."""
        if case not in self._tied:
            self._tied[case] = None
            with suppress(ArithmeticError, TypeError, ValueError):
                self._tied[case] = self.evaluated(case, ties=True)
        return self._tied[case]

    def kinks(self, case: Case) -> tuple[float, ...]:
        """Numbers that the definition compares with, of either sign."""
        compared: set[Any] = set()
        for statement in self.system.statements:
            for node in statement.value.atoms(*_COMPARING):
                if node.has(Access):
                    compared |= node.atoms(sympy.Number, Setting) | {sympy.Integer(0)}
        real = (_exactly(case.values.get(number, number)) for number in compared)
        near = {number for number in real if abs(number) < _FAR}
        return tuple(sorted({sign * number for number in near for sign in (1, -1)}))

    def evaluated(
        self,
        case: Case,
        *,
        positive: bool = False,
        kinks: tuple[float, ...] = (),
        ties: bool = False,
    ) -> Expected:
        """Values and gradients, entry by entry, at random inputs (see `Case.draw`)."""
        rng = np.random.default_rng(len(case.values))
        inputs = case.draw(rng, positive=positive, kinks=kinks, ties=ties)
        y_bar = {name: rng.standard_normal(shape) for name, shape in case.outputs.items()}
        return self.at(case, inputs, y_bar, positive)

    def at(
        self,
        case: Case,
        inputs: Arrays,
        y_bar: Mapping[str, np.ndarray],
        positive: bool = False,
        dtype: type = np.float64,
    ) -> Expected:
        """Values and gradients, entry by entry, at given inputs, which are numbers of `dtype`."""
        given = {
            name: (
                array
                if array is None or array.dtype.kind in "iu"
                else numbers(array, active=name in case.differentiable)
            )
            for name, array in inputs.items()
        }
        Number.begin(dtype)
        unit = ROUNDINGS * 2.0**-Number.bits
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
        values = {n: np.array([float(e) for e in entries[n]]).reshape(shapes[n]) for n in entries}
        rounding = {
            n: np.array([unit * _spread(e) for e in entries[n]]).reshape(shapes[n]) for n in entries
        }
        calm, decided = not Number.met_infinity, Number.closest > unit
        steep = Number.met_pole
        return Expected(inputs, y_bar, values, rounding, positive, calm, decided, steep)


def runs(chosen: Iterable[Case], loaded: Loaded) -> Iterator[tuple[Case, ModuleType, str]]:
    """Every case with every strategy, axes whole and cut into parts in turn."""
    for number, case in enumerate(chosen):
        for choice in loaded.choices(cut=number % 2 == 1):
            yield case, loaded.forced(choice), loaded.name_of(choice)


def _single(array: np.ndarray) -> np.ndarray:
    """Each number as the nearest one of float32."""
    return array.astype(np.float32).astype(float)


def _spread(entry: Any) -> float:
    """How many roundings a number may be off; 0 if there is no telling."""
    spread = entry.spread if isinstance(entry, Number) else 0.0
    return spread if math.isfinite(spread) else 0.0


def _as_leaves(output: Any, y_bar: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cotangents by the names of the output's fields."""
    return dict(zip(leaves(output), y_bar.values(), strict=True))


def _exactly(number: Any) -> float:
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
