"""Pass: a sum that several tensors hold is added up once.

    b += Σ_t a[t];  c += Σ_t a[t]        becomes        s += Σ_t a[t];  b += s;  c += s

A gate with two biases has one gradient for both of them.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from derive.calculus.selection import reduced
from derive.calculus.statements import Statement, names_in
from derive.language.names import fresh
from derive.language.symbols import Access
from derive.program.facts import walks_whole
from derive.program.grammar import Compute, Module, Program, adding, computes, statements_of


def share_sums(module: Module) -> Module:
    """Share sums in both directions."""
    return module.each(_shared)


def _shared(program: Program) -> Program:
    blocks = computes(program.body)
    writers = Counter(block.target for block in blocks)
    groups: dict[tuple, list[Compute]] = {}
    for block in blocks:
        if _is_sum(block.statement) and writers[block.target] == 1:
            groups.setdefault(_form(block.statement), []).append(block)
    taken = names_in(statements_of(blocks))
    body: list[Compute] = []
    shared: dict[tuple, Access] = {}
    for block in blocks:
        statement, form = block.statement, _form(block.statement)
        if block not in (group := groups.get(form, [])) or len(group) == 1:
            body.append(block)
            continue
        if form not in shared:
            one = block.target.like(name=fresh(f"{block.target.name}_sum", taken))
            shared[form] = Access(one, *statement.target.index)
            body.append(adding(replace(statement, target=shared[form])))
        kept = tuple(axis for axis in statement.domain if axis not in reduced(statement))
        body.append(adding(Statement(kept, statement.target, shared[form])))
    return replace(program, body=tuple(body))


def _is_sum(statement: Statement) -> bool:
    """Whether this adds up points, reads no input that may be left out, and gives each entry its
    own points: otherwise each of them would add all of `s`."""
    given = not any(read.tensor.optional for read in statement.entries)
    once = walks_whole(statement.target)
    return statement.op == "add" and given and once and bool(reduced(statement))


def _form(statement: Statement) -> tuple:
    """All of a statement but the tensor that it writes."""
    target = statement.target
    place = target.index, target.tensor.axes_of, target.tensor.offset
    return statement.domain, place, statement.where, statement.value, statement.op
