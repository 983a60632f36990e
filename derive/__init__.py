"""From an equation to a derivation, a NumPy module, and checks that the two agree.

The words of a definition (`Operation`, `tensor`, `axes`, ...) and what is done with it (`compile`,
`gradient`, `tangent`, `audit`) are imported on first use, so that the command starts without SymPy;
``from derive import *`` imports them all.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_ELSEWHERE = {
    "compile": "derive.pipeline",
    "audit": "derive.claims",
    "gradient": "derive.calculus.derivatives",
    "tangent": "derive.calculus.derivatives",
}


def __getattr__(name: str) -> Any:
    if name in _ELSEWHERE:
        return getattr(import_module(_ELSEWHERE[name]), name)
    language = import_module("derive.language")
    if name == "__all__":
        return [*language.__all__, *_ELSEWHERE]
    if name in language.__all__:
        return getattr(language, name)
    raise AttributeError(f"module 'derive' has no attribute {name!r}")


def __dir__() -> list[str]:
    return sorted([*globals(), *_ELSEWHERE, *import_module("derive.language").__all__])
