"""What has been written by which engine from which definitions, so that nothing is done twice.

    <hash of the engine>
    <hash of the engine and the shipped definitions>
    <hash of a file> <path>

is what ``.engine`` holds, beside the files of a folder. Nothing here imports SymPy: to see that
nothing has changed takes no second.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from functools import cache
from importlib.metadata import version
from pathlib import Path

from derive.output.files import Output
from derive.templating import template_names, template_source

_NAME = ".engine"
_PACKAGE = Path(__file__).resolve().parent.parent
_OPERATIONS = _PACKAGE / "ops"


@cache
def engine_hash(definitions: bool = False) -> str:
    """A hash of all that generated files depend on, with the shipped `definitions` or without."""
    sources = [p for p in _PACKAGE.rglob("*.py") if definitions or p.parent != _OPERATIONS]
    digest = hashlib.sha256()
    for path in sorted(sources):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode() + path.read_bytes())
    for name in template_names():
        digest.update(name.encode() + template_source(name).encode())
    for library in ("sympy", "jinja2", "black"):
        digest.update(version(library).encode())
    return digest.hexdigest()[:16]


def remember(root: Path, outputs: Iterable[Output]) -> None:
    """Note that these are all files of a folder, and which engine wrote them."""
    files = (f"{_hash(output.text.encode())} {output.path}" for output in outputs)
    lines = [engine_hash(), engine_hash(definitions=True), *files]
    (root / _NAME).write_text("\n".join(lines) + "\n", encoding="utf-8")


def forget_others(root: Path) -> None:
    """Forget what another engine wrote, now that this one wrote some of it."""
    if not wrote(root):
        (root / _NAME).unlink(missing_ok=True)


def wrote(root: Path) -> bool:
    """Whether this engine wrote all files of the folder, from whatever definitions."""
    return _lines(root)[:1] == [engine_hash()]


def unchanged(root: Path) -> int:
    """How many files of the folder are as this engine made them of the definitions that are; 0 if
    any is not."""
    lines = _lines(root)
    if lines[:2] != [engine_hash(), engine_hash(definitions=True)]:
        return 0
    files = lines[2:]
    told = (line.split(" ", 1) for line in files)
    same = all(_hash(_bytes(root / path)) == digest for digest, path in told)
    return len(files) if same else 0


def _lines(root: Path) -> list[str]:
    stamp = root / _NAME
    return stamp.read_text(encoding="utf-8").splitlines() if stamp.is_file() else []


def _bytes(path: Path) -> bytes:
    return path.read_bytes() if path.is_file() else b""


def _hash(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:16]
