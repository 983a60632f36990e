"""Networks of recurrent networks: other directions, several layers, one output, one input.

    reverse         reads every sequence from its end
    bidirectional   y[t] = (h[t], h'[t]), where h' reads every sequence from its end
    stacked         each layer reads the outputs of the one below
    many to one     a linear layer behind the last state
    one to many     the input is there at the first step alone

All are compositions of operations that have an input x, an output y and states s0 -> s_n. Names
are PyTorch's: weight_ih_reverse, weight_ih_l0, weight_ih_l0_reverse.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sympy import Eq, tanh

from derive.language import (
    Access,
    Axis,
    Operation,
    Tensor,
    axis,
    compose,
    option,
    part,
    size,
    tensor,
)
from derive.ops.dense import linear
from derive.ops.recurrent import DICTIONARIES, elman
from derive.ops.recurrent import OPERATIONS as CELLS
from derive.ops.sequences import AT_FIRST, LENGTHS, O, T, n, t

CELL = {operation.name: operation for operation in CELLS}


def mirrored(entry: Access) -> Access:
    """What was at a step, counted from the end of its sequence."""
    return entry.xreplace({t: LENGTHS[n] - 1 - t})


def reverse(operation: Operation, name: str, summary: str) -> Operation:
    """A network that reads every sequence from its end; its outputs stand where their inputs do.

    What is read behind the end of a sequence, or before its beginning, is 0.
    """
    given, shown = _named(operation, "x"), _named(operation, "y")
    at, i, unit = _places(shown), axis("i", given.shape[-1]), axis("j", shown.shape[-1])
    x, y = tensor("x", *given.axes_of, outside=0), tensor("y", *shown.axes_of)
    x_reverse = tensor("x_reverse", *given.axes_of)
    y_reverse = tensor("y_reverse", *shown.axes_of, outside=0)
    network = part(operation, "", x=x_reverse, y=y_reverse)
    return compose(
        name, summary, (network,), inputs=(x, *network.inputs),
        outputs=(y, *(network[t.name] for t in operation.outputs if t != shown)),
        equations=(
            Eq(x_reverse[(*at, i)], mirrored(x[(*at, i)])),
            Eq(y[(*at, unit)], mirrored(y_reverse[(*at, unit)])),
        ),
        options=operation.options, notes=operation.notes, source=operation.source,
        example=operation.example,
    )  # fmt: skip


def bidirectional(
    operation: Operation, merge: str, name: str, summary: str, backward: Operation | None = None
) -> Operation:
    """Two networks side by side; the second one reads every sequence from its end.

    Parameters
    ----------
    operation : Operation
        Over sequences with `lengths`.
    merge : {"concat", "sum", "stack"}
        Outputs stand one behind the other along the features, are added, or are put side by side
        on an axis before the features.
    name, summary : str
        Of the new operation.
    backward : Operation, optional
        The second network, if it is another one. States that both have lie side by side.
    """
    backward = backward or operation
    given, shown = _named(operation, "x"), _named(operation, "y")
    *places, units = shown.shape
    at, i = _places(shown), axis("i", given.shape[-1])
    unit, second = axis("j", units), axis("j", _named(backward, "y").shape[-1])
    # What is read behind the end of a sequence, or before its beginning, is 0.
    x = tensor("x", *given.axes_of, outside=0)
    x_reverse, y_forward = tensor("x_reverse", *given.axes_of), tensor("y_forward", *shown.axes_of)
    y_reverse = tensor("y_reverse", *places, second.extent, outside=0)
    behind = mirrored(y_reverse[(*at, second)])
    forward: Any = y_forward
    if merge == "concat":
        y = tensor("y", *places, units + second.extent)
        merged = Eq(y[(*at, units + second)], behind)
        forward = lambda *index: y[index]  # noqa: E731
    elif merge == "stack":
        y = tensor("y", *places, 2, units)
        merged = Eq(y[(*at, 1, unit)], behind)
        forward = lambda *index: y[(*index[:-1], 0, index[-1])]  # noqa: E731
    else:
        y = tensor("y", *places, units)
        merged = Eq(y[(*at, unit)], y_forward[(*at, unit)] + behind)
    states = States(operation, backward)
    inputs = {tensor.name for tensor in operation.inputs}
    directions = (
        part(
            operation,
            _naming(operation, lambda name: name if name in inputs else f"{name}_forward"),
            **_shared(operation) | states.of(0) | {"x": x, "y": forward},
        ),
        part(
            backward,
            _naming(backward, lambda name: f"{name}_reverse", beside=operation),
            **_shared(backward) | states.of(1) | {"x": x_reverse, "y": y_reverse},
        ),
    )
    turned = Eq(x_reverse[(*at, i)], mirrored(x[(*at, i)]))
    return _network(
        name, summary, (operation, backward), directions, states, (x, y), (turned, merged)
    )


def stacked(operation: Operation, depth: int, name: str, summary: str) -> Operation:
    """Layers, each of which reads the outputs of the one below.

    Parameters
    ----------
    operation : Operation
        A layer, over sequences with `lengths`; may be `bidirectional`, or `stacked` itself.
    depth : int
        How many layers there are.
    name, summary : str
        Of the new operation.
    """
    below = x = _named(operation, "x")
    y = _named(operation, "y")
    states = States(*(operation,) * depth)
    layers = []
    for number in range(depth):
        above = y
        if number < depth - 1:
            above = tensor(f"y_l{number}", *y.axes_of, outside=x.outside)
        layers.append(
            part(
                operation,
                _naming(operation, lambda name, number=number: _of_layer(name, number)),
                **_shared(operation) | states.of(number) | {"x": below, "y": above},
            )
        )
        below = above
    return _network(name, summary, (operation,), layers, states, (x, y), ())


def many_to_one(operation: Operation, name: str, summary: str) -> Operation:
    """A linear layer behind the last state of every sequence; nothing else comes out."""
    h_n = _named(operation, "h_n")
    names = {"weight": "weight_hy", "bias": "bias_hy", "i": "j"}
    network = part(operation, "", h_n=h_n)
    layer = part(linear, lambda name: names.get(name, name), x=h_n, O=O)
    ends = [t for t in network.inputs if t == LENGTHS or t.name in States(operation).names]
    inputs = (*(t for t in network.inputs if t not in ends), *layer.inputs, *ends)
    return compose(
        name, summary, (network, layer), inputs=inputs, outputs=(layer["y"],),
        options=operation.options, notes=operation.notes, source=operation.source,
        dictionaries={
            word: DICTIONARIES[word].within({*dictionary.names, *names.values()})
            for word, dictionary in operation.dictionaries.items()
        },
    )  # fmt: skip


def one_to_many(operation: Operation, name: str, summary: str) -> Operation:
    """An input at the first step, and outputs at as many steps as a caller asks for."""
    steps = option(
        "steps",
        1,
        minimum=0,
        samples=(2, 3, 4),
        meaning="how many outputs there are",
        essential=True,
    )
    network = part(operation, "", T=size("T", steps.settings[0]))
    return compose(
        name, summary, (network,), options=(steps, *operation.options),
        outputs=tuple(network[output.name] for output in operation.outputs),
        notes=operation.notes, source=operation.source, dictionaries=operation.dictionaries,
    )  # fmt: skip


class States:
    """The states of several operations, those of one name side by side in an array of the whole."""

    def __init__(self, *operations: Operation) -> None:
        self._of: list[dict[str, tuple[Tensor, Tensor]]] = []
        for operation in operations:
            outputs = {tensor.name: tensor for tensor in operation.outputs}
            first = {t.name: t for t in operation.inputs}
            kinds = [name[:-1] for name in first if f"{name.removesuffix('0')}_n" in outputs]
            self._of.append({kind: (first[f"{kind}0"], outputs[f"{kind}_n"]) for kind in kinds})
        counts: dict[str, int] = {}
        ends: dict[str, tuple[Tensor, Tensor]] = {}
        for states in self._of:
            counts |= {kind: counts.get(kind, 0) + 1 for kind in states}
            ends = states | ends
        self.first = tuple(
            _side_by_side(first, counts[kind], optional=True) for kind, (first, _) in ends.items()
        )
        self.last = tuple(_side_by_side(last, counts[kind]) for kind, (_, last) in ends.items())
        self.names = {t.name for t in self.first}

    def of(self, number: int) -> dict[str, Any]:
        """Where the states of one operation are."""
        found = {}
        for first, last in zip(self.first, self.last, strict=True):
            before = sum(first.name[:-1] in states for states in self._of[:number])
            if first.name[:-1] in self._of[number]:
                found |= {t.name: _entry(t, before) for t in (first, last)}
        return found


def _side_by_side(state: Tensor, count: int, optional: bool = False) -> Tensor:
    *copies, sequences, units = state.axes_of
    first = (count, *(factor for factors in copies for factor in factors))
    return tensor(state.name, first, sequences, units, optional=optional)


def _entry(states: Tensor, number: int) -> Callable:
    def entry(*index):
        *inner, sequence, unit = index
        flat = [i for part in inner for i in (part if isinstance(part, tuple) else (part,))]
        return states[(number, *flat) if flat else number, sequence, unit]

    return entry


def _network(
    name: str, summary: str, operations: Sequence[Operation], parts, states: States,
    ends: tuple[Tensor, Tensor], equations: Iterable[Eq],
) -> Operation:  # fmt: skip
    x, y = ends
    inputs = (x, *(t for p in parts for t in p.inputs), *states.first, LENGTHS)
    options = dict.fromkeys(option for operation in operations for option in operation.options)
    sources = dict.fromkeys(operation.source for operation in operations)
    return compose(
        name, summary, parts, inputs=inputs, outputs=(y, *states.last),
        equations=tuple(equations), options=tuple(options), notes=operations[0].notes,
        source="; ".join(sources),
    )  # fmt: skip


def _places(shown: Tensor) -> tuple[Axis, ...]:
    """Step and sequence, in the order in which an output has them."""
    return tuple(t if extent == T else n for extent in shown.shape[:-1])


def _named(operation: Operation, name: str) -> Tensor:
    tensors = (*operation.inputs, *operation.outputs)
    return next(tensor for tensor in tensors if tensor.name == name)


def _shared(operation: Operation) -> dict[str, Any]:
    """What every part has in common: lengths, options, and sizes but for that of its inputs."""
    features = _named(operation, "x").shape[-1]
    common = {size.name: size for size in operation.sizes if size != features}
    return common | {"lengths": LENGTHS} | {option.name: option for option in operation.options}


def _naming(
    operation: Operation, rename: Callable[[str], str], beside: Operation | None = None
) -> Callable[[str], str]:
    """Indices over a number, as the gates are, are called the same in all parts.

    But where another operation stands beside it whose index of that name runs over more, or less.
    """
    extents = {a.name: a.extent for a in operation.axes if isinstance(a, Axis)}
    others = {a.name: a.extent for a in (beside or operation).axes if isinstance(a, Axis)}
    kept = {a for a, extent in extents.items() if extent.is_number and others.get(a) == extent}
    return lambda name: name if name in kept else rename(name)


def _of_layer(name: str, number: int) -> str:
    """PyTorch names the direction behind the layer."""
    stem = name.removesuffix("_reverse")
    return f"{stem}_l{number}{name[len(stem) :]}"


KINDS = {
    "rnn": "simple recurrent network (Elman) with tanh",
    "lstm": "long short-term memory, with forget gates and without peepholes,",
    "gru": "gated recurrent unit, its reset gate after the recurrent matrix,",
}
BESIDE = {
    "concat": "outputs of both stand one behind the other along the features",
    "sum": "outputs of both are added",
    "stack": "outputs of both stand side by side on an axis before the features",
}


def both(kind: str, merge: str = "concat") -> Operation:
    """The bidirectional network of a kind that ships."""
    ending = "" if merge == "concat" else f"_{merge}"
    summary = f"Run a {KINDS[kind]} over sequences in both directions: {BESIDE[merge]}."
    return bidirectional(CELL[kind], merge, f"{kind}_bidirectional{ending}", summary)


def layers(kind: str) -> Operation:
    """Two layers of a kind that ships."""
    summary = f"Run two layers of a {KINDS[kind]} over sequences."
    return stacked(CELL[kind], 2, f"{kind}_stacked", summary)


OPERATIONS = (
    *(both(kind) for kind in KINDS),
    *(both(kind, "sum") for kind in KINDS),
    both("lstm", "stack"),
    *(
        reverse(CELL[kind], f"{kind}_reverse", f"Run a {words} over sequences from their ends.")
        for kind, words in KINDS.items()
    ),
    *(layers(kind) for kind in KINDS),
    stacked(
        both("lstm"), 2, "lstm_stacked_bidirectional",
        f"Run two layers of a {KINDS['lstm']} over sequences in both directions: "
        f"{BESIDE['concat']}.",
    ),
    many_to_one(CELL["rnn"], "rnn_many_to_one", "Run a simple recurrent network (Elman) over "
                "sequences, with a linear layer behind its last state."),
    one_to_many(elman("one_input", tanh, "", AT_FIRST, output="identity"), "rnn_one_to_many",
                "Run a simple recurrent network (Elman) from one input, with a linear layer at "
                "every step."),
)  # fmt: skip
