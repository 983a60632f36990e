"""What a notebook shows of an operation, an equation and a derivation."""

import xml.etree.ElementTree as ET

import pytest

from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import derivation
from derive.calculus.lift import equations_of, to_system
from derive.ops import find
from derive.prose.notebook import html, latex
from tests.markup import checked_mathematics, said

linear = find("linear")[1]
system = to_system(linear)
THINGS = (linear, equations_of(linear)[0], derivation(linear, system, adjoint(system)))


@pytest.mark.parametrize("thing", THINGS, ids=lambda thing: type(thing).__name__)
def test_mathematics_shows_itself(thing):
    root = checked_mathematics(ET.fromstring(thing._repr_html_()))
    assert "y[n,o]=" in said(root.find(".//div[@class='equation']"))
    assert said(root.find("style")).startswith("\n.derive {")
    paper = thing._repr_latex_()
    assert paper.startswith("$$\\begin{aligned}") and paper.endswith("\\end{aligned}$$")
    assert r"\sum" in paper


def test_a_derivation_shows_what_it_arrives_at():
    assert r"\bar{x}[" in THINGS[-1]._repr_latex_()
    assert "x_bar.4" in said(ET.fromstring(THINGS[-1]._repr_html_()))


@pytest.mark.parametrize("show", [html, latex])
def test_nothing_else_is_mathematics(show):
    with pytest.raises(TypeError, match="3 is no mathematics"):
        show(3)
