"""What symbols a document uses, and what they mean: tensors, computed sizes, settings, indices."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from sympy import Expr, Integer, Mul

from derive.calculus.bounds import decided
from derive.calculus.derivation import Derivation
from derive.language.options import Setting
from derive.language.symbols import Axis, Size, Tensor
from derive.prose.formula import PRODUCT
from derive.prose.names import named, setting_names
from derive.prose.typeset import Notation, Typeset
from derive.prose.unrolling import step_places
from derive.prose.views import Meaning

Printer = TypeVar("Printer", bound=Typeset)


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


def index_rows(derivation: Derivation, printer: Typeset) -> Iterable[Meaning]:
    """What the author's indices run over."""
    for key, text in derivation.operation.legend.items():
        yield Meaning(_indices(key, printer), "", printer.plain(text))


def _indices(key: str, printer: Typeset) -> str:
    """Names as symbols, and anything else as text."""
    names = [part.strip() for part in key.split(",")]
    if all(name.isascii() and name.isidentifier() and name.strip("_") for name in names):
        return ", ".join(printer.inline(printer.name(named(name))) for name in names)
    return printer.plain(key)


def tensor_rows(derivation: Derivation, printer: Typeset) -> Iterable[Meaning]:
    """Inputs and outputs: their shapes, and what they may be."""
    operation = derivation.operation
    for tensor in dict.fromkeys((*operation.inputs, *operation.outputs)):
        kind = "input" if tensor in operation.inputs else "output"
        optional = ["may be left out"] * (not tensor.required)
        notes = ", ".join([kind, *optional, *_notes(tensor, printer)])
        shape = _shape(tensor, printer) or "a number"
        symbol = printer.inline(printer.tensor(tensor))
        yield Meaning(symbol, printer.plain(tensor.name), f"{shape}; {notes}")


def shapes(derivation: Derivation, printer: Typeset) -> str:
    """The same in a sentence, where all of them are there."""
    operation = derivation.operation
    outputs = [tensor for tensor in operation.outputs if tensor not in operation.inputs]
    sides = []
    for kind, tensors in (("Inputs", operation.inputs), ("Outputs", outputs)):
        found = []
        for tensor in tensors:
            inside = ", ".join(filter(None, (_shape(tensor, printer), *_notes(tensor, printer))))
            symbol = printer.inline(printer.tensor(tensor))
            found.append(f"{symbol} ({inside})" if inside else symbol)
        if found:
            sides.append(f"{kind}: {', '.join(found)}.")
    return " ".join(sides)


def _shape(tensor: Tensor, printer: Typeset) -> str:
    extents = [_extent(factors, printer) for factors in tensor.axes_of]
    return printer.inline(printer.shape(extents)) if extents else ""


def _notes(tensor: Tensor, printer: Typeset) -> list[str]:
    """What is special about its entries."""
    notes = []
    if tensor.outside is not None:
        value = printer.inline(printer.expression(tensor.outside))
        notes.append(f"reads {value} outside its range")
    if tensor.below is not None:
        last = printer.inline(printer.expression(tensor.below - 1))
        first = printer.inline(printer.expression(Integer(0)))
        notes.append(f"integers from {first} to {last}")
    return notes


def _extent(factors: tuple[Expr, ...], printer: Typeset) -> str:
    """The extent of an axis, its factors apart; their numbers are one."""
    number = Mul(*(f for f in factors if f.is_number))
    parts = ([] if number == 1 else [number]) + [f for f in factors if not f.is_number]
    return printer.product([printer.expression(f, PRODUCT) for f in parts or [number]])


def symbol_rows(derivation: Derivation, printer: Typeset) -> Iterable[Meaning]:
    """Sizes that are computed, and settings of options."""
    meanings = {s: o.meaning for o in derivation.operation.options for s in o.settings}
    for symbol in _symbols(derivation):
        if isinstance(symbol, Setting):
            side = {"low": ", before", "high": ", after"}.get(symbol.name.rpartition("_")[2], "")
            meaning = printer.plain(meanings.get(symbol, "") + side)
        else:
            formula = printer.relation("=", "", printer.expression(decided(symbol.formula)))
            meaning = printer.inline(formula.lstrip())
        yield Meaning(printer.inline(printer.symbol(symbol)), printer.plain(symbol.name), meaning)
