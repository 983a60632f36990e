"""Run programs in the field: with each pass, alone and after those before it, they compute what the
equations say.

    python -m tests.programs                     every shipped operation
    python -m tests.programs lstm --count 4      one of them, on four cases
    python -m tests.programs --random 500        random definitions

Numbers are elements of a field, so results are equal or they are not; where they differ for an
identity that a field does not have, numbers of 40 digits decide.
"""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Collection, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from fractions import Fraction
from multiprocessing import get_context
from typing import Annotated, Any

import numpy as np
import typer
from sympy import Symbol

from derive.calculus.adjoint import adjoint
from derive.calculus.checks import check, check_system
from derive.calculus.lift import to_system
from derive.calculus.statements import System
from derive.language.operation import Operation
from derive.ops import shipped
from derive.passes import PASSES, equations
from derive.passes.separate_windows import with_separate_windows
from derive.program.check import faults
from derive.program.grammar import Compute, Module, mapped
from derive.verification.arithmetic import FIELD, NUMBERS, Arithmetic
from derive.verification.cases import Case, few
from derive.verification.field import NoRule, as_element, random_elements
from derive.verification.number import Number, evaluation, number
from derive.verification.number import numbers as as_numbers
from derive.verification.reference import evaluate
from derive.verification.run import Interpreter
from tests.definitions import random_definition

SEPARATE = "separate_windows"  # works on the system, before there is an adjoint
OPTIONAL = (SEPARATE, *(row.name for row in PASSES if not row.needed))


def system_of(operation: Operation) -> System:
    """The system of a definition that can be meant."""
    check(operation)
    system = to_system(operation)
    check_system(operation, system)
    return system


def lowered(operation: Operation, system: System, on: Collection[str]) -> Module:
    """The module with those passes on that are named, and those that are needed."""
    return list(stages(operation, system, on).values())[-1]


def stages(operation: Operation, system: System, on: Collection[str]) -> dict[str, Module]:
    """The module as it is made of equations, and after each pass that is on."""
    apart = with_separate_windows(system) if SEPARATE in on else system
    module = equations(operation.name, apart, adjoint(apart))
    found = {SEPARATE: module}
    for row in PASSES:
        if row.needed or row.name in on:
            found[row.name] = module = row.run(module)
    return found


def variants(operation: Operation, system: System) -> dict[str, Module]:
    """Modules that are to compute the same: without passes, with one alone, with all up to one."""
    found = {"no pass": lowered(operation, system, ())}
    for name in OPTIONAL:
        found[f"{name} alone"] = lowered(operation, system, {name})
    for name, module in stages(operation, system, OPTIONAL).items():
        found[f"all up to {name}"] = _finished(module, name)
    distinct: dict[Any, str] = {}
    for name, module in found.items():
        distinct.setdefault(_content(module), name)
    return {name: found[name] for name in distinct.values()}


def _finished(module: Module, name: str) -> Module:
    """The module after those passes that it needs besides."""
    names = [SEPARATE, *(row.name for row in PASSES)]
    for row in PASSES[names.index(name) :]:
        if row.needed:
            module = row.run(module)
    return module


def _content(module: Module) -> tuple:
    """All that is run of a module."""

    def plain(block: Any) -> Any:
        return replace(block, origins=()) if isinstance(block, Compute) else None

    return tuple(mapped(p.body, plain) for p in (module.forward, module.backward))


def entries(shape: tuple[int, ...], rng: np.random.Generator, numbers: Arithmetic) -> np.ndarray:
    """Random elements of the field, or real numbers of 40 digits."""
    if numbers is FIELD:
        return random_elements(shape, rng)
    return as_numbers(rng.standard_normal(shape))


def inputs_of(case: Case, rng: np.random.Generator, numbers: Arithmetic) -> dict[str, Any]:
    """Entries by name of the input; what lies in an interval is a small fraction."""
    drawn = case.draw(rng)
    for tensor in case.operation.inputs:
        array = drawn[tensor.name]
        if array is None or tensor.integer:
            continue
        if tensor.interval is None:
            drawn[tensor.name] = entries(np.shape(array), rng, numbers)
        else:
            near = [Fraction(round(64 * e), 64) for e in np.ravel(array).tolist()]
            drawn[tensor.name] = np.array(near, object).reshape(np.shape(array))
    return drawn


_ROUNDED = 1e-20  # of two numbers of 40 digits that were computed in different ways
Results = dict[str, np.ndarray]  # outputs and gradients, by name


def expected(system: System, case: Case, seed: int, numbers: Arithmetic = FIELD) -> Results:
    """What the equations and their adjoint say, evaluated entry by entry."""
    rng, reverse = np.random.default_rng(seed), adjoint(system)
    drawn, bars = inputs_of(case, rng, numbers), reverse.cotangent
    found = evaluate(system, drawn, values_of(case), numbers)
    arriving = {
        bars[t].name: entries(found[t.name].shape, rng, numbers)
        for t in system.outputs
        if t in bars
    }
    wanted = tuple(bars[t] for t in system.inputs if t.name in case.differentiable and t in bars)
    asked = replace(reverse.system, outputs=wanted)
    return found | evaluate(asked, drawn | arriving, values_of(case), numbers)


class Pair:
    """Both directions of a module, ready to be run, the first or the other way of a choice."""

    def __init__(self, module: Module, first: bool = True, numbers: Arithmetic = FIELD) -> None:
        self.module, self.first, self.numbers = module, first, numbers
        choices = (p.choice for p in (module.forward, module.backward))
        forced = {choice.names[0]: first for choice in choices if choice}
        self.forward = Interpreter(module.forward, numbers, forced)
        self.backward = Interpreter(module.backward, numbers, forced)

    def results(self, case: Case, seed: int) -> Results:
        """Outputs and gradients, of the same numbers as in `expected`."""
        rng = np.random.default_rng(seed)
        drawn, bars = inputs_of(case, rng, self.numbers), self.module.cotangents
        given = {tensor: drawn[tensor.name] for tensor in self.module.forward.inputs}
        made = self.forward(given, values_of(case))
        outputs = [t for t in made if t.name in case.outputs]
        arriving = {
            bars[t]: entries(made[t].shape, rng, self.numbers) for t in outputs if t in bars
        }
        both = {**given, **made, **arriving}
        slopes = self.backward(both, values_of(case), case.differentiable)
        return {
            t.name: a for found in ({t: made[t] for t in outputs}, slopes) for t, a in found.items()
        }


def values_of(case: Case) -> dict[Symbol, Any]:
    """Sizes and settings; those that are real are fractions."""
    return {s: Fraction(repr(v)) if isinstance(v, float) else v for s, v in case.values.items()}


def differences(one: Results, other: Results) -> list[str]:
    """The names of results that are not equal."""

    def same(name: str) -> bool:
        if name not in one or name not in other or one[name].shape != other[name].shape:
            return False
        return all(map(_equal, one[name].flat, other[name].flat))

    return [name for name in sorted(one.keys() | other.keys()) if not same(name)]


def _equal(one: Any, other: Any) -> bool:
    """Whether two numbers are the same, as far as they are exact."""
    if isinstance(one, Number) or isinstance(other, Number):
        one, other = number(one).value, number(other).value
        return bool(one == other or abs(one - other) <= _ROUNDED * max(1, abs(one)))
    return bool(as_element(one) == as_element(other))


def really_differ(pair: Pair, system: System, case: Case, seed: int) -> bool:
    """Whether results that differ in the field do so as real numbers, too.

    That ``|log(1 + x²)|`` is ``log(1 + x²)``, SymPy knows, and the field does not.
    """
    with evaluation():
        right = expected(system, case, seed, NUMBERS)
        found = Pair(pair.module, pair.first, NUMBERS).results(case, seed)
        return bool(differences(found, right))


@dataclass
class Outcome:
    """What was found for one definition."""

    name: str
    fired: tuple[str, ...] = ()
    programs: int = 0
    runs: int = 0
    undecided: int = 0
    wrong: tuple[str, ...] = ()
    seconds: float = 0.0


def examined(operation: Operation, cases: Sequence[Case] | None = None, count: int = 2) -> Outcome:
    """Run all variants of the programs of an operation on some cases, and check them."""
    start = time.process_time()
    system = system_of(operation)
    found = variants(operation, system)
    chosen = [c for c in (cases or few(operation)) if not c.is_empty]
    chosen = chosen[len(chosen) - count :] if count < len(chosen) else chosen
    wrong = [
        f"{name}: {fault}"
        for name, module in found.items()
        for program in (module.forward, module.backward)
        for fault in faults(program)
    ]
    pairs = {name: Pair(module) for name, module in found.items()}
    for name, module in found.items():
        if module.forward.choice or module.backward.choice:
            pairs[f"{name}, the other way"] = Pair(module, first=False)
    runs = undecided = 0
    for seed, case in enumerate(chosen):
        try:
            right = expected(system, case, seed)
        except (NoRule, ArithmeticError):
            undecided += 1
            continue
        for name, pair in pairs.items():
            try:
                differ = differences(pair.results(case, seed), right)
                if differ and not really_differ(pair, system, case, seed):
                    differ, undecided = [], undecided + 1
                wrong += [f"{name}: {result}, {case}" for result in differ]
            except Exception as error:
                wrong.append(f"{name}: {type(error).__name__}: {error}, {case}")
            runs += 1
    fired = tuple(n for n in OPTIONAL if f"{n} alone" in found or f"all up to {n}" in found)
    spent = time.process_time() - start
    return Outcome(operation.name, fired, len(found), runs, undecided, tuple(wrong), spent)


def outcome(what: str | int, count: int) -> Outcome | None:
    """The outcome for a shipped operation or the definition of a seed; None if that is refused."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if isinstance(what, str):
            operations = (o for family in shipped().values() for o in family)
            return examined(next(o for o in operations if o.name == what), count=count)
        try:
            operation = random_definition(what)
            lowered(operation, system_of(operation), ())
            few(operation)
        except Exception:  # tests.survey says whether that was right
            return None
        return examined(operation, count=count)


def main(
    names: Annotated[list[str] | None, typer.Argument(help="Operations; all without.")] = None,
    count: Annotated[int, typer.Option(help="Cases of each.")] = 2,
    random: Annotated[int, typer.Option(help="Random definitions instead.")] = 0,
    first: Annotated[int, typer.Option(help="The first seed.")] = 0,
) -> None:
    """Examine all, and say what is wrong."""
    shipped_names = [o.name for family in shipped().values() for o in family]
    every: Sequence[str | int] = range(first, first + random) if random else names or shipped_names
    found: list[Outcome] = []
    with ProcessPoolExecutor(mp_context=get_context("spawn")) as pool:
        for one in pool.map(outcome, every, [count] * len(every)):
            if one is None:
                continue
            found.append(one)
            for line in one.wrong[:5]:
                typer.echo(f"{one.name}: {line}")
    fired = Counter(name for one in found for name in one.fired)
    typer.echo(
        f"{len(found)} definitions, {sum(o.programs for o in found)} modules, "
        f"{sum(o.runs for o in found)} runs, {sum(o.undecided for o in found)} cases undecided, "
        f"{sum(o.seconds for o in found):.0f} s; passes fire: {dict(fired)}"
    )
    if any(one.wrong for one in found):
        raise typer.Exit(1)


if __name__ == "__main__":
    typer.run(main)
