"""What a document is made of, printed already, and not yet placed."""

from __future__ import annotations

from dataclasses import dataclass

from derive.prose.pictures.grammar import Picture


@dataclass(frozen=True)
class Meaning:
    """One line of a table: a symbol, the name it has in code, what it means."""

    symbol: str
    name: str
    meaning: str


@dataclass(frozen=True)
class StepView:
    """One step, or several that are told as one.

    Attributes
    ----------
    labels : tuple of str
        How it is referred to: one label for each derivation that takes this step.
    rule, assuming, because : str
        Its name, for which values of options alone it is right, and why it is.
    slopes : tuple of str
        What the partial derivatives in it are, but for those that are 0.
    lines : tuple of str
        What it arrives at.
    readings : tuple of str
        What that is called, as sentences.
    boxed : bool
        Whether a derivation ends here.
    parts : tuple of tuple of StepView
        The steps that it stands for, of each derivation; empty where it stands for itself.
    """

    labels: tuple[str, ...]
    rule: str
    assuming: str
    because: str
    lines: tuple[str, ...]
    slopes: tuple[str, ...] = ()
    readings: tuple[str, ...] = ()
    boxed: bool = False
    parts: tuple[tuple[StepView, ...], ...] = ()


@dataclass(frozen=True)
class Display:
    """Formulas with a heading, if they have one, and words before them."""

    title: str
    words: str
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Section:
    """The steps of one cotangent, or of several that come about alike, and what else is to be
    said of the lines they end in.

    The line in which the gradient of an input ends is boxed.
    """

    titles: tuple[str, ...]
    headings: tuple[str, ...]
    steps: tuple[StepView, ...]
    further: tuple[Display, ...] = ()


@dataclass(frozen=True)
class Block:
    """The steps of the derivative of one state by another."""

    of: str
    by: str
    steps: tuple[StepView, ...]


@dataclass(frozen=True)
class Chapter:
    """One case of the operation: what it is, and its gradients.

    `shapes` says in a sentence what `tensors` says in a table. `known` are the steps in which
    derivations end that a chapter before has shown whole.
    """

    title: str
    where: str
    legend: tuple[Meaning, ...]
    notes: tuple[str, ...]
    definition: tuple[str, ...]
    straight: tuple[str, ...]
    shapes: str
    tensors: tuple[Meaning, ...]
    symbols: tuple[Meaning, ...]
    forward: tuple[str, ...]
    given: str
    wanted: str
    sections: tuple[Section, ...]
    known: tuple[StepView, ...]
    blocks: tuple[Block, ...]
    through_time: tuple[Display, ...]
    pictures: tuple[Picture, ...]
    numbers: tuple[str, ...]
    numbers_given: str


@dataclass(frozen=True)
class Document:
    """Everything that is placed."""

    title: str
    summary: str
    source: str
    conventions: str
    chapters: tuple[Chapter, ...]
