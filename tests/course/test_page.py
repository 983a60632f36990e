"""The course: every number found anew, every line of code run, every link followed."""

import contextlib
import io
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from fractions import Fraction
from functools import cache
from importlib import import_module
from pathlib import PurePosixPath

import numpy as np
import pytest

import derive
from derive.course import CHAPTERS, FOLDER, FRONT, OPERATIONS
from derive.course.networks import cnn, network_by_hand
from derive.course.page import course, course_file, drawn, example, numbers
from derive.course.stop import Shown, Stop
from derive.course.words import term
from derive.ops import shipped
from derive.pipeline import page, site_files
from tests.markup import checked_page, said

STOPS = [stop for chapter in CHAPTERS for stop in chapter.stops]
SHOWN = [(stop, shown) for stop in (*FRONT, *STOPS) for shown in stop.shown]
NUMBERED = [(stop, shown) for stop, shown in SHOWN if shown.numbers]
OWN = {operation.name for operation in OPERATIONS}
MADE_UP = re.compile(r"\{\w+\}|`[^`]*`")  # fields, and what is the name of a file


@cache
def text() -> str:
    return course()


@cache
def tree() -> ET.Element:
    return checked_page(text())


def words_of(stop: Stop) -> list[str]:
    return [stop.title, stop.question, *stop.words, stop.missing]


def name_of(case) -> str:
    return getattr(case, "title", "") or getattr(getattr(case, "operation", None), "name", "")


# ---- the page ------------------------------------------------------------------------------


def test_the_page_is_whole():
    headings = [said(e) for e in tree().iter() if e.tag in ("h2", "h3")]
    assert [c.title for c in CHAPTERS] == [h for h in headings if h in {c.title for c in CHAPTERS}]
    assert [s.title for s in STOPS] == [h for h in headings if h in {s.title for s in STOPS}]


@pytest.mark.parametrize("stop", STOPS, ids=name_of)
def test_a_stop_has_all_that_a_stop_has(stop):
    """A derivation, a picture, numbers, at most five lines to run."""
    assert any(shown.gradients for shown in stop.shown)
    assert stop.drawings() or any(shown.pictures for shown in stop.shown)
    assert any(shown.numbers for shown in stop.shown)
    assert stop.code is not None and 1 <= len(stop.code.text.splitlines()) <= 5


@pytest.mark.parametrize("stop, shown", [p for p in SHOWN if p[1].pictures], ids=name_of)
def test_pictures_that_are_asked_for_are_there(stop, shown):
    assert {*shown.pictures} <= {picture.kind for picture in drawn(shown)}


@pytest.mark.parametrize("stop", [*FRONT, *STOPS], ids=name_of)
def test_no_number_and_no_formula_is_typed_among_words(stop):
    for words in words_of(stop):
        assert not re.search(r"[0-9=+^_∑∂√<>]|\b[b-zB-Z]\b", MADE_UP.sub("", words)), words


def test_pictures_have_words_for_those_who_do_not_see_them():
    found = [e for e in tree().iter() if e.tag.endswith("svg")]
    assert len(found) > len(STOPS)
    for element in found:
        ids = element.get("aria-labelledby", "").split()
        words = [said(e) for e in element.iter() if e.get("id") in ids]
        assert element.get("role") == "img"
        assert element.get("aria-label") or (all(words) and len(words) == 2)


# ---- links ---------------------------------------------------------------------------------


def test_links_lead_somewhere():
    """Those of the course and of the list; a page of an operation has what is linked on it."""
    families = {**shipped(), FOLDER: OPERATIONS}
    pages = {f"{f}/{o.name}.html" for f, members in families.items() for o in members}
    files = {str(o.path): o.text for o in (course_file(), *site_files(families))}
    neuron = page(OPERATIONS[0], FOLDER).outputs[0]
    assert str(neuron.path) in pages
    anchors = {e.get("id") for e in checked_page(neuron.text).iter()}
    for name, markup in {**files, str(neuron.path): neuron.text}.items():
        if not name.endswith(".html"):
            continue
        root = checked_page(markup)
        own = {e.get("id") for e in root.iter()}
        for link in (href for e in root.iter() if (href := e.get("href"))):
            place, _, anchor = link.partition("#")
            target = os.path.normpath(PurePosixPath(name).parent / place) if place else name
            assert target in pages or target in files, link
            assert not anchor or anchor in (anchors if place else own), link


# ---- numbers -------------------------------------------------------------------------------


def module_of(shown: Shown):
    name = shown.operation.name
    if name in OWN:
        return derive.compile(shown.operation, verify=False)
    return getattr(import_module("generated"), name)


def whole(array) -> np.ndarray:
    return np.array([float(e) for e in array.entries]).reshape(array.shape)


def shaped(values: np.ndarray, tensor) -> np.ndarray:
    """With one axis for each of the tensor, of which some may be products."""
    counts = [len(factors) for factors in tensor.axes_of]
    shape, at = [], 0
    for count in counts:
        shape.append(int(np.prod(values.shape[at : at + count], dtype=int)))
        at += count
    return values.reshape(shape)


@pytest.mark.parametrize("stop, shown", NUMBERED, ids=name_of)
def test_numbers_are_those_of_the_module(stop, shown):
    """Inputs, outputs and gradients, as the generated module finds them, in floating point."""
    worked = example(shown)
    arrays = {tensor.name: array for tensor, array in worked.arrays.items()}
    operation = shown.operation
    given = {}
    for tensor in operation.inputs:
        if tensor.name in arrays:
            values = shaped(whole(arrays[tensor.name]), tensor)
            given[tensor.name] = values.astype(int) if tensor.integer else values
    module = module_of(shown)
    outputs, residuals = module.forward(**given, **worked.given.options)
    several = len(operation.outputs) > 1
    returned = outputs if several else [outputs]
    bars = [
        whole(arrays[f"{tensor.name}_bar"]).reshape(output.shape)
        for tensor, output in zip(operation.outputs, returned, strict=True)
    ]
    gradients = module.backward(tuple(bars) if several else bars[0], residuals)
    found = dict(zip((t.name for t in operation.outputs), returned, strict=True))
    found |= {f"{name}_bar": value for name, value in gradients._asdict().items()}
    compared = 0
    for name in shown.numbers:
        if name in found and found[name] is not None:
            np.testing.assert_allclose(whole(arrays[name]).ravel(), found[name].ravel(), atol=1e-9)
            compared += 1
    assert compared


@pytest.mark.parametrize("stop, shown", NUMBERED, ids=name_of)
def test_numbers_on_the_page_are_those_of_the_example(stop, shown):
    """Rounded, but in the right places."""
    arrays = {tensor.name: array for tensor, array in example(shown).arrays.items()}
    cells: dict[str, list[str]] = {}
    for table in numbers(shown):
        cells.setdefault(table.name.tensor.name, []).extend(c for row in table.rows for c in row)
    assert set(cells) == set(shown.numbers)
    for name, entries in cells.items():
        read = [float(Fraction(cell.replace("−", "-"))) for cell in entries]
        np.testing.assert_allclose(read, whole(arrays[name]).ravel(), atol=5.1e-4)
        assert all(f"<td>{cell}</td>" in text() for cell in entries)


def terms(title: str) -> dict:
    return dict(next(stop for stop in STOPS if stop.title == title).terms())


def test_the_counts_of_a_layer():
    counts = terms("Sizes, padding, stride and counts")
    weight, bias, image = np.zeros((10, 3, 5, 5)), np.zeros(10), np.zeros((1, 3, 32, 32))
    y = import_module("generated").correlate2d.apply(image, weight, bias, padding=2)
    assert counts["total"] == weight.size + bias.size == 760
    assert (counts["high"], counts["wide"]) == y.shape[2:]
    assert counts["outputs"] == y.size
    assert counts["dense"] == image.size * y.size
    assert counts["one"] == weight[0].size + 1
    assert (counts["side"], counts["colours"], counts["filters"]) == (32, 3, 10)


def test_what_a_thousand_steps_leave():
    powers = terms("Vanishing and exploding, clipping, the identity network")
    assert float(powers["vanished"]) == pytest.approx(0.99**1000)
    assert float(powers["exploded"]) == pytest.approx(1.01**1000)
    assert "<mn>4.3</mn>" in term(powers["vanished"]) and "20,959" in term(powers["exploded"])


def test_a_gradient_step_makes_the_error_smaller():
    """By hand, in NumPy."""
    step = terms("A small network by hand")
    given = {k: np.array(v, dtype=float) for k, v in network_by_hand.example.items()}
    squash = lambda s: 1 / (1 + np.exp(-s))  # noqa: E731

    def error(theta, v):
        return (squash(v @ squash(theta @ given["x"])) - given["t"]) ** 2 / 2

    theta, v = given["theta"], given["v"]
    h = squash(theta @ given["x"])
    y = squash(v @ h)
    slope = (y - given["t"]) * y * (1 - y)
    by_theta = slope * np.outer(v * h * (1 - h), given["x"])
    rate = float(step["rate"])
    after = error(theta - rate * by_theta, v - rate * slope * h)
    assert step["before"] == pytest.approx(error(theta, v))
    assert step["after"] == pytest.approx(after)
    assert after < step["before"]


def test_correlation_and_convolution_in_letters():
    stop = next(stop for stop in STOPS if stop.title == "Correlation and the rotated filter")
    letters = [str(line.right) for line in stop.lines()]
    assert [set(line.split(" + ")) for line in letters] == [
        {"F_11*x_11", "F_12*x_12", "F_21*x_21", "F_22*x_22"},
        {"F_22*x_11", "F_21*x_12", "F_12*x_21", "F_11*x_22"},
    ]
    shown = re.sub(r"<[^>]+>|\s", "", text())
    for line in ("F11x11+F12x12+F21x21+F22x22", "F22x11+F21x12+F12x21+F11x22"):
        assert line in shown


def test_cotangents_in_the_picture_of_the_network_are_those_of_its_example():
    """The picture counts them up from one, and the example is made to agree."""
    shown = next(shown for _, shown in NUMBERED if shown.operation is cnn)
    arrays = {tensor.name: array for tensor, array in example(shown).arrays.items()}
    assert arrays["m_bar"].entries == (1, 2, 3, 4)


# ---- code ----------------------------------------------------------------------------------


@pytest.mark.parametrize("stop", STOPS, ids=name_of)
def test_code_prints_what_stands_below_it(stop):
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(stop.code.text, stop.title, "exec"), {})
    assert printed.getvalue().rstrip("\n") == stop.code.printed


def test_the_page_is_the_same_in_another_process():
    environment = os.environ | {"PYTHONHASHSEED": "7"}
    command = "import sys; from derive.course.page import course; sys.stdout.write(course())"
    again = subprocess.run(
        [sys.executable, "-c", command], env=environment, capture_output=True, check=True,
        encoding="utf-8",
    )  # fmt: skip
    assert again.stdout == text()
