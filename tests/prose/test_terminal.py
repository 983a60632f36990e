"""What `derive show` prints: the plain case first, in lines that fit a terminal."""

import pytest

from derive.errors import DefinitionError
from derive.ops import shipped
from derive.pipeline import show
from derive.prose.text_lines import filled

SHIPPED = {o.name: o for operations in shipped().values() for o in operations}


def lines(name: str, *arguments, **more) -> list[str]:
    return show(SHIPPED[name], "text", *arguments, **more).splitlines()


@pytest.mark.parametrize("name", SHIPPED)
def test_no_line_is_wider_than_a_terminal(name):
    assert [line for line in lines(name, all_steps=True) if len(line) > 80] == []


def test_the_textbook_line_comes_first():
    text = lines("correlate2d")
    first = "    x_bar[n,c,h,w] = Σ_{k,u,v} y_bar[n, k, h − u, w − v]·weight[k,c,u,v]"
    assert text.index(first) < text.index("The general case")


def test_one_case_has_no_heading_and_the_labels_that_modules_cite():
    text = "\n".join(lines("linear"))
    assert "The plain case" in text or "weight_bar.4  partial derivatives" in text
    assert "The general case" not in "\n".join(lines("softmax"))


def test_options_may_be_chosen():
    text = "\n".join(lines("correlate1d", {"stride": 2, "padding": 1}))
    assert "Here stride = 2, padding = 1, dilation = 1 and groups = 1." in text
    assert "x[n, c, 2·q + v − 1]" in text
    with pytest.raises(DefinitionError, match="neither an option nor a spare input"):
        lines("correlate1d", {"strid": 2})


def test_all_steps_are_those_of_the_trace():
    short, whole = lines("linear"), lines("linear", all_steps=True)
    assert any("linearity" in line for line in whole)
    assert not any("linearity" in line for line in short)
    assert len(short) < len(whole)


@pytest.mark.parametrize(
    ("formula", "cut"),
    [
        (
            "y[n] = a[n] + b[n, k]·c[k]",
            ["  y[n] =", "      a[n]", "      + b[n, k]", "      ·c[k]"],
        ),
        ("y = f(a + b, c) + d", ["  y = f(a + b, c)", "      + d"]),
        ("y = f(a + b) + d", ["  y = f(a + b) + d"]),
    ],
)
def test_a_formula_is_cut_at_its_loosest_place(formula, cut):
    assert filled(formula, 18, "  ") == cut
