"""Time generated recurrent networks beside PyTorch: forward plus backward, float32, one thread.

    pip install -e ".[benchmarks]" && python benchmarks/recurrent.py

Run in turns in one process; the figures to read are the ratios (time / PyTorch's time). If HIPS
autograd is installed (`pip install autograd`), a last column shows how many times longer it takes
than the generated module. With --malloc the run is done in a process with
MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_ raised: large arrays then stay with the process
from call to call, where glibc would return them to the system.
"""

import argparse
import os
import sys
from importlib.util import find_spec

from timing import medians  # first of all: it fixes the number of threads

# isort: split
import numpy as np

import generated

SHAPES = ((100, 32, 128, 256), (28, 128, 28, 512), (1000, 1, 32, 64))  # T, N, I, H
NETWORKS = {"lstm": 4, "gru": 3, "rnn": 1}  # and their numbers of gates
THRESHOLDS = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")


def contestants(name: str, shape: tuple[int, int, int, int]):
    """Forward and backward of a whole sequence, from zero states."""
    time, batch, inputs, hidden = shape
    rng = np.random.default_rng(0)
    rows, bound = NETWORKS[name] * hidden, hidden**-0.5
    shapes = ((rows, inputs), (rows, hidden), (rows,), (rows,))
    weights = [rng.uniform(-bound, bound, s).astype(np.float32) for s in shapes]
    x = rng.standard_normal((time, batch, inputs), np.float32)
    cotangent = rng.standard_normal((time, batch, hidden), np.float32)
    module = getattr(generated, name)

    def derive_run():
        outputs, residuals = module.forward(x, *weights)
        return module.backward((cotangent, *(None,) * (len(outputs) - 1)), residuals)

    runs = {"derive": derive_run}
    if find_spec("torch"):
        runs["torch"] = _in_torch(name, x, weights, cotangent)
    if find_spec("autograd"):
        runs["autograd"] = _in_autograd(name, x, weights, cotangent)
    for word in runs.keys() - {"derive"}:
        for ours, theirs in zip(derive_run(), runs[word](), strict=False):
            scale = np.abs(theirs).max()
            assert np.abs(ours - theirs).max() < 1e-3 * scale, (name, word)
    return runs


def _in_torch(name: str, x, weights, cotangent):
    import torch

    torch.set_num_threads(1)
    network = getattr(torch.nn, name.upper())(x.shape[2], cotangent.shape[2])
    with torch.no_grad():
        for parameter, weight in zip(network.parameters(), weights, strict=True):
            parameter.copy_(torch.from_numpy(weight))
    leaves = [torch.from_numpy(x).requires_grad_(), *network.parameters()]
    given = torch.from_numpy(cotangent)

    def run():
        found = torch.autograd.grad(network(leaves[0])[0], leaves, given)
        return [gradient.numpy() for gradient in found]

    return run


def _in_autograd(name: str, x, weights, cotangent):
    """As one writes it with NumPy: gates of one product, inputs projected at once."""
    import autograd.numpy as anp
    from autograd import grad

    steps, batch, width = cotangent.shape

    def sigmoid(a):
        return 0.5 * anp.tanh(0.5 * a) + 0.5

    def gate(a, number):
        return a[:, number * width : (number + 1) * width]

    def loss(x, weight_ih, weight_hh, bias_ih, bias_hh):
        h = c = np.zeros((batch, width), np.float32)
        projected, turned, total = anp.dot(x, weight_ih.T) + bias_ih, weight_hh.T, 0.0
        for t in range(steps):
            p, q = projected[t], anp.dot(h, turned) + bias_hh
            if name == "rnn":
                h = anp.tanh(p + q)
            elif name == "gru":
                r, z = (sigmoid(gate(p, g) + gate(q, g)) for g in range(2))
                h = (1 - z) * anp.tanh(gate(p, 2) + r * gate(q, 2)) + z * h
            else:
                i, f, g, o = (gate(p + q, number) for number in range(4))
                c = sigmoid(f) * c + sigmoid(i) * anp.tanh(g)
                h = sigmoid(o) * anp.tanh(c)
            total = total + anp.sum(h * cotangent[t])
        return total

    gradients = grad(loss, (0, 1, 2, 3, 4))
    return lambda: gradients(x, *weights)


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--malloc", action="store_true", help="raise glibc's thresholds")
    arguments = parser.parse_args()
    if arguments.malloc and not all(word in os.environ for word in THRESHOLDS):
        raised = os.environ | dict.fromkeys(THRESHOLDS, str(10**9))
        os.execve(sys.executable, [sys.executable, *sys.argv], raised)
    heads = f"{'derive ms':>10}  {'derive/torch':>12}  {'autograd/derive':>15}"
    print(f"{'forward + backward, one thread':34}{heads}")
    for shape in SHAPES:
        for name in NETWORKS:
            found = medians(contestants(name, shape), arguments.repeats)
            sizes = " ".join(f"{a}{n}" for a, n in zip("TNIH", shape, strict=True))
            own, other = found["derive"], found.get("torch")
            line = f"{name:5} {sizes:28}{own * 1e3:10.2f}"
            line += f"  {own / other:12.2f}" if other else f"  {'-':>12}"
            if "autograd" in found:
                line += f"  {found['autograd'] / own:15.1f}"
            print(line, flush=True)


if __name__ == "__main__":
    main()
