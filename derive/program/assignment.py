"""What is written before it is read: definite assignment, proved with boxes.

A box is a least and a largest index for each dimension of a tensor; all entries between them hold
something (`derive.program.boxes`). What is set adds a box; neighbours are joined; and what round t
of a loop sets at t, the rounds before it have set from the loop's start to t - 1:

    h[-1] = h0                          h: -1
    for t:  h[t] = f(h[t-1])            h: -1 .. t-1, so that h[t-1] is known in round t
    y = h[T-1]                          h: -1 .. T-1

What is written under a condition is known under that condition, or a narrower one. What cannot be
proved in this way needs a fill. Of a tensor of which a loop keeps two rows, row ``t % 2`` counts as
row t, and as those that lie in the same place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace

from sympy import Expr, Mod, expand

from derive.calculus.affine import affine
from derive.calculus.statements import Guard
from derive.language.symbols import Access, Axis, Tensor
from derive.program.boxes import Box, Held, Scope, Shift, Span, Test, Written, implied, with_boxes
from derive.program.grammar import (
    ZERO,
    Allocate,
    Body,
    Compute,
    Loop,
    Present,
    Program,
    Tile,
    Wanted,
    When,
    computes,
    walk,
)


@dataclass
class Assignment:
    """Goes through a program, and notes what is not known to be written where it is read.

    Attributes
    ----------
    program : Program
        With one way to compute its outputs.
    unproved : dict of Tensor to str
        Tensors that need a fill, each with the first entry that does.
    wrong : list of str
        What is made twice, or written and not made.
    """

    program: Program
    unproved: dict[Tensor, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    quiet: bool = False
    made: dict[Tensor, tuple[Held, ...]] = field(default_factory=dict)  # under which conditions

    def __post_init__(self) -> None:
        targets = [b.statement.target for b in computes(self.program.body) if b.target.rank]
        turning = [a for a in targets if isinstance(a.index[0], Mod)]
        self.rows = {a.tensor for a in turning if a.index[0].args[1] == a.tensor.shape[0]}

    def run(self) -> None:
        written: Written = {}
        for tensor in self.program.inputs:
            absent = tensor.optional and tensor.default is None
            self.made[tensor] = ()
            written[tensor] = (Box(None, ((Present((tensor,)), True),) if absent else ()),)
        written = self.body(self.program.body, written, Scope())
        for tensor in self.program.outputs:
            name = self.program.wanted.get(tensor)
            axes = tuple(Axis(f"i{d}", extent) for d, extent in enumerate(tensor.shape))
            whole = Access(tensor, *(a + o for a, o in zip(axes, tensor.offset, strict=True)))
            held = ((Wanted(frozenset({name})), True),) if name else ()
            self.need(whole, written, Scope(axes, held=held), "an output")

    def body(self, body: Body, written: Written, scope: Scope) -> Written:
        for block in body:
            if isinstance(block, Allocate):
                if block.tensor in written:
                    self.say(f"{block.tensor.name} is made twice")
                self.made[block.tensor] = scope.held
                boxes = () if block.fill is None else (Box(None, scope.held),)
                written = written | {block.tensor: boxes}
            elif isinstance(block, Compute):
                written = self.compute(block, written, scope)
            elif isinstance(block, Loop):
                written = self.loop(block, written, scope)
            elif isinstance(block, Tile):
                written = self.tile(block, written, scope)
            elif isinstance(block, When):
                written = self.branches(block.test, (block.body, ()), written, scope)
            else:
                ways = block.body, block.otherwise
                written = self.branches(Test(block.test), ways, written, scope)
        return written

    def branches(
        self,
        test: Wanted | Present | Test,
        bodies: tuple[Body, Body],
        written: Written,
        scope: Scope,
    ) -> Written:
        """What is written after one of two branches: in both of them, or under a condition."""
        tests = (test, True), (test, False)
        scopes = [replace(scope, held=(*scope.held, held)) for held in tests]
        one, other = (self.body(b, written, inner) for b, inner in zip(bodies, scopes, strict=True))
        for mine, held, theirs, inner in (
            (one, tests[0], other, scopes[1]),
            (other, tests[1], one, scopes[0]),
        ):
            for tensor, boxes in mine.items():
                new = [b for b in boxes if b not in written.get(tensor, ())]
                both = [
                    b.without(held)
                    for b in new
                    for k in theirs.get(tensor, ())
                    if k.contains(b, scope)
                    and implied(k.held, (*inner.held, *b.without(held).held))
                ]
                written = self.known(written, tensor, (*new, *both), scope)
        return written

    def loop(self, loop: Loop, written: Written, scope: Scope) -> Written:
        axis, (start, stop) = loop.axis, loop.ends
        bounds = Guard("ge", axis - start), Guard("ge", stop - 1 - axis)
        inner = replace(scope, axes=(*scope.axes, axis)).within(*bounds)
        first, last, after = {axis: start}, {axis: stop - 1}, {axis: axis + 1}
        before = (after, last) if loop.falling else (first, {axis: axis - 1})
        return self.rounds(loop, written, scope, inner, before, (first, last), after)

    def tile(self, tile: Tile, written: Written, scope: Scope) -> Written:
        start, stop, extent = tile.start, tile.stop, tile.axis.extent
        inner = scope.within(Guard("ge", stop - start - 1))
        whole: tuple[Shift, Shift] = {start: ZERO}, {stop: extent}
        before = ({start: stop}, whole[1]) if tile.falling else (whole[0], {stop: start})
        return self.rounds(tile, written, scope, inner, before, whole, {start: stop})

    def rounds(
        self, block: Loop | Tile, written: Written, scope: Scope, inner: Scope,
        before: tuple[Shift, Shift], whole: tuple[Shift, Shift], after: Shift,
    ) -> Written:  # fmt: skip
        """What is written after all rounds; those `before` one have written what they write."""
        quiet, self.quiet = self.quiet, True
        new = self.body(block.body, {}, inner)
        self.quiet = quiet
        own = {b.tensor for b in walk(block.body) if isinstance(b, Allocate)}

        def added(span: tuple[Shift, Shift], scope: Scope) -> Written:
            result = written
            for tensor in (t for t in new if t not in own):
                boxes = (b.moved(*span, after) for b in new[tensor])
                result = self.known(result, tensor, [b for b in boxes if b], scope)
            return result

        self.body(block.body, added(before, inner), inner)
        return added(whole, scope)

    def compute(self, block: Compute, written: Written, scope: Scope) -> Written:
        statement, target = block.statement, block.statement.target
        own = tuple(a for a in statement.domain if a not in scope.axes)
        inner = replace(scope, axes=(*scope.axes, *own)).within(*statement.where)
        made = target.tensor in written and implied(self.made.get(target.tensor, ()), scope.held)
        if not made:
            self.say(f"{target.tensor.name} is written and was not made")
        for read in statement.entries:
            self.need(read, written, inner, statement)
        if block.into == "update":
            self.need(target, written, inner, statement)
            return written
        return self.known(written, target.tensor, self.boxes(target, own, scope), scope)

    def known(
        self, written: Written, tensor: Tensor, boxes: Iterable[Box], scope: Scope
    ) -> Written:
        """What is known with some more boxes; of one round, they stay apart to be moved."""
        if self.quiet:
            return written | {tensor: (*written.get(tensor, ()), *boxes)}
        return with_boxes(written, tensor, boxes, scope)

    def boxes(self, target: Access, own: tuple[Axis, ...], scope: Scope) -> Iterator[Box]:
        """What is set where every index is one axis of its own, or none, and a constant."""
        bounds: list[Span] = []
        seen: set[Expr] = set()
        for index in self.place(target):
            at = affine(index)
            mine = [(a, c) for a, c in at.coefficients if a in own]
            if at.reads or len(mine) > 1 or any(abs(c) != 1 for _, c in mine):
                return
            if {a for a, _ in mine} & seen:
                return
            seen |= {a for a, _ in mine}
            rest = expand(index - sum(a * c for a, c in mine))
            reach = sum((a.extent - 1 for a, _ in mine), start=rest * 0)
            down = reach if any(c == -1 for _, c in mine) else reach * 0
            bounds.append((expand(rest - down), expand(rest + reach - down)))
        yield Box(tuple(bounds), scope.held)
        if target.tensor in self.rows:
            for turn in (-target.tensor.shape[0], target.tensor.shape[0]):
                row = bounds[0][0] + turn, bounds[0][1] + turn
                yield Box((row, *bounds[1:]), scope.held)

    def place(self, access: Access) -> tuple[Expr, ...]:
        """The index of an entry; row t, for a row t % 2."""
        row, *rest = access.index or (ZERO,)
        if access.tensor in self.rows and isinstance(row, Mod):
            return row.args[0], *rest
        return access.index

    def need(self, access: Access, written: Written, scope: Scope, where: object) -> None:
        """Note an entry if it is not known to be written."""
        tensor = access.tensor
        if self.quiet or tensor in self.unproved:
            return
        for box in written.get(tensor, ()):
            if implied(box.held, scope.held) and self.covers(box, access, scope):
                return
        self.unproved[tensor] = f"{access} may be read before it is written, in {where}"

    def covers(self, box: Box, access: Access, scope: Scope) -> bool:
        """Whether the entry lies in the box, if it lies in its tensor."""
        if box.bounds is None:
            return True
        tensor = access.tensor
        for d, (at, (low, high)) in enumerate(zip(self.place(access), box.bounds, strict=True)):
            if d or tensor not in self.rows:  # an entry that is read lies in its tensor
                first = tensor.offset[d] + ZERO
                low = at if scope.at_least(first, low) else low
                high = at if scope.at_least(high, first + tensor.shape[d] - 1) else high
            if not (scope.at_least(at, low) and scope.at_least(high, at)):
                return False
        return True

    def say(self, what: str) -> None:
        if not self.quiet:
            self.wrong.append(what)
