"""The table of scalar functions: one row each, and nothing outside it can be used.

A row says how a function is differentiated (closed over rows, through its own value ``y`` where
that is cheaper) and how NumPy computes it stably. Names with an underscore are written out in the
generated module itself, where NumPy has no such function or no stable one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import sympy
from sympy import Expr, Function, Integer


class sigmoid(Function):
    """``1 / (1 + exp(-x))``."""

    nargs = 1


class softplus(Function):
    """``log(1 + exp(x))``."""

    nargs = 1


class relu(Function):
    """``max(x, 0)``; its derivative at 0 is 0."""

    nargs = 1


class step(Function):
    """1 where ``x > 0``, else 0; its derivative is 0."""

    nargs = 1


class stop(Function):
    """The identity with tangent and cotangent zero."""

    nargs = 1


class log1p(Function):
    """``log(1 + x)``, accurate near 0."""

    nargs = 1


class expm1(Function):
    """``exp(x) - 1``, accurate near 0."""

    nargs = 1


@dataclass(frozen=True)
class Scalar:
    """One row: a function, its derivative as a function of ``(x, y)``, its NumPy name, its LaTeX.

    ``numpy`` starts with ``np.`` for a ufunc, with ``_`` for a function of the generated module.
    """

    function: type
    derivative: Callable[[Expr, Expr], Expr]
    numpy: str
    latex: str = ""


SCALARS: dict[type, Scalar] = {
    row.function: row
    for row in (
        Scalar(sympy.exp, lambda x, y: y, "np.exp"),
        Scalar(sympy.log, lambda x, y: 1 / x, "np.log"),
        Scalar(log1p, lambda x, y: 1 / (1 + x), "np.log1p", r"\operatorname{log1p}"),
        Scalar(expm1, lambda x, y: 1 + y, "np.expm1", r"\operatorname{expm1}"),
        Scalar(sympy.tanh, lambda x, y: 1 - y**2, "np.tanh"),
        Scalar(sympy.sinh, lambda x, y: sympy.cosh(x), "np.sinh"),
        Scalar(sympy.cosh, lambda x, y: sympy.sinh(x), "np.cosh"),
        Scalar(sympy.sin, lambda x, y: sympy.cos(x), "np.sin"),
        Scalar(sympy.cos, lambda x, y: -sympy.sin(x), "np.cos"),
        Scalar(sympy.tan, lambda x, y: 1 + y**2, "np.tan"),
        Scalar(sympy.atan, lambda x, y: 1 / (1 + x**2), "np.arctan"),
        Scalar(sympy.Abs, lambda x, y: sympy.sign(x), "np.abs"),
        Scalar(sympy.sign, lambda x, y: Integer(0), "np.sign"),
        Scalar(sigmoid, lambda x, y: y * (1 - y), "_sigmoid", r"\sigma"),
        Scalar(softplus, lambda x, y: sigmoid(x), "_softplus", r"\operatorname{softplus}"),
        Scalar(relu, lambda x, y: step(x), "_relu", r"\operatorname{relu}"),
        Scalar(step, lambda x, y: Integer(0), "_step", r"\operatorname{step}"),
        Scalar(stop, lambda x, y: Integer(0), "_stop", r"\operatorname{stop}"),
    )
}

# Irrational constants: symbol -> name in the generated module. There they are named values, so
# that exact arithmetic can put others in their place.
CONSTANTS: dict[Expr, str] = {sympy.pi: "_PI", sympy.E: "_E"}
