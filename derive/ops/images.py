"""What images are made of, in another order or several times: shuffling, padding, enlarging.

    pixel_shuffle          y[n, c, r·h + i, r·w + j] = x[n, (c, i, j), h, w]
    constant_pad           y[n,c,p] = x[n, c, p − before], or a number outside
    reflection_pad, ...    y[n,c,p] = x[n, c, source[p]]
    interpolate_nearest    y[n,c,p] = x[n, c, ⌊p·H/P⌋]

Images are laid out as PyTorch's, (N, channels, H, W).
"""

from collections.abc import Callable, Sequence

from sympy import And, Eq, Expr, Max, Min, Mod, Piecewise, floor

from derive.language import (
    Axis,
    Operation,
    Option,
    Size,
    axes,
    axis,
    integers,
    leading,
    option,
    size,
    sizes,
    tensor,
)

LETTERS, PLACES = {1: "w", 2: "hw", 3: "dhw"}, {"w": "q", "h": "p", "d": "o"}
EXAMPLES = {1: [[[1, 2, 3]]], 2: [[[[1, 2], [3, 4]]]]}
RANKS = (1, 2, 3)
N, C, H, W = sizes("N C H W")
n, c, h, w = axes("n c h w", N, C, H, W)


# ---- pixels and channels -------------------------------------------------------------------


def shuffled(name: str, summary: str, word: str, back: bool = False) -> Operation:
    """Channels become pixels, or pixels channels if `back`."""
    B = leading("N")
    factor = option(
        word, 2, minimum=1, samples=(3, 1), meaning="pixels of a block along each axis",
        essential=True,
    )  # fmt: skip
    r = factor[0]
    b, i, j = axes("n i j", B, r, r)
    deep, wide = (B, (C, r, r), H, W), (B, C, (H, r), (W, r))
    x, y = tensor("x", *(wide if back else deep)), tensor("y", *(deep if back else wide))
    deep_at, wide_at = (b, (c, i, j), h, w), (b, c, (h, i), (w, j))
    left, right = (y[deep_at], x[wide_at]) if back else (y[wide_at], x[deep_at])
    return Operation(
        name=name,
        summary=summary,
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(left, right),),
        options=(factor,),
        legend={"n": "image (any leading axes)", "c": "channel", "h,w": "block of pixels",
                "i,j": "pixel of a block"},
        source="Shi et al., Real-time single image and video super-resolution using an efficient "
        "sub-pixel convolutional neural network, 2016",
        example={"x": [[[1, 2], [3, 4]]] if back else [[[1]], [[2]], [[3]], [[4]]]},
    )  # fmt: skip


# ---- more pixels ---------------------------------------------------------------------------


def images(rank: int) -> tuple[Size, ...]:
    return tuple(size(letter.upper(), minimum=1) for letter in LETTERS[rank])


def legend(rank: int) -> dict[str, str]:
    letters = LETTERS[rank]
    pixels = {",".join(PLACES[i] for i in letters): "output pixel", ",".join(letters): "pixel"}
    return {"n": "image", "c": "channel"} | pixels


def copied(
    name: str, summary: str, rank: int, how: Option, extents: Sequence[Expr],
    source: Callable[[int, Axis, Size], Expr], **more,
) -> Operation:  # fmt: skip
    """Every pixel is a copy; `source` says of which one, by the axis's number and the place."""
    image = images(rank)
    places = [
        axis(PLACES[letter], extent) for letter, extent in zip(LETTERS[rank], extents, strict=True)
    ]
    tables = [
        integers(f"source_{letter}", place.extent, below=whole)
        for letter, place, whole in zip(LETTERS[rank], places, image, strict=True)
    ]
    x, y = tensor("x", N, C, *image), tensor("y", N, C, *extents)
    chosen = [table[place] for table, place in zip(tables, places, strict=True)]
    return Operation(
        name=f"{name}{rank}d",
        summary=summary,
        inputs=(x,),
        outputs=(y,),
        equations=(
            *(
                Eq(entry, source(i, place, whole))
                for i, (entry, place, whole) in enumerate(zip(chosen, places, image, strict=True))
            ),
            Eq(y[n, c, *places], x[n, c, *chosen]),
        ),
        options=(how,),
        legend=legend(rank),
        **more,
    )


def padding_of(rank: int) -> tuple[Option, tuple[Size, ...]]:
    """How many pixels are added, and how many there are then."""
    letters = LETTERS[rank]
    padding = option(
        "padding", 1, over=letters, sides=True, minimum=0, samples=(2, 0),
        meaning="pixels added along each axis", essential=True,
    )  # fmt: skip
    extents = tuple(
        size(PLACES[letter].upper(), whole + sum(padding[i]))
        for i, (letter, whole) in enumerate(zip(letters, images(rank), strict=True))
    )
    return padding, extents


def constant_pad(rank: int) -> Operation:
    padding, extents = padding_of(rank)
    value = option("value", 0.0, integer=False, samples=(1, -2), meaning="what stands around")
    image, letters = images(rank), LETTERS[rank]
    places = [axis(PLACES[i], extent) for i, extent in zip(letters, extents, strict=True)]
    seen = [place - padding[i][0] for i, place in enumerate(places)]
    inside = [(at >= 0, at < whole) for at, whole in zip(seen, image, strict=True)]
    x, y = tensor("x", N, C, *image), tensor("y", N, C, *extents)
    within = And(*(condition for pair in inside for condition in pair))
    return Operation(
        name=f"constant_pad{rank}d",
        summary="Put a number around an image.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, c, *places], Piecewise((x[n, c, *seen], within), (value[0], True))),),
        options=(padding, value),
        legend=legend(rank),
        example={"x": EXAMPLES[rank]} if rank in EXAMPLES else {},
    )


def padded(
    kind: str, summary: str, rank: int, source: Callable[[Expr, Size], Expr],
    most: Callable[[Size], Expr] | None = None,
) -> Operation:  # fmt: skip
    """Copies of pixels around an image, at most so many on a side."""
    padding, extents = padding_of(rank)
    sides = [(side, whole) for i, whole in enumerate(images(rank)) for side in padding[i]]
    return copied(
        f"{kind}_pad", summary, rank, padding, extents,
        lambda i, place, whole: source(place - padding[i][0], whole),
        requires=tuple(
            (side <= most(whole), "the padding is larger than the image (x) allows")
            for side, whole in sides if most
        ),
        example={"x": EXAMPLES[rank]} if rank in EXAMPLES else {},
    )  # fmt: skip


def mirrored(place: Expr, whole: Size) -> Expr:
    """Its distance from the first pixel, or twice the last pixel less that."""
    distance = Max(place, -place)
    return Min(distance, 2 * (whole - 1) - distance)


def interpolate_nearest(rank: int) -> Operation:
    output = option(
        "output_size", 1, over=LETTERS[rank], minimum=1, samples=(2, 5, (2, 1, 3)[-rank:]),
        meaning="how many pixels there are to be along each axis", essential=True,
    )  # fmt: skip
    return copied(
        "interpolate_nearest",
        "Make an image larger or smaller by copies of its pixels.",
        rank, output, output.settings,
        lambda i, place, whole: floor(place * whole / output[i]),
        example={"x": EXAMPLES[rank], "output_size": 4} if rank in EXAMPLES else {},
    )  # fmt: skip


OPERATIONS = (
    shuffled("pixel_shuffle", "Make blocks of pixels of channels.", "upscale_factor"),
    shuffled("pixel_unshuffle", "Make channels of blocks of pixels.", "downscale_factor", True),
    *(constant_pad(rank) for rank in RANKS),
    *(
        padded("reflection", "Mirror an image at its outermost pixels.", rank, mirrored,
               lambda whole: whole - 1)
        for rank in RANKS
    ),
    *(
        padded("replication", "Repeat the outermost pixels of an image.", rank,
               lambda place, whole: Max(0, Min(whole - 1, place)))
        for rank in RANKS
    ),
    *(
        padded("circular", "Let an image begin anew where it ends.", rank, Mod,
               lambda whole: whole)
        for rank in RANKS
    ),
    *(interpolate_nearest(rank) for rank in RANKS),
)  # fmt: skip
