"""Networks against the plain operations that they consist of: values and all gradients."""

from typing import Any

import numpy as np
import pytest

import derive
import generated
from derive.ops import shipped
from derive.ops.recurrent_networks import bidirectional, stacked

OPERATION = {o.name: o for operations in shipped().values() for o in operations}
KINDS = ("rnn", "lstm", "gru")
SIZES = {"T": 4, "N": 3, "I": 2, "H": 2, "O": 2, "P": 3}
LENGTHS = np.array([4, 0, 3])
WEIGHTS = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
Arrays = dict[str, Any]


def draw(name: str, **sizes: int) -> Arrays:
    """Random inputs of an operation, by name; integers are left out."""
    rng = np.random.default_rng(0)
    values = SIZES | sizes
    result = {}
    for tensor in (t for t in OPERATION[name].inputs if not t.integer):
        shape = [
            int(np.prod([int(f.subs({s: values[str(s)] for s in f.free_symbols})) for f in axis]))
            for axis in tensor.axes_of
        ]
        result[tensor.name] = rng.standard_normal(shape)
    return result


def run(name: str, given: Arrays, bars: Arrays | None = None, **more) -> tuple[Arrays, Arrays]:
    """Outputs and gradients by name; bars are drawn, or those that are given, and 0 else."""
    module = getattr(generated, name)
    outputs, residuals = module.forward(**given, **more)
    if isinstance(outputs, np.ndarray):
        found = {OPERATION[name].outputs[0].name: outputs}
        (bar,) = bars.values() if bars else cotangents(found).values()
        return found, module.backward(bar, residuals)._asdict()
    found = outputs._asdict()
    bars = cotangents(found) if bars is None else bars
    grads = module.backward(type(outputs)(*(bars.get(k) for k in found)), residuals)
    return found, grads._asdict()


def cotangents(outputs: Arrays) -> Arrays:
    rng = np.random.default_rng(1)
    return {name: rng.standard_normal(output.shape) for name, output in outputs.items()}


def same(left: Any, right: Any) -> None:
    np.testing.assert_allclose(left, right, rtol=1e-12, atol=1e-12)


def all_same(left: Arrays, right: Arrays) -> None:
    assert left.keys() == right.keys()
    for name, value in right.items():
        same(left[name], value)


def reversed_until(x: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Every sequence turned round within its length, 0 behind it."""
    result = np.zeros_like(x)
    for n, length in enumerate(lengths):
        result[:length, n] = x[:length, n][::-1]
    return result


def states(arrays: Arrays, number: int, ending: str) -> Arrays:
    return {k: v[number] for k, v in arrays.items() if k in (f"h{ending}", f"c{ending}")}


# ---- both directions -----------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "lengths"])
@pytest.mark.parametrize(
    "name, merge",
    [
        *((f"{kind}_bidirectional", "concat") for kind in KINDS),
        *((f"{kind}_bidirectional_sum", "sum") for kind in KINDS),
        ("lstm_bidirectional_stack", "stack"),
    ],
)
def test_two_directions_are_two_runs(name, merge, lengths):
    """The second one over the sequences turned round, its outputs turned round again."""
    kind, given = name.split("_")[0], draw(name)
    until = np.full(3, 4) if lengths is None else lengths
    outputs, grads = run(name, given | {"lengths": lengths})
    bars = cotangents(outputs)
    y_bars = {
        "concat": lambda y: np.split(y, 2, axis=-1),
        "sum": lambda y: (y, y),
        "stack": lambda y: (y[:, :, 0], y[:, :, 1]),
    }[merge](bars["y"])
    shown, x_bar = [], 0
    for number, ending in enumerate(("", "_reverse")):
        turned = (lambda a: reversed_until(a, until)) if number else (lambda a: a)
        plain = {"x": turned(given["x"]), "lengths": lengths} | states(given, number, "0")
        plain |= {k: given[k + ending] for k in WEIGHTS}
        part_bars = {"y": turned(y_bars[number])} | states(bars, number, "_n")
        part, part_grads = run(kind, plain, part_bars)
        shown.append(turned(part["y"]))
        x_bar = x_bar + turned(part_grads["x"])
        all_same(states(outputs, number, "_n"), {k: v for k, v in part.items() if k != "y"})
        for key in WEIGHTS:
            same(grads[key + ending], part_grads[key])
        for key, value in states(grads, number, "0").items():
            same(value, part_grads[key])
    merged = {
        "concat": lambda: np.concatenate(shown, axis=-1),
        "sum": lambda: shown[0] + shown[1],
        "stack": lambda: np.stack(shown, axis=2),
    }[merge]()
    same(outputs["y"], merged)
    same(grads["x"], x_bar)


@pytest.mark.parametrize("merge", ["", "_sum", "_stack"])
def test_gradients_of_one_direction_alone(merge):
    """What is not asked for is not computed, and nothing else changes."""
    module = getattr(generated, f"lstm_bidirectional{merge}")
    outputs, residuals = module.forward(**draw(f"lstm_bidirectional{merge}"))
    full = module.backward(outputs, residuals)._asdict()
    for asked in (("weight_ih",), ("weight_ih_reverse", "c0"), ("bias_hh_reverse",), ("h0",)):
        found = module.backward(outputs, residuals, wrt=asked)._asdict()
        for key, value in found.items():
            if key in asked:
                same(value, full[key])
            else:
                assert value is None


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "lengths"])
@pytest.mark.parametrize("kind", KINDS)
def test_from_the_end_is_a_run_over_what_is_turned_round(kind, lengths):
    given = draw(kind)
    until = np.full(3, 4) if lengths is None else lengths
    outputs, grads = run(f"{kind}_reverse", given | {"lengths": lengths})
    bars = cotangents(outputs)
    turned = given | {"x": reversed_until(given["x"], until), "lengths": lengths}
    plain, plain_grads = run(kind, turned, bars | {"y": reversed_until(bars["y"], until)})
    all_same(outputs, plain | {"y": reversed_until(plain["y"], until)})
    all_same(grads, plain_grads | {"x": reversed_until(plain_grads["x"], until)})


@pytest.mark.parametrize("merge", ["concat", "sum", "stack"])
def test_each_direction_has_a_cell_of_its_own(merge):
    """States that both have lie side by side; those of one alone have one row."""
    both = bidirectional(OPERATION["gru"], merge, "both", "Both.", backward=OPERATION["lstm"])
    module = derive.compile(both)
    forward, backward = draw("gru"), draw("lstm")
    x, states = forward.pop("x"), {"h0": np.stack((forward.pop("h0"), backward.pop("h0")))}
    del backward["x"]
    states["c0"] = backward.pop("c0")[None]
    weights = forward | {f"{k}_reverse": v for k, v in backward.items()}
    found = module.apply(x, **weights, **states, lengths=LENGTHS)
    first, _ = run("gru", {"x": x, "h0": states["h0"][0], "lengths": LENGTHS} | forward)
    second, _ = run(
        "lstm_reverse",
        {"x": x, "h0": states["h0"][1], "c0": states["c0"][0], "lengths": LENGTHS} | backward,
    )
    ys = first["y"], second["y"]
    merged = {"concat": np.concatenate(ys, -1), "sum": sum(ys), "stack": np.stack(ys, 2)}[merge]
    same(found.y, merged)
    same(found.h_n, np.stack((first["h_n"], second["h_n"])))
    same(found.c_n, second["c_n"][None])


# ---- layers --------------------------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "lengths"])
@pytest.mark.parametrize(
    "name, layer",
    [
        *((f"{kind}_stacked", kind) for kind in KINDS),
        ("lstm_stacked_bidirectional", "lstm_bidirectional"),
    ],
)
def test_layers_are_one_after_the_other(name, layer, lengths):
    """Backward, too: the upper one first."""
    given = draw(name)
    outputs, grads = run(name, given | {"lengths": lengths})
    bars = cotangents(outputs)
    count = 2 if "bidirectional" in layer else 1
    weights = [k for k in draw(layer) if k not in ("x", "h0", "c0")]

    def named(key: str, number: int) -> str:
        stem = key.removesuffix("_reverse")
        return f"{stem}_l{number}{key[len(stem) :]}"

    def of_layer(arrays: Arrays, number: int, ending: str) -> Arrays:
        rows = slice(number * count, (number + 1) * count) if count > 1 else number
        return {k: arrays[k][rows] for k in (f"h{ending}", f"c{ending}") if k in arrays}

    below, inputs = given["x"], []
    for number in range(2):
        inputs.append(
            {"x": below, "lengths": lengths, **of_layer(given, number, "0")}
            | {k: given[named(k, number)] for k in weights}
        )
        part, _ = run(layer, inputs[-1])
        below = part["y"]
        all_same(of_layer(outputs, number, "_n"), {k: part[k] for k in part if k != "y"})
    same(outputs["y"], below)
    y_bar = bars["y"]
    for number in reversed(range(2)):
        _, found = run(layer, inputs[number], {"y": y_bar} | of_layer(bars, number, "_n"))
        y_bar = found["x"]
        for key in weights:
            same(grads[named(key, number)], found[key])
        for key, value in of_layer(grads, number, "0").items():
            same(value, found[key])
    same(grads["x"], y_bar)


def test_one_layer_is_the_operation_itself():
    """With other names, whatever the operation."""
    for name in ("gru", "lstm_bidirectional"):
        one = stacked(OPERATION[name], 1, "one", "One.")
        assert len(one.equations) == len(OPERATION[name].equations)
        assert [t.name for t in one.outputs] == [t.name for t in OPERATION[name].outputs]


def test_names_are_those_of_pytorch():
    names = {t.name for t in OPERATION["lstm_stacked_bidirectional"].inputs}
    expected = {
        f"{w}_l{number}{ending}"
        for w in WEIGHTS
        for number in (0, 1)
        for ending in ("", "_reverse")
    }
    assert names == expected | {"x", "h0", "c0", "lengths"}


# ---- one output, one input -----------------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "lengths"])
def test_many_to_one(lengths):
    given = draw("rnn_many_to_one")
    outputs, grads = run("rnn_many_to_one", given | {"lengths": lengths})
    plain = {k: v for k, v in given.items() if not k.endswith("hy")}
    states, _ = run("rnn", plain | {"lengths": lengths})
    layer = {"x": states["h_n"], "weight": given["weight_hy"], "bias": given["bias_hy"]}
    bar = cotangents(outputs)
    expected, above = run("linear", layer, bar)
    same(outputs["y"], expected["y"])
    _, below = run("rnn", plain | {"lengths": lengths}, {"h_n": above["x"]})
    all_same(grads, below | {"weight_hy": above["weight"], "bias_hy": above["bias"]})


@pytest.mark.parametrize("steps", [0, 1, 4])
def test_one_to_many(steps):
    """The same as zeros behind the first input."""
    given = draw("rnn_one_to_many")
    outputs, grads = run("rnn_one_to_many", given, steps=steps)
    x = np.zeros((steps, *given["x"].shape))
    x[:1] = given["x"]
    expected, plain = run("rnn_output", given | {"x": x})
    all_same(outputs, expected)
    first = plain.pop("x")[:1].sum(axis=0)
    same(grads.pop("x"), first)
    all_same(grads, plain)


# ---- the batch first, and projections ------------------------------------------------------


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "lengths"])
@pytest.mark.parametrize("kind", KINDS)
def test_batch_first_is_transposed(kind, lengths):
    given = draw(kind) | {"lengths": lengths}
    outputs, grads = run(kind, given)
    bars = cotangents(outputs)
    turned = given | {"x": given["x"].swapaxes(0, 1)}
    found, found_grads = run(f"{kind}_batch_first", turned, bars | {"y": bars["y"].swapaxes(0, 1)})
    all_same(found | {"y": found["y"].swapaxes(0, 1)}, outputs)
    all_same(found_grads | {"x": found_grads["x"].swapaxes(0, 1)}, grads)


def test_projecting_by_the_identity_changes_nothing():
    given = draw("lstm")
    expected, _ = run("lstm", given)
    found, grads = run("lstm_projected", given | {"weight_hr": np.eye(2)})
    all_same(found, expected)
    assert grads["weight_hr"].shape == (2, 2) and grads["weight_hr"].all()


# ---- edges ---------------------------------------------------------------------------------

NETWORKS = [o.name for o in shipped()["recurrent_networks"]]


@pytest.mark.parametrize("name", NETWORKS)
@pytest.mark.parametrize(
    "sizes", [{"T": 0}, {"T": 1}, {"N": 1}, {"N": 0}, {"H": 1}, {"T": 1, "N": 1, "H": 1, "I": 1}]
)
def test_small(name, sizes):
    given = draw(name, **sizes)
    outputs, grads = run(name, given)
    for key, value in given.items():
        assert grads[key].shape == value.shape and np.isfinite(grads[key]).all()
    assert all(np.isfinite(value).all() for value in outputs.values())


@pytest.mark.parametrize("name", [n for n in NETWORKS if n != "rnn_one_to_many"])
def test_what_is_behind_the_end_has_no_influence(name):
    """Neither inputs nor cotangents there reach anything."""
    given = draw(name) | {"lengths": LENGTHS}
    outputs, grads = run(name, given)
    bars = cotangents(outputs)
    other = given["x"].copy()
    for n, length in enumerate(LENGTHS):
        other[length:, n] = 1e3
        assert not grads["x"][length:, n].any()
        if "many_to_one" not in name:
            assert not outputs["y"][length:, n].any()
            bars["y"][length:, n] = 1e3
    found, found_grads = run(name, given | {"x": other}, bars)
    all_same(found, outputs)
    all_same(found_grads, grads)


@pytest.mark.parametrize("name", NETWORKS)
def test_wrong_lengths(name):
    given = draw(name)
    for wrong, error in (
        (np.array([5, 1, 1]), ValueError),
        (np.array([-1, 1, 1]), ValueError),
        (np.array([1, 2]), ValueError),
        (np.ones(3), TypeError),
    ):
        with pytest.raises(error, match="lengths"):
            getattr(generated, name).apply(**given, lengths=wrong)
