"""The derivation as a LaTeX document that compiles by itself.

    Derivation  →  Document  →  templates/latex/derivation.tex.j2

All mathematics is also understood by KaTeX: no packages but amsmath, no macros of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.prose.document import Case, document
from derive.prose.latex_formula import Latex
from derive.prose.pictures import tikz
from derive.prose.sections import Depth
from derive.prose.typeset import Notation
from derive.templating import environment


def render_latex(
    cases: Sequence[Case], all_steps: bool = False, notation: Notation = Notation.bar
) -> str:
    """A standalone document, without the header of generated files."""
    template = environment().get_template("latex/derivation.tex.j2")
    return template.render(document=document(cases, Latex, Depth(all_steps), notation), tikz=tikz)
