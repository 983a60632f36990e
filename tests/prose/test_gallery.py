"""The index of the site: every operation, by family, and nothing that is not escaped."""

from dataclasses import replace

from derive.ops import shipped
from derive.pipeline import site_files
from derive.prose.gallery import index
from tests.markup import checked_page, said


def test_every_operation_is_found_from_the_index():
    files = {str(output.path): output.text for output in site_files(shipped())}
    root = checked_page(files["operations.html"])
    places = [a.get("href") for a in root.findall(".//li/a")]
    assert places == [f"{f}/{o.name}.html" for f, members in shipped().items() for o in members]
    assert set(files) == {"operations.html", "derive.css", "OFL.txt"}
    assert "SIL OPEN FONT LICENSE" in files["OFL.txt"]


def test_words_of_an_operation_are_text():
    members = {"own_family": [replace(shipped()["dense"][0], summary="<b>&</b>", aliases=("a",))]}
    root = checked_page(index(members))
    assert "<b>&</b> Also: a." in said(root.find(".//li"))
    assert said(root.find(".//h2")) == "Own family"
