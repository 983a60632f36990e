"""Pictures as SVG: self-contained, scaled to what holds them, in colours a page may replace.

Each colour is a custom property with a fallback, such as ``var(--derive-input, #dbe9f6)``;
`derive.prose.pictures.colours` has others for a dark page. What is told by colour is told by
dashes, weight of line or words as well.
"""

from __future__ import annotations

import hashlib
import re
from xml.sax.saxutils import escape

from derive.calculus.step import Phrase
from derive.prose.formula import Formula
from derive.prose.pictures.colours import NAMED, ink, shade_name
from derive.prose.pictures.grammar import Arrow, Bracket, Cell, Frame, Note, Picture
from derive.prose.pictures.inline import (
    ABOVE,
    BACK,
    BAR,
    BELOW,
    MARKS,
    NAME,
    PLAIN,
    Inline,
    broken,
    width,
)
from derive.prose.pictures.page import LINE

UNIT = 40  # pixels of a cell
MARGIN = 6
_TEXT = 15  # height of letters
_SMALL = 0.72
_LINES = {
    "solid": ' stroke-width="1"', "dashed": ' stroke-width="1" stroke-dasharray="4 3"',
    "heavy": ' stroke-width="3"',
}  # fmt: skip
_SERIF = "font-family=\"'STIX Two Text', 'Times New Roman', 'DejaVu Serif', serif\""


def svg(picture: Picture, printer: Formula | None = None) -> str:
    """A picture as one ``<svg>`` element.

    Parameters
    ----------
    picture : Picture
        What is drawn.
    printer : Formula, optional
        Writes the formulas, with the marks of `derive.prose.pictures.inline`.
    """
    return _Drawing(picture, printer or Inline(picture.order, steps=dict(picture.steps))).text()


class _Drawing:
    def __init__(self, picture: Picture, printer: Formula) -> None:
        self.picture, self.printer = picture, printer
        self.roles: dict[str, None] = {}  # of arrows: each has a head of its own colour
        self.rules: dict[str, str] = {}  # of style, for the colours that occur

    def text(self) -> str:
        picture = self.picture
        body = [self.item(item) for item in picture.items]
        wide = picture.width * UNIT + 2 * MARGIN
        high = picture.height * UNIT + 2 * MARGIN
        names = f"{picture.kind}{picture.title}{picture.description}{body}"
        own = "picture-" + hashlib.sha256(names.encode()).hexdigest()[:10]
        heads = "".join(self.head(role, own) for role in self.roles)
        whole = self.paint(fill="ink")
        rules = "".join(self.rules[name] for name in sorted(self.rules))
        title, description = (self.words(p) for p in (picture.title, picture.description))
        return "\n".join([
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
            f'aria-labelledby="{own}-title {own}-desc" '
            f'viewBox="0 0 {_number(wide)} {_number(high)}" width="{_number(wide)}" '
            f'style="max-width:100%;height:auto" {_SERIF} font-size="{_TEXT}"{whole}>',
            f'<title id="{own}-title">{title}</title>',
            f'<desc id="{own}-desc">{description}</desc>',
            f"<style>{rules}</style>",
            *([f"<defs>{heads}</defs>"] if heads else []),
            f'<g transform="translate({MARGIN} {MARGIN})" xml:space="preserve">',
            *(line.replace("@@", own) for line in body),
            "</g>",
            "</svg>\n",
        ])  # fmt: skip

    def paint(self, **parts: str) -> str:
        """Attributes that fill and stroke in colours, by name; a page may set them anew.

        Who knows no custom properties draws by the attributes.
        """
        attributes, classes = "", []
        for part, name in parts.items():
            colour = NAMED[name]
            attributes += f' {part}="{colour}"'
            if colour != "none":
                own = f"derive-{part}-{name}"
                self.rules[own] = f".{own}{{{part}:var(--derive-{name},{colour})}}"
                classes.append(own)
        return attributes + (f' class="{" ".join(classes)}"' if classes else "")

    def words(self, phrase: Phrase) -> str:
        """A phrase without marks, for those who are read it."""
        text = re.sub(f"{BAR}([^{PLAIN}]*){PLAIN}", r"\1 bar", self.printer.phrase(phrase))
        for mark, said in ((BELOW, " "), (ABOVE, "^"), (BACK, ""), (NAME, ""), (PLAIN, "")):
            text = text.replace(mark, said)
        for blank in ("\u2009", "\u00a0", "\u2003"):
            text = text.replace(blank, " ")
        return escape(re.sub(" +", " ", text))

    def item(self, item) -> str:
        if isinstance(item, Cell):
            return self.cell(item)
        if isinstance(item, Frame):
            return self.frame(item)
        if isinstance(item, Bracket):
            return self.bracket(item)
        if isinstance(item, Arrow):
            return self.arrow(item)
        return self.note(item)

    def cell(self, cell: Cell) -> str:
        x, y, w, h = (v * UNIT for v in (cell.x, cell.y, cell.width, cell.height))
        fill = cell.role if cell.shade is None else shade_name(cell.shade)
        drawn = ""
        if cell.line != "none":
            corner = f' rx="{_number(min(h, UNIT) * 0.25)}"' if cell.round else ""
            drawn = (
                f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" '
                f'height="{_number(h)}"{corner}{self.paint(fill=fill, stroke="ink")}'
                f"{_LINES[cell.line]}/>"
            )
        if not cell.label:
            return drawn
        text = self.printer.phrase(cell.label)
        room = (w - 4) / max(width(text), 0.1)
        size = min(float(_TEXT), room)
        return drawn + self.line(text, x + w / 2, y + h / 2, "middle", cell.role, size)

    def frame(self, frame: Frame) -> str:
        x, y, w, h = (v * UNIT for v in (frame.x, frame.y, frame.width, frame.height))
        return (
            f'<rect x="{_number(x)}" y="{_number(y)}" width="{_number(w)}" height="{_number(h)}" '
            f'fill="none"{self.paint(stroke=ink(frame.role))}{_LINES[frame.line]}/>'
        )

    def bracket(self, bracket: Bracket) -> str:
        x, y, w, h = (v * UNIT for v in (bracket.x, bracket.y, bracket.width, bracket.height))
        left = f"M{_number(x + 5)} {_number(y)}H{_number(x)}V{_number(y + h)}h5"
        right = f"M{_number(x + w - 5)} {_number(y)}h5V{_number(y + h)}h-5"
        look = self.paint(stroke="ink")
        return f'<path d="{left}{right}" fill="none"{look} stroke-width="1.5"/>'

    def arrow(self, arrow: Arrow) -> str:
        self.roles[arrow.role] = None
        (x1, y1), (x2, y2) = ((_number(x * UNIT), _number(y * UNIT)) for x, y in
                              (arrow.start, arrow.end))  # fmt: skip
        drawn = (
            f'<path d="M{x1} {y1}L{x2} {y2}" fill="none"{self.paint(stroke=ink(arrow.role))}'
            f'{_LINES[arrow.line]} marker-end="url(#@@-{arrow.role})"/>'
        )
        if not arrow.label:
            return drawn
        x, y = (v * UNIT for v in arrow.beside)
        return drawn + self.line(self.printer.phrase(arrow.label), x, y, "middle", arrow.role, 12)

    def head(self, role: str, own: str) -> str:
        return (
            f'<marker id="{own}-{role}" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" '
            f'markerHeight="7" orient="auto-start-reverse" markerUnits="userSpaceOnUse">'
            f'<path d="M0 0L8 4L0 8z"{self.paint(fill=ink(role))}/></marker>'
        )

    def note(self, note: Note) -> str:
        room = note.wide * UNIT / _TEXT
        lines = broken(self.printer, note.text, room)
        return "".join(
            self.line(
                text, note.x * UNIT, note.y * UNIT + LINE * UNIT * number, note.align, note.role,
                _TEXT, note.strong,
            )
            for number, text in enumerate(lines)
        )  # fmt: skip

    def line(
        self, text: str, x: float, y: float, align: str, role: str, size: float,
        strong: bool = False,
    ) -> str:  # fmt: skip
        anchor = "" if align == "start" else f' text-anchor="{align}"'
        large = "" if size == _TEXT else f' font-size="{_number(size)}"'
        look = self.paint(fill=ink(role)) if ink(role) != "ink" else ""
        heavy = ' font-weight="bold"' if strong else ""
        return (
            f'<text x="{_number(x)}" y="{_number(y + 0.34 * size)}"{anchor}{large}{look}{heavy}>'
            f"{spans(text, size)}</text>"
        )


def spans(text: str, size: float) -> str:
    """A text with marks as ``<tspan>`` elements: names slanted, indices below the line."""
    parts: list[str] = []
    style, shift, plain = "", 0.0, ""
    off = 0.0  # how far below the line the last character stands

    def flush() -> None:
        nonlocal plain, off
        if not plain:
            return
        attributes = ' font-style="italic"' if style else ""
        if shift:
            attributes += f' font-size="{_number(size * _SMALL)}"'
        if shift != off:
            attributes += f' dy="{_number(size * (shift - off))}"'
        off = shift
        if style == BAR and len(plain) > 1:
            attributes += ' text-decoration="overline"'
        words = escape(f"{plain}\u0304" if style == BAR and len(plain) == 1 else plain)
        parts.append(f"<tspan{attributes}>{words}</tspan>" if attributes else words)
        plain = ""

    for character in text:
        if character not in MARKS:
            plain += character
            continue
        flush()
        if character in (NAME, BAR):
            style = character
        elif character == PLAIN:
            style = ""
        else:
            shift = {BELOW: 0.24, ABOVE: -0.4, BACK: 0.0}[character]
    flush()
    return "".join(parts)


def _number(value: float) -> str:
    """With one decimal, and none where there is none."""
    return f"{round(value, 1) + 0:g}"
