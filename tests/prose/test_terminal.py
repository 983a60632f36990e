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
    assert "The plain case" in text or "weight_bar.4, bias_bar.4  partial derivatives" in text
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


def test_cotangents_are_written_as_a_lecture_does():
    partial = "\n".join(lines("linear", notation="partial"))
    assert "∂L/∂x[n,i] = Σ_{o} ∂L/∂y[n,o]·weight[o,i]" in partial and "x_bar[" not in partial
    delta = "\n".join(lines("linear", notation="delta", all_steps=True))
    assert "δ_x[n,i] = Σ_{o} δ_y[n,o]·weight[o,i]" in delta
    assert "[n' = n]" in delta and "δ[" not in delta  # one sign, one meaning


@pytest.mark.parametrize(
    ("kind", "notation", "mark"),
    [
        ("latex", "bar", r"\bar{x}[n, i] & ="),
        ("latex", "partial", r"\frac{\partial L}{\partial x[n, i]} & ="),
        ("latex", "delta", r"\delta_{\mathrm{x}}[n, i] & ="),
        ("html", "partial", "<mi>L</mi>"),
        ("html", "delta", '<msub><mi>δ</mi><mi mathvariant="normal">x</mi></msub>'),
    ],
)
def test_every_format_has_every_notation(kind, notation, mark):
    assert mark in show(SHIPPED["linear"], kind, notation=notation)


def test_what_stop_means_is_said_where_it_stands():
    text = lines("softmax")
    place = text.index("    top[n] = stop(max_{c} x[n,c])")
    assert text[place + 1] == "      stop(…) counts as a constant when it is differentiated"
    assert "\n".join(text).count("counts as a constant") == 1
    assert r"& \quad\text{stop(\ldots{}) counts as" in show(SHIPPED["softmax"], "latex")


@pytest.mark.parametrize(
    ("kind", "root"),
    [("text", "1/√(var[n]"), ("latex", r"\sqrt{\mathit{var}[n"), ("html", "<msqrt>")],
)
def test_roots_are_drawn_in_every_format(kind, root):
    assert root in show(SHIPPED["layer_norm"], kind)


def test_tensors_go_by_the_names_of_a_lecture():
    text = "\n".join(lines("rnn", names={"weight_ih": "U", "weight_hh": "W", "h": "s"}))
    assert "s[t,n,j] = tanh(Σ_{i} U[j,i]·x[t,n,i] + Σ_{k} W[j,k]·s[t − 1, n, k]" in text
    assert "weight" not in text and "W_bar[j,k] = Σ_{t,n} a_bar[t,n,j]·s[t − 1, n, k]" in text
    with pytest.raises(DefinitionError, match="no tensor, index or row that is called weights"):
        lines("rnn", names={"weights": "U"})
    with pytest.raises(DefinitionError, match="name of two things"):
        lines("rnn", names={"weight_ih": "x"})
