"""The one data structure: statements over boxes of indices, and systems of them.

    for every point of a box where the guards hold:    target[phi]  +=  value    (or max=, first=)

Reading an entry outside its tensor yields the tensor's `outside`; writing outside does nothing.
Every target starts from the neutral element of its statements (0, minus infinity for a maximum), so
the order of statements does not matter: a system is a system of affine recurrence equations
(Karp, Miller, Winograd, "The organization of computations for uniform recurrence equations",
J. ACM 14, 1967).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Literal

from sympy import Expr, Integer

from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor, entries_in

ONE = Integer(1)


@dataclass(frozen=True)
class Guard:
    """A condition on the indices: ``expression >= 0``, ``== 0``, (not) divisible by `modulus`."""

    kind: Literal["ge", "eq", "divides", "indivisible"]
    expression: Expr
    modulus: Expr = ONE

    def substitute(self, values: dict) -> Guard:
        return Guard(self.kind, self.expression.xreplace(values), self.modulus.xreplace(values))


@dataclass(frozen=True, eq=False)
class Statement:
    """``target += value`` for every point of the box `domain` within the guards.

    With `op` "max" the target is the largest value, NaN counting as larger than any number. With
    "first" the value is a condition, and the target the number of the first point that meets it,
    in row-major order of the axes which the target does not name (see `selection`).
    """

    domain: tuple[Axis, ...]
    target: Access
    value: Expr
    where: tuple[Guard, ...] = ()
    op: Literal["add", "max", "first"] = "add"

    @cached_property
    def _parts(self) -> tuple:
        return self.domain, self.target, self.value, self.where, self.op

    @cached_property
    def _hash(self) -> int:
        return hash(self._parts)

    def __hash__(self) -> int:
        return self._hash

    def __eq__(self, other: object) -> bool:
        """Whether they say the same. SymPy compares slowly, and most statements differ."""
        if self is other or not isinstance(other, Statement):
            return self is other
        return self._hash == other._hash and self._parts == other._parts

    def substitute(self, values: dict) -> Statement:
        """Replace symbols everywhere at once; axes replaced by axes keep their place."""
        domain = tuple(values.get(axis, axis) for axis in self.domain)
        return replace(
            self,
            domain=domain,
            target=self.target.xreplace(values),
            value=self.value.xreplace(values),
            where=tuple(g.substitute(values) for g in self.where),
        )

    @cached_property
    def reads(self) -> tuple[Access, ...]:
        """Every entry the value depends on, in a fixed order."""
        return accesses(self.value)

    @cached_property
    def entries(self) -> tuple[Access, ...]:
        """Every entry that is looked at: the value's, and those inside indices and guards."""
        places = (*self.target.index, *(e for g in self.where for e in (g.expression, g.modulus)))
        found = {a for part in (self.value, *places) for a in entries_in(part)}
        return tuple(sorted(found, key=str))

    def __str__(self) -> str:
        box = ", ".join(f"{a.name}<{a.extent}" for a in self.domain)
        where = "".join(f" if {g.kind}({g.expression}, {g.modulus})" for g in self.where)
        sign = {"add": "+=", "max": "max=", "first": "first="}[self.op]
        return f"[{box}]{where}: {self.target} {sign} {self.value}"


def distinct(statements: Iterable[Statement]) -> tuple[Statement, ...]:
    """Each statement once: what is added several times is added as a multiple."""
    times = Counter(statements)
    return tuple(
        s if n == 1 or s.op != "add" else replace(s, value=n * s.value) for s, n in times.items()
    )


def accesses(value: Expr) -> tuple[Access, ...]:
    """The accesses of an expression, outermost only, in a fixed order."""
    found: list[Access] = []

    def walk(node) -> None:
        if isinstance(node, Access):
            if node not in found:
                found.append(node)
            return
        for argument in node.args:
            walk(argument)

    walk(value)
    return tuple(sorted(found, key=str))


def names_in(statements: Iterable[Statement]) -> set[str]:
    """What is called something in the statements: tensors, indices, sizes and settings."""
    found: set[str] = set()
    for statement in statements:
        tensors = [access.tensor for access in (statement.target, *statement.entries)]
        found |= {tensor.name for tensor in tensors}
        guards = (e for g in statement.where for e in (g.expression, g.modulus))
        parts = [statement.target, statement.value, *guards, *statement.domain]
        parts += [axis.extent for axis in statement.domain]
        parts += [extent for tensor in tensors for extent in tensor.shape]
        found |= {symbol.name for part in parts for symbol in part.free_symbols}  # type: ignore
    return found


@dataclass(frozen=True)
class System:
    """Statements with the tensors that enter and leave; their order has no meaning.

    What a statement adds up, multiplies and compares is in the author's `order`.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    statements: tuple[Statement, ...]
    order: Order = field(default_factory=Order, compare=False, repr=False)

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs, then everything that statements write, in order of appearance."""
        written = (s.target.tensor for s in self.statements)
        return tuple(dict.fromkeys((*self.inputs, *written)))

    @property
    def names(self) -> set[str]:
        """What is called something; no other tensor or index may have such a name."""
        return {t.name for t in self.tensors} | names_in(self.statements)

    def writing(self, tensor: Tensor) -> tuple[Statement, ...]:
        return tuple(s for s in self.statements if s.target.tensor == tensor)
