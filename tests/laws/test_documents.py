"""What holds for every document of a shipped operation, as a reader gets it.

To make a document takes long, so all that is asked of one is asked at once.
"""

from __future__ import annotations

import re

import pytest

from derive.language import Operation
from derive.prose.latex import printer_of
from tests.documents import OPERATIONS, derived, latex


def promises_what_follows(operation: Operation) -> None:
    """Everything that is looked for has a section, and everything given is used."""
    found = derived(operation)
    (sentence,) = re.findall(r"^Given (.*), we look for (.*)\.$", latex(operation), re.MULTILINE)
    given, wanted = (re.findall(r"\$[^$]*\$", part) for part in sentence)
    printer = printer_of(found)
    sections = [f"${printer.tensor(bar)}$" for bar in found.gradients]
    assert wanted
    assert set(wanted) <= set(sections)
    gradients = latex(operation).partition(r"\section*{Gradients}")[2].partition(sentence[1])[2]
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
            signs = [sign for sign in SAID.values() if sign in equation]
            assert signs == ([] if words[1] == "only" else [SAID[words[1]]]), equation


def has_no_index_in_a_name(operation: Operation) -> None:
    """A letter below a symbol is upright, for it belongs to the name: indices stand in brackets,
    and below the sign of a sum or of a maximum."""
    below = re.findall(r"(\S{0,9})_\{([a-zA-Z]'*)\}", latex(operation))
    assert all(sign.endswith((r"\sum", r"\max", "argmax}")) for sign, _ in below), below


LAWS = (
    promises_what_follows,
    says_of_conditions_what_the_formula_does,
    has_no_index_in_a_name,
)


@pytest.mark.parametrize("operation", OPERATIONS, ids=str)
def test_a_document(operation):
    for law in LAWS:
        law(operation)
