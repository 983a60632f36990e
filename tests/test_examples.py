"""The examples: they run as a reader runs them, and what they claim is so."""

import importlib.util
import os
import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from generated import correlate2d

NEEDED = "the examples need the extra `examples`"
pytest.importorskip("matplotlib", reason=NEEDED)
needs_sklearn = pytest.mark.skipif(importlib.util.find_spec("sklearn") is None, reason=NEEDED)

ROOT = Path(__file__).parents[1]
FILTER_PHOTOGRAPH = ROOT / "examples" / "filter_photograph.py"
CHARACTER_MODEL = ROOT / "examples" / "character_model.py"
VANISHING_GRADIENTS = ROOT / "examples" / "vanishing_gradients.py"
DIGITS_CNN = ROOT / "examples" / "digits_cnn.py"


def run(script, *arguments, folder):
    """Run a script in a folder of its own, without a screen."""
    paths = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    return subprocess.run(
        [sys.executable, str(script), *arguments],
        cwd=folder,
        env={**os.environ, "MPLBACKEND": "Agg", "PYTHONIOENCODING": "utf-8", "PYTHONPATH": paths},
        capture_output=True,
        encoding="utf-8",
        timeout=120,
    )


def loaded(script):
    """A script as a module. (`examples` is no package.)"""
    spec = importlib.util.spec_from_file_location(script.stem, script)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[script.stem] = module  # dataclasses look it up
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def example():
    return loaded(FILTER_PHOTOGRAPH)


@pytest.fixture(scope="module")
def model():
    return loaded(CHARACTER_MODEL)


@pytest.fixture(scope="module")
def digits():
    pytest.importorskip("sklearn", reason=NEEDED)
    return loaded(DIGITS_CNN)


@pytest.fixture(scope="module")
def vanishing():
    return loaded(VANISHING_GRADIENTS)


def losses(printed):
    """The first and the last loss of each descent, by its name."""
    found = re.findall(r"^(\w+): loss (\S+) -> (\S+), largest kernel error", printed, re.MULTILINE)
    return {name: (float(first), float(last)) for name, first, last in found}


def test_it_draws_and_the_losses_fall(tmp_path):
    result = run(FILTER_PHOTOGRAPH, "--steps", "5", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "filter_photograph.png").read_bytes().startswith(b"\x89PNG")
    fallen = losses(result.stdout)
    assert set(fallen) == {"pixels", "edges"}
    assert all(last < first / 2 for first, last in fallen.values()), fallen
    assert "step 5 of 5" in result.stderr


@pytest.mark.parametrize(
    "arguments, words",
    [(("--steps", "0"), "--steps must be at least 1"), (("--out", "no/such.png"), "no folder")],
)
def test_it_refuses_before_it_computes(arguments, words, tmp_path):
    result = run(FILTER_PHOTOGRAPH, *arguments, folder=tmp_path)
    assert result.returncode == 2
    assert words in result.stderr
    assert not list(tmp_path.iterdir())


def test_the_edges_find_the_kernel_and_the_pixels_do_not(example):
    photograph = np.ascontiguousarray(example.read_photograph()[:, :, 100:196, 100:196])
    unknown = example.unknown_kernel()
    target = correlate2d.apply(photograph, example.bank(unknown), padding="same")
    by_edges = example.descend("edges", example.edge_loss, photograph, target, steps=150)
    assert by_edges.errors(unknown)[-1] < 1e-3
    by_pixels = example.descend("pixels", example.pixel_loss, photograph, target, steps=150)
    assert by_pixels.errors(unknown)[-1] > 0.1
    assert by_pixels.condition > 100 * by_edges.condition


@pytest.mark.parametrize("name", ["pixel_loss", "edge_loss"])
def test_the_chain_rule_is_put_together_rightly(name, example):
    """A loss that is quadratic in the kernel has no error in its central differences."""
    loss, rng = getattr(example, name), np.random.default_rng(0)
    photograph, target = rng.normal(size=(2, 3, 1, 9, 8))
    kernel, direction = rng.normal(size=(2, 5, 5))
    _, gradient = loss(kernel, photograph, target)
    ahead, behind = (loss(kernel + s * direction, photograph, target)[0] for s in (1, -1))
    np.testing.assert_allclose(np.vdot(gradient, direction), (ahead - behind) / 2, rtol=1e-12)


# ---- the character model -------------------------------------------------------------------


def test_the_character_model_learns_and_writes(tmp_path):
    options = ("--epochs", "2", "--hidden", "24", "--characters", "40000", "--samples", "2")
    result = run(CHARACTER_MODEL, *options, "--out", "plot.png", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")
    assert result.stdout.count("── after") == 2
    found = re.search(r"^loss (\S+) -> (\S+), plot: plot.png$", result.stdout, re.MULTILINE)
    assert found, result.stdout
    first, last = map(float, found.groups())
    assert 4 < first < 5 and last < first - 1  # log 94 = 4.5: at first it guesses


@pytest.mark.parametrize(
    "script",
    [CHARACTER_MODEL, VANISHING_GRADIENTS, pytest.param(DIGITS_CNN, marks=needs_sklearn)],
    ids=lambda p: p.stem,
)
def test_a_missing_folder_is_refused_before_anything_is_computed(script, tmp_path):
    result = run(script, "--out", "no/such.png", folder=tmp_path)
    assert result.returncode == 2
    assert "there is no folder" in " ".join(result.stderr.split())
    assert not list(tmp_path.iterdir())


def test_the_text_is_there(model):
    text = model.read_text()
    assert text.startswith("The Zen of Python") and text.isascii()
    assert len(text) > 200_000


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("scale", [1, 1e-30, 1e30, 3e37])
def test_a_norm_is_clipped_if_it_is_greater(model, dtype, scale):
    scale = dtype(scale)
    given = {"a": np.array([[3.0]], dtype) * scale, "b": np.array([0.0, 4.0], dtype) * scale,
             "none": np.zeros((0, 2), dtype)}  # fmt: skip
    norm = 5 * float(scale)
    same = model.clipped(given, norm * (1 + 1e-6))
    assert all(same[name] is given[name] for name in given)
    half = model.clipped(given, norm / 2)
    for name, array in half.items():
        assert array.dtype == dtype
        np.testing.assert_allclose(array, given[name] / 2, rtol=1e-6)


def test_a_norm_that_equals_the_threshold_is_not_greater(model):
    given = {"a": np.array([3.0, 4.0])}
    assert model.clipped(given, 5.0) is given
    np.testing.assert_allclose(model.clipped(given, 4.9)["a"], [2.94, 3.92])


def test_no_gradient_and_one_beyond_the_largest_number(model):
    nothing = {"a": np.zeros(3)}
    assert model.clipped(nothing, 1.0) is nothing
    largest = np.finfo(np.float64).max
    found = model.clipped({"a": np.full(4, largest)}, 1.0)  # its norm is no float64
    np.testing.assert_allclose(found["a"], 0.5)


def small_model(model, rng, steps=4):
    """Parameters and a stretch in float64."""
    parameters = {n: p.astype(float) for n, p in model.initial(5, 3, rng).items()}
    seen, following = rng.integers(0, 5, (2, steps, 2))
    return parameters, np.eye(5)[seen], following


def test_the_gradients_are_the_slopes_of_the_loss(model):
    rng = np.random.default_rng(0)
    parameters, seen, following = small_model(model, rng)
    state = tuple(rng.standard_normal((2, 2, 3)))
    _, found, _ = model.gradients(parameters, seen, following, state)
    for name, p in parameters.items():
        direction = rng.standard_normal(p.shape)
        ahead, behind = (
            model.gradients(parameters | {name: p + s * direction}, seen, following, state)[0]
            for s in (1e-6, -1e-6)
        )
        slope = (ahead - behind) / 2e-6
        np.testing.assert_allclose(np.vdot(found[name], direction), slope, rtol=1e-6, atol=1e-9)


def test_the_state_is_carried_on(model):
    """Two stretches see what one long one sees; only their gradients stop between them."""
    parameters, seen, following = small_model(model, np.random.default_rng(1))
    whole, _, last = model.gradients(parameters, seen, following, (None, None))
    first, _, state = model.gradients(parameters, seen[:2], following[:2], (None, None))
    second, _, state = model.gradients(parameters, seen[2:], following[2:], state)
    np.testing.assert_allclose((first + second) / 2, whole, rtol=1e-12)
    np.testing.assert_allclose(state, last, rtol=1e-12)


def test_stretches_follow_each_other(model):
    codes = np.arange(model.STREAMS * 2 * model.STEPS + 1) % 7
    (one, following), (two, _) = model.stretches(codes, 7)
    np.testing.assert_array_equal(following[:-1], one[1:].argmax(axis=-1))
    np.testing.assert_array_equal(following[-1], two[0].argmax(axis=-1))


# ---- vanishing gradients -------------------------------------------------------------------


def test_it_tells_the_cells_apart(tmp_path):
    result = run(VANISHING_GRADIENTS, "--steps", "40", "--hidden", "16", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "vanishing_gradients.png").read_bytes().startswith(b"\x89PNG")
    rows = re.findall(r"^(.+?) +\|dL/dh\[0\]\| (\S+)", result.stdout, re.MULTILINE)
    norms = {name: float(norm) for name, norm in rows}
    assert len(norms) == 5
    assert norms["RNN"] < 1e-6 and norms["GRU"] < 1e-5
    assert norms["IRNN"] > 1e-2 and norms["LSTM, forget bias 4"] > 1e-2
    assert norms["RNN"] < norms["LSTM, forget bias 1"] < norms["LSTM, forget bias 4"]


def test_the_matrices_are_those_of_the_derivation(vanishing):
    """rnn: (1 − h²) W. lstm: the forget gate on the diagonal."""
    rng = np.random.default_rng(0)
    rnn, _, _, lstm, _ = vanishing.fresh_cells(6, rng)
    x, h, c = (rng.standard_normal((1, size)) for size in (vanishing.INPUTS, 6, 6))
    (after,), _ = rnn.forward(x, (h,))
    expected = (1 - after.T**2) * rnn.weights[1]
    np.testing.assert_allclose(vanishing.jacobian(rnn, x, (h,)), expected, rtol=1e-12)
    weight_ih, weight_hh, bias = lstm.weights
    a = (x @ weight_ih.T + h @ weight_hh.T + bias)[0, 6:12]
    found = vanishing.jacobian(lstm, x, (h, c), state=1)
    np.testing.assert_allclose(found, np.diag(1 / (1 + np.exp(-a))), atol=1e-14)


def test_the_gradient_is_the_product_of_the_matrices(vanishing):
    rng = np.random.default_rng(1)
    x, last = rng.standard_normal((5, 1, vanishing.INPUTS)), rng.standard_normal((1, 6))
    for cell in vanishing.fresh_cells(6, rng)[:3]:
        before, residuals = vanishing.run(cell, x)
        (norms,) = vanishing.gradient_norms(cell, residuals, last)
        gradient, expected = last, [np.linalg.norm(last)]
        for row, states in zip(x[:0:-1], before[:0:-1], strict=True):
            gradient = gradient @ vanishing.jacobian(cell, row, states)
            expected.append(np.linalg.norm(gradient))
        np.testing.assert_allclose(norms, expected[::-1], rtol=1e-10)


# ---- digits --------------------------------------------------------------------------------


@needs_sklearn
def test_the_digits_are_learned(tmp_path):
    result = run(DIGITS_CNN, "--epochs", "2", "--out", "digits.png", folder=tmp_path)
    assert result.returncode == 0, result.stderr
    assert (tmp_path / "digits.png").read_bytes().startswith(b"\x89PNG")
    first, last = map(float, re.findall(r"^loss (\S+) -> (\S+)$", result.stdout, re.MULTILINE)[0])
    assert last < first / 4
    share, count = re.findall(r"^read rightly: (\S+)% of (\d+)", result.stdout, re.MULTILINE)[0]
    assert float(share) > 90 and int(count) == 360
    assert "epoch 2" in result.stderr


def test_the_loop_over_layers_is_the_chain_rule(digits):
    """In float64, beside central differences along a direction in all parameters at once."""
    rng = np.random.default_rng(0)
    parameters = [[w.astype(float) for w in layer] for layer in digits.initial(rng)]
    images, expected = rng.uniform(0, 1, (3, 1, 8, 8)), rng.integers(0, 10, 3)
    direction = [[rng.standard_normal(w.shape) for w in layer] for layer in parameters]

    def moved(step):
        return [
            [w + step * d for w, d in zip(*layer, strict=True)]
            for layer in zip(parameters, direction, strict=True)
        ]

    _, found = digits.loss_and_gradients(parameters, images, expected)
    slope = sum(
        np.vdot(g, d)
        for layer in zip(found, direction, strict=True)
        for g, d in zip(*layer, strict=True)
    )
    ahead, behind = (
        digits.loss_and_gradients(moved(step), images, expected)[0] for step in (1e-7, -1e-7)
    )
    np.testing.assert_allclose(slope, (ahead - behind) / 2e-7, rtol=1e-6)


def test_a_picture_without_mistakes_and_one_with_more_than_it_shows(digits):
    filters, images = np.ones((16, 1, 3, 3)), np.zeros((30, 1, 8, 8))
    expected = np.arange(30) % 10
    for predicted, count in ((expected, 0), ((expected + 1) % 10, 24)):
        figure = digits.draw(filters, images, expected, predicted)
        assert sum("read as" in axes.get_title() for axes in figure.axes) == count
