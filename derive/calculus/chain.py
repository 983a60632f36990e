"""The first steps of every cotangent: chain rule, linearity, and the deltas they leave."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import cast

from sympy import Expr, Integer, Symbol

from derive.calculus.adjoint import weigh
from derive.calculus.affine import affine
from derive.calculus.differentiate import extrema, partial
from derive.calculus.line import Line
from derive.calculus.selection import selected
from derive.calculus.statements import Guard, Statement, System, accesses
from derive.calculus.step import PartialDerivative, listing
from derive.language.symbols import Access, Axis, Tensor


@dataclass(frozen=True)
class Slope:
    """A statement, an entry it reads, and the derivative of its value by this entry.

    Of a maximum it is the statement that holds for the point which attains it.
    """

    statement: Statement
    read: Access
    slope: Expr
    of_maximum: bool = False


def slopes_by(system: System, tensor: Tensor, bars: dict[Tensor, Tensor]) -> tuple[Slope, ...]:
    """Everything through which a tensor reaches the outputs."""
    found = (
        Slope(
            selected(statement, system),
            read,
            partial(statement.value, read, system.order),
            statement.op == "max",
        )
        for statement in system.statements
        if statement.target.tensor in bars
        for read in statement.reads
        if read.tensor == tensor
    )
    return tuple(s for s in found if s.slope != 0)


def differentiate(line: Line, system: System, by: Tensor, bars: dict[Tensor, Tensor]) -> None:
    """Record the steps from the scatter to a sum of cotangents, derivatives and deltas."""
    slopes = slopes_by(system, by, bars)
    names = Names(system, slopes)
    free = names.free(by, [s.read for s in slopes])
    target = Access(line.target, *(a + o for a, o in zip(free, by.offset, strict=True)))
    chain_rule(line, names, slopes, bars, target)
    same = PartialDerivative(by, by)
    pulled_out = linearity(line, slopes, bars, Access(same, *target.index, *target.index), free)
    independence(line, pulled_out, slopes, target, same)


def chain_rule(
    line: Line,
    names: Names,
    slopes: tuple[Slope, ...],
    bars: dict[Tensor, Tensor],
    target: Access,
) -> None:
    """x̄[ψ] += ȳ ∂(value)/∂x[ψ]  →  x̄[β] = Σ_α ȳ[α] ∂y[α]/∂x[β]"""
    by = slopes[0].read.tensor
    free = tuple(s for i in target.index for s in i.free_symbols if isinstance(s, Axis))
    written = tuple(dict.fromkeys(s.statement.target.tensor for s in slopes))
    after: list[Statement] = []
    for tensor in written:
        targets = [s.statement.target for s in slopes if s.statement.target.tensor == tensor]
        over, entry = names.entries(tensor, targets)
        derivative = Access(PartialDerivative(tensor, by), *entry, *target.index)
        after.append(Statement((*free, *over), target, Access(bars[tensor], *entry) * derivative))
    for each in slopes:  # what the derivatives are
        statement = each.statement
        tensor = PartialDerivative(statement.target.tensor, by)
        place = Access(tensor, *statement.target.index, *each.read.index)
        after.append(Statement(statement.domain, place, each.slope, statement.where))
    through = (*(["itself"] if by in written else []), *(t for t in written if t != by))
    line.add("chain rule", after, (by, " reaches the result through ", *listing(through)))


def linearity(
    line: Line,
    slopes: tuple[Slope, ...],
    bars: dict[Tensor, Tensor],
    unit: Access,
    free: tuple[Axis, ...],
) -> list[Statement]:
    """Σ ȳ ∂(Σ w·x[ψ])/∂x[β]  →  Σ ȳ w ∂x[ψ]/∂x[β]"""
    by, half = slopes[0].read.tensor, len(free)
    own = unit.index[:half]
    target = Access(line.target, *own)
    pulled_out = []
    for each in slopes:
        statement = each.statement
        source = Access(bars[statement.target.tensor], *statement.target.index)
        value = weigh(source, each.slope) * Access(unit.tensor, *each.read.index, *own)
        pulled_out.append(Statement((*free, *statement.domain), target, value, statement.where))
    after = (*pulled_out, Statement(free, unit, Integer(1)))
    compared = dict.fromkeys(e for s in slopes for e in extrema(s.statement.value, s.read))
    if any(s.slope.has(s.read) for s in slopes):
        rule, words = "derivative of the value", ("by the rules for functions of one variable",)
    elif any(s.of_maximum for s in slopes):
        rule, words = "derivative of a maximum", (
            "1 at the largest entry, the first one of several, and 0 elsewhere",
            *(x for s in slopes if s.of_maximum for x in ("; ", _winner(s), " is its number")),
        )
    else:
        rule, words = "linearity", ("what does not depend on ", by, " comes before the derivative")
    if compared:
        words += ("; of equal arguments of ", *listing(compared), " the first has the derivative")
        rule += ", with ties"
    line.add(rule, after, words)
    return pulled_out


def _winner(slope: Slope) -> Tensor:
    """The integers that say which point attains a maximum."""
    (chosen,) = accesses(slope.statement.where[-1].expression)
    return chosen.tensor


def independence(
    line: Line,
    pulled_out: list[Statement],
    slopes: tuple[Slope, ...],
    target: Access,
    same: PartialDerivative,
) -> None:
    """∂x[ψ]/∂x[β]  →  δ(ψ, β)"""
    after = []
    for statement, each in zip(pulled_out, slopes, strict=True):
        pairs = zip(target.index, each.read.index, strict=True)
        where = tuple(Guard("eq", own - read) for own, read in pairs)
        entry = Access(same, *each.read.index, *target.index)
        value = statement.value.xreplace({entry: Integer(1)})
        after.append(replace(statement, value=value, where=statement.where + where))
    line.deltas = True
    words = ("entries of ", same.by, " are independent of each other")
    if not same.by.rank:
        words = ("the derivative of ", same.by, " by itself is 1")
    line.add("∂x[α]/∂x[β] = δ", after, words)


class Names:
    """Names for new indices: familiar ones where they are free, else with a prime."""

    def __init__(self, system: System, slopes: Sequence[Slope]) -> None:
        self.taken = {t.name for t in system.tensors}
        # The author's word for an axis, where its entries are read by their numbers alone.
        self.words = {
            (s.target.tensor, position): index.name
            for s in system.statements
            for position, index in enumerate(s.target.index)
            if isinstance(index, Axis)
        }
        # The author's word for an index over a number, by that number.
        boxes = (a for s in system.statements for a in s.domain)
        self.alike = {a.extent: a for a in boxes if a.extent.is_Integer and len(a.name) > 1}
        used = {a.name for s in system.statements for a in s.domain}  # and mean something
        self.letters = [x for x in "ijlmr" if x not in used] or ["i"]
        for each in slopes:
            self.taken |= {a.name for a in each.statement.domain}
            self.taken |= {s.name for a in each.statement.reads for s in a.free_symbols}

    def copy(self) -> Names:
        """The same names taken: for sums beside each other, whose indices may share names."""
        twin = copy(self)
        twin.taken = set(self.taken)
        return twin

    def new(self, extent: Expr, like: Axis | None, word: str = "") -> Axis:
        if like is not None and like.extent != extent and extent.is_Integer:
            like = self.alike.get(extent)  # not one that runs over a part
        if like is not None:
            name = like.name + "'"
        elif word:
            name = word
        else:
            own = [extent.name.lower()] if isinstance(extent, Symbol) else []
            own = [x for x in own if len(x) == 1]
            letters = own or (["row"] if extent.is_number else self.letters)
            name = next((x for x in letters if x not in self.taken), letters[0] + "'")
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return cast(Axis, Axis(Symbol(name, integer=True), extent))

    def free(self, tensor: Tensor, reads: Sequence[Access]) -> tuple[Axis, ...]:
        """An index for each axis of a tensor, named after those by which it is read."""
        found = []
        for position, extent in enumerate(tensor.shape):
            bare = [i for r in reads if isinstance(i := r.index[position], Axis)]
            like = next((i for i in bare if i.extent == extent), bare[0] if bare else None)
            found.append(self.new(extent, like, self.words.get((tensor, position), "")))
        return tuple(found)

    def entries(
        self, tensor: Tensor, written: Sequence[Access]
    ) -> tuple[tuple[Axis, ...], tuple[Expr, ...]]:
        """Indices that reach every written entry once, and their axes: the author's own if they
        walk distinct axes, else a new axis for each dimension."""
        first = written[0].index
        places = [affine(index) for index in first]
        axes = tuple(a for p in places for a in p.iterators)
        plain = all(len(p.iterators) <= 1 and not p.reads for p in places)
        steps = all(p.coefficient(a) == 1 for p in places for a in p.iterators)
        alike = all(a.index == first for a in written)
        if plain and steps and alike and len(set(axes)) == len(axes):
            return cast(tuple[Axis, ...], axes), first
        over: list[Axis] = []
        for own, extent, origin in zip(first, tensor.shape, tensor.offset, strict=True):
            known = isinstance(own, Axis) and own.extent == extent and origin == 0
            over.append(own if known and own not in over else self.new(extent, None))
        return tuple(over), tuple(a + o for a, o in zip(over, tensor.offset, strict=True))
