"""The same definition gives the same bytes: whatever the hash seed, the order, the company."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import derive

ROOT = Path(derive.__file__).resolve().parent.parent
PROGRAM = """
import hashlib, sys
from derive.ops import shipped
from derive.pipeline import package_files, rendered

found = {o.name: (o, family) for family, members in shipped().items() for o in members}
outputs = [output for name in sys.argv[1:] for output in rendered(*found[name]).outputs]
for output in sorted((*outputs, *package_files()), key=lambda o: str(o.path)):
    print(output.path, hashlib.sha256(output.text.encode()).hexdigest())
"""
# Seed, and the operations in the order in which one process builds them.
RUNS = [
    ("0", ["correlate1d", "linear"]),
    ("1", ["linear", "correlate1d"]),
    ("2", ["correlate1d"]),
    ("12345", ["linear"]),
    ("4294967295", ["conv_transpose1d", "correlate1d", "signal_convolve", "linear"]),
]


@pytest.fixture(scope="module")
def runs() -> list[dict[str, str]]:
    """Path and hash of every file, for each run; two processes at a time."""
    found = []
    for first in range(0, len(RUNS), 2):
        started = [
            subprocess.Popen(
                [sys.executable, "-c", PROGRAM, *names],
                env={**os.environ, "PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT)},
                stdout=subprocess.PIPE,
                text=True,
            )
            for seed, names in RUNS[first : first + 2]
        ]
        for process in started:
            output, _ = process.communicate(timeout=60)
            assert process.returncode == 0
            found.append(dict(line.split() for line in output.splitlines()))
    return found


def test_the_hash_seed_the_order_and_the_company_do_not_matter(runs):
    """Every file that two runs have in common is the same file."""
    common: dict[str, str] = {}
    for files in runs:
        for path, digest in files.items():
            assert common.setdefault(path, digest) == digest, path


def test_every_operation_was_built_by_three_runs(runs):
    """Otherwise the comparison above would be idle."""
    for name in ("linear", "correlate1d"):
        for kind in (".py", ".tex"):
            made = [any(Path(path).name == name + kind for path in files) for files in runs]
            assert sum(made) >= 3


def test_no_place_is_in_a_file():
    """Neither the checkout nor the user's directory, and lines end as they do everywhere."""
    from derive.ops import shipped
    from derive.pipeline import rendered

    operation = shipped()["dense"][0]
    for output in rendered(operation, "dense").outputs:
        assert str(ROOT) not in output.text and str(Path.home()) not in output.text
        assert "\r" not in output.text and output.text.endswith("\n")
        assert not output.path.is_absolute()
