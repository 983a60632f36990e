"""Vanishing and exploding gradients, for a reader: the bound, what follows, and the way past it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from sympy import Expr, sympify

from derive.calculus.growth import Growth, growth, norm, past_weights
from derive.calculus.intervals import Interval
from derive.calculus.statements import Statement
from derive.calculus.step import Phrase, TotalDerivative, listing
from derive.language.symbols import Access, Axis, Tensor, entries_in
from derive.prose.formula import ATOM
from derive.prose.time_steps import Passage, Row, TimeSteps

MANY = 1000  # steps over which a number near 1 is followed


class Vanishing(TimeSteps):
    """How fast gradients can grow from step to step."""

    def passages(self) -> Iterator[Passage]:
        if found := growth(self.one, self.derivation):
            yield self.bound(found)
            yield self.consequence(found)
        yield from self.past_weights()

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


def _without_places(value: Expr) -> Expr:
    """1 − h[t,n,j]²  →  1 − h²        if all is read where it is written"""
    entries = entries_in(value)
    if any(not isinstance(index, Axis) for entry in entries for index in entry.index):
        return value
    return value.xreplace({entry: Access(entry.tensor) for entry in entries})


def _power(base: float) -> str:
    """What a factor near 1 becomes over many steps."""
    power = base**MANY
    return f"{power:,.0f}" if power > 1 else f"{power:.1g}" if power < 1e-6 else f"{power:.6f}"
