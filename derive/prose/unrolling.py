"""Backpropagation through time, for a reader: unknown, boundary, recursion, weights, double sum.

Formulas come from a printer, so that this is the same in every kind of document; what is said of a
loop follows from `derive.calculus.unrolling` and `derive.calculus.growth` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Integer, sympify

from derive.calculus.derivation import Derivation
from derive.calculus.growth import Growth, growth, norm, past_weights
from derive.calculus.intervals import Interval
from derive.calculus.statements import Statement
from derive.calculus.step import Equal, Phrase, TotalDerivative, listing
from derive.calculus.straight import straight
from derive.calculus.unrolling import Parts, Unrolling, unrolled
from derive.language.symbols import Access, Axis, Tensor
from derive.prose.formula import ATOM, PRODUCT, SUM, Formula

Row = tuple[str, str, str]  # left side, sign, right side

MANY = 1000  # steps over which a number near 1 is followed


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


def through_time(derivation: Derivation, printer: Formula) -> tuple[tuple[Passage, ...], ...]:
    """What is to be said of each loop."""
    return tuple(
        tuple(_Loop(one, growth(one, derivation), derivation, printer).passages())
        for one in unrolled(derivation)
    )


def straight_rows(derivation: Derivation, printer: Formula) -> tuple[Row, ...]:
    """What leads from a state to itself past every weight: ``∂c[t]/∂c[t−1] = f[t]``."""
    return tuple(row for s in straight(derivation) for row in printer.equations([s]))


class _Loop:
    """One loop, and a printer for its formulas."""

    def __init__(
        self, one: Unrolling, growth: Growth | None, derivation: Derivation, printer: Formula
    ) -> None:
        self.one, self.growth, self.derivation, self.printer = one, growth, derivation, printer
        self.now, self.early = one.time, one.earlier
        self.before, self.after = one.time - one.ahead, one.time + one.ahead

    def passages(self) -> Iterator[Passage]:
        yield from self.unknown()
        yield self.boundary()
        yield self.recursion()
        if self.one.weights:
            yield self.weights()
        yield self.unrolled()
        if self.one.weights:
            yield self.double_sum()
        if self.growth:
            yield self.bound(self.growth)
            yield self.consequence(self.growth)
        yield from self.past_weights()

    # The recursion ----------------------------------------------------------------------------

    def unknown(self) -> Iterator[Passage]:
        one, now = self.one, self.now
        states = [Access(state, now) for state in one.states]
        whole, total = Access(one.vector, now), one.total(now)
        loss: Phrase = ("how the loss ", one.loss, " depends on ", whole)
        if len(states) == 1:
            row = Access(one.parts[0].bar, now)
            yield self.passage("Unknown", (total, ", ", *loss, ": ", row, " as a row."))
        else:
            together = ("A step leaves the states ", *listing(states), ", together ", whole, ". ")
            yield self.passage("Unknown", (*together, total, " is ", *loss, ", as a row."))
        for part in one.parts:
            if part.within:
                yield self.passage("", self.left_out(part))
        direct = (
            "What reaches the loss without another step of this recurrence is ",
            one.share(now),
        )
        labels = _labels(part.label for part in one.parts)
        entries = [row for part in one.parts for row in self.entries(part)]
        yield self.passage("", (*direct, labels, ":"), entries)
        labels = _labels(block.last.label for block in one.blocks)
        across: Phrase = ("Across one step, inputs and parameters held fixed", labels)
        if len(one.blocks) < len(one.states) ** 2:
            across += ("; every other block is 0",)
        across += (":",)
        yield self.passage("", across, self.steps())

    def left_out(self, part: Parts) -> Phrase:
        """What a cotangent counts that its part of dL/ds[t] does not."""
        primal = {self.derivation.cotangent[t]: t for t in self.one.loop.tensors}
        read = (a.tensor for term in part.within for a in term.reads)
        others = dict.fromkeys(primal[bar] for bar in read if bar in primal)
        return ("Its part for ", Access(part.state, self.now), " is ", Access(part.bar, self.now),
                " less what goes through ", *listing(others), " of the same step",
                _labels([part.label]), ": that leaves the step with another state.")  # fmt: skip

    def entries(self, part: Parts) -> list[Row]:
        if part.direct:
            return self.printer.equations(self.one.entries(part))
        of, by = self.text(Access(self.one.loss, self.now)), self.text(Access(part.state, self.now))
        return [(self.printer.derivative("∂", of, by), "=", self.text(Integer(0)))]

    def steps(self) -> list[Row]:
        """J[t], and its blocks where they are short."""
        rows = [self.row(self.one.across(self.now), self.one.through(self.now, self.before))]
        for block in self.one.blocks:
            if len(block.terms) == 1:
                rows += self.printer.equations(block.terms)
        return rows

    def boundary(self) -> Passage:
        labels = _labels(part.ending for part in self.one.parts)
        rows = [self.row(self.one.total(self.one.end), Integer(0))]
        return self.passage("Boundary", ("Behind the last step there is none", labels, ":"), rows)

    def recursion(self) -> Passage:
        one = self.one
        onwards = self.product(one.total(self.after), one.across(self.after))
        right = self.printer.sum_of([(False, self.text(one.share(self.now))), (False, onwards)])
        way = "backwards" if one.ahead == 1 else "forwards"
        labels = _labels(part.label for part in one.parts)
        words = (
            "Directly, or through the step after; it runs ",
            way,
            " in ",
            self.now,
            labels,
            ":",
        )
        return self.passage("Recursion", words, [(self.text(one.total(self.now)), "=", right)])

    def weights(self) -> Passage:
        one, bars = self.one, self.derivation.cotangent
        labels = _labels(self.derivation.label_of(bars[w]) for w in one.weights)
        words = ("Every step reads the same parameters, so that the derivative by one of them is a "
                 "sum over all steps", labels, ". Let ", one.weight, " be ",
                 *_any_of(one.weights), "; in ", one.immediate(self.now),
                 " the states one step before are held fixed:")  # fmt: skip
        steps = self.sign("sum", self.text(self.now))
        right = self.product(steps, one.total(self.now), one.immediate(self.now))
        return self.passage("Weights", words, [(self.by_weight(), "=", right)])

    # The double sum ---------------------------------------------------------------------------

    def unrolled(self) -> Passage:
        """The recursion, put into itself."""
        one, now, early = self.one, self.now, self.early
        words = ("The recursion put into itself, down to the last step. The factor of the later "
                 "step stands on the left; where ", Equal(early, now),
                 " there is none:")  # fmt: skip
        later = self.sign("sum", self.relation("≥" if one.ahead == 1 else "≤", now, early))
        dots = self.product(one.across(now), one.across(self.before), self.printer.dots(),
                            one.across(early + one.ahead))  # fmt: skip
        total = self.product(later, one.share(now), self.between())
        through = self.printer.relation("=", self.between(), dots)
        return self.passage("Unrolled", words, [
            (self.text(one.total(early)), "=", total),
            (self.text(one.through(now, early)), "=", through),
        ])  # fmt: skip

    def double_sum(self) -> Passage:
        one, now, early = self.one, self.now, self.early
        words = ("So a parameter has one term for each pair of steps: what it does in step ", early,
                 " reaches the loss from step ", now, ":")  # fmt: skip
        sooner = self.relation("≤" if one.ahead == 1 else "≥", early, now)
        right = self.product(self.sign("sum", self.text(now)), self.sign("sum", sooner),
                             one.share(now), self.printer.brackets(self.between()),
                             one.immediate(early))  # fmt: skip
        return self.passage("Double sum", words, [(self.by_weight(), "=", right)])

    # Vanishing and exploding ------------------------------------------------------------------

    def bound(self, growth: Growth) -> Passage:
        one, now = self.one, self.now
        each = self.product(self.steps_between(), norm(one.across(one.between)))
        rows = [(self.text(norm(one.through(now, self.early))), "≤", each)]
        each_of = sorted(growth.most.atoms(Axis) - {now}, key=str)
        words: Phrase = ("In the spectral norm",)
        words += (" for each ", *listing(each_of)) if each_of else ()
        if len(growth.blocks) == 1:
            rows.append(self.row(norm(one.across(now)), growth.most, "≤"))
        else:
            words += ("; that of all blocks is at most the sum of theirs",)
            for block, most in growth.blocks:
                of, by = Access(block.of, now), Access(block.by, self.before)
                left = self.printer.derivative("d", self.text(of), self.text(by))
                rows.append((self.printer.norm(left), "≤", self.text(most)))
        return self.passage("Bound", (*words, *self.reasons(growth), ":"), rows)

    def reasons(self, growth: Growth) -> Phrase:
        """What was bounded by numbers."""
        found: dict[Expr, list[Expr]] = {}
        for reason in growth.because:
            found.setdefault(reason.most, []).append(_without_places(reason.value))
        words: Phrase = ()
        for most, values in found.items():
            words += ("; " if words else ". In absolute value ", *listing(values),
                      " are" if len(values) > 1 else " is", " at most ", most)  # fmt: skip
        return words

    def consequence(self, growth: Growth) -> Passage:
        """What follows from the bound, and what does not."""
        one, most = self.one, growth.most
        rows: list[Row] = []
        powers = (f" A factor of 0.99 in each of {MANY} steps leaves {_power(0.99)}, and one of "
                  f"1.01 makes {_power(1.01)}.")  # fmt: skip
        open_end = ("at least as fast as its powers. If it is above 1, they may explode, but need "
                    "not.", powers)  # fmt: skip
        if most.is_number and most <= 1:
            words: Phrase = ("Through time alone no gradient explodes, whatever the data.",)
        elif growth.least >= 1:
            words = ("This bound is never below 1: it does not say that gradients vanish, and it "
                     "does not keep them from exploding.",)  # fmt: skip
        elif growth.constant:
            words = ("If ", most, " is below 1, gradients vanish as steps lie farther apart, ",
                     *open_end)  # fmt: skip
            distance = (self.now - self.early) * one.ahead
            power = self.printer.power(self.text(most, ATOM), distance)
            rows = [(self.text(norm(one.through(self.now, self.early))), "≤", power)]
        else:
            words = ("If ", most, " stays below a number that is below 1, gradients vanish ",
                     *open_end)  # fmt: skip
        return self.passage("Vanishing and exploding", words, rows)

    def past_weights(self) -> Iterator[Passage]:
        """The ways along which neither a weight nor the slope of a function multiplies."""
        straight = past_weights(self.one, self.derivation)
        for state in self.one.states:
            found = [(s, i) for s, i in straight if s.target.tensor.of == state]  # type: ignore
            if found:
                yield self.past_weight(state, *zip(*found, strict=True))

    def past_weight(
        self, state: Tensor, terms: Sequence[Statement], lie: Sequence[Interval]
    ) -> Passage:
        one, (first, (low, high)) = self.one, (terms[0], lie[0])
        rows = self.printer.equations(terms)
        ends = Access(state, self.before), Access(state, self.now)
        words: Phrase = ("From ", ends[0], " to ", ends[1], " one way leads past every weight")
        if len(terms) > 1 or first.where:
            return self.passage("Past every weight", (*words, ":"), rows)
        far = {one.time: one.between}
        steps = [] if low == high == 1 else [self.steps_between()]
        through = self.product(*steps, sympify(first.value).xreplace(far))
        index = [*first.target.index]
        index[state.rank + one.loop.place[state]] = self.early
        whole = Access(TotalDerivative(state, state), *index)
        alone = len(one.states) == 1 and [t.value for t in one.blocks[0].terms] == [first.value]
        more = [] if alone else [(False, self.printer.dots())]
        rows.append((self.text(whole), "=", self.printer.sum_of([(False, through), *more])))
        if low == high == 1:
            words += ("; along it alone gradients neither vanish nor explode:",)
        elif low >= 0 and high <= 1:
            words += (". As ", first.value, " lies between ", low, " and ", high, ", gradients do "
                      "not explode along it alone, and last where this stays near 1:")  # fmt: skip
        else:
            words += (":",)
        return self.passage("Past every weight", words, rows)

    # Pieces -----------------------------------------------------------------------------------

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


def _labels(labels: Iterable[str]) -> str:
    return f" ({', '.join(dict.fromkeys(labels))})"


def _any_of(tensors: Sequence[Tensor]) -> Phrase:
    """``a, b or c`` as a phrase."""
    return tuple(" or " if part == " and " else part for part in listing(tensors))


def _without_places(value: Expr) -> Expr:
    """1 − h[t,n,j]²  →  1 − h²        if all is read where it is written"""
    entries = value.atoms(Access)
    if any(not isinstance(index, Axis) for entry in entries for index in entry.index):
        return value
    return value.xreplace({entry: Access(entry.tensor) for entry in entries})


def _power(base: float) -> str:
    """What a factor near 1 becomes over many steps."""
    power = base**MANY
    return f"{power:,.0f}" if power > 1 else f"{power:.1g}" if power < 1e-6 else f"{power:.6f}"
