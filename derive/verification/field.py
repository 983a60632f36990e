"""Numbers modulo 2⁶¹ − 1 with a tangent, on which a generated NumPy file runs unchanged.

An equality between rational functions of random elements holds by accident with a probability
near 2⁻⁶¹, and nothing is rounded. A transcendental function returns a *hash* of its argument:
deterministic, otherwise unrelated to anything. What a program may use of it is its differential
equation, which the tangent follows, and the few identities stated in `FUNCTIONS`.

An object array of elements behaves like one of floats: ``np.tanh(a)`` calls ``element.tanh()``,
``np.maximum`` compares, ``a @ b`` multiplies and adds. Elements compare by their representative
in −(p−1)/2 … (p−1)/2: a total order, but not one that arithmetic respects (½ is negative), so a
program has to test in its backward the very quantity that it tested in its forward.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Callable
from fractions import Fraction
from functools import partial
from types import FunctionType, ModuleType
from typing import Any

import numpy as np

from derive.verification.poison import POISONED

P = 2**61 - 1
_HALF = P // 2
_DENOMINATOR = 2**16  # of two fractions this small no more than one rounds to a given float
_DIGITS = 12  # what an author writes out; a number that was computed has 16


class NoRule(TypeError):
    """Something that the field cannot compute, so that nothing can be said exactly."""


def _binary(method: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
    """Convert the other operand exactly; leave the operation to it if it is no number."""

    def operation(self: Element, other: object) -> Any:
        if type(other) is not Element:  # nearly every operand is one already
            other = as_element(other)
        return other if other is NotImplemented else method(self, other)

    return operation


class Element:
    """value + tangent·ε with ε² = 0; immutable; the tangent of a plain element is zero.

    The value is any integer, or ±∞, which is constant: its tangent is dropped. Where IEEE
    arithmetic gives NaN (∞ − ∞, 0·∞) this one raises ArithmeticError: NaN agrees with nothing.
    """

    __slots__ = ("tangent", "value")

    def __init__(self, value: int | float, tangent: Any = 0) -> None:
        if isinstance(value, int):
            self.value: int | float = (value + _HALF) % P - _HALF
            self.tangent: int = tangent and (tangent + _HALF) % P - _HALF
        elif math.isinf(value):
            self.value, self.tangent = value, 0
        else:
            raise ArithmeticError("∞ − ∞ or 0·∞ has no value in the field")

    def __repr__(self) -> str:
        return f"{self.value} + {self.tangent}ε" if self.tangent else str(self.value)

    def __getattr__(self, name: str) -> Callable[[], Element]:
        """Find a function in `FUNCTIONS`; this is how NumPy looks for ``element.tanh``."""
        if name in FUNCTIONS:
            return partial(call, name, self)
        raise AttributeError(f"the field has no rule for the function {name!r}")

    @_binary
    def __add__(self, other: Element) -> Element:
        return Element(self.value + other.value, self.tangent + other.tangent)

    @_binary
    def __mul__(self, other: Element) -> Element:
        # `and` keeps 0·∞ out of the tangent; in the value it is an error.
        left = self.tangent and self.tangent * other.value
        right = other.tangent and self.value * other.tangent
        return Element(self.value * other.value, left + right)

    __radd__, __rmul__ = __add__, __mul__
    __sub__ = _binary(lambda self, other: self + -other)
    __rsub__ = _binary(lambda self, other: -self + other)
    __rtruediv__ = _binary(lambda self, other: other / self)

    @_binary
    def __truediv__(self, other: Element) -> Element:
        # ±∞ takes the sign of its divisor, which the inverse does not keep.
        return self * (other if math.isinf(self.value) > math.isinf(other.value) else other**-1)

    def __pow__(self, exponent: Any) -> Any:
        """Integer powers; those of a half, a quarter, ... as powers of square roots; others by
        the integer that stands for the exponent, so that ``a**(b-1) * a`` is ``a**b``."""
        exponent = exponent.item() if isinstance(exponent, np.generic) else exponent
        if isinstance(exponent, Element):
            return _power(self, exponent)
        if not isinstance(exponent, (int, float, Fraction)):
            return NotImplemented
        power = Fraction(*exponent.as_integer_ratio())
        if power.denominator in (2, 4, 8):
            return call("sqrt", self) ** (2 * power)
        if power.denominator != 1:
            return _power(self, as_element(exponent))
        n = power.numerator
        if isinstance(self.value, float):
            return Element(self.value**n if n > 0 else int(n == 0))
        if n < 0 and self.value == 0:
            raise ZeroDivisionError("division by zero in the field")
        slope = self.tangent and n and n * pow(self.value, n - 1, P)
        return Element(pow(self.value, n, P), slope * self.tangent)

    def __rpow__(self, base: Any) -> Any:
        base = as_element(base)
        return base if base is NotImplemented else _power(base, self)

    def __neg__(self) -> Element:
        return Element(-self.value, -self.tangent)

    def __abs__(self) -> Element:
        return call("abs", self)

    def __bool__(self) -> bool:
        return self.value != 0

    # A branch depends on where a point is, not on where it goes: only values are compared.
    __eq__ = _binary(lambda self, other: self.value == other.value)
    __ne__ = _binary(lambda self, other: self.value != other.value)
    __lt__ = _binary(lambda self, other: self.value < other.value)
    __le__ = _binary(lambda self, other: self.value <= other.value)
    __gt__ = _binary(lambda self, other: self.value > other.value)
    __ge__ = _binary(lambda self, other: self.value >= other.value)
    __hash__ = None  # pyright: ignore  # p − 1 and −1 are equal here, and hash differently


def as_element(number: object) -> Any:
    """Convert a number exactly; NotImplemented for anything that is not a number."""
    if isinstance(number, np.ndarray) and not number.shape:
        number = number.item()  # which NumPy puts into an array of objects as it is
    if isinstance(number, Element):
        return number
    if isinstance(number, (int, np.integer, np.bool_)):
        return Element(int(number))
    if isinstance(number, (float, np.floating)):
        if not math.isfinite(number):
            return Element(float(number))
        meant = rational(float(number))
        if meant is None:
            raise NoRule(
                # Printers divide arrays by integers, call a function of the seam, or name the
                # number as a constant of the module.
                f"there is no telling which number the float {number} stands for"
            )
        number = meant
    if isinstance(number, Fraction):
        return Element(number.numerator) * Element(number.denominator) ** -1
    return NotImplemented


def rational(number: float) -> Fraction | None:
    """The fraction that a float stands for: a quotient of small integers, or a short decimal."""
    quotient = Fraction(number).limit_denominator(_DENOMINATOR)
    if float(quotient) == number and abs(quotient.numerator) < 2**32:
        return quotient
    digits = len(f"{number!r}".partition("e")[0].strip("-0.").replace(".", ""))
    return Fraction(repr(number)) if digits <= _DIGITS else None


def call(name: str, number: object) -> Element:
    """Apply a row of `FUNCTIONS`: its value, and its derivative times the tangent.

    Where the tangent is zero the derivative is not asked for: a constant may sit on a pole.
    """
    x = as_element(number)
    if x is NotImplemented:
        raise TypeError(f"{name} of {number!r}, which is not a number")
    value_rule, derivative_rule = FUNCTIONS[name]
    point = Element(x.value)
    value = value_rule(point)
    tangent = x.tangent and (Element(x.tangent) * derivative_rule(point, value)).value
    return Element(value.value, tangent)


def _power(base: Element, exponent: Element) -> Element:
    """a^b with the slopes b·a^(b−1) and a^b·log a; of a base of 0, 0."""
    if isinstance(base.value, float) or isinstance(exponent.value, float):
        raise ArithmeticError(f"{base}**{exponent} has no value in the field")
    point, slope = Element(base.value), Element(0)
    value = point**exponent.value
    if base.tangent and exponent.value:
        slope += exponent.value * point ** (exponent.value - 1) * base.tangent
    if exponent.tangent and base.value:
        slope += value * call("log", point) * exponent.tangent
    return Element(value.value, slope.value)


_POINTS: dict[tuple[str, int | float], int | float] = {
    ("exp", 0): 1,
    ("exp", math.inf): math.inf,
    ("log", 0): -math.inf,
    ("log", 1): 0,
}


def _hashed(name: str, x: Element) -> Element:
    """f(x): known at a few points, else a number that depends on f and x and nothing more."""
    if (name, x.value) in _POINTS:
        return Element(_POINTS[name, x.value])
    if isinstance(x.value, float):
        raise NoRule(f"{name}({x.value})")
    digest = hashlib.blake2b(f"{name} {x.value}".encode(), digest_size=16, key=b"derive")
    return Element(int.from_bytes(digest.digest(), "little"))


def _odd(name: str, x: Element) -> Element:
    """f(−x) = −f(x)"""
    return Element(0) if x == 0 else -_hashed(name, -x) if x < 0 else _hashed(name, x)


def _exp(x: Element) -> Element:
    """exp(−x) = 1 / exp(x)"""
    return _hashed("exp", -x) ** -1 if x < 0 else _hashed("exp", x)


def _sqrt(x: Element) -> Element:
    """The root that is itself a square, so that √a·√b = √ab and √√a·√√a = √a; where there is no
    root, a square that is hashed."""
    root = x ** ((P + 1) // 4)
    return root if root**2 == x else _hashed("sqrt", x) ** 2


def _softplus(x: Element) -> Element:
    """softplus(x) = softplus(−x) + x"""
    return _hashed("softplus", -x) + x if x < 0 else _hashed("softplus", x)


# t = tan(x/2), with which cos x = (1−t²)/(1+t²) and sin x = 2t/(1+t²) lie on the unit circle
_half_angle = partial(_odd, "tan(x/2)")
_SQRT_PI = _hashed("√π", Element(0)) ** 2  # a square, so that √π is found again from π

_SQRT_2 = _sqrt(Element(2))
_CUBE = Element(44715) / 10**6


def _cubic(x: Element) -> Element:
    return _SQRT_2 / _SQRT_PI * (x + _CUBE * x**3)


def _gated(gate: Callable[[Any], Any], slope: Callable[[Any], Any]):
    """x·g(x), and its derivative g(x) + x·g'(x)"""
    return (lambda x: x * gate(x)), (lambda x, v: gate(x) + x * slope(x))


# name: (value f(x) at a plain x, derivative f'(x) in terms of x and of the value v)
FUNCTIONS: dict[str, tuple[Callable[[Any], Any], Callable[[Any, Any], Any]]] = {
    "exp": (_exp, lambda x, v: v),
    "expm1": (lambda x: x.exp() - 1, lambda x, v: v + 1),
    "log": (partial(_hashed, "log"), lambda x, v: 1 / x),
    "log1p": (lambda x: (1 + x).log(), lambda x, v: 1 / (1 + x)),
    "sqrt": (_sqrt, lambda x, v: 1 / (2 * v)),
    "sinh": (lambda x: (x.exp() - (-x).exp()) / 2, lambda x, v: x.cosh()),
    "cosh": (lambda x: (x.exp() + (-x).exp()) / 2, lambda x, v: x.sinh()),
    "tanh": (lambda x: 1 - 2 / (x.exp() ** 2 + 1), lambda x, v: 1 - v**2),
    "sin": (lambda x: 2 * _half_angle(x) / (1 + _half_angle(x) ** 2), lambda x, v: x.cos()),
    "cos": (lambda x: 2 / (1 + _half_angle(x) ** 2) - 1, lambda x, v: -x.sin()),
    "tan": (lambda x: x.sin() / x.cos(), lambda x, v: 1 + v**2),
    "arctan": (partial(_odd, "arctan"), lambda x, v: 1 / (1 + x**2)),
    "erf": (partial(_odd, "erf"), lambda x, v: 2 / _SQRT_PI * (-(x**2)).exp()),
    "sigmoid": (lambda x: (1 + (x / 2).tanh()) / 2, lambda x, v: v * (1 - v)),
    "softplus": (_softplus, lambda x, v: x.sigmoid()),
    "bounded": (lambda x: x, lambda x, v: 1),
    "lorentzian": (lambda x: 1 / (1 + x**2), lambda x, v: -2 * x * v**2),
    "normal_cdf": (lambda x: (1 + (x / _SQRT_2).erf()) / 2, lambda x, v: x.normal_pdf()),
    "normal_pdf": (
        lambda x: (-(x**2) / 2).exp() / (_SQRT_PI * _SQRT_2),
        lambda x, v: -x * v,
    ),
    "softsign": (lambda x: x / (1 + abs(x)), lambda x, v: (1 + abs(x)) ** -2),
    "silu": _gated(lambda x: x.sigmoid(), lambda x: x.sigmoid() * (1 - x.sigmoid())),
    "mish": _gated(
        lambda x: x.softplus().tanh(), lambda x: (1 - x.softplus().tanh() ** 2) * x.sigmoid()
    ),
    "gelu": _gated(lambda x: x.normal_cdf(), lambda x: x.normal_pdf()),
    "gelu_tanh": _gated(
        lambda x: (1 + _cubic(x).tanh()) / 2,
        lambda x: (1 - _cubic(x).tanh() ** 2) * (1 + 3 * _CUBE * x**2) * _SQRT_2 / _SQRT_PI / 2,
    ),
    "relu": (lambda x: x if x > 0 else Element(0), lambda x, v: x.step()),
    "abs": (lambda x: x if x > 0 else -x, lambda x, v: x.sign()),
    "sign": (lambda x: Element(int(x > 0) - int(x < 0)), lambda x, v: 0),
    "step": (lambda x: Element(int(x > 0)), lambda x, v: 0),
    "stop": (lambda x: x, lambda x, v: 0),
}

_CONSTANTS = [
    (math.pi ** (i / 2) * 2 ** (j / 2), _SQRT_PI**i * _SQRT_2**j)
    for i in range(-4, 5)
    for j in (0, 1)
] + [(math.e, Element(1).exp()), (math.log(2), Element(2).log()), (math.log(10), Element(10).log())]


def constant(value: float) -> Element:
    """Recognise a module-level float, e.g. 0.797884… = √2 / √π; hash it if it is a stranger.

    Going by value and not by name, √2·√2 is 2 and ½·√π agrees with erf, however they are
    called. A hashed stranger agrees with itself alone.
    """
    if value == 0 or math.isinf(value):
        return as_element(value)
    for whole in (0, 1, -1):  # as in the exponents of slopes, √2 − 1
        for base, element in _CONSTANTS:
            ratio = Fraction((value - whole) / base).limit_denominator(64)
            if math.isclose(ratio * base + whole, value, rel_tol=1e-15):
                return element * ratio + whole
    if (meant := rational(value)) is not None:
        return as_element(meant)
    return _hashed(repr(value), Element(0))


def as_elements(numbers: Any) -> np.ndarray:
    """Convert exactly to an object array of elements of the same shape, be it ()."""
    numbers = np.asarray(numbers, dtype=object)
    result = np.empty(numbers.shape, dtype=object)
    result[...] = np.frompyfunc(as_element, 1, 1)(numbers)
    return result


def random_elements(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Draw independent, uniform elements."""
    return as_elements(rng.integers(-_HALF, _HALF, size=shape, endpoint=True))


def seam(module: ModuleType) -> ModuleType:
    """Copy a generated module, with its scalar primitives replaced by those of the field.

    Replaced are the functions of `FUNCTIONS`, as ``_sigmoid`` and as ``np.exp``; constants such
    as ``_SQRT_PI``, floats named with an underscore and a capital; ``_DTYPES``; ``_real``; and
    ``_select``, for elements have no bits.
    All else is the module's own compiled code, patches included. Neither it nor another thread
    notices.
    """
    lifted: dict[str, Any] = {name: np.frompyfunc(partial(call, name), 1, 1) for name in FUNCTIONS}
    numpy = ModuleType("numpy")  # whose exp takes the 0 and −inf of np.where, which have no method
    vars(numpy).update(vars(np), **{name: f for name, f in lifted.items() if hasattr(np, name)})
    vars(numpy)["full"] = _full
    copy = ModuleType(module.__name__)
    for name, value in vars(module).items():
        if value is np or value is POISONED:
            value = numpy
        elif name == "_DTYPES":
            value = ("object",)
        elif name == "_real":
            value = _real
        elif name == "_select":
            value = np.where
        elif callable(value) and name[0] == "_" and name[1:] in lifted:
            value = lifted[name[1:]]
        elif isinstance(value, float) and name[0] == "_" and name[1:2].isupper():
            value = constant(value)
        vars(copy)[name] = _rebound(value, vars(module), vars(copy))
    return copy


def _real(integers: Any, dtype: Any) -> np.ndarray:
    """Integers that are computed with are elements, too: the quotient of two is no float."""
    return as_elements(integers)


def _full(shape: Any, value: Any, dtype: Any = None) -> np.ndarray:
    """``np.full`` with elements: of integers, Python would make floats where they are divided."""
    filled = np.full(shape, value, dtype)
    return as_elements(filled) if filled.dtype == object else filled


def _rebound(value: Any, old: dict[str, Any], new: dict[str, Any]) -> Any:
    """Make a module's functions, and tables of them, look their names up in its copy."""
    if type(value) is tuple:
        return tuple(_rebound(item, old, new) for item in value)
    if type(value) is dict and value is not old.get("__builtins__"):
        return {key: _rebound(item, old, new) for key, item in value.items()}
    if not isinstance(value, FunctionType) or value.__globals__ is not old:
        return value
    code, name = value.__code__, value.__name__
    function = FunctionType(code, new, name, value.__defaults__, value.__closure__)
    function.__kwdefaults__ = value.__kwdefaults__
    return function
