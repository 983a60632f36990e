"""What is claimed of a box holds at every point of it; what a lecturer would see is claimed."""

import itertools
from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from sympy import Max, Symbol, floor, sympify

from derive.calculus.bounds import inside, nonnegative
from derive.calculus.statements import Guard
from derive.language import axes, integers, option, size, sizes, tensor

H, U, T, R = sizes("H U T R", minimum=1)
s, d, pad = (
    option(name, 1, minimum=least).settings[0] for name, least in (("s", 1), ("d", 1), ("pad", 0))
)
free = option("free", 0).settings[0]
P = size("P", floor((H + 2 * pad - d * (U - 1) - 1) / s) + 1)
B = size("B", floor((H - d * (U - 1) - 1) / s) + 1)
F = size("F", (H - 1) * s + U)
p, b, u, h, t, f = axes("p b u h t f", P, B, U, H, T, F)
x = tensor("x", H)
padded = tensor("padded", H, outside=0)
E = tensor("E", R)
token = integers("token", T, below=R)


PROVED = [
    (U - 1 - u, (u,)),
    (s * p + d * u, (p, u)),
    (P - 1, (p,)),
    (H + 2 * pad - 1 - s * p - d * u, (p, u)),
    (H - 1 - s * b - d * u, (b, u)),
    (F - 1 - s * h - u, (h, u)),
    (F - 1, ()),
    (R - 1 - token[t], (t,)),
    (2 * token[t] + t, (t,)),
    (Max(H, U) - H, ()),
    (H - floor(H / 2), ()),
    (floor(H / 2), ()),
    (floor(d * (U - 1) / 2), ()),
    (d * (U - 1) - floor(d * (U - 1) / 2), ()),
    (s * (B - 1) + s + d * (U - 1) - H, (b,)),
]
OPEN = [
    (t - 1, (t,)),
    (H - 1 - s * p - d * u, (p, u)),
    (s * p + d * u - pad, (p, u)),
    (free, ()),
    (free * u, (u,)),
    (H - U, ()),
    (B - 1, ()),
    (R - 2 - token[t], (t,)),
    (p * u, (p, u)),
    (H - floor(H / 2) - 1, ()),
]


@pytest.mark.parametrize(("expression", "domain"), PROVED, ids=str)
def test_proves(expression, domain):
    assert nonnegative(expression, domain)


@pytest.mark.parametrize(("expression", "domain"), OPEN, ids=str)
def test_claims_nothing_false(expression, domain):
    assert not nonnegative(expression, domain)


def test_inside_a_window_without_padding():
    assert inside(x[s * b + d * u], (b, u))
    assert not inside(padded[s * p + d * u - pad], (p, u))
    assert inside(E[token[t]], (t,))


def test_offset():
    state = tensor("state", T + 1, offset=(-1,))
    assert inside(state[t - 1], (t,))
    assert not inside(state[t - 2], (t,))


def test_guards_are_used():
    assert nonnegative(t - 1, (t,), (Guard("ge", t - 1),))
    assert inside(x[t], (t,), (Guard("ge", H - 1 - t),))
    assert nonnegative(t - u, (t, u), (Guard("eq", t - u),))
    assert not nonnegative(t - 2, (t,), (Guard("ge", t - 1),))


@st.composite
def forms(draw):
    """An affine form in p, u, h, t over sizes and settings, small coefficients."""
    atoms = [1, H, U, P, s, d, pad, free, s * p, d * u, u, h, t, p, s * h, H * u, s * P, d * U, F]
    return sum(draw(st.sampled_from([0, 0, 0, 1, 1, -1, 2, -2])) * atom for atom in atoms)


@settings(max_examples=300, deadline=None)
@given(forms(), st.tuples(*[st.integers(1, 4)] * 5), st.integers(0, 3), st.integers(-2, 2))
def test_what_is_claimed_holds(form, numbers, padding, unsigned):
    domain = (p, u, h, t)
    if not nonnegative(form, domain):
        return
    values: dict[Any, Any] = dict(zip((H, U, T, s, d), numbers, strict=True)) | {
        pad: padding,
        free: unsigned,
    }
    values[P] = sympify(P.formula).subs(values)
    values[F] = sympify(F.formula).subs(values)
    if values[P] < 1:
        return
    ranges = [range(int(values[a.extent])) for a in domain]
    for point in itertools.product(*ranges):
        here = values | dict(zip(domain, point, strict=True))
        assert sympify(form).xreplace({k: sympify(v) for k, v in here.items()}) >= 0


def test_unknown_symbols_are_not_positive():
    assert not nonnegative(Symbol("q"), ())
    assert nonnegative(Symbol("q", nonnegative=True), ())
