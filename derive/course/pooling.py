"""The third chapter: pooling, and a whole convolutional network."""

from derive.course.networks import cnn
from derive.course.shipped import operation
from derive.course.stop import Chapter, Code, Shown, Stop

POOLING = Stop(
    title="Max and average pooling",
    question="Pooling has no weights. Where does its gradient go?",
    words=(
        "The largest entry of a window goes on, and the others have no say: moving one of them a "
        "little changes nothing. So the winner gets the whole gradient, and the others get zero. "
        "If several are equal, the first one wins. That is a convention, for a maximum has no "
        "derivative there.",
        "A mean hears every entry of its window equally. So each of them gets an equal share.",
        "Windows may overlap. An entry that won several of them adds up what comes from each.",
    ),
    shown=(
        Shown(
            operation("max_pool2d"), title="Maximum", case={"kernel_size": 2}, gradients=("x",),
            pictures=("winner",), numbers=("x", "y", "y_bar", "x_bar"),
        ),
        Shown(
            operation("avg_pool2d"), title="Mean", case={"kernel_size": 2}, gradients=("x",),
            pictures=("frames",), numbers=("x", "y", "y_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import max_pool1d\n"
        "x = np.array([[[1.0, 3.0, 2.0, 2.0]]])\n"
        "y, residuals = max_pool1d.forward(x, kernel_size=2)\n"
        "print(y, max_pool1d.backward(np.ones_like(y), residuals).x)",
        "[[[3. 2.]]] [[[0. 1. 1. 0.]]]",
    ),
)  # fmt: skip

WHOLE = Stop(
    title="A whole CNN as one operation",
    question="Is the gradient of a whole network anything new?",
    words=(
        "No. Filters, ReLU, pooling and a linear layer are put together, and the derivation goes "
        "through them from the end to the beginning: first {m_bar}, which the linear layer hands "
        "back; then {r_bar}, where the maximum routes it; then {a_bar}, where ReLU lets it "
        "through or not; then the filters' own gradient {weight_bar}, and {x_bar}.",
        "Follow one number: the zeros of {r_bar} are entries that lost, the zeros that {a_bar} has "
        "besides are entries that were negative. What is left reaches the filter.",
    ),
    shown=(
        Shown(
            cnn, gradients=("m", "r", "a", "weight", "x"), pictures=("winner",),
            numbers=("x", "weight", "a", "r", "m", "theta", "y", "y_bar", "m_bar", "r_bar",
                     "a_bar", "weight_bar", "theta_bar", "x_bar"),
        ),
    ),
    code=Code(
        "import numpy as np, derive\n"
        "from derive.course.networks import cnn\n"
        "module, x = derive.compile(cnn), np.arange(25.0).reshape(1, 1, 5, 5)\n"
        "y, residuals = module.forward(x, np.ones((2, 1, 2, 2)), np.ones((1, 1, 2, 2)))\n"
        "print(y, module.backward(np.ones_like(y), residuals).weight.ravel())",
        "[[240. 240.]] [ 96. 104. 136. 144.]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Convolutional networks", (POOLING, WHOLE))
