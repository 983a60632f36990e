"""How maxima and words of options are written down, and what is said where they are wrong."""

import numpy as np
import pytest
from sympy import Eq, Symbol

import derive
from derive.errors import DefinitionError
from derive.language import (
    ArgMaximum,
    Maximum,
    Minimum,
    Operation,
    axes,
    flag,
    option,
    sizes,
    tensor,
)

N, C = sizes("N C")
i, j = axes("i j", N, C)
x, y = tensor("x", N, C), tensor("y", N)


@pytest.mark.parametrize("kind", [Maximum, ArgMaximum])
def test_a_maximum_runs_over_axes(kind):
    """Anything else has no first and no last point."""
    with pytest.raises(DefinitionError, match="runs over axes"):
        kind(x[i, j], Symbol("j"))
    with pytest.raises(DefinitionError, match="has no axis"):
        kind(x[i, j])


def test_the_axes_of_a_maximum_are_bound():
    """y[i] depends on i, and j is nobody's."""
    value = Maximum(x[i, j], j)
    assert i in value.free_symbols and j not in value.free_symbols
    assert value.function == x[i, j]


def test_maxima_are_printed_as_they_are_written():
    """Errors quote the equation."""
    assert str(Maximum(x[i, j], i, j)) == "Maximum(x[i, j], i, j)"
    assert str(ArgMaximum(x[i, j], j)) == "ArgMaximum(x[i, j], j)"
    assert str(Minimum(x[i, j], j)) == "-Maximum(-x[i, j], j)"


def test_the_smallest_is_the_largest_of_the_opposites():
    assert Minimum(x[i, j], j) == -Maximum(-x[i, j], j)


def test_a_place_is_an_integer_and_a_maximum_is_not():
    """Integer tensors may hold the one and not the other."""
    assert ArgMaximum(x[i, j], j).is_integer
    assert not Maximum(x[i, j], j).is_integer


def scaled(setting):
    value, names = setting.settings[0], tensor("x", N)
    equation = Eq(y[i], names[i] * (value + 2))
    return derive.compile(Operation("s", "S.", (names,), (y,), (equation,), options=(setting,)))


def test_a_flag_is_one_or_zero():
    """1 and 0 themselves are no words."""
    module = scaled(flag("twice"))
    x = np.ones(2)
    assert module.apply(x, twice=True).tolist() == [3, 3]
    assert module.apply(x, twice=False).tolist() == module.apply(x).tolist() == [2, 2]
    for wrong in (1, 0, None, "True"):
        with pytest.raises((TypeError, ValueError), match="twice"):
            module.apply(x, twice=wrong)


def test_none_is_a_word_and_numbers_are_numbers():
    """None stands for a number that nobody may say."""
    module = scaled(option("bound", None, minimum=1, spellings={None: (0,)}))
    x = np.ones(2)
    assert module.apply(x).tolist() == module.apply(x, bound=None).tolist() == [2, 2]
    assert module.apply(x, bound=3).tolist() == [5, 5]
    for wrong in (0, True, "None"):
        with pytest.raises((TypeError, ValueError), match="bound"):
            module.apply(x, bound=wrong)


def test_a_default_is_what_callers_may_say():
    with pytest.raises(DefinitionError, match="default of the option mode is None"):
        option("mode", None, spellings={"a": (0,), "b": (1,)}, numeric=False)
