"""Formulas in one line of Unicode: comments of generated modules, docstrings, the terminal.

x_bar[n,c,h] = Σ_{k,u} y_bar[n,k,h + P − u]·w[k,c,u]
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sympy import Expr

from derive.calculus.statements import Guard, Statement
from derive.language.operation import Equation
from derive.language.order import Order
from derive.language.symbols import Tensor
from derive.prose.formula import ATOM, FUNCTION_NAMES, POWER, PRODUCT, Formula, Piece


class Text(Formula):
    """Unicode in one line."""

    def symbol(self, symbol: Any) -> str:
        return getattr(symbol, "name", str(symbol)).replace("-", "−")

    def tensor(self, tensor: Tensor) -> str:
        return tensor.name

    def access(self, name: str, index: list[str]) -> str:
        separator = ", " if any(" " in i for i in index) else ","
        return f"{name}[{separator.join(index)}]" if index else name

    def at_step(self, name: str, step: str) -> str:
        return f"{name}⟨{step}⟩"

    def derivative(self, sign: str, of: str, by: str) -> str:
        return f"{sign}{of}/{sign[0]}{by}"

    def product(self, pieces: list[str]) -> str:
        if not pieces:
            return "1"
        if len(pieces) > 1 and pieces[0].startswith(("Σ_", "Π_", "max_", "argmax_")):
            return f"{pieces[0]} {self.product(pieces[1:])}"
        return "·".join(pieces)

    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece:
        return f"{self.bracketed(over, PRODUCT)}/{self.bracketed(under, POWER)}", PRODUCT

    def power(self, base: str, exponent: Expr) -> str:
        if exponent in (2, 3):
            return base + " ²³"[int(exponent) - 1]
        return f"{base}^{self.expression(exponent, ATOM)}"

    def root(self, inside: Piece) -> Piece:
        return f"√{self.bracketed(inside, ATOM)}", POWER

    def function(self, function: type, arguments: list[str]) -> str:
        return f"{self.function_name(function)}({', '.join(arguments)})"

    def function_name(self, function: Any) -> str:
        return str(FUNCTION_NAMES.get(function, function.__name__))

    def cases(self, pieces: list[tuple[str, str]]) -> str:
        return "{" + "; ".join(
            f"{value} {condition}" if condition == "otherwise" else f"{value} if {condition}"
            for value, condition in pieces
        ) + "}"  # fmt: skip

    def total(self, indices: list[str], conditions: list[str], name: str) -> str:
        sign = {"sum": "Σ", "prod": "Π"}.get(name, name)
        inside = ",".join(indices)
        if conditions:
            inside += (": " if indices else "") + ", ".join(conditions)
        return f"{sign}_{{{inside}}}" if indices else f"[{inside}]"

    def delta(self, left: str, right: str) -> str:
        return f"δ[{left}, {right}]"

    def brackets(self, inside: str) -> str:
        return f"({inside})"

    def relation(self, sign: str, left: str, right: str) -> str:
        return f"{left} {sign} {right}"

    def sum_of(self, pieces: list[tuple[bool, str]]) -> str:
        text = ""
        for negative, piece in pieces:
            sign = "−" if negative else "+"
            text += f" {sign} {piece}" if text else "−" * negative + piece
        return text

    def words(self, text: str) -> str:
        return text

    def matrix_name(self, tensor: Tensor, several: bool) -> str:
        return self.tensor(tensor)

    def transposed(self, piece: str) -> str:
        return f"{piece}ᵀ"

    def matrix_product(self, pieces: list[str]) -> str:
        return " ".join(pieces)

    def decimal(self, digits: str, exponent: str) -> str:
        return f"{digits}e{exponent}" if exponent else digits

    def column(self, cells: Sequence[str]) -> str:
        return f"({'; '.join(cells)})"

    def norm(self, matrix: str) -> str:
        return f"‖{matrix}‖"

    def largest(self, entries: str) -> str:
        return f"max|{entries}|"

    def dots(self) -> str:
        return "⋯"


def expression_text(expression: Expr, order: Sequence[Tensor] = ()) -> str:
    """An expression in one line: ``s·p + d·u − P``."""
    return Text(order).expression(expression)


def guard_text(guard: Guard) -> str:
    """A condition in one line: ``s | h + P − d·u``."""
    return Text().guard(guard)


def equation_text(
    equation: Equation, order: Sequence[Tensor] = (), written: Order | None = None
) -> str:
    """An equation of a definition in one line."""
    return Text(order, (), written).defined(equation)


def statement_text(
    statements: Statement | Sequence[Statement],
    order: Sequence[Tensor] = (),
    written: Order | None = None,
) -> str:
    """Statements in one line, those of one target as one equation.

    Parameters
    ----------
    statements : Statement or sequence of Statement
        What is computed.
    order : sequence of Tensor, optional
        The order of factors, such as ``derivation.order``; cotangents come first anyway.
    written : Order, optional
        How the author wrote them.
    """
    terms = (statements,) if isinstance(statements, Statement) else tuple(statements)
    return Text(order, (), written).statements(terms)
