"""Steps of gradient descent: new weights from old ones and their gradient.

    gradient_step    w − lr·g
    momentum         v' = μ·v + g,                     w − lr·v'
    rmsprop          s' = ρ·s + (1 − ρ)·g²,            w − lr·g / (√s' + eps)
    adam             m' = β₁·m + (1 − β₁)·g, v' = …    w − lr·m̂ / (√v̂ + eps)

What a step has to remember comes in and goes out, and is 0 at first. Options have PyTorch's names.
"""

from sympy import Eq, Expr, Max, Sum, sqrt

from derive.language import Operation, Option, axes, leading, option, parameter, tensor
from derive.ops.normalization import root_of

M = leading("M")
(m,) = axes("m", M)
ENTRY = {"m": "entry (any axes)"}
WEIGHT, GRADIENT = parameter("weight", M), tensor("gradient", M)
NEW = tensor("new_weight", M)
w, g, new = WEIGHT[m], GRADIENT[m], NEW[m]


def real(name: str, default: float, meaning: str, samples) -> Option:
    return option(
        name, default, integer=False, minimum=0, samples=samples, meaning=meaning, essential=True
    )


def rate(default: float) -> Option:
    return real("lr", default, "learning rate", (0.5, 0.1))


def share(name: str, default: float, of: str) -> tuple[Option, tuple]:
    """How much of an average is left after a step, and the requirement that it forgets."""
    made = real(name, default, f"how much of the average of {of} is left", (0.5, 0.25))
    return made, (made[0] < 1, f"{name} must be below 1")


def moved(weight: Expr, direction: Expr, square: Expr) -> tuple[Eq, Eq]:
    """The new weight, where the direction is divided by the root of a mean square."""
    root = tensor("root", M)[m]
    return (
        Eq(root, root_of(square)),
        Eq(new, weight - direction / (root + EPS[0])),
    )


EPS = option(
    "eps", 1e-8, integer=False, minimum=0, samples=(0.1, 1), meaning="what is added to the root"
)
DECAY = option(
    "weight_decay", 0.01, integer=False, minimum=0, samples=(0.5, 0),
    meaning="how much of a weight a step of length 1 takes away", essential=True,
)  # fmt: skip
EXAMPLE = {"weight": [1, -2], "gradient": [0.5, 2], "lr": 0.5}


def _clip_by_norm() -> Operation:
    most = real("max_norm", 1.0, "largest length that stays", (0.5, 2))
    x, y = tensor("x", M), tensor("y", M)
    bound, square, length = (tensor(name)[()] for name in ("bound", "square", "length"))
    return Operation(
        name="clip_by_norm",
        summary="Shorten a vector that is longer than a number to that length.",
        inputs=(x,),
        outputs=(y,),
        equations=(
            Eq(bound, most[0] ** 2),
            Eq(square, Max(Sum(x[m] ** 2, m), bound)),
            Eq(length, sqrt(square)),
            Eq(y[m], x[m] * most[0] / length),
        ),
        options=(most,),
        requires=((most[0] > 0, "max_norm must be above 0"),),
        legend=ENTRY,
        notes="All entries together are the vector. PyTorch adds 1e-6 to the length before it "
        "divides, so that a vector comes out a little shorter.",
        source="Pascanu, Mikolov and Bengio, On the difficulty of training recurrent neural "
        "networks, 2013",
        example={"x": [3, 4], "max_norm": 1},
    )


def _gradient_step() -> Operation:
    lr = rate(1e-3)
    return Operation(
        name="gradient_step",
        summary="Move weights against their gradient.",
        inputs=(WEIGHT, GRADIENT),
        outputs=(NEW,),
        equations=(Eq(new, w - lr[0] * g),),
        options=(lr,),
        legend=ENTRY,
        source="Goodfellow, Bengio and Courville, Deep Learning, section 4.3",
        example=EXAMPLE,
    )


def momentum(name: str, summary: str, source: str, ahead: bool = False) -> Operation:
    """The step is a sum of all gradients, older ones less; `ahead`, it is that of the next step."""
    lr, mu = rate(1e-3), real("momentum", 0.9, "how much of the last step is left", (0.5, 0.25))
    velocity, new_velocity = tensor("velocity", M), tensor("new_velocity", M)
    v = new_velocity[m]
    return Operation(
        name=name,
        summary=summary,
        inputs=(WEIGHT, GRADIENT, velocity),
        outputs=(NEW, new_velocity),
        equations=(
            Eq(v, mu[0] * velocity[m] + g),
            Eq(new, w - lr[0] * (g + mu[0] * v if ahead else v)),
        ),
        options=(lr, mu),
        legend=ENTRY,
        source=source,
        example=EXAMPLE | {"velocity": [1, 1], "momentum": 0.5},
    )


def _rmsprop() -> Operation:
    lr, (alpha, below_1) = rate(0.01), share("alpha", 0.99, "squares")
    square, new_square = tensor("square", M), tensor("new_square", M)
    s = new_square[m]
    return Operation(
        name="rmsprop",
        summary="Move weights against their gradient, divided by the root of its mean square.",
        inputs=(WEIGHT, GRADIENT, square),
        outputs=(NEW, new_square),
        equations=(
            Eq(s, alpha[0] * square[m] + (1 - alpha[0]) * g**2),
            *moved(w, lr[0] * g, s),
        ),
        options=(lr, alpha, EPS),
        requires=(below_1,),
        legend=ENTRY,
        source="Tieleman and Hinton, Neural networks for machine learning, lecture 6.5, 2012",
        example=EXAMPLE | {"square": [1, 0], "alpha": 0.5, "eps": 0},
    )


def adam(name: str, summary: str, source: str, decay: bool = False) -> Operation:
    """Averages of gradients and of their squares; with `decay`, weights shrink by themselves."""
    lr, (beta1, first), (beta2, second) = (
        rate(1e-3), share("beta1", 0.9, "gradients"), share("beta2", 0.999, "squares")
    )  # fmt: skip
    step = option("step", 1, minimum=1, samples=(2, 5), meaning="number of the step, from 1 on",
                  essential=True)  # fmt: skip
    mean, new_mean = tensor("mean", M), tensor("new_mean", M)
    square, new_square = tensor("square", M), tensor("new_square", M)
    unbiased, scale = tensor("unbiased_mean", M), tensor("unbiased_square", M)
    kept = w - lr[0] * DECAY[0] * w if decay else w
    return Operation(
        name=name,
        summary=summary,
        inputs=(WEIGHT, GRADIENT, mean, square),
        outputs=(NEW, new_mean, new_square),
        equations=(
            Eq(new_mean[m], beta1[0] * mean[m] + (1 - beta1[0]) * g),
            Eq(new_square[m], beta2[0] * square[m] + (1 - beta2[0]) * g**2),
            Eq(unbiased[m], new_mean[m] / (1 - beta1[0] ** step[0])),
            Eq(scale[m], new_square[m] / (1 - beta2[0] ** step[0])),
            *moved(kept, lr[0] * unbiased[m], scale[m]),
        ),
        options=(step, lr, beta1, beta2, EPS, *(DECAY,) * decay),
        requires=(first, second),
        legend=ENTRY,
        notes="Averages that begin at 0 are too small at first; a division makes up for it.",
        source=source,
        example=EXAMPLE | {"mean": [0, 0], "square": [0, 0], "beta1": 0.5, "beta2": 0.75, "eps": 0},
    )


MOVE = "Move weights along a velocity that gradients change"
OPERATIONS = (
    _clip_by_norm(),
    _gradient_step(),
    momentum("momentum_step", f"{MOVE}.", "Polyak, Some methods of speeding up the convergence of "
             "iteration methods, 1964"),
    momentum("nesterov_step", f"{MOVE}, and one step further.", "Sutskever et al., On the "
             "importance of initialization and momentum in deep learning, 2013", ahead=True),
    _rmsprop(),
    adam("adam", "Move weights against the mean of their gradients, divided by the root of the "
         "mean square.", "Kingma and Ba, Adam: a method for stochastic optimization, 2014"),
    adam("adamw", "Move weights as adam does, and let them decay besides.", "Loshchilov and "
         "Hutter, Decoupled weight decay regularization, 2017", decay=True),
)  # fmt: skip
