"""Is a claim so? Where it is not: the smallest numbers that show it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from derive.claims.known import Known, Truth
from derive.claims.line import Entry, Line, Sides, kinked, may_divide_by_zero
from derive.claims.points import (
    Point,
    calls,
    entries,
    generic,
    small,
    smaller,
    with_entry,
)
from derive.errors import VerificationError
from derive.language.claim import Claim, Cotangent
from derive.language.order import Order
from derive.language.symbols import Tensor
from derive.verification.case import Case
from derive.verification.sizes import formulas_of

_TIES = 8  # points at which numbers are equal and arguments are 0
_DRAWS = 4
_TRIALS = 400  # points that are tried to find smaller ones, for a call of little work
_POINTS = 60_000  # what they may have to compute


Wrong = Callable[[Point], Entry | None]


@dataclass(frozen=True)
class Found:
    """A point at which a claim is wrong, and the entry."""

    point: Point
    entry: Entry


class Examination:
    """One line of a claim, tried."""

    def __init__(self, claim: Claim, known: Known, line: Line, order: Order) -> None:
        self.claim, self.known, self.line = claim, known, line
        self.sides = Sides(line, order)
        self._truths: dict[Point, Truth] = {}

    @cached_property
    def calls(self) -> tuple[Case, ...]:
        return calls(self.claim)

    @cached_property
    def reads_cotangents(self) -> bool:
        """Whether cotangents of outputs come in at all."""
        return any(isinstance(t, Cotangent) for t in self.line.read)

    def cotangents(self, case: Case) -> dict[str, tuple[int, ...]]:
        return self.known.shapes(case) if self.reads_cotangents else {}

    @cached_property
    def incoming(self) -> tuple[Tensor, ...]:
        """Whatever may be chosen at a point."""
        return self.known.incoming if self.reads_cotangents else self.known.operation.inputs

    @cached_property
    def kinked(self) -> bool:
        statements = self.known.system.statements
        values = [s.value for s in statements] + [e.right for e in self.line.equations]
        return any(s.op != "add" for s in statements) or kinked(values)

    @cached_property
    def has_exceptions(self) -> bool:
        """Whether single points may be other than those around them."""
        return self.kinked or may_divide_by_zero(e.right for e in self.line.equations)

    @cached_property
    def points(self) -> list[Point]:
        """Points without any relation between their numbers."""
        return [
            point
            for case in self.calls
            for point in generic(self.claim, case, self.cotangents(case))
        ]

    def truth(self, point: Point) -> Truth:
        """What is so at a point; kept for the points at which many lines are tried."""
        return self._truths.setdefault(point, Truth(self.known, point))

    # ---- whether it is so ----------------------------------------------------------------

    def refutation(self) -> Found | None:
        """Where the line is wrong, if it is wrong but for single points.

        Raises
        ------
        VerificationError
            If there is nothing to compare with.
        """
        told = False
        for point in self.points:
            for entry in self.sides.at(self.truth(point)):
                told |= entry.tells
                if entry.differs:
                    return Found(point, entry)
        if not told:
            raise VerificationError(
                f"{self.claim.operation.name}: there is nothing to compare the claim with: on the "
                f"calls it was tried on, {self.line.equation.left.tensor.name} has no value."
            )
        return None

    def agrees(self, sides: Sides) -> bool:
        """Whether another line is right wherever this one was tried."""
        return all(not e.differs for point in self.points for e in sides.at(self.truth(point)))

    def exception(self) -> Found | None:
        """A tie or kink, or a division by 0, at which a line is wrong that is right elsewhere."""
        for case in self.calls if self.has_exceptions else ():
            for largest in (1, 3):
                for point in self.small(case, largest, _TIES):
                    if (entry := self.wrong(point)) is not None:
                        return self.smallest(Found(point, entry), self.wrong)
        return None

    def small(self, case: Case, largest: int, count: int = _DRAWS) -> Iterator[Point]:
        return small(self.claim, case, self.cotangents(case), count, largest)

    def wrong(self, point: Point) -> Entry | None:
        """The first entry that is not as claimed."""
        return next((e for e in self.sides.at(Truth(self.known, point)) if e.differs), None)

    def wrong_around(self, point: Point) -> Entry | None:
        """The same, and what is wrong there is nearly as wrong close by: no matter of a kink."""
        found = [e for e in self.sides.at(Truth(self.known, point)) if e.differs]
        if not self.kinked or not found:
            return found[0] if found else None
        rng = point.case.rng("close by")
        near = [
            {e.place: e for e in self.sides.at(Truth(self.known, other))}
            for other in point.near(self.incoming, rng)
        ]
        lasting = (e for e in found if all(_alike(e, other[e.place]) for other in near))
        return next(lasting, None)

    # ---- the smallest numbers ------------------------------------------------------------

    def counterexample(self, found: Found) -> Found:
        """A point of small integers at which a line is wrong, no matter of a kink."""
        best = self._small(found.point.case, self.wrong_around)
        return found if best is None else self.smallest(best, self.wrong_around)

    def smallest(self, found: Found, wrong: Wrong) -> Found:
        """Sizes as small as may be, small integers, and as few as possible."""
        while True:
            cases = smaller(self.claim, found.point.case)
            less = next(filter(None, (self._small(case, wrong) for case in cases)), None)
            if less is None:
                return self.shrunk(found, wrong)
            found = less

    def _small(self, case: Case, wrong: Wrong) -> Found | None:
        for largest in (1, 2, 3):
            for point in self.small(case, largest):
                if (entry := wrong(point)) is not None:
                    return Found(point, entry)
        return None

    def shrunk(self, found: Found, wrong: Wrong) -> Found:
        """Zeros wherever they do no harm, then ones, then anything nearer to 0."""
        case = found.point.case
        work = formulas_of(case.operation).work({s.name: v for s, v in case.values.items()})
        left = min(_TRIALS, _POINTS // max(work, 1))
        choosable = [t for t in self.incoming if t not in self.claim.given and t.interval is None]

        def attempt(name: str, index: Any, number: int) -> bool:
            nonlocal found, left
            if left <= 0:
                return False
            left -= 1
            point = with_entry(found.point, name, index, number)
            entry = wrong(point)
            if entry is None:
                return False
            found = Found(point, entry)
            return True

        for tensor in choosable:
            array = found.point.arrays.get(tensor.name)
            if array is not None and array.size > 1:
                attempt(tensor.name, ..., 0)
        for name, index in entries(found.point, choosable):
            if found.point.arrays[name][index] != 0:  # type: ignore[index]
                attempt(name, index, 0)
        for name, index in entries(found.point, (t for t in choosable if not t.integer)):
            number = found.point.arrays[name][index]  # type: ignore[index]
            for simpler in (1, 2):
                if number in (0, simpler) or attempt(name, index, simpler):
                    break
        return found


def _alike(entry: Entry, other: Entry) -> bool:
    """Whether an entry is wrong by about as much close by."""
    if not other.tells or not other.differs:
        return False
    try:
        gap, near = float(entry.gap), float(other.gap)
    except (OverflowError, ValueError):
        return True
    return abs(gap - near) <= 0.01 * abs(gap)
