"""Small values of sizes and settings, and points at which something does not hold."""

from __future__ import annotations

import itertools
import random
from collections.abc import Iterator, Mapping

import sympy
from sympy import Expr, Sum, Symbol

from derive.calculus.lift import equations_of
from derive.calculus.statements import Guard, Statement
from derive.language.maximum import Maximum
from derive.language.operation import Equation, Operation
from derive.language.symbols import Access, Axis, Size, entries_in

_SAMPLES = 40
_POINTS = 2000


def samples(operation: Operation) -> Iterator[dict[Symbol, sympy.Integer]]:
    """Small values of all sizes and settings that meet the operation's requirements."""
    symbols: set[Symbol] = set()
    for equation in equations_of(operation):
        symbols |= {s for s in symbols_of(equation) if not isinstance(s, Axis)}
    free = sorted((s for s in symbols if not getattr(s, "formula", None)), key=str)
    derived = [s for s in symbols if getattr(s, "formula", None) is not None]
    source = random.Random(0)
    for _ in range(_SAMPLES):
        values: dict[Symbol, sympy.Integer] = {}
        for symbol in free:
            least = getattr(symbol, "minimum", 0) or 0
            values[symbol] = sympy.Integer(least + source.choice((0, 1, 2, 3, 4)))
        pending = list(derived)
        while pending:
            ready = [s for s in pending if s.formula.free_symbols <= values.keys()]
            if not ready:
                break
            for size in ready:
                values[size] = size.formula.xreplace(values)
                pending.remove(size)
        met = [relation.xreplace(values) for relation, _ in operation.requires]
        sane = all(values[s] >= 0 for s in derived if s in values)
        if not pending and sane and all(m == sympy.true for m in met):
            yield values


def counterexample(bound: Expr, statement: Statement, values: Mapping) -> dict | None:
    """A point of the box within the guards where `bound` is negative."""
    return next((named(h, bound) for h in points(statement, values) if bound.xreplace(h) < 0), None)


def points(statement: Statement, values: Mapping) -> Iterator[dict]:
    """The first points of the box at which the guards hold, or may hold."""
    extents = [int(axis.extent.xreplace(dict(values))) for axis in statement.domain]
    for point in itertools.islice(itertools.product(*map(range, extents)), _POINTS):
        numbers = map(sympy.Integer, point)
        here = {**values, **dict(zip(statement.domain, numbers, strict=True))}
        if all(_may_hold(guard, here) for guard in statement.where):
            yield here


def named(here: Mapping, expression: Expr) -> dict:
    """What the symbols of an expression are at a point."""
    return {s: here[s] for s in sorted(expression.free_symbols, key=str) if s in here}


def _may_hold(guard: Guard, here: dict) -> bool:
    """Whether a guard holds; of what reads integers, nobody knows."""
    value, modulus = guard.expression.xreplace(here), guard.modulus.xreplace(here)
    relation = {
        "ge": lambda: sympy.Ge(value, 0),
        "eq": lambda: sympy.Eq(value, 0),
        "divides": lambda: sympy.Eq(sympy.Mod(value, modulus), 0),
        "indivisible": lambda: sympy.Ne(sympy.Mod(value, modulus), 0),
    }[guard.kind]()
    return relation != sympy.false


def every_access(equation: Equation) -> Iterator[Access]:
    yield from sorted(entries_in(equation.left), key=str)
    yield from sorted(entries_in(equation.right), key=str)


def symbols_of(equation: Equation) -> set[Symbol]:
    """Every symbol, those of extents and formulas included; names of tensors and axes left out."""
    found: set[Symbol] = set()

    def visit(expression: Expr) -> None:
        for symbol in expression.free_symbols:
            if symbol in found:
                continue
            found.add(symbol)
            if isinstance(symbol, Axis):
                visit(symbol.extent)
            elif isinstance(symbol, Size) and symbol.formula is not None:
                visit(symbol.formula)

    for axis in equation.left.atoms(Axis) | equation.right.atoms(Axis):
        visit(axis)
    visit(equation.left)
    for reduction in equation.right.atoms(Sum, Maximum):
        for limit in reduction.limits:
            for bound in limit:
                visit(bound)
    for free in equation.right.free_symbols:
        visit(free)
    for access in every_access(equation):
        for extent in access.tensor.shape:
            visit(extent)
    return found
