"""The lines of a generated module, each with the step of the derivation that it carries out."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from itertools import groupby, repeat

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
        if is_comment:
            numbers, texts = zip(*lines, strict=True)
            labels = _labels(texts)
            found += map(Line, numbers, map(escape, texts), labels, repeat(True))
            label, depth = labels[-1], indent
            continue
        label = "" if indent < depth else label
        found += [Line(number, escape(text), label) for number, text in lines]
    return tuple(found)


def _kind(line: str) -> tuple[bool, int]:
    """Whether a line is a comment, and how far in it stands; a blank line ends a block."""
    text = line.lstrip()
    return text.startswith("#"), len(line) - len(text) if text else 0


def _labels(lines: Sequence[str]) -> list[str]:
    """The label of each line of comments that follow each other; each ends in its own, if any."""
    found: list[str] = []
    comment: list[str] = []
    for line in lines:
        comment.append(line.strip(" #"))
        if match := _LABEL.search(" ".join(comment)):
            found += [match[1]] * len(comment)
            comment = []
    return found + [""] * len(comment)
