"""Integers in conditions and in indices: masks, gathers, scatters, and integers by equations."""

import numpy as np
import pytest
from sympy import And, Eq, Max, Min, Mod, Ne, Or, Piecewise, Sum, ceiling, floor

import derive
from derive.language import (
    Access,
    Maximum,
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    parameter,
    sizes,
    tensor,
)
from tests.backends.numpy.building import failures

N, C, K, M, P, T, U = sizes("N C K M P T U")
i, j, k, m, p, t, u = axes("i j k m p t u", N, C, K, M, P, T, U)
p2 = axis("p2", P)
x, v, vp, a = tensor("x", N), tensor("v", C), tensor("v", P), tensor("a", N, C)
b, block, rows = tensor("b", T, N), tensor("b", P, C, M, K), tensor("b", N, K)
framed, w = tensor("x", N, outside=0), parameter("w", U)
one, two = integers("one", N, below=C), integers("two", N, below=K)
onward, start = integers("onward", C, below=M), integers("start", P, below=N)
lengths, entries = integers("lengths", N, below=T + 1), integers("entries", P, below=5)
y, yc, yp, yt, z = (tensor("y", *s) for s in ((N,), (C,), (P,), (T, N), ()))


def case(name, *equations, inputs, outputs=(y,)):
    operation = Operation(name, "Integers.", inputs, outputs, equations)
    return pytest.param(operation, id=name)


CONDITIONS = {
    "le": t <= lengths[i],
    "ge": t >= lengths[i],
    "eq": Eq(t, lengths[i]),
    "ne": Ne(t, lengths[i]),
    "divides": Eq(Mod(t + lengths[i], 3), 0),
    "odd": Ne(Mod(lengths[i], 2), 0),
    "and": And(t <= lengths[i], t >= 1),
    "or": Or(t < lengths[i], Eq(t, T - 1)),
    "twice": 2 * t < lengths[i],
}


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
@pytest.mark.parametrize("condition", CONDITIONS)
def test_a_condition_on_an_entry_is_a_mask(condition, passes):
    """Each point is in one case and in no other: copied, summed, compared and multiplied."""
    holds = CONDITIONS[condition]
    either = Piecewise((b[t, i] ** 2, holds), (b[t, i], True))
    squares = Sum(Piecewise((b[t, i] ** 2, holds), (0, True)), t)
    product = Sum(Piecewise((b[t, i] * x[i], holds), (0, True)), t, i)
    for equation, inputs in (
        (Eq(yt[t, i], either), (b, lengths)),
        (Eq(y[i], squares), (b, lengths)),
        (Eq(y[i], Maximum(Piecewise((b[t, i], holds)), t)), (b, lengths)),
        (Eq(z[()], product), (b, lengths, x)),
    ):
        output = equation.lhs.tensor
        operation = Operation("mask", "A mask.", inputs, (output,), (equation,))
        assert failures(operation, passes=passes) == []


COUNT = (Eq(tensor("n")[()], Sum(v[j], j)), Eq(tensor("n2")[()], Sum(w[u], u)))
COUNTED = (tensor("n"), tensor("n2"))
SCATTERS = [
    case("entries", accumulate(yc[one[i]], x[i] ** 2), *COUNT, inputs=(x, one, v, w),
         outputs=(yc, *COUNTED)),
    case("rows", accumulate(tensor("y", C, K)[one[i], k], rows[i, k]), *COUNT,
         inputs=(rows, one, v, w), outputs=(tensor("y", C, K), *COUNTED)),
    case("columns", accumulate(tensor("y", K, C)[k, one[i]], rows[i, k]), *COUNT,
         inputs=(rows, one, v, w), outputs=(tensor("y", K, C), *COUNTED)),
    case("places", accumulate(tensor("y", C, U)[one[i], integers("two", N, below=U)[i]], x[i]),
         *COUNT, inputs=(x, one, integers("two", N, below=U), v, w),
         outputs=(tensor("y", C, U), *COUNTED)),
]  # fmt: skip
GATHERS = [
    # a slice between two arrays of indices: NumPy moves their axes to the front
    case("around_a_slice", Eq(tensor("y", N, M, P)[i, m, p], block[p, one[i], m, two[i]]),
         inputs=(block, one, two), outputs=(tensor("y", N, M, P),)),
    case("own_entry", Eq(y[i], a[i, one[i]]), inputs=(a, one)),
    case("own_entry_falling", Eq(y[i], a[N - 1 - i, one[i]]), inputs=(a, one)),
    case("index_of_an_index", Eq(y[i], tensor("b", M)[onward[one[i]]]),
         inputs=(tensor("b", M), onward, one)),
    case("windows", Eq(yp[p], Sum(framed[start[p] + 2 * u] * w[u], u)), inputs=(framed, w, start),
         outputs=(yp,)),
    case("windows_falling", Eq(yp[p], Sum(framed[N - 1 - start[p] - u] * w[u], u)),
         inputs=(framed, w, start), outputs=(yp,)),
    case("rows_of_windows", Eq(tensor("y", P, U)[p, u], framed[start[p] - 2 * u] * w[u]),
         inputs=(framed, w, start), outputs=(tensor("y", P, U),)),
    case("last_or_nothing", Eq(y[i], tensor("b", T, N, outside=0)[lengths[i] - 1, i]),
         inputs=(tensor("b", T, N, outside=0), lengths)),
    case("turned_round", Eq(yt[t, i], Piecewise((b[lengths[i] - 1 - t, i], t < lengths[i]),
         (0, True))), inputs=(b, lengths), outputs=(yt,)),
]  # fmt: skip


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
@pytest.mark.parametrize("operation", [*SCATTERS, *GATHERS])
def test_an_index_of_integers_reads_and_adds_where_it_says(operation, passes):
    """Values, gradients and the transpose identity; indices repeat in most of the cases."""
    assert failures(operation, count=6, passes=passes) == []


@pytest.mark.parametrize("operation", SCATTERS[:1])
def test_what_several_points_add_to_one_entry_is_added_up(operation):
    """``y[index] += x`` of NumPy would keep the last one of them."""
    module = derive.compile(operation)
    found = module.apply(np.array([1.0, 2.0, 3.0]), np.array([1, 1, 0]), np.zeros(2), np.zeros(1))
    np.testing.assert_array_equal(found.y, [9, 5])


EQUATIONS = {
    "floor": (floor(p * N / Max(P, 1)), N + 1),
    "ceiling": (ceiling((p + 1) * N / Max(P, 1)), N + 1),
    "mod": (Mod(3 * p + 1, 4), 4),
    "min": (Min(2 * p, N), N + 1),
    "max": (Max(2 * p - 3, 0), 2 * P + 1),
    "cases": (Piecewise((p, Ne(Mod(p, 2), 0)), (2 * p, True)), 2 * P + 1),
    "rank": (Sum(Piecewise((1, entries[p2] <= entries[p]), (0, True)), p2), P + 1),
    "sum": (Sum(entries[p2], p2), 5 * P + 1),
    "min_of_an_entry": (Min(entries[p], 2), 3),
    "mod_of_an_entry": (Mod(entries[p] * 2, 3), 3),
    "floor_of_an_entry": (floor(entries[p] / 2), 3),
    "cases_of_an_entry": (Piecewise((entries[p], entries[p] >= 2), (3 - entries[p], True)), 5),
    "square": (entries[p] ** 2, 17),
    # a sum inside of a function has a tensor of its own, which holds integers as well
    "min_of_a_sum": (Min(Sum(entries[p2], p2), 3), 4),
    "mod_of_a_sum": (Mod(Sum(Piecewise((1, entries[p2] < entries[p]), (0, True)), p2) + 1, 3), 3),
}


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
@pytest.mark.parametrize("name", EQUATIONS)
def test_integers_are_computed_by_equations(name, passes):
    """They are read as an index afterwards, beyond the end as well."""
    value, below = EQUATIONS[name]
    computed = integers("s", P, below=below)
    equations = (Eq(computed[p], value), Eq(yp[p], framed[computed[p]] ** 2 * vp[p]))
    given = (entries,) if value.has(Access) else ()
    operation = Operation("computed", "Integers.", (framed, vp, *given), (yp,), equations)
    assert failures(operation, passes=passes) == []
