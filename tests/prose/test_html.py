"""Pages: whole, escaped, linked within themselves, the same bytes every time."""

import os
import subprocess
import sys
from functools import cache

import pytest
from sympy import Eq

from derive.language import Operation, axis, option, sizes, tensor
from derive.ops import find
from derive.pipeline import page, show
from derive.prose.html import stylesheet
from derive.prose.listing import lines_of
from tests.markup import checked_page, said

(N,) = sizes("N")
n = axis("n", N)
x, y = tensor("x", N), tensor("y", N)
HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "&lt; &amp; ]]>",
    "{{ 7 }}",
)


@cache
def site_page(name: str) -> str:
    return page(find(name)[1], "family").outputs[0].text


def spoken(text: str) -> Operation:
    """An operation that says a text wherever one can be said."""
    rate = option("rate", 1, meaning=text)
    return Operation(
        name="spoken",
        summary=text,
        inputs=(x,),
        outputs=(y,),
        options=(rate,),
        equations=(Eq(y[n], x[n] * rate.settings[0]),),
        legend={"n": text, text: "key"},
        notes=text,
        source=text,
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_whatever_an_author_says_is_text(text):
    root = checked_page(show(spoken(text), "html"))
    assert said(root.find(".//main/p")) == text
    assert root.find("head/meta[@name='description']").get("content") == text
    assert not [*root.iter("script"), *root.iter("img")]
    assert said(root).count(text) >= 6


def test_a_page_of_its_own_holds_its_style_and_fonts():
    root = checked_page(show(find("linear")[1], "html"))
    style = said(root.find("head/style"))
    assert style.count("url(data:font/woff2;base64,") == 2 == style.count("url(")
    assert root.find("head/link") is None


def test_a_page_of_the_site_shares_them():
    root = checked_page(site_page("linear"))
    assert root.find("head/link").get("href") == "../derive.css"
    assert root.find("head/style") is None


def test_the_plain_case_stands_before_the_general_one():
    titles = [said(h) for h in checked_page(site_page("conv1d")).iter("h2")]
    assert titles == ["The plain case", "The general case", "Module"]


def test_a_step_unfolds_into_those_that_it_stands_for():
    root = checked_page(site_page("linear"))
    folded = root.find(".//a[@id='x_bar.4']/../..")
    parts = folded.findall("details/div/div")
    labels = [said(part.find("p//code")) for part in parts]
    assert labels[:3] == ["x_bar.2", "x_bar.3", "x_bar.4"]
    assert labels[3:5] == ["weight_bar.1", "weight_bar.2"]  # gradients that come about alike
    assert said(folded.find("details/summary")) == f"{len(parts)} steps in one"
    places = [part.find("p/a") for part in parts[:3]]
    assert [place is not None and place.get("id") for place in places] == [
        "x_bar.2", "x_bar.3", False,
    ]  # fmt: skip


def test_with_all_steps_nothing_is_folded():
    root = checked_page(show(find("linear")[1], "html", all_steps=True))
    assert not [fold for fold in root.iter("details") if "steps in one" in said(fold)]
    assert root.find(".//a[@id='x_bar.3']") is not None


def test_lines_of_the_module_and_steps_are_linked_both_ways():
    root = checked_page(site_page("linear"))
    step = root.find(".//a[@id='weight_bar.4']/..")
    places = [link.get("href")[1:] for link in step.findall("a[@class='soft']")]
    place = places[1]  # before it stands that of x_bar.4
    line = root.find(f".//span[@id='{place}']")
    assert "# weight_bar" in said(line)
    assert line.find("a").get("href") == "#weight_bar.4"


def test_the_module_is_shown_to_the_letter():
    root = checked_page(site_page("linear"))
    lines = [said(line).lstrip("0123456789") for line in root.findall(".//pre/code/span")]
    compile("\n".join(lines), "linear.py", "exec")
    assert any("def backward(" in line for line in lines)


def test_a_label_goes_for_its_comment_and_what_stands_below():
    module = "a = 1\n# c = d +\n#     e    (from c_bar.2)\nc = 3\n# f\nf = 4\n"
    labels = [line.label for line in lines_of(module)]
    assert labels == ["", "c_bar.2", "c_bar.2", "c_bar.2", "", ""]


def test_comments_that_follow_each_other_have_labels_of_their_own():
    module = "# a = b    (a_bar.4)\n# c = d +\n#     e    (from\n#     c_bar.2)\nc = b\n"
    labels = [line.label for line in lines_of(module)]
    assert labels == ["a_bar.4", *["c_bar.2"] * 4]


def test_a_label_ends_with_its_block():
    module = "def f():\n    if b:\n        # a = b    (a_bar.1)\n        a = b\n    return a\n"
    assert [line.number for line in lines_of(module) if line.label] == [3, 4]


def test_the_same_bytes_whatever_the_order_of_sets():
    code = (
        "from derive.ops import find; from derive.pipeline import page; import hashlib; "
        "text = page(find('conv1d')[1], 'f').outputs[0].text; "
        "print(hashlib.sha256(text.encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout
        for seed in ("1", "2")
    }  # fmt: skip
    assert len(found) == 1


def test_the_style_knows_the_dark_the_narrow_and_the_printed():
    for medium in ("prefers-color-scheme: dark", "max-width: 40rem", "@media print"):
        assert medium in stylesheet()
    assert "http" not in stylesheet()
