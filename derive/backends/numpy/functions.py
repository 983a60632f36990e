"""What NumPy calls the functions of the table of scalar functions.

A name that starts with ``np.`` is a ufunc; one with ``_`` is a function that the generated module
carries with it (`templates/numpy/support/`), where NumPy has no such function or no stable one.
"""

from __future__ import annotations

import sympy

from derive.language import scalars

FUNCTIONS: dict[type, str] = {
    sympy.exp: "np.exp",
    sympy.log: "np.log",
    scalars.log1p: "np.log1p",
    scalars.expm1: "np.expm1",
    sympy.tanh: "np.tanh",
    sympy.sinh: "np.sinh",
    sympy.cosh: "np.cosh",
    sympy.sin: "np.sin",
    sympy.cos: "np.cos",
    sympy.tan: "np.tan",
    sympy.atan: "np.arctan",
    scalars.lorentzian: "_lorentzian",
    sympy.Abs: "np.abs",
    sympy.sign: "np.sign",
    sympy.erf: "_erf",
    scalars.normal_cdf: "_normal_cdf",
    scalars.normal_pdf: "_normal_pdf",
    scalars.sigmoid: "_sigmoid",
    scalars.softplus: "_softplus",
    scalars.softsign: "_softsign",
    scalars.silu: "_silu",
    scalars.mish: "_mish",
    scalars.gelu: "_gelu",
    scalars.gelu_tanh: "_gelu_tanh",
    scalars.bounded: "_bounded",
    scalars.relu: "_relu",
    scalars.step: "_step",
    scalars.stop: "_stop",
}
