"""Modules written by hand as `derive` would write them, for checkers to accept, or reject."""

from pathlib import Path
from types import ModuleType


def load(name: str, old: str = "", new: str = "") -> ModuleType:
    """Import a private copy of a sample; with ``old``, a mutant that has ``new`` in its place."""
    text = Path(__file__).with_name(f"{name}.py").read_text(encoding="utf-8")
    assert not old or text.count(old) == 1, f"{old!r} occurs {text.count(old)} times in {name}"
    module = ModuleType(name)
    code = compile(text.replace(old, new) if old else text, f"{name}: {old} → {new}", "exec")
    exec(code, vars(module))
    return module
