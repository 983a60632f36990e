"""Losses: how far predictions are from targets, as one number.

    loss = Σ_m l[m] / count        l = (x − target)², |x − target|, −log p[target], ...

The option `reduction` says what is made of the losses of single entries: their mean, their sum, or
none of both. Names, options and shapes are PyTorch's. A mean over nothing is 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Abs, And, Eq, Expr, Max, Mul, Piecewise, Sum, exp, log

from derive.language import (
    Axis,
    Maximum,
    Operation,
    Option,
    Size,
    Tensor,
    axes,
    axis,
    integers,
    kept,
    leading,
    option,
    size,
    sizes,
    softplus,
    stop,
    tensor,
)

(N,) = sizes("N")
C = size("C", minimum=1)
M = leading("M")
n, c, m = axes("n c m", N, C, M)

NOTHING = "A mean over nothing is 0."
PLACES = {"n": "sample", "c": "class", "m": "place (any axes)"}


# ---- what is made of single losses ---------------------------------------------------------


@dataclass(frozen=True)
class Reduction:
    """The option, the output, and the equation that reduces losses to it."""

    option: Option
    output: Tensor
    places: tuple[Axis, ...]

    def equation(self, loss: Tensor, over: tuple[Axis, ...], count: Expr | None = None) -> Eq:
        """``y = Σ loss / count``, or the losses themselves."""
        total = Sum(loss[over], *over) / (self.option[1] if count is None else count)
        cases = Piecewise((loss[self.places], self.option[0] >= 1), (total, True))
        return Eq(self.output[self.places], cases)

    @property
    def legend(self) -> dict[str, str]:
        return {",".join(place.name for place in self.places): "entry of the result"}


def reduction(*extents: Size, second: str = "count", **words) -> Reduction:
    """What losses of these extents are reduced to.

    The first setting of the option says whether they stay apart, the second one by what their sum
    is divided. That is for others to say in `words`, which may be more than those three.
    """
    words = {"mean": Max(Mul(*extents), 1), "sum": 1, "none": 1} | words
    how = option(
        "reduction", "mean", over=("kept", second), numeric=False,
        spellings={word: (int(word == "none"), number) for word, number in words.items()},
        meaning="what is made of the losses of single entries",
    )  # fmt: skip
    axes_kept = [kept(f"R{extent}", extent, when=how[0] >= 1) for extent in extents]
    places = tuple(
        axis(f"r{extent}".lower(), whole) for extent, whole in zip(extents, axes_kept, strict=True)
    )
    return Reduction(how, tensor("y", *axes_kept), places)


# ---- entry by entry ------------------------------------------------------------------------


def entrywise(
    name: str, summary: str, loss: Callable[..., Expr], *options: Option, notes: str = "",
    requires=(), source: str = "", absolute: bool = False,
) -> Operation:  # fmt: skip
    """A loss of the difference of predictions and targets of the same shape, or of its size."""
    x, target, d, a, l = (tensor(name, M) for name in ("x", "target", "d", "a", "l"))
    reduced = reduction(M)
    settings = (setting for o in options for setting in o.settings)
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, target),
        outputs=(reduced.output,),
        options=(*options, reduced.option),
        equations=(
            Eq(d[m], x[m] - target[m]),
            *((Eq(a[m], Abs(d[m])),) if absolute else ()),
            Eq(l[m], loss((a if absolute else d)[m], *settings)),
            reduced.equation(l, (m,)),
        ),
        legend={"m": "entry (any axes)", "l": "losses of the single entries"} | reduced.legend,
        notes=f"{NOTHING} {notes}".strip(),
        requires=requires,
        source=source,
        example={"x": [1, 2.5, 4], "target": [3, 2, 4]},
    )


def width(name: str, meaning: str) -> tuple[Option, tuple]:
    """A positive real option, and the requirement that it is."""
    made = option(name, 1.0, integer=False, samples=(0.5, 2), meaning=meaning)
    return made, ((made[0] > 0, f"{name} must be above 0"),)


BETA, BETA_IS_POSITIVE = width("beta", "difference at which the square turns into a line")
DELTA, DELTA_IS_POSITIVE = width("delta", "difference at which the square turns into a line")

DIFFERENCES = (
    entrywise("mse_loss", "Squared differences.", lambda d: d**2),
    entrywise("half_mse_loss", "Half the squared differences.", lambda d: d**2 / 2),
    entrywise("l1_loss", "Absolute differences.", Abs, notes="The slope at 0 is 0."),
    entrywise("smooth_l1_loss", "Absolute differences, rounded off at 0.",
              lambda a, beta: Piecewise((a**2 / (2 * beta), a < beta), (a - beta / 2, True)),
              BETA, absolute=True, requires=BETA_IS_POSITIVE, source="Girshick, Fast R-CNN, 2015"),
    entrywise("huber_loss", "Squared differences, with straight lines where they are large.",
              lambda a, delta: Piecewise(
                  (a**2 / 2, a <= delta), (delta * (a - delta / 2), True)),
              DELTA, absolute=True, requires=DELTA_IS_POSITIVE,
              source="Huber, Robust estimation of a location parameter, 1964"),
)  # fmt: skip


# ---- classes -------------------------------------------------------------------------------

IGNORE = option("ignore_index", -100, samples=(0, 1), meaning="target of samples that do not count")
SMOOTHING = option(
    "label_smoothing", 0.0, integer=False, minimum=0, samples=(0.1, 0.5),
    meaning="share of the target that is spread over all classes, from 0 to 1",
)  # fmt: skip
LEAST = -(10**30)  # below it, a logarithm of a probability is that of 0
MOST = 10**38  # above it, a number that float32 can hold is infinite, or as good as that
SMOOTHING_IS_A_SHARE = (SMOOTHING[0] <= 1, "label_smoothing must not be above 1")
# What is read outside is 0: the class of a sample that does not count.
WEIGHT = tensor("weight", C, outside=0, default=1)
X = tensor("x", N, C, M)


def log_probabilities(logits: Tensor, result: Tensor) -> tuple[Eq, ...]:
    """Logits less the logarithm of the sum of their exponentials, the largest taken off before."""
    top, total = tensor("top", N, M), tensor("total", N, M)
    shifted = logits[n, c, m] - top[n, m]
    return (
        Eq(top[n, m], stop(Maximum(logits[n, c, m], c))),
        Eq(total[n, m], Sum(exp(shifted), c)),
        Eq(result[n, c, m], shifted - log(total[n, m])),
    )


def beside(weight: Expr, sure: Expr, value: Expr) -> Expr:
    """A factor of a weight, which may be infinite where `sure`; a weight of 0 leaves nothing."""
    return Piecewise((0, And(Eq(weight, 0), sure)), (value, True))


def of_classes(name: str, summary: str, logits: bool) -> Operation:
    """Minus the logarithm of the probability of the right class, of logits or of logarithms."""
    target = integers("target", N, M, below=C, besides=IGNORE[0])
    reduced = reduction(N, M, second="weighed", mean=1, sum=0)
    w, l, smooth = (tensor(name, N, M) for name in ("w", "l", "smooth"))
    counts = integers("counts", N, M, below=2)
    logp, total, divisor = tensor("logp", N, C, M, outside=0), tensor("all_w"), tensor("divisor")
    label, share = target[n, m], SMOOTHING[0]
    counted, chosen, lost = counts[n, m] >= 1, tensor("chosen", N, M), tensor("lost", N, M)
    plain = w[n, m] * lost[n, m]
    if logits:
        seen = tensor("seen", N, C, M)  # nothing of what does not count, be it NaN
        # A class that is ruled out (a logit of -oo) takes no part in smoothing.
        possible = tensor("possible", N, C, M)
        spread = Sum(WEIGHT[c] * possible[n, c, m], c)
        rows = (
            Eq(seen[n, c, m], Piecewise((X[n, c, m], counted), (0, True))),
            *log_probabilities(seen, logp),
            Eq(possible[n, c, m], Piecewise((0, logp[n, c, m] <= LEAST), (logp[n, c, m], True))),
            Eq(smooth[n, m], counts[n, m] * spread),
            Eq(l[n, m], -((1 - share) * plain) - share * smooth[n, m] / C),
        )
    else:
        rows = (
            Eq(logp[n, c, m], X[n, c, m]),
            Eq(l[n, m], -plain),
        )
    count = Piecewise((Sum(w[n, m], n, m), reduced.option[1] >= 1), (1, True))
    return Operation(
        name=name,
        summary=summary,
        inputs=(X, target, WEIGHT),
        outputs=(reduced.output,),
        options=(IGNORE, *((SMOOTHING,) if logits else ()), reduced.option),
        equations=(
            Eq(counts[n, m], Piecewise((0, Eq(label, IGNORE[0])), (1, True))),
            Eq(chosen[n, m], Piecewise((logp[n, label, m], counted), (0, True))),
            *rows,
            Eq(w[n, m], counts[n, m] * WEIGHT[label]),
            Eq(total[()], count),
            Eq(divisor[()], Piecewise((1, Eq(total[()], 0)), (total[()], True))),
            Eq(lost[n, m], beside(w[n, m], chosen[n, m] <= LEAST, chosen[n, m])),
            reduced.equation(l, (n, m), divisor[()]),
        ),
        requires=(SMOOTHING_IS_A_SHARE,) if logits else (),
        legend=PLACES | reduced.legend,
        notes="The mean is weighed by the weights of the targets. " + NOTHING,
        cases=tuple(
            case | ({"label_smoothing": 0.5} if logits else {})
            for case in (
                {"N": 2, "M": (3,), "C": 5},
                {"N": 3, "M": (4,), "C": 2, "reduction": "none"},
            )
        ),
        source="Goodfellow, Bengio and Courville, Deep Learning, section 6.2.2",
        example={"x": [[1, 2, 3], [0, 0, 0]] if logits else [[-1, -2, -3], [-3, -1, -2]],
                 "target": [1, 0]},
    )  # fmt: skip


def _cross_entropy_probabilities() -> Operation:
    reduced, share = reduction(N, M), SMOOTHING[0]
    target, logp, l = tensor("target", N, C, M), tensor("logp", N, C, M), tensor("l", N, M)
    mixed, part = (1 - share) * target[n, c, m] + share / C, tensor("part", N, C, M)
    lost = tensor("lost", N, C, M)
    return Operation(
        name="cross_entropy_probabilities",
        summary="Cross-entropy of logits with given probabilities of the classes.",
        inputs=(X, target, WEIGHT),
        outputs=(reduced.output,),
        options=(SMOOTHING, reduced.option),
        equations=(
            *log_probabilities(X, logp),
            Eq(part[n, c, m], WEIGHT[c] * mixed),
            Eq(lost[n, c, m], beside(part[n, c, m], logp[n, c, m] <= LEAST, logp[n, c, m])),
            Eq(l[n, m], -Sum(part[n, c, m] * lost[n, c, m], c)),
            reduced.equation(l, (n, m)),
        ),
        requires=(SMOOTHING_IS_A_SHARE,),
        legend=PLACES | reduced.legend,
        notes="The mean is over samples and places, not over classes. " + NOTHING,
        cases=({"N": 3, "M": (4,), "C": 2, "reduction": "none", "label_smoothing": 0.5},),
        example={"x": [[1, 2, 3]], "target": [[0.25, 0.25, 0.5]]},
    )


# ---- probabilities -------------------------------------------------------------------------


def _binary_cross_entropy() -> Operation:
    x, l = tensor("x", M, interval=(0, 1)), tensor("l", M)
    target, weight = tensor("target", M, interval=(0, 1)), tensor("weight", M, default=1)
    reduced, rest = reduction(M), tensor("rest", M)
    log_x, log_rest = tensor("log_x", M), tensor("log_rest", M)

    def logarithm(p: Expr) -> Expr:
        return log(Max(exp(-100), p))

    return Operation(
        name="binary_cross_entropy",
        summary="Cross-entropy of probabilities of one class against the rest.",
        inputs=(x, target, weight),
        outputs=(reduced.output,),
        options=(reduced.option,),
        equations=(
            Eq(rest[m], 1 - x[m]),
            Eq(log_x[m], logarithm(x[m])),
            Eq(log_rest[m], logarithm(rest[m])),
            Eq(l[m], -weight[m] * (target[m] * log_x[m] + (1 - target[m]) * log_rest[m])),
            reduced.equation(l, (m,)),
        ),
        legend={"m": "entry (any axes)", "l": "losses of the single entries"} | reduced.legend,
        notes="Logarithms are cut off at -100, as in PyTorch, and have no slope beyond: a "
        f"probability of 0 or 1 gets no gradient from there. {NOTHING}",
        example={"x": [0.8, 0.25], "target": [1, 0]},
    )


def _binary_cross_entropy_with_logits() -> Operation:
    rows = leading("N")
    (i,) = axes("n", rows)
    x, target, l = (tensor(name, rows, C) for name in ("x", "target", "l"))
    weight, pos_weight = tensor("weight", rows, C, default=1), tensor("pos_weight", C, default=1)
    reduced = reduction(rows, C)
    z, t = x[i, c], target[i, c]
    no, yes, for_no, for_yes = (
        tensor(name, rows, C)[i, c] for name in ("no", "yes", "for_no", "for_yes")
    )
    right, left = And(Eq(t, 1), z >= MOST), And(Eq(t, 0), z <= -MOST)
    return Operation(
        name="binary_cross_entropy_with_logits",
        summary="Cross-entropy of the sigmoids of logits, each one class against the rest.",
        inputs=(x, target, weight, pos_weight),
        outputs=(reduced.output,),
        options=(reduced.option,),
        equations=(
            # A logit that is infinite, and right, costs what any other one does: nothing.
            Eq(for_no, Piecewise((0, right), (z, True))),
            Eq(for_yes, Piecewise((0, left), (z, True))),
            Eq(no, softplus(for_no)),
            Eq(yes, softplus(-for_yes)),
            Eq(l[i, c], weight[i, c] * ((1 - t) * no + pos_weight[c] * t * yes)),
            reduced.equation(l, (i, c)),
        ),
        legend={"n": "vector (any leading axes)", "c": "class"} | reduced.legend,
        notes=NOTHING,
        cases=({"N": (2,), "C": 5, "reduction": "none"},),
        example={"x": [[2, -1]], "target": [[1, 0]]},
    )


def _kl_div(name: str, summary: str, logarithms: bool, notes: str = "") -> Operation:
    """Where the target has a probability of 0, nothing is lost, whatever else is infinite there."""
    x, l, lost, p = (tensor(name, N, M) for name in ("x", "l", "lost", "p"))
    target = tensor("target", N, M, interval=None if logarithms else (0, 1))
    reduced = reduction(N, M, batchmean=Max(N, 1))
    t, probability = target[n, m], (p if logarithms else target)[n, m]
    apart = (t if logarithms else log(t)) - x[n, m]
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, target),
        outputs=(reduced.output,),
        options=(reduced.option,),
        equations=(
            *((Eq(p[n, m], exp(t)),) if logarithms else ()),
            Eq(lost[n, m], Piecewise((0, Eq(probability, 0)), (apart, True))),
            Eq(l[n, m], probability * lost[n, m]),
            reduced.equation(l, (n, m)),
        ),
        legend={"n": "sample", "m": "place (any axes)"} | reduced.legend,
        notes=f"Divide by the samples with batchmean; mean divides by all entries. {notes}"
        + NOTHING,
        source="Kullback and Leibler, On information and sufficiency, 1951",
        example={"x": [[-1, -1]], "target": [[-2, -0.5]] if logarithms else [[0.25, 0.75]]},
    )


def _concordance() -> Operation:
    x, target, y = tensor("x", M), tensor("target", M), tensor("y")
    a, b = tensor("a", M), tensor("b", M)
    mean_x, mean_target, apart = tensor("mean_x"), tensor("mean_target"), tensor("apart")
    count = Max(M, 1)
    difference = mean_x[()] - mean_target[()]
    together = Sum(a[m] * b[m], m) / count
    spread, divisor = tensor("spread"), tensor("divisor")
    return Operation(
        name="ccc_loss",
        summary="One minus the concordance correlation coefficient.",
        inputs=(x, target),
        outputs=(y,),
        equations=(
            Eq(mean_x[()], Sum(x[m], m) / count),
            Eq(mean_target[()], Sum(target[m], m) / count),
            Eq(a[m], x[m] - mean_x[()]),
            Eq(b[m], target[m] - mean_target[()]),
            Eq(spread[()], Sum(a[m] ** 2, m) / count + Sum(b[m] ** 2, m) / count),
            Eq(apart[()], spread[()] + difference**2),
            Eq(divisor[()], Piecewise((apart[()], apart[()] > 0), (1, True))),
            Eq(y[()], 1 - 2 * together / divisor[()]),
        ),
        legend={"m": "entry (any axes)"},
        notes="Variances and covariance are those of a population. Two equal constants, and "
        "nothing at all, have no coefficient: the loss is 1 and its gradient 0.",
        source="Lin, A concordance correlation coefficient to evaluate reproducibility, 1989",
        example={"x": [1, 2, 3], "target": [2, 2, 5]},
    )


OPERATIONS = (
    *DIFFERENCES,
    of_classes("cross_entropy", "Cross-entropy of logits with the classes of the targets.", True),
    _cross_entropy_probabilities(),
    of_classes("nll_loss", "Minus the logarithms of the probabilities of the targets.", False),
    _binary_cross_entropy(),
    _binary_cross_entropy_with_logits(),
    _kl_div("kl_div", "Divergence of logarithms of probabilities from probabilities.",
            False,
            "A target of 0 adds nothing, whatever x is; the slope by it, which has none, is 0. "),
    _kl_div("kl_div_log_target", "Divergence of logarithms of probabilities from logarithms.",
            True),
    _concordance(),
)  # fmt: skip
