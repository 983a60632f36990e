"""The rule that reads what was computed forward instead of computing it again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sympy import Function

from derive.calculus.bounds import inside
from derive.calculus.sifting import Rewritten
from derive.calculus.statements import Statement, System
from derive.calculus.step import Equal, listing
from derive.language.symbols import Axis, Tensor


def forward_values(system: System) -> tuple[Statement, ...]:
    """Statements that say what one function of known entries is, at every point of a tensor."""
    found = []
    for statement in system.statements:
        tensor = statement.target.tensor
        whole = (
            isinstance(statement.value, Function)
            and system.writing(tensor) == (statement,)
            and not statement.where
            and len(set(statement.target.index)) == len(statement.domain)
            and not any(tensor.offset)
            and all(
                isinstance(i, Axis) and i.extent == extent
                for i, extent in zip(statement.target.index, tensor.shape, strict=True)
            )
        )
        if whole:
            found.append(statement)
    return tuple(found)


def reuse_forward(definitions: tuple[Statement, ...]) -> Callable[..., Rewritten]:
    """1 − tanh(a[t])²  →  1 − y[t]²        where y[t] = tanh(a[t]) was computed forward"""

    def rule(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
        value: Any = term.value
        used = []
        for definition in definitions:
            for node in sorted(value.atoms(definition.value.func), key=str):
                found: dict[Any, Any] = {}
                if not _matches(definition.value, node, found):
                    continue
                entry: Any = definition.target.xreplace(found)
                if inside(entry, term.domain, term.where):
                    value = value.xreplace({node: entry})
                    used.append(Equal(entry, node))
        if not used:
            return None
        return replace(term, value=value), (*listing(used), " is known from forward")

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
