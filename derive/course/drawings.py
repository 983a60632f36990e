"""Pictures that no system of statements has: curves, and images of grey pixels."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from html import escape
from itertools import pairwise

import numpy as np
from sympy import Integer

from derive.calculus.step import listing
from derive.language.symbols import Access, Tensor
from derive.prose.pictures import Picture, svg
from derive.prose.pictures.grammar import Arrow, Cell, Line, Note, Role

WIDE, HIGH, MARGIN = 360, 190, 42
_DASHES = ("", "7 4", "2 3")
_POINTS = 120
_GREYS = 24


@dataclass(frozen=True)
class Curve:
    """A function with a name for the legend."""

    name: str
    value: Callable[[float], float]


def curves(
    drawn: Sequence[Curve], along: tuple[float, float], up: tuple[float, float], title: str,
    across: str, *, ticks: tuple[Sequence[float], Sequence[float]],
    label: Callable[[float], str] | None = None,
) -> str:  # fmt: skip
    """Functions of one variable, told apart by dashes.

    Parameters
    ----------
    drawn : sequence of Curve
    along, up : pair of float
        The ranges of both axes.
    title, across : str
        What is to be seen, for those who do not see it; what goes to the right.
    ticks : pair of sequences
        Numbers on both axes.
    label : function, optional
        What is written at a number on the upright axis, as markup.
    """
    label = label or _said

    def place(x: float, y: float) -> str:
        right = MARGIN + (x - along[0]) / (along[1] - along[0]) * WIDE
        down = 10 + (up[1] - y) / (up[1] - up[0]) * HIGH
        return f"{right:.1f} {down:.1f}"

    parts = []
    for tick in ticks[0]:
        x, y = place(tick, up[0]).split()
        parts.append(f'<path d="M{place(tick, up[0])}L{place(tick, up[1])}" class="grid"/>')
        words = f'<text x="{x}" y="{float(y) + 16:.1f}" text-anchor="middle">{_said(tick)}</text>'
        parts.append(words)
    for tick in ticks[1]:
        x, y = place(along[0], tick).split()
        parts.append(f'<path d="M{place(along[0], tick)}L{place(along[1], tick)}" class="grid"/>')
        parts.append(
            f'<text x="{float(x) - 6:.1f}" y="{float(y) + 4:.1f}" text-anchor="end">'
            f"{label(tick)}</text>"
        )
    for number, curve in enumerate(drawn):
        points = [along[0] + (along[1] - along[0]) * n / _POINTS for n in range(_POINTS + 1)]
        line = "L".join(place(x, curve.value(x)) for x in points)
        dashes = f' stroke-dasharray="{_DASHES[number]}"' if _DASHES[number] else ""
        parts.append(f'<path d="M{line}" class="curve"{dashes}/>')
        left, top = MARGIN + 10, HIGH + 48 + 18 * number
        parts.append(f'<path d="M{left} {top - 4}h36" class="curve"{dashes}/>')
        parts.append(f'<text x="{left + 44}" y="{top}">{escape(curve.name)}</text>')
    right, bottom = MARGIN + WIDE, HIGH + 48
    parts.append(f'<text x="{right}" y="{bottom}" text-anchor="end">{escape(across)} →</text>')
    high = HIGH + 40 + 18 * len(drawn)
    return _svg(parts, MARGIN + WIDE + 16, high, title)


def pixels(image: np.ndarray, title: str, unit: int = 4) -> str:
    """Grey pixels from 0, which is black, to 1; what is beyond is as black, or as white."""
    levels = np.rint(np.clip(image, 0, 1) * (_GREYS - 1)).astype(int)
    high, wide = levels.shape
    parts = [f'<g transform="scale({unit})" shape-rendering="crispEdges">']
    for level in sorted(set(levels.ravel().tolist())):
        runs = "".join(_runs(levels == level))
        grey = round(255 * level / (_GREYS - 1))
        parts.append(f'<path fill="#{grey:02x}{grey:02x}{grey:02x}" d="{runs}"/>')
    frame = f'<path class="frame" d="M0 0h{wide * unit}v{high * unit}H0z"/>'
    return _svg([*parts, "</g>", frame], wide * unit, high * unit, title, "pixels")


def _runs(where: np.ndarray):
    """Rectangles one pixel high."""
    for row, line in enumerate(where):
        edges = np.flatnonzero(np.diff(np.concatenate(([0], line.astype(int), [0]))))
        for start, stop in edges.reshape(-1, 2).tolist():
            yield f"M{start} {row}h{stop - start}v1h-{stop - start}z"


def _said(number: float) -> str:
    return f"{number:g}".replace("-", "−")


def _svg(parts: Sequence[str], wide: float, high: float, title: str, kind: str = "curves") -> str:
    body = "\n".join(parts)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" aria-label="{escape(title)}" '
        f'viewBox="0 0 {wide} {high}" width="{wide}" class="drawing {kind}">\n{body}\n</svg>'
    )


def layers(counts: Sequence[tuple[str, int]], weights: Sequence[str]) -> str:
    """Layers of neurons, each connected with all of the next.

    Parameters
    ----------
    counts : sequence of (str, int)
        For each layer its name, and how many neurons it has.
    weights : sequence of str
        Names of the weights between one layer and the next.
    """
    tallest = max(count for _, count in counts)
    items: list[Arrow | Cell | Note] = []
    middles = []
    for column, (name, count) in enumerate(counts):
        x, top = 3.0 * column, (tallest - count) * 0.8
        middles.append([(x, top + 1.6 * row + 0.5) for row in range(count)])
        role: Role = "input" if column == 0 else "output" if column == len(counts) - 1 else "state"
        for row in range(count):
            tensor = Tensor(name, ((Integer(count),),) if count > 1 else ())
            label = Access(tensor, Integer(row)) if count > 1 else tensor
            cell = Cell(x, top + 1.6 * row, role, (label,), width=1.2, round=True)
            items.append(cell)
    for column, name in enumerate(weights):
        for x1, y1 in middles[column]:
            items += [Arrow((x1 + 1.2, y1), (x2, y2)) for x2, y2 in middles[column + 1]]
        note = (Tensor(name, ()),)
        items.append(Note(3.0 * column + 2.1, 1.6 * tallest, note, role="parameter"))
    wide, high = 3.0 * len(counts) - 1.8, 1.6 * tallest + 0.4
    names = [Tensor(name, ()) for name, _ in counts]
    description = ("From left to right: ", *listing(names), ".")
    return svg(Picture("layers", ("Layers of neurons",), description, wide, high, tuple(items)))


def chain(names: Sequence[str], past: tuple[int, int] | None = None) -> str:
    """Boxes one behind the other; gradients come back along dashed arrows.

    Parameters
    ----------
    names : sequence of str
        What stands in the boxes: words, or a letter for a tensor.
    past : pair of int, optional
        Boxes between which there is another way, past those between.
    """
    wide, apart, y = 2.4, 0.8, 1.2 if past else 0.0
    items: list[Arrow | Cell | Note] = []
    for number, name in enumerate(names):
        x = number * (wide + apart)
        role: Role = "input" if number == 0 else "output" if number == len(names) - 1 else "state"
        label = Tensor(name, ()) if len(name) == 1 else name
        items.append(Cell(x, y, role, (label,), width=wide, round=True))
        if number:
            items.append(Arrow((x - apart, y + 0.3), (x, y + 0.3)))
            items.append(Arrow((x, y + 0.7), (x - apart, y + 0.7), "cotangent", "dashed"))
    if past:
        start, end = ((box + 0.5) * wide + box * apart for box in past)
        ways: tuple[tuple[float, Role, Line], ...] = (
            (0.0, "plain", "solid"),
            (0.4, "cotangent", "dashed"),
        )
        for shift, kind, line in ways:
            corners = [(start + shift, y), (start + shift, shift + 0.2)]
            corners += [(end - shift, shift + 0.2), (end - shift, y)]
            if kind == "cotangent":
                corners.reverse()
            for before, after in pairwise(corners):
                items.append(Arrow(before, after, kind, line))
    words = ("From left to right: ", ", ".join(names), ". Gradients go from right to left.")
    whole = len(names) * (wide + apart) - apart
    return svg(Picture("chain", ("Boxes in a row",), words, whole, y + 1, tuple(items)))
