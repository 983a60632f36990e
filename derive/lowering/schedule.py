"""In which order a system's tensors are computed."""

from __future__ import annotations

from collections.abc import Iterable

from derive.calculus.statements import Statement
from derive.errors import DefinitionError
from derive.language.symbols import Tensor


def in_order(statements: Iterable[Statement], given: Iterable[Tensor], name: str) -> list[Tensor]:
    """The written tensors, each after everything it reads.

    Raises
    ------
    DefinitionError
        If a tensor depends on itself; the message names the cycle.
    """
    reads: dict[Tensor, list[Tensor]] = {}
    for statement in statements:
        needed = reads.setdefault(statement.target.tensor, [])
        needed += [read.tensor for read in statement.reads]
    done = set(given)
    order: list[Tensor] = []
    path: list[Tensor] = []

    def visit(tensor: Tensor) -> None:
        if tensor in done or tensor not in reads:
            return
        if tensor in path:
            cycle = " -> ".join(t.name for t in (*path[path.index(tensor) :], tensor))
            raise DefinitionError(name, f"tensors depend on each other in a cycle: {cycle}")
        path.append(tensor)
        for needed in reads[tensor]:
            visit(needed)
        path.pop()
        done.add(tensor)
        order.append(tensor)

    for tensor in reads:
        visit(tensor)
    return order
