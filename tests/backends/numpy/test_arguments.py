"""The way in: how sizes are bound, what is refused, and that nothing is an array too."""

from functools import cache

import numpy as np
import pytest
from sympy import Eq, Max, Mod, Or, Sum, tanh

from derive import compile
from derive.backends.numpy.arguments import enter
from derive.errors import DefinitionError
from derive.language import (
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    leading,
    option,
    parameter,
    size,
    sizes,
    state,
    tensor,
)
from derive.verification.cases import cases
from derive.verification.verify import Verification
from tests.backends.numpy.building import failures, loaded
from tests.backends.numpy.zoo import ZOO

N, C, T = sizes("N C T")
n, c, t = axes("n c t", N, C, T)
x, y = tensor("x", N, C), tensor("y", N)
SUM = Eq(y[n], Sum(x[n, c], c))


def module(*equations, inputs=(x,), outputs=(y,), **more):
    return compile(Operation("f", "F.", inputs, outputs, equations, **more))


def bound(m, *arrays, **options) -> dict:
    """The sizes that a call finds."""
    return m.forward(*arrays, **options)[1].sizes._asdict()


def test_a_size_is_bound_by_its_first_bare_appearance():
    """Later ones are compared, and the message says with what."""
    w = tensor("w", C)
    m = module(Eq(y[n], Sum(x[n, c] * w[c], c)), inputs=(x, w))
    assert bound(m, np.ones((2, 3)), np.ones(3)) == {"N": 2, "C": 3}
    with pytest.raises(ValueError, match=r"w .*C from axis 1 of x"):
        m.apply(np.ones((2, 3)), np.ones(4))


def test_a_factor_is_bound_by_exact_division():
    """``4H`` gives H; 4 H + 1 is an error."""
    w, v = parameter("w", (4, N)), tensor("y", N)
    g = axis("g", 4)
    m = module(Eq(v[n], Sum(w[(g, n)], g)), inputs=(w,), outputs=(v,))
    assert bound(m, np.ones(12)) == {"N": 3}
    with pytest.raises(ValueError, match=r"axis 0 of w .* is 13, not a multiple of 4"):
        m.apply(np.ones(13))


def test_an_axis_of_a_number_of_entries_is_compared_with_it():
    """Though no size is bound or named there."""
    w = parameter("w", 3)
    m = module(Eq(y[n], Sum(x[n, c], c) * w[2]), inputs=(x, w))
    with pytest.raises(ValueError, match=r"axis 0 of w with shape \(2,\) is 2, expected 3 \(3\)"):
        m.apply(np.ones((2, 3)), np.ones(2))


def test_an_axis_may_be_any_expression_of_sizes():
    """Whatever its words look like, and where the sizes in them are from."""
    v = tensor("v", Max(N, C - 1))
    m = module(Eq(y[n], Sum(x[n, c], c) * v[n]), inputs=(x, v))
    assert m.apply(np.ones((2, 4)), np.ones(3)).tolist() == [4, 4]
    said = r"axis 0 of v .* is 2, expected 3 \(Max\(N, C - 1\); N from axis 0 of x, C from axis 1"
    with pytest.raises(ValueError, match=said):
        m.apply(np.ones((2, 4)), np.ones(2))


def test_leading_axes_are_counted_together():
    """Any number of them, none included, and the output has them again."""
    lead = leading("B")
    b = axis("b", lead)
    xs, ys = tensor("x", lead, C), tensor("y", lead)
    m = module(Eq(ys[b], Sum(xs[b, c], c)), inputs=(xs,), outputs=(ys,))
    for shape in ((5,), (2, 5), (2, 3, 5), (0, 3, 5)):
        assert m.apply(np.ones(shape)).shape == shape[:-1]
    with pytest.raises(ValueError, match="x has shape"):
        m.apply(np.array(1.0))


def test_a_formula_gives_sizes_that_no_shape_does():
    """Formulas may build on one another and on options."""
    k = option("k", 2, minimum=1)
    P = size("P", N * k.settings[0] + 1)
    Q = size("Q", 2 * P)
    q = axis("q", Q)
    out = tensor("y", Q)
    m = module(Eq(out[q], Sum(x[n, c], n, c)), outputs=(out,), options=(k,))
    assert bound(m, np.ones((2, 1)), k=3) == {"N": 2, "C": 1, "k": 3, "P": 7, "Q": 14}


@pytest.mark.parametrize(
    "inputs, outputs, equation",
    [
        ((tensor("x", N + 1, C),), (y,), Eq(y[n], Sum(tensor("x", N + 1, C)[n, c], c))),
        ((x,), (tensor("y", T),), Eq(tensor("y", T)[t], Sum(x[n, c], n, c))),
        ((x, tensor("o", T, optional=True)), (tensor("y", T),),
         Eq(tensor("y", T)[t], Sum(x[n, c], n, c) + tensor("o", T, optional=True)[t])),
        ((tensor("x", N * C),), (y,), Eq(y[n], Sum(tensor("x", N * C)[c], c))),
    ],
    ids=["a sum", "an output alone", "an optional input alone", "two unknown factors"],
)  # fmt: skip
def test_an_unresolved_size_is_a_definition_error(inputs, outputs, equation):
    """The message names size and remedy."""
    with pytest.raises(DefinitionError, match="no input binds the size"):
        enter(Operation("f", "F.", inputs, outputs, (equation,)))


def test_an_unresolved_bound_of_integers_is_a_definition_error():
    """``below=V`` where no shape has V."""
    k = integers("k", N, below=size("V"))
    with pytest.raises(DefinitionError, match="no input binds the size V"):
        enter(Operation("f", "F.", (x, k), (y,), (Eq(y[n], Sum(x[n, c], c) * k[n]),)))


def test_a_least_size_is_a_condition_of_the_call():
    """And the error names the axis."""
    F = size("F", minimum=2)
    xs = tensor("x", N, F)
    f = axis("f", F)
    m = module(Eq(y[n], Sum(xs[n, f], f)), inputs=(xs,))
    m.apply(np.ones((0, 2)))
    with pytest.raises(ValueError, match=r"axis 1 of x \(F\) must be at least 2, not 1"):
        m.apply(np.ones((3, 1)))


def test_requirements_are_checked_with_the_authors_words():
    """Any relation of sizes and settings."""
    even = module(SUM, requires=((Eq(Mod(N, 2), 0), "N is odd"), (Or(C > 1, N < 4), "too thin")))
    even.apply(np.ones((2, 1)))
    with pytest.raises(ValueError, match=r"N is odd.*N.*3"):
        even.apply(np.ones((3, 2)))
    with pytest.raises(ValueError, match="too thin"):
        even.apply(np.ones((4, 1)))


def test_a_requirement_that_sympy_decides_is_no_error():
    """A size is declared nonnegative, its formula need not be."""
    P = size("P", N - 3)
    p, out = axis("p", P), tensor("y", P)
    m = module(Eq(out[p], Sum(x[n, c], n, c)), outputs=(out,), requires=((P >= 0, "too short"),))
    with pytest.raises(ValueError, match="too short"):
        m.apply(np.ones((2, 2)))


def test_inner_names_hide_no_option():
    """An option that only a shape mentions has its name all the same."""
    a = option("a", 2, minimum=1)
    out = tensor("y", N * a.settings[0])
    total = tanh(Sum(x[axis("m", N), c], axis("m", N), c))
    m = module(accumulate(out[n], total * Sum(x[n, c], c)), outputs=(out,), options=(a,))
    assert m.apply(np.ones((2, 1))).shape == (4,)


def test_an_input_of_another_kind_is_named():
    """Rank, dtype and type, before any mathematics."""
    m = module(SUM)
    for wrong in (np.ones(3), np.ones((2, 2, 2)), np.ones((2, 2), int), [[1.0]], None):
        with pytest.raises((TypeError, ValueError), match="x "):
            m.apply(wrong)


@cache
def compiled(name: str):
    return compile(ZOO[name])


@pytest.mark.parametrize("name", ["gru_reset_before", "predator_prey", "bidirectional", "lagged"])
@pytest.mark.parametrize("empty", ["T", "B", "N", "TBN"])
def test_a_recurrence_over_nothing_is_nothing(name, empty):
    """No steps, no batch, no units: arrays of the right shapes, and no error."""
    length = {"T": 2, "B": 3, "N": 4} | dict.fromkeys(empty, 0)

    def shape(array):
        return tuple(length[e.name] if e.free_symbols else int(e) for e in array.shape)

    inputs, outputs = ZOO[name].inputs, ZOO[name].outputs
    rng = np.random.default_rng(0)
    arrays = {x.name: rng.standard_normal(shape(x)) for x in inputs}
    output, residuals = compiled(name).forward(**arrays)
    assert output.shape == shape(outputs[0])
    grads = compiled(name).backward(output, residuals)
    assert [g.shape for g in grads] == [a.shape for a in arrays.values()]


def test_no_step_hands_the_initial_state_through():
    """Forwards as the result, backwards as its gradient."""
    x, h0, u = np.ones((0, 2, 3)), np.arange(6.0).reshape(2, 3), np.ones((3, 3))
    output, residuals = compiled("gru_reset_before").forward(x, u, u, u, h0)
    grads = compiled("gru_reset_before").backward(2 * output, residuals)
    assert np.array_equal(output, h0) and np.array_equal(grads.h0, 2 * h0)
    assert not grads.uz.any()


@pytest.mark.parametrize(
    "name", ["bilinear", "outer", "matrix_trace", "causal", "upsample", "total"]
)
def test_empty_axes_are_axes(name):
    """Each axis of length 0 in turn, as the table of cases has them."""
    chosen = tuple(case for case in cases(ZOO[name]) if case.is_empty)
    assert chosen
    verification, m = Verification(ZOO[name], chosen), loaded(ZOO[name]).module
    assert [what for case in chosen if (what := verification.reference(case, m)[1])] == []


def test_an_entry_that_no_point_reads_need_not_exist():
    """``y[n] = x[n,c] * x[0,0]`` over no points."""
    square = tensor("y", N, C)
    value = x[n, c] * x[0, 0]
    operation = Operation("f", "F.", (x,), (square,), (Eq(square[n, c], value),))
    assert compile(operation).apply(np.zeros((0, 2))).shape == (0, 2)
    assert failures(operation, count=4) == []


def test_a_state_as_output_has_one_row_more():
    """``h[-1]`` is its first."""
    xs, h = tensor("x", T), state("h", T)
    m = module(Eq(h[-1], 3), Eq(h[t], h[t - 1] + xs[t]), inputs=(xs,), outputs=(h,))
    assert m.apply(np.ones(2)).tolist() == [3, 4, 5]
    assert m.apply(np.ones(0)).tolist() == [3]
