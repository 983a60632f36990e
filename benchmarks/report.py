"""What the figures come to: a table for people, and a file for programs.

A row of figures has a ``name``, ``sizes``, and quartiles: ``seconds[contestant][clock]``, and
``ratios[other][clock]``, where the others are all contestants but the first.
"""

from __future__ import annotations

import json
import math
from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from timing import CLOCKS, Quartiles

TIE = 1.15  # two times whose ratio is nearer to 1 than this are not told apart

Figures = dict[str, Any]


def summary(rows: list[Figures]) -> Figures:
    """What the ratios to each other contestant come to, by each clock."""
    return {
        name: {
            clock: _total([row["ratios"][name][clock].median for row in rows]) for clock in CLOCKS
        }
        for name in rows[0]["ratios"]
    }


def _total(ratios: list[float]) -> Figures:
    return {
        "geometric_mean": math.prod(ratios) ** (1 / len(ratios)),
        "rows": len(ratios),
        "above_1": sum(ratio > 1 for ratio in ratios),
        "above_tie": sum(ratio > TIE for ratio in ratios),
    }


def show(settings: Figures, rows: list[Figures]) -> None:
    """Print the table, between what it depends on and what it comes to."""
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = 250  # in a file, a row is a line
    console.print(", ".join(f"{name} {value}" for name, value in settings.items()))
    with console.capture() as captured:
        console.print(_table(rows))
    print(*(line.rstrip() for line in captured.get().splitlines()), sep="\n")
    ours = next(iter(rows[0]["seconds"]))
    for name, clocks in summary(rows).items():
        for clock, total in clocks.items():
            console.print(
                f"* {ours}/{name} {clock}: geometric mean {total['geometric_mean']:.2f}; "
                f"of {total['rows']} rows {total['above_1']} above 1.0, "
                f"{total['above_tie']} above {TIE}"
            )


def _table(rows: list[Figures]) -> Table:
    """For a terminal, and Markdown in a file."""
    names, others = list(rows[0]["seconds"]), list(rows[0]["ratios"])
    table = Table(box=box.MARKDOWN)
    for head in ("row", "sizes"):
        table.add_column(head, no_wrap=True)
    for head in [f"{n} {c} ms" for n in names for c in CLOCKS]:
        table.add_column(head, justify="right")
    for head in [f"{names[0]}/{n} {c}" for n in others for c in CLOCKS]:
        table.add_column(head, justify="right", no_wrap=True)
    for row in rows:
        cells = [f"{row['seconds'][n][c].median * 1e3:.3g}" for n in names for c in CLOCKS]
        cells += [_ratio(row["ratios"][n][c]) for n in others for c in CLOCKS]
        table.add_row(row["name"], row["sizes"], *cells)
    return table


def _ratio(ratio: Quartiles) -> str:
    """In green what is faster by more than a tie, in red what is slower."""
    colour = "red" if ratio.median > TIE else "green" if ratio.median < 1 / TIE else "default"
    return f"[{colour}]{ratio.median:.2f}[/] ({ratio.low:.2f}–{ratio.high:.2f})"


def as_json(settings: Figures, rows: list[Figures]) -> str:
    """All figures, a row to a line; quartiles are [lower, median, upper]."""
    head = f'"settings": {json.dumps(settings)},\n"summary": {json.dumps(summary(rows))}'
    lines = ",\n".join(json.dumps(row, ensure_ascii=False) for row in rows)
    return f'{{{head},\n"rows": [\n{lines}\n]}}\n'
