"""What printers of two-dimensional formulas have in common: names as symbols, bars, conditions."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from derive.calculus.statements import Statement
from derive.calculus.step import bound
from derive.language.operation import Equation
from derive.language.options import Setting
from derive.language.order import Order
from derive.language.scalars import stop
from derive.language.symbols import Access, Axis, Tensor
from derive.prose.formula import FUNCTION_NAMES, Formula
from derive.prose.names import Name, named
from derive.prose.numbers import Table
from derive.prose.order import by_target

# Where a printer allows a line to end. It never reaches a document.
BREAK = "\x1f"


def joined(formula: str) -> str:
    """The formula without its breaks."""
    return formula.replace(BREAK, "")


def function_words(function: Any) -> tuple[str, str]:
    """The word for a function that has no letter, and what stands below it: ``gelu_tanh``."""
    word, _, below = str(FUNCTION_NAMES.get(function, function.__name__)).partition("_")
    return word, below


LOSS = Name("L")  # what is differentiated

# Before conditions that stand below a formula: which points of the box it goes over.
_ONLY = {
    "add": "summed only where",
    "max": "the largest of those where",
    "first": "the first largest of those where",
}


def is_slope(function: Any) -> bool:
    """Whether it is the derivative of a function, and goes by its name."""
    return hasattr(function, "of")


@dataclass(frozen=True)
class Row:
    """One equation of a display, and in a line of their own words on it, such as the conditions it
    holds under."""

    left: str
    sign: str
    right: str
    words: str = ""
    conditions: tuple[str, ...] = ()


class Notation(StrEnum):
    """How the derivative of the loss by a tensor is written."""

    bar = "bar"
    partial = "partial"
    delta = "delta"


class Typeset(Formula):
    """Formulas with symbols for names, and with marks where a line may end.

    Parameters
    ----------
    order, axes, written, row_names, steps
        As for `Formula`.
    settings : mapping of Setting to Name
        What the numbers of options are called in formulas.
    bars : mapping of Tensor to Tensor
        From a cotangent to what it is the cotangent of.
    notation : Notation
        How cotangents are written.
    """

    def __init__(
        self,
        order: Sequence[Tensor] = (),
        axes: Sequence[Axis] = (),
        written: Order | None = None,
        settings: dict[Setting, Name] | None = None,
        bars: dict[Tensor, Tensor] | None = None,
        row_names: Mapping[tuple[Tensor, int], Sequence[str]] | None = None,
        notation: Notation = Notation.bar,
        steps: Mapping[str, int] | None = None,
    ) -> None:
        super().__init__(order, axes, written, row_names, steps)
        self.notation = notation
        self.settings = settings or {}
        self.bars = bars or {}

    @abstractmethod
    def name(self, name: Name) -> str: ...

    @abstractmethod
    def number(self, number: Any) -> str: ...

    def symbol(self, symbol: Any) -> str:
        if symbol in self.settings:
            return self.name(self.settings[symbol])
        return self.number(symbol) if symbol.is_number else self.name(named(symbol.name))

    def tensor(self, tensor: Tensor) -> str:
        return self.cotangent(tensor) if tensor in self.bars else self.name(named(tensor.name))

    def cotangent(self, tensor: Tensor) -> str:
        """All of a cotangent, without indices."""
        primal = named(self.bars[tensor].name)
        if self.notation is Notation.partial:
            return self.derivative("∂", self.name(LOSS), self.name(primal))
        if self.notation is Notation.delta:
            below = ",".join(filter(None, (primal.word, primal.below)))
            return self.name(Name("delta", below, primes=primal.primes))
        return self.name(replace(primal, barred=True))

    def entry(self, access: Access) -> str:
        if self.notation is Notation.partial and access.tensor in self.bars:
            primal = Access(self.bars[access.tensor], *access.index)
            return self.derivative("∂", self.name(LOSS), super().entry(primal))
        return super().entry(access)

    def heading(self, tensor: Tensor) -> str:
        """``x̄ = ∂L/∂x``, or what of it is not said by the notation."""
        whole = self.derivative("∂", self.name(LOSS), self.tensor(self.bars[tensor]))
        if self.notation is Notation.partial:
            return whole
        return self.relation("=", self.tensor(tensor), whole)

    def equality(self, left: str, right: str) -> str:
        """What is 1 where two indices are equal: δ, where that means nothing else."""
        if self.notation is Notation.delta:
            return self.total([], [self.relation("=", left, right)], "sum")
        return self.delta(left, right)

    def matrix_name(self, tensor: Tensor, several: bool) -> str:
        """Bold: a letter may also be that of a size."""
        name = named(self.bars.get(tensor, tensor).name)
        return self.name(replace(name, barred=tensor in self.bars or name.barred, bold=several))

    @abstractmethod
    def table(self, table: Table) -> str: ...

    @abstractmethod
    def shape(self, extents: Sequence[str]) -> str: ...

    @abstractmethod
    def display(self, rows: Sequence[Row]) -> list[str]: ...

    def definition(self, equations: Iterable[Equation]) -> list[Row]:
        """The equations of a display; what ``stop`` means stands below the first that has one."""
        found: list[Row] = []
        words = self.plain("stop(…) counts as a constant when it is differentiated")
        for equation in equations:
            sign, left, right = self.sides_of(equation)
            here = equation.right.has(stop)
            found.append(Row(left, sign, right, words if here else ""))
            words = "" if here else words
        return found

    def briefly(self, terms: Sequence[Statement]) -> list[str]:
        """What is said besides of a line, in less room than `lines` if there is a way."""
        return self.lines(terms)

    def lines(self, terms: Sequence[Statement], deltas: bool = False) -> list[str]:
        """The lines of what a step arrives at."""
        return self.display(self.rows(terms, deltas))

    def rows(self, terms: Sequence[Statement], deltas: bool = False) -> list[Row]:
        """The equations of a display; conditions stand in lines of their own where they can."""
        found = []
        for _, group in by_target(terms):
            words, conditions = "", ()
            if len(group) == 1:
                kept = [g for g in group[0].where if not (deltas and g.kind == "eq")]
                where = tuple(g for g in group[0].where if g not in kept)
                if kept:
                    words = _ONLY[group[0].op] if bound(group[0]) else "only where"
                    conditions = tuple(self.guards(kept, group[0].target))
                group = [replace(group[0], where=where)]
            found += [Row(*sides, words, conditions) for sides in self.equations(group, deltas)]
        return found
