"""Learn to write, character by character: an LSTM reads Python's own documentation.

    python examples/character_model.py [--epochs 5] [--hidden 128] [--seed 0] [--out FILE.png]

The text is what `help()` shows of the language reference, which is in every Python, and the Zen of
Python. The network sees a character and says how probable each one is to come next:

    h[t], c[t] = LSTM(x[t], h[t−1], c[t−1])        x[t] is 1 for the character at t, else 0
    scores[t]  = W h[t] + b
    loss       = average over t of  −log softmax(scores[t])[character at t + 1]

All gradients come from generated modules; the chain rule between them is four lines in `gradients`.

**Truncated backpropagation through time.** The text is cut into streams that are read side by side,
STEPS characters at a time. The last state of a stretch is the first state of the next one, so the
network remembers; its gradient is not handed back, so a stretch is all that is differentiated.

**Clipping.** Through many steps a gradient may grow without bounds (a product of matrices, see
vanishing_gradients.py). If its norm over all parameters is greater than CLIP it is shortened to
that, which keeps its direction (Pascanu, Mikolov and Bengio, On the difficulty of training
recurrent neural networks, 2013). The descent is Adam (Kingma and Ba, 2015).
"""

import codecs
import contextlib
import io
import math
from pathlib import Path
from pydoc_data.topics import topics
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import BarColumn, Progress, TimeElapsedColumn

from generated import cross_entropy, linear, lstm, lstm_cell, softmax

STREAMS, STEPS, CLIP, RATE = 32, 64, 1.0, 4e-3

# ── The text ────────────────────────────────────────────────────────────────────────────────────


def read_text():
    """The Zen of Python and the language reference: half a million characters, all ASCII."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints itself when it is imported
        import this
    zen = codecs.decode(this.s, "rot13")
    return "\n\n".join([zen, *map(topics.get, sorted(topics))]).encode("ascii", "ignore").decode()


def stretches(codes, size):
    """Pairs (seen, next): ones at the characters, else zeros, (STEPS, STREAMS, size); and the codes
    of those that follow, (STEPS, STREAMS)."""
    length = (len(codes) - 1) // STREAMS
    ones = np.eye(size, dtype=np.float32)
    seen, following = (
        codes[shift : shift + STREAMS * length].reshape(STREAMS, length).T for shift in (0, 1)
    )
    for start in range(0, length - STEPS + 1, STEPS):
        yield ones[seen[start : start + STEPS]], following[start : start + STEPS]


# ── The network ─────────────────────────────────────────────────────────────────────────────────


def initial(size, hidden, rng):
    """Small random weights; the biases of the forget gates are 1, so that it begins by keeping."""
    bound = 1 / math.sqrt(hidden)
    shapes = {
        "weight_ih": (4 * hidden, size), "weight_hh": (4 * hidden, hidden),
        "bias_ih": (4 * hidden,), "weight_out": (size, hidden), "bias_out": (size,),
    }  # fmt: skip
    found = {n: rng.uniform(-bound, bound, s).astype(np.float32) for n, s in shapes.items()}
    found["bias_ih"][hidden : 2 * hidden] = 1
    return found


def gradients(parameters, seen, following, state):
    """The loss of a stretch, its gradients, and the state to go on with."""
    weight_ih, weight_hh, bias_ih, weight_out, bias_out = parameters.values()
    result, through_lstm = lstm.forward(seen, weight_ih, weight_hh, bias_ih, None, *state)
    scores, through_linear = linear.forward(result.y, weight_out, bias_out)
    flat = scores.reshape(-1, scores.shape[-1])
    loss, through_loss = cross_entropy.forward(flat, following.ravel())

    flat_bar = cross_entropy.backward(np.ones_like(loss), through_loss, wrt="x").x
    out = linear.backward(flat_bar.reshape(scores.shape), through_linear)
    y_bar = result._replace(y=out.x, h_n=None, c_n=None)
    cell = lstm.backward(y_bar, through_lstm, wrt=("weight_ih", "weight_hh", "bias_ih"))

    found = (cell.weight_ih, cell.weight_hh, cell.bias_ih, out.weight, out.bias)
    named = dict(zip(parameters, found, strict=True))
    return float(loss), named, (result.h_n, result.c_n)


def clipped(gradients, threshold):
    """The gradients, shortened if their common norm is greater than the threshold.

    Squares of large numbers overflow, and those of small ones vanish. So all are divided by the
    largest first, and the norm itself is never formed: what is left has a norm from 1 to √count.
    """
    largest = max(float(abs(g).max(initial=0)) for g in gradients.values())
    if largest == 0:
        return gradients
    scaled = {name: g / g.dtype.type(largest) for name, g in gradients.items()}
    relative = math.sqrt(sum(float(np.square(g, dtype=np.float64).sum()) for g in scaled.values()))
    if not largest > threshold / relative:
        return gradients
    return {name: g * g.dtype.type(threshold / relative) for name, g in scaled.items()}


class Adam:
    """Steps of about `rate`, whatever the size of a gradient."""

    def __init__(self, parameters, rate, keep=(0.9, 0.99)):
        self.rate, self.keep, self.count = rate, keep, 0
        self.mean = {name: np.zeros_like(p) for name, p in parameters.items()}
        self.square = {name: np.zeros_like(p) for name, p in parameters.items()}

    def step(self, parameters, gradients):
        self.count += 1
        first, second = (1 - k**self.count for k in self.keep)  # both averages began at 0
        for name, g in gradients.items():
            mean, square = self.mean[name], self.square[name]
            mean += (1 - self.keep[0]) * (g - mean)
            square += (1 - self.keep[1]) * (g * g - square)
            parameters[name] -= self.rate * (mean / first) / (np.sqrt(square / second) + 1e-8)


def sample(parameters, alphabet, length, rng, temperature=0.7):
    """Let the network write: what it says is probable is drawn, and read as the next input."""
    weight_ih, weight_hh, bias_ih, weight_out, bias_out = parameters.values()
    ones = np.eye(len(alphabet), dtype=np.float32)
    code, h, c, written = alphabet.index("\n"), None, None, []
    for _ in range(length):
        h, c = lstm_cell.apply(ones[[code]], weight_ih, weight_hh, bias_ih, None, h, c)
        scores = linear.apply(h, weight_out, bias_out)[0].astype(float)
        code = rng.choice(len(alphabet), p=softmax.apply(scores / temperature))
        written.append(alphabet[code])
    return "".join(written)


# ── All of it ───────────────────────────────────────────────────────────────────────────────────


def surprise(codes, size):
    """What one loses on average who knows how frequent characters are, alone and after another."""
    alone = np.bincount(codes, minlength=size) / len(codes)
    both = np.bincount(codes[:-1] * size + codes[1:]) / (len(codes) - 1)
    single, pair = (-sum(p * math.log(p) for p in ps if p) for ps in (alone, both))
    return single, pair - single


def draw(losses, codes, size):
    """The loss of every stretch, beside what simpler models reach."""
    figure = Figure(figsize=(9, 5), layout="constrained")
    axes = figure.subplots()
    axes.plot(losses, color="tab:blue", alpha=0.35, label="one stretch")
    width = max(1, len(losses) // 40)
    smooth = np.convolve(losses, np.full(width, 1 / width), mode="valid")
    axes.plot(
        np.arange(len(smooth)) + width - 1, smooth, color="tab:blue", label=f"mean of {width}"
    )
    levels = (math.log(size), *surprise(codes, size))
    for level, name in zip(levels, ("guessing", "frequencies", "pairs"), strict=True):
        axes.axhline(level, color="grey", linestyle=":")
        axes.text(len(losses), level, name, ha="right", va="bottom", color="grey")
    axes.set(xlabel="step of the descent", ylabel="loss (nats per character)", ylim=(0, None))
    axes.margins(x=0)
    axes.set_title("An LSTM learns to write Python's documentation")
    axes.legend(loc="lower left")
    return figure


def main(
    epochs: Annotated[int, typer.Option(min=1, help="How often the text is read.")] = 5,
    hidden: Annotated[int, typer.Option(min=1, help="Units of the LSTM.")] = 128,
    seed: Annotated[int, typer.Option(help="Of the first weights and the samples.")] = 0,
    characters: Annotated[int, typer.Option(min=2 * STREAMS * STEPS, help="Of the text.")] = 10**6,
    samples: Annotated[int, typer.Option(min=1, help="How often it writes something.")] = 6,
    out: Annotated[Path, typer.Option(help="Where to save the plot.")] = Path(
        "character_model.png"
    ),
) -> None:
    """Learn to write, character by character."""
    if not out.absolute().parent.is_dir():  # better said now than after the descent
        raise typer.BadParameter(f"there is no folder {out.absolute().parent}", param_hint="--out")
    text = read_text()[:characters]
    alphabet = sorted(set(text))
    codes = np.searchsorted(alphabet, list(text))
    rng = np.random.default_rng(seed)
    parameters = initial(len(alphabet), hidden, rng)
    adam, losses = Adam(parameters, RATE), []
    total = epochs * ((len(codes) - 1) // STREAMS // STEPS)
    console = Console(stderr=True)  # so that what it writes can be piped without the bar
    console.print(f"{len(text):,} characters, {len(alphabet)} different ones")
    columns = ("loss {task.fields[loss]:.2f}", BarColumn(), "{task.completed}/{task.total}")
    with Progress(*columns, TimeElapsedColumn(), console=console) as progress:
        task = progress.add_task("", total=total, loss=math.log(len(alphabet)))
        for _ in range(epochs):
            state = (None, None)
            for seen, following in stretches(codes, len(alphabet)):
                value, found, state = gradients(parameters, seen, following, state)
                adam.step(parameters, clipped(found, CLIP))
                losses.append(value)
                progress.update(task, advance=1, loss=value)
                if len(losses) * samples // total > (len(losses) - 1) * samples // total:
                    written = sample(parameters, alphabet, 200, rng)
                    print(f"── after {len(losses)} steps, loss {value:.2f} ──\n{written}\n")
    draw(losses, codes, len(alphabet)).savefig(out, dpi=120)
    print(f"loss {losses[0]:.2f} -> {np.mean(losses[-20:]):.2f}, plot: {out}")


if __name__ == "__main__":
    typer.run(main)
