"""A file on disk becomes another one: whole or not at all, in its place, with its permissions.

The new text goes to a file beside the old one, ``.NAME.….tmp``, which then takes its place. Who is
killed in between leaves that file behind, and the next write of the same file removes it. A writer
that is still at work is told by the lock on its file: the system takes it from those who die.
"""

import os
import re
import secrets
import stat
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import TextIO

try:
    import fcntl
except ImportError:  # on Windows, which removes and replaces no file that is open
    fcntl = None


def replace_file(path: Path, text: str) -> None:
    """Write a text as UTF-8 with line feeds; at any moment the file is the old one or the new one.

    Where the path is a symbolic link, the file that it points to is written. A file keeps its
    permissions; a new one has those of any new file.

    Raises
    ------
    OSError
        If the system refuses; the file is as it was.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    path = Path(os.path.realpath(path))
    mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else None
    file = _beside(path, mode)
    try:
        with file:
            if mode is not None:
                os.chmod(file.name, mode)  # the umask has no say in them
            file.write(text)
            file.flush()
            os.fsync(file.fileno())  # or a power cut could leave the new name on an empty file
            if fcntl:
                os.replace(file.name, path)  # while it is locked
        if not fcntl:
            os.replace(file.name, path)
    except BaseException:  # Ctrl-C above all
        Path(file.name).unlink(missing_ok=True)
        raise


def sweep(paths: Iterable[Path]) -> None:
    """Remove what was left behind by writers of these files that were killed."""
    known: dict[str, set[str]] = {}
    for path in paths:
        folder, name = os.path.split(os.path.realpath(path))
        known.setdefault(folder, set()).add(name)
    for folder, names in known.items():
        with suppress(OSError):
            for entry in os.listdir(folder):
                found = re.fullmatch(r"\.(.+)\.[0-9a-f]+\.tmp", entry)
                if found and found[1] in names:
                    _remove_unless_locked(os.path.join(folder, entry))


def _beside(path: Path, mode: int | None) -> TextIO:
    """A new file beside another one, locked, and from the first as private as that one is."""

    def opened(name: str, flags: int) -> int:
        return os.open(name, flags, 0o666 if mode is None else mode)

    while True:
        temporary = path.with_name(f".{path.name}.{secrets.token_hex(8)}.tmp")
        file = open(temporary, "x", encoding="utf-8", newline="\n", opener=opened)  # noqa: SIM115
        if fcntl:
            with suppress(OSError):  # a file system without locks: then nobody sweeps either
                fcntl.flock(file, fcntl.LOCK_EX)
        if os.fstat(file.fileno()).st_nlink:
            return file
        file.close()  # it was swept in the instant before it was locked


def _remove_unless_locked(name: str) -> None:
    with suppress(OSError):
        if fcntl:
            with open(name, "rb") as file:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                os.unlink(name)
        else:
            os.unlink(name)
