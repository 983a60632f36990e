"""The shipped operations: one family to a file, each listed here."""

from functools import cache
from importlib import import_module

from derive.language import Operation

FAMILIES = (
    "dense",
    "activations",
    "normalization",
    "losses",
    "convolution",
    "pooling",
    "recurrent",
    "recurrent_networks",
)


@cache
def shipped() -> dict[str, tuple[Operation, ...]]:
    """Every shipped operation, by family, in order."""
    return {family: import_module(f"derive.ops.{family}").OPERATIONS for family in FAMILIES}


def aliases() -> dict[str, str]:
    """Other names of shipped operations."""
    return {
        alias: operation.name
        for operations in shipped().values()
        for operation in operations
        for alias in operation.aliases
    }
