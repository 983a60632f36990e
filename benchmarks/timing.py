"""Fix what a process cannot change later, and time contestants in turns."""

from __future__ import annotations

import gc
import os
import sys
import time
from collections.abc import Callable, Mapping
from math import ceil
from statistics import quantiles
from typing import NamedTuple

_IDLE = 0.003  # seconds before each turn, in which the threads of the one before it come to rest
_TURN = 0.005  # seconds that a turn takes at least

_HEAP = 2**29  # bytes, more than any row takes
_MALLOC = ("MALLOC_TRIM_THRESHOLD_", "MALLOC_MMAP_THRESHOLD_")
_THREADS = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")


def restart(threads: int) -> None:
    """Start the program again, unless its environment fixes the allocator and the threads.

    Both are read once, at the start. With its own thresholds glibc hands large arrays back to the
    system, and whoever is next pays the page faults for fetching them again.
    """
    fixed = dict.fromkeys(_MALLOC, str(2**30)) | dict.fromkeys(_THREADS, str(threads))
    if any(os.environ.get(name) != value for name, value in fixed.items()):
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], os.environ | fixed)


def fetch_memory() -> None:
    """Fetch from the system what the rows will need: freed, it stays with the process.

    A heap that is still growing charges a page fault now to one contestant and now to another.
    """
    memory = b"1" * _HEAP  # written, not only reserved
    del memory


class Seconds(NamedTuple):
    """Time of a call, on the processor (all threads together) and on the clock."""

    cpu: float
    wall: float


CLOCKS = Seconds._fields


class Quartiles(NamedTuple):
    """A median between the quartiles."""

    low: float
    median: float
    high: float

    @classmethod
    def of(cls, values: list[float]) -> Quartiles:
        return cls(*quantiles(values * 2 if len(values) == 1 else values, method="inclusive"))


def in_turns(
    runs: Mapping[str, Callable[[], object]], rounds: int
) -> dict[str, tuple[Seconds, ...]]:
    """Time of a call of each contestant, for each round; who begins a round changes."""
    calls = {name: _calls(run) for name, run in runs.items()}
    times: dict[str, list[Seconds]] = {name: [] for name in runs}
    names = list(runs)
    gc.collect()
    gc.disable()
    try:
        for number in range(rounds):
            first = number % len(names)
            for name in names[first:] + names[:first]:
                time.sleep(_IDLE)
                times[name].append(_turn(runs[name], calls[name]))
    finally:
        gc.enable()
    return {name: tuple(found) for name, found in times.items()}


def _turn(run: Callable[[], object], calls: int) -> Seconds:
    wall, cpu = time.perf_counter(), time.process_time()
    for _ in range(calls):
        run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Seconds(cpu / calls, wall / calls)


def _calls(run: Callable[[], object]) -> int:
    """How many calls make a turn."""
    run()
    return ceil(_TURN / _turn(run, 1).wall)
