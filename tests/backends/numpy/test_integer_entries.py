"""Integers in conditions and in indices: masks, gathers, scatters, and integers by equations."""

import numpy as np
import pytest
from sympy import And, Eq, Max, Min, Mod, Ne, Or, Piecewise, Sum, ceiling, floor

import derive
from derive.errors import DefinitionError
from derive.language import (
    Access,
    ArgMaximum,
    Maximum,
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    parameter,
    size,
    sizes,
    state,
    tensor,
)
from derive.language.symbols import Tensor
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


# ---- within a loop over time --------------------------------------------------------------------


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
def test_what_arrays_of_indices_read_is_a_copy(passes):
    """h[t − 1, k, beam[t,k], m]: its gradient is added to the array, and not to a copy."""
    h, source, out = state("h", T, K, N, M), tensor("s", T, K, N, M), tensor("o", T, K, N, M)
    beam = integers("beam", T, K, below=N)
    step = source[t, k, i, m] * h[t - 1, k, beam[t, k], m] + source[t, k, i, m]
    equations = Eq(h[-1, k, i, m], 0), Eq(h[t, k, i, m], step), Eq(out[t, k, i, m], h[t, k, i, m])
    operation = Operation("beams", "Integers.", (source, beam), (out,), equations)
    assert failures(operation, passes=passes) == []
    module = derive.compile(operation)
    _, kept = module.forward(np.array([2.0, 3.0]).reshape(2, 1, 1, 1), np.zeros((2, 1), int))
    assert module.backward(np.ones((2, 1, 1, 1)), kept).s.ravel().tolist() == [4, 3]


def test_what_is_added_where_integers_say_is_there_in_the_same_round():
    """A memory of three cells, of which one is written to in each step."""
    cell = axis("cell", 3)
    memory, written, out = state("h", T, N, 3, M), tensor("w", T, N, 3, M), tensor("o", T, N, 3, M)
    source, at = tensor("s", T, N, M), integers("at", T, N, below=3)
    equations = (
        Eq(memory[-1, i, cell, m], 0),
        accumulate(written[t, i, at[t, i], m], source[t, i, m] * (memory[t - 1, i, 0, m] + 1)),
        Eq(memory[t, i, cell, m], memory[t - 1, i, cell, m] + written[t, i, cell, m]),
        Eq(out[t, i, cell, m], memory[t, i, cell, m]),
    )
    operation = Operation("memory", "Integers.", (source, at), (out,), equations)
    assert failures(operation) == []
    found = derive.compile(operation).apply(np.full((1, 1, 1), 2.0), np.array([[1]]))
    assert found.ravel().tolist() == [0, 2, 0]


@pytest.mark.parametrize("passes", [True, False], ids=["passes", "fallback"])
def test_a_decoder_is_fed_its_own_choice(passes):
    """The number of the largest logit counts words, and no steps, whatever row it is kept in."""
    words = size("V", minimum=1)
    word = axis("v", words)
    embedding, weight = parameter("E", words), parameter("W", words)
    h, drive, logits = state("h", T), tensor("d", T), tensor("logits", T, words)
    token = Tensor("token", ((T + 1,),), offset=(-1,), integer=True, below=words)
    equations = (
        Eq(h[-1], 0),
        Eq(token[-1], 0),
        Eq(h[t], drive[t] + h[t - 1] / 2 + embedding[token[t - 1]]),
        Eq(logits[t, word], weight[word] * h[t]),
        Eq(token[t], ArgMaximum(logits[t, word], word)),
    )
    decoder = Operation("decoder", "Greedy.", (drive, embedding, weight), (logits,), equations)
    assert failures(decoder, passes=passes) == []
    found = derive.compile(decoder).apply(np.ones(3), np.array([0.1, 0.2]), np.array([1.0, 2.0]))
    assert np.allclose(found[:, 0], [1.1, 1.75, 2.075])


def test_integers_at_one_place_of_an_axis_that_may_be_empty():
    """Σ_i table[k[i,0]]·table[k[i,j]]: without any j there is nothing to compute."""
    table, word = parameter("table", M), integers("word", N, C, below=M)
    value = Sum(table[word[i, 0]] * table[word[i, j]], i)
    operation = Operation("pairs", "Integers.", (table, word), (yc,), (Eq(yc[j], value),))
    assert failures(operation) == []
    module = derive.compile(operation)
    found, kept = module.forward(np.ones(2), np.zeros((3, 0), int))
    assert found.shape == (0,) and module.backward(found, kept).table.tolist() == [0, 0]


def test_the_place_of_a_maximum_has_a_tensor_of_its_own():
    best = Eq(y[i], ArgMaximum(a[i, j], j) * x[i])
    with pytest.raises(DefinitionError, match=r"is an integer.*\n.*\n.*integers\(\.\.\.\)"):
        derive.compile(Operation("best", "Integers.", (a, x), (y,), (best,)))
