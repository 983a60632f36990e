"""Break a formula into lines of a terminal, at the loosest place that leaves a line full enough."""

from __future__ import annotations

import textwrap

_OPENING, _CLOSING = "([{⟨", ")]}⟩"
_LOOSE = (" = ", " += ", "; ", ", ", " + ", " − ", "·", "/", ",", " ")
_INDENT = 4


def filled(formula: str, width: int, indent: str = "") -> list[str]:
    """The formula in lines of at most `width` letters; all but the first stand further in."""
    lines: list[str] = []
    rest, room = indent + formula, width
    further = indent + " " * _INDENT
    while len(rest) > room:
        end = _place(rest, len(further) if lines else len(indent), room)
        lines.append(rest[:end].rstrip())
        rest = further + rest[end:].lstrip()
    return [*lines, rest]


def paragraph(text: str, width: int, indent: str = "", further: str | None = None) -> list[str]:
    """Words in lines of at most `width` letters."""
    further = indent if further is None else further
    lines = textwrap.wrap(
        text, width, initial_indent=indent, subsequent_indent=further, break_long_words=False,
        break_on_hyphens=False,
    )  # fmt: skip
    return lines or [""]


def _place(text: str, start: int, width: int) -> int:
    """Where the line ends: within as few brackets as there are, then at the loosest mark."""
    depth, best, rank = 0, 0, (99, 99)
    least = start + (width - start) // 3
    for place, letter in enumerate(text[: width + 1]):
        depth += letter in _OPENING
        depth -= letter in _CLOSING
        if place <= start:
            continue
        for looseness, mark in enumerate(_LOOSE):
            if not text.startswith(mark, place):
                continue
            # An operator begins the next line; a separator ends this one.
            end = place + len(mark) if mark in (" = ", " += ", "; ", ", ", ",") else place
            if end > width + 1 or len(text[:end].rstrip()) > width:
                continue
            here = (depth + 9 * (end < least), looseness)
            if here <= rank:
                best, rank = end, here
            break
    return best or width
