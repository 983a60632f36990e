"""Write an array program out as Python text; black lays it out afterwards."""

from __future__ import annotations

import json
from collections.abc import Iterable
from textwrap import wrap

from derive.backends.numpy.tree import (
    Assign,
    Attribute,
    Binary,
    Call,
    Comment,
    Conditional,
    Do,
    For,
    If,
    Line,
    Literal,
    Mapped,
    Name,
    Node,
    Refuse,
    Return,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    Unpack,
    Update,
)

WIDTH = 100  # of a line of a generated module
_PRECEDENCE = {
    "or": 1,
    "and": 2,
    "not": 3,
    "in": 4,
    "is": 4,
    "is not": 4,
    "<": 4,
    "<=": 4,
    ">": 4,
    ">=": 4,
    "==": 4,
    "!=": 4,
}
_PRECEDENCE |= {"&": 6, "+": 7, "-": 7, "*": 8, "/": 8, "//": 8, "%": 8, "@": 8, "**": 10}
_UNARY, _ATOM = 9, 12


def expression_text(node: Node) -> str:
    """One expression."""
    return _text(node)[0]


def _text(node: Node) -> tuple[str, int]:
    """Text and how tightly it binds."""
    if isinstance(node, Name):
        return node.id, _ATOM
    if isinstance(node, Literal):
        if node.value is Ellipsis:
            return "...", _ATOM
        return repr(node.value), _ATOM
    if isinstance(node, Attribute):
        return f"{_within(node.value, _ATOM)}.{node.name}", _ATOM
    if isinstance(node, Call):
        parts = [expression_text(a) for a in node.arguments]
        parts += [f"{key}={expression_text(value)}" for key, value in node.keywords]
        return f"{_within(node.function, _ATOM)}({', '.join(parts)})", _ATOM
    if isinstance(node, Subscript):
        items = ", ".join(expression_text(i) for i in node.items) or "()"
        return f"{_within(node.value, _ATOM)}[{items}]", _ATOM
    if isinstance(node, Slice):
        text = ":".join("" if p is None else expression_text(p) for p in (node.start, node.stop))
        return text + (f":{expression_text(node.step)}" if node.step is not None else ""), 0
    if isinstance(node, TupleOf):
        inner = ", ".join(expression_text(i) for i in node.items)
        return f"({inner}{',' if len(node.items) == 1 else ''})", _ATOM
    if isinstance(node, Mapped):
        pairs = (f"{expression_text(key)}: {expression_text(value)}" for key, value in node.items)
        return f"{{{', '.join(pairs)}}}", _ATOM
    if isinstance(node, Unpack):
        return f"*{_within(node.value, _ATOM)}", 0
    if isinstance(node, Unary):
        if node.operator == "not":
            return f"not {_within(node.operand, _PRECEDENCE['not'])}", _PRECEDENCE["not"]
        return f"{node.operator}{_within(node.operand, _UNARY)}", _UNARY
    if isinstance(node, Binary):
        level = _PRECEDENCE[node.operator]
        # Comparisons and powers do not associate; the others do so to the left.
        tight = node.operator in ("**", "<", "<=", ">", ">=", "==", "!=")
        left = _within(node.left, level + 1 if tight else level)
        right = _within(node.right, level + 1)
        return f"{left} {node.operator} {right}", level
    if isinstance(node, Conditional):
        value, test, otherwise = (_within(n, 1) for n in (node.value, node.test, node.otherwise))
        return f"{value} if {test} else {otherwise}", 0
    raise TypeError(f"no text for {node!r}")


def _within(node: Node, level: int) -> str:
    text, binding = _text(node)
    return text if binding >= level else f"({text})"


def program_text(lines: Iterable[Line], indent: int = 1) -> str:
    """Lines of a function's body, indented."""
    return "\n".join(_lines(lines, "    " * indent))


def _lines(lines: Iterable[Line], margin: str) -> Iterable[str]:
    for line in lines:
        if isinstance(line, Assign):
            yield f"{margin}{_bare(line.target)} = {expression_text(line.value)}"
        elif isinstance(line, Update):
            yield f"{margin}{_bare(line.target)} {line.operator}= {expression_text(line.value)}"
        elif isinstance(line, Do):
            yield f"{margin}{expression_text(line.value)}"
        elif isinstance(line, Comment):
            for text in line.text.splitlines() or [""]:
                yield from _remark(text, margin)
        elif isinstance(line, Return):
            yield f"{margin}return {_bare(line.value)}"
        elif isinstance(line, For):
            yield f"{margin}for {_bare(line.variable)} in {expression_text(line.iterable)}:"
            yield from _block(line.body, margin)
        elif isinstance(line, If):
            yield f"{margin}if {expression_text(line.test)}:"
            yield from _block(line.body, margin)
            while len(line.otherwise) == 1 and isinstance(line.otherwise[0], If):
                line = line.otherwise[0]
                yield f"{margin}elif {expression_text(line.test)}:"
                yield from _block(line.body, margin)
            if line.otherwise:
                yield f"{margin}else:"
                yield from _block(line.otherwise, margin)
        elif isinstance(line, Refuse):
            yield f"{margin}raise ValueError("
            yield from (f"{margin}    {piece}" for piece in _told(line.words, 94 - len(margin)))
            yield f"{margin})"
        else:
            raise TypeError(f"no text for {line!r}")


def _told(words: tuple[str | tuple[Node, str], ...], width: int) -> Iterable[str]:
    """String literals, one after another; those that tell something are f-strings."""
    text = ""
    for number, word in enumerate(words):
        if isinstance(word, str):
            text += _quoted(word)
        else:
            follows = number + 1 < len(words) and isinstance(words[number + 1], tuple)
            told = f"{{{expression_text(word[0])}{word[1]}}}".replace(" ", _FIXED)
            text += told + ", " * follows
    lines = wrap(text, width, drop_whitespace=False, break_long_words=False, break_on_hyphens=False)
    for line in lines:
        line = line.replace(_FIXED, " ")
        plain = line.replace("{{", "{").replace("}}", "}")
        yield f'f"{line}"' if line.count("{") > 2 * line.count("{{") else f'"{plain}"'


_FIXED = "\0"  # a blank at which no line ends


def _quoted(word: str) -> str:
    """Words inside an f-string, between double quotes: JSON escapes as Python does."""
    return json.dumps(word, ensure_ascii=False)[1:-1].replace("{", "{{").replace("}", "}}")


def _remark(text: str, margin: str) -> Iterable[str]:
    """A comment as wide as code may be."""
    width = WIDTH - len(margin) - 2
    for line in wrap(text, width, subsequent_indent="    ", break_long_words=False) or [""]:
        yield f"{margin}# {line}".rstrip()


def _block(lines: Iterable[Line], margin: str) -> Iterable[str]:
    written = list(_lines(lines, margin + "    "))
    yield from written or [f"{margin}    pass"]


def _bare(node: Node) -> str:
    """A tuple without its parentheses, as assignments and returns write it."""
    text = expression_text(node)
    return text[1:-1] if isinstance(node, TupleOf) and len(node.items) > 1 else text
