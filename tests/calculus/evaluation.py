"""Evaluate both sides of a step at small sizes, with the plain loops of the reference."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import numpy as np
from sympy import Expr, Integer, sympify

from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.lift import to_system
from derive.calculus.statements import Statement, System
from derive.calculus.step import Step
from derive.language import Operation
from derive.language.options import Setting
from derive.language.symbols import Access, Axis, Size, Tensor
from derive.verification.reference import evaluate


class Numbers:
    """An operation with numbers for its sizes, settings, inputs and cotangents."""

    def __init__(self, operation: Operation, values: Mapping[str, int], seed: int = 0) -> None:
        self.operation = operation
        self.system = to_system(operation)
        self.adjoint: Adjoint = adjoint(self.system)
        self.derivation: Derivation = derivation(operation, self.system, self.adjoint)
        self.values = values
        self.seed = seed
        self.cache: dict[tuple, tuple[dict, dict]] = {}

    def check(self, step: Step) -> bool:
        """Whether both sides of a step have the same values."""
        left, right = self.sides(step)
        return left.shape == right.shape and all(
            abs(a - b) < 1e-9 for a, b in zip(left.ravel(), right.ravel(), strict=True)
        )

    def sides(self, step: Step) -> tuple[np.ndarray, np.ndarray]:
        given = {e.left: int(e.right) for e in step.assuming}
        return self.value(step.before, step.target, given), self.value(
            step.after, step.target, given
        )

    def value(
        self, statements: tuple[Statement, ...], target: Tensor, given: dict[Expr, int]
    ) -> np.ndarray:
        """What `statements` write to `target`, all cotangents they read being known."""
        sizes, arrays = self.environment(given)
        result = Tensor("result", target.axes_of, outside=0, offset=target.offset)
        renamed = tuple(
            replace(s, target=Access(result, *s.target.index)) if s.target.tensor == target else s
            for s in statements
        )
        cotangents = tuple(t for t in self.adjoint.cotangent.values() if t.name in arrays)
        inputs = tuple(dict.fromkeys((*self.adjoint.system.inputs, *cotangents)))
        system = System(inputs, (result,), (*self.adjoint.primal.statements, *renamed))
        return evaluate(system, arrays, sizes)["result"]

    def environment(self, given: dict[Expr, int]) -> tuple[dict, dict]:
        """Sizes and settings; random inputs, and every cotangent from the adjoint system."""
        key = tuple(sorted((str(k), v) for k, v in given.items()))
        if key not in self.cache:
            sizes = self.sizes(given)
            rng = np.random.default_rng(self.seed)
            whole = self.adjoint.system
            arrays = {t.name: self.array(t, sizes, rng) for t in whole.inputs}
            written = tuple(dict.fromkeys(s.target.tensor for s in self.adjoint.statements))
            found = evaluate(System(whole.inputs, written, whole.statements), arrays, sizes)
            self.cache[key] = sizes, {**found, **arrays}
        return self.cache[key]

    def array(self, tensor: Tensor, sizes: dict, rng: np.random.Generator) -> np.ndarray:
        shape = tuple(number(e, sizes) for e in tensor.shape)
        if tensor.integer:
            return rng.integers(0, number(tensor.below, sizes), shape).astype(object)
        return rng.integers(-9, 10, shape).astype(object)

    def sizes(self, given: dict[Expr, int]) -> dict:
        """Numbers for all symbols, computed sizes last."""
        waiting = set(symbols_of(self.adjoint.system))
        sizes: dict = {s: self.values[s.name] for s in waiting if s.name in self.values} | given
        waiting -= sizes.keys()
        while waiting:
            ready = {s for s in waiting if s.formula.free_symbols <= sizes.keys()}
            assert ready, f"no number for {waiting}"
            sizes |= {s: number(s.formula, sizes) for s in ready}
            waiting -= ready
        return sizes


def number(expression: Expr | None, sizes: Mapping) -> int:
    value: Any = sympify(expression).xreplace({k: Integer(v) for k, v in sizes.items()})
    return int(value)


def symbols_of(system: System) -> set:
    """Every size and setting that shapes, boxes, values or formulas mention."""
    expressions: list[Expr] = [
        e for t in system.tensors for e in (*t.shape, t.below) if e is not None
    ]
    for s in system.statements:
        expressions += [*(a.extent for a in s.domain), *s.target.index, s.value]
        expressions += [e for g in s.where for e in (g.expression, g.modulus)]
    found: set = set()
    while expressions:
        for symbol in expressions.pop().free_symbols - found:
            if isinstance(symbol, Size | Setting) and not isinstance(symbol, Axis):
                found.add(symbol)
                if isinstance(symbol, Size) and symbol.formula is not None:
                    expressions.append(symbol.formula)
    return found
