"""Arrays of real numbers have the dtype of the call: outputs, residuals and gradients."""

from typing import Any

import numpy as np
import pytest
from sympy import (
    Abs,
    Eq,
    Max,
    Min,
    Mod,
    Piecewise,
    Rational,
    Sum,
    ceiling,
    erf,
    exp,
    floor,
    log,
    pi,
    sign,
    sqrt,
    tanh,
)  # fmt: skip

from derive import compile
from derive.language import (
    Maximum,
    Operation,
    axes,
    gelu,
    integers,
    option,
    parameter,
    relu,
    sigmoid,
    silu,
    sizes,
    softplus,
    state,
    step,
    tensor,
)  # fmt: skip
from derive.verification.exact import leaves, like
from tests.cases import FEW, Trial

N, M, U, K, C = sizes("N M U K C")
n, m, u, k, c = axes("n m u k c", N, M, U, K, C)
x, y, z, b = tensor("x", N), tensor("y", N), tensor("z", N), tensor("b", M)
I = integers("I", N, below=M)
width = option("s", 1.5, integer=False, minimum=1, samples=(2.0,))
count = option("q", 2, minimum=1, samples=(3,))
(S,), (Q,) = width.settings, count.settings
R = Rational
X, B, J = np.array([0.3, -0.7, 1.1, 2.0, -1.2]), np.array([0.5, 2.0, -1.5]), np.arange(5) % 3
i = np.arange(5)


# What stands beside an array, and what it is for N = 5, s = 1.5, q = 2.
SCALARS = {
    "root of a size": (sqrt(N), 5**0.5),
    "its inverse": (1 / sqrt(N), 5**-0.5),
    "function of a setting": (exp(-S) + log(S), np.exp(-1.5) + np.log(1.5)),
    "logarithm of a size": (log(N + 1), np.log(6)),
    "squares": (S**2 + N**2 + N**3, 1.5**2 + 25 + 125),
    "powers": (S**-2 + N**-2 + S ** R(1, 3) + Q**3, 1.5**-2 + 1 / 25 + 1.5 ** (1 / 3) + 8),
    "quotients": (N / S + 1 / N + Q / N, 5 / 1.5 + 0.2 + 0.4),
    "own functions": (relu(S) + sigmoid(N), 1.5 + 1 / (1 + np.exp(-5))),
    "own functions of sizes": (
        erf(N) + softplus(N) + silu(S),
        1 + np.log1p(np.exp(5)) + 1.5 / (1 + np.exp(-1.5)) - 1.537e-12,
    ),
    "of numbers": (relu(2) + gelu(sqrt(2)), 2 + np.sqrt(2) * 0.9213503964748575),
    "extrema": (Max(S, R(1, 2)) + Min(N, S, 2 / S), 1.5 + 2 / 1.5),
    "extrema of an index": (
        Max(n / 2 - R(1, 4), 0) + Min(n, S), np.maximum(i / 2 - 0.25, 0) + np.minimum(i, 1.5),
    ),
    "roundings": (floor(N / 2) + ceiling(N / 3), 4),
    "roundings of an index": (floor(n / 2) + Mod(n, 3), i // 2 + i % 3),
    "functions of an index": (
        exp(-n) + sqrt(n + 1) + 1 / (n + 1), np.exp(-i) + np.sqrt(i + 1) + 1 / (i + 1),
    ),
    "powers of numbers": (2**-n + S**n + 10000 ** (-n / N), 0.5**i + 1.5**i + 10000 ** (-i / 5)),
    "several": (sqrt(S + N) - sqrt(S * N + exp(S)), 6.5**0.5 - (7.5 + np.exp(1.5)) ** 0.5),
    "irrational": (sqrt(2) * pi - R(1, 3), 2**0.5 * np.pi - 1 / 3),
}  # fmt: skip


def precise(operation: Operation, *arrays, right=None) -> None:
    """The module keeps both dtypes, takes its own output for a gradient, and both mean the same."""
    module = compile(operation)
    wide = None
    for dtype in ("float64", "float32"):
        given = [a.astype(dtype) if a.dtype.kind == "f" else a for a in arrays]
        output, residuals = module.forward(*given)
        grads = module.backward(output, residuals)
        integer = {t.name for t in operation.inputs if t.integer}
        kept = {f: a for f, a in residuals._asdict().items() if isinstance(a, np.ndarray)}
        found = {f: a for f, a in kept.items() if f not in integer and not f.endswith("argmax")}
        found |= {"output": output, **grads._asdict()}
        assert {f: a.dtype.name for f, a in found.items()} == dict.fromkeys(found, dtype)
        if right is not None:
            np.testing.assert_allclose(output, right, rtol=1e-12 if wide is None else 1e-4)
        wide = found if wide is None else wide
        for name, array in found.items():
            np.testing.assert_allclose(array, wide[name], rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("name", SCALARS)
def test_what_is_computed_from_sizes_settings_and_indices_takes_the_precision_of_arrays(name):
    scalar, number = SCALARS[name]
    for value, right in ((x[n] * scalar, X * number), (x[n] + scalar, X + number)):
        used = tuple(o for o in (width, count) if value.has(o.settings[0]))
        operation = Operation("precise", "A test.", (x,), (y,), (Eq(y[n], value),), used)
        precise(operation, X, right=right)


h = state("h", N)
image, image2 = tensor("x", N, outside=0), tensor("x", M, C, N, outside=0)
taps, taps2, y2 = parameter("w", U), parameter("w", K, C, U), tensor("y", M, K, N)
factor = exp(-S) / sqrt(U) * S**2
DEFINITIONS = {
    "indicator of entries": (
        (Eq(z[n], Piecewise((1, x[n] > 1), (0, True))), Eq(y[n], z[n] * x[n] + z[n] / 3)),
        (x,), (X,),
    ),
    "cases of numbers": (
        (Eq(y[n], x[n] + Piecewise((1, x[n] > 1), (R(1, 3), x[n] > 0), (S, True))),), (x,), (X,),
    ),
    "indicator of indices": (
        (Eq(z[n], Piecewise((1, n > 1), (0, True))), Eq(y[n], z[n] * x[n] + z[n] / 3)), (x,), (X,),
    ),
    "integers as values": (
        (Eq(z[n], I[n]), Eq(y[n], z[n] * x[n] + I[n] ** 2 / 3 + b[I[n]])), (x, I, b), (X, J, B),
    ),
    "largest of numbers": (
        (Eq(z[n], Maximum(Piecewise((1, Eq(I[n], m)), (0, True)), m)),
         Eq(y[n], z[n] * x[n] + b[I[n]])), (x, I, b), (X, J, B),
    ),
    "signs": ((Eq(y[n], sign(x[n]) + Abs(x[n]) + step(x[n])),), (x,), (X,)),
    "a loop": (
        (Eq(h[-1], 0),
         Eq(h[n], tanh(h[n - 1] * exp(-n) / sqrt(N) + x[n] * S**2 + Max(n, S))),
         Eq(y[n], h[n])), (x,), (X,),
    ),
    "a mean": (
        (Eq(y[n], Sum(x[n] * b[m], m) / sqrt(M) + Sum(exp(-m) * b[m], m)),), (x, b), (X, B),
    ),
    "windows": ((Eq(y[n], Sum(image[n + u] * taps[u], u) * factor),), (image, taps), (X, B)),
    "windows of channels": (
        (Eq(y2[m, k, n], Sum(image2[m, c, n + u] * taps2[k, c, u], c, u) * factor * sqrt(2)),),
        (image2, taps2), (np.cos(np.arange(36.0)).reshape(2, 3, 6), np.ones((2, 3, 2)) / 3),
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", DEFINITIONS)
def test_numbers_where_no_array_is_are_of_the_dtype_of_the_call(name):
    equations, inputs, arrays = DEFINITIONS[name]
    used = (width,) if any(e.has(S) for e in equations) else ()
    output = equations[-1].lhs.tensor
    precise(Operation("precise", "A test.", inputs, (output,), equations, used), *arrays)


@pytest.mark.parametrize("trial", FEW, ids=str)
def test_backward_takes_the_output_of_forward(trial: Trial):
    """So both have one dtype, and so have the residuals and the gradients, in single precision."""
    arrays = trial.case.draw(np.random.default_rng(3)).values()
    single = [a if a is None or a.dtype.kind != "f" else a.astype("float32") for a in arrays]
    output, residuals = trial.subject.module.forward(*single, **trial.case.options)
    named: Any = {n: None if a.dtype.kind == "i" else a for n, a in leaves(output).items()}
    grads = trial.subject.module.backward(like(output, named), residuals)
    for array in (*leaves(output).values(), *residuals, *grads):
        if isinstance(array, np.ndarray) and array.dtype.kind == "f":
            assert array.dtype == "float32"


def test_a_size_may_be_a_divisor_that_is_0():
    """An empty array is divided by nothing; Python's own 1/0 would raise."""
    operation = Operation("none", "A test.", (x,), (y,), (Eq(y[n], x[n] + 1 / N + 1 / sqrt(N)),))
    module = compile(operation)
    output, residuals = module.forward(np.ones(0))
    assert output.shape == module.backward(output, residuals).x.shape == (0,)
