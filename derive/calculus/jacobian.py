"""The Jacobian of one step of a loop: how a state depends on the states one step before.

    h[t,j] = tanh(a[t,j]),   a[t,j] = Σ_k W[j,k] h[t-1,k] + ...

    dh[t,j]/dh[t-1,k] = Σ_l ∂h[t,j]/∂a[t,l] · ∂a[t,l]/∂h[t-1,k] = (1 - h[t,j]²) W[j,k]

What is computed within the step follows its arguments; what comes from outside it is held fixed:
inputs, parameters, and every other state one step before. So the partial derivatives along each way
from one state to the other are multiplied, and the ways are added.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from derive.calculus.adjoint import weigh
from derive.calculus.bounds import nonnegative
from derive.calculus.chain import Names, Slope
from derive.calculus.diagonal import equates, merge_diagonal
from derive.calculus.forms import StateMatrix
from derive.calculus.line import Line
from derive.calculus.loops import Loop
from derive.calculus.normal import put, tidy
from derive.calculus.sifting import possible
from derive.calculus.statements import Guard, Statement, System
from derive.calculus.step import PartialDerivative, Phrase, TotalDerivative, listing
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor, entries_in

MOST_TERMS = 100  # of the derivative of a state by a state; a longer sum explains nothing

Way = tuple[Tensor, ...]


@dataclass(frozen=True)
class _Block:
    """The derivatives of one state by another, at one distance."""

    loop: Loop
    of: Tensor
    by: Tensor
    lag: int
    target: Access
    ways: tuple[Way, ...]
    names: Names

    @property
    def free(self) -> tuple[Axis, ...]:
        """The indices of the entry that is differentiated, then those of the other."""
        return tuple(dict.fromkeys(a for i in self.target.index for a in i.atoms(Axis)))

    @property
    def start(self) -> tuple[Expr, ...]:
        return self.target.index[: self.of.rank]

    @property
    def end(self) -> tuple[Expr, ...]:
        return self.target.index[self.of.rank :]

    @property
    def now(self) -> Expr:
        """The step."""
        return self.start[self.loop.place[self.of]]

    def slopes(self, way: Way) -> list[tuple[Slope, ...]]:
        """What each tensor on a way reads of the next."""
        distances = (*(0 for _ in way[2:]), self.lag)
        return [self.loop.between(a, b, d)
                for (a, b), d in zip(itertools.pairwise(way), distances, strict=True)]  # fmt: skip

    def entries(self, way: Way, names: Names) -> list[tuple[Expr, ...]]:
        """The entries on a way that count: what an entry reads, else any at the same step."""
        found = [self.start]
        for tensor, slopes in zip(way[1:-1], self.slopes(way), strict=False):
            followed = {_followed(slope, found[-1], names) for slope in slopes}
            entry = followed.pop() if len(followed) == 1 else None
            if entry is None:
                free: list[Expr] = list(names.free(tensor, [s.read for s in slopes]))
                free[self.loop.place[tensor]] = self.now
                entry = tuple(free)
            found.append(entry)
        return [*found, self.end]


def _followed(slope: Slope, entry: tuple[Expr, ...], names: Names) -> tuple[Expr, ...] | None:
    """The entry that `entry` reads, if it is written by one point and reads distinct ones."""
    known = _own_indices(slope, entry)
    for axis in slope.statement.domain:
        if axis not in known and any(axis in i.free_symbols for i in slope.read.index):
            if axis not in slope.read.index:
                return None
            known[axis] = names.new(axis.extent, axis)
    written = (i.xreplace(known) for i in slope.statement.target.index)
    if any(tidy(own - i) != 0 for own, i in zip(written, entry, strict=True)):
        return None
    return tuple(tidy(i.xreplace(known)) for i in slope.read.index)


def _own_indices(slope: Slope, entry: tuple[Expr, ...]) -> dict[Expr, Expr]:
    """Values for the indices of a statement so that it writes `entry`, as far as they are plain."""
    known: dict[Expr, Expr] = {}
    for own, index in zip(slope.statement.target.index, entry, strict=True):
        if isinstance(own, Axis) and own not in known:
            axes = tuple(index.atoms(Axis))
            if nonnegative(index, axes) and nonnegative(own.extent - 1 - index, axes):
                known[own] = index
    return known


def jacobian_lines(
    loop: Loop, system: System, reserved: frozenset[str], sift: Callable[[Line], None]
) -> Iterator[Line]:
    """The derivatives of each state by each state, with all their steps.

    Parameters
    ----------
    loop : Loop
        The tensors of a step.
    system : System
        Where they are computed.
    reserved : frozenset of str
        Names that no index may get.
    sift : callable
        Applies the rules for δ to a line.
    """
    for of, (by, lag) in itertools.product(loop.states, loop.sources):
        ways = tuple(itertools.islice(loop.ways(of, by, lag), MOST_TERMS + 1))
        block = _block(loop, system, of, by, lag, ways) if ways else None
        if block and sum(math.prod(map(len, block.slopes(way))) for way in ways) <= MOST_TERMS:
            start = tuple(_tangents(block))
            line = Line(block.target.tensor, frozenset(), start, reserved=reserved)
            _compose(line, block)
            _insert(line, block)
            sift(line)
            merge_diagonal(line)
            _read(line, block)
            yield line


def _block(
    loop: Loop, system: System, of: Tensor, by: Tensor, lag: int, ways: tuple[Way, ...]
) -> _Block:
    names = Names(system, loop.slopes)
    own = [s for s in loop.slopes if s.statement.target.tensor == of]
    reads = [s for s in loop.slopes if s.read.tensor == by and loop.lag(s) == lag]
    _, start = names.entries(of, [s.statement.target for s in own])
    end: list[Expr] = list(names.free(by, [s.read for s in reads]))
    end = [e + o for e, o in zip(end, by.offset, strict=True)]
    end[loop.place[by]] = tidy(start[loop.place[of]] + lag)
    taken = system.names
    name = f"{of.name}_jacobian" + (f"_{by.name}" if of != by else "")
    name += str(abs(lag)) if abs(lag) > 1 else ""
    own = TotalDerivative(of, by, fresh(name, taken))
    return _Block(loop, of, by, lag, Access(own, *start, *end), ways, names)


def _tangents(block: _Block) -> Iterable[Statement]:
    """The tangent rule for each tensor of the step, with the entries of a state for directions."""
    loop = block.loop
    whole = {tensor: TotalDerivative(tensor, block.by) for tensor in loop.tensors}
    whole[block.of] = block.target.tensor  # type: ignore[assignment]
    moving = loop.place[block.by]
    directions = tuple(a for i, e in enumerate(block.end) if i != moving for a in e.atoms(Axis))
    for tensor in loop.tensors:
        for each in (s for s in loop.slopes if s.statement.target.tensor == tensor):
            written, read = each.statement.target, each.read
            if read.tensor == block.by and loop.lag(each) == block.lag:
                entry = Access(whole[tensor], *written.index, *read.index)
                yield replace(each.statement, target=entry, value=each.slope)
            elif loop.lag(each) == 0:
                end = list(block.end)
                end[moving] = written.index[loop.place[tensor]] + block.lag
                inner = Access(whole[read.tensor], *read.index, *end)
                entry = Access(whole[tensor], *written.index, *end)
                domain = (*each.statement.domain, *directions)
                value = weigh(inner, each.slope)
                yield replace(each.statement, domain=domain, target=entry, value=value)


def _compose(line: Line, block: _Block) -> None:
    """dh/dh⁻ = ∂h/∂a · da/dh⁻, down to reads of the last step  →  Σ ∂h/∂a ∂a/∂h⁻"""
    after: list[Statement] = []
    links: dict[tuple[Tensor, Tensor], None] = {}
    for way in block.ways:
        entries = block.entries(way, block.names.copy())
        value: Expr = Integer(1)
        for (of, by), (one, other) in zip(
            itertools.pairwise(way), itertools.pairwise(entries), strict=True
        ):
            value *= Access(PartialDerivative(of, by), *one, *other)
            links[of, by] = None
        domain = dict.fromkeys((*block.free, *_axes(entries)))
        after.append(Statement(tuple(domain), block.target, value))
    for each in block.loop.slopes:
        statement = each.statement
        if (statement.target.tensor, each.read.tensor) in links:
            tensor = PartialDerivative(statement.target.tensor, each.read.tensor)
            place = Access(tensor, *statement.target.index, *each.read.index)
            after.append(Statement(statement.domain, place, each.slope, statement.where))
    line.add("chain rule", after, _words(block))


def _words(block: _Block) -> Phrase:
    """Through what a state reaches the other, and what is held fixed meanwhile."""
    far: dict[Tensor, int] = {}
    for way in block.ways:
        for distance, tensor in enumerate(reversed(way[1:-1])):
            far[tensor] = max(distance, far.get(tensor, 0))
    inner = sorted(far, key=lambda tensor: far[tensor])
    how: Phrase = ("directly",) if any(len(way) == 2 for way in block.ways) else ()
    how += ((", and " if how else "") + "through ", *listing(inner)) if inner else ()
    others = (s for s in block.loop.sources if s != (block.by, block.lag))
    fixed = [Access(t, tidy(block.now + lag)) for t, lag in others]
    before = Access(block.by, tidy(block.now + block.lag))
    held = (*(x for f in fixed for x in (f, ", ")), "inputs and parameters are held fixed")
    return (block.of, " depends on ", before, " ", *how, "; ", *held)


def _insert(line: Line, block: _Block) -> None:
    """∂h[t,j]/∂a[t,l]  →  (1 − tanh(a[t,j])²) δ(l, j)"""
    after = []
    for way in block.ways:
        for choice in itertools.product(*block.slopes(way)):
            after += filter(possible, [_product(block, way, choice)])
    line.deltas = True
    words = ("the slope of each statement; entries of a tensor are independent of each other",)
    line.add("partial derivatives", after, words)


def _product(block: _Block, way: Way, slopes: Sequence[Slope]) -> Statement:
    """The slopes along one way, and what connects their indices."""
    names = block.names.copy()
    entries = block.entries(way, names)
    domain: dict[Axis, None] = dict.fromkeys((*block.free, *_axes(entries)))
    where: list[Guard] = []
    value: Expr = Integer(1)
    for each, (one, other) in zip(slopes, itertools.pairwise(entries), strict=True):
        statement = each.statement
        new = _own_indices(each, one)
        for axis, index in zip(each.read.index, other, strict=True):
            summed = axis in statement.domain and axis not in new
            if summed and other is not block.end and isinstance(index, Axis):
                new |= {axis: index} if axis.extent == index.extent else {}
        new |= {a: names.new(a.extent, a) for a in statement.domain if a not in new}
        domain |= dict.fromkeys(_axes([tuple(new.values())]))
        written = (*statement.target.index, *each.read.index)
        apart = (tidy(a - b.xreplace(new)) for a, b in zip((*one, *other), written, strict=True))
        where += [g.substitute(new) for g in statement.where]
        where += [Guard("eq", a) for a in apart if a != 0]
        slope = each.slope.xreplace(new)
        value = slope if value == 1 else weigh(value, slope)
    return put(Statement(tuple(domain), block.target, value, tuple(dict.fromkeys(where))), {})


def _axes(entries: Iterable[tuple[Expr, ...]]) -> list[Axis]:
    return [a for entry in entries for i in entry for a in sorted(i.atoms(Axis), key=str)]


def _read(line: Line, block: _Block) -> None:
    """Say whether the derivative is diagonal, and what leads past every weight.

    A factor that no parameter and no slope of a function belongs to is what can keep a gradient
    from vanishing.
    """
    now = block.loop.place[block.of], block.loop.place[block.by]
    start = [e for i, e in enumerate(line.current[0].target.index[: block.of.rank]) if i != now[0]]
    end = [e for i, e in enumerate(line.current[0].target.index[block.of.rank :]) if i != now[1]]
    if len(start) != len(end):
        return

    def diagonal(term: Statement) -> bool:
        return all(a == b or equates(term, a, b) for a, b in zip(start, end, strict=True))

    direct = block.loop.between(block.of, block.by, block.lag)  # the first terms are of these
    free = [
        term
        for term, slope in zip(line.current, direct, strict=False)
        if diagonal(term) and leads_past(slope, term.value)
    ]
    form = StateMatrix(
        all(map(diagonal, line.current)),
        tuple(dict.fromkeys(term.value for term in free)),
        Access(block.by, tidy(block.now + block.lag)),
        Access(block.of, block.now),
        conditional=any(g.kind != "eq" for term in free for g in term.where),
    )
    if form.diagonal or form.straight:
        line.steps[-1] = replace(line.steps[-1], forms=(form,))


def leads_past(slope: Slope, value: Expr) -> bool:
    """Whether a read counts as it is, with a factor `value`: past every weight and function."""
    weighted = any(a.tensor.parameter for a in entries_in(value))
    return not weighted and not slope.slope.has(slope.read)
