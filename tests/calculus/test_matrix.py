"""Matrix forms: those of a textbook, equal to the lines with indices; a wrong one is caught."""

from dataclasses import replace

import pytest

from derive.calculus import pairing
from derive.calculus.matrices import (
    Diagonal,
    Hadamard,
    Leaf,
    Ones,
    Product,
    Transpose,
    nodes,
    transposed,
)
from derive.calculus.matrix import MatrixForm
from derive.calculus.plain import plain
from derive.ops.dense import linear
from derive.prose.latex_formula import Latex
from derive.prose.latex_lines import joined
from derive.prose.legend import printer_of
from derive.prose.matrix import matrix_line, sides_of
from derive.prose.text import Text
from derive.verification.cases import few
from tests.calculus import closings
from tests.calculus.closings import Closed
from tests.calculus.networks import NETWORKS
from tests.cases import SUBJECT, SUBJECTS

NETWORK = {operation.name: operation for operation in NETWORKS}
CELLS = ("rnn", "rnn_relu", "gru", "lstm")
DENSE = ("linear", "perceptron", "elman", "attention", "classifier", "embedding")
WHOLE = (*CELLS, *(f"{name}_cell" for name in CELLS), *DENSE)

TEXTBOOK = {
    "linear": {
        "x_bar": ["x_bar = y_bar weight"],
        "weight_bar": ["weight_bar = y_barᵀ x"],
        "bias_bar": ["bias_bar = y_barᵀ 1"],
    },
    "rnn": {
        "a_bar": ["a_bar[t] = h_bar[t] ⊙ (1 − h[t] ⊙ h[t])"],
        "weight_hh_bar": ["weight_hh_bar = Σ_{t} a_bar[t]ᵀ h[t − 1]"],
        "bias_hh_bar": ["bias_hh_bar = Σ_{t} a_bar[t]ᵀ 1"],
        "x_bar": ["x_bar[t] = a_bar[t] weight_ih"],
        "h_bar": [
            "h_bar[t] = a_bar[t + 1] weight_hh + y_bar[t] + [t = T − 1]·h_n_bar",
            "h_bar[−1] = a_bar[0] weight_hh",
        ],
    },
    "elman": {
        "W_bar": ["W_bar = Σ_{t} a_bar[t] h[t − 1]ᵀ"],
        "x_bar": ["x_bar[t] = Uᵀ a_bar[t]"],
        "b_bar": ["b_bar = Σ_{t} a_bar[t]"],
    },
    "lstm": {"weight_ih_bar": ["weight_ih_bar[gate] = Σ_{t} a_bar[t,gate]ᵀ x[t]"]},
    "softmax": {"x_bar": ["x_bar = y ⊙ (y_bar − (y_bar ⊙ y) 1 1ᵀ)"]},
    "attention": {
        "score_bar": ["score_bar = p ⊙ (y_bar vᵀ − (y_bar ⊙ y) 1 1ᵀ)"],
        "k_bar": ["k_bar = score_barᵀ q/√D"],
        "v_bar": ["v_bar = pᵀ y_bar"],
    },
    "perceptron": {
        "s1_bar": ["s1_bar = (1 − h1 ⊙ h1) ⊙ (s2_bar W2)"],
        "W2_bar": ["W2_bar = s2_barᵀ h1"],
    },
}


def closed(name: str) -> Closed:
    return closings.closed(plain(NETWORK.get(name) or SUBJECT[name].operation))


def printer(found: Closed) -> Text:
    return Text(found.derivation.order, found.derivation.axes, found.derivation.written)


def lines(found: Closed) -> dict[str, list[str]]:
    text = printer(found)
    return {b.name: [matrix_line(f, text) for f in fs or ()] for b, fs in found.forms().items()}


def form_of(found: Closed, name: str) -> MatrixForm:
    """The first form of a line that has one."""
    return next(forms[0] for bar, forms in found.forms().items() if forms and bar.name == name)


@pytest.mark.parametrize("name", TEXTBOOK)
def test_the_matrix_form_is_that_of_a_textbook(name):
    found = lines(closed(name))
    for bar, expected in TEXTBOOK[name].items():
        assert found[bar] == expected


def test_the_jacobian_of_a_function_of_each_entry_is_a_diagonal_matrix():
    found = closed("elman")
    form = form_of(found, "a_bar")
    assert form.diagonal is not None
    text = printer(found)
    assert matrix_line(form.diagonal, text) == "a_bar[t] = diag(1 − h[t] ⊙ h[t]) h_bar[t]"
    (reason,) = form.diagonal.because
    assert "diagonal" in text.phrase(reason)
    for case in few(found.operation)[-2:]:
        assert not list(found.differing([form.diagonal], case))


def test_words_say_where_a_transpose_comes_from():
    found = closed("linear")
    text = printer(found)
    words = {
        bar.name: "; ".join(map(text.phrase, forms[0].because))
        for bar, forms in found.forms().items()
        if forms
    }
    assert words["weight_bar"] == (
        "n is summed and numbers the rows of y_bar, which is therefore transposed"
    )
    assert words["bias_bar"] == "a product with a column of ones is a sum"
    assert words["x_bar"].startswith("o is summed")


@pytest.mark.parametrize("name", WHOLE)
def test_every_line_of_dense_layers_and_plain_cells_has_a_matrix_form(name):
    assert None not in closed(name).forms().values()


COUNTED: dict[str, tuple[int, int]] = {}


@pytest.mark.parametrize("operation", [*(s.operation for s in SUBJECTS), *NETWORKS], ids=str)
def test_matrix_forms_are_what_their_lines_say(operation):
    found = closings.closed(plain(operation))
    forms = found.forms()
    there = [form for own in forms.values() if own for form in own]
    there += [form.diagonal for form in there if form.diagonal]
    case = few(found.operation)[-1]
    assert not [matrix_line(f, printer(found)) for f in found.differing(there, case)]
    COUNTED[operation.name] = sum(own is not None for own in forms.values()), len(forms)
    print(f"{operation.name}: {COUNTED[operation.name][0]} of {len(forms)} lines", end=" ")
    have, lines = (sum(column) for column in zip(*COUNTED.values(), strict=True))
    print(f"({have} of {lines} so far have a matrix form)")


def test_most_forms_of_a_few_families_are_recognised():
    """The rest choose by comparing entries, or read windows that overlap."""
    known = {"softmax", "layer_norm", "rms_norm", "batch_norm", "mse_loss", "cross_entropy", "glu"}
    for name in sorted(known):
        assert None not in closed(name).forms().values(), name


def unturned(matrix):
    return matrix


def test_a_form_without_its_transpose_is_caught(monkeypatch):
    monkeypatch.setattr(pairing, "transposed", unturned)
    found = Closed(linear)
    with pytest.raises(ValueError, match="meet"):
        forms = [form for own in found.forms().values() if own for form in own]
        for case in few(linear)[-2:]:
            list(found.differing(forms, case))


def test_a_wrong_product_is_caught():
    found = closed("rnn")
    form = form_of(found, "a_bar")
    assert isinstance(form.value, Hadamard)
    wrong: MatrixForm = replace(form, value=form.value.factors[0])
    case = few(found.operation)[-1]
    assert list(found.differing([wrong], case)) == [wrong]


def test_transposes():
    found = closed("linear")
    forms = {bar.name: fs[0].value for bar, fs in found.forms().items() if fs}
    product = forms["weight_bar"]
    assert isinstance(product, Product)
    assert isinstance(product.factors[0], Transpose)
    assert transposed(transposed(product)) == product
    assert (transposed(product).rows, transposed(product).columns) == (
        product.columns, product.rows,
    )  # fmt: skip
    assert transposed(Diagonal(Ones(product.rows))) == Diagonal(Ones(product.rows))
    assert [n.entry.tensor.name for n in nodes(product) if isinstance(n, Leaf)] == ["y_bar", "x"]


def test_latex_has_bold_names_and_subscripts():
    found = closed("rnn")
    latex = printer_of(Latex, found.derivation)
    forms = {b.name: fs for b, fs in found.forms().items() if fs}
    left, _, right = sides_of(forms["a_bar"][0], latex)
    assert joined(left) == r"\bar{\mathbf{a}}_{t}"
    assert joined(right) == (
        r"\bar{\mathbf{h}}_{t} \odot (1 - \mathbf{h}_{t} \odot \mathbf{h}_{t})"
    )
    left, _, right = sides_of(forms["weight_hh_bar"][0], latex)
    assert joined(left) == r"\overline{\mathbf{weight}_{\mathrm{hh}}}"
    assert joined(right) == r"\sum_{t}\,{\bar{\mathbf{a}}_{t}}^{\top}\,\mathbf{h}_{t - 1}"
