"""The last chapter: losses, and what makes training work; and convolution without indices."""

from derive.course.drawings import chain
from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Drawing, Shown, Stop

END_TO_END = Stop(
    title="CNN and LSTM from end to end",
    question="Where does the first gradient come from?",
    words=(
        "From the loss. For classes it is the cross-entropy of the softmax: minus the logarithm of "
        "the probability of the right class. Its gradient is what was said less what was right: "
        "the probability, less one at the right class. From there it goes through linear layers, "
        "recurrent or convolutional ones, as in all the stops before.",
    ),
    shown=(
        Shown(
            operation("cross_entropy_probabilities"), gradients=("x",),
            numbers=("x", "target", "x_bar"),
        ),
    ),
    drawings=lambda: (
        Drawing(
            chain(("images", "filters", "pooling", "LSTM", "softmax", "loss")),
            "Dashed: gradients. The first one comes from the loss.",
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import cross_entropy\n"
        "x, target = np.array([[1.0, 2.0, 3.0]]), np.array([2])\n"
        "loss, residuals = cross_entropy.forward(x, target)\n"
        "print(cross_entropy.backward(np.ones_like(loss), residuals).x.round(3))",
        "[[ 0.09   0.245 -0.335]]",
    ),
    missing="a convolutional network that hands its features to an LSTM, as one operation. "
    "`examples/digits_cnn.py` trains a network module by module.",
)  # fmt: skip

TRAINING = Stop(
    title="Truncation, dropout, normalisation",
    question="Which tricks change the gradient, and how?",
    words=(
        "Truncation cuts long sequences: every few steps the state counts as a constant. Values "
        "stay what they were. Gradients end at the cut, so that what a weight did long ago is "
        "not seen any more.",
        "Dropout multiplies by a mask of zeros and ones, and scales up what is left. The gradient "
        "passes where the value did.",
        "Normalisation takes the mean off and divides by the deviation. Both depend on all "
        "entries, so each entry has three ways to the loss: its own, the one through the mean, and "
        "the one through the deviation. These are the three terms.",
    ),
    shown=(
        Shown(
            operation("rnn_truncated"), title="Truncation", gradients=("h",), definition=False,
            case={"truncate": 2}, pictures=("recurrence",),
            example={"x": [[[1]], [[0]], [[-1]]], "weight_ih": [[1]], "weight_hh": [[0.5]],
                     "truncate": 2},
            numbers=("x", "h", "h_bar", "weight_hh_bar"),
        ),
        Shown(
            operation("dropout"), title="Dropout", gradients=("x",),
            numbers=("x", "mask", "y", "y_bar", "x_bar"),
        ),
        Shown(
            operation("layer_norm"), title="Normalisation", gradients=("x", "weight"),
            numbers=("x", "y", "y_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import layer_norm\n"
        "y, residuals = layer_norm.forward(np.array([[1.0, 2.0, 6.0]]))\n"
        "x = layer_norm.backward(np.array([[1.0, 0.0, 0.0]]), residuals).x\n"
        "print(y.round(3), abs(x.sum()) < 1e-12)",
        "[[-0.926 -0.463  1.389]] True",
    ),
)  # fmt: skip

CONTINUOUS = Stop(
    title="The continuous convolution",
    question="Where does the word come from?",
    words=(
        "From functions of a continuous variable. The sum over entries is an integral there, and "
        "the kernel turns for the same reason: both arguments have to add up to the place where "
        "the result is asked for. With indices, that is the sum below.",
    ),
    shown=(
        Shown(
            operation("signal_convolve"), gradients=("x",), pictures=("matrix",),
            example={"x": [1, 1], "kernel": [1, 1]}, numbers=("x", "kernel", "y"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import signal_convolve\n"
        "box = np.ones(100)  # a box of width one, in steps of a hundredth\n"
        "print(signal_convolve.apply(box, box).max() / 100)  # two boxes make a triangle",
        "1.0",
    ),
    missing="the integral itself. The language has sums and no integrals.",
)  # fmt: skip

CHAPTER = Chapter("Training", (END_TO_END, TRAINING))
BEYOND = Chapter("Beyond indices", (CONTINUOUS,))
