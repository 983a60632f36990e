"""Laws over the pages of all shipped operations: whole, in order, every link leads somewhere."""

import re

import pytest

from derive.pipeline import page
from tests.cases import SUBJECTS
from tests.markup import checked_page, said

# A label at the end of a comment, which may have been broken before it; lines begin with numbers.
CITED = re.compile(r"\((?:from(?:\n\d+\s*#)?\s+)?(\w+\.\d+)\)\s*$", re.MULTILINE)


# Pages take a second each; those of the others have the same printers.
@pytest.mark.parametrize("subject", SUBJECTS[::4], ids=str)
def test_a_page_is_whole(subject):
    (output,) = page(subject.operation, subject.family).outputs
    root = checked_page(output.text)
    assert said(root.find(".//h1")) == subject.operation.name
    assert "\x1f" not in output.text  # where a line may end is for the printer alone

    cited = set(CITED.findall(said(root.find(".//pre"))))
    steps = {place.get("id") for place in root.iter("a")}
    assert cited <= steps, "the module cites a step that the page does not show"
    linked = {a.get("href")[1:] for a in root.findall(".//pre//a")}
    assert linked == cited
