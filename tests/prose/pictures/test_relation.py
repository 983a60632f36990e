"""Windows are what statements say: their weights make the values and, turned, the gradients."""

from fractions import Fraction

import pytest
from sympy import Integer

from derive.calculus.instance import Instance
from derive.calculus.lift import to_system
from derive.ops import shipped
from derive.prose.pictures.frames import Valued
from derive.prose.pictures.planes import drawn
from derive.prose.pictures.relation import windows
from derive.verification.example import worked

OPERATIONS = {o.name: o for family in shipped().values() for o in family}
WINDOWS = {name: [*windows(to_system(o))] for name, o in OPERATIONS.items() if o.example}
# Of one sum that is a whole operation, and whose weights no integers decide.
SUMS = [
    name for name, found in WINDOWS.items()
    if len(found) == 1 and found[0].weight is not None
    and not any(t.integer for t in OPERATIONS[name].inputs)
]  # fmt: skip


def at(array, along, place, rank):
    """An entry, all axes but some at their first number."""
    found = dict(zip(along, place, strict=True))
    return array[tuple(found.get(d, 0) for d in range(rank))]


def test_which_operations_have_windows():
    assert {"correlate1d", "convolve2d", "conv_transpose1d", "avg_pool2d", "signal_correlate"} <= {
        *SUMS
    }
    for name in ("linear", "embedding", "softmax", "rnn", "lstm_bidirectional", "batch_norm"):
        assert not [*windows(to_system(OPERATIONS[name]))], name


@pytest.mark.parametrize("name", SUMS)
def test_weights_make_values_and_turned_round_gradients(name):
    """``y = C x`` and ``x_bar = C' y_bar``, beside the numbers of the reference."""
    operation = OPERATIONS[name]
    example = worked(operation)
    by_name = {t.name: a for t, a in example.arrays.items()}
    system = to_system(operation)
    (window,) = windows(system)
    one = drawn(window, Instance(system, example.given.values))
    numbers = Valued(one, example.arrays)
    source, target = window.source.tensor, window.target.tensor
    along = [s for s, _ in window.along]
    matrix = {(k.target, k.source): numbers.weight(k) for k in one.inner}
    rows = [p for p in one.target.places() if one.target.is_inner(p)]
    columns = [p for p in one.source.places() if one.source.is_inner(p)]
    assert rows and columns and matrix
    for row in rows:
        found = sum(
            (matrix.get((row, c), 0) * at(by_name[source.name], along, c, source.rank)
             for c in columns), Integer(0),
        )  # fmt: skip
        assert found == at(by_name[target.name], window.at, row, target.rank)
    bars = by_name[f"{source.name}_bar"], by_name[f"{target.name}_bar"]
    for column in columns:
        found = sum(
            (matrix.get((r, column), 0) * at(bars[1], window.at, r, target.rank) for r in rows),
            Integer(0),
        )
        assert found == at(bars[0], along, column, source.rank)


def test_a_sum_of_weights_where_two_taps_meet():
    """Half of each of four entries: numbers on the way are part of the weight."""
    operation = OPERATIONS["avg_pool1d"]
    system = to_system(operation)
    (window,) = windows(system)
    one = drawn(window, Instance(system, worked(operation).given.values))
    assert {k.weight for k in one.inner} == {Integer(1) / 2}
    assert window.target.tensor == system.outputs[0]
    assert Fraction(1, 2) == Fraction(str(one.inner[0].weight))
