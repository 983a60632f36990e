"""Time the generated modules beside PyTorch, and beside those of another checkout.

    python benchmarks/run.py [--only ROW] [--threads N] [--against DIR] [--json FILE]

Forward plus backward in float32, all contestants of a row in turns in one process. See README.md
beside this file for how to read the table.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Mapping
from importlib.metadata import version
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Annotated, Any

import numpy as np
import typer
from report import as_json, show
from rich.console import Console
from rich.progress import track
from rows import ROWS, Row, Run
from timing import CLOCKS, Quartiles, fetch_memory, in_turns, restart

OURS = Path(__file__).resolve().parents[1] / "generated"
TOLERANCE = 1e-4  # of the largest entry: float32, sums in another order
HAS_TORCH = find_spec("torch") is not None


def package(name: str, folder: Path) -> ModuleType:
    """Import the generated modules in a folder under a name of their own."""
    init = folder / "__init__.py"
    if not init.is_file():
        raise typer.BadParameter(f"there are no generated modules in {folder}: no {init}")
    spec = spec_from_file_location(name, init, submodule_search_locations=[str(folder)])
    assert spec is not None and spec.loader is not None
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def contestants(row: Row, packages: Mapping[str, ModuleType], torch: bool) -> dict[str, Run]:
    """Whoever takes part in a row; all are known to compute the same."""
    arrays = row.arrays()
    runs = {name: row.generated(found, arrays) for name, found in packages.items()}
    if torch:
        runs["torch"] = row.torch(arrays)
    ours, *others = runs
    for other in others:
        for number, pair in enumerate(zip(runs[ours](), runs[other](), strict=True)):
            one, two = (np.asarray(a.detach() if hasattr(a, "detach") else a) for a in pair)
            # Written so that a NaN is a difference.
            if one.shape != two.shape or not abs(one - two).max() <= TOLERANCE * abs(two).max():
                what = f"gradient {number}" if number else "the output"
                print(f"{row.name}: {ours} and {other} differ in {what}", file=sys.stderr)
                raise typer.Exit(1)
    return runs


def measured(row: Row, runs: Mapping[str, Run], rounds: int) -> dict[str, Any]:
    """Quartiles of each contestant's times, and of ours divided by the others', round by round."""
    times = in_turns(runs, rounds)
    ours, *others = times

    def quartiles(clock: str, name: str, by: str | None = None) -> Quartiles:
        values = [getattr(seconds, clock) for seconds in times[name]]
        if by is not None:
            values = [v / getattr(s, clock) for v, s in zip(values, times[by], strict=True)]
        return Quartiles.of(values)

    return {
        "name": row.name,
        "sizes": row.sizes,
        "seconds": {n: {clock: quartiles(clock, n) for clock in CLOCKS} for n in times},
        "ratios": {n: {clock: quartiles(clock, ours, n) for clock in CLOCKS} for n in others},
    }


def settings(threads: int, rounds: int, torch: bool) -> dict[str, Any]:
    """Whatever a figure depends on beside the code."""
    libraries = ("numpy", "torch") if torch else ("numpy",)
    return {
        "threads": threads,
        "rounds": rounds,
        "python": platform.python_version(),
        **{name: version(name) for name in libraries},
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "load": round(os.getloadavg()[0], 2) if hasattr(os, "getloadavg") else None,
    }


def selected(only: list[str] | None) -> list[Row]:
    """The rows whose names contain one of the words; all without words."""
    rows = [row for row in ROWS if not only or any(word in row.name for word in only)]
    if not rows:
        names = ", ".join(row.name for row in ROWS)
        raise typer.BadParameter(f"no row is called so; there are {names}", param_hint="--only")
    return rows


def main(
    only: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="Part of a row's name; may be repeated.")
    ] = None,
    threads: Annotated[int, typer.Option(min=1, help="Threads of each contestant.")] = 1,
    rounds: Annotated[int, typer.Option(min=1, help="Turns of each contestant.")] = 15,
    against: Annotated[
        Path | None, typer.Option(metavar="DIR", help="The generated/ of another checkout.")
    ] = None,
    torch: Annotated[
        bool, typer.Option(help="Whether PyTorch takes part.", show_default="if installed")
    ] = HAS_TORCH,
    json_file: Annotated[
        Path | None, typer.Option("--json", metavar="FILE", help="Write all figures here as well.")
    ] = None,
) -> None:
    """Time the generated modules beside PyTorch, and beside those of another checkout."""
    rows = selected(only)
    if json_file is not None and not json_file.absolute().parent.is_dir():  # not after minutes
        raise typer.BadParameter(
            f"there is no folder {json_file.absolute().parent}", param_hint="--json"
        )
    packages = {"derive": package("generated_here", OURS)}
    if against is not None:
        packages["against"] = package("generated_against", against.resolve())
    restart(threads)
    fetch_memory()
    if torch:
        import torch as pytorch

        pytorch.set_num_threads(threads)
    used = settings(threads, rounds, torch)  # now: later the load is our own
    found = [
        measured(row, contestants(row, packages, torch), rounds)
        for row in track(rows, console=Console(stderr=True), transient=True)
    ]
    show(used, found)
    if json_file is not None:
        json_file.write_text(as_json(used, found), encoding="utf-8")


if __name__ == "__main__":
    typer.run(main)
