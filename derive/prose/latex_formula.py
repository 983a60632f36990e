"""Formulas in LaTeX, for amsmath and KaTeX alike, with marks where a line may end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Expr

from derive.calculus.statements import Statement
from derive.language.scalars import SCALARS
from derive.prose.formula import ATOM, POWER, PRODUCT, Piece
from derive.prose.latex_lines import (
    LONG,
    case_rows,
    condition_lines,
    ended,
    in_pairs,
    width,
    wrapped,
)
from derive.prose.latex_text import GREEK, escaped
from derive.prose.names import Name
from derive.prose.numbers import Table, table_latex
from derive.prose.typeset import BREAK, Row, Typeset, function_words, is_slope, joined

_SIGNS = {
    "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "|": r"\mid", "∤": r"\not\mid", "→": r"\to",
    "+=": r"\mathrel{+}=", "⊙": r"\odot",
}  # fmt: skip
_HERE = r"\allowbreak "  # where a formula among words may go on in the next line
_KNOWN = (sympy.exp, sympy.log, sympy.tanh, sympy.sinh, sympy.cosh, sympy.sin, sympy.cos, sympy.tan)


class Latex(Typeset):
    """Mathematics for amsmath and KaTeX, with marks where a line may be broken."""

    flat = False  # whether what would be a fraction stands in one line, with a slash

    def name(self, name: Name) -> str:
        return name_latex(name)

    def number(self, number: Any) -> str:
        return sympy.latex(number)

    def access(self, name: str, index: list[str]) -> str:
        return f"{name}[{f',{BREAK} '.join(index)}]" if index else name

    def at_step(self, name: str, step: str) -> str:
        return joined(rf"{name}^{{\langle {step}\rangle}}")

    def derivative(self, sign: str, of: str, by: str) -> str:
        d = r"\mathrm{d}" if sign == "d" else r"\partial "
        over = r"\partial^{+} " if sign == "∂⁺" else d
        if self.flat:
            return rf"{over}{of} / {BREAK}{d}{by}"
        return joined(rf"\frac{{{over}{of}}}{{{d}{by}}}")

    def product(self, pieces: list[str]) -> str:
        return rf"\,{BREAK}".join(pieces) if pieces else "1"

    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece:
        if in_index or self.flat:
            return f"{self.bracketed(over, PRODUCT)} / {self.bracketed(under, ATOM)}", PRODUCT
        if width(over[0]) > LONG:  # a fraction cannot be broken, and a product can
            one = joined(rf"\frac{{1}}{{{under[0]}}}")
            return self.product([one, self.bracketed(over, PRODUCT)]), PRODUCT
        return joined(rf"\frac{{{over[0]}}}{{{under[0]}}}"), PRODUCT

    def power(self, base: str, exponent: Expr) -> str:
        return f"{base}^{{{joined(self.expression(exponent))}}}"

    def root(self, inside: Piece) -> Piece:
        if width(inside[0]) > LONG:  # nor can a root be broken
            return f"{self.bracketed(inside, ATOM)}^{{1/2}}", POWER
        return joined(rf"\sqrt{{{inside[0]}}}"), ATOM

    def function(self, function: Any, arguments: list[str]) -> str:
        inside = f",{BREAK} ".join(arguments)
        if function in (sympy.floor, sympy.ceiling):
            side = "floor" if function is sympy.floor else "ceil"
            return joined(rf"\left\l{side} {inside} \right\r{side}")
        if function is sympy.Abs:
            return joined(rf"\left| {inside} \right|")
        name = self.function_name(function)
        if r"\sum" in inside or r"\frac" in inside:
            return rf"{name}\Bigl({inside}\Bigr)"
        return f"{name}({inside})"

    def function_name(self, function: Any) -> str:
        prime = "'" if is_slope(function) else ""
        function = getattr(function, "of", function)
        row = SCALARS.get(function)
        if function in _KNOWN:
            return rf"\{function.__name__}{prime}"
        if row is not None and row.letter:
            return rf"\{row.letter}{prime}"
        word, below = function_words(function)
        below = f"_{{{below}}}" if below else ""
        return rf"\operatorname{{{word}{below}}}{prime}"

    def cases(self, pieces: list[tuple[str, str]]) -> str:
        rows = r" \\ ".join(row for v, c in pieces for row in case_rows(v, _if(c)))
        return rf"\begin{{cases}} {rows} \end{{cases}}"

    def total(self, indices: list[str], conditions: list[str], name: str) -> str:
        rows = [",".join(indices)] * bool(indices) + conditions
        stack = r" \\ ".join(rows)
        under = rf"\substack{{{stack}}}" if len(rows) > 1 else stack
        if not indices:
            return joined(rf"\bigl[{{}}{','.join(conditions)}\bigr]")
        command = r"\operatorname*{argmax}" if name == "argmax" else rf"\{name}"
        return joined(rf"{command}_{{{under}}}")

    def delta(self, left: str, right: str) -> str:
        if width(left + right) > LONG:  # a subscript cannot be broken
            return rf"\bigl[{left} {BREAK}= {right}\bigr]"
        return joined(rf"\delta_{{{left},\,{right}}}")

    def brackets(self, inside: str) -> str:
        if any(tall in inside for tall in (r"\sum", r"\prod", r"\frac")):
            return rf"\Bigl({inside}\Bigr)"
        return f"({inside})"

    def relation(self, sign: str, left: str, right: str) -> str:
        cut = BREAK if sign == "⊙" else ""
        return f"{left} {cut}{_SIGNS.get(sign, sign)} {right}"

    def sum_of(self, pieces: list[tuple[bool, str]]) -> str:
        text = ""
        for negative, piece in pieces:
            sign = "-" if negative else "+"
            text += f" {BREAK}{sign} {piece}" if text else f"{'-' * negative}{piece}"
        return text

    def words(self, text: str) -> str:
        return rf"\text{{{text}}}"

    def subscripted(self, name: str, index: list[str]) -> str:
        if not index:
            return name
        inside = joined(",".join(index))
        if name.endswith(r"\rangle}") and "_{" in name:  # ... and neither has what has both
            return f"{{{name}}}_{{{inside}}}"
        if name.endswith("}") and "_{" in name and not name.startswith(r"\overline"):
            return f"{name[:-1]},{inside}}}"  # a subscript has no other beside it
        return f"{name}_{{{inside}}}"

    def transposed(self, piece: str) -> str:
        return rf"{{{joined(piece)}}}^{{\top}}"

    def ones(self) -> str:
        return r"\mathbf{1}"

    def entry_power(self, base: str, exponent: Expr) -> str:
        return rf"{base}^{{\odot {joined(self.expression(exponent))}}}"

    def decimal(self, digits: str, exponent: str) -> str:
        digits = digits.replace("…", r"\ldots")
        power = f"10^{{{exponent}}}" if exponent else ""
        return power if power and digits == "1" else rf"{digits} \cdot {power}" if power else digits

    def column(self, cells: Sequence[str]) -> str:
        rows = r" \\ ".join(cells)
        return joined(rf"\begin{{pmatrix}} {rows} \end{{pmatrix}}")

    def norm(self, matrix: str) -> str:
        if r"\frac" in matrix:
            return rf"\Bigl\lVert {matrix} \Bigr\rVert"
        return rf"\lVert {matrix} \rVert"

    def largest(self, entries: str) -> str:
        return rf"\max \lvert {entries} \rvert"

    def dots(self) -> str:
        return r"\cdots"

    def plain(self, text: str) -> str:
        return escaped(text)

    def inline(self, formula: str) -> str:
        return f"${joined(formula)}$"

    def briefly(self, terms: Sequence[Statement]) -> list[str]:
        """Formulas among words, with a slash where a fraction would be small."""
        self.flat = True
        rows = self.rows(terms)
        self.flat = False
        return [*map(self._among_words, rows)]

    def _among_words(self, row: Row) -> str:
        where = " and ".join(map(self.inline, row.conditions))
        words = f" {row.words} {where}" if where else ""
        formula = self.relation(row.sign, row.left, row.right)
        return f"${formula.replace(BREAK, _HERE)}$" + words

    def display(self, rows: Sequence[Row]) -> list[str]:
        """Lines of one ``align*``."""
        found = [*rows]
        equations = [_signs((row.left, row.sign, row.right)) for row in found]
        if not any(row.words for row in found) and (pairs := in_pairs(equations)):
            return ended(pairs)
        lines = wrapped(equations)
        for row, above in zip(found, lines, strict=True):
            if row.conditions:
                above += condition_lines(f"{row.words} ", row.conditions, width(row.left))
            elif row.words:
                above.append(rf"& \quad\text{{{row.words}}}")
        return ended([line for above in lines for line in above])

    def table(self, table: Table) -> str:
        return self.inline(table_latex(table, self))

    def shape(self, extents: Sequence[str]) -> str:
        return joined(r" \times ".join(extents))


def _signs(equation: tuple[str, str, str]) -> tuple[str, str, str]:
    left, sign, right = equation
    return left, _SIGNS.get(sign, sign), right


def _if(condition: str) -> str:
    return condition if condition.startswith(r"\text{otherwise") else rf"\text{{if }} {condition}"


def name_latex(name: Name) -> str:
    """A name as a symbol: ``x``, ``\\mathit{weight}_{\\mathrm{hh}}``, ``\\bar{x}`` for ``x_bar``.

    A bar reaches over all of a word, and over a letter without its subscript.
    """
    word, below = name.word.replace(" ", r"\ "), name.below
    if name.upright:
        word = word.replace("_", r"\_")
        symbol = rf"\mathrm{{{word}}}"
    elif name.bold:
        symbol = rf"\boldsymbol{{{GREEK[word]}}}" if name.greek else rf"\mathbf{{{word}}}"
    elif name.greek:
        symbol = GREEK[word]
    else:
        symbol = rf"\mathit{{{word}}}" if name.is_word else word
    below = below if below.isdigit() or not below else rf"\mathrm{{{below}}}"
    tail = f"_{{{below}}}" if below else ""
    tail += f"^{{{name.above.replace('−', '-')}}}" if name.above else ""
    if name.barred and name.is_word:
        return rf"\overline{{{symbol}{tail}}}{name.primes}"
    return (rf"\bar{{{symbol}}}" if name.barred else symbol) + tail + name.primes
