"""Pass: copies are not made."""

from sympy import Eq, Sum, tanh

from derive.calculus.lift import to_system
from derive.language import Maximum, Operation, axes, sizes, state, tensor
from derive.passes.drop_copies import without_copies
from tests.backends.numpy.building import failures, text_of

N, C = sizes("N C")
n, c = axes("n c", N, C)
x, y, z = tensor("x", N), tensor("y", N), tensor("z", N)


def after(*equations, keep) -> list[str]:
    """The statements that are left."""
    system = to_system(Operation("f", "F.", (x,), (y,), equations))
    return [str(s) for s in without_copies(system.statements, keep, system.order)]


def test_a_tensor_that_is_only_read_by_a_copy_is_written_in_its_place():
    """``z += f(x);  y += z``  →  ``y += f(x)``"""
    left = after(Eq(z[n], tanh(x[n])), Eq(y[n], z[n]), keep={x, y})
    assert left == ["[n<N]: y[n] += tanh(x[n])"]


def test_a_tensor_that_is_only_a_copy_is_read_where_it_comes_from():
    """``z += x;  y += f(z)``  →  ``y += f(x)``"""
    left = after(Eq(z[n], x[n]), Eq(y[n], tanh(z[n])), keep={x, y})
    assert left == ["[n<N]: y[n] += tanh(x[n])"]


def test_what_must_be_kept_is_kept():
    """Two names that leave a function are two arrays."""
    assert len(after(Eq(z[n], tanh(x[n])), Eq(y[n], z[n]), keep={x, y, z})) == 2


def test_what_looks_like_a_copy_and_is_none_stays():
    """A part, a reversal, a transpose, another outside, a state: none of them is a copy."""
    square, turned, tall = tensor("a", N, N), tensor("b", N, N), tensor("t", N, 3)
    m = axes("m", N)[0]
    h, zero = state("h", N), tensor("z", N, outside=0)
    for equations in (
        (Eq(z[n], x[N - 1 - n]), Eq(y[n], tanh(z[n]))),
        (Eq(square[n, m], x[n] * x[m]), Eq(turned[n, m], square[m, n]), Eq(y[n], turned[n, 0])),
        (Eq(tall[n, axes("k", 3)[0]], x[n]), Eq(y[n], tall[n, 1])),
        (Eq(zero[n], x[n]), Eq(y[n], Sum(zero[n + c], c))),
        (Eq(h[-1], 0), Eq(h[n], x[n]), Eq(y[n], tanh(h[n]))),
    ):
        system = to_system(Operation("f", "F.", (x,), (y,), equations))
        assert without_copies(system.statements, {x, y}, system.order) == system.statements


def test_a_maximum_is_not_written_where_terms_are_added():
    """``z max= x;  y += z;  y += c`` keeps z: a maximum with the sum would come of it."""
    largest, total = tensor("m"), tensor("t")
    equations = (Eq(largest[()], Maximum(x[n], n)), Eq(total[()], largest[()] + Sum(x[n], n)))
    system = to_system(Operation("f", "F.", (x,), (total,), equations))
    assert without_copies(system.statements, {x, total}, system.order) == system.statements


def test_copies_between_outputs_are_separate_arrays():
    """An output that equals another, or an input, is an array of its own."""
    operation = Operation("f", "F.", (x,), (y, z), (Eq(y[n], x[n]), Eq(z[n], y[n])))
    assert failures(operation) == []
    forward = text_of(operation).partition("def _forward")[2].partition("def _backward")[0]
    assert forward.count(" = x.copy()") == 2
