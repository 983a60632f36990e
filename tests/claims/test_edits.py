"""What was probably meant: slips of each kind are undone, and the first right line is said."""

import pytest
from sympy import Eq, Piecewise, Sum, cos, sin, tanh

from derive import (
    Claim,
    Operation,
    accumulate,
    audit,
    axes,
    axis,
    cotangent,
    option,
    parameter,
    sigmoid,
    size,
    sizes,
    state,
    tensor,
)
from derive.claims.edits import edits
from derive.claims.known import known_of
from derive.claims.line import line_of
from derive.claims.pieces import Pieces
from derive.language.operation import sides
from derive.language.scalars import SCALARS

N, H = sizes("N H")
n, j, k = axes("n j k", N, H, H)
x, U, b, y = tensor("x", N, H), parameter("U", H, H), parameter("b", H), tensor("y", N, H)
a = tensor("a", N, H)
cell = Operation(
    "cell", "A layer with a function.", (x, U, b), (y,),
    (Eq(a[n, j], Sum(U[j, k] * x[n, k], k) + b[j]), Eq(y[n, j], tanh(a[n, j]))),
)  # fmt: skip
dx, dU, db, da, dy = map(cotangent, (x, U, b, a, y))

T = size("T", minimum=1)
t = axis("t", T)
h, w, e, out = state("h", T), parameter("w"), tensor("e", T), tensor("out", T)
recurrence = Operation(
    "recurrence", "A state.", (e, w), (out,),
    (Eq(h[-1], 0), Eq(h[t], w[()] * h[t - 1] + e[t]), Eq(out[t], h[t])),
)  # fmt: skip
dh, dw = cotangent(h), cotangent(w)

L, V = size("L"), size("V", minimum=1)
stride = option("stride", 1, minimum=1, samples=(2, 3), meaning="step")
(s,) = stride.settings
P = size("P", L - V + 1)
l, v, p = axes("l v p", L, V, P)
image, kernel, seen = tensor("image", L), parameter("kernel", V), tensor("seen", P)
correlation = Operation(
    "correlation", "Slide a filter.", (image, kernel), (seen,),
    (Eq(seen[p], Sum(image[p + v] * kernel[v], v)),),
    requires=((P >= 1, "the filter is too long"),),
)  # fmt: skip
di, dk, ds = map(cotangent, (image, kernel, seen))

r, c = tensor("r", N), tensor("c")
mean = Operation("mean", "Mean of squares.", (r,), (c,), (Eq(c[()], Sum(r[n] ** 2, n) / N),))
dr, dc = cotangent(r), cotangent(c)

SLIPS = {
    # what: operation, line, the line that is meant, what is said of it
    "sign": (cell, Eq(dU[j, k], -Sum(da[n, j] * x[n, k], n)), "times −1"),
    "factor 2": (mean, Eq(dr[n], dc[()] * r[n] / N), "times 2"),
    "factor 1/2": (cell, Eq(dU[j, k], 2 * Sum(da[n, j] * x[n, k], n)), "times 1/2"),
    "size": (mean, Eq(dr[n], 2 * dc[()] * r[n]), "times 1/N"),
    "tensor": (cell, Eq(dU[j, k], Sum(da[n, j] * y[n, k], n)), "with x[n,k] in place of y[n,k]"),
    "own tensor": (cell, Eq(da[n, j], dy[n, j] * (1 - a[n, j] ** 2)),
                   "with y[n,j] in place of a[n,j]"),
    "cotangent": (cell, Eq(dU[j, k], Sum(dy[n, j] * x[n, k], n)),
                  "with a_bar[n,j] in place of y_bar[n,j]"),
    "slope left out": (cell, Eq(da[n, j], dy[n, j]), "times 1 − y[n,j]²"),
    "wrong slope": (cell, Eq(da[n, j], dy[n, j] * y[n, j] * (1 - y[n, j])), None),
    "transposed": (cell, Eq(dx[n, k], Sum(da[n, j] * U[k, j], j)),
                   "with U[j,k] in place of U[k,j]"),
    "index": (cell, Eq(dU[j, k], Sum(da[n, j] * x[n, j], n)), "with x[n,k] in place of x[n,j]"),
    "factor": (cell, Eq(db[j], Sum(da[n, j] * x[n, j], n)), "without x[n,j]"),
    "factor missing": (cell, Eq(dU[j, k], Sum(da[n, j], n)), "times x[n,k]"),
    "term missing": (recurrence, Eq(dh[t], cotangent(out)[t]), None),
    "term": (recurrence, Eq(dh[t], cotangent(out)[t] + w[()] * dh[t + 1] + e[t]), "without e[t]"),
    "step": (recurrence, Eq(dw[()], Sum(dh[t] * h[t], t)), "with h[t − 1] in place of h[t]"),
    "late": (recurrence, Eq(dw[()], Sum(dh[t] * h[t - 1], (t, 2, T - 1))),
             "with t from 1 to T − 1"),
    "exponent": (mean, Eq(dr[n], 2 * dc[()] * r[n] ** 2 / N), "with r[n] in place of r[n]²"),
    "convolution": (correlation, Eq(dk[v], Sum(image[v - p] * ds[p], p)),
                    "with image[p + v] in place of image[v − p]"),
    "correlation": (correlation, Eq(di[l], Sum(ds[l + v] * kernel[v], v)),
                    "with seen_bar[l − v] in place of seen_bar[l + v]"),
    "flipped": (correlation, Eq(di[l], Sum(ds[l - v] * kernel[V - 1 - v], v)),
                "with kernel[v] in place of kernel[V − 1 − v]"),
    "condition": (
        correlation,
        Eq(di[l], Sum(Piecewise((ds[l - v] * kernel[v], v > 1), (0, True)), v)),
        "without the condition v > 1",
    ),
    "function": (cell, Eq(y[n, j], sigmoid(a[n, j])), None),
    "scatter": (correlation, accumulate(di[p - v], ds[p] * kernel[v]),
                "with image_bar[p + v] in place of image_bar[p − v]"),
}  # fmt: skip


@pytest.mark.parametrize("name", SLIPS)
def test_a_slip_is_undone(name):
    """The line that is said is right, and differs by one edit."""
    operation, equation, words = SLIPS[name]
    verdict = audit(Claim(operation, equation))
    assert not verdict.holds and verdict.meant is not None, str(verdict)
    if words is not None:
        assert f"  equal {words}:" in str(verdict), str(verdict)
    mended = verdict.meant.line.equation
    again = Eq(mended.left, mended.right) if not mended.scatter else mended
    assert audit(Claim(operation, again)).holds


def test_two_tensors_at_once():
    """θ₃ θ₂ where h₂ h₁ was written; one exchange alone is not enough."""
    z, one, two, three = (tensor(name) for name in ("z", "one", "two", "three"))
    p1, p2, p3 = (parameter(f"p{i}") for i in (1, 2, 3))
    chain = Operation("chain", "A chain.", (z, p1, p2, p3), (three,),
                      (Eq(one[()], p1[()] * z[()]), Eq(two[()], p2[()] * one[()]),
                       Eq(three[()], p3[()] * two[()])))  # fmt: skip
    dL = cotangent(three)[()]
    verdict = audit(Claim(chain, Eq(cotangent(p1)[()], dL * two[()] * one[()] * z[()])))
    assert verdict.meant.rank == 90
    right = sides(Eq(cotangent(p1)[()], dL * p3[()] * p2[()] * z[()]))[1]
    assert verdict.meant.line.equation.right == right


def test_helpers_are_mended_as_well():
    """The slip is in an equation that the claim needs."""
    slope = tensor("slope", N, H)
    line = Eq(da[n, j], dy[n, j] * slope[n, j])
    verdict = audit(Claim(cell, line, where=(Eq(slope[n, j], 1 - y[n, j]),)))
    assert verdict.meant is not None
    assert verdict.meant.line.equation.right == sides(line)[1]
    assert verdict.meant.line.where[0].right == 1 - y[n, j] ** 2


def test_what_is_wrong_in_two_places_is_refuted_without_a_guess():
    """What comes out is no lottery: a line that is far off is left alone."""
    line = Eq(dx[n, k], Sum(sin(da[n, j]) * cos(U[j, k]) + b[j] ** 3, j))
    verdict = audit(Claim(cell, line))
    assert not verdict.holds and verdict.meant is None
    assert "equal with" not in str(verdict)


def claimed(operation, equation):
    claim = Claim(operation, equation)
    line = line_of(claim, known_of(operation))
    return line, Pieces(known_of(operation), line), claim.order.copy()


def test_edits_are_different_lines_the_usual_ones_first():
    line, pieces, order = claimed(cell, Eq(dU[j, k], Sum(da[n, j] * y[n, k], n)))
    found = edits(line, pieces, order)
    singles = [edit for edit in found if edit.rank < 90]
    rights = [edit.line.equation.right for edit in singles]
    assert len(set(rights)) == len(rights) > 50
    assert line.equation.right not in rights
    assert [e.rank for e in found] == sorted(e.rank for e in found)


def test_edits_use_indices_that_are_at_hand():
    """No edit reads an index that is neither on the left nor summed."""
    line, pieces, order = claimed(cell, Eq(dU[j, k], Sum(da[n, j] * y[n, k], n) + dU[k, j] * 0))
    for edit in edits(line, pieces, order):
        right = edit.line.equation.right
        bound = {limit[0] for total in right.atoms(Sum) for limit in total.limits}
        assert right.atoms(type(n)) <= bound | {j, k}, edit


def test_pieces_are_those_of_the_operation():
    _, pieces, _ = claimed(cell, Eq(da[n, j], dy[n, j]))
    assert pieces.functions == (tanh,) and tanh in SCALARS
    assert 1 - y[n, j] ** 2 in pieces.slopes((n, j))
    entries = set(pieces.entries((n, j)))
    assert {x[n, j], a[n, j], dy[n, j], b[j]} <= entries
    assert not any(entry.tensor == da for entry in entries)  # that would be what is claimed
    assert list(pieces.slopes((k,))) == []


def test_an_entry_that_is_wrong_everywhere():
    """In both cases, and in a condition: one edit of the entry, not of its places."""
    slope = parameter("slope")
    value = Piecewise((x[n, j], x[n, j] > 0), (slope[()] * x[n, j], True))
    leaky = Operation("leaky", ".", (x, slope), (y,), (Eq(y[n, j], value),))
    d = cotangent(leaky.outputs[0])
    cases = Piecewise((d[n, j - 1], x[n, j] > 0), (slope[()] * d[n, j - 1], True))
    verdict = audit(Claim(leaky, Eq(dx[n, j], cases)))
    assert "  equal with y_bar[n,j] in place of y_bar[n, j − 1]:" in str(verdict)
    side = Piecewise((d[n, j], x[n, j - 1] > 0), (slope[()] * d[n, j], True))
    verdict = audit(Claim(leaky, Eq(dx[n, j], side)))
    assert "  equal with x[n,j] in place of x[n, j − 1]:" in str(verdict)
