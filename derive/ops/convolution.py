"""Convolutions over one, two and three axes; the rank is a parameter of every definition.

    correlate       y[n,k,p] = b[k] + sum_{c,u} x[n, c, s*p + d*u - P] * w[k,c,u]
    convolve        the same with the kernel flipped: w[k, c, U-1-u]
    conv_transpose  y[n, k, s*p + d*u - P] += sum_c x[n,c,p] * w[c,k,u]

Frameworks call the first of them convolution.
"""

from dataclasses import dataclass

from sympy import And, Eq, Max, Or, Sum, floor

from derive.language import (
    Axis,
    Operation,
    Option,
    Size,
    accumulate,
    axes,
    axis,
    leading,
    option,
    parameter,
    size,
    sizes,
    tensor,
)

IMAGE, OUTPUT, TAP = "DHW", "OPQ", "TUV"

# Numbers of worked examples: a line, a plane, and a kernel for each.
LINE, PLANE = [2, 1, 0, 3, 1], [[1, 2, 3], [4, 5, 6], [7, 8, 9]]
SHORT, SMALL = [1, 2, -1], [[1, 2], [0, -1]]
EXAMPLES = {
    1: {"x": [[LINE]], "weight": [[SHORT]]},
    2: {"x": [[PLANE]], "weight": [[SMALL]]},
}
SCATTERED = {
    1: {"x": [[[1, 2, 3]]], "weight": [[SHORT]]},
    2: {"x": [[[[1, 2], [3, 4]]]], "weight": [[SMALL]]},
}
SIGNALS = {
    1: {"x": [0.5, 0.5, 0.5], "kernel": [3, 2, 1]},
    2: {"x": [[1, 2], [3, 4]], "kernel": SMALL},
}


@dataclass(frozen=True)
class Window:
    """Sizes, axes and options that windows over the last `rank` axes share."""

    image: tuple[Size, ...]
    taps: tuple[Size, ...]
    tap: tuple[Axis, ...]
    stride: Option
    dilation: Option

    @property
    def reach(self):
        """How far the kernel reaches beyond its first tap."""
        return [self.dilation[a] * (t - 1) for a, t in enumerate(self.taps)]


def letters(names: str, rank: int) -> tuple[str, ...]:
    """The last `rank` of three letters: ("h", "w") for planes."""
    return tuple(names[-rank:])


def window(rank: int) -> Window:
    """Images, taps, stride and dilation for `rank` window axes."""
    over = letters(IMAGE.lower(), rank)
    taps = tuple(size(t, minimum=1) for t in letters(TAP, rank))
    return Window(
        image=tuple(size(h) for h in letters(IMAGE, rank)),
        taps=taps,
        tap=tuple(axis(t.name.lower(), t) for t in taps),
        stride=option(
            "stride", 1, over=over, minimum=1, samples=(2, 3),
            meaning="step from one output to the next",
        ),
        dilation=option(
            "dilation", 1, over=over, minimum=1, samples=(2,),
            meaning="step from one tap to the next",
        ),
    )  # fmt: skip


GROUPS = option("groups", 1, minimum=1, samples=(2, 3), meaning="independent groups of channels")
G = GROUPS.settings[0]
N, C, K = leading("N"), *sizes("C K")
n, g, c, k = axes("n g c k", N, G, C, K)

LEGEND = {
    "n": "image (any leading axes)",
    "g": "group",
    "c": "input channel of a group",
    "k": "filter of a group",
}


def windowed(name: str, rank: int, flip: bool, summary: str, aliases=()) -> Operation:
    """Correlation, or convolution if `flip`, over `rank` axes."""
    over = window(rank)
    padding = option(
        "padding", 0, over=letters(IMAGE.lower(), rank), sides=True, minimum=0,
        spellings={
            "valid": [(0, 0)] * rank,
            "same": [(floor(r / 2), r - floor(r / 2)) for r in over.reach],
            "full": [(r, r) for r in over.reach],
        },
        samples=(1, 2), meaning="zeros around the image",
    )  # fmt: skip
    places = [
        size(
            letter,
            floor((h + sum(padding[a]) - over.reach[a] - 1) / over.stride[a]) + 1,
        )
        for a, (letter, h) in enumerate(zip(letters(OUTPUT, rank), over.image, strict=True))
    ]
    place = [axis(p.name.lower(), p) for p in places]
    x = tensor("x", N, (G, C), *over.image, outside=0)
    weight = parameter("weight", (G, K), C, *over.taps)
    bias = parameter("bias", (G, K), optional=True)
    y = tensor("y", N, (G, K), *places)
    seen = [
        over.stride[a] * place[a] + over.dilation[a] * over.tap[a] - padding[a][0]
        for a in range(rank)
    ]
    taps = [t.extent - 1 - t for t in over.tap] if flip else over.tap
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, weight, bias),
        outputs=(y,),
        options=(over.stride, padding, over.dilation, GROUPS),
        equations=(
            Eq(
                y[n, (g, k), *place],
                bias[(g, k)] + Sum(x[n, (g, c), *seen] * weight[(g, k), c, *taps], c, *over.tap),
            ),
        ),
        requires=tuple(
            (p >= 1, "the kernel (weight) is larger than the padded input (x)") for p in places
        ),
        legend=LEGEND
        | {",".join(a.name for a in place): "output pixel" if rank > 1 else "output place"}
        | {",".join(t.name for t in over.tap): "filter tap"}
        | {",".join(letters(IMAGE.lower(), rank)): "input pixel" if rank > 1 else "input place"},
        source="Dumoulin and Visin, A guide to convolution arithmetic, 2016",
        aliases=aliases,
        example=EXAMPLES.get(rank, {}),
    )


def correlate(rank: int) -> Operation:
    """What frameworks call convolution."""
    return windowed(
        f"correlate{rank}d",
        rank,
        False,
        "Slide a bank of filters over images, without flipping them: "
        f"what PyTorch calls conv{rank}d.",
        aliases=(f"conv{rank}d",),
    )


def convolve(rank: int) -> Operation:
    """Convolution as mathematics defines it."""
    return windowed(
        f"convolve{rank}d",
        rank,
        True,
        "Slide a bank of flipped filters over images: convolution as mathematics defines it "
        f"(PyTorch's conv{rank}d is correlate{rank}d).",
    )


def conv_transpose(rank: int) -> Operation:
    """Every input pixel writes a scaled copy of the kernel."""
    over = window(rank)
    padding = option(
        "padding", 0, over=letters(IMAGE.lower(), rank), sides=True, minimum=0,
        samples=(1,), meaning="rows and columns cut off the result",
    )  # fmt: skip
    output_padding = option(
        "output_padding", 0, over=letters(IMAGE.lower(), rank), minimum=0, samples=(1,),
        meaning="rows and columns added at the end of the result",
    )  # fmt: skip
    places = tuple(size(p) for p in letters(OUTPUT, rank))
    place = [axis(p.name.lower(), p) for p in places]
    image = [
        size(
            h.name,
            (p - 1) * over.stride[a] - sum(padding[a]) + over.reach[a] + output_padding[a] + 1,
        )
        for a, (h, p) in enumerate(zip(over.image, places, strict=True))
    ]
    pixel = [axis(h.name.lower(), h) for h in image]
    x = tensor("x", N, (G, C), *places)
    weight = parameter("weight", (G, C), K, *over.taps)
    bias = parameter("bias", (G, K), optional=True)
    z = tensor("z", N, (G, K), *image)
    y = tensor("y", N, (G, K), *image)
    written = [
        over.stride[a] * place[a] + over.dilation[a] * over.tap[a] - padding[a][0]
        for a in range(rank)
    ]
    return Operation(
        name=f"conv_transpose{rank}d",
        summary="Let every input pixel write a scaled copy of the kernel (transposed convolution): "
        f"what PyTorch calls conv_transpose{rank}d.",
        inputs=(x, weight, bias),
        outputs=(y,),
        options=(over.stride, padding, output_padding, GROUPS, over.dilation),
        equations=(
            accumulate(
                z[n, (g, k), *written],
                Sum(x[n, (g, c), *place] * weight[(g, c), k, *over.tap], c),
            ),
            Eq(y[n, (g, k), *pixel], bias[(g, k)] + z[n, (g, k), *pixel]),
        ),
        requires=(
            *((h >= 1, "the padding cuts the whole result off") for h in image),
            *(
                (
                    (output_padding[a] < over.stride[a])
                    | (output_padding[a] < over.dilation[a]),
                    "output_padding must be smaller than stride or dilation",
                )
                for a in range(rank)
            ),
        ),
        legend=LEGEND
        | {",".join(a.name for a in place): "input pixel" if rank > 1 else "input place"}
        | {",".join(t.name for t in over.tap): "filter tap"}
        | {",".join(letters(IMAGE.lower(), rank)): "output pixel" if rank > 1 else "output place"},
        source="Dumoulin and Visin, A guide to convolution arithmetic, 2016, chapter 4",
        example=SCATTERED.get(rank, {}),
    )  # fmt: skip


def signal(name: str, rank: int, flip: bool, summary: str) -> Operation:
    """Convolution or correlation of two plain arrays, with SciPy's modes."""
    image = tuple(size(h, minimum=1) for h in letters(IMAGE, rank))
    taps = tuple(size(t, minimum=1) for t in letters(TAP, rank))
    tap = [axis(t.name.lower(), t) for t in taps]
    longer = [Max(0, t - h) for h, t in zip(image, taps, strict=True)]
    mode = option(
        "mode", "full", over=(*letters(IMAGE.lower(), rank), "inside"), sides=True, numeric=False,
        spellings={
            "full": [*((t - 1, t - 1) for t in taps), (0, 0)],
            "same": [*((t - 1 - floor((t - 1) / 2), floor((t - 1) / 2)) for t in taps), (0, 0)],
            "valid": [*((e, e) for e in longer), (1, 1)],
        },
        meaning="how much of the result is kept: all, as much as x, or where both overlap fully",
    )  # fmt: skip
    places = [
        size(p, h + sum(mode[a]) - t + 1)
        for a, (p, h, t) in enumerate(zip(letters(OUTPUT, rank), image, taps, strict=True))
    ]
    place = [axis(p.name.lower(), p) for p in places]
    x = tensor("x", *image, outside=0)
    kernel = tensor("kernel", *taps)
    y = tensor("y", *places)
    seen = [p + t - mode[a][0] for a, (p, t) in enumerate(zip(place, tap, strict=True))]
    used = [t.extent - 1 - t for t in tap] if flip else tap
    anyway, _ = mode[rank]
    both = (image, taps), (taps, image)
    larger = [And(*(a >= b for a, b in zip(*pair, strict=True))) for pair in both]
    fits = Or(anyway <= 0, *larger)
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, kernel),
        outputs=(y,),
        options=(mode,),
        equations=(Eq(y[*place], Sum(x[*seen] * kernel[*used], *tap)),),
        legend={
            ",".join(a.name for a in place): "place in the result",
            ",".join(t.name for t in tap): "place in the kernel",
            ",".join(letters(IMAGE.lower(), rank)): "place in x",
        },
        requires=((fits, "one of both has to be the larger one along every axis"),),
        source="Oppenheim and Schafer, Discrete-Time Signal Processing, section 2.3",
        example=SIGNALS.get(rank, {}),
    )


OPERATIONS = (
    *(correlate(rank) for rank in (1, 2, 3)),
    *(convolve(rank) for rank in (1, 2, 3)),
    *(conv_transpose(rank) for rank in (1, 2, 3)),
    signal("signal_convolve", 1, True, "Convolve two signals, as SciPy's signal.convolve does."),
    signal("signal_convolve2d", 2, True, "Convolve two planes, as SciPy's signal.convolve does."),
    signal(
        "signal_correlate", 1, False, "Correlate two signals, as SciPy's signal.correlate does."
    ),
    signal(
        "signal_correlate2d", 2, False, "Correlate two planes, as SciPy's signal.correlate does."
    ),
)
