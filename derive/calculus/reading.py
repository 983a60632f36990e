"""What the form of a result is called: correlation, convolution, matrix product, sum, recurrence.

Only indices are looked at. In ``out[f] = Σ_b A[.. f .. b ..] · B[.. b ..]`` the index of A moves
with the index b of B in one sense or in the other:

    A[f + b] B[b]        it rises as b rises        correlation of A with B
    A[f − b] B[b]        it falls as b rises        convolution of A with B
    A[f + b] B[U−1−b]    B is read backwards        correlation with B rotated by 180 degrees
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer

from derive.calculus.normal import fraction, index_form, sign_of
from derive.calculus.statements import Statement, accesses
from derive.calculus.step import Phrase, bound, factors, free_axes, listing
from derive.language.symbols import Access, Axis, Tensor


@dataclass(frozen=True)
class _Window:
    """One index of A that moves with a free and with a bound axis, the latter alone in B."""

    free: Axis
    tap: Axis
    rises_with_free: bool
    rises_with_tap: bool
    other_rises: bool
    step: Expr
    free_step: Expr
    tap_step: Expr
    start: Expr


def read_form(terms: Sequence[Statement], rest: bool = True, detail: bool = True) -> Phrase:
    """A name for the right-hand side; empty if it has none.

    With `rest`, the indices that are summed besides are named too; with `detail`, dilations.
    """
    if len(terms) != 1:
        return ()
    (term,) = terms
    reads = [f for f in factors(term.value) if isinstance(f, Access)]
    plain = all(isinstance(f, Access) or not f.has(Access) for f in factors(term.value))
    routes = [a.tensor for g in term.where if g.kind == "eq" for a in accesses(g.expression)]
    if routes and plain and len(reads) == 1:
        return (reads[0].tensor, ", routed by ", *listing(dict.fromkeys(routes)))
    summed = bound(term)
    if plain and len(reads) == 1 and summed and term.where and _is_spread(term):
        return (reads[0].tensor, " spread over windows, an upsampling")
    if not plain or any(g.kind in ("ge", "eq") for g in term.where):
        return ()
    if len(reads) == 1 and summed and not term.where:
        return ("the sum of ", reads[0].tensor, " over ", *listing(summed))
    if len(reads) == 2 and summed:
        for image, kernel in (reads, reads[::-1]):
            if windows := _windows(term, image, kernel):
                besides = [a for a in summed if a not in [w.tap for w in windows]]
                also = (", summed over ", *listing(besides)) if rest and besides else ()
                words = _window_words(image.tensor, kernel.tensor, windows, detail)
                return (*words, *also) if words else ()
        return _product_words(term, *reads)
    return ()


def _is_spread(term: Statement) -> bool:
    """Whether an entry goes to a stretch of the result: Σ a[q] over the q with 0 ≤ w − s·q < V."""
    free, summed = set(free_axes(term)), set(bound(term))
    forms = [index_form(g.expression) for g in term.where if g.kind == "ge"]
    moving = [set(form.iterators) for form in forms if form is not None]
    both = all(axes & free and axes & summed for axes in moving)
    return len(moving) == len(term.where) and both and set().union(*moving) >= summed


def read_recurrence(terms: Iterable[Statement], cycle: frozenset[Tensor]) -> Phrase:
    """Which way a cotangent that depends on itself is computed; empty if it does not."""
    for term in terms:
        for access in sorted(term.value.atoms(Access), key=str):
            if access.tensor not in cycle:
                continue
            for own, read in zip(term.target.index, access.index, strict=False):
                ahead = sign_of(read - own) if isinstance(own, Axis) else None
                if ahead is not None:
                    way = "backwards" if ahead > 0 else "forwards"
                    return ("a recurrence that runs ", way, " in ", own)
    return ()


def _windows(term: Statement, image: Access, kernel: Access) -> list[_Window]:
    free, summed = free_axes(term), bound(term)
    alone: dict[Axis, Expr] = {}
    for index in kernel.index:
        form = index_form(index)
        if form is not None and len(form.iterators) == 1 and form.iterators[0] in summed:
            alone[form.iterators[0]] = form.coefficients[0][1]  # type: ignore[index]
    found = []
    for index in image.index:
        number, step = fraction(index, Integer(1))
        form = index_form(number)
        moving = [a for a in form.iterators if a in free] if form else []
        taps = [a for a in form.iterators if a in summed] if form else []
        if form is None or len(moving) != 1 or len(taps) != 1 or taps[0] not in alone:
            continue
        signs = [
            sign_of(form.coefficient(moving[0])),
            sign_of(form.coefficient(taps[0])),
            sign_of(alone[taps[0]]),  # type: ignore[index]
        ]
        if None not in signs:
            rises = [sign == 1 for sign in signs]
            steps = [
                form.coefficient(a) * s for a, s in ((moving[0], signs[0]), (taps[0], signs[1]))
            ]
            found.append(_Window(moving[0], taps[0], *rises, step, *steps, form.constant))  # type: ignore
    return found


def _window_words(image: Tensor, kernel: Tensor, windows: list[_Window], detail: bool) -> Phrase:
    if len({(w.rises_with_free, w.rises_with_tap, w.other_rises) for w in windows}) != 1:
        return ()
    first = windows[0]
    gaps = [w.step - 1 for w in windows if w.step != 1]
    spread: Phrase = (" (with ", *listing(gaps), " zeros between its entries)") if gaps else ()
    turned = ""
    if not first.other_rises:
        turned = (" reversed", " rotated by 180 degrees", " reversed along every axis")[
            min(len(windows), 3) - 1
        ]
    dilated = [w.tap_step for w in windows if w.tap_step != 1]
    wide: Phrase = (" (dilated by ", *listing(dilated), ")") if dilated and detail else ()
    steps = [w.free_step for w in windows if w.free_step != 1]
    places: Phrase = (", in steps of ", *listing(steps)) if steps and detail else ()
    both = (image, *spread, " with ", kernel, turned, *wide)
    if not first.rises_with_free:
        if first.rises_with_tap and first.other_rises:
            backwards = listing([w.free for w in windows])
            return ("the correlation of ", *both, *places, ", read backwards in ", *backwards)
        return ()
    if first.rises_with_tap:
        return ("the correlation of ", *both, *places)
    if image.outside != 0:
        return ("the convolution of ", *both, *places)
    starts = [w.start for w in windows]
    inner: Phrase = ()
    if detail and any(start != 0 for start in starts):
        where: Phrase = tuple(x for start in starts for x in (", ", start))[1:]
        where = ("(", *where, ")") if len(starts) > 1 else where
        inner = (", from its entry ", *where, " on")
    return ("the full convolution of ", *both, *places, *inner)


def _product_words(term: Statement, left: Access, right: Access) -> Phrase:
    """Two matrices that share the one index that is summed."""
    summed, target = bound(term), term.target.index
    axes = (*left.index, *right.index, *target)
    if term.where or not all(isinstance(i, Axis) for i in axes):
        return ()
    if len(summed) != 1 or len(left.index) != 2 or len(right.index) != 2 or len(target) != 2:
        return ()
    if set(left.index) != {target[0], summed[0]}:
        left, right = right, left
    if set(left.index) != {target[0], summed[0]} or set(right.index) != {target[1], summed[0]}:
        return ()
    first = " transposed" if left.index[0] == summed[0] else ""
    second = " transposed" if right.index[1] == summed[0] else ""
    return ("the matrix product of ", left.tensor, first, " and ", right.tensor, second)
