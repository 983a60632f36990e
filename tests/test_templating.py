"""Templates are found where a wheel puts them, and taken for what they are."""

import compileall
import os
import shutil
import subprocess
import sys
from pathlib import Path

import derive

ROOT = Path(derive.__file__).resolve().parent.parent
DEFINITION = """
from sympy import Eq
from derive import Operation, axes, relu, sizes, tensor

(N,) = sizes("N")
(n,) = axes("n", N)
x, y = tensor("x", N), tensor("y", N)
operation = Operation(
    name="rectified",
    summary="Rectify.",
    inputs=(x,),
    outputs=(y,),
    equations=(Eq(y[n], relu(x[n])),),
)
"""


def test_what_python_leaves_beside_templates_is_no_template(tmp_path):
    """As after ``pip install``, which compiles whatever ends in .py, and a look with an editor."""
    site, own = tmp_path / "site", tmp_path / "own.py"
    leave_out = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "derive", site / "derive", ignore=leave_out)
    shutil.copytree(ROOT / "templates", site / "derive" / "templates", ignore=leave_out)
    support = site / "derive" / "templates" / "numpy" / "support"
    assert compileall.compile_dir(support, quiet=1)
    assert list(support.glob("__pycache__/*.pyc"))
    (support / "._relu.py.swp").write_bytes(b"\xff\x00")
    own.write_text(DEFINITION, encoding="utf-8")
    command = [sys.executable, "-m", "derive", "build", str(own), "--out", "out"]
    done = subprocess.run(
        command, cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(site)}, capture_output=True,
        text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "def _relu(" in (tmp_path / "out" / "rectified.py").read_text()
