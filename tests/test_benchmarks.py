"""The benchmark runs, notices what does not compute the same, and adds up what it measured."""

import json
import math
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


def benchmark(*arguments):
    return subprocess.run(
        [sys.executable, ROOT / "benchmarks" / "run.py", "--rounds", "2", *arguments],
        capture_output=True,
        encoding="utf-8",
    )


@pytest.fixture
def other(tmp_path):
    """Generated activations of another checkout."""
    folder = tmp_path / "generated"
    folder.mkdir()
    shutil.copy(ROOT / "generated" / "__init__.py", folder)
    shutil.copytree(ROOT / "generated" / "activations", folder / "activations")
    return folder


def append(folder, text):
    with (folder / "activations" / "relu.py").open("a", encoding="utf-8") as file:
        file.write(text)


def test_two_checkouts_are_compared_without_pytorch(other, tmp_path):
    # The other one is heard: what it asks for at import is what the program sets for itself.
    append(other, "import os; assert int(os.environ['MALLOC_TRIM_THRESHOLD_']) > 10**8\n")
    append(other, "assert os.environ['OMP_NUM_THREADS'] == '1'\n")
    file = tmp_path / "found.json"
    result = benchmark("--only", "relu", "--only", "sigmoid", "--no-torch", "--against", other,
                       "--json", file)  # fmt: skip
    assert result.returncode == 0, result.stderr
    assert "| relu " in result.stdout and "| tanh " not in result.stdout
    found = json.loads(file.read_text(encoding="utf-8"))
    assert [row["name"] for row in found["rows"]] == ["relu", "sigmoid"]
    for clock in ("cpu", "wall"):
        quartiles = [row["ratios"]["against"][clock] for row in found["rows"]]
        assert all(0 < low <= median <= high for low, median, high in quartiles)
        (_, relu, _), (_, sigmoid, _) = quartiles
        total = found["summary"]["against"][clock]
        assert total["geometric_mean"] == pytest.approx(math.sqrt(relu * sigmoid))
        assert total["above_1"] == (relu > 1) + (sigmoid > 1)
        assert total["rows"] == 2


def test_what_is_slower_is_seen(other, tmp_path):
    append(other, "import time\n_fast = forward\n")
    append(other, "def forward(x):\n    time.sleep(0.1)\n    return _fast(x)\n")
    file = tmp_path / "found.json"
    result = benchmark("--only", "relu", "--no-torch", "--against", other, "--json", file)
    assert result.returncode == 0, result.stderr
    (row,) = json.loads(file.read_text(encoding="utf-8"))["rows"]
    low, median, high = row["seconds"]["against"]["wall"]
    assert 0.1 < low <= median <= high
    ours = row["seconds"]["derive"]["wall"][1]
    assert row["ratios"]["against"]["wall"][1] == pytest.approx(ours / median, rel=0.5)


@pytest.mark.parametrize("change", ["2 * g.x", "g.x * float('nan')"])
def test_what_does_not_compute_the_same_is_not_timed(other, change):
    append(other, "_right = backward\ndef backward(*given, **named):\n")
    append(other, f"    g = _right(*given, **named)\n    return g._replace(x={change})\n")
    result = benchmark("--only", "relu", "--no-torch", "--against", other)
    assert result.returncode == 1
    assert "relu: derive and against differ in gradient 1" in result.stderr
    assert "|" not in result.stdout


def test_a_row_that_is_not_there_is_named():
    result = benchmark("--only", "rellu")
    assert result.returncode == 2
    assert "no row is called so" in result.stderr and "sigmoid" in result.stderr


@pytest.mark.torch
def test_every_row_computes_what_pytorch_does(tmp_path):
    pytest.importorskip("torch")
    file = tmp_path / "found.json"
    result = benchmark("--json", file)
    assert result.returncode == 0, result.stderr
    found = json.loads(file.read_text(encoding="utf-8"))
    names = [row["name"] for row in found["rows"]]
    assert len(set(names)) == len(names) >= 45
    assert all(row["ratios"]["torch"]["wall"][1] > 0 for row in found["rows"])
