"""Integer expressions print as Python that computes the same integer."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sympy import Abs, Expr, Integer, Max, Min, Mod, Rational, ceiling, floor, sin, sqrt

from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.text import expression_text
from derive.errors import DefinitionError
from derive.language import axis, option, sizes

H, W, U = sizes("H W U")
p = axis("p", H)
S = option("s", 1, minimum=1).settings[0]
few = settings(max_examples=150, deadline=None, derandomize=True)

number = st.integers(-4, 4).map(Integer)
symbol = st.sampled_from([H, W, U, p, S])
affine = st.lists(st.tuples(number, symbol), max_size=3).flatmap(
    lambda terms: number.map(lambda c: c + sum((a * b for a, b in terms), Integer(0)))
)


def larger(inner: st.SearchStrategy[Expr]) -> st.SearchStrategy[Expr]:
    positive = st.integers(1, 5).map(Integer) | st.just(S)
    pairs = st.tuples(inner, inner)
    return (
        st.tuples(inner, positive).map(lambda t: floor(t[0] / t[1]))
        | st.tuples(inner, positive).map(lambda t: ceiling(t[0] / t[1]))
        | st.tuples(inner, positive).map(lambda t: Mod(t[0], t[1]))
        | pairs.map(lambda t: Max(*t))
        | pairs.map(lambda t: Min(*t))
        | pairs.map(lambda t: t[0] + t[1])
        | pairs.map(lambda t: t[0] - t[1])
        | pairs.map(lambda t: t[0] * t[1])
        | inner.map(Abs)
    )


@few
@given(st.recursive(affine, larger, max_leaves=5), st.tuples(*[st.integers(0, 7)] * 4))
def test_the_printed_text_computes_what_sympy_computes(expression, values):
    """Floors, ceilings, remainders, maxima, negative numerators and all."""
    here = dict(zip((H, W, U, p), values, strict=True)) | {S: 1 + values[0]}
    text = expression_text(lower_integer(expression))
    found = eval(text, {}, {s.name: v for s, v in here.items()})
    expected = expression.xreplace({s: Integer(v) for s, v in here.items()})
    assert found == int(expected) and type(found) is int, text


@pytest.mark.parametrize(
    "expression, text",
    [
        (H - 1, "H - 1"),
        (-H + W, "W - H"),
        (-H, "-H"),
        (1 - H, "-H + 1"),
        (S * p + U - 2, "s * p + U - 2"),
        (floor((H + 2 * W - 1) / S) + 1, "(2 * W + H - 1) // s + 1"),
        (ceiling(H / 2), "-(-H // 2)"),
        (H * (W - 1), "H * (W - 1)"),
        (H / S, "H // s"),
        (H * Rational(1, 2), "H // 2"),
        (-3, "-3"),
    ],
)
def test_it_reads_as_people_write_it(expression, text):
    """Positive terms first, numbers last."""
    assert expression_text(lower_integer(expression)) == text


@few
@given(affine)
def test_no_number_stands_before_a_sum(expression):
    """``H - 1``, never ``-1 + H``."""
    text = expression_text(lower_integer(expression))
    assert " + " not in text or not text.split()[0].lstrip("-").isdigit() or "*" in text


@pytest.mark.parametrize("expression", [sqrt(H), sin(H), H**-2 + sqrt(2)])
def test_what_is_no_integer_is_refused(expression):
    """With words, not with wrong code."""
    with pytest.raises(DefinitionError, match="cannot be computed with integers"):
        lower_integer(expression)
