"""A float of a definition is the decimal that it prints as."""

import pytest
from sympy import Eq, Float, Integer, Max, Rational, floor, nan, oo, pi

from derive.calculus.lift import equations_of
from derive.language import Operation, axis, option, size, tensor
from derive.language.numbers import decimal, exact
from derive.language.scalars import SCALARS, Elementary

N = size("N")
i, x, y = axis("i", N), tensor("x", N), tensor("y", N)


@pytest.mark.parametrize(
    ("given", "meant"),
    [
        (0.1, Rational(1, 10)),
        (-2.5, Rational(-5, 2)),
        (1e20, Integer(10) ** 20),
        (1e-20, Rational(1, 10**20)),
        (3.0, Integer(3)),
        (0.1 + 0.2, Rational(30000000000000004, 10**17)),  # which is how Python prints it
        (Float("1.05070098735548049342", 22), Rational("1.05070098735548049342")),
        (float("inf"), oo),
        (0.5 * pi + Max(0.25 * x[i], 1e-6), pi / 2 + Max(x[i] / 4, Rational(1, 10**6))),
    ],
)  # fmt: skip
def test_a_float_is_its_decimal(given, meant):
    assert exact(given) == meant
    assert not exact(given).atoms(Float)


@pytest.mark.parametrize(
    ("number", "text"),
    [
        (Rational(2, 5), "0.4"),
        (Rational(-1, 8), "-0.125"),
        (Rational(1, 10**20), "1E-20"),
        (Integer(7), "7"),
        (Rational(1, 3), ""),
        (Rational(1, 15), ""),
    ],
)
def test_a_number_has_a_decimal_if_it_ends(number, text):
    assert decimal(number) == text


def test_every_part_of_a_definition_is_exact():
    """Equations, what is read outside, intervals, sizes, requirements and words of options."""
    half = size("P", floor(N * 0.5))
    word = option("o", 1, spellings={"half": (half * 0.5,)})
    framed = tensor("z", N, outside=0.1, interval=(0.5, 2))
    operation = Operation(
        "exact", "A test.", (framed,), (y,), (Eq(y[i], framed[i] * 0.1),),
        options=(word,), requires=((N * 0.5 <= 10, "at most 20"),),
    )  # fmt: skip
    (equation,) = equations_of(operation)
    parts = [equation.right, half.formula, *word.spellings["half"], framed.outside]
    parts += [*framed.interval, operation.requires[0][0]]
    assert not any(part.atoms(Float) for part in parts)
    assert framed.interval == (Rational(1, 2), 2) and framed.outside == Rational(1, 10)


@pytest.mark.parametrize("function", [f for f in SCALARS if issubclass(f, Elementary)])
def test_the_sign_of_a_function_of_nan_is_not_known(function):
    """SymPy asks for it with a single digit, of which it can make no nan."""
    assert function(nan).is_extended_positive is not True
