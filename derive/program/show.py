"""A program as a person would write it.

    for t = T−1 … 0:
      a_bar[t,n] = h_bar[t,n]·(1 − h[t,n]²)
      h_bar[t − 1, m] += Σ_{n} a_bar[t,n]·U[n,m]

Indices and how far they run stand once, at the top.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr, Integer

from derive.language.order import Order
from derive.language.symbols import Axis, Bound
from derive.program.grammar import (
    Allocate,
    Block,
    Body,
    Choice,
    Compute,
    Loop,
    Present,
    Program,
    Test,
    Tile,
    Wanted,
    When,
    computes,
)
from derive.prose.text import Text, expression_text, statement_text

_INDENT = "  "


def show(program: Program, order: Order | None = None) -> str:
    """The whole program; `order` says how the author grouped what is computed."""
    given, made = (", ".join(t.name for t in ts) for ts in (program.inputs, program.outputs))
    lines = [f"{program.name}: {given} → {made}"]
    lines += [_INDENT + line for line in _ranges(program)]
    return "\n".join([*lines, "", *_Printer(order).body(program.body, ())]) + "\n"


def _ranges(program: Program) -> Iterator[str]:
    """How far indices run: ``n, m < N;  t < T``."""
    axes = {a for block in computes(program.body) for a in block.statement.domain}
    axes = {axis for axis in axes if not axis.extent.has(Bound)}  # a part says so itself
    named: dict[str, set[str]] = {}
    for axis in axes:
        named.setdefault(expression_text(axis.extent), set()).add(axis.name)
    listed = [f"{', '.join(sorted(names))} < {extent}" for extent, names in sorted(named.items())]
    if listed:
        yield ";  ".join(listed)


class _Printer:
    def __init__(self, order: Order | None) -> None:
        self.order = order

    def body(self, body: Body, loops: tuple[Axis, ...]) -> list[str]:
        lines: list[str] = []
        for block in body:
            lines += self.block(block, loops)
        return lines

    def block(self, block: Block, loops: tuple[Axis, ...]) -> list[str]:
        if isinstance(block, Allocate):
            return [_allocated(block)]
        if isinstance(block, Compute):
            return [self.compute(block, loops)]
        if isinstance(block, Loop):
            head, loops = _rounds(block), (*loops, block.axis)
        elif isinstance(block, Tile):
            axis, start, stop = (s.name for s in (block.axis, block.start, block.stop))  # type: ignore[attr-defined]
            last = ", the last part first" if block.falling else ""
            whole = f"0 ≤ {axis} < {_number(block.axis.extent)}"
            head = f"for each part of {whole}, from {start} to {stop}{last}"
        elif isinstance(block, When):
            head = f"if {_test(block.test)}"
        else:
            head = f"if {Text().condition(block.test)}, by {block.name}"
        lines = [f"{head}:", *(_INDENT + line for line in self.body(block.body, loops))]
        if isinstance(block, When | Choice) and block.otherwise:
            rest = self.body(block.otherwise, loops)
            lines += ["otherwise:", *(_INDENT + line for line in rest)]
        return lines

    def compute(self, block: Compute, loops: tuple[Axis, ...]) -> str:
        """A statement; the axes of the loops around it are no sums."""
        statement = block.statement
        inner = tuple(a for a in statement.domain if a not in loops)
        text = statement_text(replace(statement, domain=inner), (), self.order)
        sign = {"add": " += ", "max": " max= ", "first": " first= "}[statement.op]
        written = next(s for s in (" += ", " = ") if s in text)
        return text.replace(written, " = " if block.into == "set" else sign, 1)


def _allocated(block: Allocate) -> str:
    tensor = block.tensor
    shape = " × ".join(map(_number, tensor.shape)) or "a number"
    begins = ", ".join(f"from {expression_text(Integer(o))}" for o in tensor.offset if o)
    kind = " of integers" if tensor.integer else ""
    fill = "" if block.fill is None else f" = {expression_text(block.fill)}"
    return f"new {tensor.name}{fill}  [{shape}{kind}{', ' * bool(begins)}{begins}]"


def _rounds(loop: Loop) -> str:
    start, stop = loop.ends
    first, last = _number(start), expression_text(stop - 1)
    ends = (last, first) if loop.falling else (first, last)
    return f"for {loop.axis.name} = {ends[0]} … {ends[1]}"


def _number(extent: Expr) -> str:
    text = expression_text(extent)
    return f"({text})" if " " in text else text


def _test(test: Wanted | Present | Test) -> str:
    if isinstance(test, Wanted):
        names = sorted(test.names)
        which = " or ".join(names)
        return f"the gradient of {which} is wanted"
    if isinstance(test, Present):
        names = [tensor.name for tensor in test.tensors]
        return f"{' and '.join(names)} {'is' if len(names) == 1 else 'are'} given"
    return Text().condition(test.condition)
