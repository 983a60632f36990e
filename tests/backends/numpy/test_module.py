"""The text of a module: what its docstring says, what it imports, what it defines."""

import ast

import black  # pyright: ignore[reportMissingImports]
import numpy as np
import pytest
from sympy import Eq, Sum, sqrt, tanh

from derive import compile
from derive.backends.numpy.module import MODE
from derive.language import Operation, axes, option, sizes, tensor
from tests.backends.numpy.building import text_of

N, C = sizes("N C")
n, c = axes("n c", N, C)
x, y = tensor("x", N, C), tensor("y", N)
SUM = (Eq(y[n], Sum(x[n, c], c)),)


def operation(**more) -> Operation:
    return Operation(**{"name": "f", "summary": "F.", "inputs": (x,), "outputs": (y,),
                        "equations": SUM} | more)  # fmt: skip


@pytest.mark.parametrize(
    "words", ['ends """ here', "back\\slash \\n", 'quote"', "{{ braces }}", "{% raw %}", "# é σ"]
)
@pytest.mark.parametrize("place", ["summary", "notes", "source", "legend"])
def test_words_of_a_definition_are_words_in_the_module(words, place):
    """Nothing in them ends the docstring, is executed or is a template."""
    value = {"n": words} if place == "legend" else words
    docstring = ast.get_docstring(ast.parse(text_of(operation(**{place: value}))), clean=False)
    assert docstring is not None and words in docstring


def test_the_module_imports_numpy_and_nothing_else():
    """So that it can be copied into any project."""
    tree = ast.parse(text_of(operation()))
    imported = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    assert [ast.unparse(node) for node in imported] == [
        "from collections import namedtuple",
        "from typing import NamedTuple",
        "import numpy as np",
    ]


def test_the_text_is_laid_out_and_the_same_every_time():
    """Black would change nothing; building again changes nothing."""
    text = text_of(operation())
    assert black.format_str(text, mode=MODE) == text == text_of(operation())
    assert max(map(len, text.splitlines())) <= 100


def test_every_function_that_is_called_is_defined_once_and_every_one_defined_is_used():
    """Support functions come with those they call, and no others come."""
    text = text_of(operation(equations=(Eq(y[n], tanh(Sum(x[n, c], c)) * sqrt(2)),)))
    tree = ast.parse(text)
    defined = [node.name for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert len(defined) == len(set(defined))
    called = {
        node.id for node in ast.walk(tree) if isinstance(node, ast.Name) and node.id[0] == "_"
    }
    assert set(defined) - {"apply", "forward", "backward"} <= called
    tables = {"_DTYPES", "_SIGNATURE", "_SOURCES", "_Sizes", "_SQRT_2", "__all__", "_"}
    assert called - set(defined) <= tables


def test_every_line_of_mathematics_has_its_equation_above_it():
    """Backward says which step of the derivation it is."""
    body = text_of(operation()).partition("def _forward")[2].partition("Residuals")[0]
    assert "# y[n] = Σ_{c} x[n,c]" in body
    assert "# x_bar[n,c] = y_bar[n]    (x_bar." in body


def test_one_output_is_an_array_and_several_are_named():
    """``y`` or ``Outputs(y, z)``; a missing gradient is zero."""
    one = compile(operation())
    assert isinstance(one.apply(np.ones((2, 3))), np.ndarray) and not hasattr(one, "Outputs")
    z = tensor("z")
    two = compile(operation(outputs=(y, z), equations=(*SUM, Eq(z[()], Sum(y[n], n)))))
    outputs, residuals = two.forward(np.ones((2, 3)))
    assert outputs._fields == ("y", "z") and outputs.z.shape == ()
    grads = two.backward(two.Outputs(None, np.array(1.0)), residuals)
    assert grads.x.tolist() == [[1.0] * 3] * 2


def test_options_are_keywords_with_their_defaults():
    """The signature says all there is to say."""
    scale = option("scale", 0.5, integer=False, meaning="what y is multiplied by")
    alpha = scale.settings[0]
    scaled = operation(equations=(Eq(y[n], alpha * Sum(x[n, c], c)),), options=(scale,))
    m = compile(scaled)
    assert m.apply(np.ones((1, 2))).tolist() == [1.0]
    assert m.apply(np.ones((1, 2)), scale=2.0).tolist() == [4.0]
    assert "scale : float, default 0.5\n        What y is multiplied by." in m.apply.__doc__
    with pytest.raises(TypeError):
        m.apply(np.ones((1, 2)), 2.0)


def test_overwriting_an_output_does_not_disturb_backward():
    """What backward reads of an output is a copy."""
    m = compile(operation(equations=(Eq(y[n], tanh(Sum(x[n, c], c))),)))
    output, residuals = m.forward(np.ones((2, 3)))
    expected = m.backward(np.ones(2), residuals).x
    output[...] = 7
    assert np.array_equal(m.backward(np.ones(2), residuals).x, expected)


def test_what_is_refused_is_said_in_its_authors_words():
    """Quotes, braces, backslashes and long words are words; numbers are told with their names."""
    words = 'the "rows" {N} of x\\n are too few, ' + "and this is said at length " * 4
    longer = option("pad", 0)
    refused = operation(options=(longer,), requires=((N + longer.settings[0] >= 3, words),))
    with pytest.raises(ValueError, match="too few") as caught:
        compile(refused, verify=False).apply(np.ones((2, 1)), pad=-1)
    assert str(caught.value) == f"{words} (N = 2, pad = -1)"
    assert max(map(len, text_of(refused).splitlines())) <= 100
