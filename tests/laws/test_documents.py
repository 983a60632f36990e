"""What holds for every document of a shipped operation, as a reader gets it.

To make a document takes long, so all that is asked of one is asked at once.
"""

from __future__ import annotations

import re
from functools import cache

import pytest

from derive.language import Operation
from derive.prose.latex_formula import Latex
from derive.prose.legend import printer_of
from derive.prose.text import Text
from tests.documents import OPERATIONS, derived, latex


def promises_what_follows(operation: Operation) -> None:
    """Everything that is looked for has a section, and everything given is used."""
    found = derived(operation)
    (sentence,) = re.findall(r"^Given (.*), we look for (.*)\.$", latex(operation), re.MULTILINE)
    given, wanted = (re.findall(r"\$[^$]*\$", part) for part in sentence)
    printer = printer_of(Latex, found)
    sections = [f"${printer.tensor(bar)}$" for bar in found.gradients]
    assert wanted
    assert set(wanted) <= set(sections)
    gradients = latex(operation).partition(r"parthead{Gradients}")[2].partition(sentence[1])[2]
    assert all(name.strip("$") in gradients for name in given)


SAID = {
    "summed only": r"\sum_",
    "the largest of those": r"\max_",
    "the first largest of those": r"\operatorname*{argmax}_",
}


def says_of_conditions_what_the_formula_does(operation: Operation) -> None:
    """Only a sum is summed; a maximum is the largest, and its argument the first of these."""
    displays = re.findall(r"\\begin\{align\*\}\n(.*?)\\end\{align\*\}", latex(operation), re.DOTALL)
    for display in displays:
        equation = ""
        for line in display.splitlines():
            words = re.search(r"\\text\{([^}]*) where \}", line)
            if words is None:
                equation = line if re.search(r"& (=|\\mathrel\{\+\}=) ", line) else equation + line
                continue
            right = re.split(r"& (?:=|\\mathrel\{\+\}=) ", equation)[-1]
            if words[1] == "only":  # what is summed inside is summed everywhere
                assert not right.lstrip("-").startswith(tuple(SAID.values())), equation
            else:
                assert SAID[words[1]] in right, equation


def has_no_index_in_a_name(operation: Operation) -> None:
    """A letter below a symbol is upright, for it belongs to the name: indices stand in brackets,
    and below the sign of a sum, of a product or of a maximum. Below what is said with matrices and
    columns they stand, and in pictures."""
    text = latex(operation)
    columns = (r"\\begin\{pmatrix\}", "align*")
    for begin, end in (("tikzpicture", "tikzpicture"), ("With matrices", "align*"), columns):
        begin = rf"\\begin\{{{begin}\}}" if begin == end else begin
        text = re.sub(rf"{begin}.*?\\end\{{{re.escape(end)}\}}", "", text, flags=re.DOTALL)
    below = re.findall(r"(\S{0,9})_\{([a-zA-Z]'*)\}", text)
    signs = (r"\sum", r"\prod", r"\max", "argmax}")
    assert all(sign.endswith(signs) for sign, _ in below), below


@cache
def formulas(operation: Operation) -> str:
    """All that is said in formulas, one in a line, whatever a document leaves out or breaks."""
    found = derived(operation)
    printer = Text(found.order, found.axes, found.written, found.rows)
    said = [printer.defined(e) for e in found.definition]
    said += [printer.statements([s]) for s in found.forward]
    for step in found.steps:
        said += [printer.relation(sign, left, right)
                 for left, sign, right in printer.equations(step.shown, step.deltas)]  # fmt: skip
        said += [printer.phrase(step.because), printer.phrase(step.reading)]
    return "\n".join(said)


WORDS = {"floor", "ceil", "min", "max", "mod", "row"}  # a row that is read by its number alone


def names_no_index_but_those_of_the_legend(operation: Operation) -> None:
    """A prime apart; and sizes, settings, integers that are read, and names of rows."""
    found = derived(operation)
    known = {part.strip() for key in found.operation.legend for part in key.split(",")}
    known |= {s.name for s in found.operation.sizes} | {t.name for t in found.order}
    known |= {s.name for o in found.operation.options for s in o.settings}
    known |= {word for names in found.operation.rows.values() for word in names} | WORDS
    known |= {t.name for s in found.forward for t in (a.tensor for a in s.entries)}
    for place in re.findall(
        r"(?:[A-Za-z]\w*|δ)(?=(\[[^δ∂Σ]*))|[_Σ]\{([^}:]*)", formulas(operation)
    ):
        inside = _bracketed(place[0]) if place[0] else place[1]
        for name in re.findall(r"(?<![\w.])[A-Za-z_]\w*", inside):
            assert name in known, (name, inside)


def _bracketed(rest: str) -> str:
    """What stands in the bracket that a text begins with."""
    depth = 0
    for place, character in enumerate(rest):
        depth += (character == "[") - (character == "]")
        if depth == 0:
            return rest[1:place]
    return rest


def reads_nothing_out_of_range(operation: Operation) -> None:
    """A row before the beginning is that of a state; a row has a number below their count."""
    found = derived(operation)
    tensors = {t.name: t for t in (*found.order, *found.cotangent.values())}
    for name, inside in re.findall(r"(\w+)\[([^\[\]]*)\]", formulas(operation)):
        tensor = tensors.get(name)
        if tensor is None:
            continue
        for number, first, extent in zip(
            inside.split(","), tensor.offset, tensor.shape, strict=False
        ):
            if re.fullmatch(r"−?\d+", number.strip()):
                row = int(number.strip().replace("−", "-"))
                assert row >= first, (name, inside)
                assert not extent.is_Integer or row < first + extent, (name, inside)


def decides_every_condition(operation: Operation) -> None:
    """Two numbers are not compared: whether that holds is known."""
    sums = re.findall(
        r"_\{[^}:]*: ([^}]*)\}|(?:[ ({]|^)\[([^\[\]]*[≤≥<=|∤][^\]]*)\]", formulas(operation)
    )
    for conditions in sums:
        for condition in "".join(conditions).split(", "):
            if re.search("[≤≥<=|∤]", condition):
                assert re.search("[A-Za-z]", condition), condition


LAWS = (
    names_no_index_but_those_of_the_legend,
    reads_nothing_out_of_range,
    decides_every_condition,
    promises_what_follows,
    says_of_conditions_what_the_formula_does,
    has_no_index_in_a_name,
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_document(operation):
    for law in LAWS:
        law(operation)


BROKEN = {
    "x_bar[n,q] = y_bar[n,q]": names_no_index_but_those_of_the_legend,
    "x_bar[n,i] = Σ_{q} y_bar[n,o]": names_no_index_but_those_of_the_legend,
    "x_bar[n,i] = y_bar[n, o + q]·δ[i, o]": names_no_index_but_those_of_the_legend,
    "y[n,o] = x[−1,i]": reads_nothing_out_of_range,
    "y[n,o] = [0 ≥ 1]·x[n,i]": decides_every_condition,
    "y[n,o] = Σ_{i: 0 ≤ 1 < 2} x[n,i]": decides_every_condition,
    "y[n,o] = Σ_{i: n ≥ 1, 2 | 4} x[n,i]": decides_every_condition,
}


@pytest.mark.parametrize("formula", BROKEN)
def test_what_breaks_a_law_is_noticed(formula, monkeypatch):
    (linear,) = (o for o in OPERATIONS if o.name == "linear")
    monkeypatch.setitem(globals(), "formulas", lambda operation: formula)
    with pytest.raises(AssertionError):
        BROKEN[formula](linear)
