"""Learn to read digits: a convolutional network, trained with generated modules alone.

    python examples/digits_cnn.py [--epochs 15] [--seed 0] [--out digits_cnn.png]

The 1,797 digits of 8 × 8 pixels were written by hand by 13 people (Alpaydin and Kaynak 1998) and
come with scikit-learn. Four fifths are learned; what counts is how many of the others are read
rightly. The network, where N images go through together:

    correlate2d, relu, max_pool2d     (N, 1, 8, 8)  → (N, 16, 8, 8) → (N, 16, 4, 4)
    correlate2d, relu, max_pool2d     (N, 16, 4, 4) → (N, 32, 4, 4) → (N, 32, 2, 2)
    flatten, linear                   (N, 32, 2, 2) → (N, 128)      → (N, 10)
    cross_entropy                     L = average of  −log softmax(scores)[digit]

**Backpropagation.** A layer y = f(x, w) is handed ∂L/∂y and answers with ∂L/∂x, which is ∂L/∂y to
the layer before it, and with ∂L/∂w. So the chain rule is a loop over the layers, last one first.
Every generated module keeps what it needs for that in its `residuals`.

**Descent.** Stochastic gradient descent with momentum (Polyak 1964): a gradient is that of a few
images, BATCH of them, and the steps keep a part β of their direction:

    v ← β v − η ∂L/∂w,     w ← w + v
"""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TimeElapsedColumn
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from generated import correlate2d, cross_entropy, flatten, linear, max_pool2d, relu

BATCH, RATE, MOMENTUM = 32, 0.05, 0.9  # images of a step, η, β
# Each layer: a module, the shape of its weight (or none), and its options.
LAYERS = (
    (correlate2d, (16, 1, 3, 3), {"padding": "same"}),
    (relu, None, {}),
    (max_pool2d, None, {"kernel_size": 2}),
    (correlate2d, (32, 16, 3, 3), {"padding": "same"}),
    (relu, None, {}),
    (max_pool2d, None, {"kernel_size": 2}),
    (flatten, None, {}),
    (linear, (10, 128), {}),
)

# ── The network ─────────────────────────────────────────────────────────────────────────────────


def initial(rng):
    """For each layer [weight, bias], or nothing. Normal weights, whose deviation √(2 / inputs)
    keeps the size of what goes through layers with relu (He et al. 2015); biases of 0."""
    found = []
    for _, shape, _ in LAYERS:
        if shape is None:
            found.append([])
        else:
            weight = rng.normal(0, math.sqrt(2 / math.prod(shape[1:])), shape)
            found.append([weight.astype(np.float32), np.zeros(shape[0], np.float32)])
    return found


def forward(parameters, images):
    """The scores of each image, (N, 10), and what `backward` needs of every layer."""
    y, kept = images, []
    for (module, _, options), learned in zip(LAYERS, parameters, strict=True):
        y, residuals = module.forward(y, *learned, **options)
        kept.append(residuals)
    return y, kept


def backward(scores_bar, kept):
    """∂L/∂w for each layer, in the form of the parameters, from ∂L/∂scores."""
    bar, found = scores_bar, []
    for (module, shape, _), residuals in zip(reversed(LAYERS), reversed(kept), strict=True):
        gradients = module.backward(bar, residuals)
        bar = gradients.x
        found.append([] if shape is None else [gradients.weight, gradients.bias])
    return found[::-1]


def loss_and_gradients(parameters, images, digits):
    """L of some images, and ∂L/∂w for each layer."""
    scores, kept = forward(parameters, images)
    loss, residuals = cross_entropy.forward(scores, digits)
    scores_bar = cross_entropy.backward(np.ones_like(loss), residuals, wrt="x").x  # ∂L/∂L = 1
    return float(loss), backward(scores_bar, kept)


def predict(parameters, images):
    """The digit with the highest score, for each image."""
    return forward(parameters, images)[0].argmax(axis=1)


# ── Descent ─────────────────────────────────────────────────────────────────────────────────────


def epoch(parameters, velocities, images, digits, rng):
    """Go once through all images, in an order of its own; yields the loss of each step."""
    order = rng.permutation(len(images))
    for start in range(0, len(images), BATCH):
        chosen = order[start : start + BATCH]
        loss, gradients = loss_and_gradients(parameters, images[chosen], digits[chosen])
        for layer in zip(parameters, velocities, gradients, strict=True):
            for w, v, gradient in zip(*layer, strict=True):
                v *= MOMENTUM
                v -= RATE * gradient
                w += v
        yield loss


# ── The picture ─────────────────────────────────────────────────────────────────────────────────

COLUMNS = 8


def draw(filters, images, digits, predicted):
    """The filters of the first layer, and below them the digits that are read wrongly."""
    wrong = np.flatnonzero(predicted != digits)
    shown = wrong[: 3 * COLUMNS]  # more would not be looked at
    heights = (math.ceil(len(filters) / COLUMNS), max(1, math.ceil(len(shown) / COLUMNS)))
    figure = Figure(figsize=(COLUMNS, 1.25 * sum(heights) + 0.8), layout="constrained")
    above, below = figure.subfigures(2, 1, height_ratios=heights)
    above.suptitle("Filters of the first layer (blue below 0, red above)")
    largest = abs(filters).max()
    for axes, image in zip(above.subplots(heights[0], COLUMNS).flat, filters[:, 0], strict=False):
        axes.imshow(image, cmap="RdBu_r", vmin=-largest, vmax=largest)
    below.suptitle(f"Read wrongly: {len(wrong)} of {len(digits)} held out")
    for axes, i in zip(below.subplots(heights[1], COLUMNS).flat, shown, strict=False):
        axes.imshow(images[i, 0], cmap="gray_r")
        axes.set_title(f"{digits[i]}, read as {predicted[i]}", fontsize=8)
    for axes in figure.axes:
        axes.set_axis_off()
    return figure


# ── All of it ───────────────────────────────────────────────────────────────────────────────────


def main(
    epochs: Annotated[int, typer.Option(min=1, help="How often the digits are seen.")] = 15,
    seed: Annotated[int, typer.Option(min=0, help="Of the split, first weights, and order.")] = 0,
    out: Annotated[Path, typer.Option(help="Where to save the picture.")] = Path("digits_cnn.png"),
) -> None:
    """Learn to read digits."""
    if not out.absolute().parent.is_dir():  # better said now than after the descent
        raise typer.BadParameter(f"there is no folder {out.absolute().parent}", param_hint="--out")
    images, digits = load_digits(return_X_y=True)
    images = (images / 16).astype(np.float32).reshape(-1, 1, 8, 8)  # from 0 to 1
    images, held_out, digits, expected = train_test_split(
        images, digits, test_size=0.2, stratify=digits, random_state=seed
    )
    rng = np.random.default_rng(seed)
    parameters = initial(rng)
    velocities = [[np.zeros_like(w) for w in learned] for learned in parameters]
    columns = (
        "epoch {task.fields[epoch]}, loss {task.fields[loss]:.3f}, "
        "held out {task.fields[accuracy]:.1%}",
        BarColumn(),
        TimeElapsedColumn(),
    )
    predicted, losses = predict(parameters, held_out), []
    with Progress(*columns, console=Console(stderr=True)) as progress:
        task = progress.add_task(
            "", total=epochs * math.ceil(len(images) / BATCH), epoch=0, loss=math.log(10),
            accuracy=np.mean(predicted == expected),
        )  # fmt: skip
        for number in range(1, epochs + 1):
            for loss in epoch(parameters, velocities, images, digits, rng):
                losses.append(loss)
                progress.update(task, advance=1, epoch=number, loss=loss)
            predicted = predict(parameters, held_out)
            progress.update(task, accuracy=np.mean(predicted == expected))

    draw(parameters[0][0], held_out, expected, predicted).savefig(out, dpi=120)
    last = np.mean(losses[-math.ceil(len(images) / BATCH) :])
    print(f"loss {losses[0]:.3f} -> {last:.4f}")
    print(f"read rightly: {np.mean(predicted == expected):.2%} of {len(expected)} held out")
    print(f"picture: {out}")


if __name__ == "__main__":
    typer.run(main)
