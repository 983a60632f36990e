"""Pass: statements of one form become one."""

import re

from sympy import Eq, Sum, cos, sin, tanh

from derive.calculus.adjoint import adjoint
from derive.calculus.derivatives import gradient
from derive.calculus.lift import to_system
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.ops import find
from derive.passes.stack import with_stacks
from derive.program.grammar import Compute, adding
from tests.backends.numpy.building import failures, text_of
from tests.backends.numpy.textbook_lstm import textbook_lstm

T, N, H = sizes("T N H")
t, n, j, k = axes("t n j k", T, N, H, H)
x = tensor("x", T, N, H)
h, y = state("h", T, N, H), tensor("y", T, N, H)
one, two = tensor("one", T, N, H), tensor("two", T, N, H)
U, V = parameter("U", H, H), parameter("V", H, H)
at = (t, n, j)


def recurrence(*equations) -> Operation:
    """A state that begins at 0."""
    inputs = tuple(p for p in (x, U, V) if any(p in _tensors(e) for e in equations))
    begin = Eq(h[-1, n, j], 0)
    return Operation("f", "F.", inputs, (y,), (begin, *equations, Eq(y[at], h[at])))


def _tensors(equation) -> set:
    return {a.tensor for a in equation.rhs.atoms(type(x[at]))}


def stacked(operation: Operation) -> tuple[tuple[Compute, ...], tuple[Compute, ...]]:
    system = to_system(operation)
    reverse = adjoint(system)
    return with_stacks(
        tuple(map(adding, system.statements)),
        tuple(map(adding, reverse.statements)),
        {*system.inputs},
        {*system.outputs},
        reverse.cotangent,
        system.order,
    )


def loop(operation: Operation, word: str) -> str:
    """The loop over time, forward or backward."""
    function = text_of(operation).partition(f"def _{word}")[2].partition("\ndef ")[0]
    found = re.search(r"    for t in .*\n((?:        .*\n)+)", function)
    assert found
    return found[1]


def past(weight):
    return Sum(weight[j, k] * h[t - 1, n, k], k)


PAIR = (
    Eq(one[at], tanh(past(U) + x[at])),
    Eq(two[at], tanh(past(V) + x[at])),
    Eq(h[at], one[at] * two[at]),
)


def test_one_product_and_one_call():
    """The example of the docstring."""
    text = loop(recurrence(*PAIR), "forward")
    assert text.count("np.matmul") == 1 and text.count("np.tanh") == 1
    assert loop(recurrence(*PAIR), "backward").count("np.matmul") == 1
    assert failures(recurrence(*PAIR), count=4) == []


def test_every_statement_is_told_from_its_originals():
    """Nothing is lost, and nothing told twice."""
    operation = recurrence(*PAIR)
    system = to_system(operation)
    onward, _ = stacked(operation)
    told = [s for one in onward for s in one.origins if s in system.statements]
    assert sorted(told, key=str) == sorted(system.statements, key=str)


def test_a_recurrent_network_with_a_matrix_for_each_gate_has_one_product():
    """Forward and backward, in the loop and outside; neighbours have one function."""
    for word in ("forward", "backward"):
        assert loop(textbook_lstm, word).count("np.matmul") == 1
    assert loop(textbook_lstm, "forward").count("_sigmoid(") == 1
    whole = text_of(textbook_lstm)
    assert whole.count(" @ ") == 4  # the inputs' part, and three gradients
    assert failures(textbook_lstm, count=6) == []


def test_what_differs_in_function_is_stacked_and_not_merged():
    """One product, two calls."""
    equations = (Eq(one[at], sin(past(U) + x[at])), Eq(two[at], cos(past(V))), PAIR[2])
    text = loop(recurrence(*equations), "forward")
    assert text.count("np.matmul") == text.count("np.sin") == text.count("np.cos") == 1
    assert failures(recurrence(*equations), count=4) == []


def test_what_depends_on_its_sibling_stays_apart():
    """``two`` reads ``one`` of the same step: neither product can wait for the other."""
    chained = Sum(V[j, k] * one[t, n, k], k)
    equations = (Eq(one[at], tanh(past(U) + x[at])), Eq(two[at], tanh(past(V) + chained)), PAIR[2])
    operation = recurrence(*equations)
    assert loop(operation, "forward").count("np.matmul") == 2
    assert failures(operation, count=4) == []


def test_matrices_that_are_read_the_other_way_stay_apart():
    """Two products, but still one call."""
    turned = Sum(V[k, j] * h[t - 1, n, k], k)
    operation = recurrence(PAIR[0], Eq(two[at], tanh(turned + x[at])), PAIR[2])
    text = loop(operation, "forward")
    assert text.count("np.matmul") == 2 and text.count("np.tanh") == 1
    assert failures(operation, count=3) == []


def test_stacks_of_the_two_directions_have_names_of_their_own():
    """In a gradient forward stacks cotangents, which are called as those of a stack would be."""
    found = find("lstm_clipped")
    assert found is not None
    forward, backward = stacked(gradient(found[1], ["h0"]))
    names = [{block.target.name for block in blocks} for blocks in (forward, backward)]
    assert "stacked_gate_bar" in names[0] | names[1] and not names[0] & names[1]


def test_nothing_is_stacked_outside_of_loops():
    """Copies of inputs would be all that comes of it."""
    products = (Sum(weight[j, k] * x[t, n, k], k) for weight in (U, V))
    equations = [Eq(gate[at], value) for gate, value in zip((one, two), products, strict=True)]
    operation = recurrence(*equations, Eq(h[at], tanh(h[t - 1, n, j] + one[at] * two[at])))
    for direction in stacked(operation):
        assert all(told.origins == (told.statement,) for told in direction)
