"""Short formulas in a line of a drawing: entries with their indices as subscripts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from derive.calculus.statements import Statement
from derive.calculus.step import Phrase
from derive.prose.formula import PRODUCT, SUM, Formula, Piece
from derive.prose.text import Text

# Marks in the text of a formula, which no name contains; an SVG becomes of them, or a width.
BELOW, ABOVE, BACK, NAME, BAR, PLAIN = map(chr, range(0xE000, 0xE006))
MARKS = (BELOW, ABOVE, BACK, NAME, BAR, PLAIN)


@dataclass(frozen=True)
class Adds:
    """A statement that is one of several with one target."""

    statement: Statement


class Inline(Text):
    """Formulas with marks where a name, a bar, a subscript begin and end."""

    def tensor(self, tensor) -> str:
        return marked(tensor.name)

    def symbol(self, symbol) -> str:
        text = super().symbol(symbol)
        return marked(text) if text[0].isalpha() else text

    def access(self, name: str, index: list[str]) -> str:
        if not index:
            return name
        inside = ",".join(i.replace(" ", "") for i in index)
        if BELOW in name:
            return f"{name}[{inside}]"
        return f"{name}{BELOW}{inside}{BACK}"

    def part(self, part: Any) -> str:
        """Statements stand among the words of a picture, too."""
        if isinstance(part, Adds):
            ((left, _, right),) = self.equations([part.statement])
            return self.relation("+=", left, right)
        return self.statements([part]) if isinstance(part, Statement) else super().part(part)

    def at_step(self, name: str, step: str) -> str:
        return f"{name}{ABOVE}⟨{step.replace(' ', '')}⟩{BACK}"

    def power(self, base: str, exponent) -> str:
        return f"{base}{ABOVE}{self.expression(exponent)}{BACK}"

    def product(self, pieces: list[str]) -> str:
        return "\u2009".join(pieces) if pieces else "1"

    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece:
        return f"{self.bracketed(over, PRODUCT)}/{self.bracketed(under, PRODUCT + 1)}", PRODUCT

    def total(self, indices: list[str], conditions: list[str], name: str) -> str:
        sign = "Σ" if name == "sum" else name
        inside = ",".join([*indices, *conditions])
        return f"{sign}{BELOW}{inside}{BACK}"


def marked(name: str) -> str:
    """``x_bar`` as an x with a bar, ``weight_ih`` with a subscript."""
    plain = name.rstrip("'")
    primes = name[len(plain) :].replace("'", "′")
    head, _, tail = plain.rstrip("_").partition("_")
    parts = [part for part in tail.split("_") if part]
    bar = bool(parts) and parts[-1] == "bar"
    below = ",".join(parts[:-1] if bar else parts)
    text = f"{BAR if bar else NAME}{head}{PLAIN}{primes}"
    return f"{text}{BELOW}{below}{BACK}" if below else text


def width(text: str) -> float:
    """How wide a marked text is, in heights of its letters: near enough to lay it out."""
    total, small = 0.0, 1.0
    for character in text:
        if character in (BELOW, ABOVE):
            small = 0.7
        elif character == BACK:
            small = 1.0
        elif character not in MARKS:
            wide = (
                0.29 if character in " ,.:;|iljtf[]()′" else 0.8 if character in "mwMW→Σ" else 0.5
            )
            total += small * wide
    return total


def broken(printer: Formula, phrase: Phrase, room: float) -> list[str]:
    """A phrase in lines of at most `room` heights of a letter, broken between words."""
    text = printer.phrase(phrase)
    if not room:
        return [text]
    lines: list[str] = []
    for word in text.split(" "):
        if lines and width(f"{lines[-1]} {word}") <= room:
            lines[-1] += f" {word}"
        else:
            lines.append(word)
    return lines


__all__ = ["BACK", "BAR", "BELOW", "NAME", "PLAIN", "SUM", "Inline", "broken", "marked", "width"]
