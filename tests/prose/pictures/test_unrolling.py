"""What is read by what over time, and that cotangents flow back the same ways."""

import pytest

from derive.calculus.adjoint import adjoint
from derive.calculus.lift import to_system
from derive.ops import shipped
from derive.prose.pictures.recurrence import Layout, recurrence_picture
from derive.prose.pictures.unrolling import Node, Unrolled, unrolled

OPERATIONS = {o.name: o for family in shipped().values() for o in family}


def graph_of(name: str, **said) -> Unrolled:
    operation = OPERATIONS[name]
    system = to_system(operation)
    graph = unrolled(system, adjoint(system), operation.options, said)
    assert graph is not None
    return graph


def named(node: Node) -> str:
    return f"{node.tensor.name}{'' if node.time is None else f'[{node.time}]'}"


def ways(edges) -> set[tuple[str, str]]:
    return {(named(e.start), named(e.end)) for e in edges}


def test_a_simple_recurrence():
    assert ways(graph_of("rnn").forward) == {
        ("h0", "h[0]"), ("h[0]", "h[1]"), ("h[1]", "h[2]"), ("h[2]", "h_n"),
        ("x[0]", "h[0]"), ("x[1]", "h[1]"), ("x[2]", "h[2]"),
        ("h[0]", "y[0]"), ("h[1]", "y[1]"), ("h[2]", "y[2]"),
    }  # fmt: skip


@pytest.mark.parametrize(
    "name", ["rnn", "lstm", "gru", "gru_before", "lstm_coupled", "rnn_bidirectional", "rnn_stacked"]
)
def test_cotangents_go_back_the_ways_of_the_values(name):
    graph = graph_of(name)
    assert {(b, a) for a, b in ways(graph.backward)} == ways(graph.forward)


def test_truncation_cuts_the_way_back_alone():
    graph = graph_of("rnn_truncated", truncate=1)
    assert ("h[0]", "h[1]") in ways(graph.forward)
    assert ("h[1]", "h[0]") not in ways(graph.backward)
    assert ("h[0]", "x[0]") in ways(graph.backward)


def test_the_states_of_the_other_direction_stand_in_reverse():
    graph = graph_of("rnn_bidirectional")
    columns = Layout(graph, 1.3).columns
    assert all(
        column == (node.time if node.tensor.name != "h_reverse" else 1 - node.time)
        for node, column in columns.items()
    )
    places = Layout(graph, 1.3).places()
    assert len({*places.values()}) == len(places), "no node stands on another one"


@pytest.mark.parametrize(
    "name", ["rnn", "lstm", "gru", "rnn_bidirectional", "lstm_bidirectional", "rnn_one_to_many"]
)
def test_no_two_nodes_overlap(name):
    operation = OPERATIONS[name]
    system = to_system(operation)
    picture = recurrence_picture(graph_of(name), adjoint(system))
    cells = [i for i in picture.items if getattr(i, "round", False)]
    for one in cells:
        for other in cells:
            apart = abs(one.x - other.x) >= one.width or abs(one.y - other.y) >= one.height
            assert one is other or apart, (one.label, other.label)
        assert one.x >= -1e-9 and one.x + one.width <= picture.width + 1e-9


def test_too_many_states_are_no_picture():
    operation = OPERATIONS["lstm_stacked_bidirectional"]
    system = to_system(operation)
    both = adjoint(system)
    assert recurrence_picture(unrolled(system, both, operation.options, {}), both) is None
