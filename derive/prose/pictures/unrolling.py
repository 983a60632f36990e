"""A loop over time at a few steps, as a graph: what is read by what, and where cotangents flow.

Nodes are inputs, states and outputs; what lies between them within a step is passed over.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from derive.calculus.adjoint import Adjoint
from derive.calculus.affine import axes_in
from derive.calculus.chain import slopes_by
from derive.calculus.instance import Entry, Instance
from derive.calculus.loops import Loop, loops
from derive.calculus.sizes import completed, symbols_of
from derive.calculus.statements import Statement, System
from derive.language.options import Option
from derive.language.symbols import Axis, Size, Tensor, entries_in

_STEPS = {1: 3, 2: 3}  # by the number of states; of more, two steps fill a page


@dataclass(frozen=True)
class Node:
    """An input, a state or an output at one time; those without a time have their indices."""

    tensor: Tensor
    time: int | None
    rest: tuple[int, ...] = ()


@dataclass(frozen=True)
class Edge:
    """One node follows from another one.

    Attributes
    ----------
    by : Statement
        The statement that writes the end.
    """

    start: Node
    end: Node
    by: Statement


@dataclass
class Unrolled:
    """Loops over one axis, at a few steps and with all other sizes 1.

    Attributes
    ----------
    forward, backward : list of Edge
        Of values, and of cotangents (whose nodes are those of what they belong to).
    parameters : dict of Tensor to list of Statement
        Those that steps share, with what adds their gradients up.
    begins : dict of Node to Tensor
        Which state an input begins.
    """

    instance: Instance
    length: Size
    loops: tuple[Loop, ...]
    forward: list[Edge] = field(default_factory=list)
    backward: list[Edge] = field(default_factory=list)
    parameters: dict[Tensor, list[Statement]] = field(default_factory=dict)
    begins: dict[Node, Tensor] = field(default_factory=dict)

    @property
    def nodes(self) -> tuple[Node, ...]:
        edges = (n for e in self.forward for n in (e.start, e.end))
        return tuple(dict.fromkeys(edges))

    @property
    def states(self) -> tuple[Tensor, ...]:
        return tuple(state for loop in self.loops for state in loop.states)


def unrolled(
    system: System, adjoint: Adjoint, options: Sequence[Option], said: Mapping[str, Any]
) -> Unrolled | None:
    """The loops of a system through which gradients flow; None if there are none."""
    written = {s.target.tensor for s in adjoint.statements}
    active = {t: bar for t, bar in adjoint.cotangent.items() if bar in written}
    slopes = [s for t in active for s in slopes_by(adjoint.primal, t, active)]
    found = tuple(loops(slopes, [t for t in adjoint.primal.tensors if t in active]))
    if not found:
        return None
    length = _axis(found[0]).extent
    if not isinstance(length, Size):
        return None
    found = tuple(loop for loop in found if _axis(loop).extent == length)
    steps = _STEPS.get(sum(len(loop.states) for loop in found), 2) if len(found) == 1 else 2
    by_option = {  # a number of steps that a caller says
        option.name: steps
        for option in options
        if length.formula is not None and length.formula.has(*option.settings)
    }
    values = completed(symbols_of(system), options, {**by_option, **said}, {length: steps})
    if values is None:
        return None
    graph = Unrolled(Instance(adjoint.system, values), length, found)
    _Walk(graph, adjoint).fill()
    return graph


def _axis(loop: Loop) -> Axis:
    """The axis of the loop."""
    slope = loop.slopes[0]
    target = slope.statement.target
    (axis,) = axes_in([target.index[loop.place[target.tensor]]])
    return axis


class _Walk:
    """Finds the edges by going from each node to those behind it."""

    def __init__(self, graph: Unrolled, adjoint: Adjoint) -> None:
        self.graph, self.instance, self.adjoint = graph, graph.instance, adjoint
        self.primal = {bar: tensor for tensor, bar in adjoint.cotangent.items()}
        self.place = {t: loop.place[t] for loop in graph.loops for t in loop.states}
        fed = (t for t in adjoint.primal.inputs if not t.integer and not t.parameter)
        for tensor in (*fed, *adjoint.primal.outputs):
            timed = [d for d, n in enumerate(tensor.shape) if n.has(graph.length)]
            self.place.setdefault(tensor, timed[0] if timed else -1)
        self.writers: dict[Entry, list[tuple[Statement, list[Entry]]]] = {}
        self.steady: set[Entry] = set()  # entries of states that no step writes

    def fill(self) -> None:
        for statement in (*self.adjoint.primal.statements, *self.adjoint.statements):
            if not statement.target.tensor.integer:
                self.read(statement)
        ends = [e for e in self.writers if self.node(e) is not None]
        for end in ends:
            node = self.node(end)
            bar = end.tensor in self.primal
            edges = self.graph.backward if bar else self.graph.forward
            for start, by in self.behind(end, bar):
                # (a cotangent follows from those of later nodes)
                if node is not None and Edge(start, node, by) not in edges and start != node:
                    edges.append(Edge(start, node, by))
        self.parameters()

    def read(self, statement: Statement) -> None:
        target = statement.target
        place = self.place.get(target.tensor, -1)
        steady = place >= 0 and not axes_in([target.index[place]])
        for point in self.instance.points(statement):
            if not self.instance.inside(point.target):
                continue
            value = self.instance.valued(statement.value, point.here)
            reads = (
                self.instance.entry(a, point.here)
                for a in sorted(entries_in(value), key=str)
                if not a.tensor.integer
            )
            inside = [e for e in reads if self.instance.inside(e)]
            self.writers.setdefault(point.target, []).append((statement, inside))
            if steady and target.tensor not in self.adjoint.primal.outputs:
                self.steady.add(point.target)
                for entry in inside:
                    if (node := self.node(entry)) is not None:
                        self.graph.begins[node] = target.tensor

    def node(self, entry: Entry) -> Node | None:
        """The node of an entry, or of the one whose cotangent it is."""
        tensor = self.primal.get(entry.tensor, entry.tensor)
        if tensor not in self.place or Entry(tensor, entry.place) in self.steady:
            return None
        place = self.place[tensor]
        if place < 0:
            return Node(tensor, None, entry.place)
        return Node(tensor, entry.place[place])

    def behind(self, end: Entry, bar: bool) -> Iterator[tuple[Node, Statement]]:
        """The nodes from which an entry follows, with the statement that writes it."""
        for statement, reads in self.writers.get(end, ()):
            seen: set[Entry] = set()
            waiting = reads[::-1]
            while waiting:
                entry = waiting.pop()
                if entry in seen or (entry.tensor in self.primal) != bar:
                    continue
                seen.add(entry)
                node = self.node(entry)
                if node is not None:
                    yield node, statement
                    continue
                for _, more in self.writers.get(entry, ()):
                    waiting += more[::-1]

    def parameters(self) -> None:
        """Parameters whose gradients add something up in every step."""
        for tensor in self.adjoint.primal.inputs:
            bar = self.adjoint.cotangent.get(tensor)
            for statement in self.adjoint.statements:
                steps = any(a.extent.has(self.graph.length) for a in statement.domain)
                if tensor.parameter and statement.target.tensor == bar and steps:
                    self.graph.parameters.setdefault(tensor, []).append(statement)
