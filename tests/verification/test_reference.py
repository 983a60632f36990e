"""The plain loops read equations as they stand: each value here was worked out by hand."""

import numpy as np
import pytest
from sympy import Eq, Max, Piecewise, Rational, Sum, exp, sign

from derive import compile
from derive.language import (
    ArgMaximum,
    Maximum,
    Operation,
    accumulate,
    axes,
    compose,
    integers,
    option,
    part,
    sizes,
    state,
    tensor,
)
from derive.verification.number import evaluation, gradients, numbers
from derive.verification.reference import as_written, evaluate

N, K = sizes("N K")
n, k = axes("n k", N, K)
x, y, w, b = tensor("x", N), tensor("y", N), tensor("w", N, K), tensor("b", N, optional=True)


def evaluated(*equations, outputs=(y,), sizes=(), **arrays):
    """Outputs as lists, and the gradients of their sum."""
    inputs = [t for t in (x, w, b, beyond, low, places) if t.name in arrays]
    operation = Operation("op", "An operation.", tuple(inputs), outputs, equations)
    with evaluation():
        values = {N: 3, K: 2} | dict(sizes)
        given = {
            name: None if array is None
            else np.array(array) if name == "places"
            else numbers(np.array(array, float), active=True)
            for name, array in arrays.items()
        }  # fmt: skip
        found = evaluate(as_written(operation), given, values)
        weighed = [(entry, 1.0) for array in found.values() for entry in array.flat]
        slopes = {
            name: [float(s) for s in gradients(weighed, list(array.flat))]
            for name, array in given.items()
            if array is not None and name != "places"
        }
        return [[float(e) for e in array.flat] for array in found.values()], slopes


beyond = tensor("beyond", N, outside=5)
low = tensor("low", N, outside=Rational(1, 2))
places = integers("places", N, below=3)


def test_a_summand_without_the_index_of_its_sum_is_added_as_often():
    (values,), slopes = evaluated(Eq(y[n], exp(Sum(x[n], k))), x=[0.0, 0.5, 1.0])
    assert values == pytest.approx([1, np.e, np.e**2])
    assert slopes["x"] == pytest.approx([2, 2 * np.e, 2 * np.e**2])


def test_a_maximum_that_is_scattered_is_added():
    (values,), _ = evaluated(
        accumulate(y[0 * n], Maximum(w[n, k], k)), w=[[1, 2], [5, 3], [-1, -4]]
    )
    assert values == [6, 0, 0]


def test_the_first_of_equals_takes_the_gradient():
    _, slopes = evaluated(Eq(y[n], Maximum(w[n, k], k)), w=[[1, 1], [2, 3], [4, 3]])
    assert slopes["w"] == [1, 0, 0, 1, 1, 0]


def test_where_a_maximum_lies():
    at = integers("at", N)
    values, _ = evaluated(
        Eq(at[n], ArgMaximum(w[n, k], k)), outputs=(at,), w=[[1, 1], [2, 3], [4, 3]]
    )
    assert values == [[0, 1, 0]]


def test_outside_is_what_the_tensor_says():
    (values,), slopes = evaluated(
        Eq(y[n], beyond[n - 1] + low[n + 1]), beyond=[1, 2, 3], low=[10, 20, 30]
    )
    assert values == [25, 31, 2.5]
    assert slopes == {"beyond": [1, 1, 0], "low": [0, 1, 1]}


@pytest.mark.parametrize(
    "right, values",
    [
        (x[n] + b[n], [1, 2, 3]),
        (x[n] + 2 * b[n], [1, 2, 3]),
        (x[n] * (1 + b[n]), [1, 2, 3]),
        (x[n] + exp(b[n]), [1, 2, 3]),
        (x[n] + exp(Sum(b[n], k)), [2, 3, 4]),
        (exp(b[n]), [0, 0, 0]),
    ],
)
def test_a_term_that_reads_what_was_left_out_is_dropped(right, values):
    assert evaluated(Eq(y[n], right), x=[1, 2, 3], b=None)[0] == [values]


def test_cases_take_the_first_that_holds_and_look_at_no_other():
    """The piece that is not taken may divide by 0."""
    right = Piecewise((1 / x[n], x[n] > 0), (x[n], True))
    (values,), slopes = evaluated(Eq(y[n], right), x=[0.0, 2.0, -1.0])
    assert values == [0, 0.5, -1]
    assert slopes["x"] == [1, -0.25, 1]


def test_integers_stand_in_indices():
    (values,), slopes = evaluated(Eq(y[n], x[places[n]]), x=[10, 20, 30], places=[2, 2, 0])
    assert values == [30, 30, 10]
    assert slopes["x"] == [1, 0, 2]


def test_a_state_begins_before_the_first_step():
    h = state("h", N)
    (values,), slopes = evaluated(
        Eq(h[-1], 1), Eq(h[n], 2 * h[n - 1] + x[n]), Eq(y[n], h[n]), x=[1, 1, 1]
    )
    assert values == [3, 7, 15]
    assert slopes["x"] == [7, 3, 1]


def test_the_larger_of_two():
    (values,), slopes = evaluated(Eq(y[n], Max(x[n], 2)), x=[1, 3, 5])
    assert values == [2, 3, 5]
    assert slopes["x"] == [0, 1, 1]


def test_an_entry_that_depends_on_itself_is_an_error():
    """And not an endless recursion."""
    with pytest.raises(RecursionError, match=r"y\[0\] depends on itself"):
        evaluated(Eq(y[n], x[n] + y[n]), x=[1.0, 2.0, 3.0])


def test_integers_are_exact():
    """And not those of NumPy: these overflow, have no negative powers, and subtract no truths."""
    (values,), _ = evaluated(Eq(y[n], x[n] * places[n] ** 40), x=[1, 1, 1], places=[10, 0, 1])
    assert values == [1e40, 0, 1]
    (values,), slopes = evaluated(Eq(y[n], x[n] / (1 + places[n])), x=[1, 1, 1], places=[1, 3, 0])
    assert values == slopes["x"] == [0.5, 0.25, 1]
    (values,), _ = evaluated(Eq(y[n], x[n] * sign(places[n] - 1)), x=[1, 1, 1], places=[0, 1, 2])
    assert values == [-1, 0, 1]


def test_what_is_divided_by_an_exact_0_is_infinite():
    """A sum over nothing, halved, is an exact number."""
    v, total = tensor("v"), tensor("total")
    equations = Eq(v[()], Sum(x[n], n) / 2), Eq(total[()], 1 / v[()])
    (values,), _ = evaluated(*equations, outputs=(total,), sizes={N: 0}, x=[])
    assert values == [float("inf")]


def test_a_setting_may_stand_outside_and_for_what_is_left_out():
    scale = option("scale", 0.5, integer=False)
    framed, given = tensor("x", N, outside=scale[0]), tensor("g", N, default=scale[0])
    equations = (Eq(y[n], framed[n - 1] * given[n]),)
    operation = Operation("op", "An operation.", (framed, given), (y,), equations, options=(scale,))
    built = compile(operation)
    assert built.apply(np.ones(3)).tolist() == [0.25, 0.5, 0.5]
    assert built.apply(np.ones(3), scale=3.0).tolist() == [9, 3, 3]
    assert built.apply(np.ones(3), np.full(3, 2.0), scale=3.0).tolist() == [6, 2, 2]


def test_a_part_hands_its_settings_on():
    """What lies outside of a part's tensor is said by the option of the whole."""
    scale, rate = option("scale", 0.5, integer=False), option("rate", 2.0, integer=False)
    framed, inner, z = tensor("x", N, outside=scale[0]), tensor("u", N), tensor("z", N)
    shift = Operation(
        "shift", "A part.", (framed,), (inner,), (Eq(inner[n], framed[n - 1]),), options=(scale,)
    )
    for bound in ({}, {"x": x}):
        one = part(shift, lambda name: f"my_{name}", scale=rate, N=N, **bound)
        whole = compose("whole", "A whole.", [one], inputs=tuple(bound.values()), outputs=(z,),
                        options=(rate,), equations=(Eq(z[n], 2 * one["u"][n]),))  # fmt: skip
        assert compile(whole).apply(np.ones(2), rate=5.0).tolist() == [10, 2]


def test_the_concordance_of_a_textbook():
    """1 − 2·cov/(vx + vt + (mx − mt)²) of (1, 2, 3) and (2, 4, 6): 1 − (8/3)/(2/3 + 8/3 + 4)."""
    t, total = tensor("t", N), tensor("total")
    mx, mt, vx, vt, cov = (tensor(name) for name in ("mx", "mt", "vx", "vt", "cov"))
    count = Max(N, 1)
    equations = (
        Eq(mx[()], Sum(x[n], n) / count),
        Eq(mt[()], Sum(t[n], n) / count),
        Eq(vx[()], Sum((x[n] - mx[()]) ** 2, n) / count),
        Eq(vt[()], Sum((t[n] - mt[()]) ** 2, n) / count),
        Eq(cov[()], Sum((x[n] - mx[()]) * (t[n] - mt[()]), n) / count),
        Eq(total[()], 1 - 2 * cov[()] / (vx[()] + vt[()] + (mx[()] - mt[()]) ** 2)),
    )
    built = compile(Operation("concordance", "A loss.", (x, t), (total,), equations))
    loss = built.apply(np.array([1.0, 2.0, 3.0]), np.array([2.0, 4.0, 6.0]))
    assert np.allclose(loss, 1 - (8 / 3) / (2 / 3 + 8 / 3 + 4))


def test_the_mean_of_a_row_of_its_own_length():
    z, length = tensor("z", N, K), integers("length", N, below=K + 1)
    total = Sum(Piecewise((z[n, k], k < length[n]), (0, True)), k)
    right = total / Max(length[n], 1)
    built = compile(Operation("ragged", "Means.", (z, length), (y,), (Eq(y[n], right),)))
    rows = np.array([[1.0, 3.0], [5.0, np.nan], [np.nan, np.nan]])
    assert built.apply(rows, np.array([2, 1, 0])).tolist() == [2, 5, 0]
