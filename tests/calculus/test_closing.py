"""Closing lines: what a textbook has, equal to the adjoint; and a wrong rule is caught."""

from dataclasses import replace

import pytest
from sympy import Function, Integer, Sum

from derive.calculus import closing, collecting, putting_in
from derive.calculus.closing import closing_lines
from derive.calculus.measure import measure
from derive.calculus.plain import plain
from derive.calculus.step import Step
from derive.language import Operation, axes, tensor
from derive.language.scalars import SCALARS
from derive.ops.recurrent import OPERATIONS as RECURRENT
from derive.prose.text import Text
from derive.verification.arithmetic import FIELD
from derive.verification.cases import few
from tests.calculus import closings
from tests.calculus.closings import Closed
from tests.calculus.networks import NETWORKS, N
from tests.cases import SUBJECT, SUBJECTS
from tests.programs import differences

NETWORK = {operation.name: operation for operation in NETWORKS}
MEAN = "Σ_{h'} y_bar[n,h']·weight[h']"
WEIGHED = "Σ_{h'} y_bar[n,h']·weight[h']·normal[n,h']"

TEXTBOOK = {
    "softmax": {"x_bar": "y[n,c]·(y_bar[n,c] − Σ_{c'} y_bar[n,c']·y[n,c'])"},
    "log_softmax": {"x_bar": "y_bar[n,c] − exp(y[n,c])·Σ_{c'} y_bar[n,c']"},
    "cross_entropy": {"x_bar": "y_bar·(exp(logp[n,c,m]) − [target[n,m] = c])/(M·N)"},
    "mse_loss": {"x_bar": "2·y_bar·d[m]/M", "target_bar": "−2·y_bar·d[m]/M"},
    "sigmoid": {"x_bar": "y_bar[n]·y[n]·(1 − y[n])"},
    "layer_norm": {
        "x_bar": f"scale[n]·(y_bar[n,h]·weight[h] − {MEAN}/H − normal[n,h]·{WEIGHED}/H)"
    },
    "batch_norm": {
        "x_bar": "weight[c]·scale[c]·(y_bar[n,c,m] − Σ_{n',m'} y_bar[n',c,m']/(M·N) − "
        "normal[n,c,m]·Σ_{n',m'} y_bar[n',c,m']·normal[n',c,m']/(M·N))"
    },
    "rnn": {
        "a_bar": "h_bar[t,n,j]·(1 − h[t,n,j]²)",
        "weight_hh_bar": "Σ_{t,n} a_bar[t,n,j]·h[t − 1, n, k]",
    },
    "neurons": {
        "v_bar": "error_bar·h1·(y − target)·y·(1 − y)",
        "u_bar": "error_bar·x·v·(y − target)·h1·(1 − h1)·y·(1 − y)",
    },
    "perceptron": {
        "s2_bar": "loss_bar·(y[n,o] − target[n,o])·y[n,o]·(1 − y[n,o])",
        "W2_bar": "Σ_{n} s2_bar[n,o]·h1[n,h]",
        "s1_bar": "(1 − h1[n,h]²)·Σ_{o} s2_bar[n,o]·W2[o,h]",
    },
    "attention": {
        "score_bar": "p[t,s]·(Σ_{o} y_bar[t,o]·v[s,o] − Σ_{o} y_bar[t,o]·y[t,o])",
        "v_bar": "Σ_{t} y_bar[t,o]·p[t,s]",
    },
}


def closed(name: str) -> Closed:
    return closings.closed(of(name))


def of(name: str) -> Operation:
    return plain(NETWORK.get(name) or SUBJECT[name].operation)


def right_sides(found: Closed) -> dict[str, str]:
    known = found.derivation
    printer = Text(known.order, known.axes, known.written)
    return {
        bar.name: "; ".join(right for _, _, right in printer.equations(line.terms))
        for bar, line in found.lines.items()
    }


@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_closing_line_is_that_of_a_textbook(name):
    found = right_sides(closed(name))
    for bar, right in TEXTBOOK[name].items():
        assert found[bar] == right


def test_gates_of_an_lstm():
    rows = right_sides(closed("lstm"))["a_bar"].split("; ")
    assert rows == [
        "c_bar[t,n,j]·cell_gate[t,n,j]·input_gate[t,n,j]·(1 − input_gate[t,n,j])",
        "c_bar[t,n,j]·c[t − 1, n, j]·forget_gate[t,n,j]·(1 − forget_gate[t,n,j])",
        "c_bar[t,n,j]·input_gate[t,n,j]·(1 − cell_gate[t,n,j]²)",
        "h_bar[t,n,j]·tanh(c[t,n,j])·output_gate[t,n,j]·(1 − output_gate[t,n,j])",
    ]


def test_what_was_said_is_not_said_again():
    rows = right_sides(closed("gru"))["p_bar"].split("; ")
    assert rows[:2] == ["q_bar[t,n,0,j]", "q_bar[t,n,1,j]"]


def test_every_name_has_a_line():
    """What a line reads is an input, computed forward, given, or has a line of its own."""
    for operation in (*NETWORKS, *map(plain, RECURRENT)):
        found = closings.closed(operation)
        bars = {*found.derivation.gradients}
        for line in found.lines.values():
            assert bars & {*line.named} <= found.lines.keys()
        inputs = {t for t in operation.inputs if not t.integer}
        wanted = {found.derivation.cotangent[t] for t in inputs & found.derivation.cotangent.keys()}
        assert wanted & bars <= found.lines.keys()


def test_steps_lead_from_the_derivation_to_the_line():
    for name in TEXTBOOK:
        found = closed(name)
        for bar, line in found.lines.items():
            last = found.derivation.final(bar)
            assert last is not None
            terms = last.shown
            labels = {step.label for step in found.derivation.gradients[bar]}
            for step in line.steps:
                assert isinstance(step, Step) and step.before == terms
                assert step.label not in labels
                assert step.because
                terms = step.after
            assert terms == line.terms


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_closing_lines_are_what_the_adjoint_says(subject):
    """Exactly, on small cases of what documents say it of: the plain case, or the only one."""
    for operation in (plain(subject.operation),):
        found = closings.closed(operation)
        assert found.lines.keys() >= {
            found.derivation.cotangent[t]
            for t in operation.inputs
            if found.derivation.cotangent.get(t) in found.derivation.gradients
        }
        for case in few(operation)[-2:]:
            assert not list(found.wrong(case))


@pytest.mark.parametrize("name", NETWORK)
def test_closing_lines_of_networks_are_what_the_adjoint_says(name):
    found = closings.closed(NETWORK[name])
    for case in few(NETWORK[name])[:3]:
        assert not list(found.wrong(case))


def test_slopes_are_shown_once_by_name():
    found = closed("neurons")
    known = found.derivation
    printer = Text(known.order, known.axes, known.written)
    lines = {bar.name: line for bar, line in found.lines.items()}
    shown = [printer.phrase((equal,)) for line in lines.values() for equal in line.slopes]
    assert shown == ["sigmoid'(s1) = h1·(1 − h1)"]
    named = {name: printer.statements(line.by_slope) for name, line in lines.items()}
    assert named["v_bar"] == "v_bar = error_bar·h1·(y − target)·sigmoid'(s2)"
    assert named["target_bar"] == ""


def test_a_slope_by_name_is_the_slope():
    """σ'(s) is what the table of functions says of s, and of σ(s)."""
    for name in ("neurons", "perceptron", "lstm", "gru", "elman"):
        found = closed(name)
        for line in found.lines.values():
            back = tuple(map(without_names, line.by_slope))
            for case in few(found.operation)[-2:]:
                values = found.values(case, FIELD)
                right = values[line.target.name]
                wrong = back and differences(
                    {"": found.value(back, line.target, case, values, FIELD)}, {"": right}
                )
                assert not wrong


def without_names(term):
    named = [f for f in term.value.atoms(Function) if hasattr(type(f), "of")]
    meant = {f: SCALARS[type(f).of].derivative(f.args[0], type(f).of(f.args[0])) for f in named}
    return replace(term, value=term.value.xreplace(meant))


def test_the_measure_counts_what_is_printed():
    a, b, size = axes("a b", N, N)[0], axes("a b", N, N)[1], N
    x, y = tensor("x", N), tensor("y", N)
    assert measure(x[a]) == 2
    assert measure(x[a] * y[b]) == 5
    assert measure(x[a] / size) == 4
    assert measure(-x[a]) == 3
    assert measure(Sum(x[a], a)) == 4
    assert measure(x[a] ** 2 + 1) == 5


def captured(axis, taken):
    return axis


def nothing(self, value, axes, depth=3):
    return Integer(0)


def torn(terms, of=collecting._factored):
    return of([replace(terms[0], factors={}), *terms[1:]])


MUTANTS = {
    "an index is captured": (putting_in, "renamed", captured),
    "a sum is not what it is": (collecting.Totals, "of", nothing),
    "a factor is lost": (collecting, "_factored", torn),
    "a condition is forgotten": (
        closing, "sift_bound", lambda term: replace(term, where=())
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", MUTANTS)
def test_a_wrong_rule_is_caught(name, monkeypatch):
    monkeypatch.setattr(*MUTANTS[name])
    found = [Closed(of(n)) for n in ("softmax", "cross_entropy", "classifier")]
    assert any(list(c.wrong(case)) for c in found for case in few(c.operation)[-3:])


def test_it_is_a_function_of_the_derivation():
    known = closed("softmax").derivation
    assert closing_lines(known) == closing_lines(known)
