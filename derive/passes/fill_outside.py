"""What an access beyond its array reads, made explicit where narrowing a loop would not do.

A point whose read falls outside may be skipped only if nothing is added there: because the read is
a factor and reads 0, or because the target falls outside at the same points. Else the sum is split
into its terms, and what still cannot be skipped is read from a copy that holds the outside value:

    y[i] += x[i+1] - x[i]       becomes     y[i] += x[i+1];  y[i] += -x[i]      in this order
    y[i] += tanh(x[i-1] + 1)    becomes     x_at[i] = x[i-1];  y[i] += tanh(x_at[i] + 1)
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace

from sympy import Add

from derive.calculus.affine import axes_in
from derive.calculus.bounds import inside
from derive.calculus.statements import Statement, names_in
from derive.errors import DefinitionError
from derive.language.names import fresh
from derive.language.order import Order
from derive.language.symbols import Access, Tensor
from derive.program.facts import is_copy_with_fill, walks_whole
from derive.program.grammar import Module, Program, adding, computes


def fill_outside(module: Module) -> Module:
    """Make explicit what is read outside, in both directions."""

    def explicit(program: Program) -> Program:
        told = {block.statement: block for block in computes(program.body)}
        new = with_outside(told, module.order)
        return replace(program, body=tuple(told.get(s) or adding(s) for s in new))

    return module.each(explicit)


def with_outside(statements: Iterable[Statement], order: Order) -> tuple[Statement, ...]:
    """Rewrite statements until every point whose read falls outside may be skipped."""
    statements = tuple(statements)
    taken = names_in(statements)
    targets = [s.target.tensor for s in statements]
    alone = {tensor for tensor in targets if targets.count(tensor) == 1}
    return tuple(r for s in statements for r in _rewritten(s, taken, alone, order))


def _rewritten(
    statement: Statement, taken: set[str], alone: set[Tensor], order: Order
) -> Iterator[Statement]:
    unsafe = list(_unsafe(statement))
    whole = statement.target.tensor in alone and walks_whole(statement.target)
    filled = whole and is_copy_with_fill(statement)
    for read in unsafe:
        if read.tensor.optional and (filled or not isinstance(statement.value, Add)):
            raise DefinitionError(
                read.tensor.name,
                f"{read.tensor.name} may be left out, and is read beyond its end in "
                f"{statement.value}: there is no telling which of the two drops the term",
                remedy="Give it a default instead of optional=True, or do not read beyond its end.",
            )
    if filled or not unsafe:
        yield statement
        return
    if isinstance(statement.value, Add) and statement.op == "add":
        for term in order.arguments(statement.value):
            yield from _rewritten(replace(statement, value=term), taken, set(), order)
        return
    for read in unsafe:
        name = fresh(f"{read.tensor.name}_at", taken)
        axes = tuple(a for a in statement.domain if a in axes_in(read.index))
        copy = Access(Tensor(name, tuple((a.extent,) for a in axes)), *axes)
        yield Statement(axes, copy, read)
        statement = replace(statement, value=order.put(statement.value, {read: copy}))
    yield statement


def _unsafe(statement: Statement) -> Iterator[Access]:
    """Reads that may fall outside where the statement adds something all the same."""
    for read in statement.reads:
        outside = read.tensor.outside
        if outside is None or inside(read, statement.domain, statement.where):
            continue
        target = statement.target
        together = target.index == read.index and target.tensor.shape == read.tensor.shape
        if together and target.tensor.offset == read.tensor.offset:
            continue
        if statement.op != "add" or outside != 0 or statement.value.xreplace({read: outside}) != 0:
            yield read
