"""What shows itself in a notebook.

Operations and derivations know nothing of how they are printed, and what prints them imports both.
So it is looked up, and only when a notebook asks.
"""

from __future__ import annotations

from importlib import import_module


class Displayed:
    """Shown by notebooks as mathematics."""

    def _repr_html_(self) -> str:
        return import_module("derive.prose.notebook").html(self)

    def _repr_latex_(self) -> str:
        return import_module("derive.prose.notebook").latex(self)
