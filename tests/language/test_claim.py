"""What may be claimed: the words, and what is no claim at all."""

import pytest
from sympy import Eq

from derive import (
    Claim,
    Operation,
    accumulate,
    axes,
    cotangent,
    derivative,
    integers,
    parameter,
    sizes,
    state,
    tensor,
)
from derive.errors import DefinitionError, FileError
from derive.language.load import load, load_claims

N, T = sizes("N T")
n, t = axes("n t", N, T)
x, w, y = tensor("x", N), parameter("w"), tensor("y", N)
scale = Operation("scale", "Scale.", (x, w), (y,), (Eq(y[n], x[n] * w[()]),))


def test_a_cotangent_has_the_shape_of_its_tensor_and_is_0_outside():
    bar = cotangent(x)
    assert (bar.name, bar.shape, bar.outside, bar.of) == ("x_bar", x.shape, 0, x)
    assert cotangent(x) is bar
    assert cotangent(state("h", T)).offset == (-1,)
    assert cotangent(tensor("x", N, N)) != bar


def test_a_derivative_has_the_indices_of_both():
    slope = derivative(y, x)
    assert slope.shape == (N, N) and (slope.of, slope.by) == (y, x)
    assert derivative(y, w)[n].index == (n,)


@pytest.mark.parametrize(
    "word", [cotangent, lambda t: derivative(y, t), lambda t: derivative(t, x)]
)
@pytest.mark.parametrize("thing, said", [(integers("k", N), "k holds integers"), (N, "N is no te")])
def test_nothing_is_differentiated_by_what_is_no_real_tensor(word, thing, said):
    with pytest.raises(DefinitionError, match=said):
        word(thing)


@pytest.mark.parametrize(
    "make, said",
    [
        (lambda: Claim(x, Eq(y[n], 1)), "a claim is about x, which is no operation"),
        (lambda: Claim(scale, Eq(x, w)), "says nothing of an entry"),
        (lambda: Claim(scale, Eq(y[n], y[n])), "says nothing of an entry"),
        (lambda: Claim(scale, Eq(y[n], 1), (True,)), "says nothing of an entry"),
        (lambda: Claim(scale, Eq(y[n], 1), given={"N": 3}), "given= names 'N'"),
    ],
)
def test_what_is_no_claim_is_refused(make, said):
    with pytest.raises(DefinitionError, match=said):
        make()


def test_a_claim_keeps_the_order_in_which_it_was_written():
    first = Claim(scale, Eq(cotangent(w)[()], x[n] * cotangent(y)[n] * 2))
    again = Claim(scale, Eq(cotangent(w)[()], cotangent(y)[n] * x[n] * 2))
    orders = [[str(a) for a in c.order.arguments(c.equation.args[1])] for c in (first, again)]
    assert orders == [["x[n]", "y_bar[n]", "2"], ["y_bar[n]", "x[n]", "2"]]


def test_a_scatter_may_be_claimed():
    claim = Claim(scale, accumulate(cotangent(x)[n], cotangent(y)[n] * w[()]))
    assert claim.equation.scatter and repr(claim) == "<Claim on scale: x_bar[n] += w*y_bar[n]>"


FILE = """
from sympy import Eq
from derive import Claim, Operation, cotangent, sizes, tensor, axes
(N,) = sizes("N")
(n,) = axes("n", N)
x, y = tensor("x", N), tensor("y", N)
double = Operation("double", "Double.", (x,), (y,), (Eq(y[n], 2 * x[n]),))
"""
CLAIMS = "slide = Claim(double, Eq(cotangent(x)[n], cotangent(y)[n]))\nright = slide\n"


def test_claims_are_loaded_by_their_names(tmp_path):
    path = tmp_path / "claims.py"
    path.write_text(FILE + CLAIMS)
    assert list(load_claims(path)) == ["slide", "right"]
    assert [operation.name for operation in load(path)] == ["double"]


@pytest.mark.parametrize(
    "text, said",
    [(FILE, "the file makes no claim"), ("x = y\n", r"claims.py:1: NameError: name 'y'")],
)
def test_a_file_without_claims_is_an_error(tmp_path, text, said):
    path = tmp_path / "claims.py"
    path.write_text(text)
    with pytest.raises(DefinitionError, match=said):
        load_claims(path)


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileError, match="there is no such file"):
        load_claims(tmp_path / "claims.py")
    with pytest.raises(FileError, match="is a directory"):
        load_claims(tmp_path)
