"""Run a program in plain loops: what it means, word for word, and what every pass has to keep.

It stands with the checkers and not beside the grammar, because it computes with their closures
(`derive.verification.closures`), in their numbers: whoever makes programs has no use for it, and
so no folder imports downward. Nothing here is fast.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from sympy import Expr, Symbol

from derive.calculus.affine import axes_in
from derive.calculus.selection import rank, taken
from derive.calculus.statements import Statement
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor
from derive.program.grammar import (
    Allocate,
    Block,
    Body,
    Choice,
    Compute,
    Loop,
    Present,
    Program,
    Tile,
    Wanted,
    When,
)
from derive.verification.arithmetic import NUMBERS, Arithmetic
from derive.verification.closures import REDUCTIONS, Compiler, Environment, Evaluate

Place = tuple[int, ...]
PART = 2  # points of an axis in a part of it: with few of them there is more than one part


class Unwritten(LookupError):
    """Something was read that nobody has written."""


class SetTwice(LookupError):
    """Two points of one statement set the same entry."""


def run(
    program: Program,
    given: Mapping[Tensor, Any],
    values: Mapping[Symbol, Any],
    wanted: Collection[str] | None = None,
    numbers: Arithmetic = NUMBERS,
) -> dict[Tensor, np.ndarray]:
    """One call of a program.

    Parameters
    ----------
    program : Program
    given : mapping of Tensor to array
        The inputs; None, or nothing, for one that is left out.
    values : mapping of Symbol to number
        A value for each size and setting that occurs.
    wanted : collection of str, optional
        Names of the gradients that are asked for; without it, all of them.
    numbers : Arithmetic
        What to compute with; entries may be any numbers that it can take.

    Returns
    -------
    dict of Tensor to ndarray
        The outputs but for those not wanted: object arrays, with product axes split.

    Raises
    ------
    Unwritten
        Where an entry is read that holds nothing.
    SetTwice
        Where two points of a statement that sets write one entry.
    IndexError
        Where an entry outside a tensor is read that has no number for it.
    """
    return Interpreter(program, numbers)(given, values, wanted)


@dataclass
class _Room:
    """The entries of a tensor that somebody has written; the others hold `fill`."""

    tensor: Tensor
    ranges: tuple[range, ...]
    fill: Any = None
    outside: Any = None
    entries: dict[Place, Any] = field(default_factory=dict)

    def holds(self, place: Place) -> bool:
        return all(i in r for i, r in zip(place, self.ranges, strict=True))

    def __getitem__(self, place: Place) -> Any:
        if place in self.entries:
            return self.entries[place]
        inside = self.holds(place)
        found = self.fill if inside else self.outside
        if found is None:
            spot = f"{self.tensor.name}{list(place)}"
            raise Unwritten(spot) if inside else IndexError(f"{spot} is outside {self.ranges}")
        return found

    def array(self) -> np.ndarray:
        result = np.empty([len(r) for r in self.ranges], object)
        for position, place in enumerate(itertools.product(*self.ranges)):
            result.reshape(-1)[position] = self[place]
        return result


class _Values(Compiler):
    """Closures of what stands in a program: `taken` leaves nothing behind."""

    def __init__(self, rooms: dict[Tensor, _Room], numbers: Arithmetic) -> None:
        super().__init__(self.entry, (), Order(), numbers)
        self.rooms = rooms

    def room(self, tensor: Tensor) -> _Room:
        if tensor not in self.rooms:
            raise Unwritten(f"{tensor.name}, which was left out or not made")
        return self.rooms[tensor]

    def entry(self, tensor: Tensor, place: Place) -> Any:
        return self.room(tensor)[place]

    def place(self, access: Access) -> Callable[[Environment], Place]:
        index = [self.compiled(i) for i in access.index]
        return lambda here: tuple(int(i(here)) for i in index)

    def closure(self, value: Any) -> Evaluate:
        if not isinstance(value, taken):
            return super().closure(value)
        left, hit = value.args
        assert isinstance(left, Access)
        what, test, place, tensor = (
            self.compiled(left),
            self.compiled(hit),
            self.place(left),
            left.tensor,
        )

        def take(here: Environment) -> Any:
            if not test(here):
                return 0
            found = what(here)
            self.room(tensor).entries[place(here)] = 0
            return found

        return take


class Interpreter:
    """Runs a program as often as it is called, and compiles each expression once.

    Attributes
    ----------
    forced : mapping of str to bool
        By the name of a `Choice`, whether the first of the two ways is taken, whatever its test.
    part : int
        How many points of an axis a `Tile` takes at a time.
    """

    def __init__(
        self,
        program: Program,
        numbers: Arithmetic = NUMBERS,
        forced: Mapping[str, bool] | None = None,
        part: int = PART,
    ) -> None:
        self.program, self.forced, self.part = program, forced or {}, part
        self.rooms: dict[Tensor, _Room] = {}
        self.values = _Values(self.rooms, numbers)
        self.here: Environment = {}
        self.bound: tuple[Axis, ...] = ()
        self.wanted: frozenset[str] = frozenset()
        self.computes: dict[tuple, Callable[[], None]] = {}

    def __call__(
        self,
        given: Mapping[Tensor, Any],
        values: Mapping[Symbol, Any],
        wanted: Collection[str] | None = None,
    ) -> dict[Tensor, np.ndarray]:
        """See `run`."""
        program, self.bound = self.program, ()
        self.rooms.clear()
        self.here = {symbol.name: value for symbol, value in values.items()}
        self.wanted = program.names if wanted is None else frozenset(wanted)
        for tensor in program.inputs:
            self.give(tensor, given.get(tensor))
        self.body(program.body)
        asked = (t for t in program.outputs if program.wanted.get(t) in {None, *self.wanted})
        return {tensor: self.values.room(tensor).array() for tensor in asked}

    def give(self, tensor: Tensor, array: Any) -> None:
        """Put an input in its place; one that is left out has its default, if there is one."""
        if array is None and tensor.default is None:
            return
        self.make(tensor, tensor.default if array is None else None)
        if array is not None:
            room = self.rooms[tensor]
            flat = np.asarray(array, dtype=object).reshape(-1)
            places = itertools.product(*room.ranges)
            room.entries = dict(zip(places, flat.tolist(), strict=True))

    def make(self, tensor: Tensor, fill: Expr | None) -> None:
        ranges = tuple(
            range(first, first + int(self.value(extent)))
            for first, extent in zip(tensor.offset, tensor.shape, strict=True)
        )
        fill, outside = (None if e is None else self.value(e) for e in (fill, tensor.outside))
        self.rooms[tensor] = _Room(tensor, ranges, fill, outside)

    def value(self, expression: Any) -> Any:
        return self.values.compiled(expression)(self.here)

    # ---- blocks --------------------------------------------------------------------------

    def body(self, body: Iterable[Block]) -> None:
        for block in body:
            match block:
                case Compute():
                    self.compute(block)
                case Allocate():
                    self.make(block.tensor, block.fill)
                case When():
                    self.body(block.body if self.holds(block.test) else ())
                case Choice():
                    first = self.forced.get(block.names[0])
                    first = self.value(block.test) if first is None else first
                    self.body(block.body if first else block.otherwise)
                case Loop():
                    self.loop(block)
                case Tile():
                    self.tile(block)
                case _:
                    raise TypeError(block)

    def holds(self, test: Wanted | Present) -> bool:
        if isinstance(test, Wanted):
            return bool(test.names & self.wanted)
        return self.rooms.keys() >= {*test.tensors}

    def loop(self, loop: Loop) -> None:
        rounds = range(*(int(self.value(end)) for end in loop.ends))
        self.bound = (*self.bound, loop.axis)
        for number in reversed(rounds) if loop.falling else rounds:
            self.round(loop.body, {loop.axis.name: number})
        self.bound = self.bound[:-1]

    def tile(self, tile: Tile) -> None:
        count = int(self.value(tile.axis.extent))
        starts = range(0, count, self.part)
        for start in reversed(starts) if tile.falling else starts:
            ends = {str(tile.start): start, str(tile.stop): min(start + self.part, count)}
            self.round(tile.body, ends)

    def round(self, body: Body, here: Environment) -> None:
        """One round of a loop; what it makes is gone afterwards."""
        outer, known = self.here, [*self.rooms]
        self.here = {**outer, **here}
        self.body(body)
        self.here = outer
        for tensor in self.rooms.keys() - known:
            del self.rooms[tensor]

    # ---- statements ----------------------------------------------------------------------

    def compute(self, block: Compute) -> None:
        key = block.statement, block.into, self.bound
        if key not in self.computes:
            self.computes[key] = self.nest(block.statement, block.into == "set", self.bound)
        self.computes[key]()

    def nest(self, statement: Statement, sets: bool, bound: tuple[Axis, ...]) -> Callable[[], None]:
        """The loops over the axes of a statement that nothing around it binds."""
        values, op, tensor = self.values, statement.op, statement.target.tensor
        axes = [a for a in statement.domain if a not in bound]
        points = values.box(axes)
        spots = values.box([a for a in axes if a in axes_in(statement.target.index)])
        place, value = values.place(statement.target), values.compiled(statement.value)
        number = values.compiled(rank(statement, bound))
        guards = [values.guard(g) for g in statement.where]
        joined, neutral = _JOINED[op], REDUCTIONS[op]([])

        def compute() -> None:
            room, found = values.room(tensor), {}
            for here in spots(self.here) if sets else ():
                if (spot := place(here)) in found:
                    raise SetTwice(f"{tensor.name}{list(spot)} by {statement}")
                found |= {spot: neutral} if room.holds(spot) else {}
            for here in points(self.here):
                if all(holds(here) for holds in guards) and room.holds(spot := place(here)):
                    term = value(here)
                    if op == "first":
                        term = number(here) if term else neutral
                    found[spot] = joined(found.get(spot, neutral), term)
            for spot, result in found.items():
                room.entries[spot] = result if sets else joined(room[spot], result)

        return compute


_JOINED: dict[str, Callable[[Any, Any], Any]] = {
    "add": lambda one, other: one + other,
    "max": lambda one, other: REDUCTIONS["max"]([one, other]),
    "first": lambda one, other: REDUCTIONS["first"]([n for n in (one, other) if n >= 0]),
}
