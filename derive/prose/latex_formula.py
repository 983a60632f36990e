"""Formulas in LaTeX, for amsmath and KaTeX alike, with marks where a line may end."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy import Expr

from derive.calculus.statements import Statement
from derive.calculus.step import bound
from derive.language.options import Option, Setting
from derive.language.order import Order
from derive.language.scalars import SCALARS
from derive.language.symbols import Axis, Tensor
from derive.prose.formula import ATOM, FUNCTION_NAMES, PRODUCT, Formula, Piece
from derive.prose.latex_lines import (
    BREAK,
    LONG,
    case_rows,
    condition_lines,
    ended,
    joined,
    width,
    wrapped,
)
from derive.prose.latex_text import GREEK, escaped
from derive.prose.order import by_target

_SIGNS = {
    "≥": r"\ge", "≤": r"\le", "≠": r"\ne", "|": r"\mid", "∤": r"\not\mid", "→": r"\to",
    "+=": r"\mathrel{+}=",
}  # fmt: skip
# Before conditions that stand below a formula: which points of the box it goes over.
_ONLY = {
    "add": "summed only where ",
    "max": "the largest of those where ",
    "first": "the first largest of those where ",
}
_KNOWN = (sympy.exp, sympy.log, sympy.tanh, sympy.sinh, sympy.cosh, sympy.sin, sympy.cos, sympy.tan)


class Latex(Formula):
    """Mathematics for amsmath and KaTeX, with marks where a line may be broken.

    Parameters
    ----------
    order, axes, written, rows
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
        written: Order | None = None,
        settings: dict[Setting, str] | None = None,
        bars: dict[Tensor, Tensor] | None = None,
        rows: Mapping[tuple[Tensor, int], Sequence[str]] | None = None,
    ) -> None:
        super().__init__(order, axes, written, rows)
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

    def derivative(self, sign: str, of: str, by: str) -> str:
        d = r"\partial " if sign == "∂" else r"\mathrm{d}"
        return joined(rf"\frac{{{d}{of}}}{{{d}{by}}}")

    def product(self, pieces: list[str]) -> str:
        return rf"\,{BREAK}".join(pieces) if pieces else "1"

    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece:
        if in_index:
            return f"{self.bracketed(over, PRODUCT)} / {self.bracketed(under, ATOM)}", PRODUCT
        if width(over[0]) > LONG:  # a fraction cannot be broken, and a product can
            one = joined(rf"\frac{{1}}{{{under[0]}}}")
            return self.product([one, self.bracketed(over, PRODUCT)]), PRODUCT
        return joined(rf"\frac{{{over[0]}}}{{{under[0]}}}"), PRODUCT

    def power(self, base: str, exponent: Expr) -> str:
        return f"{base}^{{{joined(self.expression(exponent))}}}"

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

    def decimal(self, digits: str, exponent: str) -> str:
        digits = digits.replace("…", r"\ldots")
        power = f"10^{{{exponent}}}" if exponent else ""
        return power if power and digits == "1" else rf"{digits} \cdot {power}" if power else digits

    def plain(self, text: str) -> str:
        return escaped(text)

    def inline(self, formula: str) -> str:
        return f"${joined(formula)}$"

    def lines(self, terms: Sequence[Statement], deltas: bool = False) -> list[str]:
        """Lines of one ``align*``; conditions stand in lines of their own where they can."""
        equations, conditions = [], []
        for _, group in by_target(terms):
            below: list[str] = []
            if len(group) == 1:
                kept = [g for g in group[0].where if not (deltas and g.kind == "eq")]
                where = tuple(g for g in group[0].where if g not in kept)
                if kept:
                    words = _ONLY[group[0].op] if bound(group[0]) else "only where "
                    room = width(self.entry(group[0].target))
                    below = condition_lines(words, self.guards(kept, group[0].target), room)
                group = [replace(group[0], where=where)]
            equations += map(_signs, self.equations(group, deltas))
            conditions.append(below)
        rows = wrapped(equations)
        return ended([x for row, below in zip(rows, conditions, strict=True) for x in row + below])

    def display(self, sides: Iterable[tuple[str, str, str]]) -> list[str]:
        """Lines of one ``align*``, from left sides, signs and right sides."""
        return ended([line for row in wrapped(list(map(_signs, sides))) for line in row])


def _signs(equation: tuple[str, str, str]) -> tuple[str, str, str]:
    left, sign, right = equation
    return left, _SIGNS.get(sign, sign), right


def _if(condition: str) -> str:
    return condition if condition.startswith(r"\text{otherwise") else rf"\text{{if }} {condition}"


def name_latex(name: str) -> str:
    """A name as a symbol: ``x``, ``\\mathit{weight}_{\\mathrm{hh}}``, ``\\bar{x}`` for ``x_bar``.

    What stands below is part of a name, and upright: ``h_n`` is no entry of h at the index n.
    """
    plain = name.rstrip("'")
    primes = name[len(plain) :]
    head, _, tail = plain.rstrip("_").partition("_")
    if tail.endswith("bar") and tail.rpartition("_")[0] == "":
        return barred(name_latex(head)) + primes
    if tail.endswith("_bar"):
        return barred(name_latex(f"{head}_{tail[:-4]}")) + primes
    word, below = split_name(plain)
    symbol = GREEK.get(word, word if len(word) == 1 else rf"\mathit{{{word}}}".replace(" ", r"\ "))
    if not below:
        return symbol + primes
    below = below if below.isdigit() else rf"\mathrm{{{below}}}"
    return f"{symbol}_{{{below}}}{primes}"


def split_name(name: str) -> tuple[str, str]:
    """A letter or word, and what stands below it; words that follow each other are one name.

    ``output_gate`` is no output, ``h_n`` an h, ``weight_ih_l0`` a weight, and ``h0`` an h.
    """
    head, *parts = name.rstrip("_").split("_")
    letters = head.rstrip("0123456789")
    words = [letters]
    while parts and letters == head and _is_word(words[-1]) and _is_word(parts[0]):
        words.append(parts.pop(0))
    return " ".join(words), ",".join(part for part in (head[len(letters) :], *parts) if part)


def _is_word(part: str) -> bool:
    return len(part) > 2 and part.isalpha() and part not in GREEK


def barred(symbol: str) -> str:
    """A bar over all of a word, and over a letter without its subscript."""
    head, mark, tail = symbol.partition("_")
    word = len(head) > 1 and not head.startswith(tuple(GREEK.values()))
    return rf"\overline{{{symbol}}}" if word else rf"\bar{{{head}}}{mark}{tail}"


def setting_symbols(options: Iterable[Option], used: set[str]) -> dict[Setting, str]:
    """A textbook letter for each option where one is free, else its first word, or all of its name;
    with axis and side attached, which leave room for three letters."""
    used = set(used)
    found: dict[Setting, str] = {}
    for option in options:
        first, word = option.name[0], option.name.partition("_")[0]
        word = word[:3] if len(option.settings) > 1 and len(word) > 5 else word
        whole = option.name.replace("_", r"\_")
        wishes = (first.lower(), first.upper(), rf"\mathrm{{{word}}}", rf"\mathrm{{{whole}}}")
        letter = GREEK.get(option.name) or next(w for w in wishes if w not in used)
        used.add(letter)
        for setting in option.settings:
            parts = setting.name[len(option.name) :].strip("_").split("_")
            side = {"low": "^{-}", "high": "^{+}"}.get(parts[-1], "")
            below = ",".join(part for part in parts[: -1 if side else None] if part)
            found[setting] = letter + (rf"_{{\mathrm{{{below}}}}}" if below else "") + side
    return found
