"""What a course is made of: data alone, which `derive.course.page` turns into a page.

Words have fields in braces, ``{x}``. A field is a term of the stop, computed when the page is made,
or a tensor of an operation shown there; ``{x_bar}`` is its cotangent. No number and no formula is
typed among the words.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sympy import Expr

from derive.language.operation import Operation

Terms = Callable[[], Mapping[str, Any]]


def _none() -> Mapping[str, Any]:
    return {}


@dataclass(frozen=True)
class Line:
    """An equation of the course's own, computed when the page is made."""

    left: Expr
    right: Expr


@dataclass(frozen=True)
class Array:
    """Numbers in rows that are no tensor of an operation, computed when the page is made."""

    name: Expr
    rows: Sequence[Sequence[Any]]


@dataclass(frozen=True)
class Drawing:
    """A picture of the course's own, as markup of SVG, and what is to be seen in it."""

    markup: str
    caption: str


@dataclass(frozen=True, eq=False)
class Shown:
    """An operation at a stop: what of its derivation, pictures and numbers stands there.

    Attributes
    ----------
    operation : Operation
    title : str
        Of what is shown, where several things are.
    gradients : tuple of str
        Tensors, by name, whose gradients stand there, each as the line that its derivation ends in.
    case : mapping of str to object
        What is said of the options, as for `derive.calculus.plain.special`.
    definition, solved, straight, matrices : bool
        Whether the equations stand there, the lines that are solved for an index, the way of a
        state past every weight, the lines with matrices.
    time : tuple of str
        Titles of what follows from the steps through time.
    pictures : tuple of str
        Kinds, as `derive.prose.pictures.Picture` has them.
    numbers : tuple of str
        Tensors, by name, whose numbers in the worked example stand there.
    example : mapping of str to numbers
        The numbers, if the operation has none of its own, or others are to stand there.
    """

    operation: Operation
    title: str = ""
    gradients: tuple[str, ...] = ()
    case: Mapping[str, Any] = field(default_factory=dict)
    definition: bool = True
    solved: bool = False
    straight: bool = False
    matrices: bool = False
    time: tuple[str, ...] = ()
    pictures: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()
    example: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Code:
    """At most five lines to run, and what they print."""

    text: str
    printed: str


@dataclass(frozen=True)
class Stop:
    """One question of the course, and its answer.

    Attributes
    ----------
    title, question : str
    words : tuple of str
        Paragraphs.
    terms : function of nothing
        What the fields in the words are, besides tensors.
    shown : tuple of Shown
    lines, arrays, drawings : function of nothing
        Equations, numbers and pictures of the course's own.
    code : Code
    missing : str
        What is not there yet.
    """

    title: str
    question: str
    words: tuple[str, ...]
    shown: tuple[Shown, ...] = ()
    code: Code | None = None
    terms: Terms = _none
    lines: Callable[[], tuple[Line, ...]] = tuple
    arrays: Callable[[], tuple[Array, ...]] = tuple
    drawings: Callable[[], tuple[Drawing, ...]] = tuple
    missing: str = ""


@dataclass(frozen=True)
class Chapter:
    """Several stops under one heading."""

    title: str
    stops: tuple[Stop, ...]
