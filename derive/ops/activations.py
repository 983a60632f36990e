"""Activations: one function of each entry, whatever the shape; gated and normalised ones behind.

    y[n] = f(x[n])

Where f has a kink, the module says which slope it takes there. Options have PyTorch's names.
"""

from collections.abc import Callable, Mapping
from typing import Any

import sympy
from sympy import Abs, Eq, Expr, Max, Min, Piecewise, Sum, exp, log

from derive.language import (
    Maximum,
    Operation,
    Option,
    axes,
    expm1,
    gelu,
    gelu_tanh,
    leading,
    mish,
    option,
    parameter,
    relu,
    sigmoid,
    silu,
    size,
    sizes,
    softplus,
    softsign,
    stop,
    tensor,
)

N, M = leading("N"), leading("M")
C = size("C", minimum=1)
(H,) = sizes("H")
n, m, c, h = axes("n m c h", N, M, C, H)
ENTRY = {"n": "entry (any axes)"}
FIVE = {"x": [-2, -1, 0, 1, 2]}


def real(name: str, default: float, meaning: str, samples=(0.5, 2), **more) -> Option:
    """An option that is a real number."""
    return option(name, default, integer=False, samples=samples, meaning=meaning, **more)


# ---- one function of each entry ------------------------------------------------------------


def activation(
    name: str, summary: str, function: Callable[..., Expr], *options: Option, notes: str = "",
    source: str = "", requires=(), aliases=(), example: Mapping[str, Any] = FIVE,
) -> Operation:  # fmt: skip
    """``y[n] = f(x[n])``; `function` takes the entry and the options' numbers."""
    x, y = tensor("x", N), tensor("y", N)
    settings = (setting for o in options for setting in o.settings)
    return Operation(
        name=name,
        summary=summary,
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n], function(x[n], *settings)),),
        options=options,
        requires=requires,
        legend=ENTRY,
        notes=notes,
        source=source,
        aliases=aliases,
        example=example,
    )


def rectified(x: Expr, at_zero: Expr) -> Expr:
    """``max(x, 0)``, with any slope at 0 itself: what is added is 0, and varies there alone."""
    return relu(x) + at_zero * Piecewise((x, Eq(x, 0)), (0, True))


def leaky(x: Expr, slope: Expr) -> Expr:
    return Piecewise((x, x > 0), (slope * x, True))


def exponential_unit(x: Expr, alpha: Expr, scale: Expr | int = 1, width: Expr | int = 1) -> Expr:
    """``x`` above 0, ``alpha*(exp(x/width) - 1)`` below."""
    return Piecewise((scale * x, x > 0), (scale * alpha * expm1(x / width), True))


def hard_sigmoid(x: Expr) -> Expr:
    return Max(0, Min(6, x + 3)) / 6


def hard_swish(x: Expr) -> Expr:
    return Piecewise((0, x <= -3), (x, x >= 3), (x * (x + 3) / 6, True))


# Klambauer et al. give both in closed form; these are their decimals.
ALPHA = sympy.Float("1.6732632423543772848170429916717", 32)
SCALE = sympy.Float("1.0507009873554804934193349852946", 32)

GELU = "Hendrycks and Gimpel, Gaussian error linear units, 2016"
POSITIVE = "must be above 0"
BETA = real("beta", 1, "factor of the argument")
SHRINKS = real("lambd", 0.5, "how near to 0 an entry is to vanish", (0, 2))
NOT_BELOW_0 = (SHRINKS[0] >= 0, "lambd must not be below 0")
WIDTH = real("alpha", 1, "what the function approaches at minus infinity, negated")

ELEMENTWISE = (
    activation("sigmoid", "Squash every entry to 0 .. 1.", sigmoid),
    activation("tanh", "Squash every entry to -1 .. 1.", sympy.tanh),
    activation("relu", "Replace negative entries by 0.", rectified,
               real("at_zero", 0, "slope at 0, where there is none", (0.5, 1)),
               notes="The slope at 0 is at_zero; PyTorch's is 0."),
    activation("leaky_relu", "Scale negative entries down.",
               leaky,
               real("negative_slope", 0.01, "slope below 0", (0, 0.2)),
               notes="The slope at 0 is negative_slope."),
    activation("elu", "Let negative entries decay to -alpha.", exponential_unit,
               real("alpha", 1, "what the function approaches at minus infinity, negated"),
               notes="The slope at 0 is alpha.",
               source="Clevert, Unterthiner and Hochreiter, Fast and accurate deep network "
               "learning by exponential linear units, 2015"),
    activation("celu", "Let negative entries decay to -alpha, without a kink.",
               lambda x, alpha: exponential_unit(x, alpha, width=alpha), WIDTH,
               requires=((WIDTH[0] > 0, f"alpha {POSITIVE}"),),
               source="Barron, Continuously differentiable exponential linear units, 2017"),
    activation("selu", "Let negative entries decay, so that variances of deep networks stay 1.",
               lambda x: exponential_unit(x, ALPHA, SCALE),
               notes="The slope at 0 is that from the left.",
               source="Klambauer et al., Self-normalizing neural networks, 2017"),
    activation("gelu", "Weigh every entry by the probability that a normal variable is less.",
               gelu, source=GELU),
    activation("gelu_tanh", "Weigh every entry as gelu does, approximately, by means of tanh.",
               gelu_tanh, source=GELU),
    activation("silu", "Weigh every entry by its sigmoid; also called swish.", silu,
               source=GELU),
    activation("mish", "Weigh every entry by the tanh of its softplus.", mish,
               source="Misra, Mish: a self regularized non-monotonic activation function, 2019"),
    activation("softplus", "Smooth ReLU.",
               lambda x, beta, threshold: Piecewise(
                   (x, beta * x > threshold), (softplus(beta * x) / beta, True)),
               BETA, real("threshold", 20, "beta*x above which the entry stays as it is", (1, 5)),
               requires=((BETA[0] > 0, f"beta {POSITIVE}"),),
               notes="Where beta*x is the threshold itself, the slope is that of the curve."),
    activation("softsign", "Squash every entry to -1 .. 1, slowly.", softsign),
    activation("hardtanh", "Clip every entry to an interval.",
               lambda x, low, high: Max(low, Min(high, x)),
               real("min_val", -1, "least value", (-2, -0.5)),
               real("max_val", 1, "largest value"),
               notes="The slope at both ends is 0.", aliases=("clip_by_value",)),
    activation("hardsigmoid", "Squash every entry to 0 .. 1 along straight lines.", hard_sigmoid,
               notes="The slope at both kinks, -3 and 3, is 0."),
    activation("hardswish", "Weigh every entry by its hard sigmoid.", hard_swish,
               notes="The slope at the kink at -3 is 0, at 3 it is 1.",
               source="Howard et al., Searching for MobileNetV3, 2019"),
    activation("relu6", "Clip every entry to 0 .. 6.", lambda x: Max(0, Min(6, x)),
               notes="The slope at both kinks, 0 and 6, is 0."),
    activation("threshold", "Replace entries that are not above a threshold.",
               lambda x, threshold, value: Piecewise((value, x <= threshold), (x, True)),
               real("threshold", 0, "what an entry has to exceed", (0.5, -0.5), essential=True),
               real("value", 0, "what stands for the others", (1, -2), essential=True),
               notes="The slope at the threshold is 0."),
    activation("hardshrink", "Replace entries near 0 by 0.",
               lambda x, width: Piecewise((x, Abs(x) > width), (0, True)), SHRINKS,
               requires=(NOT_BELOW_0,), notes="The slope at both kinks, -lambd and lambd, is 0.",
               example=FIVE | {"lambd": 1}),
    activation("softshrink", "Move every entry towards 0, those near to it onto it.",
               lambda x, width: Piecewise(
                   (x - width, x > width), (x + width, x < -width), (0, True)), SHRINKS,
               requires=(NOT_BELOW_0,), notes="The slope at both kinks, -lambd and lambd, is 0.",
               example=FIVE | {"lambd": 1},
               source="Donoho, De-noising by soft-thresholding, 1995"),
    activation("tanhshrink", "Take its tanh off every entry.", lambda x: x - sympy.tanh(x)),
    activation("logsigmoid", "Logarithm of the sigmoid.", lambda x: -softplus(-x)),
    activation("exponential", "Exponential of every entry.", exp),
)  # fmt: skip


# ---- several entries -----------------------------------------------------------------------


def _prelu() -> tuple[Operation, Operation]:
    """A learned slope below 0: one for each channel, or one."""
    (images,) = sizes("N")
    (i,) = axes("n", images)
    x, y, weight = tensor("x", images, C, M), tensor("y", images, C, M), parameter("weight", C)
    every, same, one = tensor("x", N), tensor("y", N), parameter("weight", 1)
    source = "He et al., Delving deep into rectifiers, 2015"
    return (
        Operation(
            name="prelu",
            summary="Scale negative entries by a learned slope, one for each channel.",
            inputs=(x, weight),
            outputs=(y,),
            equations=(Eq(y[i, c, m], leaky(x[i, c, m], weight[c])),),
            legend={"n": "image", "c": "channel", "m": "place (any axes)"},
            notes="The slope at 0 is the learned one.",
            source=source,
            example={"x": [[-2, 1], [3, -4]], "weight": [0.25, 0.5]},
        ),
        Operation(
            name="prelu_shared",
            summary="Scale negative entries by one learned slope.",
            inputs=(every, one),
            outputs=(same,),
            equations=(Eq(same[n], leaky(every[n], one[0])),),
            legend=ENTRY,
            notes="The slope at 0 is the learned one.",
            source=source,
            example=FIVE | {"weight": [0.25]},
        ),
    )


def _glu() -> Operation:
    x, y = tensor("x", N, (2, H)), tensor("y", N, H)
    return Operation(
        name="glu",
        summary="Gate the first half of the last axis by the sigmoid of the second.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, h], x[n, (0, h)] * sigmoid(x[n, (1, h)])),),
        legend={"n": "vector (any leading axes)", "h": "feature"},
        source="Dauphin et al., Language modeling with gated convolutional networks, 2016",
        example={"x": [[1, 2, 0, -1]]},
    )


def _crelu() -> Operation:
    x, y = tensor("x", N, H), tensor("y", N, (2, H))
    return Operation(
        name="crelu",
        summary="ReLU of every entry and of its negative, one behind the other in the last axis.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, (0, h)], relu(x[n, h])), Eq(y[n, (1, h)], relu(-x[n, h]))),
        legend={"n": "vector (any leading axes)", "h": "feature"},
        notes="The slope at 0 is 0, for both.",
        source="Shang et al., Understanding and improving convolutional neural networks via "
        "concatenated rectified linear units, 2016",
        example={"x": [[-2, 0, 3]]},
    )


def _maxout() -> Operation:
    pieces = option(
        "pieces", 2, minimum=2, samples=(3,), meaning="entries of which one goes on",
        essential=True,
    )  # fmt: skip
    (k,) = axes("k", pieces[0])
    x, y = tensor("x", N, (H, pieces[0])), tensor("y", N, H)
    return Operation(
        name="maxout",
        summary="Let the largest of every few entries of the last axis go on.",
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(y[n, h], Maximum(x[n, (h, k)], k)),),
        options=(pieces,),
        legend={"n": "vector (any leading axes)", "h": "unit", "k": "piece of a unit"},
        notes="The pieces of a unit lie side by side. Of equal ones the first has the gradient.",
        source="Goodfellow et al., Maxout networks, 2013",
        example={"x": [[1, 3, -2, -4]]},
    )


def _rrelu() -> tuple[Operation, Operation]:
    """Slopes below 0 that were drawn, and the one that stands for all of them afterwards."""
    x, slope, y = tensor("x", N), tensor("slope", N), tensor("y", N)
    source = "Xu et al., Empirical evaluation of rectified activations, 2015"
    lower = real("lower", 1 / 8, "least slope that was drawn", (0.25,))
    upper = real("upper", 1 / 3, "largest slope that was drawn", (0.5,))
    mean = option(
        "mean", "arithmetic", numeric=False, spellings={"arithmetic": (0,), "harmonic": (1,)},
        meaning="which mean of both bounds is the slope",
    )  # fmt: skip

    def scaled(x: Expr, low: Expr, high: Expr, harmonic: Expr) -> Expr:
        return Piecewise((x, x > 0), (2 * x / (1 / low + 1 / high), harmonic >= 1),
                         ((low + high) * x / 2, True))  # fmt: skip

    return (
        Operation(
            name="rrelu",
            summary="Scale negative entries by slopes that were drawn, as in training.",
            inputs=(x, slope),
            outputs=(y,),
            equations=(Eq(y[n], leaky(x[n], slope[n])),),
            legend=ENTRY,
            notes="Draw the slopes as rng.uniform(1/8, 1/3, x.shape), anew for every call. The "
            "slope at 0 is the drawn one.",
            source=source,
            example=FIVE | {"slope": [0.25, 0.125, 0.25, 0.25, 0.25]},
        ),
        activation("rrelu_evaluation", "Scale negative entries by the mean of the slopes that "
                   "were drawn, as after training.", scaled,
                   lower, upper, mean,
                   notes="The mean is arithmetic in PyTorch. The paper draws divisors, and divides "
                   "by their mean in the end: that is the harmonic mean of the slopes.",
                   source=source),
    )  # fmt: skip


def _softmax(name: str, summary: str, logarithm: bool = False, sign: int = 1) -> Operation:
    x, y = tensor("x", N, C), tensor("y", N, C)
    top, total, e = tensor("top", N), tensor("total", N), tensor("e", N, C)
    entry = sign * x[n, c]
    shifted = entry - top[n]
    values = (
        (Eq(total[n], Sum(exp(shifted), c)), Eq(y[n, c], shifted - log(total[n])))
        if logarithm
        else (
            Eq(e[n, c], exp(shifted)),
            Eq(total[n], Sum(e[n, c], c)),
            Eq(y[n, c], e[n, c] / total[n]),
        )
    )
    return Operation(
        name=name,
        summary=summary,
        inputs=(x,),
        outputs=(y,),
        equations=(Eq(top[n], stop(Maximum(entry, c))), *values),
        legend={"n": "vector (any leading axes)", "c": "class"},
        notes="The largest entry is taken off first, which changes nothing but the range.",
        source="Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2.3",
        example={"x": [[1, 2, 3]]},
    )


OPERATIONS = (
    *ELEMENTWISE,
    *_prelu(),
    _glu(),
    _crelu(),
    _maxout(),
    *_rrelu(),
    _softmax("softmax", "Probabilities from logits, over the last axis."),
    _softmax("log_softmax", "Logarithms of probabilities from logits, over the last axis.", True),
    _softmax("softmin", "Probabilities from logits that are negated before, over the last axis.",
             sign=-1),
)  # fmt: skip
