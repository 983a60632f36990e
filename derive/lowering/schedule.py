"""In which order statements run, and which index must be a loop.

Statements that depend on each other in a cycle (a state on its own past) become a loop over the
index that carries the cycle: ascending for ``t-1``, descending for ``t+1``. The dependences that
the loop satisfies are dropped and the rest is scheduled inside, again (Allen and Kennedy, "Automatic
translation of Fortran programs to vector form", ACM TOPLAS 9, 1987). Everything outside a cycle
runs over all of time at once: input projections are hoisted and parameter gradients become one
contraction, without a pass of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sympy import Expr

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.errors import DefinitionError
from derive.language.symbols import Access, Axis, Tensor


@dataclass(frozen=True)
class Loop:
    """Items that run once for every point of an axis, in rising or falling order."""

    axis: Axis
    falling: bool
    items: tuple[Statement | Loop, ...]

    @property
    def statements(self) -> tuple[Statement, ...]:
        return tuple(
            s for i in self.items for s in (i.statements if isinstance(i, Loop) else (i,))
        )


@dataclass(frozen=True)
class Edge:
    """`reader` reads what `writer` writes."""

    writer: Statement
    reader: Statement
    read: Access


Item = Statement | Loop


def schedule(statements: Sequence[Statement], name: str) -> tuple[Item, ...]:
    """An order in which every entry is written before it is read.

    Raises
    ------
    DefinitionError
        If there is none; the message names the cycle.
    """
    edges = [
        Edge(writer, reader, read)
        for reader in statements
        for read in reader.reads
        for writer in statements
        if writer.target.tensor == read.tensor
    ]
    return tuple(_schedule(statements, edges, (), name))


def _schedule(
    statements: Sequence[Statement], edges: Sequence[Edge], outer: tuple[Axis, ...], name: str
) -> Iterator[Item]:
    components = list(_components(statements, edges))
    for component in _gathered(components, edges):
        inside = [e for e in edges if e.writer in component and e.reader in component]
        if not inside:
            yield from component
            continue
        axis, falling, left = _carry(component, inside, outer, name)
        items = tuple(_schedule(component, left, (*outer, axis), name))
        yield Loop(axis, falling, items)


def _components(
    statements: Sequence[Statement], edges: Sequence[Edge]
) -> Iterator[tuple[Statement, ...]]:
    """Strongly connected components, each after those it reads (Tarjan)."""
    needs: dict[Statement, list[Statement]] = {s: [] for s in statements}
    for edge in edges:
        needs[edge.reader].append(edge.writer)
    number: dict[Statement, int] = {}
    low: dict[Statement, int] = {}
    stack: list[Statement] = []

    def visit(statement: Statement) -> Iterator[tuple[Statement, ...]]:
        number[statement] = low[statement] = len(number)
        stack.append(statement)
        for needed in needs[statement]:
            if needed not in number:
                yield from visit(needed)
                low[statement] = min(low[statement], low[needed])
            elif needed in stack:
                low[statement] = min(low[statement], number[needed])
        if low[statement] == number[statement]:
            place = stack.index(statement)
            component = tuple(s for s in statements if s in stack[place:])
            del stack[place:]
            yield component

    for statement in statements:
        if statement not in number:
            yield from visit(statement)


def _gathered(
    components: list[tuple[Statement, ...]], edges: Sequence[Edge]
) -> Iterator[tuple[Statement, ...]]:
    """The components in order, single statements moved up beside others of the same target."""
    waiting = list(components)
    done: set[Statement] = set()
    while waiting:
        component = waiting.pop(0)
        yield component
        done |= set(component)
        if len(component) > 1:
            continue
        tensor = component[0].target.tensor
        for other in list(waiting):
            if len(other) == 1 and other[0].target.tensor == tensor:
                needed = {e.writer for e in edges if e.reader == other[0]}
                if needed <= done:
                    waiting.remove(other)
                    yield other
                    done |= set(other)


def _carry(
    component: Sequence[Statement], edges: Sequence[Edge], outer: tuple[Axis, ...], name: str
) -> tuple[Axis, bool, list[Edge]]:
    """The axis that carries a cycle, its direction, and the edges that it does not satisfy."""
    shared = [a for a in component[0].domain if all(a in s.domain for s in component)]
    for axis in (a for a in shared if a not in outer):
        distances = [_distance(edge, axis) for edge in edges]
        if None in distances:
            continue
        rising = [d.is_nonnegative for d in distances]  # type: ignore[union-attr]
        falling = [d.is_nonpositive for d in distances]  # type: ignore[union-attr]
        left = [e for e, d in zip(edges, distances, strict=True) if d == 0]
        if len(left) < len(edges) and (all(rising) or all(falling)):
            return axis, not all(rising), left
    cycle = " -> ".join(_cycle(component, edges))
    raise DefinitionError(
        name,
        f"tensors depend on each other in a cycle that no order of computation resolves: {cycle}",
        remedy="A value may depend on earlier steps (h[t-1]) or on later ones, not on both, and "
        "not on itself at the same step.",
    )


def _distance(edge: Edge, axis: Axis) -> Expr | None:
    """How many steps of `axis` after the writing the reading is; None if that is not constant."""
    for written, read in zip(edge.writer.target.index, edge.read.index, strict=True):
        at, there = affine(written), affine(read)
        if at.coefficient(axis) == there.coefficient(axis) == 1 and not there.reads:
            difference = at.expression - there.expression
            if not affine(difference).iterators:
                return affine(difference).constant
    return None


def _cycle(component: Sequence[Statement], edges: Sequence[Edge]) -> list[str]:
    """One cycle, as names of tensors."""
    path: list[Tensor] = [component[0].target.tensor]
    while True:
        follows = next(e.reader.target.tensor for e in edges if e.read.tensor == path[-1])
        if follows in path:
            return [t.name for t in (*path[path.index(follows) :], follows)]
        path.append(follows)


def flattened(items: Iterable[Item]) -> tuple[Statement, ...]:
    """All statements, in order."""
    return tuple(s for i in items for s in (i.statements if isinstance(i, Loop) else (i,)))
