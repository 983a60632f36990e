"""Arrays of numbers as small tables: exact where that is short, else rounded."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import sympy
from sympy import Integer, Rational

from derive.calculus.array import Array
from derive.language.numbers import decimal
from derive.language.symbols import Access, Tensor
from derive.prose.formula import Formula

DIGITS = 3  # behind the point of what is rounded
_LONGEST = 6


def short(number: Any) -> str:
    """``2``, ``0.5``, ``1/3``; what is longer is rounded, ``0.731``."""
    number = sympy.sympify(number)
    if number.is_Rational:
        text = decimal(Rational(number)) or f"{number.p}/{number.q}"
        if len(text) <= _LONGEST and "E" not in text:
            return text.replace("-", "−")
    if number is sympy.nan or number.is_infinite:
        return {sympy.oo: "∞", -sympy.oo: "−∞"}.get(number, "none")
    text = f"{float(number):.{DIGITS}f}"
    if float(text) == 0 and number != 0:
        text = f"{float(number):.0e}".replace("e-0", "e-")
    return text.replace("-", "−")


@dataclass(frozen=True)
class Table:
    """Numbers of one tensor, in rows.

    Axes of length 1 are left out; of more than two axes, the last two are the rows and columns, and
    there is a table for every index of the others.

    Attributes
    ----------
    name : Access
        The tensor, with the indices of the axes that come before rows and columns.
    """

    name: Access
    rows: tuple[tuple[str, ...], ...]


def tables(arrays: Mapping[Tensor, Array]) -> Iterator[Table]:
    """The numbers of some tensors, such as those of a worked example."""
    for tensor, array in arrays.items():
        first = [o for o, n in zip(tensor.offset, array.shape, strict=True) if n != 1]
        array = array.shaped(*(n for n in array.shape if n != 1))
        outer = array.shape[:-2]
        for index in itertools.product(*map(range, outer)):
            part = array.within(index)
            count = part.shape[-1] if part.shape else 1
            rows = (part.entries[i : i + count] for i in range(0, len(part.entries), count or 1))
            shifted = [Integer(i + o) for i, o in zip(index, first, strict=False)]
            named = Tensor(tensor.name, tuple((Integer(n),) for n in outer))
            yield Table(Access(named, *shifted), tuple(tuple(map(short, row)) for row in rows))


def table_text(shown: Iterable[Table], printer: Formula) -> str:
    """Tables for a terminal, columns aligned."""
    lines = []
    for table in shown:
        columns = zip(*table.rows, strict=True)
        widths = [max(map(len, column), default=0) for column in columns]
        left = f"{printer.expression(table.name)} = "
        for number, row in enumerate(table.rows):
            cells = "  ".join(cell.rjust(wide) for cell, wide in zip(row, widths, strict=True))
            cells = cells if len(table.rows) == 1 and len(row) == 1 else f"[ {cells} ]"
            lines.append((left if number == 0 else " " * len(left)) + cells)
    return "\n".join(lines) + "\n"


def table_latex(table: Table, printer: Formula) -> str:
    """A table as a formula of amsmath."""
    cells = [[_latex(cell) for cell in row] for row in table.rows]
    left = printer.expression(table.name)
    if len(cells) == 1 and len(cells[0]) == 1:
        return f"{left} = {cells[0][0]}"
    rows = r" \\ ".join(" & ".join(row) for row in cells)
    return rf"{left} = \begin{{bmatrix}} {rows} \end{{bmatrix}}"


def _latex(cell: str) -> str:
    cell = cell.replace("−", "-").replace("∞", r"\infty")
    over, _, under = cell.partition("/")
    if under:
        sign = "-" if over.startswith("-") else ""
        return rf"{sign}\tfrac{{{over.lstrip('-')}}}{{{under}}}"
    digits, _, exponent = cell.partition("e")
    return rf"{digits} \cdot 10^{{{exponent}}}" if exponent else cell
