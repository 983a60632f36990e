"""A recurrence unrolled over time: values to the later steps, cotangents back from them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from sympy import Expr, Integer

from derive.calculus.adjoint import Adjoint
from derive.calculus.loops import Loop
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Tensor
from derive.prose.pictures.grammar import Arrow, Cell, Item, Picture, Role
from derive.prose.pictures.inline import Adds
from derive.prose.pictures.page import Page, breadth
from derive.prose.pictures.shortened import Shortened
from derive.prose.pictures.unrolling import Node, Unrolled

_WIDE, _HIGH = 1.3, 0.8  # of a node
_ROW = 1.9
_MOST = 4  # states that can be told apart in one step
_APART = 0.11  # an arrow forward and one back, each from the line between two nodes
_FEW = 3  # lines of what lies between two states
_BLANK = "\u2003\u00a0"
_NUMBERS = "①②③④⑤⑥⑦⑧⑨⑩⑪⑫⑬⑭⑮⑯⑰⑱⑲⑳"


Place = tuple[float, float]
Places = dict[Node, Place]


def recurrence_picture(graph: Unrolled, adjoint: Adjoint) -> Picture | None:
    """The steps side by side; None if there is too much in a step."""
    states = graph.states
    by = [s for s in _contributions(graph) if s.target.tensor in _bars(graph, adjoint)]
    if len(states) > _MOST or len(by) > len(_NUMBERS):
        return None
    wide = max(_WIDE, *(breadth((_label(n),)) + 0.3 for n in graph.nodes))
    places = Layout(graph, wide).places()
    left = min(x for x, _ in places.values()) - wide / 2
    places = {node: (x - left, y + 1.5) for node, (x, y) in places.items()}
    width = max(x for x, _ in places.values()) + wide / 2
    page = Page(width)
    down = page.y - 1.5 + 0.3 + (1.5 if len(graph.loops) == 1 else 0)
    places = {node: (x, y + down) for node, (x, y) in places.items()}
    number = {statement: _NUMBERS[n] for n, statement in enumerate(by)}
    if len(graph.loops) == 1:
        page.add(_shared(graph, places, page.y + 0.1, wide))
    page.add(_arrows(graph, places, number, wide))
    page.add(_node(node, place, graph, wide) for node, place in places.items())
    page.y = max(y for _, y in places.values()) + _HIGH / 2 + 0.4
    page.below = page.y
    page.say(("Values go along the solid arrows, cotangents back along the dashed ones.",))
    short = Shortened(graph.instance, graph.length)
    page.say(("What each cotangent adds up:",))
    for statement, sign in number.items():
        page.say((f"{sign} ", Adds(short.statement(statement))), 0.3)
    between = _between_states(graph, adjoint, by)
    for statement in map(short.statement, between if len(between) <= _FEW else ()):
        if statement.value != statement.target:
            page.say((_BLANK, statement), 0.3)
    page.say(("Parameters serve at every step, so their gradients are sums over all of them:",))
    for statements in graph.parameters.values():
        for statement in map(short.statement, statements):
            page.say((statement if len(statements) == 1 else Adds(statement),), 0.3)
    page.say(("Axes of length 1 are not written.",))
    return page.picture(
        "recurrence",
        ("The recurrence, unrolled over a few steps",),
        (
            "Inputs below, states in the middle, outputs above, a column for each step. Values are "
            "handed on from each state to the next; cotangents go back the same ways.",
        ),
        short.order,
    )  # fmt: skip


def steps_above(picture: Picture) -> Picture:
    """The same with steps of time above the names: no other index but that of rows is left."""
    if picture.kind != "recurrence":
        return picture
    steps = ((t.name, [not extent.is_number for extent in t.shape]) for t in picture.order)
    return replace(picture, steps=tuple((n, moves.index(True)) for n, moves in steps if any(moves)))


def aside(wide: float) -> float:
    """How far a state is beside the next one of its step: none is straight above another one."""
    return wide / 2 + 0.4


def _bars(graph: Unrolled, adjoint: Adjoint) -> set[Tensor]:
    return {adjoint.cotangent[s] for s in graph.states}


def _contributions(graph: Unrolled) -> list[Statement]:
    """Statements that write cotangents, in the order of the system."""
    used = {edge.by for edge in graph.backward}
    return [s for s in graph.instance.system.statements if s in used]


def _between_states(
    graph: Unrolled, adjoint: Adjoint, known: Iterable[Statement]
) -> tuple[Statement, ...]:
    """What computes the cotangents that the contributions read, and which are no states."""
    ends = _bars(graph, adjoint) | {adjoint.cotangent.get(t) for t in adjoint.primal.outputs}
    found: dict[Statement, None] = {}
    waiting = list(known)
    while waiting:
        for read in waiting.pop(0).reads:
            if read.tensor in adjoint.cotangent.values() and read.tensor not in ends:
                new = [s for s in adjoint.statements if s.target.tensor == read.tensor]
                waiting += [s for s in new if s not in found]
                found |= dict.fromkeys(new)
    return tuple(found)


class Layout:
    """Where the nodes are: a column for each time, a row for inputs, states and outputs."""

    def __init__(self, graph: Unrolled, wide: float) -> None:
        self.graph = graph
        self.states = [s for loop in sorted(graph.loops, key=self.depth, reverse=True)
                       for s in loop.states]  # fmt: skip
        self.beside_first = wide + 0.8
        self.apart = aside(wide)
        self.step = wide + 1.2 + self.apart * (len(self.states) - 1) / 2
        self.columns = self.timed()
        self.rows = {state: 1 + number for number, state in enumerate(self.states)}

    def depth(self, loop: Loop) -> int:
        """How many loops its inputs have come through: the more, the higher it stands."""
        below = [
            other
            for edge in self.graph.forward if edge.end.tensor in loop.states
            for other in self.graph.loops if edge.start.tensor in other.states and other != loop
        ]  # fmt: skip
        return max((1 + self.depth(other) for other in below), default=0)

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
                if sign < 0 and node not in self.graph.begins:  # an input of one step alone
                    row = 1 + len(self.states) + sum(y > len(self.states) * _ROW for _, y in
                                                     places.values())  # fmt: skip
                    places[node] = self.columns[end] * self.step, row * _ROW
                    continue
                x = self.columns[end] * self.step + sign * self.way(state) * self.beside_first
                places[node] = x + self.aside(state), rows[state] * _ROW
        return places

    def aside(self, state: Tensor) -> float:
        """States of one step stand beside each other, so that no arrow runs through one."""
        if state not in self.states:
            return 0
        return self.apart * (self.states.index(state) - (len(self.states) - 1) / 2)

    def beside(self, node: Node) -> tuple[Tensor, Node, int]:
        """Beside which state a node without a time stands: before its first one, or behind the
        last one."""
        begins = self.graph.begins.get(node)
        for edge in self.graph.forward:
            begun = edge.start == node and edge.end in self.columns
            if begun and begins in (None, edge.end.tensor):
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


def _label(node: Node) -> Expr:
    """A node as an entry; indices that tell it from no other one are left out."""
    index = node.rest if node.time is None else (node.time,)
    counts = [i for i in index if i or node.time is not None]
    tensor = Tensor(node.tensor.name, tuple((Integer(1),) for _ in counts))
    return Access(tensor, *map(Integer, counts))


def _node(node: Node, place: tuple[float, float], graph: Unrolled, wide: float) -> Cell:
    x, y = place
    role: Role = "input" if node.tensor in graph.instance.system.inputs else "output"
    role = "state" if node.tensor in graph.states else role
    return Cell(
        x - wide / 2, y - _HIGH / 2, role, (_label(node),), width=wide, height=_HIGH, round=True
    )


def _arrows(
    graph: Unrolled, places: Places, number: dict[Statement, str], wide: float
) -> Iterator[Item]:
    for start, end in dict.fromkeys((e.start, e.end) for e in graph.forward):
        yield _between(places[start], places[end], "plain", "", wide)
    back: dict[tuple[Node, Node], list[str]] = {}
    for edge in graph.backward:
        if edge.start in places and edge.end in places:
            signs = back.setdefault((edge.start, edge.end), [])
            signs += [number[edge.by]] if edge.by in number else []
    for (start, end), signs in back.items():
        yield _between(places[start], places[end], "cotangent", "".join(sorted(signs)), wide)


def _between(start: Place, end: Place, role: Role, label: str, wide: float) -> Arrow:
    (x1, y1), (x2, y2) = _edge(start, end, wide), _edge(end, start, wide)
    length = math.hypot(x2 - x1, y2 - y1) or 1
    across = (y2 - y1) / length * _APART, -(x2 - x1) / length * _APART
    return Arrow(
        (x1 + across[0], y1 + across[1]), (x2 + across[0], y2 + across[1]), role,
        "dashed" if role == "cotangent" else "solid", label=(label,) if label else (),
    )  # fmt: skip


def _edge(place: Place, towards: Place, wide: float) -> Place:
    """Where the way to another node leaves a node."""
    (x, y), (u, v) = place, towards
    dx, dy = u - x, v - y
    scale = min(
        (wide / 2 + 0.05) / abs(dx) if dx else math.inf,
        (_HIGH / 2 + 0.05) / abs(dy) if dy else math.inf,
    )
    return x + dx * scale, y + dy * scale


def _shared(graph: Unrolled, places: Places, y: float, wide: float) -> Iterator[Item]:
    """The parameters above all steps: they go down to each, and their gradients come up."""
    top = graph.loops[0].states[0]
    steps = [place for node, place in places.items() if node.tensor == top]
    off = wide + aside(wide) / 2 * (len(graph.states) - 1)  # of the arrows, from a state
    left, right = min(x for x, _ in steps), max(x for x, _ in steps) + off + 0.4
    names: list[Any] = []
    for tensor in graph.parameters:
        names += [", "] * bool(names) + [Access(Tensor(tensor.name, ()))]
    across = right - left + wide / 2
    yield Cell(left - wide / 2, y, "parameter", tuple(names), width=across, height=_HIGH)
    for x, down in steps:
        bottom, beside = y + _HIGH + 0.05, down - _HIGH / 3
        above = x + off
        yield Arrow((above, bottom), (x + wide / 2 + 0.05, beside))
        up = (x + wide / 2 + 0.2, beside + 0.05), (above + 0.2, bottom)
        yield Arrow(*up, "cotangent", "dashed")
