"""The table of scalar functions: one row each, and nothing outside it can be used.

A row says how a function is differentiated (closed over rows, through its own value ``y`` where
that is cheaper) and how it is printed. How a target computes it stably is that target's to say
(``FUNCTIONS`` of `derive.backends.numpy.functions`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from mpmath.libmp import prec_to_dps
from sympy import Expr, Function, Integer, Rational, nan, oo


class Elementary(Function):
    """A function of one number that SymPy does not have; of a number, SymPy can tell its value."""

    nargs = 1

    def _eval_evalf(self, prec: int) -> Expr:
        (number,) = self.args
        if number is nan:  # of which SymPy, where it wants a sign, cannot have a single digit
            return nan
        return _MEANINGS[self.func](number).evalf(prec_to_dps(prec))


class sigmoid(Elementary):
    """``1 / (1 + exp(-x))``."""


class softplus(Elementary):
    """``log(1 + exp(x))``."""


class relu(Elementary):
    """``max(x, 0)``; its derivative at 0 is 0."""


class step(Elementary):
    """1 where ``x > 0``, else 0; its derivative is 0."""


class stop(Elementary):
    """The identity with tangent and cotangent zero."""


class log1p(Elementary):
    """``log(1 + x)``, accurate near 0."""


class expm1(Elementary):
    """``exp(x) - 1``, accurate near 0."""


class bounded(Elementary):
    """The identity, with 1e9 for infinity: a factor beside one that vanishes there.

    ``x * exp(-x)`` is 0 at infinity, and not infinity times 0.
    """


class silu(Elementary):
    """``x * sigmoid(x)``, and its limits at infinity."""


class gelu(Elementary):
    """``x * (1 + erf(x/sqrt(2))) / 2``, and its limits at infinity."""


class gelu_tanh(Elementary):
    """``x * (1 + tanh(sqrt(2/pi) * (x + 0.044715*x**3))) / 2``, and its limits at infinity."""


class mish(Elementary):
    """``x * tanh(softplus(x))``, and its limits at infinity."""


class softsign(Elementary):
    """``x / (1 + |x|)``, and its limits at infinity."""


class normal_cdf(Elementary):
    """``(1 + erf(x/sqrt(2))) / 2``: how probable it is that a standard normal variable is less."""


class normal_pdf(Elementary):
    """``exp(-x**2/2) / sqrt(2*pi)``, the density of a standard normal variable."""


class lorentzian(Elementary):
    """``1 / (1 + x**2)``, without a square that could overflow."""


def _gate_slope(gate: Callable[[Expr], Expr], slope: Callable[[Expr], Expr]):
    """``(x * gate(x))' = gate(x) + x * gate'(x)`` of a gate whose slope vanishes at infinity."""
    return lambda x, y: gate(x) + bounded(x) * slope(x)


def _half_tanh(x: Expr) -> Expr:
    """``(1 + tanh(u)) / 2`` as ``sigmoid(2*u)``: where tanh is near to -1, the sum would cancel."""
    near = bounded(x)
    return sigmoid(sympy.sqrt(8 / sympy.pi) * (near + Rational(44715, 10**6) * near**3))


def _half_tanh_slope(x: Expr) -> Expr:
    gate, steep = _half_tanh(x), 1 + 3 * Rational(44715, 10**6) * bounded(x) ** 2
    return gate * (1 - gate) * sympy.sqrt(8 / sympy.pi) * steep


@dataclass(frozen=True)
class Scalar:
    """One row: a function, its derivative as a function of ``(x, y)``, its letter if it has one.

    `interval` is where its values lie, bounds included; None for the identity, whose values are
    those of its argument.
    """

    function: type
    derivative: Callable[[Expr, Expr], Expr]
    letter: str = ""
    interval: tuple[Expr, Expr] | None = (-oo, oo)


_0, _1 = Integer(0), Integer(1)
_SIGNED, _UNIT, _POSITIVE = (-_1, _1), (_0, _1), (_0, oo)  # intervals


SCALARS: dict[type, Scalar] = {
    row.function: row
    for row in (
        Scalar(sympy.exp, lambda x, y: y, interval=_POSITIVE),
        Scalar(sympy.log, lambda x, y: 1 / x),
        Scalar(log1p, lambda x, y: 1 / (1 + x)),
        Scalar(expm1, lambda x, y: sympy.exp(x), interval=(-_1, oo)),
        Scalar(sympy.tanh, lambda x, y: 1 - y**2, interval=_SIGNED),
        Scalar(sympy.sinh, lambda x, y: sympy.cosh(x)),
        Scalar(sympy.cosh, lambda x, y: sympy.sinh(x), interval=(_1, oo)),
        Scalar(sympy.sin, lambda x, y: sympy.cos(x), interval=_SIGNED),
        Scalar(sympy.cos, lambda x, y: -sympy.sin(x), interval=_SIGNED),
        Scalar(sympy.tan, lambda x, y: 1 + y**2),
        Scalar(sympy.atan, lambda x, y: lorentzian(x), interval=(-sympy.pi / 2, sympy.pi / 2)),
        Scalar(lorentzian, lambda x, y: -2 * bounded(x) * y**2, interval=_UNIT),
        Scalar(sympy.Abs, lambda x, y: sympy.sign(x), interval=_POSITIVE),
        Scalar(sympy.sign, lambda x, y: Integer(0), interval=_SIGNED),
        Scalar(
            sympy.erf,
            lambda x, y: 2 / sympy.sqrt(sympy.pi) * sympy.exp(-(bounded(x) ** 2)),
            interval=_SIGNED,
        ),
        Scalar(normal_cdf, lambda x, y: normal_pdf(x), "Phi", interval=_UNIT),
        Scalar(
            normal_pdf,
            lambda x, y: -bounded(x) * y,
            "varphi",
            interval=(_0, 1 / sympy.sqrt(2 * sympy.pi)),
        ),
        Scalar(sigmoid, lambda x, y: y * (1 - y), "sigma", interval=_UNIT),
        Scalar(softplus, lambda x, y: sigmoid(x), interval=_POSITIVE),
        Scalar(softsign, lambda x, y: 1 / (1 + sympy.Abs(x)) ** 2, interval=_SIGNED),
        Scalar(silu, _gate_slope(lambda x: sigmoid(x), lambda x: sigmoid(x) * (1 - sigmoid(x)))),
        Scalar(
            mish,
            _gate_slope(
                lambda x: sympy.tanh(softplus(x)),
                lambda x: (1 - sympy.tanh(softplus(x)) ** 2) * sigmoid(x),
            ),
        ),
        Scalar(gelu, _gate_slope(lambda x: normal_cdf(x), lambda x: normal_pdf(x))),
        Scalar(gelu_tanh, _gate_slope(_half_tanh, _half_tanh_slope)),
        Scalar(bounded, lambda x, y: Integer(1), interval=None),
        Scalar(relu, lambda x, y: step(x), interval=_POSITIVE),
        Scalar(step, lambda x, y: Integer(0), interval=_UNIT),
        Scalar(stop, lambda x, y: Integer(0), interval=None),
    )
}

# Functions that give a finite number whatever the argument, infinity included, ...
BOUNDED = {
    sympy.tanh, sympy.atan, sympy.erf, sympy.sign, sigmoid, softsign, step, bounded, normal_cdf,
    normal_pdf, lorentzian,
}  # fmt: skip
# ... and those that neither overflow nor are undefined anywhere. NumPy warns of the others alone.
TOTAL = BOUNDED | {sympy.Abs, softplus, silu, mish, gelu, gelu_tanh, relu, stop}

# What the functions of this table are in SymPy's, for numbers that stand in an equation.
_MEANINGS: dict[type, Callable[[Expr], Expr]] = {
    sigmoid: lambda x: 1 / (1 + sympy.exp(-x)),
    softplus: lambda x: sympy.log(1 + sympy.exp(x)),
    relu: lambda x: sympy.Max(x, 0),
    step: lambda x: sympy.Piecewise((1, x > 0), (0, True)),
    stop: lambda x: x,
    log1p: lambda x: sympy.log(1 + x),
    expm1: lambda x: sympy.exp(x) - 1,
    bounded: lambda x: x,
    lorentzian: lambda x: 1 / (1 + x**2),
    normal_cdf: lambda x: (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    normal_pdf: lambda x: sympy.exp(-(x**2) / 2) / sympy.sqrt(2 * sympy.pi),
    silu: lambda x: x / (1 + sympy.exp(-x)),
    gelu: lambda x: x * (1 + sympy.erf(x / sympy.sqrt(2))) / 2,
    gelu_tanh: lambda x: x * _half_tanh(x),
    mish: lambda x: x * sympy.tanh(sympy.log(1 + sympy.exp(x))),
    softsign: lambda x: x / (1 + sympy.Abs(x)),
}


def with_numbers(value: Expr) -> Expr:
    """The expression with every function of a number replaced by the number that it is."""
    if not any(node.is_number for node in value.atoms(*_MEANINGS)):
        return value
    return value.replace(
        lambda node: node.func in _MEANINGS and node.is_number,
        lambda node: _MEANINGS[node.func](*node.args),
    )
