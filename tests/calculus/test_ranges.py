"""Powers that are no real numbers, and integers that no array holds, are refused."""

import numpy as np
import pytest
from sympy import Eq, Max, Mod, Piecewise, sqrt

from derive import compile
from derive.errors import DefinitionError
from derive.language import Operation, axis, integers, option, size, tensor

N = size("N")
n = axis("n", N)
x, y = tensor("x", N), tensor("y", N)
large = integers("k", N, below=2**32)
ALPHA = option("alpha", 0.9, integer=False)
alpha = ALPHA[0]


def module(*equations, inputs=(x,), **more):
    return compile(Operation("ranged", "A test.", inputs, (y,), equations, **more))


def refused(*equations, **more) -> str:
    with pytest.raises(DefinitionError) as caught:
        module(*equations, **more)
    return str(caught.value)


NO_NUMBERS = {
    "half of an index": (x[n] * (-1) ** (n / 2), "(-1)**(n/2) is no real number for n = 1"),
    "data": ((-2) ** x[n], "(-2)**x[n] is no real number"),
    "a float and data": ((-0.5) ** x[n], "its base, -1/2, is negative"),
    "an index below 0": (x[n] * sqrt(n - 1), "for n = 0"),
    "an index below a size": ((n - N) ** x[n], "need not be an integer"),
    "a real setting": (x[n] * (-1) ** alpha, "(-1)**alpha is no real number"),
}


@pytest.mark.parametrize("name", NO_NUMBERS)
def test_a_power_that_is_no_real_number_is_refused(name):
    value, words = NO_NUMBERS[name]
    message = refused(Eq(y[n], value), options=(ALPHA,) if value.has(alpha) else ())
    assert words in message and f"\n  y[n] = {value}\n".replace("0.5", "1/2") in message


NUMBERS = {
    "signs": (x[n] * (-1) ** n, [1, -1, 1, -1]),
    "an integer in fact": (x[n] * (-1) ** (n * (n + 1) / 2), [1, -1, -1, 1]),
    "a case that excludes it": (Piecewise((x[n] * sqrt(n - 1), n >= 2), (0, True)), None),
    "a size": (x[n] / sqrt(N), [0.5] * 4),
    "a base that is data": (x[n] ** x[n], [1] * 4),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_a_power_that_is_a_real_number_is_not(name):
    value, right = NUMBERS[name]
    right = [0, 0, 1, 2**0.5] if right is None else right
    assert np.allclose(module(Eq(y[n], value)).apply(np.ones(4)), right)


def test_a_setting_may_be_what_a_root_wants():
    built = module(Eq(y[n], x[n] * sqrt(1 - alpha)), options=(ALPHA,))
    assert np.allclose(built.apply(np.ones(1), alpha=0.75), 0.5)


OVERFLOWING = {
    "in a condition": Piecewise((x[n], large[n] * large[n] > 2**40), (0, True)),
    "beside real numbers": x[n] * Mod(large[n] ** 2, 7),
}


@pytest.mark.parametrize("name", OVERFLOWING)
def test_integers_that_may_be_too_large_to_compute_with_are_refused(name):
    """(2³² − 1)² is 18446744065119617025, and 2⁶³ about half of it."""
    message = refused(Eq(y[n], OVERFLOWING[name]), inputs=(x, large))
    assert "k[n]**2 may become 18446744065119617025" in message and "below 2**63" in message


def test_integers_that_an_equation_computes_are_followed():
    square = integers("square", N)
    assert "k[n]**2 may become" in refused(
        Eq(square[n], large[n] ** 2), Eq(y[n], x[n] * square[n]), inputs=(x, large)
    )
    twice = Eq(y[n], Piecewise((x[n], square[n] ** 2 > 3), (0, True)))
    small = integers("k", N, below=2**16 + 1)  # (2¹⁶)⁴ = 2⁶⁴
    message = refused(Eq(square[n], small[n] ** 2), twice, inputs=(x, small))
    assert f"square[n]**2 may become {2**64}" in message


def test_integers_that_are_never_too_large_are_not():
    """2³² · 1664525 is below 2⁵³; its remainder by 7 at 2³² − 1 is that of 3 · 1 = 3, plus 2."""
    built = module(Eq(y[n], x[n] * Mod(1664525 * large[n] + 2, 7)), inputs=(x, large))
    right = (1664525 * (2**32 - 1) + 2) % 7
    assert built.apply(np.ones(1), np.array([2**32 - 1])).tolist() == [right]


@pytest.mark.parametrize("value", [lambda k: k**4, lambda k: (k * (k - 1)) ** 2])
def test_integers_are_made_real_before_they_could_overflow(value):
    """(2²⁴)⁴ is 2⁹⁶."""
    some = integers("k", N, below=2**24)
    built, largest = module(Eq(y[n], x[n] * value(some[n])), inputs=(x, some)), 2**24 - 1
    assert np.allclose(built.apply(np.ones(1), np.array([largest])), float(value(largest)))


def test_a_remainder_by_0_is_refused():
    some = integers("k", N, below=3)
    even = Piecewise((x[n], Eq(Mod(n, some[n]), 0)), (0, True))
    assert "an integer is divided by 0, for the call" in refused(Eq(y[n], even), inputs=(x, some))
    count = integers("counts", N, below=3)
    least = Piecewise((x[n], Eq(Mod(n, count[n]), 0)), (0, True))
    built = module(Eq(count[n], Max(some[n], 1)), Eq(y[n], least), inputs=(x, some))
    assert built.apply(np.ones(4), np.array([0, 2, 2, 2])).tolist() == [1, 0, 1, 0]
