"""What a text says is the same in every layout, and another one after every other change."""

import subprocess
import sys

import black
import pytest

from derive.output.content import content

PROGRAM = '''"""Says what it does.

    y = x
"""

import numpy as np

_LIMIT = 1e-05


class Sizes(tuple):
    """Extents."""

    N: int


def forward(x, weight, absent=()):
    """One line."""
    # y[n] = x[n]·weight[n]    (y.1)
    total = x[0] + weight[0] * (x[1] - weight[1]) + x[2] * weight[2] + x[3] * weight[3]
    if total > _LIMIT and "weight" not in absent:
        for first, last in ((0, 1), (1, 2)):
            total += np.add(x[first:last], weight[first:last], out=x[first:last])[0]  # in place
    return {"y": total, "text": f"{total!r:>10} # no comment"}, (x, weight)
'''


def of(text: str) -> str:
    return content(text, "#")


@pytest.mark.parametrize(
    "mode",
    [
        black.Mode(line_length=40),
        black.Mode(line_length=200, magic_trailing_comma=False),
        black.Mode(line_length=79, string_normalization=False, preview=True),
        black.Mode(line_length=60, is_pyi=True),
    ],
    ids=["narrow", "wide", "preview", "stub"],
)
def test_black_changes_no_content(mode):
    laid_out = black.format_str(PROGRAM, mode=mode)
    assert laid_out != PROGRAM
    assert of(laid_out) == of(PROGRAM)


@pytest.mark.parametrize("width", ["40", "79", "200"])
def test_ruff_changes_no_content(width, tmp_path):
    command = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", width]
    command += ["--config", 'format.quote-style="single"', "-"]
    done = subprocess.run(command, input=PROGRAM, capture_output=True, text=True, check=True)
    assert done.stdout != PROGRAM
    assert of(done.stdout) == of(PROGRAM)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" * (x[1] - weight[1])", " * x[1] - weight[1]"),
        ("((0, 1), (1, 2))", "((0, 1), (1, 3))"),
        ("1e-05", "1e-06"),
        ('"weight" not', '"weights" not'),
        ('"weight" not', 'b"weight" not'),
        ("# no comment", "#  no comment"),
        ("(y.1)", "(y.2)"),
        ("  # in place", ""),
        ("One line", "One  word"),
        ("y = x", "y = z"),
        ("Extents", "extents"),
        ("    N: int", "    N: int = 0"),
        ("    return", "        return"),
        ("absent=()", "absent=((),)"),
        ("import numpy as np", "import numpy as np  # noqa"),
        ('"y": total', '"y": (total,)'),
        ("", "# at the top\n"),
    ],
)
def test_every_other_change_is_one(old, new):
    assert of(PROGRAM.replace(old, new, 1)) != of(PROGRAM)


def test_a_comment_that_moves_to_another_statement_is_a_change():
    assert of("# a\nx = 1\ny = 2\n") != of("x = 1\n# a\ny = 2\n")


@pytest.mark.parametrize("text", ["x = (", "x\n  y", "\0", "(" * 500, "é = "])
def test_what_is_no_program_says_what_it_says_to_the_letter(text):
    assert of(text) == text
    assert of(text + " ") != of(text)


TABLE = """\\section*{A}
\\begin{align*}
x &= a + b \\\\
\\end{align*}

Some words, \\% and R\\&D.
"""


def test_latex_is_its_words_and_paragraphs():
    indented = TABLE.replace("x &= a", "    x      &= a").replace("Some words,", "Some\n  words,")
    assert content(indented, "%") == content(TABLE, "%")
    assert content(TABLE.replace("\n\n", "\n\n\n \n"), "%") == content(TABLE, "%")
    for old, new in [("a + b", "a - b"), ("\n\n", "\n"), ("words", "wor ds"), ("R\\&D", "R\\& D"),
                     ("Some", "% Some")]:  # fmt: skip
        assert content(TABLE.replace(old, new), "%") != content(TABLE, "%")


def test_the_content_of_a_program_is_written_down_once_and_for_all():
    """Headers hold its hash: it must be the same with every version of Python."""
    text = 'def f(a=None, *, b: int = -1):\n    """Do  it."""\n    return f"{a!r}" or b\n# end\n'
    written = (
        "(Module body (FunctionDef name 'f' args (arguments args (arg arg 'a' ) kwonlyargs "
        "(arg arg 'b' annotation (Name id 'int' ctx (Load ) ) ) kw_defaults (UnaryOp op (USub ) "
        "operand (Constant value 1 ) ) defaults (Constant ) ) body 'Do it.' (Return value (BoolOp "
        "op (Or ) values (JoinedStr values (FormattedValue value (Name id 'a' ctx (Load ) ) "
        "conversion 114 ) ) (Name id 'b' ctx (Load ) ) ) ) ) ) #2 end"
    )
    assert " ".join(of(text).split()) == written
