"""Shipped operations by name."""

from derive.errors import UsageError
from derive.language.operation import Operation
from derive.ops import find


def operation(name: str) -> Operation:
    """The shipped operation of a name."""
    found = find(name)
    if found is None:
        raise UsageError.unknown(name, ())
    return found[1]
