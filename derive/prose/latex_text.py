"""Words of a definition in LaTeX: nothing in them is ever taken for a command."""

from __future__ import annotations

import re
import unicodedata

_LETTERS = (
    "alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta", "iota", "kappa",
    "lambda", "mu", "nu", "xi", "omicron", "pi", "rho", "varsigma", "sigma", "tau", "upsilon",
    "phi", "chi", "psi", "omega",
)  # fmt: skip
_CAPITALS = {
    "Γ": "Gamma", "Δ": "Delta", "Θ": "Theta", "Λ": "Lambda", "Ξ": "Xi", "Π": "Pi", "Σ": "Sigma",
    "Φ": "Phi", "Ψ": "Psi", "Ω": "Omega",
}  # fmt: skip

# Names that stand for a letter: lambda, eps, Omega.
GREEK = {name: f"\\{name}" for name in _LETTERS if name not in ("omicron", "upsilon", "varsigma")}
GREEK |= {name: f"\\{name}" for name in _CAPITALS.values()}
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
_SPECIAL |= {chr(0x3B1 + i): f"$\\{name}$" for i, name in enumerate(_LETTERS)}
_SPECIAL |= {"ο": "o", "υ": r"$\upsilon$", "ς": r"$\varsigma$"}
_SPECIAL |= {letter: f"$\\{name}$" for letter, name in _CAPITALS.items()}

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
    base, *marks = unicodedata.normalize("NFD", character)
    if base.isascii() and base.isalpha() and len(marks) == 1 and marks[0] in _ACCENTS:
        return f"\\{_ACCENTS[marks[0]]}{{{base}}}"
    return f"[U+{ord(character):04X}]"
