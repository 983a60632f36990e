"""The fifth chapter: networks that decide what to keep."""

from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Shown, Stop

LSTM = Stop(
    title="LSTM",
    question="How can a state last for many steps?",
    words=(
        "Do not multiply it by a matrix at every step. The cell {c} is multiplied by a gate alone, "
        "entry by entry, and something is added. The forget gate says how much is kept, the input "
        "gate how much is added, the output gate how much is shown. Each gate is a sigmoid of the "
        "input and the last state.",
        "So there is one way from a cell to the next that passes no weight: its factor is the "
        "forget gate. Where it stays near one, the gradient lasts. The other ways, through the "
        "gates, may still vanish or explode.",
    ),
    shown=(
        Shown(
            operation("lstm"), gradients=("h", "c"), straight=True, time=("Past every weight",),
            pictures=("recurrence",),
            numbers=("x", "weight_ih", "weight_hh", "forget_gate", "input_gate", "cell_gate",
                     "output_gate", "c", "h", "c_bar", "h_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import lstm\n"
        "x, W, one = np.zeros((50, 1, 1)), np.zeros((4, 1)), np.ones((1, 1))\n"
        "(y, h, c), kept = lstm.forward(x, W, W, np.array([0.0, 9.0, 0.0, 0.0]), c0=one)\n"
        "print(lstm.backward((0 * y, 0 * h, one), kept).c0.round(3))",
        "[[0.994]]",
    ),
)  # fmt: skip

PEEPHOLES = Stop(
    title="Peepholes",
    question="The gates see the state that is shown. May they look at the cell itself?",
    words=(
        "They may, through a weight for each unit. The input and the forget gate see the last "
        "cell {c}; the output gate sees the new one. Each of these looks adds a term to the "
        "gradient of the cell, and its weight has a gradient of its own.",
    ),
    shown=(
        Shown(
            operation("lstm_peephole"), gradients=("weight_cf", "weight_co", "c"),
            example={
                "x": [[[1]], [[0]]], "weight_ih": [[1], [0.5], [1], [0.5]],
                "weight_hh": [[0.5], [0.5], [1], [1]], "weight_ci": [1], "weight_cf": [-1],
                "weight_co": [0.5],
            },
            pictures=("recurrence",), numbers=("x", "c", "h", "c_bar", "weight_cf_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import lstm, lstm_peephole\n"
        "x, W, U, p = np.ones((2, 1, 1)), np.ones((4, 1)), np.ones((4, 1)), np.zeros(1)\n"
        "plain, peeping = lstm.apply(x, W, U), lstm_peephole.apply(x, W, U, p, p, p)\n"
        "print(np.array_equal(plain[0], peeping[0]))",
        "True",
    ),
)  # fmt: skip

GRU = Stop(
    title="GRU in both forms",
    question="Are two gates enough, and why do books and libraries disagree?",
    words=(
        "A gated recurrent unit has no cell of its own. One gate {update_gate} mixes the old state "
        "with a new one, {new_gate}. The way past every weight has that gate as its factor. "
        "Another gate {reset_gate} says how much of the old state the new one may see.",
        "It can act before the recurrent matrix, on the state, as first published; or after it, on "
        "the product, as libraries have it. For several units the two are different functions. For "
        "one unit without a bias they are the same one: the numbers below agree, the "
        "definitions do not.",
    ),
    shown=(
        Shown(
            operation("gru"), title="The reset after the matrix", gradients=("h",), straight=True,
            pictures=("recurrence",),
            numbers=("x", "reset_gate", "update_gate", "new_gate", "h", "h_bar", "x_bar"),
        ),
        Shown(
            operation("gru_before"), title="The reset before the matrix", gradients=("h",),
            straight=True,
            numbers=("x", "reset_gate", "update_gate", "new_gate", "h", "h_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import gru, gru_before\n"
        "x, W = np.ones((3, 1, 1)), np.ones((6, 1))\n"
        "U = np.arange(12.0).reshape(6, 2) / 12\n"
        "print([cell.apply(x, W, U)[1].round(4).tolist() for cell in (gru, gru_before)])",
        "[[[0.4714, 0.4621]], [[0.4718, 0.4617]]]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Gates", (LSTM, PEEPHOLES, GRU))
