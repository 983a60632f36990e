"""What a claim might have meant to read: entries, slopes and terms, in the indices at hand.

Nothing is known of any operation: entries are those of its tensors, slopes and terms those of its
own derivation.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice, product
from typing import Any

import sympy
from sympy import Add, Expr, Mul, Piecewise, Sum

from derive.calculus.lift import free_axes
from derive.calculus.statements import Guard, Statement
from derive.claims.known import Known
from derive.claims.line import Line
from derive.language.claim import Cotangent, Derivative
from derive.language.operation import sides
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis, Tensor, entries_in

_FEW = 4  # ways to index a tensor that are tried

Scope = tuple[Axis, ...]


class Pieces:
    """What there is to put into a line.

    Parameters
    ----------
    known : Known
        The operation.
    line : Line
        The claim.
    """

    def __init__(self, known: Known, line: Line) -> None:
        self.known, self.line = known, line
        claimed = line.equation.left.tensor
        self.terms = tuple(self._derived_terms())
        real = [t for t in known.operation.tensors if not t.integer]
        own = sorted(line.own, key=str)
        bars: list[Tensor] = []
        if any(isinstance(t, Cotangent) for t in line.read):
            pairs = known.adjoint.cotangent
            bars = [Cotangent(t) for t in pairs if t in {*real, *known.system.outputs}]
            read = {a.tensor for term in self.terms for a in entries_in(term)} | line.read
            others = (t for t in read if isinstance(t, Cotangent) and t not in bars)
            bars += sorted(others, key=str)
        slopes = sorted((t for t in line.read if isinstance(t, Derivative)), key=str)
        self.tensors = tuple(t for t in (*bars, *slopes, *own, *real) if t != claimed)
        rights = [sides(e)[1] for e in known.operation.equations]
        own = {f.func for right in rights for f in right.atoms(*SCALARS)}
        self.functions = tuple(f for f in SCALARS if f in own)

    def ends_alike(self, tensor: Tensor) -> tuple[Tensor, ...]:
        """The tensors that may be read at the same index: a state, too, which begins earlier."""
        return tuple(t for t in self.tensors if t != tensor and _ends(t) == _ends(tensor))

    def entries(self, scope: Scope) -> Iterator[Access]:
        """Entries of every tensor, as far as indices for it are at hand."""
        for tensor in self.tensors:
            yield from islice(_indexed(tensor, scope), _FEW)
        for read in self._reads:
            if read.tensor in self.tensors and free_axes(read) <= set(scope):
                yield read

    def slopes(self, scope: Scope) -> Iterator[Expr]:
        """Factors of the derivation that are no entries, such as ``1 - h**2``."""
        found = [f for term in self.terms for f in _factors(term)]
        found += [f for s in self._slopes for f in Mul.make_args(s)]
        for factor in dict.fromkeys(found):
            if not isinstance(factor, Access | Sum) and free_axes(factor) <= set(scope):
                yield factor

    def conditions(self, scope: Scope) -> Iterator[Any]:
        """Conditions under which the terms of the derivation count."""
        cases = (p for term in self.terms for p in term.atoms(Piecewise))
        for condition in dict.fromkeys(c for case in cases for _, c in case.args):
            if condition != sympy.true and _axes(condition) <= set(scope):
                yield condition

    # ---- what the derivation says --------------------------------------------------------

    @property
    def _reads(self) -> list[Access]:
        """Entries as the operation and its derivation read them."""
        values = [s.value for s in self.known.system.statements]
        found = {a: None for v in (*values, *self.terms) for a in sorted(entries_in(v), key=str)}
        return [*found]

    @property
    def _slopes(self) -> Iterator[Expr]:
        """Slopes of the functions of the operation, by the value where that is known."""
        for statement in self.known.system.statements:
            value = statement.value
            if value.func in SCALARS:
                (x,) = value.args
                yield SCALARS[value.func].derivative(x, statement.target)

    def _derived_terms(self) -> Iterator[Expr]:
        """The terms of the derivation's last line, in the claim's own indices."""
        left = self.line.equation.left
        if not isinstance(left.tensor, Cotangent):
            return
        bar = self.known.adjoint.cotangent.get(left.tensor.of)
        step = self.known.derivation.final(bar) if bar is not None else None
        names = {b: Cotangent(t) for t, b in self.known.adjoint.cotangent.items()}
        for statement in step.shown if step else ():
            if all(isinstance(i, Axis) for i in statement.target.index):
                yield as_expression(self._renamed(statement, left).substitute(names))

    def _renamed(self, statement: Statement, left: Access) -> Statement:
        """A statement in the claim's indices: those on the left by their places, others by their
        extents."""
        new: dict[Any, Any] = {}
        for mine, theirs in zip(statement.target.index, left.index, strict=True):
            if isinstance(mine, Axis) and isinstance(theirs, Axis):
                new[mine] = theirs
        taken = {*new.values()}
        used = sorted(_bound(self.line), key=str)
        for axis in (a for a in statement.domain if a not in new):
            alike = [a for a in used if a.extent == axis.extent and a not in taken]
            choice = axis if axis in alike or not alike else alike[0]
            if choice in taken:
                continue
            new[axis] = choice
            taken.add(choice)
        return statement.substitute(new)


def as_expression(statement: Statement) -> Expr:
    """What a statement adds: a sum over the axes that its target does not name, of cases."""
    value = statement.value
    if statement.where:
        holds = sympy.And(*map(_condition, statement.where))
        value = Piecewise((value, holds), (0, True))
    named = set().union(*(i.free_symbols for i in statement.target.index), set())
    summed = [a for a in statement.domain if a not in named]
    return Sum(value, *summed) if summed else value


def _condition(guard: Guard) -> Any:
    if guard.kind == "ge":
        return sympy.Ge(guard.expression, 0)
    if guard.kind == "eq":
        return sympy.Eq(guard.expression, 0)
    rest = sympy.Mod(guard.expression, guard.modulus)
    return sympy.Eq(rest, 0) if guard.kind == "divides" else sympy.Ne(rest, 0)


def _bound(line: Line) -> set[Axis]:
    return {a for e in line.equations for a in (e.left.atoms(Axis) | e.right.atoms(Axis))}


def _axes(value: Any) -> set[Axis]:
    return value.atoms(Axis)


def _factors(value: Expr) -> tuple[Expr, ...]:
    while isinstance(value, Sum | Piecewise):
        value = value.args[0] if isinstance(value, Sum) else value.args[0][0]  # type: ignore
    terms = value.args if isinstance(value, Add) else (value,)
    return tuple(f for term in terms for f in Mul.make_args(term))  # type: ignore[arg-type]


def _ends(tensor: Tensor) -> tuple[Expr, ...]:
    """Behind the last index along each axis."""
    return tuple(n + o for n, o in zip(tensor.shape, tensor.offset, strict=True))


def _indexed(tensor: Tensor, scope: Scope) -> Iterator[Access]:
    """Entries of a tensor at indices of its extents, each used once; of a state, a step earlier
    as well."""
    choices: list[list[Expr]] = []
    for end, first in zip(_ends(tensor), tensor.offset, strict=True):
        here: list[Expr] = [a for a in scope if a.extent == end]
        if first < 0:
            here += [a - 1 for a in here]
        choices.append(here)
    for index in product(*choices):
        used: Sequence[Axis] = [a for i in index for a in i.atoms(Axis)]
        if len(set(used)) == len(used):
            yield Access(tensor, *index)
