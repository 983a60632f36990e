"""Statements at numbers: which entries they write and read."""

import pytest
from sympy import Eq, Sum

from derive.calculus.array import Array
from derive.calculus.instance import Entry, Instance, Unknown
from derive.calculus.lift import to_system
from derive.calculus.sizes import completed, free_sizes, symbols_of
from derive.language import Operation, axes, integers, option, parameter, size, sizes, tensor

P, U = sizes("P U")
p, u = axes("p u", P, U)
pace = option("pace", 1, minimum=1, spellings={"side by side": (U,)})
H = size("H", P + U - 1)
x, w, y = tensor("x", H, outside=0), parameter("w", U), tensor("y", P)
slid = Operation(
    "slid", "", (x, w), (y,), (Eq(y[p], Sum(w[u] * x[pace.settings[0] * p + u], u)),),
    options=(pace,),
)  # fmt: skip


def test_points():
    system = to_system(slid)
    instance = Instance(system, {P: 2, U: 2, H: 3, pace.settings[0]: 1})
    (statement,) = system.statements
    found = [(point.target.place, tuple(r.place for r in point.reads))
             for point in instance.points(statement)]  # fmt: skip
    assert found == [((0,), ((0,), (0,))), ((0,), ((1,), (1,))),
                     ((1,), ((0,), (1,))), ((1,), ((1,), (2,)))]  # fmt: skip
    assert instance.inside(Entry(x, (2,))) and not instance.inside(Entry(x, (3,)))
    assert len([*instance.points(statement, {p: 1})]) == 2


def test_integers_are_computed_and_given_ones_looked_up():
    N, V = sizes("N V")
    (n,) = axes("n", N)
    row, twice, table = integers("row", N, below=V), integers("twice", N), tensor("table", V)
    out = tensor("out", N)
    reading = Operation(
        "reading", "", (row, table), (out,),
        (Eq(twice[n], 2 * row[n]), Eq(out[n], table[twice[n] - row[n]])),
    )  # fmt: skip
    system = to_system(reading)
    values = {N: 2, V: 5}
    statement = next(s for s in system.statements if s.target.tensor == out)
    known = Instance(system, values, {row: {(0,): 3, (1,): 4}})
    reads = [point.reads[0].place for point in known.points(statement)]
    assert reads == [(3,), (4,)]
    with pytest.raises(Unknown, match="row"):
        [*Instance(system, values).points(statement)]


def test_sizes():
    system = to_system(slid)
    symbols = symbols_of(system)
    assert {s.name for s in symbols} == {"P", "U", "H", "pace"}
    assert free_sizes([H]) == (P, U)
    assert completed(symbols, slid.options, {}, {P: 4, U: 2})[H] == 5
    said = completed(symbols, slid.options, {"pace": "side by side"}, {P: 4, U: 2})
    assert said[pace.settings[0]] == 2
    Q = size("Q", P - 3)
    (q,) = axes("q", Q)
    a, b = tensor("a", P), tensor("b", Q)
    short = Operation("short", "", (a,), (b,), (Eq(b[q], a[q]),))
    assert completed(symbols_of(to_system(short)), (), {}, {P: 2}) is None


def test_an_array():
    array = Array((2, 3), tuple(range(6)))
    assert array[1, 2] == 5
    assert array.within((1,)) == Array((3,), (3, 4, 5))
    assert array.within((1, 0)) == Array((), (3,))
    assert dict(array.items())[0, 1] == 1
    assert array.shaped(3, 2)[2, 1] == 5
    with pytest.raises(IndexError):
        array[0, 3]
    with pytest.raises(ValueError, match="do not fill"):
        Array((2,), (1,))
