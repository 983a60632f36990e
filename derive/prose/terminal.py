"""The derivation for a terminal: Unicode in lines that fit it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from derive.language.symbols import Tensor
from derive.prose.document import Case, document
from derive.prose.names import GREEK, Name
from derive.prose.numbers import Table, table_text
from derive.prose.sections import Depth
from derive.prose.text import Text
from derive.prose.text_lines import filled, paragraph
from derive.prose.typeset import Notation, Row, Typeset
from derive.prose.views import Chapter, Document, Meaning, StepView

_SIDES = {"−": "⁻", "+": "⁺"}
_ONE_STEP = (
    "How does a state depend on the states one step before? What is computed within the step "
    "changes with its arguments, which d says, and not ∂. Inputs, parameters and the other states "
    "of the step before are held fixed."
)


class Terminal(Text, Typeset):
    """Lines of at most `width` letters, with the textbook's letters for options."""

    width = 80

    def symbol(self, symbol: Any) -> str:
        if symbol in self.settings:
            return self.name(self.settings[symbol])
        return super().symbol(symbol)

    def tensor(self, tensor: Tensor) -> str:
        plain = self.notation is Notation.bar or tensor not in self.bars
        return Text.tensor(self, tensor) if plain else self.cotangent(tensor)

    def name(self, name: Name) -> str:
        below = f"_{name.below.replace(',', '_')}" if name.below else ""
        below += "_bar" * name.barred
        return GREEK.get(name.greek, name.word) + below + _SIDES.get(name.above, "") + name.primes

    def number(self, number: Any) -> str:
        return str(number)

    def display(self, rows: Sequence[Row]) -> list[str]:
        found: list[str] = []
        for row in rows:
            found += filled(self.relation(row.sign, row.left, row.right), self.width, _DEEP)
            if row.words:
                words = f"{row.words} {' and '.join(row.conditions)}"
                found += paragraph(words, self.width, _DEEP + "  ", _DEEP + "    ")
        return found

    def table(self, table: Table) -> str:
        return table_text([table], self).rstrip("\n")

    def shape(self, extents: Sequence[str]) -> str:
        return " × ".join(extents)


_DEEP = " " * 4


def render_text(
    cases: Sequence[Case], all_steps: bool = False, notation: Notation = Notation.bar
) -> str:
    """All cases of an operation, as text of at most 80 columns."""
    return "\n".join(_document(document(cases, Terminal, Depth(all_steps), notation))) + "\n"


def _document(whole: Document) -> list[str]:
    lines = [whole.title, *paragraph(whole.summary, Terminal.width)]
    if whole.source:
        lines += paragraph(f"Source: {whole.source}.", Terminal.width)
    for chapter in whole.chapters:
        lines += ["", *_chapter(chapter, whole.conventions * (chapter is whole.chapters[0]))]
    return lines


def _chapter(chapter: Chapter, conventions: str) -> list[str]:
    lines = _heading(chapter.title, "=") if chapter.title else []
    if chapter.where:
        lines += [*paragraph(chapter.where, Terminal.width), ""]
    lines += chapter.definition
    if chapter.legend:
        legend = "; ".join(f"{row.symbol} {row.meaning}" for row in chapter.legend)
        lines += ["", *paragraph(legend + ".", Terminal.width)]
    lines += ["", *paragraph(chapter.shapes, Terminal.width)] * bool(chapter.shapes)
    if table := _table((*chapter.tensors, *chapter.symbols)):
        lines += ["", *table]
    if chapter.straight:
        words = "From one step to the next, past every weight:"
        lines += ["", words, "", *chapter.straight]
    if chapter.forward:
        words = "What is summed or chosen inside something else gets a name:"
        lines += ["", words, "", *chapter.forward]
    if conventions:
        lines += ["", *paragraph(conventions, Terminal.width)]
    given = f"Given {chapter.given}, we look for {chapter.wanted}."
    lines += ["", *paragraph(given, Terminal.width)]
    for section in chapter.sections:
        of = f"Gradients of {', '.join(section.titles[:-1])} and {section.titles[-1]}"
        heading = of if section.titles[1:] else section.headings[0]
        lines += ["", *_heading(heading, "-")]
        lines += _steps(section.steps)
        for display in section.further:
            lines += ["", *paragraph(display.words, Terminal.width), *display.lines]
    if chapter.known:
        lines += ["", *_heading("As in the plain case", "-"), *_steps(chapter.known)]
    if chapter.blocks:
        lines += ["", *_heading("One step", "-"), *paragraph(_ONE_STEP, Terminal.width)]
    for block in chapter.blocks:
        lines += ["", f"{block.of} by {block.by} one step before", *_steps(block.steps)]
    if chapter.through_time:
        lines += ["", *_heading("Through time", "-")[:-1]]
    for display in chapter.through_time:
        title = f"{display.title}. " if display.title else ""
        lines += ["", *paragraph(title + display.words, Terminal.width), *display.lines]
    if chapter.numbers:
        words = f"Given {chapter.numbers_given}, all else follows."
        lines += ["", *_heading("On small numbers", "-"), *paragraph(words, Terminal.width), ""]
        lines += [_DEEP + line for table in chapter.numbers for line in table.split("\n")]
    return lines


def _heading(title: str, line: str) -> list[str]:
    lines = paragraph(title, Terminal.width)
    return [*lines, line * max(map(len, lines)), ""]


def _steps(steps: Sequence[StepView]) -> list[str]:
    lines: list[str] = []
    for step in steps:
        given = f", for {step.assuming}" if step.assuming else ""
        rule = f"  {step.rule}{given}: {step.because}" if step.rule else ""
        lines += paragraph(f"{', '.join(step.labels)}{rule}", Terminal.width, "", "    ")
        lines += _boxed(step.lines) if step.boxed else step.lines
        lines += step.slopes
        for reading in step.readings:
            lines += paragraph(reading, Terminal.width, _DEEP)
    return lines


def _boxed(lines: Sequence[str]) -> list[str]:
    """The line that a derivation ends in."""
    width = max(map(len, lines)) - 3
    return [f"  ┌{'─' * width}", *(f"  │{line[3:]}" for line in lines), f"  └{'─' * width}"]


def _table(rows: Sequence[Meaning]) -> list[str]:
    """Symbols, names where they are others, and meanings, in columns."""
    width = max((len(row.symbol) for row in rows), default=0)
    lines: list[str] = []
    for row in rows:
        alias = f"{row.name}: " if row.name != row.symbol else ""
        start = f"  {row.symbol:{width}}  "
        lines += paragraph(f"{start}{alias}{row.meaning}", Terminal.width, "", " " * len(start))
    return lines
