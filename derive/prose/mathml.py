"""Formulas in MathML Core, which browsers set by themselves, with marks where a line may end."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from itertools import pairwise
from typing import Any

import sympy
from sympy import Expr

from derive.language.scalars import SCALARS
from derive.language.symbols import Tensor
from derive.prose.formula import ATOM, POWER, PRODUCT, Piece
from derive.prose.mathml_boxes import COMMA, INFIX, THIN, boxed, filled, whole, width
from derive.prose.names import GREEK, Name
from derive.prose.numbers import Table
from derive.prose.typeset import BREAK, Row, Typeset, function_words, is_slope, joined

_SIGNS = {"|": "∣"}
_NUMBERS = {sympy.pi: "π", sympy.E: "e", sympy.oo: "∞"}
_AROUND = {sympy.floor: "⌊⌋", sympy.ceiling: "⌈⌉"}
_TALL = ("<mfrac", "<munder", "<mtable")
_LONG = 28  # letters that leave no room for others
_BESIDE = 26  # ... and that leave some, as of a case and its condition
_SLASH = '<mo lspace="0.1em" rspace="0.1em">/</mo>'
_BAR = '<mo stretchy="false">¯</mo>'

# Around a step of time that stands above a name.
_STEP = '<mrow><mo stretchy="false">⟨</mo>'
_STEP_ENDS = '<mo stretchy="false">⟩</mo></mrow></msup>'


class MathML(Typeset):
    """Mathematics for browsers, with marks where a line may be broken."""

    def name(self, name: Name) -> str:
        word = _upright(name.word) if name.upright else _letters(GREEK.get(name.greek, name.word))
        if name.barred and not name.is_word:
            word = f'<mover accent="true">{word}{_BAR}</mover>'
        above = f"<mo>{name.above}</mo>" if name.above else ""
        below = _upright(name.below) if name.below else ""
        symbol = _scripts(word, below, above)
        if name.barred and name.is_word:  # no font draws one that long in every browser
            symbol = f'<mover class="bar">{symbol}{_BAR}</mover>'
        return symbol + (f"<mo>{'′' * len(name.primes)}</mo>" if name.primes else "")

    def number(self, number: Any) -> str:
        sign = '<mo form="prefix">−</mo>' * bool(number.is_extended_negative)
        digits = _NUMBERS.get(abs(number), str(abs(number)))
        return f"{sign}<mn>{escape(digits)}</mn>"

    def access(self, name: str, index: list[str]) -> str:
        inside = f"{COMMA}{BREAK}".join(index)
        return f"{name}{_mark('[')}{inside}{_mark(']')}" if index else name

    def at_step(self, name: str, step: str) -> str:
        return f"<msup>{_one(name)}{_STEP}{joined(step)}{_STEP_ENDS}"

    def derivative(self, sign: str, of: str, by: str) -> str:
        d = '<mi mathvariant="normal">d</mi>' if sign == "d" else "<mi>∂</mi>"
        over = f"<msup>{d}<mo>+</mo></msup>" if sign == "∂⁺" else d
        if width(by) > _LONG:
            return f"{over}{of}{_SLASH}{BREAK}{d}{by}"
        if width(of) > _LONG:
            return f'<mfrac>{over}{_one(d + by)}</mfrac><mspace width="0.17em"/>{BREAK}{of}'
        return f"<mfrac>{_one(over + of)}{_one(d + by)}</mfrac>"

    def product(self, pieces: list[str]) -> str:
        if not pieces:
            return "<mn>1</mn>"
        text = pieces[0]
        for before, piece in pairwise(pieces):
            alone = before.endswith("</munder>") and "<mtable" not in piece  # no sign is
            text += THIN + ("" if alone else BREAK) + piece
        return text

    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece:
        if in_index:
            return f"{self.bracketed(over, PRODUCT)}{_SLASH}{self.bracketed(under, ATOM)}", PRODUCT
        if width(over[0]) > _LONG:  # a fraction cannot be broken, and a product can
            one = f"<mfrac><mn>1</mn>{_one(under[0])}</mfrac>"
            return self.product([one, self.bracketed(over, PRODUCT)]), PRODUCT
        return f"<mfrac>{_one(over[0])}{_one(under[0])}</mfrac>", PRODUCT

    def power(self, base: str, exponent: Expr) -> str:
        return _raised(base, self.expression(exponent))

    def root(self, inside: Piece) -> Piece:
        if width(inside[0]) > _LONG:  # nor can a root be broken
            half = "<mn>1</mn><mo>/</mo><mn>2</mn>"
            return _raised(self.bracketed(inside, ATOM), half), POWER
        return f"<msqrt>{joined(inside[0])}</msqrt>", ATOM

    def function(self, function: Any, arguments: list[str]) -> str:
        inside = f"{COMMA}{BREAK}".join(arguments)
        if function is sympy.Abs:
            return f"<mrow><mo>|</mo>{joined(inside)}<mo>|</mo></mrow>"
        if function in _AROUND:
            return self.brackets(inside, _AROUND[function])
        return f"{self.function_name(function)}{self.brackets(inside)}"

    def function_name(self, function: Any) -> str:
        row = SCALARS.get(function)
        if row is not None and row.letter:
            name = f"<mi>{GREEK[row.letter]}</mi>"
        else:
            word, below = function_words(function)
            name = _scripts(_upright(word), _upright(below) if below else "", "")
        return name + "<mo>′</mo>" * is_slope(function)

    def cases(self, pieces: list[tuple[str, str]]) -> str:
        rows = [(value, _if(condition)) for value, condition in pieces]
        columns = zip(*rows, strict=True)
        if sum(max(map(width, column)) for column in columns) > _BESIDE:
            cells = [line for row in rows for line in _stacked(*row)]
        else:
            cells = [f"{joined(v)}</mtd><mtd>{joined(c)}" for v, c in rows]
        table = "".join(f"<mtr><mtd>{cell}</mtd></mtr>" for cell in cells)
        return f'<mrow><mo>{{</mo><mtable class="cases">{table}</mtable></mrow>'

    def total(self, indices: list[str], conditions: list[str], name: str) -> str:
        if not indices:
            return f"{_mark('[')}{COMMA.join(conditions)}{_mark(']')}"
        wide = [c for c in conditions if width(c) > _LONG / 2 and name == "sum"]
        narrow = (condition for condition in conditions if condition not in wide)
        rows = [joined(row) for row in (COMMA.join(indices), *narrow)]
        under = "".join(f"<mtr><mtd>{row}</mtd></mtr>" for row in rows)
        under = f"<mtable>{under}</mtable>" if len(rows) > 1 else _one(rows[0])
        space = ' form="prefix" lspace="0" rspace="0.17em"'
        big = {"sum": "∑", "prod": "∏"}.get(name)
        sign = f"<mo>{big}</mo>" if big else f"<mo{space}>{name}</mo>"
        # What is too wide to stand below the sign is a factor, which is 1 or 0.
        found = [f"<munder>{sign}{under}</munder>", *(self.total([], [c], name) for c in wide)]
        return THIN.join(found)

    def delta(self, left: str, right: str) -> str:
        if width(left + right) > _LONG:  # a subscript cannot be broken
            return f"{_mark('[')}{self.relation('=', left, right)}{_mark(']')}"
        return f"<msub><mi>δ</mi><mrow>{joined(left)}{COMMA}{joined(right)}</mrow></msub>"

    def column(self, cells: Sequence[str]) -> str:
        rows = "".join(f"<mtr><mtd>{joined(cell)}</mtd></mtr>" for cell in cells)
        return f"<mrow><mo>(</mo><mtable>{rows}</mtable><mo>)</mo></mrow>"

    def norm(self, matrix: str) -> str:
        return f"{_mark('‖')}{joined(matrix)}{_mark('‖', closing=True)}"

    def largest(self, entries: str) -> str:
        return f"<mo>max</mo>{THIN}{_mark('|')}{joined(entries)}{_mark('|', closing=True)}"

    def dots(self) -> str:
        return "<mo>⋯</mo>"

    def matrix_name(self, tensor: Tensor, several: bool) -> str:
        name = self.tensor(tensor)
        return f'<mrow class="matrix">{name}</mrow>' if several else name

    def subscripted(self, name: str, index: list[str]) -> str:
        if not index:
            return name
        below = _one(COMMA.join(index))
        if name.endswith(_STEP_ENDS):  # below the name, and not below the step above it
            start = name.rindex(_STEP)
            base, step = name[len("<msup>") : start], name[start : -len("</msup>")]
            return f"<msubsup>{base}{below}{step}</msubsup>"
        return f"<msub>{_one(name)}{below}</msub>"

    def transposed(self, piece: str) -> str:
        return _raised(piece, "<mo>⊤</mo>")

    def hadamard(self, pieces: list[str]) -> str:
        return f"{BREAK}{INFIX}⊙</mo>".join(pieces)

    def diagonal(self, inside: str) -> str:
        return f"<mi>diag</mi>{self.brackets(inside)}"

    def ones(self) -> str:
        return '<mrow class="matrix"><mn>1</mn></mrow>'

    def entry_power(self, base: str, exponent: Expr) -> str:
        return _raised(base, f"<mo>⊙</mo>{self.expression(exponent)}")

    def brackets(self, inside: str, around: str = "()") -> str:
        tall = any(tag in inside for tag in _TALL)
        return f"{_mark(around[0], tall)}{inside}{_mark(around[1], tall)}"

    def relation(self, sign: str, left: str, right: str) -> str:
        return f"{left}{BREAK}{_relation(sign)}{right}"

    def sum_of(self, pieces: list[tuple[bool, str]]) -> str:
        text = ""
        for negative, piece in pieces:
            sign = "−" if negative else "+"
            if text:
                text += f"{BREAK}{INFIX}{sign}</mo>{piece}"
            else:
                text = '<mo form="prefix">−</mo>' * negative + piece
        return text

    def words(self, text: str) -> str:
        return BREAK * text.startswith(" ") + _text(text)

    def decimal(self, digits: str, exponent: str) -> str:
        power = f"<msup><mn>10</mn>{_signed(exponent)}</msup>" if exponent else ""
        if power and digits == "1":
            return power
        return f"<mn>{digits}</mn>" + (f"<mo>·</mo>{power}" if power else "")

    def plain(self, text: str) -> str:
        return escape(text)

    def inline(self, formula: str) -> str:
        return whole(formula)

    def display(self, rows: Sequence[Row]) -> list[str]:
        """Equations, each with its conditions below it."""
        return [*map(_row, rows)]

    def table(self, table: Table) -> str:
        """A table between brackets; one number without."""
        name = self.expression(table.name)
        cells = [[f"<mtd><mn>{escape(cell)}</mn></mtd>" for cell in row] for row in table.rows]
        if len(cells) == 1 and len(cells[0]) == 1:
            return whole(self.relation("=", name, f"<mn>{escape(table.rows[0][0])}</mn>"))
        rows = "".join(f"<mtr>{''.join(row)}</mtr>" for row in cells)
        inside = f'<mo>[</mo><mtable class="numbers">{rows}</mtable><mo>]</mo>'
        return whole(self.relation("=", name, f"<mrow>{inside}</mrow>"))

    def shape(self, extents: Sequence[str]) -> str:
        return f"{BREAK}{INFIX}×</mo>".join(map(joined, extents))


def _row(row: Row) -> str:
    style = ' displaystyle="true"'
    left = boxed(row.left + _relation(row.sign), style)
    text = f'<div class="left">{left}</div><div class="right">{boxed(row.right, style)}</div>'
    if row.words:
        *others, last = row.conditions or ("",)
        found = " ".join(whole(c) for c in (*(other + COMMA for other in others), last) if c)
        text += f'<div class="where">{row.words} {found}</div>'
    return f'<div class="equation">{text}</div>'


def _letters(word: str) -> str:
    """A letter or a word in italics; alone in its element, a letter is so anyway."""
    style = ' class="word"' if len(word) > 1 else ""
    return f"<mi{style}>{_kept(word)}</mi>"


def _upright(word: str) -> str:
    """A number, or a letter or a word that is not in italics; a word is so anyway."""
    if word.isdigit():
        return f"<mn>{word}</mn>"
    style = ' mathvariant="normal"' if len(word) == 1 else ""
    return f"<mi{style}>{_kept(word)}</mi>"


def _scripts(base: str, below: str, above: str) -> str:
    if below and above:
        return f"<msubsup>{base}{below}{_one(above)}</msubsup>"
    if below:
        return f"<msub>{base}{below}</msub>"
    return f"<msup>{base}{_one(above)}</msup>" if above else base


def _raised(base: str, exponent: str) -> str:
    """An exponent belongs to a bracket alone: what stands before it can still be broken."""
    start = base.rindex("<mo") if base.endswith("</mo>") else 0
    return f"{base[:start]}<msup>{_one(base[start:])}{_one(exponent)}</msup>"


def _signed(digits: str) -> str:
    minus = '<mo form="prefix">−</mo>' if digits.startswith("-") else ""
    return _one(f"{minus}<mn>{digits.removeprefix('-')}</mn>")


def _one(formula: str) -> str:
    """One element, without breaks."""
    leaf = formula.startswith("<m") and formula.count("<") == 2
    return joined(formula) if leaf else f"<mrow>{joined(formula)}</mrow>"


def _mark(bracket: str, tall: bool = False, closing: bool = False) -> str:
    """A bracket of one size, however its contents are cut."""
    size = ' minsize="1.8em" maxsize="1.8em"' if tall else ' stretchy="false"'
    if bracket in "‖|":
        size += f' form="{"postfix" if closing else "prefix"}"'
    return f"<mo{size}>{bracket}</mo>"


def _relation(sign: str) -> str:
    return f"{INFIX}{escape(_SIGNS.get(sign, sign))}</mo>"


def _text(text: str) -> str:
    """Words within a formula."""
    return f"<mtext>{_kept(text)}</mtext>"


def _kept(text: str) -> str:
    """Text with blanks that browsers keep at its ends."""
    return escape(text).replace(" ", "\u00a0")


def _stacked(value: str, condition: str) -> list[str]:
    """A long case: its condition below it, and what does not fit a line in the next."""
    indent = '<mspace width="1.4em"/>'
    first, *others = filled(value, _BESIDE)
    below = filled(condition, _BESIDE)
    return [first, *(indent + line for line in (*others, *below))]


def _if(condition: str) -> str:
    is_word = condition.startswith("<mtext>otherwise")
    return condition if is_word else f"<mtext>if\u00a0</mtext>{condition}"
