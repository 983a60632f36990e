"""The lines of derivations as claims: right ones, and ones with a slip that a person could make.

The slips are those of `tests.statement_mutants`, which know nothing of what `derive audit` tries.
"""

from __future__ import annotations

import random
from collections import defaultdict
from dataclasses import dataclass
from typing import Any

from sympy import Add, And, Eq, Expr, Mod, Ne, Piecewise, Sum

from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.lift import to_system
from derive.calculus.statements import Guard, Statement, System
from derive.language import Axis, Claim, Cotangent, Operation, Tensor, accumulate
from tests.statement_mutants import changes


@dataclass(frozen=True, eq=False)
class Lines:
    """What the derivation of an operation ends in, for every input.

    Attributes
    ----------
    operation : Operation
    system : System
    derivation : Derivation
    """

    operation: Operation
    system: System
    derivation: Derivation

    @classmethod
    def of(cls, operation: Operation) -> Lines:
        system = to_system(operation)
        return cls(operation, system, derivation(operation, system, adjoint(system)))

    @property
    def gradients(self) -> dict[Tensor, tuple[Statement, ...]]:
        """The last line for each input that reaches an output."""
        found = {}
        for tensor in self.operation.inputs:
            step = self.derivation.final(self.derivation.cotangent.get(tensor, tensor))
            if step is not None:
                found[tensor] = step.shown
        return found

    def claim(self, statements: tuple[Statement, ...]) -> Claim | None:
        """Statements as a claim; None where they are several scatters."""
        names = {bar: Cotangent(t) for t, bar in self.derivation.cotangent.items()}
        statements = tuple(s.substitute(names) for s in statements)
        targets = {s.target for s in statements}
        if len(targets) != 1:
            return None
        (target,) = targets
        axes = [i for i in target.index if isinstance(i, Axis)]
        if len(set(axes)) == len(target.index):
            right = Add(*(summed(s) for s in statements))
            return Claim(self.operation, Eq(target, right, evaluate=False))
        if len(statements) != 1:
            return None
        (statement,) = statements
        return Claim(self.operation, accumulate(target, guarded(statement)))


def guarded(statement: Statement) -> Expr:
    """The value where the conditions hold."""
    if not statement.where:
        return statement.value
    return Piecewise((statement.value, And(*map(condition, statement.where))), (0, True))


def summed(statement: Statement) -> Expr:
    """The same, summed over what the target does not name."""
    bound = [a for a in statement.domain if a not in statement.target.index]
    return Sum(guarded(statement), *bound) if bound else guarded(statement)


def condition(guard: Guard) -> Any:
    """A guard as a relation."""
    rest = Mod(guard.expression, guard.modulus)
    return {
        "ge": lambda: guard.expression >= 0,
        "eq": lambda: Eq(guard.expression, 0),
        "divides": lambda: Eq(rest, 0),
        "indivisible": lambda: Ne(rest, 0),
    }[guard.kind]()


@dataclass(frozen=True, eq=False)
class Slip:
    """A claim with one slip, beside the line without it."""

    kind: str
    claim: Claim
    right: Claim

    def __str__(self) -> str:
        return f"{self.kind}: {self.right.equation}  ->  {self.claim.equation}"


def slip(lines: Lines, source: random.Random) -> Slip | None:
    """One slip in one of the lines; None if it cannot be written as a claim."""
    tensor = source.choice([*lines.gradients])
    statements = lines.gradients[tensor]
    place = source.randrange(len(statements))
    kinds: dict[str, list[tuple[Statement, ...]]] = defaultdict(list)
    for kind, new in changes(statements[place], lines.system):
        if all(s.op == "add" for s in new):
            kinds[kind].append(new)
    kind = source.choice(list(kinds))
    new = source.choice(kinds[kind])
    changed = (*statements[:place], *new, *statements[place + 1 :])
    if not changed or not any(changed[0].target == s.target for s in statements):
        return None
    wrong, right = lines.claim(changed), lines.claim(statements)
    return Slip(kind, wrong, right) if wrong and right else None
