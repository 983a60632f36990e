"""Formulas for browsers: the elements that browsers know, and pieces that fit a narrow screen."""

import xml.etree.ElementTree as ET

import pytest
import sympy
from sympy import Abs, Eq, Piecewise, Sum, exp, floor, log

from derive.language import axes, option, sizes, tensor
from derive.language.scalars import gelu_tanh, sigmoid
from derive.prose.mathml import MathML
from derive.prose.mathml_boxes import boxed, filled, unparted, width
from derive.prose.names import Name, named, setting_names
from derive.prose.typeset import BREAK, Row, joined
from tests.markup import checked_mathematics

N, C, H = sizes("N C H")
n, c, h = axes("n c h", N, C, H)
x, y = tensor("x", N, C, H), tensor("weight_ih", N, C)


def parsed(markup: str) -> ET.Element:
    return checked_mathematics(ET.fromstring(f"<div>{markup}</div>"))


def printed(expression) -> str:
    return MathML().expression(expression)


def text(markup: str) -> str:
    return "".join(parsed(f"<math>{joined(markup)}</math>").itertext())


@pytest.mark.parametrize(
    ("name", "markup"),
    [
        ("x", "<mi>x</mi>"),
        ("weight", '<mi class="word">weight</mi>'),
        ("weight_hh", '<msub><mi class="word">weight</mi><mi>hh</mi></msub>'),
        ("output_gate", '<mi class="word">output\u00a0gate</mi>'),
        ("x_i", '<msub><mi>x</mi><mi mathvariant="normal">i</mi></msub>'),
        ("alpha", "<mi>α</mi>"),
        ("eps", "<mi>ε</mi>"),
        ("h0", "<msub><mi>h</mi><mn>0</mn></msub>"),
        ("n''", "<mi>n</mi><mo>′′</mo>"),
    ],
)
def test_names(name, markup):
    assert MathML().name(named(name)) == markup


def test_a_bar_reaches_over_a_word_and_not_over_the_subscript_of_a_letter():
    letter = parsed(MathML().name(named("h0_bar")))[0]
    assert [child.tag for child in letter] == ["mover", "mn"]
    word = parsed(MathML().name(named("weight_ih_bar")))[0]
    assert (word.tag, word.get("class"), word[0].tag) == ("mover", "bar", "msub")


def test_options_stand_upright_with_axis_and_side():
    padding = option("padding", 0, over=("h",), sides=True)
    low, high = setting_names((padding,), {"p", "P"}).values()
    assert low == Name("pad", "h", "−", upright=True)
    assert MathML().name(high) == (
        '<msubsup><mi>pad</mi><mi mathvariant="normal">h</mi><mo>+</mo></msubsup>'
    )


@pytest.mark.parametrize(
    ("expression", "read"),
    [
        (x[n, c, h + 1], "x[n,c,h+1]"),
        (x[n, c, h] ** 2, "x[n,c,h]2"),
        (-x[n, c, h], "−x[n,c,h]"),
        (x[n, c, h] - y[n, c], "x[n,c,h]−weightih[n,c]"),
        (sigmoid(x[n, c, h]), "σ(x[n,c,h])"),
        (gelu_tanh(y[n, c]), "gelutanh(weightih[n,c])"),
        (Abs(y[n, c]), "|weightih[n,c]|"),
        (floor(H / 2), "⌊H2⌋"),
        (sympy.pi, "π"),
        (-sympy.oo, "−∞"),
        (sympy.Rational(1, 1000), "0.001"),
        (-(sympy.Integer(10) ** 30), "−1030"),
        (3 * sympy.Integer(10) ** 9, "3·109"),
        (1 / H, "1H"),
        (sympy.sqrt(H + 1), "H+1"),
        (log(1 + exp(H)), "log(exp(H)+1)"),
    ],
)
def test_expressions(expression, read):
    assert text(printed(expression)).replace("\u2009", "") == read


def test_an_exponent_stands_at_the_bracket_and_what_it_closes_can_still_be_broken():
    markup = printed((x[n, c, h] + y[n, c]) ** 2)
    assert BREAK in markup
    assert markup.endswith("<mn>2</mn></msup>")
    assert parsed(joined(markup))[-1].tag == "msup"


def test_cases_stand_side_by_side_where_they_are_short_and_stacked_where_not():
    def table(value):
        return parsed(printed(Piecewise((value, h > 0), (0, True)))).find(".//mtable")

    short, long = table(x[n, c, h]), table(x[n, c, h] * x[n, c, 0] * y[n, c])
    assert {len(row) for row in short} == {2}
    assert {len(row) for row in long} == {1}


def test_conditions_stand_below_the_indices_of_a_sum():
    markup = MathML().total(["<mi>n</mi>"], ["<mn>0</mn><mo>≤</mo><mi>n</mi>"], "sum")
    assert [row[0][0].text for row in parsed(markup).find(".//mtable")] == ["n", "0"]


def test_sums_and_products_are_cut_into_boxes_that_nest():
    long = printed(Sum(x[n, c, h] * y[n, c], h) + y[n, c] * (x[n, c, 0] + x[n, c, 1]))
    outer = parsed(boxed(long))
    assert [box.get("class") for box in outer] == ["box", "box"]
    inner = [box.get("class") for box in outer[1]]
    assert inner == ["box", "box factor"]  # the first factor goes on with a dot
    assert "".join(outer.itertext()) == text(long)


def test_what_is_short_is_not_cut():
    assert boxed(printed(x[n, c, h] + 1)).count("<math") == 1


def test_nothing_short_stands_alone_before_a_cut():
    markup = printed(1 - x[n, c, h] * y[n, c] * x[n, c, 0])
    assert width(parsed_first(boxed(markup))) > 4


def parsed_first(markup: str) -> str:
    return "".join(parsed(markup).find(".//math").itertext())


def test_lines_are_filled():
    markup = BREAK.join(["<mi>a</mi>"] * 10)
    assert [width(line) for line in filled(markup, 4)] == [4, 4, 2]


def test_text_is_escaped_wherever_it_stands():
    printer = MathML()
    hostile = "<script>alert('&')</script>"
    for markup in (
        printer.plain(hostile),
        printer.words(hostile),
        printer.name(Name(hostile)),
        printer.name(Name(hostile, hostile, upright=True)),
        printer.phrase((hostile, x, hostile)),
    ):
        assert "<script" not in markup
        assert hostile in "".join(parsed(joined(markup)).itertext()).replace("\u00a0", " ")


def test_no_line_begins_with_a_comma_or_ends_in_a_bracket():
    markup = unparted(MathML().phrase(("from (", x, ", ", y, ") on")))
    maths = ["".join(math.itertext()) for math in parsed(markup).iter("math")]
    assert maths == ["(x,", "weightih)"]
    assert "".join(parsed(markup).itertext()) == "from (x, weightih) on"


def test_a_display_says_on_which_side_of_its_sign_what_stands():
    printer = MathML()
    row = Row(*("<mi>y</mi>", "=", "<mi>x</mi>"), "only where", ("<mi>a</mi>", "<mi>b</mi>"))
    left, right, where = parsed(printer.display([row])[0])[0]
    assert ["".join(part.itertext()) for part in (left, right, where)] == [
        "y=", "x", "only where a, b",
    ]  # fmt: skip


def test_conditions():
    assert text(MathML().condition(Eq(n, 0) & (h > 1))) == "n=0\u00a0and\u00a0h>1"


def test_the_sign_of_a_derivative():
    """Partial, total, and partial with the states before held fixed."""
    read = {s: text(MathML().derivative(s, "<mi>h</mi>", "<mi>w</mi>")) for s in ("∂", "d", "∂⁺")}
    assert read == {"∂": "∂h∂w", "d": "dhdw", "∂⁺": "∂+h∂w"}
