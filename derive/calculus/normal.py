"""One normal form for indices, so that equal ones look equal; and what can be told from it."""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from typing import Any

import sympy
from sympy import Expr, Integer, Pow

from derive.calculus.affine import Affine, NotAffine, affine
from derive.calculus.bounds import nonnegative
from derive.calculus.statements import Statement
from derive.language.symbols import Access, entries_in


@lru_cache(maxsize=65536)
def tidy(expression: Expr) -> Expr:
    """One normal form for an index: expanded, over one denominator."""
    number, step = fraction(expression, Integer(1))
    return number / step


@lru_cache(maxsize=65536)
def fraction(expression: Expr, divisor: Expr) -> tuple[Expr, Expr]:
    """Numerator, expanded, and denominator of a quotient."""
    quotient = sympy.expand(expression / divisor)
    if not divided(quotient):
        return quotient, Integer(1)
    number, step = sympy.fraction(sympy.together(quotient))
    return sympy.expand(number), step


def divided(expression: Expr) -> bool:
    return any(p.exp.is_negative for p in expression.atoms(Pow)) or any(
        r.q != 1 for r in expression.atoms(sympy.Rational)
    )


def index_form(expression: Expr) -> Affine | None:
    try:
        return affine(expression)
    except NotAffine:
        return None


def index_forms(access: Access) -> list[Affine]:
    return [form for form in map(index_form, access.index) if form is not None]


def sign_of(expression: Expr) -> int | None:
    """1 or -1 if the expression is provably at least 1 or at most -1."""
    if nonnegative(expression - 1, ()):
        return 1
    return -1 if nonnegative(-expression - 1, ()) else None


def put(term: Statement, values: dict[Expr, Expr]) -> Statement:
    """Replace symbols everywhere but in the box, and bring indices into their normal form."""
    target: Any = term.target.xreplace(values)
    value = term.value.xreplace(values)
    where = tuple(g.substitute(values) for g in term.where)
    where = tuple(replace(g, expression=_with_tidy_indices(tidy(g.expression))) for g in where)
    target = Access(target.tensor, *(tidy(i) for i in target.index))
    return replace(term, target=target, value=_with_tidy_indices(value), where=where)


def _with_tidy_indices(expression: Expr) -> Expr:
    entries = entries_in(expression)
    tidied = {a: b for a in entries if (b := Access(a.tensor, *map(tidy, a.index))) != a}
    return expression.xreplace(tidied)
