"""Windowed contractions: one trilinear form, whichever of its three tensors is the target.

    sum over  image[n, g, c, h] * output[n, g, k, p] * kernel[g, k, c, u]     with h = s*p + d*u + r

Convolution, its gradients by image and kernel, and transposed convolution are this form with
another tensor as target; reverse mode only changes which. The classes of the axes follow from
membership alone: batch axes g are in all three tensors, n in image and output, c in image and
kernel, k in output and kernel; p and u share an index of the image.
"""

from __future__ import annotations

from dataclasses import dataclass

from sympy import Expr, Integer, Mul, Symbol

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis

Axes = tuple[Axis, ...]


@dataclass(frozen=True)
class Window:
    """One window axis: image index ``step * place + dilation * tap + shift``."""

    place: Axis
    tap: Axis
    step: Expr
    dilation: Expr
    shift: Expr
    flipped: bool  # the kernel is indexed by U-1-u

    @property
    def span(self) -> Expr:
        """Extent of the image that all windows cover together."""
        return self.step * (self.place.extent - 1) + self.dilation * (self.tap.extent - 1) + 1


@dataclass(frozen=True)
class Trilinear:
    """A statement seen as the trilinear form."""

    statement: Statement
    image: Access
    output: Access
    kernel: Access
    batch: Axes
    images: Axes
    channels: Axes
    filters: Axes
    windows: tuple[Window, ...]
    scale: Expr

    @property
    def places(self) -> Axes:
        return tuple(w.place for w in self.windows)

    @property
    def taps(self) -> Axes:
        return tuple(w.tap for w in self.windows)

    @property
    def unit_steps(self) -> tuple[Expr, ...]:
        """Steps that have to be 1 for the form to be turned into its pulled one."""
        return tuple(w.step for w in self.windows if w.step != 1)


def trilinear(statement: Statement) -> Trilinear | None:
    """Recognise the form; None for any other statement."""
    factors = Mul.make_args(statement.value)
    reads = [f for f in factors if isinstance(f, Access)]
    scalars = [f for f in factors if not f.has(Access)]
    if statement.op != "add" or statement.where or len(reads) != 2:
        return None
    if len(reads) + len(scalars) != len(factors) or any(s.has(Axis) for s in scalars):
        return None
    accesses = (statement.target, *reads)
    if any(a.tensor.integer for a in accesses):
        return None
    if any(_lists_twice(a) for a in accesses):
        return None
    shared = [[i for i in a.index if len(affine(i).iterators) == 2] for a in accesses]
    holders = [a for a, s in zip(accesses, shared, strict=True) if s]
    if len(holders) != 1:
        return None
    (image,) = holders
    if image != statement.target and image.tensor.outside not in (None, Integer(0)):
        return None
    first, second = (a for a in accesses if a is not image)
    kernel, output = _kernel_first(first, second, statement)
    windows = []
    for index in (i for i in image.index if len(affine(i).iterators) == 2):
        window = _window(index, output, kernel)
        if window is None:
            return None
        windows.append(window)
    members = {a: (_bare(image), _bare(output), _bare(kernel)) for a in statement.domain}
    classes: dict[tuple[bool, bool, bool], list[Axis]] = {}
    moving = {a for w in windows for a in (w.place, w.tap)}
    for axis in statement.domain:
        if axis not in moving:
            inside = tuple(axis in bare for bare in members[axis])
            classes.setdefault(inside, []).append(axis)  # type: ignore[arg-type]
    batch, images = classes.pop((True, True, True), []), classes.pop((True, True, False), [])
    channels, filters = classes.pop((True, False, True), []), classes.pop((False, True, True), [])
    if classes or not all(_walks_whole(a, moving, image) for a in accesses):
        return None
    return Trilinear(
        statement, image, output, kernel, tuple(batch), tuple(images), tuple(channels),
        tuple(filters), tuple(windows), Mul(*scalars),
    )  # fmt: skip


def _bare(access: Access) -> set[Axis]:
    return {b for index in access.index if isinstance(b := affine(index).bare, Axis)}


def _lists_twice(access: Access) -> bool:
    axes = [a for index in access.index for a in affine(index).iterators]
    return len(axes) != len(set(axes))


def _kernel_first(first: Access, second: Access, statement: Statement) -> tuple[Access, Access]:
    """Taps belong to what is learned; else to what is summed last (see `fallback.loops_of`)."""

    def key(access: Access) -> tuple[bool, int]:
        places = [statement.domain.index(a) for i in access.index for a in affine(i).iterators]
        return access.tensor.parameter, max(places, default=-1)

    return (first, second) if key(first) > key(second) else (second, first)


def _window(index: Expr, output: Access, kernel: Access) -> Window | None:
    place_of = affine(index)
    if place_of.reads:
        return None
    one, other = place_of.iterators
    for place, tap in ((one, other), (other, one)):
        step, dilation = place_of.coefficient(place), place_of.coefficient(tap)
        if place not in _bare(output) or _uses(output, tap) or _uses(kernel, place):
            continue
        flipped = any(i == tap.extent - 1 - tap for i in kernel.index)  # type: ignore[union-attr]
        if not step.is_positive or not (flipped or tap in _bare(kernel)):
            continue
        shift = place_of.constant
        if dilation.is_negative:
            # Falling taps rise when they are turned round.
            shift, dilation = shift + dilation * (tap.extent - 1), -dilation  # type: ignore[union-attr]
            flipped = not flipped
        if dilation.is_positive:
            return Window(place, tap, step, dilation, shift, flipped)  # type: ignore[arg-type]
    return None


def _uses(access: Access, axis: Symbol) -> bool:
    return any(axis in affine(index).iterators for index in access.index)


def _walks_whole(access: Access, moving: set[Axis], image: Access) -> bool:
    """Whether every index that is no window walks its whole dimension."""
    for index, size, origin in zip(
        access.index, access.tensor.shape, access.tensor.offset, strict=True
    ):
        axes = affine(index).iterators
        if access is image and len(axes) == 2:
            if origin != 0:
                return False
            continue
        if len(axes) != 1 or axes[0].extent != size or origin != 0:  # type: ignore[union-attr]
            return False
        if affine(index).bare is None and axes[0] not in moving:
            return False
    return True


def pulled(form: Trilinear) -> Statement:
    """The same sum with image and output in each other's place, all steps being 1.

    With ``h = p + d*u + r`` the output is read at ``p = h - d*u - r``; turning the taps round,
    ``u -> U-1-u``, makes that a window again: ``p = h + d*u - (d*(U-1) + r)``. What fell outside
    the image is not reached by h, what falls outside the output reads 0.
    """
    statement = form.statement
    ones = {w.step: Integer(1) for w in form.windows}
    turned: dict = {}
    image_index = list(form.image.index)
    for window in form.windows:
        dimension = next(
            i for i, e in enumerate(form.image.index) if window.place in affine(e).iterators
        )
        extent = form.image.tensor.shape[dimension]
        same = window.place.extent == extent
        here = window.place if same else Axis(_fresh(extent, statement, turned), extent)
        reach = window.dilation * (window.tap.extent - 1)
        turned[window.place] = here + window.dilation * window.tap - reach - window.shift
        image_index[dimension] = here
    taps = {w.tap: w.tap if w.flipped else w.tap.extent - 1 - w.tap for w in form.windows}
    kernel_index = [
        next((taps[t] for t in taps if t in affine(i).iterators), i) for i in form.kernel.index
    ]
    replaced = {
        form.image: Access(form.image.tensor, *image_index),
        form.output: _zero_outside(
            Access(form.output.tensor, *(i.xreplace(turned) for i in form.output.index))
        ),
        form.kernel: Access(form.kernel.tensor, *kernel_index),
    }
    heres = iter(image_index[i] for i in _window_dimensions(form))
    renamed = {w.place: next(heres) for w in form.windows}
    domain = tuple(renamed.get(a, a) for a in statement.domain)
    return Statement(
        domain,
        replaced[statement.target],
        statement.value.xreplace(replaced),
    ).substitute({s: o for s, o in ones.items() if s != 1})


def _window_dimensions(form: Trilinear) -> list[int]:
    return [
        next(i for i, e in enumerate(form.image.index) if w.place in affine(e).iterators)
        for w in form.windows
    ]


def _fresh(extent: Expr, statement: Statement, turned: dict) -> str:
    taken = {a.name for a in statement.domain}
    taken |= {a.name for e in turned.values() for a in affine(e).iterators}
    name = str(extent).lower() if str(extent).isidentifier() else "h"
    while name in taken:
        name += "1"
    return name


def _zero_outside(access: Access) -> Access:
    return Access(access.tensor.like(outside=0), *access.index)
