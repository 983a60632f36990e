"""From sequences to sequences: an encoder reads one, a decoder writes another one.

    encoder-decoder    the last state of the encoder is the first state of the decoder
    decoder            each step reads what came out of the step before, from a given beginning on

Both are compositions of operations that have an input x, an output y and states s0 -> s_n; on
every state of a decoder stands a linear layer.
"""

from collections.abc import Callable

from sympy import Eq, Expr, Piecewise, Sum

from derive.language import (
    Axis,
    Operation,
    Tensor,
    axis,
    compose,
    option,
    parameter,
    part,
    size,
    sizes,
    state,
    tensor,
)
from derive.ops.recurrent_networks import CELL, KINDS, States
from derive.ops.sequences import H, N, O, T, n, o, t

(S,) = sizes("S")
unit = axis("j", H)
WEIGHT, BIAS = parameter("weight_hy", O, H), parameter("bias_hy", O, optional=True)
SOURCE = "Sutskever, Vinyals and Le, Sequence to sequence learning with neural networks, 2014"


def layer(h: Tensor, step: Axis) -> Expr:
    """A linear layer on a state."""
    return Sum(WEIGHT[o, unit] * h[step, n, unit], unit) + BIAS[o]


def naming(suffix: str, **indices: str) -> Callable[[str], str]:
    """What tensors and sizes of a part are called; and indices, which have one letter."""
    return lambda name: indices.get(name, f"{name}_{suffix}")


def decoder(operation: Operation, name: str, summary: str) -> Operation:
    """A network that reads its own output."""
    steps = option(
        "steps", 1, minimum=0, samples=(2, 3, 4), meaning="how many outputs there are",
        essential=True,
    )  # fmt: skip
    count = size("T", steps.settings[0])
    step = axis("t", count)
    start, fed = tensor("start", N, O), state("fed", count, N, O)
    h, y = tensor("h_shown", count, N, H), tensor("y", count, N, O)
    network = part(
        operation, "", T=count, I=O, y=h, lengths=lambda n: count,
        x=lambda t, n, i: fed[t - 1, n, i],
    )  # fmt: skip
    last = {state.name for state in States(operation).first}
    given = sorted((start, *network.inputs, WEIGHT, BIAS), key=lambda tensor: tensor.name in last)
    return compose(
        name, summary, (network,),
        inputs=given,
        outputs=(y, *(network[t.name] for t in operation.outputs if t.name != "y")),
        options=(steps,),
        equations=(
            Eq(fed[-1, n, o], start[n, o]),
            Eq(fed[step, n, o], layer(h, step)),
            Eq(y[step, n, o], fed[step, n, o]),
        ),
        legend={"o": "output"},
        notes="Step 0 reads start; every other step reads the output of the one before.",
        source=SOURCE,
        example={k: v for k, v in operation.example.items() if k != "x"}
        | {"start": [[1]], "weight_hy": [[2]], "steps": 3},
    )  # fmt: skip


def encoder_decoder(operation: Operation, name: str, summary: str) -> Operation:
    """Two networks, of which the second one begins where the first one ends."""
    states = States(operation)
    kinds = [state.name.removesuffix("0") for state in states.first]
    between = {kind: tensor(f"{kind}_between", N, H) for kind in kinds}
    h, y = tensor("h_shown", T, N, H), tensor("y", T, N, O)
    encoder = part(
        operation, naming("encoder", t="s", i="i"), T=S, N=N, H=H,
        **{f"{kind}_n": between[kind] for kind in kinds},
    )  # fmt: skip
    decoder = part(
        operation, naming("decoder", i="d"), T=T, N=N, H=H, y=h,
        **{f"{kind}0": between[kind] for kind in kinds},
    )  # fmt: skip
    within = t < decoder["lengths"][n]
    return compose(
        name, summary, (encoder, decoder),
        inputs=(*encoder.inputs, *decoder.inputs, WEIGHT, BIAS),
        outputs=(y,),
        equations=(Eq(y[t, n, o], Piecewise((layer(h, t), within), (0, True))),),
        legend={
            "s": "step of the encoder",
            "t": "step of the decoder",
            "i": "input feature of the encoder",
            "d": "input feature of the decoder",
            "o": "output",
        },
        notes="Sequences are laid out as (time, batch, features). Each ends after the number of "
        "steps that lengths_encoder or lengths_decoder says; outputs behind the end are 0.",
        source=SOURCE,
        example={
            f"{key}_{suffix}": numbers
            for suffix in ("encoder", "decoder")
            for key, numbers in operation.example.items()
        }
        | {"weight_hy": [[2]]},
    )  # fmt: skip


OPERATIONS = (
    *(
        encoder_decoder(
            CELL[kind], f"{kind}_encoder_decoder",
            f"Run a {words} over one sequence, and another one from its last state on over a "
            "second sequence, with a linear layer at every step of that.",
        )
        for kind, words in KINDS.items()
    ),
    *(
        decoder(
            CELL[kind], f"{kind}_decoder", f"Let a {words} read its own output, with a linear "
            "layer at every step.",
        )
        for kind, words in KINDS.items()
    ),
)  # fmt: skip
