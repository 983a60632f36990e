"""A name as a symbol, before it looks like anything: ``weight_hh`` has a word and a subscript."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from derive.language.options import Option, Setting

_LETTERS = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega",
)  # fmt: skip

# Every letter by its name, ...
GREEK = {name: chr(0x3B1 + place) for place, name in enumerate(_LETTERS)} | {
    "Gamma": "Γ", "Delta": "Δ", "Theta": "Θ", "Lambda": "Λ", "Xi": "Ξ", "Pi": "Π", "Sigma": "Σ",
    "Phi": "Φ", "Psi": "Ψ", "Omega": "Ω", "varphi": "φ",
}  # fmt: skip
# ... but not those that nobody means by a name.
_NO_LETTER = {"omicron", "upsilon", "varsigma", "varphi"}


@dataclass(frozen=True)
class Name:
    """What a name is set from.

    Attributes
    ----------
    word : str
        A letter, a word, or the name of a Greek letter, which `greek` then names too.
    below, above : str
        Subscript and superscript.
    primes : str
        As many as the name ends in.
    barred : bool
        Marked as a cotangent.
    upright : bool
        A word of the tool's own, and no symbol of the author's.
    bold : bool
        What has rows or columns.
    """

    word: str
    below: str = ""
    above: str = ""
    primes: str = ""
    barred: bool = False
    upright: bool = False
    bold: bool = False

    @property
    def greek(self) -> str:
        """The name of the Greek letter that the word stands for, if it does."""
        if self.upright or self.word in _NO_LETTER:
            return ""
        word = "epsilon" if self.word == "eps" else self.word
        return word if word in GREEK else ""

    @property
    def is_word(self) -> bool:
        """Whether it is longer than a letter, so that a bar reaches over all of it."""
        return len(self.word) > 1 and not self.greek


def named(name: str) -> Name:
    """``weight_hh`` is ``weight`` with ``hh`` below, ``x_bar`` a barred x, ``h0`` an h with 0.

    Words that follow each other are one name: ``output_gate`` is no output.
    """
    plain = name.rstrip("'")
    primes = name[len(plain) :]
    head, *tail = plain.rstrip("_").split("_")
    if tail and tail[-1] == "bar":
        inner = named("_".join((head, *tail[:-1])))  # a bar of its own stands below
        below = ",".join(filter(None, (inner.below, "bar" * inner.barred)))
        return replace(inner, below=below, primes=primes, barred=True)
    letters = head.rstrip("0123456789")
    words = [letters]
    while tail and letters == head and _is_word(words[-1]) and _is_word(tail[0]):
        words.append(tail.pop(0))
    below = ",".join(part for part in (head[len(letters) :], *tail) if part)
    return Name(" ".join(words), below, primes=primes)


def _is_word(part: str) -> bool:
    return len(part) > 2 and part.isalpha() and part not in GREEK


def setting_names(options: Iterable[Option], used: set[str]) -> dict[Setting, Name]:
    """A textbook letter for each option where one is free, else its first word, or all of its name;
    with axis and side attached, which leave room for three letters."""
    taken = {Name(name) for name in used}
    found: dict[Setting, Name] = {}
    for option in options:
        first, word = option.name[0], option.name.partition("_")[0]
        word = word[:3] if len(option.settings) > 1 and len(word) > 5 else word
        wishes = (
            Name(first.lower()),
            Name(first.upper()),
            Name(word, upright=True),
            Name(option.name, upright=True),
        )
        letter = Name(option.name)
        if not letter.greek:
            letter = next(w for w in wishes if w not in taken)
        taken.add(letter)
        for setting in option.settings:
            parts = setting.name[len(option.name) :].strip("_").split("_")
            above = {"low": "−", "high": "+"}.get(parts[-1], "")
            below = ",".join(part for part in parts[: -1 if above else None] if part)
            found[setting] = replace(letter, below=below, above=above)
    return found


def cited(label: str, labelled: bool) -> str:
    """How a step is cited; where another case bears the labels, by its tensor and its number."""
    return label if labelled else label.replace(".", " ")
