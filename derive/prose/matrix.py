"""Matrix forms as formulas, whatever they are printed in."""

from __future__ import annotations

import sympy
from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.calculus.matrices import (
    Apply,
    Diagonal,
    Hadamard,
    Indicator,
    Leaf,
    Matrix,
    Ones,
    Plus,
    Power,
    Product,
    Scalar,
    Scaled,
    SumOver,
    Transpose,
)
from derive.calculus.matrix import MatrixForm
from derive.calculus.stacking import stacked
from derive.prose.formula import ATOM, POWER, PRODUCT, SUM, Formula, Piece
from derive.prose.typeset import Row


def sides_of(form: MatrixForm, printer: Formula) -> tuple[str, str, str]:
    """Left side, sign and right side, as `Formula.equations` has them."""
    return _piece(form.target, printer)[0], "=", _piece(form.value, printer)[0]


def matrix_line(form: MatrixForm, printer: Formula) -> str:
    """The form as one relation."""
    left, sign, right = sides_of(form, printer)
    return printer.relation(sign, left, right)


def stacked_rows(derivation: Derivation, printer: Formula) -> list[Row]:
    """The equations for all rows with names at once: a column of functions of a column."""
    found: list[Row] = []
    words = printer.plain("each function is applied to its own rows")
    for one in stacked(derivation):
        targets = printer.column([_piece(target, printer)[0] for target in one.targets])
        functions = printer.column([printer.function_name(f) for f in one.functions])
        inside = printer.brackets(_piece(one.value, printer)[0])
        right = printer.matrix_product([functions, inside])
        found.append(Row(targets, "=", right, "" if found else words))
    return found


def _piece(matrix: Matrix, printer: Formula) -> Piece:
    """A matrix with how tightly it is bound together."""

    def at_least(part: Matrix, tightness: int) -> str:
        return printer.bracketed(_piece(part, printer), tightness)

    if isinstance(matrix, Leaf):
        tensor, sides = matrix.entry.tensor, (matrix.rows, matrix.columns)
        places = [(p, i) for p, i in enumerate(matrix.entry.index) if i not in sides]
        plain = printer.matrix_name(tensor, bool(matrix.rows))
        name, index = printer.placed(tensor, plain, places)
        return printer.subscripted(name, index), ATOM if name == plain else POWER
    if isinstance(matrix, Ones):
        plain = printer.ones()
        if matrix.rows and matrix.columns:
            return printer.matrix_product([plain, printer.transposed(plain)]), PRODUCT
        return (plain if matrix.rows else printer.transposed(plain)), ATOM
    if isinstance(matrix, Scalar):
        return printer.piece(sympy.sympify(matrix.value))
    if isinstance(matrix, Indicator):
        return printer.total([], [printer.condition(matrix.condition)], "sum"), ATOM
    if isinstance(matrix, Transpose):
        return printer.transposed(at_least(matrix.of, ATOM)), ATOM
    if isinstance(matrix, Product):
        return printer.matrix_product([at_least(f, POWER) for f in matrix.factors]), PRODUCT
    if isinstance(matrix, Hadamard):
        return printer.hadamard([at_least(f, POWER) for f in matrix.factors]), PRODUCT
    if isinstance(matrix, Diagonal):
        return printer.diagonal(_piece(matrix.of, printer)[0]), ATOM
    if isinstance(matrix, Scaled):
        return _scaled(matrix, printer)
    if isinstance(matrix, Plus):
        return printer.sum_of([(n, at_least(t, PRODUCT)) for n, t in matrix.terms]), SUM
    if isinstance(matrix, Power):
        return _power(matrix, printer)
    if isinstance(matrix, Apply):
        return printer.function(matrix.function, [_piece(matrix.of, printer)[0]]), ATOM
    assert isinstance(matrix, SumOver)
    names = [printer.symbol(axis) for axis in matrix.axes]
    total = printer.total(names, printer.guards(matrix.where), "sum")
    return printer.product([total, at_least(matrix.of, PRODUCT)]), PRODUCT


def _scaled(matrix: Scaled, printer: Formula) -> Piece:
    """Numbers before a matrix; those that divide, beneath it."""
    over: list[str] = []
    under: list[Expr] = []
    negative = False
    for factor in matrix.over:
        if isinstance(factor, Scalar):
            above, below = sympy.fraction(factor.value)
            negative ^= bool(above.could_extract_minus_sign())
            above = -above if above.could_extract_minus_sign() else above
            over += [printer.expression(above, POWER)] if above != 1 else []
            under += [below] if below != 1 else []
        else:
            over.append(printer.bracketed(_piece(factor, printer), POWER))
    inner = _piece(matrix.of, printer)
    looser = POWER if over and isinstance(matrix.of, Hadamard | Plus | SumOver) else PRODUCT
    text = printer.matrix_product([*over, printer.bracketed(inner, looser)])
    found: Piece = (text, PRODUCT if over else inner[1])
    if under:
        below = sympy.Mul(*under)
        found = printer.quotient(found, printer.piece(below), False)
    return (printer.sum_of([(True, printer.bracketed(found, PRODUCT))]), SUM) if negative else found


def _power(matrix: Power, printer: Formula) -> Piece:
    """h ⊙ h for a square of a name: a power of a matrix is something else."""
    if matrix.exponent == 2 and isinstance(matrix.of, Leaf):
        return _piece(Hadamard((matrix.of, matrix.of)), printer)
    return (
        printer.entry_power(printer.bracketed(_piece(matrix.of, printer), ATOM), matrix.exponent),
        POWER,
    )
