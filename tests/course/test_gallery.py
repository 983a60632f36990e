"""The command that writes the course beside the pages of operations."""

import derive.cli
from derive.course import FOLDER, OPERATIONS
from derive.course.page import course
from derive.ops import find


def test_the_gallery_begins_with_the_course(tmp_path, monkeypatch):
    family, operation = find("relu")
    target = derive.cli._Target(operation, folder=family)
    monkeypatch.setattr(derive.cli, "_select", lambda names: [target])
    out = tmp_path / "site"
    derive.cli.gallery(out)
    found = {str(p.relative_to(out)) for p in out.rglob("*") if p.is_file()}
    assert found == {
        "index.html", "operations.html", "derive.css", "OFL.txt", ".gallery",
        f"{family}/relu.html", *(f"{FOLDER}/{o.name}.html" for o in OPERATIONS),
    }  # fmt: skip
    assert (out / "index.html").read_text(encoding="utf-8") == course()
