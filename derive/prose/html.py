"""The derivation as a page for a browser: by itself, in a notebook, or within a site.

    Document  →  views that know their places  →  templates/html

All text in it is escaped, the mathematics is MathML, and nothing is loaded from elsewhere.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

from derive.prose.document import (
    Block,
    Case,
    Chapter,
    Document,
    Section,
    StepView,
    document,
)
from derive.prose.listing import Line, lines_of
from derive.prose.mathml import MathML
from derive.prose.mathml_boxes import unparted
from derive.prose.pictures import svg
from derive.prose.typeset import Notation
from derive.templating import asset, environment, template_source

_FONTS = {
    "Derive Math": ("stix-two-math.woff2", "normal"),
    "Derive Italic": ("stix-two-text-italic.woff2", "italic"),
}
_LABEL = re.compile(r"[^\s()]+\.\d+")  # of a step that a module can cite


@dataclass(frozen=True)
class Shown:
    """A step, where on the page it is, in which line of the module, and what it stands for."""

    step: StepView
    place: str = ""
    line: int = 0
    parts: tuple[Shown, ...] = ()


@dataclass(frozen=True)
class Derived:
    """A section or a block with its steps."""

    view: Section | Block
    steps: tuple[Shown, ...]


@dataclass(frozen=True)
class Placed:
    """A chapter whose steps have places."""

    view: Chapter
    sections: tuple[Derived, ...]
    blocks: tuple[Derived, ...]


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
    whole, chapters = _views(cases, all_steps, lines, notation)
    template = environment().get_template("html/page.html.j2")
    page = template.render(
        document=whole, chapters=chapters, module=lines, site=site, svg=svg,
        style="" if site else stylesheet(),
    )  # fmt: skip
    return unparted(page)


def fragment(cases: Sequence[Case]) -> str:
    """What a notebook shows of a derivation; fonts are the browser's own."""
    whole, chapters = _views(cases, False, ())
    template = environment().get_template("html/fragment.html.j2")
    style = template_source("html/formulas.css")
    page = template.render(document=whole, chapters=chapters, style=style, svg=svg)
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


def _views(
    cases: Sequence[Case],
    all_steps: bool,
    lines: Sequence[Line],
    notation: Notation = Notation.bar,
) -> tuple[Document, tuple[Placed, ...]]:
    short = document(cases, MathML, all_steps, notation)
    every = short if all_steps else document(cases, MathML, True, notation)
    first = {line.label: line.number for line in reversed(lines) if line.label}
    chapters = []
    for view, full in zip(short.chapters, every.chapters, strict=True):
        chapters.append(
            Placed(
                view,
                _derived(view.sections, full.sections, first),
                _derived(view.blocks, full.blocks, first),
            )
        )
    return short, tuple(chapters)


def _derived(
    short: Sequence[Section] | Sequence[Block],
    every: Sequence[Section] | Sequence[Block],
    lines: dict[str, int],
) -> tuple[Derived, ...]:
    found = []
    for view, full in zip(short, every, strict=True):
        steps, rest = [], list(full.steps)
        for step in view.steps:
            run = []
            while rest and (not run or run[-1].label != step.label):
                run.append(rest.pop(0))
            parts = [Shown(s, _place(s.label) * (s is not run[-1])) for s in run]
            line = lines.get(step.label, 0)
            steps.append(Shown(step, _place(step.label), line, tuple(parts) * (len(parts) > 1)))
        found.append(Derived(view, tuple(steps)))
    return tuple(found)


def _place(label: str) -> str:
    """Where links find a step, if it has a label that says which it is."""
    return label if _LABEL.fullmatch(label) else ""
