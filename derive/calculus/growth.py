"""How fast a derivative through many steps can grow, and along which way it need not shrink.

    dh[t,j]/dh[t−1,k] = W[j,k] (1 − h[t,j]²)      is      diag(1 − h²) W,      so that

    ‖J[t]‖ ≤ max|1 − h²| ‖W‖ ≤ ‖W‖

A term of a one-step Jacobian is a chain of matrices and diagonal ones, from the index of the one
state to that of the other. Its norm is at most the product of their norms, and that of a diagonal
matrix is its largest entry, which is bounded where `intervals` says so. ‖·‖ is the spectral norm,
the same for a matrix and its transpose; that of a matrix of blocks is at most the sum of theirs.
(Horn and Johnson, "Matrix Analysis", 2nd ed., Cambridge 2013, section 5.6.)
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Add, Dummy, Expr, Function, Integer, Mul, Piecewise, Pow, expand

from derive.calculus.derivation import Derivation
from derive.calculus.intervals import Interval, Known, intervals
from derive.calculus.statements import Statement
from derive.calculus.step import bound, factors
from derive.calculus.unrolling import Block, Unrolling
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, entries_in

_UNIT = Dummy("unit")  # stands for the index of any unit


class norm(Function):
    """The spectral norm of a matrix."""

    nargs = 1


class largest(Function):
    """The largest absolute value among entries."""

    nargs = 1


@dataclass(frozen=True)
class Bounded:
    """An absolute value that cannot exceed a number: ``|value| ≤ most``."""

    value: Expr
    most: Expr


@dataclass(frozen=True)
class Growth:
    """How large the Jacobian of one step can be.

    Attributes
    ----------
    blocks : tuple of (Block, Expr)
        A bound of the norm of each block.
    because : tuple of Bounded
        Absolute values that were bounded by numbers.
    most : Expr
        A bound of the norm of all blocks together.
    """

    blocks: tuple[tuple[Block, Expr], ...]
    because: tuple[Bounded, ...]
    most: Expr

    @property
    def constant(self) -> bool:
        """Whether the bound is the same for all steps, whatever the data."""
        return all(a.tensor.parameter for a in entries_in(self.most))

    @property
    def least(self) -> Expr:
        """What the bound is if every norm in it is 0."""
        values = self.most.atoms(norm, largest)
        return self.most.xreplace(dict.fromkeys(values, Integer(0)))


def growth(one: Unrolling, derivation: Derivation) -> Growth | None:
    """Bounds of a loop's Jacobian; None if a block of it is no sum of chains of matrices."""
    known = Known(intervals(derivation.forward))
    chains = _Chains(known, one.time, _shared(one), [])
    found = []
    for block in one.blocks:
        most = chains.block(block)
        if most is None:
            return None
        found.append((block, most))
    return Growth(tuple(found), tuple(chains.because), Add(*(most for _, most in found)))


def past_weights(one: Unrolling, derivation: Derivation) -> tuple[tuple[Statement, Interval], ...]:
    """What leads from a state to itself past every weight, and where it lies."""
    known = Known(intervals(derivation.forward))
    return tuple((s, known.interval(s.value)) for s in one.straight)


def _axes(index: Iterable[Expr]) -> list[Axis]:
    return list(dict.fromkeys(a for i in index for a in sorted(i.atoms(Axis), key=str)))


def _sides(block: Block, time: Axis) -> tuple[list[Axis], list[Axis]]:
    """The indices of the entry that is differentiated and of the other, but for the step."""
    split, index = block.of.rank, block.terms[0].target.index
    return tuple([a for a in _axes(i) if a != time] for i in (index[:split], index[split:]))  # type: ignore


def _shared(one: Unrolling) -> frozenset[Axis]:
    """Indices that no block mixes, such as that of sequences; none where nothing is mixed."""
    sides = [_sides(block, one.time) for block in one.blocks]
    if all(start == end for start, end in sides):
        return frozenset()
    common = [{*start} & {*end} for start, end in sides]
    return frozenset(set.intersection(*common)) if common else frozenset()


@dataclass(frozen=True)
class _Chains:
    """Bounds of terms that are chains of matrices."""

    known: Known
    time: Axis
    shared: frozenset[Axis]  # indices of which each value has a matrix of its own
    because: list[Bounded]
    noted: set[Expr] = field(default_factory=set)

    def block(self, block: Block) -> Expr | None:
        start, end = _sides(block, self.time)
        ends = [a for a in start if a not in end], [a for a in end if a not in start]
        found: list[tuple[Statement, Expr]] = []
        for term in (t for t in block.terms if not _exclude(t, t)):
            most = self.term(term, *ends)
            if most is None:
                return None
            if not any(m == most and _exclude(t, term) for t, m in found):
                found.append((term, most))
        return Add(*(most for _, most in found))

    def term(self, term: Statement, start: Sequence[Axis], end: Sequence[Axis]) -> Expr | None:
        """A bound of the norm of the matrix that one term is."""
        if len(start) != len(end) or len(start) > 1:
            return None
        value, ends = term.value, [*start, *end]
        for guard in (g for g in term.where if g.kind == "eq"):
            if not ends or guard.expression not in (ends[0] - ends[1], ends[1] - ends[0]):
                return None
            value, ends = value.xreplace({ends[1]: ends[0]}), []
        return self.value(value, ends, bound(term))

    def value(self, value: Expr, ends: Sequence[Axis], inner: Sequence[Axis]) -> Expr | None:
        """A bound of a product, or of several, whose factors are matrices and diagonal ones."""
        edges, nodes = [], []
        for factor in factors(value):
            read = _axes(i for e in _entries(factor) for i in e.index)
            axes = [a for a in read if a in ends or a in inner]
            (edges if len(axes) > 1 else nodes).append((factor, axes))
        if any(isinstance(factor, Add | Piecewise) for factor, _ in edges):
            parts = _parts(value if len(factors(value)) == 1 else expand(value))
            found = [self.value(p, ends, inner) for p in parts if parts != (value,)]
            return None if None in found or not found else Add(*found)  # type: ignore[arg-type]
        if not _is_chain([axes for _, axes in edges], ends, inner):
            return None
        matrices = [self.matrix(factor, axes) for factor, axes in edges]
        scale = self.scale([factor for factor, _ in nodes])
        return None if scale is None or None in matrices else Mul(scale, *matrices)  # type: ignore

    def matrix(self, factor: Expr, axes: Sequence[Axis]) -> Expr | None:
        if not isinstance(factor, Access) or not set(axes) <= {*factor.index}:
            return None
        return norm(self.without(factor, axes))

    def without(self, entry: Access, axes: Iterable[Axis]) -> Access:
        return Access(entry.tensor, *(i for i in entry.index if i not in axes))

    def scale(self, values: Sequence[Expr]) -> Expr | None:
        """A bound of the absolute value of a product; those together that read the same entry."""
        found: list[Expr | None] = []
        for group in _together(values):
            product = Mul(*group)
            most = self.known.magnitude(product)
            if isinstance(product, Piecewise):
                found.append(self.cases(product))
            elif most.is_finite:
                found.append(most)
                self.note(product, most)
            elif len(group) > 1:
                found += [self.scale([value]) for value in group]
            else:
                found.append(self.data(product))
        return None if None in found else Mul(*found)  # type: ignore[arg-type]

    def cases(self, value: Piecewise) -> Expr | None:
        """Whatever the case, it is at most one of the bounds, and so at most their sum."""
        found = dict.fromkeys(self.scale(factors(part)) for part in _parts(value))
        return None if None in found else Add(*found)  # type: ignore[arg-type]

    def note(self, value: Expr, most: Expr) -> None:
        """Remember why, once for all units."""
        alike = {a: _UNIT for a in value.free_symbols if isinstance(a, Axis)
                 and a not in self.shared and a != self.time}  # fmt: skip
        pattern = value.xreplace(alike)
        if not value.is_number and pattern not in self.noted:
            self.noted.add(pattern)
            self.because.append(Bounded(value, most))

    def data(self, value: Expr) -> Expr | None:
        """A bound of what has none but the data's own."""
        if isinstance(value, Access):
            unit = [i for i in value.index if isinstance(i, Axis) and i not in self.shared]
            return largest(self.without(value, [i for i in unit if i != self.time]))
        if (row := SCALARS.get(value.func)) and row.interval is None:
            return self.scale(value.args)  # type: ignore[arg-type]
        if isinstance(value, Pow) and value.exp.is_Integer and value.exp > 0:
            most = self.scale([value.base])
            return None if most is None else most**value.exp
        if isinstance(value, Add | Mul):
            found = [self.scale([part]) for part in value.args]
            return None if None in found else value.func(*found)  # type: ignore[arg-type]
        return None


def _entries(value: Expr) -> list[Access]:
    """What is read, but for what is read to tell one case from another."""
    if isinstance(value, Piecewise):
        return [entry for part in _parts(value) for entry in _entries(part)]
    if isinstance(value, Access):
        return [value]
    return [entry for part in value.args for entry in _entries(part)]  # type: ignore[arg-type]


def _parts(value: Expr) -> tuple[Expr, ...]:
    """Terms, or the cases that are not 0."""
    if isinstance(value, Piecewise):
        return tuple(part for part, _ in value.args if part != 0)  # type: ignore[misc]
    return Add.make_args(value)


def _exclude(one: Statement, other: Statement) -> bool:
    """Whether the conditions of two terms never hold together."""
    opposite = {"divides": "indivisible", "indivisible": "divides"}
    against = {(opposite.get(g.kind), g.expression, g.modulus) for g in one.where}
    return any((g.kind, g.expression, g.modulus) in against for g in other.where)


def _is_chain(edges: Sequence[Sequence[Axis]], ends: Sequence[Axis], inner: Sequence[Axis]) -> bool:
    """Whether matrices lead from one end to the other, through every index that is summed."""
    if not ends:
        return not edges and not inner
    if len(ends) != 2 or any(len(axes) != 2 for axes in edges):
        return False
    here, last = ends
    left, passed = list(edges), set()
    while left:
        following = [axes for axes in left if here in axes]
        if len(following) != 1:
            return False
        left.remove(following[0])
        (here,) = (a for a in following[0] if a != here)
        passed.add(here)
    return here == last and passed == {last, *inner}


def _together(values: Sequence[Expr]) -> list[list[Expr]]:
    groups: list[tuple[set[Expr], list[Expr]]] = []
    for value in values:
        read, group = entries_in(value), [value]
        near = [g for g in groups if g[0] & read]
        groups = [g for g in groups if g not in near]
        groups.append(
            (read.union(*(r for r, _ in near)), [*(v for _, g in near for v in g), *group])
        )
    return [group for _, group in groups]


__all__ = ["Bounded", "Growth", "growth", "largest", "norm", "past_weights"]
