"""The numbers of a definition's example are checked, and every size follows from them."""

from dataclasses import replace

import pytest
from sympy import Eq, Rational, Sum, floor

from derive.calculus.array import Array
from derive.calculus.example import given_numbers
from derive.errors import DefinitionError
from derive.language import Operation, axes, integers, leading, option, size, sizes, tensor
from derive.pipeline import compile as compiled
from derive.pipeline import definition_hash

N = leading("N")
(I,) = sizes("I")
pace = option("pace", 1, minimum=1)
K = size("K", floor((I - 1) / pace.settings[0]) + 1)
n, k = axes("n k", N, K)
V = size("V", minimum=1)
x, scale = tensor("x", N, I), tensor("scale", V, interval=(0, 1))
row, y = integers("row", N, below=V), tensor("y", N, K)
spaced = Operation(
    "spaced", "Every few entries of a vector, scaled.", (x, scale, row), (y,),
    (Eq(y[n, k], x[n, pace.settings[0] * k] * scale[row[n]]),), options=(pace,),
    requires=((K >= 2, "too few entries"),),
)  # fmt: skip
GIVEN = {"x": [[1, 2, 3, 4, 5]], "scale": [0.5, 0.25], "row": [1], "pace": 2}


def example(**changes):
    numbers = {**GIVEN, **changes}
    return replace(spaced, example={k: v for k, v in numbers.items() if v is not None})


def test_no_example():
    assert given_numbers(spaced) is None


def test_sizes_follow_from_shapes_options_and_formulas():
    found = given_numbers(example())
    assert {str(s): v for s, v in found.values.items()} == {
        "I": 5, "K": 3, "N": 1, "V": 2, "pace": 2,
    }  # fmt: skip
    assert found.arrays[scale].entries == (Rational(1, 2), Rational(1, 4)), "decimals are exact"


def test_packed_axes():
    found = given_numbers(example(x=[[[1, 2, 3]], [[4, 5, 6]]], row=[[0], [1]]))
    assert found.values[N] == 2
    assert found.arrays[x].shape == (2, 3)


def test_cotangents_are_counted_unless_they_are_given():
    assert given_numbers(example()).arriving[y] == Array((1, 3), (1, 2, 3))
    found = given_numbers(example(y_bar=[[0, 0, 1]]))
    assert found.arriving[y] == Array((1, 3), (0, 0, 1))


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"z": [1]}, ["names z, which is nothing of the operation", "It may name x, scale, row"]),
        ({"x": None}, ["leaves out x", "Give each input"]),
        ({"x": [[1, 2], [3]]}, ["rows of unequal lengths in x"]),
        ({"x": [["one", 2]]}, ["has 'one' in x", "fractions"]),
        ({"scale": [[0.5], [0.25]]}, ["gives scale 2 axes, and it has 1", "(V)"]),
        ({"scale": [0.5, 2]}, ["has 2 in scale", "between 0 and 1"]),
        ({"row": [2]}, ["has 2 in row", "0 <= entry < V"]),
        ({"row": [0, 1]}, ["gives", "With the other inputs it is"]),
        ({"pace": 0}, ["states pace=0", "integers from 1"]),
        ({"pace": 9}, ["cannot be: too few entries"]),
        ({"y_bar": [[1, 2]]}, ["gives y the shape (1, 2)", "(1, 3)"]),
    ],
    ids=str,
)
def test_what_cannot_be_is_an_error(changes, words):
    with pytest.raises(DefinitionError) as caught:
        given_numbers(example(**changes))
    assert str(caught.value).startswith("spaced: the example ")
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_size_that_nothing_shows_is_asked_for():
    T, M = sizes("T M")
    t, m = axes("t m", T, M)
    given, total = tensor("given", T), tensor("total", M)
    repeated = Operation(
        "repeated", "A sum, several times.", (given,), (total,),
        (Eq(total[m], Sum(given[t], t)),), example={"given": [1, 2]},
    )  # fmt: skip
    with pytest.raises(DefinitionError, match="does not say M"):
        given_numbers(repeated)
    stated = replace(repeated, example={"given": [1, 2], "M": 3})
    assert given_numbers(stated).values[M] == 3


def test_an_example_is_a_mapping():
    with pytest.raises(DefinitionError, match="no mapping"):
        replace(spaced, example=[1, 2])


def test_a_definition_with_a_wrong_example_is_refused():
    with pytest.raises(DefinitionError, match="leaves out scale"):
        compiled(example(scale=None))


def test_the_hash_of_a_definition_sees_its_example():
    stamps = {definition_hash(o) for o in (spaced, example(), example(pace=None))}
    assert len(stamps) == 3
