"""In which order statements run, and which index must be a loop.

Statements that depend on each other in a cycle (a state on its own past) become a loop over the
index that carries the cycle: ascending for ``t-1``, descending for ``t+1``. The dependences that
the loop satisfies are dropped and the rest is scheduled inside, again (Allen and Kennedy,
"Automatic translation of Fortran programs to vector form", ACM TOPLAS 9, 1987). Everything outside
a cycle runs over all of time at once: input projections are hoisted and parameter gradients become
one contraction, without a pass of their own.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from sympy.utilities.iterables import strongly_connected_components

from derive.calculus.affine import affine
from derive.calculus.bounds import nonnegative
from derive.errors import DefinitionError
from derive.language.symbols import Access, Axis, Tensor
from derive.program.grammar import Block, Body, Compute, Loop


@dataclass(frozen=True)
class Edge:
    """`reader` reads what `writer` writes."""

    writer: Compute
    reader: Compute
    read: Access


def in_order(blocks: Sequence[Compute], name: str) -> Body:
    """An order in which every entry is written before it is read.

    Raises
    ------
    DefinitionError
        If there is none; the message names the cycle.
    """
    writers: dict[Tensor, list[Compute]] = {}
    for block in blocks:
        writers.setdefault(block.target, []).append(block)
    edges = [
        Edge(writer, reader, read)
        for reader in blocks
        for read in reader.statement.entries
        for writer in writers.get(read.tensor, ())
        if _meet(writer.statement.target, read)
    ]
    return tuple(_ordered(blocks, edges, (), name))


def _ordered(
    blocks: Sequence[Compute], edges: Sequence[Edge], outer: tuple[Axis, ...], name: str
) -> Iterator[Block]:
    for component in _gathered(_components(blocks, edges), edges):
        among = set(component)
        inside = [e for e in edges if e.writer in among and e.reader in among]
        if not inside:
            yield from component
            continue
        axis, falling, left = _carry(component, inside, outer, name)
        yield Loop(axis, tuple(_ordered(component, left, (*outer, axis), name)), falling)


def _components(blocks: Sequence[Compute], edges: Sequence[Edge]) -> list[tuple[Compute, ...]]:
    """Strongly connected components, each after those it reads."""
    needs = dict.fromkeys((edge.reader, edge.writer) for edge in edges)
    found = strongly_connected_components((list(blocks), list(needs)))
    return [tuple(b for b in blocks if b in among) for among in map(set, found)]


def _gathered(
    components: list[tuple[Compute, ...]], edges: Sequence[Edge]
) -> Iterator[tuple[Compute, ...]]:
    """The components in order, single blocks moved up beside others of the same target."""
    waiting = list(components)
    done: set[Compute] = set()
    while waiting:
        component = waiting.pop(0)
        yield component
        done |= set(component)
        single, *others = component
        if others:
            continue
        for other in list(waiting):
            if len(other) == 1 and other[0].target == single.target:
                needed = {e.writer for e in edges if e.reader == other[0]}
                if needed <= done:
                    waiting.remove(other)
                    yield other
                    done |= set(other)


def _carry(
    component: Sequence[Compute], edges: Sequence[Edge], outer: tuple[Axis, ...], name: str
) -> tuple[Axis, bool, list[Edge]]:
    """The axis that carries a cycle, its direction, and the edges that it does not satisfy."""
    boxes = [b.statement.domain for b in component]
    shared = [a for a in boxes[0] if all(a in box for box in boxes)]
    for axis in (a for a in shared if a not in outer):
        signs = [_direction(edge, axis) for edge in edges]
        left = [e for e, sign in zip(edges, signs, strict=True) if sign == 0]
        if set(signs) in ({1}, {0, 1}, {-1}, {0, -1}):
            return axis, -1 in signs, left
    cycle = _cycle(edges)
    names = " -> ".join(edge.read.tensor.name for edge in (*cycle, cycle[0]))
    readers = dict.fromkeys(edge.reader.statement for edge in cycle)
    raise DefinitionError(
        name,
        f"tensors depend on each other in a cycle that no order of computation resolves: {names}",
        equation="\n".join(f"{reader.target} = {reader.value}" for reader in readers),
        remedy="A value may depend on earlier steps (h[t-1]) or on later ones, not on both, and "
        "not on itself at the same step; all equations of a cycle name the steps by one index.",
    )


def _direction(edge: Edge, axis: Axis) -> int | None:
    """Whether the reading comes later along `axis` than the writing (1), in the same step (0),
    earlier (-1), or that is not known."""
    reader = edge.reader.statement
    for written, read in zip(edge.writer.statement.target.index, edge.read.index, strict=True):
        at, there = affine(written), affine(read)
        if at.coefficient(axis) != 1 or at.reads or there.reads:
            continue
        # Written in round t, read where its index is that of t: the rounds in between.
        others = {a: Axis(f"{a.name}_", a.extent) for a in at.iterators if a != axis}  # type: ignore
        rounds = axis + (at.expression - axis).xreplace(others) - there.expression
        if rounds == 0:
            return 0
        where, domain = reader.where, (*reader.domain, *others.values())
        if nonnegative(rounds - 1, domain, where):
            return 1
        if nonnegative(-rounds - 1, domain, where):
            return -1
    return None


def _meet(written: Access, read: Access) -> bool:
    """Whether the two may be the same entry, as far as constant indices tell."""
    pairs = zip(written.index, read.index, strict=True)
    return not any(
        (left - right).is_number and left != right
        for left, right in pairs
        if not affine(left).iterators and not affine(right).iterators
    )


def _cycle(edges: Sequence[Edge]) -> list[Edge]:
    """One cycle of a component: each reads the tensor that the one before it writes."""
    path = [edges[0]]
    while True:
        follows = next(e for e in edges if e.read.tensor == path[-1].reader.target)
        if follows in path:
            return path[path.index(follows) :]
        path.append(follows)
