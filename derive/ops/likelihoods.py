"""Losses of what was seen, by the distribution that is predicted: counts, numbers, masks.

    poisson     exp(x) − target·x
    gaussian    (log var + (x − target)² / var) / 2
    focal       −α·(1 − p)^γ·log p            p the probability of what is so
    dice        1 − 2 Σ p·target / (Σ p + Σ target)

Names, options and shapes are PyTorch's, or torchvision's.
"""

from sympy import Eq, Expr, Max, Piecewise, Sum, exp, log, oo

from derive.language import Operation, Option, Tensor, integers, option, softplus, tensor
from derive.ops.losses import NOTHING, M, N, m, n, reduction

ENTRY = {"m": "entry (any axes)", "l": "losses of the single entries"}
x, l = tensor("x", M), tensor("l", M)


def real(name: str, default: float, samples, meaning: str, minimum: int | None = 0) -> Option:
    return option(name, default, integer=False, minimum=minimum, samples=samples, meaning=meaning)


def of_entries(
    name: str, summary: str, inputs, equations, *options: Option, x: Tensor = x, **more
) -> Operation:
    reduced = reduction(M)
    notes = f"{NOTHING} {more.pop('notes', '')}".strip()
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, *inputs),
        outputs=(reduced.output,),
        equations=(*equations, reduced.equation(l, (m,))),
        options=(*options, reduced.option),
        legend=ENTRY | reduced.legend,
        notes=notes,
        **more,
    )


COUNTS = tensor("target", M)
WITHOUT = "The term that depends on the target alone, log target!, is left out."


def _poisson() -> tuple[Operation, Operation]:
    eps = real("eps", 1e-8, (0.1, 1), "what is added to a rate under the logarithm")
    rate = x.like(interval=(0, oo))
    return (
        of_entries(
            "poisson_nll_loss", "Minus the logarithms of the probabilities of counts, by the "
            "logarithms of their rates.",
            (COUNTS,), (Eq(l[m], exp(x[m]) - COUNTS[m] * x[m]),),
            notes=WITHOUT, example={"x": [0, 1], "target": [2, 1]},
        ),
        of_entries(
            "poisson_nll_loss_rates", "Minus the logarithms of the probabilities of counts, by "
            "their rates.",
            (COUNTS,), (Eq(l[m], rate[m] - COUNTS[m] * log(rate[m] + eps[0])),), eps,
            x=rate, notes=WITHOUT, example={"x": [1, 2], "target": [2, 1]},
        ),
    )  # fmt: skip


def _gaussian() -> Operation:
    least = real("eps", 1e-6, (0.1, 1), "least variance that counts")
    target, var = tensor("target", M), tensor("var", M, interval=(0, oo))
    spread, apart = tensor("spread", M), tensor("apart", M)
    return of_entries(
        "gaussian_nll_loss", "Minus the logarithms of normal densities, by means and variances.",
        (target, var),
        (
            Eq(spread[m], Max(var[m], least[0])),
            Eq(apart[m], x[m] - target[m]),
            Eq(l[m], (log(spread[m]) + apart[m] ** 2 / spread[m]) / 2),
        ), least,
        notes="A variance below eps has no gradient. The constant log 2π / 2 is left out.",
        source="Nix and Weigend, Estimating the mean and variance of the target probability "
        "distribution, 1994",
        example={"x": [1, 2], "target": [3, 2], "var": [4, 1]},
    )  # fmt: skip


def _focal() -> Operation:
    alpha = real("alpha", 0.25, (0.5, 0.75), "weight of the class 1; that of 0 is 1 - alpha")
    gamma = real("gamma", 2.0, (1, 0.5), "how much less counts what is sure already")
    target = integers("target", M, below=2)
    z, weight, doubt = tensor("z", M), tensor("weight", M), tensor("doubt", M)

    def by_class(yes: Expr, no: Expr) -> Expr:
        return Piecewise((yes, target[m] >= 1), (no, True))

    return of_entries(
        "sigmoid_focal_loss", "Cross-entropy of the sigmoids of logits, less where they are right.",
        (target,),
        (
            Eq(z[m], by_class(x[m], -x[m])),
            Eq(weight[m], by_class(alpha[0], 1 - alpha[0])),
            # log p is −softplus(−z) and log(1 − p) is −softplus(z), however large z is.
            Eq(doubt[m], exp(-gamma[0] * softplus(z[m]))),
            Eq(l[m], weight[m] * doubt[m] * softplus(-z[m])),
        ),
        alpha, gamma,
        source="Lin et al., Focal loss for dense object detection, 2017",
        example={"x": [2, -1, 0], "target": [1, 1, 0]},
    )  # fmt: skip


def _dice() -> Operation:
    smooth = real("smooth", 1.0, (0.1, 2), "what is added to both sums")
    p, target = tensor("x", N, M, interval=(0, 1)), tensor("target", N, M, interval=(0, 1))
    both, each, l = tensor("both", N), tensor("each", N), tensor("l", N)
    reduced = reduction(N)
    return Operation(
        name="dice_loss",
        summary="One minus the overlap of probabilities with a mask, twice and as a share of both.",
        inputs=(p, target),
        outputs=(reduced.output,),
        equations=(
            Eq(both[n], Sum(p[n, m] * target[n, m], m)),
            Eq(each[n], Sum(p[n, m], m) + Sum(target[n, m], m)),
            Eq(l[n], 1 - (2 * both[n] + smooth[0]) / (each[n] + smooth[0])),
            reduced.equation(l, (n,)),
        ),
        options=(smooth, reduced.option),
        requires=((smooth[0] > 0, "smooth must be above 0"),),
        legend={"n": "sample", "m": "place (any axes)", "l": "losses of the single samples"}
        | reduced.legend,
        notes=NOTHING,
        source="Milletari, Navab and Ahmadi, V-Net, 2016, with sums instead of sums of squares",
        example={"x": [[0.75, 0.5, 0.25]], "target": [[1, 1, 0]]},
    )


OPERATIONS = (*_poisson(), _gaussian(), _focal(), _dice())
