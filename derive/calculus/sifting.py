"""The rules that turn a scatter into the form people know, one function each.

A rule takes one statement and returns it rewritten, with the reason, or None where it does not
apply. None of them knows an operation; each keeps the value of the statement at every point, which
`tests/calculus/test_sifting.py` evaluates.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace

import sympy
from sympy import Expr, Integer

from derive.calculus.affine import affine
from derive.calculus.bounds import excluded, inside, nonnegative
from derive.calculus.normal import divided, fraction, index_form, index_forms, put, sign_of, tidy
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import Becomes, Equal, Phrase, bound, every_access, free_axes, listing
from derive.language.options import Setting
from derive.language.symbols import Access, Axis, Tensor

Rewritten = tuple[Statement, Phrase] | None


def sift_bare(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σₙ δ(n', n) f(n)  →  f(n')        both indices run over the same axis"""
    return _sift(term, outputs, _bare)


def sift_unit(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σₚ δ(h, p + d·u − P) f(p)  →  f(h + P − d·u)    if 0 ≤ h + P − d·u < extent of p

    Among several such indices one of the output's is taken, so that taps remain to be summed.
    """
    return _sift(term, outputs, _unit)


def sift_multiple(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σₚ δ(h, s·p + u) f(p)  →  f((h − u)/s)    if s divides h − u, in the range of p

    The division is exact. Without its condition the result would be wrong for every s > 1.
    """
    return _sift(term, outputs, _multiple)


def keep_residual(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σₜ δ(r, token[t]) f(t)  →  Σ f(t) over the t with token[t] = r

    What cannot be solved for an index stays as a condition: the sum runs over a preimage.
    """
    left = [g for g in term.where if g.kind == "eq"]
    if not left:
        return None
    words = "the sum runs over the indices with " if bound(term) else "its term counts only where "
    return term, (words, *listing(left))


def drop_implied(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """a sum over u < U with the condition 0 ≤ U − 1 − u  →  the sum alone"""
    where = tuple(g for g in term.where if not _implied(g, term.domain))
    if where == term.where:
        return None
    return replace(term, where=where), ("the ranges of the indices imply them",)


def absorb(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σ ȳ[h − u] over the u with 0 ≤ h − u < P  →  Σ ȳ[h − u], ȳ being 0 outside

    Only if what else is read stays within its tensor, or may be read outside it.
    """
    where = list(term.where)
    zero: list[Tensor] = []
    for guard in term.where:
        if guard.kind != "ge":
            continue
        for access in vanishing(term):
            others = tuple(g for g in where if g is not guard)
            if _implied_by_reading(guard, access, term.domain) and _readable(term, access, others):
                where.remove(guard)
                zero.append(access.tensor)
                break
    if not zero:
        return None
    words = ("0 is read outside the range of ", *listing(dict.fromkeys(zero)))
    return replace(term, where=tuple(where)), words


def flip(term: Statement, outputs: frozenset[Tensor]) -> Rewritten:
    """Σᵤ ȳ[h + P − u] w[u]  →  Σᵤ ȳ[h + P − (U−1) + u] w[U−1−u]        u → U − 1 − u

    Afterwards an index of the image rises as the tap rises, which is a correlation. Where the taps
    are numbered by integers, that order stays.
    """
    if any(g.expression.has(Access) for g in term.where):
        return None
    flipped = []
    for tap in bound(term):
        signs = [
            sign_of(form.coefficient(tap))
            for access in every_access(term)
            for form in index_forms(access)
            if form.coefficient(tap) != 0
            and any(sign_of(form.coefficient(a)) == 1 for a in free_axes(term))
        ]
        if -1 in signs and 1 not in signs and None not in signs:
            flipped.append(Becomes(tap, tap.extent - 1 - tap))
    if not flipped:
        return None
    return put(term, {f.old: f.new for f in flipped}), listing(flipped)


def specialise(term: Statement, values: dict[Expr, Expr]) -> Statement:
    """s | h − u and y[(h − u)/s]  →  y[h − u]        for s = 1"""
    narrowed = {a: Axis(a.label, a.extent.xreplace(values)) for a in term.domain}
    narrowed = {a: b for a, b in narrowed.items() if a != b}
    return put(term.substitute(narrowed), values)


def possible(term: Statement) -> bool:
    """Whether its conditions are not known to exclude every point, be it together."""
    for guard in term.where:
        if guard.kind == "indivisible" and _divides(guard):
            return False
        others = tuple(g for g in term.where if g is not guard)
        if guard.kind == "ge" and nonnegative(-guard.expression - 1, term.domain, others):
            return False
    return not excluded(term.where, term.domain)


def decided(terms: Iterable[Statement]) -> list[Statement]:
    """The terms that are possible, without conditions that hold at every point."""
    return [
        replace(term, where=tuple(g for g in term.where if not _implied(g, term.domain)))
        for term in terms
        if possible(term)
    ]


def unit_moduli(terms: Iterable[Statement]) -> dict[Expr, Expr]:
    """The settings that a division is by, each with the value 1."""
    found = [g.modulus for t in terms for g in t.where if g.kind == "divides"]
    return {m: Integer(1) for m in dict.fromkeys(found) if isinstance(m, Setting)}


Choice = tuple[Guard, Axis, Expr, tuple[Guard, ...]]
Choose = Callable[[Statement, frozenset[Tensor]], Choice | None]


def _sift(term: Statement, outputs: frozenset[Tensor], choose: Choose) -> Rewritten:
    """Solve deltas for bound indices, one after the other, as long as `choose` finds one."""
    solved: dict[Expr, Expr] = {}
    while (choice := choose(term, outputs)) is not None:
        delta, axis, solution, ranges = choice
        rest = tuple(g for g in term.where if g is not delta)
        domain = tuple(a for a in term.domain if a != axis)
        term = put(replace(term, domain=domain, where=rest), {axis: solution})
        term = replace(term, where=term.where + ranges)
        solved = {a: tidy(e.xreplace({axis: solution})) for a, e in solved.items()}
        solved[axis] = solution
    if not solved:
        return None
    equal = listing(Equal(axis, solution) for axis, solution in solved.items())
    return term, (*equal, *_turning(solved, bound(term)))


def _turning(solved: dict[Expr, Expr], summed: tuple[Axis, ...]) -> Phrase:
    """That one index falls as another grows, which is why a kernel turns round."""
    pairs = [
        (tap, axis)
        for axis, solution in solved.items()
        for tap in summed
        if affine(solution).coefficient(tap).is_negative
    ]
    if not pairs:
        return ()
    taps, falling = (tuple(dict.fromkeys(side)) for side in zip(*pairs, strict=True))
    return ("; as ", *listing(taps), " grow" + "s" * (len(taps) == 1), ", ", *listing(falling),
            " fall" + "s" * (len(falling) == 1))  # fmt: skip


def _bare(term: Statement, outputs: frozenset[Tensor]) -> Choice | None:
    for delta, axis, coefficient, rest in _solvable(term, outputs):
        solution = tidy(-rest / coefficient) if abs(coefficient) == 1 else None
        if isinstance(solution, Axis):
            same = solution.extent == axis.extent
            return delta, axis, solution, () if same else _range(axis, solution)
    return None


def _unit(term: Statement, outputs: frozenset[Tensor]) -> Choice | None:
    for delta, axis, coefficient, rest in _solvable(term, outputs):
        if abs(coefficient) == 1:
            solution = tidy(-rest / coefficient)
            return delta, axis, solution, _range(axis, solution)
    return None


def _multiple(term: Statement, outputs: frozenset[Tensor]) -> Choice | None:
    for delta, axis, coefficient, rest in _solvable(term, outputs):
        sign = sign_of(coefficient)
        if sign in (1, -1):
            step, number = coefficient * sign, tidy(-rest * sign)
            ranges = (
                Guard("divides", number, step),
                Guard("ge", number),
                Guard("ge", tidy(step * (axis.extent - 1) - number)),
            )
            return delta, axis, number / step, ranges
    return None


def _range(axis: Axis, solution: Expr) -> tuple[Guard, ...]:
    return Guard("ge", solution), Guard("ge", tidy(axis.extent - 1 - solution))


def _solvable(
    term: Statement, outputs: frozenset[Tensor]
) -> Iterator[tuple[Guard, Axis, Expr, Expr]]:
    """Deltas and bound indices in them, with coefficient and rest; an output's indices first.

    What is selected among bound indices alone (where a maximum lies) is no index to solve for.
    """
    summed = bound(term)
    own = set(free_axes(term))
    of_output = {
        s for access in every_access(term) if access.tensor in outputs for s in access.free_symbols
    }
    ordered = sorted(summed, key=lambda a: a not in of_output)
    for delta in sorted(term.where, key=lambda g: g.expression.has(Access)):
        form = index_form(delta.expression) if delta.kind == "eq" else None
        if form is None or (form.reads and not own.intersection(form.iterators)):
            continue
        for axis in ordered:
            coefficient = form.coefficient(axis)
            rest = delta.expression - coefficient * axis
            if coefficient != 0 and axis not in tidy(rest).free_symbols:
                yield delta, axis, coefficient, rest


def vanishing(term: Statement) -> list[Access]:
    """Entries that make the value 0 where they are read outside their tensor."""
    return [
        access
        for access in every_access(term)
        if access.tensor.outside == 0 and term.value.xreplace({access: Integer(0)}) == 0
    ]


def _implied(guard: Guard, domain: tuple[Axis, ...]) -> bool:
    if guard.kind == "ge":
        return nonnegative(guard.expression, domain)
    if guard.kind == "eq":
        return tidy(guard.expression) == 0
    return guard.kind == "divides" and _divides(guard)


def _divides(guard: Guard) -> bool:
    return not divided(sympy.expand(guard.expression / guard.modulus))


def _implied_by_reading(guard: Guard, access: Access, domain: tuple[Axis, ...]) -> bool:
    """Whether the guard holds wherever the access is inside its tensor."""
    tensor = access.tensor
    for index, extent, first in zip(access.index, tensor.shape, tensor.offset, strict=True):
        number, step = fraction(index - first, Integer(1))
        facts = (number, tidy(step * (extent - 1) - number))
        if any(tidy(guard.expression - fact) == 0 for fact in facts):
            return True
        same = guard.expression.free_symbols & set(domain) == number.free_symbols & set(domain)
        known = tuple(Guard("ge", fact) for fact in facts)
        if same and nonnegative(guard.expression, domain, known):
            return True
    return False


def _readable(term: Statement, zero: Access, where: tuple[Guard, ...]) -> bool:
    """Whether everything but `zero` can be read at every point of the box within the guards."""
    return all(
        access == zero
        or access.tensor.outside is not None
        or inside(access, term.domain, tuple(g for g in where if g.kind == "ge"))
        for access in every_access(term)
    )
