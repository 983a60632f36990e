"""Time generated recurrent networks beside PyTorch: forward plus backward, float32, one thread.

    pip install -e ".[benchmarks]" && python benchmarks/recurrent.py

Run in turns in one process; the figures to read are the ratios (time / PyTorch's time). With
MALLOC_TRIM_THRESHOLD_=1000000000 MALLOC_MMAP_THRESHOLD_=1000000000 in the environment, large
residuals are not returned to the system after every call.
"""

import argparse

from timing import medians  # first of all: it fixes the number of threads

# isort: split
import numpy as np
import torch

import generated

torch.set_num_threads(1)

SHAPES = ((100, 32, 128, 256), (28, 128, 28, 512), (1000, 1, 32, 64))  # T, N, I, H
NETWORKS = {"lstm": torch.nn.LSTM, "gru": torch.nn.GRU, "rnn": torch.nn.RNN}


def contestants(name: str, shape: tuple[int, int, int, int]):
    """Forward and backward of a whole sequence, from zero states."""
    time, batch, inputs, hidden = shape
    rng = np.random.default_rng(0)
    network = NETWORKS[name](inputs, hidden)
    weights = [p.detach().numpy() for p in network.parameters()]
    x = rng.standard_normal((time, batch, inputs), np.float32)
    cotangent = rng.standard_normal((time, batch, hidden), np.float32)
    leaves = [torch.from_numpy(x).requires_grad_(), *network.parameters()]
    module = getattr(generated, name)

    def torch_run():
        return torch.autograd.grad(network(leaves[0])[0], leaves, torch.from_numpy(cotangent))

    def derive_run():
        outputs, residuals = module.forward(x, *weights)
        return module.backward((cotangent, *(None,) * (len(outputs) - 1)), residuals)

    for ours, theirs in zip(derive_run(), torch_run(), strict=False):
        scale = np.abs(theirs.numpy()).max()
        assert np.abs(ours - theirs.numpy()).max() < 1e-3 * scale, name
    return {"torch": torch_run, "derive": derive_run}


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=9)
    arguments = parser.parse_args()
    print(f"{'forward + backward, one thread':34}  torch ms  derive/torch")
    for shape in SHAPES:
        for name in NETWORKS:
            found = medians(contestants(name, shape), arguments.repeats)
            sizes = " ".join(f"{a}{n}" for a, n in zip("TNIH", shape, strict=True))
            ratio = found["derive"] / found["torch"]
            print(f"{name:5} {sizes:28}  {found['torch'] * 1e3:8.2f}  {ratio:12.2f}", flush=True)


if __name__ == "__main__":
    main()
