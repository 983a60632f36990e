"""Recurrent networks: a cell is a few equations, and a state is read at t-1.

    rnn    h[t] = tanh(W x[t] + U h[t-1] + b)
    lstm   c[t] = f c[t-1] + i g,     h[t] = o tanh(c[t])
    gru    h[t] = (1 - z) g + z h[t-1]

Arrays are laid out as PyTorch's: time, then the batch, then features; gates are stacked in the
rows of the weights, in the order i f g o and r z n. A cell is the same equations at one step.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Add, Eq, Expr, Max, Min, Mod, Piecewise, Sum, exp, tanh

from derive.language import (
    Operation,
    Tensor,
    axes,
    axis,
    integers,
    option,
    parameter,
    relu,
    sigmoid,
    size,
    sizes,
    state,
    stop,
    tensor,
)

T, N, I, H = sizes("T N I H")
O = size("O", minimum=1)
t, n, i, j, k, o = axes("t n i j k o", T, N, I, H, H, O)

LEGEND = {"t": "time step", "n": "sequence", "i": "input feature", "j,k": "unit"}
LAYOUT = "Sequences are laid out as (time, batch, features)."
ONE_STEP = "One step, for streaming: the states it returns are those it takes for the next."

TRUNCATE = option(
    "truncate", "never", minimum=1, samples=(1, 2, 3), spellings={"never": (T,)},
    meaning="steps after which no gradient flows back any further",
)  # fmt: skip
CLIP = option(
    "clip", 1000, integer=False, minimum=0, samples=(1, 2),
    meaning="bound of the pre-activations; the default changes no gate",
)  # fmt: skip


@dataclass(frozen=True)
class Steps:
    """Where the equations of a cell hold: at every step of sequences, or once if `single`.

    With `lengths`, outputs behind the end of a sequence are 0 and the last states are those at
    its end. With `truncate`, the gradient stops every so many steps.
    """

    single: bool = False
    lengths: bool = False
    truncate: bool = False

    @property
    def at(self) -> tuple:
        """The indices of a place: the step and the sequence."""
        return (n,) if self.single else (t, n)

    def tensor(self, name: str, *shape) -> Tensor:
        """A tensor with a row for each place."""
        return tensor(name, *((N,) if self.single else (T, N)), *shape)

    def carried(self, name: str) -> "Carried":
        """A state, and what becomes of it from step to step."""
        first = tensor(f"{name}0", N, H, optional=True)
        if self.single:
            now = tensor(name, N, H)
            return Carried(now, lambda u: first[n, u], first, now, ())
        now, last = state(name, T, N, H), tensor(f"{name}_n", N, H)
        end = LENGTHS[n] - 1 if self.lengths else T - 1
        around = (Eq(now[-1, n, j], first[n, j]), Eq(last[n, j], now[end, n, j]))
        if not self.truncate:
            return Carried(now, lambda u: now[t - 1, n, u], first, last, around)
        before, past = tensor(f"{name}_before", T, N, H), now[t - 1, n, j]
        k_steps = TRUNCATE.settings[0]
        cut = Piecewise((past, t <= 0), (stop(past), Eq(Mod(t, k_steps), 0)), (past, True))
        around = (*around, Eq(before[t, n, j], cut))
        return Carried(now, lambda u: before[t, n, u], first, last, around)

    def operation(self, name, summary, weights, states, equations, *, y=None, **more) -> Operation:
        """The operation with these equations; its output is `y`, or else the first state."""
        ends = tuple(s.last for s in states)
        if not self.single and y is None:
            y, h = tensor("y", T, N, H), states[0].now[t, n, j]
            shown = Piecewise((h, t < LENGTHS[n]), (0, True)) if self.lengths else h
            equations = (*equations, Eq(y[t, n, j], shown))
        return Operation(
            name=name,
            summary=summary,
            inputs=(
                self.tensor("x", I),
                *(w for w in weights if not w.optional),
                *((LENGTHS,) if self.lengths else ()),
                *(w for w in weights if w.optional),
                *(s.first for s in states),
            ),
            outputs=ends if self.single else (y, *ends),
            options=(*((TRUNCATE,) if self.truncate else ()), *more.pop("options", ())),
            equations=(*(e for s in states for e in s.around[:1]), *equations)
            + tuple(e for s in states for e in s.around[1:]),
            legend={
                key: meaning
                for key, meaning in (LEGEND | more.pop("legend", {})).items()
                if key != "t" or not self.single
            },
            notes="\n\n".join(
                filter(None, (ONE_STEP if self.single else LAYOUT, more.pop("notes", "")))
            ),
            **more,
        )


@dataclass(frozen=True)
class Carried:
    """A state: its tensor, the step before, initial and last value, and the equations of these."""

    now: Tensor
    before: Callable[..., Expr]
    first: Tensor
    last: Tensor
    around: tuple[Eq, ...]
