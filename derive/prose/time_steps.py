"""What the passages about a recurrence are made of: words, rows, and formulas of its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr

from derive.calculus.derivation import Derivation
from derive.calculus.step import Phrase
from derive.calculus.unrolling import Unrolling
from derive.prose.formula import PRODUCT, SUM, Formula

Row = tuple[str, str, str]  # left side, sign, right side


@dataclass(frozen=True)
class Passage:
    """A few words, and what is displayed below them.

    Attributes
    ----------
    title : str
        What it is about; empty if it goes on with what was before.
    words : str
        As the printer sets them.
    rows : tuple of (str, str, str)
        Left side, sign and right side of each line.
    """

    title: str
    words: str
    rows: tuple[Row, ...] = ()


class TimeSteps:
    """A recurrence, and a printer for its formulas."""

    def __init__(
        self, one: Unrolling, derivation: Derivation, printer: Formula, labelled: bool = True
    ) -> None:
        self.one, self.derivation, self.printer = one, derivation, printer
        self.labelled = labelled
        self.now, self.early = one.time, one.earlier
        self.before, self.after = one.time - one.ahead, one.time + one.ahead

    def passage(self, title: str, words: Phrase, rows: Sequence[Row] = ()) -> Passage:
        return Passage(title, self.printer.phrase(words), tuple(rows))

    def text(self, value: Any, at_least: int = SUM) -> str:
        return self.printer.expression(value, at_least)

    def row(self, left: Expr, right: Expr, sign: str = "=") -> Row:
        return self.text(left), sign, self.text(right)

    def relation(self, sign: str, left: Expr, right: Expr) -> str:
        return self.printer.relation(sign, self.text(left), self.text(right))

    def product(self, *factors: Any) -> str:
        """Factors, printed or not, in this order: matrices do not commute."""
        return self.printer.product(
            [f if isinstance(f, str) else self.text(f, PRODUCT) for f in factors]
        )

    def sign(self, name: str, below: str) -> str:
        return self.printer.total([below], [], name)

    def steps_between(self) -> str:
        """Π over the steps after the earlier one, up to the later."""
        one = self.one
        signs = ("<", "≤") if one.ahead == 1 else ("≤", "<")
        ends = (self.early, self.now) if one.ahead == 1 else (self.now, self.early)
        start = self.relation(signs[0], ends[0], one.between)
        return self.sign("prod", self.printer.relation(signs[1], start, self.text(ends[1])))

    def between(self) -> str:
        return self.product(self.steps_between(), self.one.across(self.one.between))

    def by_weight(self) -> str:
        return self.printer.derivative("d", self.text(self.one.loss), self.text(self.one.weight))
