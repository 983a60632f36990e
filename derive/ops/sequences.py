"""Where the equations of recurrent networks hold: at every step of sequences, or at one step.

Arrays are laid out as PyTorch's: time, then the batch, then features. A batch has any number of
axes; one sequence alone has none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Eq, Expr, Mod, Ne, Piecewise

from derive.language import (
    Access,
    Axis,
    Operation,
    Tensor,
    axes,
    integers,
    leading,
    option,
    size,
    sizes,
    state,
    stop,
    tensor,
)

T, I, H, P = sizes("T I H P")
N = leading("N")
O = size("O", minimum=1)
t, n, i, j, k, o, p, q = axes("t n i j k o p q", T, N, I, H, H, O, P, P)

LENGTHS = integers("lengths", N, below=T + 1, default=T)
TRUNCATE = option(
    "truncate", "never", minimum=1, samples=(1, 2, 3), spellings={"never": (T,)},
    meaning="steps after which no gradient flows back any further",
)  # fmt: skip

LEGEND = {"t": "time step", "n": "sequence (any axes)", "i": "input feature", "j,k": "unit"}
BATCH = "The batch may have any number of axes, or none."
LAYOUT = f"Sequences are laid out as (time, batch, features). {BATCH}"
BATCH_FIRST = (
    f"Sequences are laid out as (batch, time, features); states are (batch, units). {BATCH}"
)
UNTIL = (
    "Sequence n ends after lengths[n] steps: outputs behind its end are 0, and last states are "
    "those at its end. One without any step hands its first state over as it came."
)


@dataclass(frozen=True)
class State:
    """A state: the present one, the one before, and the equations of its beginning and end."""

    now: Tensor
    before: Callable[..., Expr]
    first: Tensor
    last: Tensor
    begin: tuple[Eq, ...] = ()
    end: tuple[Eq, ...] = ()


@dataclass(frozen=True)
class Places:
    """Every step of sequences, or one step alone if `single`.

    With `truncate`, gradients are cut between stretches of that many steps. With `batch_first`,
    what comes in and goes out has the batch before time. With `once`, inputs are those of the first
    step alone.
    """

    single: bool = False
    truncate: bool = False
    batch_first: bool = False
    once: bool = False

    @property
    def at(self) -> tuple[Axis, ...]:
        """The indices of a place: step and sequence."""
        return (n,) if self.single else (t, n)

    def tensor(self, name: str, *shape) -> Tensor:
        """A tensor with an entry for every place."""
        return tensor(name, *((N,) if self.single else (T, N)), *shape)

    def seen(self, name: str, *shape) -> Tensor:
        """The same for one that callers see."""
        return tensor(name, N, T, *shape) if self.batch_first else self.tensor(name, *shape)

    def entry(self, seen: Tensor, *index) -> Access:
        """An entry of such a tensor at this place."""
        return seen[(n, t, *index) if self.batch_first else (*self.at, *index)]

    def given(self, name: str, *shape) -> Tensor:
        """An input."""
        return tensor(name, N, *shape) if self.once else self.seen(name, *shape)

    def within(self, x: Tensor, feature: Axis) -> tuple[Expr, tuple[Eq, ...]]:
        """An entry of an input, and what defines it: of what is behind the end nothing is read."""
        if self.once:
            inner = tensor(f"{x.name}_within", N, feature.extent)[n, feature]
            there = Piecewise((x[n, feature], LENGTHS[n] >= 1), (0, True))
            return Piecewise((inner, t <= 0), (0, True)), (Eq(inner, there),)
        entry = self.entry(x, feature)
        if self.single:
            return entry, ()
        inner = self.tensor(f"{x.name}_within", feature.extent)[*self.at, feature]
        return inner, (Eq(inner, self.shown(entry)),)

    def state(self, name: str, unit: Axis = j) -> State:
        """A state is given at the beginning, and handed over at the end."""
        units = unit.extent
        first = tensor(f"{name}0", N, units, optional=True)
        if self.single:
            now = tensor(name, N, units)
            return State(now, lambda unit: first[n, unit], first, now)
        now, last = state(name, T, N, units), tensor(f"{name}_n", N, units)
        begin = (Eq(now[-1, n, unit], first[n, unit]),)
        end = (Eq(last[n, unit], now[LENGTHS[n] - 1, n, unit]),)
        before = self.cut if self.truncate else (lambda past: past)
        return State(now, lambda unit: before(now[t - 1, n, unit]), first, last, begin, end)

    def cut(self, past: Expr) -> Expr:
        """The state before, a constant where a stretch begins."""
        (steps,) = TRUNCATE.settings
        return Piecewise((past, Ne(Mod(t, steps), 0)), (stop(past), t >= 1), (past, True))

    def shown(self, value: Expr, behind: Expr | int = 0) -> Expr:
        """What an output is; beyond the end of a sequence it is 0, or something else."""
        return value if self.single else Piecewise((value, t < LENGTHS[n]), (behind, True))

    def numbers(self, weight_ih: list, weight_hh: list) -> dict[str, list]:
        """Of a worked example: a sequence of one feature, and weights of one unit for each gate."""
        steps = [1, 0, -1][: 1 if self.single else None]
        x = [[entry] for entry in steps]
        x = x if self.single else [x] if self.batch_first else [[entry] for entry in x]
        weights = {"weight_ih": weight_ih, "weight_hh": weight_hh}
        return {"x": x, **{name: [[w] for w in gates] for name, gates in weights.items()}}

    def operation(self, name: str, summary: str, inputs, states, equations, **more) -> Operation:
        """The operation of a cell; unless it has an output of its own, it shows its first state."""
        outputs = more.pop("outputs", ())
        if not outputs and not self.single:
            unit = p if states[0].now.shape[-1] == P else j
            y = self.seen("y", unit.extent)
            outputs = (y,)
            value = self.shown(states[0].now[t, n, unit])
            equations = (*equations, Eq(self.entry(y, unit), value))
        given = (*inputs, *(s.first for s in states), *(() if self.single else (LENGTHS,)))
        notes = (BATCH_FIRST if self.batch_first else LAYOUT, UNTIL)
        equations = (
            *(e for s in states for e in s.begin),
            *equations,
            *(e for s in states for e in s.end),
        )
        named = {a for e in equations for a in e.atoms(Access, Axis)}
        known = {getattr(a, "tensor", a).name for a in named}
        known |= {row for rows in more.get("rows", {}).values() for row in rows}
        legend = dict(LEGEND)
        if self.single:
            del legend["t"]
            notes = ("One step: the states it returns are those it takes for the next.",)
        return Operation(
            name=name,
            summary=summary,
            inputs=tuple(sorted(given, key=lambda tensor: not tensor.required)),
            outputs=(*outputs, *(s.last for s in states)),
            options=(*more.pop("options", ()), *((TRUNCATE,) if self.truncate else ())),
            equations=equations,
            dictionaries={
                word: dictionary.within(known)
                for word, dictionary in more.pop("dictionaries", {}).items()
            },
            legend=legend | more.pop("legend", {}),
            notes="\n\n".join((*notes, *more.pop("notes", ()))),
            **more,
        )


SEQUENCES, STEP = Places(), Places(single=True)
TRUNCATED, BY_BATCH = Places(truncate=True), Places(batch_first=True)
AT_FIRST = Places(once=True)
