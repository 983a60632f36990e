"""Random shapes and options against loops written from the textbook, and the exact checker.

The loops know nothing of derive: they are the formulas of Dumoulin and Visin, "A guide to
convolution arithmetic for deep learning" (2016), and of Oppenheim and Schafer, "Discrete-Time
Signal Processing", section 2.3.
"""

from collections.abc import Callable

import numpy as np
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from derive.verification.exact import transpose_defect
from tests.cases import SUBJECT

SETTINGS = settings(
    max_examples=120,
    deadline=None,
    derandomize=True,  # the same examples every time: a red build is about the change
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow],
)

small = st.integers(1, 3)
pair = st.tuples(small, small)
sides = st.tuples(st.integers(0, 3), st.integers(0, 3))


@st.composite
def windows(draw, transposed=False):
    """Shapes and options of a 2-D convolution that has at least one output."""
    groups, channels, filters = draw(st.integers(1, 2)), draw(small), draw(small)
    images = draw(st.integers(0, 2))
    taps, stride, dilation = draw(pair), draw(pair), draw(pair)
    padding = draw(st.tuples(sides, sides))
    reach = [d * (t - 1) + 1 for d, t in zip(dilation, taps, strict=True)]
    options = {"stride": stride, "dilation": dilation, "padding": padding, "groups": groups}
    if transposed:
        extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, dilation, strict=True)]
        options["output_padding"] = tuple(extra)
        # As many pixels as leave something after the padding is cut off.
        least = [
            max(1, -((r + e - 1 - low - high) // s) + 1)
            for r, e, s, (low, high) in zip(reach, extra, stride, padding, strict=True)
        ]
        weight = (groups * channels, filters, *taps)
    else:
        least = [max(1, r - low - high) for r, (low, high) in zip(reach, padding, strict=True)]
        weight = (groups * filters, channels, *taps)
    image = [n + draw(st.integers(0, 3)) for n in least]
    x = (images, groups * channels, *image)
    bias = draw(st.sampled_from([None, (groups * filters,)]))
    return {"x": x, "weight": weight, "bias": bias}, options


def textbook_correlate2d(x, weight, bias, stride, dilation, padding, groups):
    """y[n,k,p,q] = b[k] + Σ x[n, c, s·p + d·u − P, s·q + d·v − P'] · w[k,c,u,v]"""
    (low_h, high_h), (low_w, high_w) = padding
    padded = np.pad(x, ((0, 0), (0, 0), (low_h, high_h), (low_w, high_w)))
    filters, channels, rows, columns = weight.shape
    height = (padded.shape[2] - dilation[0] * (rows - 1) - 1) // stride[0] + 1
    width = (padded.shape[3] - dilation[1] * (columns - 1) - 1) // stride[1] + 1
    y = np.zeros((len(x), filters, height, width))
    for n, k, p, q in np.ndindex(*y.shape):
        y[n, k, p, q] = 0 if bias is None else bias[k]
        first = k // (filters // groups) * channels
        for c, u, v in np.ndindex(channels, rows, columns):
            h, w = stride[0] * p + dilation[0] * u, stride[1] * q + dilation[1] * v
            y[n, k, p, q] += padded[n, first + c, h, w] * weight[k, c, u, v]
    return y


def textbook_conv_transpose2d(x, weight, bias, stride, dilation, padding, groups, output_padding):
    """Every pixel stamps the kernel, scaled, into a larger image, whose margins are cut off."""
    images, channels, height, width = x.shape
    _, filters, rows, columns = weight.shape
    full = np.zeros(
        (
            images,
            filters * groups,
            (height - 1) * stride[0] + dilation[0] * (rows - 1) + 1 + output_padding[0],
            (width - 1) * stride[1] + dilation[1] * (columns - 1) + 1 + output_padding[1],
        )
    )
    for n, c, p, q in np.ndindex(*x.shape):
        group = c // (channels // groups)
        for k, u, v in np.ndindex(filters, rows, columns):
            h, w = stride[0] * p + dilation[0] * u, stride[1] * q + dilation[1] * v
            full[n, group * filters + k, h, w] += x[n, c, p, q] * weight[c, k, u, v]
    (low_h, high_h), (low_w, high_w) = padding
    y = full[:, :, low_h : full.shape[2] - high_h, low_w : full.shape[3] - high_w]
    return y if bias is None else y + bias[:, None, None]


def check(name: str, shapes, options, textbook: Callable[..., np.ndarray], seed=0):
    """Values against the textbook, gradients against the transpose, by every strategy."""
    rng = np.random.default_rng(seed)
    inputs = {n: None if s is None else rng.standard_normal(s) for n, s in shapes.items()}
    expected = textbook(*inputs.values(), **options)
    loaded = SUBJECT[name].loaded
    present = tuple(n for n, s in shapes.items() if s is not None)
    for choice in (*loaded.choices(), *loaded.choices(cut=True)):
        module = loaded.forced(choice)
        found = module.apply(*inputs.values(), **options)
        assert found.shape == expected.shape
        np.testing.assert_allclose(found, expected, rtol=1e-12, atol=1e-12)
        defect = transpose_defect(module, shapes, options, present, rng)
        assert defect.is_zero, f"{loaded.name_of(choice)}: {defect}"


@SETTINGS
@given(windows())
def test_correlate2d(call):
    """Any size, stride, padding, dilation and groups."""
    check("correlate2d", call[0], call[1], textbook_correlate2d)


@SETTINGS
@given(windows())
def test_convolve2d(call):
    """The textbook's convolution: the kernel is flipped."""

    def textbook(x, weight, bias, **options):
        return textbook_correlate2d(x, weight[:, :, ::-1, ::-1], bias, **options)

    check("convolve2d", call[0], call[1], textbook)


@SETTINGS
@given(windows(transposed=True))
def test_conv_transpose2d(call):
    """Overlapping stamps, gaps between stamps, padding larger than the kernel."""
    check("conv_transpose2d", call[0], call[1], textbook_conv_transpose2d)


def textbook_signal(x, kernel, mode, flip):
    """y[p] = Σ x[p − t] · w[t], or x[p + t − (T−1)] · w[t], over all of the integers; then cut."""
    full = np.zeros(tuple(n + t - 1 for n, t in zip(x.shape, kernel.shape, strict=True)))
    for index in np.ndindex(*x.shape):
        for tap in np.ndindex(*kernel.shape):
            used = tap if flip else tuple(n - 1 - t for n, t in zip(kernel.shape, tap, strict=True))
            full[tuple(i + t for i, t in zip(index, used, strict=True))] += x[index] * kernel[tap]
    if mode == "full":
        return full
    if mode == "same":
        kept = x.shape
    else:
        kept = tuple(abs(n - t) + 1 for n, t in zip(x.shape, kernel.shape, strict=True))
    # SciPy's alignment: what is kept lies in the middle, one to the left if that is uneven.
    first = [(m - n) // 2 for m, n in zip(full.shape, kept, strict=True)]
    return full[tuple(slice(f, f + n) for f, n in zip(first, kept, strict=True))]


modes = st.sampled_from(["full", "same", "valid"])
lengths = st.integers(1, 6)


@SETTINGS
@given(lengths, lengths, modes, st.booleans())
def test_signals(length, taps, mode, flip):
    """Kernels shorter and longer than the signal, even and odd."""
    name = "signal_convolve" if flip else "signal_correlate"
    check(
        name,
        {"x": (length,), "kernel": (taps,)},
        {"mode": mode},
        lambda x, kernel, mode: textbook_signal(x, kernel, mode, flip),
    )


@SETTINGS
@given(st.tuples(*[lengths] * 2), st.tuples(*[st.integers(1, 4)] * 2), modes, st.booleans())
def test_planes(shape, taps, mode, flip):
    """Longer along one axis, shorter along the other: refused where only what overlaps is kept."""
    larger = {h > t for h, t in zip(shape, taps, strict=True) if h != t}
    assume(mode != "valid" or len(larger) < 2)
    name = "signal_convolve2d" if flip else "signal_correlate2d"
    check(
        name,
        {"x": shape, "kernel": taps},
        {"mode": mode},
        lambda x, kernel, mode: textbook_signal(x, kernel, mode, flip),
    )


@SETTINGS
@given(st.lists(st.integers(0, 3), max_size=3), lengths, st.integers(0, 4), st.booleans())
def test_linear(leading, features, outputs, with_bias):
    """Any leading axes, none included."""

    def textbook(x, weight, bias):
        y = np.zeros((*x.shape[:-1], outputs))
        for index in np.ndindex(*y.shape):
            y[index] = 0 if bias is None else bias[index[-1]]
            for i in range(features):
                y[index] += x[(*index[:-1], i)] * weight[index[-1], i]
        return y

    shapes = {
        "x": (*leading, features),
        "weight": (outputs, features),
        "bias": (outputs,) if with_bias else None,
    }
    check("linear", shapes, {}, textbook)
