"""One test for each rule: what it makes of a statement, that it keeps the value, where it stops."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from sympy import Integer, floor, tanh

from derive.calculus import sifting
from derive.calculus.normal import tidy
from derive.calculus.reuse import reuse_forward
from derive.calculus.statements import Guard, Statement, System
from derive.language import axes, axis, integers, option, parameter, size, sizes, tensor
from derive.language.order import Order
from derive.language.symbols import Access, Tensor
from derive.verification.reference import evaluate

H, U, R = sizes("H U R", minimum=1)
STRIDE = option("stride", 1, minimum=1).settings[0]
PAD = option("padding", 0, minimum=0).settings[0]
P = size("P", floor((H + 2 * PAD - U) / STRIDE) + 1)
h, u, p, r = axes("h u p r", H, U, P, R)
m = axis("m", H)  # a second index over the axis of h
y_bar = tensor("y_bar", P, outside=0)
x_bar = Tensor("x_bar", ((H,),), outside=0)
w = parameter("w", U)
x = tensor("x", H)
OUTPUTS = frozenset({y_bar})
target = x_bar[h]


def applied(rule: Callable[..., Any], before: Statement) -> tuple[Statement, Any]:
    """What a rule makes of a statement to which it applies."""
    found = rule(before, OUTPUTS)
    assert found is not None
    return found


def numbers(stride: int = 1, padding: int = 1) -> dict:
    values = {H: 7, U: 3, R: 3, STRIDE: stride, PAD: padding}
    return values | {P: (7 + 2 * padding - 3) // stride + 1}


def value(statement: Statement, sizes: dict) -> np.ndarray:
    """What a statement writes, from fixed inputs of distinct primes."""
    token = integers("token", H, below=R)
    inputs = (y_bar, w, x, token)
    primes = [2, 3, 5, 7, 11, 13, 17, 19, 23, 29]
    arrays = {t.name: np.array(primes[: sizes[t.shape[0]]], dtype=object) for t in inputs}
    arrays["token"] = np.array([0, 2, 1, 1, 2, 0, 2], dtype=object)
    written = statement.target.tensor
    return evaluate(System(inputs, (written,), (statement,)), arrays, sizes)[written.name]


def same(before: Statement, after: Statement, *strides: int) -> bool:
    return all(
        (value(before, numbers(s, pad)) == value(after, numbers(s, pad))).all()
        for s in strides or (1, 2, 3)
        for pad in (0, 1, 2)
    )


def window(stride) -> Statement:
    """x_bar[h] = sum over p and u of y_bar[p] w[u] where h = stride*p + u - padding."""
    delta = Guard("eq", h - (stride * p + u - PAD))
    return Statement((h, p, u), target, y_bar[p] * w[u], (delta,))


def test_sift_bare():
    before = Statement((h, m), target, x[m], (Guard("eq", h - m),))
    after, because = applied(sifting.sift_bare, before)
    assert after == Statement((h,), target, x[h])
    assert because[0].sides == (m, h)
    assert same(before, after)


def test_sift_bare_keeps_the_range_of_another_axis():
    before = Statement((h, u), target, w[u], (Guard("eq", h - u),))
    after, _ = applied(sifting.sift_bare, before)
    assert Guard("ge", U - 1 - h) in after.where
    assert same(before, after)


def test_sift_unit_solves_for_the_index_of_the_output():
    before = window(1)
    after, _ = applied(sifting.sift_unit, before)
    assert after.domain == (h, u)
    assert after.value == y_bar[h + PAD - u] * w[u]
    assert same(before, after, 1)


def test_sift_unit_leaves_a_stride_alone():
    delta = Guard("eq", h - STRIDE * p)
    assert sifting.sift_unit(Statement((h, p), target, y_bar[p], (delta,)), OUTPUTS) is None


def test_sift_multiple_divides_exactly():
    before = Statement((h, p, u), target, y_bar[p] * w[u], (Guard("eq", h - STRIDE * p - 2 * u),))
    after, _ = applied(sifting.sift_multiple, before)
    assert after.value == y_bar[(h - 2 * u) / STRIDE] * w[u]
    assert Guard("divides", h - 2 * u, STRIDE) in after.where
    assert same(before, after)
    careless = tuple(g for g in after.where if g.kind != "divides")
    with pytest.raises((AssertionError, IndexError)):
        assert same(before, replace(after, where=careless))


def test_sift_multiple_needs_a_known_sign():
    free = option("free", 0).settings[0]
    delta = Guard("eq", h - free * p)
    assert sifting.sift_multiple(Statement((h, p), target, y_bar[p], (delta,)), OUTPUTS) is None


def test_keep_residual():
    token = integers("token", H, below=R)
    rows = Tensor("rows_bar", ((R,),), outside=0)
    before = Statement((r, h), rows[r], x[h], (Guard("eq", r - token[h]),))
    for rule in (sifting.sift_bare, sifting.sift_unit, sifting.sift_multiple):
        assert rule(before, OUTPUTS) is None
    after, because = applied(sifting.keep_residual, before)
    assert after == before
    assert because[1] == before.where[0]
    assert value(after, numbers()).tolist() == [2 + 13, 5 + 7, 3 + 11 + 17]


def test_drop_implied():
    needed, implied = Guard("ge", h - u), Guard("ge", U - 1 - u)
    before = Statement((h, u), target, w[u], (implied, needed, Guard("divides", 3 * u, STRIDE**0)))
    after, _ = applied(sifting.drop_implied, before)
    assert after.where == (needed,)
    assert same(before, after)


def test_absorb_by_zero_extension():
    before, _ = applied(sifting.sift_unit, window(1))
    after, because = applied(sifting.absorb, before)
    assert after.where == ()
    assert because[1] == y_bar
    assert same(before, after, 1)


def test_absorb_needs_a_tensor_that_reads_zero():
    index = h - u
    where = (Guard("ge", index), Guard("ge", H - 1 - index))
    assert sifting.absorb(Statement((h, u), target, x[index] * w[u], where), OUTPUTS) is None


def test_absorb_keeps_what_protects_another_read():
    index = h + PAD - u
    where = (Guard("ge", index), Guard("ge", tidy(P - 1 - index)))
    before = Statement((h, u), target, y_bar[index] * w[index], where)
    assert sifting.absorb(before, OUTPUTS) is None


def test_absorb_needs_a_product():
    index = h + PAD - u
    where = (Guard("ge", index), Guard("ge", tidy(P - 1 - index)))
    before = Statement((h, u), target, y_bar[index] + w[u], where)
    assert sifting.absorb(before, OUTPUTS) is None


def test_flip():
    before = Statement((h, u), target, y_bar[h + PAD - u] * w[u])
    after, because = applied(sifting.flip, before)
    assert after.value == y_bar[h + PAD + u - U + 1] * w[U - 1 - u]
    assert because[0].sides == (u, U - 1 - u)
    assert same(before, after)
    assert sifting.flip(after, OUTPUTS) is None


def test_specialise():
    delta = Guard("eq", h - STRIDE * p - 2 * u)
    general, _ = applied(
        sifting.sift_multiple, Statement((h, p, u), target, y_bar[p] * w[u], (delta,))
    )
    ones = sifting.unit_moduli([general])
    assert ones == {STRIDE: 1}
    (special,) = sifting.decided([sifting.specialise(general, ones)])
    assert special.value == y_bar[h - 2 * u] * w[u]
    assert not any(g.kind == "divides" for g in special.where)
    assert same(general, special, 1)


def test_reuse_forward():
    a, y = tensor("a", H), tensor("y", H)
    rule = reuse_forward((Statement((m,), y[m], tanh(a[m])),), Order())
    before = Statement((h,), target, y_bar[h] * (1 - tanh(a[h]) ** 2))
    after, because = applied(rule, before)
    assert after.value == y_bar[h] * (1 - y[h] ** 2)
    assert because[1].sides == (y[h], tanh(a[h]))


def test_reuse_forward_only_within_the_tensor():
    a, y = tensor("a", H, outside=0), tensor("y", H)
    rule = reuse_forward((Statement((m,), y[m], tanh(a[m])),), Order())
    assert rule(Statement((h,), target, tanh(a[h - 1])), OUTPUTS) is None


def test_an_access_is_rebuilt_not_changed():
    entry = y_bar[h]
    assert entry.xreplace({h: u}) == Access(y_bar, u)


def test_what_numbers_decide_is_not_said():
    """0 ≥ 0 goes, s | 0 goes, and a term under −1 ≥ 0, s ∤ 0, or h ≥ 1 with h ≤ 0 goes whole."""
    always = Guard("ge", Integer(0)), Guard("divides", Integer(0), STRIDE), Guard("ge", h)
    (kept,) = sifting.decided([Statement((h,), target, w[0], (*always, Guard("ge", h - 1)))])
    assert kept.where == (Guard("ge", h - 1),)
    never = [
        (Guard("ge", Integer(-1)),),
        (Guard("indivisible", Integer(0), STRIDE),),
        (Guard("ge", h - 1), Guard("ge", -h)),
    ]
    for where in never:
        assert sifting.decided([Statement((h,), target, w[0], where)]) == []
