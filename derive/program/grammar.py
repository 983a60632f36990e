"""What a program is made of.

    Program = (name, inputs, outputs, body)
    Block   = Compute | Loop | Tile | Allocate | When | Choice

A program says what is computed in which order, which parts of it a call may skip, and who makes an
array. How an array is computed is the business of those who print it. Everything is frozen, so that
passes build new programs; no expression is text.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from sympy import Expr, Integer, oo
from sympy.logic.boolalg import Boolean

from derive.calculus.statements import Statement
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor

ZERO = Integer(0)
NEUTRAL = {"add": ZERO, "max": -oo, "first": Integer(-1)}


@dataclass(frozen=True)
class Compute:
    """A statement, over those axes of its box that no block around it binds.

    The guards say which points of the box count. The target becomes the reduction of the values of
    those that do, over the axes that it does not name; of no values that is 0, -oo, or -1 for the
    first point. All values are computed before one is written, and what is written outside of the
    target vanishes.

    Attributes
    ----------
    statement : Statement
    into : str
        With "update" the values join in with what is there, and a point that does not count
        changes nothing. With "set" the whole box of the axes that the target names is overwritten,
        whatever the guards: an entry for which no point counts becomes neutral. No two points of
        these axes may write one entry, and the value may read the entry that it sets.
    origins : tuple of Statement
        The statements of the system, or of its adjoint, that this one stands for.
    """

    statement: Statement
    into: Literal["set", "update"] = "update"
    origins: tuple[Statement, ...] = ()

    @property
    def target(self) -> Tensor:
        return self.statement.target.tensor

    @property
    def accesses(self) -> tuple[Access, ...]:
        return self.statement.target, *self.statement.entries


@dataclass(frozen=True)
class Loop:
    """The body once for each ``start <= axis < stop``, in rising or falling order."""

    axis: Axis
    body: Body
    falling: bool = False
    start: Expr = ZERO
    stop: Expr | None = None

    @property
    def ends(self) -> tuple[Expr, Expr]:
        """Where it starts, and where it stops: after the last round of a rising loop."""
        return self.start, self.axis.extent if self.stop is None else self.stop


@dataclass(frozen=True)
class Tile:
    """The body once for each part ``start <= axis < stop`` of an axis.

    Attributes
    ----------
    axis : Axis
        What is cut into parts.
    start, stop : Symbol
        The ends of a part, which the body may name.
    elements : sympy.Expr
        How many numbers a point of the axis takes, as the pass that makes the parts counts them: a
        part is as long as fits the cache.
    columns : sympy.Expr or None
        How many columns a product has for one point, if there is one: a part has not too few.
    """

    axis: Axis
    start: Expr
    stop: Expr
    elements: Expr
    body: Body
    falling: bool = False
    columns: Expr | None = None


@dataclass(frozen=True)
class Allocate:
    """Room for a tensor, each entry holding `fill`; without one, what nobody wrote is not read.

    Inside of a body the room is a new one in each round.
    """

    tensor: Tensor
    fill: Expr | None = None


@dataclass(frozen=True)
class Wanted:
    """Any of these gradients was asked for."""

    names: frozenset[str]


@dataclass(frozen=True)
class Present:
    """All of these inputs are there."""

    tensors: tuple[Tensor, ...]


@dataclass(frozen=True)
class When:
    """The body, if the test holds."""

    test: Wanted | Present
    body: Body


@dataclass(frozen=True)
class Choice:
    """Two strategies to compute the same, of which the first is faster if the test holds.

    The functions of a module are called by their `names`: `_backward_slide`, `_backward_columns`.
    """

    names: tuple[str, str]
    test: Boolean
    body: Body
    otherwise: Body


Block = Compute | Loop | Tile | Allocate | When | Choice
Body = tuple[Block, ...]


@dataclass(frozen=True)
class Program:
    """One function of a module.

    Attributes
    ----------
    name : str
        The operation and the direction: `lstm, forwards`.
    inputs, outputs : tuple of Tensor
        What is given, and what others read afterwards.
    body : tuple of Block
    wanted : mapping of Tensor to str
        The outputs that a call may leave out, each with the name it is asked for by.
    """

    name: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    body: Body
    wanted: Mapping[Tensor, str] = field(default_factory=dict)

    @property
    def choice(self) -> Choice | None:
        """Two ways to compute all of it, if there are two."""
        return first if self.body and isinstance(first := self.body[0], Choice) else None

    @property
    def names(self) -> frozenset[str]:
        """What the outputs that a call may leave out are asked for by."""
        return frozenset(self.wanted.values())


@dataclass(frozen=True)
class Module:
    """The two functions of an operation.

    Attributes
    ----------
    forward, backward : Program
    saved : tuple of Tensor
        What forward keeps for backward: an output of one and an input of the other. Until the
        programs are scheduled it may change, and is not said.
    cotangents : mapping of Tensor to Tensor
        From an input or output to its cotangent.
    order : Order
        How the author grouped what is computed.
    """

    forward: Program
    backward: Program
    cotangents: Mapping[Tensor, Tensor]
    order: Order = field(compare=False, repr=False, default_factory=Order)
    saved: tuple[Tensor, ...] = ()

    @property
    def shared(self) -> tuple[Tensor, ...]:
        """What backward reads of a call of forward: inputs, and what forward has computed."""
        reverse = computes(self.backward.body)
        read = {a.tensor for b in reverse for a in b.statement.entries}
        read -= {b.target for b in reverse}  # which backward computes itself
        made = (b.target for b in computes(self.forward.body))
        known = dict.fromkeys((*self.forward.inputs, *made))
        return tuple(tensor for tensor in known if tensor in read)

    def each(self, change: Callable[[Program], Program]) -> Module:
        """The module with both programs changed, and each way of those that have a choice."""

        def changed(program: Program) -> Program:
            if not program.choice:
                return change(program)
            ways = (program.choice.body, program.choice.otherwise)
            one, other = (change(replace(program, body=way)) for way in ways)
            choice = replace(program.choice, body=one.body, otherwise=other.body)
            return replace(one, body=(choice,))

        return replace(self, forward=changed(self.forward), backward=changed(self.backward))

    def with_bodies(self, forward: Iterable[Block], backward: Iterable[Block]) -> Module:
        """The module with other blocks in its programs."""
        return replace(
            self,
            forward=replace(self.forward, body=tuple(forward)),
            backward=replace(self.backward, body=tuple(backward)),
        )


# ---- going through a program ----------------------------------------------------------------


def walk(body: Iterable[Block]) -> Iterator[Block]:
    """Every block, outer ones first."""
    for block in body:
        yield block
        for inner in bodies(block):
            yield from walk(inner)


def bodies(block: Block) -> tuple[Body, ...]:
    """What stands inside of a block."""
    if isinstance(block, Loop | Tile | When):
        return (block.body,)
    return (block.body, block.otherwise) if isinstance(block, Choice) else ()


def computes(body: Iterable[Block]) -> tuple[Compute, ...]:
    """Every Compute, in order."""
    return tuple(block for block in walk(body) if isinstance(block, Compute))


def mapped(body: Iterable[Block], change: Callable[[Block], Block | Body | None]) -> Body:
    """Every block replaced by what `change` makes of it, inner ones first; None keeps it."""
    result: list[Block] = []
    for block in body:
        if inner := bodies(block):
            words = ("body", "otherwise")[: len(inner)]
            parts = {word: mapped(part, change) for word, part in zip(words, inner, strict=True)}
            block = replace(block, **parts)  # type: ignore[arg-type]
        new = change(block)
        result += [block] if new is None else new if isinstance(new, tuple) else [new]
    return tuple(result)


def statements_of(body: Iterable[Block]) -> tuple[Statement, ...]:
    """Every statement, in order."""
    return tuple(block.statement for block in computes(body))


def adding(statement: Statement, origins: tuple[Statement, ...] = ()) -> Compute:
    """A statement that joins in with what is there; without `origins` it stands for itself."""
    return Compute(statement, "update", origins or (statement,))


def neutral(tensor: Tensor, body: Iterable[Block]) -> Expr:
    """What a tensor holds where nobody has written: 0, -oo for a maximum, -1 for the first."""
    ops = {block.statement.op for block in computes(body) if block.target == tensor}
    return ZERO if ops <= {"add"} else NEUTRAL["first" if tensor.integer else "max"]


def tensors_in(body: Iterable[Block]) -> set[Tensor]:
    """Every tensor that is written or read."""
    return {access.tensor for block in computes(body) for access in block.accesses}
