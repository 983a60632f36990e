"""Recurrent operations against PyTorch's, where it is installed: values and all gradients."""

from typing import Any

import numpy as np
import pytest

import generated

torch: Any = pytest.importorskip("torch")
pytestmark = pytest.mark.torch
NETWORKS = {"rnn": torch.nn.RNN, "lstm": torch.nn.LSTM, "gru": torch.nn.GRU}
T, N, I, H = 6, 4, 3, 5
LENGTHS = np.array([6, 2, 5, 1])


def compare(name: str, network, lengths=None, *, batch_first=False, one_layer=True) -> None:
    """A generated module and a PyTorch network with its parameters, on random data."""
    network = network.double()
    rng = np.random.default_rng(0)
    x = torch.tensor(rng.standard_normal((N, T, I) if batch_first else (T, N, I)))
    count = network.num_layers * (2 if network.bidirectional else 1)
    shapes = [(count, N, network.proj_size or H), (count, N, H)]
    kinds = ("h0", "c0") if network.mode == "LSTM" else ("h0",)
    states = [
        torch.tensor(rng.standard_normal(shape)) for shape, _ in zip(shapes, kinds, strict=False)
    ]
    leaves = [t.requires_grad_() for t in (x, *states)]
    start = tuple(leaves[1:]) if len(kinds) > 1 else leaves[1]

    given = x
    if lengths is not None:
        given = torch.nn.utils.rnn.pack_padded_sequence(
            x, torch.tensor(lengths), batch_first=batch_first, enforce_sorted=False
        )
    y, ends = network(given, start)
    if lengths is not None:
        y, _ = torch.nn.utils.rnn.pad_packed_sequence(y, batch_first=batch_first, total_length=T)
    outputs = (y, *(ends if len(kinds) > 1 else (ends,)))
    bars = [torch.tensor(rng.standard_normal(o.shape)) for o in outputs]
    parameters = dict(network.named_parameters())
    wanted = [*leaves, *parameters.values()]
    expected = torch.autograd.grad(outputs, wanted, bars)

    def ours(key: str) -> str:
        return key.replace("_l0", "") if one_layer else key

    def plain(tensor):
        array = tensor.detach().numpy()
        return array[0] if count == 1 and tensor.shape[0] == 1 else array

    module = getattr(generated, name)
    inputs = {ours(k): v.detach().numpy() for k, v in parameters.items()}
    inputs |= {k: plain(s) for k, s in zip(kinds, states, strict=True)}
    found, residuals = module.forward(x.detach().numpy(), **inputs, lengths=lengths)
    shown = [y.detach().numpy(), *map(plain, outputs[1:])]
    for left, right in zip(found, shown, strict=True):
        np.testing.assert_allclose(left, right, rtol=1e-9, atol=1e-12)
    grads = module.backward((bars[0].numpy(), *map(plain, bars[1:])), residuals)
    names = ["x", *kinds, *map(ours, parameters)]
    for key, value in zip(names, expected, strict=True):
        value = plain(value) if key in kinds else value.numpy()
        np.testing.assert_allclose(getattr(grads, key), value, rtol=1e-9, atol=1e-11, err_msg=key)
    assert set(names) == set(grads._fields)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "packed"])
@pytest.mark.parametrize("kind", list(NETWORKS))
class TestKinds:
    """What all three have."""

    def test_plain(self, kind, lengths):
        compare(kind, NETWORKS[kind](I, H), lengths)

    def test_batch_first(self, kind, lengths):
        network = NETWORKS[kind](I, H, batch_first=True)
        compare(f"{kind}_batch_first", network, lengths, batch_first=True)

    def test_bidirectional(self, kind, lengths):
        compare(f"{kind}_bidirectional", NETWORKS[kind](I, H, bidirectional=True), lengths)

    def test_layers(self, kind, lengths):
        compare(f"{kind}_stacked", NETWORKS[kind](I, H, num_layers=2), lengths, one_layer=False)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "packed"])
def test_layers_in_both_directions(lengths):
    network = torch.nn.LSTM(I, H, num_layers=2, bidirectional=True)
    compare("lstm_stacked_bidirectional", network, lengths, one_layer=False)


@pytest.mark.parametrize("lengths", [None, LENGTHS], ids=["plain", "packed"])
def test_projection(lengths):
    compare("lstm_projected", torch.nn.LSTM(I, H, proj_size=2), lengths)


def test_relu():
    compare("rnn_relu", torch.nn.RNN(I, H, nonlinearity="relu"))


@pytest.mark.parametrize("steps", [1, 2, 4, 6, 9])
@pytest.mark.parametrize("kind", list(NETWORKS))
def test_truncation(kind, steps):
    """Runs over stretches, the state handed over without its gradient."""
    network = NETWORKS[kind](I, H).double()
    rng = np.random.default_rng(0)
    x, bar = rng.standard_normal((T, N, I)), rng.standard_normal((T, N, H))
    weights = {k.removesuffix("_l0"): v.detach().numpy() for k, v in network.named_parameters()}
    total, state = 0, None
    for first in range(0, T, steps):
        y, state = network(torch.tensor(x[first : first + steps]), state)
        total = total + (y * torch.tensor(bar[first : first + steps])).sum()
        several = isinstance(state, tuple)
        state = tuple(s.detach() for s in state) if several else state.detach()
    expected = torch.autograd.grad(total, list(network.parameters()))
    module = getattr(generated, f"{kind}_truncated")
    outputs, residuals = module.forward(x, **weights, truncate=steps)
    grads = module.backward((bar, *(None,) * (len(outputs) - 1)), residuals)
    for key, value in zip(weights, expected, strict=True):
        np.testing.assert_allclose(getattr(grads, key), value.numpy(), rtol=1e-9, atol=1e-11)
