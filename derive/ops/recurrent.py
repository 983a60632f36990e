"""Recurrent networks: a cell is a few equations, and a state is read at t-1.

    rnn    h[t] = tanh(W x[t] + U h[t-1] + b)
    lstm   c[t] = f c[t-1] + i g,     h[t] = o tanh(c[t])
    gru    h[t] = (1 - z) g + z h[t-1]

Gates are stacked in the rows of the weights as in PyTorch, in the order i f g o and r z n. The
equations of a family are written once, for whatever `Places` they hold at.
"""

from collections.abc import Callable

from sympy import Eq, Expr, Integer, Max, Min, Sum, exp, tanh

from derive.language import (
    Axis,
    Dictionary,
    Operation,
    Tensor,
    axis,
    integers,
    option,
    parameter,
    relu,
    sigmoid,
    stop,
)
from derive.language.scalars import BOUNDED
from derive.ops.sequences import (
    BY_BATCH,
    SEQUENCES,
    STEP,
    TRUNCATED,
    H,
    I,
    O,
    P,
    Places,
    i,
    j,
    k,
    o,
    p,
    q,
)

CLIP = option(
    "clip", 1000, integer=False, minimum=0, samples=(0.5, 2),
    meaning="bound of the pre-activations; one as large as the default changes no gate",
)  # fmt: skip
_WU = {"weight_ih": "W", "weight_hh": "U", "bias_ih": "b_W", "bias_hh": "b_U"}
# What lectures call it all. The letter of the input gate is no longer that of input features.
DICTIONARIES = {
    word: Dictionary(names, time="superscript")
    for word, names in {
        "uwv": {
            "weight_ih": "U", "weight_hh": "W", "weight_hy": "V",
            "bias_ih": "b_U", "bias_hh": "b_W", "bias_hy": "b_V",
            "h": "s", "h0": "s0", "h_n": "s_n",
        },
        "ifgo": _WU | {
            "input_gate": "i", "forget_gate": "f", "cell_gate": "g", "output_gate": "o",
            "input": "i", "forget": "f", "cell": "g", "output": "o", "i": "d",
            "weight_ci": "P_i", "weight_cf": "P_f", "weight_co": "P_o", "weight_hr": "V",
        },
        "rzg": _WU | {
            "reset_gate": "r", "update_gate": "z", "new_gate": "g",
            "reset": "r", "update": "z", "new": "g",
        },
    }.items()
}  # fmt: skip
LOW = -(10**38)  # as low as float32 goes, or nearly: a rectifier makes 0 of it


def projections(gates: int | None = None, unit: Axis = j) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights and biases of input and state, for several stacked gates or for one."""
    rows = H if gates is None else (gates, H)
    return (
        parameter("weight_ih", rows, I),
        parameter("weight_hh", rows, unit.extent),
        parameter("bias_ih", rows, optional=True),
        parameter("bias_hh", rows, optional=True),
    )


# ---- the simple network --------------------------------------------------------------------


def elman(
    name: str, function, summary: str, over: Places = SEQUENCES, output="", notes=(), masked=False
) -> Operation:
    """The simple recurrent network with any elementwise function, and any layer behind it.

    If `masked`, integers say which units see which.
    """
    at, x, h = over.at, over.given("x", I), over.state("h")
    within, beginning = over.within(x, i)
    weight_ih, weight_hh, bias_ih, bias_hh = projections()
    # What has no bound might grow behind the end of a sequence; there it rests at 0 instead.
    rest = 0 if function in BOUNDED or over.single else over.shown(Integer(0), behind=LOW)
    mask = integers("mask", H, H, below=2)
    recurrent = mask[j, k] * weight_hh[j, k] if masked else weight_hh[j, k]
    seen = (
        Sum(weight_ih[j, i] * within, i)
        + Sum(recurrent * h.before(k), k)
        + bias_ih[j]
        + bias_hh[j]
        + rest
    )
    cell = (*beginning, Eq(h.now[*at, j], function(seen)))
    inputs = (x, weight_ih, weight_hh, bias_ih, bias_hh)
    if masked:
        inputs = (*inputs[:3], mask, *inputs[3:])
    source = "Elman, Finding structure in time, Cognitive Science 14, 1990"
    if not output:
        example = {} if over.once else over.numbers([1], [0.5])
        if masked:
            weights = {"weight_ih": [[1], [0]], "weight_hh": [[0.5, 1], [1, 0.5]]}
            example |= weights | {"mask": [[1, 0], [1, 0]]}
        return over.operation(
            name,
            summary,
            inputs,
            (h,),
            cell,
            notes=notes,
            source=source,
            example=example,
            dictionaries={"uwv": DICTIONARIES["uwv"]},
        )
    weight_hy, bias_hy = parameter("weight_hy", O, H), parameter("bias_hy", O, optional=True)
    z, y = over.tensor("z", O), over.seen("y", O)
    layer = {
        "identity": (Eq(over.entry(y, o), over.shown(z[*at, o])),),
        "sigmoid": (Eq(over.entry(y, o), over.shown(sigmoid(z[*at, o]))),),
        "softmax": softmax(over, y, z),
    }
    return over.operation(
        name,
        summary,
        (*inputs[:3], weight_hy, bias_ih, bias_hh, bias_hy),
        (h,),
        (
            *cell,
            Eq(z[*at, o], Sum(weight_hy[o, j] * h.now[*at, j], j) + bias_hy[o]),
            *layer[output],
        ),
        outputs=(y,),
        legend={"o": "output"} | ({"l": "output before the next"} if output == "softmax" else {}),
        notes=notes,
        source=source,
        dictionaries={"uwv": DICTIONARIES["uwv"]},
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
        Eq(over.entry(y, o), over.shown(e[*at, o] / total[*at])),
    )


# ---- long short-term memory ----------------------------------------------------------------

WORDS = {"i": "input", "f": "forget", "g": "cell", "o": "output"}


def lstm(
    name: str, summary: str, over: Places = SEQUENCES, *,
    peephole: str = "", coupled: bool = False, clip: bool = False, projected: bool = False,
    source: tuple[str, ...] = (),
) -> Operation:  # fmt: skip
    """Long short-term memory with forget gates; `peephole` is "diagonal" or "full".

    If `projected`, what the next step sees, and what comes out, is a product with a matrix.
    """
    gates = "igo" if coupled else "ifgo"
    gate = axis("gate", len(gates))
    unit, before = (p, q) if projected else (j, k)
    at, x, h, c = over.at, over.seen("x", I), over.state("h", unit), over.state("c")
    within, beginning = over.within(x, i)
    weight_ih, weight_hh, bias_ih, bias_hh = projections(len(gates), unit)
    a = over.tensor("a", (len(gates), H))
    rows = (H, H) if peephole == "full" else (H,)
    peepholes = {g: parameter(f"weight_c{g}", *rows) for g in gates if peephole and g != "g"}
    input_gate, forget_gate, cell_gate, output_gate = (
        over.tensor(f"{word}_gate", H)[*at, j] for word in WORDS.values()
    )

    def present(unit) -> Expr:
        return c.now[*at, unit]

    m, projection = over.tensor("m", H), parameter("weight_hr", P, H)
    shown = output_gate * tanh(c.now[*at, j])
    handed_over = (Eq(h.now[*at, j], shown),)
    if projected:
        product = Sum(projection[p, j] * m[*at, j], j)
        handed_over = (Eq(m[*at, j], shown), Eq(h.now[*at, p], product))

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
        (
            x,
            weight_ih,
            weight_hh,
            *peepholes.values(),
            *(projection,) * projected,
            bias_ih,
            bias_hh,
        ),
        (h, c),
        (
            *beginning,
            Eq(
                a[*at, (gate, j)],
                Sum(weight_ih[(gate, j), i] * within, i)
                + Sum(weight_hh[(gate, j), before] * h.before(before), before)
                + bias_ih[(gate, j)]
                + bias_hh[(gate, j)],
            ),
            Eq(input_gate, sigmoid(seen("i", c.before))),
            Eq(forget_gate, 1 - input_gate if coupled else sigmoid(seen("f", c.before))),
            Eq(cell_gate, tanh(seen("g"))),
            Eq(c.now[*at, j], forget_gate * c.before(j) + input_gate * cell_gate),
            Eq(output_gate, sigmoid(seen("o", present))),
            *handed_over,
        ),
        options=(CLIP,) if clip else (),
        example=(
            {}
            if peephole or projected
            else over.numbers([1, 0.5, 1, 0.5][: len(gates)], [0.5, 0.5, 1, 1][: len(gates)])
        ),
        legend={"p,q": "projection"} if projected else {},
        dictionaries={"ifgo": DICTIONARIES["ifgo"]},
        rows={"gate": tuple(WORDS[g] for g in gates)},
        source="; ".join((*LSTM_SOURCES, *source)),
    )


LSTM_SOURCES = (
    "Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997",
    "Gers, Schmidhuber and Cummins, Learning to forget, Neural Computation 12, 2000",
)
PROJECTED = "Sak, Senior and Beaufays, Long short-term memory based architectures, 2014"
TRUNCATION = "Williams and Peng, An efficient gradient-based algorithm, Neural Computation 2, 1990"
PEEPHOLES = "Gers, Schraudolph and Schmidhuber, Learning precise timing, JMLR 3, 2002"


# ---- gated recurrent units -----------------------------------------------------------------

GATES = ("reset", "update", "new")


def gru(
    name: str, summary: str, over: Places = SEQUENCES, *,
    before: bool = False, mirrored: bool = False, source: str,
) -> Operation:  # fmt: skip
    """Gated recurrent unit, its reset gate after the recurrent matrix, or `before` it.

    The update gate keeps the state; `mirrored`, it replaces the state.
    """
    gate = axis("gate", 3)
    beside = axis("beside", 2) if before else gate
    at, x, h = over.at, over.seen("x", I), over.state("h")
    within, beginning = over.within(x, i)
    weight_ih, weight_hh, bias_ih, bias_hh = projections(3)
    p, q = over.tensor("p", (3, H)), over.tensor("q", (beside.extent, H))
    reset, update, new = (over.tensor(f"{word}_gate", H) for word in GATES)
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
            *beginning,
            Eq(
                p[*at, (gate, j)],
                Sum(weight_ih[(gate, j), i] * within, i) + bias_ih[(gate, j)],
            ),
            Eq(q[*at, (beside, j)], recurrent(beside, h.before)),
            Eq(reset[*at, j], sigmoid(p[*at, (0, j)] + q[*at, (0, j)])),
            Eq(update[*at, j], sigmoid(p[*at, (1, j)] + q[*at, (1, j)])),
            Eq(new[*at, j], tanh(p[*at, (2, j)] + candidate)),
            Eq(h.now[*at, j], replace * new[*at, j] + keep * h.before(j)),
        ),
        dictionaries={"rzg": DICTIONARIES["rzg"]},
        rows={"gate": GATES} | ({"beside": GATES[:2]} if before else {}),
        source=source,
        example=over.numbers([0.5, 0.5, 1], [0.5, 1, 1]),
    )


CHO = "Cho et al., Learning phrase representations using RNN encoder-decoder, 2014"
CHUNG = "Chung et al., Empirical evaluation of gated recurrent neural networks, 2014"


# ---- what ships ----------------------------------------------------------------------------

RECTIFIED = (
    "With weight_hh the identity and biases 0 at first, this is the IRNN of Le, Jaitly and Hinton "
    "(A simple way to initialize recurrent networks of rectified linear units, 2015).",
)
MASKED = (
    "The mask says which units see which: mask[j,k] is 1 where unit j sees what unit k was a step "
    "ago. Feedback is direct on the diagonal (a unit sees itself), lateral beside it within a "
    "layer, and indirect where a unit of a lower layer sees one of an upper layer. A layer sees "
    "the one below it in the same way.",
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
    elman("rnn_batch_first", tanh, f"{SIMPLE}, with tanh and the batch first.", BY_BATCH),
    elman("rnn_truncated", tanh, f"{SIMPLE}, with tanh, and cut its gradients every few steps.",
          TRUNCATED),
    elman("rnn_masked", tanh, f"{SIMPLE}, with tanh and a mask on the recurrent weights.",
          notes=MASKED, masked=True),
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
    lstm("lstm_projected", "Run a long short-term memory over sequences: with forget gates, "
         "without peepholes, and with a matrix behind its state.", projected=True,
         source=(PROJECTED,)),
    lstm("lstm_batch_first", "Run a long short-term memory over sequences that have the batch "
         "first: with forget gates and without peepholes.", BY_BATCH),
    lstm("lstm_truncated", "Run a long short-term memory over sequences, and cut its gradients "
         "every few steps: with forget gates and without peepholes.", TRUNCATED,
         source=(TRUNCATION,)),
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
    gru("gru_batch_first", "Run a gated recurrent unit over sequences that have the batch first: "
        "the reset gate acts after the recurrent matrix and the update gate keeps the state.",
        BY_BATCH, source=CHO),
    gru("gru_truncated", "Run a gated recurrent unit over sequences, and cut its gradients every "
        "few steps: the reset gate acts after the recurrent matrix and the update gate keeps the "
        "state.", TRUNCATED, source=CHO),
    gru("gru_cell", "Run a gated recurrent unit for one step: the reset gate acts after the "
        "recurrent matrix and the update gate keeps the state, as in PyTorch.", STEP, source=CHO),
)  # fmt: skip
