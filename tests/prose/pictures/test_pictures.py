"""Which pictures there are, that names decide nothing, and what the printers write."""

import re
import shutil
import subprocess
import sys
from dataclasses import replace
from xml.etree import ElementTree

import pytest
from sympy import Eq, Sum

from derive.calculus.lift import to_system
from derive.language import Operation, axes, option, parameter, sizes, tensor
from derive.ops import shipped
from derive.pipeline import illustrate
from derive.prose.pictures import pictures, svg, tikz
from derive.prose.pictures.grammar import Cell, Picture
from derive.prose.pictures.inline import MARKS, Inline
from derive.verification.example import worked
from tests.prose.pictures.copies import Copy, renamed

OPERATIONS = {o.name: o for family in shipped().values() for o in family}
DRAWN = (
    "correlate1d", "correlate2d", "convolve1d", "conv_transpose2d", "max_pool2d", "avg_pool2d",
    "global_max_pool1d", "rnn", "lstm", "gru", "rnn_bidirectional",
)  # fmt: skip


def of(name: str, **said) -> tuple[Picture, ...]:
    operation = OPERATIONS[name]
    return pictures(to_system(operation), operation.options, said=said)


def kinds(found: tuple[Picture, ...]) -> list[str]:
    return [picture.kind for picture in found]


@pytest.mark.parametrize(
    "name, expected",
    [
        ("correlate1d", ["window", "matrix"]),
        ("correlate2d", ["window", "matrix"]),
        ("conv_transpose1d", ["window", "matrix"]),
        ("signal_convolve", ["window", "matrix"]),
        ("lp_pool1d", ["window"]),  # no sum of weighted entries
        ("max_pool2d", ["window", "winner"]),
        ("adaptive_max_pool1d", ["window", "winner"]),
        ("global_max_pool2d", ["winner"]),
        ("softmax", []),  # no gradient flows through its maximum
        ("linear", []),
        ("embedding", []),
        ("rnn", ["recurrence"]),
        ("lstm", ["recurrence"]),
        ("gru_bidirectional", ["recurrence"]),
        ("rnn_cell", []),  # one step alone
    ],
)
def test_kinds(name, expected):
    assert kinds(of(name)) == expected


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_shipped_operation_has_pictures_that_print_or_none(name):
    for picture in of(name):
        root = ElementTree.fromstring(svg(picture))
        title, description = root[0], root[1]
        assert title.text and description.text
        assert root.get("role") == "img"
        assert root.get("aria-labelledby") == f"{title.get('id')} {description.get('id')}"
        assert not any(mark in svg(picture) + tikz(picture) for mark in MARKS)
        assert tikz(picture).startswith(r"\begin{tikzpicture}")


def look(picture: Picture, names=lambda text: text) -> list[tuple]:
    """Everything that is drawn, in no order, with the texts as they print."""
    printer = Inline(picture.order)
    found = []
    for item in picture.items:
        fields = {key: value for key, value in vars(item).items() if key not in ("label", "text")}
        text = names(printer.phrase(getattr(item, "label", getattr(item, "text", ()))))
        found.append((type(item).__name__, *map(str, fields.values()), text))
    return sorted(found)


def unworded(found: list[tuple]) -> list[tuple]:
    """Texts without the words of the pictures, which a translation of names garbles, and without
    the order of a letter and other indices, which is that of the axes."""

    def ordered(subscript: re.Match) -> str:
        parts = subscript[0].split(",")
        return ",".join(sorted(parts, key=lambda p: (not re.search("[a-zA-Z]", p), p)))

    return sorted(
        (*item[:-1], re.sub("(?<=\ue000)[^\ue002]*", ordered, re.sub("[A-Za-z]{2,}", "", item[-1])))
        for item in found
    )


@pytest.mark.parametrize("name", DRAWN)
def test_a_renamed_copy_with_other_axes_has_the_same_pictures(name):
    operation = OPERATIONS[name]
    copy = Copy(to_system(operation)).system
    originals, copies = of(name), pictures(copy, operation.options)
    assert kinds(originals) == kinds(copies) != []
    for one, other in zip(originals, copies, strict=True):
        assert (one.width, one.height) == (other.width, other.height)
        assert unworded(look(one)) == unworded(look(other, renamed))


def test_a_definition_of_ones_own():
    """A causal filter, its step an option: nothing of the kind is shipped."""
    N, T, U = sizes("N T U")
    n, t, u = axes("n t u", N, T, U)
    pace = option("pace", 1, minimum=1)
    x, weight = tensor("x", N, T, outside=0), parameter("weight", U)
    y = tensor("y", N, T)
    causal = Operation(
        "causal", "A causal filter.", (x, weight), (y,),
        (Eq(y[n, t], Sum(weight[u] * x[n, t - pace.settings[0] * u], u)),), options=(pace,),
    )  # fmt: skip
    window, matrix = pictures(to_system(causal), causal.options)
    texts = [item[-1] for item in look(window)]
    assert (window.kind, matrix.kind) == ("window", "matrix")
    assert sum(text == "0" for text in texts) > 0, "zeros before its beginning are drawn"
    plain = [re.sub(f"[{''.join(MARKS)}]", "", text) for text in texts]
    # The first output sees one entry; the gradient reads the future.
    assert "y0 = w0\u2009x0" in plain
    assert "x0 = w0\u2009y0 +\u00a0w1\u2009y1 +\u00a0w2\u2009y2" in plain


def test_frames_of_a_sum():
    """{0.5, 0.5, 0.5} convolved with {3, 2, 1}: one frame for each of five sums."""
    found = illustrate(OPERATIONS["signal_convolve"])
    assert illustrate(worked(OPERATIONS["signal_convolve"])) == found
    (frames,) = (p for p in found if p.kind == "frames")
    texts = [re.sub(f"[{''.join(MARKS)}\u2009\u00a0]", "", item[-1]) for item in look(frames)]
    sums = sorted(text.replace(" ", "") for text in texts if text.startswith("y") and "=" in text)
    assert sums == [
        "y0=0·1+0·2+0.5·3=1.5",
        "y1=0·1+0.5·2+0.5·3=2.5",
        "y2=0.5·1+0.5·2+0.5·3=3",
        "y3=0.5·1+0.5·2+0·3=1.5",
        "y4=0.5·1+0·2+0·3=0.5",
    ]


def test_no_frames_of_a_sum_that_is_not_all():
    """Two channels add to one output: neither is the whole."""
    operation = OPERATIONS["correlate1d"]
    both = {"x": [[[1, 2, 3], [4, 5, 6]]], "weight": [[[1, 2], [3, 4]]]}
    assert "frames" in kinds(illustrate(operation))
    assert "frames" not in kinds(illustrate(replace(operation, example=both)))


def test_padding_stride_and_dilation_are_seen():
    (plain, *_), (padded, *_) = of("correlate2d"), of("correlate2d", padding=1)
    dashed = [i for i in padded.items if isinstance(i, Cell) and i.line == "dashed"]
    assert dashed and not any(isinstance(i, Cell) and i.line == "dashed" for i in plain.items)
    for said in ({"stride": 2}, {"dilation": 2}):
        assert look(of("correlate1d", **said)[0]) != look(of("correlate1d")[0])


def test_bytes_are_the_same_in_another_process():
    code = (
        "from derive.calculus.lift import to_system\n"
        "from derive.ops.recurrent import OPERATIONS\n"
        "from derive.prose.pictures import pictures, svg, tikz\n"
        "system = to_system(OPERATIONS[0])\n"
        "for p in pictures(system): print(svg(p) + tikz(p))\n"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", code], capture_output=True, check=True, text=True,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": ":".join(p for p in sys.path if p)},
        ).stdout
        for seed in ("1", "2")
    ]  # fmt: skip
    assert runs[0] == runs[1] and "<svg" in runs[0]


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="pdflatex is not installed")
def test_tikz_compiles(tmp_path):
    body = "\n\n".join(tikz(p) for name in DRAWN for p in of(name))
    text = (
        "\\documentclass{article}\n\\usepackage[a4paper,margin=2cm]{geometry}\n"
        f"\\usepackage{{amsmath,tikz}}\n\\begin{{document}}\n{body}\n\\end{{document}}\n"
    )
    (tmp_path / "pictures.tex").write_text(text, encoding="utf-8")
    done = subprocess.run(
        ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "pictures.tex"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout[-2000:]
    assert "Missing character" not in done.stdout
    wide = [float(w) for w in re.findall(r"Overfull \\hbox \(([\d.]+)pt", done.stdout)]
    assert max(wide, default=0) <= 25, "indentation of a paragraph, and no more"


def test_words_for_those_who_do_not_see_it():
    """Alternative text says what is drawn: the sums, the winners, the lines."""
    texts = {
        name: " ".join(ElementTree.fromstring(svg(p))[1].text.replace("\n", " ") for p in of(name))
        for name in ("correlate1d", "max_pool1d", "rnn")
    }
    assert "y 1 = w 0 x 1 + w 1 x 2 + w 2 x 3" in texts["correlate1d"]
    assert "x bar 2 = w 2 y bar 0 + w 1 y bar 1 + w 0 y bar 2" in texts["correlate1d"]
    assert "x 1 is 7 and receives 1." in texts["max_pool1d"]
    assert "h bar t−1 += a bar t weight hh" in texts["rnn"]
