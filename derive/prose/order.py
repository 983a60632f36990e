"""The order of terms and sides that nobody wrote, before they look like anything."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Piecewise, Pow

from derive.calculus.statements import Guard, Statement
from derive.calculus.step import PartialDerivative, factors
from derive.language.numbers import decimal
from derive.language.options import Setting
from derive.language.symbols import Access, Axis, Size


def by_target(terms: Sequence[Statement]) -> list[tuple[Access, list[Statement]]]:
    """Statements that write the same entry, together."""
    groups: dict[Access, list[Statement]] = {}
    for term in terms:
        groups.setdefault(term.target, []).append(term)
    return list(groups.items())


def ordered_terms(e: Expr, place: dict[Any, int]) -> list[tuple[bool, Expr]]:
    """Terms with their signs: positive first, indices before sizes, numbers last.

    A size and its number stay together: ``U - 1 - u`` and ``h + u - (U - 1)``.
    """
    terms = [signed(t) for t in Add.make_args(collected(e))]
    indexed = any(isinstance(s, Axis) for s in e.free_symbols)
    number = next((t for t in terms if t[1].is_Integer), None)
    lone = [t for t in terms if isinstance(t[1], Size) and number and t[0] != number[0]]
    beside = lone[0] if indexed and len(lone) == 1 else None
    if beside and beside[0]:  # h - U + 1
        terms = [t for t in terms if t not in (beside, number)]
        terms.append((True, Add(beside[1], -number[1], evaluate=False)))  # type: ignore[index]
        beside = None

    def key(term: tuple[bool, Expr]) -> tuple[int, int, str]:
        value = term[1]
        if value.is_number:
            return (-1 if beside else 3), 0, ""
        if value.has(Access):
            return 0, 0, str(value)
        moving = [s for s in value.free_symbols if isinstance(s, Axis)]
        if moving:
            return 0, min(place.get(s, 99) for s in moving), min(map(str, moving))
        return (2 if term == beside else 1), int(not isinstance(value, Size)), str(value)

    return sorted((t for t in terms if not t[0]), key=key) + sorted(
        (t for t in terms if t[0]), key=key
    )


def collected(e: Expr) -> Expr:
    """``d*u - d*U + d`` becomes ``-d*(U - 1 - u)``: a setting in several terms is factored out."""
    terms = list(Add.make_args(e))
    for setting in sorted((s for s in e.free_symbols if isinstance(s, Setting)), key=str):
        shared = [t for t in terms if t == setting or (t.is_Mul and setting in t.args)]
        if len(shared) < 2:
            continue
        inner = Add(*(t / setting for t in shared))
        sized = [
            t for t in Add.make_args(inner) if any(isinstance(s, Size) for s in t.free_symbols)
        ]
        leading = sized or [t for t in Add.make_args(inner) if not t.is_number]
        sign = -1 if leading and all(signed(t)[0] for t in leading) else 1
        inner = sympy.expand(sign * inner)
        terms = [t for t in terms if t not in shared]
        terms.append(Mul(*(-1,) * (sign < 0), setting, inner, evaluate=False))
    return Add(*terms, evaluate=False) if len(terms) > 1 else terms[0]


def sides(e: Expr, alone: bool = False) -> tuple[Expr, Expr]:
    """``e`` as a difference of two sums without minus signs; entries stand alone on the left, and
    if `alone` is said, so does an index."""
    terms = Add.make_args(e)
    entries = Add(*(t for t in terms if t.has(Access)))
    if entries != 0:
        sign = -1 if entries.could_extract_minus_sign() else 1
        return sign * entries, sign * (entries - e)
    moving = [t for t in terms if t.has(Axis)]
    if len(moving) == 1 and isinstance(signed(moving[0])[1], Axis) and alone:
        negative, axis = signed(moving[0])
        return axis, axis + e if negative else axis - e
    left = Add(*(t for t in terms if not signed(t)[0]))
    return left, left - e


def delta_sides(guard: Guard, term: Statement) -> tuple[Expr, Expr]:
    """The two indices of a delta: the target's own on the left, or an entry of integers."""
    if guard.expression.has(Access):
        return sides(guard.expression)
    own = [
        i for i in term.target.index
        if i.free_symbols & guard.expression.free_symbols and not i.is_number
    ]  # fmt: skip
    for index in own:
        if not (guard.expression - index).free_symbols & index.free_symbols:
            return index, sympy.expand(index - guard.expression)
        if not (guard.expression + index).free_symbols & index.free_symbols:
            return index, sympy.expand(index + guard.expression)
    return sides(guard.expression)


def signed(e: Expr) -> tuple[bool, Expr]:
    """Whether a minus stands before `e`, and `e` without it."""
    if e.is_Mul and e.args[0].is_number and e.args[0].is_negative:
        first = -e.args[0]  # type: ignore[operator]
        rest = e.args[1:] if first == 1 else (first, *e.args[1:])
        return True, Mul(*rest, evaluate=False) if len(rest) > 1 else rest[0]  # type: ignore
    if e.is_number and e.is_negative:
        return True, -e
    return False, e


def split_cases(value: Expr) -> tuple[Expr, list[Any]]:
    """What a value is where it is not 0, and when: f and a > 0 for ``f if a > 0; 0 otherwise``."""
    plain, conditions = [], []
    for factor in factors(value):
        if isinstance(factor, Piecewise) and factor.args[1:] == ((0, True),):
            inner, condition = factor.args[0]  # type: ignore[misc]
            factor, more = split_cases(inner)
            conditions += [condition, *more]
        plain.append(factor)
    return (Mul(*plain), conditions) if conditions else (value, [])


def divides(e: Expr) -> bool:
    return any((isinstance(f, Pow) and f.exp.is_negative) or _is_quotient(f) for f in factors(e))


def is_decimal(e: Expr) -> bool:
    """Whether a number is easier to read with its digits than as a quotient: 0.001, but 1/3."""
    return bool(e.is_Rational and e.q > 100 and e.q % 5 == 0 and decimal(e))  # type: ignore


def _is_quotient(e: Expr) -> bool:
    return bool(e.is_Rational and not e.is_Integer and not is_decimal(e))


def over_number(e: Add) -> bool:
    """Whether all of a sum of indices stands over one number, as in (H − 1)/2."""
    return not e.has(Access) and any(
        _is_quotient(f) for t in e.args for f in factors(t)  # type: ignore
    )


def is_range(low: Guard, high: Guard) -> bool:
    if low.kind != "ge" or high.kind != "ge":
        return False
    if not any(isinstance(s, Axis) for s in low.expression.free_symbols):
        return False
    last = sympy.expand(low.expression + high.expression)
    return not any(isinstance(s, Axis) for s in last.free_symbols) and not last.has(Access)


def chained(partials: Sequence[Access]) -> list[Access]:
    """Partial derivatives so that each begins where the one before it ends: ∂h/∂a · ∂a/∂x."""

    def halves(access: Any) -> tuple[Access, Access]:
        tensor, index = access.tensor, access.index
        split = tensor.of.rank
        return Access(tensor.of, *index[:split]), Access(tensor.by, *index[split:])

    ends = {halves(p)[1] for p in partials}
    starts = {halves(p)[0]: p for p in partials}
    found = [p for start, p in starts.items() if start not in ends]
    while found and (after := starts.get(halves(found[-1])[1])) is not None:
        found.append(after)
    return found if len(found) == len(partials) else list(partials)


def names_points(target: Access) -> bool:
    """Whether each point of the box writes an entry of its own, its index being the target's."""
    if isinstance(target.tensor, PartialDerivative):
        return True  # also of a diagonal alone: the other entries are 0
    axes = [i for i in target.index if isinstance(i, Axis)]
    moving = [i for i in target.index if any(isinstance(s, Axis) for s in i.free_symbols)]
    shifted = all(
        len([s for s in i.free_symbols if isinstance(s, Axis)]) == 1 and not i.has(Access)
        for i in moving
    )
    offset = all(isinstance(i, Axis) or any(o for o in target.tensor.offset) for i in moving)
    return shifted and offset and len(set(axes)) == len(axes)
