"""Where values lie, whatever the data: the interval of each tensor, and of formulas of them.

    z = sigmoid(a)                             0 ≤ z ≤ 1,  so  0 ≤ z (1 − z) ≤ 1/4
    h[t] = (1 − z) g + z h[t−1],  h[−1] = 0    −1 ≤ h ≤ 1  if  −1 ≤ g ≤ 1

What an outermost function gives lies in its interval. A polynomial is largest at a corner of the
box of its arguments if it is linear in each; in one argument, at an end or where its slope is 0.
Nothing is claimed that was not proved: what is not understood lies between −∞ and ∞.
(Moore, Kearfott and Cloud, "Introduction to Interval Analysis", SIAM 2009, chapters 5 and 6.)
"""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache, reduce
from types import MappingProxyType

import sympy
from sympy import Add, Dummy, Expr, Integer, Max, Min, Mul, Piecewise, Poly, Pow, oo

from derive.calculus.statements import Statement
from derive.calculus.step import bound
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Size, Tensor

MOST_CORNERS = 64  # of a box that are looked at one by one

Interval = tuple[Expr, Expr]

ANY: Interval = (-oo, oo)
_ZERO: Interval = (Integer(0), Integer(0))


@lru_cache(maxsize=64)
def intervals(statements: tuple[Statement, ...]) -> Mapping[Tensor, Interval]:
    """Where the entries of every tensor lie that statements write.

    An entry that depends on earlier ones of the same tensor lies where they lead from 0, time and
    again, if that comes to rest.
    """
    written: dict[Tensor, list[Statement]] = {}
    for statement in statements:
        written.setdefault(statement.target.tensor, []).append(statement)
    reads = {t: {a.tensor for s in terms for a in s.reads} for t, terms in written.items()}
    found = dict.fromkeys(written, _ZERO)  # of what no statement writes, an entry is 0
    waiting = list(written)
    for turn in itertools.count(1):
        known = Known(found)
        new = {t: _hull(found[t], _written(known, written[t])) for t in waiting}
        moved = {t: interval for t, interval in new.items() if interval != found[t]}
        if not moved:
            break
        # What has not come to rest when all could have told each other never will.
        late = turn % (len(written) + 2) == 0
        found = found | (dict.fromkeys(moved, ANY) if late else moved)
        waiting = [t for t in written if reads[t] & moved.keys()]
    return MappingProxyType(found)


@dataclass(frozen=True)
class Known:
    """What is known of tensors, and what follows for formulas.

    Attributes
    ----------
    tensors : mapping of Tensor to Interval
        Where their entries lie; others may be anything, unless their declaration says more.
    """

    tensors: Mapping[Tensor, Interval]

    def interval(self, value: Expr) -> Interval:
        """Where a formula lies."""
        box: dict[Dummy, Interval] = {}
        polynomial = self._replaced(sympy.sympify(value), box, {})
        return _interval(polynomial, box)

    def magnitude(self, value: Expr) -> Expr:
        """The least bound of the absolute value that is known; infinite if there is none."""
        return _largest(self.interval(value))

    def _replaced(self, value: Expr, box: dict, seen: dict) -> Expr:
        """The formula as a polynomial of things that lie in a box."""
        if value.is_number:
            return value
        if isinstance(value, Add | Mul) or (
            isinstance(value, Pow) and value.exp.is_Integer and value.exp.is_positive
        ):
            return value.func(*(self._replaced(a, box, seen) for a in value.args))
        if value not in seen:
            seen[value] = dummy = Dummy(real=True)
            box[dummy] = self._leaf(value)
        return seen[value]

    def _leaf(self, value: Expr) -> Interval:
        if isinstance(value, Access):
            tensor = value.tensor
            lies = self.tensors.get(tensor, tensor.interval or ANY)
            return lies if tensor.outside is None else _hull(lies, (tensor.outside,) * 2)
        if isinstance(value, Size):
            return Integer(value.minimum), oo
        if isinstance(value, Piecewise):
            return reduce(_hull, (self.interval(piece) for piece, _ in value.args))  # type: ignore
        inside = [self.interval(a) for a in value.args if isinstance(a, Expr)]
        if isinstance(value, Max | Min):
            lows, highs = zip(*inside, strict=True)
            return value.func(*lows), value.func(*highs)
        row = SCALARS.get(value.func)
        if row is None:
            return ANY
        return inside[0] if row.interval is None else row.interval


def _written(known: Known, terms: Sequence[Statement]) -> Interval:
    """Where the entries lie that statements write."""
    if any(s.op == "first" or (s.op == "add" and bound(s)) for s in terms):
        return ANY
    # A statement may leave an entry alone, which is 0 then.
    lie = [_hull(_ZERO, known.interval(s.value)) for s in terms]
    apart = all(_apart(a, b) for a, b in itertools.combinations(terms, 2))
    return reduce(_hull if apart or terms[0].op != "add" else _sum, lie)


def _apart(one: Statement, other: Statement) -> bool:
    """Whether no entry is written by both: h[−1] and h[t], a[0] and a[1]."""
    pairs = zip(map(_walks, one.target.index), map(_walks, other.target.index), strict=True)
    return any(a[1] < b[0] or b[1] < a[0] for a, b in pairs)


def _walks(index: Expr) -> Interval:
    """Between which numbers an index walks."""
    if isinstance(index, Axis):
        return Integer(0), oo
    return (index, index) if index.is_Integer else ANY


def _interval(value: Expr, box: Mapping[Dummy, Interval]) -> Interval:
    if value.is_number:
        return value, value
    if value in box:
        return box[value]  # type: ignore[index]
    if isinstance(value, Add | Mul):
        groups = _groups(value)
        if len(groups) > 1:
            return reduce(_sum if isinstance(value, Add) else _product,
                          (_interval(value.func(*g), box) for g in groups))  # fmt: skip
    known = _exactly(value, box)
    if known is not None:
        return known
    parts = [_interval(a, box) for a in value.args]
    if isinstance(value, Pow):
        parts = [parts[0]] * int(value.exp)
    return reduce(_sum if isinstance(value, Add) else _product, parts)


def _groups(value: Expr) -> list[list[Expr]]:
    """Terms or factors, those together that have a variable in common."""
    groups: list[list[Expr]] = []
    for part in value.args:
        near = [g for g in groups if any(p.free_symbols & part.free_symbols for p in g)]
        groups = [g for g in groups if g not in near] + [[*itertools.chain(*near), part]]
    return groups


def _exactly(value: Expr, box: Mapping[Dummy, Interval]) -> Interval | None:
    """The interval of a polynomial in a box, where corners and slopes of 0 tell it."""
    names = sorted(value.free_symbols, key=lambda d: d.dummy_index)  # type: ignore[attr-defined]
    if any(end.is_infinite for name in names for end in box[name]):
        return None
    polynomial = Poly(value, *names)
    places = [box[name] for name in names]
    if len(names) == 1:
        low, high = places[0]
        flat = polynomial.diff().real_roots() if polynomial.degree() > 1 else []
        points = [(p,) for p in (low, high, *(r for r in flat if low <= r <= high))]
    elif all(e <= 1 for powers in polynomial.monoms() for e in powers):
        if 2 ** len(names) > MOST_CORNERS:
            return None
        points = list(itertools.product(*places))
    else:
        return None
    values = [polynomial(*point) for point in points]
    return Min(*values), Max(*values)


def _hull(one: Interval, other: Interval) -> Interval:
    return Min(one[0], other[0]), Max(one[1], other[1])


def _sum(one: Interval, other: Interval) -> Interval:
    return one[0] + other[0], one[1] + other[1]


def _product(one: Interval, other: Interval) -> Interval:
    ends = [_times(a, b) for a, b in itertools.product(one, other)]
    return Min(*ends), Max(*ends)


def _times(one: Expr, other: Expr) -> Expr:
    """A product of ends: 0 times whatever is finite is 0, however large that may be."""
    return Integer(0) if 0 in (one, other) else one * other


def _largest(interval: Interval) -> Expr:
    return Max(*(abs(end) for end in interval))


__all__ = ["ANY", "Interval", "Known", "intervals"]
