"""What a node of a claim may have been meant to be: another entry, a factor or term less or more.

Each slip has a rank, and the more usual have the lower ones.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import sympy
from sympy import Add, Expr, Integer, Mod, Mul, Piecewise, Pow, Rational, Sum
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import And, Boolean, Or

from derive.calculus.affine import NotAffine, affine
from derive.calculus.lift import free_axes
from derive.claims.line import Line
from derive.claims.pieces import Pieces, Scope
from derive.language.options import Setting
from derive.language.order import Order, operand
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Size, entries_in

# Ranks: the sign of an index or of all, a range, another tensor, a shift, a case, a factor or term
# less, a number, a coefficient, a factor or term more, another piece, a function, an operation.
_SIGN, _RANGE, TENSOR, _SHIFT, _CASE, _LESS = 10, 12, 15, 20, 25, 30
_NUMBER, _COEFFICIENT, _MORE, _OTHER, _FUNCTION, _OPERATION = 35, 38, 40, 45, 50, 60

Rebuild = Callable[[Any], Any]
Change = tuple[int, str, Any, Any, Any]  # rank, words, the old piece, the new one, the node


@dataclass(frozen=True)
class Place:
    """A node of a right side.

    Attributes
    ----------
    node
        An expression or a condition.
    scope : tuple of Axis
        The indices that it may use.
    rebuild : callable
        From what the node becomes to the right side.
    whole : bool
        Whether it is a summand: the right side, a term, the body of a sum, a case.
    """

    node: Any
    scope: Scope
    rebuild: Rebuild
    whole: bool


def slips(place: Place, pieces: Pieces, order: Order, line: Line) -> Iterator[Change]:
    node = place.node
    if isinstance(node, Boolean):
        yield from _conditions(node)
        return
    if isinstance(node, ExprCondPair):
        return
    if isinstance(node, Access):
        yield from _accesses(node, place.scope, pieces, line)
    elif isinstance(node, Sum):
        yield from _ranges(node)
    elif isinstance(node, Piecewise):
        for value, condition in node.args:
            if condition != sympy.true:
                yield _CASE, "without the condition", condition, None, value
    else:
        yield from _nodes(node, pieces, order)
        yield from _slopes(node, place.scope, pieces)
    if place.whole:
        yield from _wholes(node, place.scope, pieces, order, line)
    yield from _functions(node, pieces)


def _exchange(rank: int, old: Any, new: Any) -> Change:
    return rank, "in place of", old, new, new


def _accesses(node: Access, scope: Scope, pieces: Pieces, line: Line) -> Iterator[Change]:
    """Other entries: of the same tensor, of another one at the same index, of any."""
    left = free_axes(line.equation.left)
    for rank, index in indices(node, scope, left):
        yield _exchange(rank, node, Access(node.tensor, *index))
    for tensor in pieces.ends_alike(node.tensor):
        yield _exchange(TENSOR, node, Access(tensor, *node.index))
    for entry in pieces.entries(scope):
        yield _exchange(_OTHER, node, entry)


def indices(node: Access, scope: Scope, left: set[Axis]) -> Iterator[tuple[int, list[Expr]]]:
    index, tensor = [*node.index], node.tensor

    def with_one(position: int, new: Expr) -> list[Expr]:
        return [*index[:position], new, *index[position + 1 :]]

    several = [p for p, i in enumerate(index) if len(i.atoms(Axis)) > 1]
    for kind in (left, {a for i in index for a in i.atoms(Axis)} - left):  # all at once
        turned = [
            sympy.expand(i.xreplace({a: -a for a in i.atoms(Axis) & kind})) if p in several else i
            for p, i in enumerate(index)
        ]
        yield _SIGN, turned
        yield _SIGN, [_flipped(i) if _single(i) in kind else i for i in index]
    for position, place in enumerate(index):
        yield _SIGN, with_one(position, _flipped(place))
        for axis in sorted(place.atoms(Axis), key=str):
            yield _SIGN, with_one(position, sympy.expand(place.xreplace({axis: -axis})))
        for shift in (1, -1):
            yield _SHIFT, with_one(position, place + shift)
        if isinstance(place, Axis):
            for axis in scope:
                if axis.extent == place.extent and axis != place:
                    yield _SHIFT, with_one(position, axis)
        yield from ((_COEFFICIENT, with_one(position, new)) for new in _coefficients(place))
    for one, other in combinations(range(len(index)), 2):
        if tensor.shape[one] == tensor.shape[other]:
            exchanged = [*index]
            exchanged[one], exchanged[other] = index[other], index[one]
            yield _SHIFT, exchanged
    for shift in (1, -1):
        if len(several) > 1:
            yield _SHIFT, [i + shift if p in several else i for p, i in enumerate(index)]


def _single(place: Expr) -> Axis | None:
    axes = place.atoms(Axis)
    return next(iter(axes)) if len(axes) == 1 else None  # type: ignore[return-value]


def _flipped(place: Expr) -> Expr:
    """``u`` for ``U - 1 - u``, and the other way round."""
    axis = _single(place)
    return sympy.expand(place.xreplace({axis: axis.extent - 1 - axis})) if axis else place


def _coefficients(place: Expr) -> Iterator[Expr]:
    """Other multiples of an axis, another constant."""
    try:
        parts = affine(place)
    except NotAffine:
        return
    settings = sorted(place.atoms(Setting), key=str)
    for axis, coefficient in parts.coefficients:
        rest = place - coefficient * axis
        for other in (coefficient + 1, coefficient - 1, *(coefficient / s for s in settings)):
            yield sympy.expand(rest + other * axis)
        yield sympy.expand(rest)
    if parts.constant != 0:
        yield sympy.expand(place - 2 * parts.constant)
        yield sympy.expand(place - parts.constant)
    for size in sorted({a.extent for a in place.atoms(Axis)}, key=str):
        for shift in (size - 1, 1 - size):
            yield sympy.expand(place + shift)


def _ranges(node: Sum) -> Iterator[Change]:
    """A sum that begins, or ends, one earlier or later."""
    function, *limits = node.args
    for number, limit in enumerate(limits):
        index, low, high = limit if len(limit) == 3 else (limit[0], 0, limit[0].extent - 1)
        for ends in ((low - 1, high), (low + 1, high), (low, high + 1), (low, high - 1)):
            others = [*limits]
            others[number] = sympy.Tuple(index, *ends)
            with suppress(ValueError):  # SymPy's, where an axis is not that long
                yield _RANGE, "range", node, (index, *ends), Sum(function, *others)


def _conditions(node: Any) -> Iterator[Change]:
    if isinstance(node, And | Or):
        for argument in node.args:
            rest = node.func(*(a for a in node.args if a != argument))
            yield _CASE, "without the condition", argument, None, rest
        return
    if not isinstance(node, Relational):
        return
    left, right = node.args
    if isinstance(left, Mod):
        inner, modulus = left.args
        for shift in (1, -1):
            yield _exchange(_RANGE, node, node.func(Mod(inner + shift, modulus), right))
    elif not any(not a.tensor.integer for a in entries_in(node)):
        for shift in (1, -1):
            yield _exchange(_RANGE, node, node.func(left + shift, right))
    else:
        strict = {sympy.Gt: sympy.Ge, sympy.Ge: sympy.Gt, sympy.Lt: sympy.Le, sympy.Le: sympy.Lt}
        if node.func in strict:
            yield _exchange(_RANGE, node, strict[node.func](left, right))
    yield _exchange(_CASE, node, ~node)
    for kind in (sympy.Ge, sympy.Le, sympy.Eq):
        yield _exchange(_CASE, node, kind(left, right))


def _nodes(node: Expr, pieces: Pieces, order: Order) -> Iterator[Change]:
    """A term or factor less, the sign of a term, another exponent, number or operation."""
    if isinstance(node, Add | Mul):
        for number, argument in enumerate(node.args):
            yield _LESS, "without", argument, None, _without(node, argument, order)
            if isinstance(node, Add):
                turned = [*node.args[:number], -argument, *node.args[number + 1 :]]
                new = order.rebuilt(node, turned)
                yield _exchange(_SHIFT, node, new)
        yield _exchange(_OPERATION, node, (Mul if isinstance(node, Add) else Add)(*node.args))
    elif isinstance(node, Pow):
        for exponent in (node.exp + 1, node.exp - 1):
            yield _exchange(_SHIFT, node, Pow(node.base, exponent))
        yield _exchange(_NUMBER, node, Pow(node.base, -node.exp))
        yield _exchange(_NUMBER, node, node.base)
    elif node.is_Number:
        for number in (node + 1, node - 1, -node, 2 * node, node / 2):
            yield _exchange(_NUMBER, node, number)


def _without(node: Expr, argument: Any, order: Order) -> Expr:
    """A sum or product with one argument less, the others in order."""
    kept = [*order.arguments(node)]
    if argument not in kept:
        return node.func(*(a for a in node.args if a != argument))
    kept.remove(argument)
    kind = type(node)
    return order.note(kind(*kept), tuple(operand(kind, a) for a in kept))


def _slopes(node: Expr, scope: Scope, pieces: Pieces) -> Iterator[Change]:
    """The slope of a function in place of something, or of two factors: ``y*(1 - y)`` are two."""
    several = [(node, lambda slope: slope)]
    if isinstance(node, Mul):
        for two in combinations(node.args, 2):
            rest = Mul(*(a for a in node.args if a not in two))
            several.append((Mul(*two), lambda slope, rest=rest: rest * slope))
    for slope in pieces.slopes(scope):
        for old, put in several:
            yield _OTHER, "in place of", old, slope, put(slope)


def _functions(node: Any, pieces: Pieces) -> Iterator[Change]:
    """Another function, its slope, or none; a function where there is none."""
    own = pieces.functions
    if node.func in SCALARS:
        (argument,) = node.args
        yield _exchange(_FUNCTION, node, argument)
        for function in (*own, *SCALARS):
            yield _exchange(_FUNCTION, node, function(argument))
            slope = SCALARS[function].derivative(argument, function(argument))
            yield _exchange(_FUNCTION, node, slope)
    elif isinstance(node, Access | Add):
        yield _exchange(_FUNCTION, node, node**2)
        yield _exchange(_FUNCTION, node, 1 - node)
        for function in own:
            yield _exchange(_FUNCTION, node, function(node))
            yield _exchange(_FUNCTION, node, SCALARS[function].derivative(node, function(node)))


def _wholes(node: Expr, scope: Scope, pieces: Pieces, order: Order, line: Line) -> Iterator[Change]:
    """A summand times a number, a size, an entry or a slope; another term; a condition."""

    def times(factor: Any) -> Expr:
        return Mul(node, factor)

    for number in (Integer(-1), Integer(2), Rational(1, 2)):
        yield _SIGN, "times", node, number, times(number)
    sizes = {s for e in line.equations for a in _all_axes(e) for s in a.extent.atoms(Size)}
    sizes |= {s for e in line.equations for s in e.right.atoms(Size)}
    for size in sorted(sizes, key=str):
        for factor in (1 / size, size):
            yield _LESS, "times", node, factor, times(factor)
    settings = {s for o in pieces.known.operation.options for s in o.settings}
    for setting in sorted(settings, key=str):
        yield _MORE, "times", node, setting, times(setting)
    for factor in (*pieces.entries(scope), *pieces.slopes(scope)):
        yield _MORE, "times", node, factor, times(factor)
        yield _OTHER, "plus", node, factor, node + factor
    for term in pieces.terms:
        for part in (term, *_parts(term)):
            if free_axes(part) <= set(scope):
                yield _MORE, "plus", node, part, node + part
    for condition in pieces.conditions(scope):
        yield _MORE, "where", node, condition, Piecewise((node, condition), (0, True))


def _parts(term: Expr) -> Iterator[Expr]:
    """The terms inside a sum."""
    if isinstance(term, Sum) and isinstance(term.args[0], Add):
        yield from (Sum(part, *term.args[1:]) for part in term.args[0].args)
    elif isinstance(term, Add):
        yield from term.args


def _all_axes(equation: Any) -> set[Axis]:
    return equation.left.atoms(Axis) | equation.right.atoms(Axis)
