"""Pass: a sum that several tensors hold is added up once."""

import pytest

from derive.calculus.statements import Guard, Statement
from derive.language import axes, axis, integers, sizes, tensor
from derive.passes.share_sums import share_sums
from tests.passes.building import lines, module

N, T = sizes("N T")
n, t = axes("n t", N, T)
a = tensor("a", T, N)
b, c = tensor("b", N), tensor("c", N)
maybe = tensor("maybe", T, N, optional=True)
k, s = integers("k", N, below=N), axis("s", 2)


def after(*statements) -> list[str]:
    """The forward program, from a."""
    return lines(share_sums(module(statements, inputs=(a, maybe), outputs=(b, c))).forward)


def adds(target, value, *where, box=(t, n)) -> Statement:
    return Statement(box, target, value, where)


def test_two_biases_of_a_gate_have_one_sum():
    """Both gradients are Σ_t a[t], which is added up once and copied."""
    assert after(adds(b[n], a[t, n]), adds(c[n], a[t, n])) == [
        "b_sum[n] += Σ_{t} a[t,n]",
        "b[n] += b_sum[n]",
        "c[n] += b_sum[n]",
    ]


@pytest.mark.parametrize(
    "other",
    [
        adds(c[n], 2 * a[t, n]),
        adds(c[n], a[t, n], Guard("ge", t - 1)),
        adds(c[n], maybe[t, n]),
        adds(c[N - 1 - n], a[t, n]),
        Statement((t, n), c[n], a[t, n], (), "max"),
    ],
    ids=["another value", "other points", "may be left out", "other entries", "a maximum"],
)
def test_what_differs_stays_apart(other):
    assert not any("_sum" in line for line in after(adds(b[n], a[t, n]), other))


def test_what_is_no_sum_or_has_more_terms_stays():
    """Copying an entry is no less than computing it; and of a total, a part is not all."""
    plain = adds(b[n], a[0, n], box=(n,)), adds(c[n], a[0, n], box=(n,))
    more = adds(b[n], a[t, n]), adds(c[n], a[t, n]), adds(c[n], a[0, n], box=(n,))
    optional = adds(b[n], maybe[t, n]), adds(c[n], maybe[t, n])
    for statements in (plain, more, optional):
        assert not any("_sum" in line for line in after(*statements))


@pytest.mark.parametrize("place", [k[n], n + s], ids=["a gather", "a window"])
def test_points_that_share_an_entry_stay_apart(place):
    """Each of them would add the whole sum."""
    box = (t, n, s)
    assert not any(
        "_sum" in line for line in after(*(adds(y[place], a[t, n], box=box) for y in (b, c)))
    )
