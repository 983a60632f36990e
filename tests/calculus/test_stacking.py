"""Rows with names as one column: which statements make one, and where there is none."""

from dataclasses import replace

import pytest
from sympy import Eq, Sum, tanh

from derive.calculus.matrices import Leaf, Plus, Product
from derive.calculus.plain import plain
from derive.calculus.stacking import stacked
from derive.language import Operation, axes, parameter, sigmoid, sizes, tensor
from derive.ops import shipped
from derive.pipeline import derived, show

SHIPPED = {o.name: o for operations in shipped().values() for o in operations}
N, I, H = sizes("N I H")
n, i, j, row = axes("n i j row", N, I, H, 2)
x, w, b = tensor("x", N, I), parameter("w", (2, H), I), parameter("b", (2, H))
a, u, v, y = (tensor(name, N, *s) for name, s in
              (("a", ((2, H),)), ("u", (H,)), ("v", (H,)), ("y", (H,))))  # fmt: skip
MIXED = Eq(a[n, (row, j)], Sum(w[(row, j), i] * x[n, i], i) + b[(row, j)])
SPLIT = Eq(u[n, j], sigmoid(a[n, (0, j)])), Eq(v[n, j], tanh(a[n, (1, j)]))


def operation(*equations) -> Operation:
    return Operation(
        "split", "", (x, w, b), (y,), (MIXED, *equations, Eq(y[n, j], u[n, j] * v[n, j])),
        rows={"row": ("first", "second")},
    )  # fmt: skip


def test_rows_that_are_read_one_by_one_are_a_column():
    (one,) = stacked(derived(operation(*SPLIT)))
    assert [leaf.entry for leaf in one.targets] == [u[n, j], v[n, j]]
    assert one.functions == (sigmoid, tanh)
    assert isinstance(one.value, Plus)
    product, bias = (matrix for _, matrix in one.value.terms)
    assert isinstance(product, Product) and isinstance(bias, Leaf)
    weight, vector = product.factors
    assert isinstance(weight, Leaf) and isinstance(vector, Leaf)
    assert weight.rows == bias.rows == one.value.rows and weight.columns == vector.rows == i
    assert weight.rows is not None and weight.rows.extent == 2 * H
    assert vector.subscripts == (n,) and vector.columns is None


@pytest.mark.parametrize(
    "equations",
    [
        (SPLIT[0], Eq(v[n, j], tanh(a[n, (1, j)] + b[(0, j)]))),  # more than the entry
        (SPLIT[0], Eq(v[n, j], tanh(a[n, (0, j)]))),  # one row twice, one never
        (SPLIT[0], Eq(v[n, j], tanh(a[n, (1, H - 1 - j)]))),  # in another order
        (SPLIT[0], Eq(v[n, j], a[n, (1, j)])),  # no function
        (Eq(u[n, j], Sum(a[n, (row, j)], row)), Eq(v[n, j], tanh(a[n, (1, j)]))),  # all at once
    ],
)
def test_what_is_read_otherwise_is_none(equations):
    assert not [*stacked(derived(operation(*equations)))]


def test_rows_without_names_are_none():
    assert not [*stacked(derived(replace(operation(*SPLIT), rows={})))]


@pytest.mark.parametrize(
    ("name", "count"),
    [("lstm", 1), ("lstm_cell", 1), ("lstm_coupled", 1), ("lstm_bidirectional", 2),
     ("lstm_peephole", 0), ("lstm_clipped", 0), ("lstm_truncated", 0), ("gru", 0), ("rnn", 0)],
)  # fmt: skip
def test_which_networks_have_one(name, count):
    assert len([*stacked(derived(plain(SHIPPED[name])))]) == count


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (
            "text",
            "    (i⟨t⟩[n]; f⟨t⟩[n]; g⟨t⟩[n]; o⟨t⟩[n]) =\n"
            "        (sigmoid; sigmoid; tanh; sigmoid)\n"
            "        (W x⟨t⟩[n] + U h⟨t − 1⟩[n] + b_W + b_U)\n"
            "      each function is applied to its own rows\n",
        ),
        (
            "latex",
            r" & = \begin{pmatrix} \sigma \\ \sigma \\ \tanh \\ \sigma \end{pmatrix}\,"
            r"(\mathbf{W}\,\mathbf{x}^{\langle t\rangle}_{n} + \mathbf{U}\,"
            r"\mathbf{h}^{\langle t - 1\rangle}_{n} + \mathbf{b}_{\mathrm{W}} + "
            r"\mathbf{b}_{\mathrm{U}}) \\",
        ),
        ("html", "<mtr><mtd><mi>σ</mi></mtd></mtr><mtr><mtd><mi>tanh</mi></mtd></mtr>"),
    ],
)
def test_every_format_shows_it(kind, line):
    assert line in show(SHIPPED["lstm"], kind, dictionary="ifgo")
