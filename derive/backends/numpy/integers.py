"""Integer expressions of sizes, settings and indices: Python's numbers, or arrays of them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import Expr, Mul

from derive.backends.numpy.tree import Binary, Literal, Name, Node, Subscript, Unary, call, numpy
from derive.errors import DefinitionError
from derive.language.symbols import Access, Axis, Size

_COMPARISONS = {sympy.Ge: ">=", sympy.Gt: ">", sympy.Le: "<=", sympy.Lt: "<"}
_COMPARISONS |= {sympy.Eq: "==", sympy.Ne: "!="}


def lower_integer(expression: Expr | int) -> Node:
    """The value of an integer expression (floors and exact divisions print as ``//``).

    Raises
    ------
    DefinitionError
        For an operation that integers do not have.
    """
    return Integers().lower(expression)


@dataclass(frozen=True)
class Integers:
    """Lowers integer expressions.

    Parameters
    ----------
    array : callable, optional
        The array that an entry or an index stands for, or None where it is a number by then.
        Without it, everything is a number.
    """

    array: Callable[[Expr], Node | None] | None = None

    def lower(self, expression: Expr | int) -> Node:
        e = sympy.sympify(expression)
        if e.is_Integer:
            return Literal(int(e)) if e >= 0 else Unary("-", Literal(-int(e)))
        if self.array and isinstance(e, Access | Axis):
            found = self.array(e)
            if found is not None:
                return found
        if isinstance(e, Access):
            if not e.index:
                return call("int", Name(e.tensor.name))
            places = (i - o for i, o in zip(e.index, e.tensor.offset, strict=True))
            return Subscript(Name(e.tensor.name), tuple(map(self.lower, places)))
        if isinstance(e, sympy.Symbol | Axis):
            return Name(e.name)
        if isinstance(e, sympy.Add):
            return self.sum(e)
        if isinstance(e, Mul):
            return self.product(e)
        if isinstance(e, sympy.floor | sympy.ceiling):
            numerator, denominator = sympy.fraction(sympy.together(e.args[0]))
            if isinstance(e, sympy.ceiling):
                return Unary("-", self.divide(-numerator, denominator))
            return self.divide(numerator, denominator)
        if isinstance(e, sympy.Max | sympy.Min):
            arguments = sorted(e.args, key=lambda a: (bool(a.free_symbols), str(a)))
            return self.extremum(isinstance(e, sympy.Max), [self.lower(a) for a in arguments])
        if isinstance(e, sympy.Abs):
            return call("abs", self.lower(e.args[0]))
        if isinstance(e, sympy.Mod):
            return Binary("%", self.lower(e.args[0]), self.lower(e.args[1]))
        if isinstance(e, sympy.Pow) and e.args[1].is_Integer and e.args[1] > 0:
            return Binary("**", self.lower(e.args[0]), self.lower(e.args[1]))
        for kind, operator in _COMPARISONS.items():
            if isinstance(e, kind):
                return Binary(operator, self.lower(e.args[0]), self.lower(e.args[1]))
        if isinstance(e, sympy.And | sympy.Or):
            word = "and" if isinstance(e, sympy.And) else "or"
            return _chain(word, [self.lower(a) for a in sorted(e.args, key=str)])
        raise DefinitionError(
            str(e),
            f"{e} cannot be computed with integers",
            remedy="Use +, -, *, floor, ceiling, Min, Max, Mod and comparisons in sizes and "
            "indices.",
        )

    def extremum(self, largest: bool, nodes: list[Node]) -> Node:
        if self.array is None:
            return call("max" if largest else "min", *nodes)
        result = nodes[0]
        for node in nodes[1:]:
            result = numpy("maximum" if largest else "minimum", result, node)
        return result

    def sum(self, e: Expr) -> Node:
        if any(not c.is_Integer for c in (t.as_coeff_Mul()[0] for t in e.args)):
            numerator, denominator = sympy.fraction(sympy.together(e))
            return self.divide(numerator, denominator)
        terms = sorted(e.args, key=_key)
        if terms[0].is_number:
            return _chain("+", [self.lower(t) for t in terms])
        result: Node | None = None
        for term in terms:
            if term.could_extract_minus_sign() and result is not None:
                result = Binary("-", result, self.lower(-term))
            else:
                node = self.lower(term)
                result = node if result is None else Binary("+", result, node)
        assert result is not None
        return result

    def product(self, e: Expr) -> Node:
        numerator, denominator = sympy.fraction(e)
        if denominator != 1:
            return self.divide(numerator, denominator)
        coefficient, rest = e.as_coeff_Mul()
        if coefficient == -1:
            return Unary("-", self.lower(rest))
        factors = [coefficient] if coefficient != 1 else []
        factors += sorted(Mul.make_args(rest), key=lambda f: (f.has(Axis), str(f)))
        return _chain("*", [self.lower(f) for f in factors])

    def divide(self, numerator: Expr, denominator: Expr) -> Node:
        if denominator == 1:
            return self.lower(numerator)
        return Binary("//", self.lower(numerator), self.lower(denominator))


def _chain(operator: str, nodes: list[Node]) -> Node:
    result = nodes[0]
    for node in nodes[1:]:
        result = Binary(operator, result, node)
    return result


def _key(term: Expr) -> tuple:
    """Positive terms first, numbers last, so that ``H - 1`` is not printed ``-1 + H``."""
    negative = term.could_extract_minus_sign()
    return (bool(term.is_number), negative, not term.has(Axis), not term.has(Size), str(term))
