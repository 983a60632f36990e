"""Selections: which point attains a maximum, and what derivatives make of it."""

import numpy as np
from sympy import Eq

from derive.calculus.adjoint import adjoint, tangent
from derive.calculus.lift import to_system
from derive.calculus.selection import rank, reduced, with_selections
from derive.language import ArgMaximum, Maximum, Operation, axes, integers, sizes, tensor
from derive.verification.reference import evaluate

N, C, K = sizes("N C K")
i, j, k = axes("i j k", N, C, K)
a, y, taken = tensor("a", N, C, K), tensor("y", N), tensor("y_argmax", N)
largest = Operation("m", "M.", (a,), (y,), (Eq(y[i], Maximum(a[i, j, k] ** 2, j, k)),))
SIZES = {N: 1, C: 2, K: 2}
ENTRIES = np.array([[[1, -3], [3, 2]]], dtype=object)  # 9 is attained twice


def test_a_selection_is_added_behind_its_maximum_and_only_once():
    """A second one would be computed twice."""
    system = to_system(largest)
    once = with_selections(system, system.tensors)
    assert [s.op for s in once.statements] == ["max", "first"]
    assert with_selections(once, once.tensors) == once
    assert with_selections(system, ()) == system


def test_a_selection_takes_no_name_that_is_in_use():
    """The author's y_argmax is another tensor."""
    equations = (Eq(y[i], Maximum(a[i, j, k], j, k)), Eq(taken[i], y[i]))
    system = to_system(Operation("m", "M.", (a,), (y, taken), equations))
    names = [t.name for t in with_selections(system, system.tensors).tensors]
    assert len(names) == len(set(names))


def test_an_author_who_asks_for_the_place_gets_the_selection_itself():
    """One statement serves both."""
    place = integers("r", N, below=C * K)
    equations = (Eq(y[i], Maximum(a[i, j, k], j, k)), Eq(place[i], ArgMaximum(a[i, j, k], j, k)))
    reverse = adjoint(to_system(Operation("m", "M.", (a,), (y, place), equations)))
    assert [s.target.tensor.name for s in reverse.primal.statements if s.op == "first"] == ["r"]


def test_points_are_numbered_in_row_major_order():
    """j*K + k, and not k*C + j."""
    (statement,) = to_system(largest).statements
    assert reduced(statement) == (j, k)
    assert rank(statement) == j * K + k


def test_the_tangent_of_a_maximum_is_that_of_its_first_point():
    """Of two points that attain it, the second one has no say."""
    system = tangent(to_system(largest))
    dots = np.array([[[10, 1], [100, 1000]]], dtype=object)
    found = evaluate(system, {"a": ENTRIES, "a_dot": dots}, SIZES)
    assert found["y_dot"].tolist() == [2 * -3 * 1]


def test_the_adjoint_of_a_maximum_is_the_transpose_of_its_tangent():
    """The same point takes the whole cotangent."""
    system = adjoint(to_system(largest)).system
    found = evaluate(system, {"a": ENTRIES, "y_bar": np.array([5], dtype=object)}, SIZES)
    assert found["a_bar"].tolist() == [[[0, 2 * -3 * 5], [0, 0]]]


def test_second_derivatives_go_through_the_same_point():
    """d/da of y_bar * 2a is 2 y_bar at that point; which point it is does not change."""
    second = tangent(adjoint(to_system(largest)).system)
    dots = np.array([[[10, 1], [100, 1000]]], dtype=object)
    given = {"a": ENTRIES, "a_dot": dots, "y_bar": np.array([5], dtype=object)}
    found = evaluate(second, given | {"y_bar_dot": np.array([0], dtype=object)}, SIZES)
    assert found["a_bar_dot"].tolist() == [[[0, 2 * 5 * 1], [0, 0]]]
