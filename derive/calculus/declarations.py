"""What is declared beside the equations: texts, and numbers that are not data.

Both reach generated files, where nothing in them may be taken for code. A text is printable; a
number is made of sizes and settings by functions that are known.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from typing import Any

import sympy
from sympy import Add, Mul, Piecewise, Pow
from sympy.core.relational import Relational
from sympy.functions.elementary.piecewise import ExprCondPair
from sympy.logic.boolalg import Boolean

from derive.errors import DefinitionError
from derive.language.operation import Operation
from derive.language.options import Setting
from derive.language.scalars import SCALARS
from derive.language.symbols import Size

_KNOWN = (Add, Mul, Pow, Piecewise, ExprCondPair, Relational, Boolean, *SCALARS)
_KNOWN += (sympy.floor, sympy.ceiling, sympy.Mod, sympy.Abs, sympy.Max, sympy.Min)
_AROUND = 20  # letters that show where a character stands


def check_texts(operation: Operation) -> None:
    """Every text can stand in a docstring, in a document and on a terminal.

    Raises
    ------
    DefinitionError
        Naming the text and what in it is not printable, if it is a text at all.
    """
    for what, text, breaks in _texts(operation):
        if not isinstance(text, str):
            raise DefinitionError(
                operation.name, f"{what} is {text!r}, which is no text", remedy="Give a string."
            )
        for place, character in enumerate(text):
            if not (character.isprintable() or (breaks and character == "\n")):
                raise DefinitionError(
                    operation.name,
                    f"{what} holds {text[max(0, place - _AROUND) : place + _AROUND]!r}, and "
                    f"{_called(character)} is not printable",
                    remedy="Leave it out.",
                )


def _texts(operation: Operation) -> Iterator[tuple[str, Any, bool]]:
    """Every text with words for it, and whether it may have several lines."""
    for what in ("summary", "notes", "source"):
        yield what, getattr(operation, what), True
    for letter, meaning in operation.legend.items():
        yield "a letter of legend", letter, True
        yield f"legend of {letter}", meaning, True
    for relation, words in operation.requires:
        yield f"requires, the words of {relation},", words, True
    for option in operation.options:
        yield f"meaning of the option {option.name}", option.meaning, True
        for word in option.spellings:
            if isinstance(word, str):
                yield f"a spelling of the option {option.name}", word, False


def _called(character: str) -> str:
    """``U+202E (RIGHT-TO-LEFT OVERRIDE)``, which a terminal does not obey."""
    name = unicodedata.name(character, "")
    return f"U+{ord(character):04X}" + (f" ({name})" if name else "")


def check_numbers(operation: Operation) -> None:
    """Every number is made of sizes and settings.

    Raises
    ------
    DefinitionError
        If one holds a symbol that nobody gives a value, or a function that nobody knows.
    """
    settings = {s for option in operation.options for s in option.settings}
    for what, number in _numbers(operation):
        for part in sympy.preorder_traversal(number):
            if isinstance(part, sympy.Symbol):  # to SymPy a condition, too
                known = isinstance(part, Size) or part in settings
            else:
                known = part.is_Atom or isinstance(part, _KNOWN)
            if not known:
                owner = f", which belongs to {part.option}" if isinstance(part, Setting) else ""
                raise DefinitionError(
                    operation.name,
                    f"{what} is {number}, and {part}{owner} is neither a size nor a setting of an "
                    "option in options=",
                    remedy="Make it of numbers, size(...) and the settings of option(...).",
                )


def _numbers(operation: Operation) -> Iterator[tuple[str, Any]]:
    """Everything but equations that is computed, with words for it."""
    for size in operation.sizes:
        if size.formula is not None:
            yield f"the size {size.name}", size.formula
    for tensor in operation.tensors:
        for extent in tensor.shape:
            yield f"an extent of {tensor.name}", extent
        for what in ("outside", "below", "default", "besides"):
            number = getattr(tensor, what)
            if number is not None:
                yield f"{what}= of {tensor.name}", number
        for bound in tensor.interval or ():
            yield f"interval= of {tensor.name}", bound
    for option in operation.options:
        for word, numbers in option.spellings.items():
            for number in numbers:
                yield f"the spelling {word!r} of {option.name}", number
    for relation, _ in operation.requires:
        yield "what is required", relation
