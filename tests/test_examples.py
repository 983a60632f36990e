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

pytest.importorskip("matplotlib", reason="the examples need the extra `examples`")

ROOT = Path(__file__).parents[1]
FILTER_PHOTOGRAPH = ROOT / "examples" / "filter_photograph.py"


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


@pytest.fixture(scope="module")
def example():
    """`filter_photograph` as a module. (`examples` is no package.)"""
    spec = importlib.util.spec_from_file_location("filter_photograph", FILTER_PHOTOGRAPH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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
