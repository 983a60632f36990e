"""Affine index maps: ``s*p + d*u - P`` as a constant and coefficients of the iterators."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache

from sympy import Expr, Integer, Symbol, expand

from derive.language.symbols import Access, Axis, entries_in


class NotAffine(ValueError):
    """The expression is not affine in the iterators."""


@dataclass(frozen=True)
class Affine:
    """``constant + sum of coefficient * iterator``; nothing in it depends on another iterator.

    An access of an integer tensor counts as part of the constant: it is a number once the
    iterators in its own index are fixed (see `reads`).
    """

    constant: Expr
    coefficients: tuple[tuple[Symbol, Expr], ...]

    @property
    def iterators(self) -> tuple[Symbol, ...]:
        return tuple(symbol for symbol, _ in self.coefficients)

    @property
    def reads(self) -> frozenset[Access]:
        """Entries of integer tensors in the constant."""
        return frozenset(entries_in(self.constant))

    def coefficient(self, symbol: Expr) -> Expr:
        return dict(self.coefficients).get(symbol, Integer(0))

    @property
    def bare(self) -> Symbol | None:
        """The iterator itself if the map is exactly one iterator, else None."""
        if self.constant == 0 and len(self.coefficients) == 1 and self.coefficients[0][1] == 1:
            return self.coefficients[0][0]
        return None

    @property
    def expression(self) -> Expr:
        return self.constant + sum((c * s for s, c in self.coefficients), Integer(0))


@lru_cache(maxsize=65536)
def affine(expression: Expr) -> Affine:
    """Split `expression` into its constant and the coefficients of its axes.

    Raises
    ------
    NotAffine
        If an axis is multiplied by an axis or stands inside a function.
    """
    expression = expand(expression)
    hidden: dict[Access, Symbol] = {a: Symbol(f"read{i}") for i, a in enumerate(_reads(expression))}
    plain = expression.xreplace(hidden) if hidden else expression
    iterators = sorted((s for s in plain.free_symbols if isinstance(s, Axis)), key=str)
    coefficients = []
    constant = plain
    for iterator in iterators:
        coefficient = plain.coeff(iterator, 1)
        if any(isinstance(s, Axis) for s in coefficient.free_symbols):
            raise NotAffine(f"{expression} multiplies one index by another")
        constant = constant - coefficient * iterator
        coefficients.append((iterator, coefficient))
    constant = expand(constant)
    if any(isinstance(s, Axis) for s in constant.free_symbols):
        raise NotAffine(f"{expression} is not affine in its indices")
    back = {symbol: access for access, symbol in hidden.items()}
    return Affine(constant.xreplace(back), tuple(coefficients))


def _reads(expression: Expr) -> list[Access]:
    return sorted(entries_in(expression), key=str)


def axes_in(expressions: Iterable[Expr]) -> set[Axis]:
    """Every axis that occurs in the expressions, inside indices too."""
    return {s for e in expressions for s in e.free_symbols if isinstance(s, Axis)}
