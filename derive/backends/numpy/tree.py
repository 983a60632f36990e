"""The array program: a small tree of Python that the printer writes out.

Only what generated modules need. Trees are frozen, so that passes build new ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any


@dataclass(frozen=True)
class Node:
    """An expression; Python's own operators build larger ones."""

    def __add__(self, other: Node) -> Binary:
        return Binary("+", self, other)

    def __sub__(self, other: Node) -> Binary:
        return Binary("-", self, other)

    def __mul__(self, other: Node) -> Binary:
        return Binary("*", self, other)

    def __matmul__(self, other: Node) -> Binary:
        return Binary("@", self, other)

    def __getitem__(self, items: Node | tuple[Node, ...]) -> Subscript:
        return Subscript(self, items if isinstance(items, tuple) else (items,))

    def transpose(self, *positions: int) -> Node:
        """The array with its axes moved; the identity is left out."""
        if positions == tuple(range(len(positions))):
            return self
        return method(self, "transpose", *(Literal(p) for p in positions))

    def reshape(self, *extents: Node) -> Node:
        return method(self, "reshape", TupleOf(extents))


@dataclass(frozen=True)
class Name(Node):
    id: str


@dataclass(frozen=True)
class Literal(Node):
    """An integer, a string, True, False, None or Ellipsis."""

    value: object


@dataclass(frozen=True)
class Attribute(Node):
    value: Node
    name: str


@dataclass(frozen=True)
class Call(Node):
    function: Node
    arguments: tuple[Node, ...] = ()
    keywords: tuple[tuple[str, Node], ...] = ()


@dataclass(frozen=True)
class Subscript(Node):
    value: Node
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Slice(Node):
    start: Node | None = None
    stop: Node | None = None
    step: Node | None = None


@dataclass(frozen=True)
class TupleOf(Node):
    items: tuple[Node, ...]


@dataclass(frozen=True)
class Unpack(Node):
    """``*value`` inside a tuple."""

    value: Node


@dataclass(frozen=True)
class Binary(Node):
    """An arithmetic operation, a comparison, ``and`` or ``or``."""

    operator: str
    left: Node
    right: Node


@dataclass(frozen=True)
class Product(Binary):
    """A matrix product, and the shape of what it gives."""

    shape: Node = Literal(())


@dataclass(frozen=True)
class Unary(Node):
    operator: str
    operand: Node


@dataclass(frozen=True)
class Conditional(Node):
    """``value if test else otherwise``, of numbers."""

    value: Node
    test: Node
    otherwise: Node


@dataclass(frozen=True)
class Mapped(Node):
    """A dictionary."""

    items: tuple[tuple[Node, Node], ...]


@dataclass(frozen=True)
class Line:
    """A statement of the program."""


@dataclass(frozen=True)
class Assign(Line):
    """``target = value``; if `shape` is there, it is that of the place which is overwritten."""

    target: Node
    value: Node
    shape: Node | None = None


@dataclass(frozen=True)
class Update(Line):
    """``target += value``, or with another operator."""

    target: Node
    value: Node
    operator: str = "+"
    shape: Node | None = None


@dataclass(frozen=True)
class Do(Line):
    value: Node


@dataclass(frozen=True)
class Comment(Line):
    text: str


@dataclass(frozen=True)
class For(Line):
    variable: Node
    iterable: Node
    body: tuple[Line, ...]


@dataclass(frozen=True)
class If(Line):
    test: Node
    body: tuple[Line, ...]
    otherwise: tuple[Line, ...] = ()


@dataclass(frozen=True)
class Return(Line):
    value: Node


@dataclass(frozen=True)
class Refuse(Line):
    """Raise a ValueError; in its words, numbers are told with their names: ``H = 5``, ``pad=1``."""

    words: tuple[str | tuple[Node, str], ...]


NONE = Literal(None)
ALL = Slice()


def numpy(function: str, *arguments: Node, **keywords: Node) -> Call:
    """A call of a NumPy function."""
    return Call(Attribute(Name("np"), function), arguments, tuple(keywords.items()))


def method(value: Node, name: str, *arguments: Node, **keywords: Node) -> Call:
    """A call of an array's method."""
    return Call(Attribute(value, name), arguments, tuple(keywords.items()))


def call(function: str, *arguments: Node) -> Call:
    """A call of a function of the module or of Python."""
    return Call(Name(function), arguments)


def integer(value: int) -> Literal:
    return Literal(value)


def parts_of(tree: object) -> tuple[object, ...]:
    """What a node, a line or a sequence of them is made of; known shapes are not written."""
    if isinstance(tree, tuple | list):
        return tuple(tree)
    if isinstance(tree, Node | Line):
        return tuple(part for word, part in vars(tree).items() if word != "shape")
    return ()


def names_in(tree: object) -> set[str]:
    """Every name that a tree (or a sequence of lines) mentions."""
    if isinstance(tree, Name):
        return {tree.id}
    return set().union(*map(names_in, parts_of(tree)), set())


def substituted(tree: Any, values: Mapping[Node, Node]) -> Any:
    """The tree with nodes replaced by others, outer ones first."""
    if isinstance(tree, Node) and tree in values:
        return values[tree]
    if isinstance(tree, tuple):
        return tuple(substituted(part, values) for part in tree)
    if isinstance(tree, Node | Line):
        parts = {word: substituted(part, values) for word, part in vars(tree).items()}
        return replace(tree, **parts)
    return tree


def tidied(lines: Iterable[Line]) -> tuple[Line, ...]:
    """Neighbouring conditions on the same test become one."""
    result: list[Line] = []
    for line in lines:
        if isinstance(line, For):
            line = For(line.variable, line.iterable, tidied(line.body))
        if isinstance(line, If):
            last = result[-1] if result else None
            alike = isinstance(last, If) and last.test == line.test
            if isinstance(last, If) and alike and not (last.otherwise or line.otherwise):
                result[-1] = If(line.test, tidied((*last.body, *line.body)))
                continue
            line = If(line.test, tidied(line.body), tidied(line.otherwise))
        result.append(line)
    return tuple(result)
