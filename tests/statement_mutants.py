"""Every small slip in the statements of an operation, one at a time.

A text mutant (`tests.mutants`) is a slip of a printer; these are slips of the calculus. One index,
guard, factor, term, function or reduction is changed in one statement, of the equations after
lifting or of their adjoint. Whether a change makes a difference is not known here.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Add, Expr, I, Integer, Mul, Piecewise, Pow, Symbol, nan, oo, zoo
from sympy.core.relational import Relational

from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.affine import NotAffine, affine
from derive.calculus.statements import Guard, Statement, System
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis
from derive.passes.separate_windows import with_separate_windows

Changes = Iterator[tuple[str, tuple[Statement, ...]]]  # of one statement: what, and what it becomes


@dataclass(frozen=True, eq=False)
class Mutant:
    """An operation's statements with one slip.

    Attributes
    ----------
    kind : str
        What was changed.
    before, after : str
        The statement; `after` is empty if it was dropped.
    system : System
        The equations.
    wrong : Adjoint or None
        Their adjoint if the slip is in it; else it is that of `system`.
    """

    kind: str
    before: str
    after: str
    system: System
    wrong: Adjoint | None

    @cached_property
    def apart(self) -> System:
        """What is lowered: the equations, with windows apart."""
        return with_separate_windows(self.system)

    @cached_property
    def adjoint(self) -> Adjoint:
        """What is lowered for the way back."""
        return self.wrong or adjoint(self.apart)

    def __str__(self) -> str:
        return f"{self.kind}: {self.before}  ->  {self.after or 'nothing'}"


class Slips:
    """The mutants of one system.

    Parameters
    ----------
    system : System
        The equations of an operation, after lifting.
    """

    def __init__(self, system: System) -> None:
        self.system = system
        self.apart = with_separate_windows(system)
        self.right = adjoint(self.apart)
        # A selection repeats its maximum, and whoever reads the one may rely on the other.
        self.places = [(system, s) for s in system.statements if s.op != "first"]
        self.places += [(self.right.system, s) for s in self.right.statements]

    def draw(self, source: random.Random) -> Mutant:
        """One of them: a statement first, then a kind, so that rare kinds are drawn, too."""
        system, statement = source.choice(self.places)
        kinds: dict[str, list[tuple[Statement, ...]]] = defaultdict(list)
        for kind, new in changes(statement, system):
            kinds[kind].append(new)
        kind = source.choice(list(kinds))
        return self.mutant(system, kind, statement, source.choice(kinds[kind]))

    def mutant(
        self, system: System, kind: str, old: Statement, new: tuple[Statement, ...]
    ) -> Mutant:
        """One slip, in the equations or in their adjoint."""
        words = kind, str(old), "; ".join(map(str, new))
        if system is self.system:
            return Mutant(*words, _exchanged(system, old, new), None)
        whole = _exchanged(system, old, new)
        reverse = whole.statements[len(self.right.primal.statements) :]
        wrong = replace(self.right, system=whole, statements=reverse)
        return Mutant(*words, self.system, wrong)


def _exchanged(system: System, old: Statement, new: tuple[Statement, ...]) -> System:
    """A system with another statement; a reduction is that of all statements of a tensor."""
    statements: list[Statement] = []
    for statement in system.statements:
        if statement is old:
            statements += new
        elif new and statement.target.tensor == old.target.tensor and new[0].op != old.op:
            statements.append(replace(statement, op=new[0].op))
        else:
            statements.append(statement)
    return replace(system, statements=tuple(statements))


def changes(statement: Statement, system: System) -> Changes:
    """What one statement may become, and what was changed, in a fixed order."""
    found: dict[Statement, str] = {}
    absurd = [n for n in (nan, zoo, I, oo, -oo) if not statement.value.has(n)]
    for kind, new in _changes(statement, system):
        if new != statement and not any(new.value.has(n) for n in absurd):
            found.setdefault(new, kind)
    yield "no statement", ()
    yield from ((kind, (new,)) for new, kind in found.items())


def _changes(statement: Statement, system: System) -> Iterator[tuple[str, Statement]]:
    if not statement.target.tensor.integer:  # there is no maximum of integers
        yield "reduction", replace(statement, op="max" if statement.op == "add" else "add")
    yield "sign", replace(statement, value=-statement.value)
    for number, guard in enumerate(statement.where):
        before, after = statement.where[:number], statement.where[number + 1 :]
        yield "no guard", replace(statement, where=(*before, *after))
        for kind, new in _guards(guard):
            yield kind, replace(statement, where=(*before, new, *after))
    for access in statement.entries:
        for kind, new in _places(access):
            yield kind, _reading(statement, access, new)
    for kind, target in _places(statement.target):
        yield kind, replace(statement, target=target)
    reads = statement.reads
    for number, one in enumerate(reads):
        for other in reads[number + 1 :]:
            yield "tensors", _swapped(statement, one, other)
        for tensor in system.tensors:
            alike = tensor.integer == one.tensor.integer and tensor != statement.target.tensor
            if alike and tensor.axes_of == one.tensor.axes_of and tensor != one.tensor:
                yield "tensor", _reading(statement, one, Access(tensor, *one.index))
                break
    for kind, value in _values(statement.value):
        yield kind, replace(statement, value=value)


def _guards(guard: Guard) -> Iterator[tuple[str, Guard]]:
    opposite = {"divides": "indivisible", "indivisible": "divides"}
    if guard.kind in opposite:
        yield "guard negated", replace(guard, kind=opposite[guard.kind])
    elif guard.kind == "ge":
        yield "guard negated", replace(guard, expression=-guard.expression - 1)
        yield "guard for equality", replace(guard, kind="eq")
    else:
        yield "guard for equality", replace(guard, kind="ge")
    for shift in (1, -1):
        yield "bound", replace(guard, expression=guard.expression + shift)


def _places(access: Access) -> Iterator[tuple[str, Access]]:
    """Other entries of the same tensor."""
    index = access.index
    for axis, expression in enumerate(index):
        for kind, new in _indices(expression):
            yield kind, Access(access.tensor, *index[:axis], new, *index[axis + 1 :])
    for a in range(len(index) - 1):
        if access.tensor.shape[a] == access.tensor.shape[a + 1]:
            exchanged = (*index[:a], index[a + 1], index[a], *index[a + 2 :])
            yield "indices", Access(access.tensor, *exchanged)


def _indices(expression: Expr) -> Iterator[tuple[str, Expr]]:
    for shift in (1, -1):
        yield "index", expression + shift
    try:
        parts = affine(expression)
    except NotAffine:
        return
    for iterator, coefficient in parts.coefficients:
        yield "sign of an index", expression - 2 * coefficient * iterator
        for step in (1, -1):
            yield "coefficient", expression + step * iterator
    if parts.constant != 0:
        yield "sign of a shift", expression - 2 * parts.constant


def _reading(statement: Statement, old: Access, new: Access) -> Statement:
    """Another entry in the place of one, wherever it stands but in the target itself."""
    where = tuple(g.substitute({old: new}) for g in statement.where)
    inner = tuple(i.xreplace({old: new}) for i in statement.target.index)
    target = Access(statement.target.tensor, *inner)
    return replace(
        statement, target=target, value=statement.value.xreplace({old: new}), where=where
    )


def _swapped(statement: Statement, one: Access, other: Access) -> Statement:
    """The tensors of two accesses exchanged, if they have the same axes."""
    if one.tensor.axes_of != other.tensor.axes_of or one.tensor.integer != other.tensor.integer:
        return statement
    new = {one: Access(other.tensor, *one.index), other: Access(one.tensor, *other.index)}
    return replace(statement, value=statement.value.xreplace(new))


def _values(value: Expr) -> Iterator[tuple[str, Expr]]:
    """The value with one node changed, outer ones first; inside accesses nothing is."""
    yield from _nodes(value)
    if isinstance(value, Access | Axis | Symbol):
        return
    if isinstance(value, Piecewise):
        pairs = [(piece, condition) for piece, condition in value.args]
        for number, (piece, condition) in enumerate(pairs):
            before, after = pairs[:number], pairs[number + 1 :]
            for kind, new in _values(piece):
                yield kind, Piecewise(*before, (new, condition), *after)
            for kind, test in _conditions(condition):
                yield kind, Piecewise(*before, (piece, test), *after)
        return
    for number, argument in enumerate(value.args):
        for kind, new in _values(argument):
            with suppress(TypeError, ValueError):  # SymPy's, where a number is not real
                yield kind, value.func(*value.args[:number], new, *value.args[number + 1 :])


def _conditions(condition) -> Iterator[tuple[str, Expr]]:
    for relation in sorted(condition.atoms(Relational), key=str):
        if not relation.has(oo, -oo):
            yield "condition negated", condition.xreplace({relation: ~relation})
            for shift in (1, -1):
                new = relation.func(relation.args[0] + shift, relation.args[1])
                yield "condition", condition.xreplace({relation: new})


_FUNCTIONS = list(SCALARS)


def _nodes(value: Expr) -> Iterator[tuple[str, Expr]]:
    """What the outermost operation of a value may become."""
    if isinstance(value, Add | Mul):
        kind = "no term" if isinstance(value, Add) else "no factor"
        for number in range(len(value.args)):
            yield kind, value.func(*value.args[:number], *value.args[number + 1 :])
        if isinstance(value, Add):
            for number, term in enumerate(value.args):
                yield "sign", value.func(*value.args[:number], -term, *value.args[number + 1 :])
            yield "operation", Mul(*value.args)
        else:
            yield "operation", Add(*value.args)
    elif isinstance(value, Pow):
        yield "exponent", Pow(value.base, value.exp + 1)
        yield "exponent", Pow(value.base, -value.exp)
        yield "no function", value.base
    elif value.func in SCALARS:
        (argument,) = value.args
        number = _FUNCTIONS.index(value.func)
        yield "function", _FUNCTIONS[(number + 1) % len(_FUNCTIONS)](argument)
        yield "function", _FUNCTIONS[number - 1](argument)
        yield "no function", argument
    elif value.is_Number and value.is_finite:
        yield "number", value + 1
        yield "number", value - 1
    elif isinstance(value, Axis):
        yield "number", value + Integer(1)


__all__ = ["Mutant", "Slips", "changes"]
