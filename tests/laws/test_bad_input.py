"""Bad input gets an error that names the argument, what came and what was expected.

Never NumPy's own: its broadcast errors name neither the argument nor the remedy.
"""

import re
from functools import cache
from itertools import chain

import numpy as np
import pytest

from derive.verification.cases import Case, _candidates
from derive.verification.sizes import formulas_of
from tests.cases import SUBJECT, SUBJECTS, Subject

LINEAR, CORRELATE, TRANSPOSE, SIGNAL = (
    SUBJECT[name].module
    for name in ("linear", "correlate2d", "conv_transpose2d", "signal_convolve")
)


def zeros(*shape, dtype="float64"):
    return np.zeros(shape, dtype)


def refused(call, error, *said) -> None:
    """`call` raises this error, and each of `said` is in the message; NumPy did not write it."""
    with pytest.raises(error) as caught:
        call()
    message = str(caught.value)
    assert type(caught.value) is error, f"{type(caught.value).__name__}: {message}"
    for part in said:
        assert re.search(part, message), f"{part!r} is not in {message!r}"
    assert "broadcast" not in message and "matmul" not in message


X, W, B = zeros(2, 4, 5, 6), zeros(6, 4, 3, 2), zeros(6)


@pytest.mark.parametrize(
    "arguments, said",
    [
        ((zeros(5, 6), W), ["x has shape", r"\(5, 6\)", r"\(\*, groups\*C, H, W\)"]),
        ((zeros(3, 5, 6), W), ["axis 0 of x", "is 3", "expected 4", "C from axis 1 of weight"]),
        ((zeros(1, 2, 3, 5, 6), W), ["axis 2 of x", "is 3", "expected 4"]),
        ((X, zeros(6, 4, 3)), ["weight has shape", r"\(6, 4, 3\)"]),
        ((X, W, zeros(6, 1)), ["bias has shape", r"\(6, 1\)"]),
        ((X, W, zeros(1)), ["bias", "1", "expected 6"]),
        ((X, W, zeros(5)), ["bias", "5", "expected 6"]),
        ((zeros(2, 3, 5, 6), W), ["x", "3", "expected 4"]),
        ((X, zeros(6, 4, 7, 2)), ["weight", "larger than the padded input", "H = ", "U = 7"]),
        ((X, zeros(6, 4, 0, 2)), ["weight", "at least 1", "0"]),
    ],
    ids=[
        "plane", "unbatched", "volume", "weight-rank", "bias-rank", "bias-of-one", "bias-length",
        "channels", "large-kernel", "empty-kernel",
    ],
)  # fmt: skip
def test_shapes(arguments, said):
    """Wrong rank, wrong channels, a kernel larger than the padded input."""
    refused(lambda: CORRELATE.apply(*arguments), ValueError, *said)
    refused(lambda: CORRELATE.forward(*arguments), ValueError, *said)


@pytest.mark.parametrize(
    "options, error, said",
    [
        ({"stride": 0}, ValueError, ["stride", "at least 1", "0"]),
        ({"stride": (1, 0)}, ValueError, ["stride", "at least 1", "0"]),
        ({"stride": -1}, ValueError, ["stride", "at least 1", "-1"]),
        ({"stride": 1.0}, TypeError, ["stride", "integer", r"1\.0"]),
        ({"stride": (1, 2.5)}, TypeError, ["stride", "integer", r"2\.5"]),
        ({"stride": True}, TypeError, ["stride", "integer", "True"]),
        ({"stride": None}, TypeError, ["stride", "integer", "None"]),
        ({"stride": "2"}, TypeError, ["stride", "integer", "'2'"]),
        ({"stride": (1,)}, ValueError, ["stride", "2 of them", r"\(1,\)"]),
        ({"stride": (1, 2, 3)}, ValueError, ["stride", "2 of them", r"\(1, 2, 3\)"]),
        ({"stride": ()}, ValueError, ["stride", "2 of them"]),
        ({"dilation": 0}, ValueError, ["dilation", "at least 1", "0"]),
        ({"dilation": (True, 1)}, TypeError, ["dilation", "integer", "True"]),
        ({"padding": -1}, ValueError, ["padding", "at least 0", "-1"]),
        ({"padding": (0, -2)}, ValueError, ["padding", "at least 0", "-2"]),
        ({"padding": ((0, 0), (0, -1))}, ValueError, ["padding", "at least 0", "-1"]),
        ({"padding": 0.5}, TypeError, ["padding", "integer", r"0\.5"]),
        ({"padding": True}, TypeError, ["padding", "integer", "True"]),
        ({"padding": ((0, True), 0)}, TypeError, ["padding", "integer", "True"]),
        ({"padding": (1, 2, 3)}, ValueError, ["padding", r"\(1, 2, 3\)"]),
        ({"padding": ((0, 1, 2), 0)}, ValueError, ["padding", "pair"]),
        ({"padding": "half"}, ValueError, ["padding", "half", "valid, same, full"]),
        ({"padding": "Same"}, ValueError, ["padding", "Same", "valid, same, full"]),
        ({"padding": None}, TypeError, ["padding", "None"]),
        ({"groups": 0}, ValueError, ["groups", "at least 1", "0"]),
        ({"groups": 2.0}, TypeError, ["groups", "integer", r"2\.0"]),
        ({"groups": True}, TypeError, ["groups", "integer", "True"]),
        ({"groups": (2,)}, TypeError, ["groups", "integer"]),
        ({"groups": 4}, ValueError, ["weight", "6", "groups", "4"]),
        ({"groups": 2}, ValueError, ["x", "4", "expected 8", "groups"]),
        ({"strides": 2}, TypeError, ["strides"]),
    ],
    ids=str,
)
def test_options(options, error, said):
    """Numbers out of range, of the wrong type, too many or too few, words that mean nothing."""
    refused(lambda: CORRELATE.apply(X, W, B, **options), error, *said)


def test_options_of_other_operations():
    """Transposed convolution and signals."""
    x, weight = zeros(2, 4, 5, 6), zeros(4, 3, 3, 2)
    refused(
        lambda: TRANSPOSE.apply(x, weight, output_padding=1), ValueError, "output_padding", "stride"
    )
    refused(lambda: TRANSPOSE.apply(x, weight, padding=9), ValueError, "padding")
    refused(lambda: TRANSPOSE.apply(x, weight, padding="same"), ValueError, "padding", "same")
    refused(lambda: TRANSPOSE.apply(x, weight, groups=3), ValueError, "4", "groups", "3")
    signal = zeros(3)
    for mode in ("wrap", 1, None, ("full",)):
        refused(
            lambda mode=mode: SIGNAL.apply(signal, signal, mode=mode),
            ValueError, "mode", "'full', 'same', 'valid'", re.escape(repr(mode)),
        )  # fmt: skip
    refused(lambda: SIGNAL.apply(zeros(0), signal), ValueError, "x", "at least 1", "0")
    refused(lambda: SIGNAL.apply(signal, zeros(3, 1)), ValueError, "kernel", r"\(3, 1\)")
    refused(lambda: LINEAR.apply(zeros(), zeros(2, 3)), ValueError, "x", r"\(\)")
    refused(lambda: LINEAR.apply(zeros(2, 4), zeros(2, 3)), ValueError, "weight", "3", "expected 4")


@cache
def _case(subject: Subject) -> Case:
    """A call in which all arrays are there and have axes."""

    def suits(case):
        return not case.is_empty and all(case.shapes.values())

    drawn = (candidate.case for candidate in _candidates(formulas_of(subject.operation)))
    return next(case for case in chain(subject.cases, drawn) if suits(case))


def _arrays(subject: Subject):
    """Arrays that all have axes, and options with which they can be called."""
    case = _case(subject)
    return case.draw(np.random.default_rng(0)), case.options


def integers(subject: Subject) -> set[str]:
    """The names of the inputs that hold integers."""
    return {t.name for t in subject.operation.inputs if t.integer}


@pytest.mark.parametrize(
    "dtype", ["int64", "bool", "complex128", "object", "float16", "U1", "M8[s]"]
)
@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_element_types(subject: Subject, dtype):
    """Integers, truth values, complex numbers, objects, half precision, text, dates."""
    arrays, options = _arrays(subject)
    for tensor in subject.operation.inputs:
        name = tensor.name
        if tensor.integer and dtype == "int64":
            continue
        wrong = {**arrays, name: np.zeros(np.shape(arrays[name]), dtype)}
        came = re.escape(str(np.dtype(dtype)))
        expected = "integers" if tensor.integer else "float32 or float64"
        refused(
            lambda wrong=wrong: subject.module.apply(*wrong.values(), **options),
            TypeError, name, f"dtype {came}", expected,
        )  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_mixed_element_types(subject: Subject):
    """NumPy would silently compute in the wider one."""
    arrays, options = _arrays(subject)
    real = [name for name in arrays if name not in integers(subject)]
    for name in real if len(real) > 1 else ():
        wrong = {n: a.astype("float32") if n == name else a for n, a in arrays.items()}
        refused(
            lambda wrong=wrong: subject.module.forward(*wrong.values(), **options),
            TypeError, "dtype", f"{name} is float32", "float64",
        )  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_what_is_no_array(subject: Subject):
    """Lists, numbers, text, masked arrays, None where an input is required."""
    arrays, options = _arrays(subject)
    required = {t.name for t in subject.operation.inputs if t.required}
    for name, array in arrays.items():
        masked = np.ma.masked_array(array, np.zeros(array.shape, bool))
        others = [array.tolist(), 1.5, "x", masked, memoryview(array)]
        for other in [*others, None] if name in required else others:
            wrong = {**arrays, name: other}
            refused(
                lambda wrong=wrong: subject.module.apply(*wrong.values(), **options),
                TypeError, name, "NumPy array", type(other).__name__,
            )  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_every_wrong_rank_and_extent(subject: Subject):
    """One axis more, one fewer, one entry more along any axis: ours to refuse, or legitimate."""
    arrays, options = _arrays(subject)
    requirements = [words for _, words in subject.operation.requires]
    for name, array in arrays.items():
        others = [array[None], np.asarray(array[0])]
        for axis in range(array.ndim):
            padding = [(0, int(axis == other)) for other in range(array.ndim)]
            others.append(np.pad(array, padding))
        for other in others:
            try:
                subject.module.apply(*{**arrays, name: other}.values(), **options)
            except ValueError as error:
                names = (*arrays, *(option.name for option in subject.operation.options))
                assert any(part in str(error) for part in (*names, *requirements))
                assert "broadcast" not in str(error) and "reshape" not in str(error)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_gradients_by_the_output(subject: Subject):
    """grad_output of another shape, type or precision."""
    arrays, options = _arrays(subject)
    module = subject.module
    output, residuals = module.forward(*arrays.values(), **options)
    if hasattr(output, "_fields"):
        _gradients_by_several_outputs(module, output, residuals)
        return
    y = output
    shape = re.escape(str(y.shape))
    others = [y[None], np.pad(y[None], [(0, 1)] * (y.ndim + 1)), y.reshape(1, 1, 1, -1, 1)]
    for wrong in [*others, np.zeros(()), y[:-1]] if y.ndim else others:
        refused(
            lambda wrong=wrong: module.backward(wrong, residuals),
            ValueError, "grad_output", re.escape(str(wrong.shape)), f"expected {shape}",
        )  # fmt: skip
    for dtype in ("float32", "int64", "complex128", "object", "bool"):
        refused(
            lambda dtype=dtype: module.backward(y.astype(dtype), residuals),
            TypeError, "grad_output", dtype, "expected float64",
        )  # fmt: skip
    for wrong in (y.tolist(), 1.0, None, "y", np.ma.masked_array(y)):
        refused(
            lambda wrong=wrong: module.backward(wrong, residuals),
            TypeError, "grad_output", "NumPy array", type(wrong).__name__,
        )  # fmt: skip


def _gradients_by_several_outputs(module, output, residuals):
    """The same for each field; a single array is none of them."""
    for name, y in output._asdict().items():
        if y.dtype.kind != "f":
            continue  # nothing depends on the gradient by integers, so it is not looked at
        for wrong, error, said in (
            (y[None], ValueError, re.escape(str(y[None].shape))),
            (y.astype("float32"), TypeError, "float32"),
            (y.tolist(), TypeError, "list"),
        ):
            changed = output._replace(**{name: wrong})
            refused(lambda given=changed: module.backward(given, residuals), error, name, said)
    first = output[0]
    refused(lambda: module.backward(first, residuals), TypeError, "grad_output", "ndarray")
    refused(lambda: module.backward(None, residuals), TypeError, "grad_output", "NoneType")


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_names_of_gradients(subject: Subject):
    """A name that is no input, and what is no name."""
    arrays, options = _arrays(subject)
    module = subject.module
    y, residuals = module.forward(*arrays.values(), **options)
    known = ", ".join(module.Gradients._fields)
    for wrong in ("y", ("x", "z"), ["X"], "x,weight", ("",)):
        refused(
            lambda wrong=wrong: module.backward(y, residuals, wrt=wrong), ValueError, "wrt", known
        )
    for wrong in ((1,), (None,)):
        refused(
            lambda wrong=wrong: module.backward(y, residuals, wrt=wrong),
            ValueError, "wrt", repr(wrong[0]),
        )  # fmt: skip
    for wrong in (1, None):
        refused(
            lambda wrong=wrong: module.backward(y, residuals, wrt=wrong),
            TypeError, "wrt", repr(wrong),
        )  # fmt: skip


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_residuals(subject: Subject):
    """Those of another module, and what are no residuals; swapped arguments, too."""
    arrays, options = _arrays(subject)
    module = subject.module
    y, residuals = module.forward(*arrays.values(), **options)
    other = SUBJECT["correlate1d" if str(subject) == "linear" else "linear"]
    foreign_arrays, foreign_options = _arrays(other)
    _, foreign = other.module.forward(*foreign_arrays.values(), **foreign_options)
    for wrong in (foreign, tuple(residuals), None, y, arrays):
        refused(
            lambda wrong=wrong: module.backward(y, wrong),
            TypeError, "residuals", "forward", type(wrong).__name__,
        )  # fmt: skip
    refused(lambda: module.backward(residuals, y), TypeError, "residuals", type(y).__name__)


@pytest.mark.parametrize("subject", SUBJECTS, ids=str)
def test_options_are_given_by_name(subject: Subject):
    """Positions of options are not a promise."""
    arrays, _ = _arrays(subject)
    refused(lambda: subject.module.apply(*arrays.values(), 1), TypeError, "positional")
