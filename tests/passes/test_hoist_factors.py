"""Pass: factors that do not read the loop are known before it."""

from sympy import Eq, Sum, tanh

from derive.calculus.adjoint import adjoint
from derive.calculus.lift import to_system
from derive.calculus.statements import Statement
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.passes.hoist_factors import with_factors_ahead
from derive.program.grammar import adding, statements_of
from tests.backends.numpy.building import failures

T, N = sizes("T N")
t, n, m = axes("t n m", T, N, N)
x, y = tensor("x", T, N), tensor("y", T, N)
p, q, s, u = (tensor(name, T, N) for name in "pqsu")
h = state("h", T, N)
U = parameter("U", N, N)

# h[t - 1] reads h[t] through r and s, so that the four make one loop.
LOOP = Statement((t, n, m), h[t - 1, n], u[t, m] * U[n, m])


def after(*statements: Statement, keep=()) -> list[str]:
    """What becomes of the statements of a loop."""
    return [
        str(one)
        for one in statements_of(with_factors_ahead(tuple(map(adding, statements)), {*keep}))
    ]


def test_a_product_goes_into_its_reader_and_its_factors_are_known():
    """The example of the docstring."""
    made = Statement((t, n), s[t, n], h[t, n] * p[t, n])
    used = Statement((t, n), u[t, n], s[t, n] * (1 - q[t, n]))
    found = after(made, used, LOOP)
    assert found == [
        "[t<T, n<N]: u_factor[t, n] += (1 - q[t, n])*p[t, n]",
        "[t<T, n<N]: u[t, n] += h[t, n]*u_factor[t, n]",
        str(LOOP),
    ]


def test_an_entry_alone_is_no_factor_to_compute():
    """It is there already."""
    used = Statement((t, n), u[t, n], h[t, n] * p[t, n])
    assert after(used, LOOP) == [str(used), str(LOOP)]


def test_what_the_loop_computes_is_not_known_before_it():
    """``tanh(h[t])`` is no factor that could be."""
    used = Statement((t, n), u[t, n], h[t, n] * tanh(h[t, n]))
    assert after(used, LOOP) == [str(used), str(LOOP)]


def test_what_is_asked_for_stays():
    """Its reader has known factors all the same."""
    made = Statement((t, n), s[t, n], h[t, n] * p[t, n])
    used = Statement((t, n), u[t, n], s[t, n] * (1 - q[t, n]) * p[t, n])
    assert str(made) in after(made, used, LOOP, keep={s})


def test_a_product_under_a_sum_stays():
    """It would be computed again for each entry of the sum."""
    made = Statement((t, n), u[t, n], h[t, n] * p[t, n])
    assert after(made, LOOP) == [str(made), str(LOOP)]


def test_of_equal_products_the_second_reads_the_first():
    """Outside of the loop; the tensor's other entries do not matter."""
    value = h[t, n] * (1 - q[t, n])
    used, again = Statement((t, n), u[t, n], value), Statement((t, n), y[t, n], value)
    assert str(Statement((t, n), y[t, n], u[t, n])) in after(used, again, LOOP)


def test_a_network_with_such_factors_is_right():
    """Gates that are read by two, and a product that is asked for twice."""
    one, two = tensor("one", T, N), tensor("two", T, N)
    past = Sum(U[n, m] * h[t - 1, m], m)
    operation = Operation(
        "f",
        "F.",
        (x, U),
        (y,),
        (
            Eq(h[-1, n], 0),
            Eq(one[t, n], tanh(past + x[t, n])),
            Eq(two[t, n], tanh(x[t, n] * one[t, n])),
            Eq(h[t, n], one[t, n] * two[t, n] + (1 - two[t, n]) * h[t - 1, n]),
            Eq(y[t, n], h[t, n] * one[t, n]),
        ),
    )
    assert failures(operation, count=6) == []
    reverse = adjoint(to_system(operation)).statements
    assert any("factor" in text for text in after(*reverse))
