"""Normalisation: take the mean off, divide by the standard deviation, scale and shift.

    d = x − mean(x)        y = d / √(mean(d²) + eps) · weight + bias

What differs is over what the means are taken: a batch, a layer, a group of channels, one image's
channel. Variances are those of a population; where there is nothing, means are 0.
"""

from dataclasses import dataclass

from sympy import Eq, Expr, Max, Mul, Piecewise, Sum, floor, oo, sqrt

from derive.language import (
    Access,
    Axis,
    Operation,
    Option,
    Tensor,
    axes,
    leading,
    option,
    parameter,
    size,
    sizes,
    stop,
    tensor,
)

N, H = sizes("N H")
C = size("C", minimum=1)
B, M = leading("N"), leading("M")
n, c, h, m, b = axes("n c h m n", N, C, H, M, B)


def eps(default: float) -> Option:
    """What is added to a variance, so that it is no divisor of 0."""
    return option(
        "eps", default, integer=False, minimum=0, samples=(0.1, 1),
        meaning="what is added to the variance under the root",
    )  # fmt: skip


EPS = eps(1e-5)


def root_of(x: Expr) -> Expr:
    """The root of what is not below 0; where that is 0, its slope is 0, and not infinite."""
    return Piecewise((sqrt(x), x > 0), (0, True))


VECTORS = {"n": "vector (any leading axes)", "h": "feature"}
# Numbers of worked examples: two entries of either kind have a variance of 9/4.
PAIRS, ALONE = [1, 1, 4, 4], {"eps": 0, "weight": [1], "bias": [0]}
IMAGES = {"n": "image", "c": "channel", "m": "place (any axes)"}


@dataclass(frozen=True)
class Normalized:
    """The equations of a normalised tensor, and the statistics it is normalised by."""

    y: Tensor
    equations: tuple[Eq, ...]
    mean: Access
    var: Access


def normalized(
    x: Tensor, place: tuple, over: tuple[Axis, ...], kept: tuple[Axis, ...], weight: Expr,
    bias: Expr | None = None, *, epsilon: Option = EPS,
) -> Normalized:  # fmt: skip
    """Normalise x at a place over some of its indices, the others being kept.

    Without a bias, the mean is not taken off either.
    """
    count = Max(Mul(*(a.extent for a in over)), 1)
    mean, var, scale = (tensor(t, *(a.extent for a in kept)) for t in ("mean", "var", "scale"))
    d, h, y = (Tensor(name, x.axes_of) for name in ("d", "normal", "y"))
    centre = (
        Eq(mean[kept], Sum(x[place], *over) / count),
        Eq(d[place], x[place] - mean[kept]),
    )
    if bias is None:
        d, centre = x, ()
    equations = (
        *centre,
        Eq(var[kept], Sum(d[place] ** 2, *over) / count),
        Eq(scale[kept], 1 / sqrt(var[kept] + epsilon[0])),
        Eq(h[place], d[place] * scale[kept]),
        Eq(y[place], weight * h[place] + (bias or 0)),
    )
    return Normalized(y, equations, mean[kept], var[kept])


def learned(*shape) -> tuple[Tensor, Tensor]:
    """Scale and shift; left out, they are 1 and 0."""
    return parameter("weight", *shape, default=1), parameter("bias", *shape, optional=True)


def operation(
    name: str, summary: str, x: Tensor, affine: tuple, done: Normalized, legend: dict, source: str,
    example: dict, options: tuple[Option, ...] = (EPS,), notes: str = "",
) -> Operation:  # fmt: skip
    """A normalisation with one output."""
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, *affine),
        outputs=(done.y,),
        equations=done.equations,
        options=options,
        legend=legend,
        notes=notes,
        source=source,
        example=example,
    )


# ---- over a batch --------------------------------------------------------------------------

BATCH = "Ioffe and Szegedy, Batch normalization, 2015"
MOMENTUM = option(
    "momentum", 0.1, integer=False, minimum=0, samples=(0.5, 1),
    meaning="share of the batch in the new running statistics",
)  # fmt: skip
RUNNING_MEAN = parameter("running_mean", C, default=0)
RUNNING_VAR = parameter("running_var", C, default=1, interval=(0, oo))


def _batch_norm() -> Operation:
    x, (weight, bias) = tensor("x", N, C, M), learned(C)
    done = normalized(x, (n, c, m), (n, m), (c,), weight[c], bias[c])
    new_mean, new_var = tensor("new_mean", C), tensor("new_var", C)
    share = MOMENTUM[0]
    unbiased = done.var * N * M / (N * M - 1)
    return Operation(
        name="batch_norm",
        summary="Normalise each channel over a batch, as in training, and update the running "
        "statistics.",
        inputs=(x, RUNNING_MEAN, RUNNING_VAR, weight, bias),
        outputs=(done.y, new_mean, new_var),
        options=(MOMENTUM, EPS),
        equations=(
            *done.equations,
            Eq(new_mean[c], stop((1 - share) * RUNNING_MEAN[c] + share * done.mean)),
            Eq(new_var[c], stop((1 - share) * RUNNING_VAR[c] + share * unbiased)),
        ),
        requires=((N * M >= 2, "a batch needs more than one value for each channel"),),
        legend=IMAGES,
        notes="Running statistics begin as 0 and 1, and are not differentiated. The new variance "
        "is the unbiased one, as in PyTorch; y is normalised by the biased one.",
        source=BATCH,
        example=ALONE | {"x": [[entry] for entry in PAIRS]},
    )


def _batch_norm_evaluation() -> Operation:
    x, (weight, bias) = tensor("x", N, C, M), learned(C)
    scale, h, y = tensor("scale", C), tensor("normal", N, C, M), tensor("y", N, C, M)
    place = n, c, m
    return Operation(
        name="batch_norm_evaluation",
        summary="Normalise each channel by running statistics, as after training.",
        inputs=(x, RUNNING_MEAN, RUNNING_VAR, weight, bias),
        outputs=(y,),
        options=(EPS,),
        equations=(
            Eq(scale[c], 1 / sqrt(RUNNING_VAR[c] + EPS[0])),
            Eq(h[place], (x[place] - RUNNING_MEAN[c]) * scale[c]),
            Eq(y[place], weight[c] * h[place] + bias[c]),
        ),
        legend=IMAGES,
        source=BATCH,
        example=ALONE | {"x": [[1], [5]], "running_mean": [1], "running_var": [4]},
    )


# ---- over what belongs to one sample -------------------------------------------------------


def _layer_norm() -> Operation:
    x, (weight, bias) = tensor("x", B, H), learned(H)
    done = normalized(x, (b, h), (h,), (b,), weight[h], bias[h])
    return operation(
        "layer_norm", "Normalise vectors, each over its features.", x, (weight, bias), done,
        VECTORS, "Ba, Kiros and Hinton, Layer normalization, 2016",
        {"x": [PAIRS], "weight": [1, 1, 1, 1], "bias": [0, 0, 0, 0], "eps": 0},
    )  # fmt: skip


def _rms_norm() -> Operation:
    x, weight, epsilon = tensor("x", B, H), parameter("weight", H, default=1), eps(1e-6)
    done = normalized(x, (b, h), (h,), (b,), weight[h], epsilon=epsilon)
    return operation(
        "rms_norm", "Divide vectors by the root of the mean square of their features.", x,
        (weight,), done, VECTORS, "Zhang and Sennrich, Root mean square layer normalization, 2019",
        {"x": [[1, 7]], "weight": [1, 1], "eps": 0}, (epsilon,),
    )  # fmt: skip


def _group_norm() -> Operation:
    groups = option(
        "num_groups", 1, minimum=1, samples=(2, 3), meaning="parts of the channels", essential=True
    )
    (g,) = axes("g", groups[0])
    members = groups[0], C
    x, (weight, bias) = tensor("x", N, members, M), learned(members)
    at = (g, c)
    done = normalized(x, (n, at, m), (c, m), (n, g), weight[(at,)], bias[(at,)])
    return operation(
        "group_norm", "Normalise groups of channels, each image for itself.", x, (weight, bias),
        done, IMAGES | {"g": "group", "c": "channel of the group"},
        "Wu and He, Group normalization, 2018",
        {"x": [PAIRS], "weight": [1, 1, 1, 1], "bias": [0, 0, 0, 0], "eps": 0}, (groups, EPS),
    )  # fmt: skip


def _instance_norm() -> Operation:
    x, (weight, bias) = tensor("x", N, C, M), learned(C)
    done = normalized(x, (n, c, m), (m,), (n, c), weight[c], bias[c])
    return operation(
        "instance_norm", "Normalise each channel of each image for itself.", x, (weight, bias),
        done, IMAGES, "Ulyanov, Vedaldi and Lempitsky, Instance normalization, 2016",
        ALONE | {"x": [[PAIRS]]},
    )  # fmt: skip


def _normalize() -> Operation:
    least = option(
        "eps", 1e-12, integer=False, minimum=0, samples=(0.1, 1), meaning="least length that counts"
    )
    x, y = tensor("x", B, H), tensor("y", B, H)
    bound, square, length = tensor("bound"), tensor("square", B), tensor("length", B)
    return Operation(
        name="normalize",
        summary="Divide vectors by their length.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            Eq(bound[()], least[0] ** 2),
            Eq(square[b], Max(Sum(x[b, h] ** 2, h), bound[()])),
            Eq(length[b], sqrt(square[b])),
            Eq(y[b, h], x[b, h] / length[b]),
        ),
        options=(least,),
        requires=((least[0] > 0, "eps must be above 0"),),
        legend=VECTORS,
        notes="A vector that is shorter than eps is divided by eps.",
        example={"x": [[3, 4]], "eps": 1},
    )


def _local_response_norm() -> Operation:
    width = option(
        "size", 5, minimum=1, samples=(2, 3), meaning="channels that count, beside each other",
        essential=True,
    )  # fmt: skip
    alpha, beta, k = (
        option(name, default, integer=False, minimum=0, samples=samples, meaning=meaning,
               essential=True)
        for name, default, samples, meaning in (
            ("alpha", 1e-4, (0.5, 2), "factor of the mean square"),
            ("beta", 0.75, (0.5, 1), "power of the divisor"),
            ("k", 1.0, (2, 0.5), "what is added to the mean square"),
        )
    )  # fmt: skip
    (u,) = axes("u", width[0])
    x = tensor("x", N, C, M, outside=0)
    total, base, y = (tensor(name, N, C, M) for name in ("total", "base", "y"))
    return Operation(
        name="local_response_norm",
        summary="Divide each channel by a power of the mean square of those beside it.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            Eq(total[n, c, m], Sum(x[n, c + u - floor(width[0] / 2), m] ** 2, u)),
            Eq(base[n, c, m], k[0] + alpha[0] * total[n, c, m] / width[0]),
            Eq(y[n, c, m], x[n, c, m] * base[n, c, m] ** (-beta[0])),
        ),
        options=(width, alpha, beta, k),
        requires=((k[0] > 0, "k must be above 0"),),
        legend=IMAGES | {"u": "channel beside another one"},
        notes="Before the first channel and behind the last one there are zeros.",
        source="Krizhevsky, Sutskever and Hinton, ImageNet classification with deep convolutional "
        "neural networks, 2012",
        example={"x": [[[1], [2], [3]]], "size": 3, "alpha": 1, "beta": 1, "k": 1},
    )  # fmt: skip


normalize = _normalize()
OPERATIONS = (
    _batch_norm(),
    _batch_norm_evaluation(),
    _layer_norm(),
    _group_norm(),
    _instance_norm(),
    _rms_norm(),
    _local_response_norm(),
    normalize,
)
