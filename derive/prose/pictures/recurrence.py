"""A recurrence unrolled over time: values to the later steps, cotangents back from them."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from sympy import Expr, Integer

from derive.calculus.adjoint import Adjoint
from derive.calculus.instance import Instance
from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Access, Tensor
from derive.prose.pictures.grammar import Arrow, Cell, Item, Picture, Role
from derive.prose.pictures.page import Page
from derive.prose.pictures.unrolling import Node, Unrolled

_WIDE, _HIGH = 1.3, 0.8  # of a node
_ROW = 1.9
_MOST = 4  # states that can be told apart in one step
_ASIDE, _BESIDE = 1.0, 2.2  # from one state of a step to the next; from the first one to its input
_APART = 0.11  # an arrow forward and one back, each from the line between two nodes
_NUMBERS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"


def recurrence_picture(graph: Unrolled, adjoint: Adjoint) -> Picture | None:
    """The steps side by side; None if there is too much in a step."""
    states = graph.states
    by = [s for s in _contributions(graph) if s.target.tensor in _bars(graph, adjoint)]
    if len(states) > _MOST or len(by) > len(_NUMBERS):
        return None
    places = _Layout(graph).places()
    left = min(x for x, _ in places.values()) - _WIDE / 2
    places = {node: (x - left, y + 1.5) for node, (x, y) in places.items()}
    width = max(x for x, _ in places.values()) + _WIDE / 2
    page = Page(width)
    page.say(("Values go along the solid arrows, cotangents back along the dashed ones.",))
    down = page.y - 1.5 + 0.3 + (1.5 if len(graph.loops) == 1 else 0)
    places = {node: (x, y + down) for node, (x, y) in places.items()}
    number = {statement: _NUMBERS[n] for n, statement in enumerate(by)}
    if len(graph.loops) == 1:
        page.add(_shared(graph, places, page.y + 0.1))
    page.add(_arrows(graph, places, number))
    page.add(_node(node, place) for node, place in places.items())
    page.y = max(y for _, y in places.values()) + _HIGH / 2 + 0.4
    short = Shortened(graph)
    page.say(("What each cotangent adds up:",))
    for statement, sign in number.items():
        page.say((f"{sign} ", short.statement(statement)), 0.3)
    page.say(("Parameters serve at every step, so their gradients are sums over all of them:",))
    for statements in graph.parameters.values():
        page.say(tuple(x for s in statements for x in (" ", short.statement(s)))[1:], 0.3)
    page.say(("Axes of length 1 are not written.",))
    return page.picture(
        "recurrence",
        ("The recurrence, unrolled over a few steps",),
        (
            "Inputs below, states in the middle, outputs above, a column for each step. Values are "
            "handed on from each state to the next; cotangents go back the same ways.",
        ),
    )  # fmt: skip


def _bars(graph: Unrolled, adjoint: Adjoint) -> set[Tensor]:
    return {adjoint.cotangent[s] for s in graph.states}


def _contributions(graph: Unrolled) -> list[Statement]:
    """Statements that write cotangents, in the order of the system."""
    used = {edge.by for edge in graph.backward}
    return [s for s in graph.instance.system.statements if s in used]


class _Layout:
    """Where the nodes are: a column for each time, a row for inputs, states and outputs."""

    def __init__(self, graph: Unrolled) -> None:
        self.graph = graph
        self.states = graph.states
        self.step = 2.7 + _ASIDE * (len(self.states) - 1)
        self.columns = self.timed()
        self.rows = {state: 1 + number for number, state in enumerate(self.states)}

    def places(self) -> dict[Node, tuple[float, float]]:
        inputs = self.graph.instance.system.inputs
        above = dict.fromkeys(n.tensor for n in self.columns if n.tensor not in
                              (*self.states, *inputs))  # fmt: skip
        below = dict.fromkeys(n.tensor for n in self.columns if n.tensor in inputs)
        rows = {tensor: -number for number, tensor in enumerate(above)} | self.rows
        rows |= {t: 1 + len(self.states) + number for number, t in enumerate(below)}
        places: dict[Node, tuple[float, float]] = {}
        for node, column in self.columns.items():
            places[node] = column * self.step + self.aside(node.tensor), rows[node.tensor] * _ROW
        for node in self.graph.nodes:
            if node not in places:
                state, end, sign = self.beside(node)
                x = self.columns[end] * self.step + sign * self.way(state) * _BESIDE
                places[node] = x + self.aside(state), rows[state] * _ROW
        return places

    def aside(self, state: Tensor) -> float:
        """States of one step stand beside each other, so that no arrow runs through one."""
        if state not in self.states:
            return 0
        return _ASIDE * (self.states.index(state) - (len(self.states) - 1) / 2)

    def beside(self, node: Node) -> tuple[Tensor, Node, int]:
        """Beside which state a node without a time stands: before its first one, or behind the
        last one."""
        begins = self.graph.begins.get(node)
        for edge in self.graph.forward:
            if edge.start == node and edge.end in self.columns:
                if begins in (None, edge.end.tensor):
                    return edge.end.tensor, edge.end, -1
            if edge.end == node and edge.start in self.columns:
                return edge.start.tensor, edge.start, 1
        first = next(n for n in self.columns if n.tensor == (begins or self.states[0]))
        return first.tensor, first, -1

    def way(self, state: Tensor) -> int:
        """Whether the steps of a state go to the right, or to the left."""
        columns = [c for _, c in sorted((n.time, c) for n, c in self.columns.items()
                                        if n.tensor == state)]  # fmt: skip
        return -1 if columns[-1:] < columns[:1] else 1

    def timed(self) -> dict[Node, int]:
        """The column of a state is that of the inputs that its step reads."""
        columns: dict[Node, int] = {
            n: n.time for n in self.graph.nodes
            if n.tensor not in self.states and n.time is not None
        }  # fmt: skip
        for loop in self.graph.loops:
            for node in (n for n in self.graph.nodes if n.tensor in loop.states):
                read = {
                    columns[e.start]
                    for e in self.graph.forward
                    if e.end.time == node.time and e.end.tensor in loop.states
                    and e.start in columns and e.start.tensor not in loop.states
                }  # fmt: skip
                columns[node] = read.pop() if len(read) == 1 else node.time or 0
        return columns


def _node(node: Node, place: tuple[float, float]) -> Cell:
    x, y = place
    index = node.rest if node.time is None else (node.time,)
    counts = [i for i in index if i or node.time is not None]
    tensor = Tensor(node.tensor.name, tuple((Integer(1),) for _ in counts))
    label = Access(tensor, *map(Integer, counts))
    role: Role = "state" if node.time is not None else "plain"
    return Cell(x - _WIDE / 2, y - _HIGH / 2, role, (label,), width=_WIDE, height=_HIGH, round=True)


def _arrows(
    graph: Unrolled, places: dict[Node, tuple[float, float]], number: dict[Statement, str]
) -> Iterator[Item]:
    for start, end in dict.fromkeys((e.start, e.end) for e in graph.forward):
        yield _between(places[start], places[end], "plain", "")
    back: dict[tuple[Node, Node], list[str]] = {}
    for edge in graph.backward:
        if edge.start in places and edge.end in places:
            signs = back.setdefault((edge.start, edge.end), [])
            signs += [number[edge.by]] if edge.by in number else []
    for (start, end), signs in back.items():
        yield _between(places[start], places[end], "cotangent", "".join(sorted(signs)))


def _between(start, end, role: Role, label: str) -> Arrow:
    (x1, y1), (x2, y2) = _edge(start, end), _edge(end, start)
    length = math.hypot(x2 - x1, y2 - y1) or 1
    across = (y2 - y1) / length * _APART, -(x2 - x1) / length * _APART
    return Arrow(
        (x1 + across[0], y1 + across[1]), (x2 + across[0], y2 + across[1]), role,
        "dashed" if role == "cotangent" else "solid", label=(label,) if label else (),
    )  # fmt: skip


def _edge(place, towards) -> tuple[float, float]:
    """Where the way to another node leaves a node."""
    (x, y), (u, v) = place, towards
    dx, dy = u - x, v - y
    scale = min(
        (_WIDE / 2 + 0.05) / abs(dx) if dx else math.inf,
        (_HIGH / 2 + 0.05) / abs(dy) if dy else math.inf,
    )
    return x + dx * scale, y + dy * scale


def _shared(graph: Unrolled, places: dict[Node, tuple[float, float]], y: float) -> Iterator[Item]:
    """The parameters above all steps: they go down to each, and their gradients come up."""
    top = graph.loops[0].states[0]
    steps = [place for node, place in places.items() if node.tensor == top]
    left, right = min(x for x, _ in steps), max(x for x, _ in steps) + 1.6
    names: list[Any] = []
    for tensor in graph.parameters:
        names += [", "] * bool(names) + [Access(Tensor(tensor.name, ()))]
    yield Cell(left - _WIDE / 2, y, "parameter", tuple(names), width=right - left + _WIDE / 2, height=_HIGH)
    for x, down in steps:
        bottom = y + _HIGH + 0.05, down - _HIGH / 2 - 0.05
        yield Arrow((x + 1.1, bottom[0]), (x + 0.45, bottom[1]))
        yield Arrow((x + 0.6, bottom[1]), (x + 1.3, bottom[0]), "cotangent", "dashed")


class Shortened:
    """Statements at sizes where most axes have length 1: those are left out.

    Conditions that hold throughout are left out too, and integers that a caller may leave out have
    their defaults.
    """

    def __init__(self, graph: Unrolled) -> None:
        self.instance: Instance = graph.instance
        self.graph = graph

    def statement(self, statement: Statement) -> Statement:
        return Statement(
            tuple(a for a in statement.domain if self.instance.extent(a) > 1),
            self.access(statement.target),
            self.expression(statement.value),
            tuple(self.guards(statement)),
            statement.op,
        )

    def guards(self, statement: Statement) -> Iterator[Guard]:
        always = list(self.instance.points(Statement(statement.domain, statement.target, Integer(0))))
        for guard in statement.where:
            if not all(self.instance.holds(guard, point.here) for point in always):
                yield Guard(guard.kind, self.expression(guard.expression), guard.modulus)

    def expression(self, expression: Expr) -> Expr:
        found = expression.xreplace({
            a: a.tensor.default
            for a in expression.atoms(Access)
            if a.tensor.integer and a.tensor.default is not None
        })  # fmt: skip
        return found.xreplace({a: self.access(a) for a in found.atoms(Access)})

    def access(self, access: Access) -> Access:
        shape = self.instance.shape(access.tensor)
        kept = [d for d, n in enumerate(shape) if n > 1]
        tensor = Tensor(
            access.tensor.name,
            tuple((access.tensor.shape[d],) for d in kept),
            offset=tuple(access.tensor.offset[d] for d in kept),
        )
        return Access(tensor, *(self.expression(access.index[d]) for d in kept))


