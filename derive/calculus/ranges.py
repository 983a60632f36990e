"""What numbers may become: powers that are not real, and integers that no array holds.

Nothing is known of data, and a root of it is its author's affair; but where indices, sizes and
declared bounds alone lead to what has no value, the definition cannot be meant.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import islice
from math import prod
from typing import Any

import sympy
from sympy import Add, Expr, Mod, Mul, Pow, Sum, Symbol
from sympy.core.relational import Relational

from derive.calculus.bounds import nonnegative
from derive.calculus.lift import equation_with
from derive.calculus.samples import named, points, samples
from derive.calculus.statements import Statement, System
from derive.errors import DefinitionError
from derive.language.maximum import ArgMaximum
from derive.language.operation import Operation
from derive.language.options import Setting
from derive.language.symbols import Access, Tensor, entries_in

_TRIED = 6  # values of all sizes
_LIMIT = 2**63  # what the integers of an array are below


def check_powers(operation: Operation, statement: Statement) -> None:
    """No base that is known to be negative has an exponent that is no integer.

    Raises
    ------
    DefinitionError
        With a point at which it is so.
    """
    for power in sorted(statement.value.atoms(Pow), key=str):
        base, exponent = power.args
        if exponent.is_integer or base.has(Access):
            continue
        if nonnegative(base, statement.domain, statement.where):
            continue
        tried = islice(samples(operation), _TRIED)
        for here in (h for values in tried for h in points(statement, values)):
            known = {s: v for s, v in here.items() if not _is_real(s)}
            if base.xreplace(known).is_negative and not exponent.xreplace(known).is_integer:
                where = ", ".join(f"{s} = {v}" for s, v in named(known, power).items())
                where = f" for {where}" if where else ""
                raise DefinitionError(
                    operation.name,
                    f"{power} is no real number{where}: its base, {base}, is negative there, and "
                    f"its exponent, {exponent}, need not be an integer",
                    equation=str(equation_with(power, operation, statement)),
                    remedy="Use a base from 0, an exponent that is an integer, or a case "
                    "that excludes such points.",
                )


def _is_real(symbol: Symbol) -> bool:
    """Whether it is a setting that need not be an integer."""
    return isinstance(symbol, Setting) and not symbol.is_integer


def check_integers(operation: Operation, system: System) -> None:
    """No bound that is declared lets an integer become larger than the arrays of integers hold.

    Raises
    ------
    DefinitionError
        Naming the expression, and what it may become.
    """
    reach = _Reach(system)
    for statement in system.statements:
        for part in _computed(statement):
            for node in sympy.postorder_traversal(part):
                if isinstance(node, Expr) and node.has(Access) and reach.of(node) >= _LIMIT:
                    reads = sorted(entries_in(node), key=str)
                    bounds = ", ".join(f"{r} up to {reach.of(r)}" for r in reads)
                    raise DefinitionError(
                        operation.name,
                        f"{node} may become {reach.of(node)} ({bounds}), and integers are "
                        "computed below 2**63",
                        equation=str(equation_with(node, operation, statement)),
                        remedy="Declare a smaller below=, or hold these numbers as real ones.",
                    )


def _computed(statement: Statement) -> Iterator[Expr]:
    """What is computed with integers: beside real numbers, they are real ones first."""
    for guard in statement.where:
        yield from (guard.expression, guard.modulus)
    for access in (statement.target, *statement.entries):
        yield from access.index
    if statement.target.tensor.integer and statement.op == "add":
        yield statement.value
    for node in statement.value.atoms(Relational, sympy.floor, sympy.ceiling, Mod):
        if all(argument.is_integer for argument in node.args):
            yield from node.args


@dataclass
class _Reach:
    """How large expressions of integers may become, in magnitude.

    What nothing is declared of, such as a size, counts as 1: an array has to be there first.
    """

    system: System
    tensors: dict[Tensor, int] = field(default_factory=dict)

    def of(self, value: Any) -> int:
        if isinstance(value, Access):
            return self.tensor(value.tensor)
        if value.is_Rational:
            return -(-abs(int(value.p)) // int(value.q))
        parts = [a for a in value.args if isinstance(a, Expr)]
        if isinstance(value, Add):
            return sum(map(self.of, parts))
        if isinstance(value, Mul):
            return prod(map(self.of, Mul.make_args(sympy.fraction(value)[0])))
        if isinstance(value, Pow) and value.exp.is_Integer and value.exp > 0:
            return self.of(value.base) ** int(value.exp)
        if isinstance(value, sympy.Max | sympy.Min | sympy.Abs | sympy.floor | sympy.ceiling):
            return max(map(self.of, parts))
        if isinstance(value, Mod):
            return self.of(value.args[1])
        if isinstance(value, sympy.Piecewise):
            return max(self.of(piece) for piece, _ in value.args)
        if isinstance(value, Sum) and not isinstance(value, ArgMaximum):
            return self.of(value.args[0])
        return 1

    def tensor(self, tensor: Tensor) -> int:
        """What is declared of its entries, else what its equations make of them."""
        if tensor not in self.tensors:
            self.tensors[tensor] = 1  # a recurrence may grow, or not
            found = [self.of(s.value) for s in self.system.writing(tensor) if s.op == "add"]
            if tensor.below is not None:
                found = [self.of(tensor.below) - 1, self.of(tensor.besides or tensor.below - 1)]
            self.tensors[tensor] = max(1, 1, *found)
        return self.tensors[tensor]
