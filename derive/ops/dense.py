"""Dense layers, and what stands around layers.

linear        y[n,o] = bias[o] + Σ_i x[n,i]·weight[o,i]
bilinear      y[n,o] = bias[o] + Σ_ij left[n,i]·weight[o,i,j]·right[n,j]
embedding     y[n,d] = weight[indices[n], d]
embedding_bag y[b,d] = Σ_l weight[indices[b,l], d] / L
dropout       y[n] = x[n]·mask[n] / (1 − p)
"""

from sympy import Eq, Max, Piecewise, Sum

from derive.language import (
    Operation,
    axes,
    integers,
    leading,
    option,
    parameter,
    size,
    sizes,
    stop,
    tensor,
)

N = leading("N")
I, O = sizes("I O")
n, i, o = axes("n i o", N, I, O)

x = tensor("x", N, I)
weight = parameter("weight", O, I)
bias = parameter("bias", O, optional=True)
y = tensor("y", N, O)

linear = Operation(
    name="linear",
    summary="Multiply vectors by a matrix and add a bias: what PyTorch calls linear.",
    inputs=(x, weight, bias),
    outputs=(y,),
    equations=(Eq(y[n, o], bias[o] + Sum(x[n, i] * weight[o, i], i)),),
    legend={"n": "vector (any leading axes)", "i": "input feature", "o": "output feature"},
    source="Goodfellow, Bengio and Courville, Deep Learning, section 6.5",
    example={"x": [[1, 2]], "weight": [[3, -1], [0, 2], [1, 1]], "bias": [1, -1, 0]},
)


def _bilinear() -> Operation:
    (J,) = sizes("J")
    (j,) = axes("j", J)
    left, right = tensor("x1", N, I), tensor("x2", N, J)
    meeting = parameter("weight", O, I, J)
    return Operation(
        name="bilinear",
        summary="Let two vectors meet in a matrix for each output, and add a bias.",
        inputs=(left, right, meeting, bias),
        outputs=(y,),
        equations=(Eq(y[n, o], bias[o] + Sum(left[n, i] * meeting[o, i, j] * right[n, j], i, j)),),
        legend={
            "n": "pair of vectors (any leading axes)",
            "i": "feature of the first",
            "j": "feature of the second",
            "o": "output feature",
        },
        example={"x1": [[1, 2]], "x2": [[3, 1]], "weight": [[[1, 0], [0, -1]]], "bias": [1]},
    )


PADDING = option(
    "padding_idx", "none", minimum=0, samples=(0, 1), spellings={"none": (-1,)},
    meaning="row that gets no gradient",
)  # fmt: skip


def _embedding() -> Operation:
    V, D = sizes("V D")
    (d,) = axes("d", D)
    table, index = parameter("weight", V, D), integers("indices", N, below=V)
    rows = tensor("y", N, D)
    # One condition on integers is one scatter; "another number" would be two, below and above.
    learns, row = integers("learns", N, below=2), table[index[n], d]
    return Operation(
        name="embedding",
        summary="Look rows of a table up.",
        inputs=(table, index),
        outputs=(rows,),
        equations=(
            Eq(learns[n], Piecewise((0, Eq(index[n], PADDING[0])), (1, True))),
            Eq(rows[n, d], Piecewise((row, learns[n] >= 1), (stop(row), True))),
        ),
        options=(PADDING,),
        legend={"n": "entry of indices (any axes)", "v": "row of the table", "d": "feature"},
        source="Bengio et al., A neural probabilistic language model, JMLR 3, 2003",
        example={"weight": [[1, 2], [3, 4], [5, 6]], "indices": [2, 0, 2]},
    )


def _embedding_bag() -> Operation:
    B, L, V, D = sizes("B L V D")
    b, l, d = axes("b l d", B, L, D)
    table, index = parameter("weight", V, D), integers("indices", B, L, below=V)
    share, total = tensor("per_sample_weights", B, L, default=1), tensor("y", B, D)
    mode = option(
        "mode", "mean", numeric=False, spellings={"mean": (1,), "sum": (0,)},
        meaning="what is made of the rows of a bag",
    )  # fmt: skip
    counts, divisor = integers("counts", B, L, below=2), integers("divisor", B)
    number, counted = integers("number", B), counts[b, l] >= 1
    row = Piecewise((share[b, l] * table[index[b, l], d], counted), (0, True))
    return Operation(
        name="embedding_bag",
        summary="Look rows of a table up, and add those of a bag, or take their mean.",
        inputs=(table, index, share),
        outputs=(total,),
        equations=(
            Eq(counts[b, l], Piecewise((0, Eq(index[b, l], PADDING[0])), (1, True))),
            Eq(number[b], Sum(counts[b, l], l)),
            Eq(divisor[b], Piecewise((Max(1, number[b]), mode[0] >= 1), (1, True))),
            Eq(total[b, d], Sum(row, l) / divisor[b]),
        ),
        options=(mode, PADDING),
        legend={"b": "bag", "l": "entry of a bag", "v": "row of the table", "d": "feature"},
        notes="The row padding_idx counts nowhere. Of nothing, the sum and the mean are 0.",
        example={"weight": [[1, 2], [3, 4], [5, 6]], "indices": [[2, 0], [1, 1]]},
    )


def _flatten() -> Operation:
    (images,), whole = sizes("N"), leading("M")
    K = size("K", whole)
    i, k = axes("n k", images, K)
    given, flat = tensor("x", images, whole), tensor("y", images, K)
    return Operation(
        name="flatten",
        summary="Make vectors of images: all axes but the first become one.",
        inputs=(given,),
        outputs=(flat,),
        equations=(Eq(flat[i, k], given[i, k]),),
        legend={"n": "image", "k": "entry"},
    )


def _dropout() -> Operation:
    share = option(
        "p", 0.5, integer=False, minimum=0, samples=(0.2, 0), meaning="share of entries dropped"
    )
    given, mask, thinned = tensor("x", N), integers("mask", N, below=2), tensor("y", N)
    return Operation(
        name="dropout",
        summary="Drop entries where a mask is 0, and scale the others up.",
        inputs=(given, mask),
        outputs=(thinned,),
        equations=(Eq(thinned[n], given[n] * mask[n] / (1 - share[0])),),
        options=(share,),
        requires=((share[0] < 1, "p must be below 1"),),
        legend={"n": "entry (any axes)"},
        notes="Draw the mask as rng.binomial(1, 1 - p, x.shape), anew for every call in training.",
        source="Srivastava et al., Dropout, JMLR 15, 2014",
        example={"x": [1, 2, 3, 4], "mask": [1, 0, 1, 1]},
    )


def _add() -> Operation:
    left, right, total = tensor("left", N), tensor("right", N), tensor("y", N)
    return Operation(
        name="residual_add",
        summary="Add two arrays of one shape, as a residual connection does.",
        inputs=(left, right),
        outputs=(total,),
        equations=(Eq(total[n], left[n] + right[n]),),
        legend={"n": "entry (any axes)"},
        source="He et al., Deep residual learning for image recognition, 2015",
        example={"left": [1, 2, 3], "right": [4, 0, -1]},
    )


def _concatenate() -> Operation:
    images, A, B = sizes("N A B")
    rest = leading("M")
    K = size("K", A + B)
    i, a, b, m = axes("n a b m", images, A, B, rest)
    left, right = tensor("left", images, A, rest), tensor("right", images, B, rest)
    whole = tensor("y", images, K, rest)
    return Operation(
        name="concatenate",
        summary="Put the channels of two arrays one behind the other.",
        inputs=(left, right),
        outputs=(whole,),
        equations=(Eq(whole[i, a, m], left[i, a, m]), Eq(whole[i, A + b, m], right[i, b, m])),
        legend={"n": "image", "a": "channel of left", "b": "channel of right",
                "m": "place (any axes)"},
    )  # fmt: skip


OPERATIONS = (
    linear,
    _bilinear(),
    _embedding(),
    _embedding_bag(),
    _flatten(),
    _dropout(),
    _add(),
    _concatenate(),
)
