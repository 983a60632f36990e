"""Boxes of entries that hold something: what is known of a tensor at a place in a program.

A box is a least and a largest index for each dimension, in sizes and in the axes of loops around;
all entries between them are written. Neighbours are joined to one, and what round t of a loop sets
at t, the rounds before it have set at all places from the loop's start to t - 1.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache

from sympy import Expr, expand
from sympy.logic.boolalg import Boolean

from derive.calculus.bounds import nonnegative
from derive.calculus.statements import Guard
from derive.language.symbols import Axis, Tensor
from derive.program.grammar import ZERO, Present, Wanted


@dataclass(frozen=True)
class Test:
    """A condition on sizes and settings."""

    condition: Boolean


Held = tuple[Wanted | Present | Test, bool]  # a condition, and whether it holds
Span = tuple[Expr, Expr]  # a least and a largest index
Shift = Mapping[Expr, Expr]


@dataclass(frozen=True)
class Scope:
    """Where a block stands: axes that are bound, what is known of them, and conditions."""

    axes: tuple[Axis, ...] = ()
    where: tuple[Guard, ...] = ()
    held: tuple[Held, ...] = ()

    def within(self, *where: Guard) -> Scope:
        return replace(self, where=(*self.where, *where))

    def at_least(self, a: Expr, b: Expr) -> bool:
        """Whether it is known that a is at least b."""
        gap = _gap(a, b)
        return gap >= 0 if gap.is_Integer else nonnegative(gap, self.axes, self.where)  # type: ignore


@lru_cache(maxsize=65536)
def _gap(larger: Expr, smaller: Expr) -> Expr:
    return expand(larger - smaller)


@dataclass(frozen=True)
class Box:
    """Entries that are written, under some conditions; without bounds, all of them."""

    bounds: tuple[Span, ...] | None
    held: tuple[Held, ...] = ()

    def contains(self, other: Box, scope: Scope) -> bool:
        if self.bounds is None or other.bounds is None:
            return self.bounds is None
        return all(map(_wraps, self.bounds, other.bounds, (scope,) * len(self.bounds)))

    def without(self, held: Held) -> Box:
        """The same entries under fewer conditions."""
        return replace(self, held=tuple(h for h in self.held if h != held))

    def joined(self, other: Box, dimension: int, scope: Scope) -> Box | None:
        """This box and one that goes on where it ends, as far as both are equally wide."""
        if self.bounds is None or other.bounds is None:
            return None
        (low, high), (start, stop) = self.bounds[dimension], other.bounds[dimension]
        grows = scope.at_least(start, low) and scope.at_least(stop, high)
        if not grows or not scope.at_least(high + 1, start):
            return None
        bounds = list(self.bounds)
        for d, pair in enumerate(zip(self.bounds, other.bounds, strict=True)):
            small = [a for a, b in (pair, pair[::-1]) if _wraps(b, a, scope)]
            if d != dimension and not small:
                return None
            bounds[d] = (low, stop) if d == dimension else small[0]
        return Box(tuple(bounds), tuple(dict.fromkeys((*self.held, *other.held))))

    def moved(self, low: Shift, high: Shift, after: Shift) -> Box | None:
        """The same box in all rounds from one to another, if it goes on in one dimension.

        `after` makes the next round of one; `low` and `high` make the first and the last.
        """
        symbols = {*after, *low, *high}
        moving = [d for d, span in enumerate(self.bounds or ()) if _names(span, symbols)]
        if self.bounds is None or len(moving) != 1:
            return None
        first, last = self.bounds[moving[0]]
        if expand(first.xreplace(after) - last) == 1:
            span = first.xreplace(low), last.xreplace(high)
        elif expand(last.xreplace(after) - first) == -1:
            span = first.xreplace(high), last.xreplace(low)
        else:
            return None
        bounds = list(self.bounds)
        bounds[moving[0]] = expand(span[0]), expand(span[1])
        return replace(self, bounds=tuple(bounds))


Written = dict[Tensor, tuple[Box, ...]]


def _wraps(outer: Span, inner: Span, scope: Scope) -> bool:
    return scope.at_least(inner[0], outer[0]) and scope.at_least(outer[1], inner[1])


def _names(span: Span, symbols: set[Expr]) -> bool:
    return any(end.free_symbols & symbols for end in span)


def with_boxes(written: Written, tensor: Tensor, boxes: Iterable[Box], scope: Scope) -> Written:
    """What is known with some more boxes, neighbours joined."""
    whole = _whole(tensor)
    known, waiting = list(written.get(tensor, ())), list(boxes)
    while waiting:
        new = waiting.pop()
        new = replace(new, bounds=None) if new.contains(whole, scope) else new
        if any(b.contains(new, scope) and {*b.held} <= {*new.held} for b in known):
            continue
        for old in known:
            for pair in ((old, new), (new, old)):
                found = (pair[0].joined(pair[1], d, scope) for d in range(tensor.rank))
                waiting += [box for box in found if box is not None]
        known = [b for b in known if not (new.contains(b, scope) and {*new.held} <= {*b.held})]
        known.append(new)
    return written | {tensor: tuple(known)}


@lru_cache(maxsize=4096)
def _whole(tensor: Tensor) -> Box:
    """Every entry of a tensor."""
    ends = zip(tensor.offset, tensor.shape, strict=True)
    return Box(tuple((first + ZERO, expand(first + extent - 1)) for first, extent in ends))


def implied(held: Iterable[Held], known: tuple[Held, ...]) -> bool:
    """Whether all of some conditions hold where others do."""
    return all(h in known or (h[1] and _follows(h[0], known)) for h in held)


def _follows(test: Wanted | Present | Test, known: tuple[Held, ...]) -> bool:
    true = [k for k, holds in known if holds]
    if isinstance(test, Wanted):
        return any(isinstance(k, Wanted) and k.names <= test.names for k in true)
    there = {t for k in true if isinstance(k, Present) for t in k.tensors}
    return isinstance(test, Present) and {*test.tensors} <= there
