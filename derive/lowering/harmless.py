"""What a case that is not taken sees: an argument of which NumPy does not warn.

    {√x if x > 0; 0 otherwise}      becomes     {√{x if x > 0; 1 otherwise} if x > 0; 0 otherwise}
    {x if x > 0; eˣ otherwise}      becomes     {x if x > 0; exp(min(x, 0)) otherwise}
    {g if x > 0; a·g otherwise}     becomes     g·{1 if x > 0; a otherwise}

All cases are computed everywhere, and one of them is selected; nothing of the others must be seen,
a warning neither. So what may overflow or be undefined gets a harmless argument where its case is
not taken: 1, or the number that its case begins at (minima are many times as fast as a selection at
random). What is calm stays as it is, and a factor of all cases is none of the cases' business.
"""

from __future__ import annotations

from collections.abc import Sequence

import sympy
from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow
from sympy.logic.boolalg import Boolean, Not, Or

from derive.language.order import Order
from derive.language.scalars import BOUNDED, SCALARS, TOTAL, expm1
from derive.language.symbols import Access, Axis

Conditions = tuple[Boolean, ...]

# Finite wherever their argument is, unless they overflow: any number is harmless for them.
_ENTIRE = {sympy.exp, expm1, sympy.sinh, sympy.cosh, sympy.sin, sympy.cos}


class spared(Function):
    """The value, but 1 where the condition holds; unlike a `Piecewise`, powers stay outside."""

    nargs = 2
    is_extended_real = True  # SymPy would ask the condition, too, which is no number
    is_commutative = True


class clipped(Function):
    """The value between two numbers; beyond them, another case is taken."""

    nargs = 3


def harmless(value: Expr, excluded: Conditions, order: Order) -> Expr:
    """The same value, but that nothing in it can warn where one of these conditions holds."""
    plain = not value.has(Piecewise) and (not excluded or is_calm(value))
    if plain or isinstance(value, Access):
        return value
    if isinstance(value, Piecewise):
        common, value = _factored(value)
        if common != 1:
            return harmless(Mul(common, value, evaluate=False), excluded, order)
        cases, earlier = [], excluded
        for piece, condition in value.args:
            here = earlier if condition == sympy.true else (*earlier, Not(condition))
            if Or(*here) != sympy.true:  # else it is never taken
                cases.append((harmless(piece, here, order), condition))
            earlier = (*earlier, condition)
        return Piecewise(*cases, evaluate=False)
    if (bounds := _bounds(excluded)) and value == bounds[0]:
        return clipped(*bounds)
    parts = [harmless(part, excluded, order) for part in value.args]
    if excluded:
        harm = _harmed(value, parts)
        parts = [_spared(p, value, excluded) if i in harm else p for i, p in enumerate(parts)]
    return order.rebuilt(value, parts)


def _harmed(value: Expr, parts: Sequence[Expr]) -> Sequence[int]:
    """The parts whose numbers may do harm."""
    free = [i for i, part in enumerate(parts) if not is_settled(part)]
    if isinstance(value, Add):
        return free[1:]  # one may be infinite beside numbers
    if isinstance(value, Mul):
        ones = [part.func is spared or bool(part.is_number and abs(part) <= 1) for part in parts]
        return free[sum(ones) + len(free) == len(parts) :]  # one may be so beside factors of 1
    if _is_entire(value):
        return free
    if isinstance(value, Pow) or _is_partial(value):
        return [i for i, part in enumerate(parts) if part.func is not spared and part.has(Access)]
    return ()  # functions that are defined everywhere, and infinite for infinity at most


def _spared(part: Expr, value: Expr, excluded: Conditions) -> Expr:
    """The part, harmless where one of the conditions holds."""
    bounds = _bounds(excluded)
    if bounds and (isinstance(value, Add | Mul) or _is_entire(value)):
        side, low, high = bounds
        found = part.xreplace({side: clipped(side, low, high)})
        if is_settled(found):
            return found
    return spared(part, Or(*excluded))


def _bounds(excluded: Conditions) -> tuple[Expr, Expr, Expr] | None:
    """What all of the conditions compare with numbers, and the numbers between which none holds."""
    side, low, high = None, -sympy.oo, sympy.oo
    for condition in excluded:
        if not isinstance(condition, sympy.Gt | sympy.Ge | sympy.Lt | sympy.Le):
            return None
        greater, less = condition.gts, condition.lts
        here = less if greater.has(Access) is False else greater
        bound = greater if here is less else less
        if bound.has(Access, Axis) or (side is not None and here != side):
            return None
        side = here
        # Where `here` is the greater one it is excluded above.
        low, high = (low, bound) if here is greater else (bound, high)
    return None if side is None else (side, low, high)


def _factored(cases: Piecewise) -> tuple[Expr, Piecewise]:
    """What all cases have as a factor, and the rest of them; of 0, numbers alone are factors."""
    pieces = [piece for piece, _ in cases.args]
    factors = [set(Mul.make_args(piece)) for piece in pieces if piece != 0]
    shared = set.intersection(*factors) if factors else set()
    shared = {f for f in shared if f.has(Access) or not f.is_number}
    if Integer(0) in pieces or cases.args[-1][1] != sympy.true:
        shared = {f for f in shared if not f.has(Access)}
    common = Mul(*sorted(shared, key=str))
    if common == 1:
        return common, cases
    # Left out, not divided by: SymPy does not see that exp(u)*exp(-u) is 1.
    rest = [
        (Mul(*(f for f in Mul.make_args(piece) if f not in shared)), condition)
        for piece, condition in cases.args
    ]
    return common, Piecewise(*rest, evaluate=False)


def _is_partial(value: Expr) -> bool:
    """Whether it is a function that is undefined somewhere, or overflows."""
    return value.func in SCALARS and value.func not in TOTAL


def _is_entire(value: Expr) -> bool:
    if isinstance(value, Pow):
        return bool(value.exp.is_Integer and value.exp > 0)
    return value.func in _ENTIRE


def is_settled(value: Expr) -> bool:
    """Whether the value is a number at least where it is not selected."""
    if isinstance(value, spared | clipped) or is_bounded(value):
        return True
    if _is_entire(value):
        return is_settled(value.args[0])
    if isinstance(value, Pow) or _is_partial(value):
        return all(part.func is spared or not part.has(Access) for part in value.args)
    if isinstance(value, Piecewise):
        return all(is_settled(piece) for piece, _ in value.args)
    return not isinstance(value, Access) and all(map(is_settled, value.args))


def is_bounded(value: Expr) -> bool:
    """Whether the value is a finite number whatever the data."""
    if isinstance(value, Access):
        return value.tensor.integer
    if isinstance(value, Axis) or not value.has(Access):
        return True
    if isinstance(value, Pow):
        return _is_entire(value) and is_bounded(value.base)
    if isinstance(value, Piecewise):
        return all(is_bounded(piece) for piece, _ in value.args)
    if value.func in BOUNDED:
        return is_calm(value.args[0])
    arithmetic = isinstance(value, Add | Mul | sympy.Max | sympy.Min) or value.func in TOTAL
    return arithmetic and all(map(is_bounded, value.args))


def is_calm(value: Expr) -> bool:
    """Whether the value, if not finite, is so without overflowing and without being undefined."""
    if isinstance(value, Access | spared | clipped) or is_bounded(value):
        return True
    if isinstance(value, Piecewise):
        return all(is_calm(piece) for piece, _ in value.args)
    if isinstance(value, Add):
        free = [part for part in value.args if not is_bounded(part)]
        return len(free) == 1 and is_calm(free[0])
    if isinstance(value, Mul):
        number, rest = value.as_coeff_Mul()
        return number != 1 and 0 < abs(number) <= 1 and is_calm(rest)
    extremum = isinstance(value, sympy.Max | sympy.Min)
    return (extremum or value.func in TOTAL) and all(map(is_calm, value.args))
