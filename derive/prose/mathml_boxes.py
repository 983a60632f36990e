"""Cut formulas in MathML where a line may end.

Browsers do not break a formula. So every summand, and every factor of a long one, is a ``<math>``
of its own in a box that goes on to the next line whole, and is broken itself only if it is wider
than a line: where the fewest brackets are open.
"""

from __future__ import annotations

import re
from html import unescape
from itertools import pairwise

from derive.prose.typeset import BREAK, joined

# What stands beside a break, which is told by it.
INFIX = '<mo form="infix">'
COMMA = "<mo>,</mo>"
THIN = "<mtext>\u2009</mtext>"
WORDS = "<mtext>\u00a0"
_OPENING, _CLOSING = "([⌊⌈", ")]⌋⌉"

_NARROW = 22  # letters that fit any line
_SHORT = 4  # ... and those that nobody leaves alone in one
_WIDE = frozenset("+−=<>≤≥≠∣∤→·×⊙")  # with room on both sides

_TAG = re.compile(r"<[^>]*>")
_OPENED = re.compile(r'\(((?:<span class="box">)*<math[^>]*>)')
_ENDED = re.compile(r"</math>((?:</span>)*)([.,;:)]+)")
_MARK = re.compile(r"<mo[^>]*>([^<])</mo>")


def width(formula: str) -> float:
    """About how wide a formula is at most, in letters: as if all of it stood in one line."""
    text = unescape(_TAG.sub("", joined(formula)))
    return sum(2.4 if letter in _WIDE else 1.0 for letter in text)


def boxed(formula: str, style: str = "") -> str:
    """The formula in boxes that stay whole where they fit a line.

    Parameters
    ----------
    formula : str
        With its breaks.
    style : str, optional
        Attributes of every ``<math>``.
    """
    parts = [] if width(formula) <= _NARROW else _parts(formula)
    if len(parts) < 2:
        return f"<math{style}>{joined(formula)}</math>"
    found = []
    for before, part in zip(["", *parts], parts, strict=False):
        kind = "box factor" if before.endswith(THIN) else "box"
        found.append(f'<span class="{kind}">{boxed(part, style)}</span>')
    return "".join(found)


def whole(formula: str) -> str:
    """A formula among words: it goes on to the next line before it is broken."""
    found = boxed(formula)
    return f'<span class="box">{found}</span>' if found.startswith("<span") else found


def unparted(markup: str) -> str:
    """The markup with marks that no line begins or ends with moved into the formula beside them.

    A browser may end a line before and after any formula, a comma or a bracket notwithstanding.
    """
    opened = _OPENED.sub(r"\1<mtext>(</mtext>", markup)
    return _ENDED.sub(r"<mtext>\2</mtext></math>\1", opened)


def _parts(formula: str) -> list[str]:
    """The formula, cut where the fewest brackets are open, and there where the bond is loosest."""
    pieces = formula.split(BREAK)
    depth, places = 0, []
    for piece, after in pairwise(pieces):
        marks = "".join(_MARK.findall(piece))
        depth += sum(marks.count(c) for c in _OPENING) - sum(marks.count(c) for c in _CLOSING)
        places.append((depth, _bond(piece, after)))
    if not places:
        return pieces
    first = next((k for k in range(len(places)) if width("".join(pieces[: k + 1])) > _SHORT), 0)
    loosest = min(places[first:])
    parts = [pieces[0]]
    for number, (place, piece) in enumerate(zip(places, pieces[1:], strict=True)):
        if number >= first and place == loosest and width(parts[-1]) > _SHORT:
            parts.append(piece)
        else:
            parts[-1] += BREAK + piece
    return parts


def filled(formula: str, room: float) -> list[str]:
    """Lines of a formula where no box can stand, each as full as it can be."""
    lines = [""]
    for piece in formula.split(BREAK):
        if lines[-1] and width(lines[-1] + piece) > room:
            lines.append("")
        lines[-1] += piece
    return lines


def _bond(before: str, after: str) -> int:
    """How closely belongs together what a break parts: entries of a list least, factors most."""
    if before.endswith(COMMA) or after.startswith(WORDS):
        return 0
    if after.startswith(INFIX):
        return 2 if after[len(INFIX)] in "+−" else 1
    return 3
