"""How a formula is laid out, whatever it is printed in: order of terms and factors, brackets, sums.

SymPy's own printers sort by their own taste (``-1 + H``, ``w*y_bar*x``). Here everything comes in
the order in which the author wrote it. What nobody wrote has factors in the order of the
declaration, positive terms before negative ones, and ``d*U - d*u - d`` is collected into
``d (U - 1 - u)``. `text` and `latex` say what each piece looks like.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from functools import reduce
from typing import Any

import sympy
from sympy import (
    Add,
    Expr,
    Integer,
    Max,
    Min,
    Mod,
    Mul,
    Piecewise,
    Pow,
    Rational,
    Sum,
    Symbol,
    ceiling,
    floor,
)
from sympy.core.relational import Relational
from sympy.logic.boolalg import And, Not, Or

from derive.calculus.growth import largest, norm
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import Becomes, Equal, PartialDerivative, Phrase, bound, factors
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.numbers import decimal
from derive.language.operation import Equation
from derive.language.options import Setting
from derive.language.order import Operand, Order, Written
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in
from derive.prose.order import (
    by_target,
    chained,
    delta_sides,
    divides,
    is_decimal,
    is_range,
    names_points,
    ordered_terms,
    over_number,
    sides,
    signed,
    split_cases,
)

# How tightly a piece is bound together; a looser piece within a tighter one gets brackets.
SUM, PRODUCT, POWER, ATOM = range(4)

Piece = tuple[str, int]

_MANY = 7  # zeros that nobody counts
_DIGITS = 12  # of a number, its point included, that somebody reads


class Formula(ABC):
    """Print expressions, guards, statements and phrases.

    Parameters
    ----------
    order : sequence of Tensor
        The order of factors that nobody wrote.
    axes : sequence of Axis
        The order of indices in a sum of indices; one that is not among them comes first.
    written : Order, optional
        How the author wrote sums, products, maxima and minima.
    row_names : mapping of (Tensor, int) to sequence of str, optional
        What the rows of a tensor along its index at a position are called.
    steps : mapping of str to int, optional
        By the names of tensors: which of their indices is a step that is written above the name.
    """

    def __init__(
        self,
        order: Sequence[Tensor] = (),
        axes: Sequence[Axis] = (),
        written: Order | None = None,
        row_names: Mapping[tuple[Tensor, int], Sequence[str]] | None = None,
        steps: Mapping[str, int] | None = None,
    ) -> None:
        self.row_names = row_names or {}
        self.steps = steps or {}
        self.written = written or Order()
        self.rank = {tensor: position for position, tensor in enumerate(order)}
        self.given = {axis.name: position for position, axis in enumerate(axes)}
        self.place: dict[Any, int] = {}  # of the indices of the statement being printed

    # What a printer decides -------------------------------------------------------------------

    @abstractmethod
    def symbol(self, symbol: Any) -> str: ...

    @abstractmethod
    def tensor(self, tensor: Tensor) -> str: ...

    @abstractmethod
    def access(self, name: str, index: list[str]) -> str: ...

    @abstractmethod
    def at_step(self, name: str, step: str) -> str:
        """A name with a step of time above it."""

    @abstractmethod
    def derivative(self, sign: str, of: str, by: str) -> str: ...

    @abstractmethod
    def product(self, pieces: list[str]) -> str: ...

    @abstractmethod
    def quotient(self, over: Piece, under: Piece, in_index: bool) -> Piece: ...

    @abstractmethod
    def power(self, base: str, exponent: Expr) -> str: ...

    @abstractmethod
    def root(self, inside: Piece) -> Piece:
        """A square root."""

    @abstractmethod
    def function(self, function: type, arguments: list[str]) -> str: ...

    @abstractmethod
    def function_name(self, function: Any) -> str:
        """A function without its arguments."""

    @abstractmethod
    def cases(self, pieces: list[tuple[str, str]]) -> str: ...

    @abstractmethod
    def total(self, indices: list[str], conditions: list[str], name: str) -> str: ...

    @abstractmethod
    def delta(self, left: str, right: str) -> str: ...

    def equality(self, left: str, right: str) -> str:
        """What is 1 where two indices are equal, and 0 elsewhere."""
        return self.delta(left, right)

    @abstractmethod
    def brackets(self, inside: str) -> str: ...

    @abstractmethod
    def relation(self, sign: str, left: str, right: str) -> str: ...

    @abstractmethod
    def sum_of(self, pieces: list[tuple[bool, str]]) -> str: ...

    @abstractmethod
    def words(self, text: str) -> str: ...

    @abstractmethod
    def decimal(self, digits: str, exponent: str) -> str: ...

    # What a printer may decide, of matrices ----------------------------------------------------

    def matrix_name(self, tensor: Tensor, several: bool) -> str:
        """What has several entries, or one number."""
        return self.tensor(tensor)

    def subscripted(self, name: str, index: list[str]) -> str:
        """A matrix at a step of time, or of a gate."""
        return self.access(name, index)

    def matrix_product(self, pieces: list[str]) -> str:
        return self.product(pieces)

    def transposed(self, piece: str) -> str:
        return self.power(piece, Symbol("T"))

    def hadamard(self, pieces: list[str]) -> str:
        """A product entry by entry."""
        return reduce(lambda left, right: self.relation("⊙", left, right), pieces)

    def diagonal(self, inside: str) -> str:
        return self.function(_DIAGONAL, [inside])

    def ones(self) -> str:
        """A column of ones."""
        return self.symbol(Integer(1))

    def entry_power(self, base: str, exponent: Expr) -> str:
        """Each entry to a power, which is no product of matrices."""
        return self.power(base, exponent)

    @abstractmethod
    def column(self, cells: Sequence[str]) -> str:
        """Matrices, or functions, below each other."""

    @abstractmethod
    def norm(self, matrix: str) -> str: ...

    @abstractmethod
    def largest(self, entries: str) -> str: ...

    @abstractmethod
    def dots(self) -> str: ...

    # Expressions ------------------------------------------------------------------------------

    def expression(self, expression: Any, at_least: int = SUM, in_index: bool = False) -> str:
        """The expression, in brackets if it is looser than `at_least`."""
        return self.bracketed(self.piece(sympy.sympify(expression), in_index), at_least)

    def bracketed(self, piece: Piece, at_least: int) -> str:
        text, tightness = piece
        return self.brackets(text) if tightness < at_least else text

    def piece(self, e: Any, in_index: bool = False) -> Piece:
        if isinstance(e, Access):  # a power of s⟨t⟩ is no second thing above the name
            return self.entry(e), POWER if self.ends_in_step(e.tensor, len(e.index)) else ATOM
        if isinstance(e, Tensor):
            return self.tensor(e), ATOM
        if is_decimal(e):
            digits, _, exponent = decimal(abs(e)).lower().partition("e")
            more = "…" if len(digits) > _DIGITS else ""
            text = self.decimal(digits[:_DIGITS] + more, exponent)
            return (self.sum_of([(True, text)]), SUM) if e.is_negative else (text, ATOM)
        if e.is_Integer and (zeros := _zeros(e)) >= _MANY:
            text = self.decimal(str(abs(e) // 10**zeros), str(zeros))
            return (self.sum_of([(True, text)]), SUM) if e.is_negative else (text, PRODUCT)
        if e.is_Rational and not e.is_Integer:
            return self.quotient(self.piece(Integer(e.p)), self.piece(Integer(e.q)), in_index)
        if e.is_number and e.is_Atom:
            return self.symbol(e), SUM if e.is_extended_negative else ATOM
        if e.is_Symbol or isinstance(e, Axis):
            return self.symbol(e), ATOM
        if isinstance(e, Add):
            return self.added(e, in_index)
        if isinstance(e, Mul):
            return self.multiplied(e, in_index)
        if isinstance(e, Pow):
            if e.exp.is_negative:
                return self.quotient(self.piece(Integer(1)), self.piece(1 / e, in_index), in_index)
            if e.exp == Rational(1, 2):
                return self.root(self.piece(e.base, in_index))
            return self.power(self.expression(e.base, ATOM, in_index), e.exp), POWER
        if isinstance(e, Sum | Maximum):
            function, *limits = e.args
            names = [self.symbol(limit.args[0]) for limit in limits]
            word = "argmax" if isinstance(e, ArgMaximum) else "max"
            function, cases = split_cases(function) if isinstance(e, Sum) else (function, [])
            conditions = [self.condition(c) for case in cases for c in _joined(case)]
            total = self.total(names, conditions, "sum" if isinstance(e, Sum) else word)
            return self.product([total, self.expression(function, PRODUCT)]), PRODUCT
        if isinstance(e, Piecewise) and e.args[0][0] == 1 and e.args[1:] == ((0, True),):
            return self.total([], [self.condition(c) for c in _joined(e.args[0][1])], "sum"), ATOM
        if isinstance(e, Piecewise):
            pieces = [(self.expression(v), self.condition(c)) for v, c in e.args]  # type: ignore
            return self.cases(pieces), ATOM
        if isinstance(e, Relational | And | Or | Not):
            return self.condition(e), SUM
        if isinstance(e, norm):
            return self.norm(self.expression(e.args[0])), ATOM
        if isinstance(e, largest):
            return self.largest(self.expression(e.args[0])), ATOM
        arguments = self.written.arguments(e)
        return self.function(e.func, [self.expression(a, SUM, in_index) for a in arguments]), ATOM

    def entry(self, access: Access) -> str:
        tensor = access.tensor
        if isinstance(tensor, PartialDerivative):
            split = tensor.of.rank
            return self.derivative(
                tensor.sign,
                self.entry(Access(tensor.of, *access.index[:split])),
                self.entry(Access(tensor.by, *access.index[split:])),
            )
        name, index = self.placed(tensor, self.tensor(tensor), [*enumerate(access.index)])
        return self.access(name, index)

    def placed(
        self, tensor: Tensor, name: str, places: Iterable[tuple[int, Expr]]
    ) -> tuple[str, list[str]]:
        """A name with its step above it, if that stands there, and the other indices."""
        found = {place: self.row(tensor, place, index) for place, index in places}
        step = found.pop(self.steps.get(tensor.name, -1), None)
        return (name if step is None else self.at_step(name, step)), [*found.values()]

    def ends_in_step(self, tensor: Tensor, indices: int) -> bool:
        """Whether nothing stands behind the step above the name."""
        return indices == 1 and self.steps.get(tensor.name) == 0

    def row(self, tensor: Tensor, place: int, index: Expr) -> str:
        """An index; a number by the name of its row, where it has one."""
        names = self.row_names.get((tensor, place), ())
        if sympy.sympify(index).is_Integer and 0 <= int(index) < len(names):
            return self.words(names[int(index)])
        return self.expression(index, SUM, True)

    def added(self, e: Add, in_index: bool) -> Piece:
        written = self.written.of(e)
        if not written and over_number(e):
            number, step = sympy.fraction(sympy.together(e))
            pieces = self.piece(sympy.expand(number), in_index), self.piece(step, in_index)
            return self.quotient(*pieces, in_index)
        return self.terms(written or ordered_terms(e, self.place), in_index), SUM

    def multiplied(self, e: Mul, in_index: bool) -> Piece:
        negative, plain = signed(e)
        if negative:
            return self.sum_of([(True, self.expression(plain, PRODUCT, in_index))]), SUM
        return self.quotients(self.written.of(e) or self.as_declared(e), in_index)

    def terms(self, written: Iterable[Any], in_index: bool) -> str:
        """Terms, some in brackets."""
        return self.sum_of([
            (inverse, self.brackets(self.terms(part, in_index)))
            if isinstance(part, tuple)
            else (inverse, self.expression(part, PRODUCT, in_index))
            for inverse, part in written
        ])  # fmt: skip

    def quotients(self, written: Written, in_index: bool) -> Piece:
        """Factors, some in brackets, over those that are divided by."""
        sides: tuple[list[Piece], list[Piece]] = [], []
        for inverse, part in written:
            if isinstance(part, tuple):
                sides[inverse].append(self.quotients(part, in_index))
            elif part.is_Rational and part.q != 1 and not is_decimal(part):
                sides[inverse].append(self.piece(Integer(part.p)))
                sides[not inverse].append(self.piece(Integer(part.q)))
            else:
                sides[inverse].append(self.piece(part, in_index))
        over, under = (
            side[0] if len(side) == 1 else
            (self.product(self.beside(side, written)), PRODUCT)
            for side in sides
        )  # fmt: skip
        return self.quotient(over, under, in_index) if sides[True] else over

    def beside(self, pieces: Sequence[Piece], written: Written) -> list[str]:
        """Factors, those that are looser in brackets; not a sum that stands last."""
        last = next((part for inverse, part in reversed(written) if not inverse), None)
        loose = bool(pieces) and isinstance(last, Sum) and pieces[-1] == self.piece(last)
        found = [self.bracketed(piece, POWER) for piece in pieces]
        return [*found[:-1], pieces[-1][0]] if loose else found

    def as_declared(self, value: Expr) -> Written:
        """Numbers, settings and sizes, indices, entries as declared, everything else, sums.

        A slope such as ``1 − h²`` stands before the weights that it is multiplied with, unless
        these stand behind what is handed back, ``ȳ·W``; and ``y`` beside ``1 − y``.
        """
        given = factors(value)
        parts = [f.base if isinstance(f, Pow) else f for f in given]
        handed = any(_is_bar(a.tensor) for f in parts for a in entries_in(f))
        late_weights = not handed and any(isinstance(f, Add) and f.has(Access) for f in parts)
        beside = {1 - f: str(f) for f in given if isinstance(f, Add) and 1 - f in given}

        def key(factor: Any) -> tuple[int, int, str]:
            if factor.is_number:
                return 0, 0, ""
            if factor in beside:
                return 4, 2, beside[factor] + " beside"
            if beside and 1 - factor in beside:
                return 4, 2, beside[1 - factor] + " beside it"
            base = factor.base if isinstance(factor, Pow) else factor
            if isinstance(base, Sum):
                return 7, 0, str(base)
            if isinstance(base, Access):
                late = isinstance(base.tensor, PartialDerivative)
                default = -1 if _is_bar(base.tensor) else len(self.rank)
                place = 5 if base.tensor.parameter and late_weights else 3
                return (6 if late else place), self.rank.get(base.tensor, default), str(base)
            if isinstance(base, Setting | Size):
                return 1, int(isinstance(base, Size)), base.name
            if base.is_Symbol or isinstance(base, Axis):
                return 2, 0, str(base)
            named = hasattr(base.func, "of")  # a slope by its name
            return 4, 2 if named else int(isinstance(base, Add)), str(base)

        number, rest = value.as_coeff_Mul()
        if not is_decimal(number):
            number, rest = Integer(1), value
        sides = sympy.fraction(rest, exact=True) if divides(rest) else (rest,)
        found = (
            Operand(inverse == 1, factor)
            for inverse, side in enumerate(sides)
            for factor in sorted(factors(side), key=key)
        )
        return (*([Operand(False, number)] if number != 1 else []), *found)

    # Conditions -------------------------------------------------------------------------------

    def condition(self, condition: Any) -> str:
        if condition == True:  # noqa: E712 - SymPy's true
            return self.words("otherwise")
        if isinstance(condition, And | Or):
            joint = self.words(" and " if isinstance(condition, And) else " or ")
            parts = sorted(condition.args, key=str)
            return joint.join(self.condition(part) for part in parts)
        if isinstance(condition, Not):
            return self.words("not ") + self.brackets(self.condition(condition.args[0]))
        left, right = condition.args
        if right == 0 and isinstance(left, Add) and isinstance(condition, sympy.Ge | sympy.Eq):
            return self.guard(Guard("ge" if isinstance(condition, sympy.Ge) else "eq", left))
        if isinstance(left, Mod) and right == 0:
            sign = "|" if isinstance(condition, sympy.Eq) else "∤"
            return self.relation(sign, self.expression(left.args[1]), self.expression(left.args[0]))
        signs = {
            sympy.Ge: "≥", sympy.Gt: ">", sympy.Le: "≤", sympy.Lt: "<", sympy.Eq: "=", sympy.Ne: "≠"
        }  # fmt: skip
        sign = signs[condition.func]
        if right.has(Access) and not left.has(Access):  # type: ignore [attr] SymPy turned it round
            mirrored = {"≥": "≤", ">": "<", "≤": "≥", "<": ">"}
            left, right, sign = right, left, mirrored.get(sign, sign)
        return self.relation(sign, self.expression(left), self.expression(right))

    def guard(self, guard: Guard, target: Access | None = None) -> str:
        """One condition, without minus signs where both sides can do without; a number that an
        index of `target` equals goes by the name of the row."""
        if guard.kind in ("divides", "indivisible"):
            sign = "|" if guard.kind == "divides" else "∤"
            modulus = self.expression(guard.modulus, PRODUCT)
            return self.relation(sign, modulus, self.expression(guard.expression))
        left, right = sides(guard.expression, alone=guard.kind == "eq")
        sign = "≥" if guard.kind == "ge" else "="
        if sign == "≥" and sympy.expand(left - right + guard.expression) == 0:
            sign = "≤"  # an entry that stood with a minus sign stands on the left
        if sign == "≥" and _by_index(right) and not _by_index(left):
            if right.as_coeff_Add()[0] >= 1:
                return self.relation("<", self.expression(right - 1), self.expression(left))
            return self.relation("≤", self.expression(right), self.expression(left))
        if left.is_number:
            left, right, sign = right, left, {"≥": "≤", "≤": "≥"}.get(sign, sign)
        if sign == "=" and target is not None and left in target.index:
            row = self.row(target.tensor, target.index.index(left), right)
            return self.relation(sign, self.expression(left), row)
        return self.relation(sign, self.expression(left), self.expression(right))

    def guards(self, guards: Iterable[Guard], target: Access | None = None) -> list[str]:
        """Conditions, two that bound one expression from both sides written as one range."""
        left = list(guards)
        found = []
        while left:
            guard = left.pop(0)
            other = next((g for g in left if is_range(guard, g)), None)
            if other is None:
                found.append(self.guard(guard, target))
                continue
            left.remove(other)
            last = sympy.expand(guard.expression + other.expression)
            inner = self.relation("≤", self.expression(0), self.expression(guard.expression))
            if isinstance(last, Add) and last.as_coeff_Add()[0] == -1:
                found.append(self.relation("<", inner, self.expression(last + 1)))
            else:
                found.append(self.relation("≤", inner, self.expression(last)))
        return found

    # Statements -------------------------------------------------------------------------------

    def statements(self, terms: Sequence[Statement], deltas: bool = False) -> str:
        """``target = term + term``; a target indexed by other than its own axes gets ``+=``."""
        return self.words("; ").join(
            self.relation(sign, left, right) for left, sign, right in self.equations(terms, deltas)
        )

    def equations(
        self, terms: Sequence[Statement], deltas: bool = False
    ) -> list[tuple[str, str, str]]:
        """Left side, sign and right side for each target."""
        found = []
        for target, group in by_target(terms):
            self.remember(a for t in group for a in t.domain)
            right = self.sum_of([self.term(t, deltas) for t in group])
            found.append((self.entry(target), "=" if names_points(target) else "+=", right))
        return found

    def sent(self, statement: Statement) -> tuple[str, str, str]:
        """Left side, sign and right side of one term for each point of the box."""
        self.remember(statement.domain)
        negative, value = signed(statement.value)
        right = self.sum_of([(negative, self.expression(value, PRODUCT))])
        return self.entry(statement.target), "+=", right

    def remember(self, axes: Iterable[Any]) -> None:
        """The order of indices: as given, else as in the box."""
        self.place = {}
        for position, axis in enumerate(axes):
            place = self.given.get(axis.name, -1) if self.given else position
            self.place.setdefault(axis, place)

    def term(self, term: Statement, deltas: bool) -> tuple[bool, str]:
        """One statement's contribution, and whether a minus stands before it."""
        # A selection is of the point whose value is the largest.
        value = term.value.args[0] if term.op == "first" else term.value
        value, cases = split_cases(value) if term.op == "add" else (value, [])
        negative, value = signed(value)
        kept = [g for g in term.where if not (deltas and g.kind == "eq")]
        conditions = [*self.guards(kept, term.target), *map(self.condition, cases)]
        summed = [self.symbol(a) for a in bound(term)]
        parts: list[str] = []
        if summed or conditions:
            name = {"add": "sum", "max": "max", "first": "argmax"}[term.op]
            parts.append(self.total(summed, conditions, name))
        found = [self.equal(g, term) for g in term.where if deltas and g.kind == "eq"]
        late = [f for f in factors(value) if isinstance(f, Access) and
                isinstance(f.tensor, PartialDerivative)]  # fmt: skip
        value = Mul(*(f for f in factors(value) if f not in late))
        found = [*map(self.entry, chained(late)), *found]
        alone = not parts and not found
        entries = [self.expression(value, SUM if alone and not negative else PRODUCT)]
        if value == 1 and (found or (parts and not summed)):
            entries = []
        return negative, self.product([*parts, *entries, *found])

    def equal(self, guard: Guard, term: Statement) -> str:
        """δ of two indices; a number beside the target's own index is the name of a row."""
        left, right = delta_sides(guard, term)
        if left in term.target.index:
            place = term.target.index.index(left)
            return self.equality(self.expression(left), self.row(term.target.tensor, place, right))
        return self.equality(self.expression(left), self.expression(right))

    def defined(self, equation: Equation) -> str:
        """An equation as its author wrote it."""
        return self.relation(*self.sides_of(equation))

    def sides_of(self, equation: Equation) -> tuple[str, str, str]:
        """Sign, left side and right side."""
        axes = sorted(equation.left.free_symbols | equation.right.atoms(Axis), key=str)
        self.remember(a for a in axes if isinstance(a, Axis))
        sign = "+=" if equation.scatter else "="
        return sign, self.entry(equation.left), self.expression(equation.right)

    def phrase(self, phrase: Phrase) -> str:
        """Words and formulas."""
        return "".join(
            self.plain(part) if isinstance(part, str) else self.inline(self.part(part))
            for part in phrase
        )

    def part(self, part: Any) -> str:
        if isinstance(part, Guard):
            return self.guard(part)
        if isinstance(part, Equal):
            return self.relation("=", *(self.expression(e, SUM, True) for e in part.sides))
        if isinstance(part, Becomes):
            return self.relation("→", *(self.expression(e, SUM, True) for e in part.sides))
        return self.expression(part)

    def plain(self, text: str) -> str:
        return text

    def inline(self, formula: str) -> str:
        return formula


def _is_bar(tensor: Tensor) -> bool:
    return tensor.name.rstrip("_").endswith("_bar")


_DIAGONAL: Any = sympy.Function("diag")
FUNCTION_NAMES = {floor: "floor", ceiling: "ceil", Max: "max", Min: "min", Mod: "mod"}


def _zeros(number: Expr) -> int:
    """How many zeros an integer ends in."""
    digits = str(number)
    return len(digits) - len(digits.rstrip("0"))


def _joined(condition: Any) -> list[Any]:
    """Conditions that all have to hold, one by one."""
    parts = condition.args if isinstance(condition, And) else (condition,)
    return sorted(parts, key=str)


def _by_index(expression: Expr) -> bool:
    """Whether indices occur beside entries: t + 1, but not lengths[n]."""
    return expression.xreplace({entry: Integer(0) for entry in entries_in(expression)}).has(Axis)
