"""What a case that is not taken sees: an argument of which NumPy does not warn.

    {√x if x > 0; 0 otherwise}      becomes     {√{x if x > 0; 1 otherwise} if x > 0; 0 otherwise}
    {x if x > 0; eˣ otherwise}      becomes     {x if x > 0; exp(min(x, 0)) otherwise}
    {g if x > 0; a·g otherwise}     becomes     g·{1 if x > 0; a otherwise}
    {0 if x > 0; g·x otherwise}     becomes     {0 if x > 0; g otherwise}·min(x, 0)
    {{g if x < 1; 0} if x > 0; 0}   becomes     {g if x > 0 and x < 1; 0 otherwise}

All cases are computed everywhere, and one of them is selected; nothing of the others must be seen,
a warning neither. So what may overflow or be undefined gets a harmless argument where its case is
not taken: 1, or the number that its case begins at (minima are many times as fast as a selection at
random). What is calm stays as it is, and a factor of all cases is none of the cases' business; nor
are, beside 0, the factors that are numbers where it is taken.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sympy
from sympy import Add, Expr, Function, Integer, Mul, Piecewise, Pow
from sympy.logic.boolalg import And, Boolean, Not, Or

from derive.calculus.statements import Statement
from derive.language.order import Order
from derive.language.scalars import BOUNDED, SCALARS, TOTAL, expm1
from derive.language.symbols import Access, Axis, Tensor, entries_in

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
    is_extended_real = True
    is_commutative = True

    @classmethod
    def eval(cls, value: Expr, low: Expr, high: Expr) -> Expr | None:
        """Of a number, a number: SymPy compares it."""
        return sympy.Max(low, sympy.Min(value, high)) if value.is_number else None


@dataclass(frozen=True)
class Harmless:
    """Guards values; `finite` are tensors of which every entry is a finite number, or NaN."""

    order: Order
    finite: frozenset[Tensor] = frozenset()

    def value(self, value: Expr, excluded: Conditions) -> Expr:
        """The same value, but that nothing in it can warn where one of these conditions holds."""
        plain = not value.has(Piecewise) and (not excluded or self.is_calm(value))
        if plain or isinstance(value, Access):
            return value
        if isinstance(value, Piecewise):
            common, value = _factored(value)
            if common != 1:
                return self.value(Mul(common, value, evaluate=False), excluded)
            return self.cases(value, excluded)
        if (bounds := _bounds(excluded)) and value in _between(*bounds):
            return clipped(*bounds)
        parts = [self.value(part, excluded) for part in value.args]
        if excluded:
            harm = self.harmed(value, parts)
            parts = [
                self.guarded(p, value, excluded) if i in harm else p for i, p in enumerate(parts)
            ]
        return self.order.rebuilt(value, parts)

    def cases(self, value: Piecewise, excluded: Conditions) -> Expr:
        """A value with cases, each of them harmless where it is not taken."""
        value = _joined(value)
        cases, earlier = [], excluded
        for piece, condition in value.args:
            here = earlier if condition == sympy.true else (*earlier, Not(condition))
            if Or(*here) != sympy.true:  # else it is never taken
                cases.append((self.value(piece, here), condition))
            earlier = (*earlier, condition)
        result = Piecewise(*cases, evaluate=False)
        return (result.has(spared) and self.beside_zero(value, excluded)) or result

    def beside_zero(self, value: Piecewise, excluded: Conditions) -> Expr | None:
        """One factor with the case of 0, and the others, if these are numbers where it is taken."""
        pieces = list(value.args)
        zeros = [condition for piece, condition in pieces if piece == 0]
        if len(zeros) != 1 or len(pieces) < 2:
            return None
        first = pieces[0][0] == 0
        rest = pieces[1:] if first else pieces[:-1]
        if pieces[-1][1] != sympy.true or any(piece == 0 for piece, _ in rest):
            return None
        compared = set().union(*(entries_in(condition) for _, condition in pieces))
        there = Or(*(condition for _, condition in rest))
        hidden = (*excluded, zeros[0] if first else Not(there))
        bounds = _bounds(hidden)
        within = {side: clipped(*bounds) for side in _between(*bounds)} if bounds else {}
        factors = [set(Mul.make_args(piece)) for piece, _ in rest]
        for carrier in sorted(set.intersection(*factors), key=str):
            if not carrier.has(Access) or not self.is_calm(carrier):
                continue
            others = [((piece / carrier).xreplace(within), c) for piece, c in rest]
            others[-1] = (others[-1][0], sympy.true)
            free = Piecewise(*others, evaluate=False) if len(others) > 1 else others[0][0]
            below = [part for part in Mul.make_args(free) if _is_quotient(part)]
            free = self.value(free / Mul(*below), hidden)
            # What is not compared may be NaN, which 0 does not take away.
            if not entries_in(free) <= compared or free.has(spared) or not self.is_settled(free):
                continue
            zero, taken = (Integer(0), zeros[0]), (carrier, there)
            ends = [zero, (carrier, True)] if first else [taken, (Integer(0), True)]
            return Mul(Piecewise(*ends, evaluate=False), free, *below, evaluate=False)
        return None

    def harmed(self, value: Expr, parts: Sequence[Expr]) -> Sequence[int]:
        """The parts whose numbers may do harm."""
        free = [i for i, part in enumerate(parts) if not self.is_settled(part)]
        if isinstance(value, Add):
            return free[1:]  # one may be infinite beside numbers
        if isinstance(value, Mul):
            ones = [
                part.func is spared or bool(part.is_number and abs(part) <= 1) for part in parts
            ]
            return free[sum(ones) + len(free) == len(parts) :]  # one may be so beside factors of 1
        if _is_entire(value):
            return free
        if isinstance(value, Pow) or _is_partial(value):
            return [i for i, p in enumerate(parts) if p.func is not spared and p.has(Access)]
        return ()  # functions that are defined everywhere, and infinite for infinity at most

    def guarded(self, part: Expr, value: Expr, excluded: Conditions) -> Expr:
        """The part, harmless where one of the conditions holds."""
        bounds = _bounds(excluded)
        if bounds and (isinstance(value, Add | Mul) or _is_entire(value)):
            side, *ends = bounds
            found = part.xreplace({side: clipped(*bounds)})
            numbers = [part.xreplace({side: end}) for end in ends if not end.is_infinite]
            alone = sum(not self.is_bounded(other) for other in value.args) == 1
            # Beside something infinite, 0 would not do.
            if self.is_settled(found) and (
                alone or isinstance(value, Add) or all(n.is_nonzero for n in numbers)
            ):
                return found
        return spared(part, Or(*excluded))

    def is_settled(self, value: Expr) -> bool:
        """Whether the value is a number at least where it is not selected."""
        if isinstance(value, spared | clipped) or self.is_bounded(value):
            return True
        if _is_entire(value):
            return self.is_settled(value.args[0])
        if isinstance(value, Pow) or _is_partial(value):
            return all(part.func is spared or not part.has(Access) for part in value.args)
        if isinstance(value, Piecewise):
            return all(self.is_settled(piece) for piece, _ in value.args)
        return not isinstance(value, Access) and all(map(self.is_settled, value.args))

    def is_bounded(self, value: Expr) -> bool:
        """Whether the value is a finite number whatever the data."""
        if isinstance(value, Access):
            return value.tensor.integer or value.tensor in self.finite
        if isinstance(value, Axis) or not value.has(Access):
            return True
        if isinstance(value, Pow):
            return _is_entire(value) and self.is_bounded(value.base)
        if isinstance(value, Piecewise):
            return all(self.is_bounded(piece) for piece, _ in value.args)
        if value.func in BOUNDED:
            return self.is_calm(value.args[0])
        arithmetic = isinstance(value, Add | Mul | sympy.Max | sympy.Min) or value.func in TOTAL
        return arithmetic and all(map(self.is_bounded, value.args))

    def is_calm(self, value: Expr) -> bool:
        """Whether the value, if not finite, is so without overflow and without being undefined."""
        if isinstance(value, Access | spared | clipped) or self.is_bounded(value):
            return True
        if isinstance(value, Piecewise):
            return all(self.is_calm(piece) for piece, _ in value.args)
        if isinstance(value, Add):
            free = [part for part in value.args if not self.is_bounded(part)]
            return len(free) == 1 and self.is_calm(free[0])
        if isinstance(value, Mul):
            number, rest = value.as_coeff_Mul()
            return number != 1 and 0 < abs(number) <= 1 and self.is_calm(rest)
        extremum = isinstance(value, sympy.Max | sympy.Min)
        return (extremum or value.func in TOTAL) and all(map(self.is_calm, value.args))


def _joined(cases: Piecewise) -> Piecewise:
    """Two conditions one inside the other, beside the same other case, as one."""
    while len(cases.args) == 2:
        (inner, condition), rest = cases.args
        if not isinstance(inner, Piecewise) or len(inner.args) != 2 or inner.args[1] != rest:
            break
        piece, within = inner.args[0]
        both = And(_under(condition, within), _under(within, condition))
        cases = Piecewise((piece, both), rest, evaluate=False)
    return cases


def _under(condition: Boolean, other: Boolean) -> Boolean:
    """A condition where another one holds, by which the lesser of two is known."""
    if not isinstance(other, sympy.Gt | sympy.Ge | sympy.Lt | sympy.Le):
        return condition
    less, greater = other.lts, other.gts
    return condition.xreplace({sympy.Min(less, greater): less, sympy.Max(less, greater): greater})


def _is_quotient(value: Expr) -> bool:
    """Whether something is divided by a number above 0, and 0 by it is 0."""
    under = 1 / value
    return isinstance(under, clipped) and bool(under.args[1].is_positive)


def _between(side: Expr, low: Expr, high: Expr) -> tuple[Expr, ...]:
    """What is a side where that is between two numbers."""
    return side, sympy.Max(side, low), sympy.Min(side, high)


def _bounds(excluded: Conditions) -> tuple[Expr, Expr, Expr] | None:
    """What all of the conditions compare with numbers, and the numbers between which none holds."""
    side, low, high = None, -sympy.oo, sympy.oo
    for condition in (part for whole in excluded for part in Or.make_args(whole)):
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


def finite_tensors(statements: Iterable[Statement], order: Order) -> frozenset[Tensor]:
    """The tensors that are computed, and have no infinite entry whatever the data."""
    writers: dict[Tensor, list[Statement]] = {}
    for statement in statements:
        writers.setdefault(statement.target.tensor, []).append(statement)
    known = Harmless(order)
    while True:
        found = {
            tensor
            for tensor, added in writers.items()
            if all(s.op == "add" and known.is_bounded(s.value) for s in added)
        }
        if found == known.finite:
            return known.finite
        known = Harmless(order, frozenset(found))
