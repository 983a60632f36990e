"""Break formulas into lines that fit a page, by an estimate of their width."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from itertools import zip_longest

from derive.prose.typeset import BREAK, joined

WIDTH = 103.0  # of a line of the document, in widths of a letter
_AND = r"\text{ and }"
_TOTALS = (r"\sum", r"\max", r"\operatorname*")
LONG = 0.6 * WIDTH  # of what leaves no room for others beside it
_INDENT = 4.0
_APART = 10.0  # two columns of equations

_TOKEN = re.compile(r"\\[a-zA-Z]+|\\.|.", re.DOTALL)
_BLANK = {"{", "}", "^", "_", " ", "&", BREAK}
_BLANK |= {
    rf"\{name}" for name in (",", "!", "left", "right", "bigl", "bigr", "Bigl", "Bigr", "bar")
}
_BLANK |= {
    rf"\{name}" for name in ("overline", "mathit", "mathrm", "text", "operatorname", "substack")
}
_UPRIGHT = {
    rf"\{name}" for name in ("tanh", "sinh", "cosh", "exp", "log", "sin", "cos", "tan", "max")
}
_WIDE = {"+", "-", "=", "<", ">", r"\sum", r"\ge", r"\le", r"\mid", r"\to", r"\times"}


def width(formula: str) -> float:
    """About how wide a formula is, in letters.

    Subscripts count less, and of a fraction or a stack of lines only the widest part.
    """
    text = formula.replace(BREAK, "")
    block = re.search(r"\\frac\{|\\begin\{(cases|pmatrix)\}", text)
    if block and block.group() == r"\frac{":
        over, after = _group(text, block.end() - 1)
        under, end = _group(text, after)
        widest = max(width(over), width(under))
        return width(text[: block.start()]) + widest + width(text[end:])
    if block:
        inside, end = _cases(text, block.end())
        columns = zip(*(row.rpartition("&")[::2] for row in _rows(inside)), strict=True)
        widest = sum(max(map(width, column)) for column in columns)
        return width(text[: block.start()]) + widest + 4 + width(text[end:])
    small = re.search(r"[_^]\{", text)
    if small:
        inside, end = _group(text, small.end() - 1)
        rows = inside.removeprefix(r"\substack{").split(r"\\")
        return width(text[: small.start()]) + 0.72 * max(map(width, rows)) + width(text[end:])
    return sum(_token_width(t) for t in _TOKEN.findall(text))


def _token_width(token: str) -> float:
    if token in _BLANK:
        return 0.3 if token == r"\," else 0.0
    if token in _WIDE:
        return 2.4 if token != "/" else 1.0
    if token == ",":
        return 1.0
    if token in "[]().'|/":
        return 0.7
    if token in _UPRIGHT:
        return len(token) * 0.9
    return 1.15


def _group(text: str, start: int) -> tuple[str, int]:
    """What stands between the brace at `start` and its partner, and the place after that."""
    depth = 0
    for place in range(start, len(text)):
        if text[place] == "{" and text[place - 1] != "\\":
            depth += 1
        elif text[place] == "}" and text[place - 1] != "\\":
            depth -= 1
            if depth == 0:
                return text[start + 1 : place], place + 1
    return text[start + 1 :], len(text)


def _cases(text: str, start: int) -> tuple[str, int]:
    """What stands between a ``\\begin{cases}`` that ends at `start` and its end."""
    depth = 1
    for mark in re.finditer(r"\\(begin|end)\{(cases|pmatrix)\}", text[start:]):
        depth += 1 if mark.group(1) == "begin" else -1
        if depth == 0:
            return text[start : start + mark.start()], start + mark.end()
    return text[start:], len(text)


def _rows(inside: str) -> list[str]:
    """The rows of a ``cases``, its own and not those of one within it."""
    rows, depth = [""], 0
    for part in re.split(r"(\\begin\{cases\}|\\end\{cases\}|\\\\)", inside):
        depth += (part == r"\begin{cases}") - (part == r"\end{cases}")
        if part == r"\\" and depth == 0:
            rows.append("")
        else:
            rows[-1] += part
    return rows


def wrapped(equations: list[tuple[str, str, str]]) -> list[list[str]]:
    """Lines of an ``align*`` for each equation (left side, sign, right side).

    Signs stand below each other unless a left side takes too much of the page.
    """
    if any(width(left) > 0.4 * WIDTH for left, _, _ in equations):
        return [
            _filled(list(_pieces(rf"{left} {BREAK}{sign} {right}")), "& ", WIDTH, _INDENT)
            for left, sign, right in equations
        ]
    heads = [joined(left) for left, _, _ in equations]
    room = WIDTH - max(map(width, heads)) - 3
    found = []
    for head, (_, sign, right) in zip(heads, equations, strict=True):
        first, *rest = _filled(list(_pieces(right)), "& ", room, _INDENT)
        found.append([f"{head} & {sign} {first.removeprefix('& ')}", *rest])
    return found


def in_pairs(equations: list[tuple[str, str, str]]) -> list[str]:
    """Lines of an ``align*`` with two equations each, if all of them are short; else none."""
    columns = equations[::2], equations[1::2]
    if not columns[1] or sum(map(_widest, columns)) > WIDTH - _APART:
        return []
    cells = [f"{joined(left)} & {sign} {joined(right)}" for left, sign, right in equations]
    pairs = zip_longest(cells[::2], cells[1::2])
    return [rf"{one} & \qquad {two}" if two else one for one, two in pairs]


def _widest(equations: list[tuple[str, str, str]]) -> float:
    """How wide a column of equations is whose signs stand below each other."""
    sides = [(width(left), width(right)) for left, _, right in equations]
    return sum(map(max, *sides)) + 3 if len(sides) > 1 else sum(sides[0]) + 3


def condition_lines(words: str, conditions: Sequence[str], head: float) -> list[str]:
    """Conditions below a formula with a left side of width `head`, in one line where they fit."""
    found = [joined(c) for c in conditions]
    together = r",\quad ".join(found)
    if width(words + together) + head < WIDTH - 18:
        return [rf"& \quad\text{{{words}}}{together}"]
    blank = rf"\phantom{{\text{{{words}}}}}"
    room = WIDTH - head - width(words) - 5 * _INDENT
    rows = [row for c in conditions for row in _filled(list(_pieces(c)), "", room, _INDENT)]
    first, *rest = rows
    return [rf"& \quad\text{{{words}}}{first}", *(rf"& \quad{blank}{row}" for row in rest)]


def case_rows(value: str, condition: str) -> list[str]:
    """Rows of a ``cases``: a long value goes on in the next row, and its condition stands last."""
    rows = [condition]
    if width(condition) > WIDTH / 3:
        first, *others = condition.split(_AND)
        rows = [first, *(rf"\text{{and }}{other}" for other in others)]
    room = WIDTH - 2 * _INDENT - max(map(width, rows))
    *above, last = _filled(list(_pieces(value)), "", max(room, WIDTH / 3), _INDENT)
    values = [*above, last, *[""] * (len(rows) - 1)]
    beside = [*[""] * len(above), *map(joined, rows)]
    return [f"{value} & {row}".rstrip() for value, row in zip(values, beside, strict=True)]


def ended(lines: list[str]) -> list[str]:
    """The lines with LaTeX's line ends between them."""
    return [line + r" \\" for line in lines[:-1]] + lines[-1:]


def _pieces(formula: str) -> Iterator[tuple[str, float, int]]:
    """What stands between breaks, with its width and how many brackets are open after it."""
    depth = 0
    for piece in formula.split(BREAK):
        bare = re.sub(r"\\(left|right|bigl|bigr)\b\s*\S", "", piece)
        depth += sum(bare.count(c) for c in "[(") - sum(bare.count(c) for c in "])")
        yield piece, width(piece), depth


def _filled(
    pieces: list[tuple[str, float, int]], prefix: str, room: float, indent: float
) -> list[str]:
    """Fill lines, ending each where the fewest brackets are open, best of all before a sign, if
    that leaves it a quarter full.

    Lines after the first are indented; one that goes on with a product says so.
    """
    lines: list[str] = []
    dot = ""
    while pieces:
        total, fits = 0.0, 0
        for _, wide, _ in pieces:
            if fits and total + wide > room:
                break
            total += wide
            fits += 1
        if fits < len(pieces):
            filled = 0.0
            best, least = fits, (1000, True)
            for position, (_, wide, depth) in enumerate(pieces[:fits], 1):
                filled += wide
                within = not pieces[position][0].startswith(("+", "-"))
                if (filled > 0.25 * room or position == fits) and (depth, within) <= least:
                    best, least = position, (depth, within)
            fits = best
        text = "".join(p for p, _, _ in pieces[:fits]).strip()
        lines.append(prefix + (r"\quad " if lines else "") + dot + text.removesuffix(r"\,"))
        last, pieces = pieces[fits - 1][0].lstrip("+- "), pieces[fits:]
        dot = r"\cdot " if last.endswith(r"\,") and not last.startswith(_TOTALS) else ""
        if len(lines) == 1:
            room -= indent
    return lines
