"""Recurrent networks: a cell is a few equations, and a state is read at t-1.

    rnn    h[t] = tanh(W x[t] + U h[t-1] + b)
    lstm   c[t] = f c[t-1] + i g,     h[t] = o tanh(c[t])
    gru    h[t] = (1 - z) g + z h[t-1]

Arrays are laid out as PyTorch's: time, then the batch, then features; gates are stacked in the
rows of the weights, in the order i f g o and r z n. The equations of a family are written once,
for whatever `Places` they hold at: every step of sequences, or one step alone.
"""

from collections.abc import Callable
from dataclasses import dataclass

from sympy import Eq, Expr, Max, Min, Mod, Piecewise, Sum, exp, tanh

from derive.language import (
    Axis,
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

LENGTHS = integers("lengths", N, below=T + 1)
TRUNCATE = option(
    "truncate", "never", minimum=1, samples=(1, 2, 3), spellings={"never": (T,)},
    meaning="steps after which no gradient flows back any further",
)  # fmt: skip
CLIP = option(
    "clip", 1000, integer=False, minimum=0, samples=(0.5, 2),
    meaning="bound of the pre-activations; one as large as the default changes no gate",
)  # fmt: skip


# ---- where equations hold ------------------------------------------------------------------


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

    With `lengths`, outputs beyond the end of a sequence are 0, and last states are those at its
    end. With `truncate`, gradients are cut between stretches of that many steps.
    """

    single: bool = False
    lengths: bool = False
    truncate: bool = False

    @property
    def at(self) -> tuple[Axis, ...]:
        """The indices of a place: step and sequence."""
        return (n,) if self.single else (t, n)

    def tensor(self, name: str, *shape) -> Tensor:
        """A tensor with an entry for every place."""
        return tensor(name, *((N,) if self.single else (T, N)), *shape)

    def state(self, name: str) -> State:
        """A state is given at the beginning, and handed over at the end."""
        first = tensor(f"{name}0", N, H, optional=True)
        if self.single:
            now = tensor(name, N, H)
            return State(now, lambda unit: first[n, unit], first, now)
        now, last = state(name, T, N, H), tensor(f"{name}_n", N, H)
        begin = (Eq(now[-1, n, j], first[n, j]),)
        end = (Eq(last[n, j], now[LENGTHS[n] - 1 if self.lengths else T - 1, n, j]),)
        if not self.truncate:
            return State(now, lambda unit: now[t - 1, n, unit], first, last, begin, end)
        before, past, steps = tensor(f"{name}_before", T, N, H), now[t - 1, n, j], TRUNCATE[0]
        cut = Piecewise((past, t <= 0), (stop(past), Eq(Mod(t, steps), 0)), (past, True))
        begin = (*begin, Eq(before[t, n, j], cut))
        return State(now, lambda unit: before[t, n, unit], first, last, begin, end)

    def shown(self, value: Expr) -> Expr:
        """What an output is; beyond the end of a sequence it is 0."""
        return Piecewise((value, t < LENGTHS[n]), (0, True)) if self.lengths else value

    def operation(self, name: str, summary: str, inputs, states, equations, **more) -> Operation:
        """The operation of a cell; unless it has an output of its own, it shows its first state."""
        outputs = more.pop("outputs", ())
        if not outputs and not self.single:
            y = tensor("y", T, N, H)
            outputs = (y,)
            equations = (*equations, Eq(y[t, n, j], self.shown(states[0].now[t, n, j])))
        given = (*inputs, *((LENGTHS,) if self.lengths else ()), *(s.first for s in states))
        legend = {"t": "time step", "n": "sequence", "i": "input feature", "j,k": "unit"}
        layout = "Sequences are laid out as (time, batch, features)."
        if self.single:
            del legend["t"]
            layout = "One step: the states it returns are those it takes for the next."
        return Operation(
            name=name,
            summary=summary,
            inputs=tuple(sorted(given, key=lambda tensor: tensor.optional)),
            outputs=(*outputs, *(s.last for s in states)),
            options=(*more.pop("options", ()), *((TRUNCATE,) if self.truncate else ())),
            equations=(
                *(e for s in states for e in s.begin),
                *equations,
                *(e for s in states for e in s.end),
            ),
            legend=legend | more.pop("legend", {}),
            notes="\n\n".join((layout, *more.pop("notes", ()))),
            **more,
        )


SEQUENCES, STEP = Places(), Places(single=True)


def projections(gates: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights and biases of input and state, for several stacked gates or for one."""
    rows = H if gates is None else (gates, H)
    return (
        parameter("weight_ih", rows, I),
        parameter("weight_hh", rows, H),
        parameter("bias_ih", rows, optional=True),
        parameter("bias_hh", rows, optional=True),
    )


# ---- the simple network --------------------------------------------------------------------


def elman(
    name: str, function, summary: str, over: Places = SEQUENCES, output="", notes=()
) -> Operation:
    """The simple recurrent network with any elementwise function, and any layer behind it."""
    at, x, h = over.at, over.tensor("x", I), over.state("h")
    weight_ih, weight_hh, bias_ih, bias_hh = projections()
    cell = Eq(
        h.now[*at, j],
        function(
            Sum(weight_ih[j, i] * x[*at, i], i)
            + Sum(weight_hh[j, k] * h.before(k), k)
            + bias_ih[j]
            + bias_hh[j]
        ),
    )
    inputs = (x, weight_ih, weight_hh, bias_ih, bias_hh)
    source = "Elman, Finding structure in time, Cognitive Science 14, 1990"
    if not output:
        return over.operation(name, summary, inputs, (h,), (cell,), notes=notes, source=source)
    weight_hy, bias_hy = parameter("weight_hy", O, H), parameter("bias_hy", O, optional=True)
    z, y = over.tensor("z", O), over.tensor("y", O)
    layer = {
        "identity": (Eq(y[*at, o], over.shown(z[*at, o])),),
        "sigmoid": (Eq(y[*at, o], over.shown(sigmoid(z[*at, o]))),),
        "softmax": softmax(over, y, z),
    }
    return over.operation(
        name,
        summary,
        (*inputs[:3], weight_hy, bias_ih, bias_hh, bias_hy),
        (h,),
        (
            cell,
            Eq(z[*at, o], Sum(weight_hy[o, j] * h.now[*at, j], j) + bias_hy[o]),
            *layer[output],
        ),
        outputs=(y,),
        legend={"o": "output"},
        notes=notes,
        source=source,
    )


def softmax(over: Places, y: Tensor, z: Tensor) -> tuple[Eq, ...]:
    """``y = exp(z) / sum(exp(z))``; a maximum is taken off first, which changes nothing but range.

    It is found by a running comparison, and has no gradient.
    """
    at, later = over.at, axis("l", O - 1)
    top, e, total = over.tensor("top", O), over.tensor("e", O), over.tensor("total")
    return (
        Eq(top[*at, 0], stop(z[*at, 0])),
        Eq(top[*at, later + 1], stop(Max(top[*at, later], z[*at, later + 1]))),
        Eq(e[*at, o], exp(z[*at, o] - top[*at, O - 1])),
        Eq(total[*at], Sum(e[*at, o], o)),
        Eq(y[*at, o], over.shown(e[*at, o] / total[*at])),
    )


# ---- long short-term memory ----------------------------------------------------------------

WORDS = {"i": "input", "f": "forget", "g": "cell", "o": "output"}


def lstm(
    name: str, summary: str, over: Places = SEQUENCES, *,
    peephole: str = "", coupled: bool = False, clip: bool = False, source: tuple[str, ...] = (),
) -> Operation:  # fmt: skip
    """Long short-term memory with forget gates; `peephole` is "diagonal" or "full"."""
    gates = "igo" if coupled else "ifgo"
    gate = axis("gate", len(gates))
    at, x, h, c = over.at, over.tensor("x", I), over.state("h"), over.state("c")
    weight_ih, weight_hh, bias_ih, bias_hh = projections(len(gates))
    a = over.tensor("a", (len(gates), H))
    rows = (H, H) if peephole == "full" else (H,)
    peepholes = {g: parameter(f"weight_c{g}", *rows) for g in gates if peephole and g != "g"}
    input_gate, forget_gate, cell_gate, output_gate = (
        over.tensor(f"{word}_gate", H)[*at, j] for word in WORDS.values()
    )

    def present(unit) -> Expr:
        return c.now[*at, unit]

    def seen(letter: str, cell: Callable[..., Expr] | None = None) -> Expr:
        """The pre-activation of a gate, with what the gate sees of the cell's state."""
        value = a[*at, (gates.index(letter), j)]
        if peephole and cell:
            weight = peepholes[letter]
            value += weight[j] * cell(j) if len(rows) == 1 else Sum(weight[j, k] * cell(k), k)
        return Max(-CLIP[0], Min(CLIP[0], value)) if clip else value

    return over.operation(
        name,
        summary,
        (x, weight_ih, weight_hh, *peepholes.values(), bias_ih, bias_hh),
        (h, c),
        (
            Eq(
                a[*at, (gate, j)],
                Sum(weight_ih[(gate, j), i] * x[*at, i], i)
                + Sum(weight_hh[(gate, j), k] * h.before(k), k)
                + bias_ih[(gate, j)]
                + bias_hh[(gate, j)],
            ),
            Eq(input_gate, sigmoid(seen("i", c.before))),
            Eq(forget_gate, 1 - input_gate if coupled else sigmoid(seen("f", c.before))),
            Eq(cell_gate, tanh(seen("g"))),
            Eq(c.now[*at, j], forget_gate * c.before(j) + input_gate * cell_gate),
            Eq(output_gate, sigmoid(seen("o", present))),
            Eq(h.now[*at, j], output_gate * tanh(c.now[*at, j])),
        ),
        options=(CLIP,) if clip else (),
        legend={"gate": ", ".join(WORDS[g] for g in gates)},
        source="; ".join((*LSTM_SOURCES, *source)),
    )


LSTM_SOURCES = (
    "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997",
    "Gers, Schmidhuber and Cummins, Learning to forget, Neural Computation 12, 2000",
)
PEEPHOLES = "Gers, Schraudolph and Schmidhuber, Learning precise timing, JMLR 3, 2002"


# ---- gated recurrent units -----------------------------------------------------------------


def gru(
    name: str, summary: str, over: Places = SEQUENCES, *,
    before: bool = False, mirrored: bool = False, source: str,
) -> Operation:  # fmt: skip
    """Gated recurrent unit, its reset gate after the recurrent matrix, or `before` it.

    The update gate keeps the state; `mirrored`, it replaces the state.
    """
    gate = axis("gate", 3)
    beside = axis("beside", 2) if before else gate
    at, x, h = over.at, over.tensor("x", I), over.state("h")
    weight_ih, weight_hh, bias_ih, bias_hh = projections(3)
    p, q = over.tensor("p", (3, H)), over.tensor("q", (beside.extent, H))
    reset, update, new = (over.tensor(f"{word}_gate", H) for word in ("reset", "update", "new"))
    keep, replace = update[*at, j], 1 - update[*at, j]
    if mirrored:
        keep, replace = replace, keep

    def recurrent(number, past: Callable[..., Expr]) -> Expr:
        """What a gate sees of the state."""
        return Sum(weight_hh[(number, j), k] * past(k), k) + bias_hh[(number, j)]

    if before:
        candidate = recurrent(2, lambda unit: reset[*at, unit] * h.before(unit))
    else:
        candidate = reset[*at, j] * q[*at, (2, j)]
    return over.operation(
        name,
        summary,
        (x, weight_ih, weight_hh, bias_ih, bias_hh),
        (h,),
        (
            Eq(
                p[*at, (gate, j)],
                Sum(weight_ih[(gate, j), i] * x[*at, i], i) + bias_ih[(gate, j)],
            ),
            Eq(q[*at, (beside, j)], recurrent(beside, h.before)),
            Eq(reset[*at, j], sigmoid(p[*at, (0, j)] + q[*at, (0, j)])),
            Eq(update[*at, j], sigmoid(p[*at, (1, j)] + q[*at, (1, j)])),
            Eq(new[*at, j], tanh(p[*at, (2, j)] + candidate)),
            Eq(h.now[*at, j], replace * new[*at, j] + keep * h.before(j)),
        ),
        legend={"gate": "reset, update, new"} | ({"beside": "reset, update"} if before else {}),
        source=source,
    )


CHO = "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014"
CHUNG = "Chung et al., Empirical evaluation of gated recurrent neural networks, 2014"


# ---- what ships ----------------------------------------------------------------------------

RECTIFIED = (
    "With weight_hh the identity and biases 0 at first, this is the IRNN of Le, Jaitly and Hinton "
    "(A simple way to initialize recurrent networks of rectified linear units, 2015).",
)
SIMPLE = "Run a simple recurrent network (Elman) over sequences"
SIMPLE_STEP = "Run a simple recurrent network (Elman) for one step"

OPERATIONS = (
    elman("rnn", tanh, f"{SIMPLE}, with tanh."),
    elman("rnn_relu", relu, f"{SIMPLE}, with ReLU.", notes=RECTIFIED),
    elman("rnn_output", tanh, f"{SIMPLE}, with tanh and a linear layer at every step.",
          output="identity"),
    elman("rnn_output_sigmoid", tanh, f"{SIMPLE}, with tanh and a sigmoid layer at every step.",
          output="sigmoid"),
    elman("rnn_output_softmax", tanh, f"{SIMPLE}, with tanh and a softmax layer at every step.",
          output="softmax"),
    elman("rnn_cell", tanh, f"{SIMPLE_STEP}, with tanh.", STEP),
    elman("rnn_relu_cell", relu, f"{SIMPLE_STEP}, with ReLU.", STEP, notes=RECTIFIED),
    lstm("lstm", "Run a long short-term memory over sequences: with forget gates and without "
         "peepholes, as in PyTorch."),
    lstm("lstm_peephole", "Run a long short-term memory with diagonal peepholes over sequences: "
         "input and forget gates see the cell's last state, the output gate its new one.",
         peephole="diagonal", source=(PEEPHOLES,)),
    lstm("lstm_peephole_full", "Run a long short-term memory with full matrices as peepholes over "
         "sequences: input and forget gates see the cell's last state, the output gate its new "
         "one.", peephole="full", source=(PEEPHOLES,)),
    lstm("lstm_coupled", "Run a long short-term memory whose forget gate is 1 minus its input gate "
         "over sequences, without peepholes.", coupled=True,
         source=("Greff et al., LSTM: a search space odyssey, 2015",)),
    lstm("lstm_clipped", "Run a long short-term memory over sequences: with forget gates, without "
         "peepholes, and with pre-activations clipped to -clip .. clip.", clip=True),
    lstm("lstm_cell", "Run a long short-term memory for one step: with forget gates and without "
         "peepholes, as in PyTorch.", STEP),
    gru("gru", "Run a gated recurrent unit over sequences: the reset gate acts after the recurrent "
        "matrix and the update gate keeps the state, as in PyTorch.", source=CHO),
    gru("gru_mirrored", "Run a gated recurrent unit over sequences: the reset gate acts after the "
        "recurrent matrix, and the update gate replaces the state.", mirrored=True, source=CHUNG),
    gru("gru_before", "Run a gated recurrent unit over sequences: the reset gate acts before the "
        "recurrent matrix and the update gate keeps the state, as first published.", before=True,
        source=CHO),
    gru("gru_before_mirrored", "Run a gated recurrent unit over sequences: the reset gate acts "
        "before the recurrent matrix, and the update gate replaces the state.", before=True,
        mirrored=True, source=CHUNG),
    gru("gru_cell", "Run a gated recurrent unit for one step: the reset gate acts after the "
        "recurrent matrix and the update gate keeps the state, as in PyTorch.", STEP, source=CHO),
)  # fmt: skip
