"""A maximum on numbers: which entry wins each window, and how the gradient goes to it alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer

from derive.calculus.affine import axes_in
from derive.calculus.array import Array
from derive.calculus.instance import Instance, Place
from derive.calculus.selection import reduced
from derive.calculus.sizes import completed, free_sizes, symbols_of
from derive.calculus.statements import Statement, System
from derive.language.options import Option
from derive.language.symbols import Access, Tensor
from derive.prose.numbers import short
from derive.prose.pictures.grammar import Arrow, Cell, Picture
from derive.prose.pictures.letters import Letters
from derive.prose.pictures.page import Page
from derive.prose.pictures.planes import Plane, sized
from derive.prose.pictures.relation import MOST, windows

_DIGITS = "2718281828459045235360287471352662497757"  # of e: they look random, and repeat
_GAP, _LEAST_WIDTH = 1.6, 8
_ALONE = {1: 5, 2: 3}  # extents of what is compared as a whole


@dataclass(frozen=True)
class Contest:
    """A statement that takes the largest of some entries.

    Attributes
    ----------
    source, target : tuple of int
        The dimensions that are compared, and those that say which window it is.
    """

    statement: Statement
    read: Access
    source: tuple[int, ...]
    target: tuple[int, ...]


def contests(differentiated: System) -> list[Contest]:
    """Every maximum of plain entries through which a gradient flows.

    The system is ``adjoint(system).primal``, which says what such maxima select.
    """
    selecting = {s.value.args[1] for s in differentiated.statements if s.op == "first"}
    found = []
    for statement in differentiated.statements:
        read = statement.value
        if statement.op != "max" or statement.target not in selecting:
            continue
        if not isinstance(read, Access):
            continue
        compared = set(reduced(statement))
        source = [d for d, i in enumerate(read.index) if axes_in([i]) & compared]
        moving = axes_in([read.index[d] for d in source]) - compared
        target = [d for d, i in enumerate(statement.target.index) if axes_in([i]) & moving]
        if 0 < len(source) <= MOST and len(target) in (0, len(source)):
            found.append(Contest(statement, read, tuple(source), tuple(target)))
    return found


def contest_sizes(
    contest: Contest, system: System, options: Sequence[Option], said: Mapping[str, Any]
) -> Instance | None:
    """Sizes of a few small windows, or of one small array that is compared as a whole."""
    for window in windows(system):
        if window.statement == contest.statement:
            return sized(system, window, options, said, 2)
    ends = free_sizes(contest.read.tensor.shape[d] for d in contest.source)
    values = completed(
        symbols_of(system), options, said, dict.fromkeys(ends, _ALONE[len(contest.source)])
    )
    return None if values is None else Instance(system, values)


def winner_picture(
    contest: Contest, instance: Instance, arrays: Mapping[Tensor, Array] | None = None
) -> Picture:
    """Numbers, the winner of each window, and the cotangents that are handed to the winners.

    Parameters
    ----------
    arrays : mapping of Tensor to Array, optional
        Numbers of the tensor that is read; without it they are digits.
    """
    statement, tensor = contest.statement, contest.read.tensor
    moving = axes_in([contest.read.index[d] for d in contest.source]) | set(reduced(statement))
    fixed = {a: 0 for a in statement.domain if a not in moving}
    compared: dict[Place, list[Place]] = {}
    for point in instance.points(statement, fixed):
        read = instance.entry(contest.read, point.here)
        if not instance.inside(read):
            continue
        place = tuple(point.target.place[d] for d in contest.target) or (0,)
        compared.setdefault(place, []).append(tuple(read.place[d] for d in contest.source))
    plane = Plane.around(_ranges(tensor, contest.source, instance), ())
    windows_plane = Plane.around(
        _ranges(statement.target.tensor, contest.target, instance) or (range(1),), ()
    )
    number = dict(zip(plane.places(), _numbers(contest, instance, arrays), strict=False))
    winner = {  # the first of equals
        place: max(entries, key=lambda e: (number[e], -entries.index(e)))
        for place, entries in compared.items()
    }
    tied = any(
        sum(number[e] == number[winner[place]] for e in entries) > 1
        for place, entries in compared.items()
    )
    arriving = {place: Integer(n + 1) for n, place in enumerate(winner)}
    handed = {
        entry: sum((arriving[p] for p in winner if winner[p] == entry), Integer(0))
        for entry in plane.places()
    }

    letters = Letters((tensor, statement.target.tensor))
    names = [letters.entry(t, (), bar) for bar in (False, True) for t in letters.tensors]
    right = plane.columns + _GAP
    page = Page(max(right + windows_plane.columns, _LEAST_WIDTH))
    apart = len({e for entries in compared.values() for e in entries}) == sum(
        map(len, compared.values())
    )
    framed = list(compared.values()) if apart else list(compared.values())[:1]

    def named(left: Expr, beside: Expr) -> None:
        """The names of two planes side by side, above them."""
        y = page.y
        page.say((left,))
        page.y = y
        page.say((beside,), right)

    named(names[0], names[1])
    y = page.y
    page.add(plane.cells(0, y, "input", {
        e: Cell(0, 0, "marked" if e in winner.values() else "input", (short(number[e]),),
                "heavy" if e in winner.values() else "solid")
        for e in plane.places()}))  # fmt: skip
    page.add(plane.frame(entries, 0, y) for entries in framed)
    page.add(windows_plane.cells(right, y, "output", {
        p: Cell(0, 0, "output", (short(number[e]),)) for p, e in winner.items()}))  # fmt: skip
    middle = min(plane.rows, windows_plane.rows) / 2
    page.add([Arrow((plane.columns + 0.2, y + middle), (right - 0.2, y + middle), label=("max",))])
    page.y += max(plane.rows, windows_plane.rows) + 0.4
    named(names[2], names[3])
    y = page.y
    page.add(plane.cells(0, y, "input", {
        e: Cell(0, 0, "cotangent", (short(n),), "heavy") if n else Cell(0, 0, "zero", ("0",))
        for e, n in handed.items()}))  # fmt: skip
    page.add(windows_plane.cells(right, y, "output", {
        p: Cell(0, 0, "cotangent", (short(n),)) for p, n in arriving.items()}))  # fmt: skip
    page.add([Arrow((right - 0.2, y + middle), (plane.columns + 0.2, y + middle), "cotangent")])
    page.y += max(plane.rows, windows_plane.rows) + 0.2
    page.say((
        "Each entry of ", names[3], " goes to the winner of its window; all others receive 0.",
        *([" Of equals the first wins."] if tied else []),
    ))  # fmt: skip
    page.say(letters.legend())
    return page.picture(
        "winner",
        ("The largest entry of each window, and the way of its gradient",),
        (
            "Above, numbers of ", names[0], " with the largest of each window marked, and beside "
            "them ", names[1], ". Below, the numbers of ", names[3], " at the places of the "
            "winners in ", names[2], ", and 0 everywhere else.",
            *(
                part
                for entry in dict.fromkeys(winner.values())
                for part in (" ", letters.entry(tensor, entry), f" is {short(number[entry])} and ",
                             f"receives {short(handed[entry])}.")
            ),
        ),
    )  # fmt: skip


def _ranges(tensor: Tensor, at: Sequence[int], instance: Instance) -> tuple[range, ...]:
    shape = instance.shape(tensor)
    return tuple(range(tensor.offset[d], tensor.offset[d] + shape[d]) for d in at)


def _numbers(
    contest: Contest, instance: Instance, arrays: Mapping[Tensor, Array] | None
) -> list[Any]:
    """The numbers of the dimensions that are compared, row by row; all others at their first."""
    tensor = contest.read.tensor
    if arrays is None or tensor not in arrays:
        return [Integer(int(digit)) for digit in _DIGITS]
    others = [d for d in range(tensor.rank) if d not in contest.source]
    return [n for place, n in arrays[tensor].items() if not any(place[d] for d in others)]
