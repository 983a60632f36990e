"""Scalar expressions of views, as ufuncs."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction

import sympy
from sympy import Expr, Mul, Pow
from sympy.logic.boolalg import Boolean

from derive.arrays.harmless import clipped, spared
from derive.arrays.unordered import handed_on, swallowed
from derive.backends.numpy.functions import FUNCTIONS
from derive.backends.numpy.integers import Integers, lower_integer
from derive.backends.numpy.tree import (
    Attribute,
    Binary,
    Call,
    Conditional,
    Literal,
    Name,
    Node,
    Unary,
    call,
    numpy,
)
from derive.calculus.affine import axes_in
from derive.calculus.selection import attains, taken
from derive.errors import DefinitionError
from derive.language.numbers import decimal
from derive.language.order import Operand, Order, Written, arguments, positive
from derive.language.symbols import Access, Axis, Tensor, entries_in

INFINITY, NAN = Attribute(Name("np"), "inf"), Attribute(Name("np"), "nan")
_EXACT = 2**53  # integers below are numbers of the machine
_DYADIC = (2, 4, 8, 16)  # quotients by these are exact
_LONGEST = 40  # letters of a name
_WORDS = {"*": "TIMES", "/": "OVER", "+": "PLUS", "-": "MINUS", "**": "TO", "(": "", ")": ""}


def constant_name(value: Expr) -> str:
    """What a positive number is called in modules: ``_SQRT_2``, ``_C0_4``, ``_C1_OVER_3``.

    Numbers of different values have different names, since a name can be read back: a bracket is a
    word without letters, but for those around one number and those at the end.
    """
    text = (decimal(value) if value.is_Rational else "") or str(value)
    text = re.sub(r"([a-zA-Z]\w*)\((\w+)\)", r"\1 \2", text)
    words = re.findall(r"\w+|\*\*|[^\w\s.]", text)
    name = "_".join(_WORDS[word] if word in _WORDS else word.upper() for word in words).rstrip("_")
    if len(name) > _LONGEST:
        name = f"{name[:_LONGEST]}_{hashlib.sha256(name.encode()).hexdigest()[:8]}"
    return f"_C{name}" if name[:1].isdigit() else f"_{name}"


@dataclass
class Elementwise:
    """Lowers scalar expressions, given what to write for an access.

    An access of integers is written in another way where it is compared with an integer: as it is,
    since nothing is computed from it. Irrational constants are collected as they are met.

    What names no array (sizes, settings, indices of `loops`) is one number. Python's own numbers
    take the precision of the arrays they meet, NumPy's do not: what NumPy makes of numbers alone
    is made one of the call's dtype.
    """

    read: Callable[[Access | Axis], Node]
    constants: dict[str, Expr] = field(default_factory=dict)
    compared: Callable[[Access | Axis], Node] | None = None
    loops: tuple[Axis, ...] = ()
    plain: bool = False  # numbers stay Python's own, as exponents do
    order: Order = field(default_factory=Order)
    finite: frozenset[Tensor] = frozenset()  # no entry of these is infinite
    told: frozenset[Access] = frozenset()  # of NaN in these, something beside tells already

    def lower(self, e: Expr) -> Node:
        if isinstance(e, Access | Axis):
            return self.read(e)
        if e.is_Integer:
            return Literal(int(e)) if e >= 0 else Unary("-", Literal(-int(e)))
        if isinstance(e, sympy.Symbol):
            return Name(e.name)
        if e.is_Rational and e.q in _DYADIC:
            return Literal(float(e))
        if e.is_number and not e.has(sympy.zoo, sympy.oo, -sympy.oo, sympy.nan):
            return self.constant(e)
        if e in (sympy.oo, -sympy.oo):
            return INFINITY if e == sympy.oo else Unary("-", INFINITY)
        if isinstance(e, attains | taken):
            *values, behind = (*e.args, None) if len(e.args) == 2 else e.args
            found = call(f"_{e.func.__name__}", *(self.lower(a) for a in values))
            if behind is None:
                return found
            return Binary("or", Binary("==", lower_integer(behind), Literal(0)), found)
        if isinstance(e, spared):
            value, condition = e.args
            return self.selected(sympy.Integer(1), condition, self.lower(value), {value})
        if isinstance(e, clipped):
            return call("_cut", *map(self.lower, e.args))
        if isinstance(e, sympy.Add):
            return self.sum(e)
        if isinstance(e, Mul):
            return self.product(e)
        if isinstance(e, Pow):
            return self.power(e)
        if isinstance(e, sympy.Piecewise):
            return self.cases(e)
        if isinstance(e, sympy.Max | sympy.Min) and self.is_number(e):
            word = "max" if isinstance(e, sympy.Max) else "min"
            return call(word, *(self.lower(a) for a in sorted(e.args, key=str)))
        if isinstance(e, sympy.Max | sympy.Min):
            return self.extremum(e)
        if name := FUNCTIONS.get(e.func):
            return self.function(name, e.args[0])
        if e.is_integer:
            return self.integer(e)
        raise DefinitionError(
            str(e.func),
            f"the function {e.func} is not in the table of scalar functions",
            remedy="Write it with the functions of derive.language.scalars, or add a row there.",
        )

    def extremum(self, e: sympy.Max | sympy.Min) -> Node:
        """Arrays first, then numbers, with which they are cut off."""
        low = isinstance(e, sympy.Max)
        first, *rest = sorted(e.args, key=lambda a: (not a.has(Access), str(a)))
        result = self.lower(first)
        for argument in rest:
            bound = self.lower(argument)
            if self.is_number(argument):
                ends = (bound, INFINITY) if low else (Unary("-", INFINITY), bound)
                result = call("_cut", result, *ends)
            else:
                result = numpy("maximum" if low else "minimum", result, bound)
        return result

    def is_number(self, e: Expr) -> bool:
        """Whether the expression names no array."""
        return not e.has(Access) and axes_in((e,)) <= set(self.loops)

    def array(self, e: Expr) -> Node:
        """The expression where there is no other array whose precision it could take."""
        node = self.lower(e)
        return call("_real", node, Name("dtype")) if self.is_number(e) else node

    def function(self, name: str, argument: Expr) -> Node:
        """A function of NumPy, ``np.exp``, or of the module, ``_sigmoid``."""
        if not name.startswith("np."):
            return call(name, self.array(argument))
        node = numpy(name[3:], self.lower(argument))
        return call("_real", node, Name("dtype")) if self.is_number(argument) else node

    def integer(self, e: Expr) -> Node:
        """What is computed with integers, beside real numbers."""
        if self.is_number(e) or self.compared is None:
            return lower_integer(e)
        compared = self.compared
        node = Integers(lambda a: None if a in self.loops else compared(a)).lower(e)
        return call("_real", node, Name("dtype"))

    def constant(self, value: Expr) -> Node:
        """An irrational number gets a name in the module, so that exact checks can replace it."""
        if value.could_extract_minus_sign():
            return Unary("-", self.lower(-value))
        name = constant_name(value)
        self.constants[name] = value
        return Name(name)

    def beside(self, part: Expr, whole: Expr) -> Elementwise:
        """What lowers a part of a sum or product, whose other parts are NaN where entries are."""
        if not part.has(sympy.Piecewise):
            return self
        own = part.atoms(sympy.Piecewise)
        # Without asking: of two that compare one entry, each would leave it to the other.
        others = (handed_on(other, False) for other in whole.args if not other.has(*own))
        return replace(self, told=self.told.union(*others))

    def sum(self, e: sympy.Add) -> Node:
        if written := self.order.of(e):
            return self.terms(written, e)
        terms = sorted(e.args, key=lambda t: (t.could_extract_minus_sign(), t.is_number, str(t)))
        signs = [t.could_extract_minus_sign() for t in terms]
        pairs = zip(signs, terms, strict=True)
        return self.terms(tuple(Operand(minus, -t if minus else t) for minus, t in pairs), e)

    def terms(self, written: Written, whole: Expr) -> Node:
        """Terms one after another, and brackets; ``-a + b`` is the same number as ``b - a``."""
        first, *rest = written
        if first.inverse and rest and not rest[0].inverse:
            first, rest[0] = rest[0], first
        result = self.part(first.part, whole, self.terms)
        result = Unary("-", result) if first.inverse else result
        for inverse, part in rest:
            node = self.part(part, whole, self.terms)
            result = Binary("-" if inverse else "+", result, node)
        return result

    def factors(self, written: Written, whole: Expr) -> Node:
        """Factors one after another, and brackets.

        Numbers, sizes and settings are Python's, whose quotient would be rounded: an array comes
        before what is divided by.
        """
        result: Node | None = None
        array, waiting = False, []
        for inverse, part in _numbers_apart(written):
            node, number = self.part(part, whole, self.factors), not _has_array(part)
            if inverse and number and not array:
                waiting.append(node)
                continue
            if result is None:
                result = Binary("/", Literal(1), node) if inverse else node
            else:
                result = Binary("/" if inverse else "*", result, node)
            array = array or not number
            while array and waiting:
                result = Binary("/", result, waiting.pop(0))
        assert result is not None and not waiting
        return result

    def part(self, part: Expr | Written, whole: Expr, bracket: Callable[..., Node]) -> Node:
        if isinstance(part, tuple):
            return bracket(part, whole)
        return self.beside(part, whole).lower(part)

    def product(self, e: Mul) -> Node:
        if (written := self.order.of(e)) and _has_array(e):
            result = self.factors(written, e)
            return Unary("-", result) if e != positive(e) else result
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
        if magnitude.is_Rational and max(magnitude.p, magnitude.q) < _EXACT:
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
        halved = all(f.is_Integer and f in _DYADIC for f in below)
        if below and not (halved or self.plain) and self.is_number(rest):
            result = call("_quotient", result, self.chain(below, e), Name("dtype"))
        elif below:
            result = Binary("/", result, self.chain(below, e))
        for base in (base for base in twice for _ in range(2)):
            result = self.divided(result, base, e)  # the square might overflow
        return Unary("-", result) if sign else result

    def divided(self, node: Node, base: Expr, whole: Expr) -> Node:
        """A quotient; of numbers alone, it is one of the call's dtype."""
        if self.is_number(whole) and not self.plain:
            return call("_quotient", node, self.lower(base), Name("dtype"))
        return Binary("/", node, self.lower(base))

    def scaled(self, node: Node, scale: Expr) -> Node:
        """``node * scale``, as a quotient where the scale is one: exact in integers."""
        above, below = sympy.fraction(scale)
        if above.could_extract_minus_sign():
            node, above = Unary("-", node), -above
        if above != 1:
            node = Binary("*", node, self.lower(above))
        return node if below == 1 else Binary("/", node, self.lower(below))

    def chain(self, factors: list[Expr], whole: Expr) -> Node:
        """Factors one after another; those of few axes among themselves, in fewer passes."""
        widest = self.arrays(factors)
        narrow = [f for f in factors if self.arrays((f,)) < widest]
        if 1 < len(narrow) < len(factors) and self.arrays(narrow) < widest:
            wide = [f for f in factors if f not in narrow]
            return Binary("*", self.chain(wide, whole), self.chain(narrow, whole))
        result = self.beside(factors[0], whole).lower(factors[0])
        for factor in factors[1:]:
            result = Binary("*", result, self.beside(factor, whole).lower(factor))
        return result

    def power(self, e: Pow) -> Node:
        base, exponent = e.args
        if exponent == sympy.Rational(1, 2):
            return self.function("np.sqrt", base)
        if exponent == sympy.Integer(-2) and not self.is_number(e):
            return numpy("square", self.lower(1 / base))  # where it is small, base**2 overflows
        if exponent.could_extract_minus_sign():
            under = self.lower(base ** (-exponent))
            if self.is_number(e) and not self.plain:
                return call("_quotient", Literal(1), under, Name("dtype"))
            return Binary("/", Literal(1), under)
        if self.is_number(e):
            small = base.is_integer and exponent in (2, 3)
            below = (self.lower if small else self.array)(base)
            return Binary("**", below, self.exponent(exponent))
        if exponent == 2:
            return numpy("square", self.lower(base))
        return Binary("**", self.lower(base), self.exponent(exponent))

    def exponent(self, e: Expr) -> Node:
        return (replace(self, plain=True) if self.is_number(e) else self).lower(e)

    def cases(self, e: sympy.Piecewise) -> Node:
        pieces = list(e.args)
        last, condition = pieces[-1]
        if condition != sympy.true:
            last = sympy.Integer(0)
        else:
            pieces.pop()
        if self.is_number(e):
            result = self.lower(last)
            for value, test in reversed(pieces):
                result = Conditional(self.lower(value), self.condition(test), result)
            return result
        asked = [entry for entry in swallowed(e) if entry not in self.told]
        inner = replace(self, told=self.told.union(asked))
        alone = not self.arrays(value for value, _ in e.args)
        result, behind = (inner.array if alone else inner.lower)(last), {last}
        for value, test in reversed(pieces):
            result = inner.selected(value, test, result, behind)
            behind |= {value, test}
        if asked:
            result = self.put(NAN, _is_nan(self.read, asked), result, behind)
        return result

    def selected(self, value: Expr, test: Boolean, others: Node, behind: set[Expr]) -> Node:
        """The value where the test holds, else the others, in which stand the expressions `behind`.

        An equality of real numbers holds almost nowhere: there the value is put in.
        """
        condition, node = self.condition(test), self.lower(value)
        covered = self.arrays((test,)) <= self.arrays(behind)
        if self.is_number(value) and covered and any(map(_is_rare, sympy.And.make_args(test))):
            return self.put(node, condition, others, behind)
        if self.loops:  # over small arrays
            return numpy("where", condition, node, others)
        return call("_select", condition, node, others)

    def put(self, number: Node, condition: Node, others: Node, behind: set[Expr]) -> Node:
        """The others, but a number where a rare condition holds."""
        if not self.arrays(behind):  # nothing that could be overwritten
            return numpy("where", condition, number, others)
        new = others if _is_new(others) else numpy("array", others)
        return call("_except", new, condition, number)

    def arrays(self, expressions: Iterable[Expr]) -> set[Axis]:
        """The axes of the array that is made of expressions."""
        return axes_in(expressions) - set(self.loops)

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


def _numbers_apart(written: Written) -> Iterator[Operand]:
    """Factors with fractions, of numbers or in brackets, as two factors each."""
    for inverse, part in written:
        if isinstance(part, tuple):
            if len({i for i, _ in part}) > 1 and not _has_array(part):
                yield from _numbers_apart(tuple(Operand(i != inverse, p) for i, p in part))
            else:
                yield Operand(inverse, part)
        elif part.is_Rational and part.q != 1:
            yield Operand(inverse, sympy.Integer(part.p))
            yield Operand(not inverse, sympy.Integer(part.q))
        elif inverse and isinstance(part, Pow) and part.args[1] == 2 and _has_array(part):
            yield from (Operand(inverse, part.args[0]),) * 2  # the square might overflow
        else:
            yield Operand(inverse, part)


def _has_array(part: Expr | Written) -> bool:
    """Whether arrays stand in a factor, and not only numbers, sizes and settings."""
    whole = arguments(Mul, part) if isinstance(part, tuple) else (part,)
    return any(argument.has(Access, Axis) for argument in whole)


def _is_new(node: Node) -> bool:
    """Whether it is an array that nothing else has."""
    if not isinstance(node, Call):
        return isinstance(node, Binary | Unary)
    function = node.function
    numpys = isinstance(function, Attribute) and function.value == Name("np")
    return numpys or function in (Name("_except"), Name("_select"))


def _is_rare(test: Boolean) -> bool:
    """Whether a condition is an equality of real numbers that are computed."""
    return isinstance(test, sympy.Eq) and any(not a.tensor.integer for a in entries_in(test))


def _is_nan(read: Callable[[Access | Axis], Node], entries: list[Access]) -> Node:
    """Whether one of the entries is NaN."""
    tests = [Binary("!=", read(entry), read(entry)) for entry in entries]
    result: Node = tests[0]
    for test in tests[1:]:
        result = numpy("logical_or", result, test)
    return result
