"""A folder of pages: what derive wrote it may replace, and nothing that a person wrote."""

from pathlib import Path, PurePosixPath

import pytest

from derive.errors import FileError
from derive.output import files, site
from derive.output.files import Output

FIRST = {"index.html": "all", "a/x.html": "x"}


def put(root: Path, texts: dict[str, str]) -> list[str]:
    """Write a site; what was left alone."""
    outputs = [Output(PurePosixPath(path), text) for path, text in texts.items()]
    left = site.write(site.plan(outputs, root), root)
    return [change.path.relative_to(root).as_posix() for change in left]


def held(root: Path) -> dict[str, str]:
    return {
        path.relative_to(root).as_posix(): path.read_text()
        for path in root.rglob("*")
        if path.is_file() and path.name != ".gallery"
    }


def test_a_site_is_written_and_replaced(tmp_path):
    root = tmp_path / "site"
    assert put(root, FIRST) == []
    assert held(root) == FIRST
    after = {"index.html": "other", "b/y.html": "y"}
    assert put(root, after) == []
    assert held(root) == after  # the page of no operation is gone


def test_nothing_is_written_twice(tmp_path):
    put(tmp_path, FIRST)
    outputs = [Output(PurePosixPath(path), text) for path, text in FIRST.items()]
    assert {change.status for change in site.plan(outputs, tmp_path)} == {"unchanged"}


def test_a_folder_with_other_things_in_it_is_refused(tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    with pytest.raises(FileError, match="is not empty, and no gallery"):
        put(tmp_path, FIRST)
    assert held(tmp_path) == {"thesis.txt": "mine"}


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / "site").write_text("mine")
    with pytest.raises(FileError, match="is not a directory"):
        site.check(tmp_path / "site")


def test_what_a_person_changed_or_put_there_is_left_alone(tmp_path):
    put(tmp_path, FIRST)
    (tmp_path / "a" / "x.html").write_text("changed by hand")
    (tmp_path / "new.html").write_text("put there")
    (tmp_path / "notes.txt").write_text("put there")
    after = {"index.html": "other", "a/x.html": "x", "new.html": "new"}
    assert put(tmp_path, after) == ["a/x.html", "new.html"]
    kept = {"a/x.html": "changed by hand", "new.html": "put there", "notes.txt": "put there"}
    assert held(tmp_path) == {"index.html": "other", **kept}
    assert put(tmp_path, {"index.html": "last"}) == ["a/x.html"]  # nor is it removed
    assert held(tmp_path) == {"index.html": "last", **kept}


def test_an_interruption_leaves_no_file_that_is_not_known(tmp_path, monkeypatch):
    put(tmp_path, FIRST)
    written = []

    def interrupted(path, text):
        if path.name == "x.html":
            raise KeyboardInterrupt
        written.append(path.name)
        return write(path, text)

    write = files.replace_file
    monkeypatch.setattr(files, "replace_file", interrupted)
    after = {"index.html": "other", "a/x.html": "other"}
    with pytest.raises(KeyboardInterrupt):
        put(tmp_path, after)
    assert written == ["index.html"]
    monkeypatch.undo()
    assert put(tmp_path, after) == []
    assert held(tmp_path) == after


def test_no_link_is_followed(tmp_path):
    root, mine = tmp_path / "site", tmp_path / "mine.html"
    put(root, FIRST)
    mine.write_text("mine")
    (root / "index.html").unlink()
    (root / "index.html").symlink_to(mine)
    assert put(root, {**FIRST, "index.html": "other"}) == ["index.html"]
    assert mine.read_text() == "mine"
