"""The site of the shipped operations: an index by family, and what all pages share."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape

from derive.language.operation import Operation
from derive.prose.html import stylesheet
from derive.templating import environment, template_source


@dataclass(frozen=True)
class Entry:
    """An operation in the index."""

    name: str
    place: str
    summary: str
    aliases: str


@dataclass(frozen=True)
class Family:
    """The operations of one family."""

    title: str
    entries: tuple[Entry, ...]


def index(operations: Mapping[str, Sequence[Operation]]) -> str:
    """The page that all operations are found from, by family or by a word."""
    families = [
        Family(
            escape(family.replace("_", " ").capitalize()),
            tuple(
                Entry(
                    escape(operation.name),
                    f"{family}/{operation.name}.html",
                    escape(operation.summary),
                    escape(", ".join(operation.aliases)),
                )
                for operation in members
            ),
        )
        for family, members in operations.items()
    ]
    count = sum(len(family.entries) for family in families)
    script = template_source("html/search.js")
    template = environment().get_template("html/index.html.j2")
    return template.render(families=families, count=count, script=script)


def shared() -> dict[str, str]:
    """The files that every page needs, by their names: how pages look, and the fonts' licence."""
    return {"derive.css": stylesheet(), "OFL.txt": template_source("html/fonts/OFL.txt")}
