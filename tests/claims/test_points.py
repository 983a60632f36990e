"""The calls that claims are tried on, and the numbers."""

from fractions import Fraction
from itertools import combinations

import numpy as np
import pytest
from sympy import Eq, Sum, oo

from derive import Claim, Operation, axes, cotangent, option, parameter, size, sizes, tensor
from derive.claims import Answer, audit
from derive.claims.known import known_of
from derive.claims.points import call, calls, entries, generic, small, smaller, with_entry
from derive.errors import DefinitionError
from derive.language.symbols import Access, Axis
from derive.ops import find
from derive.verification.sizes import formulas_of

stride = option("stride", 1, minimum=1, samples=(2, 3), meaning="step")
scale = option("scale", 0.5, integer=False, samples=(0.25,), meaning="factor")
(s,), (q,) = stride.settings, scale.settings
L, V = size("L"), size("V", minimum=1)
P = size("P", (L - V) // s + 1)
l, v, p = axes("l v p", L, V, P)
x, w, y = tensor("x", L, outside=0), parameter("w", V), tensor("y", P)
share = tensor("share", interval=(0, 1))
window = Operation(
    "window", "Slide a filter.", (x, w, share), (y,),
    (Eq(y[p], q * share[()] * Sum(x[s * p + v] * w[v], v)),),
    options=(stride, scale), requires=((P >= 1, "the filter is too long"),),
)  # fmt: skip
plain = Claim(window, Eq(cotangent(share)[()], q * Sum(cotangent(y)[p] * x[p + v] * w[v], p, v)))
strided = Claim(window, Eq(y[p], s * q))


def values(claim):
    return [{str(k): n for k, n in case.values.items()} for case in calls(claim)]


def test_sizes_are_small_and_meet_the_requirements():
    assert all(v["P"] >= 1 and v["L"] >= v["V"] for v in values(plain))
    assert all(v["P"] > 1 and v["V"] > 1 for v in values(plain))
    assert values(plain) == values(plain)


def test_options_that_are_named_take_all_their_values():
    """Of those that are not named, the default alone is meant."""
    assert {v["stride"] for v in values(plain)} == {1}
    assert {v["stride"] for v in values(strided)} == {1, 2, 3}
    assert {v["scale"] for v in values(strided)} == {0.5, 0.25}


def test_what_is_given_is_kept():
    claim = Claim(window, plain.equation, given={L: 9, stride: 2})
    assert {(v["L"], v["stride"]) for v in values(claim)} == {(9, 2)}
    first, *_ = calls(claim)
    assert all(case.values[L] == 9 for case in smaller(claim, first))


def test_what_cannot_be_met_is_said():
    with pytest.raises(DefinitionError, match="there is no call for which the claim is made"):
        calls(Claim(window, plain.equation, given={L: 1, V: 5}))


def test_smaller_calls_have_one_size_less():
    case = call(plain, {"L": 4, "V": 2, "stride": 1, "scale": 0.5})
    found = [(c.values[L], c.values[V]) for c in smaller(plain, case)]
    assert found == [(2, 2), (3, 2), (4, 1)]


def test_numbers_are_exact_and_lie_where_they_must():
    known = known_of(window)
    case, *_ = calls(plain)
    points = [*generic(plain, case, known.shapes(case)), *small(plain, case, {}, 4, 3)]
    for point in points:
        for name, array in point.arrays.items():
            for number in array.ravel().tolist():
                assert isinstance(number, int | Fraction), name
                assert name != "share" or 0 < number < 1
    first, positive = points[:2]
    numbers = [n for name in ("x", "w") for n in first.arrays[name].ravel().tolist()]
    assert len(set(map(abs, first.arrays["x"].ravel().tolist()))) == case.values[L]
    assert any(n < 0 for n in numbers)
    assert all(n > 0 for name in ("x", "w") for n in positive.arrays[name].ravel().tolist())


@pytest.mark.parametrize("interval, least, most", [((2, oo), 2, oo), ((-oo, -1), -oo, -1)])
def test_half_an_interval(interval, least, most):
    z, r = tensor("z", interval=interval), tensor("r")
    double = Operation("double", ".", (z,), (r,), (Eq(r[()], 2 * z[()]),))
    claim = Claim(double, Eq(r[()], 2 * z[()]))
    case, *_ = calls(claim)
    for point in (*generic(claim, case, {}), *small(claim, case, {}, 4, 3)):
        assert least < point.arrays["z"].item() < most


def test_a_point_close_by_is_at_both_sides():
    case, *_ = calls(plain)
    point = next(small(plain, case, {}, 1, 1))
    above, below = point.near((x, w), np.random.default_rng(0))
    for name in ("x", "w"):
        up, here, down = (p.arrays[name] for p in (above, point, below))
        assert ((up > here) & (here > down)).all() and (up - here == here - down).all()
        assert (up - here < 1e-3).all()
    assert (above.arrays["share"] == point.arrays["share"]).all()


def test_an_entry_is_replaced_and_nothing_else():
    case, *_ = calls(plain)
    point = next(small(plain, case, {}, 1, 3))
    index = entries(point, (x,))[0][1]
    changed = with_entry(point, "x", index, 99)
    assert changed.arrays["x"][index] == 99 and point.arrays["x"][index] != 99
    assert (changed.arrays["x"] != point.arrays["x"]).sum() == 1
    assert (with_entry(point, "w", ..., 0).arrays["w"] == 0).all()


def test_a_claim_of_no_size_has_a_call():
    (N,) = sizes("N")
    z, r = tensor("z"), tensor("r")
    double = Operation("double", ".", (z,), (r,), (Eq(r[()], 2 * z[()]),))
    assert len(calls(Claim(double, Eq(r[()], 2 * z[()])))) == 1
    assert N not in calls(Claim(double, Eq(r[()], 2 * z[()])))[0].values




@pytest.mark.parametrize("name", ["correlate2d", "linear", "lstm", "max_pool2d", "cross_entropy"])
def test_each_size_counts_in_some_call(name):
    """Each is more than 1 somewhere, and any two of an input are unlike somewhere."""
    _, operation = find(name)
    y = operation.outputs[0]
    index = [Axis(f"q{place}", extent) for place, extent in enumerate(y.shape)]
    claim = Claim(operation, Eq(Access(y, *index), 0))
    found = values(claim)
    free = [s.name for s in formulas_of(operation).free]
    for length in free:
        assert any(v[length] > 1 for v in found), length
    for one, other in combinations(free, 2):
        assert any(v[one] > 1 < v[other] != v[one] for v in found), (one, other)


def test_filters_in_the_wrong_order_are_noticed():
    """A gradient by the bias that belongs to another filter."""
    _, operation = find("correlate2d")
    bias, (y,) = operation.inputs[-1], operation.outputs
    n, (g, k) = y.axes_of[0][0], bias.axes_of[0]
    images, group, one, p, q = axes("n g k p q", n, g, k, *y.shape[-2:])
    for filter_, answer in ((one, Answer.equal), (k - 1 - one, Answer.wrong)):
        right = Sum(cotangent(y)[images, (group, filter_), p, q], images, p, q)
        claim = Claim(operation, Eq(cotangent(bias)[(group, one)], right))
        assert audit(claim).answer is answer
