"""A line of a claim, checked as a definition is, and both of its sides at a point."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cache
from typing import Any

import mpmath
import numpy as np
import sympy
from sympy import Expr, Pow

from derive.calculus.checks import check_equations
from derive.calculus.lift import equations_of, free_axes
from derive.calculus.statements import System
from derive.claims.known import Known, Truth
from derive.errors import DefinitionError
from derive.language.claim import Claim, Cotangent, Derivative
from derive.language.maximum import Maximum
from derive.language.operation import Equation, Operation
from derive.language.order import Order
from derive.language.scalars import relu, step
from derive.language.symbols import Access, Axis, Tensor, entries_in
from derive.verification.number import Number
from derive.verification.reference import Evaluation, written

_ANY = 2**31
_SAME = mpmath.mpf(10) ** -25  # of numbers of 40 digits


@dataclass(frozen=True)
class Line:
    """An equation, and those that define what it has of its own."""

    equation: Equation
    where: tuple[Equation, ...] = ()

    @property
    def equations(self) -> tuple[Equation, ...]:
        return (self.equation, *self.where)

    def with_right(self, number: int, right: Expr) -> Line:
        """Another right side for one of the equations."""
        new = [*self.equations]
        new[number] = replace(new[number], right=right)
        return Line(new[0], tuple(new[1:]))

    @property
    def own(self) -> set[Tensor]:
        """What the line defines."""
        return {e.left.tensor for e in self.where}

    @property
    def read(self) -> set[Tensor]:
        """Whatever is known of the operation already."""
        sides = (side for e in self.equations for side in (e.left, e.right))
        return {a.tensor for side in sides for a in entries_in(side)} - self.own


@dataclass(frozen=True)
class Entry:
    """One entry at a point: what it is, and what it is claimed to be."""

    place: tuple[int, ...]
    right: Any
    claimed: Any

    @property
    def tells(self) -> bool:
        """Whether there is something to compare with."""
        return _finite(self.right)

    @property
    def differs(self) -> bool:
        """Whether the claim is wrong here, or has no value."""
        if not self.tells:
            return False
        if not _finite(self.claimed):
            return True
        gap = self.gap
        if isinstance(gap, int | Fraction):
            return gap != 0
        scale = max(1, abs(_real(self.right)), abs(_real(self.claimed)))
        return bool(abs(_real(gap)) > _SAME * scale)

    @property
    def gap(self) -> Any:
        return self.claimed - self.right


def _real(number: Any) -> Any:
    if isinstance(number, Number):
        return number.value
    if isinstance(number, Fraction):
        return mpmath.mpf(number.numerator) / number.denominator
    return mpmath.mpf(number)


def _finite(number: Any) -> bool:
    return isinstance(number, int | Fraction) or bool(mpmath.isfinite(_real(number)))


def line_of(claim: Claim, known: Known) -> Line:
    """The line of a claim, if it can be meant.

    Raises
    ------
    DefinitionError
        Naming what in it is unknown, unbound or not offered.
    """
    operation = claim.operation
    said = Operation(operation.name, "", operation.inputs, (), claim.equations)
    equations = equations_of(said)
    line = Line(equations[0], equations[1:])
    _check_tensors(line, known)
    # What is claimed of a tensor is a definition of another one, and checked as such.
    left = line.equation.left
    name = f"{left.tensor.name}_claimed"
    if line.equation.scatter:
        target = Access(left.tensor.like(name=name), *left.index)
    else:
        free = tuple(sorted(free_axes(left), key=str))
        target = Access(Tensor(name, tuple((a.extent,) for a in free)), *free)
    claimed = replace(line.equation, left=target)
    inputs = sorted({*known.tensors, *line.read} - line.own, key=str)
    # Integers that are computed need no bound; inputs do, and here all that is read is one.
    bounded = {t: t.like(below=_ANY) for t in inputs if t.integer and t.below is None}
    said = tuple(
        replace(e, left=e.left.xreplace(bounded), right=e.right.xreplace(bounded))
        for e in (claimed, *line.where)
    )
    given = tuple(bounded.get(t, t) for t in inputs)
    check_equations(
        Operation(operation.name, "", given, (target.tensor,), said, options=operation.options)
    )
    return line


def _check_tensors(line: Line, known: Known) -> None:
    """Cotangents and derivatives are of tensors that the operation has."""
    operation = known.operation
    names = ", ".join(dict.fromkeys(t.name for t in operation.tensors))
    for tensor in sorted(line.read, key=str):
        bare = [tensor]
        if isinstance(tensor, Cotangent | Derivative):
            bare = [tensor.of, *((tensor.by,) if isinstance(tensor, Derivative) else ())]
        for one in bare:
            if not known.has(one):
                raise DefinitionError(
                    operation.name,
                    f"the claim reads {one.name}, which is no tensor of {operation.name}",
                    equation=str(line.equation),
                    remedy="Define it by an equation in where=, or take one of the operation: "
                    f"{names}.",
                )
    left = line.equation.left.tensor
    if isinstance(left, Cotangent) and left.of in known.system.outputs:
        raise DefinitionError(
            operation.name,
            f"{left.name} is claimed, but the cotangent of an output is what a claim starts from",
            equation=str(line.equation),
            remedy="Claim the cotangent of an input, or of a tensor between; an output that is "
            "read again has to be two tensors: Eq(y[t], h[t]).",
        )
    if left in line.own:
        raise DefinitionError(
            operation.name,
            f"{left.name} is defined by the claim itself, so nothing is claimed of the operation",
            equation=str(line.equation),
            remedy="Put a tensor, a cotangent or a derivative of the operation on the left.",
        )


class Sides:
    """Both sides of a line, to be evaluated at any point.

    What lies outside a tensor is 0, unless its definition says something else.
    """

    def __init__(self, line: Line, order: Order) -> None:
        self.line = line
        equation = line.equation
        frames = {t: _framed(t) for t in line.read | line.own if t.outside is None}
        self._frames = {frames.get(t, t): t for t in line.read}
        left = equation.left
        self._free: tuple[Axis, ...] = tuple(sorted(free_axes(left), key=str))
        shape = tuple((a.extent,) for a in self._free)
        self._index = left.index
        if equation.scatter:
            self._claimed = left.tensor.like(name="claimed", outside=0)
            target = Access(self._claimed, *left.index)
        else:
            self._claimed = Tensor("claimed", shape)
            target = Access(self._claimed, *self._free)
        statements = [replace(written(equation), target=target)]
        statements += map(written, line.where)
        statements = [s.substitute(frames) if frames else s for s in statements]
        inputs = tuple(sorted(self._frames, key=str))
        self._system = System(inputs, (self._claimed,), tuple(statements), order)

    def at(self, truth: Truth) -> Iterator[Entry]:
        """Entry by entry; nothing is computed of those that are not asked for."""
        arrays = {framed.name: truth.array(tensor) for framed, tensor in self._frames.items()}
        here = Evaluation(self._system, arrays, truth.sizes)
        tensor = self.line.equation.left.tensor
        right = truth.array(tensor)
        if self.line.equation.scatter:
            for position in np.ndindex(*right.shape):
                place = tuple(p + o for p, o in zip(position, tensor.offset, strict=True))
                yield Entry(place, right[position], self._entry(here, place, truth))
            return
        places = [here.compiler.compiled(i) for i in self._index]
        for there in here.compiler.box(self._free)(here.environment):
            place = tuple(int(i(there)) for i in places)
            position = tuple(p - o for p, o in zip(place, tensor.offset, strict=True))
            if not all(0 <= p < n for p, n in zip(position, right.shape, strict=True)):
                sizes = ", ".join(f"{s} = {v}" for s, v in truth.point.case.values.items())
                raise DefinitionError(
                    truth.known.operation.name,
                    f"{tensor.name}{list(place)} is claimed, which lies outside {tensor.name} "
                    f"for {sizes}",
                    remedy="State the sizes for which the claim is made: given={T: 1000}.",
                )
            index = tuple(there[a.name] for a in self._free)
            yield Entry(place, right[position], self._entry(here, index, truth))

    def _entry(self, here: Evaluation, index: tuple[int, ...], truth: Truth) -> Any:
        try:
            return here.entry(self._claimed, index)
        except RecursionError as error:
            raise DefinitionError(
                truth.known.operation.name,
                f"an equation of the claim needs itself: {error}",
                equation="\n".join(map(str, self.line.where)),
                remedy="Let each entry depend on others: a recurrence begins somewhere.",
            ) from None


@cache
def _framed(tensor: Tensor) -> Tensor:
    return tensor.like(outside=0)


def may_divide_by_zero(values: Iterable[Expr]) -> bool:
    """Whether a value may be infinite where its arguments are not."""
    return any(
        value.has(sympy.log) or any(p.exp.could_extract_minus_sign() for p in value.atoms(Pow))
        for value in values
    )


def kinked(values: Iterable[Expr]) -> bool:
    """Whether a slope may jump: at a tie, or where a case ends."""
    jumps = (sympy.Max, sympy.Min, sympy.Abs, sympy.sign, relu, step, Maximum)
    real = any(
        any(not a.tensor.integer for a in entries_in(condition))
        for value in values
        for cases in value.atoms(sympy.Piecewise)
        for _, condition in cases.args
    )
    return real or any(value.has(*jumps) for value in values)
