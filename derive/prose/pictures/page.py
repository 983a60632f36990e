"""Pictures are laid out from top to bottom: a line of words, cells, a line of words."""

from __future__ import annotations

from collections.abc import Iterable

from derive.calculus.step import Phrase
from derive.language.symbols import Tensor
from derive.prose.pictures.grammar import Item, Note, Picture
from derive.prose.pictures.inline import Inline, broken, width

LETTER = 0.375  # height of a letter, in cells
LINE = 0.55  # from one line of words to the next
_SAFE = 0.9  # of the width: some fonts are wider than others


class Page:
    """Items, and how far down they reach.

    Parameters
    ----------
    width : float
        How wide the picture is; lines of words are broken there.
    """

    def __init__(self, width: float) -> None:
        self.width = width
        self.y = 0.0
        self.items: list[Item] = []
        self.said: list[Phrase] = []
        self.below = 0.0  # where words begin that may also stand beside all else

    def add(self, items: Iterable[Item]) -> None:
        self.items += items

    def say(self, text: Phrase, x: float = 0.0, wide: float | None = None) -> None:
        """Words in lines of their own; nothing for no words."""
        if not text:
            return
        self.said.append(text)
        room = (self.width - x) * _SAFE if wide is None else wide
        lines = len(broken(Inline(), text, room / LETTER))
        self.items.append(Note(x, self.y + LINE / 2, text, "start", wide=room))
        self.y += LINE * lines + 0.15

    def picture(
        self, kind: str, title: Phrase, description: Phrase, order: tuple[Tensor, ...] = ()
    ) -> Picture:
        """What is on the page; its description goes on with everything that the page says."""
        words = tuple(part for text in self.said for part in ("\n", *text))
        size, items = (self.width, self.y), tuple(self.items)
        return Picture(kind, title, (*description, *words), *size, items, order, below=self.below)


def breadth(text: Phrase) -> float:
    """How wide a line of words is, in cells."""
    return width(Inline().phrase(text)) * LETTER
