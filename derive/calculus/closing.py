"""The closing line of a gradient: its derivation with what lies between put in.

    x̄[n,c] = ē[n,c] e[n,c],   ē[n,c] = t̄[n] + ȳ[n,c]/t[n],   t̄[n] = −Σ_c ȳ[n,c] e[n,c]/t[n]²

        x̄[n,c] = y[n,c] (ȳ[n,c] − Σ_{c'} ȳ[n,c'] y[n,c'])

A cotangent of what is computed on the way keeps its name where that leaves less to read: where it
is long and read often, and wherever it is carried from step to step.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from sympy import Expr

from derive.calculus.collecting import collect
from derive.calculus.derivation import Derivation
from derive.calculus.measure import length, measure
from derive.calculus.products import Known, known_products, reuse
from derive.calculus.putting_in import plainly, put_in
from derive.calculus.reuse import says_all
from derive.calculus.slopes import by_name, known_slopes, slopes_in
from derive.calculus.statements import Statement, System, distinct
from derive.calculus.step import Equal, Phrase, Step, bound, listing
from derive.calculus.totals import Totals, at_a_point, reuse_sums, sift_bound
from derive.language.symbols import Access, Axis, Tensor

LOOKING_UP = 22  # what a name costs that has a line of its own, in symbols; and a sum said again
MOST_TERMS = 12  # of a line in which something is put in


@dataclass(frozen=True)
class Closing:
    """What the derivation of one cotangent comes to.

    Attributes
    ----------
    target : Tensor
        The cotangent.
    terms : tuple of Statement
        What it is. Their values may hold sums.
    steps : tuple of Step
        The steps that lead here from the last one of the derivation; none if that is it.
    slopes : tuple of Equal
        Derivatives of functions that stand here and in no line before: ``σ'(s) = y (1 − y)``.
    by_slope : tuple of Statement
        The terms with these derivatives by name; none if no term holds one.
    """

    target: Tensor
    terms: tuple[Statement, ...]
    steps: tuple[Step, ...] = ()
    slopes: tuple[Equal, ...] = ()
    by_slope: tuple[Statement, ...] = ()

    @cached_property
    def named(self) -> tuple[Tensor, ...]:
        """What it reads, cotangents and values, in a fixed order."""
        return tuple(dict.fromkeys(r.tensor for t in self.terms for r in t.entries))


def closing_lines(derivation: Derivation) -> dict[Tensor, Closing]:
    """The closing line of each input's cotangent, and of every cotangent that these name.

    Returns
    -------
    dict of Tensor to Closing
        By cotangent, in the order of the derivation.
    """
    lines = _Lines(derivation)
    chosen = lines.shortest()
    needed = lines.needed(chosen)
    found = {bar: lines.closing(bar, chosen) for bar in derivation.gradients if bar in needed}
    return _with_slopes(_said_once(found, lines), known_slopes(lines.values))


def _said_once(lines: dict[Tensor, Closing], of: _Lines) -> dict[Tensor, Closing]:
    """p̄[0] = f and q̄[0] = f  →  q̄[0] = p̄[0]        unless they are what was asked for"""
    known: dict[tuple, Access] = {}
    found = {}
    for bar, line in lines.items():
        trail = of.trail(bar, line.steps, line.terms)
        after = []
        for term in line.terms:
            said = sum(other.target == term.target for other in line.terms)
            key = term.domain, term.value, term.where
            if said == 1 and key in known and measure(known[key]) + 4 < measure(term.value):
                term = replace(term, value=known[key])
            elif said == 1 and not bound(term):
                known[key] = term.target
            after.append(term)
        if bar not in of.wanted:
            trail.add("said before", after, ("it was found before",))
        found[bar] = Closing(bar, trail.terms, tuple(trail.steps))
    return found


def _with_slopes(
    lines: dict[Tensor, Closing], known: tuple[tuple[Known, Expr], ...]
) -> dict[Tensor, Closing]:
    """Each line with the slopes that are used there first, one of each function."""
    seen: set[type] = set()
    found = {}
    for bar, line in lines.items():
        slopes = []
        for function, equal in slopes_in(line.terms, known):
            if function not in seen:
                seen.add(function)
                slopes.append(equal)
        named = by_name(line.terms, known)
        named = () if named == line.terms else named
        found[bar] = replace(line, slopes=tuple(slopes), by_slope=named)
    return found


@dataclass
class _Lines:
    derivation: Derivation
    known: dict[tuple[Tensor, frozenset[Tensor]], Closing | None] = field(default_factory=dict)

    def __post_init__(self) -> None:
        forward = System((), (), self.derivation.forward, self.derivation.written)
        alone = [s for s in forward.statements if s.op == "add" and not s.where]
        values = tuple(s for s in alone if says_all(s, forward))
        sums = [s for s in alone if bound(s) and len(forward.writing(s.target.tensor)) == 1]
        named = (s for s in sums if all(isinstance(i, Axis) for i in s.target.index))
        self.values = values
        self.products = known_products(values)
        self.totals = Totals(tuple(named), values)
        self.final = {}
        for bar in self.derivation.gradients:
            step = self.derivation.final(bar)
            if step is not None:
                self.final[bar] = step
        self.bars = frozenset(self.derivation.cotangent.values())

    # ---- which are put in ----------------------------------------------------------------

    @cached_property
    def wanted(self) -> tuple[Tensor, ...]:
        """The cotangents of inputs."""
        bars = map(self.derivation.cotangent.get, self.derivation.operation.inputs)
        return tuple(bar for bar in bars if bar in self.final)

    @cached_property
    def candidates(self) -> tuple[Tensor, ...]:
        """What is neither an input's nor carried from step to step."""
        primal = {bar: tensor for tensor, bar in self.derivation.cotangent.items()}
        carried = _moved(r for s in self.derivation.forward for r in s.reads)
        handed = _moved(r for step in self.final.values() for s in step.shown for r in s.reads)
        return tuple(
            bar
            for bar in self.final
            if bar not in self.wanted
            and not (bar in self.behind(bar) and (bar in handed or primal[bar] in carried))
        )

    def reads(self, bar: Tensor) -> tuple[Tensor, ...]:
        """The cotangents that the last step of a cotangent reads."""
        found = (r.tensor for s in self.final[bar].shown for r in s.reads)
        return tuple(t for t in dict.fromkeys(found) if t in self.final)

    def behind(self, bar: Tensor, through: Iterable[Tensor] | None = None) -> set[Tensor]:
        """What it is computed from, `through` certain cotangents alone."""
        reached: set[Tensor] = set()
        waiting = [bar]
        while waiting:
            new = {t for t in self.reads(waiting.pop()) if t not in reached}
            if through is not None:
                new &= set(through)
            reached |= new
            waiting += sorted(new, key=str)
        return reached

    def shortest(self) -> frozenset[Tensor]:
        """The cotangents without lines of their own, such that all lines are the shortest."""
        chosen = frozenset(self.candidates)
        while (failing := self.failing(chosen)) is not None:
            chosen -= {failing}
        best, better = self.cost(chosen), True
        free = chosen
        while better:
            better = False
            for move in self.moves(free):
                cost = self.cost(chosen ^ move)
                if cost < best:
                    chosen, best, better = chosen ^ move, cost, True
        return chosen

    def moves(self, free: frozenset[Tensor]) -> Iterator[frozenset[Tensor]]:
        """What to try: one with or without a name, or what is read and what reads it, in turn."""
        for bar in self.final:
            if bar in free:
                yield frozenset({bar})
                for read in self.reads(bar):
                    if read in free:
                        yield frozenset({bar, read})

    def failing(self, chosen: frozenset[Tensor]) -> Tensor | None:
        """Something that cannot be put in, or would make a line too long."""
        for bar in self.final:
            if self.line(bar, chosen) is None:
                return next(t for t in self.reads(bar) if t in chosen)
        return None

    def needed(self, chosen: frozenset[Tensor]) -> set[Tensor]:
        """The cotangents that have lines."""
        found = set(self.wanted)
        waiting = [*self.wanted]
        while waiting:
            line = self.line(waiting.pop(), chosen)
            new = {t for t in line.named if t in self.final} - found if line else set()
            found |= new
            waiting += sorted(new, key=str)
        return found

    def cost(self, chosen: frozenset[Tensor]) -> int:
        """How much there is to read in all lines."""
        total, needed = 0, self.needed(chosen)
        behind = [self.behind(bar, chosen) for bar in needed]
        for bar in chosen:
            if any(bound(term) for term in self.final[bar].shown):
                total += LOOKING_UP * max(0, sum(bar in own for own in behind) - 1)
        for bar in needed:
            line = self.line(bar, chosen)
            assert line is not None
            total += length(line.terms)
            if bar not in self.wanted:
                total += LOOKING_UP + measure(line.terms[0].target)
        return total

    # ---- what a line is ------------------------------------------------------------------

    def closing(self, bar: Tensor, chosen: frozenset[Tensor]) -> Closing:
        line = self.line(bar, chosen)
        assert line is not None
        return line

    def line(self, bar: Tensor, chosen: frozenset[Tensor]) -> Closing | None:
        """A line with `chosen` put in; None if it cannot be."""
        relevant = frozenset(self.behind(bar, chosen))
        key = bar, relevant
        if key not in self.known:
            self.known[key] = self._line(bar, relevant)
        return self.known[key]

    def _line(self, bar: Tensor, relevant: frozenset[Tensor]) -> Closing | None:
        flat = self.flat(bar, relevant)
        if flat is None:
            return None
        trail = self.trail(bar, flat.steps, flat.terms)
        after, sums = collect(trail.terms, self.totals, self.bars)
        because = (*listing(sums), "; " if sums else "", _COMMON)
        trail.add("collect", after, tuple(part for part in because if part))
        return Closing(bar, trail.terms, tuple(trail.steps))

    def trail(self, bar: Tensor, steps: Iterable[Step], terms: tuple[Statement, ...]) -> _Trail:
        """Steps that go on from the last one of the derivation."""
        return _Trail(bar, len(self.derivation.gradients[bar]), steps, terms)

    def flat(self, bar: Tensor, relevant: frozenset[Tensor]) -> Closing | None:
        """The statements of a cotangent with those of others put in."""
        key = bar, relevant | {bar}
        if key not in self.known:
            self.known[key] = self._flat(bar, relevant)
        return self.known[key]

    def reused(self, relevant: frozenset[Tensor]) -> Iterator[Any]:
        """What was known from forward in the lines that are put in."""
        flat = [self.flat(b, frozenset(self.behind(b, relevant))) for b in self.final
                if b in relevant]  # fmt: skip
        steps = [step for line in flat if line for step in line.steps if step.rule == _REUSE]
        for because in dict.fromkeys(step.because for step in steps):
            yield from ("; ", *because)

    def _flat(self, bar: Tensor, relevant: frozenset[Tensor]) -> Closing | None:
        trail = self.trail(bar, (), self.final[bar].shown)
        inner = {}
        for read in self.reads(bar):
            if read in relevant:
                line = self.flat(read, frozenset(self.behind(read, relevant)))
                if line is None:
                    return None
                inner[read] = line.terms
        after = put_in(trail.terms, inner)
        if after is None or (inner and len(after) > MOST_TERMS):
            return None
        words = (*listing(b for b in self.final if b in relevant), " put in",
                 *self.reused(relevant))  # fmt: skip
        trail.add("put in", after, words)
        trail.each("solve for an index", sift_bound, ("one of the summed indices is known",))
        trail.each("no empty axis", at_a_point, ("there is an entry, so there is an index",))
        used: list = []

        def known(term: Statement) -> Statement:
            entry: Access | None = None
            while True:
                value, more = reuse(term.value, term, self.products)
                used.extend(more)
                term, entry = reuse_sums(replace(term, value=value), self.totals.sums)
                if entry is None:
                    return term
                used.append(entry)

        after = tuple(map(known, trail.terms))
        trail.add(_REUSE, after, (*listing(dict.fromkeys(used)), _KNOWN))
        return Closing(bar, trail.terms, tuple(trail.steps))


def _moved(reads: Iterable[Access]) -> set[Tensor]:
    """What is read at an index beside another one, as in ``h[t - 1]``."""
    return {r.tensor for r in reads for i in r.index if i.atoms(Axis) and not isinstance(i, Axis)}


_COMMON = "what terms have in common, and what does not depend on a summed index, stands in front"
_REUSE = "reuse forward values"
_KNOWN = " is known from forward"


class _Trail:
    """The steps from the last one of a derivation to its closing line."""

    def __init__(
        self,
        target: Tensor,
        before: int,
        steps: Iterable[Step],
        terms: tuple[Statement, ...],
    ) -> None:
        self.target, self.before = target, before
        self.steps = [*steps]
        self.terms = terms

    def add(self, rule: str, after: Iterable[Statement], because: Phrase) -> None:
        after = tuple(after)
        if after != self.terms:
            label = f"{self.target.name}.{self.before + len(self.steps) + 1}"
            self.steps.append(Step(rule, self.target, self.terms, after, because, label))
            self.terms = after

    def each(self, rule: str, by: Callable[[Statement], Statement], because: Phrase) -> None:
        kept = [s for s in map(by, self.terms) if s.value != 0]
        if kept:
            self.add(rule, distinct(map(plainly, kept)), because)
