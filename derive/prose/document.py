"""A derivation as a document: what stands where, before it looks like anything.

    derivations of one operation  →  Document  →  a template, or lines of a terminal

Everything is already printed, by whichever printer: the views hold words and formulas of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any, TypeVar

from sympy import Expr, Integer, Mul

from derive.calculus.closing import Closing, closing_lines
from derive.calculus.derivation import Derivation
from derive.calculus.folding import folded
from derive.calculus.matrices import Diagonal, Hadamard, Product, Transpose, nodes
from derive.calculus.matrix import Positions, matrix_forms, subscripts
from derive.calculus.statements import Statement
from derive.calculus.step import Equal, Phrase, Step, bound, listing
from derive.language.options import Setting
from derive.language.symbols import Axis, Size, Tensor
from derive.prose.formula import PRODUCT
from derive.prose.matrix import sides_of, stacked_rows
from derive.prose.names import Name, named, setting_names
from derive.prose.numbers import Table
from derive.prose.pictures.grammar import Picture
from derive.prose.typeset import Notation, Row, Typeset
from derive.prose.unrolling import step_places, straight_rows, through_time

# What is not written so with indices.
_OF_MATRICES = (Product, Transpose, Hadamard, Diagonal)
_MANY = 40  # parts of a matrix form that nobody reads
# The rules by which an index is found of what was read.
SOLVED = ("sift δ, solve for an index", "sift δ, exact division")

Printer = TypeVar("Printer", bound=Typeset)


@dataclass(frozen=True)
class Meaning:
    """One line of a table: a symbol, the name it has in code, what it means."""

    symbol: str
    name: str
    meaning: str


@dataclass(frozen=True)
class StepView:
    """One step, ready to be placed."""

    label: str
    rule: str
    assuming: str
    because: str
    lines: tuple[str, ...]
    reading: str
    boxed: bool = False


@dataclass(frozen=True)
class Display:
    """Formulas with a heading, if they have one, and words before them."""

    title: str
    words: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """The steps of one cotangent, and what else is to be said of the line they end in.

    The line in which the gradient of an input ends is boxed.
    """

    title: str
    heading: str
    steps: tuple[StepView, ...]
    further: tuple[Display, ...] = ()


@dataclass(frozen=True)
class Block:
    """The steps of the derivative of one state by another."""

    of: str
    by: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class Chapter:
    """One case of the operation: what it is, and its gradients."""

    title: str
    where: str
    legend: tuple[Meaning, ...]
    notes: tuple[str, ...]
    definition: tuple[str, ...]
    straight: tuple[str, ...]
    tensors: tuple[Meaning, ...]
    symbols: tuple[Meaning, ...]
    forward: tuple[str, ...]
    given: str
    wanted: str
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]
    through_time: tuple[Display, ...]
    pictures: tuple[Picture, ...]
    numbers: tuple[str, ...]
    numbers_given: str


@dataclass(frozen=True)
class Document:
    """Everything that is placed."""

    title: str
    summary: str
    source: str
    conventions: str
    chapters: tuple[Chapter, ...]


@dataclass(frozen=True)
class Case:
    """A derivation of an operation, or of a special case of it.

    Attributes
    ----------
    derivation : Derivation
    title : str
        What the case is called, if there are others.
    where : str
        What distinguishes it from the general one, as a sentence.
    pictures : tuple of Picture
        What is drawn of it.
    tables : tuple of Table
        Every tensor on small numbers.
    given : tuple of Tensor
        Those that are given; the others follow.
    """

    derivation: Derivation
    title: str = ""
    where: str = ""
    pictures: tuple[Picture, ...] = ()
    tables: tuple[Table, ...] = ()
    given: tuple[Tensor, ...] = ()


def document(
    cases: Sequence[Case],
    kind: type[Typeset],
    all_steps: bool = False,
    notation: Notation = Notation.bar,
) -> Document:
    """The views of the cases of one operation, the most general one last."""
    operation = cases[-1].derivation.operation
    printer = printer_of(kind, cases[-1].derivation, notation)
    return Document(
        title=printer.plain(operation.name),
        summary=printer.plain(operation.summary),
        source=printer.plain(operation.source),
        conventions=_conventions(printer, [case.derivation for case in cases]),
        chapters=tuple(
            _chapter(
                case,
                printer_of(kind, case.derivation, notation),
                all_steps,
                labelled=case is cases[-1],
                lecture=case is cases[0],
            )
            for case in cases
        ),
    )


def _chapter(
    case: Case, printer: Typeset, all_steps: bool, *, labelled: bool, lecture: bool
) -> Chapter:
    """One case; in a `lecture`, with what follows from the steps: short lines, matrices, time."""
    derivation = case.derivation
    closings = closing_lines(derivation) if lecture else {}
    positions = subscripts(derivation, closings.values()) if lecture else frozenset()
    definition = printer.definition(derivation.definition)
    definition += stacked_rows(derivation, printer) if lecture else []

    def views(steps: Sequence[Step]) -> tuple[StepView, ...]:
        shown = steps if all_steps else folded(steps)
        return tuple(_step(step, printer, labelled) for step in shown)

    def section(bar: Tensor, steps: Sequence[Step]) -> Section:
        closing = closings.get(bar)
        found = views((*steps, *closing.steps) if closing else steps)
        if closing:  # what only puts a sum into another form looks the same
            found = tuple(v for v, before in zip(found, (None, *found), strict=False)
                          if before is None or v.lines != before.lines)  # fmt: skip
            found = _with_a_box(found)
        return Section(
            printer.plain(printer.bars[bar].name),
            printer.inline(printer.heading(bar)),
            found,
            (
                *_by_slopes(closing, printer),
                *_gathered(steps, printer),
                *_matrices(closing, positions, derivation, printer),
            ),
        )

    straight = [Row(*row) for row in straight_rows(derivation, printer)] if lecture else []
    return Chapter(
        title=printer.plain(case.title),
        where=printer.plain(case.where),
        legend=tuple(
            Meaning(_indices(key, printer), "", printer.plain(text))
            for key, text in derivation.operation.legend.items()
        ),
        notes=tuple(map(printer.plain, filter(None, derivation.operation.notes.split("\n\n")))),
        definition=tuple(printer.display(definition)),
        straight=tuple(printer.display(straight)) if straight else (),
        tensors=tuple(_tensor_rows(derivation, printer)),
        symbols=tuple(_symbol_rows(derivation, printer)),
        forward=tuple(printer.lines(named) if (named := _named(derivation)) else ()),
        given=_tensors(derivation.given, printer),
        wanted=_tensors(derivation.wanted, printer),
        sections=tuple(section(*line) for line in derivation.gradients.items()),
        blocks=tuple(
            Block(printer.plain(whole.of.name), printer.plain(whole.by.name), views(steps))
            for whole, steps in derivation.jacobians.items()
        ),
        through_time=tuple(_through_time(derivation, printer)) if lecture else (),
        pictures=case.pictures,
        numbers=tuple(map(printer.table, case.tables)),
        numbers_given=printer.phrase(listing(case.given)),
    )


def _with_a_box(views: tuple[StepView, ...]) -> tuple[StepView, ...]:
    """The last line in a box; or the one before it, if that has a name, too, and is shorter."""
    place = len(views) - 1
    if place > 0 and views[place].reading and views[place - 1].reading:
        before, last = (sum(map(len, view.lines)) for view in views[place - 1 :])
        place -= before < last
    boxed = replace(views[place], boxed=True)
    return (*views[:place], boxed, *views[place + 1 :])


def _gathered(steps: Sequence[Step], printer: Typeset) -> Iterable[Display]:
    """The statement that scatters what the last step gathers, if an index was solved for."""
    solved = [step for step in steps if step.rule in SOLVED]
    axes = [s.right.atoms(Axis) for step in solved for s in step.because if isinstance(s, Equal)]
    if not any(len(found) > 1 for found in axes):
        return  # a shift by a number tells nothing new
    words: Phrase = (
        "This gathers, for each entry, the terms that were sent to it. The chain rule itself "
        "scatters them: begin with zeros, and for all values of the indices add",
    )  # fmt: skip
    sent = [s for s in steps[0].before if s.target.tensor == steps[0].target]
    rows = [
        Row(
            *printer.sent(statement),
            "only where" if statement.where else "",
            tuple(printer.guards(statement.where, statement.target)),
        )
        for statement in sent
    ]
    yield Display("", printer.phrase(words), tuple(printer.display(rows)))


def _by_slopes(closing: Closing | None, printer: Typeset) -> Iterable[Display]:
    """The line with the derivatives of functions by their names, and what these are."""
    if closing and closing.slopes and closing.by_slope:
        words: Phrase = ("By the names of slopes, where ", *listing(closing.slopes), ":")
        yield Display("", printer.phrase(words), tuple(printer.lines(closing.by_slope)))


def _matrices(
    closing: Closing | None, positions: Positions, derivation: Derivation, printer: Typeset
) -> Iterable[Display]:
    """The matrix form of a line, and where what stands in it comes from."""
    forms = closing and matrix_forms(closing, positions, derivation.order)
    every = [node for form in forms or () for node in nodes(form.value)]
    if not forms or len(every) > _MANY or not any(isinstance(n, _OF_MATRICES) for n in every):
        return
    found = [form for one in forms for form in (one, one.diagonal) if form]
    rows = [Row(*sides_of(form, printer)) for form in found]
    because = list(dict.fromkeys(form.because for form in found if form.because))
    words = ["With matrices"]
    for number, phrase in enumerate(because):
        words += ["; " if number else ": ", *phrase]
    words = (*words, ".")
    yield Display("", printer.phrase(words), tuple(printer.display(rows)))


def _through_time(derivation: Derivation, printer: Typeset) -> Iterable[Display]:
    for passages in through_time(derivation, printer):
        for passage in passages:
            rows = [Row(*row) for row in passage.rows]
            lines = tuple(printer.display(rows)) if rows else ()
            yield Display(printer.plain(passage.title), passage.words, lines)


def _conventions(printer: Typeset, derivations: Sequence[Derivation]) -> str:
    """What the signs mean that are not the author's."""
    loss, x, i, j, alpha = (printer.name(Name(word)) for word in ("L", "x", "i", "j", "alpha"))
    entry = printer.access(x, [alpha])
    slope = printer.derivative("∂", loss, entry)
    bar = printer.access(printer.name(Name("x", barred=True)), [alpha])
    delta = printer.access(printer.name(Name("delta", "x")), [alpha])
    meant = {"bar": bar, "delta": delta}.get(printer.notation)
    words = f"We look for its derivative by each entry, such as {printer.inline(slope)}."
    if meant:
        words = f"We write {printer.inline(printer.relation('=', meant, slope))}."
    equal, same = printer.equality(i, j), printer.relation("=", i, j)
    one, zero = (printer.inline(printer.number(Integer(n))) for n in (1, 0))
    said = [
        f"Let {printer.inline(loss)} be a number that depends on the result. {words}",
        f"{printer.inline(equal)} is {one} where {printer.inline(same)}, and {zero} elsewhere.",
    ]
    steps = [step for derivation in derivations for step in derivation.steps]
    if any(s.where and not bound(s) for step in steps for s in step.shown):
        said.append(f"So is a condition in brackets: {one} where it holds.")
    return " ".join(said)


def _tensors(tensors: Iterable[Tensor], printer: Typeset) -> str:
    return ", ".join(printer.inline(printer.tensor(tensor)) for tensor in tensors)


def _named(derivation: Derivation) -> list[Statement]:
    """The statements whose targets nobody named, and those that read them."""
    given = {e.left.tensor for e in derivation.definition}
    new = {s.target.tensor for s in derivation.forward} - given
    return [s for s in derivation.forward
            if s.target.tensor in new or new & {r.tensor for r in s.reads}]  # fmt: skip


def _step(step: Step, printer: Typeset, labelled: bool) -> StepView:
    """A step; where another case bears the labels that modules cite, only its number."""
    name, _, number = step.label.rpartition(".")
    label = step.label if labelled else f"{name} ({number})"
    return StepView(
        label=printer.plain(label),
        rule=printer.plain(step.rule),
        assuming=printer.phrase(listing(step.assuming)),
        because=printer.phrase(step.because),
        lines=tuple(printer.lines(step.shown, step.deltas)),
        reading=printer.phrase(step.reading),
    )


def printer_of(
    kind: type[Printer], derivation: Derivation, notation: Notation = Notation.bar
) -> Printer:
    """A printer that knows the derivation's symbols."""
    settings = setting_names(derivation.operation.options, used_names(derivation))
    bars = {bar: tensor for tensor, bar in derivation.cotangent.items()}
    order, axes, written = derivation.order, derivation.axes, derivation.written
    steps = step_places(derivation) if derivation.operation.time == "superscript" else {}
    return kind(order, axes, written, settings, bars, derivation.rows, notation, steps)


def used_names(derivation: Derivation) -> set[str]:
    """What is called something in formulas: settings may not be called so, too."""
    used = {"L", *(t.name for t in derivation.order)}  # L is what is differentiated
    for step in derivation.steps:
        for statement in (*step.before, *step.after):
            used |= {a.name.rstrip("'") for a in statement.domain}
    return used | {s.name for s in _names(derivation) if isinstance(s, Size)}


def _names(derivation: Derivation) -> list[Size | Setting]:
    """Every size and setting, in order of appearance in shapes, formulas and statements."""
    found: dict[Any, None] = {}

    def visit(expression: Expr) -> None:
        for symbol in sorted(expression.free_symbols, key=str):
            if isinstance(symbol, Axis):
                visit(symbol.extent)
            elif isinstance(symbol, Size | Setting) and symbol not in found:
                found[symbol] = None
                if isinstance(symbol, Size) and symbol.formula is not None:
                    visit(symbol.formula)

    operation = derivation.operation
    for tensor in (*operation.inputs, *operation.outputs):
        for extent in tensor.shape:
            visit(extent)
    for statement in derivation.forward:
        for expression in (*statement.target.index, statement.value, *statement.domain):
            visit(expression)
        for guard in statement.where:
            visit(guard.expression)
    return list(found)


def _symbols(derivation: Derivation) -> list[Size | Setting]:
    """Computed sizes, then the settings that occur in the order of the options."""
    found = _names(derivation)
    settings = (s for o in derivation.operation.options for s in o.settings if s in found)
    return [*(s for s in found if isinstance(s, Size) and s.formula is not None), *settings]


def _indices(key: str, printer: Typeset) -> str:
    """Names as symbols, and anything else as text."""
    names = [part.strip() for part in key.split(",")]
    if all(name.isascii() and name.isidentifier() and name.strip("_") for name in names):
        return ", ".join(printer.inline(printer.name(named(name))) for name in names)
    return printer.plain(key)


def _tensor_rows(derivation: Derivation, printer: Typeset) -> Iterable[Meaning]:
    operation = derivation.operation
    for tensor in dict.fromkeys((*operation.inputs, *operation.outputs)):
        shape = [_extent(factors, printer) for factors in tensor.axes_of]
        notes = ["input" if tensor in operation.inputs else "output"]
        notes += ["may be left out"] * (not tensor.required)
        if tensor.outside is not None:
            value = printer.inline(printer.expression(tensor.outside))
            notes.append(f"reads {value} outside its range")
        if tensor.below is not None:
            last = printer.inline(printer.expression(tensor.below - 1))
            first = printer.inline(printer.expression(Integer(0)))
            notes.append(f"integers from {first} to {last}")
        meaning = f"{printer.inline(printer.shape(shape))}; " if shape else "a number; "
        name = printer.plain(tensor.name)
        yield Meaning(printer.inline(printer.tensor(tensor)), name, meaning + ", ".join(notes))


def _extent(factors: tuple[Expr, ...], printer: Typeset) -> str:
    """The extent of an axis, its factors apart; their numbers are one."""
    number = Mul(*(f for f in factors if f.is_number))
    parts = ([] if number == 1 else [number]) + [f for f in factors if not f.is_number]
    return printer.product([printer.expression(f, PRODUCT) for f in parts or [number]])


def _symbol_rows(derivation: Derivation, printer: Typeset) -> Iterable[Meaning]:
    meanings = {s: o.meaning for o in derivation.operation.options for s in o.settings}
    for symbol in _symbols(derivation):
        if isinstance(symbol, Setting):
            side = {"low": ", before", "high": ", after"}.get(symbol.name.rpartition("_")[2], "")
            meaning = printer.plain(meanings.get(symbol, "") + side)
        else:
            formula = printer.relation("=", "", printer.expression(symbol.formula))
            meaning = printer.inline(formula.lstrip())
        yield Meaning(printer.inline(printer.symbol(symbol)), printer.plain(symbol.name), meaning)
