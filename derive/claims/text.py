"""Claims in Unicode, as `derive.prose.text` prints formulas: with the ranges of their sums."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

import mpmath
from sympy import Expr, Integer, Sum

from derive.claims.line import Line
from derive.language.claim import Derivative
from derive.language.operation import Equation
from derive.language.symbols import Access, Axis
from derive.prose.formula import PRODUCT, Piece
from derive.prose.order import split_cases
from derive.prose.text import Text

_WIDTH = 80
_FIXED = "\N{NO-BREAK SPACE}"
_DIGITS = 6
_LONG = 15  # digits of an integer that is written out


class ClaimText(Text):
    """Unicode in one line."""

    def piece(self, e: Any, in_index: bool = False) -> Piece:
        if not isinstance(e, Sum):
            return super().piece(e, in_index)
        function, names, conditions = e, [], []
        while isinstance(function, Sum):
            function, *limits = function.args
            for index, *ends in map(tuple, limits):
                names.append(self.symbol(index))
                if ends and tuple(ends) != _whole(index):
                    conditions.append(self.range(index, *ends))
        function, cases = split_cases(function)
        conditions += map(self.condition, cases)
        total = self.total(names, conditions, "sum")
        return self.product([total, self.expression(function, PRODUCT)]), PRODUCT

    def range(self, index: Any, low: Expr, high: Expr) -> str:
        first, last = (self.expression(end, in_index=True) for end in (low, high))
        inner = self.relation("≤", first, self.symbol(index))
        if high.as_coeff_Add()[0].is_negative:
            return self.relation("<", inner, self.expression(high + 1, in_index=True))
        return self.relation("≤", inner, last)

    def entry(self, access: Access) -> str:
        tensor = access.tensor
        if not isinstance(tensor, Derivative):
            return super().entry(access)
        split = tensor.of.rank
        halves = Access(tensor.of, *access.index[:split]), Access(tensor.by, *access.index[split:])
        return self.derivative("d", *map(self.entry, halves))

    def line(self, line: Line) -> list[str]:
        """A claim, and what it defines for itself."""
        first, *others = map(self.defined, line.equations)
        return [first, *(f"where {other}" for other in others)]

    def defined(self, equation: Equation) -> str:
        right = equation.right
        cases = not equation.scatter and split_cases(right)[1]
        if not cases:
            return super().defined(equation)
        inner, conditions = split_cases(right)
        sign, left, _ = self.sides_of(equation)
        words = " and ".join(map(self.condition, conditions))
        return f"{self.relation(sign, left, self.expression(inner))} if {words}, else 0"


def _whole(index: Any) -> tuple[Any, ...]:
    return (Integer(0), index.extent - 1) if isinstance(index, Axis) else ()


def wrapped(text: str, begin: str) -> list[str]:
    """A text behind some letters, in lines for a terminal: broken between words and behind dots of
    products, and within no index."""
    kept = re.sub(r"\[[^\]]*\]", lambda found: found[0].replace(" ", _FIXED), text)
    lines = [begin]
    for piece in re.split(r"(?<=[ ·])", kept):
        if len((lines[-1] + piece).rstrip()) > _WIDTH and lines[-1].strip():
            lines.append(" " * (len(begin) + 2))
        lines[-1] += piece
    return [line.replace(_FIXED, " ").rstrip() for line in lines]


def number_text(number: Any) -> str:
    """A number: exactly if it is an integer or a fraction that somebody reads, else some digits."""
    if isinstance(number, int | Fraction):
        exact = str(number)
        if len(exact) <= _LONG:
            return exact.replace("-", "−")
        number = mpmath.mpf(number.numerator) / number.denominator
    value = getattr(number, "value", number)
    if value != value:
        return "not a number"
    if mpmath.isinf(value):
        return "infinite"
    if value == int(value) and abs(value) < 10**_DIGITS:
        return str(int(value)).replace("-", "−")
    return str(mpmath.nstr(value, _DIGITS)).replace("-", "−")


def array_text(array: Any) -> str:
    """Entries in nested brackets."""
    if getattr(array, "shape", ()) == ():
        return number_text(array.item() if hasattr(array, "item") else array)
    return f"[{', '.join(map(array_text, array))}]"
