"""Time generated convolutions beside PyTorch: forward plus backward, float32, one thread.

    pip install -e ".[benchmarks]" && python benchmarks/convolutions.py

All contestants run in one process, in turns with idle gaps, and the medians are compared: the
figures to read are the ratios (time / PyTorch's time). Under 15 % is a tie.
"""

import argparse
from dataclasses import dataclass

from timing import medians  # first of all: it fixes the number of threads

# isort: split

import numpy as np
import torch
from torch.nn import functional

import generated

torch.set_num_threads(1)


@dataclass(frozen=True)
class Shape:
    """One benchmark: images [n, c, *size], kernels, options, and the ratio promised."""

    name: str
    n: int
    c: int
    k: int
    size: tuple[int, ...]
    taps: tuple[int, ...]
    limit: float | None = None
    stride: int = 1
    padding: int = 0
    groups: int = 1
    transpose: bool = False


SHAPES = (
    Shape("3x3 64>64 32x32 N16", 16, 64, 64, (32, 32), (3, 3), 1.5, padding=1),
    Shape("3x3 3>16 32x32 N32", 32, 3, 16, (32, 32), (3, 3), 1.5, padding=1),
    Shape("3x3 s2 128>256 16x16 N8", 8, 128, 256, (16, 16), (3, 3), 1.5, stride=2, padding=1),
    Shape("1x1 128>128 16x16 N16", 16, 128, 128, (16, 16), (1, 1), 1.5),
    Shape("7x7 16>32 64x64 N4", 4, 16, 32, (64, 64), (7, 7), 2.0, padding=3),
    Shape("depthwise 3x3 64 32x32 N16", 16, 64, 64, (32, 32), (3, 3), 3.0, padding=1, groups=64),
    Shape("transposed 4x4 s2 64>32 16x16 N8", 8, 64, 32, (16, 16), (4, 4), 2.0, stride=2,
          padding=1, transpose=True),
    Shape("depthwise 3x3 s2 64 32x32 N16", 16, 64, 64, (32, 32), (3, 3), None, 2, 1, 64),
    Shape("5x5 6>16 14x14 N64", 64, 6, 16, (14, 14), (5, 5)),
    Shape("5x5 1>8 28x28 N1", 1, 1, 8, (28, 28), (5, 5)),
    Shape("3x3 512>512 7x7 N16", 16, 512, 512, (7, 7), (3, 3), padding=1),
    Shape("1-D 5 64>64 256 N16", 16, 64, 64, (256,), (5,), padding=2),
    Shape("3-D 3 16>16 16 N2", 2, 16, 16, (16, 16, 16), (3, 3, 3), padding=1),
)  # fmt: skip


def contestants(shape: Shape):
    """Functions without arguments that run forward and backward once, the first PyTorch's."""
    rng = np.random.default_rng(0)
    rank = len(shape.size)
    x = rng.standard_normal((shape.n, shape.c, *shape.size), np.float32)
    bias = rng.standard_normal(shape.k, np.float32)
    word = "conv_transpose" if shape.transpose else "conv"
    if shape.transpose:
        weight = rng.standard_normal((shape.c, shape.k // shape.groups, *shape.taps), np.float32)
    else:
        weight = rng.standard_normal((shape.k, shape.c // shape.groups, *shape.taps), np.float32)
    options = {"stride": shape.stride, "padding": shape.padding, "groups": shape.groups}
    module = getattr(generated, f"{word}{rank}d" if shape.transpose else f"correlate{rank}d")
    reference = getattr(functional, f"{word}{rank}d")
    leaves = [torch.from_numpy(a).requires_grad_() for a in (x, weight, bias)]
    y = module.apply(x, weight, bias, **options)
    cotangent = rng.standard_normal(y.shape, np.float32)
    torch_cotangent = torch.from_numpy(cotangent)

    def torch_run():
        return torch.autograd.grad(reference(*leaves, **options), leaves, torch_cotangent)

    def derive_run():
        _, residuals = module.forward(x, weight, bias, **options)
        return module.backward(cotangent, residuals)

    def plain_run():
        return plain(x, weight, bias, cotangent, shape)

    for ours, theirs in zip(derive_run(), torch_run(), strict=True):
        scale = np.abs(theirs.numpy()).max()
        assert np.abs(ours - theirs.numpy()).max() < 1e-3 * scale, shape.name
    runs = {"torch": torch_run, "derive": derive_run}
    return runs if shape.transpose else runs | {"plain": plain_run}


def plain(x, weight, bias, cotangent, shape: Shape):
    """What one writes first: im2col by reshaping a window view, one product, col2im by loops."""
    g, rank = shape.groups, len(shape.size)
    window = tuple(range(3, 3 + rank))
    padded = np.pad(x, [(0, 0)] * 2 + [(shape.padding,) * 2] * rank)
    split = padded.reshape(shape.n, g, -1, *padded.shape[2:])
    step = slice(None, None, shape.stride)
    view = np.lib.stride_tricks.sliding_window_view(split, shape.taps, window)
    view = view[(slice(None),) * 3 + (step,) * rank]
    places = view.shape[3 : 3 + rank]
    order = (1, 0, *window, 2, *range(3 + rank, 3 + 2 * rank))
    columns = view.transpose(order).reshape(g, -1, weight[0].size)
    matrix = weight.reshape(g, -1, weight[0].size)
    y = columns @ matrix.swapaxes(1, 2) + bias.reshape(g, 1, -1)
    y = np.moveaxis(y.reshape(g, shape.n, *places, -1), -1, 2).swapaxes(0, 1)
    y = np.ascontiguousarray(y).reshape(cotangent.shape)
    flat = np.moveaxis(cotangent.reshape(shape.n, g, -1, *places), 2, -1).swapaxes(0, 1)
    flat = flat.reshape(g, -1, matrix.shape[1])
    weight_bar = (flat.swapaxes(1, 2) @ columns).reshape(weight.shape)
    spread = (flat @ matrix).reshape(g, shape.n, *places, -1, *shape.taps)
    x_bar = np.zeros_like(split)
    for tap in np.ndindex(*shape.taps):
        at = tuple(
            slice(u, u + shape.stride * p, shape.stride) for u, p in zip(tap, places, strict=True)
        )
        target = x_bar[(slice(None),) * 3 + at]
        limited = tuple(slice(0, n) for n in target.shape[3:])
        part = np.moveaxis(spread[(..., *tap)], -1, 2).swapaxes(0, 1)
        target += part[(slice(None),) * 3 + limited]
    return y, x_bar, weight_bar, cotangent.sum(axis=(0, *range(2, 2 + rank)))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repeats", type=int, default=15)
    parser.add_argument("--only", default="", help="part of a name")
    arguments = parser.parse_args()
    print(f"{'forward + backward, one thread':42}  torch ms  derive/torch  plain/torch  limit")
    for shape in SHAPES:
        if arguments.only in shape.name:
            found = medians(contestants(shape), arguments.repeats)
            base = found["torch"]
            plain_ratio = f"{found['plain'] / base:11.2f}" if "plain" in found else " " * 11
            limit = "" if shape.limit is None else f"{shape.limit:5.1f}"
            print(
                f"{shape.name:42}  {base * 1e3:8.2f}  {found['derive'] / base:12.2f}  "
                f"{plain_ratio}  {limit}",
                flush=True,
            )


if __name__ == "__main__":
    main()
