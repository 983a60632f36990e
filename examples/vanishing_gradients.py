"""Why gradients vanish, or explode, on their way back through time: four cells on one plot.

    python examples/vanishing_gradients.py [--steps 100] [--hidden 64] [--seed 0] [--out FILE.png]

A state h[t] depends on the one before. If only the last of T states is looked at, the chain rule
multiplies one matrix for each step on the way back:

    ∂L/∂h[t] = ∂L/∂h[T−1] · J[T−1] · … · J[t+1],        J[t] = dh[t]/dh[t−1]

`derive show` derives these matrices ("One step", at the end):

    rnn     J = diag(1 − h[t]²) W                       shrinks wherever tanh bends
    irnn    J = diag(1 where h[t] > 0, else 0) W        with relu, and W = 1 to begin with
    lstm    dc[t]/dc[t−1] = diag(f[t])                  no matrix: an open forget gate keeps all
    gru     J = diag(z[t]) + …                          an update gate that keeps, likewise

If the norms of J stay below 1 the product vanishes exponentially, and the network cannot learn what
happened long ago. Norms above 1 save nothing: a random W stretches few directions and shrinks most,
so the RNN's gradient vanishes all the same.

Here every cell is fresh, that is with the random weights a training begins with, and reads noise.
The cells are the generated single-step modules, forwards and then backwards, one after the other.

(Bengio, Simard and Frasconi, Learning long-term dependencies with gradient descent is difficult,
1994; Hochreiter and Schmidhuber, Long short-term memory, 1997; Le, Jaitly and Hinton, A simple way
to initialize recurrent networks of rectified linear units, 2015.)
"""

from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Annotated

import numpy as np
import typer
from matplotlib.figure import Figure
from rich.console import Console
from rich.progress import track

from generated import gru_cell, lstm_cell, rnn_cell, rnn_relu_cell

INPUTS = 8


@dataclass(frozen=True)
class Cell:
    """A cell with its first weights, and the colour it is drawn in."""

    name: str
    colour: str
    module: ModuleType
    weights: tuple[np.ndarray, ...]  # weight_ih, weight_hh, bias_ih
    states: tuple[str, ...] = ("h",)

    def forward(self, x, before):
        """The states after a step, and what `backward` needs of it."""
        result, residuals = self.module.forward(x, *self.weights, None, *before)
        return (result if isinstance(result, tuple) else (result,)), residuals

    def backward(self, bars, residuals):
        """The gradients by the states before a step, from those by the states after it."""
        given = self.module.Outputs(*bars) if len(bars) > 1 else bars[0]
        names = tuple(f"{state}0" for state in self.states)
        found = self.module.backward(given, residuals, wrt=names)
        return tuple(getattr(found, name) for name in names)


def fresh_cells(hidden, rng):
    """What a training begins with: uniform weights as in PyTorch, and their usual improvements."""
    bound = 1 / np.sqrt(hidden)

    def weights(gates):
        shapes = ((gates * hidden, INPUTS), (gates * hidden, hidden), (gates * hidden,))
        return tuple(rng.uniform(-bound, bound, shape) for shape in shapes)

    def lstm_weights(forget_bias):
        weight_ih, weight_hh, bias = weights(4)
        bias[hidden : 2 * hidden] = forget_bias
        return weight_ih, weight_hh, bias

    identity = (weights(1)[0], np.eye(hidden), np.zeros(hidden))
    both = ("h", "c")
    return (
        Cell("RNN", "tab:red", rnn_cell, weights(1)),
        Cell("IRNN", "tab:purple", rnn_relu_cell, identity),
        Cell("GRU", "tab:green", gru_cell, weights(3)),
        Cell("LSTM, forget bias 1", "tab:orange", lstm_cell, lstm_weights(1), both),
        Cell("LSTM, forget bias 4", "tab:blue", lstm_cell, lstm_weights(4), both),
    )


def run(cell, x):
    """Run over x (steps, 1, INPUTS): the states before each step, and all residuals."""
    hidden = cell.weights[1].shape[1]
    states = tuple(np.zeros((1, hidden)) for _ in cell.states)
    before, residuals = [], []
    for row in x:
        before.append(states)
        states, kept = cell.forward(row, states)
        residuals.append(kept)
    return before, residuals


def gradient_norms(cell, residuals, last):
    """|∂L/∂h[t]| for every t, and |∂L/∂c[t]| where there is a c, where ∂L/∂h[T−1] = last."""
    bars = (last, *(np.zeros_like(last) for _ in cell.states[1:]))
    norms = [[np.linalg.norm(bar) for bar in bars]]
    for kept in reversed(residuals[1:]):
        bars = cell.backward(bars, kept)
        norms.append([np.linalg.norm(bar) for bar in bars])
    return np.array(norms[::-1]).T


def jacobian(cell, x, before, state=0):
    """The derivative of a state by itself one step before, other states there being held fixed.

    One sequence for each row of the matrix, all alike: backward from the unit vectors gives it.
    """
    hidden = before[0].shape[1]
    alike = [np.repeat(array, hidden, axis=0) for array in (x, *before)]
    _, residuals = cell.forward(alike[0], alike[1:])
    bars = [np.zeros((hidden, hidden)) for _ in cell.states]
    bars[state] = np.eye(hidden)
    return cell.backward(tuple(bars), residuals)[state]


def draw(found, steps):
    """Left the gradients, right the matrices whose product they are."""
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    left, right = figure.subplots(1, 2)
    for cell, norms, spectral in found:
        for state, norm, size, line in zip(cell.states, norms, spectral, "-:", strict=False):
            seen = np.where(norm > 0, norm, np.nan)  # c[T−1] is not looked at
            label = f"{cell.name}, {state}" if len(cell.states) > 1 else cell.name
            left.semilogy(seen, line, color=cell.colour, label=label)
            right.plot(size, line, color=cell.colour, label=label)
    left.set(
        xlabel="step t", ylabel="norm", title="∂L/∂h[t] (dotted: ∂L/∂c[t]); L looks at the end"
    )
    right.set(xlabel="step t", ylabel="spectral norm", ylim=(0, None))
    right.set_title("dh[t]/dh[t−1] (dotted: dc[t]/dc[t−1]), other states held fixed")
    right.axhline(1, color="grey", linestyle=":")
    for axes in (left, right):
        axes.set_xlim(0, steps - 1)
        axes.grid(alpha=0.3)
    left.legend(loc="lower right")
    return figure


def main(
    steps: Annotated[int, typer.Option(min=2, help="Length of the sequence.")] = 100,
    hidden: Annotated[int, typer.Option(min=1, help="Units of every cell.")] = 64,
    seed: Annotated[int, typer.Option(help="Of the weights and the noise.")] = 0,
    out: Annotated[Path, typer.Option(help="Where to save the plot.")] = Path(
        "vanishing_gradients.png"
    ),
) -> None:
    """Compare how far back the gradients of four cells reach."""
    if not out.absolute().parent.is_dir():  # better said now than in the end
        raise typer.BadParameter(f"there is no folder {out.absolute().parent}", param_hint="--out")
    rng = np.random.default_rng(seed)
    x, last = rng.standard_normal((steps, 1, INPUTS)), rng.standard_normal((1, hidden))
    found = []
    cells = fresh_cells(hidden, rng)
    for cell in track(cells, "cells", console=Console(stderr=True)):
        before, residuals = run(cell, x)
        norms = gradient_norms(cell, residuals, last / np.linalg.norm(last))
        spectral = [
            [
                np.linalg.norm(jacobian(cell, *step, state), 2)
                for step in zip(x, before, strict=True)
            ]
            for state in range(len(cell.states))
        ]
        found.append((cell, norms, spectral))
        for state, norm, size in zip(cell.states, norms, spectral, strict=True):
            factor = f"a step back multiplies it by {(norm[0] / norm[-2]) ** (1 / (steps - 2)):.2f}"
            print(f"{cell.name:20} |dL/d{state}[0]| {norm[0]:.0e}   "
                  f"{factor}   |d{state}[t]/d{state}[t-1]| {np.median(size):.2f}")  # fmt: skip
    draw(found, steps).savefig(out, dpi=120)
    print(f"plot: {out}")


if __name__ == "__main__":
    typer.run(main)
