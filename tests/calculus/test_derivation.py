"""Every step keeps the value; the known results emerge; a wrong rule is caught."""

from dataclasses import replace
from itertools import pairwise
from time import perf_counter

import pytest
from sympy import Eq, Piecewise, Sum, tanh

from derive.calculus import derivation as derivations
from derive.calculus import sifting
from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import RULES, derivation
from derive.calculus.lift import to_system
from derive.calculus.normal import put
from derive.calculus.statements import accesses
from derive.language import (
    Operation,
    axes,
    axis,
    integers,
    option,
    parameter,
    size,
    sizes,
    softplus,
    tensor,
)
from derive.ops.convolution import OPERATIONS as CONVOLUTIONS
from derive.ops.dense import linear
from derive.prose.text import Text
from tests.calculus.evaluation import Numbers

SHIPPED = {operation.name: operation for operation in (*CONVOLUTIONS, linear)}

# stride, dilation and paddings along d, h, w
SETTINGS = [
    ((1, 1, 1), (1, 1, 1), (0, 0, 0, 0, 0, 0)),
    ((1, 2, 2), (1, 1, 2), (0, 1, 1, 0, 1, 2)),
    ((2, 1, 3), (1, 2, 1), (1, 0, 0, 2, 2, 1)),
]


def numbers(rank: int, stride, dilation, padding) -> dict[str, int]:
    """Small sizes; floor remainders and even kernels among them."""
    image = {1: (0, 0, 6), 2: (0, 4, 5), 3: (2, 3, 3)}[rank]
    values = {"N": 2 if rank == 1 else 1, "groups": 1, "C": 1, "K": 2 if rank < 3 else 1, "I": 3}
    if rank == 1:
        values |= {"groups": 2, "C": 2}
    values |= dict(zip("DHW", image, strict=True)) | {"O": 2, "P": 2, "Q": 3}
    values |= {"T": 1, "U": 2, "V": 2}
    for i, letter in enumerate("dhw"):
        values |= {f"stride_{letter}": stride[i], f"dilation_{letter}": dilation[i]}
        for name in ("padding", "mode"):
            values |= {
                f"{name}_{letter}_low": padding[2 * i],
                f"{name}_{letter}_high": padding[2 * i + 1],
            }
        values |= {f"output_padding_{letter}": min(1, stride[i] - 1)}
    return values


N, I, J, T, R, D = sizes("N I J T R D")
n, i, j, t, u, r, d = axes("n i j t u r d", N, I, J, T, T, R, D)
k = axis("k", J)
x = tensor("x", N, I)
w = parameter("w", J, I)
y = tensor("y", N, J)
HIDDEN = tensor("h", T, N, J, outside=0)
SEQUENCE, RESULT = tensor("x", T, D), tensor("y", T, D)
TOKEN = integers("token", T, below=R)

tanh_layer = Operation(
    "tanh_layer", "", (x, w), (y,), (Eq(y[n, j], tanh(Sum(w[j, i] * x[n, i], i))),)
)
causal = Operation(
    "causal", "", (SEQUENCE, parameter("w", T)), (RESULT,),
    (Eq(RESULT[t, d],
        Sum(Piecewise((parameter("w", T)[t - u] * SEQUENCE[u, d], u <= t), (0, True)), u)),),
)  # fmt: skip
gather = Operation(
    "gather", "", (parameter("w", R, D), TOKEN), (RESULT,),
    (Eq(RESULT[t, d], parameter("w", R, D)[TOKEN[t], d] ** 2),),
)  # fmt: skip
cell = Operation(
    "cell", "", (tensor("x", T, N, J), parameter("w", J, J)), (tensor("y", T, N, J),),
    (
        Eq(HIDDEN[t, n, j], tanh(tensor("x", T, N, J)[t, n, j]
                                 + Sum(parameter("w", J, J)[j, k] * HIDDEN[t - 1, n, k], k))),
        Eq(tensor("y", T, N, J)[t, n, j], HIDDEN[t, n, j]),
    ),
)  # fmt: skip
ratio = Operation(
    "ratio", "", (x,), (tensor("y", N, I),),
    (Eq(tensor("y", N, I)[n, i],
        softplus(x[n, i]) / (1 + Sum(x[n, axis("j", I)] ** 2, axis("j", I)))),),
)  # fmt: skip
diagonal = Operation(
    "diagonal", "", (tensor("x", N, N),), (tensor("y"),),
    (Eq(tensor("y")[()], Sum(tensor("x", N, N)[n, n] ** 2, n)),),
)  # fmt: skip
EXTRA = [tanh_layer, causal, gather, cell, ratio, diagonal]
SMALL = {"N": 2, "I": 2, "J": 2, "T": 3, "R": 3, "D": 2}


def derived(operation: Operation):
    system = to_system(operation)
    return derivation(operation, system, adjoint(system))


def readings(operation: Operation) -> dict[str, list[str]]:
    printer = Text()
    return {
        bar.name: [printer.phrase(s.reading) for s in steps if s.reading]
        for bar, steps in derived(operation).gradients.items()
    }


@pytest.mark.parametrize("setting", range(len(SETTINGS)))
@pytest.mark.parametrize("operation", SHIPPED.values(), ids=str)
def test_every_step_keeps_the_value(operation, setting):
    if operation.name.endswith("3d") and setting == 1:
        pytest.skip("the other two settings cover three axes")
    rank = int(operation.name[-2]) if operation.name.endswith("d") else 1
    case = Numbers(operation, numbers(rank, *SETTINGS[setting]))
    for step in case.derivation.steps:
        assert case.check(step), step.label


@pytest.mark.parametrize("operation", EXTRA, ids=str)
def test_every_step_of_any_system_keeps_the_value(operation):
    case = Numbers(operation, SMALL)
    assert case.derivation.steps
    for step in case.derivation.steps:
        assert case.check(step), step.label


def test_steps_follow_each_other():
    for operation in (*SHIPPED.values(), *EXTRA):
        for bar, steps in derived(operation).gradients.items():
            for number, step in enumerate(steps, 1):
                assert step.label == f"{bar.name}.{number}"
                assert step.target == bar
            assert all(a.after == b.before for a, b in pairwise(steps))


def test_the_first_step_starts_from_the_adjoint():
    system = to_system(SHIPPED["correlate2d"])
    reverse = adjoint(system)
    found = derivation(SHIPPED["correlate2d"], system, reverse)
    for bar, steps in found.gradients.items():
        assert steps[0].before == tuple(s for s in reverse.statements if s.target.tensor == bar)


def test_the_gradient_of_a_correlation_is_a_full_convolution():
    found = readings(SHIPPED["correlate2d"])
    assert found["x_bar"][-1].startswith("the full convolution of y_bar with weight")
    _, _, again = found["x_bar"][-1].partition("; that is, ")
    assert again.startswith(
        "the correlation of y_bar (padded in front by dilation_h·(U − 1) − padding_h_low"
    )
    assert "with weight rotated by 180 degrees" in again
    assert again.endswith(", summed over k")
    assert "zeros between its entries" in found["x_bar"][0]
    # what padding has added to the image is not handed on
    assert "from its entry (padding_h_low, padding_w_low) on" in found["x_bar"][0]
    assert found["weight_bar"][0].startswith(
        "the correlation of x (padded in front by padding_h_low and padding_w_low) with y_bar"
    )
    assert found["bias_bar"] == ["the sum of y_bar over n, p and q"]


def test_the_gradient_of_a_convolution_is_a_correlation():
    found = readings(SHIPPED["convolve1d"])
    assert found["x_bar"][-1].endswith(
        "that is, the correlation of y_bar (padded in front by dilation_w·(V − 1) − padding_w_low) "
        "with weight (dilated by dilation_w), summed over k"
    )


def test_the_gradient_of_a_dense_layer_is_matrix_products():
    assert readings(linear) == {
        "x_bar": ["the matrix product of y_bar and weight"],
        "weight_bar": ["the matrix product of y_bar transposed and x"],
        "bias_bar": ["the sum of y_bar over n"],
    }


def test_a_stride_leaves_its_divisibility_in_plain_sight():
    found = derived(SHIPPED["correlate1d"])
    bar = next(b for b in found.gradients if b.name == "x_bar")
    final = found.final(bar)
    assert final is not None
    (statement,) = final.after
    (guard,) = statement.where
    assert guard.kind == "divides"
    assert str(guard.modulus) == "stride_w"
    assert found.gradients[bar][-1].assuming
    assert found.label_of(bar) == "x_bar.6"


def test_a_recurrence_is_reversed():
    assert readings(cell)["h_bar"] == ["a recurrence that runs backwards in t"]


def test_names_decide_nothing():
    """A copy with other names and another order of axes reads the same."""
    B, L, M = sizes("B L M", minimum=1)
    Z = size("Z", L - M + 1)
    b, z, a = axes("b z a", B, Z, M)
    image, mask, out = tensor("image", L, B, outside=0), parameter("mask", M), tensor("out", Z, B)
    copy = Operation("copy", "", (image, mask), (out,),
                     (Eq(out[z, b], Sum(image[z + a, b] * mask[a], a)),))  # fmt: skip
    found = readings(copy)
    assert found["image_bar"][-1] == (
        "the full convolution of out_bar with mask; "
        "that is, the correlation of out_bar (padded by M − 1) with mask reversed"
    )
    assert found["mask_bar"] == ["the correlation of image with out_bar, summed over b"]


def without(kind):
    """The rule for division, with one kind of condition forgotten."""

    def rule(term, outputs):
        found = sifting.sift_multiple(term, outputs)
        if found is None:
            return None
        where = tuple(g for g in found[0].where if g.kind != kind)
        return replace(found[0], where=where), found[1]

    return rule


def reversed_value(term, outputs):
    """The rule for one axis, with an index of the value running backwards."""
    found = sifting.sift_bare(term, outputs)
    if found is None:
        return None
    first = found[0].domain[0]
    wrong = put(found[0], {first: first.extent - 1 - first})
    return replace(found[0], value=wrong.value), found[1]


def unturned(term, outputs, flip=sifting.flip):
    """The flip, with one factor left as it was."""
    found = flip(term, outputs)
    if found is None:
        return None
    old, new = (accesses(t.value)[0] for t in (term, found[0]))
    assert old.tensor == new.tensor
    return replace(found[0], value=found[0].value.xreplace({new: old})), found[1]


def caught(case: Numbers) -> bool:
    """Whether some step has sides of different values, or reads outside a tensor."""
    try:
        return not all(case.check(step) for step in case.derivation.steps)
    except IndexError:
        return True


def put_in_place(monkeypatch, right, wrong) -> None:
    rules = tuple((name, wrong if f is right else f, deltas) for name, f, deltas in RULES)
    monkeypatch.setattr(derivations, "RULES", rules)


MUTANTS = {
    "divisibility forgotten": (sifting.sift_multiple, without("divides")),
    "an index reversed": (sifting.sift_bare, reversed_value),
}


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_caught(name, monkeypatch):
    put_in_place(monkeypatch, *MUTANTS[name])
    assert caught(Numbers(SHIPPED["correlate1d"], numbers(1, *SETTINGS[1])))


def test_a_forgotten_range_is_caught(monkeypatch):
    put_in_place(monkeypatch, sifting.sift_multiple, without("ge"))
    s = option("s", 1, minimum=1).settings[0]
    H, P = sizes("H P", minimum=1)
    p = axis("p", P)
    image, v, out = tensor("image", H, outside=0), tensor("v", P), tensor("out", P)
    operation = Operation("o", "", (image, v), (out,), (Eq(out[p], image[s * p] * v[p]),))
    assert caught(Numbers(operation, {"H": 5, "P": 2, "s": 2}))


def test_a_wrong_flip_is_caught(monkeypatch):
    monkeypatch.setattr(sifting, "flip", unturned)
    assert caught(Numbers(SHIPPED["correlate1d"], numbers(1, *SETTINGS[1])))


def test_second_order():
    """The adjoint of an adjoint is derived like any other system."""
    system = to_system(linear)
    first = adjoint(system)
    found = derivation(linear, first.system, adjoint(first.system))
    assert found.steps
    assert {bar.name for bar in found.gradients} >= {"y_bar_bar"}


def test_time():
    operation = SHIPPED["correlate2d"]
    system = to_system(operation)
    reverse = adjoint(system)
    start = perf_counter()
    derivation(operation, system, reverse)
    assert perf_counter() - start < 0.5  # 0.1 s on an idle machine


def test_rows_that_are_read_by_number_have_equations_of_their_own():
    """Each without a δ, and the index has the author's word until then."""
    pair, part, out, one = tensor("pair", N, 2), axis("part", 2), tensor("out", N), tensor("one", N)
    equations = (
        Eq(pair[n, part], one[n] * (part + 1)),
        Eq(out[n], tanh(pair[n, 0]) * softplus(pair[n, 1])),
    )
    operation = Operation("gated", "A test.", (one,), (out,), equations)
    system = to_system(operation)
    found = derivation(operation, system, adjoint(system))
    steps = next(steps for bar, steps in found.gradients.items() if bar.name == "pair_bar")
    number, last = next((i, s) for i, s in enumerate(steps) if s.rule == "rows apart")
    assert [str(s.target.index[1]) for s in last.shown] == ["0", "1"]
    assert all(g.kind != "eq" for s in last.shown for g in s.where)
    assert {str(s.target.index[1]) for s in steps[number - 1].shown} == {"part"}


def test_what_reasons_have_in_common_is_said_once():
    """Gates that were all computed forward, two cotangents that are 0 outside their range."""
    pair, part, out, one = tensor("pair", N, 2), axis("part", 2), tensor("out", N), tensor("one", N)
    left, right = tensor("left", N), tensor("right", N)
    equations = (
        Eq(pair[n, part], one[n] * (part + 1)),
        Eq(left[n], tanh(pair[n, 0])),
        Eq(right[n], tanh(pair[n, 1])),
        Eq(out[n], left[n] * right[n]),
    )
    operation = Operation("gated", "A test.", (one,), (out,), equations)
    steps = next(s for bar, s in derived(operation).gradients.items() if bar.name == "pair_bar")
    reuse = next(s for s in steps if s.rule == "reuse forward values")
    assert Text().phrase(reuse.because) == (
        "the forward pass has computed left[n] = tanh(pair[n,0]), right[n] = tanh(pair[n,1])"
    )


def test_every_row_that_is_read_by_number_alone_has_an_equation():
    """Along two axes too; an index without the author's word is a row, and no letter of theirs."""
    four, out = tensor("four", 2, 2, N), tensor("out", N)
    value = sum((p + 2 * q + 1) * four[p, q, n] for p in range(2) for q in range(2))
    operation = Operation("corners", "A test.", (four,), (out,), (Eq(out[n], value),))
    (steps,) = derived(operation).gradients.values()
    assert [str(s.target.index[:2]) for s in steps[-1].shown] == [
        "(0, 0)", "(0, 1)", "(1, 0)", "(1, 1)",
    ]  # fmt: skip
    assert [a.name for a in steps[0].shown[0].domain][:2] == ["row", "row'"]
