"""Programs are printed as a person would write them."""

from pathlib import Path

import pytest
from sympy import Integer, Symbol, exp

from derive.calculus.statements import Guard, Statement
from derive.language import axes, sizes, tensor
from derive.ops import shipped
from derive.pipeline import explain
from derive.program.grammar import (
    Allocate,
    Compute,
    Loop,
    Present,
    Program,
    Tile,
    Wanted,
    When,
)
from derive.program.show import show

HERE = Path(__file__).parent
SHIPPED = {o.name: o for operations in shipped().values() for o in operations}
T, N = sizes("T N")
t, n, m = axes("t n m", T, N, N)
x, y, b = tensor("x", T, N), tensor("y", T, N), tensor("b", N, optional=True)


@pytest.mark.parametrize("name", ["lstm", "correlate2d"])
def test_golden(name):
    """The whole of two programs; after a change that is meant:

    derive explain lstm > tests/program/lstm.txt
    """
    words = ("forward", "backward")
    text = "\n".join(explain(SHIPPED[name], word) for word in words) + "\n"
    assert text == (HERE / f"{name}.txt").read_text(encoding="utf-8")


def lines_of(*blocks) -> list[str]:
    return show(Program("f", (x, b), (y,), blocks, {y: "y"})).splitlines()


def test_indices_and_their_ranges_stand_on_top():
    _, ranges, *_ = lines_of(Compute(Statement((t, n, m), y[t, n], x[t, m])))
    assert ranges == "  m, n < N;  t < T"


def test_sums_conditions_and_what_joins_in():
    """``=`` sets, ``+=`` adds, and an axis of a loop is no sum."""
    added = Compute(Statement((t, n), y[t, n], exp(x[t, n]), (Guard("ge", n - 1),)))
    total = Compute(Statement((t, n, m), y[t, n], x[t, m]), "set")
    *_, one, other = lines_of(added, total)
    assert one == "y[t,n] += [n ≥ 1]·exp(x[t,n])"
    assert other == "y[t,n] = Σ_{m} x[t,m]"
    largest = Statement((t, n, m), y[t, n], x[t, m], op="max")
    *_, head, body = lines_of(Loop(t, (Compute(largest),), falling=True))
    assert head == "for t = T − 1 … 0:"
    assert body == "  y[t,n] max= max_{m} x[t,m]"


def test_rooms_parts_and_what_may_be_skipped():
    first, last = (Symbol(name, integer=True) for name in ("first", "last"))
    room = Allocate(y, Integer(0))
    part = Tile(t, first, last, N, (room,))
    given = When(Present((b,)), (Compute(Statement((t, n), y[t, n], b[n])),))
    found = lines_of(When(Wanted(frozenset({"x", "w"})), (part, given)))
    assert found[-5:] == [
        "if the gradient of w or x is wanted:",
        "  for each part first ≤ t < last of 0 ≤ t < T, N numbers a point:",
        "    new y = 0  [T × N]",
        "  if b is given:",
        "    y[t,n] += b[n]",
    ]
