"""The second chapter: convolution, correlation, and what filters do to an image."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import sympy
from sympy import Add, Integer, Mul, Symbol

from derive.calculus.lift import to_system
from derive.calculus.plain import special
from derive.course.drawings import pixels
from derive.course.shipped import operation
from derive.course.stop import Array, Chapter, Code, Drawing, Line, Shown, Stop
from derive.language.operation import Operation
from derive.pipeline import compile as compiled
from derive.verification.reference import evaluate

SIGNAL = Stop(
    title="Convolution: flip, shift, multiply",
    question="What is the convolution of two signals?",
    words=(
        "Turn the kernel round. Lay it over the signal, shifted so that it touches the first entry "
        "alone. Multiply what lies over each other, add it up, and shift by one. Beyond its ends "
        "the signal is zero. Each frame below is one entry of {y}.",
        "The gradient by {x} is the same thing with the kernel as it was given: what turned once "
        "and turns again stands upright. That is a correlation.",
    ),
    shown=(
        Shown(
            operation("signal_convolve"), gradients=("x", "kernel"), pictures=("frames",),
            numbers=("x", "kernel", "y", "y_bar", "x_bar", "kernel_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import signal_convolve\n"
        "print(signal_convolve.apply(np.array([0.5, 0.5, 0.5]), np.array([3.0, 2.0, 1.0])))",
        "[1.5 2.5 3.  1.5 0.5]",
    ),
)  # fmt: skip


def _in_letters() -> tuple[Line, ...]:
    """The first entry, once for each operation: F slides over x."""
    names = ("signal_correlate2d", "signal_convolve2d")
    return tuple(Line(Symbol("o_11"), _first_entry(operation(name))) for name in names)


def _first_entry(over: Operation) -> sympy.Expr:
    """The operation itself, run on letters; terms in the order of the image."""
    narrow = special(over, {"mode": "valid"})
    image, kernel = _letters("x", 3), _letters("F", 2)
    counts = dict(zip("HWUV", (*image.shape, *kernel.shape), strict=True))
    values = {s: counts[s.name] for s in narrow.sizes if s.name in counts}
    values |= {s: int(s.formula.xreplace(values)) for s in narrow.sizes if s.formula is not None}
    found = evaluate(to_system(narrow), {"x": image, "kernel": kernel}, values)
    terms = found["y"][0, 0].as_ordered_terms()

    def place(term: sympy.Expr) -> str:
        return max(symbol.name for symbol in term.free_symbols)

    products = [Mul(*sorted(t.args, key=str), evaluate=False) for t in sorted(terms, key=place)]
    return Add(*products, evaluate=False)


def _letters(name: str, count: int) -> np.ndarray:
    rows = [[Symbol(f"{name}_{i}{j}") for j in range(1, count + 1)] for i in range(1, count + 1)]
    return np.array(rows, dtype=object)


CORRELATION = Stop(
    title="Correlation and the rotated filter",
    question="Libraries call it convolution, but they do not flip. Does it matter?",
    words=(
        "Each is the other one with the filter turned by half a turn. Where filters are learned it "
        "does not matter: the network learns the turned one. Where a filter is given, it does.",
        "Without the flip it is a correlation. In letters, for the first entry of a filter {F} of "
        "two by two that slides over an image {x} of three by three, first the correlation and "
        "then the convolution:",
    ),
    terms=lambda: {"F": Symbol("F"), "x": Symbol("x")},
    lines=_in_letters,
    shown=(
        Shown(
            operation("correlate2d"), title="Correlation", gradients=("x",), pictures=("frames",),
            numbers=("x", "weight", "y"),
        ),
        Shown(
            operation("convolve2d"), title="Convolution", gradients=("x",), pictures=("frames",),
            numbers=("x", "weight", "y"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import signal_convolve2d, signal_correlate2d\n"
        "x, F = np.arange(9.0).reshape(3, 3), np.array([[1.0, 2.0], [3.0, 4.0]])\n"
        "turned = signal_correlate2d.apply(x, np.rot90(F, 2).copy())\n"
        "print(np.array_equal(signal_convolve2d.apply(x, F), turned))",
        "True",
    ),
)  # fmt: skip


def _formula(over: Operation, name: str) -> sympy.Expr:
    """What a size is computed from."""
    return next(s.formula for s in over.sizes if s.name == name and s.formula is not None)


def _counts() -> Mapping[str, Any]:
    """A layer of ten filters on an image of three colours."""
    layer = operation("correlate2d")
    side, colours, filters, taps, padding = 32, 3, 10, 5, 2
    weight, bias = (t for t in layer.inputs if t.parameter)
    counts = {"N": 1, "C": colours, "K": filters, "H": side, "W": side, "U": taps, "V": taps}
    values = {s: Integer(counts[s.name]) for s in layer.sizes if s.name in counts}
    values |= {s: 1 for o in layer.options for s in o.settings}
    values |= dict.fromkeys(layer.options[1].settings, padding)
    high, wide = (_formula(layer, name).xreplace(values) for name in "PQ")

    def entries(tensor) -> sympy.Expr:
        return sympy.prod([e.xreplace(values) for e in tensor.shape])

    total = entries(weight) + entries(bias)
    dense = side * side * colours * high * wide * filters
    return {
        "side": side, "colours": colours, "filters": filters, "taps": taps, "padding": padding,
        "high": high, "wide": wide, "one": entries(weight) / filters + 1, "total": total,
        "outputs": high * wide * filters, "dense": int(dense),
    } | {letter: Symbol(letter) for letter in "HUPabsd"}  # fmt: skip


def _sizes() -> tuple[Line, ...]:
    layer = operation("correlate2d")
    formula = _formula(layer, "P")
    names = {"stride_h": "s", "dilation_h": "d", "padding_h_low": "a", "padding_h_high": "b"}
    return (Line(Symbol("P"), formula.xreplace({
        s: Symbol(names[s.name], integer=True) for s in formula.free_symbols if s.name in names
    })),)  # fmt: skip


SIZES = Stop(
    title="Sizes, padding, stride and counts",
    question="How large is the result, and how many parameters does a layer have?",
    words=(
        "Take an image of {side} × {side} pixels in {colours} colours, and {filters} filters of "
        "{taps} × {taps} with {padding} zeros around the image. Each filter reads all colours and "
        "has one bias: {one} parameters. All of them have {total}. The result has {high} × {wide} "
        "pixels for each filter, {outputs} numbers. A layer that connects everything with "
        "everything would need {dense} weights for them.",
        "Count where the filter fits. An image of {H} rows gets {a} rows of zeros above and {b} "
        "below. A filter of {U} rows then stands at every place that is a multiple of the stride "
        "{s}, as long as it fits; its taps are {d} rows apart. There are {P} such places:",
    ),
    terms=_counts,
    lines=_sizes,
    shown=(
        Shown(
            operation("correlate2d"), gradients=("x",), case={"stride": 2, "padding": 1},
            pictures=("window",), numbers=("x", "weight", "y", "y_bar", "x_bar"),
            example={
                "x": [[[[1, 2, 3], [4, 5, 6], [7, 8, 9]]]], "weight": [[[[1, 2], [0, -1]]]],
                "stride": 2, "padding": 1,
            },
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import correlate2d\n"
        "weight, bias = np.zeros((10, 3, 5, 5)), np.zeros(10)\n"
        "y = correlate2d.apply(np.zeros((1, 3, 32, 32)), weight, bias, padding=2)\n"
        "print(y.shape, weight.size + bias.size)",
        "(1, 10, 32, 32) 760",
    ),
)  # fmt: skip

_BLUR = [[sympy.Rational(1, 9)] * 3] * 3
_SHARPEN = [[0, -1, 0], [-1, 5, -1], [0, -1, 0]]
_EDGES = [[-1, -1, -1], [-1, 8, -1], [-1, -1, -1]]


def _scene(side: int = 48) -> np.ndarray:
    """An image made of numbers: a lit ball before a wall, on a floor of tiles."""
    rows, columns = np.mgrid[0:side, 0:side] / (side - 1.0)
    image = 0.75 - 0.35 * rows
    tiles = (np.floor(columns * 6) + np.floor(rows * 6)) % 2
    image = np.where(rows > 0.66, 0.35 + 0.3 * tiles, image)
    across, down = columns - 0.5, rows - 0.47
    inside = across**2 + down**2 < 0.09
    light = 0.25 + 0.7 * np.exp(-((across + 0.1) ** 2 + (down + 0.12) ** 2) / 0.03)
    return np.where(inside, light, image)


@cache
def _filtered(number: int) -> np.ndarray:
    kernel = np.array([_BLUR, _SHARPEN, _EDGES][number], dtype=float)
    module = compiled(operation("signal_correlate2d"), verify=False)
    return module.apply(_scene(), kernel, mode="same")


def _images() -> tuple[Drawing, ...]:
    return (
        Drawing(pixels(_scene(), "A ball on a floor of tiles"), "The image."),
        Drawing(pixels(_filtered(0), "The same, without sharp edges"), "Blurred."),
        Drawing(pixels(_filtered(1), "The same, with edges drawn over"), "Sharpened."),
        Drawing(pixels(np.abs(_filtered(2)), "Bright lines on black"), "Its edges."),
    )


FILTERS = Stop(
    title="Blur, sharpen, edges",
    question="What can nine numbers do to an image?",
    words=(
        "A filter whose entries are equal and add up to one replaces each pixel by the mean around "
        "it: it blurs. One whose entries add up to zero says nothing where the image is even: it "
        "finds edges. The image itself plus some of its edges is sharper.",
        "A convolutional network does not get such filters. It finds them by gradient steps, and "
        "for this it needs the gradient by the filter, which is the next stop.",
    ),
    arrays=lambda: tuple(
        Array(Symbol(name), rows)
        for name, rows in (("blur", _BLUR), ("sharpen", _SHARPEN), ("edges", _EDGES))
    ),
    drawings=_images,
    shown=(
        Shown(
            operation("signal_correlate2d"), gradients=("kernel",),
            numbers=("x", "kernel", "y", "y_bar", "kernel_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import signal_correlate2d\n"
        "even, edges = np.ones((5, 5)), np.array([[-1.0, -1, -1], [-1, 8, -1], [-1, -1, -1]])\n"
        'print(np.abs(signal_correlate2d.apply(even, edges, mode="valid")).max())',
        "0.0",
    ),
    missing="a photograph. The image is made of numbers; `examples/filter_photograph.py` filters "
    "a photograph, and finds an unknown filter from the result.",
)  # fmt: skip

LAYER = Stop(
    title="The layer and its three gradients",
    question="A layer has an input, filters and a bias. What are their gradients, and why does the "
    "kernel turn?",
    words=(
        "Ask one pixel of {x} which results have read it. The result at the place of the pixel "
        "read it with the first tap. The result one place before read it with the second tap, and "
        "so on. Places go back while taps go forward. So {x_bar} is a convolution: the filter is "
        "turned, and slides over {y_bar} with zeros around it.",
        "A tap of {weight} is used at every place. Its gradient collects, over all places, the "
        "pixel that it met and the gradient of the result. This is a correlation of {x} with "
        "{y_bar}. The bias meets a one everywhere: its gradient is a sum.",
        "As a matrix, the layer is {C}, and the way back is its transpose. A row of {C} holds the "
        "taps from left to right; a row of the transpose holds them from right to left.",
    ),
    terms=lambda: {"C": Symbol("C")},
    shown=(
        Shown(
            operation("correlate2d"), gradients=("x", "weight", "bias"),
            pictures=("window", "matrix"),
            numbers=("x", "weight", "y", "y_bar", "x_bar", "weight_bar"),
        ),
    ),
    code=Code(
        "import numpy as np\n"
        "from generated import correlate2d\n"
        "x, weight = np.arange(1.0, 10).reshape(1, 1, 3, 3), np.array([[[[1.0, 2], [0, -1]]]])\n"
        "y, residuals = correlate2d.forward(x, weight)\n"
        "print(correlate2d.backward(np.ones_like(y), residuals).weight[0, 0].tolist())",
        "[[12.0, 16.0], [24.0, 28.0]]",
    ),
)  # fmt: skip

CHAPTER = Chapter("Convolution", (SIGNAL, CORRELATION, SIZES, FILTERS, LAYER))
