"""One call of an operation: shapes, options, and what every symbol stands for."""

from __future__ import annotations

import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from sympy import Symbol

from derive.language.operation import Operation
from derive.language.symbols import Tensor
from derive.verification.sizes import formulas_of


@dataclass(frozen=True, eq=False)
class Case:
    """One call of an operation.

    Attributes
    ----------
    operation : Operation
    shapes : mapping of str to tuple of int or None
        The inputs as a caller gives them: product axes multiplied, any number of leading axes
        where they are packed. None for an input that is left out.
    options : mapping of str
        Keyword arguments; options that are left out have their default.
    values : mapping of Symbol to int
        Every size and every setting, for `derive.verification.reference.evaluate`.
    outputs : mapping of str to tuple of int
        The shapes of the outputs.
    number : int
        Calls with the same of all these are told apart by it: they draw other numbers.
    """

    operation: Operation
    shapes: Mapping[str, tuple[int, ...] | None]
    options: Mapping[str, Any]
    values: Mapping[Symbol, Any]
    outputs: Mapping[str, tuple[int, ...]]
    number: int = 0

    def __str__(self) -> str:
        arrays = (
            f"{name}[{','.join(map(str, shape))}]" if shape is not None else f"no {name}"
            for name, shape in self.shapes.items()
        )
        options = (f"{name}={value!r}" for name, value in self.options.items())
        again = (f"(draw {self.number + 1})",) if self.number else ()
        return " ".join((self.operation.name, *arrays, *options, *again))

    def rng(self, purpose: str, draw: int = 0) -> np.random.Generator:
        """A source of random numbers: others for each call and purpose, and the same every time."""
        return np.random.default_rng(zlib.crc32(f"{self}: {purpose} {draw}".encode()))

    @property
    def is_empty(self) -> bool:
        """Whether some array has no entries."""
        shapes = (*self.shapes.values(), *self.outputs.values())
        return any(shape is not None and 0 in shape for shape in shapes)

    @property
    def differentiable(self) -> tuple[str, ...]:
        """The inputs that are there and have a gradient."""
        inputs = self.operation.inputs
        return tuple(t.name for t in inputs if not t.integer and self.shapes[t.name] is not None)

    def draw(
        self,
        rng: np.random.Generator,
        *,
        positive: bool = False,
        kinks: tuple[float, ...] = (),
        ties: bool = False,
    ) -> dict[str, Any]:
        """Random inputs in the order of the signature.

        Parameters
        ----------
        rng : numpy.random.Generator
        positive : bool
            All real numbers are above 0.
        kinks : tuple of float
            A third of them are near these or on them.
        ties : bool
            They are -1, 0 or 1 (if positive 1, 2 or 3), so that many are equal.
        """
        drawn = {t.name: self._array(t, rng, positive) for t in self.operation.inputs}
        for tensor in self.operation.inputs:
            array = drawn[tensor.name]
            if array is None or tensor.integer or tensor.interval is not None:
                continue
            if ties:
                least = 1 if positive else -1
                drawn[tensor.name] = rng.integers(least, least + 3, array.shape).astype(float)
            if not kinks:
                continue
            # On every one and at both sides of it, as far as there is room.
            near = rng.permutation(np.add.outer(kinks, (-0.25, 0, 0.25)).ravel())
            chosen = rng.permutation(array.size)[: -(-array.size // 3)]
            # Sums of numbers with few digits are not rounded: one that is at a kink is on it.
            moved = np.round(np.asarray(array, dtype=float) * 2**16) / 2**16
            moved.flat[chosen] = np.resize(near, chosen.size)
            drawn[tensor.name] = moved
        return drawn

    def _array(self, tensor: Tensor, rng: np.random.Generator, positive: bool):
        shape = self.shapes[tensor.name]
        if shape is None:
            return None
        if tensor.integer:
            names = {symbol.name: value for symbol, value in self.values.items()}
            formulas = formulas_of(self.operation)
            below = max(formulas.below(tensor, names), 1)
            drawn = rng.integers(0, below, shape)
            hits = [n for n in formulas.compared(names) if 0 <= n < below]
            if hits:
                drawn = np.where(rng.random(shape) < 1 / 3, rng.choice(hits, shape), drawn)
            besides = formulas.besides(tensor, names)
            if besides is not None:
                drawn = np.where(rng.random(shape) < 0.2, besides, drawn)
            return np.asarray(drawn)
        if tensor.interval is not None:
            low, high = map(float, tensor.interval)
            if np.isinf(low) or np.isinf(high):
                if low == -high:
                    return rng.standard_normal(shape)
                away = rng.uniform(0.5, 1.5, shape)
                return low + away if np.isfinite(low) else high - away
            # Not at its ends, where a logarithm may have a pole and a step may lead outside.
            return low + (high - low) * rng.uniform(0.1, 0.9, shape)
        return rng.uniform(0.5, 1.5, shape) if positive else rng.standard_normal(shape)
