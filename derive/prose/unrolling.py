"""Backpropagation through time, for a reader: unknown, boundary, recursion, weights, double sum.

Formulas come from a printer, so that this is the same in every kind of document; what is said of a
loop follows from `derive.calculus.unrolling` and `derive.calculus.growth` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from sympy import Integer

from derive.calculus.affine import axes_in
from derive.calculus.derivation import Derivation
from derive.calculus.step import Equal, Phrase, listing
from derive.calculus.straight import recurrences, straight
from derive.calculus.unrolling import Parts, unrolled
from derive.language.symbols import Access, Tensor
from derive.prose.formula import Formula
from derive.prose.names import cited
from derive.prose.time_steps import Passage, Row, TimeSteps
from derive.prose.vanishing import Vanishing


def through_time(
    derivation: Derivation, printer: Formula, labelled: bool = True
) -> tuple[tuple[Passage, ...], ...]:
    """What is to be said of each loop; steps are cited by their labels, or by their numbers."""
    return tuple(
        tuple(
            passage
            for part in (Recursion, Vanishing)
            for passage in part(one, derivation, printer, labelled).passages()
        )
        for one in unrolled(derivation)
    )


def step_places(derivation: Derivation) -> dict[str, int]:
    """By the names of tensors, cotangents too: which of their indices a recurrence runs over."""
    targets = [s.target for s in derivation.forward]
    moving = {
        axis
        for loop in recurrences(derivation)
        for entry in targets if entry.tensor in loop.place
        for axis in axes_in((entry.index[loop.place[entry.tensor]],))
    }  # fmt: skip
    entries = {*targets, *(a for s in derivation.forward for a in s.entries)}
    entries |= {a for e in derivation.definition for a in e.right.atoms(Access)}
    found: dict[str, int] = {}
    for entry in sorted(entries, key=str):
        for place, index in enumerate(entry.index):
            if moving & axes_in((index,)) and not index.has(Access):
                found.setdefault(entry.tensor.name, place)
    found |= {bar.name: found[t.name] for t, bar in derivation.cotangent.items() if t.name in found}
    for one in unrolled(derivation):  # what is said of all states of a step together
        found |= {tensor.name: 0 for tensor in (one.vector, one.jacobian, one.loss)}
    return found


def straight_rows(derivation: Derivation, printer: Formula) -> tuple[Row, ...]:
    """What leads from a state to itself past every weight: ``∂c[t]/∂c[t−1] = f[t]``."""
    return tuple(row for s in straight(derivation) for row in printer.equations([s]))


class Recursion(TimeSteps):
    """How the loss depends on the states of each step."""

    def passages(self) -> Iterator[Passage]:
        yield from self.unknown()
        yield self.boundary()
        yield self.recursion()
        if self.one.weights:
            yield self.weights()
        yield self.unrolled()
        if self.one.weights:
            yield self.double_sum()

    # The recursion ----------------------------------------------------------------------------

    def unknown(self) -> Iterator[Passage]:
        one, now = self.one, self.now
        states = [Access(state, now) for state in one.states]
        whole, total = Access(one.vector, now), one.total(now)
        loss: Phrase = ("how the loss ", one.loss, " depends on ", whole)
        if len(states) == 1:
            row = Access(one.parts[0].bar, now)
            yield self.passage("What we look for", (total, ", ", *loss, ": ", row, " as a row."))
        else:
            together = ("A step leaves the states ", *listing(states), ", together ", whole, ". ")
            yield self.passage("What we look for", (*together, total, " is ", *loss, ", as a row."))
        for part in one.parts:
            if part.within:
                yield self.passage("", self.left_out(part))
        direct = ("Let ", Access(one.loss, now), " be the part of the loss that ", whole,
                  " reaches without another step of this recurrence")  # fmt: skip
        labels = self.labels(part.label for part in one.parts)
        entries = [row for part in one.parts for row in self.entries(part)]
        yield self.passage("", (*direct, labels, ":"), entries)
        labels = self.labels(block.last.label for block in one.blocks)
        across: Phrase = ("Across one step, inputs and parameters held fixed", labels)
        if len(one.blocks) < len(one.states) ** 2:
            across += ("; every other block is 0",)
        across += (":",)
        now, before = self.now, self.before
        yield self.passage("", across, [self.row(one.across(now), one.through(now, before))])

    def left_out(self, part: Parts) -> Phrase:
        """What a cotangent counts that its part of dL/ds[t] does not."""
        primal = {self.derivation.cotangent[t]: t for t in self.one.loop.tensors}
        read = (a.tensor for term in part.within for a in term.reads)
        others = dict.fromkeys(primal[bar] for bar in read if bar in primal)
        return ("Its part for ", Access(part.state, self.now), " is ", Access(part.bar, self.now),
                " less what goes through ", *listing(others), " of the same step",
                self.labels([part.label]),
                ": that leaves the step with another state.")  # fmt: skip

    def entries(self, part: Parts) -> list[Row]:
        if part.direct:
            return self.printer.equations(self.one.entries(part))
        of, by = self.text(Access(self.one.loss, self.now)), self.text(Access(part.state, self.now))
        return [(self.printer.derivative("∂", of, by), "=", self.text(Integer(0)))]

    def boundary(self) -> Passage:
        labels = self.labels(part.ending for part in self.one.parts)
        rows = [self.row(self.one.total(self.one.end), Integer(0))]
        words = ("After the last step there is nothing more", labels, ":")
        return self.passage("Boundary", words, rows)

    def recursion(self) -> Passage:
        one = self.one
        onwards = self.product(one.total(self.after), one.across(self.after))
        right = self.printer.sum_of([(False, self.text(one.share(self.now))), (False, onwards)])
        way = "backwards" if one.ahead == 1 else "forwards"
        labels = self.labels(part.label for part in one.parts)
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
        labels = self.labels(self.derivation.label_of(bars[w]) for w in one.weights)
        words = ("Every step reads the same parameters, so that the derivative by one of them is a "
                 "sum over all steps", labels, ". Let ", one.weight, " be ",
                 *_any_of(one.weights), "; in ", one.immediate(self.now),
                 " the states one step before are held fixed:")  # fmt: skip
        steps = self.sign("sum", self.text(self.now))
        right = self.product(steps, one.total(self.now), one.immediate(self.now))
        return self.passage("Weights", words, [(self.by_weight(), "=", right)])

    def labels(self, labels: Iterable[str]) -> str:
        return f" ({', '.join(cited(label, self.labelled) for label in dict.fromkeys(labels))})"

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


def _any_of(tensors: Sequence[Tensor]) -> Phrase:
    """``a, b or c`` as a phrase."""
    return tuple(" or " if part == " and " else part for part in listing(tensors))
