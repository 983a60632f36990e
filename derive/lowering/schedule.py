"""In which order statements run, and which index must be a loop.

Statements that depend on each other in a cycle (a state on its own past) become a loop over the
index that carries the cycle: ascending for ``t-1``, descending for ``t+1``. The dependences that
the loop satisfies are dropped and the rest is scheduled inside, again (Allen and Kennedy,
"Automatic translation of Fortran programs to vector form", ACM TOPLAS 9, 1987). Everything outside
a cycle runs over all of time at once: input projections are hoisted and parameter gradients become
one contraction, without a pass of their own.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sympy import Expr
from sympy.utilities.iterables import strongly_connected_components

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
        return tuple(s for i in self.items for s in (i.statements if isinstance(i, Loop) else (i,)))


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
        for read in reader.entries
        for writer in statements
        if writer.target.tensor == read.tensor
    ]
    return tuple(_schedule(statements, edges, (), name))


def _schedule(
    statements: Sequence[Statement], edges: Sequence[Edge], outer: tuple[Axis, ...], name: str
) -> Iterator[Item]:
    for component in _gathered(_components(statements, edges), edges):
        inside = [e for e in edges if e.writer in component and e.reader in component]
        if not inside:
            yield from component
            continue
        axis, falling, left = _carry(component, inside, outer, name)
        items = tuple(_schedule(component, left, (*outer, axis), name))
        yield Loop(axis, falling, items)


def _components(
    statements: Sequence[Statement], edges: Sequence[Edge]
) -> list[tuple[Statement, ...]]:
    """Strongly connected components, each after those it reads."""
    needs = dict.fromkeys((edge.reader, edge.writer) for edge in edges)
    found = strongly_connected_components((list(statements), list(needs)))
    return [tuple(s for s in statements if s in component) for component in found]


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
        single, *others = component
        if others:
            continue
        for other in list(waiting):
            if len(other) == 1 and other[0].target.tensor == single.target.tensor:
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
    cycle = " -> ".join(_cycle(edges))
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


def _cycle(edges: Sequence[Edge]) -> list[str]:
    """One cycle of a component, as names of tensors."""
    path: list[Tensor] = [edges[0].read.tensor]
    while True:
        follows = next(e.reader.target.tensor for e in edges if e.read.tensor == path[-1])
        if follows in path:
            return [t.name for t in (*path[path.index(follows) :], follows)]
        path.append(follows)


def flattened(items: Iterable[Item]) -> tuple[Statement, ...]:
    """All statements, in order."""
    return tuple(s for i in items for s in (i.statements if isinstance(i, Loop) else (i,)))
