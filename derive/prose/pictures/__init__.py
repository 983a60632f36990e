"""Pictures of a system of statements, made from the statements alone.

Nothing here knows an operation: each kind says of any statement whether it applies.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Symbol

from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.array import Array
from derive.calculus.instance import Instance, Unknown
from derive.calculus.statements import System
from derive.language.options import Option
from derive.language.symbols import Tensor
from derive.prose.pictures.frames import frames_picture
from derive.prose.pictures.grammar import Picture
from derive.prose.pictures.matrix import matrix_picture
from derive.prose.pictures.planes import drawn, sized
from derive.prose.pictures.recurrence import recurrence_picture, steps_above
from derive.prose.pictures.relation import windows
from derive.prose.pictures.svg import svg
from derive.prose.pictures.tikz import tikz
from derive.prose.pictures.unrolling import unrolled
from derive.prose.pictures.windows import window_picture
from derive.prose.pictures.winner import contest_sizes, contests, winner_picture

__all__ = ["WITH_NUMBERS", "Picture", "pictures", "steps_above", "svg", "tikz"]

WITH_NUMBERS = frozenset({"frames", "winner"})  # kinds that show those of a worked example

_TAPS = 3  # of a window


def pictures(
    system: System,
    options: Sequence[Option] = (),
    *,
    said: Mapping[str, Any] | None = None,
    arrays: Mapping[Tensor, Array] | None = None,
    values: Mapping[Symbol, int] | None = None,
    both: Adjoint | None = None,
) -> tuple[Picture, ...]:
    """Every picture that a system has.

    Parameters
    ----------
    system : System
        Of an operation.
    options : sequence of Option
        Whose settings the system mentions.
    said : mapping of str to value, optional
        Options by name; the others have their defaults.
    arrays : mapping of Tensor to array, optional
        Numbers of a worked example: inputs and what is computed of them, product axes split.
    values : mapping of Symbol to int, optional
        The sizes and settings of these numbers.
    both : Adjoint, optional
        ``adjoint(system)``, if there is one already.
    """
    both = both or adjoint(system)
    example = None
    if arrays is not None and values is not None:
        integers = {
            t: {place: int(n) for place, n in array.items()}
            for t, array in arrays.items()
            if t.integer and t in system.inputs
        }
        example = Example(Instance(system, values, integers), arrays)
    found = (
        *_of_windows(system, options, said or {}, example),
        *_of_maxima(system, both, options, said or {}, example),
        *_of_loops(system, both, options, said or {}),
    )
    return tuple(dict.fromkeys(found))


@dataclass(frozen=True, eq=False)
class Example:
    """A system at the sizes of some numbers, and these numbers."""

    instance: Instance
    arrays: Mapping[Tensor, Array]


def _of_windows(
    system: System, options: Sequence[Option], said: Mapping[str, Any], example: Example | None
) -> Iterator[Picture]:
    for window in windows(system):
        try:
            if example is not None:
                at_numbers = drawn(window, example.instance)
                yield from _if_any(frames_picture(at_numbers, example.arrays))
            if instance := sized(system, window, options, said, _TAPS):
                yield window_picture(drawn(window, instance))
            few = _TAPS if len(window.along) == 1 else _TAPS - 1
            if instance := sized(system, window, options, said, few, few):
                yield from _if_any(matrix_picture(drawn(window, instance)))
        except Unknown:
            continue  # where its windows are, the sizes do not say


def _if_any(picture: Picture | None) -> Iterator[Picture]:
    if picture is not None:
        yield picture


def _of_maxima(
    system: System, both: Adjoint, options: Sequence[Option], said: Mapping[str, Any],
    example: Example | None,
) -> Iterator[Picture]:  # fmt: skip
    for contest in contests(both.primal):
        try:
            if example is not None:
                yield winner_picture(contest, example.instance, example.arrays)
            elif instance := contest_sizes(contest, system, options, said):
                yield winner_picture(contest, instance)
        except Unknown:
            continue


def _of_loops(
    system: System, both: Adjoint, options: Sequence[Option], said: Mapping[str, Any]
) -> Iterator[Picture]:
    try:
        graph = unrolled(system, both, options, said)
        if graph is not None and (picture := recurrence_picture(graph, both)):
            yield picture
    except Unknown:
        return
