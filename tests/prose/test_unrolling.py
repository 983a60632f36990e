"""Backpropagation through time as a reader sees it."""

import re

import pytest
from sympy import Eq, Sum, tanh

from derive.calculus.plain import plain
from derive.language import Operation, axes, parameter, sizes, state, tensor
from derive.ops.recurrent import OPERATIONS
from derive.ops.recurrent_networks import OPERATIONS as NETWORKS
from derive.prose.latex_formula import Latex
from derive.prose.text import Text
from derive.prose.unrolling import straight_rows, through_time
from tests.documents import derived

SHIPPED = {operation.name: operation for operation in (*OPERATIONS, *NETWORKS)}


def printed(operation, printer=Text):
    found = derived(operation)
    return through_time(found, printer(found.order, found.axes, found.written))


def rows(passages):
    """What is displayed, by the title under which it stands."""
    found, title = {}, ""
    for passage in passages:
        title = passage.title or title
        found.setdefault(title, []).extend(" ".join(row) for row in passage.rows)
    return found


def words(passages, title):
    return next(p.words for p in passages if p.title == title)


def test_the_recursion_and_the_double_sum_of_a_network():
    (passages,) = printed(plain(SHIPPED["rnn"]))
    assert rows(passages) == {
        "What we look for": [
            "∂L[t]/∂h[t,n,k] = y_bar[t,n,k] + [t = T − 1]·h_n_bar[n,k]",
            "J[t] = dh[t]/dh[t − 1]",
        ],
        "Boundary": ["dL/dh[T] = 0"],
        "Recursion": ["dL/dh[t] = ∂L[t]/∂h[t] + dL/dh[t + 1]·J[t + 1]"],
        "Weights": ["dL/dw = Σ_{t} dL/dh[t]·∂⁺h[t]/∂w"],
        "Unrolled": [
            "dL/dh[t'] = Σ_{t ≥ t'} ∂L[t]/∂h[t]·Π_{t' < r ≤ t} J[r]",
            "dh[t]/dh[t'] = Π_{t' < r ≤ t} J[r] = J[t]·J[t − 1]·⋯·J[t' + 1]",
        ],
        "Double sum": ["dL/dw = Σ_{t} Σ_{t' ≤ t} ∂L[t]/∂h[t]·(Π_{t' < r ≤ t} J[r])·∂⁺h[t']/∂w"],
        "Bound": [
            "‖dh[t]/dh[t']‖ ≤ Π_{t' < r ≤ t} ‖J[r]‖",
            "‖J[t]‖ ≤ ‖weight_hh‖",
        ],
        "Vanishing and exploding": ["‖dh[t]/dh[t']‖ ≤ ‖weight_hh‖^(t − t')"],
    }
    assert words(passages, "Bound") == (
        "In the spectral norm. In absolute value 1 − h² is at most 1:"
    )
    assert words(passages, "Vanishing and exploding").endswith(
        "A factor of 0.99 in each of 1000 steps leaves 0.000043, and one of 1.01 makes 20,959."
    )


def test_two_states_are_one_vector():
    """What a cotangent counts within the step is named, and nothing else."""
    (passages,) = printed(plain(SHIPPED["lstm"]))
    assert passages[0].words == (
        "A step leaves the states c[t] and h[t], together s[t]. "
        "dL/ds[t] is how the loss L depends on s[t], as a row."
    )
    assert passages[1].words.startswith(
        "Its part for c[t] is c_bar[t] less what goes through h of the same step (c_bar."
    )
    assert rows(passages)["Past every weight"] == [
        "∂c[t,n,j]/∂c[t − 1, n, j] = forget_gate[t,n,j]",
        "dc[t,n,j]/dc[t',n,j] = Π_{t' < r ≤ t} forget_gate[r,n,j] + ⋯",
    ]
    assert words(passages, "Past every weight").endswith(
        "As forget_gate[t,n,j] lies between 0 and 1, gradients do not explode along it alone, "
        "and last where this stays near 1:"
    )


def test_labels_are_those_of_steps():
    found = derived(plain(SHIPPED["lstm_peephole"]))
    labels = {step.label for step in found.steps}
    (passages,) = through_time(found, Text(found.order, found.axes, found.written))
    named = [x for p in passages for x in re.findall(r"\b\w+\.\d+\b", p.words)
             if not x.replace(".", "").isdigit()]  # fmt: skip
    assert len(named) > 10
    assert labels.issuperset(named)


def test_each_direction_and_each_layer_has_its_own():
    found = printed(plain(SHIPPED["rnn_bidirectional"]))
    assert [rows(p)["Boundary"] for p in found] == [
        ["dL/dh_forward[T] = 0"], ["dL/dh_reverse[T] = 0"]
    ]  # fmt: skip
    assert len(printed(plain(SHIPPED["gru_stacked"]))) == 2
    assert not printed(plain(SHIPPED["rnn_cell"]))


T, N, H = sizes("T N H")
t, n, j, k = axes("t n j k", T, N, H, H)
x, y = tensor("x", N, T, H), tensor("y", N, T, H)
J, r, W = tensor("J", N, T, H, outside=0), parameter("r", H, H), parameter("w", H, H)
# Everything that this page would call something has the name already.
clash = Operation(
    "clash", "", (x, r, W), (y,),
    (
        Eq(J[n, t, j], tanh(Sum(W[j, k] * J[n, t + 1, k], k) + Sum(r[j, k] * x[n, t, k], k))),
        Eq(y[n, t, j], J[n, t, j]),
    ),
)  # fmt: skip


def test_names_that_are_taken_and_time_that_runs_the_other_way():
    (passages,) = printed(clash)
    found = rows(passages)
    assert found["Boundary"] == ["dL/dJ[−1] = 0"]
    assert found["Recursion"] == ["dL/dJ[t] = ∂L[t]/∂J[t] + dL/dJ[t − 1]·J2[t − 1]"]
    assert found["Double sum"] == [
        "dL/dw2 = Σ_{t} Σ_{t' ≥ t} ∂L[t]/∂J[t]·(Π_{t ≤ u < t'} J2[u])·∂⁺J[t']/∂w2"
    ]
    assert found["Vanishing and exploding"] == ["‖dJ[t]/dJ[t']‖ ≤ ‖w‖^(t' − t)"]


h, z = state("h", T, N, H), tensor("z", T, N, H)
a, out = tensor("a", T, N, H), tensor("out", T, N, H)


def scan(*more, inputs):
    ends = (Eq(h[-1, n, j], 0), Eq(out[t, n, j], h[t, n, j]))
    return Operation("scan", "", inputs, (out,), (*ends, *more))


@pytest.mark.parametrize(
    ("value", "inputs", "says", "product"),
    [
        (h[t - 1, n, j] + z[t, n, j], (z,), "No", "dh[t,n,j]/dh[t',n,j] = 1"),
        (z[t, n, j] * h[t - 1, n, j] + a[t, n, j], (z, a), "If",
         "dh[t,n,j]/dh[t',n,j] = Π_{t' < r ≤ t} z[r,n,j]"),
    ],
)  # fmt: skip
def test_scans_without_weights(value, inputs, says, product):
    (passages,) = printed(scan(Eq(h[t, n, j], value), inputs=inputs))
    found = rows(passages)
    assert "Weights" not in found and "Double sum" not in found
    assert found["Past every weight"][-1] == product
    about = words(passages, "Vanishing and exploding")
    assert about.startswith(
        {"No": "Through time alone no gradient explodes", "If": "If max|z[t]| "}[says]
    )


def test_the_first_page_says_what_leads_past_every_weight():
    found = derived(plain(SHIPPED["gru"]))
    assert straight_rows(found, Text(found.order)) == (
        ("∂h[t,n,j]/∂h[t − 1, n, j]", "=", "update_gate[t,n,j]"),
    )


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru_before"])
def test_latex_is_latex(name):
    (passages,) = printed(plain(SHIPPED[name]), Latex)
    for passage in passages:
        for text in (passage.words, *(side for row in passage.rows for side in (row[0], row[2]))):
            assert text.isascii(), text
            assert text.count("{") == text.count("}")
            assert text.count(r"\Bigl") == text.count(r"\Bigr")
    displayed = " ".join(row[2] for p in passages for row in p.rows)
    assert r"\prod_{t' < r \le t}" in displayed and r"\partial^{+}" in displayed
    assert r"\lVert" in displayed and r"\cdots" in displayed
