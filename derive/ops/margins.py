"""Losses that want some scores large and others small, by a margin.

    max(0, margin − what is to be large)

Names, options and shapes are PyTorch's. At its kink a hinge has the slope 0.
"""

from collections.abc import Sequence

from sympy import Eq, Expr, Piecewise, Sum

from derive.language import (
    Operation,
    Option,
    Part,
    Tensor,
    compose,
    integers,
    option,
    part,
    relu,
    softplus,
    tensor,
)
from derive.ops.distances import (
    ADDED,
    PAIR,
    VECTORS,
    D,
    M,
    cosine_similarity,
    m,
    pairwise_distance,
    x1,
    x2,
)
from derive.ops.losses import NOTHING, C, N, c, n, reduction


def margin(default: float, meaning: str) -> Option:
    return option("margin", default, integer=False, samples=(0.5, 2), meaning=meaning)


def loss(
    name: str, summary: str, inputs: Sequence[Tensor], value: Expr, *options: Option,
    parts: Sequence[Part] = (), notes: str = "", source: str = "", example: dict,
) -> Operation:  # fmt: skip
    """A loss of each vector or entry, and what is made of them."""
    l, reduced = tensor("l", M), reduction(M)
    vectors = any(D in tensor.shape for tensor in inputs)
    return compose(
        name,
        summary,
        parts,
        inputs=inputs,
        outputs=(reduced.output,),
        equations=(Eq(l[m], value), reduced.equation(l, (m,))),
        options=(*options, reduced.option),
        legend=(VECTORS if vectors else {"m": "entry (any axes)"})
        | {"l": "losses of the single " + ("vectors" if vectors else "entries")}
        | reduced.legend,
        notes=f"{NOTHING} {notes}".strip(),
        source=source,
        example=example,
    )  # fmt: skip


NEAR_OR_FAR = "A target is 1 or -1."
target = tensor("target", M)


def _margin_ranking() -> Operation:
    least = margin(0.0, "by how much the right one has to be larger")
    left, right = tensor("x1", M), tensor("x2", M)
    return loss(
        "margin_ranking_loss",
        "How far the entry that is to be larger falls short of the other one.",
        (left, right, target), relu(least[0] - target[m] * (left[m] - right[m])), least,
        notes=f"{NEAR_OR_FAR} With 1, that of x1 is to be larger.",
        example={"x1": [1, 3], "x2": [2, 0], "target": [1, -1]},
    )  # fmt: skip


def _hinge_embedding() -> Operation:
    far, x = margin(1.0, "distance beyond which nothing is lost"), tensor("x", M)
    return loss(
        "hinge_embedding_loss",
        "Distances where they are to be small, and what they lack of a margin elsewhere.",
        (x, target), Piecewise((x[m], Eq(target[m], 1)), (relu(far[0] - x[m]), True)), far,
        notes=f"{NEAR_OR_FAR} With 1, a distance is to be small.",
        example={"x": [0.5, 0.25, 3], "target": [1, -1, -1]},
    )  # fmt: skip


def _soft_margin() -> Operation:
    x = tensor("x", M)
    return loss(
        "soft_margin_loss", "Logistic losses of entries whose sign is to be that of the target.",
        (x, target), softplus(-target[m] * x[m]), notes=NEAR_OR_FAR,
        example={"x": [2, -1], "target": [1, 1]},
    )  # fmt: skip


def _cosine_embedding() -> Operation:
    most, y = margin(0.0, "cosine up to which nothing is lost"), tensor("cosine", M)
    return loss(
        "cosine_embedding_loss",
        "What cosines lack of 1 where they are to be large, and what they have beyond a margin "
        "elsewhere.",
        (x1, x2, target),
        Piecewise((1 - y[m], Eq(target[m], 1)), (relu(y[m] - most[0]), True)), most,
        parts=(part(cosine_similarity, "", x1=x1, x2=x2, y=y),),
        notes=f"{NEAR_OR_FAR} With 1, a cosine is to be large.",
        example=PAIR | {"target": [-1]},
    )  # fmt: skip


def _triplet_margin() -> Operation:
    least = margin(1.0, "by how much the negative has to be farther away")
    anchor, positive, negative = (tensor(n, M, D) for n in ("anchor", "positive", "negative"))
    near, far = tensor("near", M), tensor("far", M)
    return loss(
        "triplet_margin_loss",
        "How much too near to an anchor a negative is, compared with a positive.",
        (anchor, positive, negative), relu(near[m] - far[m] + least[0]), least, ADDED,
        parts=(
            part(pairwise_distance, "near", x1=anchor, x2=positive, y=near, eps=ADDED),
            part(pairwise_distance, "far", x1=anchor, x2=negative, y=far, eps=ADDED),
        ),
        source="Schroff, Kalenichenko and Philbin, FaceNet, 2015",
        example={"anchor": [[0, 0]], "positive": [[3, 4]], "negative": [[0, 5]]},
    )  # fmt: skip


# ---- scores of classes ---------------------------------------------------------------------

X, SCORES = tensor("x", N, C), {"n": "sample", "c": "class"}


def of_samples(name: str, summary: str, inputs, equations, l: Tensor, **more) -> Operation:
    """A loss of every sample."""
    reduced = reduction(N)
    return Operation(
        name=name,
        summary=summary,
        inputs=inputs,
        outputs=(reduced.output,),
        equations=(*equations, reduced.equation(l, (n,))),
        options=(*more.pop("options", ()), reduced.option),
        legend=SCORES | {"l": "losses of the single samples"} | reduced.legend,
        notes=NOTHING,
        **more,
    )


def _multi_margin() -> Operation:
    least = margin(1.0, "by how much the score of the right class has to be larger")
    power = option("p", 1, minimum=1, samples=(2,), meaning="power of what it falls short")
    label, others = integers("target", N, below=C), integers("others", N, C, below=2)
    l, right, short = tensor("l", N), tensor("right", N), tensor("short", N, C)
    falls_short = relu(least[0] - (right[n] - X[n, c]))
    return of_samples(
        "multi_margin_loss",
        "How far the score of the right class falls short of being larger than the others.",
        (X, label),
        (
            # One condition on integers is one statement; "another class" would be two.
            Eq(others[n, c], Piecewise((0, Eq(label[n], c)), (1, True))),
            Eq(right[n], X[n, label[n]]),
            Eq(short[n, c], Piecewise((falls_short, others[n, c] >= 1), (0, True))),
            Eq(l[n], Sum(short[n, c] ** power[0], c) / C),
        ),
        l, options=(power, least),
        source="Crammer and Singer, On the algorithmic implementation of multiclass kernel-based "
        "vector machines, 2001",
        example={"x": [[1, 3, 2.5]], "target": [1]},
    )  # fmt: skip


def _multilabel_soft_margin() -> Operation:
    labels, l = tensor("target", N, C, interval=(0, 1)), tensor("l", N)
    weight = tensor("weight", C, default=1)
    yes, no = softplus(-X[n, c]), softplus(X[n, c])
    of_one = weight[c] * (labels[n, c] * yes + (1 - labels[n, c]) * no)
    return of_samples(
        "multilabel_soft_margin_loss",
        "Logistic losses of the scores of all classes, each of which may be right.",
        (X, labels, weight),
        (Eq(l[n], Sum(of_one, c) / C),),
        l,
        example={"x": [[2, -1]], "target": [[1, 1]]},
    )


OPERATIONS = (
    _margin_ranking(),
    _hinge_embedding(),
    _soft_margin(),
    _cosine_embedding(),
    _triplet_margin(),
    _multi_margin(),
    _multilabel_soft_margin(),
)
