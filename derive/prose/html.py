"""The derivation as a page for a browser: by itself, in a notebook, or within a site.

    Document  →  templates/html

All text in it is escaped, the mathematics is MathML, and nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from functools import cache

from derive.prose.document import Case, document
from derive.prose.listing import lines_of
from derive.prose.mathml import MathML
from derive.prose.mathml_boxes import unparted
from derive.prose.pictures import svg
from derive.prose.sections import Depth
from derive.prose.typeset import Notation
from derive.templating import asset, environment, template_source

_FONTS = {
    "Derive Math": ("stix-two-math.woff2", "normal"),
    "Derive Italic": ("stix-two-text-italic.woff2", "italic"),
}
_LABEL = re.compile(r"[^\s()]+\.\d+")  # of a step that a module can cite


def render_html(
    cases: Sequence[Case],
    all_steps: bool = False,
    notation: Notation = Notation.bar,
    *,
    module: str = "",
    site: str = "",
) -> str:
    """A page of its own, which needs no other file.

    Parameters
    ----------
    cases : sequence of Case
        The cases of one operation, the most general one last.
    all_steps : bool, optional
        Whether bookkeeping steps stand by themselves, and not in what can be unfolded.
    notation : Notation, optional
        How cotangents are written.
    module : str, optional
        The generated module, whose lines and steps are linked to each other.
    site : str, optional
        Where the site is that the page belongs to, relative to it; its stylesheet is used.
    """
    lines = lines_of(module)
    first = {line.label: line.number for line in reversed(lines) if line.label}
    template = environment().get_template("html/page.html.j2")
    page = template.render(
        document=document(cases, MathML, Depth(all_steps, parts=not all_steps), notation),
        lines_at=first, module=lines, site=site, svg=svg, place=_place,
        style="" if site else stylesheet(),
    )  # fmt: skip
    return unparted(page)


def fragment(cases: Sequence[Case]) -> str:
    """What a notebook shows of a derivation; fonts are the browser's own."""
    template = environment().get_template("html/fragment.html.j2")
    page = template.render(
        document=document(cases, MathML, Depth(parts=True)),
        lines_at={}, svg=svg, place=_place, style=template_source("html/formulas.css"),
    )  # fmt: skip
    return unparted(page)


def equations(lines: Sequence[str]) -> str:
    """What a notebook shows of equations."""
    template = environment().get_template("html/equations.html.j2")
    return template.render(lines=lines, style=template_source("html/formulas.css"))


@cache
def stylesheet() -> str:
    """Everything that pages look like, fonts included."""
    faces = [
        f'@font-face {{ font-family: "{name}"; font-style: {style}; '
        f"src: url(data:font/woff2;base64,{b64encode(asset(f'html/fonts/{file}')).decode()}); }}\n"
        for name, (file, style) in _FONTS.items()
    ]
    styles = [template_source(f"html/{name}.css") for name in ("page", "formulas")]
    return "".join((*faces, *styles))


def _place(label: str) -> str:
    """Where links find a step, if it has a label that says which it is."""
    return label if _LABEL.fullmatch(label) else ""
