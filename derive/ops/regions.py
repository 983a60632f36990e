"""Pooling of what is drawn or looked at: one entry of each window by lot, and parts of images.

    stochastic_pool    y[n,c,p] = x[n, c, s·p + choice[n,c,p]]
    roi_pool           y[k,c,p,q] = max x[image[k], c, h, w] over the cell p, q of box k
    roi_align          y[k,c,p,q] = mean of x at points of the cell p, q of box k

What lies between pixels is read from those around it; the weight of a pixel falls linearly, and is
0 at its neighbours.
"""

from dataclasses import dataclass
from typing import Any

from sympy import Abs, And, Eq, Expr, Max, Min, Mul, Piecewise, Rational, Sum, ceiling, floor, oo

from derive.language import (
    Axis,
    Maximum,
    Operation,
    Setting,
    Size,
    Tensor,
    axes,
    axis,
    flag,
    integers,
    option,
    relu,
    size,
    sizes,
    stop,
    tensor,
)
from derive.ops.pooling import EXAMPLES, LEGEND, RANKS, C, N, c, images, n, places_legend, sliding

ZEILER = "Zeiler and Fergus, Stochastic pooling for deep convolutional networks, 2013"
CHOICES = {1: [[[1, 0]]], 2: [[[[1, 3], [2, 0]]]]}


# ---- one entry of each window --------------------------------------------------------------


def stochastic_pool(rank: int) -> Operation:
    """One entry of each window, by lot."""
    over = sliding(rank, padded=False)
    x, y, entry, at = images(over.windows, 0)
    count, number = Mul(*(w.tap.extent for w in over.windows)), 0
    for w in over.windows:
        number = number * w.tap.extent + w.tap
    choice = integers("choice", N, C, *(w.place.extent for w in over.windows), below=count)
    chosen = Piecewise((entry, Eq(choice[at], number)), (0, True))
    return Operation(
        name=f"stochastic_pool{rank}d",
        summary="Take one entry of every window by lot, as in training; windows slide.",
        inputs=(x, choice),
        outputs=(y,),
        equations=(Eq(y[at], Sum(chosen, *(w.tap for w in over.windows))),),
        options=over.options,
        requires=over.requires,
        legend=LEGEND | places_legend(rank),
        notes="choice is the number of an entry in its window (row by row). Draw it anew for every "
        "call, each entry with its share of the sum of its window as the probability.",
        source=ZEILER,
        example=EXAMPLES[rank] | {"choice": CHOICES[rank]} if rank in EXAMPLES else {},
    )


def expected_pool(rank: int) -> Operation:
    """The mean of what is drawn."""
    over = sliding(rank, padded=False)
    x, y, entry, at = images(over.windows, 0)
    x = x.like(interval=(0, oo))
    entry = x[n, c, *(w.entry for w in over.windows)]
    shape, taps = y.axes_of, [w.tap for w in over.windows]
    total, divisor = tensor("total", *shape), tensor("divisor", *shape)
    return Operation(
        name=f"stochastic_pool{rank}d_evaluation",
        summary="Weigh every entry of a window by its share of the sum, as stochastic pooling does "
        "after training; windows slide.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            Eq(total[at], Sum(entry, *taps)),
            Eq(divisor[at], Piecewise((total[at], total[at] > 0), (1, True))),
            Eq(y[at], Sum(entry**2, *taps) / divisor[at]),
        ),
        options=over.options,
        requires=over.requires,
        legend=LEGEND | places_legend(rank),
        notes="Where all entries are 0, so is the gradient.",
        source=ZEILER,
        example=EXAMPLES.get(rank, {}),
    )


# ---- boxes ---------------------------------------------------------------------------------


(K,) = sizes("K")
H, W = sizes("H W", minimum=1)
(k,) = axes("k", K)
CELLS = option(
    "output_size", 1, over="hw", minimum=1, samples=(2, 3, (1, 3)),
    meaning="how many cells a box has along each axis", essential=True,
)  # fmt: skip
P, Q = CELLS.settings
image = integers("image", K, below=N)
x, y = tensor("x", N, C, H, W), tensor("y", K, C, P, Q)


@dataclass(frozen=True)
class Cells:
    """The cells of boxes along one axis, from ⌊p·extent/P⌋ to ⌈(p+1)·extent/P⌉ within the box."""

    box: Tensor
    cell: Axis
    tap: Axis
    entry: Expr
    within: Any
    equations: tuple[Eq, ...]


def cells(name: str, place: str, letter: str, whole: Size, count: Setting) -> Cells:
    box, extent = integers(name, K, 2, below=whole), integers(f"{name}_extent", K)
    cell = axis(place, count)
    start = integers(f"start_{place}", K, count, below=whole)
    end = integers(f"end_{place}", K, count, below=whole + 1)
    tap = axis(letter, size(f"{letter.upper()}", floor((whole + count - 2) / count) + 1))
    return Cells(
        box, cell, tap, start[k, cell] + tap, tap < end[k, cell] - start[k, cell],
        (
            Eq(extent[k], Max(box[k, 1] - box[k, 0] + 1, 1)),
            Eq(start[k, cell], box[k, 0] + floor(cell * extent[k] / count)),
            Eq(end[k, cell], box[k, 0] + ceiling((cell + 1) * extent[k] / count)),
        ),
    )  # fmt: skip


def roi_pool() -> Operation:
    """Maxima of the cells of boxes that end at pixels: along rows, and then along columns."""
    rows, columns = cells("rows", "p", "u", H, P), cells("columns", "q", "v", W, Q)
    w, p, q = axis("w", W), rows.cell, columns.cell
    tall = tensor("tall", K, C, P, W)
    return Operation(
        name="roi_pool",
        summary="Take the largest entry of every cell of boxes, which are parts of images.",
        inputs=(x, image, rows.box, columns.box),
        outputs=(y,),
        equations=(
            *rows.equations,
            *columns.equations,
            Eq(tall[k, c, p, w],
               Maximum(Piecewise((x[image[k], c, rows.entry, w], rows.within)), rows.tap)),
            Eq(y[k, c, p, q],
               Maximum(Piecewise((tall[k, c, p, columns.entry], columns.within)), columns.tap)),
        ),
        options=(CELLS,),
        legend={
            "n": "image", "k": "box", "c": "channel", "p,q": "cell", "u,v": "entry of a cell",
            "h": "row", "w": "column",
        },
        notes="Box k is a part of image[k]: of the rows from rows[k,0] to rows[k,1] and of the "
        "columns from columns[k,0] to columns[k,1], these included.",
        source="Girshick, Fast R-CNN, 2015",
        example={
            "x": EXAMPLES[2]["x"], "image": [0], "rows": [[0, 2]], "columns": [[1, 3]],
            "output_size": 2,
        },
    )  # fmt: skip


SCALE = option(
    "spatial_scale", 1.0, integer=False, samples=(0.5, 0.25),
    meaning="size of a pixel of the boxes in pixels of x",
)  # fmt: skip
POINTS = option(
    "sampling_ratio", 2, minimum=1, samples=(1, 3), meaning="points of a cell along each axis",
    essential=True,
)  # fmt: skip
ALIGNED = flag("aligned", meaning="let pixels be squares of which boxes count the edges")


@dataclass(frozen=True)
class Points:
    """The points of cells along one axis, and the weights of the pixels around them."""

    cell: Axis
    pixel: Axis
    weight: Tensor
    equations: tuple[Eq, ...]


def points(place: str, whole: Size, count: Setting, first: int) -> Points:
    """`first` and `first + 2` are where a box says its ends along the axis."""
    cell, pixel, i = axis(place, count), axis(str(whole).lower(), whole), axis("i", POINTS[0])
    start, extent = tensor(f"start_{place}", K), tensor(f"extent_{place}", K)
    at = tensor(f"at_{place}", K, count, POINTS[0])
    weight = tensor(f"weight_{place}", K, count, whole)
    point, length = at[k, cell, i], SCALE[0] * (BOXES[k, first + 2] - BOXES[k, first])
    inside = Max(0, Min(whole - 1, point))
    hat = Piecewise((relu(1 - Abs(inside - pixel)), And(point >= -1, point <= whole)), (0, True))
    return Points(cell, pixel, weight, (
        Eq(start[k], SCALE[0] * BOXES[k, first] - ALIGNED.settings[0] / 2),
        Eq(extent[k], Piecewise((length, ALIGNED.settings[0] >= 1), (Max(length, 1), True))),
        Eq(point, stop(start[k] + (cell + (i + Rational(1, 2)) / POINTS[0]) * extent[k] / count)),
        Eq(weight[k, cell, pixel], Sum(hat, i) / POINTS[0]),
    ))  # fmt: skip


BOXES = tensor("boxes", K, 4)


def roi_align() -> Operation:
    """Means of points of the cells of boxes that end anywhere."""
    rows, columns = points("p", H, P, 1), points("q", W, Q, 0)
    h, w, p, q = rows.pixel, columns.pixel, rows.cell, columns.cell
    wide = tensor("wide", K, C, H, Q)
    return Operation(
        name="roi_align",
        summary="Take the mean of points in every cell of boxes, which are parts of images.",
        inputs=(x, image, BOXES),
        outputs=(y,),
        equations=(
            *rows.equations,
            *columns.equations,
            Eq(wide[k, c, h, q], Sum(x[image[k], c, h, w] * columns.weight[k, q, w], w)),
            Eq(y[k, c, p, q], Sum(wide[k, c, h, q] * rows.weight[k, p, h], h)),
        ),
        options=(CELLS, SCALE, POINTS, ALIGNED),
        legend={
            "n": "image", "k": "box", "c": "channel", "p,q": "cell", "i": "point of a cell",
            "h,w": "pixel",
        },
        notes="Box k is a part of image[k], from boxes[k,0] to boxes[k,2] along the width and from "
        "boxes[k,1] to boxes[k,3] along the height. A point between pixels is read from those "
        "around it, whose weights fall linearly; more than a pixel outside the image it is 0. "
        "Boxes are not differentiated, as in torchvision.",
        source="He et al., Mask R-CNN, 2017",
        example={
            "x": EXAMPLES[2]["x"], "image": [0], "boxes": [[0, 0, 2, 3]], "sampling_ratio": 1,
        },
    )  # fmt: skip


OPERATIONS = (
    *(stochastic_pool(rank) for rank in RANKS),
    *(expected_pool(rank) for rank in RANKS),
    roi_pool(),
    roi_align(),
)
