"""Padding, shuffling and enlarging images: NumPy has most of it; and beside PyTorch's."""

import numpy as np
import pytest

import generated

MODES = {"constant": "constant", "reflection": "reflect", "replication": "edge", "circular": "wrap"}


def normal(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng((seed, *shape)).standard_normal(shape)


@pytest.mark.parametrize("rank", [1, 2, 3])
@pytest.mark.parametrize("kind", MODES)
def test_padding_is_that_of_numpy(kind, rank):
    """Its gradient is where each pixel went."""
    shape = (5, 4, 3)[:rank]
    numbers = np.arange(2 * 3 * np.prod(shape)).reshape(2, 3, *shape)
    module = getattr(generated, f"{kind}_pad{rank}d")
    for sides in (((0, 2), (1, 0), (2, 1))[:rank], ((2, 2), (0, 0), (0, 1))[:rank]):
        options = {"padding": sides if rank > 1 else (sides[0],)}
        if kind == "constant":
            options["value"] = -1.5
        more = {"constant_values": -1.5} if kind == "constant" else {}
        y, residuals = module.forward(numbers + 0.0, **options)
        widths = ((0, 0), (0, 0), *sides)
        np.testing.assert_array_equal(y, np.pad(numbers + 0.0, widths, MODES[kind], **more))
        bar = normal(*y.shape)
        came_from = np.pad(
            numbers, widths, MODES[kind], **({"constant_values": -1} if more else {})
        )
        expected = np.bincount(came_from.ravel() + 1, bar.ravel(), numbers.size + 1)[1:]
        found = module.backward(bar, residuals).x
        np.testing.assert_allclose(found.ravel(), expected, rtol=1e-13, atol=1e-14)


def test_padding_that_an_image_does_not_allow():
    x = np.zeros((1, 1, 3))
    for name, most in (("reflection_pad1d", 2), ("circular_pad1d", 3)):
        module = getattr(generated, name)
        assert module.apply(x, padding=most).shape == (1, 1, 3 + 2 * most)
        with pytest.raises(ValueError, match="larger than the image"):
            module.apply(x, padding=most + 1)


@pytest.mark.torch
@pytest.mark.parametrize("rank", [1, 2, 3])
def test_nearest_pixels_are_those_of_pytorch(rank):
    torch = pytest.importorskip("torch")
    module = getattr(generated, f"interpolate_nearest{rank}d")
    x = normal(2, 3, *(5, 4, 3)[:rank])
    for size in ((10, 2, 3)[:rank], (1, 7, 8)[:rank]):
        given = torch.tensor(x, requires_grad=True)
        right = torch.nn.functional.interpolate(given, size=size)
        y, residuals = module.forward(x, output_size=size if rank > 1 else size[0])
        np.testing.assert_array_equal(y, right.detach().numpy())
        bar = normal(*y.shape)
        right.backward(torch.tensor(bar))
        np.testing.assert_allclose(module.backward(bar, residuals).x, given.grad, rtol=1e-13)


@pytest.mark.torch
@pytest.mark.parametrize("shape", [(12, 3, 6), (2, 12, 3, 6), (2, 3, 12, 3, 6)], ids=str)
def test_shuffled_pixels_are_those_of_pytorch(shape):
    torch = pytest.importorskip("torch")
    x = normal(*shape)
    y, residuals = generated.pixel_shuffle.forward(x, upscale_factor=2)
    np.testing.assert_array_equal(y, torch.nn.functional.pixel_shuffle(torch.tensor(x), 2))
    np.testing.assert_array_equal(generated.pixel_shuffle.backward(y, residuals).x, x)
    y, residuals = generated.pixel_unshuffle.forward(x, downscale_factor=3)
    np.testing.assert_array_equal(y, torch.nn.functional.pixel_unshuffle(torch.tensor(x), 3))
    np.testing.assert_array_equal(generated.pixel_unshuffle.backward(y, residuals).x, x)
