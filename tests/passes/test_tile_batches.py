"""Pass: what goes over its data more than once does so for a part of them at a time."""

import pytest
from sympy import Max

from derive.calculus.statements import Guard, Statement
from derive.language import axes, integers, parameter, sizes, tensor
from derive.passes.tile_batches import tile_batches
from derive.program.grammar import Module, Tile, Wanted, When, adding, statements_of
from tests.passes.building import lines, program

N, Q, V, X = sizes("N Q V X")
n, m, q, v = axes("n m q v", N, N, Q, V)
x, z, y = tensor("x", N, X), tensor("z", N, Q), tensor("y", N)
w = parameter("w", V)
# an index has two axes: one of them is a loop of Python, over all of x each time
WINDOWS = Statement((n, q, v), z[n, q], x[n, q + v] * w[v])
SUMS = Statement((n, q), y[n], z[n, q])


def blocks(*statements: Statement, outputs=(y,)):
    return after(*map(adding, statements), outputs=outputs).body


def after(*body, outputs=(y,), wanted=None):
    given = program(*body, inputs=(x,), outputs=outputs, wanted=wanted)
    return tile_batches(Module(given, program(), {})).forward


HEAD = "for each part n_start ≤ n < n_stop of 0 ≤ n < N, {} numbers a point:"
COUNTS = "  (n counts from n_start)"


def test_statements_that_go_on_from_one_another_run_in_parts():
    """The example of the docstring: z is as large as a part, and has its own numbers."""
    found = after(*map(adding, (WINDOWS, SUMS)))
    assert lines(found) == [
        HEAD.format("max(1, Q, X)"),
        COUNTS,
        "  z[n,q] += Σ_{v} w[v]·x[n + n_start, q + v]",
        "  y[n + n_start] += Σ_{q} z[n,q]",
    ]
    (tile,) = found.body
    assert isinstance(tile, Tile) and tile.elements == Max(1, Q, X)
    *_, last = statements_of(tile.body)
    (read,) = last.reads
    assert read.tensor.shape == (tile.stop - tile.start, Q)


def test_what_others_use_is_whole():
    """An output, or what is read behind: parts of it are written."""
    whole = "  z[n + n_start, q] += Σ_{v} w[v]·x[n + n_start, q + v]"
    assert lines(after(*map(adding, (WINDOWS, SUMS)), outputs=(y, z)))[2] == whole
    other = Statement((q,), tensor("c", Q)[q], z[0, q])
    assert lines(after(*map(adding, (WINDOWS, SUMS, other))))[2] == whole


def test_a_part_that_is_added_to_several_times_is_emptied_first():
    """x̄[q + v] += …: of the part, and not of the whole beforehand."""
    x_bar, z_bar = tensor("x_bar", N, X), tensor("z_bar", N, Q)
    back = Statement((n, q, v), x_bar[n, q + v], z_bar[n, q] * w[v])
    found = after(adding(back), outputs=(x_bar,))
    assert lines(found)[2:] == [
        "  x_bar[n + n_start, i1] = 0",
        "  x_bar[n + n_start, q + v] += z_bar[n + n_start, q]·w[v]",
    ]


def test_each_length_and_each_condition_has_parts_of_its_own():
    """What lies apart, or is computed for another gradient, is no part of the run."""
    x2, z2 = tensor("x2", Q, X), tensor("z2", Q, N)
    other = Statement((q, n, v), z2[q, n], x2[q, n + v] * w[v])
    tiles = blocks(WINDOWS, other, outputs=(z, z2))
    assert [str(tile.axis) for tile in tiles if isinstance(tile, Tile)] == ["n", "q"]
    under = When(Wanted(frozenset({"z"})), (adding(WINDOWS),))
    found = after(adding(SUMS), under, outputs=(z,), wanted={z: "z"})
    assert lines(found)[1:3] == ["if the gradient of z is wanted:", "  " + HEAD.format("max(Q, X)")]


maybe, late = tensor("maybe", N, X, optional=True), tensor("late", N, X, offset=(-1, 0))
k = integers("k", X, below=X)
STAYS = {
    "once over its data": Statement((n, q), y[n], z[n, q]),
    "an input that may be absent": Statement((n, q, v), z[n, q], maybe[n, q + v]),
    "its number is a factor": Statement((n, q, v), z[n, q], n * x[n, q + v]),
    "a condition": Statement((n, q, v), z[n, q], x[n, q + v], (Guard("ge", n - 1),)),
    "other rows are read": Statement((n, q, v), z[n, q], x[N - 1 - n, q + v]),
    "all rows are read": Statement((n, m, q, v), z[n, q], x[n, q + v] * x[m, 0]),
    "it is another index, too": Statement((n, v), y[n], x[n, n + v]),
    "rows from −1 on": Statement((n, q, v), late[n, q], x[n, q + v]),
    "a sum": Statement((n, q, v), tensor("s", Q)[q], x[n, q + v]),
}


@pytest.mark.parametrize("statement", STAYS.values(), ids=STAYS)
def test_what_is_not_cut(statement):
    """Within a part, an index counts from 0, and only its own rows are there."""
    assert blocks(statement, outputs=(statement.target.tensor,)) == (adding(statement),)


def test_what_is_written_elsewhere_is_not_cut():
    """Which of the two comes first is said by their order alone."""
    begin = Statement((q,), z[0, q], w[0])
    given = tuple(map(adding, (begin, WINDOWS)))
    assert after(*given, outputs=(z,)).body == given
