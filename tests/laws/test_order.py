"""The author's order: definitions that differ in it alone compute and print each in their own.

An expression is written once and applied to tensors and to arrays: NumPy then computes what was
written, operation by operation, and the module has to yield the same bits.
"""

import itertools
import os
import subprocess
import sys
from operator import add, mul, sub, truediv
from types import ModuleType

import numpy as np
import pytest
from sympy import Add, Eq, Max, Min, Mul, Piecewise, Sum, exp, log, tanh

from derive import (
    Operation,
    axes,
    compile,
    compose,
    parameter,
    part,
    sizes,
    state,
    stop,
    tensor,
)  # fmt: skip
from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import derivation
from derive.calculus.lift import to_system
from derive.language.symbols import Access
from derive.pipeline import definition_hash, rendered, show
from derive.prose.text import equation_text
from generated import log_softmax

N, T = sizes("N T")
n, t = axes("n t", N, T)
NAMES = "xabc"
TENSORS = [tensor(name, N) for name in NAMES]
y = tensor("y", N)


@pytest.fixture
def rng():
    return np.random.default_rng(3)


ENTRIES = [one[n] for one in TENSORS]
c_n = ENTRIES[3]

EXPRESSIONS = {
    "x − a − b": lambda x, a, b, c: x - a - b,
    "x − b − a": lambda x, a, b, c: x - b - a,
    "x − (a + b)": lambda x, a, b, c: x - (a + b),
    "x − (a − b)": lambda x, a, b, c: x - (a - b),
    "(a + x) − (b + c)": lambda x, a, b, c: (a + x) - (b + c),
    "c + b + a + x": lambda x, a, b, c: sum([c, b, a, x]),
    "x·(a·b)·c": lambda x, a, b, c: x * (a * b) * c,
    "c·b·a·x": lambda x, a, b, c: c * b * a * x,
    "x/(a·b)·c": lambda x, a, b, c: x / (a * b) * c,
    "x/a/b": lambda x, a, b, c: x / a / b,
    "x/(a/b)": lambda x, a, b, c: x / (a / b),
    "−(x − a) + b": lambda x, a, b, c: -(x - a) + b,
    "x·a·3·b": lambda x, a, b, c: x * a * 3 * b,
    "c·(x − b − a)": lambda x, a, b, c: c * (x - b - a),
    "(x − (a − b))²": lambda x, a, b, c: (x - (a - b)) ** 2,
}


def definition(right, name="f", **more) -> Operation:
    read = {access.tensor for access in right.atoms(Access)}
    inputs = tuple(t for t in TENSORS if t in read)
    return Operation(name, "F.", inputs, (y,), (Eq(y[n], right),), **more)


def arrays(rng, count=200):
    """Numbers of very different size, so that every order has a sum of its own."""
    return [
        (rng.standard_normal(count) * 10.0 ** rng.integers(-3, 4, count)).astype(np.float32)
        for _ in NAMES
    ]


def right_side(operation: Operation) -> str:
    return next(line for line in show(operation, "text").splitlines() if " = " in line).strip()


def test_all_of_them_in_one_process(rng):
    """Whatever was written, built and run before."""
    operations = {text: definition(value(*ENTRIES)) for text, value in EXPRESSIONS.items()}
    given = arrays(rng)
    for text, operation in operations.items():
        with np.errstate(all="ignore"):
            expected = EXPRESSIONS[text](*given)
        named = dict(zip(NAMES, given, strict=True))
        read = (named[t.name] for t in operation.inputs)
        assert np.array_equal(compile(operation).apply(*read), expected), text


def tree(rng, names):
    """A random expression in which each name stands once: a name, or two trees and a sign."""
    if len(names) == 1:
        return names[0]
    place = rng.integers(1, len(names))
    sign = "+-*/"[rng.integers(4)]
    return sign, tree(rng, names[:place]), tree(rng, names[place:])


def value_of(tree, values):
    if isinstance(tree, str):
        return values[tree]
    sign, left, right = tree
    left, right = value_of(left, values), value_of(right, values)
    return {"+": add, "-": sub, "*": mul, "/": truediv}[sign](left, right)


@pytest.mark.parametrize("number", range(20))
def test_random_expressions(number):
    """As they stand, and as the state of a loop over time, whose rows have other names."""
    rng = np.random.default_rng(number)
    names = [*rng.permutation([*"xabcde"])][: 3 + number % 4]
    expression = tree(rng, names)
    given = {name: np.stack(arrays(rng, 50)) for name in names}
    with np.errstate(all="ignore"):
        used = {name: tensor(name, T, N) for name in names}
        out = tensor("y", T, N)
        right = value_of(expression, {name: one[t, n] for name, one in used.items()})
        module = compile(Operation("f", "F.", [*used.values()], (out,), (Eq(out[t, n], right),)))
        expected = value_of(expression, given)
        assert np.array_equal(module.apply(*given.values()), expected, equal_nan=True)

        first, *others = names
        h = state("h", T, N)
        entries = {name: used[name][t, n] for name in others} | {first: h[t - 1, n]}
        right = exp(Min(0, value_of(expression, entries)))
        equations = (Eq(h[-1, n], 1), Eq(h[t, n], right))
        module = compile(Operation("f", "F.", [used[o] for o in others], (h,), equations))
        row, rows = np.ones(50, np.float32), []
        for step in range(len(given[first])):
            here = {name: given[name][step] for name in others} | {first: row}
            row = np.exp(np.minimum(0, value_of(expression, here)))
            rows.append(row)
        found = module.apply(*(given[name] for name in others))[1:]
        assert np.array_equal(found, rows, equal_nan=True)


@pytest.mark.parametrize("first", [0, 1])
@pytest.mark.parametrize("wrap", [lambda e: e, log, lambda e: 1 / e, lambda e: exp(e) * c_n])
def test_two_orders_of_one_sum(first, wrap):
    """Values, equations and operations of both before either is built."""
    x, a, b, _ = ENTRIES
    orders = [wrap(x - a - b), wrap(x - b - a)][:: -1 if first else 1]
    operations = [definition(value) for value in orders][:: -1 if first else 1]
    texts = [right_side(operation) for operation in operations]
    assert "x[n] − a[n] − b[n]" in texts[0] and "x[n] − b[n] − a[n]" in texts[1]
    assert definition_hash(operations[0]) != definition_hash(operations[1])


def test_every_order_of_a_sum_and_of_a_product():
    """All made before the first is printed."""
    for kind, sign in ((Add, " + "), (Mul, "·")):
        orders = [*itertools.permutations(ENTRIES)]
        values = [kind(*order) for order in orders]
        for order, operation in zip(orders, map(definition, values), strict=True):
            expected = sign.join(f"{entry.tensor.name}[n]" for entry in order)
            assert right_side(operation) == f"y[n] = {expected}"


def test_the_hash_of_a_definition_is_the_same_in_every_process():
    """It tells orders apart, and only these."""
    program = (
        "from derive.ops import pooling; from derive.pipeline import definition_hash;"
        "print([definition_hash(o) for o in pooling.OPERATIONS if 'avg' in o.name])"
    )
    found = {
        subprocess.run(
            [sys.executable, "-c", program],
            env=os.environ | {"PYTHONHASHSEED": seed}, capture_output=True, text=True, check=True,
        ).stdout
        for seed in ("1", "77")
    }  # fmt: skip
    assert len(found) == 1


CELLS = (
    "from sympy import *\nfrom derive.language import *",
    "N, = sizes('N'); n, = axes('n', N)\nx, a, b, y = (tensor(s, N) for s in 'xaby')",
    "total = 0\nfor part in (b, a, x):\n    total = total + part[n]",
    "def taken(value, *others):\n    for o in others:\n        value = value - o\n    return value",
    "first = Operation('f', 'F.', (x, a, b), (y,), (Eq(y[n], total),))",
    "second = Operation('f', 'F.', (x, a, b), (y,), (Eq(y[n], taken(x[n], b[n], a[n])),))",
    "third = Operation('f', 'F.', (x, a, b), (y,), (Eq(y[n], taken(x[n], a[n], b[n])),))",
)


@pytest.mark.parametrize("name", ["__main__", "definition", None])
def test_cells_of_a_notebook(name):
    space = {} if name is None else {"__name__": name}
    for cell in CELLS:
        exec(cell, space)
    texts = [right_side(space[word]) for word in ("first", "second", "third")]
    assert texts == [
        "y[n] = b[n] + a[n] + x[n]", "y[n] = x[n] − b[n] − a[n]", "y[n] = x[n] − a[n] − b[n]"
    ]  # fmt: skip


def test_a_helper_of_another_module():
    helper = ModuleType("some_helper")
    exec("def gate(w, x, b):\n    return w * x + b", helper.__dict__)
    x, a, b, _ = ENTRIES
    assert right_side(definition(tanh(helper.gate(b, x, a)))) == "y[n] = tanh(b[n]·x[n] + a[n])"


def test_parts_keep_the_order_of_their_operation():
    """Also where a function gives an entry, and a name is in use already."""
    x, a, b, c = ENTRIES
    inner = definition(exp(x - b - a) * c)
    whole = compose(
        "whole", "W.", [part(inner, "one", x=lambda i: b.tensor[i] - a.tensor[i], b=x.tensor)],
        inputs=TENSORS[:3], outputs=(tensor("y_one", N),),
    )  # fmt: skip
    assert right_side(whole) == "y_one[n] = exp(b[n] − a[n] − x[n] − a_one[n])·c_one[n]"


def test_the_logarithm_is_not_lost():
    """log(e¹/(e¹ + e¹)) is −log 2 for logits of any size."""
    for size in (0.0, 1e4, 1e8, -1e8):
        found = log_softmax.apply(np.full((1, 2), size, np.float32))
        assert np.allclose(found, -np.log(2), rtol=1e-6)


SQUARE = [tensor(name, N, N) for name in "pq"]
m = axes("m", N)[0]
ONCE = Sum(SQUARE[0][n, m], m)
TWICE = Sum(SQUARE[1][n, m], m)
LARGE = np.float32(1e8)

SUMS = {  # of rows that all hold 1e8 and 1e8 − 8, x being the sum of the first
    "x − Σp − Σq": (ENTRIES[0] - ONCE - TWICE, -3 * (LARGE - 8)),
    "x − (Σp − Σq)": (ENTRIES[0] - (ONCE - TWICE), 3 * (LARGE - 8)),
    "Σ(p − q)": (Sum(SQUARE[0][n, m] - SQUARE[1][n, m], m), 24),
    "Σ(p − q)/2": (Sum(SQUARE[0][n, m] - SQUARE[1][n, m], m) / 2, 12),
    "Σ(p − q) over the index of the target": (
        Sum(Sum(SQUARE[0][n, m] - SQUARE[1][n, m], m), n), 72
    ),
    "tanh(x − Σp − log Σ)": (tanh(ENTRIES[0] - ONCE - log(Sum(exp(ENTRIES[1] - m), m) / 9)), None),
}  # fmt: skip


@pytest.mark.parametrize("text", [*SUMS])
def test_sums_over_indices_are_not_taken_apart(text):
    """What is subtracted first stays first, whatever has to be a tensor of its own."""
    value, expected = SUMS[text]
    inputs = [TENSORS[0], TENSORS[1], *SQUARE]
    used = [one for one in inputs if any(one == a.tensor for a in value.atoms(Access))]
    module = compile(Operation("f", "F.", used, (y,), (Eq(y[n], value),)))
    full = {"p": np.full((3, 3), LARGE), "q": np.full((3, 3), LARGE - 8)}
    full |= {"x": np.full(3, LARGE + LARGE + LARGE), "a": np.ones(3, np.float32)}
    found = module.apply(*(full[one.name] for one in used))
    if expected is None:
        expected = -np.tanh(np.log(np.exp(1 - np.arange(3.0)).sum() / 9))
    assert found.dtype == np.float32
    assert np.allclose(found, np.full(3, expected, np.float32), rtol=1e-6), found


def test_products_of_matrices_are_added_to_one_target():
    """``W x + U h + b`` stays three statements, in this order."""
    w, v, bias = (
        parameter(s, *shape) for s, shape in zip("wvb", [(N, T), (N, T), (N,)], strict=True)
    )
    first, second = tensor("p", T), tensor("q", T)
    value = Sum(w[n, t] * first[t], t) + Sum(v[n, t] * second[t], t) + bias[n]
    operation = Operation("f", "F.", (first, second, w, v, bias), (y,), (Eq(y[n], value),))
    assert right_side(operation) == "y[n] = Σ_{t} w[n,t]·p[t] + Σ_{t} v[n,t]·q[t] + b[n]"
    assert len(to_system(operation).statements) == 3


def test_backward_computes_again_what_forward_did(rng):
    """The slope of exp(x − b − a) is the same sum again."""
    x, a, b, c = ENTRIES
    module = compile(definition(exp(x - b - a) * c))
    x, a, b, c = given = [np.float32([v]) for v in (1e8, 1, 1e8, 1)]
    value, residuals = module.forward(*given)
    assert value == np.exp((x - b) - a) and value != np.exp((x - a) - b)
    assert module.backward(np.ones_like(value), residuals).x == value


def test_a_state_over_time(rng):
    """Rows, halves and parts of tensors are other names for what the author wrote."""
    first, second, h = tensor("p", T, N), tensor("q", T, N), state("h", T, N)
    equations = (Eq(h[-1, n], 0), Eq(h[t, n], tanh(first[t, n] - second[t, n] - h[t - 1, n])))
    module = compile(Operation("f", "F.", (first, second), (h,), equations))
    p, q = (np.stack(arrays(rng)) for _ in range(2))
    row, expected = np.zeros_like(p[0]), []
    for one, other in zip(p, q, strict=True):
        row = np.tanh(one - other - row)
        expected.append(row)
    assert np.array_equal(module.apply(p, q)[1:], expected)


def test_second_differences_read_one_tensor_three_times(rng):
    x = TENSORS[0]
    inside = (n >= 1) & (n < N - 1)
    for places in ((n + 1, n, n - 1), (n - 1, n, n + 1)):
        after, here, before = (x[i] for i in places)
        value = Piecewise((tanh(after - 2 * here + before), inside), (0, True))
        operation = Operation("f", "F.", (x,), (y,), (Eq(y[n], value),))
        given = arrays(rng)[0]
        moved = [given[2:], given[1:-1], given[:-2]]
        left, middle, right = moved if places[0] == n + 1 else moved[::-1]
        expected = np.tanh(left - 2 * middle + right)
        assert np.array_equal(compile(operation).apply(given)[1:-1], expected)


# ---- ties --------------------------------------------------------------------------------------

p, k = tensor("p", N), tensor("k", N)
u = parameter("u", N)


def shares(right):
    """Gradients where all of it is 0."""
    operation = Operation("f", "F.", (p, k, u), (y,), (Eq(y[n], right),))
    module = compile(operation)
    value, residuals = module.forward(*(np.zeros(1) for _ in range(3)))
    found = module.backward(np.ones_like(value), residuals)
    return [float(g[0]) for g in found], operation


@pytest.mark.parametrize("kind", [Max, Min])
@pytest.mark.parametrize(
    "arguments, expected",
    [
        ((p[n], u[n] + k[n]), [1, 0, 0]),
        ((u[n] + k[n], p[n]), [0, 1, 1]),
        ((k[n], p[n], u[n]), [0, 1, 0]),
        ((u[n], k[n], p[n]), [0, 0, 1]),
        ((0, p[n] + k[n] + u[n]), [0, 0, 0]),
        ((p[n] + k[n] + u[n], 0), [1, 1, 1]),
        ((p[n] - k[n], k[n] - p[n], u[n]), [1, -1, 0]),
    ],
)
def test_the_first_of_equal_arguments_has_the_whole_derivative(kind, arguments, expected):
    """Whichever variable is asked for."""
    found, operation = shares(kind(*arguments))
    assert found == expected
    assert " the first has the derivative" in " ".join(show(operation, "text").split())
    assert " the first has the derivative" in show(operation, "latex")


def test_the_first_in_a_nested_maximum():
    assert shares(Max(p[n], Max(k[n], u[n])))[0] == [1, 0, 0]
    assert shares(Max(Max(u[n], k[n]), p[n]))[0] == [0, 0, 1]
    assert shares(Max(Min(k[n], u[n]), p[n]))[0] == [0, 1, 0]
    assert shares(2 * Max(k[n], p[n]) - Max(p[n], u[n]))[0] == [-1, 2, 0]


def test_the_docstring_of_a_module_says_who_has_the_derivative():
    words = "Of equal arguments of max or min the first has the gradient"
    tied, smooth = Max(p[n], k[n] + u[n]), p[n] * stop(Max(k[n], u[n]))
    for value, said in ((tied, True), (smooth, False)):
        text = next(
            o.text for o in rendered(shares(value)[1], "").outputs if o.path.suffix == ".py"
        )
        assert (words in text) == said


def test_an_equation_prints_as_it_was_written():
    x, a, b, c = ENTRIES
    operation = definition(-x + (a * b) * 2 - c / (b * a))
    text = "y[n] = −x[n] + a[n]·b[n]·2 − c[n]/(b[n]·a[n])"
    assert right_side(operation) == text
    steps = derivation(operation, to_system(operation), adjoint(to_system(operation)))
    assert equation_text(steps.definition[0], (), operation.order) == text
