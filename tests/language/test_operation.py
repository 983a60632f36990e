"""Definitions that cannot be meant are refused, with the equation and a remedy."""

from dataclasses import replace

import numpy as np
import pytest
from sympy import Eq, Function, Max, Mod, Piecewise, Sum, Symbol, gamma

import derive.language
from derive import compile
from derive.calculus.checks import check
from derive.errors import DefinitionError
from derive.language import (
    Operation,
    accumulate,
    axes,
    axis,
    integers,
    option,
    parameter,
    size,
    sizes,
    tensor,
)

N, C = sizes("N C")
n, c = axes("n c", N, C)
x, w, y = tensor("x", N, C), tensor("w", C), tensor("y", N)
stride = option("stride", 1, minimum=1)
S = stride.settings[0]
below = integers("below", N, below=C)


def defined(*equations, inputs=(x, w), outputs=(y,), **more) -> Operation:
    return Operation("f", "F.", inputs, outputs, equations, **more)


WRONG = {
    "neither summed": defined(Eq(y[n], x[n, c])),
    "does not define an entry": defined(Symbol("z")),
    "no equation defines the output": defined(Eq(tensor("z", N)[n], x[n, 0])),
    "neither an input nor defined": defined(Eq(y[n], tensor("v", N)[n])),
    "stands on the left": defined(Eq(w[c], x[0, c]), Eq(y[n], Sum(x[n, c], c))),
    "is not affine": defined(Eq(y[n], Sum(w[c * n], c))),
    "gamma is not offered": defined(Eq(y[n], gamma(w[0]))),
    "which is not listed": defined(Eq(y[n], w[S * n])),
    "neither a size": defined(Eq(y[n], Symbol("alpha") * w[0])),
    "holds real numbers": defined(Eq(y[n], w[w[n]])),
    "stands for a tensor": defined(Eq(y[n], Sum(x[n, c], c)), inputs=(x, tensor("c", N))),
    "behind the optional": defined(Eq(y[n], 1), inputs=(tensor("b", N, optional=True), x)),
    "no input holds real": defined(Eq(y[n], below[n]), inputs=(below,)),
    "inputs and outputs": defined(inputs=(), outputs=()),
    "which is no ASCII": Operation("a b", "F.", (x,), (y,), (Eq(y[n], Sum(x[n, c], c)),)),
}


@pytest.mark.parametrize("name", ["con", "NUL", "aux", "Prn", "com1", "lpt9"])
def test_a_name_that_windows_keeps_for_a_device_is_refused(name):
    """For files alone: as an argument it is a name like any other."""
    usual = defined(Eq(y[n], Sum(x[n, c], c)))
    for changed in (replace(usual, name=name), replace(usual, aliases=(name,))):
        with pytest.raises(DefinitionError, match=f"'{name}', and Windows has no files"):
            check(changed)
    check(defined(Eq(y[n], tensor(name, N)[n]), inputs=(tensor(name, N),)))


@pytest.mark.parametrize("words", WRONG)
def test_what_cannot_be_meant_is_refused(words):
    """The message says what, and how to mend it."""
    with pytest.raises(DefinitionError, match=words):
        check(WRONG[words])


def test_an_access_that_can_leave_its_tensor_names_index_and_sizes():
    """Without `outside` there is nothing to read there."""
    with pytest.raises(DefinitionError, match=r"w\[n\] can leave w: n, its index 0,"):
        compile(defined(Eq(y[n], w[n])))


def test_an_entry_defined_twice_or_never_is_refused():
    """Equations of one tensor are disjoint and cover it."""
    total = Sum(x[n, c], c)
    with pytest.raises(DefinitionError, match="defined twice"):
        compile(defined(Eq(y[n], total), Eq(y[n], 2 * total)))
    longer = tensor("y", N + 1)
    with pytest.raises(DefinitionError, match=r"no equation defines y\[0\]"):
        compile(defined(Eq(longer[n + 1], total), outputs=(longer,)))


def test_an_unknown_function_is_named():
    """So that the author sees which."""
    with pytest.raises(DefinitionError, match="mystery is not offered"):
        check(defined(Eq(y[n], Function("mystery")(w[0]))))


@pytest.mark.parametrize("condition", [(c <= n) & (n - c <= 2), (c <= n - 2) | (c >= n + 1)])
def test_conditions_may_be_joined(condition):
    """``Piecewise((a, p & q), (b, True))``, as the error message itself proposes."""
    y2 = tensor("y", N, C)
    compile(defined(Eq(y2[n, c], Piecewise((x[n, c], condition), (w[c], True))), outputs=(y2,)))


def test_a_sum_up_to_an_index_is_refused_with_words():
    """Boxes only: a triangle is a guard."""
    s = Symbol("s", integer=True)
    with pytest.raises(DefinitionError):
        compile(defined(Eq(y[n], Sum(x[s, 0], (s, 0, n)))))


def test_inputs_on_which_no_output_depends_are_refused():
    """``y = 3`` reads neither of them."""
    with pytest.raises(DefinitionError, match="no output depends on the input w"):
        compile(defined(Eq(y[n], 3)))


def test_accumulate_prints_as_a_sum():
    """The sign tells a scatter from an equation."""
    assert str(accumulate(y[2 * n], x[n, 0])) == "y[2*n] += x[n, 0]"


def test_kinks_and_remainders_are_in_the_language():
    """`Max` of entries and `Mod` of indices pass the checks."""
    check(defined(Eq(y[n], Piecewise((Max(w[0], 0), Eq(Mod(n, 2), 0)), (x[n, 0], True)))))


def named(name: str) -> Operation:
    """A causal filter times an input of that name, for which a module makes several arrays."""
    N, T = sizes("N T")
    n, t, u = axes("n t u", N, T, size("U"))
    x, w, y = tensor("x", N, T, outside=0), parameter("w", size("U")), tensor("y", N, T)
    other = tensor(name, N, T)
    filtered = Eq(y[n, t], Sum(x[n, t - u] * w[u], u) * other[n, t])
    return Operation("filtered", "F.", (x, w, other), (y,), (filtered,))


@pytest.mark.parametrize("name", ["y_kept", "w_axes"])
def test_a_name_that_belongs_to_another_thing_is_refused(name):
    """A derivation would call two things by it."""
    with pytest.raises(DefinitionError, match=name):
        compile(named(name))


MADE = [
    "x_bar",
    "x_at",
    "w_matrix",
    "x_patches",
    "z_bar",
    "t_start",
    "n_stop",
    "buffer",
    "y_value",
    "u_start",
]
PLAIN = ["first", "last", "count", "begin", "columns", "start", "stop"]


@pytest.mark.parametrize("name", [*PLAIN, *MADE])
def test_any_other_name_is_the_authors(name):
    """What a module makes on the way is called something else; the filter is (1, 2)."""
    rng = np.random.default_rng(0)
    x, other, y_bar = rng.standard_normal((3, 2, 5))
    w = np.array([1.0, 2.0])
    module = compile(named(name))
    y, residuals = module.forward(x, w, other)
    earlier = np.pad(x, ((0, 0), (1, 0)))[:, :-1]
    np.testing.assert_allclose(y, (x + 2 * earlier) * other)
    grads = module.backward(y_bar, residuals)
    w_bar = [(y_bar * other * part).sum() for part in (x, earlier)]
    np.testing.assert_allclose(grads.w, w_bar)
    np.testing.assert_allclose(getattr(grads, name), y_bar * (x + 2 * earlier))


def test_no_text_of_a_definition_is_executed():
    """Quotes and backslashes in every text stand in the docstring as they are."""
    N = size("N")
    n = axis("n", N)
    x, y = tensor("x", N), tensor("y", N)
    evil = 'a"""\n    raise SystemExit\n    """b \\N{c} it\'s $x_1$ %'
    k = option("k", 2, minimum=1, meaning=evil)
    word = option("word", "it's", spellings={"it's": (1,), "o": (0,)})
    settings = k.settings[0] * word.settings[0]
    m = compile(
        Operation(
            "evil", evil, (x,), (y,), (Eq(y[n], x[n] * settings),), options=(k, word),
            notes=evil, source=evil, legend={"n": evil},
        )
    )  # fmt: skip
    assert m.apply(np.ones(2)).tolist() == [2, 2]
    assert "$x_1$" in m.apply.__doc__ and '"""b' in m.apply.__doc__


def test_everything_can_be_imported_at_once():
    names: dict[str, object] = {}
    exec("from derive import *", names)
    assert {*derive.language.__all__, "compile"} <= names.keys()
    assert names["Operation"] is Operation


# ---- names of rows --------------------------------------------------------------------------

part_of = axis("part", 2)
pair = tensor("pair", N, 2)
PAIRED = (Eq(pair[n, part_of], (part_of + 1) * x[n, 0]), Eq(y[n], pair[n, 0] * pair[n, 1]))


def paired(rows, equations=PAIRED) -> Operation:
    return defined(*equations, inputs=(x,), rows=rows)


def test_rows_have_names_by_tensor_and_position():
    operation = paired({"part": ("low", "high")})
    assert operation.named_rows == {(pair, 1): ("low", "high")}
    assert operation.legend == {"part": "low, high"}


def test_rows_read_by_number_alone_have_the_names_of_a_longer_index():
    whole, first = axis("whole", 3), axis("first", 2)
    triple, weight = tensor("triple", N, 3), parameter("weight", 3)
    operation = Operation(
        "f", "F.", (x, weight), (y,),
        (
            Eq(triple[n, whole], (whole + 1) * x[n, 0]),
            Eq(y[n], triple[n, 0] + Sum(weight[first], first) + weight[2]),
        ),
        rows={"first": ("a", "b"), "whole": ("a", "b", "rest")},
    )  # fmt: skip
    assert operation.named_rows[weight, 0] == ("a", "b", "rest")


BAD_ROWS = {
    "no index of the equations": {"gate": ("low", "high")},
    "3 names for part": {"part": ("a", "b", "rest")},
    "two of part the same": {"part": ("low", "low")},
    "not all words": {"part": ("low", "1")},
    "an index itself": {"part": ("low", "n")},
    "runs over C": {"c": ("low", "high")},
    "map an index": [("low", "high")],
}


@pytest.mark.parametrize("problem", BAD_ROWS)
def test_names_of_rows_that_do_not_fit_are_refused(problem):
    equations = (PAIRED[0], Eq(y[n], pair[n, 0] * pair[n, 1] + Sum(x[n, c], c)))
    with pytest.raises(DefinitionError, match=problem):
        paired(BAD_ROWS[problem], equations)
