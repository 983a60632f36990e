"""The lines of a generated module, each with the step of the derivation that it carries out."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby

# What a comment ends in: "(x_bar.4)", or "(from x_bar.4)" if the line only follows from it.
_LABEL = re.compile(r"\((?:from )?(\w+\.\d+)\)\s*$")


@dataclass(frozen=True)
class Line:
    """One line of a module, escaped, and the label of its step, if there is one."""

    number: int
    text: str
    label: str = ""
    is_comment: bool = False


def lines_of(module: str) -> tuple[Line, ...]:
    """The lines; a label goes for all of its comment and for what stands below it."""
    found: list[Line] = []
    label, depth = "", 0
    numbered = enumerate(module.splitlines(), 1)
    for (is_comment, indent), lines in groupby(numbered, lambda line: _kind(line[1])):
        group = list(lines)
        if is_comment:
            label, depth = _label(text for _, text in group), indent
        elif indent < depth:
            label = ""
        found += [Line(number, escape(text), label, is_comment) for number, text in group]
    return tuple(found)


def _kind(line: str) -> tuple[bool, int]:
    """Whether a line is a comment, and how far in it stands; a blank line ends a block."""
    text = line.lstrip()
    return text.startswith("#"), len(line) - len(text) if text else 0


def _label(comment: Iterator[str]) -> str:
    text = " ".join(line.strip() for line in comment)
    match = _LABEL.search(text)
    return match[1] if match else ""
