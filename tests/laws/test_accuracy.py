"""How exact every scalar function is, and its slope: in units of the last place, at all exponents.

The right numbers are mpmath's, from formulas that are written down here a second time.
"""

import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import mpmath as mp
import numpy as np
import pytest
from sympy import Eq

import derive
from derive.language import Operation, axes, sizes, tensor
from derive.language.scalars import SCALARS

DIGITS = 60


def sigmoid(x):
    return 1 / (1 + mp.exp(-x))


def softplus(x):
    return mp.log1p(mp.exp(x)) if x < 0 else x + mp.log1p(mp.exp(-x))


def normal(x):
    return mp.mpf(int(x > 0)) if abs(x) > 10**6 else mp.ncdf(x)


def gate_tanh(x):
    return sigmoid(mp.sqrt(8 / mp.pi) * (x + mp.mpf("0.044715") * x**3))


def gate_tanh_slope(x):
    steep = mp.sqrt(8 / mp.pi) * (1 + mp.mpf("0.134145") * x**2)
    return gate_tanh(x) * gate_tanh(-x) * steep


def gate_mish(x):
    return mp.tanh(softplus(x))


def gate_mish_slope(x):
    return mp.sech(softplus(x)) ** 2 * sigmoid(x)


@dataclass(frozen=True)
class Row:
    """What a function and its slope are, and how many units they may be off.

    A unit is that of the last place of the right number; below the normal numbers, that of the
    factor x of a gate counts as well. With `condition`, it is at least what a last place of the
    argument makes of the number; with `floor`, at least the last place of 1 in a slope, of which
    ``1 - y**2`` says no more than that.
    """

    value: Callable
    slope: Callable
    units: float = 2
    slope_units: float = 4
    condition: bool = False
    floor: bool = False


ROWS = {
    "exp": Row(mp.exp, mp.exp),
    "log": Row(mp.log, lambda x: 1 / x),
    "log1p": Row(mp.log1p, lambda x: 1 / (1 + x)),
    "expm1": Row(mp.expm1, mp.exp),
    "tanh": Row(mp.tanh, lambda x: mp.sech(x) ** 2, floor=True),
    "sinh": Row(mp.sinh, mp.cosh),
    "cosh": Row(mp.cosh, mp.sinh),
    "sin": Row(mp.sin, mp.cos),
    "cos": Row(mp.cos, lambda x: -mp.sin(x)),
    "tan": Row(mp.tan, lambda x: 1 + mp.tan(x) ** 2, units=4, slope_units=8),
    "atan": Row(mp.atan, lambda x: 1 / (1 + x**2)),
    "lorentzian": Row(
        lambda x: 1 / (1 + x**2), lambda x: -2 * x / (1 + x**2) ** 2, 4, 8, floor=True
    ),
    "Abs": Row(abs, mp.sign, 0, 0),
    "sign": Row(mp.sign, lambda x: 0, 0, 0),
    "erf": Row(mp.erf, lambda x: 2 / mp.sqrt(mp.pi) * mp.exp(-(x**2)), 4, 4, condition=True),
    "normal_cdf": Row(normal, mp.npdf, 4, 4, condition=True),
    "normal_pdf": Row(mp.npdf, lambda x: -x * mp.npdf(x), 4, 4, condition=True),
    "sigmoid": Row(sigmoid, lambda x: sigmoid(x) * sigmoid(-x), 3, 4, floor=True),
    "softplus": Row(softplus, sigmoid, 3, 3),
    "softsign": Row(lambda x: x / (1 + abs(x)), lambda x: 1 / (1 + abs(x)) ** 2),
    "silu": Row(
        lambda x: x * sigmoid(x), lambda x: sigmoid(x) + x * sigmoid(x) * sigmoid(-x), 4, 8
    ),
    "mish": Row(
        lambda x: x * gate_mish(x), lambda x: gate_mish(x) + x * gate_mish_slope(x), 4, 16
    ),
    "gelu": Row(
        lambda x: x * normal(x), lambda x: normal(x) + x * mp.npdf(x), 6, 8, condition=True
    ),
    "gelu_tanh": Row(
        lambda x: x * gate_tanh(x), lambda x: gate_tanh(x) + x * gate_tanh_slope(x), 4, 16,
        condition=True,
    ),
    "bounded": Row(lambda x: min(max(x, -1e9), 1e9), lambda x: 1, 0, 0),
    "relu": Row(lambda x: max(x, 0), lambda x: int(x > 0), 0, 0),
    "step": Row(lambda x: int(x > 0), lambda x: 0, 0, 0),
    "stop": Row(lambda x: x, lambda x: 0, 0, 0),
}  # fmt: skip
ROOTS = {"silu": -1.2785, "mish": -1.1924, "gelu": -0.7518, "gelu_tanh": -0.7525}
"""Where a slope is 0, and nothing is relative to it: there a unit is that of 1."""


def test_every_function_has_a_row():
    assert ROWS.keys() == {function.__name__ for function in SCALARS}


@cache
def module():
    """One operation with every function, each of its own input."""
    inputs, outputs, equations = [], [], []
    for function in SCALARS:
        name = function.__name__.lower()
        (size,) = sizes(f"N_{name}")
        (n,) = axes(f"n_{name}", size)
        x, y = tensor(f"x_{name}", size), tensor(f"y_{name}", size)
        inputs.append(x)
        outputs.append(y)
        equations.append(Eq(y[n], function(x[n])))
    return derive.compile(
        Operation(
            name="every", summary="Every function.", inputs=tuple(inputs), outputs=tuple(outputs),
            equations=tuple(equations),
        )
    )  # fmt: skip


@cache
def points(dtype: str) -> np.ndarray:
    """Numbers of every exponent, subnormal ones included, of either sign, and 0."""
    info, rng = np.finfo(dtype), np.random.default_rng(0)
    exponents = np.arange(info.minexp - info.nmant, info.maxexp)
    dense = np.repeat(np.arange(-8, 11), 12)
    chosen = np.concatenate([exponents if dtype == "float32" else exponents[::3], dense])
    sizes_of = np.ldexp(1 + rng.random(chosen.size), chosen).astype(dtype)
    return np.concatenate([sizes_of, -sizes_of, [0], [info.max, -info.max]]).astype(dtype)


@dataclass
class Measured:
    x: np.ndarray
    right: list
    right_slope: list
    found: np.ndarray
    slope: np.ndarray


@cache
def measured(dtype: str) -> dict[str, Measured]:
    """Values and slopes wherever both are numbers of the type; no warning is raised."""
    mp.mp.dps = DIGITS
    most = float(np.finfo(dtype).max)
    arguments, rights = [], {}
    for function in SCALARS:
        name = function.__name__
        kept, values, slopes = [], [], []
        for x in points(dtype):
            exact = mp.mpf(float(x))
            try:
                value, slope = ROWS[name].value(exact), ROWS[name].slope(exact)
            except (ZeroDivisionError, ValueError):
                continue
            if isinstance(value, mp.mpc) or not max(abs(value), abs(slope)) < most:
                continue
            kept.append(x)
            values.append(value)
            slopes.append(slope)
        arguments.append(np.array(kept, dtype))
        rights[name] = values, slopes
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        outputs, residuals = module().forward(*arguments)
        bars = type(outputs)(*(np.ones_like(y) for y in outputs))
        grads = module().backward(bars, residuals)
    return {
        function.__name__: Measured(x, *rights[function.__name__], y, slope)
        for function, x, y, slope in zip(SCALARS, arguments, outputs, grads, strict=True)
    }


def units(x, found, right, least, dtype) -> float:
    """By how many units of the last place the numbers are off."""
    info, worst = np.finfo(dtype), 0.0
    for point, got, exact, floor in zip(x, found.tolist(), right, least, strict=True):
        exponent = mp.frexp(max(abs(exact), floor))[1] - 1
        place = mp.ldexp(1, max(exponent, info.minexp) - info.nmant)
        if exponent < info.minexp:
            place *= max(1, abs(point))
        worst = max(worst, float(abs(mp.mpf(got) - exact) / place))
    return worst


def bends(row: Row, x: float) -> mp.mpf:
    """What a last place of x makes of the slope, in the last places of 1."""
    x, step = mp.mpf(x), mp.mpf(10) ** -20
    return abs(row.slope(x * (1 + step)) - row.slope(x)) / step if row.condition else mp.mpf(0)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", ROWS)
def test_values_and_slopes(name, dtype):
    """They are as exact as the table says, and where they can be told NumPy warns of nothing."""
    row, seen = ROWS[name], measured(dtype)[name]
    assert seen.found.dtype == seen.slope.dtype == dtype
    x = seen.x.tolist()
    least = [abs(p * s) * row.condition for p, s in zip(x, seen.right_slope, strict=True)]
    assert units(x, seen.found, seen.right, least, dtype) <= row.units
    least = [max(bends(row, p), int(row.floor)) for p in x]
    root = ROOTS.get(name, np.inf)
    least = [1 if abs(p - root) < 0.2 else floor for p, floor in zip(x, least, strict=True)]
    assert units(x, seen.slope, seen.right_slope, least, dtype) <= row.slope_units
