"""`derive verify`: three verifications that do not trust each other, on a generated file.

Reference     values and gradients are those of plain loops over the system and its adjoint.
Exact         the gradients are the transpose of the derivative, modulo a large prime.
Differences   the gradients are the slopes of the values, in floating point.

Each runs on every case and, where a module chooses between strategies, on every strategy.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import sympy

from derive.calculus.adjoint import adjoint
from derive.calculus.lift import to_system
from derive.calculus.selection import attains
from derive.calculus.statements import System
from derive.language import scalars
from derive.language.operation import Operation
from derive.language.options import Setting
from derive.language.symbols import Access
from derive.verification.cases import Case, cases
from derive.verification.differences import Diagnosis, check_differences
from derive.verification.exact import leaves, like, transpose_defect
from derive.verification.reference import evaluate, high_precision
from derive.verification.strategies import Loaded

TOLERANCE = 1e-11
"""Error allowed against the reference, relative to the largest entry of the array or to 1.

Sums of the sizes of a case lose about 1e-15 and a function a few units more; what is wrong is off
by about 1, or was cancelled in a form that is not stable."""

_COMPARING = (
    sympy.Max, sympy.Min, sympy.Abs, sympy.core.relational.Relational, scalars.relu, scalars.step,
)  # fmt: skip
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
        self.system = to_system(operation)
        self.adjoint = adjoint(self.system)
        self.functions = _has_functions(self.adjoint.system)
        self._expected: dict[Case, _Expected] = {}

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
        inputs = expected.inputs.values()
        value = module.apply(*inputs, **case.options)
        output, residuals = module.forward(*inputs, **case.options)
        grads = module.backward(like(output, _as_leaves(output, expected.y_bar)), residuals)
        found = {
            **dict(zip(case.outputs, leaves(value).values(), strict=True)),
            **{f"the gradient of {n}": getattr(grads, n) for n in case.differentiable},
        }
        errors = {name: _error(found[name], right) for name, right in expected.values.items()}
        wrong = [f"{name} is off by {e:.1e}" for name, e in errors.items() if not e <= TOLERANCE]
        return max(errors.values()), "; ".join(wrong)

    def exact(self, case: Case, module: ModuleType) -> tuple[float, str]:
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
        defect = transpose_defect(module, inputs, options, case.differentiable, rng)
        return (0, "") if defect.is_zero else (1, str(defect))

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

    def expected(self, case: Case) -> _Expected:
        """What the plain loops say; computed once for all strategies."""
        if case not in self._expected:
            found = None
            with suppress(ArithmeticError, TypeError, ValueError):
                found = self.evaluated(case, positive=False, kinks=self.kinks(case))
            if found is None or not found.is_finite:
                # A logarithm or a root of an input wants numbers above 0.
                found = self.evaluated(case, positive=True)
            self._expected[case] = found
        return self._expected[case]

    def kinks(self, case: Case) -> tuple[float, ...]:
        """Numbers that the definition compares with, of either sign."""
        compared: set[Any] = set()
        for statement in self.system.statements:
            for node in statement.value.atoms(*_COMPARING):
                if node.has(Access):
                    compared |= node.atoms(sympy.Number, Setting) | {sympy.Integer(0)}
        real = [float(case.values.get(number, number)) for number in compared]
        real = [number for number in real if abs(number) < 1e9]  # beside larger ones, others drown
        return tuple(sorted({sign * number for number in real for sign in (1, -1)}))

    def evaluated(self, case: Case, positive: bool, kinks: tuple[float, ...] = ()) -> _Expected:
        """Values and gradients at random inputs, entry by entry; some of them on kinks."""
        rng = np.random.default_rng(len(case.values))
        inputs = case.draw(rng, positive=positive, kinks=kinks)
        y_bar = {name: rng.standard_normal(shape) for name, shape in case.outputs.items()}
        bars = self.adjoint.cotangent
        arriving = {bars[t].name: y_bar[t.name] for t in self.operation.outputs if t in bars}
        numbers = {
            name: None if array is None else _numbers(array, self.functions)
            for name, array in {**inputs, **arriving}.items()
        }
        wanted = {bars[t]: t for t in self.operation.inputs if t.name in case.differentiable}
        system = System(
            self.adjoint.system.inputs,
            (*self.system.outputs, *wanted),
            self.adjoint.system.statements,
        )
        found = evaluate(system, numbers, case.values)
        values = {name: _floats(found[name], shape) for name, shape in case.outputs.items()}
        for bar, tensor in wanted.items():
            shape = case.shapes[tensor.name]
            assert shape is not None
            values[f"the gradient of {tensor.name}"] = _floats(found[bar.name], shape)
        return _Expected(inputs, y_bar, values, positive)


def runs(chosen: Iterable[Case], loaded: Loaded) -> Iterator[tuple[Case, ModuleType, str]]:
    """Every case with every strategy that applies to it, batches whole and cut in turn."""
    for number, case in enumerate(chosen):
        sizes = None
        if loaded.strategies:
            zeros = (_zeros(a) for a in case.draw(np.random.default_rng(0)).values())
            sizes = loaded.module.forward(*zeros, **case.options)[1].sizes
        for choice in loaded.choices(sizes, cut=number % 2 == 1):
            yield case, loaded.forced(choice), loaded.name_of(choice)


@dataclass(frozen=True)
class _Expected:
    """Inputs and cotangents with what the reference makes of them."""

    inputs: Arrays
    y_bar: Mapping[str, np.ndarray]
    values: Mapping[str, np.ndarray]
    positive: bool

    @property
    def is_finite(self) -> bool:
        return all(np.isfinite(value).all() for value in self.values.values())


def _has_functions(system: System) -> bool:
    """Whether values take more than + - *: the reference then computes with 40 digits."""
    plain = (sympy.Add, sympy.Mul, sympy.Piecewise, sympy.Tuple, attains)

    def beyond(value: Any) -> bool:
        if isinstance(value, Access) or not value.args:
            return False
        if isinstance(value, sympy.Pow) and value.exp.is_Integer and bool(value.exp > 0):
            return beyond(value.base)
        return not isinstance(value, plain) or any(map(beyond, value.args))

    return any(beyond(statement.value) for statement in system.statements)


def _numbers(array: np.ndarray, functions: bool) -> np.ndarray:
    """The entries as Python's integers and floats, or as numbers of 40 digits."""
    if functions and array.dtype.kind == "f":
        return high_precision(array)
    return array.astype(object)


def _floats(entries: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rounded to float64, product axes multiplied; NaN where a number is not real."""

    def rounded(entry: Any) -> float:
        return float("nan") if isinstance(entry, mpmath.mpc | complex) else float(entry)

    return np.array([rounded(entry) for entry in entries.flat]).reshape(shape)


def _zeros(array: np.ndarray | None) -> np.ndarray | None:
    return None if array is None else np.zeros_like(array)


def _as_leaves(output: Any, y_bar: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Cotangents by the names of the output's fields."""
    return dict(zip(leaves(output), y_bar.values(), strict=True))


def _error(found: np.ndarray | None, right: np.ndarray) -> float:
    """The largest error relative to the largest entry or 1; infinite if the shape is wrong."""
    if found is None or found.shape != right.shape:
        return np.inf
    finite = np.isfinite(right)
    scale = max(1.0, float(np.max(np.abs(right), initial=0, where=finite)))
    off = np.zeros(right.shape)
    np.subtract(found, right, out=off, where=found != right)  # infinities may be equal
    return float(np.max(np.abs(off), initial=0)) / scale


def _count(reached: set[str]) -> str:
    return f"{len(reached)} strategies, " if len(reached) > 1 else ""


def _largest_error(errors: list[float], failed: list[str]) -> str:
    return f"largest error {max(errors):.1e}"


def _no_defect(errors: list[float], failed: list[str]) -> str:
    return f"{len(failed)} defects (error probability near 2^-61 each)"


def _largest_relative_error(errors: list[float], failed: list[str]) -> str:
    return f"largest relative error {max(errors):.1e}"


__all__ = ["Report", "Verification", "verify"]
