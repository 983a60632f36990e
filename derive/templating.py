"""One loader for all templates, in a checkout and in an installed wheel alike."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined


def _folder() -> Path:
    package = Path(__file__).resolve().parent
    inside = package / "templates"
    return inside if inside.is_dir() else package.parent / "templates"


@cache
def environment() -> Environment:
    """Templates place text; an undefined name is an error."""
    return Environment(
        loader=FileSystemLoader(_folder()),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )


def template_names() -> tuple[str, ...]:
    """All templates, in order; what else lies in their folders (``__pycache__``) is none."""
    return tuple(environment().list_templates(extensions=("j2", "py")))


def template_source(name: str) -> str:
    """The text of a template as it stands in its file."""
    loader = environment().loader
    assert loader is not None
    return loader.get_source(environment(), name)[0]


def asset(name: str) -> bytes:
    """What is beside the templates and is no text: a font."""
    return (_folder() / name).read_bytes()
