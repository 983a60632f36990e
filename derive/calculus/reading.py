"""What the form of a result is called: correlation, convolution, matrix product, sum, recurrence.

Only indices are looked at. In ``out[f] = Σ_b A[.. f .. b ..] · B[.. b ..]`` the index of A moves
with the index b of B in one sense or in the other:

    A[f + b] B[b]        it rises as b rises        correlation of A with B
    A[f − b] B[b]        it falls as b rises        convolution of A with B
    A[f + b] B[U−1−b]    B is read backwards        correlation with B rotated by 180 degrees

A name is given only where it holds for all sizes and settings: a summed index has to run over all
of its axis, and a condition has to be part of what the name means.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import cast

from sympy import Expr, Integer, Mul

from derive.calculus.forms import (
    MatrixProduct,
    Recurrence,
    Routed,
    Slide,
    Sliding,
    Spread,
    Total,
    Window,
)
from derive.calculus.normal import fraction, index_form, sign_of, tidy
from derive.calculus.statements import Guard, Statement, accesses
from derive.calculus.step import Form, bound, factors, free_axes
from derive.language.symbols import Access, Axis, Tensor


def read_form(terms: Sequence[Statement], cycle: frozenset[Tensor] = frozenset()) -> Form | None:
    """A name for the right-hand side, if it has one; `cycle` are the tensors that depend on it."""
    return (_read_term(terms[0]) if len(terms) == 1 else None) or _recurrence(terms, cycle)


def _read_term(term: Statement) -> Form | None:
    parts = factors(term.value)
    reads = [f for f in parts if isinstance(f, Access)]
    factor = Mul(*(f for f in parts if not isinstance(f, Access)))
    own = term.target.index
    if factor.has(Access, Axis) or not all(isinstance(i, Axis) for i in own):
        return None
    if len(set(own)) < len(own) or term.op != "add":
        return None
    if len(reads) == 1:
        alone = factor == 1
        return _total(term, reads[0], factor) or (
            _routed(term, reads[0]) or _spread(term, reads[0]) if alone else None
        )
    if len(reads) == 2 and bound(term):
        one, other = reads
        return (
            _sliding(term, one, other, factor)
            or _sliding(term, other, one, factor)
            or _matrix_product(term, one, other, factor)
        )
    return None


def _total(term: Statement, read: Access, factor: Expr) -> Total | None:
    over = bound(term)
    if not over or term.where or not all(_runs_over(read, a) for a in over):
        return None
    rest = [i for i in read.index if i not in over]
    alike = {i for i in rest if isinstance(i, Axis)} == set(term.target.index)
    plain = all(isinstance(i, Axis) or i.is_Integer for i in rest)
    return Total(read, over, factor) if alike and plain else None


def _runs_over(read: Access, axis: Axis) -> bool:
    """Whether an index runs over all of one axis of a tensor, and stands nowhere else in it."""
    tensor = read.tensor
    places = [p for p, i in enumerate(read.index) if axis in i.free_symbols]
    return (
        len(places) == 1
        and read.index[places[0]] == axis
        and tensor.offset[places[0]] == 0
        and tidy(tensor.shape[places[0]] - axis.extent) == 0
    )


def _routed(term: Statement, read: Access) -> Routed | None:
    """Σ a[q] over the q with number[q] = f"""
    equal = [g for g in term.where if g.kind == "eq"]
    by = tuple(dict.fromkeys(a.tensor for g in equal for a in accesses(g.expression)))
    if not by:
        return None
    sent = read.free_symbols
    kept = tuple(
        g
        for g in term.where
        if g.kind == "ge" and g.expression.has(Access)
        and not any(a.tensor in by for a in accesses(g.expression))
        and g.expression.atoms(Axis) <= sent
    )  # fmt: skip
    return Routed(read, by, kept)


def _spread(term: Statement, read: Access) -> Spread | None:
    """Σ a[q] over the q with 0 ≤ w + P − s·q < V: every entry goes to a stretch of the result."""
    summed, windows = bound(term), []
    left = list(term.where)
    for axis in summed:
        own = [g for g in left if axis in g.expression.free_symbols]
        window = _window(term, axis, own)
        if window is None or not _runs_over(read, axis):
            return None
        windows.append(window)
        left = [g for g in left if g not in own]
    moved = {w.free for w in windows}
    rest = [i for i in read.index if i not in summed]
    apart = len(moved) == len(windows) and not moved.intersection(rest)
    every = all(isinstance(i, Axis) for i in rest) and moved | {*rest} == {*term.target.index}
    return Spread(read, tuple(windows)) if windows and not left and apart and every else None


def _window(term: Statement, axis: Axis, guards: list[Guard]) -> Window | None:
    if len(guards) != 2 or any(g.kind != "ge" for g in guards):
        return None
    for low, high in (guards, guards[::-1]):
        form = index_form(low.expression)
        if form is None or form.reads or len(form.iterators) != 2:
            continue
        (free,) = (a for a in form.iterators if a != axis)
        stride = tidy(-form.coefficient(axis))
        size = tidy(low.expression + high.expression + 1)
        plain = free in term.target.index and form.coefficient(free) == 1
        if plain and sign_of(stride) == 1 and not size.has(Axis, Access):
            return Window(cast(Axis, free), axis, stride, form.constant, size)
    return None


def _sliding(term: Statement, image: Access, kernel: Access, factor: Expr) -> Sliding | None:
    """Σ_b A[(s·f ± d·b + start) / g] B[b], B perhaps reversed, along one axis or several"""
    if image.tensor.outside not in (None, 0):
        return None
    found = [_slide(term, image, kernel, place) for place in range(image.tensor.rank)]
    moving = [f for f in found if f is not None]
    slides = tuple(slide for slide, _ in moving)
    taps, free = [s.tap for s in slides], [s.free for s in slides]
    besides = tuple(a for a in bound(term) if a not in taps)
    rest = [i for f, i in zip(found, image.index, strict=True) if f is None]
    rest += [i for i in kernel.index if not i.atoms(Axis).intersection(taps)]
    settled = {*besides, *(i for i in term.target.index if i not in free)}
    if (
        len({senses for _, senses in moving}) != 1
        or len(set(taps)) < len(taps)
        or len(set(free)) < len(free)
        or not all(i in settled for i in rest)
        or any(i in kernel.free_symbols for i in free)
        or not all(_runs_over(a, b) for b in besides for a in (image, kernel))
        or {*rest} != settled
        or not _conditions_are(term, image, slides)
    ):
        return None
    (_, senses), *_ = moving
    rises_with_free, rises_with_tap, turned = senses
    if not rises_with_free and (turned or not rises_with_tap):
        return None
    return Sliding(
        image, kernel, slides, not rises_with_tap, turned, not rises_with_free, besides, factor
    )


def _slide(
    term: Statement, image: Access, kernel: Access, place: int
) -> tuple[Slide, tuple[bool, bool, bool]] | None:
    """How one index of the image moves, and in which senses: with the result's index, with the
    kernel's; and whether the kernel is read backwards."""
    number, spread = fraction(image.index[place], Integer(1))
    form = index_form(number)
    if form is None or form.reads or image.tensor.offset[place] != 0:
        return None
    free = [a for a in form.iterators if a in free_axes(term)]
    taps = [a for a in form.iterators if a in bound(term)]
    if len(free) != 1 or len(taps) != 1:
        return None
    turned = _turned(kernel, cast(Axis, taps[0]))
    signs = [sign_of(form.coefficient(a)) for a in (free[0], taps[0])]
    if turned is None or None in signs:
        return None
    stride, dilation = (
        tidy(form.coefficient(a) * cast(int, s))
        for a, s in zip((free[0], taps[0]), signs, strict=True)
    )
    slide = Slide(cast(Axis, free[0]), cast(Axis, taps[0]), form.constant, stride, dilation, spread)
    return slide, (signs[0] == 1, signs[1] == 1, turned)


def _turned(kernel: Access, tap: Axis) -> bool | None:
    """Whether the kernel's entries are read from the last to the first; None if not all of them
    are read."""
    if _runs_over(kernel, tap):
        return False
    back = kernel.xreplace({tap: tap.extent - 1 - tap})
    back = Access(back.tensor, *map(tidy, back.index))  # type: ignore[attr-defined]
    return True if _runs_over(back, tap) else None


def _conditions_are(term: Statement, image: Access, slides: Iterable[Slide]) -> bool:
    """Whether the conditions say no more than that what stands between the gaps is read."""
    divided = {
        (tidy(number), step)
        for number, step in (fraction(i, Integer(1)) for i in image.index)
        if step != 1
    }
    return all(
        g.kind == "divides" and (tidy(g.expression), g.modulus) in divided for g in term.where
    ) and len(divided) == len(term.where) == sum(s.spread != 1 for s in slides)


def _matrix_product(
    term: Statement, left: Access, right: Access, factor: Expr
) -> MatrixProduct | None:
    """Two matrices that share the one index that is summed."""
    summed, target = bound(term), term.target.index
    if term.where or len(summed) != 1 or [len(i) for i in (left.index, right.index, target)] != [
        2, 2, 2
    ]:  # fmt: skip
        return None
    if {*left.index} != {target[0], summed[0]}:
        left, right = right, left
    both = {*left.index} == {target[0], summed[0]} and {*right.index} == {target[1], summed[0]}
    if not both or not (_runs_over(left, summed[0]) and _runs_over(right, summed[0])):
        return None
    return MatrixProduct(
        left, right, left.index[0] == summed[0], right.index[1] == summed[0], factor
    )


def _recurrence(terms: Iterable[Statement], cycle: frozenset[Tensor]) -> Recurrence | None:
    """Which way a cotangent that depends on itself is computed."""
    ahead: dict[Axis, set[int | None]] = {}
    for term in terms:
        for access in accesses(term.value):
            if access.tensor not in cycle:
                continue
            for own, read in zip(term.target.index, access.index, strict=False):
                if isinstance(own, Axis):
                    shift = tidy(read - own)
                    ahead.setdefault(own, set()).add(0 if shift == 0 else sign_of(shift))
    along = tuple(a for a, signs in ahead.items() if signs - {0} and None not in signs)
    ways = {sign for axis in along for sign in ahead[axis] if sign}
    return Recurrence(along, ways == {1}) if len(ways) == 1 else None
