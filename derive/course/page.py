"""The course as a page: every formula, picture and number is made from operations, here and now."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cache
from html import escape
from itertools import pairwise
from pathlib import PurePosixPath
from typing import Any

from sympy import Integer

from derive.calculus.derivation import Derivation
from derive.calculus.plain import special
from derive.course import CHAPTERS, FOLDER, FRONT, OPERATIONS
from derive.course.stop import Array, Code, Drawing, Line, Shown, Stop
from derive.course.words import Named, Words
from derive.language.notes import order_of
from derive.language.operation import Operation
from derive.ops import shipped
from derive.output.files import Output
from derive.pipeline import derived, illustrate
from derive.prose.document import Case, document
from derive.prose.legend import printer_of
from derive.prose.mathml import MathML
from derive.prose.mathml_boxes import unparted
from derive.prose.numbers import Table, short, tables
from derive.prose.pictures import WITH_NUMBERS, Picture, svg
from derive.prose.pictures.colours import DARK, properties
from derive.prose.sections import SOLVED, Depth
from derive.prose.typeset import Row
from derive.prose.views import Display, Document, Meaning, Section
from derive.templating import environment, template_source
from derive.verification.example import Example, worked

_CITED = re.compile(r" \(\w+\.\d+(?:, \w+\.\d+)*\)")  # steps
_DRAWN, _PLACE = re.compile("<svg .*?</svg>", re.DOTALL), re.compile(r"picture-[0-9a-f]+")


@dataclass(frozen=True)
class Grid:
    """A table of numbers, with the tensor that they are."""

    name: str
    rows: tuple[tuple[str, ...], ...]
    start: str = ""  # the index of the first, if it is not 0


@dataclass(frozen=True)
class Boxed:
    """The line that a gradient ends in, what was solved for it, and its form with matrices."""

    heading: str
    solved: tuple[tuple[tuple[str, ...], str], ...]
    lines: tuple[str, ...]
    readings: tuple[str, ...]
    matrices: tuple[tuple[str, tuple[str, ...]], ...]


@dataclass(frozen=True)
class Operated:
    """An operation at a stop, ready to be placed."""

    title: str
    name: str
    place: str
    definition: tuple[str, ...]
    legend: tuple[Meaning, ...]
    straight: tuple[str, ...]
    boxed: tuple[Boxed, ...]
    time: tuple[Any, ...]
    pictures: tuple[str, ...]
    grids: tuple[Grid, ...]


@dataclass(frozen=True)
class Placed:
    """A stop, ready to be placed."""

    place: str
    title: str
    question: str
    words: tuple[str, ...]
    lines: tuple[str, ...]
    grids: tuple[Grid, ...]
    operations: tuple[Operated, ...]
    drawings: tuple[Drawing, ...]
    code: Code | None
    missing: str


def course_file() -> Output:
    """The page that the gallery begins with."""
    return Output(PurePosixPath("index.html"), course())


def course() -> str:
    """The page as text."""
    front = [_placed(stop) for stop in FRONT]
    chapters = [(escape(c.title), [_placed(stop) for stop in c.stops]) for c in CHAPTERS]
    template = environment().get_template("html/course.html.j2")
    style = template_source("html/course.css") + _dark()
    markup = unparted(template.render(front=front, chapters=chapters, style=style))
    seen: dict[str, int] = {}
    return _DRAWN.sub(lambda found: _once(found[0], seen), markup)


def _once(picture: str, seen: dict[str, int]) -> str:
    """A picture whose places are its own, even where the same one stands somewhere else, too."""
    found = _PLACE.search(picture)
    if found is None:
        return picture
    name = found[0]
    seen[name] = seen.get(name, 0) + 1
    return picture.replace(name, f"{name}-{seen[name]}") if seen[name] > 1 else picture


def _dark() -> str:
    """Pictures on a page that is dark."""
    return f"@media screen and (prefers-color-scheme: dark) {{ :root {{{properties(DARK)}}} }}\n"


def place_of(title: str) -> str:
    """Where on the page a stop is."""
    return re.sub(r"[^a-z]+", "-", title.lower()).strip("-")


def _placed(stop: Stop) -> Placed:
    written = Words(stop, [_names(_derived(shown)) for shown in stop.shown])
    lines = stop.lines()
    return Placed(
        place_of(stop.title),
        escape(stop.title),
        written.said(stop.question),
        tuple(map(written.said, stop.words)),
        tuple(_own(lines)) if lines else (),
        tuple(map(_grid, stop.arrays())),
        tuple(map(_operated, stop.shown)),
        tuple(Drawing(d.markup, written.said(d.caption)) for d in stop.drawings()),
        stop.code and Code(escape(stop.code.text), escape(stop.code.printed)),
        written.said(stop.missing),
    )


def _own(lines: Sequence[Line]) -> list[str]:
    printer = MathML(written=order_of([line.right for line in lines]))
    rows = [Row(printer.expression(e.left), "=", printer.expression(e.right)) for e in lines]
    return printer.display(rows)


def _grid(array: Array) -> Grid:
    printer = MathML()
    rows = tuple(tuple(map(short, row)) for row in array.rows)
    return Grid(printer.inline(printer.expression(array.name)), rows)


def _operated(shown: Shown) -> Operated:
    derivation = _derived(shown)
    whole = _document(shown.operation, tuple(shown.case.items()))
    (chapter,) = whole.chapters
    sections = {section.titles[0]: section for section in chapter.sections}
    time = {display.title: display for display in chapter.through_time}
    return Operated(
        escape(shown.title),
        escape(shown.operation.name),
        _places()[shown.operation.name],
        chapter.definition if shown.definition else (),
        chapter.legend if shown.definition else (),
        chapter.straight if shown.straight else (),
        tuple(_boxed(sections[name], shown) for name in shown.gradients),
        tuple(_uncited(time[title]) for title in shown.time),
        tuple(svg(picture) for picture in drawn(shown) if picture.kind in shown.pictures),
        tuple(_grids(shown, derivation)),
    )


@cache
def drawn(shown: Shown) -> tuple[Picture, ...]:
    """The pictures of an operation shown, of all kinds that are drawn with those asked for."""
    if not shown.pictures:
        return ()
    if WITH_NUMBERS & {*shown.pictures}:
        return illustrate(example(shown), **shown.case)
    return illustrate(replace(shown.operation, example={}), **shown.case)


def _uncited(display: Display) -> Display:
    """Without the labels of steps, which are on another page."""
    return replace(display, words=_CITED.sub("", display.words))


def _boxed(section: Section, shown: Shown) -> Boxed:
    step = next((step for step in section.steps if step.boxed), section.steps[-1])
    solved = [
        (before.lines, after.because)
        for before, after in pairwise(section.steps)
        if shown.solved and after.rule in SOLVED
    ]
    forms = [(d.words, d.lines) for d in section.further if d.lines and shown.matrices]
    return Boxed(section.headings[0], tuple(solved), step.lines, step.readings, tuple(forms))


def _grids(shown: Shown, derivation: Derivation) -> Iterable[Grid]:
    if not shown.numbers:
        return
    printer, tensors = _names(derivation)
    arrays = {tensor.name: tensor for tensor in example(shown).arrays}
    for table in numbers(shown):
        name = table.name.tensor.name
        first = next((Integer(o) for o in arrays[name].offset if o), None)
        entry = printer.tensor(tensors[name]) if name in tensors else printer.tensor(table.name)
        index = [printer.expression(i) for i in table.name.index]
        start = "" if first is None else printer.inline(printer.expression(first))
        yield Grid(printer.inline(printer.access(entry, index)), table.rows, start)


def numbers(shown: Shown) -> tuple[Table, ...]:
    """The tables of a stop's operation, in the order asked for."""
    arrays = {tensor.name: (tensor, array) for tensor, array in example(shown).arrays.items()}
    return tuple(tables(dict(arrays[name] for name in shown.numbers)))


@cache
def example(shown: Shown) -> Example:
    """The worked example of an operation shown."""
    if not shown.example:
        return _worked(shown.operation)
    return worked(replace(shown.operation, example=shown.example))


@cache
def _worked(operation: Operation) -> Example:
    return worked(operation)


def _names(derivation: Derivation) -> Named:
    """A printer, and tensors and cotangents by the names that they have in code."""
    tensors = {t.name: t for t in derivation.order} | {
        f"{tensor.name}_bar": bar for tensor, bar in derivation.cotangent.items()
    }
    return printer_of(MathML, derivation), tensors


def _derived(shown: Shown) -> Derivation:
    return _derived_case(shown.operation, tuple(shown.case.items()))


@cache
def _derived_case(operation: Operation, case: tuple[tuple[str, Any], ...]) -> Derivation:
    return derived(special(operation, dict(case)))


@cache
def _document(operation: Operation, case: tuple[tuple[str, Any], ...]) -> Document:
    return document([Case(_derived_case(operation, case))], MathML, Depth(together=False))


@cache
def _places() -> dict[str, str]:
    """The pages of operations."""
    families = {**shipped(), FOLDER: OPERATIONS}
    return {
        operation.name: f"{family}/{operation.name}.html"
        for family, members in families.items()
        for operation in members
    }
