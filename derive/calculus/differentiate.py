"""The derivative of a scalar expression, from the table of scalar functions alone.

SymPy's own `diff` is not used: it turns maxima into Heaviside functions and evaluates ties to 3/2.
Of equal arguments of ``Max`` or ``Min`` one has the whole derivative: the first in the order in
which the author wrote them, whichever variable is asked for. At 0, ``Max(x, 0)`` has the derivative
1 and ``Max(0, x)`` has 0.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache

from sympy import (
    Add,
    And,
    Dummy,
    Eq,
    Expr,
    Gt,
    Integer,
    Max,
    Min,
    Mul,
    Piecewise,
    Pow,
    Symbol,
    log,
)

from derive.calculus.conditions import joined
from derive.errors import DefinitionError
from derive.language.order import Order
from derive.language.scalars import SCALARS, step
from derive.language.symbols import Access


def partial(value: Expr, access: Access, order: Order) -> Expr:
    """The derivative of `value` by one entry of a tensor, all other entries being constant.

    Integers are no variables: where one stands in an index, it says which entry is meant.

    Parameters
    ----------
    value, access
        What is differentiated, and by what.
    order : Order
        In which order arguments of maxima and minima were written.

    Raises
    ------
    DefinitionError
        If `value` contains a function that is not in the table.
    """
    if access.tensor.integer:
        return Integer(0)
    written = tuple((e, order.arguments(e)) for e in _extrema(value))
    return _partial(value, access, written)


@lru_cache(maxsize=4096)  # who depends on whom is asked before the adjoint is written
def _partial(
    value: Expr, access: Access, written: tuple[tuple[Expr, tuple[Expr, ...]], ...]
) -> Expr:
    symbol = Symbol(str(access), real=True)  # named so that it keeps its place among others
    renamed = {access: symbol}
    arguments = {e.xreplace(renamed): [a.xreplace(renamed) for a in own] for e, own in written}
    slope = _derivative(value.xreplace(renamed), symbol, arguments).xreplace({symbol: access})
    return joined(with_cases(slope) if has_pole(slope) else slope)


def has_pole(slope: Expr) -> bool:
    """Whether a slope may be infinite: a root has such a one at 0, and a logarithm."""
    return any(p.base.has(Access) and not p.exp.is_nonnegative for p in slope.atoms(Pow))


def with_cases(slope: Expr) -> Expr:
    """The slope with each step as a case, where something may be infinite: the slope of ``relu`` is
    0 at 0 and below whatever stands beside it, and 0 times infinity is none."""
    if isinstance(slope, Add):
        return Add(*map(with_cases, slope.args))
    if isinstance(slope, Piecewise):
        return Piecewise(*((with_cases(piece), condition) for piece, condition in slope.args))
    factors = Mul.make_args(slope)
    steps = [f for f in factors if f.as_base_exp()[0].func is step]
    if not steps:
        return slope
    rest = Mul(*(f for f in factors if f not in steps))
    above = And(*(Gt(f.as_base_exp()[0].args[0], 0) for f in steps))
    return Piecewise((with_cases(rest), above), (0, True))


@lru_cache(maxsize=4096)  # asked of a value for each entry that it reads
def _extrema(value: Expr) -> tuple[Expr, ...]:
    return tuple(sorted(value.atoms(Max, Min), key=str))


def extrema(value: Expr, access: Access) -> tuple[Expr, ...]:
    """The maxima and minima on which the derivative of `value` by an entry depends."""
    found = []
    for extremum in _extrema(value):
        whole = Dummy()
        outer = value.xreplace({extremum: whole})
        others = {e: [*e.args] for e in _extrema(outer)}
        if extremum.has(access) and _derivative(outer, whole, others) != 0:
            found.append(extremum)
    return tuple(found)


Arguments = Mapping[Expr, Sequence[Expr]]  # of maxima and minima, as they were written


def _derivative(value: Expr, x: Symbol, written: Arguments) -> Expr:
    if value == x:
        return Integer(1)
    if x not in value.free_symbols:
        return Integer(0)
    if isinstance(value, Add):
        return Add(*(_derivative(term, x, written) for term in value.args))
    if isinstance(value, Mul):
        return Add(
            *(
                Mul(*value.args[:i], _derivative(factor, x, written), *value.args[i + 1 :])
                for i, factor in enumerate(value.args)
            )
        )
    if isinstance(value, Pow):
        return _power(value, x, written)
    if isinstance(value, Piecewise):
        return Piecewise(*((_derivative(piece, x, written), c) for piece, c in value.args))
    if isinstance(value, Max | Min):
        return _extremum(value, x, written)
    row = SCALARS.get(value.func)
    if row is None:
        raise DefinitionError(
            str(value.func),
            f"the function {value.func} is not in the table of scalar functions",
            remedy="Write it with the functions of derive.language.scalars, or add a row there.",
        )
    (argument,) = value.args
    return row.derivative(argument, value) * _derivative(argument, x, written)


def _power(value: Pow, x: Symbol, written: Arguments) -> Expr:
    """``b*a**(b-1)*a' + a**b*log(a)*b'``, also at 0: there ``a**0`` is 1 and has the slope 0, and
    ``0**b`` has the slope 0."""
    base, exponent = value.args
    by_base, by_exponent = (_derivative(part, x, written) for part in value.args)
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


def _extremum(value: Expr, x: Symbol, written: Arguments) -> Expr:
    """The whole derivative goes to one argument: of equal ones, to the first as written."""
    arguments = written[value]
    beats = (lambda a, b: a >= b) if isinstance(value, Max) else (lambda a, b: a <= b)
    passes = (lambda a, b: a > b) if isinstance(value, Max) else (lambda a, b: a < b)
    result: Expr = Integer(0)
    for i, chosen in enumerate(arguments):
        slope = _derivative(chosen, x, written)
        if slope == 0:
            continue
        conditions = [passes(chosen, other) for other in arguments[:i]]
        conditions += [beats(chosen, other) for other in arguments[i + 1 :]]
        for condition in conditions:
            slope = Piecewise((slope, condition), (0, True))
        result += slope
    return result
