"""Filter a photograph; then find out, from a filtered photograph, what the filter was.

    python examples/filter_photograph.py [--out filter_photograph.png] [--steps 100]

**Filtering.** A kernel k slides over a photograph x, once for each colour n. With "same" padding
the photograph is zero outside, hence the dark rim of the blurred one, and the result is as large as
it. For a kernel of 5 × 5:

    (x ⋆ k)[n, p, q] = Σ_{u,v} k[u, v] · x[n, p + u − 2, q + v − 2]

**Finding the filter.** Somebody has filtered x with an unknown kernel and shows us the result t.
We look for the k that explains it. The two may be compared by their pixels or by their edges (M of
them; e is an edge kernel):

    pixels    L(k) = 1/(2M) Σ (x ⋆ k − t)²
    edges     L(k) = 1/(2M) Σ (e ⋆ (x ⋆ k − t))²

Gradient descent with momentum (Polyak 1964), where `correlate2d.backward` supplies ∂L/∂k:

    v ← β v − η ∂L/∂k,     k ← k + v

Both losses are zero for the unknown kernel and for no other, but only the second one leads there in
a hundred steps. Neighbouring pixels of a photograph are nearly equal, so that moving weight from
one entry of k to the next one hardly changes x ⋆ k: in such directions the first loss is almost
flat. Edges are not like their neighbours. The condition number κ = λ_max / λ_min of the matrix of
second derivatives says it in one number: here about 50,000 for pixels and 7 for edges.
"""

import argparse
from pathlib import Path
from typing import NamedTuple

import numpy as np
from matplotlib.cbook import get_sample_data
from matplotlib.figure import Figure
from matplotlib.image import imread
from rich.console import Console
from rich.progress import BarColumn, Progress

from generated import correlate2d

MOMENTUM = 0.8  # β


# ── The photograph and four kernels ─────────────────────────────────────────────────────────────


def read_photograph():
    """Grace Hopper, who built one of the first compilers: (3, 1, 320, 320), from 0 to 1.

    The three colours lie on the batch axis N, because each is filtered like the others. (As
    channels of one image they would need `groups=3` and the kernel three times.)
    """
    with get_sample_data("grace_hopper.jpg") as file:  # comes with matplotlib, needs no network
        pixels = imread(file, format="jpg")
    head = pixels[20:340, 90:410]  # so that single pixels can be seen in the picture
    return np.ascontiguousarray(head.transpose(2, 0, 1)[:, np.newaxis]) / 255


def gaussian(size, width):
    """A bell that sums to 1: every pixel becomes an average of those around it."""
    offsets = np.arange(size) - size // 2
    bell = np.exp(-((offsets / width) ** 2) / 2)
    kernel = np.outer(bell, bell)
    return kernel / kernel.sum()


BLUR = gaussian(size=13, width=3.0)
# The discrete −∇². It sums to 0: where the photograph is even, nothing is left.
EDGE = np.array([[0.0, -1, 0], [-1, 4, -1], [0, -1, 0]])
# The photograph itself, and its edges once more.
SHARPEN = np.array([[0.0, 0, 0], [0, 1, 0], [0, 0, 0]]) + EDGE


def unknown_kernel():
    """Twenty-five numbers that sum to 1, so that the result is as bright as the photograph."""
    kernel = np.random.default_rng(8).normal(0, 0.25, (5, 5))
    return kernel + (1 - kernel.sum()) / kernel.size


def bank(kernel):
    """A kernel as the filter bank of one filter on one channel that `correlate2d` expects."""
    return kernel[np.newaxis, np.newaxis]


# ── Two losses and their gradients ──────────────────────────────────────────────────────────────


def pixel_loss(kernel, photograph, target):
    """Compute L = 1/(2M) Σ (x ⋆ k − t)² and ∂L/∂k."""
    y, residuals = correlate2d.forward(photograph, bank(kernel), padding="same")
    difference = y - target
    y_bar = difference / difference.size  # ∂L/∂y
    gradients = correlate2d.backward(y_bar, residuals, wrt="weight")
    return np.mean(difference**2) / 2, gradients.weight[0, 0]


def edge_loss(kernel, photograph, target):
    """Compute L = 1/(2M) Σ (e ⋆ (x ⋆ k − t))² and ∂L/∂k, by one backward after the other.

    The chain rule asks the outer correlation for the gradient by what went in, and the inner one
    for that by its kernel.
    """
    y, inner = correlate2d.forward(photograph, bank(kernel), padding="same")
    # "valid": what lies outside the photograph is unknown, and no edge.
    edges, outer = correlate2d.forward(y - target, bank(EDGE), padding="valid")
    edges_bar = edges / edges.size  # ∂L/∂edges
    y_bar = correlate2d.backward(edges_bar, outer, wrt="x").x
    gradients = correlate2d.backward(y_bar, inner, wrt="weight")
    return np.mean(edges**2) / 2, gradients.weight[0, 0]


# ── Descent ─────────────────────────────────────────────────────────────────────────────────────


class Descent(NamedTuple):
    """What happened on the way down, before the first step and after each."""

    name: str
    condition: float  # κ
    kernels: np.ndarray  # (steps + 1, 5, 5)
    losses: np.ndarray  # (steps + 1,)

    def errors(self, unknown):
        """The largest |error| of each kernel. (Descent itself never sees the unknown one.)"""
        return abs(self.kernels - unknown).max(axis=(1, 2))


def curvatures(loss, photograph, size=5):
    """The eigenvalues of ∂²L/∂k², ascending.

    L is quadratic in k, so with t = 0 its gradient is linear in k, and the gradients at the unit
    kernels are the columns of the matrix of second derivatives.
    """
    units = np.eye(size * size).reshape(-1, size, size)
    nothing = np.zeros_like(photograph)
    columns = [loss(unit, photograph, nothing)[1].ravel() for unit in units]
    return np.linalg.eigvalsh(np.stack(columns, axis=1))


def descend(name, loss, photograph, target, steps, report=lambda value: None, size=5):
    """Gradient descent with momentum from a kernel of zeros; `report` is told every loss."""
    curvature = curvatures(loss, photograph, size)
    rate = 1 / curvature[-1]  # η: longer steps would overshoot where the loss is steepest
    kernel = velocity = np.zeros((size, size))
    value, gradient = loss(kernel, photograph, target)
    kernels, losses = [kernel], [value]
    for _ in range(steps):
        velocity = MOMENTUM * velocity - rate * gradient
        kernel = kernel + velocity
        value, gradient = loss(kernel, photograph, target)
        kernels.append(kernel)
        losses.append(value)
        report(value)
    return Descent(name, curvature[-1] / curvature[0], np.array(kernels), np.array(losses))


# ── The picture ─────────────────────────────────────────────────────────────────────────────────


def draw_photograph(axes, title, photograph):
    """Show (3, 1, H, W), cut to what a screen can show."""
    axes.imshow(photograph[:, 0].transpose(1, 2, 0).clip(0, 1))
    axes.set_title(title)
    axes.set_axis_off()


def draw_kernel(axes, title, kernel, largest):
    """Show a kernel and its entries, blue below zero and red above."""
    axes.imshow(kernel, cmap="RdBu_r", vmin=-largest, vmax=largest)
    for (u, v), entry in np.ndenumerate(kernel):
        colour = "white" if abs(entry) > 0.6 * largest else "black"
        text = f"{entry:.3f}".replace("-", "−")
        axes.text(v, u, text, ha="center", va="center", color=colour, fontsize=8.5)
    axes.set_title(title)
    axes.set_axis_off()


def draw_descents(axes, descents, unknown):
    """Show how the losses fall, and whether the kernels follow."""
    for descent, colour in zip(descents, ("tab:orange", "tab:blue"), strict=True):
        name, relative = descent.name, descent.losses / descent.losses[0]
        axes.semilogy(
            descent.errors(unknown), color=colour, label=f"{name}: largest error of the kernel"
        )
        axes.semilogy(relative, color=colour, linestyle=":", label=f"{name}: loss / first loss")
    axes.set_title("Gradient descent")
    axes.set_xlabel("step")
    axes.grid(alpha=0.3)
    axes.legend()


def draw(photographs, unknown, descents):
    """The photographs above; the kernels and the descents below."""
    figure = Figure(figsize=(16, 7.4), layout="constrained")
    figure.get_layout_engine().set(w_pad=0.08, h_pad=0.1)  # inches
    above, below = figure.subfigures(2, 1)  # so that the labels below move no photograph
    for axes, (title, photograph) in zip(
        above.subplots(1, len(photographs)), photographs.items(), strict=True
    ):
        draw_photograph(axes, title, photograph)

    first, *others, last = below.subplots(1, 4, width_ratios=(1, 1, 1, 2))
    largest = abs(unknown).max()
    draw_kernel(first, "The unknown kernel", unknown, largest)
    for axes, descent in zip(others, descents, strict=True):
        error = descent.errors(unknown)[-1]
        title = f"Recovered from {descent.name}\nκ = {descent.condition:,.0f}, error {error:.1g}"
        draw_kernel(axes, title, descent.kernels[-1], largest)
    draw_descents(last, descents, unknown)
    return figure


# ── All of it ───────────────────────────────────────────────────────────────────────────────────


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--out",
        type=Path,
        default=Path("filter_photograph.png"),
        metavar="PATH",
        help="where to save the picture (default: %(default)s)",
    )
    parser.add_argument(
        "--steps", type=int, default=100, help="of gradient descent (default: %(default)s)"
    )
    arguments = parser.parse_args()
    if arguments.steps < 1:
        parser.error(f"--steps must be at least 1, not {arguments.steps}")
    folder = arguments.out.absolute().parent
    if not folder.is_dir():  # better said now than after the descent
        parser.error(f"--out: there is no folder {folder}")

    photograph = read_photograph()
    unknown = unknown_kernel()
    blurred = correlate2d.apply(photograph, bank(BLUR), padding="same")
    sharpened = correlate2d.apply(photograph, bank(SHARPEN), padding="same")
    edges = correlate2d.apply(photograph, bank(EDGE), padding="same")
    target = correlate2d.apply(photograph, bank(unknown), padding="same")

    descents = []
    # The bar goes to standard error, so that the results can be piped without it.
    with Progress(
        "from {task.description}",
        BarColumn(),
        "step {task.completed} of {task.total}, loss {task.fields[loss]:.1e}",
        console=Console(stderr=True),
    ) as progress:
        for name, loss in (("pixels", pixel_loss), ("edges", edge_loss)):
            task = progress.add_task(name, total=arguments.steps, loss=float("nan"))

            def report(value, task=task):
                progress.update(task, advance=1, loss=value)

            descents.append(descend(name, loss, photograph, target, arguments.steps, report))

    for descent in descents:
        first, last = descent.losses[[0, -1]]
        error = descent.errors(unknown)[-1]
        print(f"{descent.name}: loss {first:.2e} -> {last:.2e}, largest kernel error {error:.2e}")

    photographs = {
        "Photograph": photograph,
        "Blurred (13 × 13)": blurred,
        "Sharpened (3 × 3)": sharpened,
        "Edges (3 × 3), times 3": 3 * abs(edges),  # most are faint, like JPEG's grid
        "Filtered with the unknown kernel": target,
    }
    draw(photographs, unknown, descents).savefig(arguments.out, dpi=120)
    print(f"picture: {arguments.out}")


if __name__ == "__main__":
    main()
