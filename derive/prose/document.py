"""A derivation as a document: what stands where, before it looks like anything.

    derivations of one operation  →  Document  →  a template, or lines of a terminal

Everything is already printed, by whichever printer: the views hold words and formulas of its kind.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Integer

from derive.calculus.derivation import Derivation
from derive.calculus.folding import folded
from derive.calculus.statements import Statement
from derive.calculus.step import bound, listing
from derive.language.symbols import Tensor
from derive.prose.legend import index_rows, printer_of, shapes, symbol_rows, tensor_rows
from derive.prose.matrix import stacked_rows
from derive.prose.names import Name
from derive.prose.numbers import Table
from derive.prose.pictures.grammar import Picture
from derive.prose.sections import Depth, Known, Sections
from derive.prose.typeset import Notation, Row, Typeset
from derive.prose.unrolling import straight_rows, through_time
from derive.prose.views import Chapter, Display, Document


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
    depth: Depth,
    notation: Notation = Notation.bar,
) -> Document:
    """The views of the cases of one operation, the most general one last.

    The first is the lecture, with what follows from its steps: closing lines, matrices, time. Of
    the others is told what is not as in the first.
    """
    operation = cases[-1].derivation.operation
    printer = printer_of(kind, cases[-1].derivation, notation)
    chapters: list[Chapter] = []
    told: Known = {}
    for case in cases:
        own = printer_of(kind, case.derivation, notation)
        lecture, labelled = case is cases[0], case is cases[-1]
        sections = Sections(case.derivation, own, depth, labelled, lecture, told)
        chapters.append(_chapter(case, own, sections, chapters[:1]))
        if case is cases[0] and cases[1:]:
            told = sections.told
    return Document(
        title=printer.plain(operation.name),
        summary=printer.plain(operation.summary),
        source=printer.plain(operation.source),
        conventions=_conventions(printer, [case.derivation for case in cases], depth),
        chapters=tuple(chapters),
    )


def _chapter(
    case: Case, printer: Typeset, sections: Sections, before: Sequence[Chapter]
) -> Chapter:
    """One case, without what the chapters before have said."""
    derivation, lecture = case.derivation, sections.lecture
    said = {row for chapter in before for row in chapter.legend}
    # Where only one case is told, or the last one, what is left out may be looked up.
    whole = sections.labelled
    definition = printer.definition(derivation.definition)
    definition += stacked_rows(derivation, printer) if lecture else []
    straight = [Row(*row) for row in straight_rows(derivation, printer)] if lecture else []
    return Chapter(
        title=printer.plain(case.title),
        where=printer.plain(case.where),
        legend=tuple(row for row in index_rows(derivation, printer) if row not in said),
        notes=tuple(map(printer.plain, filter(None, derivation.operation.notes.split("\n\n")))),
        definition=tuple(printer.display(definition)),
        straight=tuple(printer.display(straight)) if straight else (),
        shapes="" if whole else shapes(derivation, printer),
        tensors=tuple(tensor_rows(derivation, printer)) if whole else (),
        symbols=tuple(symbol_rows(derivation, printer)),
        forward=tuple(printer.lines(named) if (named := _named(derivation)) else ()),
        given=_tensors(derivation.given, printer),
        wanted=_tensors(derivation.wanted, printer),
        sections=tuple(sections.sections()),
        known=tuple(sections.ends()),
        blocks=tuple(sections.blocks()),
        through_time=tuple(_through_time(derivation, printer, whole)) if lecture else (),
        pictures=case.pictures,
        numbers=tuple(map(printer.table, case.tables)),
        numbers_given=printer.phrase(listing(case.given)),
    )


def _through_time(
    derivation: Derivation, printer: Typeset, labelled: bool
) -> Iterable[Display]:
    for passages in through_time(derivation, printer, labelled):
        for passage in passages:
            rows = [Row(*row) for row in passage.rows]
            lines = tuple(printer.display(rows)) if rows else ()
            yield Display(printer.plain(passage.title), passage.words, lines)


def _conventions(printer: Typeset, derivations: Sequence[Derivation], depth: Depth) -> str:
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
    said = [f"Let {printer.inline(loss)} be a number that depends on the outputs. {words}"]
    one, zero = (printer.inline(printer.number(Integer(n))) for n in (1, 0))
    steps = [
        step
        for derivation in derivations
        for line in (*derivation.gradients.values(), *derivation.jacobians.values())
        for step in (line if depth.all_steps else (told.step for told in folded(line)))
    ]
    guards = [
        (guard, step.deltas, not bound(term))
        for step in steps for term in step.shown for guard in term.where
    ]  # fmt: skip
    if any(deltas and guard.kind == "eq" for guard, deltas, _ in guards):
        equal, same = printer.equality(i, j), printer.relation("=", i, j)
        said.append(f"{printer.inline(equal)} is {one} where {printer.inline(same)}, and {zero} "
                    "elsewhere; of a sum, the terms are left in which it is not "
                    f"{zero}.")  # fmt: skip
    if any(alone for *_, alone in guards):
        said.append(f"A condition in brackets is {one} where it holds, and {zero} elsewhere; what "
                    f"is said only where a condition holds is {zero} elsewhere.")  # fmt: skip
    if any(guard.kind == "divides" for guard, *_ in guards):
        divides = printer.inline(printer.relation("|", i, j))
        said.append(f"{divides} says that {printer.inline(i)} divides {printer.inline(j)}.")
    tensors = (t for d in derivations for t in (*d.operation.inputs, *d.operation.outputs))
    if any(len(factors) > 1 for tensor in tensors for factors in tensor.axes_of):
        said.append("An axis whose length is a product has an index for each factor.")
    if not depth.all_steps:
        said.append(f"Partial derivatives that are not written are {zero}. Steps that follow from "
                    "definitions alone are told as one, under the number of the last.")  # fmt: skip
    return " ".join(said)


def _tensors(tensors: Iterable[Tensor], printer: Typeset) -> str:
    return ", ".join(printer.inline(printer.tensor(tensor)) for tensor in tensors)


def _named(derivation: Derivation) -> list[Statement]:
    """The statements whose targets nobody named, and those that read them."""
    given = {e.left.tensor for e in derivation.definition}
    new = {s.target.tensor for s in derivation.forward} - given
    return [s for s in derivation.forward
            if s.target.tensor in new or new & {r.tensor for r in s.reads}]  # fmt: skip
