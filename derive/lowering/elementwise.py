"""Scalar expressions of views, as ufuncs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from fractions import Fraction

import sympy
from sympy import Expr, Mul, Pow
from sympy.logic.boolalg import Boolean

from derive.calculus.selection import attains, taken
from derive.errors import DefinitionError
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, Axis
from derive.lowering.harmless import clipped, harmless, spared
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
    Attribute,
    Binary,
    Conditional,
    Literal,
    Name,
    Node,
    Unary,
    call,
    numpy,
)
from derive.lowering.unordered import handed_on, swallowed


@dataclass
class Elementwise:
    """Lowers scalar expressions, given what to write for an access.

    An access of integers is written in another way where it is compared with an integer: as it is,
    since nothing is computed from it. Irrational constants are collected as they are met.
    """

    read: Callable[[Access | Axis], Node]
    constants: dict[str, Expr] = field(default_factory=dict)
    compared: Callable[[Access], Node] | None = None
    told: frozenset[Access] = frozenset()  # of NaN in these, something beside tells already

    def value(self, e: Expr, excluded: tuple[Boolean, ...] = ()) -> Node:
        """A whole value; of what is not selected, or `excluded`, nothing is seen."""
        return self.lower(harmless(e, excluded))

    def lower(self, e: Expr) -> Node:
        if isinstance(e, Access | Axis):
            return self.read(e)
        if e.is_Integer:
            return Literal(int(e)) if e >= 0 else Unary("-", Literal(-int(e)))
        if isinstance(e, sympy.Symbol):
            return Name(e.name)
        if e.is_Rational and e.q in (2, 4, 8, 16):
            return Literal(float(e))
        if e.is_number and not e.has(sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
            return self.constant(e)
        if e in (sympy.oo, -sympy.oo):
            infinity = Attribute(Name("np"), "inf")
            return infinity if e == sympy.oo else Unary("-", infinity)
        if isinstance(e, attains | taken):
            *values, behind = (*e.args, None) if len(e.args) == 2 else e.args
            found = call(f"_{e.func.__name__}", *(self.lower(a) for a in values))
            if behind is None:
                return found
            return Binary("or", Binary("==", lower_integer(behind), Literal(0)), found)
        if isinstance(e, spared):
            value, condition = e.args
            return numpy("where", self.condition(condition), Literal(1), self.lower(value))
        if isinstance(e, clipped):
            result = self.lower(e.args[0])
            for word, bound in zip(("maximum", "minimum"), e.args[1:], strict=True):
                if not bound.is_infinite:
                    result = numpy(word, result, self.lower(bound))
            return result
        if isinstance(e, sympy.Add):
            return self.sum(e)
        if isinstance(e, Mul):
            return self.product(e)
        if isinstance(e, Pow):
            return self.power(e)
        if isinstance(e, sympy.Piecewise):
            return self.cases(e)
        if isinstance(e, sympy.Max | sympy.Min) and not e.has(Access):
            return lower_integer(e)  # Python's own: NumPy's would not be of the arrays' precision
        if isinstance(e, sympy.Max | sympy.Min):
            word = "maximum" if isinstance(e, sympy.Max) else "minimum"
            arguments = sorted(e.args, key=lambda a: (not a.has(Access), str(a)))
            result = self.lower(arguments[0])
            for argument in arguments[1:]:
                result = numpy(word, result, self.lower(argument))
            return result
        row = SCALARS.get(e.func)
        if row is not None:
            (argument,) = e.args
            if row.numpy.startswith("np."):
                return numpy(row.numpy[3:], self.lower(argument))
            return call(row.numpy, self.lower(argument))
        if not e.has(Access, Axis):
            return lower_integer(e)
        raise DefinitionError(
            str(e.func),
            f"the function {e.func} is not in the table of scalar functions",
            remedy="Write it with the functions of derive.language.scalars, or add a row there.",
        )

    def constant(self, value: Expr) -> Node:
        """An irrational number gets a name in the module, so that exact checks can replace it."""
        name = "_" + "".join(c if c.isalnum() else "_" for c in str(value).upper()).strip("_")
        if name[1:2].isdigit():
            name = "_C" + name
        self.constants[name] = value
        return Name(name)

    def beside(self, part: Expr, whole: Expr) -> Elementwise:
        """What lowers a part of a sum or product, whose other parts are NaN where entries are."""
        if not part.has(sympy.Piecewise):
            return self
        own = part.atoms(sympy.Piecewise)
        others = (handed_on(other) for other in whole.args if not other.has(*own))
        return replace(self, told=self.told.union(*others))

    def sum(self, e: sympy.Add) -> Node:
        terms = sorted(e.args, key=lambda t: (t.could_extract_minus_sign(), t.is_number, str(t)))
        result = self.beside(terms[0], e).lower(terms[0])
        for term in terms[1:]:
            printer = self.beside(term, e)
            if term.could_extract_minus_sign():
                result = Binary("-", result, printer.lower(-term))
            else:
                result = Binary("+", result, printer.lower(term))
        return result

    def product(self, e: Mul) -> Node:
        coefficient, rest = e.as_coeff_Mul()
        above: list[Expr] = []
        below: list[Expr] = []
        for factor in Mul.make_args(rest):
            if isinstance(factor, Pow) and factor.args[1].could_extract_minus_sign():
                below.append(1 / factor)
            elif factor != 1:
                above.append(factor)
        sign = coefficient < 0 if coefficient.is_number else False
        magnitude = abs(coefficient)
        if magnitude.is_Rational:
            number = Fraction(int(magnitude.p), int(magnitude.q))
            if number.numerator != 1:
                above.append(sympy.Integer(number.numerator))
            if number.denominator != 1:
                below.append(sympy.Integer(number.denominator))
        else:
            above.append(magnitude)
        above.sort(key=lambda f: (f.is_number, not f.has(Access), str(f)))
        below.sort(key=lambda f: (f.has(Access), str(f)))
        twice = [f.args[0] for f in below if isinstance(f, Pow) and f.args[1] == 2]
        below = [f for f in below if not (isinstance(f, Pow) and f.args[1] == 2)]
        result = self.chain(above, e) if above else Literal(1)
        if below:
            result = Binary("/", result, self.chain(below, e))
        for base in (base for base in twice for _ in range(2)):
            result = Binary("/", result, self.lower(base))  # the square might overflow
        return Unary("-", result) if sign else result

    def chain(self, factors: list[Expr], whole: Expr) -> Node:
        result = self.beside(factors[0], whole).lower(factors[0])
        for factor in factors[1:]:
            result = Binary("*", result, self.beside(factor, whole).lower(factor))
        return result

    def power(self, e: Pow) -> Node:
        base, exponent = e.args
        if exponent == sympy.Rational(1, 2):
            return numpy("sqrt", self.lower(base))
        if exponent == -2:
            return numpy("square", self.lower(1 / base))  # where it is small, base**2 overflows
        if exponent.could_extract_minus_sign():
            return Binary("/", Literal(1), self.lower(base ** (-exponent)))
        if exponent == 2:
            return numpy("square", self.lower(base))
        if exponent.is_number and isinstance(exponent, sympy.Add):  # √2 - 1 is no other constant
            return Binary("**", self.lower(base), self.sum(exponent))
        return Binary("**", self.lower(base), self.lower(exponent))

    def cases(self, e: sympy.Piecewise) -> Node:
        pieces = list(e.args)
        last, condition = pieces[-1]
        if condition != sympy.true:
            last = sympy.Integer(0)
        else:
            pieces.pop()
        if not e.has(Access, Axis):
            result = self.lower(last)
            for value, test in reversed(pieces):
                result = Conditional(self.lower(value), self.condition(test), result)
            return result
        asked = [entry for entry in swallowed(e) if entry not in self.told]
        inner = replace(self, told=self.told.union(asked))
        result = inner.lower(last)
        if not any(piece.has(Access) for piece, _ in e.args):
            result = call("_real", result, Name("dtype"))  # of numbers alone, NumPy makes float64
        for value, test in reversed(pieces):
            result = numpy("where", self.condition(test), inner.lower(value), result)
        if asked:
            nan = Attribute(Name("np"), "nan")
            result = numpy("where", _are_numbers(self.read, asked), result, nan)
        return result

    def condition(self, test) -> Node:
        words = {sympy.Ge: ">=", sympy.Gt: ">", sympy.Le: "<=", sympy.Lt: "<"}
        words |= {sympy.Eq: "==", sympy.Ne: "!="}
        for kind, operator in words.items():
            if isinstance(test, kind):
                exact = self.compared and all(side.is_integer for side in test.args)
                printer = replace(self, read=self.compared) if exact else self
                return Binary(operator, *(printer.lower(side) for side in test.args))
        if isinstance(test, sympy.And | sympy.Or):
            word = "logical_and" if isinstance(test, sympy.And) else "logical_or"
            parts = [self.condition(a) for a in sorted(test.args, key=str)]
            result = parts[0]
            for part in parts[1:]:
                result = numpy(word, result, part)
            return result
        if isinstance(test, sympy.Not):
            return numpy("logical_not", self.condition(test.args[0]))
        raise DefinitionError(str(test), f"the condition {test} is not a comparison")


def _are_numbers(read: Callable[[Access | Axis], Node], entries: list[Access]) -> Node:
    """Whether none of the entries is NaN."""
    tests = [Binary("==", read(entry), read(entry)) for entry in entries]
    result: Node = tests[0]
    for test in tests[1:]:
        result = Binary("&", result, test)
    return result
