"""The rule that reads what was computed forward instead of computing it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Function

from derive.calculus.affine import affine
from derive.calculus.bounds import disjoint, inside
from derive.calculus.sifting import Rewritten
from derive.calculus.statements import Statement, System
from derive.calculus.step import Equal, listing
from derive.language.order import Order
from derive.language.symbols import Axis, Tensor


def forward_values(system: System) -> tuple[Statement, ...]:
    """Statements that say what one function of known entries is, and nothing else does."""
    return tuple(
        s
        for s in system.statements
        if isinstance(s.value, Function) and not s.where and says_all(s, system)
    )


def says_all(statement: Statement, system: System) -> bool:
    """Whether each entry is written by one point of the statement, and by no other statement."""
    places = [affine(index) for index in statement.target.index]
    axes = [axis for place in places for axis in place.iterators]
    single = all(len(p.iterators) <= 1 and not p.reads for p in places)
    others = (s for s in system.writing(statement.target.tensor) if s != statement)
    return (
        single
        and sorted(axes, key=str) == sorted(statement.domain, key=str)
        and inside(statement.target, statement.domain)
        and all(disjoint(statement, other) for other in others)
    )


def reuse_forward(definitions: tuple[Statement, ...], order: Order) -> Callable[..., Rewritten]:
    """1 − tanh(a[t])²  →  1 − y[t]²        where y[t] = tanh(a[t]) was computed forward"""

    def rule(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
        value: Any = term.value
        used = []
        for definition in definitions:
            kind = definition.value.func
            if not value.has(kind):  # SymPy remembers that
                continue
            for node in sorted(value.atoms(kind), key=str):
                found: dict[Any, Any] = {}
                if not _matches(definition.value, node, found):
                    continue
                entry: Any = definition.target.xreplace(found)
                if inside(entry, term.domain, term.where):
                    value = order.put(value, {node: entry})
                    used.append(Equal(entry, node))
        if not used:
            return None
        return replace(term, value=value), ("the forward pass has computed ", *listing(used))

    return rule


def _matches(pattern: Any, node: Any, found: dict[Any, Any]) -> bool:
    """Whether `node` is `pattern` for some values of its axes, which are put into `found`."""
    if isinstance(pattern, Axis):
        return found.setdefault(pattern, node) == node
    if not pattern.args or not node.args:
        return pattern == node
    return (
        pattern.func == node.func
        and len(pattern.args) == len(node.args)
        and all(_matches(p, n, found) for p, n in zip(pattern.args, node.args, strict=True))
    )
