"""Words of a course as markup: formulas and numbers are put in their fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

import sympy
from sympy import Expr

from derive.course.stop import Stop
from derive.errors import DefinitionError
from derive.language.notes import order_of
from derive.language.symbols import Tensor
from derive.prose.mathml import MathML
from derive.prose.numbers import short
from derive.prose.typeset import Typeset

Named = tuple[Typeset, Mapping[str, Tensor]]

_LARGE = 1000  # what is so needs no digits behind the point
_FIELD = re.compile(r"\{(\w+)\}")
_CODE = re.compile(r"`([^`]+)`")


class Words:
    """Puts formulas and numbers in the fields of a stop's words.

    Parameters
    ----------
    stop : Stop
    named : sequence of Named
        For each operation shown a printer, and its tensors by name.
    """

    def __init__(self, stop: Stop, named: Sequence[Named]) -> None:
        self.stop, self.terms, self.named = stop, stop.terms(), named

    def said(self, words: str) -> str:
        """A paragraph as markup."""
        text = _CODE.sub(r"<code>\1</code>", escape(words, quote=False))
        return _FIELD.sub(lambda found: self.field(found[1]), text)

    def field(self, name: str) -> str:
        if name in self.terms:
            return term(self.terms[name])
        for printer, tensors in self.named:
            if name in tensors:
                return printer.inline(printer.tensor(tensors[name]))
        raise DefinitionError(
            self.stop.title,
            f"{name} is neither a term nor a tensor of an operation shown there",
            remedy="Give it in the terms of the stop.",
        )


def term(value: Any) -> str:
    """A number or a formula among words."""
    if isinstance(value, str):
        return escape(value)
    if isinstance(value, int | float) or (isinstance(value, Expr) and value.is_number):
        return _figure(value)
    printer = MathML(written=order_of([value]) if isinstance(value, Expr) else None)
    return printer.inline(printer.part(value))


def _figure(value: Any) -> str:
    """A number: as it is, or rounded where it is long."""
    printer = MathML()
    number = sympy.sympify(value)
    if number.is_Integer:
        sign = '<mo form="prefix">−</mo>' * bool(number < 0)
        return printer.inline(f"{sign}<mn>{abs(int(number)):,}</mn>")
    size = abs(float(number))
    if size and not 1e-3 <= size < 1e6:
        digits, _, power = f"{size:.1e}".partition("e")
        sign = '<mo form="prefix">−</mo>' * bool(number < 0)
        return printer.inline(sign + printer.decimal(digits, str(int(power))))
    sign = '<mo form="prefix">−</mo>' * bool(number < 0)
    digits = f"{size:,.0f}" if size >= _LARGE else short(abs(number))
    return printer.inline(f"{sign}<mn>{digits}</mn>")
