"""Words of a definition in LaTeX: nothing in them is ever taken for a command."""

from __future__ import annotations

import re
import unicodedata

from derive.prose.names import GREEK as LETTERS

# Greek letters by their names, and by those that stand for them: lambda, eps, Omega.
GREEK = {name: f"\\{name}" for name in LETTERS}
GREEK |= {"eps": r"\varepsilon", "epsilon": r"\varepsilon"}

_SPECIAL = {
    "\\": r"\textbackslash{}", "{": r"\{", "}": r"\}", "$": r"\$", "&": r"\&", "#": r"\#",
    "%": r"\%", "_": r"\_", "^": r"\textasciicircum{}", "~": r"\textasciitilde{}",
    "<": "$<$", ">": "$>$", "|": "$|$", "\n": " ", "\t": " ",
    "–": "--", "—": "---", "‘": "`", "’": "'", "“": "``", "”": "''", "…": r"\ldots{}",
    "ß": r"\ss{}", "æ": r"\ae{}", "Æ": r"\AE{}", "ø": r"\o{}", "Ø": r"\O{}", "œ": r"\oe{}",
    "Œ": r"\OE{}", "å": r"\aa{}", "Å": r"\AA{}", "ł": r"\l{}", "Ł": r"\L{}", "ı": r"\i{}",
    "×": r"$\times$", "·": r"$\cdot$", "−": "$-$", "±": r"$\pm$", "≤": r"$\le$", "≥": r"$\ge$",
    "≠": r"$\ne$", "≈": r"$\approx$", "→": r"$\to$", "←": r"$\leftarrow$", "∞": r"$\infty$",
    "∂": r"$\partial$", "∇": r"$\nabla$", "∑": r"$\sum$", "∈": r"$\in$",
    "√": r"$\surd$", "⊙": r"$\odot$", "⊕": r"$\oplus$", "°": r"$^\circ$", "²": "$^2$",
    "³": "$^3$", "½": r"$\frac12$", "′": "$'$", "\u00a0": "~",
}  # fmt: skip
_SPECIAL |= {letter: f"$\\{name}$" for name, letter in LETTERS.items() if name != "varphi"}
_SPECIAL |= {"ο": "o", "υ": r"$\upsilon$", "ς": r"$\varsigma$"}

_ACCENTS = {
    "\u0300": "`", "\u0301": "'", "\u0302": "^", "\u0303": "~", "\u0308": '"', "\u0304": "=",
    "\u0307": ".", "\u0306": "u", "\u030c": "v", "\u030b": "H", "\u0327": "c", "\u030a": "r",
}  # fmt: skip


def escaped(text: str) -> str:
    """Text that pdflatex sets as it reads; what its fonts lack becomes its code point."""
    return "".join(_escaped(character) for character in _quoted(text))


def _quoted(text: str) -> str:
    """Straight quotes as those that begin and those that end what is quoted."""
    for straight, begins, ends in (('"', "“", "”"), ("'", "‘", "’")):
        text = re.sub(rf"(?<![^\s(\[{{“‘/–—-]){straight}", begins, text).replace(straight, ends)
    return text


def _escaped(character: str) -> str:
    if character in _SPECIAL:
        return _SPECIAL[character]
    if character.isascii():
        return character if character.isprintable() else ""
    base, *marks = _decomposed(character)
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"[U+{ord(character):04X}]"


def _decomposed(character: str) -> str:
    """``Å`` as an A and a ring, and what is no letter with an accent as it is."""
    codes = unicodedata.decomposition(character).split()
    plain = all(code.isalnum() for code in codes)  # else it says what for it may be replaced
    return "".join(chr(int(code, 16)) for code in codes) if codes and plain else character
