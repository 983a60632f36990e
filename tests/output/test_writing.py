"""A file becomes another one: whole, in its place, with its permissions, and without litter."""

import os
import signal
import stat
import subprocess
import sys
from pathlib import Path, PurePosixPath

import pytest

import derive
from derive.errors import FileError
from derive.output import files
from derive.output.files import Output, with_header
from derive.output.writing import replace_file, sweep

ROOT = Path(derive.__file__).resolve().parent.parent
posix = pytest.mark.skipif(os.name == "nt", reason="POSIX")


def listed(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))


def output(body: str) -> Output:
    return Output(PurePosixPath("a.py"), with_header(body, "#", "0" * 16, "derive build"))


def put(root: Path, body: str) -> None:
    assert files.write(files.plan([output(body)], root)) == []


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@posix
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664, 0o755, 0o444])
def test_a_file_keeps_its_permissions_and_is_never_less_private(tmp_path, monkeypatch, mode):
    path = tmp_path / "a.py"
    path.write_text("old")
    path.chmod(mode)
    seen = []
    monkeypatch.setattr(
        os, "fsync", lambda descriptor: seen.append(stat.S_IMODE(os.fstat(descriptor).st_mode))
    )
    old_mask = os.umask(0o027)
    try:
        replace_file(path, "new")
    finally:
        os.umask(old_mask)
    assert path.read_text() == "new"
    assert mode_of(path) == mode and seen == [mode]


@posix
def test_a_symbolic_link_stays_and_its_target_is_written(tmp_path):
    elsewhere, root = tmp_path / "elsewhere", tmp_path / "out"
    elsewhere.mkdir()
    root.mkdir()
    put(elsewhere, "x = 1\n")
    (root / "a.py").symlink_to(Path("..") / "elsewhere" / "a.py")
    put(root, "x = 2\n")
    assert (root / "a.py").is_symlink()
    assert (elsewhere / "a.py").read_text() == output("x = 2\n").text
    assert listed(elsewhere) == listed(root) == ["a.py"]


@posix
def test_a_link_to_nothing_is_filled_and_a_ring_of_links_is_an_error(tmp_path):
    (tmp_path / "a.py").symlink_to("b.py")
    put(tmp_path, "x = 1\n")
    assert (tmp_path / "a.py").is_symlink() and (tmp_path / "b.py").is_file()
    (tmp_path / "b.py").unlink()
    (tmp_path / "b.py").symlink_to("a.py")
    with pytest.raises(FileError, match=r"a\.py"):
        put(tmp_path, "x = 2\n")


KILLED = """
import os, signal, sys
from pathlib import Path
from derive.output import writing

os.fsync = lambda descriptor: os.kill(os.getpid(), signal.SIGKILL)
writing.replace_file(Path(sys.argv[1]), "new")
"""


@posix
def test_what_a_killed_writer_left_is_gone_after_the_next_write(tmp_path):
    """Also if that write finds nothing to do; and nothing of anybody else's goes."""
    put(tmp_path, "x = 1\n")
    others = [".a.py.swp", ".b.py.0123.tmp", ".a.py.mine.tmp", "a.py.0123.tmp"]
    for name in others:
        (tmp_path / name).write_text("")
    for body in ("x = 1\n", "x = 2\n"):
        done = subprocess.run(
            [sys.executable, "-c", KILLED, str(tmp_path / "a.py")],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        assert done.returncode == -signal.SIGKILL
        assert len(listed(tmp_path)) == len(others) + 2
        put(tmp_path, body)
        assert listed(tmp_path) == sorted([*others, "a.py"])
        assert (tmp_path / "a.py").read_text() == output(body).text


@posix
def test_a_writer_at_work_is_not_disturbed(tmp_path, monkeypatch):
    path, seen = tmp_path / "a.py", []

    def meanwhile(descriptor):
        sweep([path])
        seen.append(len(listed(tmp_path)))

    monkeypatch.setattr(os, "fsync", meanwhile)
    replace_file(path, "new")
    assert seen == [1] and path.read_text() == "new" and listed(tmp_path) == ["a.py"]


@posix
def test_many_writers_of_one_file_leave_one_of_their_texts(tmp_path):
    program = """
import sys
from pathlib import Path
from derive.output.writing import replace_file, sweep

for number in range(100):
    sweep([Path(sys.argv[1])])
    replace_file(Path(sys.argv[1]), sys.argv[2] * 10_000)
"""
    path = tmp_path / "a.py"
    writers = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(path), letter],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
        )
        for letter in "abc"
    ]
    assert [writer.wait(timeout=60) for writer in writers] == [0, 0, 0]
    assert path.read_text() in {letter * 10_000 for letter in "abc"}
    assert listed(tmp_path) == ["a.py"]
