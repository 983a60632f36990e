"""The shipped operations: one family to a file, each listed here."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from derive.language import Operation

FAMILIES = (
    "dense",
    "activations",
    "normalization",
    "distances",
    "losses",
    "margins",
    "likelihoods",
    "updates",
    "convolution",
    "pooling",
    "regions",
    "images",
    "attention",
    "recurrent",
    "recurrent_networks",
    "encoder_decoder",
)


# Where modules were generated, if they were: which family has a name, without reading them all.
_GENERATED = Path(__file__).resolve().parent.parent.parent / "generated"


def shipped() -> dict[str, tuple[Operation, ...]]:
    """Every shipped operation, by family, in order."""
    return {family: _operations(family) for family in FAMILIES}


def _operations(family: str) -> tuple[Operation, ...]:
    return import_module(f"derive.ops.{family}").OPERATIONS


def find(name: str) -> tuple[str, Operation] | None:
    """The shipped operation of a name or alias behind its family; the likely one is read first."""
    likely = {path.parent.name for path in _GENERATED.glob(f"*/{name}.py")}
    for family in sorted(FAMILIES, key=lambda family: family not in likely):
        for operation in _operations(family):
            if name in (operation.name, *operation.aliases):
                return family, operation
    return None


def aliases() -> dict[str, str]:
    """Other names of shipped operations."""
    return {
        alias: operation.name
        for operations in shipped().values()
        for operation in operations
        for alias in operation.aliases
    }
