"""Pass: a sum over nothing is 0, whatever stands in it: no infinite factor is taken out of it.

    b += Σ_q c[q]·a        with a the largest of nothing        must not become    sum(c) * a

Where sizes may be 0, such a sum says that there is something to add up:

    b += c[q]*a    over q < Q        becomes        if Q - 1 >= 0:   b += c[q]*a    over q < Q
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sympy import Mul

from derive.calculus.affine import axes_in
from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Axis, Tensor, entries_in
from derive.program.grammar import Module, Program, computes, statements_of


def guard_sums(module: Module) -> Module:
    """Guard the sums of both directions."""
    blocks = (*computes(module.forward.body), *computes(module.backward.body))
    far = infinite(statements_of(blocks))

    def change(program: Program) -> Program:
        body = (replace(b, statement=guarded(b.statement, far)) for b in computes(program.body))
        return replace(program, body=tuple(body))

    return module.each(change)


def infinite(statements: Iterable[Statement]) -> set[Tensor]:
    """Tensors that may be infinite though all inputs are finite: maxima of nothing, what lies
    outside, and what is computed from them."""
    statements = tuple(statements)
    found = {s.target.tensor for s in statements if s.op == "max" and (s.where or _empty(s))}
    found |= {r.tensor for s in statements for r in s.reads if _is_infinite(r.tensor)}
    while True:
        more = {s.target.tensor for s in statements if any(r.tensor in found for r in s.reads)}
        if more <= found:
            return found
        found |= more


def _is_infinite(tensor: Tensor) -> bool:
    return tensor.outside is not None and tensor.outside.is_infinite is True


def _empty(statement: Statement) -> list[Axis]:
    """The axes that are summed over, or compared along, and that may have no entries."""
    kept = axes_in(statement.target.index)
    return [a for a in statement.domain if a not in kept and not a.extent.is_positive]


def guarded(statement: Statement, infinite: set[Tensor]) -> Statement:
    """The statement, which does nothing where an axis is empty that an infinite factor lacks."""
    if statement.op != "add" or statement.target.tensor.integer:
        return statement
    factors = Mul.make_args(statement.value)
    far = [f for f in factors if any(a.tensor in infinite for a in entries_in(f))]
    axes = [a for a in _empty(statement) if any(a not in f.atoms(Axis) for f in far)]
    some = tuple(Guard("ge", axis.extent - 1) for axis in axes)
    return replace(statement, where=(*statement.where, *some)) if some else statement
