"""What a case that is not taken sees: 1, where NumPy would warn of it.

    {√x  if x > 0;  0 otherwise}     becomes     {√{x if x > 0; 1 otherwise}  if x > 0;  0 otherwise}

All cases are computed everywhere, and one of them is selected; nothing of the others must be seen,
a warning neither. So what may overflow or be undefined gets 1 for its argument where its case is
not taken, and what is calm stays as it is.
"""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Integer, Mul, Piecewise, Pow
from sympy.logic.boolalg import Boolean, Not, Or

from derive.language.scalars import BOUNDED, SCALARS, TOTAL
from derive.language.symbols import Access, Axis


def harmless(value: Expr, excluded: tuple[Boolean, ...] = ()) -> Expr:
    """The same value, but that nothing in it can warn where one of these conditions holds."""
    if not value.has(Piecewise) and (not excluded or is_calm(value)):
        return value
    if isinstance(value, Access):
        return value
    if isinstance(value, Piecewise):
        cases, earlier = [], excluded
        for piece, condition in value.args:
            here = earlier if condition == sympy.true else (*earlier, Not(condition))
            cases.append((harmless(piece, here), condition))
            earlier = (*earlier, condition)
        return Piecewise(*cases, evaluate=False)
    parts = [harmless(part, excluded) for part in value.args]
    if not excluded or is_calm(value):
        return value.func(*parts)
    if isinstance(value, Add | Mul):
        # One summand may be infinite beside numbers; no factor may, be it beside 0.
        free = [i for i, part in enumerate(value.args) if not is_bounded(part)]
        for i in free[isinstance(value, Add) :]:
            parts[i] = _spared(parts[i], excluded)
        return value.func(*parts)
    if isinstance(value, Pow) or value.func in SCALARS and value.func not in TOTAL:
        parts[0] = _spared(parts[0], excluded)
        if isinstance(value, Pow) and not is_bounded(value.args[1]):
            parts[1] = _spared(parts[1], excluded)
    return value.func(*parts)


def _spared(value: Expr, excluded: tuple[Boolean, ...]) -> Expr:
    """1 instead of the value where a condition holds."""
    return Piecewise((Integer(1), Or(*excluded)), (value, True), evaluate=False)


def is_bounded(value: Expr) -> bool:
    """Whether the value is a finite number whatever the data."""
    if isinstance(value, Access):
        return value.tensor.integer
    if isinstance(value, Axis) or not value.has(Access):
        return True
    if isinstance(value, Pow):
        base, exponent = value.args
        return bool(exponent.is_Integer and exponent > 0) and is_bounded(base)
    if isinstance(value, Piecewise):
        return all(is_bounded(piece) for piece, _ in value.args)
    if value.func in BOUNDED:
        return is_calm(value.args[0])
    arithmetic = isinstance(value, Add | Mul | sympy.Max | sympy.Min) or value.func in TOTAL
    return arithmetic and all(map(is_bounded, value.args))


def is_calm(value: Expr) -> bool:
    """Whether the value, if not finite, is so without overflowing and without being undefined."""
    if isinstance(value, Access) or is_bounded(value):
        return True
    if isinstance(value, Piecewise):
        return all(is_calm(piece) for piece, _ in value.args)
    if isinstance(value, Add):
        free = [part for part in value.args if not is_bounded(part)]
        return len(free) == 1 and is_calm(free[0])
    if isinstance(value, Mul):
        number, rest = value.as_coeff_Mul()
        return number != 1 and 0 < abs(number) <= 1 and is_calm(rest)
    return (isinstance(value, sympy.Max | sympy.Min) or value.func in TOTAL) and all(
        map(is_calm, value.args)
    )
