"""Any number of axes is one axis of as many entries: with none, one or several there is one result.

An image alone, a batch of images, frames of several films: they are different shapes of the same
call, so values and gradients are equal to the last bit, and come in the shape that the caller has.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from derive.language import Operation, Size, Tensor
from derive.verification.case import Case
from derive.verification.exact import leaves, like
from tests.cases import SUBJECTS, Subject

Arrays = Mapping[str, Any]


def pack(tensor: Tensor) -> int | None:
    """The place of the axes that are any number, if there are such."""
    places = [n for n, (first, *_) in enumerate(tensor.axes_of)
              if isinstance(first, Size) and first.packed and first.kept is None]  # fmt: skip
    return places[0] if len(places) == 1 else None


PACKED = [s for s in SUBJECTS if any(pack(t) is not None for t in s.operation.inputs)]


def with_axes(tensor: Tensor, shape: tuple[int, ...], axes: tuple[int, ...]) -> tuple[int, ...]:
    """A shape with these axes in place of any number of them."""
    place = pack(tensor)
    if place is None:
        return shape
    end = len(shape) - (len(tensor.axes_of) - 1 - place)
    return (*shape[:place], *axes, *shape[end:])


def packed_into(tensor: Tensor, array: Any, axes: tuple[int, ...]) -> Any:
    """The array with these axes in place of any number of them, if it is there."""
    return None if array is None else array.reshape(with_axes(tensor, array.shape, axes))


def called(module: ModuleType, operation: Operation, options: Arrays, arrays: Arrays) -> Arrays:
    """Outputs and gradients by name."""
    output, residuals = module.forward(*arrays.values(), **options)
    outputs = dict(zip((t.name for t in operation.outputs), leaves(output).values(), strict=True))
    bars = {n: np.cos(np.arange(a.size).reshape(a.shape)) for n, a in leaves(output).items()
            if a.dtype.kind == "f"}  # fmt: skip
    grads = module.backward(like(output, bars), residuals)
    return outputs | {f"{name}_bar": grad for name, grad in grads._asdict().items()}


def compare(subject: Subject, case: Case, arrays: Arrays, axes: tuple[int, ...]) -> None:
    """One axis, and these axes of as many entries."""
    operation, module = subject.operation, subject.module
    several = {t.name: packed_into(t, arrays[t.name], axes) for t in operation.inputs}
    right = called(module, operation, case.options, arrays)
    found = called(module, operation, case.options, several)
    for tensor in operation.outputs:
        if not any(getattr(first, "kept", None) for first, *_ in tensor.axes_of):
            expected = with_axes(tensor, right[tensor.name].shape, axes)
            assert found[tensor.name].shape == expected, (str(case), tensor)
    for name, array in right.items():
        if array is None:
            assert found[name] is None
        else:
            np.testing.assert_array_equal(found[name].ravel(), array.ravel(), f"{case}: {name}")
    for name, array in several.items():
        if (grad := found.get(f"{name}_bar")) is not None:
            assert grad.shape == array.shape, (str(case), name)


def first_of(tensor: Tensor, array: Any) -> Any:
    """What belongs to the first of all, if there is any number of them."""
    place = pack(tensor)
    return array if array is None or place is None else array.take([0], place)


@pytest.mark.parametrize("subject", PACKED, ids=str)
def test_axes_of_a_batch_are_as_one(subject: Subject):
    operation = subject.operation
    places = [(t, pack(t)) for t in operation.inputs]
    (size,) = {t.axes_of[place][0] for t, place in places if place is not None}
    calls = [case for case in subject.cases if not case.is_empty][::4]
    assert calls
    for case in calls:
        drawn, count = case.draw(case.rng("batches")), case.values[size]
        arrays = {t.name: packed_into(t, drawn[t.name], (count,)) for t in operation.inputs}
        compare(subject, case, arrays, (1, count))
        first = {t.name: first_of(t, arrays[t.name]) for t in operation.inputs}
        with suppress(ValueError):  # of one value alone there is no variance
            called(subject.module, operation, case.options, first)
            compare(subject, case, first, ())


def test_images_and_sequences_have_batches_of_any_axes():
    """What slides over images or steps along time; signals have no batch."""
    families = {"convolution", "pooling", "recurrent", "recurrent_networks"}
    without = {s.operation.name for s in SUBJECTS if s.family in families} - {
        s.operation.name for s in PACKED
    }
    assert without == {n for n in without if n.startswith("signal_")}
