"""Print a program as lines of NumPy: what the blocks of a program are in Python.

Every Compute is lowered by itself. Rows of which two are kept are named at the top of their round,
and what a round makes anew has its room ahead of the loop.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sympy import Expr, Mod

from derive.arrays.grammar import Nest
from derive.arrays.vectorize import vectorized
from derive.backends.numpy.destinations import in_place, index_word
from derive.backends.numpy.elementwise import Elementwise
from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.stores import Store
from derive.backends.numpy.tree import (
    NONE,
    Assign,
    Binary,
    Comment,
    For,
    If,
    Line,
    Literal,
    Name,
    Node,
    Subscript,
    TupleOf,
    call,
    names_in,
    numpy,
    tidied,
)
from derive.calculus.statements import Statement
from derive.language.names import fresh
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor
from derive.program.facts import (
    is_copy_with_fill,
    named,
    names_of_entries,
    without_dimension,
)
from derive.program.grammar import (
    NEUTRAL,
    Allocate,
    Block,
    Body,
    Compute,
    Loop,
    Program,
    Tile,
    Wanted,
    When,
    bodies,
    computes,
    mapped,
    neutral,
    walk,
)

NAMES = ("sizes", "dtype", "wrt")  # of every direction
Describe = Callable[[Statement, bool], str]
Axes = tuple[Axis, ...]


@dataclass
class Needs:
    """What the lines of a module need besides functions: named constants."""

    constants: dict[str, Expr] = field(default_factory=dict)


class Writer:
    """Writes the lines of one direction.

    Parameters
    ----------
    program : Program
        What is computed.
    describe : callable
        Gives the comment of a statement, and is told whether it adds to what is there.
    needs : Needs
        Collects what the module must define.
    fast : bool
        Whether loops compute in place.
    order : Order
        In which order the author wrote what is computed.
    finite : frozenset of Tensor
        Tensors without infinite entries.
    """

    def __init__(
        self,
        program: Program,
        describe: Describe,
        needs: Needs,
        fast: bool,
        order: Order,
        finite: frozenset[Tensor],
    ) -> None:
        self.program, self.describe, self.needs = program, describe, needs
        self.fast, self.order, self.finite = fast, order, finite
        tensors = [a.tensor for b in computes(program.body) for a in b.accesses]
        self.arrays = {tensor.name: tensor.offset for tensor in tensors}
        extents = [e for t in tensors for e in t.shape]
        for block in computes(program.body):
            domain = block.statement.domain
            extents += [block.statement.value, *(a.extent for a in domain), *domain]
        numbers = {x.name for e in extents for x in e.free_symbols}
        self.names = frozenset({*self.arrays, *numbers, *NAMES})  # of the program
        self.taken = {*self.names}
        self.targets = {b.target for b in computes(program.body)}
        self.waiting: dict[Tensor, Expr | None] = {}  # to be made by the first that writes
        self.written: set[Tensor] = set()
        self.filled: dict[Tensor, Expr] = {}  # with what their entries are unless somebody writes
        self.cleared = self.narrowed(program.body, ())

    def lines(self) -> tuple[Line, ...]:
        """The whole program."""
        return tidied(self.body(self.program.body, ()))

    def narrowed(self, body: Body, loops: Axes) -> set[Tensor]:
        """Tensors whose rows are set in a loop, but not all of each row: they begin with 0."""
        found: set[Tensor] = set()
        for block in body:
            if isinstance(block, Loop):
                made = {b.tensor for b in walk(block.body) if isinstance(b, Allocate)}
                inner = (*loops, block.axis)
                for one in block.body:
                    if isinstance(one, Compute) and one.into == "set" and one.target not in made:
                        statement = one.statement.substitute({a: _row(a) for a in _rows(one)})
                        rows = statement.target != one.statement.target
                        if not rows and not vectorized(statement, inner).exact:
                            found.add(one.target)
                found |= self.narrowed(block.body, inner)
            else:
                for part in bodies(block):
                    found |= self.narrowed(part, loops)
        return found

    # ---- blocks --------------------------------------------------------------------------

    def body(self, body: Iterable[Block], loops: Axes) -> list[Line]:
        return [line for block in body for line in self.block(block, loops)]

    def block(self, block: Block, loops: Axes) -> list[Line]:
        if isinstance(block, Allocate):
            self.waiting[block.tensor] = block.fill
            return [] if block.tensor in self.targets else self.made(block.tensor)
        if isinstance(block, Compute) and _rows(block):
            rooms = self.rooms(block)
            views, (viewed,) = self.viewed((block,), None)
            return [*rooms, *views, *self.block(viewed, loops)]
        if isinstance(block, Compute):
            return self.compute(block, loops)
        if isinstance(block, Loop):
            return [*self.rooms(block), *self.loop(block, loops)]
        if isinstance(block, Tile):
            return [*self.rooms(block), *self.tile(block, loops)]
        assert isinstance(block, When)
        before = self.rooms(block)
        lines = self.body(block.body, loops)
        made = [b.tensor for b in block.body if isinstance(b, Allocate)]
        lines += [line for t in made if t in self.waiting for line in self.made(t)]
        if isinstance(block.test, Wanted):
            return [*before, If(_asked(block.test.names), tuple(lines))]
        return [*before, If(_present(block.test.tensors), tuple(lines))]

    def rooms(self, block: Block) -> list[Line]:
        """What is written within a block, and made before it."""
        written = dict.fromkeys(b.target for b in computes((block,)))
        return [line for t in written if t in self.waiting for line in self.made(t)]

    def made(self, tensor: Tensor, empty: bool = True) -> list[Line]:
        """Room for a tensor that waits for it."""
        fill = self.waiting.pop(tensor)
        shape = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
        dtype = Name("int" if tensor.integer else "dtype")
        if fill is None and (tensor in self.cleared or not empty):
            fill = neutral(tensor, self.program.body)
        if fill is not None:
            self.filled[tensor] = fill
        if fill is None or fill == 0:
            made = numpy("zeros" if fill == 0 else "empty", shape, dtype)
        else:
            made = numpy("full", shape, self.number(fill), dtype)
        lines: list[Line] = [Assign(Name(tensor.name), made)]
        if any(tensor.offset):
            begins = [str(first).replace("-", "−") if first else ":" for first in tensor.offset]
            while begins[-1] == ":":
                begins.pop()
            told = f"Row 0 of {tensor.name} is {tensor.name}[{', '.join(begins)}]."
            lines.insert(0, Comment(told))
        dimension, names = names_of_entries(self.program, tensor)
        if names:
            rows = (f"{tensor.name}[{':, ' * dimension}{i}] is {n}" for i, n in enumerate(names))
            lines.insert(0, Comment(", ".join(rows) + "."))
        return lines

    def number(self, value: Expr) -> Node:
        printer = Elementwise(lambda access: Name(access.tensor.name))
        node = printer.lower(value)
        self.needs.constants |= printer.constants
        return node

    def compute(self, block: Compute, loops: Axes) -> list[Line]:
        """The lines of one statement; one that is the first to write may make its target."""
        statement, tensor = block.statement, block.target
        fresh, again = tensor in self.waiting, tensor in self.written
        self.written.add(tensor)
        before: list[Line] = []
        nest = vectorized(statement, loops, self.order, self.finite)
        copy = is_copy_with_fill(statement)  # which nobody else writes
        held = (self.waiting if fresh else self.filled).get(tensor)
        left = not {*loops} <= named(statement)  # by the round before
        sets, exact = block.into == "set" or copy, nest.exact or copy
        assign = sets and (exact or nest.apart)
        clear = fresh or tensor in self.cleared or (held is not None and not again)
        if copy and (left or held != _beyond(statement)):
            before = [*(self.made(tensor) if fresh else ()), *self.emptied(statement, loops)]
            fresh = False
        elif sets and not (exact or clear):
            before = self.emptied(statement, loops)
        store = self.store(nest, in_place=not fresh, again=again)
        done = store.lower(assign)
        self.needs.constants |= done.constants
        if done.makes_target:
            self.waiting.pop(tensor)
        elif fresh:
            before = self.made(tensor, assign and exact)
        work = list(done.lines)
        if not block.origins:
            return [*before, *work]
        told = "\n".join(self.describe(s, not assign) for s in dict.fromkeys(block.origins))
        return [*before, Comment(told), *work]

    def emptied(self, statement: Statement, loops: Axes) -> list[Line]:
        """What is there where a statement is about to set, but not all."""
        axes = tuple(a for a in statement.domain if a in named(statement))
        nothing = Statement(axes, statement.target, _beyond(statement))
        store = self.store(vectorized(nothing, loops), in_place=True, again=True)
        return list(store.lower(True).lines)

    def store(self, nest: Nest, *, in_place: bool, again: bool) -> Store:
        return Store(nest, self.order, self.finite, self.names, in_place=in_place, again=again)

    # ---- loops ---------------------------------------------------------------------------

    def loop(self, loop: Loop, loops: Axes) -> list[Line]:
        """A loop over time, say; last of all the loop itself."""
        before: list[Line] = []
        inner = (*loops, loop.axis)
        views, blocks = self.viewed(loop.body, loop.axis)
        for block in blocks:
            if isinstance(block, Allocate):  # its room is the same in each round
                self.waiting[block.tensor] = block.fill
                before += self.made(block.tensor)
                self.filled.pop(block.tensor, None)
                if block.fill is not None:  # in each round anew
                    whole = Subscript(Name(block.tensor.name), (Literal(...),))
                    views.append(Assign(whole, self.number(block.fill)))
        body = self.body((b for b in blocks if not isinstance(b, Allocate)), inner)
        start, stop = map(lower_integer, loop.ends)
        ends = (stop,) if start == Literal(0) else (start, stop)
        steps = _turned(loop.falling, call("range", *ends))
        whole = For(Name(loop.axis.name), steps, (*views, *body))
        lines = in_place(whole, self.arrays, self.taken) if self.fast else [whole]
        return [*before, *lines]

    def viewed(self, body: Body, axis: Axis | None) -> tuple[list[Line], Body]:
        """Names for rows of which two are kept, and the blocks with them."""
        rows: dict[tuple[Tensor, Expr], Tensor] = {}
        lines: list[Line] = []

        def change(block: Block) -> Block | None:
            if not isinstance(block, Compute):
                return None
            found: dict[Access, Access] = {}
            for access in _rows(block):
                row = access.index[0].args[0]
                if axis is not None and axis not in row.free_symbols:
                    continue
                key = access.tensor, row
                if key not in rows:
                    rows[key] = self.row(access)
                    entry = Subscript(Name(access.tensor.name), (lower_integer(access.index[0]),))
                    lines.append(Assign(Name(rows[key].name), entry))
                found[access] = Access(rows[key], *access.index[1:])
            if not found:
                return None
            new = block.statement.substitute(found)
            return Compute(new, block.into, block.origins)

        return lines, mapped(body, change)

    def row(self, access: Access) -> Tensor:
        """A row that has a name."""
        shift, rest = access.index[0].args[0].as_coeff_Add()
        word = index_word("_".join(sorted(map(str, rest.free_symbols))), int(shift))
        name = fresh(f"{access.tensor.name}_{word}", self.taken)
        self.arrays[name] = access.tensor.offset[1:]
        return _row(access).tensor.like(name=name)

    def tile(self, tile: Tile, loops: Axes) -> list[Line]:
        """The parts of an axis one after another."""
        before: list[Line] = []
        body: list[Line] = []
        for block in tile.body:
            if isinstance(block, Loop):
                *ahead, last = self.loop(block, loops)
                made = {line.target for line in body if isinstance(line, Assign)}
                mine = [
                    line
                    for line in ahead
                    if names_in((line,)) & {n.id for n in made if isinstance(n, Name)}
                ]
                before += [line for line in ahead if line not in mine]
                body += [*self.rooms(block), *mine, last]
            else:
                body += self.block(block, loops)
        extent, elements = lower_integer(tile.axis.extent), lower_integer(tile.elements)
        columns = () if tile.columns is None else (lower_integer(tile.columns),)
        parts = call("_parts", extent, elements, *columns)
        ends = TupleOf((Name(str(tile.start)), Name(str(tile.stop))))
        return [*before, For(ends, _turned(tile.falling, parts), tuple(body))]


def _beyond(statement: Statement) -> Expr:
    """What an entry holds for which no point counts."""
    copied = is_copy_with_fill(statement)
    return statement.value.tensor.outside if copied else NEUTRAL[statement.op]  # type: ignore[union-attr]


def _rows(block: Compute) -> list[Access]:
    """What is read and written of rows that take turns."""
    return [a for a in block.accesses if a.index and isinstance(a.index[0], Mod)]


def _row(access: Access) -> Access:
    """The entry of a row that is an array of its own."""
    return Access(without_dimension(access.tensor, 0), *access.index[1:])


def _turned(falling: bool, steps: Node) -> Node:
    return call("reversed", steps) if falling else steps


def _asked(names: Iterable[str]) -> Node:
    tests: list[Node] = [Binary("in", Literal(name), Name("wrt")) for name in sorted(names)]
    return _any(tests, "or")


def _present(tensors: Iterable[Tensor]) -> Node:
    return _any([Binary("is not", Name(t.name), NONE) for t in tensors], "and")


def _any(tests: list[Node], word: str) -> Node:
    result = tests[0]
    for test in tests[1:]:
        result = Binary(word, result, test)
    return result
