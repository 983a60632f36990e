"""The derivation as a LaTeX document that compiles by itself.

    Derivation  →  views  →  templates/latex/derivation.tex.j2

All mathematics is also understood by KaTeX: no packages but amsmath, no macros of our own.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Mul

from derive.calculus.derivation import Derivation
from derive.calculus.step import Step, listing
from derive.language.options import Setting
from derive.language.symbols import Axis, Size
from derive.prose.formula import PRODUCT
from derive.prose.latex_formula import Latex, name_latex, setting_symbols
from derive.prose.latex_lines import BREAK, joined
from derive.prose.latex_text import escaped
from derive.templating import environment


@dataclass(frozen=True)
class Row:
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


@dataclass(frozen=True)
class Section:
    """The steps of one cotangent."""

    title: str
    cotangent: str
    primal: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class Block:
    """The steps of the derivative of one state by another."""

    of: str
    by: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class Document:
    """Everything the template places."""

    title: str
    summary: str
    source: str
    notes: str
    definition: tuple[str, ...]
    legend: tuple[Row, ...]
    tensors: tuple[Row, ...]
    symbols: tuple[Row, ...]
    forward: tuple[str, ...]
    given: str
    wanted: str
    sections: tuple[Section, ...]
    blocks: tuple[Block, ...]


def render_latex(derivation: Derivation) -> str:
    """A standalone document, without the header of generated files."""
    template = environment().get_template("latex/derivation.tex.j2")
    return template.render(document=document(derivation))


def document(derivation: Derivation) -> Document:
    """The views that the template places."""
    operation = derivation.operation
    printer = printer_of(derivation)
    definition = [(left, sign, right) for sign, left, right in
                  map(printer.sides_of, derivation.definition)]  # fmt: skip
    forward = printer.lines(derivation.forward) if derivation.lifted else []
    return Document(
        title=escaped(operation.name),
        summary=escaped(operation.summary),
        source=escaped(operation.source),
        notes="\n\n".join(map(escaped, operation.notes.split("\n\n"))),
        definition=tuple(printer.display(definition)),
        legend=tuple(
            Row(_indices(key), "", escaped(text)) for key, text in operation.legend.items()
        ),
        tensors=tuple(_tensor_rows(derivation, printer)),
        symbols=tuple(_symbol_rows(derivation, printer)),
        forward=tuple(forward),
        given=", ".join(f"${printer.tensor(bar)}$" for bar in derivation.given),
        wanted=", ".join(f"${printer.tensor(bar)}$" for bar in derivation.wanted),
        sections=tuple(_sections(derivation, printer)),
        blocks=tuple(_blocks(derivation, printer)),
    )


def printer_of(derivation: Derivation) -> Latex:
    """A printer that knows the derivation's symbols."""
    used = {"L", *(t.name for t in derivation.order)}  # L is what is differentiated
    for step in derivation.steps:
        for statement in (*step.before, *step.after):
            used |= {a.name.rstrip("'") for a in statement.domain}
    used |= {s.name for s in _names(derivation) if isinstance(s, Size)}
    settings = setting_symbols(derivation.operation.options, used)
    bars = {bar: tensor for tensor, bar in derivation.cotangent.items()}
    order, written = derivation.order, derivation.written
    return Latex(order, derivation.axes, written, settings, bars, derivation.rows)


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


def _indices(key: str) -> str:
    """Names as symbols, and anything else as text."""
    names = [part.strip() for part in key.split(",")]
    if all(name.isascii() and name.isidentifier() for name in names):
        return f"${', '.join(map(name_latex, names))}$"
    return escaped(key)


def _tensor_rows(derivation: Derivation, printer: Latex) -> Iterable[Row]:
    operation = derivation.operation
    for tensor in dict.fromkeys((*operation.inputs, *operation.outputs)):
        shape = [_extent(factors, printer) for factors in tensor.axes_of]
        size = joined(r" \times ".join(f"({s})" if "," in s or BREAK in s else s for s in shape))
        notes = ["input" if tensor in operation.inputs else "output"]
        notes += ["may be left out"] * (not tensor.required)
        if tensor.outside is not None:
            value = printer.inline(printer.expression(tensor.outside))
            notes.append(f"reads {value} outside its range")
        if tensor.below is not None:
            last = printer.inline(printer.expression(tensor.below - 1))
            notes.append(f"integers from $0$ to {last}")
        meaning = f"${size}$; " if shape else "a number; "
        yield Row(f"${printer.tensor(tensor)}$", escaped(tensor.name), meaning + ", ".join(notes))


def _extent(factors: tuple[Expr, ...], printer: Latex) -> str:
    """The extent of an axis, its factors apart; their numbers are one."""
    number = Mul(*(f for f in factors if f.is_number))
    parts = ([] if number == 1 else [number]) + [f for f in factors if not f.is_number]
    return printer.product([printer.expression(f, PRODUCT) for f in parts or [number]])


def _symbol_rows(derivation: Derivation, printer: Latex) -> Iterable[Row]:
    meanings = {s: o.meaning for o in derivation.operation.options for s in o.settings}
    for symbol in _symbols(derivation):
        if isinstance(symbol, Setting):
            side = {"low": ", before", "high": ", after"}.get(symbol.name.rpartition("_")[2], "")
            meaning = escaped(meanings.get(symbol, "") + side)
        else:
            meaning = f"$= {joined(printer.expression(symbol.formula))}$"
        yield Row(f"${printer.symbol(symbol)}$", escaped(symbol.name), meaning)


def _sections(derivation: Derivation, printer: Latex) -> Iterable[Section]:
    for bar, steps in derivation.gradients.items():
        primal = printer.tensor(printer.bars[bar])
        views = tuple(_step(step, printer) for step in steps)
        yield Section(escaped(printer.bars[bar].name), printer.tensor(bar), primal, views)


def _blocks(derivation: Derivation, printer: Latex) -> Iterable[Block]:
    for whole, steps in derivation.jacobians.items():
        views = tuple(_step(step, printer) for step in steps)
        yield Block(escaped(whole.of.name), escaped(whole.by.name), views)


def _step(step: Step, printer: Latex) -> StepView:
    return StepView(
        label=escaped(step.label),
        rule=escaped(step.rule),
        assuming=printer.phrase(listing(step.assuming)),
        because=printer.phrase(step.because),
        lines=tuple(printer.lines(step.shown, step.deltas)),
        reading=printer.phrase(step.reading),
    )
