"""Names that generated modules can have and use."""

from __future__ import annotations

import keyword
import sys
from itertools import count

from derive.errors import DefinitionError

# Names that a generated module needs for itself.
RESERVED = frozenset({"np", "NamedTuple", "apply", "forward", "backward", "residuals", "wrt"})
RESERVED |= {"Residuals", "Gradients", "Outputs", "grad_output", "sizes", "dtype", "shapes"}
RESERVED |= {"prod", "namedtuple"}
RESERVED |= {"abs", "all", "any", "hasattr", "int", "isinstance", "len", "list", "max", "min"}
RESERVED |= {"range", "reversed", "set", "slice", "str", "tuple", "type", "zip", "float", "bool"}

# Modules that a generated module, or whoever imports it, must still find.
SHADOWED = sys.stdlib_module_names | {"np", "numpy", "derive", "generated", "sympy"}

# Names that Windows keeps for devices, whatever the suffix: a file ``con.py`` cannot be made there.
_DEVICES = {"con", "prn", "aux", "nul"}
_DEVICES |= {f"{port}{number}" for port in ("com", "lpt") for number in range(10)}


def checked_name(name: str, what: str) -> str:
    """Return `name` if a generated module can use it as a variable.

    Names reach a template only through here, so no text of a definition is ever executed.
    """
    _check_identifier(name, what)
    if name in RESERVED or name.startswith("_"):
        raise DefinitionError(
            name,
            f"the name of {what} is {name!r}, which generated modules use themselves",
            remedy="Choose another name, without a leading underscore.",
        )
    return name


def checked_module_name(name: str, what: str) -> str:
    """Return `name` if a module may have it: a file ``numpy.py`` would hide NumPy."""
    _check_identifier(name, what)
    if name.startswith("_") or name in SHADOWED:
        raise DefinitionError(
            name,
            f"the name of {what} is {name!r}, and a module of that name would hide another",
            remedy="Choose another name, without a leading underscore.",
        )
    if name.casefold() in _DEVICES:
        raise DefinitionError(
            name,
            f"the name of {what} is {name!r}, and Windows has no files of that name",
            remedy="Choose another name.",
        )
    return name


def _check_identifier(name: str, what: str) -> None:
    if not isinstance(name, str) or not name.isidentifier() or not name.isascii():
        raise DefinitionError(
            str(name), f"the name of {what} is {name!r}, which is no ASCII identifier"
        )
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        raise DefinitionError(name, f"the name of {what} is the Python keyword {name!r}")


def fresh(name: str, taken: set[str]) -> str:
    """The name, or it with the first number from 2 on that makes it new; it is taken then."""
    wish = f"{name}_" if name[-1].isdigit() else name
    numbered = (f"{wish}{number}" for number in count(2))
    found = name if name not in taken else next(n for n in numbered if n not in taken)
    taken.add(found)
    return found
