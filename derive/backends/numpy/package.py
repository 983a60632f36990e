"""The package around generated modules: ``from generated import correlate2d``."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from pathlib import PurePosixPath

import black

from derive.backends.numpy.docstrings import escaped
from derive.backends.numpy.module import MODE
from derive.language.operation import Operation
from derive.output.files import Output, with_header
from derive.templating import environment

Families = Mapping[str, tuple[Operation, ...]]


def index_file(families: Families) -> Output:
    """``__init__.py`` of the whole: every operation and alias, imported on first use."""
    places = []
    imported = []
    for family, operations in sorted(families.items()):
        imported.append((family, ", ".join(sorted(o.name for o in operations))))
        aliases = [(o.name, alias) for o in operations for alias in o.aliases]
        imported += [(family, f"{name} as {alias}") for name, alias in sorted(aliases)]
        places += [(o.name, family, o.name) for o in operations]
        places += [(alias, family, name) for name, alias in aliases]
    values = {"families": imported, "places": sorted(places)}
    return _file(PurePosixPath("__init__.py"), "numpy/index.py.j2", **values)


def typed_marker() -> Output:
    """``py.typed``: the annotations are for whoever uses the package (PEP 561)."""
    return _stamped(PurePosixPath("py.typed"), "")


def family_file(family: str, operations: tuple[Operation, ...]) -> Output:
    """``__init__.py`` of one family."""
    lines = [escaped(f"{operation.name}: {operation.summary}") for operation in operations]
    place = PurePosixPath(family) / "__init__.py"
    return _file(place, "numpy/family.py.j2", family=family, lines=lines)


def _file(path: PurePosixPath, template: str, **values: object) -> Output:
    text = environment().get_template(template).render(**values)
    return _stamped(path, black.format_str(text, mode=MODE))


def _stamped(path: PurePosixPath, body: str) -> Output:
    stamp = hashlib.sha256(body.encode()).hexdigest()[:16]
    return Output(path, with_header(body, "#", stamp, "derive build"))
