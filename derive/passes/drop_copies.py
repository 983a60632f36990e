"""Pass: a tensor that is only a copy of another is not made.

    z += f(x);  y += z + ...        becomes     y += f(x);  y += ...        z read here alone
    z += x;     y += f(z)           becomes     y += f(x)                   z written here alone

Tensors that leave the system, or that backward reads, stay.
"""

from __future__ import annotations

from collections.abc import Iterable

from sympy import Expr

from derive.calculus.affine import affine
from derive.calculus.statements import Statement, distinct
from derive.language.order import Order
from derive.language.symbols import Access, Tensor
from derive.program.grammar import Module, adding, statements_of


def drop_copies(module: Module) -> Module:
    """Drop copies in both directions."""
    forward, backward = (statements_of(p.body) for p in (module.forward, module.backward))
    kept = {t for t in module.shared if t not in module.forward.inputs}
    known = {*module.forward.inputs, *(s.target.tensor for s in forward), *module.backward.inputs}
    stay = {*module.forward.inputs, *module.forward.outputs, *kept}
    onward = without_copies(forward, stay, module.order)
    module = module.with_bodies(map(adding, onward), module.backward.body)
    stay = {*known, *module.shared, *module.backward.outputs}
    return module.with_bodies(
        module.forward.body, map(adding, without_copies(backward, stay, module.order))
    )


def without_copies(
    statements: Iterable[Statement], keep: set[Tensor], order: Order
) -> tuple[Statement, ...]:
    """Drop copies; tensors in `keep` stay, whatever they are."""
    current = tuple(statements)
    while (step := _one_less(current, keep, order)) is not None:
        current = distinct(step)
    return current


def _one_less(
    statements: tuple[Statement, ...], keep: set[Tensor], order: Order
) -> tuple[Statement, ...] | None:
    for copy in statements:
        if not _is_copy(copy):
            continue
        source, target = copy.value.tensor, copy.target.tensor  # type: ignore[union-attr]
        rest = tuple(s for s in statements if s is not copy)
        if source.outside != target.outside:
            continue
        makers = {s.op for s in rest if s.target.tensor == source}
        read_elsewhere = any(r.tensor == source for s in rest for r in s.entries)
        written_elsewhere = any(s.target.tensor == target for s in rest)
        joins = makers == {"add"} or (makers and not written_elsewhere)  # a maximum adds to nothing
        if source not in keep and joins and not read_elsewhere:
            return tuple(_read(s, source, target, order) for s in rest)
        if target not in keep and not written_elsewhere:
            return tuple(_read(s, target, source, order) for s in rest)
    return None


def _read(statement: Statement, old: Tensor, new: Tensor, order: Order) -> Statement:
    order.put(statement.value, {old: new})
    return statement.substitute({old: new})


def _is_copy(statement: Statement) -> bool:
    """``target[i] += source[i]`` over all of both, once for each entry."""
    value: Expr = statement.value
    if not isinstance(value, Access) or statement.where or statement.op != "add":
        return False
    if value.tensor.optional:  # without it, the copy is 0
        return False
    if value.index != statement.target.index or value.tensor == statement.target.tensor:
        return False
    bare = [affine(i).bare for i in value.index]
    alike = value.tensor.shape == statement.target.tensor.shape
    alike = alike and value.tensor.integer == statement.target.tensor.integer
    plain = not any(value.tensor.offset) and not any(statement.target.tensor.offset)
    whole = all(
        axis is not None and axis.extent == extent
        for axis, extent in zip(bare, value.tensor.shape, strict=True)
    )
    return alike and plain and whole and sorted(bare, key=str) == sorted(statement.domain, key=str)
