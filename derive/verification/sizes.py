"""Numbers for the symbols of an operation: from its free sizes and options, all the others."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Iterator, Mapping
from fractions import Fraction
from functools import cache
from math import prod
from typing import Any

import sympy
from sympy import Expr, Symbol
from sympy.core.relational import Relational

from derive.calculus.lift import to_system
from derive.errors import VerificationError
from derive.language.operation import Operation, sides
from derive.language.options import is_word
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in
from derive.verification.closures import holds_when

Values = Mapping[str, Any]


class Unmet(Exception):
    """These sizes and options do not meet a requirement of the operation."""


class Formulas:
    """Sizes, settings and requirements of one operation, compiled once.

    Attributes
    ----------
    operation : Operation
    free : list of Size
        The sizes that the inputs' shapes bind, in order of appearance.
    """

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        system = to_system(operation)
        sizes = operation.sizes
        self.free = [s for s in sizes if s.formula is None]
        self.derived = [s for s in sizes if s.formula is not None]
        self.symbols = [*sizes, *(s for o in operation.options for s in o.settings)]
        self._formula = {s.name: _Formula(s.formula) for s in self.derived}
        self._spelled = {
            (option.name, word): [_Formula(entry) for entry in entries]
            for option in operation.options
            for word, entries in option.spellings.items()
        }
        self._requires = [(_Formula(relation), words) for relation, words in operation.requires]
        self._shapes = {
            t.name: [[_Formula(factor) for factor in factors] for factors in t.axes_of]
            for t in (*operation.inputs, *operation.outputs)
        }
        self._below = {t.name: _Formula(t.below) for t in operation.inputs if t.integer}
        self._besides = {t.name: _Formula(t.besides) for t in operation.inputs if t.besides}
        self._compared = [_Formula(e) for e in _compared_with_integers(operation)]
        # A hundred statements go over a few boxes of a few extents: each is computed once.
        extents: dict[Expr, int] = {}
        self._boxes = [
            tuple(extents.setdefault(a.extent, len(extents)) for a in s.domain)
            for s in system.statements
        ]
        self._extents = [_Formula(extent) for extent in extents]
        self._counts = Counter(map(tuple, map(sorted, self._boxes)))
        self._optional = [
            {a.tensor.name for a in s.entries if a.tensor.optional} for s in system.statements
        ]
        self._holds = [
            [holds_when(g.kind, _compiled(g.expression), _compiled(g.modulus)) for g in s.where
             if not (g.expression.has(Axis, Access) or g.modulus.has(Axis, Access))]
            for s in system.statements
        ]  # fmt: skip
        self._reads = [{a.tensor.name for a in s.entries} for s in system.statements]
        self._writers = {
            tensor.name: [n for n, s in enumerate(system.statements) if s.target.tensor == tensor]
            for tensor in system.tensors
        }
        formulas = [s.formula for s in self.derived if s.formula is not None]
        floors = dict.fromkeys(floor for formula in formulas for floor in _floors(formula))
        self._floors = [
            tuple(map(_Formula, sympy.fraction(sympy.together(floor.args[0])))) for floor in floors
        ]

    def complete(self, sizes: Mapping[str, int], options: Mapping[str, Any]) -> dict[str, Any]:
        """Every size and setting by name, from the free sizes and the options.

        Raises
        ------
        Unmet
            If a requirement does not hold, or an extent would be negative.
        """
        values: dict[str, Any] = dict(sizes)
        waiting = dict(self._formula)
        for option in self.operation.options:
            value = options[option.name]
            entries = self._spelled.get((option.name, value)) if is_word(value) else None
            names = [setting.name for setting in option.settings]
            if entries is None:
                values.update(zip(names, option.numbers(value), strict=True))
            else:
                waiting.update(zip(names, entries, strict=True))
        while waiting:
            ready = [n for n, formula in waiting.items() if formula.names <= values.keys()]
            if not ready:
                raise Unmet(f"{', '.join(waiting)} would follow from one another")
            for name in ready:
                values[name] = int(waiting.pop(name)(values))
                if name in self._formula and values[name] < 0:
                    raise Unmet(f"{name} would be {values[name]}")
        for holds, words in self._requires:
            if not holds(values):
                raise Unmet(words)
        for name, shape in self._shapes.items():
            if any(factor(values) < 0 for factors in shape for factor in factors):
                raise Unmet(f"an axis of {name} would be shorter than nothing")
        for name, below in self._below.items():
            if below(values) < 1:
                raise Unmet(f"no integer could stand in {name}")
        return values

    def shape(self, tensor: Tensor, values: Values, leading: Mapping[str, tuple[int, ...]]):
        """The shape of an input or output as a caller sees it."""
        extents: list[int] = []
        for axis, factors in zip(tensor.axes_of, self._shapes[tensor.name], strict=True):
            size = axis[0]
            if isinstance(size, Size) and size.packed:
                extents += self._packed(size, values, leading)
            else:
                extents.append(prod(factor(values) for factor in factors))
        return tuple(extents)

    def _packed(self, size: Size, values: Values, leading) -> tuple[int, ...]:
        if size.kept is None:
            return leading[size.name]
        whole, condition = size.kept
        return leading[whole.name] if _compiled(condition)(values) else ()

    def below(self, tensor: Tensor, values: Values) -> int:
        """What the entries of an integer input are less than."""
        return self._below[tensor.name](values)

    def besides(self, tensor: Tensor, values: Values) -> int | None:
        """The one number that may stand among the entries of an integer input, whatever it is."""
        return self._besides[tensor.name](values) if tensor.name in self._besides else None

    def compared(self, values: Values) -> list[int]:
        """What conditions compare the entries of integer tensors with, and the neighbours."""
        found = {int(number(values)) for number in self._compared}
        return sorted({n + shift for n in found for shift in (-1, 0, 1)})

    def work(self, values: Values) -> int:
        """How many points the statements have together."""
        extents = [extent(values) for extent in self._extents]
        return sum(n * prod([extents[e] for e in box]) for box, n in self._counts.items())

    def long(self, values: Values, absent: Collection[str] = ()) -> Iterator[tuple[int, list[int]]]:
        """For each statement that reads nothing absent, which axes of its box are longer than 1."""
        extents = [extent(values) for extent in self._extents]
        for number, (box, optional) in enumerate(zip(self._boxes, self._optional, strict=True)):
            if optional.isdisjoint(absent):
                yield number, [i for i, extent in enumerate(box) if extents[extent] > 1]

    def in_effect(self, values: Values) -> set[int]:
        """The statements that reach an output, if settings decide on some of them."""
        found: set[int] = set()
        waiting = [t.name for t in self.operation.outputs] if any(self._holds) else []
        while waiting:
            for number in self._writers.get(waiting.pop(), ()):
                if number not in found and all(holds(values) for holds in self._holds[number]):
                    found.add(number)
                    waiting += self._reads[number]
        return found

    def remainders(self, values: Values) -> list[int]:
        """What each floor of the formulas drops."""
        return [numerator(values) % denominator(values) for numerator, denominator in self._floors]


def _compared_with_integers(operation: Operation) -> list[Expr]:
    """Numbers and settings that stand opposite to entries of integer tensors."""
    found: dict[Expr, None] = {}
    for equation in operation.equations:
        for relation in sides(equation)[1].atoms(Relational):
            left, right = relation.args
            for read, number in ((left, right), (right, left)):
                whole = any(a.tensor.integer for a in entries_in(read))
                if whole and not number.has(Axis, Access) and not number.has(sympy.oo, -sympy.oo):
                    found[number] = None
    return sorted(found, key=str)


@cache
def formulas_of(operation: Operation) -> Formulas:
    """The formulas of an operation, compiled once."""
    return Formulas(operation)


class _Formula:
    """An integer expression as a closure over a dict of names."""

    def __init__(self, expression: Any) -> None:
        expression = sympy.sympify(expression)
        self.names = {symbol.name for symbol in expression.free_symbols}
        self._value = _compiled(expression)

    def __call__(self, values: Values) -> Any:
        return self._value(values)


_OPERATIONS: dict[type, Callable] = {
    sympy.Add: lambda *parts: sum(parts),
    sympy.Mul: lambda *parts: prod(parts),
    sympy.Pow: pow,
    sympy.Max: max,
    sympy.Min: min,
    sympy.Mod: lambda a, b: a % b,
    sympy.Abs: abs,
    sympy.Ge: lambda a, b: a >= b,
    sympy.Gt: lambda a, b: a > b,
    sympy.Le: lambda a, b: a <= b,
    sympy.Lt: lambda a, b: a < b,
    sympy.Eq: lambda a, b: a == b,
    sympy.Ne: lambda a, b: a != b,
    sympy.And: lambda *parts: all(parts),
    sympy.Or: lambda *parts: any(parts),
    sympy.Not: lambda a: not a,
}


def _compiled(expression: Any) -> Callable[[Values], Any]:
    """Like `closures.Compiler`, but in integers alone and by name: a hundred times per case."""
    if expression.is_Integer:
        integer = int(expression)
        return lambda values: integer
    if expression in (sympy.true, sympy.false):
        truth = bool(expression)
        return lambda values: truth
    if isinstance(expression, Symbol | Axis):
        name = expression.name
        return lambda values: values[name]
    if isinstance(expression, sympy.floor | sympy.ceiling):
        sign = -1 if isinstance(expression, sympy.ceiling) else 1
        numerator, denominator = sympy.fraction(sympy.together(expression.args[0]))
        above, below = _compiled(sign * numerator), _compiled(denominator)
        return lambda values: sign * (above(values) // below(values))
    if expression.is_Rational:
        fraction = Fraction(int(expression.p), int(expression.q))
        return lambda values: fraction
    if expression.is_Pow and expression.exp == -1:
        below = _compiled(expression.base)
        return lambda values: Fraction(1, below(values))
    if isinstance(expression, sympy.Piecewise):
        cases = [(_compiled(value), _compiled(condition)) for value, condition in expression.args]
        return lambda values: next(value(values) for value, holds in cases if holds(values))
    operation = _OPERATIONS.get(expression.func)
    if operation is None:
        raise VerificationError(f"The size {expression} is not an expression of integers.")
    parts = [_compiled(part) for part in expression.args]
    return lambda values: operation(*(part(values) for part in parts))


def _floors(formula: Expr) -> list[Expr]:
    return sorted(formula.atoms(sympy.floor, sympy.ceiling), key=str)
