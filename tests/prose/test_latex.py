"""The document: escaped, complete, within the page, the same bytes every time."""

import os
import re
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from sympy import Eq, Piecewise, Sum, tanh

from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import derivation
from derive.calculus.lift import to_system
from derive.language import Operation, axes, integers, option, parameter, sizes, tensor
from derive.ops.convolution import OPERATIONS
from derive.ops.dense import linear
from derive.ops.recurrent import OPERATIONS as NETWORKS
from derive.prose.document import Case
from derive.prose.latex import render_latex
from derive.prose.latex_formula import name_latex
from derive.prose.latex_lines import WIDTH, width, wrapped
from derive.prose.latex_text import escaped
from derive.prose.names import named, setting_names
from derive.prose.typeset import BREAK, joined

DOCUMENTS = sorted((Path(__file__).parents[2] / "generated").glob("*/*.tex"))
SHIPPED = {operation.name: operation for operation in (*OPERATIONS, linear)}
RECURRENT = {operation.name: operation for operation in NETWORKS}

T, R, D = sizes("T R D")
t, u, d = axes("t u d", T, T, D)
token = integers("token", T, below=R)
table, kernel = parameter("table", R, D), parameter("kernel", T)
y = tensor("y", T, D)
mixed = Sum(Piecewise((table[token[u], d] * kernel[t - u], u <= t), (0, True)), u)
nonlinear = Operation(
    name="nonlinear",
    summary="50% of {everything} & $more$, für Ångström: Σ ≥ \\input{x}",
    inputs=(table, kernel, token),
    outputs=(y,),
    equations=(Eq(y[t, d], tanh(mixed)),),
    legend={"t": "time_step #1", "u": "what came before ^ ~"},
    source='"Book" <1>, 文',
)


def document(operation: Operation) -> str:
    system = to_system(operation)
    return render_latex([Case(derivation(operation, system, adjoint(system)))], all_steps=True)


def mathematics(text: str) -> str:
    text = text[text.index(r"\parthead{Definition}") :]  # above stand the author's words
    displays = re.findall(r"\\\[(.*?)\\\]", text, re.DOTALL)
    return "\n".join(displays + re.findall(r"(?<!\\)\$(.*?)(?<!\\)\$", text))


@pytest.mark.parametrize(
    ("text", "latex"),
    [
        ("100% & #1_2", r"100\% \& \#1\_2"),
        ("{a} \\ ^ ~", r"\{a\} \textbackslash{} \textasciicircum{} \textasciitilde{}"),
        ("$x$", r"\$x\$"),
        ("für Ångström", r"f\"{u}r \AA{}ngstr\"{o}m"),
        ("Σ ≥ δ", r"$\Sigma$ $\ge$ $\delta$"),
        ("文", "[U+6587]"),
        ("a\x00b", "ab"),
        ('A "square", or "two"', "A ``square'', or ``two''"),
        ("it's ('one'), \"he's 'so'\"", "it's (`one'), ``he's `so'''"),
    ],
)
def test_words_are_escaped(text, latex):
    assert escaped(text) == latex


@pytest.mark.parametrize(
    ("name", "latex"),
    [
        ("x", "x"),
        ("weight", r"\mathit{weight}"),
        ("weight_hh", r"\mathit{weight}_{\mathrm{hh}}"),
        ("h_n", r"h_{\mathrm{n}}"),  # no entry of h at n
        ("output_gate", r"\mathit{output\ gate}"),  # no output
        ("weight_ih_l0", r"\mathit{weight}_{\mathrm{ih,l0}}"),
        ("alpha", r"\alpha"),
        ("h0", "h_{0}"),
        ("n''", "n''"),
        ("x_bar", r"\bar{x}"),
        ("weight_bar", r"\overline{\mathit{weight}}"),
    ],
)
def test_names(name, latex):
    assert name_latex(named(name)) == latex


def test_a_bar_reaches_over_a_word_and_not_over_the_subscript_of_a_letter():
    assert name_latex(named("h0_bar")) == r"\bar{h}_{0}"
    word = name_latex(named("input_gate_bar"))
    assert word == r"\overline{\mathit{input\ gate}}"


def letters(options, used):
    return [name_latex(name) for name in setting_names(options, used).values()]


def test_options_get_free_letters():
    stride = option("stride", 1, over=("h", "w"))
    padding = option("padding", 0, over=("h",), sides=True)
    assert letters((stride, padding), {"p", "P"}) == [
        r"s_{\mathrm{h}}", r"s_{\mathrm{w}}",
        r"\mathrm{pad}_{\mathrm{h}}^{-}", r"\mathrm{pad}_{\mathrm{h}}^{+}",
    ]  # fmt: skip
    both = option("no_bias", 0), option("no_mean", 0)
    assert letters(both, {"n", "N"}) == [r"\mathrm{no}", r"\mathrm{no\_mean}"]


def test_long_formulas_are_broken_and_stay_within_the_page():
    right = f",{BREAK} ".join(["x[n, g, c]"] * 40)
    rows = wrapped([("y[n]", "=", right)])[0]
    assert len(rows) > 3
    assert all(width(row) <= WIDTH + 1 for row in rows)
    assert joined(right).replace(" ", "") in "".join(rows).replace("&", "").replace(
        r"\quad", ""
    ).replace(" ", "")


def test_notes_stand_in_the_document():
    noted = replace(nonlinear, notes="At 0 it is 100% flat.\n\nElsewhere not.")
    assert "\nAt 0 it is 100\\% flat.\n\nElsewhere not.\n" in document(noted)


@pytest.mark.parametrize("operation", [*SHIPPED.values(), nonlinear], ids=str)
def test_documents_are_complete_and_plain(operation):
    text = document(operation)
    system = to_system(operation)
    for step in derivation(operation, system, adjoint(system)).steps:
        assert escaped(step.label) in text
        assert escaped(step.rule) in text
    assert text.isascii()
    assert BREAK not in text
    assert text.count("{") - text.count(r"\{") == text.count("}") - text.count(r"\}")
    assert text.count(r"\begin{align*}") == text.count(r"\end{align*}")


# Commands that both amsmath and KaTeX know.
KATEX = frozenset(
    re.findall(
        r"\w+",
        "begin end bar overline mathit mathrm frac partial sum max substack delta left right text "
        "lfloor rfloor lceil rceil cdot ldots quad qquad ge le ne mid not to times mathrel "
        "allowbreak tanh exp log phantom operatorname bigl bigr Bigl Bigr alpha beta",
    )
)


@pytest.mark.parametrize("operation", [*SHIPPED.values(), nonlinear], ids=str)
def test_mathematics_is_understood_by_katex(operation):
    used = set(re.findall(r"\\([a-zA-Z]+)", mathematics(document(operation))))
    assert used <= KATEX, used - KATEX


def test_the_rotated_kernel_is_spelled_out():
    text = document(SHIPPED["correlate2d"])
    assert "rotated by 180 degrees" in text
    assert r"s_{\mathrm{h}} \mid h + \mathrm{pad}_{\mathrm{h}}^{-} - d_{\mathrm{h}}\,u" in text
    assert "U - 1 - u, V - 1 - v" in text


def test_lines_end_before_a_sign_where_they_can():
    term = rf"a[t]\,{BREAK}b[t]\,{BREAK}c[t]\,{BREAK}d[t]\,{BREAK}e[t]"
    rows = wrapped([("y", "=", f" {BREAK}+ ".join([term] * 9))])[0]
    assert len(rows) > 1
    assert all(row.startswith(r"& \quad + a") for row in rows[1:])


def test_the_jacobian_of_a_step_has_a_section_of_its_own():
    text = document(RECURRENT["lstm"])
    assert text.count(r"\parthead{One step}") == 1
    assert r"\gradienthead{\texttt{c} by \texttt{h} one step before}" in text
    assert r"\frac{\mathrm{d}c[t, n, j]}{\mathrm{d}c[t - 1, n, j]} & = " in text
    assert "One step" not in document(SHIPPED["correlate1d"])


def test_the_same_bytes_whatever_the_hash_seed():
    program = (
        "import hashlib, tests.prose.test_latex as t;"
        "print(hashlib.sha256(''.join(t.document(o) for o in"
        " (t.SHIPPED['correlate2d'], t.SHIPPED['conv_transpose1d'], t.nonlinear))"
        ".encode()).hexdigest())"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("0", "1", "2")
    }  # fmt: skip
    assert len(found) == 1


def compiled(text: str, folder: Path) -> None:
    """What pdflatex makes of a document: a page that nothing runs off."""
    (folder / "d.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "d.tex"],
        cwd=folder, capture_output=True, text=True, errors="replace", check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Overfull" not in done.stdout


TEX = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")


@TEX
def test_a_document_of_strange_words_compiles(tmp_path):
    compiled(document(nonlinear), tmp_path)


@TEX
@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_it_compiles_and_nothing_runs_off_the_page(path, tmp_path):
    compiled(path.read_text(encoding="utf-8"), tmp_path)


# A number, a sign, a number: with nothing on either side that would make more of it.
DECIDED = re.compile(r"[\[{} ]-?\d+ (\\ge|\\le|\\ne|=|<|>|\\not\\mid) -?\d+[\],} \\]")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.stem)
def test_no_condition_is_printed_that_numbers_decide(path):
    """Neither 0 ≥ 1 nor s | 0: the term is not there, or the condition is not."""
    text = path.read_text(encoding="utf-8")
    text = text[text.index(r"\parthead{Gradients}") :]
    assert not DECIDED.search(text)
    assert r"\mid 0" not in text
