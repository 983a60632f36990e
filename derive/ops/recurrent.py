"""Recurrent networks: a cell is a few equations, and a state is read at t-1.

    rnn    h[t] = tanh(W x[t] + U h[t-1] + b)
    lstm   c[t] = f c[t-1] + i g,     h[t] = o tanh(c[t])
    gru    h[t] = (1 - z) n + z h[t-1]

Arrays are laid out as PyTorch's: time, then the batch, then features; gates are stacked in the
rows of the weights, in the order i f g o and r z n.
"""

from sympy import Eq, Expr, Sum, tanh

from derive.language import (
    Operation,
    Tensor,
    axes,
    axis,
    parameter,
    relu,
    sigmoid,
    sizes,
    state,
    tensor,
)

T, N, I, H = sizes("T N I H")
t, n, i, j, k = axes("t n i j k", T, N, I, H, H)

LEGEND = {"t": "time step", "n": "sequence", "i": "input feature", "j,k": "unit"}
SHAPES = "Sequences are laid out as (time, batch, features)."

x = tensor("x", T, N, I)
h = state("h", T, N, H)
y = tensor("y", T, N, H)
h0 = tensor("h0", N, H, optional=True)
h_n = tensor("h_n", N, H)


def projections(gates: int | None = None) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights and biases of input and state, for several stacked gates or for one."""
    rows = H if gates is None else (gates, H)
    return (
        parameter("weight_ih", rows, I),
        parameter("weight_hh", rows, H),
        parameter("bias_ih", rows, optional=True),
        parameter("bias_hh", rows, optional=True),
    )


def carried(s: Tensor, first: Tensor, last: Tensor) -> tuple[Eq, Eq]:
    """A state begins as an input and ends as an output."""
    return Eq(s[-1, n, j], first[n, j]), Eq(last[n, j], s[T - 1, n, j])


def elman(name: str, function, summary: str) -> Operation:
    """The simple recurrent network with any elementwise function."""
    weight_ih, weight_hh, bias_ih, bias_hh = projections()
    begin, end = carried(h, h0, h_n)
    return Operation(
        name=name,
        summary=summary,
        inputs=(x, weight_ih, weight_hh, bias_ih, bias_hh, h0),
        outputs=(y, h_n),
        equations=(
            begin,
            Eq(
                h[t, n, j],
                function(
                    Sum(weight_ih[j, i] * x[t, n, i], i)
                    + Sum(weight_hh[j, k] * h[t - 1, n, k], k)
                    + bias_ih[j]
                    + bias_hh[j]
                ),
            ),
            Eq(y[t, n, j], h[t, n, j]),
            end,
        ),
        legend=LEGEND,
        notes=SHAPES,
        source="Elman, Finding structure in time, Cognitive Science 14, 1990",
    )


GATE = axis("gate", 4)
THIRD = axis("gate", 3)


def lstm() -> Operation:
    """Long short-term memory with forget gates, without peepholes."""
    weight_ih, weight_hh, bias_ih, bias_hh = projections(4)
    c, c0, c_n = state("c", T, N, H), tensor("c0", N, H, optional=True), tensor("c_n", N, H)
    a = tensor("a", T, N, (4, H))
    input_gate, forget_gate, cell_gate, output_gate = (
        tensor(f"{word}_gate", T, N, H) for word in ("input", "forget", "cell", "output")
    )
    begin, end = carried(h, h0, h_n)
    begin_c, end_c = carried(c, c0, c_n)

    def gate(number: int) -> Expr:
        return a[t, n, (number, j)]

    return Operation(
        name="lstm",
        summary="Run a long short-term memory over sequences.",
        inputs=(x, weight_ih, weight_hh, bias_ih, bias_hh, h0, c0),
        outputs=(y, h_n, c_n),
        equations=(
            begin,
            begin_c,
            Eq(
                a[t, n, (GATE, j)],
                Sum(weight_ih[(GATE, j), i] * x[t, n, i], i)
                + Sum(weight_hh[(GATE, j), k] * h[t - 1, n, k], k)
                + bias_ih[(GATE, j)]
                + bias_hh[(GATE, j)],
            ),
            Eq(input_gate[t, n, j], sigmoid(gate(0))),
            Eq(forget_gate[t, n, j], sigmoid(gate(1))),
            Eq(cell_gate[t, n, j], tanh(gate(2))),
            Eq(output_gate[t, n, j], sigmoid(gate(3))),
            Eq(
                c[t, n, j],
                forget_gate[t, n, j] * c[t - 1, n, j] + input_gate[t, n, j] * cell_gate[t, n, j],
            ),
            Eq(h[t, n, j], output_gate[t, n, j] * tanh(c[t, n, j])),
            Eq(y[t, n, j], h[t, n, j]),
            end,
            end_c,
        ),
        legend=LEGEND | {"gate": "input, forget, cell, output"},
        notes=SHAPES,
        source="Hochreiter and Schmidhuber, Long short-term memory, Neural Computation 9, 1997; "
        "Gers, Schmidhuber and Cummins, Learning to forget, Neural Computation 12, 2000",
    )


def gru() -> Operation:
    """Gated recurrent unit, reset gate applied after the recurrent matrix."""
    weight_ih, weight_hh, bias_ih, bias_hh = projections(3)
    p, q = tensor("p", T, N, (3, H)), tensor("q", T, N, (3, H))
    reset_gate, update_gate, new_gate = (
        tensor(f"{word}_gate", T, N, H) for word in ("reset", "update", "new")
    )
    begin, end = carried(h, h0, h_n)
    return Operation(
        name="gru",
        summary="Run a gated recurrent unit over sequences; the reset gate acts after the "
        "recurrent matrix, as in PyTorch.",
        inputs=(x, weight_ih, weight_hh, bias_ih, bias_hh, h0),
        outputs=(y, h_n),
        equations=(
            begin,
            Eq(
                p[t, n, (THIRD, j)],
                Sum(weight_ih[(THIRD, j), i] * x[t, n, i], i) + bias_ih[(THIRD, j)],
            ),
            Eq(
                q[t, n, (THIRD, j)],
                Sum(weight_hh[(THIRD, j), k] * h[t - 1, n, k], k) + bias_hh[(THIRD, j)],
            ),
            Eq(reset_gate[t, n, j], sigmoid(p[t, n, (0, j)] + q[t, n, (0, j)])),
            Eq(update_gate[t, n, j], sigmoid(p[t, n, (1, j)] + q[t, n, (1, j)])),
            Eq(new_gate[t, n, j], tanh(p[t, n, (2, j)] + reset_gate[t, n, j] * q[t, n, (2, j)])),
            Eq(
                h[t, n, j],
                (1 - update_gate[t, n, j]) * new_gate[t, n, j]
                + update_gate[t, n, j] * h[t - 1, n, j],
            ),
            Eq(y[t, n, j], h[t, n, j]),
            end,
        ),
        legend=LEGEND | {"gate": "reset, update, new"},
        notes=SHAPES,
        source="Cho et al., Learning phrase representations using RNN encoder-decoder, 2014",
    )


OPERATIONS = (
    elman("rnn", tanh, "Run a simple recurrent network with tanh over sequences."),
    elman("rnn_relu", relu, "Run a simple recurrent network with ReLU over sequences."),
    lstm(),
    gru(),
)
