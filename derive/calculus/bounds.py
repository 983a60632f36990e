"""Inequalities that hold at every point of a box, whatever the sizes.

An affine form is smallest at a corner of the box. There it is a polynomial in sizes and settings,
and it is not negative if it is a sum of products of things known not to be: a symbol less its
minimum, an extent of the box less one, and what a floor says of its argument,

    f = floor(num / s)     gives     num - s*f >= 0     and     s*f + s - 1 - num >= 0.

Nothing is ever claimed that was not proved; what cannot be proved is checked at run time.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction
from functools import lru_cache
from typing import Any, cast

import sympy
from sympy import Add, Expr, Integer, Max, Min, Mod, Mul, Pow, Symbol, ceiling, floor

from derive.calculus.affine import NotAffine, affine, axes_in
from derive.calculus.statements import Guard, Statement, accesses
from derive.language.options import Setting
from derive.language.symbols import Access, Axis, Bound, Size, entries_in

# Atoms by number, sorted, repeated for powers; every atom is one that is at least 0, or unsigned.
Monomial = tuple[int, ...]
Polynomial = dict[Monomial, Any]  # integers, or where they must be, fractions, which are slow

_DEPTH = 4  # how many facts one proof may combine; four suffice for every shipped operation
_CORNERS = 64  # corners tried where the sign of a coefficient is unknown


@lru_cache(maxsize=65536)
def nonnegative(expression: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...] = ()) -> bool:
    """Whether `expression` is provably at least 0 at every point of a box.

    Parameters
    ----------
    expression : sympy.Expr
        Affine in the axes, polynomial in sizes and settings; may read integer tensors.
    domain : tuple of Axis
        The box. Inside a box every extent is at least 1.
    where : tuple of Guard
        Conditions that hold besides.

    Returns
    -------
    bool
        False says nothing.
    """
    expression = sympy.sympify(expression)
    marked = [read for read in _read_in(expression) if read.tensor.besides is not None]
    if marked:
        return all(
            nonnegative(e, domain, guards) or excluded(guards, domain)
            for e, guards in _in_turn(marked[0], expression, where)
        )
    return _nonnegative(expression, *_relevant(expression, domain, where))


def excluded(where: tuple[Guard, ...], domain: tuple[Axis, ...]) -> bool:
    """Whether some condition provably holds at no point of a box."""
    signs = {"ge": (-1,), "eq": (1, -1)}
    return any(
        nonnegative(sign * guard.expression - 1, domain)
        for guard in where
        for sign in signs.get(guard.kind, ())
    )


def _in_turn(
    read: Access, expression: Expr, where: tuple[Guard, ...]
) -> Iterator[tuple[Expr, tuple[Guard, ...]]]:
    """The two things that an entry may be: one of the numbers below, or the one besides."""
    tensor = read.tensor
    for meant in (Access(tensor.like(besides=None), *read.index), tensor.besides):
        yield expression.xreplace({read: meant}), tuple(g.substitute({read: meant}) for g in where)


def _read_in(expression: Expr) -> list[Access]:
    return sorted(entries_in(expression), key=str)


def _relevant(
    expression: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...]
) -> tuple[tuple[Axis, ...], tuple[Guard, ...]]:
    """The axes and conditions that can say something of an expression: a proof tries them all."""
    axes, kept = axes_in((expression,)), []
    for guard in where:
        named = axes_in((guard.expression, guard.modulus))
        if named & axes or not named:
            kept.append(guard)
    known = _mentioned([expression, *(g.expression for g in kept)])
    return tuple(a for a in domain if a in known or _mentioned([a.extent]) & known), tuple(kept)


def _mentioned(expressions: Iterable[Expr]) -> set[Symbol]:
    """Every symbol, those of formulas and of the bounds of entries included."""
    found: set[Symbol] = set()
    waiting = list(expressions)
    while waiting:
        expression = sympy.sympify(waiting.pop())
        new = {*expression.free_symbols, *expression.atoms(Axis)} - found
        found |= new
        waiting += [s.extent for s in new if isinstance(s, Axis | Bound)]
        waiting += [s.formula for s in new if isinstance(s, Size) and s.formula is not None]
        below = (read.tensor.below for read in accesses(expression))
        waiting += [b for b in below if b is not None and not b.free_symbols <= found]
    return found


@lru_cache(maxsize=65536)
def _nonnegative(expression: Expr, domain: tuple[Axis, ...], where: tuple[Guard, ...]) -> bool:
    try:
        forms = list(_weakened(expression, where))
        # Most bounds need no fact about the box; looking for facts first would cost the time.
        return any(_on_box(e, ()) for e in forms) or any(_on_box(e, domain) for e in forms)
    except (NotAffine, _NotPolynomial):
        return False


def inside(access: Access, domain: tuple[Axis, ...], where: tuple[Guard, ...] = ()) -> bool:
    """Whether every index of `access` is provably within its tensor."""
    tensor = access.tensor
    return all(
        nonnegative(index - first, domain, where)
        and nonnegative(first + extent - 1 - index, domain, where)
        for index, extent, first in zip(access.index, tensor.shape, tensor.offset, strict=True)
    )


def disjoint(one: Statement, other: Statement) -> bool:
    """Whether two statements provably write different entries of one tensor."""
    apart = {axis: Axis(axis.name + "_", axis.extent) for axis in other.domain}
    domain = (*one.domain, *apart.values())
    for left, right in zip(one.target.index, other.target.index, strict=True):
        difference = left - right.xreplace(apart)
        if nonnegative(difference - 1, domain) or nonnegative(-difference - 1, domain):
            return True
    return False


def decided(expression: Expr) -> Expr:
    """min(floor((H - 1)/k), floor((H - k)/k))  →  floor((H - k)/k)

    Minima without what is provably never the least.
    """
    return expression.replace(Min, lambda *arguments: Min(*_least(arguments)))


def _least(arguments: tuple[Expr, ...]) -> list[Expr]:
    kept = list(arguments)
    for one in arguments:
        if any(one is not other and _at_most(other, one) for other in kept):
            kept.remove(one)
    return kept


def _at_most(one: Expr, other: Expr) -> bool:
    """Whether it is provably at most the other; both may be divided by numbers above 0."""
    under = {sympy.fraction(sympy.together(f.args[0]))[1] for f in (other - one).atoms(floor)}
    scale = Mul(*sorted(under, key=str))
    return bool(scale.is_positive) and nonnegative(sympy.expand((other - one) * scale), ())


def _weakened(expression: Expr, where: tuple[Guard, ...]) -> Iterator[Expr]:
    """Forms each of which, if at least 0 on the box, makes `expression` so within the guards."""
    known = [g.expression for g in where if g.kind in ("ge", "eq")]
    known += [-g.expression for g in where if g.kind == "eq"]
    yield expression
    for i, one in enumerate(known):
        yield expression - one
        for other in known[i:]:
            yield expression - one - other


def _on_box(expression: Expr, domain: tuple[Axis, ...]) -> bool:
    facts = _Facts(domain)
    form = affine(expression)
    constant: Any = form.constant
    runs: list[tuple[Any, Any]] = [(c, cast(Axis, a).extent - 1) for a, c in form.coefficients]
    for read in accesses(constant):  # an entry of an integer tensor: any number below
        if read.tensor.below is not None and read.tensor.besides is None:
            hidden = Symbol("entry")
            plain = _coefficient(constant.xreplace({read: hidden}), hidden)
            runs.append((plain, read.tensor.below - 1))
            constant = constant.xreplace({read: Integer(0)})
    corners = [facts.polynomial(constant)]
    for coefficient, last in runs:
        slope = facts.polynomial(coefficient)
        far = _product(slope, facts.polynomial(last))
        if facts.proves(slope):
            continue
        if facts.proves(_scaled(slope, -1)):
            corners = [_sum(corner, far) for corner in corners]
        else:
            corners += [_sum(corner, far) for corner in corners]
        if len(corners) > _CORNERS:
            return False
    return all(facts.proves(corner) for corner in corners)


def _coefficient(expression: Any, symbol: Symbol) -> Any:
    """The coefficient of a symbol in an expression that is affine in it."""
    expression = sympy.expand(expression)
    coefficient = expression.coeff(symbol, 1)
    if (expression - coefficient * symbol).has(symbol) or coefficient.has(symbol):
        raise NotAffine(f"{expression} is not affine in {symbol}")
    return coefficient


class _NotPolynomial(ValueError):
    """The expression has a part about which nothing can be known."""


@dataclass
class _Facts:
    """What is known of the symbols: a number for each atom, and polynomials that are >= 0."""

    domain: tuple[Axis, ...]
    atoms: dict[Expr, Polynomial] = field(default_factory=dict)
    signed: list[bool] = field(default_factory=list)
    known: list[Polynomial] = field(default_factory=list)
    failed: set[tuple[frozenset, int]] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.bare = {axis.extent for axis in self.domain}
        for extent in sorted(self.bare, key=str):
            fact = _sum(self.polynomial(extent), {(): -1})
            if _negative(fact, self.signed):
                self.known.append(fact)

    def polynomial(self, expression: Any) -> Polynomial:
        """Write an expression in atoms that are at least 0, where a minimum is known."""
        if expression.is_Rational:
            value = _ratio(int(expression.p), int(expression.q))
            return {(): value} if value else {}
        if expression in self.atoms:
            return self.atoms[expression]
        if isinstance(expression, Add):
            total: Polynomial = {}
            for term in expression.args:
                total = _sum(total, self.polynomial(term))
            return total
        if isinstance(expression, Mul):
            result: Polynomial = {(): 1}
            for factor in expression.args:
                result = _product(result, self.polynomial(factor))
            return result
        if isinstance(expression, Pow) and expression.exp.is_Integer and expression.exp > 0:
            return self.polynomial(Mul(*[expression.base] * int(expression.exp), evaluate=False))
        self.atoms[expression] = found = self.atom(expression)
        return found

    def atom(self, expression: Any) -> Polynomial:
        """A new atom, with the facts that come with it."""
        if isinstance(expression, Size):
            return self.size(expression)
        if isinstance(expression, Setting):
            return self.new(expression.minimum)
        if isinstance(expression, Bound):
            found = self.new(0)
            gap = _sum(self.polynomial(expression.extent), _scaled(found, -1))
            self.known.append(gap)
            return found
        if isinstance(expression, floor | ceiling):
            return self.rounded(expression, self.new(None))
        if isinstance(expression, Max | Min):
            extremum, sign = self.new(None), 1 if isinstance(expression, Max) else -1
            for argument in expression.args:
                gap = _sum(extremum, _scaled(self.polynomial(argument), -1))
                self.known.append(_scaled(gap, sign))
            return extremum
        if isinstance(expression, Mod):
            modulus = self.polynomial(expression.args[1])
            if expression.is_integer and self.proves(_sum(modulus, {(): -1})):
                rest = self.new(0)
                self.known.append(_sum(modulus, _scaled(_sum(rest, {(): 1}), -1)))
                return rest
        if isinstance(expression, Symbol) and not isinstance(expression, Axis):
            return self.new(0 if expression.is_nonnegative else None)
        raise _NotPolynomial(str(expression))

    def size(self, size: Size) -> Polynomial:
        least = max(size.minimum, 1) if size in self.bare else size.minimum
        if size.formula is None:
            return self.new(least)
        constant, rest = size.formula.as_coeff_Add()
        if isinstance(rest, floor | ceiling) and constant.is_Integer:
            found = self.new(least)
            value = _sum(found, {(): -int(constant)})
            self.atoms[size], self.atoms[rest] = found, value
            self.rounded(rest, value)
            return found
        found = self.polynomial(size.formula)
        fact = _sum(found, {(): -least})
        if _negative(fact, self.signed):
            self.known.append(fact)
        return found

    def rounded(self, expression: Any, value: Polynomial) -> Polynomial:
        """`value` is the floor (or ceiling) of a quotient of integers."""
        sign = 1 if isinstance(expression, floor) else -1
        numerator, denominator = _fraction(expression)
        if not (numerator.is_integer and denominator.is_integer):
            return value
        try:
            num, den = self.polynomial(numerator), self.polynomial(denominator)
        except _NotPolynomial:
            return value
        if not self.proves(_sum(den, {(): -1})):
            return value
        if self.proves(_scaled(num, sign)):
            self.known.append(value)
        rest = _sum(num, _scaled(_product(den, value), -sign))  # num - den * floor
        self.known.append(rest)
        self.known.append(_sum(_sum(den, {(): -1}), _scaled(rest, -1)))
        return value

    def new(self, minimum: int | None) -> Polynomial:
        self.signed.append(minimum is not None)
        atom: Polynomial = {(len(self.signed) - 1,): 1}
        return _sum(atom, {(): minimum}) if minimum else atom

    def proves(self, goal: Polynomial, depth: int = _DEPTH) -> bool:
        """Whether `goal` is a sum of products of things known to be at least 0."""
        negative = _negative(goal, self.signed)
        if not negative:
            return True
        attempt = frozenset(goal.items()), depth
        if depth == 0 or attempt in self.failed:
            return False
        # Some fact must pay for each negative term; begin with the one of the highest degree.
        term = max(negative, key=lambda m: (len(m), m))
        for fact in self.known:
            for paying, coefficient in fact.items():
                if coefficient * goal[term] <= 0:
                    continue
                factor = _quotient(term, paying)
                if factor is None or not all(self.signed[a] for a in factor):
                    continue
                multiple = _product(fact, {factor: _ratio(goal[term], coefficient)})
                if self.proves(_sum(goal, _scaled(multiple, -1)), depth - 1):
                    return True
        self.failed.add(attempt)
        return False


@lru_cache(maxsize=4096)
def _fraction(rounded: Any) -> tuple[Any, Any]:
    """What a floor rounds, as numerator and denominator; negated for a ceiling."""
    sign = 1 if isinstance(rounded, floor) else -1
    numerator, denominator = sympy.fraction(sympy.together(rounded.args[0] * sign))
    return sympy.expand(numerator), sympy.expand(denominator)


def _negative(polynomial: Polynomial, signed: list[bool]) -> list[Monomial]:
    """Terms that may be negative."""
    return [
        monomial
        for monomial, coefficient in polynomial.items()
        if coefficient < 0 or not all(signed[atom] for atom in monomial)
    ]


def _ratio(whole: Any, part: Any) -> Any:
    """A quotient, an integer where it is one."""
    quotient, rest = divmod(whole, part)
    return Fraction(whole) / part if rest else quotient


def _sum(left: Polynomial, right: Polynomial) -> Polynomial:
    total = dict(left)
    for monomial, coefficient in right.items():
        value = total.pop(monomial, 0) + coefficient
        if value:
            total[monomial] = value
    return total


def _scaled(polynomial: Polynomial, factor: int) -> Polynomial:
    return {monomial: coefficient * factor for monomial, coefficient in polynomial.items()}


def _product(left: Polynomial, right: Polynomial) -> Polynomial:
    result: Polynomial = {}
    for m, a in left.items():
        for n, b in right.items():
            key = tuple(sorted(m + n))
            value = result.pop(key, 0) + a * b
            if value:
                result[key] = value
    return result


def _quotient(dividend: Monomial, divisor: Monomial) -> Monomial | None:
    """The monomial that is left, or None if `divisor` does not divide."""
    rest = list(dividend)
    for atom in divisor:
        if atom not in rest:
            return None
        rest.remove(atom)
    return tuple(rest)
