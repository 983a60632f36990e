"""A program as a person would write it.

    for t = T−1 … 0:
      a_bar[t,n] = h_bar[t,n]·(1 − h[t,n]²)
      h_bar[t − 1, m] += Σ_{n} a_bar[t,n]·U[n,m]

Indices and how far they run stand once, at the top. What lies outside a tensor reads as its
`outside`, mostly 0, and writing there does nothing. ``=`` sets the whole box: where nothing counts,
the entry becomes 0.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import replace

from sympy import And, Eq, Expr, Integer

from derive.language.order import Order
from derive.language.symbols import Axis, Bound, Tensor
from derive.program.facts import names_of_entries
from derive.program.grammar import (
    Allocate,
    Block,
    Body,
    Compute,
    Loop,
    Present,
    Program,
    Tile,
    Wanted,
    When,
    computes,
)
from derive.prose.text import Text, expression_text, statement_text

_INDENT = "  "


def show(program: Program, order: Order | None = None, kept: Collection[Tensor] = ()) -> str:
    """The whole program.

    Parameters
    ----------
    program : Program
    order : Order, optional
        How the author grouped what is computed.
    kept : collection of Tensor
        The outputs that backward reads, and no caller.
    """
    sides = program.inputs, [t for t in program.outputs if t not in kept]
    lines = [f"{program.name}: " + " → ".join(", ".join(t.name for t in side) for side in sides)]
    if kept:
        lines.append(f"{_INDENT}kept for backward: {', '.join(t.name for t in kept)}")
    lines += [_INDENT + line for line in _ranges(program)]
    return "\n".join([*lines, "", *_Printer(program, order).body(program.body, ())]) + "\n"


def _ranges(program: Program) -> Iterator[str]:
    """How far indices run: ``n, m < N;  t < T``."""
    axes = {a for block in computes(program.body) for a in block.statement.domain}
    axes = {axis for axis in axes if not axis.extent.has(Bound)}  # said at the head of the part
    named: dict[str, set[str]] = {}
    for axis in axes:
        named.setdefault(expression_text(axis.extent), set()).add(axis.name)
    listed = [f"{', '.join(sorted(names))} < {extent}" for extent, names in sorted(named.items())]
    if listed:
        yield ";  ".join(listed)


class _Printer:
    def __init__(self, program: Program, order: Order | None) -> None:
        self.program, self.order = program, order

    def body(self, body: Body, loops: tuple[Axis, ...]) -> list[str]:
        lines: list[str] = []
        for block in body:
            lines += self.block(block, loops)
        return lines

    def block(self, block: Block, loops: tuple[Axis, ...]) -> list[str]:
        if isinstance(block, Allocate):
            return [self.allocated(block)]
        if isinstance(block, Compute):
            return [self.compute(block, loops)]
        if isinstance(block, Loop):
            head, loops = _rounds(block), (*loops, block.axis)
        elif isinstance(block, Tile):
            return [*_part(block), *self.inside(block.body, loops)]
        elif isinstance(block, When):
            head = f"if {_test(block.test)}"
        else:
            one, other = block.names
            tests = sorted(And.make_args(block.test), key=lambda t: (not isinstance(t, Eq), str(t)))
            faster = " and ".join(map(Text().condition, tests))
            ways = (f"strategy {one}, faster if {faster}:", *self.inside(block.body, loops))
            return [*ways, f"strategy {other}, otherwise:", *self.inside(block.otherwise, loops)]
        return [f"{head}:", *self.inside(block.body, loops)]

    def inside(self, body: Body, loops: tuple[Axis, ...]) -> list[str]:
        return [_INDENT + line for line in self.body(body, loops)]

    def compute(self, block: Compute, loops: tuple[Axis, ...]) -> str:
        """A statement; the axes of the loops around it are no sums."""
        statement = block.statement
        inner = tuple(a for a in statement.domain if a not in loops)
        text = statement_text(replace(statement, domain=inner), (), self.order)
        sign = {"add": " += ", "max": " max= ", "first": " first= "}[statement.op]
        written = next(s for s in (" += ", " = ") if s in text)
        return text.replace(written, " = " if block.into == "set" else sign, 1)

    def allocated(self, block: Allocate) -> str:
        tensor = block.tensor
        shape = " × ".join(map(_number, tensor.shape)) or "a number"
        begins = ", ".join(f"from {expression_text(Integer(o))}" for o in tensor.offset if o)
        kind = " of integers" if tensor.integer else ""
        fill = "" if block.fill is None else f" = {expression_text(block.fill)}"
        _, names = names_of_entries(self.program, tensor)
        holding = f"  holding {', '.join(names)}" if names else ""
        return f"new {tensor.name}{fill}  [{shape}{kind}{', ' * bool(begins)}{begins}]{holding}"


def _part(tile: Tile) -> list[str]:
    """The head of the parts, and how the axis counts within one."""
    axis, start, stop = (s.name for s in (tile.axis, tile.start, tile.stop))  # type: ignore[attr-defined]
    last = ", the last part first" if tile.falling else ""
    each = f"for each part {start} ≤ {axis} < {stop} of 0 ≤ {axis} < {_number(tile.axis.extent)}"
    much = "a number" if tile.elements == 1 else f"{expression_text(tile.elements)} numbers"
    head = f"{each}, {much} a point{last}:"
    apart = [b for b in tile.body if not isinstance(b, Loop)]
    if not any(a.extent.has(Bound) for b in computes(apart) for a in b.statement.domain):
        return [head]
    besides = "" if len(apart) == len(tile.body) else f", but not in the loop over {axis}"
    return [head, f"{_INDENT}({axis} counts from {start}{besides})"]


def _rounds(loop: Loop) -> str:
    start, stop = loop.ends
    first, last = _number(start), expression_text(stop - 1)
    ends = (last, first) if loop.falling else (first, last)
    return f"for {loop.axis.name} = {ends[0]} … {ends[1]}"


def _number(extent: Expr) -> str:
    text = expression_text(extent)
    return f"({text})" if " " in text else text


def _test(test: Wanted | Present) -> str:
    if isinstance(test, Wanted):
        names = sorted(test.names)
        which = " or ".join(names)
        return f"the gradient of {which} is wanted"
    names = [tensor.name for tensor in test.tensors]
    return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} given"
