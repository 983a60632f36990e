"""The derivation as a LaTeX document that compiles by itself.

    Derivation  →  views  →  templates/latex/derivation.tex.j2

All mathematics is also understood by KaTeX: no packages but amsmath, no macros of our own.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy
from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.calculus.statements import Statement
from derive.calculus.step import Step, bound, listing
from derive.language.scalars import SCALARS
from derive.language.symbols import Axis, Option, Setting, Size, Tensor
from derive.rendering.formula import ATOM, FUNCTION_NAMES, PRODUCT, Formula, Piece, by_target
from derive.rendering.latex_lines import BREAK, condition_lines, ended, joined, width, wrapped
from derive.rendering.latex_text import GREEK, escaped
from derive.rendering.templates import environment

_SIGNS = {
    "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "|": r"\mid", "∤": r"\not\mid", "→": r"\to",
    "+=": r"\mathrel{+}=",
}  # fmt: skip
_KNOWN = (sympy.exp, sympy.log, sympy.tanh, sympy.sinh, sympy.cosh, sympy.sin, sympy.cos, sympy.tan)


class Latex(Formula):
    """Mathematics for amsmath and KaTeX, with marks where a line may be broken.

    Parameters
    ----------
    order, axes
        As for `Formula`.
    settings : mapping of Setting to str
        What the numbers of options are called in formulas.
    bars : mapping of Tensor to Tensor
        From a cotangent to what it is the cotangent of.
    """

    def __init__(
        self,
        order: Sequence[Tensor] = (),
        axes: Sequence[Axis] = (),
        settings: dict[Setting, str] | None = None,
        bars: dict[Tensor, Tensor] | None = None,
    ) -> None:
        super().__init__(order, axes)
        self.settings = settings or {}
        self.bars = bars or {}

    def symbol(self, symbol: Any) -> str:
        if symbol in self.settings:
            return self.settings[symbol]
        if symbol.is_number:
            return sympy.latex(symbol)
        return name_latex(symbol.name)

    def tensor(self, tensor: Tensor) -> str:
        if tensor in self.bars:
            return barred(self.tensor(self.bars[tensor]))
        return name_latex(tensor.name)

    def access(self, name: str, index: list[str]) -> str:
        return f"{name}[{f',{BREAK} '.join(index)}]" if index else name

    def partial(self, of: str, by: str) -> str:
        return joined(rf"\frac{{\partial {of}}}{{\partial {by}}}")

    def product(self, pieces: list[str]) -> str:
        return rf"\,{BREAK}".join(pieces) if pieces else "1"

    def quotient(self, over: Expr, under: Expr, in_index: bool) -> Piece:
        if in_index:
            above = self.expression(over, PRODUCT, True)
            return f"{above} / {self.expression(under, ATOM, True)}", PRODUCT
        return joined(rf"\frac{{{self.expression(over)}}}{{{self.expression(under)}}}"), PRODUCT

    def power(self, base: str, exponent: Expr) -> str:
        return f"{base}^{{{self.expression(exponent)}}}"

    def function(self, function: Any, arguments: list[str]) -> str:
        inside = f",{BREAK} ".join(arguments)
        if function in (sympy.floor, sympy.ceiling):
            side = "floor" if function is sympy.floor else "ceil"
            return joined(rf"\left\l{side} {inside} \right\r{side}")
        if function is sympy.Abs:
            return joined(rf"\left| {inside} \right|")
        row = SCALARS.get(function)
        if function in _KNOWN:
            name = rf"\{function.__name__}"
        elif row is not None and row.latex:
            name = row.latex
        else:
            name = rf"\operatorname{{{FUNCTION_NAMES.get(function, function.__name__)}}}"
        if r"\sum" in inside or r"\frac" in inside:
            return rf"{name}\Bigl({inside}\Bigr)"
        return f"{name}({inside})"

    def cases(self, pieces: list[tuple[str, str]]) -> str:
        rows = r" \\ ".join(f"{v} & {_if(c)}" for v, c in pieces)
        return joined(rf"\begin{{cases}} {rows} \end{{cases}}")

    def total(self, indices: list[str], conditions: list[str], name: str) -> str:
        rows = [",".join(indices)] * bool(indices) + conditions
        stack = r" \\ ".join(rows)
        under = rf"\substack{{{stack}}}" if len(rows) > 1 else stack
        if not indices:
            return joined(rf"\bigl[{{}}{','.join(conditions)}\bigr]")
        return joined(rf"\{name}_{{{under}}}")

    def delta(self, left: str, right: str) -> str:
        return joined(rf"\delta_{{{left},\,{right}}}")

    def brackets(self, inside: str) -> str:
        if r"\sum" in inside or r"\frac" in inside:
            return rf"\Bigl({inside}\Bigr)"
        return f"({inside})"

    def relation(self, sign: str, left: str, right: str) -> str:
        return f"{left} {_SIGNS.get(sign, sign)} {right}"

    def sum_of(self, pieces: list[tuple[bool, str]]) -> str:
        text = ""
        for negative, piece in pieces:
            sign = "-" if negative else "+"
            text += f" {BREAK}{sign} {piece}" if text else f"{'-' * negative}{piece}"
        return text

    def words(self, text: str) -> str:
        return rf"\text{{{text}}}"

    def plain(self, text: str) -> str:
        return escaped(text)

    def inline(self, formula: str) -> str:
        return f"${joined(formula)}$"

    def lines(self, terms: Sequence[Statement], deltas: bool = False) -> list[str]:
        """Lines of one ``aligned``; conditions stand in lines of their own where they can."""
        equations, conditions = [], []
        for _, group in by_target(terms):
            below: list[str] = []
            if len(group) == 1:
                kept = [g for g in group[0].where if not (deltas and g.kind == "eq")]
                where = tuple(g for g in group[0].where if g not in kept)
                if kept:
                    words = "summed only where " if bound(group[0]) else "only where "
                    room = width(self.entry(group[0].target))
                    below = condition_lines(words, self.guards(kept), room)
                group = [replace(group[0], where=where)]
            equations += map(_signs, self.equations(group, deltas))
            conditions.append(below)
        rows = wrapped(equations)
        return ended([x for row, below in zip(rows, conditions, strict=True) for x in row + below])

    def display(self, sides: Iterable[tuple[str, str, str]]) -> list[str]:
        """Lines of one ``aligned``, from left sides, signs and right sides."""
        return ended([line for row in wrapped(list(map(_signs, sides))) for line in row])


def _signs(equation: tuple[str, str, str]) -> tuple[str, str, str]:
    left, sign, right = equation
    return left, _SIGNS.get(sign, sign), right


def _if(condition: str) -> str:
    return condition if condition.startswith(r"\text{otherwise") else rf"\text{{if }} {condition}"


def name_latex(name: str) -> str:
    """A name as a symbol: ``x``, ``\\mathit{weight}_{hh}``, ``\\bar{x}`` for ``x_bar``."""
    plain = name.rstrip("'")
    primes = name[len(plain) :]
    head, _, tail = plain.rstrip("_").partition("_")
    if tail.endswith("bar") and tail.rpartition("_")[0] == "":
        return barred(name_latex(head)) + primes
    if tail.endswith("_bar"):
        return barred(name_latex(f"{head}_{tail[:-4]}")) + primes
    letters = head.rstrip("0123456789")
    tail = ",".join(part for part in (head[len(letters) :], *tail.split("_")) if part)
    symbol = GREEK.get(letters, letters if len(letters) == 1 else rf"\mathit{{{letters}}}")
    if not tail:
        return symbol + primes
    below = tail if len(tail) == 1 else rf"\mathit{{{tail}}}"
    return f"{symbol}_{{{below}}}{primes}"


def barred(symbol: str) -> str:
    """A bar of fitting width over a symbol, but not over its subscript."""
    head, mark, tail = symbol.partition("_")
    wide = len(head) > 1 and not head.startswith(tuple(GREEK.values()))
    return (rf"\overline{{{head}}}" if wide else rf"\bar{{{head}}}") + mark + tail


def setting_symbols(options: Iterable[Option], used: set[str]) -> dict[Setting, str]:
    """A textbook letter for each option where one is free, with axis and side attached."""
    used = set(used)
    found: dict[Setting, str] = {}
    for option in options:
        first = option.name[0]
        short = rf"\mathrm{{{option.name[:3]}}}"
        letter = GREEK.get(option.name) or next(
            (c for c in (first.lower(), first.upper()) if c not in used), short
        )
        used.add(letter)
        for setting in option.settings:
            parts = setting.name[len(option.name) :].strip("_").split("_")
            side = {"low": "^{-}", "high": "^{+}"}.get(parts[-1], "")
            below = ",".join(part for part in parts[: -1 if side else None] if part)
            found[setting] = letter + (f"_{{{below}}}" if below else "") + side
    return found


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
class Document:
    """Everything the template places."""

    title: str
    summary: str
    source: str
    definition: tuple[str, ...]
    legend: tuple[Row, ...]
    tensors: tuple[Row, ...]
    symbols: tuple[Row, ...]
    forward: tuple[str, ...]
    given: str
    wanted: str
    sections: tuple[Section, ...]


def render_latex(derivation: Derivation) -> str:
    """A standalone document, without the header of generated files."""
    template = environment().get_template("latex/derivation.tex.j2")
    return template.render(document=document(derivation))


def document(derivation: Derivation) -> Document:
    """The views that the template places."""
    operation = derivation.operation
    printer = printer_of(derivation)
    named = {key: meaning for key, meaning in operation.legend.items()}
    definition = [(left, sign, right) for sign, left, right in
                  map(printer.sides_of, derivation.definition)]  # fmt: skip
    forward = printer.lines(derivation.forward) if derivation.lifted else []
    bars = derivation.cotangent
    outputs = [printer.tensor(bars[t]) for t in operation.outputs if t in bars]
    wanted = [printer.tensor(bars[t]) for t in operation.inputs if t in bars]
    return Document(
        title=escaped(operation.name),
        summary=escaped(operation.summary),
        source=escaped(operation.source),
        definition=tuple(printer.display(definition)),
        legend=tuple(Row(_indices(key), "", escaped(text)) for key, text in named.items()),
        tensors=tuple(_tensor_rows(derivation, printer)),
        symbols=tuple(_symbol_rows(derivation, printer)),
        forward=tuple(forward),
        given=", ".join(f"${o}$" for o in outputs),
        wanted=", ".join(f"${w}$" for w in wanted),
        sections=tuple(_sections(derivation, printer)),
    )


def printer_of(derivation: Derivation) -> Latex:
    """A printer that knows the derivation's symbols."""
    used = {t.name for t in derivation.order}
    for step in derivation.steps:
        for statement in (*step.before, *step.after):
            used |= {a.name.rstrip("'") for a in statement.domain}
    used |= {s.name for s in _names(derivation) if isinstance(s, Size)}
    settings = setting_symbols(derivation.operation.options, used)
    bars = {bar: tensor for tensor, bar in derivation.cotangent.items()}
    return Latex(derivation.order, derivation.axes, settings, bars)


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
    return f"${', '.join(name_latex(part.strip()) for part in key.split(','))}$"


def _tensor_rows(derivation: Derivation, printer: Latex) -> Iterable[Row]:
    operation = derivation.operation
    for tensor in dict.fromkeys((*operation.inputs, *operation.outputs)):
        shape = [printer.product([printer.expression(f, PRODUCT) for f in fs])
                 for fs in tensor.axes_of]  # fmt: skip
        size = joined(r" \times ".join(f"({s})" if "," in s or BREAK in s else s for s in shape))
        notes = ["input" if tensor in operation.inputs else "output"]
        notes += ["may be left out"] * tensor.optional
        if tensor.outside is not None:
            value = printer.inline(printer.expression(tensor.outside))
            notes.append(f"reads {value} outside its range")
        if tensor.below is not None:
            last = printer.inline(printer.expression(tensor.below - 1))
            notes.append(f"integers from $0$ to {last}")
        meaning = f"${size}$; " if shape else "a number; "
        yield Row(f"${printer.tensor(tensor)}$", escaped(tensor.name), meaning + ", ".join(notes))


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


def _step(step: Step, printer: Latex) -> StepView:
    return StepView(
        label=escaped(step.label),
        rule=escaped(step.rule),
        assuming=printer.phrase(listing(step.assuming)),
        because=printer.phrase(step.because),
        lines=tuple(printer.lines(step.shown, step.deltas)),
        reading=printer.phrase(step.reading),
    )
