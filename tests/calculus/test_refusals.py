"""What a definition cannot mean is refused in its own words: where, what, and what to do."""

import numpy as np
import pytest
import sympy
from sympy import Eq, Integer, Piecewise, Rational, Sum, Symbol, oo, sqrt

from derive import compile
from derive.errors import DefinitionError, DeriveError
from derive.language import (
    Operation,
    accumulate,
    axes,
    integers,
    option,
    relu,
    size,
    sizes,
    state,
    tensor,
)  # fmt: skip

N, M = sizes("N M")
n, m = axes("n m", N, M)
x, y, b, s = tensor("x", N), tensor("y", N), tensor("b", M), tensor("s")
point = Symbol("t")


def refused(*equations, inputs=(x,), outputs=(y,), **more) -> str:
    with pytest.raises(DefinitionError) as caught:
        compile(Operation("refused", "A test.", inputs, outputs, equations, **more))
    return str(caught.value)


HEADS = {
    "Product": (sympy.Product(x[n], (n, 0, N - 1)), "state"),
    "Integral": (sympy.Integral(x[n] * point, (point, 0, 1)), "Sample it"),
    "Determinant": (sympy.Determinant(sympy.MatrixSymbol("A", 3, 3)) + x[n], "entries"),
    "Derivative": (sympy.Derivative(x[n], n), "Write"),
    "KroneckerDelta": (sympy.KroneckerDelta(n, 1) * x[n], "Piecewise"),
    "Heaviside": (sympy.Heaviside(x[n]), "step"),
    "gamma": (sympy.gamma(x[n]), "softplus"),
    "asin": (sympy.asin(Rational(1, 3)) * x[n], "tanh"),
    "f": (sympy.Function("f")(x[n]), "tanh"),
    "Indexed": (sympy.IndexedBase("q")[n], "tanh"),
    "Xor": (Piecewise((x[n], sympy.Xor(n > 0, n > 1)), (0, True)), "&"),
    "Implies": (Piecewise((x[n], sympy.Implies(x[n] > 0, n > 1)), (0, True)), "&"),
}


@pytest.mark.parametrize("name", HEADS)
def test_what_is_not_offered_is_named_with_what_to_write_instead(name):
    value, instead = HEADS[name]
    message = refused(Eq(y[n], value))
    assert f"{name} is not offered" in message and instead in message


@pytest.mark.parametrize("name", ["floor", "Mod"])
def test_a_rounding_of_real_numbers_is_refused(name):
    value = {"floor": sympy.floor(x[n]), "Mod": sympy.Mod(x[n], 2)}[name]
    assert f"{name} is not offered for real numbers" in refused(Eq(y[n], value))


NUMBERS = {
    "1.000E+400 is too large": Integer(10) ** 400 + x[n],
    "1.970E+434 is too large": sympy.exp(1000) * x[n],
    "1.000E-400 is too small": Rational(1, 10**400) + x[n],
    "no real number": sqrt(-2) * x[n],
    "(-2)**(1/3) is no real number": Integer(-2) ** Rational(1, 3) * x[n],
    "-oo stands in an equation": Piecewise((x[n], x[n] > 0), (-oo, True)),
}


@pytest.mark.parametrize("words", NUMBERS)
def test_a_number_that_no_float_holds_is_refused(words):
    assert words in refused(Eq(y[n], NUMBERS[words]))


def test_numbers_of_a_tensor_are_checked_too():
    far = tensor("x", N, outside=10**400)
    assert "too large" in refused(Eq(y[n], far[n - 1]), inputs=(far,))


def test_a_sum_over_a_given_number_of_entries_is_no_number():
    """Though it has no index and no size that is not bound."""
    (u,) = axes("u", 2)
    pair = tensor("pair", 2)
    total = Operation("total", "A test.", (pair,), (s,), (Eq(s[()], Sum(pair[u], u)),))
    assert compile(total).apply(np.array([1.0, 2.0])) == 3.0


def test_an_input_that_nothing_reads_is_refused():
    assert "no output depends on the input b" in refused(Eq(y[n], x[n]), inputs=(x, b))
    dead = tensor("dead", M)
    equations = (Eq(y[n], x[n]), Eq(dead[m], b[m]))
    assert "no output depends on the input b" in refused(*equations, inputs=(x, b))


def test_an_input_may_be_read_for_its_size_alone():
    spread = tensor("y", M)
    equation = Eq(spread[m], Sum(x[n], n))
    module = compile(Operation("spread", "A test.", (x, b), (spread,), (equation,)))
    assert np.array_equal(module.apply(np.ones(3), np.ones(2)), [3, 3])


def test_two_tensors_of_one_name_are_named():
    other = tensor("x", M)
    assert "inputs lists x twice" in refused(Eq(y[n], x[n]), inputs=(x, other))
    message = refused(Eq(y[n], x[n] + Sum(other[m], m)))
    assert "the name x stands for a tensor of shape (N) and for a tensor of shape (M)" in message
    framed = tensor("x", N, outside=0)
    assert "with other properties" in refused(Eq(y[n], x[n] + framed[n - 1]))


def test_integers_say_how_large_they_are():
    free = integers("place", N)
    message = refused(Eq(y[n], x[n] * free[n]), inputs=(x, free))
    assert "nothing says how large the entries of place may be" in message and "below=" in message


@pytest.mark.parametrize(
    "options",
    [
        {"default": 0.1},
        {"default": 1.0},
        {"default": 1, "samples": (0.5,)},
        {"default": 1, "minimum": 2},
        {"default": 3, "minimum": 2, "samples": (1,)},
        {"default": (1, 2, 3), "over": "hw"},
        {"default": 1, "over": "hw", "samples": ((1, 2, 3),)},
        {"default": True},
        {"default": None},
        {"default": "fast"},
        {"default": float("nan"), "integer": False},
        {"default": 1, "integer": False, "samples": ("a",)},
    ],
    ids=str,
)
def test_an_option_is_refused_if_its_own_module_would_refuse_it(options):
    with pytest.raises(DefinitionError, match="of the option rate is"):
        option("rate", **options)


@pytest.mark.parametrize(
    "options",
    [
        {"default": 0.1, "integer": False},
        {"default": 1, "integer": False, "samples": (0.5,)},
        {"default": (1, 2), "over": "hw"},
        {"default": ((1, 2), 3), "over": "hw", "sides": True},
        {"default": None, "spellings": {None: (0,)}, "minimum": 1},
    ],
    ids=str,
)
def test_an_option_may_be_what_its_module_takes(options):
    rate = option("rate", **options)
    factor = sum(rate.settings)
    module = compile(Operation("rated", "A test.", (x,), (y,), (Eq(y[n], factor * x[n]),), (rate,)))
    assert module.apply(np.ones(2)).shape == (2,)


def test_a_real_option_says_so():
    with pytest.raises(DefinitionError, match="integer=False"):
        option("rate", 0.1)


@pytest.mark.parametrize(
    "interval", [(1, 0), (0,), (0, 1, 2), ("a", "b"), (N, 1), (float("nan"), 1)], ids=str
)
def test_an_interval_is_two_numbers(interval):
    with pytest.raises(DefinitionError, match="the interval of x is"):
        tensor("x", N, interval=interval)


def test_a_state_of_two_axes_hears_of_offsets():
    """And with an offset for each axis it is computed: here binomial coefficients."""
    I, J = sizes("I J")
    i, j = axes("i j", I, J)
    cost, total = tensor("c", I, J), tensor("o", I, J)
    known = state("d", I, J)
    message = refused(
        Eq(known[-1, j], 0), Eq(known[i, j], cost[i, j] + known[i - 1, j] + known[i, j - 1]),
        Eq(total[i, j], known[i, j]), inputs=(cost,), outputs=(total,),
    )  # fmt: skip
    assert "offset=(-1, -1)" in message
    both = tensor("d", I, J, outside=0)
    paths = Operation(
        "paths", "A test.", (cost,), (total,),
        (Eq(both[i, j], cost[i, j] + both[i - 1, j] + both[i, j - 1]), Eq(total[i, j], both[i, j])),
    )  # fmt: skip
    corner = np.zeros((3, 4))
    corner[0, 0] = 1
    right = [[1, 1, 1, 1], [1, 2, 3, 4], [1, 3, 6, 10]]
    assert np.array_equal(compile(paths).apply(corner), right)


def test_an_optional_tensor_is_not_read_beyond_its_end_inside_a_function():
    """Both would drop a term, and not the same one."""
    maybe = tensor("q", N, optional=True, outside=5)
    message = refused(Eq(y[n], x[n] + relu(maybe[n - 1])), inputs=(x, maybe))
    assert "q may be left out" in message


def test_accumulating_a_number_counts():
    """How often an index comes, and how far it is from the beginning of each."""
    target, degree = integers("target", N, below=M), tensor("degree", M)
    equations = (accumulate(degree[target[n]], Integer(1)), Eq(y[n], x[n] * degree[target[n]]))
    sized = tensor("b", M)
    both = (*equations, Eq(s[()], Sum(sized[m] * degree[m], m)))
    module = compile(Operation("counts", "A test.", (x, target, sized), (y, s), both))
    given = np.array([1.0, 2.0, 3.0]), np.array([1, 0, 1]), np.array([10.0, 1.0, 5.0])
    found, residuals = module.forward(*given)
    assert np.array_equal(found.y, [2, 2, 6]) and found.s == 10 + 2
    grads = module.backward((np.ones(3), None), residuals)
    assert np.array_equal(grads.x, [2, 1, 2])


def held(build) -> str:
    with pytest.raises(DefinitionError) as caught:
        build()
    return str(caught.value)


MALFORMED = {
    "no number": lambda: compile(Operation("f", "F.", (x,), (y,), (accumulate(y[n], x[n] > 0),))),
    "is no number and no expression": lambda: compile(
        Operation("f", "F.", (x,), (y,), (accumulate(y[n], "x"),))  # type: ignore[arg-type]
    ),
    "inputs holds 'x'": lambda: Operation("f", "F.", ("x",), (y,), (Eq(y[n], x[n]),)),
    "outputs holds y": lambda: Operation("f", "F.", (x,), (y[n],), (Eq(y[n], x[n]),)),
    "options holds 'o'": lambda: Operation("f", "F.", (x,), (y,), (Eq(y[n], x[n]),), ("o",)),
    "compares no sizes": lambda: Operation(
        "f", "F.", (x,), (y,), (Eq(y[n], x[n]),), requires=((x[0] > 1, "words"),)
    ),
    "an extent of q is 2.5": lambda: axes("q", 2.5),
    "an extent of q is -2": lambda: axes("q", -2),
    "an extent of z is x": lambda: tensor("z", x[0]),
    "'N' is no number": lambda: tensor("z", "N"),
    "None is no number": lambda: x[None],
    "the default of z is x": lambda: tensor("z", N, default=x[0]),
    "below=0 leaves no number": lambda: integers("z", N, below=0),
}


@pytest.mark.parametrize("words", MALFORMED)
def test_what_is_no_part_of_a_definition_is_named(words):
    assert words in held(MALFORMED[words])


CONDITIONS = {
    "square": n**2 > 3,
    "product": n * m > 3,
    "remainder": sympy.Mod(n, 2) > 0,
    "floor": Eq(sympy.floor(n / 2), 1),
    "largest": sympy.Max(n, 2) > 2,
    "sine": sympy.sin(n) > 0,
}


@pytest.mark.parametrize("name", CONDITIONS)
def test_a_condition_that_is_not_affine_is_refused_with_the_way_around(name):
    whole = tensor("y", N, M)
    message = refused(
        Eq(whole[n, m], Piecewise((x[n], CONDITIONS[name]), (0, True))), outputs=(whole,)
    )
    assert "is not affine in its indices" in message and "integer tensor" in message


def test_the_way_around_a_condition_is_one():
    number = integers("number", N)
    way = Operation(
        "way", "A test.", (x,), (y,),
        (Eq(number[n], sympy.Mod(n**2, 3)), Eq(y[n], Piecewise((x[n], number[n] > 0), (0, True)))),
    )  # fmt: skip
    assert np.array_equal(compile(way).apply(np.ones(5)), [0, 1, 1, 0, 1])


def test_an_index_is_made_of_integers():
    lag = option("lag", 0.5, integer=False)
    framed = tensor("x", N, outside=0)
    message = refused(Eq(y[n], framed[n - lag.settings[0]]), inputs=(framed,), options=(lag,))
    assert "where lag is a real number" in message
    assert "which holds a sum" in refused(Eq(y[n], framed[Sum(m, m)]), inputs=(framed,))


def test_a_cycle_is_shown_in_the_names_and_equations_of_its_author():
    message = refused(Eq(y[n], x[n] + y[n]))
    assert "resolves: y -> y\n  y[n] = " in message and "value" not in message.splitlines()[0]
    other = tensor("v", N)
    message = refused(Eq(y[n], x[n] + other[n]), Eq(other[n], 2 * y[n]))
    assert "y -> v -> y" in message or "v -> y -> v" in message
    assert "  v[n] = 2*y[n]" in message and "_bar" not in message


def test_a_number_of_python_is_an_expression():
    counts, places = tensor("counts", 3), integers("k", N, below=3)
    built = compile(
        Operation(
            "counting", "A test.", (x, places), (counts, y),
            (accumulate(counts[places[n]], 1), Eq(y[n], x[n])),
        )
    )  # fmt: skip
    assert built.apply(np.ones(4), np.array([0, 2, 2, 2])).counts.tolist() == [1, 0, 3]


LABEL, CLASSES = -1, size("C", minimum=1)
z = tensor("z", N, CLASSES)
label = integers("label", N, below=CLASSES, besides=LABEL)
ignored = integers("label", N, below=CLASSES, besides=255)
MARKED = {
    "unequal": Piecewise((z[n, label[n]], sympy.Ne(label[n], -1)), (0, True)),
    "from 0": Piecewise((z[n, label[n]], label[n] >= 0), (0, True)),
    "above -1": Piecewise((z[n, label[n]], label[n] > -1), (0, True)),
    "not equal": Piecewise((z[n, label[n]], sympy.Not(Eq(label[n], -1))), (0, True)),
    "the other case": Piecewise((0, Eq(label[n], -1)), (z[n, label[n]], True)),
    "in a function": sympy.exp(Piecewise((z[n, label[n]], sympy.Ne(label[n], -1)), (0, True))) - 1,
}


@pytest.mark.parametrize("name", MARKED)
def test_what_a_condition_excludes_cannot_be_outside(name):
    built = compile(Operation("marked", "A test.", (z, label), (y,), (Eq(y[n], MARKED[name]),)))
    values, labels = np.array([[1.0, 2.0], [3.0, 4.0]]), np.array([1, -1])
    right = [np.expm1(2), 0] if name == "in a function" else [2, 0]
    assert np.allclose(built.apply(values, labels), right)
    _, residuals = built.forward(values, labels)
    slope = np.exp(2) if name == "in a function" else 1
    assert np.allclose(built.backward(np.ones(2), residuals).z, [[0, slope], [0, 0]])


def test_a_mark_may_be_a_large_number():
    right = Piecewise((z[n, ignored[n]], sympy.Ne(ignored[n], 255)), (0, True))
    built = compile(Operation("marked", "A test.", (z, ignored), (y,), (Eq(y[n], right),)))
    assert built.apply(np.array([[1.0, 2.0]] * 2), np.array([255, 0])).tolist() == [0, 1]


@pytest.mark.parametrize("number", [-2, 0])
def test_a_condition_that_excludes_another_number_does_not_help(number):
    right = Piecewise((z[n, label[n]], sympy.Ne(label[n], number)), (0, True))
    message = refused(Eq(y[n], right), inputs=(z, label))
    assert "label[n], its index 1, is outside 0 .. C - 1 for some entries of label" in message
    assert f"  y[n] = Piecewise((z[n, label[n]], Ne(label[n], {number})), (0, True))" in message


def test_a_condition_on_integers_may_hold_anywhere():
    """And what is read under it is refused where it can be outside."""
    places = integers("k", N, below=3)
    message = refused(Eq(y[n], Piecewise((x[n - 1], places[n] >= 1), (x[n], True))),
                      inputs=(x, places))  # fmt: skip
    assert "is outside 0 .. N - 1 for n = 0" in message


TEXTS = {
    "notes": {"notes": "a" * 300 + "\u202e" + "b" * 300},
    "legend of n": {"legend": {"n": "a\u202eb"}},
    "a letter of legend": {"legend": {"a\u202eb": "n"}},
    "source": {"source": "\u202e"},
    "requires, the words of N > 2,": {"requires": ((N > 2, "a\u202eb"),)},
}


@pytest.mark.parametrize("what", TEXTS)
def test_a_text_that_cannot_be_shown_is_named_with_the_character(what):
    message = refused(Eq(y[n], x[n]), **TEXTS[what])
    assert f"{what} holds " in message
    assert "U+202E (RIGHT-TO-LEFT OVERRIDE) is not printable" in message and len(message) < 200


def test_what_is_no_text_is_named():
    assert "legend of n is 3, which is no text" in refused(Eq(y[n], x[n]), legend={"n": 3})


@pytest.mark.parametrize("value", [x[n] * sympy.nan, x[n] + oo])
def test_an_equation_that_sympy_decides_says_why(value):
    message = refused(Eq(y[n], value))
    assert "equation 1 is False" in message and "nan or infinite" in message


CASES = {
    "states N=-3, and N is an integer from 0": {"N": -3},
    "states N='two', and N is an integer from 0": {"N": "two"},
    "states N=(1, 2), and N is an integer from 0": {"N": (1, 2)},
    "states p='two', and p takes integers from 1": {"p": "two"},
    "states p=0, and p takes integers from 1": {"p": 0},
    "states p=(1, 2), and p takes integers from 1": {"p": (1, 2)},
}


@pytest.mark.parametrize("words", CASES)
def test_a_case_that_cannot_be_is_named(words):
    p = option("p", 2, minimum=1)
    operation = Operation("powers", "A test.", (x,), (y,), (Eq(y[n], x[n] ** p[0]),), (p,),
                          cases=(CASES[words],))  # fmt: skip
    with pytest.raises(DeriveError, match="cases=") as caught:
        compile(operation)
    assert words in str(caught.value)


def test_a_case_is_a_mapping():
    with pytest.raises(DefinitionError, match="cases holds 'ab', which is no mapping"):
        Operation("powers", "A test.", (x,), (y,), (Eq(y[n], x[n]),), cases=("ab",))


@pytest.mark.parametrize("thing", [None, 3, "x"])
def test_what_is_no_operation_is_refused(thing):
    with pytest.raises(DefinitionError, match="is no operation"):
        compile(thing)


def test_an_operation_is_shown_in_short():
    operation = Operation("short", "A test.", (x, b), (y,), (Eq(y[n], x[n]),))
    assert repr(operation) == "<Operation short: x, b -> y>"


def test_what_may_be_left_out_stands_in_all_cases_that_data_decide():
    """f[n]·d[n] goes with d; whether f[n] goes, too, nobody has said."""
    f, d, out = tensor("f", N), tensor("d", N, optional=True), tensor("out", N)
    some = Piecewise((f[n], f[n] > 0), (d[n] * f[n], True))
    with pytest.raises(DefinitionError, match="d may be left out, and stands in some cases of"):
        compile(Operation("some", "A test.", (f, d), (out,), (Eq(out[n], some),)))
    whole = Piecewise((d[n] * f[n], f[n] > 0), (d[n] * f[n] ** 2, True))
    module = compile(Operation("all", "A test.", (f, d), (out,), (Eq(out[n], whole),)))
    found, kept = module.forward(np.array([2.0, -3.0]))
    assert found.tolist() == [0, 0] and module.backward(np.ones(2), kept).f.tolist() == [0, 0]
