"""Recurrent networks against textbook loops, against each other, and worked by hand.

The loops are differentiated explicitly, entry by entry, with complex steps: f(x + ih) has the
derivative in its imaginary part, exact to the last digits, and knows nothing of our rules.
"""

from functools import cache
from typing import Any

import numpy as np
import pytest

import derive
from derive.ops import recurrent
from derive.ops.recurrent import elman

LINEAR = elman("rnn_linear", lambda value: value, "Run without a function.")
OPERATION = {operation.name: operation for operation in (*recurrent.OPERATIONS, LINEAR)}
# A network with a mask is compared with one whose weights are masked beforehand.
SHIPPED = [o.name for o in recurrent.OPERATIONS if o.name != "rnn_masked"]
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
FAMILIES = list(GATES)
SIZES = {"T": 3, "N": 2, "I": 2, "H": 2, "O": 2, "P": 3}


@cache
def module(name):
    return derive.compile(OPERATION[name])


def draw(name, seed=0, **sizes):
    """Random inputs of an operation, by name."""
    rng = np.random.default_rng(seed)
    sizes = SIZES | sizes
    result = {}
    for tensor in (t for t in OPERATION[name].inputs if not t.integer):
        shape = [int(np.prod([sizes.get(str(f), f) for f in axis])) for axis in tensor.axes_of]
        result[tensor.name] = rng.standard_normal(shape)
    return result


def cotangents(outputs, seed=1) -> Any:
    rng = np.random.default_rng(seed)
    return type(outputs)(*(rng.standard_normal(output.shape) for output in outputs))


def gradients(name, given, bars=None, **options) -> tuple[Any, dict[str, Any]]:
    """Outputs and gradients of one call, the gradients by name."""
    outputs, residuals = module(name).forward(**given, **options)
    if isinstance(outputs, np.ndarray):  # an operation with one output
        (bar,) = bars or (np.ones_like(outputs),)
        return (outputs,), module(name).backward(bar, residuals)._asdict()
    return outputs, module(name).backward(bars or cotangents(outputs), residuals)._asdict()


def same(left, right, tolerance=1e-12):
    np.testing.assert_allclose(left, right, rtol=tolerance, atol=tolerance)


# ---- textbook loops ------------------------------------------------------------------------


def sigmoid(a):
    return 1 / (1 + np.exp(-a))


def rectify(a):
    return np.where(a.real > 0, a, 0)


def rnn_step(function):
    def step(v, x, h):
        a = v["weight_ih"] @ x + v["bias_ih"] + v["weight_hh"] @ h + v["bias_hh"]
        return (function(a),)

    return step


def lstm_step(see=lambda weight, c: 0 * c, coupled=False, clip=np.inf, projected=False):
    def step(v, x, h, c):
        a = v["weight_ih"] @ x + v["bias_ih"] + v["weight_hh"] @ h + v["bias_hh"]
        a = np.where(abs(a.real) < clip, a, np.clip(a.real, -clip, clip))
        *first, g, o = np.split(a, 3 if coupled else 4)
        i = sigmoid(first[0] + see(v.get("weight_ci"), c))
        f = 1 - i if coupled else sigmoid(first[1] + see(v.get("weight_cf"), c))
        new = f * c + i * np.tanh(g)
        shown = sigmoid(o + see(v.get("weight_co"), new)) * np.tanh(new)
        return v["weight_hr"] @ shown if projected else shown, new

    return step


def gru_step(before=False, mirrored=False):
    def step(v, x, h):
        p = np.split(v["weight_ih"] @ x + v["bias_ih"], 3)
        weights, biases = np.split(v["weight_hh"], 3), np.split(v["bias_hh"], 3)
        r, z = (sigmoid(p[g] + weights[g] @ h + biases[g]) for g in (0, 1))
        if before:
            new = np.tanh(p[2] + weights[2] @ (r * h) + biases[2])
        else:
            new = np.tanh(p[2] + r * (weights[2] @ h + biases[2]))
        return ((1 - z) * h + z * new if mirrored else z * h + (1 - z) * new,)

    return step


def layer(function):
    return lambda v, h: function(v["weight_hy"] @ h + v["bias_hy"])


TEXTBOOK = {
    "rnn": (rnn_step(np.tanh), None),
    "rnn_relu": (rnn_step(rectify), None),
    "rnn_output": (rnn_step(np.tanh), layer(lambda z: z)),
    "rnn_output_sigmoid": (rnn_step(np.tanh), layer(sigmoid)),
    "rnn_output_softmax": (rnn_step(np.tanh), layer(lambda z: np.exp(z) / np.exp(z).sum())),
    "rnn_batch_first": (rnn_step(np.tanh), None),
    "rnn_truncated": (rnn_step(np.tanh), None),
    "rnn_cell": (rnn_step(np.tanh), None),
    "rnn_relu_cell": (rnn_step(rectify), None),
    "lstm": (lstm_step(), None),
    "lstm_peephole": (lstm_step(lambda weight, c: weight * c), None),
    "lstm_peephole_full": (lstm_step(lambda weight, c: weight @ c), None),
    "lstm_coupled": (lstm_step(coupled=True), None),
    "lstm_clipped": (lstm_step(clip=0.5), None),
    "lstm_projected": (lstm_step(projected=True), None),
    "lstm_batch_first": (lstm_step(), None),
    "lstm_truncated": (lstm_step(), None),
    "lstm_cell": (lstm_step(), None),
    "gru": (gru_step(), None),
    "gru_mirrored": (gru_step(mirrored=True), None),
    "gru_before": (gru_step(before=True), None),
    "gru_before_mirrored": (gru_step(before=True, mirrored=True), None),
    "gru_batch_first": (gru_step(), None),
    "gru_truncated": (gru_step(), None),
    "gru_cell": (gru_step(), None),
}
OPTIONS = {"lstm_clipped": {"clip": 0.5}}


def unrolled(name, v):
    """The outputs of an operation, one sequence and one step after the other."""
    step, shown = TEXTBOOK[name]
    starts = [v[s] for s in ("h0", "c0") if s in v]
    x = v["x"][None] if name.endswith("_cell") else v["x"]
    x = x.swapaxes(0, 1) if name.endswith("_batch_first") else x
    rows, ends = [], []
    for n in range(x.shape[1]):
        states, seen = [s[n] for s in starts], []
        for t in range(x.shape[0]):
            states = step(v, x[t, n], *states)
            seen.append(shown(v, states[0]) if shown else states[0])
        rows.append(seen)
        ends.append(states)
    last = tuple(np.array(state) for state in zip(*ends, strict=True))
    if name.endswith("_cell"):
        return last
    rows = np.array(rows)
    return (rows if name.endswith("_batch_first") else rows.swapaxes(0, 1), *last)


def slopes(name, given, bars):
    """The gradient of sum(bars * outputs) by every entry of every input, by complex steps."""
    result = {}
    for key, array in given.items():
        result[key] = np.zeros_like(array)
        for place in np.ndindex(array.shape):
            moved = array.astype(complex)
            moved[place] += 1e-30j
            outputs = unrolled(name, given | {key: moved})
            total = sum((b * o).sum() for b, o in zip(bars, outputs, strict=True))
            result[key][place] = total.imag / 1e-30
    return result


def test_every_operation_has_its_loop():
    assert list(TEXTBOOK) == SHIPPED


@pytest.mark.parametrize("steps", [1, 2, 3])
@pytest.mark.parametrize("name", SHIPPED)
def test_unrolled(name, steps):
    """Values and gradients are those of the loops, differentiated explicitly."""
    given = draw(name, T=steps)
    expected = unrolled(name, given)
    bars = [np.random.default_rng(1).standard_normal(e.shape) for e in expected]
    outputs, got = gradients(name, given, tuple(bars), **OPTIONS.get(name, {}))
    for output, value in zip(outputs, expected, strict=True):
        same(output, value)
    for key, value in slopes(name, given, bars).items():
        same(got[key], value)


# ---- equal variants ------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["rnn", "rnn_relu", "lstm", "gru"])
def test_steps_are_single_steps(name):
    """T steps are T cells; their backwards, last one first, are backpropagation through time."""
    given = draw(name, T=4)
    outputs, got = gradients(name, given)
    bars, cell = cotangents(outputs), module(f"{name}_cell")
    states = {s: given[s] for s in ("h0", "c0") if s in given}
    weights = {k: v for k, v in given.items() if k not in ("x", *states)}
    carried, kept = list(states.values()), []
    for t in range(4):
        begin = dict(zip(states, carried, strict=True))
        result, residuals = cell.forward(given["x"][t], **weights, **begin)
        carried = [result] if len(states) == 1 else list(result)
        kept.append(residuals)
        same(carried[0], outputs.y[t])
    for state, end in zip(carried, outputs[1:], strict=True):
        same(state, end)
    back, total = list(bars[1:]), dict.fromkeys(weights, 0)
    for t in reversed(range(4)):
        back[0] = back[0] + bars.y[t]
        grads = cell.backward(back[0] if len(back) == 1 else tuple(back), kept[t])
        back = [getattr(grads, s) for s in states]
        total = {k: total[k] + getattr(grads, k) for k in weights}
        same(grads.x, got["x"][t])
    for key, value in (total | dict(zip(states, back, strict=True))).items():
        same(got[key], value)


def test_coupled_gates():
    """f = 1 - i is the plain cell whose forget gate has the weights of its input gate, negated."""
    given = draw("lstm_coupled")
    stacked = ("weight_ih", "weight_hh", "bias_ih", "bias_hh")
    plain = dict(given)
    for key in stacked:
        i, *others = np.split(given[key], 3)
        plain[key] = np.concatenate([i, -i, *others])
    outputs, got = gradients("lstm_coupled", given)
    expected, grads = gradients("lstm", plain)
    for left, right in zip(outputs, expected, strict=True):
        same(left, right)
    for key in stacked:
        i, f, *others = np.split(grads[key], 4)
        same(got[key], np.concatenate([i - f, *others]))
    for key in ("x", "h0", "c0"):
        same(got[key], grads[key])


def test_peepholes():
    """Diagonal peepholes are full ones with a diagonal matrix; with zeros, there are none."""
    given = draw("lstm_peephole")
    matrices = [key for key in given if key.startswith("weight_c")]
    assert matrices == ["weight_ci", "weight_cf", "weight_co"]
    outputs, got = gradients("lstm_peephole", given)
    full = given | {key: np.diag(given[key]) for key in matrices}
    same(outputs.y, gradients("lstm_peephole_full", full)[0].y)
    for key, value in gradients("lstm_peephole_full", full)[1].items():
        same(got[key], np.diag(value) if key in matrices else value)
    none = given | {key: 0 * given[key] for key in matrices}
    plain = {key: given[key] for key in given if key not in matrices}
    same(gradients("lstm_peephole", none)[0].y, gradients("lstm", plain)[0].y)


@pytest.mark.parametrize("name", ["gru", "gru_before"])
def test_mirrored_update(name):
    """1 - sigmoid(a) = sigmoid(-a): the mirror is the same unit with its update gate negated."""
    given = draw(name)
    sign = np.repeat([1.0, -1.0, 1.0], 2)
    mirror = {
        key: (value.T * sign).T if key.startswith(("weight", "bias")) else value
        for key, value in given.items()
    }
    outputs, got = gradients(name, given)
    mirrored, grads = gradients(f"{name}_mirrored", mirror)
    same(outputs.y, mirrored.y)
    for key, value in grads.items():
        same(got[key], (value.T * sign).T if key.startswith(("weight", "bias")) else value)


def test_reset_before_and_after_agree_on_one_unit():
    """u (r h) = r (u h) for one unit without a bias; for two they differ."""
    for hidden, equal in ((1, True), (2, False)):
        given = draw("gru", H=hidden) | {"bias_hh": None}
        left, right = (module(name).apply(**given).y for name in ("gru", "gru_before"))
        assert np.allclose(left, right) == equal


def test_output_layers():
    """An output layer is a layer behind; a softmax of large numbers does not overflow."""
    given = draw("rnn_output")
    h = module("rnn").apply(**{k: v for k, v in given.items() if not k.endswith("hy")}).y
    z = h @ given["weight_hy"].T + given["bias_hy"]
    same(module("rnn_output").apply(**given).y, z)
    same(module("rnn_output_sigmoid").apply(**given).y, sigmoid(z))
    y = module("rnn_output_softmax").apply(**given).y
    same(y, np.exp(z) / np.exp(z).sum(-1, keepdims=True))
    large = given | {"bias_hy": np.array([1e4, -1e4])}
    (y, *_), got = gradients("rnn_output_softmax", large)
    same(y, np.broadcast_to([1.0, 0.0], y.shape))
    assert not got["weight_hy"].any()


def test_clipping():
    """With the default nothing is clipped; at 0 gates are half open and the state decays."""
    given = draw("lstm")
    assert np.array_equal(module("lstm_clipped").apply(**given).y, module("lstm").apply(**given).y)
    outputs, got = gradients("lstm_clipped", given, clip=0)
    same(outputs.c_n, given["c0"] / 8)
    assert not got["weight_ih"].any()
    with pytest.raises(ValueError, match="clip"):
        module("lstm_clipped").apply(**given, clip=-1)


def test_identity_initialised():
    """The IRNN adds its inputs up, and hands a gradient back unchanged."""
    x = np.random.default_rng(0).uniform(0, 1, (50, 1, 3))
    outputs, got = gradients(
        "rnn_relu",
        {"x": x, "weight_ih": np.eye(3), "weight_hh": np.eye(3)},
        (None, np.ones((1, 3))),
    )
    same(outputs.y, np.cumsum(x, axis=0))
    same(got["x"], np.ones_like(x))


# ---- lengths and truncation ----------------------------------------------------------------


@pytest.mark.parametrize("family", FAMILIES)
def test_lengths(family):
    """Each sequence comes out as if it were alone; behind its end are zeros without influence."""
    given = draw(family, T=4, N=3)
    lengths = np.array([4, 0, 2])
    outputs, got = gradients(family, given | {"lengths": lengths})
    bars = cotangents(outputs)
    total = {key: 0 for key in given if key.startswith(("weight", "bias"))}
    for n, length in enumerate(lengths):
        alone = {
            key: value[:length, [n]] if key == "x" else value if key in total else value[[n]]
            for key, value in given.items()
        }
        expected, grads = gradients(
            family, alone, (bars.y[:length, [n]], *(bar[[n]] for bar in bars[1:]))
        )
        same(outputs.y[:length, [n]], expected.y)
        assert not outputs.y[length:, n].any() and not got["x"][length:, n].any()
        for left, right in zip(outputs[1:], expected[1:], strict=True):
            same(left[[n]], right)
        same(got["x"][:length, [n]], grads["x"])
        for state in ("h0", "c0"):
            if state in given:
                same(got[state][[n]], grads[state])
        total = {key: total[key] + grads[key] for key in total}
    for key, value in total.items():
        same(got[key], value)


@pytest.mark.parametrize("family", FAMILIES)
def test_full_lengths_are_none(family):
    given = draw(family, T=4)
    outputs, got = gradients(family, given | {"lengths": np.array([4, 4])})
    expected, grads = gradients(family, given | {"lengths": None})
    for left, right in zip((*outputs, *got.values()), (*expected, *grads.values()), strict=False):
        if left is not None:
            same(left, right)


def test_lengths_of_an_output_layer():
    given = draw("rnn_output_softmax", T=4)
    y = module("rnn_output_softmax").apply(**given, lengths=np.array([1, 3])).y
    expected = module("rnn_output_softmax").apply(**given).y
    expected[1:, 0] = expected[3:, 1] = 0
    same(y, expected)


@pytest.mark.parametrize(
    ("lengths", "error", "words"),
    [
        (np.array([4, 1]), ValueError, "lengths.* 0 <= entry < 4.* from 1 to 4"),
        (np.array([-1, 1]), ValueError, "lengths.* from -1 to 1"),
        (np.array([2**63, 1], np.uint64), ValueError, "lengths"),
        (np.array([1.0, 2.0]), TypeError, "lengths has dtype float64, expected integers"),
        (np.array([True, True]), TypeError, "lengths has dtype bool"),
        (np.array([1, 2, 3]), ValueError, r"lengths has shape \(3,\), expected \(2,\)"),
        (np.array([[1, 2]]), ValueError, r"lengths has shape \(1, 2\)"),
        ([1, 2], TypeError, "lengths must be a NumPy array"),
    ],
)
def test_wrong_lengths(lengths, error, words):
    with pytest.raises(error, match=words):
        module("lstm").apply(**draw("lstm"), lengths=lengths)


@pytest.mark.parametrize("steps", [1, 2, 3, 5, 9, "never"])
@pytest.mark.parametrize("family", FAMILIES)
def test_truncation(family, steps):
    """Values are the same; gradients are those of stretches, each begun with a constant state."""
    given = draw(family, T=5)
    outputs, got = gradients(f"{family}_truncated", given, truncate=steps)
    bars, states = cotangents(outputs), [s for s in ("h0", "c0") if s in given]
    expected, full = gradients(family, given)
    for left, right in zip(outputs, expected, strict=True):
        same(left, right)
    length = 5 if steps == "never" else steps
    total, start = {}, [given[s] for s in states]
    for first in range(0, 5, length):
        last = first + length >= 5
        stretch = given | {"x": given["x"][first : first + length]}
        ends = bars[1:] if last else (None,) * len(states)
        part, grads = gradients(
            family,
            stretch | dict(zip(states, start, strict=True)),
            (bars.y[first : first + length], *ends),
        )
        start = list(part[1:])
        same(got["x"][first : first + length], grads["x"])
        for key, value in grads.items():
            if key.startswith(("weight", "bias")):
                total[key] = total.get(key, 0) + value
            elif key in states and first == 0:
                total[key] = value
    for key, value in total.items():
        same(got[key], value)
        if length >= 5:
            same(value, full[key])


def test_truncation_is_checked():
    with pytest.raises(ValueError, match="truncate"):
        module("lstm_truncated").apply(**draw("lstm"), truncate=0)


# ---- worked examples -----------------------------------------------------------------------


@pytest.mark.parametrize(("w", "state"), [(0.99, 4.36e-5), (1.01, 2.0752e4)])
def test_vanishing_and_exploding(w, state):
    """A linear unit that sees 1 and then 999 zeros: its state is w^999, its slope 999 w^998."""
    x = np.zeros((1000, 1, 1))
    x[0] = 1
    given = {"x": x, "weight_ih": np.ones((1, 1)), "weight_hh": np.full((1, 1), w)}
    outputs, got = gradients("rnn_linear", given, (None, np.ones((1, 1))))
    assert outputs.h_n.item() == pytest.approx(state, rel=1e-3)
    assert outputs.h_n.item() == pytest.approx(w**999, rel=1e-12)
    assert got["weight_hh"].item() == pytest.approx(999 * w**998, rel=1e-11)
    assert got["x"][0].item() == pytest.approx(w**999, rel=1e-12)


def one_hot(text):
    return np.eye(4)[["helo".index(c) for c in text]][:, None]


@pytest.mark.parametrize("many", [True, False], ids=["many-to-many", "many-to-one"])
def test_hello(many):
    """A network over [h, e, l, o] learns what follows, from every letter or from the last alone."""
    network = module("rnn_output_softmax")
    given = {k: 0.3 * v for k, v in draw("rnn_output_softmax", I=4, H=8, O=4).items() if k != "h0"}
    del given["x"]
    words = [("hell", "ello")] if many else [("hell"[: n + 1], "ello"[n]) for n in range(4)]
    loss, rounds = np.inf, 0
    while loss >= 0.05 and rounds < 400:
        loss, rounds, step = 0.0, rounds + 1, dict.fromkeys(given, 0)
        for seen, wanted in words:
            outputs, residuals = network.forward(one_hot(seen), **given)
            target = np.zeros_like(outputs.y)
            target[-len(wanted) :] = one_hot(wanted)
            loss -= (target * np.log(outputs.y)).sum() / 4
            grads = network.backward((-target / outputs.y / 4, None), residuals)
            step = {k: step[k] + getattr(grads, k) for k in given}
        given = {k: v - 0.7 * step[k] for k, v in given.items()}
    assert loss < 0.05
    said = [network.apply(one_hot("hell"[: n + 1]), **given).y[-1].argmax() for n in range(4)]
    assert "".join("helo"[c] for c in said) == "ello"


# ---- edges ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [n for n in SHIPPED if not n.endswith("_cell")])
@pytest.mark.parametrize(
    "sizes", [{"T": 0}, {"T": 1}, {"N": 1}, {"H": 1}, {"T": 1, "N": 1, "H": 1, "I": 1}, {"N": 0}]
)
def test_small(name, sizes):
    given = draw(name, **sizes)
    outputs, got = gradients(name, given, **OPTIONS.get(name, {}))
    for key, value in got.items():
        assert value.shape == given[key].shape and np.isfinite(value).all()
    for left, right in zip(outputs, unrolled(name, given) if given["x"].size else (), strict=False):
        same(left, right)


@pytest.mark.parametrize("family", FAMILIES)
def test_no_steps(family):
    """Nothing happens to a state, nor to its gradient; without one it is zero."""
    given = draw(family, T=0)
    outputs, got = gradients(family, given)
    assert outputs.y.shape == (0, 2, 2)
    assert np.array_equal(outputs.h_n, given["h0"])
    assert np.array_equal(got["h0"], cotangents(outputs).h_n)
    assert not got["weight_ih"].any()
    assert not module(family).apply(given["x"], given["weight_ih"], given["weight_hh"]).h_n.any()


@pytest.mark.parametrize("family", FAMILIES)
def test_cotangents_add_up(family):
    """Gradients are linear in the cotangents of all outputs, and None stands for zero."""
    given = draw(family)
    outputs, whole = gradients(family, given)
    bars = cotangents(outputs)
    parts = [
        gradients(family, given, tuple(b if m == n else None for m, b in enumerate(bars)))[1]
        for n in range(len(bars))
    ]
    for key, value in whole.items():
        same(value, sum(part[key] for part in parts))
    assert all(part["h0"].any() for part in parts)
    nothing = gradients(family, given, (None,) * len(bars))[1]
    assert not any(value.any() for value in nothing.values())


@pytest.mark.parametrize("name", SHIPPED)
def test_pure(name):
    """Inputs stay as they are, and overwriting the outputs does not disturb backward."""
    given = draw(name)
    before = {key: value.copy() for key, value in given.items()}
    outputs, residuals = module(name).forward(**given)
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    bars = tuple(np.ones_like(o) for o in several)
    bars = bars if isinstance(outputs, tuple) else bars[0]
    first = module(name).backward(bars, residuals)
    for output in several:
        output[...] = np.nan
    second = module(name).backward(bars, residuals)
    for key, value in before.items():
        assert np.array_equal(given[key], value)
        assert np.array_equal(getattr(first, key), getattr(second, key))


@pytest.mark.parametrize("name", SHIPPED)
def test_single_precision(name):
    given = {key: value.astype(np.float32) for key, value in draw(name).items()}
    outputs, residuals = module(name).forward(**given)
    several = outputs if isinstance(outputs, tuple) else (outputs,)
    grads = module(name).backward(outputs, residuals)
    assert {a.dtype for a in (*several, *grads)} == {np.dtype(np.float32)}


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("key", ["x", "weight_ih", "weight_hh", "bias_ih", "bias_hh", "h0"])
def test_wrong_shapes(family, key):
    """The error names the argument: too long an axis, or an axis missing."""
    given = draw(family)
    longer = np.concatenate([given[key]] * 2, axis=-1)
    with pytest.raises(ValueError, match="weight_ih" if key == "x" else key.replace("hh", "[ih]h")):
        module(family).apply(**given | {key: longer})
    with pytest.raises(ValueError, match=key):
        module(family).apply(**given | {key: given[key][0]})


@pytest.mark.parametrize("operation", recurrent.OPERATIONS, ids=str)
def test_summaries_name_the_variant(operation):
    """Who looks for a published cell finds out from the first line which one this is."""
    words = {"gru": "reset gate acts", "lstm": "forget gate|peepholes", "rnn": "Elman"}
    family = operation.name.split("_")[0]
    assert any(word in operation.summary for word in words[family].split("|"))
    assert operation.source
