"""What is proved of small programs, and what is not."""

from dataclasses import replace

import pytest
from sympy import Integer, Mod

from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Axis, Bound, Size, Tensor
from derive.program.check import faults, unproved
from derive.program.grammar import (
    Allocate,
    Choice,
    Compute,
    Loop,
    Present,
    Program,
    Tile,
    Wanted,
    When,
)

N, M = Size("N"), Size("M")
n, m = Axis("n", N), Axis("m", M)
x, y, z = (Tensor(name, ((N,),)) for name in "xyz")
h = Tensor("h", ((N + 1,),), offset=(-1,))
h0 = Tensor("h0", ())


def program(*body, inputs=(x, h0), outputs=(y,), wanted=None) -> Program:
    return Program("test", inputs, outputs, body, wanted or {})


def sets(target, value, *where, box=(n,)) -> Compute:
    return Compute(Statement(box, target, value, where), "set")


def adds(target, value, box=(n,)) -> Compute:
    return Compute(Statement(box, target, value))


COPY = sets(y[n], x[n])
BEGIN = sets(h[-1], h0[()], box=())
STEP = sets(h[n], h[n - 1] + x[n])
LAST = sets(y[n], h[n] + h[n - 1])


# ---- all that is read was written -----------------------------------------------------------

PROVED = {
    "a copy": (Allocate(y), COPY),
    "a fill": (Allocate(y, Integer(0)), adds(y[n], x[n])),
    "a guard does not narrow what is set": (Allocate(y), sets(y[n], x[n], Guard("ge", n - 2))),
    "a state": (Allocate(h), BEGIN, Loop(n, (STEP,)), Allocate(y), LAST),
    "in reverse": (
        Allocate(h),
        sets(h[N - 1], h0[()], box=()),
        Loop(n, (sets(h[n - 1], h[n]),), falling=True),
        Allocate(y),
        LAST,
    ),
    "turned around": (Allocate(y), Loop(n, (sets(y[N - 1 - n], x[n]),))),
    "two halves": (
        Allocate(h),
        BEGIN,
        sets(h[n], x[n]),
        Allocate(y),
        LAST,
    ),
    "what is read lies in its tensor": (
        Allocate(z := Tensor("z", ((N,),), outside=Integer(0))),
        sets(z[n], x[n]),
        Allocate(y),
        sets(y[n], z[n + 3]),
    ),
}  # fmt: skip


@pytest.mark.parametrize("body", PROVED.values(), ids=PROVED)
def test_proved(body):
    assert faults(program(*body)) == []
    assert unproved(program(*body)) == ()


UNPROVED = {
    "nobody writes": ((Allocate(y),), "y"),
    "an update of nothing": ((Allocate(y), adds(y[n], x[n])), "y"),
    "the diagonal": (
        (Allocate(square := Tensor("square", ((N,), (N,)))), sets(square[n, n], x[n]), Allocate(y),
         sets(y[n], square[n, 0])),
        "square",
    ),
    "every other entry": ((Allocate(y), sets(y[2 * n], x[n])), "y"),
    "all but the last": ((Allocate(h), sets(h[n - 1], x[n]), Allocate(y), LAST), "h"),
    "no beginning": ((Allocate(h), Loop(n, (STEP,)), Allocate(y), LAST), "h"),
    "the wrong way": ((Allocate(h), BEGIN, Loop(n, (STEP,), falling=True), Allocate(y), LAST), "h"),
    "too early": (
        (Allocate(h), BEGIN, Loop(n, (sets(h[n], h[n + 1]),)), Allocate(y), LAST),
        "h",
    ),
    "before it is set": ((Allocate(z), Allocate(y), sets(y[n], z[n]), sets(z[n], x[n])), "z"),
    "a loop with no round": (
        (Allocate(h0_ := Tensor("k", ())), Loop(n, (sets(h0_[()], x[n], box=()),)), Allocate(y),
         sets(y[n], h0_[()])),
        "k",
    ),
    "part of the rounds": ((Allocate(y), Loop(n, (COPY,), start=Integer(1))), "y"),
}  # fmt: skip


@pytest.mark.parametrize(("body", "name"), UNPROVED.values(), ids=UNPROVED)
def test_unproved(body, name):
    assert [t.name for t in unproved(program(*body))] == [name]
    assert any("before it is written" in fault for fault in faults(program(*body)))


def test_a_fill_that_is_asked_for_is_enough():
    for body, name in UNPROVED.values():
        filled = [
            replace(b, fill=Integer(0)) if isinstance(b, Allocate) and b.tensor.name == name else b
            for b in body
        ]
        assert unproved(program(*filled)) == ()


def test_two_rows():
    rows = Tensor("rows", ((Integer(2),),))
    step = sets(rows[Mod(n, 2)], rows[Mod(n - 1, 2)])
    copy = sets(y[n], rows[Mod(n, 2)])
    begin = sets(rows[Mod(-1, 2)], h0[()], box=())
    good = program(Allocate(rows), begin, Allocate(y), Loop(n, (step, copy)))
    assert faults(good) == []
    other = sets(rows[Mod(0, 2)], h0[()], box=())
    wrong = program(Allocate(rows), other, Allocate(y), Loop(n, (step, copy)))
    assert unproved(wrong) == (rows,)


@pytest.mark.parametrize("falling", [False, True])
def test_parts(falling):
    first, last = Bound("first", N), Bound("last", N)
    part = Axis("n", last - first)
    own = Tensor("own", ((last - first,),))
    body = (Allocate(own), sets(own[part], x[first + part], box=(part,)))
    write = sets(y[first + part], own[part], box=(part,))
    tile = Tile(n, first, last, Integer(1), (*body, write), falling)
    assert faults(program(Allocate(y), tile)) == []
    short = sets(y[first], own[0], box=())
    assert unproved(program(Allocate(y), replace(tile, body=(*body, short)))) == (y,)
    rounds = Loop(n, (sets(y[n], x[n]),), falling, first, last)
    assert faults(program(Allocate(y), replace(tile, body=(rounds,)))) == []


# ---- under conditions ----------------------------------------------------------------------


def test_what_is_written_under_a_condition_is_known_under_it():
    bias = Tensor("bias", ((N,),), optional=True)
    given, inputs = Present((bias,)), (x, bias)
    under = When(given, (sets(z[n], bias[n]),))
    read = sets(y[n], z[n])
    start = Allocate(z), Allocate(y, Integer(0))
    assert unproved(program(*start, under, read, inputs=inputs)) == (z,)
    assert unproved(program(*start, under, When(given, (read,)), inputs=inputs)) == ()
    assert unproved(program(*start, sets(y[n], bias[n]), inputs=inputs)) == (bias,)


def test_a_narrower_condition_is_enough():
    one, both = Wanted(frozenset({"a"})), Wanted(frozenset({"a", "b"}))
    made = Allocate(z), sets(z[n], x[n])
    read = Allocate(y), sets(y[n], z[n])
    wanted = {y: "a"}
    good = program(When(both, made), When(one, read), wanted=wanted)
    assert faults(good) == []
    wrong = program(When(one, made), When(both, read), wanted=wanted)
    assert unproved(wrong) == (z,)


def test_the_ways_of_a_choice_are_apart():
    mine, other = Tensor("z", ((N,),)), Tensor("z", ((N,), (M,)))
    one = Allocate(mine), sets(mine[n], x[n]), Allocate(y), sets(y[n], mine[n])
    two = Allocate(other), sets(other[n, m], x[n], box=(n, m)), Allocate(y), COPY
    assert faults(program(Choice(("one", "other"), N > 1, one, two))) == []
    assert unproved(program(Choice(("one", "other"), N > 1, one, two[:-1]))) == (y,)


# ---- names and kinds -----------------------------------------------------------------------


def said(*body, **told) -> str:
    return "\n".join(faults(program(*body, **told)))


def test_names_are_unique():
    longer = Tensor("x", ((N + 1,),))
    assert "x is the name of two tensors" in said(Allocate(y), sets(y[n], longer[n]))
    assert "y is made twice" in said(Allocate(y), Allocate(y), COPY)
    assert "y is written and was not made" in said(COPY)
    under = When(Wanted(frozenset({"a"})), (Allocate(y),))
    assert "y is written and was not made" in said(under, COPY)
    size = Axis("N", N)
    assert "N is the name of two things" in said(Allocate(y), sets(y[size], x[size], box=(size,)))
    other = Axis("n", M)
    inner = Compute(Statement((other,), y[n], x[n]))
    assert "n is the name of two things" in said(Allocate(y, Integer(0)), Loop(n, (inner,)))


def test_axes_are_bound():
    assert "m is not bound" in said(Allocate(y), sets(y[n], x[n] * m))
    first = Bound("first", N)
    assert "first is not bound" in said(Allocate(y), sets(y[n], x[first]))
    again = Loop(n, (Loop(n, (COPY,)),))
    assert "a loop over n stands in another" in said(Allocate(y), again)
    last = Bound("last", N)
    part = sets(y[n], x[n], Guard("ge", n - first), Guard("ge", last - 1 - n))
    tile = Tile(n, first, last, Integer(1), (part,))
    assert "stand in others" not in said(Allocate(y, Integer(0)), tile)
    for inner in (tile, replace(tile, axis=m), replace(tile, stop=Bound("end", N))):
        outer = Tile(n, first, last, Integer(1), (inner,))
        assert "stand in others of these names" in said(Allocate(y, Integer(0)), outer)


def test_integers_stay_apart():
    at = Tensor("at", ((N,),), integer=True, below=N)
    assert faults(program(Allocate(y), sets(y[n], x[at[n]]), inputs=(x, at))) == []
    assert "z[n] is real" in said(Allocate(y), sets(y[n], x[z[n]]), inputs=(x, z))
    guard = Guard("eq", z[n])
    assert "z[n] is real" in said(Allocate(y), sets(y[n], x[n], guard), inputs=(x, z))
    assert "at[n] holds integers" in said(Allocate(at), sets(at[n], x[n]), outputs=(at,))
    assert said(Allocate(at), sets(at[n], n + 1), outputs=(at,)) == ""


def test_no_two_points_set_one_entry():
    assert "is set by several points" in said(Allocate(y), sets(y[n + m], x[n], box=(n, m)))
