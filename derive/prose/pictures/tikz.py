"""Pictures as TikZ, for documents that say ``\\usepackage{tikz}`` and nothing more.

What is told by colour is told by dashes, weight of line or words as well.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.calculus.statements import Statement
from derive.language.symbols import Tensor
from derive.prose.formula import Formula
from derive.prose.latex_formula import Latex
from derive.prose.latex_lines import joined
from derive.prose.pictures.colours import FILLS, INKS, shade
from derive.prose.pictures.grammar import Arrow, Bracket, Cell, Frame, Note, Picture
from derive.prose.pictures.inline import Adds
from derive.prose.pictures.page import breadth

_UNIT = 0.8  # centimetres of a cell
_LEAST = 0.55  # ... beside whose picture words stand
_WIDEST, _TALLEST = 17, 22  # centimetres of a picture
_NARROW = 0.75  # centimetres of a cell's breadth of words, in small letters
_WORDS, _GAP = 7.2, 0.7  # centimetres of words beside a picture, and between both
_SIZES = ((1.15, r"\small"), (1.0, r"\footnotesize"), (0.85, r"\scriptsize"), (0.0, r"\tiny"))
_LINES = {"solid": "thin", "dashed": "thin, densely dashed", "heavy": "ultra thick"}
_ANCHORS = {"start": "west", "middle": "center", "end": "east"}
_PLAIN = {
    "ᵀ": r"$^{\top}$", "\u2009": r"\,", "\u2003": r"\quad{}",
    **{chr(0x2460 + n): rf"\textcircled{{\tiny {n + 1}}}" for n in range(20)},
}  # fmt: skip


class Short(Latex):
    """Formulas of LaTeX, the indices of an entry below its name."""

    def tensor(self, tensor: Tensor) -> str:
        """As in LaTeX, but digits are no index: ``h0`` is not ``h[0]``."""
        name, bar = tensor.name.removesuffix("_bar"), tensor.name.endswith("_bar")
        if not name[-1].isdigit() or "_" in name:
            return super().tensor(tensor)
        return rf"\overline{{\mathit{{{name}}}}}" if bar else rf"\mathit{{{name}}}"

    def access(self, name: str, index: list[str]) -> str:
        if not index or "_" in name:
            return super().access(name, index)
        return f"{name}_{{{','.join(index)}}}"

    def part(self, part: Any) -> str:
        if isinstance(part, Statement | Adds):
            statement = part.statement if isinstance(part, Adds) else part
            ((left, sign, right),) = self.equations([statement])
            return self.relation("+=" if isinstance(part, Adds) else sign, left, right)
        return super().part(part)

    def plain(self, text: str) -> str:
        return "".join(_PLAIN.get(c) or super(Short, self).plain(c) for c in text)


def tikz(picture: Picture, printer: Formula | None = None) -> str:
    """A picture as one ``tikzpicture``.

    Parameters
    ----------
    picture : Picture
        What is drawn.
    printer : Formula, optional
        Writes the formulas as LaTeX.
    """
    printer = printer or Short(picture.order, steps=dict(picture.steps))
    room = _WIDEST - _WORDS - _GAP if picture.below else _WIDEST
    words = [item for item in picture.items if isinstance(item, Note) and item.y > picture.below]
    beside = bool(picture.below) and room / picture.width >= _LEAST and _fit(words)
    height = picture.below if beside else picture.height
    room = room if beside else _WIDEST
    unit = min(_UNIT, room / picture.width, _TALLEST / height)
    drawing = _Drawing(printer, unit)
    words = words if beside else []
    items = [item for item in picture.items if item not in words]
    lines = [f"  {line}" for item in items for line in drawing.item(item)]
    lines += [f"  {drawing.column(words, picture.width + _GAP / unit)}"] if words else []
    head = (
        rf"\begin{{tikzpicture}}[x={unit:.3f}cm, y=-{unit:.3f}cm, inner sep=1pt, font=\small, "
        "baseline=(current bounding box.north)]"
    )
    return "\n".join([head, *lines, r"\end{tikzpicture}", ""])


def _fit(notes: Sequence[Note]) -> bool:
    """Whether formulas beside a picture, which are not broken, have room there."""
    formulas = [n.text for n in notes if any(isinstance(part, Statement | Adds) for part in n.text)]
    return all(breadth(text) * _NARROW < _WORDS for text in formulas)


class _Drawing:
    def __init__(self, printer: Formula, unit: float) -> None:
        self.printer, self.unit = printer, unit

    def item(self, item: Any) -> list[str]:
        if isinstance(item, Cell):
            return self.cell(item)
        if isinstance(item, Frame):
            return [rf"\draw[{_LINES[item.line]}, draw={_ink(item.role)}] {_corners(item)};"]
        if isinstance(item, Bracket):
            return self.bracket(item)
        return self.arrow(item) if isinstance(item, Arrow) else [self.note(item)]

    def cell(self, cell: Cell) -> list[str]:
        found = []
        x, y = cell.x + cell.width / 2, cell.y + cell.height / 2
        if cell.line != "none":
            colour = shade(cell.shade) if cell.shade is not None else FILLS[cell.role]
            fill = "" if colour == "none" else f", fill={_colour(colour)}"
            corners = ", rounded corners=3pt" if cell.round else ""
            found.append(rf"\draw[{_LINES[cell.line]}{fill}{corners}] {_corners(cell)};")
        if cell.label:
            wide = breadth(cell.label)
            size = next(s for least, s in _SIZES if (cell.width - 0.1) / max(wide, 0.1) >= least)
            text = self.printer.phrase(cell.label)
            found.append(self.node(x, y, text, f"{_text(cell.role)}font={size}"))
        return found

    def bracket(self, bracket: Bracket) -> list[str]:
        left, right = bracket.x, bracket.x + bracket.width
        top, bottom = bracket.y, bracket.y + bracket.height
        return [
            rf"\draw[thick] ({_at(x + off, top)}) -- ({_at(x, top)}) -- ({_at(x, bottom)}) -- "
            rf"({_at(x + off, bottom)});"
            for x, off in ((left - 0.05, 0.12), (right + 0.05, -0.12))
        ]

    def arrow(self, arrow: Arrow) -> list[str]:
        (x1, y1), (x2, y2) = arrow.start, arrow.end
        found = [
            rf"\draw[-latex, {_LINES[arrow.line]}, draw={_ink(arrow.role)}] ({_at(x1, y1)}) -- "
            rf"({_at(x2, y2)});"
        ]
        if arrow.label:
            x, y = arrow.beside
            text = self.printer.phrase(arrow.label)
            found.append(self.node(x, y, text, rf"{_text(arrow.role)}font=\scriptsize"))
        return found

    def note(self, note: Note) -> str:
        look = f"anchor={_ANCHORS[note.align]}"
        if note.wide and breadth(note.text) > note.wide:
            # The first line is at the height of the note, as if it were alone.
            wide = f"text width={note.wide * self.unit:.2f}cm"
            look = f"anchor=north west, yshift=1.2ex, {wide}, align=left"
        return self.node(note.x, note.y, self.printer.phrase(note.text), _text(note.role) + look)

    def column(self, notes: Sequence[Note], x: float) -> str:
        """Words below each other, beside all else."""
        lines = (
            rf"\hspace*{{{note.x * self.unit:.2f}cm}}{self.printer.phrase(note.text)}"
            for note in notes
        )
        look = f"anchor=north west, text width={_WORDS}cm, align=left"
        return self.node(x, 0, r"\\[.5ex] ".join(lines), look)

    def node(self, x: float, y: float, text: str, look: str) -> str:
        return rf"\node[{look}] at ({_at(x, y)}) {{{joined(text)}}};"


def _at(x: float, y: float) -> str:
    return ", ".join(f"{round(v, 2) + 0:g}" for v in (x, y))


def _corners(item: Cell | Frame) -> str:
    first, last = (item.x, item.y), (item.x + item.width, item.y + item.height)
    return f"({_at(*first)}) rectangle ({_at(*last)})"


def _colour(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"{{rgb,255:red,{red};green,{green};blue,{blue}}}"


def _ink(role: str) -> str:
    return _colour(INKS[role]) if role in INKS else "black"


def _text(role: str) -> str:
    return f"text={_ink(role)}, " if role in INKS else ""
