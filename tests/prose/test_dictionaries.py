"""Pages in the words of a lecture: what holds for every dictionary that ships, and exact lines."""

import re
import shutil
import subprocess
import xml.etree.ElementTree as ET

import pytest
from sympy import Eq, Sum, tanh

from derive.calculus.plain import plain, renamed
from derive.errors import DefinitionError
from derive.language import Dictionary, Operation, axes, parameter, sizes, state, tensor
from derive.ops import shipped
from derive.pipeline import derived, show
from derive.prose.document import Case
from derive.prose.html import render_html
from derive.prose.latex import render_latex
from derive.prose.terminal import render_text
from tests.markup import checked_page

SHIPPED = {o.name: o for operations in shipped().values() for o in operations}
PAIRS = [(name, word) for name, o in SHIPPED.items() for word in o.dictionaries]
WORDS = {word: name for name, word in reversed(PAIRS)}  # the first operation that has it
KINDS = {"text": render_text, "latex": render_latex, "html": render_html}


def spoken(operation: Operation, word: str) -> Operation:
    dictionary = operation.dictionary(word)
    return renamed(operation, dictionary.names, dictionary.time)


def compiled(text: str, folder) -> None:
    (folder / "d.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


# What holds for all of them ------------------------------------------------------------------


def test_some_ship():
    assert set(WORDS) == {"uwv", "ifgo", "rzg"}


@pytest.mark.parametrize(("name", "word"), PAIRS)
def test_a_dictionary_names_what_there_is_and_calls_no_two_things_alike(name, word):
    operation, dictionary = SHIPPED[name], SHIPPED[name].dictionary(word)
    things = {t.name for t in operation.tensors} | {a.name for a in operation.axes}
    assert dictionary.names.keys() <= things | {r for rows in operation.rows.values() for r in rows}
    found = spoken(operation, word)
    new = [t.name for t in found.tensors] + [a.name for a in found.axes]
    assert len(new) == len(set(new)) == len(things)
    assert {dictionary.names.get(thing, thing) for thing in things} == set(new)


@pytest.mark.parametrize(("name", "word"), PAIRS)
def test_a_page_in_its_words_is_whole_in_every_format(name, word):
    operation = plain(spoken(SHIPPED[name], word))
    case = Case(derived(operation))
    text, latex, html = (render([case], True) for render in KINDS.values())
    assert [line for line in text.splitlines() if len(line) > 80] == []
    gone = SHIPPED[name].dictionary(word).names.keys() - {t.name for t in operation.tensors}
    gone = {old for old in gone if not old.isalpha()}  # the others are words of the language, too
    assert not gone & set(re.findall(r"\w+", text))
    assert not re.search(r"\^\{[^{}]*\}\^", latex)  # TeX refuses what has two things above it
    checked_page(html)
    if not name.endswith("_cell"):  # which has no time
        assert "⟨t⟩" in text and r"^{\langle t\rangle}" in latex and "⟩</mo></mrow></msup>" in html
        assert not re.search(r"[a-z]\[t[],' ]", text)


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
@pytest.mark.parametrize("notation", ["bar", "partial", "delta"])
@pytest.mark.parametrize("word", WORDS)
def test_its_paper_compiles(word, notation, tmp_path):
    compiled(show(SHIPPED[WORDS[word]], "latex", notation=notation, dictionary=word), tmp_path)


# Exact lines ---------------------------------------------------------------------------------

LINES = """
    s⟨−1⟩[n,j] = 0
    s⟨t⟩[n,j] = tanh(Σ_{i} U[j,i]·x⟨t⟩[n,i] + Σ_{k} W[j,k]·s⟨t − 1⟩[n,k]
        + b_U[j] + b_W[j])
    s_n[n,j] = s⟨T − 1⟩[n,j]
    s_bar⟨t' − 1⟩[n',k'] = Σ_{t,n,j} a_bar⟨t⟩[n,j]·∂a⟨t⟩[n,j]/∂s⟨t' − 1⟩[n',k']
  │ s_bar⟨t⟩[n,k] = Σ_{j} a_bar⟨t + 1⟩[n,j]·W[j,k] + y_bar⟨t⟩[n,k]
    s_bar⟨t⟩ = a_bar⟨t + 1⟩ W + y_bar⟨t⟩ + [t = T − 1]·s_n_bar
    a_bar⟨t⟩ = s_bar⟨t⟩ ⊙ (1 − s⟨t⟩ ⊙ s⟨t⟩)
    W_bar = Σ_{t} (a_bar⟨t⟩)ᵀ s⟨t − 1⟩
    J⟨t⟩ = ds⟨t⟩/ds⟨t − 1⟩
    dL/ds⟨t⟩ = ∂L⟨t⟩/∂s⟨t⟩ + dL/ds⟨t + 1⟩·J⟨t + 1⟩
    ds⟨t⟩/ds⟨t'⟩ = Π_{t' < r ≤ t} J⟨r⟩ = J⟨t⟩·J⟨t − 1⟩·⋯·J⟨t' + 1⟩
    ‖ds⟨t⟩/ds⟨t'⟩‖ ≤ ‖W‖^(t − t')
    s_n[n,j] = s⟨lengths[n] − 1⟩[n,j]
"""


def test_the_lines_of_a_simple_network_in_a_terminal():
    text = show(SHIPPED["rnn"], "text", dictionary="uwv").splitlines()
    assert [line for line in LINES.strip("\n").splitlines() if line not in text] == []


@pytest.mark.parametrize(
    ("notation", "line"),
    [
        ("bar", r"s^{\langle t\rangle}[n, j] & = \tanh\Bigl(\sum_{i}\,U[j, i]\,x^{\langle"),
        ("bar", r"\bar{s}^{\langle t' - 1\rangle}[n', k'] & ="),
        ("bar", r"\bar{\mathbf{W}} & = \sum_{t}\,{(\bar{\mathbf{a}}^{\langle t\rangle})}^{\top}"),
        ("bar", r"\frac{\mathrm{d}L}{\mathrm{d}s^{\langle t\rangle}} & ="),
        ("partial", r"\frac{\partial L}{\partial s^{\langle t\rangle}[n, k]} & ="),
        ("delta", r"\delta_{\mathrm{s}}^{\langle t\rangle}[n, k] & ="),
    ],
)
def test_the_lines_of_a_simple_network_on_paper(notation, line):
    assert line in show(SHIPPED["rnn"], "latex", notation=notation, dictionary="uwv")


def test_the_lines_of_a_simple_network_in_a_browser():
    page = show(SHIPPED["rnn"], "html", dictionary="uwv")
    step = '<mrow><mo stretchy="false">⟨</mo><mi>t</mi><mo stretchy="false">⟩</mo></mrow>'
    assert f"<msup><mi>s</mi>{step}</msup>" in page
    bar = '<mover accent="true"><mi>s</mi><mo stretchy="false">¯</mo></mover>'
    assert f"<msup><mrow>{bar}</mrow>{step}</msup>" in page
    assert "weight" not in page.partition("</style>")[2].replace("past every weight", "")


def test_rows_go_by_the_letters_of_the_lecture():
    text = show(SHIPPED["lstm"], "text", dictionary="ifgo")
    assert "    f⟨t⟩[n,j] = sigmoid(a⟨t⟩[n,f,j])\n" in text
    assert "gate i (input),\nf (forget), g (cell), o (output)." in text
    assert "    a_bar⟨t⟩[f] = c_bar⟨t⟩ ⊙ c⟨t − 1⟩ ⊙ f⟨t⟩ ⊙ (1 − f⟨t⟩)\n" in text


def test_names_in_notes_follow():
    page = show(SHIPPED["rnn_relu"], "html", dictionary="uwv")
    assert "With W the identity and biases 0 at first" in page


def test_pictures_follow():
    page = show(SHIPPED["rnn"], "html", dictionary="uwv")
    drawing = ET.fromstring(re.findall(r"<svg.*?</svg>", page, re.DOTALL)[0])
    labels = {"".join(text.itertext()) for text in drawing.iter() if text.tag.endswith("text")}
    assert {"s⟨0⟩", "x⟨2⟩", "y⟨1⟩"} <= labels


# What decides ---------------------------------------------------------------------------------

Q, D = sizes("Q D")
q, d = axes("q d", Q, D)
z, total, kernel = tensor("z", D, Q), state("total", Q), parameter("kernel", D)
counted = Operation(
    name="counted",
    summary="Let something grow.",
    inputs=(z, kernel),
    outputs=(y := tensor("y", Q),),
    equations=(
        Eq(total[-1], 0),
        Eq(total[q], tanh(total[q - 1] ** 2 + Sum(kernel[d] * z[d, q], d))),
        Eq(y[q], total[q]),
    ),
    legend={"q": "round", "d": "feature"},
    dictionaries={"lecture": Dictionary({"q": "r", "total": "S"}, time="superscript")},
)


def test_time_is_what_a_recurrence_runs_over_whatever_it_is_called_and_wherever_it_stands():
    text = show(counted, "text", dictionary="lecture")
    assert "S⟨r⟩ = tanh((S⟨r − 1⟩)² + Σ_{d} kernel[d]·z⟨r⟩[d])" in text
    assert "kernel_bar[d] = Σ_{r} a_bar⟨r⟩·z⟨r⟩[d]" in text
    assert r"(S^{\langle r - 1\rangle})^{2}" in show(counted, "latex", dictionary="lecture")


def test_what_has_no_recurrence_has_no_time():
    assert "⟨" not in show(SHIPPED["rnn_cell"], "text", dictionary="uwv")


def test_names_one_by_one_come_before_those_of_a_dictionary():
    text = show(SHIPPED["rnn"], "text", names={"weight_ih": "V", "j": "u"}, dictionary="uwv")
    assert "V[u,i]·x⟨t⟩[n,i]" in text and "i input feature; u, k unit." in text


# What is refused ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("rnn", ["no dictionary that is called abc", "It has uwv."]),
        ("linear", ["no dictionary that is called abc", "It has none: say names one by one"]),
    ],
)
def test_an_unknown_dictionary_is_met_with_those_that_there_are(name, said):
    with pytest.raises(DefinitionError) as error:
        show(SHIPPED[name], "text", dictionary="abc")
    assert all(words in str(error.value) for words in said)


@pytest.mark.parametrize(
    ("dictionaries", "said"),
    [
        ({"one": Dictionary({"v": "w"})}, "no tensor, index or row that is called v"),
        ({"one": Dictionary({"z": "q"})}, "q would be the name of two things"),
        ({"one": {"z": "x"}}, "dictionaries is"),
        ({"1=2": Dictionary()}, "dictionaries is"),
        (("one",), "dictionaries is"),
    ],
)
def test_a_dictionary_has_to_fit_its_operation(dictionaries, said):
    with pytest.raises(DefinitionError, match=said):
        Operation("counted", "", counted.inputs, counted.outputs, counted.equations,
                  dictionaries=dictionaries)  # fmt: skip


@pytest.mark.parametrize(
    ("names", "time", "said"),
    [
        ({"h": 1}, "index", "a dictionary has the names"),
        (("h", "s"), "index", "a dictionary has the names"),
        ({}, "above", "'index' or 'superscript'"),
    ],
)
def test_a_dictionary_is_of_words(names, time, said):
    with pytest.raises(DefinitionError, match=said):
        Dictionary(names, time)


def test_an_operation_may_write_time_so_itself():
    with pytest.raises(DefinitionError, match="time is written as 'above'"):
        Operation("counted", "", counted.inputs, counted.outputs, counted.equations, time="above")
    own = Operation(
        "counted", "", counted.inputs, counted.outputs, counted.equations, time="superscript"
    )
    assert "y⟨q⟩ = total⟨q⟩" in show(own, "text")
