"""Options: the keywords of the generated functions, and the numbers they stand for."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Float, Integer, Rational, Symbol

from derive.errors import DefinitionError
from derive.language.names import checked_name
from derive.language.numbers import exact
from derive.language.symbols import Named


class Setting(Named):
    """One number of an option, as it stands in equations (``stride_h`` of ``stride``)."""

    option: str
    minimum: int | None

    def __new__(cls, name, option, integer=True, minimum=None):
        assumptions: dict[str, bool] = {"integer": True} if integer else {"real": True}
        if minimum is not None and minimum >= 0:
            assumptions["positive" if minimum > 0 else "nonnegative"] = True
        self = Symbol.__xnew__(cls, name, **assumptions)
        self.option, self.minimum = option, minimum
        return self.carrying(option, minimum)


Entry = Expr | tuple[Expr, Expr]
Word = str | bool | None  # what an option may be spelled by


@dataclass(frozen=True)
class Option:
    """A keyword of the generated functions: one number, one for each axis, or a pair for each.

    Attributes
    ----------
    settings : tuple of Setting
        The numbers, in order: axis by axis, and low before high where there are sides.
    spellings : mapping of str, bool or None to tuple of sympy.Expr
        Words a caller may say instead of numbers, with a value for each setting.
    samples : tuple
        Values that verification tries.
    essential : bool
        Whether it stays a symbol in the plain case, though its default is a neutral number.
    """

    name: str
    default: Any
    settings: tuple[Setting, ...]
    ranked: bool
    sides: bool
    integer: bool
    minimum: int | None
    spellings: Mapping[Word, tuple[Expr, ...]]
    samples: tuple[Any, ...]
    numeric: bool
    meaning: str
    essential: bool = False

    def __getitem__(self, position: int) -> Any:
        """The setting of an axis; a pair (low, high) where the option has sides."""
        if self.sides:
            return self.settings[2 * position], self.settings[2 * position + 1]
        return self.settings[position]

    def numbers(self, value: Any) -> tuple[Any, ...]:
        """A number for each setting, from the numbers that a caller says."""
        sides = 2 if self.sides else 1
        count = len(self.settings) // sides
        entries = value if isinstance(value, tuple | list) else (value,) * count
        if not self.sides:
            return tuple(entries)
        pairs = [e if isinstance(e, tuple | list) else (e, e) for e in entries]
        return tuple(side for pair in pairs for side in pair)

    def takes(self, numbers: Iterable[Any]) -> bool:
        """Whether these may be its numbers; of expressions of sizes and settings nobody knows."""
        known = [n for n in numbers if not getattr(n, "free_symbols", ())]
        return all(_fits(n, self.integer, self.minimum) for n in known)

    def accepts(self, value: Any) -> bool:
        """Whether a caller may say this."""
        if is_word(value):
            return value in self.spellings
        numbers = self.numbers(value)
        return self.numeric and len(numbers) == len(self.settings) and self.takes(numbers)

    def said(self) -> str:
        """What a caller may say, in words."""
        return _said(self.integer, self.minimum, self.spellings, self.numeric)

    def __hash__(self) -> int:
        return hash((self.name, self.settings))


def is_word(value: Any) -> bool:
    """Whether a value of an option is a word and no number."""
    return isinstance(value, str | bool) or value is None


def _check_values(
    name: str,
    values: Sequence[Any],
    settings: tuple[Setting, ...],
    integer: bool,
    minimum: float | None,
    sides: bool,
    words: Mapping,
) -> None:
    """The default and the samples are what a caller may say, too."""
    said = _said(integer, minimum, words)
    for place, value in enumerate(values):
        if is_word(value) and value in words:
            continue
        entries = value if isinstance(value, tuple | list) else (value,)
        count = len(settings) // 2 if sides else len(settings)
        pairs = [e if sides and isinstance(e, tuple | list) else (e,) for e in entries]
        fits = not isinstance(value, tuple | list) or len(entries) == count
        fits = fits and all(len(pair) in (1, 2) for pair in pairs)
        if not fits or not all(_fits(n, integer, minimum) for pair in pairs for n in pair):
            what = "a sample" if place else "the default"
            remedy = ""
            if integer and isinstance(value, float):
                remedy = "An option that is a real number says integer=False."
            raise DefinitionError(
                name, f"{what} of the option {name} is {value!r}, not one of: {said}",
                remedy=remedy,
            )  # fmt: skip


def _said(integer: bool, minimum: float | None, words: Mapping, numeric: bool = True) -> str:
    kind = "integers" if integer else "numbers"
    numbers = [f"{kind} from {minimum}" if minimum is not None else kind] if numeric else []
    return ", ".join([*numbers, *map(str, words)])


def _fits(number: Any, integer: bool, minimum: float | None) -> bool:
    kinds = (int, Integer) if integer else (int, float, Rational, Float)
    if isinstance(number, bool) or not isinstance(number, kinds):
        return False
    return math.isfinite(number) and (minimum is None or number >= minimum)


def option(
    name: str,
    default: Any,
    *,
    over: Sequence[str] | None = None,
    sides: bool = False,
    minimum: int | None = None,
    integer: bool = True,
    spellings: Mapping[Word, Sequence[Any]] | None = None,
    numeric: bool = True,
    samples: Sequence[Any] = (),
    meaning: str = "",
    essential: bool = False,
) -> Option:
    """A run-time option.

    Parameters
    ----------
    name : str
        Keyword in the generated functions.
    default : int, float, str, bool or None
        Used when the caller says nothing; a word of `spellings` is allowed.
    over : sequence of str, optional
        One letter for each axis the option has a number for ("h", "w"); a caller may then give one
        number for all or a tuple. Without it the option is a single number.
    sides : bool
        A low and a high number for each axis.
    minimum : int, optional
        Least value allowed.
    integer : bool
        False for a real number such as an epsilon.
    spellings : mapping of str, bool or None to sequence, optional
        Words with their values: one expression (or pair, with sides) for each axis.
    numeric : bool
        False if only the words are allowed.
    samples : sequence
        Values for verification besides the default.
    meaning : str
        One line for the module's docstring.
    essential : bool
        The plain case of a derivation binds integers whose default is 0 or 1 (a stride, a padding)
        and real numbers whose default is 0. One without which there is nothing to see, such as
        the number of windows, stays a symbol.
    """
    checked_name(name, "an option")
    letters = [name] if over is None else [f"{name}_{letter}" for letter in over]
    if sides:
        letters = [f"{letter}_{side}" for letter in letters for side in ("low", "high")]
    # A word may stand for a number that nobody may say, such as 0 for "none".
    said = [e for v in (spellings or {}).values() for p in v for e in (p if sides else (p,))]
    numbers = [int(e) for e in map(exact, said) if e.is_Integer]
    least = None if minimum is None else min([minimum, *numbers])
    settings = tuple(Setting(letter, name, integer, least) for letter in letters)
    _check_values(name, (default, *samples), settings, integer, minimum, sides, spellings or {})
    words: dict[Word, tuple[Expr, ...]] = {}
    for word, values in (spellings or {}).items():
        flat = [part for value in values for part in (value if sides else (value,))]
        if len(flat) != len(settings):
            raise DefinitionError(
                name, f"spelling {word!r} gives {len(flat)} values for {len(settings)} settings"
            )
        words[word] = tuple(exact(part) for part in flat)
    tried = (default, *(s for s in samples if s != default))
    tried += tuple(w for w in words if w is not default and w != default)
    return Option(
        name, default, settings, over is not None, sides, integer, minimum, words, tried, numeric,
        meaning, essential,
    )  # fmt: skip


def flag(name: str, default: bool = False, *, meaning: str = "") -> Option:
    """An option that is True or False; in equations it is 1 or 0."""
    return option(
        name, default, spellings={False: (0,), True: (1,)}, numeric=False, meaning=meaning
    )
