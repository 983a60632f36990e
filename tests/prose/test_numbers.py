"""Numbers as people write them, and tables of them."""

import pytest
from sympy import Float, Integer, Rational, nan, oo

from derive.calculus.array import Array
from derive.language import tensor
from derive.prose.latex_formula import Latex
from derive.prose.numbers import short, table_latex, table_text, tables
from derive.prose.text import Text


@pytest.mark.parametrize(
    "number, text",
    [
        (Integer(-3), "−3"), (Rational(1, 2), "0.5"), (Rational(1, 3), "1/3"),
        (Rational(-2, 3), "−2/3"), (Float("0.7310585", 40), "0.731"), (Integer(0), "0"),
        (Rational(1, 100000), "1e−5"), (Rational(355, 113000), "0.003"), (oo, "∞"),
        (-oo, "−∞"), (nan, "none"), (Float("-0.0000001"), "−1e−7"),
    ],
)  # fmt: skip
def test_short(number, text):
    assert short(number) == text


def test_tables():
    x, one, deep = tensor("x", 1, 2, 2), tensor("one"), tensor("deep", 2, 1, 2, 2)
    arrays = {
        x: Array((1, 2, 2), (1, -2, 30, Rational(1, 2))),
        one: Array((), (Integer(7),)),
        deep: Array((2, 1, 2, 2), tuple(map(Integer, range(8)))),
    }
    assert table_text(tables(arrays), Text()).splitlines() == [
        "x = [  1   −2 ]",
        "    [ 30  0.5 ]",
        "one = 7",
        "deep[0] = [ 0  1 ]",
        "          [ 2  3 ]",
        "deep[1] = [ 4  5 ]",
        "          [ 6  7 ]",
    ]
    latex = [table_latex(table, Latex()) for table in tables(arrays)]
    assert latex[0] == r"x = \begin{bmatrix} 1 & -2 \\ 30 & 0.5 \end{bmatrix}"
    assert latex[1] == r"\mathit{one} = 7"


def test_a_fraction_and_a_power_in_latex():
    x = tensor("x", 2)
    array = Array((2,), (Rational(-1, 3), Rational(1, 10**6)))
    (table,) = tables({x: array})
    text = table_latex(table, Latex())
    assert text == r"x = \begin{bmatrix} -\tfrac{1}{3} & 1 \cdot 10^{-6} \end{bmatrix}"


def test_the_first_row_of_a_state_is_at_minus_one():
    h = tensor("h", 2, 2, 2, offset=(-1, 0, 0))
    names = [Text().expression(t.name) for t in tables({h: Array((2, 2, 2), (0,) * 8)})]
    assert names == ["h[−1]", "h[0]"]
