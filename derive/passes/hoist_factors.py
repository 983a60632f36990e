"""Pass: what a loop multiplies by, and does not compute itself, is known before it.

    for t:  i_bar[t] = c_bar[t]*g[t]                  k[t] = g[t]*i[t]*(1 - i[t])
            a_bar[t] = i_bar[t]*i[t]*(1 - i[t])       for t:  a_bar[t] = c_bar[t]*k[t]

Three rewritings: a product that is only a factor of others is put into them; of two equal products
the second reads the first; factors that read nothing of the loop get a tensor of their own.
"""

from __future__ import annotations

from dataclasses import replace

from sympy import Expr, Mul

from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import disjoint
from derive.calculus.statements import Statement, names_in
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor, entries_in
from derive.program.dependences import in_order
from derive.program.facts import walks_whole
from derive.program.grammar import Compute, Loop, Module, adding, computes, statements_of

Computes = tuple[Compute, ...]
MOST = 4  # readers of a product that is put into each of them


def hoist_factors(module: Module) -> Module:
    """Know ahead what the loops of backward multiply by."""
    keep = {*module.backward.outputs}
    return module.with_bodies(
        module.forward.body, with_factors_ahead(computes(module.backward.body), keep)
    )


def with_factors_ahead(blocks: Computes, keep: set[Tensor]) -> Computes:
    """Rewrite what is computed in loops; tensors in `keep` stay, whatever they are."""
    while (step := _one_less(blocks, keep)) is not None:
        blocks = step
    return _factored(_without_equals(blocks))


def _looped(blocks: Computes) -> dict[Statement, set[Tensor]]:
    """For each statement in a loop, the tensors that this loop computes."""
    found: dict[Statement, set[Tensor]] = {}
    for block in in_order(blocks, ""):
        if isinstance(block, Loop):
            statements = statements_of(block.body)
            written = {s.target.tensor for s in statements}
            found |= dict.fromkeys(statements, written)
    return found


def _is_product(statement: Statement) -> bool:
    """Whether the statement multiplies, point by point, what is always there."""
    written = {a for i in statement.target.index for a in affine(i).iterators}
    return (
        isinstance(statement.value, Mul)
        and not statement.where
        and statement.op == "add"
        and set(statement.domain) == written
        and not any(r.tensor.optional or r.tensor.integer for r in statement.entries)
    )


def _known(statement: Statement, written: set[Tensor]) -> tuple[Expr, Expr]:
    """The factors that read nothing of the loop, and the others."""
    known, rest = [], []
    for factor in Mul.make_args(statement.value):
        read = {a.tensor for a in entries_in(factor)}
        (known if read and not read & written else rest).append(factor)
    return Mul(*known), Mul(*rest)


# ---- products that are only factors --------------------------------------------------------


def _one_less(blocks: Computes, keep: set[Tensor]) -> Computes | None:
    statements = statements_of(blocks)
    looped = _looped(blocks)
    for one in blocks:
        made = one.statement
        target = made.target
        if made not in looped or target.tensor in keep or not _is_product(made):
            continue
        if _known(made, looped[made])[0] == 1 or not walks_whole(target):
            continue
        if sum(s.target.tensor == target.tensor for s in statements) > 1:
            continue
        readers = [s for s in statements if any(r.tensor == target.tensor for r in s.entries)]
        if not 0 < len(readers) <= MOST or not all(_is_factor(target, s, made) for s in readers):
            continue
        into = {target: made.value}
        return tuple(
            (
                adding(t.statement.substitute(into), (*one.origins, *t.origins))
                if t.statement in readers
                else t
            )
            for t in blocks
            if t is not one
        )
    return None


def _is_factor(access: Access, reader: Statement, made: Statement) -> bool:
    """Whether the reader multiplies by this very entry, once."""
    reads = [r for r in reader.entries if r.tensor == access.tensor]
    return (
        _is_product(reader)
        and reader.domain == made.domain
        and reads == [access]
        and access in Mul.make_args(reader.value)
    )


# ---- equal products ------------------------------------------------------------------------


def _without_equals(blocks: Computes) -> Computes:
    """Outside of loops, read what a loop has computed instead of computing it again."""
    looped = _looped(blocks)
    first: dict[tuple, Access] = {}
    for statement in looped:
        others = (s for s in statements_of(blocks) if s.target.tensor == statement.target.tensor)
        alone = all(s == statement or disjoint(s, statement) for s in others)
        if _is_product(statement) and alone:
            first.setdefault((statement.domain, statement.value), statement.target)
    result = []
    for one in blocks:
        statement = one.statement
        known = first.get((statement.domain, statement.value))
        if known is not None and statement not in looped and _is_product(statement):
            one = adding(replace(statement, value=known), one.origins)
        result.append(one)
    return tuple(result)


# ---- factors -------------------------------------------------------------------------------


def _factored(blocks: Computes) -> Computes:
    looped = _looped(blocks)
    taken = names_in(statements_of(blocks))
    made: dict[Expr, Access] = {}
    before: list[Compute] = []
    result = []
    for one in blocks:
        statement = one.statement
        if statement in looped and _is_product(statement):
            known, rest = _known(statement, looped[statement])
            if rest != 1 and not isinstance(known, Access) and known.has(Access):
                if known not in made:
                    made[known] = _named(statement, known, taken)
                    factor = Statement(_axes(statement, known), made[known], known)
                    before.append(adding(factor))
                one = adding(replace(statement, value=rest * made[known]), one.origins)
        result.append(one)
    return (*before, *result)


def _axes(statement: Statement, known: Expr) -> tuple[Axis, ...]:
    read = axes_in(i for access in entries_in(known) for i in access.index)
    return tuple(a for a in statement.domain if a in read)


def _named(statement: Statement, known: Expr, taken: set[str]) -> Access:
    axes = _axes(statement, known)
    name = fresh(f"{statement.target.tensor.name}_factor", taken)
    return Access(Tensor(name, tuple((a.extent,) for a in axes)), *axes)
