"""What is excluded is not there: NaN and infinity in it reach neither values nor gradients.

And nothing warns: whatever a case computes where it is not taken, nobody is told of it.
"""

import warnings
from typing import Any

import numpy as np
import pytest
from sympy import Eq, Max, Piecewise, Sum, exp, log, sqrt

import derive
from derive.language import Maximum, axes, integers, option, parameter, sizes, tensor
from derive.language.operation import Operation
from derive.ops.activations import ELEMENTWISE
from tests.backends.numpy.building import failures
from tests.cases import SUBJECT, SUBJECTS

NAN, INFINITY = np.nan, np.inf
N, T, H, J = sizes("N T H J")
n, t, h, j = axes("n t h j", N, T, H, J)
a, b, x, s, y = (tensor(name, N) for name in "abxsy")


@pytest.fixture(autouse=True)
def no_warnings():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        yield


def module(name: str) -> Any:
    return SUBJECT[name].module


def run(made: Any, *inputs, **options):
    """Values, and gradients of their sum."""
    y, residuals = made.forward(*inputs, **options)
    several = isinstance(y, tuple)
    ones = type(y)(*map(np.ones_like, y)) if several else np.ones_like(y)
    return y, made.backward(ones, residuals)


def pointwise(value, *inputs, options=()):
    return Operation(
        name="pointwise", summary="A test.", inputs=inputs or (x,), outputs=(y,), options=options,
        equations=(Eq(y[n], value),),
    )  # fmt: skip


# ---- losses --------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
@pytest.mark.parametrize("ignore", [1, -100])
@pytest.mark.parametrize("bad", [NAN, INFINITY, -INFINITY])
def test_ignored_samples(name, ignore, bad):
    """The loss is that of the others; so are its gradients, and an ignored one's are 0."""
    logits = np.log([[0.5, 0.2, 0.3], [0.2, 0.3, 0.5]])
    spoiled = logits.copy()
    spoiled[0] = bad
    target, weight = np.array([ignore, 2]), np.array([1.0, 2, 3])
    y, grads = run(module(name), spoiled, target, weight, ignore_index=ignore)
    np.testing.assert_allclose(y, -np.log(0.5))
    alone = run(module(name), logits[1:], target[1:], weight, ignore_index=ignore)[1]
    assert not grads.x[0].any() and np.array_equal(grads.x[1:], alone.x)
    assert np.array_equal(grads.weight, alone.weight)


@pytest.mark.parametrize("name", ["nll_loss", "cross_entropy"])
def test_a_class_without_weight_that_is_ruled_out(name):
    with np.errstate(divide="ignore"):
        logits = np.log([[0.5, 0, 0.5], [0.2, 0.3, 0.5]])
    y, grads = run(module(name), logits, np.array([1, 2]), np.array([1.0, 0, 1]))
    np.testing.assert_allclose(y, -np.log(0.5))
    assert np.isfinite(grads.x).all() and np.isfinite(grads.weight).all()
    finite = np.array([[0.0, -3, 0]])
    grads = run(module("nll_loss"), finite, np.array([1]), np.zeros(3), reduction="sum")[1]
    assert grads.weight.tolist() == [0, 3, 0]  # a finite logarithm does count there


def test_probabilities_of_0_and_logits_of_minus_infinity():
    logits, target = np.array([[-INFINITY, 0, 0]]), np.array([[0.0, 1, 0]])
    y, grads = run(module("cross_entropy_probabilities"), logits, target)
    np.testing.assert_allclose(y, np.log(2))
    np.testing.assert_allclose(grads.x, [[0, -0.5, 0.5]])
    assert np.isfinite(grads.target).all() and np.isfinite(grads.weight or 0).all()


def test_divergence_at_0():
    target, logarithms = np.array([[0.0, 1]]), np.array([[-INFINITY, -1.0]])
    y, grads = run(module("kl_div"), logarithms, target, reduction="sum")
    assert y == 1 and grads.x.tolist() == [[0, -1]] and grads.target.tolist() == [[0, 2]]
    y, grads = run(module("kl_div_log_target"), logarithms, np.array([[-INFINITY, 0]]),
                   reduction="sum")  # fmt: skip
    assert y == 1 and grads.x.tolist() == [[0, -1]] and np.isfinite(grads.target).all()


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_infinite_logits(dtype):
    """Right, they cost nothing; wrong, everything."""
    made = module("binary_cross_entropy_with_logits")
    logits = np.array([[INFINITY, -INFINITY]], dtype)
    y, grads = run(made, logits, np.array([[1, 0]], dtype), reduction="none")
    assert not y.any() and not grads.x.any() and np.isfinite(grads.target).all()
    y, grads = run(made, logits, np.array([[0, 1]], dtype), reduction="none")
    assert y.tolist() == [[INFINITY, INFINITY]] and grads.x.tolist() == [[1, -1]]


def test_a_mean_with_a_negative_total_weight():
    """-(-3) * -1 / -3"""
    y = module("nll_loss").apply(np.array([[-1.0, -2]]), np.array([0]), np.array([-3.0, 1]))
    assert y == 1


# ---- behind the end of sequences -----------------------------------------------------------

# Where the input is there at the first step alone, nothing stands behind an end.
NETWORKS = [
    s for s in SUBJECTS
    if any(i.name == "lengths" for i in s.operation.inputs) and "one_to_many" not in str(s)
]  # fmt: skip


@pytest.mark.parametrize("subject", NETWORKS, ids=str)
@pytest.mark.parametrize("bad", [NAN, INFINITY])
def test_padding(subject, bad):
    """Whatever stands behind the end of a sequence, outputs and gradients are the same."""
    drawn = ((c, c.draw(np.random.default_rng(0))) for c in subject.cases)
    case, given = max(
        ((c, g) for c, g in drawn if g["lengths"] is not None), key=lambda cg: cg[1]["x"].size
    )
    x, batch_first = given["x"], "batch_first" in subject.operation.name
    lengths = np.arange(given["lengths"].size) % x.shape[0 if not batch_first else -2]
    lengths = given["lengths"] = lengths.reshape(given["lengths"].shape)
    steps = np.arange(x.shape[0 if not batch_first else -2])
    behind = np.greater_equal.outer(steps, lengths)
    behind = np.moveaxis(behind, 0, -1) if batch_first else behind
    outcomes = []
    for padding in (0.0, bad):
        given["x"] = np.where(behind[..., None], padding, x)
        outcomes.append(run(subject.module, *given.values(), **case.options))
    (y, grads), (spoiled, spoiled_grads) = outcomes
    y, spoiled = (v if isinstance(v, tuple) else (v,) for v in (y, spoiled))
    for left, right in zip((*y, *grads), (*spoiled, *spoiled_grads), strict=True):
        assert left is right is None or (np.isfinite(left).all() and np.array_equal(left, right))


def test_a_state_that_would_grow_behind_the_end():
    """It is frozen there: what it might have become is in no gradient."""
    x, weight = np.ones((300, 1, 1), "float32"), np.full((1, 1), 2, "float32")
    outputs, grads = run(module("rnn_relu"), x, weight, weight, None, None, None, np.array([2]))
    assert outputs.h_n == 2 * 2 + 2 and outputs.y[2:].sum() == 0
    assert all(np.isfinite(g).all() for g in grads if g is not None)
    # y[0] = 2x, y[1] = h_n = 2*y[0] + 2x
    assert grads.weight_ih[0, 0] == 1 + 2 * 3 and grads.weight_hh[0, 0] == 2 * 2


def test_a_product_under_a_mask():
    """All its factors are selected, and where none knows the whole mask their product is."""
    p, v = tensor("p", T), tensor("v", N, T)
    u, w, z = tensor("u", T, N, H), parameter("w", J, H), tensor("z", N, J)
    lengths = integers("lengths", N, below=T + 1)
    product = p[t] * v[n, t] * u[t, n, h] * w[j, h]
    operation = Operation(
        name="masked", summary="A test.", inputs=(p, v, u, w, lengths), outputs=(z,),
        equations=(Eq(z[n, j], Sum(Piecewise((product, t < lengths[n]), (0, True)), t, h)),),
    )  # fmt: skip
    assert not failures(operation)
    rng = np.random.default_rng(0)
    P, V, U, W = (rng.standard_normal(shape) for shape in ((4,), (2, 4), (4, 2, 3), (5, 3)))
    ends = np.array([2, 3])
    right = np.stack([sum(P[k] * V[i, k] * (W @ U[k, i]) for k in range(ends[i])) for i in (0, 1)])
    P[3], V[0, 2:], U[2:, 0], U[3, 1] = NAN, INFINITY, NAN, -INFINITY
    found, grads = run(derive.compile(operation), P, V, U, W, ends)
    np.testing.assert_allclose(found, right)
    assert all(np.isfinite(g).all() for g in grads if g is not None)


# ---- cases ---------------------------------------------------------------------------------

GUARDED = {
    "root": (Piecewise((sqrt(x[n]), x[n] > 0), (0, True)), [4, -1, 0], [2, 0, 0], [0.25, 0, 0]),
    "logarithm": (
        Piecewise((x[n] * log(x[n]), x[n] > 0), (0, True)), [1, -1, 0], [0, 0, 0], [1, 0, 0],
    ),
    "reciprocal": (Piecewise((0, Eq(x[n], 0)), (1 / x[n], True)), [2, 0], [0.5, 0], [-0.25, 0]),
    "exponential": (Piecewise((exp(x[n]), x[n] < 1), (2, True)), [0, 1e9], [1, 2], [1, 0]),
    "difference": (
        Piecewise((log(1 - x[n]), x[n] < 1), (0, True)), [0, 5, 1], [0, 0, 0], [-1, 0, 0],
    ),
    "square": (Piecewise((x[n] ** 2, x[n] < 3), (9, True)), [2, 1e300], [4, 9], [4, 0]),
    "nested": (
        Piecewise((Piecewise((sqrt(x[n]), x[n] > 1), (1, True)), x[n] < 5), (2, True)),
        [4, -4, 1e308], [2, 1, 2], [0.25, 0, 0],
    ),
    "power": (
        Piecewise((x[n] ** sqrt(2), x[n] > 0), (0, True)), [1, -1], [1, 0], [np.sqrt(2), 0],
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GUARDED)
def test_a_case_that_is_not_taken(name):
    value, points, right, slopes = GUARDED[name]
    operation = pointwise(value)
    assert not failures(operation)
    found, grads = run(derive.compile(operation), np.array(points, float))
    np.testing.assert_allclose(found, right)
    np.testing.assert_allclose(grads.x, slopes, atol=1e-300)


def test_a_guarded_quotient_of_data():
    operation = pointwise(Piecewise((x[n] / s[n], s[n] > 0), (0, True)), x, s)
    assert not failures(operation)
    found, grads = run(derive.compile(operation), np.array([1.0, 1, 1]), np.array([2.0, 0, -1]))
    assert found.tolist() == [0.5, 0, 0]
    assert grads.x.tolist() == [0.5, 0, 0] and grads.s.tolist() == [-0.25, 0, 0]


def test_a_quotient_by_a_large_number():
    """The slope -a/s² is 0 or near to it, and s² overflows."""
    made = derive.compile(pointwise(x[n] / s[n], x, s))
    _, grads = run(made, np.array([1e300]), np.array([1e200]))
    np.testing.assert_allclose(grads.s, -1e-100)


@pytest.mark.parametrize("name", ["huber_loss", "smooth_l1_loss"])
def test_losses_of_large_differences(name):
    apart, none = np.array([1e20, -3e38, 0.25], "float32"), np.zeros(3, "float32")
    y, grads = run(module(name), apart, none, reduction="none")
    np.testing.assert_allclose(y, [1e20, 3e38, 0.03125], rtol=1e-6)
    assert grads.x.tolist() == [1, -1, 0.25]


# ---- NaN -----------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [operation.name for operation in ELEMENTWISE])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_nan_stays_nan(name, dtype):
    """In the value and in the slope of every activation; the entries beside it are not touched."""
    y, grads = run(module(name), np.array([NAN, 1], dtype))
    assert np.isnan(y[0]) and np.isnan(grads.x[0])
    assert np.isfinite(y[1]) and np.isfinite(grads.x[1]) and grads.x.dtype == dtype


@pytest.mark.parametrize("name", ["prelu", "prelu_shared", "crelu"])
def test_nan_stays_nan_in_others(name):
    weights = {"prelu": [np.full(2, 0.5)], "prelu_shared": [np.full(1, 0.5)]}.get(name, [])
    y, grads = run(module(name), np.array([[NAN, 1]]), *weights)
    assert np.isnan(y[0, 0]) and np.isnan(grads.x[0, 0]) and grads.x[0, 1] == 1


def test_nan_that_is_compared():
    """A comparison with NaN tells nothing, so what it selects is NaN."""
    cases = Piecewise((a[n], s[n] > 0), (b[n], True))
    given = np.array([[1.0, 1], [2, 2], [NAN, 1]])
    found, grads = run(derive.compile(pointwise(cases, a, b, s)), *given)
    assert np.isnan(found[0]) and found[1] == 1
    assert np.isnan(grads.a[0]) and np.isnan(grads.b[0]) and grads.a[1] == 1


# ---- powers --------------------------------------------------------------------------------


def test_a_power_of_two_tensors():
    operation = pointwise(a[n] ** b[n], a, b)
    assert not failures(operation)
    bases, exponents = np.array([-2.0, 0, 0, -2, 4]), np.array([2.0, 0, 1, 3, 0.5])
    made = derive.compile(operation)
    y, residuals = made.forward(bases, exponents)
    assert y.tolist() == [4, 1, 0, -8, 2]
    assert made.backward(np.ones(5), residuals, wrt="a").a.tolist() == [-4, 0, 1, 12, 0.25]
    with np.errstate(invalid="ignore"):  # of a negative base there is no slope by the exponent
        slopes = made.backward(np.ones(5), residuals).b
    np.testing.assert_allclose(slopes, [NAN, 0, 0, NAN, 2 * np.log(4)])


def test_an_exponent_that_is_0():
    p = option("p", 2, samples=(0, 1, 3), meaning="power")
    operation = pointwise(x[n] ** p[0], options=(p,))
    assert not failures(operation, count=12)
    made = derive.compile(operation)
    points = np.array([0.0, -2, 3, INFINITY], "float32")
    y, grads = run(made, points, p=0)
    assert y.tolist() == [1, 1, 1, 1] and grads.x.tolist() == [0, 0, 0, 0]
    assert grads.x.dtype == y.dtype == "float32"
    assert run(made, points, p=1)[1].x.tolist() == [1, 1, 1, 1]


@pytest.mark.parametrize("passes", [True, False])
def test_rational_powers(passes):
    from sympy import Rational

    for value in ((1 + x[n] ** 2) ** Rational(1, 3), (1 + x[n] ** 2) ** Rational(-5, 7),
                  Max(x[n], 1) ** Rational(1, 3)):  # fmt: skip
        assert not failures(pointwise(value), passes=passes)


def test_a_sum_over_nothing_of_the_largest_of_nothing():
    """Σ_k a·c[k] is 0 where K = 0, though a, the largest of nothing, is −∞; so are the slopes."""
    N, K = sizes("N K")
    n, k = axes("n k", N, K)
    x, y, c = tensor("x", K, N), tensor("y", N), tensor("c", K)
    largest = Maximum(x[k, n] ** 2, k)
    for value, inputs in (
        (Sum(largest, k), (x,)),
        (Sum(largest * c[k], k), (x, c)),
        (Sum(exp(-largest) * c[k] ** 2 * largest, k), (x, c)),
    ):
        operation = Operation("sum", "Sum.", inputs, (y,), (Eq(y[n], value),))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is infinite has no slope
            module = derive.compile(operation)
        found, residuals = module.forward(*(np.ones((0, 2)), np.ones(0))[: len(inputs)])
        assert found.tolist() == [0, 0]
        assert all(g.size == 0 for g in module.backward(np.ones(2), residuals))
        some, _ = module.forward(*(np.ones((3, 2)), np.ones(3))[: len(inputs)])
        assert np.allclose(some, 3 * (np.exp(-1) if value.has(exp) else 1))


def test_an_output_without_entries_hides_nothing_that_is_infinite():
    """a·max_m w[m] is on no way to y, which has no entries where m has none; it is infinite."""
    N, Q = sizes("N Q")
    n, q, m = axes("n q m", N, Q, Q)
    x, w, y, a = tensor("x", N), tensor("w", Q), tensor("y", Q), tensor("a")
    equations = Eq(a[()], Sum(x[n], n) * Maximum(w[m], m)), Eq(y[q], a[()] + w[q])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        module = derive.compile(Operation("hidden", "H.", (x, w), (y,), equations))
    assert module.apply(np.ones(3), np.ones(2)).tolist() == [4, 4]


def test_the_slope_of_a_sum_over_nothing():
    """y[q,n] = h[n]²·max_m w[n] has no entries if q and m have none; nothing depends on h."""
    N, Q = sizes("N Q")
    n, q, m = axes("n q m", N, Q, Q)
    h, w, y, s = tensor("h", N), tensor("w", N), tensor("y", Q, N), tensor("s", Q)
    value = h[n] ** 2 * Maximum(w[n], m)
    product = Operation("p", "P.", (h, w, s), (y,), (Eq(y[q, n], value + s[q]),))
    module = derive.compile(product)
    found, residuals = module.forward(np.ones(2), np.ones(2), np.ones(0))
    grads = module.backward(found, residuals)
    assert found.shape == (0, 2) and grads.h.tolist() == grads.w.tolist() == [0, 0]
    found, residuals = module.forward(np.full(2, 3.0), np.full(2, 5.0), np.zeros(4))
    assert np.all(found == 45)
    grads = module.backward(np.ones((4, 2)), residuals)
    assert grads.h.tolist() == [4 * 2 * 3 * 5] * 2 and grads.w.tolist() == [4 * 9] * 2
