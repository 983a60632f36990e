"""Integer expressions of sizes, settings and loop indices, as Python integer arithmetic."""

from __future__ import annotations

import sympy
from sympy import Expr, Mul

from derive.errors import DefinitionError
from derive.language.symbols import Access, Axis, Size
from derive.lowering.program import Binary, Literal, Name, Node, Subscript, Unary, call

_COMPARISONS = {sympy.Ge: ">=", sympy.Gt: ">", sympy.Le: "<=", sympy.Lt: "<"}
_COMPARISONS |= {sympy.Eq: "==", sympy.Ne: "!="}


def lower_integer(expression: Expr) -> Node:
    """The value of an integer expression (floors and exact divisions print as ``//``).

    Raises
    ------
    DefinitionError
        For an operation that integers do not have.
    """
    e = sympy.sympify(expression)
    if e.is_Integer:
        return Literal(int(e)) if e >= 0 else Unary("-", Literal(-int(e)))
    if isinstance(e, Access):
        if not e.index:
            return call("int", Name(e.tensor.name))
        return Subscript(Name(e.tensor.name), tuple(lower_integer(i) for i in e.index))
    if isinstance(e, sympy.Symbol | Axis):
        return Name(e.name)
    if isinstance(e, sympy.Add):
        return _sum(e)
    if isinstance(e, Mul):
        return _product(e)
    if isinstance(e, sympy.floor | sympy.ceiling):
        numerator, denominator = sympy.fraction(sympy.together(e.args[0]))
        if isinstance(e, sympy.ceiling):
            return Unary("-", _divide(-numerator, denominator))
        return _divide(numerator, denominator)
    if isinstance(e, sympy.Max | sympy.Min):
        arguments = sorted(e.args, key=lambda a: (bool(a.free_symbols), str(a)))
        return call(
            "max" if isinstance(e, sympy.Max) else "min", *(lower_integer(a) for a in arguments)
        )
    if isinstance(e, sympy.Abs):
        return call("abs", lower_integer(e.args[0]))
    if isinstance(e, sympy.Mod):
        return Binary("%", lower_integer(e.args[0]), lower_integer(e.args[1]))
    if isinstance(e, sympy.Pow) and e.args[1].is_Integer and e.args[1] > 0:
        return Binary("**", lower_integer(e.args[0]), lower_integer(e.args[1]))
    for kind, operator in _COMPARISONS.items():
        if isinstance(e, kind):
            return Binary(operator, lower_integer(e.args[0]), lower_integer(e.args[1]))
    if isinstance(e, sympy.And | sympy.Or):
        word = "and" if isinstance(e, sympy.And) else "or"
        return _chain(word, [lower_integer(a) for a in sorted(e.args, key=str)])
    raise DefinitionError(
        str(e),
        f"{e} cannot be computed with integers",
        remedy="Use +, -, *, floor, ceiling, Min, Max, Mod and comparisons in sizes and indices.",
    )


def _chain(operator: str, nodes: list[Node]) -> Node:
    result = nodes[0]
    for node in nodes[1:]:
        result = Binary(operator, result, node)
    return result


def _key(term: Expr) -> tuple:
    """Positive terms first, numbers last, so that ``H - 1`` is not printed ``-1 + H``."""
    negative = term.could_extract_minus_sign()
    return (bool(term.is_number), negative, not term.has(Axis), not term.has(Size), str(term))


def _sum(e: Expr) -> Node:
    if any(not c.is_Integer for c in (t.as_coeff_Mul()[0] for t in e.args)):
        numerator, denominator = sympy.fraction(sympy.together(e))
        return _divide(numerator, denominator)
    terms = sorted(e.args, key=_key)
    if terms[0].is_number:
        return _chain("+", [lower_integer(t) for t in terms])
    result: Node | None = None
    for term in terms:
        if term.could_extract_minus_sign() and result is not None:
            result = Binary("-", result, lower_integer(-term))
        else:
            node = lower_integer(term)
            result = node if result is None else Binary("+", result, node)
    assert result is not None
    return result


def _product(e: Expr) -> Node:
    numerator, denominator = sympy.fraction(e)
    if denominator != 1:
        return _divide(numerator, denominator)
    coefficient, rest = e.as_coeff_Mul()
    if coefficient == -1:
        return Unary("-", lower_integer(rest))
    factors = [coefficient] if coefficient != 1 else []
    factors += sorted(Mul.make_args(rest), key=lambda f: (f.has(Axis), str(f)))
    return _chain("*", [lower_integer(f) for f in factors])


def _divide(numerator: Expr, denominator: Expr) -> Node:
    if denominator == 1:
        return lower_integer(numerator)
    return Binary("//", lower_integer(numerator), lower_integer(denominator))
