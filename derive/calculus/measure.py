"""How much there is to read: the symbols of a formula as it is printed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from sympy import Add, Mul, Piecewise, Pow, Sum

from derive.calculus.statements import Statement
from derive.calculus.step import bound
from derive.language.symbols import Access, Axis


def measure(value: Any) -> int:
    """The number of names, indices, numbers, signs and functions of an expression.

    Exponents, and what is divided by, count like anything else; brackets do not count.
    """
    if isinstance(value, Access):
        return 1 + sum(map(measure, value.index))
    if isinstance(value, Sum):
        function, *limits = value.args
        return 1 + len(limits) + measure(function)
    if isinstance(value, Piecewise):
        return sum(measure(piece) + measure(condition) for piece, condition in value.args)
    if isinstance(value, Pow):
        exponent = value.exp
        if exponent.could_extract_minus_sign():
            return 2 + measure(1 / value)
        return measure(value.base) + measure(exponent)
    if isinstance(value, Mul) and value.args[0] == -1:
        return 1 + measure(-value)
    if value.is_Rational and not value.is_Integer:
        return 3
    if isinstance(value, Axis) or not value.args or value.is_Symbol:
        return 1
    if isinstance(value, Mul):  # x/n: what divides has a sign before it, as a factor has
        factors = (1 / f if divides(f) else f for f in value.args)
        return len(value.args) - 1 + sum(map(measure, factors))
    between = len(value.args) - 1 if isinstance(value, Add) else 1
    return between + sum(map(measure, value.args))


def divides(factor: Any) -> bool:
    """Whether a factor is what divides."""
    return isinstance(factor, Pow) and factor.exp.could_extract_minus_sign()


def length(terms: Iterable[Statement]) -> int:
    """The number of symbols on the right sides of statements, the signs between them included."""
    found = 0
    for term in terms:
        axes = len(bound(term))
        guards = sum(measure(g.expression) + 1 for g in term.where)
        found += 1 + measure(term.value) + guards + axes + bool(axes)
    return found
