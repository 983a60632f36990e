"""Products over windows: one form of three tensors, whichever of them is the target.

    Σ  image[n, g, c, h] · output[n, g, k, p] · kernel[g, k, c, u]         with h = s·p + d·u − P

Convolution, its gradients by image and kernel, and transposed convolution are this form with
another tensor as target; reverse mode only changes which. The classes of the axes follow from
membership alone: batch axes g are in all three tensors, n in image and output, c in image and
kernel, k in output and kernel; p and u share an index of the image.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, Mul

from derive.calculus.affine import affine, axes_in
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis

Axes = tuple[Axis, ...]


@dataclass(frozen=True)
class Window:
    """One windowed index of the image, ``step * position + d * tap + shift``.

    Attributes
    ----------
    dimension : int
        Which index of the image it is.
    position, tap : Axis
    step : sympy.Expr
    row : Axis
        All entries of the image along it.
    """

    dimension: int
    position: Axis
    tap: Axis
    step: Expr
    row: Axis


@dataclass(frozen=True)
class WindowedProduct:
    """A statement seen as the form of three tensors, and the classes of its axes."""

    statement: Statement
    image: Access
    output: Access
    kernel: Access
    batch: Axes
    images: Axes
    channels: Axes
    filters: Axes
    windows: tuple[Window, ...]

    @property
    def positions(self) -> Axes:
        return tuple(w.position for w in self.windows)


def windowed_product(statement: Statement, taken: Collection[str] = ()) -> WindowedProduct | None:
    """Recognise the form; None for any other statement. New axes have no name that is `taken`."""
    factors = Mul.make_args(statement.value)
    reads = [f for f in factors if isinstance(f, Access)]
    scalars = [f for f in factors if not f.has(Access)]
    if statement.op != "add" or statement.where or len(reads) != 2:
        return None
    if len(reads) + len(scalars) != len(factors) or any(s.has(Axis) for s in scalars):
        return None
    three = (statement.target, *reads)
    if any(a.tensor.integer or a.tensor.optional or _names_twice(a) for a in three):
        return None
    holders = [a for a in three if any(len(affine(i).iterators) == 2 for i in a.index)]
    if len(holders) != 1:
        return None
    (image,) = holders
    if image != statement.target and image.tensor.outside not in (None, Integer(0)):
        return None
    kernel, output = _kernel_first([a for a in three if a is not image], statement)
    windows = []
    for dimension, index in enumerate(image.index):
        if len(affine(index).iterators) == 2:
            window = _window(dimension, image, output, kernel, taken)
            if window is None:
                return None
            windows.append(window)
    moving = {a for w in windows for a in (w.position, w.tap)}
    classes: dict[tuple[bool, ...], list[Axis]] = {}
    for axis in (a for a in statement.domain if a not in moving):
        inside = tuple(axis in _bare(a) for a in (image, output, kernel))
        classes.setdefault(inside, []).append(axis)
    batch, images, channels, filters = (
        tuple(classes.pop(members, []))
        for members in ((True,) * 3, (True, True, False), (True, False, True), (False, True, True))
    )
    if classes or not all(_walks_whole(a, moving, image) for a in three):
        return None
    return WindowedProduct(
        statement, image, output, kernel, batch, images, channels, filters, tuple(windows)
    )


def _bare(access: Access) -> set[Axis]:
    return {b for index in access.index if isinstance(b := affine(index).bare, Axis)}


def _names_twice(access: Access) -> bool:
    axes = [a for index in access.index for a in affine(index).iterators]
    return len(axes) != len(set(axes))


def _kernel_first(two: Sequence[Access], statement: Statement) -> list[Access]:
    """Taps belong to what is learned; else to what is summed last."""

    def key(access: Access) -> tuple[bool, int]:
        named = axes_in(access.index)
        return access.tensor.parameter, max(map(statement.domain.index, named), default=-1)

    return sorted(two, key=key, reverse=True)


def _window(
    dimension: int, image: Access, output: Access, kernel: Access, taken: Collection[str]
) -> Window | None:
    index = affine(image.index[dimension])
    one, other = index.iterators
    for position, tap in ((one, other), (other, one)):
        assert isinstance(position, Axis) and isinstance(tap, Axis)
        step, pace = index.coefficient(position), index.coefficient(tap)
        taps = {tap, tap.extent - 1 - tap}
        apart = tap not in axes_in(output.index) and position not in axes_in(kernel.index)
        if position not in _bare(output) or not apart or not taps & {*kernel.index}:
            continue
        if step.is_positive and (pace.is_positive or pace.is_negative) and not index.reads:
            extent = image.tensor.shape[dimension]
            name = str(extent).lower()  # the letter that the author gave the size
            free = name.isidentifier() and name not in taken
            row = Axis(name if free else f"{position.name}_row", extent)
            return Window(dimension, position, tap, step, row)
    return None


def _walks_whole(access: Access, moving: set[Axis], image: Access) -> bool:
    """Whether every index that is no window walks its whole dimension."""
    tensor = access.tensor
    for index, size, first in zip(access.index, tensor.shape, tensor.offset, strict=True):
        axes = affine(index).iterators
        if access is image and len(axes) == 2:
            if first != 0:
                return False
            continue
        if len(axes) != 1 or axes[0].extent != size or first != 0:  # type: ignore[union-attr]
            return False
        if affine(index).bare is None and axes[0] not in moving:
            return False
    return True
