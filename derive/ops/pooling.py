"""Pooling: one number for each window of an image.

    max_pool    y[n,c,p] = max_u x[n, c, s·p + d·u − P]
    avg_pool    y[n,c,p] = Σ_u x[n, c, s·p + u − P] / count[p]

A family is written once for any number of axes; `Window` says where along one axis the windows
stand. Images are laid out as PyTorch's, (*, channels, H, W), and options have its names.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import And, Eq, Expr, Max, Min, Mod, Mul, Piecewise, Sum, ceiling, floor, oo

from derive.language import (
    ArgMaximum,
    Axis,
    Maximum,
    Operation,
    Option,
    Size,
    Tensor,
    axes,
    axis,
    flag,
    integers,
    leading,
    option,
    size,
    tensor,
)

N, C = leading("N"), size("C")
n, c = axes("n c", N, C)
LETTERS = {1: "w", 2: "hw", 3: "dhw"}
LEGEND = {"n": "image (any leading axes)", "c": "channel"}
# Numbers of worked examples; where two entries of a window are equal, one wins.
EXAMPLES = {
    1: {"x": [[[1, 3, 2, 2]]]},
    2: {"x": [[[[2, 7, 1, 8], [2, 8, 1, 8], [2, 8, 4, 5], [9, 0, 4, 5]]]]},
}
TWO = {"output_size": 2}  # windows along each axis
PLACES = {"w": ("q", "v", "Q"), "h": ("p", "u", "P"), "d": ("o", "t", "O")}


@dataclass(frozen=True)
class Window:
    """The windows along one axis of an image.

    Attributes
    ----------
    image : Size
        Extent of the image.
    place, tap : Axis
        Which window, and which entry of it.
    start : sympy.Expr
        Where the window begins; below 0 it begins in the padding.
    entry : sympy.Expr
        Where the tap is.
    within : sympy boolean
        Whether the tap belongs to the window.
    """

    image: Size
    place: Axis
    tap: Axis
    start: Expr
    entry: Expr
    within: Any = True


@dataclass(frozen=True)
class Sliding:
    """Windows of one length that slide over an image, and the options that say how."""

    windows: tuple[Window, ...]
    options: tuple[Option, ...]
    requires: tuple[tuple[Any, str], ...]
    padding: tuple[Expr, ...]


def sliding(rank: int, *, padded: bool = True, dilated: bool = False) -> Sliding:
    """Windows as PyTorch has them; a stride of None is that of windows side by side."""
    letters = LETTERS[rank]
    kernel = option(
        "kernel_size", 2, over=letters, minimum=1, samples=(3, (2, 3, 1)[-rank:]),
        meaning="length of a window along each axis",
    )  # fmt: skip
    stride = option(
        "stride", None, over=letters, minimum=1, samples=(1, 2, (2, 1, 3)[-rank:]),
        spellings={None: kernel.settings},
        meaning="step from one window to the next; None is the length of a window",
    )  # fmt: skip
    padding = option(
        "padding", 0, over=letters, minimum=0, samples=(1, (0, 1, 1)[-rank:]),
        meaning="entries around the image, at most half a window of them",
    )  # fmt: skip
    dilation = option(
        "dilation", 1, over=letters, minimum=1, samples=(2, (1, 2, 2)[-rank:]),
        meaning="step from one entry of a window to the next",
    )  # fmt: skip
    ceil_mode = flag("ceil_mode", meaning="let the last window reach beyond the padded image")
    (up,) = ceil_mode.settings
    windows, requires, before = [], [], []
    for i, letter in enumerate(letters):
        image = size(letter.upper(), minimum=1)
        s, pad = stride[i], padding[i] if padded else 0
        d = dilation[i] if dilated else 1
        length = d * (kernel[i] - 1) + 1
        place_name, tap_name, count = PLACES[letter]
        room = image + 2 * pad - length
        fitting = floor((room + up * (s - 1)) / s) + 1
        places = size(count, Min(fitting, floor((image + pad - 1) / s) + 1))
        place, tap = axes(f"{place_name} {tap_name}", places, kernel[i])
        windows.append(Window(image, place, tap, s * place - pad, s * place + d * tap - pad))
        before.append(pad)
        requires.append((places >= 1, "the window is larger than the padded image"))
        if padded:
            requires.append((2 * pad <= length, "the padding is more than half a window"))
    options = (kernel, stride, *[padding] * padded, *[dilation] * dilated, ceil_mode)
    return Sliding(tuple(windows), options, tuple(requires), tuple(before))


def adaptive(rank: int) -> Sliding:
    """As many windows as are asked for, from ⌊i·H/P⌋ to ⌈(i+1)·H/P⌉; they may overlap by one."""
    letters = LETTERS[rank]
    output = option(
        "output_size", 1, over=letters, minimum=1, samples=(2, 3, (2, 1, 3)[-rank:]),
        meaning="how many windows there are along each axis", essential=True,
    )  # fmt: skip
    windows = []
    for i, letter in enumerate(letters):
        image, places = size(letter.upper(), minimum=1), output[i]
        place_name, tap_name, count = PLACES[letter]
        longest = size(f"{count}_longest", floor((image + places - 2) / places) + 1)
        place, tap = axes(f"{place_name} {tap_name}", places, longest)
        start = integers(f"start_{letter}", places, below=image)
        end = integers(f"end_{letter}", places, below=image + 1)
        within = tap < end[place] - start[place]
        windows.append(Window(image, place, tap, start[place], start[place] + tap, within))
    return Sliding(tuple(windows), (output,), (), (0,) * rank)


def limits(windows: Sequence[Window]) -> tuple[Eq, ...]:
    """The integers from which adaptive windows begin and before which they end."""
    found: list[Eq] = []
    for w in windows:
        ratio = w.image / w.place.extent
        found.append(Eq(w.start, floor(w.place * ratio)))
        found.append(Eq(end_of(w)[w.place], ceiling((w.place + 1) * ratio)))
    return tuple(found)


def images(windows: Sequence[Window], outside) -> tuple[Tensor, Tensor, Expr, tuple[Axis, ...]]:
    """Image and output, the entry of a tap, and the index of a place."""
    x = tensor("x", N, C, *(w.image for w in windows), outside=outside)
    y = tensor("y", N, C, *(w.place.extent for w in windows))
    return x, y, x[n, c, *(w.entry for w in windows)], (n, c, *(w.place for w in windows))


def compared(windows: Sequence[Window], entry: Expr) -> Expr:
    """What takes part in a maximum."""
    conditions = [w.within for w in windows if w.within is not True]
    return Piecewise((entry, And(*conditions))) if conditions else entry


# ---- maxima --------------------------------------------------------------------------------

KINK = (
    "Where several entries of a window are its maximum, the first of them (in row-major order) "
    "takes the whole gradient. NaN counts as larger than any number."
)


def max_pool(rank: int, *, indices: bool = False, windows: Sliding | None = None) -> Operation:
    """Maxima of windows; with `indices`, also where in the image they lie."""
    kind = "max_pool" if windows is None else "adaptive_max_pool"
    over = windows or sliding(rank, dilated=True)
    x, y, entry, at = images(over.windows, -oo)
    taps = [w.tap for w in over.windows]
    candidates = compared(over.windows, entry)
    equations: list[Eq] = list(limits(over.windows)) if windows else []
    equations.append(Eq(y[at], Maximum(candidates, *taps)))
    outputs: tuple[Tensor, ...] = (y,)
    if indices:
        shape = (N, C, *(w.place.extent for w in over.windows))
        number, where = integers("number", *shape), integers("indices", *shape)
        equations.append(Eq(number[at], ArgMaximum(candidates, *taps)))
        equations.append(Eq(where[at], flat(over.windows, number[at])))
        outputs = (y, where)
    plural = "Take the largest entry of every window"
    much = "adaptive windows: as many as are asked for" if windows else "windows that slide"
    suffix = "_with_indices" if indices else ""
    more = ", and say where in the image it lies (channel by channel)" if indices else ""
    return Operation(
        name=f"{kind}{rank}d{suffix}",
        summary=f"{plural}{more}; {much}.",
        inputs=(x,),
        outputs=outputs,
        equations=tuple(equations),
        options=over.options,
        requires=over.requires,
        legend=LEGEND | places_legend(rank),
        notes=KINK if windows else f"Around the image lies −∞. {KINK}",
        source="Goodfellow, Bengio and Courville, Deep learning, MIT Press 2016, section 9.3",
        example=EXAMPLES[rank] | (TWO if windows else {}) if rank in EXAMPLES else {},
    )


def flat(windows: Sequence[Window], number: Expr) -> Expr:
    """The number of an entry of the image, from the number of a tap in its window."""
    result: Expr = number * 0
    strides = [Mul(*(w.tap.extent for w in windows[i + 1 :])) for i in range(len(windows))]
    for w, stride in zip(windows, strides, strict=True):
        tap = Mod(floor(number / stride), w.tap.extent) if w is not windows[0] else (
            floor(number / stride)
        )  # fmt: skip
        result = result * w.image + w.entry.xreplace({w.tap: tap})
    return result


def global_max_pool(rank: int) -> Operation:
    """The maximum of each channel."""
    x, image = channels(rank)
    y = tensor("y", N, C)
    return Operation(
        name=f"global_max_pool{rank}d",
        summary="Take the largest entry of every channel.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, c], Maximum(x[n, c, *image], *image)),),
        legend=LEGEND | pixels_legend(rank),
        notes=KINK,
        example=EXAMPLES.get(rank, {}),
    )


# ---- sums ----------------------------------------------------------------------------------


def avg_pool(rank: int) -> Operation:
    """Means of windows."""
    over = sliding(rank)
    x, y, entry, at = images(over.windows, 0)
    letters = LETTERS[rank]
    include = flag(
        "count_include_pad", True, meaning="count the padding among the entries of a window"
    )
    divisor = option(
        "divisor_override", None, minimum=1, samples=(3,), spellings={None: (0,)},
        meaning="what sums are divided by, instead of the number of entries",
    )  # fmt: skip
    (included,), (given,) = include.settings, divisor.settings
    counts: list[Expr] = []
    equations: list[Eq] = []
    for w, pad, letter in zip(over.windows, over.padding, letters, strict=True):
        count = integers(f"count_{letter}", w.place.extent)
        end, last = w.start + w.tap.extent, w.image + pad
        own = Min(end, last) - w.start, Min(end, w.image) - Max(w.start, 0)
        equations.append(Eq(count[w.place], Piecewise((own[0], included >= 1), (own[1], True))))
        counts.append(count[w.place])
    total = integers("divisor", *(w.place.extent for w in over.windows))
    entries = total[tuple(w.place for w in over.windows)]
    equations.append(Eq(entries, Piecewise((given, given >= 1), (Mul(*counts), True))))
    taps = [w.tap for w in over.windows]
    equations.append(Eq(y[at], Sum(entry, *taps) / entries))
    return Operation(
        name=f"avg_pool{rank}d",
        summary="Take the mean of every window; windows slide.",
        inputs=(x,),
        outputs=(y,),
        equations=tuple(equations),
        options=(*over.options, include, divisor),
        requires=over.requires,
        legend=LEGEND | places_legend(rank),
        notes="What a window of ceil_mode has beyond the padding is never counted.",
        example=EXAMPLES.get(rank, {}),
    )


def adaptive_avg_pool(rank: int) -> Operation:
    """Means of as many windows as are asked for."""
    over = adaptive(rank)
    x, y, entry, at = images(over.windows, 0)
    lengths = Mul(*(end_of(w)[w.place] - w.start for w in over.windows))
    total = integers("entries", *(w.place.extent for w in over.windows))
    entries = total[tuple(w.place for w in over.windows)]
    taken = Piecewise((entry, And(*(w.within for w in over.windows))), (0, True))
    return Operation(
        name=f"adaptive_avg_pool{rank}d",
        summary="Take the mean of every window; adaptive windows: as many as are asked for.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            *limits(over.windows),
            Eq(entries, lengths),
            Eq(y[at], Sum(taken, *(w.tap for w in over.windows)) / entries),
        ),
        options=over.options,
        legend=LEGEND | places_legend(rank),
        example=EXAMPLES[rank] | TWO if rank in EXAMPLES else {},
    )


def end_of(window: Window) -> Tensor:
    """Before which entry each adaptive window ends."""
    name = f"end_{window.image.name.lower()}"
    return integers(name, window.place.extent, below=window.image + 1)


def global_avg_pool(rank: int) -> Operation:
    """The mean of each channel."""
    x, image = channels(rank)
    y = tensor("y", N, C)
    count = Mul(*(i.extent for i in image))
    return Operation(
        name=f"global_avg_pool{rank}d",
        summary="Take the mean of every channel.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, c], Sum(x[n, c, *image], *image) / count),),
        legend=LEGEND | pixels_legend(rank),
        example=EXAMPLES.get(rank, {}),
    )


def lp_pool(rank: int) -> Operation:
    """Roots of sums of powers."""
    over = sliding(rank, padded=False)
    x, y, entry, at = images(over.windows, 0)
    total = tensor("total", N, C, *(w.place.extent for w in over.windows))
    norm = option(
        "norm_type", 2.0, integer=False, minimum=1, samples=(1.0, 4.0),
        meaning="the power p; one that is no even number wants entries that are not negative",
    )  # fmt: skip
    (power,) = norm.settings
    taps = [w.tap for w in over.windows]
    return Operation(
        name=f"lp_pool{rank}d",
        summary="Take the root of the sum of powers over every window; windows slide.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            Eq(total[at], Sum(entry**power, *taps)),
            Eq(y[at], Piecewise((0, Eq(total[at], 0)), (total[at] ** (1 / power), True))),
        ),
        options=(norm, *over.options),
        requires=over.requires,
        legend=LEGEND | places_legend(rank),
        notes="Where the sum is 0, the gradient is 0 as well.",
        example=EXAMPLES.get(rank, {}),
    )


# ---- what ships ----------------------------------------------------------------------------


def channels(rank: int) -> tuple[Tensor, tuple[Axis, ...]]:
    """An image, and the indices of its pixels."""
    extents = [size(letter.upper(), minimum=1) for letter in LETTERS[rank]]
    indices = tuple(
        axis(letter, extent) for letter, extent in zip(LETTERS[rank], extents, strict=True)
    )
    return tensor("x", N, C, *extents), indices


def places_legend(rank: int) -> dict[str, str]:
    letters = LETTERS[rank]
    places = ",".join(PLACES[letter][0] for letter in letters)
    taps = ",".join(PLACES[letter][1] for letter in letters)
    return {places: "window", taps: "entry of a window"} | pixels_legend(rank)


def pixels_legend(rank: int) -> dict[str, str]:
    return {",".join(LETTERS[rank]): "pixel" if rank > 1 else "place"}


RANKS = (1, 2, 3)
OPERATIONS = (
    *(max_pool(rank) for rank in RANKS),
    *(max_pool(rank, indices=True) for rank in RANKS),
    *(avg_pool(rank) for rank in RANKS),
    *(lp_pool(rank) for rank in RANKS),
    *(global_max_pool(rank) for rank in RANKS),
    *(global_avg_pool(rank) for rank in RANKS),
    *(max_pool(rank, windows=adaptive(rank)) for rank in RANKS),
    *(adaptive_avg_pool(rank) for rank in RANKS),
)
