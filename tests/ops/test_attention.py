"""Attention: what is hidden, large products; and beside PyTorch's."""

import numpy as np
import pytest

import generated

N, L, S, E, V, I = 3, 5, 4, 2, 6, 7


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


def random_mask() -> np.ndarray:
    """Each query may look at one key at least."""
    mask = np.random.default_rng(0).integers(0, 2, (N, L, S))
    mask[..., 0] = 1
    return mask


def test_what_is_hidden_does_not_count():
    """The result is that of the other keys alone; a query that may look at nothing sees 0."""
    query, key, value = normal(1, L, E), normal(1, S, E), normal(1, S, V)
    mask = np.ones((1, L, S), int)
    mask[:, :, 2] = 0
    mask[:, 1] = 0
    y, residuals = generated.scaled_dot_product_attention.forward(query, key, value, mask)
    others = [0, 1, 3]
    alone = generated.scaled_dot_product_attention.apply(query, key[:, others], value[:, others])
    np.testing.assert_allclose(y[:, [0, 2, 3, 4]], alone[:, [0, 2, 3, 4]], rtol=1e-14)
    assert not y[:, 1].any()
    grads = generated.scaled_dot_product_attention.backward(np.ones_like(y), residuals)
    assert not grads.query[:, 1].any() and not grads.key[:, 2].any() and not grads.value[:, 2].any()
    assert all(np.isfinite(g).all() for g in grads)


def test_large_products():
    """The largest one takes all; nothing overflows."""
    query, key = np.array([[[1e4]]]), np.array([[[1e4], [-1e4], [0.0]]])
    value = np.array([[[1.0], [2], [3]]])
    y, residuals = generated.scaled_dot_product_attention.forward(query, key, value)
    assert y.tolist() == [[[1.0]]]
    grads = generated.scaled_dot_product_attention.backward(np.ones_like(y), residuals)
    assert grads.value.tolist() == [[[1], [0], [0]]] and not grads.query.any()


@pytest.mark.torch
@pytest.mark.parametrize("causal", [False, True])
@pytest.mark.parametrize("masked", [False, True])
def test_one_head_is_that_of_pytorch(masked, causal):
    torch = pytest.importorskip("torch")
    given = {"query": normal(N, L, E), "key": normal(N, S, E), "value": normal(N, S, V)}
    mask = random_mask() if masked else np.ones((N, L, S), int)
    seen = np.tril(mask) if causal else mask
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in given.items()}
    right = torch.nn.functional.scaled_dot_product_attention(
        *tensors.values(), attn_mask=torch.tensor(seen > 0)
    )
    module = generated.scaled_dot_product_attention
    y, residuals = module.forward(**given, mask=mask if masked else None, is_causal=causal)
    np.testing.assert_allclose(y, right.detach().numpy(), rtol=1e-12, atol=1e-13)
    bar = normal(*y.shape, seed=9)
    right.backward(torch.tensor(bar))
    grads = module.backward(bar, residuals)._asdict()
    for name, tensor in tensors.items():
        np.testing.assert_allclose(grads[name], tensor.grad, rtol=1e-11, atol=1e-13, err_msg=name)


@pytest.mark.torch
@pytest.mark.parametrize("heads", [1, 2, 4])
@pytest.mark.parametrize("bias", [False, True])
def test_several_heads_are_those_of_pytorch(heads, bias):
    torch = pytest.importorskip("torch")
    width = 8
    layer = torch.nn.MultiheadAttention(width, heads, bias=bias).double()
    parameters = {name.replace(".", "_"): p for name, p in layer.named_parameters()}
    for i, p in enumerate(parameters.values()):
        p.data = torch.tensor(normal(*p.shape, seed=i))
    given = {"query": normal(L, N, width), "key": normal(S, N, width, seed=1)}
    given["value"] = normal(S, N, width, seed=2)
    mask = random_mask()
    tensors = {name: torch.tensor(a, requires_grad=True) for name, a in given.items()}
    right, _ = layer(
        *tensors.values(), attn_mask=torch.tensor(mask == 0).repeat_interleave(heads, 0)
    )
    module = generated.multi_head_attention
    arrays = {name: p.detach().numpy() for name, p in parameters.items()}
    y, residuals = module.forward(**given, **arrays, mask=mask, num_heads=heads)
    np.testing.assert_allclose(y, right.detach().numpy(), rtol=1e-11, atol=1e-12)
    bar = normal(*y.shape, seed=9)
    right.backward(torch.tensor(bar))
    grads = module.backward(bar, residuals)._asdict()
    for name, tensor in (tensors | parameters).items():
        np.testing.assert_allclose(grads[name], tensor.grad, rtol=1e-10, atol=1e-11, err_msg=name)
