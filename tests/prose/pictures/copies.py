"""A system under other names and with another order of axes."""

from __future__ import annotations

from sympy import Expr, Symbol

from derive.calculus.statements import Statement, System
from derive.language.symbols import Access, Axis, Tensor

# Letters of one breadth for each other, so that words are broken in the same places.
PAIRS = ("xk", "yz", "wm", "hu", "cs", "ab", "op", "il", "en", "gq", "rd", "jf")
NAMES = str.maketrans({a: b for pair in PAIRS for a, b in (pair, pair[::-1])})


def renamed(text: str) -> str:
    """With every letter exchanged; a second time, as it was."""
    return text.translate(NAMES)


class Copy:
    """The copy of a system: names exchanged, the first of three axes or more put last."""

    def __init__(self, system: System) -> None:
        self.tensors: dict[Tensor, Tensor] = {}
        self.axes: dict[Axis, Axis] = {}
        self.system = System(
            tuple(map(self.tensor, system.inputs)),
            tuple(map(self.tensor, system.outputs)),
            tuple(map(self.statement, system.statements)),
        )

    def tensor(self, tensor: Tensor) -> Tensor:
        if tensor not in self.tensors:
            self.tensors[tensor] = tensor.like(
                name=renamed(tensor.name),
                shape=turned(tuple((extent,) for extent in tensor.shape)),
                offset=turned(tensor.offset),
            )
        return self.tensors[tensor]

    def expression(self, expression: Expr) -> Expr:
        if isinstance(expression, Access):
            index = (self.expression(i) for i in turned(expression.index))
            return Access(self.tensor(expression.tensor), *index)
        if isinstance(expression, Axis):
            new = Axis(Symbol(renamed(expression.name), integer=True), expression.extent)
            return self.axes.setdefault(expression, new)
        if not expression.args:
            return expression
        return expression.func(*map(self.expression, expression.args))

    def statement(self, statement: Statement) -> Statement:
        guards = tuple(
            type(g)(g.kind, self.expression(g.expression), g.modulus) for g in statement.where
        )
        return Statement(
            tuple(self.expression(a) for a in statement.domain),
            self.expression(statement.target),
            self.expression(statement.value),
            guards,
            statement.op,
        )


def turned(items: tuple) -> tuple:
    """The first of three or more behind the others."""
    return (*items[1:], items[0]) if len(items) > 2 else items
