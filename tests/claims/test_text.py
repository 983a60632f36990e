"""Claims and numbers as text."""

from fractions import Fraction

import mpmath
import numpy as np
import pytest
from sympy import Eq, Piecewise, Sum

from derive import Claim, Operation, axes, cotangent, derivative, sizes, tensor
from derive.claims.known import known_of
from derive.claims.line import line_of
from derive.claims.text import ClaimText, array_text, number_text, wrapped
from derive.verification.number import Number

(N,) = sizes("N")
n, m = axes("n m", N, N)
x, y, z = tensor("x", N), tensor("y", N), tensor("z", N)
square = Operation("square", ".", (x,), (y,), (Eq(y[n], x[n] ** 2),))
dx, dy = cotangent(x), cotangent(y)


@pytest.mark.parametrize(
    "equation, text",
    [
        (Eq(dx[n], 2 * x[n] * dy[n]), "x_bar[n] = 2·x[n]·y_bar[n]"),
        (Eq(dx[0], Sum(dy[n], (n, 1, N - 1))), "x_bar[0] = Σ_{n: 1 ≤ n < N} y_bar[n]"),
        (Eq(dx[0], Sum(dy[n], (n, 0, N - 2))), "x_bar[0] = Σ_{n: 0 ≤ n < N − 1} y_bar[n]"),
        (Eq(dx[0], Sum(dy[n], (n, 0, 3))), "x_bar[0] = Σ_{n: 0 ≤ n ≤ 3} y_bar[n]"),
        (Eq(dx[0], Sum(dy[n], (n, 0, N - 1))), "x_bar[0] = Σ_{n} y_bar[n]"),
        (
            Eq(dx[n], Sum(Piecewise((dy[m], m <= n), (0, True)), m)),
            "x_bar[n] = Σ_{m: m ≤ n} y_bar[m]",
        ),
        (
            Eq(dx[n], Piecewise((dy[n], x[n] > 0), (0, True))),
            "x_bar[n] = y_bar[n] if x[n] > 0, else 0",
        ),
        (Eq(derivative(y, x)[n, m], 2 * x[n]), "dy[n]/dx[m] = 2·x[n]"),
    ],
)
def test_lines(equation, text):
    claim = Claim(square, equation)
    line = line_of(claim, known_of(square))
    assert ClaimText((), (), claim.order).line(line) == [text]


def test_what_a_claim_defines_is_said_behind_it():
    claim = Claim(square, Eq(dx[n], z[n]), where=(Eq(z[n], 2 * x[n] * dy[n]),))
    lines = ClaimText((), (), claim.order).line(line_of(claim, known_of(square)))
    assert lines == ["x_bar[n] = z[n]", "where z[n] = 2·x[n]·y_bar[n]"]


@pytest.mark.parametrize(
    "number, text",
    [
        (0, "0"),
        (-3, "−3"),
        (Fraction(-1, 3), "−1/3"),
        (2**1000, "1.07151e+301"),
        (Number(mpmath.mpf(1) / 3), "0.333333"),
        (Number(-2), "−2"),
        (Number(mpmath.inf), "infinite"),
        (Number(mpmath.nan), "not a number"),
    ],
)
def test_numbers(number, text):
    assert number_text(number) == text


def test_arrays():
    assert (
        array_text(np.array([[1, Fraction(1, 2)], [0, -1]], dtype=object)) == "[[1, 1/2], [0, −1]]"
    )
    assert array_text(np.array(7, dtype=object)) == "7"


def test_lines_fit_a_terminal_and_break_no_index():
    text = "x[n] = " + " + ".join(f"a[n, {i} + h]·b[n]" for i in range(12))
    lines = wrapped(text, "  claimed  ")
    assert all(len(line) <= 80 for line in lines) and len(lines) > 2
    assert all(line.startswith(" " * 13) for line in lines[1:])
    assert "".join(lines).replace(" ", "") == ("claimed" + text).replace(" ", "")
    assert all(line.count("[") == line.count("]") for line in lines)
