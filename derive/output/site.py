"""A folder of pages that is derive's own: what it wrote there, and nothing else, it may replace.

    This folder was made by derive gallery.
    <hash of a file> <path>

is what ``.gallery`` holds. A file whose hash is listed is as derive wrote it. While files are being
written, both the old and the new hash of each are listed, so that an interruption leaves no file
that nobody knows.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path, PurePosixPath

from derive.errors import FileError
from derive.output import files
from derive.output.files import Change, Output, Status
from derive.output.writing import replace_file

_NAME = ".gallery"
_MARKER = "This folder was made by derive gallery."

_Known = dict[str, set[str]]  # from paths to the hashes of what derive wrote there


def check(root: Path) -> None:
    """Refuse a directory in which there is anything before derive has written there.

    Raises
    ------
    FileError
        If it is no directory, or not empty and no gallery.
    """
    if root.exists() and not root.is_dir():
        raise FileError(f"{root} is not a directory.")
    if root.is_dir() and not _known(root) and any(root.iterdir()):
        raise FileError(f"{root} is not empty, and no gallery. Name another directory with --out.")


def plan(outputs: Sequence[Output], root: Path) -> list[Change]:
    """Compare pages with the files below a directory, and find those that none stands for any more.

    Raises
    ------
    FileError
        If the directory holds what derive did not write, or a file cannot be read.
    """
    check(root)
    known = _known(root)
    produced = {output.path: output.text for output in outputs}
    gone = (PurePosixPath(path) for path in known if PurePosixPath(path) not in produced)
    found = []
    for path, text in [*produced.items(), *((path, None) for path in gone)]:
        old = files.read(root / path)
        if old is None and text is None:
            continue
        ours = old is None or _hash(old) in known.get(str(path), ())
        found.append(Change(root / path, old, text, _status(root / path, old, text, ours)))
    return found


def write(changes: Sequence[Change], root: Path) -> list[Change]:
    """Bring a planned folder up to date; what somebody else wrote is left alone, and returned."""
    before = _known(root)
    wanted: _Known = {}
    for change in changes:
        if change.new is not None and not change.protected:
            wanted[change.path.relative_to(root).as_posix()] = {_hash(change.new)}
    _remember(root, _both(before, wanted))
    left_alone = files.write(changes)
    kept = {change.path.relative_to(root).as_posix() for change in left_alone}
    _remember(root, _both({path: before[path] for path in kept if path in before}, wanted))
    return left_alone


def _status(path: Path, old: str | None, new: str | None, ours: bool) -> Status:
    if old == new:
        return "unchanged"
    if not ours:
        return "linked" if path.is_symlink() else "edited"
    return "new" if old is None else "changed" if new is not None else "orphan"


def _both(some: _Known, others: _Known) -> _Known:
    return {path: some.get(path, set()) | others.get(path, set()) for path in {**some, **others}}


def _known(root: Path) -> _Known:
    known: _Known = {}
    marker, *lines = (files.read(root / _NAME) or "\n").splitlines()
    for line in lines if marker == _MARKER else ():
        digest, _, path = line.partition(" ")
        known.setdefault(path, set()).add(digest)
    return known


def _remember(root: Path, known: _Known) -> None:
    lines = sorted(f"{digest} {path}" for path, hashes in known.items() for digest in hashes)
    replace_file(root / _NAME, "\n".join((_MARKER, *lines)) + "\n")


def _hash(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
