"""Statements at sizes where most axes have length 1, without these axes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sympy import Expr, Integer

from derive.calculus.instance import Instance
from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in


class Shortened:
    """Leaves out axes of length 1, conditions that hold throughout, and mere copies.

    Integers that a caller may leave out have their defaults.

    Parameters
    ----------
    instance : Instance
        The system and its sizes.
    kept : Size
        The size that stays a letter.
    """

    def __init__(self, instance: Instance, kept: Size) -> None:
        self.instance = instance
        self.ones = {s: n for s, n in instance.values.items() if s != kept and n == 1}
        self.copies: dict[Tensor, Statement] = {}
        for tensor in instance.system.tensors:
            writing = instance.system.writing(tensor)
            if len(writing) == 1 and self._is_copy(writing[0]):
                self.copies[tensor] = writing[0]

    def _is_copy(self, statement: Statement) -> bool:
        """Whether it hands an input on, entry by entry."""
        read, target = statement.value, statement.target
        return (
            isinstance(read, Access)
            and read.tensor in self.instance.system.inputs
            and read.index == target.index
            and all(isinstance(i, Axis) for i in target.index)
            and not any(self.guards(statement))
        )

    @property
    def order(self) -> tuple[Tensor, ...]:
        """The tensors, shortened, cotangents first."""
        system = self.instance.system
        shapes = (Access(t, *(Integer(0) for _ in t.shape)) for t in system.tensors)
        short = [self.access(access).tensor for access in shapes]
        return tuple(sorted(dict.fromkeys(short), key=lambda t: not t.name.endswith("_bar")))

    def statement(self, statement: Statement) -> Statement:
        """The statement, shortened."""
        return Statement(
            tuple(a for a in statement.domain if self.instance.extent(a) > 1),
            self.access(statement.target),
            self.expression(statement.value),
            tuple(self.guards(statement)),
            statement.op,
        )

    def guards(self, statement: Statement) -> Iterator[Guard]:
        """The conditions that do not hold throughout."""
        points = list(self.instance.points(replace(statement, where=())))
        for guard in statement.where:
            if not all(self.instance.holds(guard, point.here) for point in points):
                yield Guard(guard.kind, self.expression(guard.expression), guard.modulus)

    def expression(self, expression: Expr) -> Expr:
        """An expression, its entries shortened."""
        found = expression.xreplace({
            a: a.tensor.default
            for a in entries_in(expression)
            if a.tensor.integer and a.tensor.default is not None
        })  # fmt: skip
        return found.xreplace({a: self.access(a) for a in entries_in(found)})

    def access(self, access: Access) -> Access:
        """An entry, without the indices that can only be one number."""
        tensor = access.tensor
        if tensor in self.copies:
            tensor = self.copies[tensor].value.tensor  # type: ignore[attr-defined]
        shape = self.instance.shape(tensor)
        kept = [d for d, n in enumerate(shape) if n > 1]
        short = Tensor(
            tensor.name,
            tuple((tensor.shape[d],) for d in kept),
            offset=tuple(tensor.offset[d] for d in kept),
        )
        return Access(short, *(self._index(access.index[d]) for d in kept))

    def _index(self, index: Expr) -> Expr:
        single = {a: Integer(0) for a in index.atoms(Axis) if self.instance.extent(a) == 1}
        return self.expression(index).xreplace(single).xreplace(self.ones)
