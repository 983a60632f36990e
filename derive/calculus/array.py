"""Numbers in a box: the shape, and the entries row by row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import prod
from typing import Any


@dataclass(frozen=True)
class Array:
    """Entries of any kind, in row-major order.

    Attributes
    ----------
    shape : tuple of int
    entries : tuple
    """

    shape: tuple[int, ...]
    entries: tuple[Any, ...]

    def __post_init__(self) -> None:
        if prod(self.shape) != len(self.entries):
            raise ValueError(f"{len(self.entries)} entries do not fill {self.shape}")

    def __getitem__(self, place: Sequence[int]) -> Any:
        """The entry at a place, a number for each axis."""
        number = 0
        for i, extent in zip(place, self.shape, strict=True):
            if not 0 <= i < extent:
                raise IndexError(f"{tuple(place)} is outside {self.shape}")
            number = number * extent + i
        return self.entries[number]

    def items(self) -> Iterator[tuple[tuple[int, ...], Any]]:
        """Places with their entries."""
        return zip(itertools.product(*map(range, self.shape)), self.entries, strict=True)

    def shaped(self, *shape: int) -> Array:
        """The same entries in another box."""
        return Array(shape, self.entries)

    def within(self, outer: Sequence[int]) -> Array:
        """What is left when the first axes are at given numbers."""
        inner = self.shape[len(outer) :]
        count, number = prod(inner), 0
        for i, extent in zip(outer, self.shape, strict=False):
            number = number * extent + i
        return Array(inner, self.entries[number * count : (number + 1) * count])
