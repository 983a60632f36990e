"""The derivative of a scalar expression, from the table of scalar functions alone.

SymPy's own `diff` is not used: it turns maxima into Heaviside functions and evaluates ties to 3/2.
"""

from __future__ import annotations

from functools import lru_cache

from sympy import Add, Eq, Expr, Integer, Max, Min, Mul, Piecewise, Pow, Symbol, log

from derive.errors import DefinitionError
from derive.language.scalars import SCALARS
from derive.language.symbols import Access


@lru_cache(maxsize=4096)  # who depends on whom is asked before the adjoint is written
def partial(value: Expr, access: Access) -> Expr:
    """The derivative of `value` by one entry of a tensor, all other entries being constant.

    Raises
    ------
    DefinitionError
        If `value` contains a function that is not in the table.
    """
    symbol = Symbol(str(access), real=True)  # named so that it keeps its place among others
    return _derivative(value.xreplace({access: symbol}), symbol).xreplace({symbol: access})


def _derivative(value: Expr, x: Symbol) -> Expr:
    if value == x:
        return Integer(1)
    if x not in value.free_symbols:
        return Integer(0)
    if isinstance(value, Add):
        return Add(*(_derivative(term, x) for term in value.args))
    if isinstance(value, Mul):
        return Add(
            *(
                Mul(*value.args[:i], _derivative(factor, x), *value.args[i + 1 :])
                for i, factor in enumerate(value.args)
            )
        )
    if isinstance(value, Pow):
        return _power(value, x)
    if isinstance(value, Piecewise):
        return Piecewise(*((_derivative(piece, x), condition) for piece, condition in value.args))
    if isinstance(value, Max | Min):
        return _extremum(value, x)
    row = SCALARS.get(value.func)
    if row is None:
        raise DefinitionError(
            str(value.func),
            f"the function {value.func} is not in the table of scalar functions",
            remedy="Write it with the functions of derive.language.scalars, or add a row there.",
        )
    (argument,) = value.args
    return row.derivative(argument, value) * _derivative(argument, x)


def _power(value: Pow, x: Symbol) -> Expr:
    """``b*a**(b-1)*a' + a**b*log(a)*b'``, also at 0: there ``a**0`` is 1 and has the slope 0, and
    ``0**b`` has the slope 0."""
    base, exponent = value.args
    by_base, by_exponent = _derivative(base, x), _derivative(exponent, x)
    result: Expr = Integer(0)
    if by_base != 0:
        less = exponent - 1
        if exponent.is_zero is not False:
            less = Piecewise((0, Eq(exponent, 0)), (less, True))
        result += exponent * base**less * by_base
    if by_exponent != 0:
        if base.is_zero is not False:
            base = Piecewise((1, Eq(base, 0)), (base, True))
        result += value * log(base) * by_exponent
    return result


def _extremum(value: Expr, x: Symbol) -> Expr:
    """The whole derivative goes to one argument; on a tie to a constant first, else in order."""
    arguments = sorted(value.args, key=lambda a: (a.has(Access, x), str(a)))
    beats = (lambda a, b: a >= b) if isinstance(value, Max) else (lambda a, b: a <= b)
    passes = (lambda a, b: a > b) if isinstance(value, Max) else (lambda a, b: a < b)
    result: Expr = Integer(0)
    for i, chosen in enumerate(arguments):
        slope = _derivative(chosen, x)
        if slope == 0:
            continue
        conditions = [passes(chosen, other) for other in arguments[:i]]
        conditions += [beats(chosen, other) for other in arguments[i + 1 :]]
        for condition in conditions:
            slope = Piecewise((slope, condition), (0, True))
        result += slope
    return result
