"""What a generated text says, whatever its layout.

    x = f(a, b)  # why        and        x = f(
                                             a,
                                             b,
                                         )  # why          say the same

A formatter changes white space, line breaks, quotes, trailing commas and redundant parentheses. The
content of a Python text is its syntax tree, the words of its docstrings, and each comment with the
statement it stands at; that of any other text is its words. Neither depends on Python's version.
"""

from __future__ import annotations

import ast
import re
from bisect import bisect_right

_STRING_OR_COMMENT = re.compile(
    r'"""(?:\\.|.)*?"""|'
    r"'''(?:\\.|.)*?'''|"
    r'"(?:\\.|[^"\\\n])*"|'
    r"'(?:\\.|[^'\\\n])*'|"
    r"(?P<comment>#[^\n]*)",
    re.DOTALL,
)
_DOCUMENTED = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)


def content(text: str, comment: str) -> str:
    """What a text says, in a form to be compared.

    Parameters
    ----------
    text : str
        What stands below the header.
    comment : str
        What starts a comment in its language: ``#`` or ``%``.
    """
    return _python(text) if comment == "#" else _words(text)


def _words(text: str) -> str:
    """Words and the ends of paragraphs; blanks around an alignment mark are layout."""
    paragraphs = (" ".join(part.split()) for part in re.split(r"\n\s*\n", text.strip()))
    return re.sub(r" ?(?<!\\)& ?", "&", "\n".join(paragraphs))


def _python(text: str) -> str:
    """Tree and comments; a text that is no Python says what it says to the letter."""
    parts: list[str] = []
    statements: list[int] = []
    try:
        _tree(ast.parse(text), parts, statements)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return text
    statements.sort()
    ends = [found.start() for found in re.finditer("\n", text)]
    for found in _STRING_OR_COMMENT.finditer(text):
        if found["comment"]:
            line = bisect_right(ends, found.start()) + 1
            words = " ".join(found["comment"][1:].split())
            parts.append(f"#{bisect_right(statements, line)} {words}")
    return "\n".join(parts)


def _tree(node: object, parts: list[str], statements: list[int]) -> None:
    """Add the nodes in order, and the lines on which statements begin.

    (`ast.dump` prints the same tree differently in other versions of Python.)
    """
    if isinstance(node, list):
        for each in node:
            _tree(each, parts, statements)
    elif isinstance(node, ast.AST):
        parts.append(f"({type(node).__name__}")
        if isinstance(node, ast.stmt):
            statements.append(node.lineno)
        words = ast.get_docstring(node, clean=False) if isinstance(node, _DOCUMENTED) else None
        for name in node._fields:
            value = getattr(node, name, None)
            if name == "kind" or value is None or value == []:
                continue  # u"" is "", and what later versions have added is empty here
            parts.append(name)
            if name == "body" and words is not None:
                parts.append(ascii(" ".join(words.split())))
                value = value[1:]
            _tree(value, parts, statements)
        parts.append(")")
    else:
        parts.append(ascii(node))
