"""Encoders and decoders against the plain operations that they consist of."""

from typing import Any

import numpy as np
import pytest

import generated

KINDS = ("rnn", "lstm", "gru")
GATES = {"rnn": 1, "lstm": 4, "gru": 3}
STATES = {"rnn": ("h",), "lstm": ("h", "c"), "gru": ("h",)}
N, I, H, O = 3, 2, 4, 2
Arrays = dict[str, Any]


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def weights(kind: str, features: int, seed: int) -> Arrays:
    rows = GATES[kind] * H
    shapes = {"weight_ih": (rows, features), "weight_hh": (rows, H), "bias_ih": (rows,),
              "bias_hh": (rows,)}  # fmt: skip
    return {name: normal(*shape, seed=seed) for name, shape in shapes.items()}


def same(found: Any, expected: Any) -> None:
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("lengths", [None, np.array([3, 0, 2])], ids=["plain", "lengths"])
@pytest.mark.parametrize("kind", KINDS)
def test_an_encoder_hands_its_last_state_over(kind, lengths):
    """Two networks and a linear layer, forward and backward."""
    plain, whole = getattr(generated, kind), getattr(generated, f"{kind}_encoder_decoder")
    both = {"encoder": weights(kind, I, 1), "decoder": weights(kind, O, 2)}
    both["encoder"] |= {f"{s}0": normal(N, H, seed=3 + i) for i, s in enumerate(STATES[kind])}
    both["encoder"] |= {"x": normal(4, N, I), "lengths": lengths}
    both["decoder"] |= {"x": normal(3, N, O), "lengths": lengths}
    last = {"weight_hy": normal(O, H), "bias_hy": normal(O)}
    given = {f"{k}_{part}": v for part, arrays in both.items() for k, v in arrays.items()}
    y, residuals = whole.forward(**given, **last)
    grads = whole.backward(normal(3, N, O, seed=9), residuals)._asdict()

    read, of_encoder = plain.forward(**both["encoder"])
    states = {f"{s}0": getattr(read, f"{s}_n") for s in STATES[kind]}
    written, of_decoder = plain.forward(**both["decoder"], **states)
    z, of_layer = generated.linear.forward(written.y, last["weight_hy"], last["bias_hy"])
    inside = np.ones((3, N, 1)) if lengths is None else np.arange(3)[:, None, None] < (
        lengths[:, None]
    )  # fmt: skip
    same(y, z * inside)
    layer = generated.linear.backward(normal(3, N, O, seed=9) * inside, of_layer)
    nothing = (None,) * len(STATES[kind])
    decoder = plain.backward((layer.x, *nothing), of_decoder)._asdict()
    bars = (decoder[f"{s}0"] for s in STATES[kind])
    encoder = plain.backward((None, *bars), of_encoder)._asdict()
    same(grads["weight_hy"], layer.weight)
    same(grads["bias_hy"], layer.bias)
    for part, found in (("encoder", encoder), ("decoder", decoder)):
        for key, value in found.items():
            if f"{key}_{part}" in grads:
                same(grads[f"{key}_{part}"], value)
    assert set(grads) == set(last) | {k for k in given if "lengths" not in k}


@pytest.mark.parametrize("steps", [0, 1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_a_decoder_reads_its_own_output(kind, steps):
    """A cell and a linear layer, step by step, and back again."""
    cell, linear, whole = (
        getattr(generated, name) for name in (f"{kind}_cell", "linear", f"{kind}_decoder")
    )
    own, layer = weights(kind, O, 1), (normal(O, H), normal(O))
    states = {f"{s}0": normal(N, H, seed=3 + i) for i, s in enumerate(STATES[kind])}
    start = normal(N, O, seed=7)
    outputs, residuals = whole.forward(
        start, **own, **states, weight_hy=layer[0], bias_hy=layer[1], steps=steps
    )
    bars = [normal(*output.shape, seed=9 + i) for i, output in enumerate(outputs)]
    grads = whole.backward(tuple(bars), residuals)._asdict()

    x, now, kept, shown = start, tuple(states.values()), [], []
    for _ in range(steps):
        now, of_cell = cell.forward(x, **own, **dict(zip(states, now, strict=True)))
        now = tuple(now) if isinstance(now, tuple) else (now,)
        x, of_layer = linear.forward(now[0], *layer)
        kept.append((of_cell, of_layer))
        shown.append(x)
    for found, expected in zip(outputs, (np.array(shown).reshape(steps, N, O), *now), strict=True):
        same(found, expected)

    expected = dict.fromkeys((*own, "weight_hy", "bias_hy"), 0)
    x_bar, state_bars = np.zeros((N, O)), list(bars[1:])
    for t in reversed(range(steps)):
        of_cell, of_layer = kept[t]
        back = linear.backward(bars[0][t] + x_bar, of_layer)
        expected["weight_hy"] += back.weight
        expected["bias_hy"] += back.bias
        state_bars[0] = state_bars[0] + back.x
        found = cell.backward(
            tuple(state_bars) if len(state_bars) > 1 else state_bars[0], of_cell
        )._asdict()
        x_bar, state_bars = found["x"], [found[s] for s in states]
        for key in own:
            expected[key] += found[key]
    same(grads["start"], x_bar)
    for key, value in (*expected.items(), *zip(states, state_bars, strict=True)):
        same(grads[key], np.broadcast_to(value, grads[key].shape))


def test_a_mask_takes_weights_away():
    """Values and gradients are those of the masked weights; the others have no gradient."""
    own = weights("rnn", I, 1)
    x, bars = normal(4, N, I), (normal(4, N, H, seed=8), normal(N, H, seed=9))
    mask = np.random.default_rng(0).integers(0, 2, (H, H))
    outputs, residuals = generated.rnn_masked.forward(x, mask=mask, **own)
    grads = generated.rnn_masked.backward(bars, residuals)._asdict()
    less = own | {"weight_hh": own["weight_hh"] * mask}
    expected, residuals = generated.rnn.forward(x, **less)
    for found, right in zip(outputs, expected, strict=True):
        same(found, right)
    for key, value in generated.rnn.backward(bars, residuals)._asdict().items():
        if value is not None:
            same(grads[key], value * mask if key == "weight_hh" else value)
    # Direct feedback alone is a network of units that see only themselves.
    alone = generated.rnn_masked.apply(x, mask=np.eye(H, dtype=int), **own)
    h = np.zeros((N, H))
    for t in range(4):
        h = np.tanh(
            x[t] @ own["weight_ih"].T + h * np.diag(own["weight_hh"]) + own["bias_ih"]
            + own["bias_hh"]
        )  # fmt: skip
    same(alone.h_n, h)
