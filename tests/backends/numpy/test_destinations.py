"""Pass: loops compute in place."""

import numpy as np
import pytest
from sympy import Eq, Sum, tanh

from derive.backends.numpy.destinations import in_place
from derive.backends.numpy.text import program_text
from derive.backends.numpy.tree import (
    ALL,
    NONE,
    Assign,
    Binary,
    For,
    If,
    Literal,
    Name,
    Node,
    Product,
    TupleOf,
    Unary,
    Update,
    call,
    numpy,
)
from derive.language import Operation, axes, parameter, sizes, state, tensor
from tests.backends.numpy.building import failures

t = Name("t")
a, b, c, w, z = (Name(n) for n in "abcwz")
ROW = TupleOf((Name("N"), Name("N")))
SHAPES = {"a": (4, 3, 3), "b": (4, 3, 3), "c": (5, 3, 3), "w": (3, 3), "z": (3, 3)}


def at(index: Node, shift: int = 0) -> Node:
    return index + Literal(shift) if shift else index


def texts(*lines) -> tuple[str, str]:
    """The loop as it was, and as it is computed in place."""
    loop = For(t, call("range", Name("T")), lines)
    arrays = {name: (-(name == "c"), *(0,) * (len(shape) - 1)) for name, shape in SHAPES.items()}
    taken = {*arrays, "T", "N", "t", "dtype"}
    return program_text([loop], 0), program_text(in_place(loop, arrays, taken), 0)


def results(text: str) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    values = {name: rng.uniform(0.5, 1.5, shape) for name, shape in SHAPES.items()}
    exec(text, {"np": np, "dtype": np.dtype(float), "T": 4, "N": 3, "k": 2, **values})
    return values


def test_results_go_into_the_target():
    """The example of the docstring."""
    _, text = texts(Assign(c[at(t, 1)], c[t] * a[t] + b[t] * z, ROW))
    assert text.splitlines() == [
        "buffer = np.empty((N, N), dtype)",
        "for t in range(T):",
        "    c_t = c[t + 1]",
        "    np.multiply(c[t], a[t], out=c_t)",
        "    np.multiply(b[t], z, out=buffer)",
        "    c_t += buffer",
    ]


def test_a_matrix_of_every_round_is_laid_out_once():
    """Not one that a round writes, and not a row."""
    turned = w.transpose(1, 0)
    _, text = texts(Assign(c[at(t, 1)], Product("@", c[t], turned, ROW), ROW))
    before, inside = text.split("for ")
    assert "np.ascontiguousarray(w.transpose(1, 0))" in before
    assert "np.matmul(c[t], w_matrix, out=c[t + 1])" in inside
    _, text = texts(
        Assign(c[at(t, 1)], Product("@", c[t], turned, ROW), ROW), Update(w, c[t], "+", ROW)
    )
    assert "ascontiguousarray" not in text


ONES = Literal(1)
CASES = {
    "sum of products": [Assign(a[t], b[t] * z - w * c[t], ROW)],
    "the heavier operand last": [Assign(a[t], b[t] - (z - w * c[t]) * (ONES + b[t]), ROW)],
    "what is overwritten is read": [Assign(a[t], (b[t] * z) - (a[t] * w), ROW)],
    "it is read at another row": [Assign(c[at(t, 1)], (c[t] * z) - (c[at(t, 1)] * w), ROW)],
    "at a row that is not known": [Assign(c[t], (b[t] * z) - (c[Name("k")] * w), ROW)],
    "it is read as a whole": [Assign(z[Literal(...)], (b[t] * w) - (z * z), ROW)],
    "update": [Update(a[t], b[t] * z * w + numpy("tanh", b[t]), "+", ROW)],
    "update by itself": [Update(a[t], a[t] * z - a[t], "+", ROW)],
    "negated": [Assign(a[t], Unary("-", b[t] * z), ROW), Assign(b[t], Unary("-", a[t]), ROW)],
    "copies": [Assign(a[t], b[t], ROW), Update(a[t], b[t], "+", ROW), Assign(b[t], a[t], ROW)],
    "products": [
        Assign(a[t], Product("@", b[t], w.transpose(1, 0), ROW) * z, ROW),
        Update(c[at(t, 1)], Product("@", c[t], a[t], ROW), "+", ROW),
        Update(z, Product("@", c[t], a[t], ROW) - Product("@", a[t], w, ROW), "+", ROW),
    ],
    "a product of itself": [Assign(z[Literal(...)], Product("@", z, w, ROW), ROW)],
    "reshaped product": [
        Assign(c[t], Product("@", w, b[t], ROW).reshape(Name("N"), Name("N")), ROW)
    ],
    "columns": [
        Assign(a[t, ALL, Literal(0)], b[t, ALL, Literal(1)] * z[Literal(0)], TupleOf((Name("N"),)))
    ],
    "broadcast": [Assign(a[t], z[Literal(0)] * z[Literal(1)] + w[NONE, Literal(2)], ROW)],
    "other functions": [
        Assign(a[t], numpy("where", Binary(">", b[t], ONES), b[t] * z, w * z), ROW),
        Assign(a[t], numpy("maximum", ONES, numpy("square", a[t] * z)), ROW),
    ],
    "numbers": [Assign(a[t], b[t] * Binary("/", ONES, Name("T")), ROW)],
    "under a condition": [
        If(Binary(">", t, ONES), (Assign(a[t], b[t] * z, ROW), Update(a[t], b[t]))),
        Update(a[t], b[t] * z, "+", ROW),
    ],
}


@pytest.mark.parametrize("lines", CASES.values(), ids=CASES)
def test_the_same_is_computed(lines):
    """Whatever is read while it is overwritten."""
    before, after = texts(*lines)
    expected, found = results(before), results(after)
    for name in SHAPES:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-13)


@pytest.mark.parametrize("name", ["sum of products", "update", "products", "broadcast"])
def test_nothing_is_allocated_in_the_loop(name):
    """Every function is told where to write."""
    _, after = texts(*CASES[name])
    for line in after[after.index("for t") :].splitlines()[1:]:
        assert "out=" in line or "np." not in line, line


def test_an_entry_is_no_place_to_write():
    """``total[t]`` is a number where total has one axis."""
    before, after = texts(Assign(z[t, t], b[t, t, t] * z[t, t], TupleOf(())))
    assert before == after


def test_new_names_are_not_those_of_a_definition():
    """Tensors and sizes may be called what buffers, rows and stacks would be."""
    T, buffer2 = sizes("T buffer2")
    s, n, m = axes("s n m", T, buffer2, buffer2)
    x, y, h = tensor("buffer", T, buffer2), tensor("h_bar_next", T, buffer2), state("h", T, buffer2)
    weight = parameter("buffer_split", buffer2, buffer2)
    past = Sum(weight[n, m] * h[s - 1, m], m)
    equations = (Eq(h[-1, n], 0), Eq(h[s, n], tanh(past + x[s, n]) * x[s, n]), Eq(y[s, n], h[s, n]))
    assert failures(Operation("f", "F.", (x, weight), (y,), equations), count=4) == []
