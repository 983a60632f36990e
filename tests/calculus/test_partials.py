"""Partial derivatives are written as formulas where each entry is one slope, and only there."""

from itertools import product

import pytest
from sympy import Eq, Integer, Sum

from derive.calculus.partials import partials
from derive.calculus.step import PartialDerivative, Step
from derive.language import Operation, axes, parameter, sizes, tensor
from derive.language.options import Setting
from derive.language.symbols import Axis, Size
from derive.ops import find
from derive.prose.text import Text
from tests.calculus.test_jacobian import mixing, mutual
from tests.documents import OPERATIONS, derived

N, P, I, U = sizes("N P I U")
n, m, p, i, j, u = axes("n m p i j u", N, N, P, I, I, U)
x, w, y = tensor("x", N), parameter("w", U), tensor("y", N)

square = Operation("square", "", (x,), (y,), (Eq(y[n], x[n] * x[N - 1 - n]),))
folded = Operation(
    "folded", "", (tensor("f", I, outside=0), w), (y,),
    (Eq(y[n], Sum(tensor("f", I, outside=0)[n + u + j] * w[u], u, j)),),
)  # fmt: skip


def chain_rules(operation: Operation) -> list[Step]:
    return [s[0] for s in derived(operation).gradients.values() if s[0].rule == "chain rule"]


def numbers(expression) -> dict:
    """Some number for each symbol that is not an index."""
    found = {}
    for symbol in sorted(expression.free_symbols, key=str):
        if isinstance(symbol, Axis):
            found |= numbers(symbol.extent)
        elif isinstance(symbol, Size) and symbol.formula is not None:
            found[symbol] = Integer(3)
        elif isinstance(symbol, Size | Setting):
            found[symbol] = Integer(2)
    return found


@pytest.mark.parametrize("operation", [*OPERATIONS, mutual, mixing, square, folded], ids=str)
def test_each_entry_is_written_by_one_point(operation):
    for step in chain_rules(operation):
        seen: dict[PartialDerivative, set] = {}
        for statement in partials(step):
            index = statement.target.index
            known = {k: v for e in (*index, *statement.domain) for k, v in numbers(e).items()}
            extents = [int(axis.extent.xreplace(known)) for axis in statement.domain]
            for point in product(*map(range, extents)):
                place = known | dict(zip(statement.domain, map(Integer, point), strict=True))
                entry = tuple(e.xreplace(place) for e in index)
                assert entry not in seen.setdefault(statement.target.tensor, set()), statement
                seen[statement.target.tensor].add(entry)


def test_what_is_read_twice_is_a_sum_of_slopes():
    assert [partials(step) for step in chain_rules(square)] == [()]
    by = {step.target.name: partials(step) for step in chain_rules(folded)}
    assert by["f_bar"] == ()


def test_the_kernel_is_where_it_was_read():
    steps = {s.target.name: s for s in chain_rules(find("correlate1d")[1])}
    (slope,) = partials(steps["x_bar"])
    assert Text().statements([slope]).endswith("= weight[g,k,c,v]")


def test_most_can_be_written():
    rules = [step for operation in OPERATIONS for step in chain_rules(operation)]
    assert sum(bool(partials(step)) for step in rules) > 0.9 * len(rules)
