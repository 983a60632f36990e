"""Activations, distances, losses and normalisations beside PyTorch's: values and gradients."""

from typing import Any

import numpy as np
import pytest

torch: Any = pytest.importorskip("torch")

from tests.laws.test_torch import KINKS, LARGE, REDUCTIONS, compare, normal  # noqa: E402

pytestmark = pytest.mark.torch
F = torch.nn.functional
MIDDLE = (1 / 8 + 1 / 3) / 2

ELEMENTWISE: dict[str, tuple[Any, list[dict]]] = {
    "hardshrink": (F.hardshrink, [{}, {"lambd": 2.0}, {"lambd": 0.0}]),
    "softshrink": (F.softshrink, [{}, {"lambd": 2.0}, {"lambd": 0.0}]),
    "tanhshrink": (F.tanhshrink, [{}]),
    "softmin": (lambda x: F.softmin(x, -1), [{}]),
    "rrelu_evaluation": (
        lambda x, lower=1 / 8, upper=1 / 3: F.rrelu(x, lower, upper),
        [{}, {"lower": 0.25, "upper": 0.5}],
    ),
}


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_activations(name):
    """On random numbers, where the kinks are, and on large ones."""
    function, choices = ELEMENTWISE[name]
    for options in choices:
        for x in (normal(3, 4, 5), KINKS, LARGE, np.zeros((0, 3))):
            compare(name, lambda x, **o: function(x, **o), {"x": x}, options)


def test_drawn_slopes_and_the_largest_of_a_few():
    x, slope = normal(3, 4), np.random.default_rng(0).uniform(1 / 8, 1 / 3, (3, 4))
    compare("rrelu", lambda x, slope: torch.where(x > 0, x, slope * x), {"x": x, "slope": slope})
    for pieces in (2, 3):
        compare("maxout", lambda x, pieces: x.unflatten(-1, (-1, pieces)).max(-1).values,
                {"x": normal(3, 4, 12)}, {"pieces": pieces})  # fmt: skip


def test_vectors():
    left, right = normal(3, 2, 5), normal(3, 2, 5, seed=1)
    for zero in (False, True):
        if zero:
            left[0], right[1] = 0, left[1]
        pair = {"x1": left, "x2": right}
        compare("pairwise_distance", F.pairwise_distance, pair)
        compare("cosine_similarity", lambda x1, x2, eps: F.cosine_similarity(x1, x2, -1, eps),
                pair, {"eps": 1e-8})  # fmt: skip
        compare("normalize", lambda x, eps: F.normalize(x, dim=-1, eps=eps), {"x": left},
                {"eps": 1e-12})  # fmt: skip
    given = {"x1": normal(3, 2, 4), "x2": normal(3, 2, 5), "weight": normal(6, 4, 5)}
    for more in ({}, {"bias": normal(6)}):
        compare("bilinear", lambda x1, x2, weight, bias=None: F.bilinear(x1, x2, weight, bias),
                given | more, tolerance=1e-11)  # fmt: skip


@pytest.mark.parametrize("shape", [(2, 7), (2, 4, 3), (2, 5, 3, 2)], ids=str)
def test_channels_beside_each_other(shape):
    for options in ({"size": 5}, {"size": 2, "alpha": 0.7, "beta": 0.5, "k": 2.0}, {"size": 3}):
        # PyTorch wants images of one axis or more.
        x = normal(*shape)
        wide = (lambda t: t[..., None]) if x.ndim == 2 else (lambda t: t)
        compare("local_response_norm",
                lambda x, wide=wide, **o: F.local_response_norm(wide(x), **o).reshape(x.shape),
                {"x": x}, options)  # fmt: skip


def signs(*shape: int) -> np.ndarray:
    return np.where(normal(*shape, seed=5) > 0, 1.0, -1.0)


@pytest.mark.parametrize("reduction", REDUCTIONS)
@pytest.mark.parametrize("scale", [1, 100])
def test_margins(scale, reduction):
    one, two, three = (scale * normal(6, seed=i) for i in range(3))
    how, target = {"reduction": reduction}, signs(6)

    def entries(function):
        return lambda x, target, **o: function(x, target.detach(), **o)

    compare("margin_ranking_loss",
            lambda x1, x2, target, **o: F.margin_ranking_loss(x1, x2, target.detach(), **o),
            {"x1": one, "x2": two, "target": target}, how | {"margin": 0.3})  # fmt: skip
    for name in ("hinge_embedding_loss", "soft_margin_loss"):
        compare(name, entries(getattr(F, name)), {"x": one, "target": target}, how)
    one, two, three = (scale * normal(6, 4, seed=i) for i in range(3))
    compare("cosine_embedding_loss",
            lambda x1, x2, target, **o: F.cosine_embedding_loss(x1, x2, target.detach(), **o),
            {"x1": one, "x2": two, "target": target}, how | {"margin": 0.3},
            tolerance=1e-10)  # fmt: skip
    compare("triplet_margin_loss", F.triplet_margin_loss,
            {"anchor": one, "positive": two, "negative": three},
            how | {"margin": 0.7})  # fmt: skip
    labels = np.array([0, 3, 1, 1, 2, 0])
    for p in (1, 2):
        compare("multi_margin_loss", lambda x, target, **o: F.multi_margin_loss(x, target, **o),
                {"x": one, "target": labels}, how | {"p": p, "margin": 0.8})  # fmt: skip
    several, weight = (signs(6, 4) + 1) / 2, torch.tensor(np.abs(normal(4)))
    for more in ({}, {"weight": weight.numpy()}):
        compare("multilabel_soft_margin_loss",
                lambda x, target, weight=None, **o: F.multilabel_soft_margin_loss(
                    x, target.detach(), None if weight is None else weight.detach(), **o),
                {"x": one, "target": several} | more, how)  # fmt: skip


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_likelihoods(reduction):
    how, rng = {"reduction": reduction}, np.random.default_rng(0)
    counts, rates = rng.poisson(3, (3, 4)).astype(float), rng.uniform(0.5, 5, (3, 4))

    def poisson(log_input):
        return lambda x, target, **o: F.poisson_nll_loss(x, target.detach(), log_input, **o)

    compare("poisson_nll_loss", poisson(True), {"x": normal(3, 4), "target": counts}, how)
    compare("poisson_nll_loss_rates", poisson(False), {"x": rates, "target": counts}, how)
    compare("gaussian_nll_loss", lambda x, target, var, **o: F.gaussian_nll_loss(
                x, target, var, **o),
            {"x": normal(3, 4), "target": normal(3, 4, seed=1), "var": rates}, how)  # fmt: skip
    mask = rng.integers(0, 2, (3, 4))

    def focal(x, target, alpha, gamma, reduction):
        """As torchvision has it."""
        t = target.to(x.dtype)
        p = torch.sigmoid(x)
        right = p * t + (1 - p) * (1 - t)
        loss = F.binary_cross_entropy_with_logits(x, t, reduction="none") * (1 - right) ** gamma
        loss = (alpha * t + (1 - alpha) * (1 - t)) * loss
        return {"none": loss, "mean": loss.mean(), "sum": loss.sum()}[reduction]

    for options in ({"alpha": 0.25, "gamma": 2.0}, {"alpha": 0.6, "gamma": 0.5}):
        compare("sigmoid_focal_loss", focal, {"x": normal(3, 4), "target": mask}, how | options)

    def dice(x, target, smooth, reduction):
        both, each = (x * target).flatten(1).sum(1), (x + target).flatten(1).sum(1)
        loss = 1 - (2 * both + smooth) / (each + smooth)
        return {"none": loss, "mean": loss.mean(), "sum": loss.sum()}[reduction]

    p, t = rng.uniform(0, 1, (2, 3, 4, 5))
    compare("dice_loss", dice, {"x": p, "target": t}, how | {"smooth": 0.5})


@pytest.mark.parametrize("padding", ["none", 2])
def test_bags(padding):
    indices = np.random.default_rng(0).integers(0, 5, (4, 3))
    indices[0] = 2
    given = {"weight": normal(5, 3), "indices": indices}
    theirs = {"padding_idx": None if padding == "none" else padding}

    def bag(weight, indices, per_sample_weights=None, **options):
        return F.embedding_bag(indices, weight, per_sample_weights=per_sample_weights, **options)

    for mode in ("mean", "sum"):
        compare("embedding_bag", bag, given, {"mode": mode, "padding_idx": padding},
                theirs | {"mode": mode})  # fmt: skip
    compare("embedding_bag", bag, given | {"per_sample_weights": normal(4, 3)},
            {"mode": "sum", "padding_idx": padding}, theirs | {"mode": "sum"})  # fmt: skip
