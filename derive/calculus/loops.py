"""Which tensors depend on themselves along an axis, and what happens within one step of it.

h[t] = f(a[t]),   a[t] = g(h[t-1], x[t])        h and a are a loop over t; h is its state
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from derive.calculus.chain import Slope, slopes_by
from derive.calculus.normal import tidy
from derive.calculus.statements import System
from derive.language.symbols import Axis, Tensor


@dataclass(frozen=True)
class Loop:
    """Tensors that depend on each other, some of them on earlier steps.

    Attributes
    ----------
    tensors : tuple of Tensor
        What is computed in each step, in order of appearance.
    place : dict of Tensor to int
        The position of the loop's axis among the indices of each tensor.
    slopes : tuple of Slope
        Every read of one of the tensors by one of them.
    """

    tensors: tuple[Tensor, ...]
    place: dict[Tensor, int]
    slopes: tuple[Slope, ...]

    def lag(self, slope: Slope) -> int:
        """How far from the step it computes a statement reads: -1 for the step before."""
        read, target = slope.read, slope.statement.target
        before, now = read.index[self.place[read.tensor]], target.index[self.place[target.tensor]]
        return int(tidy(before - now))

    @property
    def sources(self) -> tuple[tuple[Tensor, int], ...]:
        """States, and from how far they are read."""
        found = {(s.read.tensor, self.lag(s)) for s in self.slopes if self.lag(s)}
        return tuple(sorted(found, key=lambda s: (self.tensors.index(s[0]), abs(s[1]))))

    @property
    def states(self) -> tuple[Tensor, ...]:
        return tuple(dict.fromkeys(tensor for tensor, _ in self.sources))

    def ways(self, start: Tensor, state: Tensor, lag: int) -> Iterator[tuple[Tensor, ...]]:
        """Every chain of tensors from `start` through its own step to a state `lag` steps off."""
        reads: dict[Tensor, dict[Tensor, None]] = {tensor: {} for tensor in self.tensors}
        ends = set()
        for slope in self.slopes:
            of, by, distance = slope.statement.target.tensor, slope.read.tensor, self.lag(slope)
            if (by, distance) == (state, lag):
                ends.add(of)
            elif distance == 0:
                reads[of][by] = None
        live = {t for t in self.tensors if ends & {t, *_behind(t, reads)}}

        def onwards(tensor: Tensor) -> Iterator[tuple[Tensor, ...]]:
            if tensor in ends:
                yield tensor, state
            for read in reads[tensor]:
                if read in live:  # else its ways end nowhere, and may be many
                    yield from ((tensor, *rest) for rest in onwards(read))

        return onwards(start)

    def between(self, of: Tensor, by: Tensor, lag: int) -> tuple[Slope, ...]:
        """Reads of one tensor by another, from one distance."""
        return tuple(
            s for s in self.slopes
            if s.statement.target.tensor == of and s.read.tensor == by and self.lag(s) == lag
        )  # fmt: skip


def loops_in(system: System, active: Mapping[Tensor, Tensor]) -> Iterator[Loop]:
    """Every loop through which a gradient flows, from the tensors that have cotangents."""
    slopes = [s for tensor in active for s in slopes_by(system, tensor, dict(active))]
    return loops(slopes, [tensor for tensor in system.tensors if tensor in active])


def loops(slopes: Sequence[Slope], order: Sequence[Tensor]) -> Iterator[Loop]:
    """Every loop of a system over one axis.

    A loop within a step of another one is not found, nor the one around it: one step of it is no
    formula.
    """
    reads: dict[Tensor, set[Tensor]] = {tensor: set() for tensor in order}
    for slope in slopes:
        reads[slope.statement.target.tensor].add(slope.read.tensor)
    behind = {tensor: _behind(tensor, reads) for tensor in order}
    seen: set[Tensor] = set()
    for tensor in order:
        if tensor in seen or tensor not in behind[tensor]:
            continue
        members = tuple(t for t in order if t in behind[tensor] and tensor in behind[t])
        seen |= set(members)
        inner = tuple(s for s in slopes if {s.statement.target.tensor, s.read.tensor} <= {*members})
        for position in range(tensor.rank):
            place = _places(tensor, position, inner)
            if place is not None and _is_loop(loop := Loop(members, place, inner)):
                yield loop
                break


def _behind(start: Tensor, reads: Mapping[Tensor, Iterable[Tensor]]) -> set[Tensor]:
    """Everything a tensor depends on."""
    reached: set[Tensor] = set()
    waiting = [start]
    while waiting:
        new = set(reads[waiting.pop()]) - reached
        reached |= new
        waiting += sorted(new, key=str)
    return reached


def _places(start: Tensor, position: int, slopes: Sequence[Slope]) -> dict[Tensor, int] | None:
    """Where the axis at `position` of `start` is in every tensor, if all of them move along it."""
    place = {start: position}
    grew = True
    while grew:
        grew = False
        for slope in slopes:
            target, read = slope.statement.target, slope.read
            for one, other in ((target, read), (read, target)):
                if one.tensor in place and other.tensor not in place:
                    own = one.index[place[one.tensor]]
                    found = [p for p, i in enumerate(other.index) if _along(own, i)]
                    if not found:
                        return None
                    place[other.tensor] = found[0]
                    grew = True
    steps = ((s.statement.target, s.read) for s in slopes)
    alike = all(_along(t.index[place[t.tensor]], r.index[place[r.tensor]]) for t, r in steps)
    return place if alike else None


def _along(one, other) -> bool:
    """Whether two indices run along one axis at a fixed distance."""
    return bool(one.atoms(Axis)) and tidy(other - one).is_Integer


def _is_loop(loop: Loop) -> bool:
    """Whether steps follow each other in one direction, and each is a formula."""
    lags = {loop.lag(s) for s in loop.slopes} - {0}
    if not lags or (min(lags) < 0 < max(lags)):
        return False
    reads: dict[Tensor, set[Tensor]] = {tensor: set() for tensor in loop.tensors}
    for slope in loop.slopes:
        if loop.lag(slope) == 0:
            reads[slope.statement.target.tensor].add(slope.read.tensor)
    return not any(tensor in _behind(tensor, reads) for tensor in loop.tensors)
