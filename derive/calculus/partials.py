"""The partial derivatives of a chain rule, each as a formula for the entries that are not 0.

    ∂y[n,k,p]/∂x[n, c, p + u] = w[k,c,u]
"""

from __future__ import annotations

from itertools import combinations

from sympy import Expr

from derive.calculus.affine import NotAffine, affine
from derive.calculus.bounds import disjoint
from derive.calculus.statements import Statement
from derive.calculus.step import PartialDerivative, Step


def partials(step: Step) -> tuple[Statement, ...]:
    """What the partial derivatives are that a chain rule multiplies with.

    Returns
    -------
    tuple of Statement
        Their entries but for zeros; none, if some entry is a sum of several slopes, as where one
        entry is read twice.
    """
    found = [s for s in step.after if isinstance(s.target.tensor, PartialDerivative)]
    if not all(_once(s.target.index, s) for s in found):
        return ()
    pairs = combinations(found, 2)
    if any(a.target.tensor == b.target.tensor and not disjoint(a, b) for a, b in pairs):
        return ()
    return tuple(found)


def _once(index: tuple[Expr, ...], statement: Statement) -> bool:
    """Whether each point of the box has an entry of its own: its indices follow from the entry's,
    one after the other."""
    try:
        places = [affine(i) for i in index]
    except NotAffine:
        return False
    open_, known = set(statement.domain), -1
    while open_ and len(open_) != known:
        known = len(open_)
        for place in places:
            inside = {a for read in place.reads for a in read.free_symbols}
            unknown = [a for a in place.iterators if a in open_]
            if len(unknown) == 1 and not inside & open_:
                step = place.coefficient(unknown[0])
                if step.is_positive or step.is_negative:
                    open_.discard(unknown[0])
    return not open_
