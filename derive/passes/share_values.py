"""Pass: a function value that several statements need is computed once and named.

    h += o*tanh(c);  o_bar += h_bar*tanh(c)    becomes
    m += tanh(c);  h += o*m;  o_bar += h_bar*m

Forward computes and keeps it, backward reads it: residuals are chosen here and nowhere else. What
a statement of backward alone has several times is named there, and not kept.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from sympy import Expr, Piecewise, preorder_traversal

from derive.calculus.affine import axes_in
from derive.calculus.reuse import forward_values, reuse_forward
from derive.calculus.selection import reduced
from derive.calculus.statements import Statement, System, names_in
from derive.language.names import fresh
from derive.language.order import Order
from derive.language.scalars import SCALARS, TOTAL
from derive.language.symbols import Access, Axis, Tensor, entries_in
from derive.program.grammar import Module, adding, statements_of

Statements = tuple[Statement, ...]


def share_values(module: Module) -> Module:
    """Name what both directions need, and what backward needs more than once."""
    onward, reverse = (statements_of(p.body) for p in (module.forward, module.backward))
    system = System(module.forward.inputs, module.forward.outputs, onward, module.order)
    reverse = with_forward_values(reverse, system)
    forward, backward = with_shared_values(onward, reverse, module.order)
    return module.with_bodies(map(adding, forward), map(adding, backward))


def with_forward_values(statements: Iterable[Statement], system: System) -> Statements:
    """Read what forward has computed instead of computing it again: ``1 - tanh(a)**2`` becomes
    ``1 - h**2``."""
    rule = reuse_forward(forward_values(system), system.order)
    rewritten = ((s, rule(s, frozenset())) for s in statements)
    return tuple(result[0] if result else s for s, result in rewritten)


def with_shared_values(
    forward: Sequence[Statement], backward: Sequence[Statement], order: Order
) -> tuple[Statements, Statements]:
    """Name the function values inside forward statements that backward needs as well."""
    forward, backward = tuple(forward), tuple(backward)
    taken = names_in((*forward, *backward))
    for statement in forward:
        for value in _functions(statement.value):
            if statement.where or (value == statement.value and not reduced(statement)):
                continue  # it has a name already
            if not any(value in _functions(s.value) for s in backward):
                continue
            if made := _named(statement, value, taken):
                forward = (made, *(_with(s, made, order) for s in forward))
                backward = tuple(_with(s, made, order) for s in backward)
    while made := _repeated(backward, taken):
        place = next(i for i, s in enumerate(backward) if made.value in _functions(s.value))
        rest = (_with(s, made, order) for s in backward[place:])
        backward = (*backward[:place], made, *rest)
    return forward, backward


def _repeated(statements: Statements, taken: set[str]) -> Statement | None:
    """What computes a function value that a statement has more than once."""
    for statement in (s for s in statements if not s.where):
        for value in _functions(statement.value):
            again = sum(node == value for node in preorder_traversal(statement.value))
            if again > 1 and (made := _named(statement, value, taken)):
                return made
    return None


def _named(statement: Statement, value: Expr, taken: set[str]) -> Statement | None:
    """The statement that computes a value for all of its axes, if they are those of `statement`."""
    axes = tuple(a for a in statement.domain if a in axes_in((value,)) | _axes(value))
    if any(not _covers(read, axes) for read in entries_in(value)):
        return None
    shape = tuple((a.extent,) for a in axes)
    return Statement(axes, Access(Tensor(_name(value, taken), shape), *axes), value)


def _with(statement: Statement, made: Statement, order: Order) -> Statement:
    return replace(statement, value=order.put(statement.value, {made.value: made.target}))


def _functions(value: Expr) -> list[Expr]:
    """Functions of the table applied to entries alone, innermost ones included.

    What is undefined somewhere, or overflows, is left to the case that it is computed for.
    """
    found = [node for node in value.atoms(*SCALARS) if node.has(Access) and not _nested(node)]
    cases = value.atoms(Piecewise)
    found = [f for f in found if f.func in TOTAL or not any(case.has(f) for case in cases)]
    return sorted(found, key=str)


def _nested(node: Expr) -> bool:
    return any(inner != node for inner in node.atoms(*SCALARS))


def _axes(value: Expr) -> set[Axis]:
    return {a for read in entries_in(value) for a in axes_in(read.index)}


def _covers(read: Access, axes: tuple[Axis, ...]) -> bool:
    """Whether the entry is inside its tensor at every point; an outside value is not shared, nor is
    one that may be left out: its terms go with it, and a name would stay."""
    inside = read.tensor.outside is None and axes_in(read.index) <= set(axes)
    return inside and not read.tensor.optional


def _name(value: Expr, taken: set[str]) -> str:
    (argument,) = value.args
    inner = argument.tensor.name if isinstance(argument, Access) else "value"
    return fresh(f"{value.func.__name__}_{inner}", taken)
