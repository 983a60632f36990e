"""The sixth chapter: recurrent networks put together, and shortcuts."""

from derive.course.drawings import chain
from derive.course.networks import residual_block
from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Drawing, Shown, Stop

_SEQUENCE = [[[1]], [[0]], [[-1]]]

TOGETHER = Stop(
    title="Bidirectional and stacked",
    question="A word may depend on the words after it. And can one network read another one?",
    words=(
        "Run a second network from the end to the beginning, and put both outputs side by side. "
        "Its gradient runs the other way again: from the beginning to the end. For the input "
        "{x}, both gradients add up.",
        "Or let a second network read the states of the first. Then the gradient {h_l0_bar} comes "
        "from two sides: from the step after, and from the layer above.",
    ),
    shown=(
        Shown(
            operation("rnn_bidirectional"), title="Bidirectional", gradients=("h_reverse", "x"),
            example={
                "x": _SEQUENCE, "weight_ih": [[1]], "weight_hh": [[0.5]],
                "weight_ih_reverse": [[1]], "weight_hh_reverse": [[-0.5]],
            },
            pictures=("recurrence",), numbers=("x", "y", "y_bar", "x_bar"),
        ),
        Shown(
            operation("rnn_stacked"), title="Stacked", gradients=("h_l1", "h_l0"),
            example={
                "x": _SEQUENCE, "weight_ih_l0": [[1]], "weight_hh_l0": [[0.5]],
                "weight_ih_l1": [[1]], "weight_hh_l1": [[0.5]],
            },
            pictures=("recurrence",), numbers=("x", "h_l0", "h_l1", "h_l0_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import rnn_bidirectional\n"
        "x, W, U = np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1), np.ones((1, 1)), np.eye(1)\n"
        "y, h_n = rnn_bidirectional.apply(x, W, U, W, U)\n"
        "print(y.shape, np.array_equal(y[:, 0, 0], -y[::-1, 0, 1]))",
        "(3, 1, 2) True",
    ),
)  # fmt: skip

SHAPES = Stop(
    title="The four shapes of input and output",
    question="One input or many, one output or many: what changes in the gradient?",
    words=(
        "One to one is a plain network, as in the first chapter. Many to many has an output at "
        "each step, so gradients arrive at each step. Many to one has an output at the last step "
        "alone: there the gradient arrives, and reaches earlier steps through the states only. "
        "One to many has an input at the first step alone: its gradient comes from all steps.",
    ),
    shown=(
        Shown(
            operation("rnn_output"), title="Many to many", gradients=("weight_hy", "h"),
            example={
                "x": _SEQUENCE, "weight_ih": [[1]], "weight_hh": [[0.5]], "weight_hy": [[2]],
            },
            pictures=("recurrence",), numbers=("x", "h", "y", "y_bar", "h_bar"),
        ),
        Shown(
            operation("rnn_many_to_one"), title="Many to one", gradients=("h",),
            example={
                "x": _SEQUENCE, "weight_ih": [[1]], "weight_hh": [[0.5]], "weight_hy": [[2]],
            },
            pictures=("recurrence",), numbers=("x", "h", "h_bar", "x_bar"),
        ),
        Shown(
            operation("rnn_one_to_many"), title="One to many", gradients=("h", "x"),
            example={
                "x": [[1]], "steps": 3, "weight_ih": [[1]], "weight_hh": [[0.5]],
                "weight_hy": [[2]],
            },
            pictures=("recurrence",), numbers=("x", "h", "y", "y_bar", "h_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import rnn_many_to_one\n"
        "x, W = np.array([1.0, 0.0, -1.0]).reshape(3, 1, 1), np.ones((1, 1))\n"
        "y, residuals = rnn_many_to_one.forward(x, W, W / 2, W)\n"
        "print(rnn_many_to_one.backward(np.ones_like(y), residuals).x.ravel().round(3))",
        "[0.05  0.237 0.546]",
    ),
    missing="encoder and decoder, where the last state of one network is the first of another.",
)  # fmt: skip

HELLO = Stop(
    title="“hello”",
    question="Can a network learn to write a word, letter by letter?",
    words=(
        "At each step it reads a letter and gives a probability {y} to each letter that may come "
        "next. The loss is the sum of minus the logarithm of the probability of the right one.",
    ),
    shown=(
        Shown(operation("rnn_output_softmax"), gradients=("weight_hy",), pictures=("recurrence",),
              example={"x": _SEQUENCE, "weight_ih": [[1]], "weight_hh": [[0.5]],
                       "weight_hy": [[1], [0], [-1]]},
              numbers=("x", "h", "y")),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import rnn_output_softmax\n"
        "letters = np.eye(4)[[0, 1, 2, 2]].reshape(4, 1, 4)  # h, e, l, l of h, e, l, o\n"
        "W, U, V = np.ones((3, 4)), np.eye(3), np.zeros((4, 3))\n"
        "print(rnn_output_softmax.apply(letters, W, U, V)[0][0, 0])",
        "[0.25 0.25 0.25 0.25]",
    ),
    missing="the network trained on this word, as one operation with its loss. "
    "`examples/character_model.py` trains one on a longer text, module by module.",
)  # fmt: skip

SHORTCUT = Stop(
    title="Residual shortcut",
    question="Can a deep network have what the cell of an LSTM has?",
    words=(
        "Yes: add the input {x} to what the layer makes of it. The gradient {y_bar} then reaches "
        "{x} twice: through the layer, and past it, with the factor one. The summand {y_bar} of "
        "{x_bar} is there however small the weights are.",
    ),
    shown=(
        Shown(
            residual_block, gradients=("x", "weight"), matrices=True,
            numbers=("x", "weight", "a", "y", "y_bar", "x_bar", "weight_bar"),
        ),
        Shown(operation("residual_add"), gradients=("left", "right"),
              numbers=("left", "right", "y", "y_bar", "left_bar")),
    ),
    drawings=lambda: (
        Drawing(
            chain(("x", "layer", "sum", "y"), past=(0, 2)),
            "Upper way: the shortcut. Dashed: gradients.",
        ),
    ),
    code=Code(
        "import numpy as np, derive\n"
        "from derive.course.networks import residual_block\n"
        "module = derive.compile(residual_block)\n"
        "y, residuals = module.forward(np.array([1.0, -1.0]), np.zeros((2, 2)))\n"
        "print(y, module.backward(np.array([1.0, 2.0]), residuals).x)",
        "[ 1. -1.] [1. 2.]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Networks of networks", (TOGETHER, SHAPES, HELLO, SHORTCUT))
