"""Lines that differ from a claim in one place, the more usual slips first.

Where an edit is made decides which indices are at hand; what is made there, `derive.claims.slips`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import chain, combinations, islice
from typing import Any

import sympy
from sympy import Add, Mod, Piecewise, Pow, Sum, nan, oo, zoo
from sympy.core.relational import Relational

from derive.calculus.lift import free_axes
from derive.claims.line import Line
from derive.claims.pieces import Pieces, Scope
from derive.claims.slips import TENSOR, Place, Rebuild, indices, slips
from derive.language.claim import Cotangent, Derivative
from derive.language.maximum import Maximum
from derive.language.operation import Equation
from derive.language.options import Setting
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Size, entries_in

_ABSURD = (nan, zoo, oo, -oo)
_TWO, _PAIRS = 90, 1500  # two tensors exchanged at once


@dataclass(frozen=True)
class Edit:
    """A line with one edit.

    Attributes
    ----------
    rank : int
        The lower, the more usual the slip.
    words : str
        What was done: "in place of", "both", "without", "times", "plus", "range", ...
    old, new
        The piece that was there, and what is there now.
    line : Line
        What the claim becomes.
    """

    rank: int
    words: str
    old: Any
    new: Any
    line: Line


def edits(line: Line, pieces: Pieces, order: Order) -> list[Edit]:
    """Every line that differs from a claim in one place, each once."""
    found: dict[tuple[Equation, ...], Edit] = {line.equations: Edit(-1, "", None, None, line)}
    exchanged: list[tuple[Access, Access]] = []
    for number, equation in enumerate(line.equations):
        scope = tuple(sorted(free_axes(equation.left), key=str))
        if equation.scatter:
            scope = tuple(sorted(set(scope) | free_axes(equation.right), key=str))
        for edit in chain(
            _at_nodes(line, number, scope, pieces, order),
            _everywhere(line, number, scope, pieces, order),
            _of_targets(line, number, scope),
        ):
            before = found.setdefault(edit.line.equations, edit)
            if edit.rank < before.rank:
                found[edit.line.equations] = edit
            if number == 0 and edit.rank == TENSOR:
                exchanged.append((edit.old, edit.new))
    del found[line.equations]
    # Of equal ranks, what the derivation reads as well is the likelier.
    derived = {a for term in pieces.terms for a in entries_in(term)}
    singles = sorted(found.values(), key=lambda e: (e.rank, e.new not in derived))
    return [*singles, *_pairs(line, exchanged, order)]


def _at_nodes(
    line: Line, number: int, scope: Scope, pieces: Pieces, order: Order
) -> Iterator[Edit]:
    """One node is another one."""
    for place in _places(line.equations[number].right, scope, order, lambda new: new, True):
        for rank, words, old, new, node in slips(place, pieces, order, line):
            with suppress(TypeError, ValueError, AttributeError):  # SymPy's, of what has no sense
                right = place.rebuild(node)
                if not right.has(*_ABSURD):
                    yield Edit(rank, words, old, new, line.with_right(number, right))


def _everywhere(
    line: Line, number: int, scope: Scope, pieces: Pieces, order: Order
) -> Iterator[Edit]:
    """One entry is another one wherever it stands, in conditions as well."""
    right = line.equations[number].right
    for read in sorted(entries_in(right), key=str):
        new = [(rank, Access(read.tensor, *i)) for rank, i in indices(read, scope, set(scope))]
        new += [(TENSOR, Access(t, *read.index)) for t in pieces.ends_alike(read.tensor)]
        for rank, other in new:
            changed = line.with_right(number, order.put(right, {read: other}))
            yield Edit(rank, "in place of", read, other, changed)


def _of_targets(line: Line, number: int, scope: Scope) -> Iterator[Edit]:
    """What is added is added elsewhere."""
    equation = line.equations[number]
    if equation.scatter and number == 0:
        for rank, index in indices(equation.left, scope, set()):
            new = Access(equation.left.tensor, *index)
            changed = Line(replace(equation, left=new), line.where)
            yield Edit(rank, "in place of", equation.left, new, changed)


def _pairs(line: Line, exchanged: list[tuple[Access, Access]], order: Order) -> Iterator[Edit]:
    """Two tensors exchanged for others."""
    several = sorted(dict.fromkeys(exchanged), key=lambda pair: sum(map(_is_slope, pair)))
    pairs = ((one, other) for one, other in combinations(several, 2) if one[0] != other[0])
    for (one, new), (other, newer) in islice(pairs, _PAIRS):
        right = order.put(line.equation.right, {one: new, other: newer})
        yield Edit(_TWO, "both", (one, other), (new, newer), line.with_right(0, right))


def _is_slope(entry: Access) -> bool:
    return isinstance(entry.tensor, Cotangent | Derivative)


# ---- where -----------------------------------------------------------------------------------


def _places(
    value: Any, scope: Scope, order: Order, rebuild: Rebuild, whole: bool
) -> Iterator[Place]:
    """The nodes of an expression, outer ones first; inside entries there are none."""
    yield Place(value, scope, rebuild, whole)
    if isinstance(value, Access | Axis) or not value.args:
        return
    if isinstance(value, Sum | Maximum):
        function, *limits = value.args
        inner = (*scope, *(limit[0] for limit in limits))
        yield from _places(
            function, inner, order,
            lambda new: rebuild(order.rebuilt(value, (new, *limits))), isinstance(value, Sum),
        )  # fmt: skip
        return
    whole_parts = isinstance(value, Add) and whole
    if isinstance(value, Piecewise):
        for number, pair in enumerate(value.args):

            def case(new: Any, part: int, number: int = number, pair: Any = pair) -> Any:
                args = list(value.args)
                args[number] = (new, pair.args[1]) if part == 0 else (pair.args[0], new)
                return rebuild(Piecewise(*args))

            yield from _places(pair.args[0], scope, order, lambda n, c=case: c(n, 0), whole)
            if pair.args[1] != sympy.true:
                yield from _places(pair.args[1], scope, order, lambda n, c=case: c(n, 1), False)
        return
    for number, argument in enumerate(value.args):
        if isinstance(value, Pow) and number == 1:
            continue
        if isinstance(value, Relational | Mod | Size | Setting):
            continue

        def with_argument(new: Any, number: int = number) -> Any:
            args = [*value.args[:number], new, *value.args[number + 1 :]]
            return rebuild(order.rebuilt(value, args))

        yield from _places(argument, scope, order, with_argument, whole_parts)
