"""From systems to the two functions of a module: forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sympy import Expr

from derive.calculus.adjoint import Adjoint
from derive.calculus.statements import Statement, System
from derive.language.symbols import Tensor
from derive.lowering.fallback import Fallback
from derive.lowering.program import (
    NONE,
    Assign,
    Attribute,
    Binary,
    Comment,
    If,
    Line,
    Literal,
    Name,
    Node,
    TupleOf,
    numpy,
)
from derive.lowering.integers import lower_integer
from derive.lowering.schedule import in_order

Describe = Callable[[Statement], str]


@dataclass
class Needs:
    """What the lines of a module need besides themselves."""

    constants: dict[str, Expr] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Program:
    """The mathematics of a module.

    Attributes
    ----------
    forward, backward : tuple of Line
        Bodies. `forward` computes the outputs, `backward` the cotangents of the inputs.
    saved : tuple of Tensor
        Primal tensors that backward reads: inputs, and values computed by forward.
    cotangents : dict
        From an input or output to its cotangent.
    needs : Needs
        Constants and functions that the module must define.
    """

    forward: tuple[Line, ...]
    backward: tuple[Line, ...]
    saved: tuple[Tensor, ...]
    cotangents: dict[Tensor, Tensor]
    needs: Needs


def lower(name: str, system: System, adjoint: Adjoint, describe: Describe) -> Program:
    """Lower a system and its adjoint; `describe` gives the comment of a statement."""
    needs = Needs()
    optional = {t for t in system.inputs if t.optional}
    writer = _Writer(name, optional, describe, needs)
    forward = writer.lines(system.statements, system.inputs, {})
    bars = adjoint.cotangent
    primal = set(system.tensors)
    reads = {r.tensor for s in adjoint.statements for r in s.reads}
    saved = tuple(t for t in system.tensors if t in reads)
    wanted = {bars[t]: t.name for t in system.inputs if t in bars}
    arriving = (*primal, *(bars[t] for t in system.outputs if t in bars))
    backward = writer.lines(adjoint.statements, arriving, wanted)
    return Program(forward, backward, saved, bars, needs)


@dataclass
class _Writer:
    name: str
    optional: set[Tensor]
    describe: Describe
    needs: Needs

    def lines(
        self,
        statements: Iterable[Statement],
        given: Iterable[Tensor],
        wanted: dict[Tensor, str],
    ) -> tuple[Line, ...]:
        """Compute every tensor in order; with `wanted`, only what these names were asked for."""
        statements = tuple(statements)
        serves = _serves(statements, wanted)
        written = in_order(statements, given, self.name)
        lines: list[Line] = []
        blocks: list[tuple[frozenset[str], list[Line]]] = []
        for tensor in written:
            names = serves.get(tensor, frozenset(wanted.values()))
            if not blocks or blocks[-1][0] != names:
                blocks.append((names, []))
            blocks[-1][1].extend(self.tensor(tensor, statements))
        everything = frozenset(wanted.values())
        for names, block in blocks:
            if names == everything and len(wanted) != 1:
                lines += block
            else:
                lines.append(If(_asked(names), tuple(block)))
        return tuple(lines)

    def tensor(self, tensor: Tensor, statements: tuple[Statement, ...]) -> list[Line]:
        """All statements that write one tensor; the one that can assign comes first."""
        own = [s for s in statements if s.target.tensor == tensor]
        own.sort(key=lambda s: (bool(self.absent(s)), -len(s.domain)))
        lowerings = [Fallback(s) for s in own]
        first = next(
            (i for i, low in enumerate(lowerings) if low.covers and not self.absent(own[i])), None
        )
        lines: list[Line] = []
        if first is None:
            lines.append(Assign(Name(tensor.name), self.allocate("zeros", tensor)))
        else:
            lowerings.insert(0, lowerings.pop(first))
        for position, lowering in enumerate(lowerings):
            assign = position == 0 and first is not None
            if assign and lowering.loops:
                lines.append(Assign(Name(tensor.name), self.allocate("empty", tensor)))
            done = lowering.lower(assign)
            self.needs.constants |= done.constants
            self.needs.functions |= done.functions
            block = (Comment(self.describe(lowering.statement)), *done.lines)
            absent = self.absent(lowering.statement)
            lines += [If(_present(absent), block)] if absent else block
        return lines

    def absent(self, statement: Statement) -> list[Tensor]:
        """Optional tensors without which the statement is dropped."""
        return [t for t in dict.fromkeys(r.tensor for r in statement.reads) if t in self.optional]

    def allocate(self, how: str, tensor: Tensor) -> Node:
        shape = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
        return numpy(how, shape, Name("dtype"))


def _serves(
    statements: tuple[Statement, ...], wanted: dict[Tensor, str]
) -> dict[Tensor, frozenset[str]]:
    """For each tensor, the names of the wanted tensors it contributes to."""
    serves = {tensor: frozenset({name}) for tensor, name in wanted.items()}
    grew = bool(wanted)
    while grew:
        grew = False
        for statement in statements:
            names = serves.get(statement.target.tensor, frozenset())
            for read in statement.reads:
                union = serves.get(read.tensor, frozenset()) | names
                if union != serves.get(read.tensor, frozenset()):
                    serves[read.tensor] = union
                    grew = True
    return serves


def _asked(names: Iterable[str]) -> Node:
    tests: list[Node] = [Binary("in", Literal(name), Name("wrt")) for name in sorted(names)]
    return _any(tests, "or")


def _present(tensors: list[Tensor]) -> Node:
    return _any([Binary("is not", Name(t.name), NONE) for t in tensors], "and")


def _any(tests: list[Node], word: str) -> Node:
    result = tests[0]
    for test in tests[1:]:
        result = Binary(word, result, test)
    return result


__all__ = ["Attribute", "Needs", "Program", "lower"]
