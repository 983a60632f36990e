"""Names that a formula may have, with everything that it takes to compute what is named.

A form says what is computed (the tensors, the indices, sizes of steps and gaps), and `phrase` says
so in words. `reading` finds forms; `tests/calculus/test_forms.py` computes each from what its name
means in a textbook, and compares.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sympy import Expr, Integer

from derive.calculus.statements import Guard
from derive.calculus.step import Form, Phrase, listing
from derive.language.options import Setting
from derive.language.symbols import Access, Axis, Tensor

ONE = Integer(1)


@dataclass(frozen=True)
class Total(Form):
    """The sum of a tensor over some of its indices, times a number."""

    of: Access
    over: tuple[Axis, ...]
    factor: Expr = ONE

    @property
    def phrase(self) -> Phrase:
        sums = ("the sum of ", self.of.tensor, " over ", *listing(self.over))
        return (*_sign(self.factor), *sums, *_times(self.factor))


@dataclass(frozen=True)
class MatrixProduct(Form):
    """The product of two matrices, each perhaps transposed, times a number."""

    left: Access
    right: Access
    left_transposed: bool
    right_transposed: bool
    factor: Expr = ONE

    @property
    def phrase(self) -> Phrase:
        first = " transposed" * self.left_transposed
        second = " transposed" * self.right_transposed
        left, right = self.left.tensor, self.right.tensor
        words = ("the matrix product of ", left, first, " and ", right, second)
        return (*_sign(self.factor), *words, *_times(self.factor))


@dataclass(frozen=True)
class Slide:
    """One axis along which a kernel slides over an image: ``image[(s*f + d*b + a) / g] kernel[b]``.

    Attributes
    ----------
    free, tap : Axis
        The index of the result, and that of the kernel, which is summed.
    start : Expr
        The constant of the index.
    stride, dilation, spread : Expr
        s and d, both of them above 0, and g: there are g - 1 zeros between entries of the image.
    """

    free: Axis
    tap: Axis
    start: Expr
    stride: Expr = ONE
    dilation: Expr = ONE
    spread: Expr = ONE


@dataclass(frozen=True)
class Sliding(Form):
    """A correlation or a convolution along some axes, added up over other indices.

    Attributes
    ----------
    image, kernel : Access
        The image is 0 outside its range.
    slides : tuple of Slide
        The axes.
    convolves : bool
        Whether the kernel is turned, as in a convolution, or not, as in a correlation.
    turned : bool
        Whether it is the reversed kernel that slides.
    backwards : bool
        Whether the result stands in reverse.
    besides : tuple of Axis
        The indices that are summed besides the kernel's own.
    factor : Expr
        A number that everything is multiplied by.
    """

    image: Access
    kernel: Access
    slides: tuple[Slide, ...]
    convolves: bool
    turned: bool = False
    backwards: bool = False
    besides: tuple[Axis, ...] = ()
    factor: Expr = ONE

    def padding(self, slide: Slide) -> Expr:
        """How many zeros stand before the image, so that a correlation's first entry has number 0;
        below 0 that many entries are cut off."""
        last = slide.stride * (slide.free.extent - 1) if self.backwards else Integer(0)
        return (last - slide.start).expand()

    @property
    def phrase(self) -> Phrase:
        gaps = [s.spread - 1 for s in self.slides if s.spread != 1]
        image: list = [self.image.tensor]
        image += [" (with ", *listing(gaps), " zeros between its entries)"] if gaps else []
        kernel: list = [self.kernel.tensor, _turned(len(self.slides)) if self.turned else ""]
        wide = [s.dilation for s in self.slides]
        kernel += [" (dilated by ", *_axes(wide), ")"] if _differ(wide, 1) else []
        steps = [s.stride for s in self.slides]
        places: list = [", in steps of ", *_axes(steps)] if _differ(steps, 1) else []
        if self.backwards:
            places += [", read backwards in ", *listing(s.free for s in self.slides)]
        if self.convolves:
            starts = [s.start for s in self.slides]
            places += [", from its entry ", *_entry(starts), " on"] if _differ(starts, 0) else []
            name = "the full convolution of "
        else:
            pads = [self.padding(s) for s in self.slides]
            where = " in front" if any(pad.atoms(Setting) for pad in pads) else ""
            image += [f" (padded{where} by ", *_axes(pads), ")"] if _differ(pads, 0) else []
            name = "the correlation of "
        return (*_sign(self.factor), name, *image, " with ", *kernel, *places)

    @property
    def rest(self) -> Phrase:
        also: Phrase = (", summed over ", *listing(self.besides)) if self.besides else ()
        return (*also, *_times(self.factor))


@dataclass(frozen=True)
class Window:
    """One axis of windows: those at `entry` hold ``stride*entry - padding + (0 .. size-1)``."""

    free: Axis
    entry: Axis
    stride: Expr
    padding: Expr
    size: Expr


@dataclass(frozen=True)
class Spread(Form):
    """Every entry added to all of its window."""

    of: Access
    windows: tuple[Window, ...]

    @property
    def phrase(self) -> Phrase:
        sizes = _joined([w.size for w in self.windows], " by ")
        steps = [w.stride for w in self.windows]
        places: Phrase = (", in steps of ", *_axes(steps)) if _differ(steps, 1) else ()
        starts = [-w.padding for w in self.windows]
        places += (", the first at ", *_entry(starts)) if _differ(starts, 0) else ()
        words = (self.of.tensor, " spread over windows of ", *sizes, " entries", *places)
        return (*words, ": an upsampling, in which windows that overlap add up")


@dataclass(frozen=True)
class Routed(Form):
    """Every entry added to the one entry of the result that integers name.

    Attributes
    ----------
    of : Access
        What is sent.
    by : tuple of Tensor
        The integers.
    where : tuple of Guard
        An entry that does not meet them goes nowhere.
    """

    of: Access
    by: tuple[Tensor, ...]
    where: tuple[Guard, ...] = ()

    @property
    def phrase(self) -> Phrase:
        only: Phrase = (", where ", *listing(self.where)) if self.where else ()
        return (self.of.tensor, ", routed by ", *listing(self.by), *only)


@dataclass(frozen=True)
class Recurrence(Form):
    """Entries computed one after the other, each from those before it.

    Attributes
    ----------
    along : tuple of Axis
        The indices by which an entry differs from those that it is computed from.
    backwards : bool
        Whether from larger indices to smaller ones.
    """

    along: tuple[Axis, ...]
    backwards: bool

    @property
    def phrase(self) -> Phrase:
        way = "backwards" if self.backwards else "forwards"
        return (f"a recurrence that runs {way} in ", *listing(self.along))


@dataclass(frozen=True)
class StateMatrix(Form):
    """The derivative of a state by a state as a matrix, and what of it no weight belongs to.

    Attributes
    ----------
    diagonal : bool
        Whether all entries off the diagonal are 0.
    straight : tuple of Expr
        The terms on the diagonal without weights and slopes of functions: what can keep a gradient
        from vanishing.
    before, now : Access
        The states.
    conditional : bool
        Whether there are conditions under which alone these terms are there.
    """

    diagonal: bool
    straight: tuple[Expr, ...]
    before: Access
    now: Access
    conditional: bool = False

    @property
    def phrase(self) -> Phrase:
        name = "a diagonal matrix" if self.diagonal else "a matrix"
        if not self.straight:
            return (name,)
        name += ", in which " if self.diagonal else ", on whose diagonal "
        verb = " leads" if len(self.straight) == 1 else " lead"
        only = ", where its condition holds," if self.conditional else ""
        way: Phrase = (f"{only}{verb} straight from ", self.before, " to ", self.now)
        return (name, *listing(self.straight), *way, ", past every weight")


def _sign(factor: Expr) -> Phrase:
    return ("minus ",) if factor.could_extract_minus_sign() else ()


def _times(factor: Expr) -> Phrase:
    size = -factor if factor.could_extract_minus_sign() else factor
    return () if size == 1 else (", times ", size)


def _turned(axes: int) -> str:
    return (" reversed", " rotated by 180 degrees", " reversed along every axis")[min(axes, 3) - 1]


def _differ(values: Sequence[Expr], neutral: int) -> bool:
    return any(value != neutral for value in values)


def _axes(values: Sequence[Expr]) -> Phrase:
    """One number for all axes, or one for each."""
    return listing(values if len(set(values)) > 1 else values[:1])


def _entry(values: Sequence[Expr]) -> Phrase:
    """An entry by its numbers: ``(p, q)``."""
    inside = _joined(values, ", ")
    return ("(", *inside, ")") if len(values) > 1 else inside


def _joined(items: Sequence[Expr], joint: str) -> Phrase:
    phrase: list = []
    for item in items:
        phrase += [joint, item] if phrase else [item]
    return tuple(phrase)


__all__ = [
    "MatrixProduct",
    "Recurrence",
    "Routed",
    "Slide",
    "Sliding",
    "Spread",
    "StateMatrix",
    "Total",
    "Window",
]
