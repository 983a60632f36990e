"""One line of Unicode: the order of terms and factors, sums, conditions."""

import re

import pytest
from sympy import Max, Piecewise, Rational, Sum, exp, floor, sqrt, tanh

from derive.calculus.lift import to_system
from derive.calculus.statements import Guard, Statement
from derive.calculus.step import PartialDerivative, TotalDerivative
from derive.language import Equation, axes, integers, option, parameter, size, sizes, tensor
from derive.ops.dense import linear
from derive.ops.recurrent import OPERATIONS as RECURRENT
from derive.pipeline import show
from derive.prose.text import (
    equation_text,
    expression_text,
    guard_text,
    statement_text,
)

N, H, U, K = sizes("N H U K", minimum=1)
s, d = (option(name, 1, minimum=1).settings[0] for name in "sd")
pad = option("pad", 0, minimum=0).settings[0]
P = size("P", floor((H + 2 * pad - d * (U - 1) - 1) / s) + 1)
n, h, u, k, p = axes("n h u k p", N, H, U, K, P)
x, w = tensor("x", N, H, outside=0), parameter("w", K, U)
y_bar = tensor("y_bar", N, K, P, outside=0)
y = tensor("y", N, K, P)
label = integers("label", N, below=K)


@pytest.mark.parametrize(
    ("expression", "text"),
    [
        (H - 1, "H − 1"),
        (U - 1 - u, "U − 1 − u"),
        (s * p + d * u - pad, "s·p + d·u − pad"),
        (h + pad - d * u, "h + pad − d·u"),
        (h + pad - d * U + d + d * u, "h + pad − d·(U − 1 − u)"),
        (h + u + 1 - U, "h + u − (U − 1)"),
        ((h - u) / s, "(h − u)/s"),
        ((h - 1) / 2, "(h − 1)/2"),
        (P.formula, "floor((H + 2·pad − d·(U − 1) − 1)/s) + 1"),
        (x[n, h] ** 2, "x[n,h]²"),
        (sqrt(x[n, h]), "√x[n,h]"),
        (1 / sqrt(x[n, h] + 1), "1/√(x[n,h] + 1)"),
        (sqrt(x[n, h]) ** 3, "x[n,h]^(3/2)"),
        (1 - tanh(x[n, h]) ** 2, "1 − tanh(x[n,h])²"),
        (-x[n, h], "−x[n,h]"),
        (x[n, h] * (1 + w[k, u]), "x[n,h]·(w[k,u] + 1)"),
        (exp(-x[n, h]), "exp(−x[n,h])"),
        (x[n, h] / H, "x[n,h]/H"),
        (x[n, h] / (H * U), "x[n,h]/(H·U)"),
        (Rational(1, 2) * x[n, h], "x[n,h]/2"),
        (Max(x[n, h], 0), "max(0, x[n,h])"),
        (Piecewise((x[n, h], h >= u), (0, True)), "{x[n,h] if h ≥ u; 0 otherwise}"),
        (x[n, h - u], "x[n, h − u]"),
        (tensor("z")[()], "z"),
    ],
    ids=str,
)
def test_expressions(expression, text):
    assert expression_text(expression) == text


@pytest.mark.parametrize(
    ("guard", "text"),
    [
        (Guard("ge", h - u), "h ≥ u"),
        (Guard("ge", H - 1 - h - u), "h + u < H"),
        (Guard("ge", h - 1), "h ≥ 1"),
        (Guard("eq", h - d * u), "h = d·u"),
        (Guard("divides", h + pad - d * u, s), "s | h + pad − d·u"),
        (Guard("indivisible", h, s), "s ∤ h"),
        (Guard("ge", label[n] - 1), "label[n] ≥ 1"),
        (Guard("ge", K - 1 - label[n]), "label[n] ≤ K − 1"),
    ],
    ids=str,
)
def test_guards(guard, text):
    assert guard_text(guard) == text


def test_a_sum_names_its_indices_and_conditions():
    where = (Guard("ge", h - u), Guard("ge", H - 1 - h + u))
    statement = Statement((n, h, u), tensor("z", N, H)[n, h], x[n, h - u] * w[0, u], where)
    assert statement_text(statement, (x, w)) == ("z[n,h] = Σ_{u: 0 ≤ h − u < H} x[n, h − u]·w[0,u]")


def test_a_maximum_says_so():
    statement = Statement((n, h), tensor("z", N)[n], x[n, h], op="max")
    assert statement_text(statement) == "z[n] = max_{h} x[n,h]"


def test_a_condition_without_a_sum():
    statement = Statement((n, h), x[n, h], w[0, 0], (Guard("eq", n - h),))
    assert statement_text(statement) == "x[n,h] = [n = h]·w[0,0]"


def test_cases_that_are_0_otherwise_are_conditions():
    inner = Piecewise((x[n, h] * w[0, 0], x[n, h] > 0), (0, True))
    statement = Statement((n, h), y_bar[n, 0, 0], 2 * Piecewise((-inner, h >= 1), (0, True)))
    assert statement_text(statement).endswith("= −Σ_{h: h ≥ 1, x[n,h] > 0} 2·w[0,0]·x[n,h]")
    either = Statement((n,), tensor("z", N)[n], Piecewise((x[n, 0], n >= 1), (1, True)))
    assert statement_text(either) == "z[n] = {x[n,0] if n ≥ 1; 1 otherwise}"


def test_partial_derivatives_stand_in_a_chain():
    a, b, c = (tensor(name, N) for name in "abc")
    one, two = PartialDerivative(c, b)[n, h], PartialDerivative(b, a)[h, k]
    statement = Statement((n, k, h), TotalDerivative(c, a)[n, k], two * one)
    assert statement_text(statement) == "dc[n]/da[k] = Σ_{h} ∂c[n]/∂b[h]·∂b[h]/∂a[k]"


def test_a_scatter_adds():
    statement = Statement((n, h, u), x[n, h + u], w[0, u])
    assert statement_text(statement) == "x[n, h + u] += w[0,u]"


def test_several_statements_of_one_target_are_one_equation():
    system = to_system(linear)
    assert statement_text(system.statements, linear.inputs) == (
        "y[n,o] = bias[o] + Σ_{i} x[n,i]·weight[o,i]"
    )


def test_cotangents_come_first_and_inputs_as_declared():
    statement = Statement((n, h, k, p), x[n, h], w[k, 0] * y_bar[n, k, p])
    assert statement_text(statement).endswith("y_bar[n,k,p]·w[k,0]")
    forward = Statement((n, k, p, h), y[n, k, p], w[k, 0] * x[n, h])
    assert statement_text(forward, (x, w)).endswith("x[n,h]·w[k,0]")


def test_an_equation_as_written():
    equation = Equation(y[n, k, p], Sum(x[n, s * p + d * u - pad] * w[k, u], u))
    assert equation_text(equation, (x, w)) == ("y[n,k,p] = Σ_{u} x[n, s·p + d·u − pad]·w[k,u]")


def test_rows_go_by_their_names():
    """Also those of a cotangent, and beside a δ."""
    text = show(next(o for o in RECURRENT if o.name == "lstm_cell"), "text", all_steps=True)
    assert "forget_gate[n,j] = sigmoid(a[n,forget,j])" in text
    assert "a_bar[n,forget,j] = forget_gate_bar[n,j]" in text
    assert "δ[gate, forget]" in text
    assert not re.search(r"\ba(_bar)?\[n,\d", text)


def test_a_slope_stands_before_the_weights_unless_a_cotangent_does():
    """Of what nobody wrote; plain products stay as declared."""
    slope = 1 - x[n, h] ** 2
    assert expression_text(w[k, u] * slope, (w, x)) == "(1 − x[n,h]²)·w[k,u]"
    assert expression_text(w[k, u] * slope * y_bar[n, k, p], (w, x)) == (
        "y_bar[n,k,p]·w[k,u]·(1 − x[n,h]²)"
    )
    assert expression_text(w[k, u] * x[n, h], (w, x)) == "w[k,u]·x[n,h]"
    assert expression_text(tanh(x[n, h]) * (1 - tanh(x[n, h]))) == "tanh(x[n,h])·(1 − tanh(x[n,h]))"


def test_a_condition_is_no_factor_of_1():
    assert statement_text(Statement((n,), y[n, 0, 0], 1 + 0 * n, (Guard("ge", -pad),))) == (
        "y[n,0,0] = [pad ≤ 0]"
    )


def test_a_condition_begins_with_what_it_is_about():
    """However SymPy turned it round."""
    value = Piecewise((x[n, h], x[n, h] <= s), (0, x[n, h] < d), (1, True))
    assert expression_text(value) == "{x[n,h] if x[n,h] ≤ s; 0 if x[n,h] < d; 1 otherwise}"
