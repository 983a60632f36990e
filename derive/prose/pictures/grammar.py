"""What a picture is made of, whatever it is drawn in.

Places are in units of one cell, x to the right and y downwards. Colours are roles, and never all
that tells two things apart: a line is solid, dashed or heavy besides.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import hypot
from typing import Literal

from derive.calculus.step import Phrase
from derive.language.symbols import Tensor

_BESIDE = 0.24  # how far a label is from its arrow

Role = Literal[
    "plain", "input", "output", "weight", "cotangent", "zero", "marked", "state", "parameter"
]
Line = Literal["solid", "dashed", "heavy", "none"]
Align = Literal["start", "middle", "end"]


@dataclass(frozen=True)
class Cell:
    """A square or, for a node of a graph, a box with round corners.

    Attributes
    ----------
    x, y : float
        Its upper left corner.
    label : Phrase
        Words and formulas in its middle.
    shade : int
        Which of several weights it holds: those with one number are coloured alike.
    """

    x: float
    y: float
    role: Role = "plain"
    label: Phrase = ()
    line: Line = "solid"
    width: float = 1
    height: float = 1
    shade: int | None = None
    round: bool = False


@dataclass(frozen=True)
class Frame:
    """A rectangle around cells, drawn over them."""

    x: float
    y: float
    width: float
    height: float
    role: Role = "marked"
    line: Line = "heavy"


@dataclass(frozen=True)
class Bracket:
    """The brackets of a matrix."""

    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True)
class Arrow:
    """From one point to another one.

    Attributes
    ----------
    label : Phrase
        Stands left of its middle, as one goes along it.
    """

    start: tuple[float, float]
    end: tuple[float, float]
    role: Role = "plain"
    line: Line = "solid"
    label: Phrase = ()

    @property
    def beside(self) -> tuple[float, float]:
        """Where the label is."""
        (x1, y1), (x2, y2) = self.start, self.end
        length = hypot(x2 - x1, y2 - y1) or 1
        left = (y2 - y1) / length, -(x2 - x1) / length
        return (x1 + x2) / 2 + _BESIDE * left[0], (y1 + y2) / 2 + _BESIDE * left[1]


@dataclass(frozen=True)
class Note:
    """Words and formulas at a point, their middle at its height.

    Attributes
    ----------
    wide : float
        How much room there is; words are broken over lines where they need more.
    """

    x: float
    y: float
    text: Phrase
    align: Align = "middle"
    role: Role = "plain"
    strong: bool = False
    wide: float = 0


Item = Cell | Frame | Bracket | Arrow | Note


@dataclass(frozen=True)
class Picture:
    """A picture with words for those who do not see it.

    Attributes
    ----------
    kind : str
        What it shows: ``window``, ``matrix``, ``winner``, ``recurrence``, ``frames``.
    title : Phrase
        One line.
    description : Phrase
        What is to be seen in it.
    order : tuple of Tensor
        The order of factors that nobody wrote, as `Formula` takes it.
    below : float
        From which height on there are words alone, which a wide page has room for beside the rest.
    steps : tuple of (str, int)
        By the names of tensors: which of their indices stands above the name, as a step of time.
    """

    kind: str
    title: Phrase
    description: Phrase
    width: float
    height: float
    items: tuple[Item, ...]
    order: tuple[Tensor, ...] = ()
    below: float = 0
    steps: tuple[tuple[str, int], ...] = ()
