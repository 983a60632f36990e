"""The winners that are drawn are those of the reference."""

import pytest

from derive.calculus.adjoint import adjoint
from derive.calculus.instance import Instance
from derive.calculus.lift import to_system
from derive.ops import shipped
from derive.prose.numbers import short
from derive.prose.pictures.grammar import Cell
from derive.prose.pictures.winner import contests, winner_picture
from derive.verification.example import worked

OPERATIONS = {o.name: o for family in shipped().values() for o in family}
MAXIMA = (
    "max_pool1d", "max_pool2d", "global_max_pool1d", "global_max_pool2d", "adaptive_max_pool2d",
)  # fmt: skip


@pytest.mark.parametrize("name", MAXIMA)
def test_gradients_go_where_the_reference_sends_them(name):
    operation = OPERATIONS[name]
    example = worked(operation)
    system = to_system(operation)
    (contest,) = contests(adjoint(system).primal)
    picture = winner_picture(contest, Instance(system, example.given.values), example.arrays)
    gradient = next(a for t, a in example.arrays.items() if t.name == "x_bar")
    value = next(a for t, a in example.arrays.items() if t.name == "y")
    cells = [i for i in picture.items if isinstance(i, Cell)]
    count = len(gradient.entries)
    outputs = len(value.entries)
    blocks = [cells[:count], cells[count : count + outputs]]
    blocks += [cells[count + outputs : 2 * count + outputs], cells[2 * count + outputs :]]

    def texts(block):
        return [cell.label[0] for cell in sorted(block, key=lambda c: (c.y, c.x))]

    assert texts(blocks[1]) == [short(n) for n in value.entries]
    assert texts(blocks[2]) == [short(n) for n in gradient.entries]
    marked = [cell for cell in blocks[0] if cell.role == "marked"]
    assert len(marked) == sum(n != 0 for n in gradient.entries)
    assert all(cell.line == "heavy" for cell in marked), "not by colour alone"


def test_the_first_of_equals_wins():
    """Windows 8 1 / 8 1 and 4 5 / 4 5 have two winners each; the upper one is marked."""
    operation = OPERATIONS["max_pool2d"]
    example = worked(operation)
    gradient = next(a for t, a in example.arrays.items() if t.name == "x_bar")
    rows = [gradient.entries[i : i + 4] for i in range(0, 16, 4)]
    assert rows == [(0, 0, 0, 2), (0, 1, 0, 0), (0, 0, 0, 4), (3, 0, 0, 0)]


def test_no_contest_where_no_gradient_flows():
    for name in ("softmax", "log_softmax", "cross_entropy", "rnn_output_softmax"):
        assert not contests(adjoint(to_system(OPERATIONS[name])).primal), name
