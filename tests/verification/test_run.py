"""Programs written by hand, and what they compute worked out beside them."""

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from sympy import Integer, Mod, Symbol, oo

from derive.calculus.selection import attains, taken
from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Axis, Bound, Size, Tensor
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
from derive.verification.arithmetic import FIELD
from derive.verification.run import Interpreter, SetTwice, Unwritten, run

N, M = Size("N", minimum=1), Size("M")
n, m = Axis("n", N), Axis("m", M)
x, w = Tensor("x", ((N,),)), Tensor("w", ((N,), (M,)))
y, z = Tensor("y", ((N,),)), Tensor("z", ((N,),))


def computed(*body, given=None, inputs=(x,), output=y, values=None, **told):
    """One output of a program, as a list."""
    program = Program("test", inputs, (output,), body, told.pop("names", {}))
    given = {x: [3, 1, 2]} if given is None else given
    return run(program, given, values or {N: 3, M: 2}, **told)[output].tolist()


def test_sums_run_over_the_axes_that_the_target_does_not_name():
    sums = Compute(Statement((n, m), y[n], w[n, m] * x[n]), "set")
    given = {x: [1, 10, 100], w: [[1, 2], [3, 4], [5, 6]]}
    assert computed(Allocate(y), sums, inputs=(x, w), given=given) == [3, 70, 1100]


def test_an_empty_sum_is_set_and_an_update_of_nothing_changes_nothing():
    given, sums = {x: [1, 2, 3], w: np.zeros((3, 0))}, Statement((n, m), y[n], w[n, m])
    values = {N: 3, M: 0}
    for compute, right in ((Compute(sums, "set"), 0), (Compute(sums), 7)):
        body = Allocate(y, Integer(7)), compute
        assert computed(*body, inputs=(x, w), given=given, values=values) == [right] * 3


@pytest.mark.parametrize(("into", "right"), [("set", [0, 1, 2]), ("update", [7, 8, 9])])
def test_a_guard_says_what_counts_and_not_what_is_set(into, right):
    inner = Statement((n,), y[n], x[n], (Guard("ge", n - 1),))
    compute = replace(Compute(inner), into=into)
    assert computed(Allocate(y, Integer(7)), compute) == right


def test_an_update_joins_in_as_its_operation_says():
    larger = Compute(Statement((n,), y[n], x[n], op="max"))
    assert computed(Allocate(y, Integer(2)), larger) == [3, 2, 2]
    assert computed(Allocate(y, -oo), larger) == [3, 1, 2]


def test_the_first_point_that_meets_a_condition_is_numbered():
    at, top = Tensor("at", (), integer=True), Tensor("top", ())
    where = Statement((n,), at[()], attains(x[n], top[()]), op="first")
    for value, right in ((1, 1), (9, -1)):
        given = {x: [3, 1, 1], top: value}
        body = Allocate(at), Compute(where, "set")
        assert computed(*body, inputs=(x, top), output=at, given=given) == right


def test_what_is_taken_is_gone():
    """Two windows of two over three entries; each hands its 10 to its first maximum."""
    p, u = Axis("p", Integer(2)), Axis("u", Integer(2))
    left, top = Tensor("left", ((Integer(2),),)), Tensor("top", ((Integer(2),),))
    share = Statement((p, u), y[p + u], taken(left[p], attains(x[p + u], top[p])))
    body = (
        Allocate(left),
        Compute(Statement((p,), left[p], Integer(10)), "set"),
        Allocate(y, Integer(0)),
        Compute(share),
    )
    assert computed(*body, inputs=(x, top), given={x: [5, 5, 5], top: [5, 5]}) == [10, 10, 0]
    assert computed(*body, inputs=(x, top), given={x: [1, 5, 2], top: [5, 5]}) == [0, 20, 0]


def test_all_values_are_computed_before_one_is_set():
    shifted = Statement((n,), y[n], y[n - 1], (Guard("ge", n - 1),))
    copy = Compute(Statement((n,), y[n], x[n]), "set")
    assert computed(Allocate(y), copy, Compute(shifted, "set")) == [0, 3, 1]


def test_loops_run_up_and_down_between_their_ends():
    h = Tensor("h", ((N + 1,),), offset=(-1,))
    begin = Compute(Statement((), h[-1], Integer(1)), "set")
    step = Compute(Statement((n,), h[n], 2 * h[n - 1] + x[n]), "set")
    body = Allocate(h), begin, Loop(n, (step,))
    assert computed(*body, output=h) == [1, 5, 11, 24]
    back = Compute(Statement((n,), h[n - 1], h[n] + x[n]), "set")
    last = Compute(Statement((), h[N - 1], Integer(0)), "set")
    assert computed(Allocate(h), last, Loop(n, (back,), falling=True), output=h) == [6, 3, 2, 0]
    part = Loop(n, (Compute(Statement((n,), y[n], x[n]), "set"),), start=Integer(1), stop=N - 1)
    assert computed(Allocate(y, Integer(0)), part) == [0, 1, 0]


def test_two_rows_take_turns():
    rows = Tensor("rows", ((Integer(2),),))
    begin = Compute(Statement((), rows[Mod(-1, 2)], Integer(1)), "set")
    step = Compute(Statement((n,), rows[Mod(n, 2)], rows[Mod(n - 1, 2)] * x[n]), "set")
    copy = Compute(Statement((n,), y[n], rows[Mod(n, 2)]), "set")
    assert computed(Allocate(rows), begin, Allocate(y), Loop(n, (step, copy))) == [3, 3, 6]


@pytest.mark.parametrize("falling", [False, True])
@pytest.mark.parametrize("part", [1, 2, 5])
def test_parts_make_up_the_whole(part, falling):
    first, last = Bound("first", N), Bound("last", N)
    piece = Axis("n", last - first)
    own = Tensor("own", ((last - first,),))
    body = (
        Allocate(own),
        Compute(Statement((piece,), own[piece], 2 * x[first + piece]), "set"),
        Compute(Statement((piece,), y[first + piece], own[piece] + 1), "set"),
    )
    tile = Tile(n, first, last, Integer(1), body, falling)
    program = Program("test", (x,), (y,), (Allocate(y), tile))
    found = Interpreter(program, part=part)({x: [3, 1, 2]}, {N: 3})
    assert found[y].tolist() == [7, 3, 5]


def test_a_call_skips_what_it_does_not_need():
    bias = Tensor("bias", ((N,),), optional=True)
    copy = Compute(Statement((n,), y[n], x[n]), "set")
    shift = When(Present((bias,)), (Compute(Statement((n,), y[n], bias[n])),))
    body = Allocate(y), copy, shift
    assert computed(*body, inputs=(x, bias)) == [3, 1, 2]
    given = {x: [3, 1, 2], bias: [1, 1, 1]}
    assert computed(*body, inputs=(x, bias), given=given) == [4, 2, 3]
    program = Program(
        "test",
        (x,),
        (y, z),
        tuple(
            When(
                Wanted(frozenset({name})),
                (Allocate(t), Compute(Statement((n,), t[n], x[n]), "set")),
            )
            for t, name in ((y, "a"), (z, "b"))
        ),
        {y: "a", z: "b"},
    )
    assert run(program, {x: [1]}, {N: 1}, {"b"}).keys() == {z}
    assert run(program, {x: [1]}, {N: 1}).keys() == {y, z}


def test_a_call_that_failed_leaves_nothing_behind():
    """Of the loop that it died in, the next call would take the axis to be bound."""
    begin = Compute(Statement((n,), y[n], Integer(1)), "set")
    step = Compute(Statement((), y[n], x[n]))
    program = Program("test", (x,), (y,), (Allocate(y), begin, Loop(n, (step,))))
    again = Interpreter(program)
    with pytest.raises(Unwritten):
        again({}, {N: 3})
    assert again({x: [3, 1, 2]}, {N: 3})[y].tolist() == [4, 2, 3]


def test_what_is_no_block_is_refused():
    with pytest.raises(TypeError, match=r"y\[0\]"):
        computed(Allocate(y), Statement((), y[0], x[0]))


def test_a_choice_follows_its_test_or_is_forced():
    one, other = (Compute(Statement((n,), y[n], x[n] * k), "set") for k in (1, 10))
    program = Program(
        "test",
        (x,),
        (y,),
        (Choice(("one", "other"), N > 1, (Allocate(y), one), (Allocate(y), other)),),
    )
    found = [Interpreter(program, forced=f) for f in ({}, {"one": True}, {"one": False})]
    assert [f({x: [5]}, {N: 1})[y].tolist() for f in found] == [[50], [5], [50]]


def test_an_input_left_out_has_its_default():
    given = Tensor("given", ((N,),), default=Integer(4))
    copy = Compute(Statement((n,), y[n], given[n]), "set")
    assert computed(Allocate(y), copy, inputs=(given,), given={}) == [4, 4, 4]


def test_numbers_may_be_exact():
    body = Allocate(y), Compute(Statement((n,), y[n], x[n] / N), "set")
    assert computed(*body) == [1, Fraction(1, 3), Fraction(2, 3)]
    assert computed(*body, numbers=FIELD)[1] == Fraction(1, 3)


# ---- what must not be ----------------------------------------------------------------------


def test_reading_what_nobody_has_written_raises():
    body = Allocate(z), Allocate(y), Compute(Statement((n,), y[n], z[n]), "set")
    with pytest.raises(Unwritten, match=r"z\[0\]"):
        computed(*body)
    with pytest.raises(Unwritten, match=r"y\[0\]"):
        computed(Allocate(y), Compute(Statement((n,), y[n], x[n])))


def test_an_output_with_a_hole_raises():
    some = Compute(Statement((), y[1], Integer(1)), "set")
    with pytest.raises(Unwritten, match=r"y\[0\]"):
        computed(Allocate(y), some)


def test_what_is_made_within_a_round_is_gone_after_it():
    own = Tensor("own", ())
    inner = Allocate(own), Compute(Statement((), own[()], Integer(1)))
    with pytest.raises(Unwritten, match="own"):
        computed(Allocate(y, Integer(0)), Loop(n, inner))
    inner = Allocate(own), Compute(Statement((), own[()], Integer(1)), "set")
    after = Compute(Statement((n,), y[n], own[()]), "set")
    with pytest.raises(Unwritten, match="own"):
        computed(Allocate(y), Loop(n, inner), after)


def test_an_input_that_was_left_out_cannot_be_read():
    bias = Tensor("bias", ((N,),), optional=True)
    with pytest.raises(Unwritten, match="bias"):
        computed(Allocate(y), Compute(Statement((n,), y[n], bias[n]), "set"), inputs=(x, bias))


def test_reading_outside_needs_a_number_for_it():
    shifted = Statement((n,), y[n], x[n + 1])
    with pytest.raises(IndexError, match=r"x\[3\]"):
        computed(Allocate(y), Compute(shifted, "set"))
    padded = Tensor("x", ((N,),), outside=Integer(9))
    body = Allocate(y), Compute(Statement((n,), y[n], padded[n + 1]), "set")
    assert computed(*body, inputs=(padded,), given={padded: [3, 1, 2]}) == [1, 2, 9]


def test_writing_outside_does_nothing():
    assert computed(Allocate(y, Integer(0)), Compute(Statement((n,), y[n + 1], x[n]))) == [0, 3, 1]


def test_setting_an_entry_twice_raises():
    with pytest.raises(SetTwice, match=r"y\[1\]"):
        computed(Allocate(y), Compute(Statement((n, m), y[n + m], x[n]), "set"))


def test_a_symbol_without_a_value_is_missed():
    with pytest.raises(KeyError, match="s"):
        computed(Allocate(y), Compute(Statement((n,), y[n], Symbol("s") * x[n]), "set"))
