"""Accesses as views: which part of an array each access is, with the loop indices fixed.

With the loop indices fixed, every index of an access is affine in at most one remaining axis, so
the access is a slice with a step: ``x[n, s*p + d*u - P]`` with u fixed is ``x[:, o + s*p0 : ...]``.
Where the slice would leave the array, the axis runs over the part ``p0 <= p < p1`` that stays.
An index that reads integers is an array of indices: ``table[token[t], d]`` is ``table[token]``.
"""

from __future__ import annotations

from sympy import Expr, Integer

from derive.arrays.grammar import Axes, Index, View
from derive.calculus.affine import affine, axes_in
from derive.calculus.bounds import nonnegative
from derive.language.symbols import Access


def view_of(access: Access, loops: Axes, domain: Axes, *, trusted: bool) -> View:
    """What an access walks through with `loops` fixed.

    A read that is `trusted` counts as inside where the tensor says nothing about its outside: the
    definition was checked for that, at the points that its conditions allow. It is not to be
    trusted under a condition that is a mask, since all points are read then. A write may always
    fall outside, and then does nothing.
    """
    tensor = access.tensor
    found = []
    for expression, size, origin in zip(access.index, tensor.shape, tensor.offset, strict=True):
        place = affine(expression - origin)
        free = [a for a in place.iterators if a not in loops]
        axis = free[0] if free else None
        step = place.coefficient(axis) if axis is not None else Integer(0)
        offset = place.expression - step * axis if axis is not None else place.expression
        gathered = _gathered(access, expression, loops, domain)
        index = Index(axis, step, offset, size, False)
        inside = index.whole or (tensor.outside is None and trusted and not gathered)
        if not place.iterators:
            inside = False  # an entry of an axis that may be empty, whether or not a box is
        if not inside:
            last, box = size - 1 - place.expression, domain if place.iterators else ()
            inside = nonnegative(place.expression, box) and nonnegative(last, box)
        found.append(Index(axis, step, offset, size, inside, gathered))
    return View(access, tuple(found))


def _gathered(access: Access, expression: Expr, loops: Axes, domain: Axes) -> Axes:
    """The axes of an array of indices: all that any index of the access with integers in it names,
    for an index that shares one of them; none for any other."""
    places = [affine(i) for i in access.index]
    reading = [p for p in places if axes_in(p.reads) - set(loops)]
    if not reading:
        return ()
    # A falling slice would have to be turned round afterwards.
    falling = (p for p in places if any(c.is_negative for _, c in p.coefficients))
    arrays = [p.expression for p in (*reading, *falling)]
    shared = axes_in(arrays) - set(loops)
    return tuple(a for a in domain if a in shared) if shared & axes_in((expression,)) else ()
