"""The derivation as a LaTeX document that compiles by itself.

    Derivation  →  Document  →  templates/latex/derivation.tex.j2

All mathematics is also understood by KaTeX: no packages but amsmath, no macros of our own.
"""

from __future__ import annotations

from collections.abc import Sequence

from derive.calculus.derivation import Derivation
from derive.prose.document import Case, document, used_names
from derive.prose.latex_formula import Latex
from derive.prose.names import setting_names
from derive.templating import environment


def render_latex(cases: Sequence[Case], all_steps: bool = False) -> str:
    """A standalone document, without the header of generated files."""
    template = environment().get_template("latex/derivation.tex.j2")
    return template.render(document=document(cases, printer_of, all_steps))


def printer_of(derivation: Derivation) -> Latex:
    """A printer that knows the derivation's symbols."""
    settings = setting_names(derivation.operation.options, used_names(derivation))
    bars = {bar: tensor for tensor, bar in derivation.cotangent.items()}
    order, axes, written = derivation.order, derivation.axes, derivation.written
    return Latex(order, axes, written, settings, bars, derivation.rows)
