"""Time generated pooling beside PyTorch: forward plus backward, float32, one thread.

    pip install -e ".[benchmarks]" && python benchmarks/pooling.py

Run in turns in one process; the figures to read are the ratios (time / PyTorch's time).
"""

import argparse

from timing import medians  # first of all: it fixes the number of threads

# isort: split
import numpy as np
import torch
import torch.nn.functional as F

import generated

torch.set_num_threads(1)

SHAPE = (32, 64, 32, 32)
ROWS = {
    "max 2x2 stride 2": ("max_pool2d", {"kernel_size": 2}),
    "max 3x3 stride 1": ("max_pool2d", {"kernel_size": 3, "stride": 1}),
    "max 3x3 stride 2 padding 1": ("max_pool2d", {"kernel_size": 3, "stride": 2, "padding": 1}),
    "average 2x2 stride 2": ("avg_pool2d", {"kernel_size": 2}),
    "average 2x2 stride 1": ("avg_pool2d", {"kernel_size": 2, "stride": 1}),
    "average 3x3 stride 1": ("avg_pool2d", {"kernel_size": 3, "stride": 1}),
    "average 3x3 stride 2": ("avg_pool2d", {"kernel_size": 3, "stride": 2}),
    "adaptive average 7x7": ("adaptive_avg_pool2d", {"output_size": 7}),
    "adaptive max 7x7": ("adaptive_max_pool2d", {"output_size": 7}),
}


def contestants(name: str, options: dict):
    """Forward and backward on one batch of images."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal(SHAPE, np.float32)
    leaf = torch.from_numpy(x).requires_grad_()
    module, function = getattr(generated, name), getattr(F, name)
    cotangent = rng.standard_normal(tuple(function(leaf, **options).shape), np.float32)

    def torch_run():
        y = function(leaf, **options)
        return torch.autograd.grad(y, leaf, torch.from_numpy(cotangent))[0]

    def derive_run():
        _, residuals = module.forward(x, **options)
        return module.backward(cotangent, residuals).x

    assert np.abs(derive_run() - torch_run().numpy()).max() < 1e-4, name
    return {"torch": torch_run, "derive": derive_run}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=15)
    arguments = parser.parse_args()
    print(f"{'forward + backward, one thread':34}  torch ms  derive/torch")
    for label, (name, options) in ROWS.items():
        found = medians(contestants(name, options), arguments.repeats)
        ratio = found["derive"] / found["torch"]
        print(f"{label:34}  {found['torch'] * 1e3:8.2f}  {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    main()
