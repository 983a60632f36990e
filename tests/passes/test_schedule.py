"""Pass: statements in order, and what one direction hands to the other."""

from sympy import Integer, exp, tanh

from derive.calculus.statements import Guard, Statement
from derive.language import axes, parameter, sizes, state, tensor
from derive.passes.schedule import schedule
from tests.passes.building import lines, module

(N,) = sizes("N")
n, m = axes("n m", N, N)
x, y, z, c = (tensor(name, N) for name in "xyzc")
x_bar, y_bar, z_bar = (tensor(f"{name}_bar", N) for name in "xyz")
U = parameter("U", N, N)
bias = tensor("bias", N, optional=True)


def adds(target, value, *where, box=(n,)) -> Statement:
    return Statement(box, target, value, where)


Z, Y = adds(z[n], exp(x[n])), adds(y[n], tanh(z[n]) * c[n])


def after(*statements: Statement) -> list[str]:
    return lines(schedule(module(statements)).forward)


def test_an_entry_is_written_before_it_is_read():
    """However the equations were listed."""
    ordered = ["z[n] += exp(x[n])", "y[n] += c[n]·tanh(z[n])"]
    assert after(Y, Z) == after(Z, Y) == ordered


def test_a_tensor_that_reads_its_own_past_has_a_loop_and_nothing_else_has():
    """h[n] = h[n−1] + z[n]: z is there before, and y follows; backwards the loop falls."""
    h = state("h", N)
    begin, step = adds(h[-1], Integer(0), box=()), adds(h[n], h[n - 1] * z[n])
    assert after(adds(y[n], h[n]), step, begin, Z) == [
        "h[−1] += 0",
        "z[n] += exp(x[n])",
        "for n = 0 … N − 1:",
        "  h[n] += h[n − 1]·z[n]",
        "y[n] += h[n]",
    ]
    back = adds(h[n - 1], h[n] * z[n])
    assert after(back)[0] == "for n = N − 1 … 0:"


def test_of_neighbours_with_one_target_the_largest_comes_first():
    """It can set all entries; what may be absent sets none, however large."""
    offset = adds(y[n], c[n])
    total = adds(y[n], U[n, m] * x[m], box=(n, m))
    absent = adds(y[n], U[n, m] * bias[m], box=(n, m))
    ordered = ["y[n] += Σ_{m} U[n,m]·x[m]", "y[n] += c[n]", "y[n] += Σ_{m} U[n,m]·bias[m]"]
    assert after(absent, offset, total) == ordered


def test_of_equals_the_first_stays_first():
    """The author's order of terms."""
    one, two = adds(y[n], x[n]), adds(y[n], c[n])
    assert after(one, two) == ["y[n] += x[n]", "y[n] += c[n]"]
    assert after(two, one) == ["y[n] += c[n]", "y[n] += x[n]"]


def test_forward_keeps_what_backward_reads():
    """z̄ = ȳ·c·(1 − tanh²(z)) and x̄ = z̄·z read c and z of forward; z̄ backward makes itself."""
    backward = [
        adds(x_bar[n], z_bar[n] * z[n]),
        adds(z_bar[n], y_bar[n] * c[n] * (1 - tanh(z[n]) ** 2)),
    ]
    found = schedule(module([Y, Z], backward, (x, c), (y,), {x_bar: "x"}))
    assert found.saved == (c, z)
    assert found.forward.outputs == (y, z)  # c is there already
    assert found.backward.inputs == (c, z)
    assert [line.split()[0] for line in lines(found.backward)] == ["z_bar[n]", "x_bar[n]"]


def test_what_an_index_or_a_condition_reads_is_kept_as_well():
    """Nothing is saved that nobody reads: z is not."""
    k = tensor("k", N).like(integer=True, below=N)
    backward = [adds(x_bar[k[n]], y_bar[n]), adds(x_bar[n], y_bar[n], Guard("eq", k[n] - n))]
    found = schedule(module([Y, Z], backward, (x, c, k), (y,), {x_bar: "x"}))
    assert found.saved == (k,) and found.forward.outputs == (y,)
