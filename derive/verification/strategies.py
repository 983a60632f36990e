"""Force each strategy of a generated module in turn: small test shapes would never choose most.

This is all that knows how a module names its strategies:

    _STRATEGIES = {"forward": (f1, f2), "backward": (g1, g2)}    absent where there is no choice
    _choose_forward(sizes), _choose_backward(sizes)              return one of them

and how it cuts a batch into parts that fit the cache, of which small shapes would always be one:

    _parts(count, elements, columns)                             bounds of each part
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from types import CodeType, FunctionType, ModuleType

from derive.verification.poison import POISONED

DIRECTIONS = ("forward", "backward")
Choice = dict[str, int]  # for each direction, the position of a strategy; "parts": 1 to cut batches


class Loaded:
    """A generated file, from its text; each module made of it is private.

    Parameters
    ----------
    path : Path
        The file. What Python may have cached of it is not looked at.
    text : str, optional
        The text, if it is not that of the file.
    """

    def __init__(self, path: Path, text: str | None = None) -> None:
        self.name = path.stem
        text = path.read_text(encoding="utf-8") if text is None else text
        self._code: CodeType = compile(text, str(path), "exec")
        self._forced: dict[tuple, ModuleType] = {}
        self.module = self.fresh()

    def fresh(self) -> ModuleType:
        """A module of its own, as if imported, for which memory that is not written holds NaN."""
        module = ModuleType(self.name)
        exec(self._code, vars(module))
        vars(module)["np"] = POISONED
        return module

    @property
    def strategies(self) -> list[tuple[str, str]]:
        """Direction and name of every strategy; empty if nothing is chosen."""
        return [(d, f.__name__) for d in DIRECTIONS for f in self._listed(d)]

    def choices(self, *, cut: bool = False) -> Iterator[Choice]:
        """As few choices as show every strategy at least once.

        With `cut`, batches are cut into parts.
        """
        usable = {d: list(range(len(self._listed(d)))) for d in DIRECTIONS}
        usable = {direction: numbers for direction, numbers in usable.items() if numbers}
        for turn in range(max(map(len, usable.values()), default=1)):
            choice = {d: numbers[turn % len(numbers)] for d, numbers in usable.items()}
            parts = any(hasattr(self.module, name) for name in SMALL)
            yield choice | {"parts": 1} if cut and parts else choice

    def forced(self, choice: Choice) -> ModuleType:
        """The module with its choosers replaced."""
        key = tuple(sorted(choice.items()))
        if key not in self._forced:
            module = self._forced[key] = self.fresh()
            for direction, number in choice.items():
                if direction == "parts":
                    for name in SMALL.keys() & vars(module).keys():
                        vars(module)[name] = SMALL[name]
                    continue
                chooser = f"_choose_{direction}"
                if not hasattr(module, chooser):
                    raise AttributeError(f"{self.name} has strategies, but no {chooser}")
                setattr(module, chooser, _chooser(module, chooser, direction, number))
        return self._forced[key]

    def name_of(self, choice: Choice) -> str:
        """What was forced, in words; empty if nothing was."""
        return " and ".join(self._listed(d)[choice[d]].__name__ for d in DIRECTIONS if d in choice)

    def _listed(self, direction: str) -> tuple[Callable, ...]:
        return tuple(getattr(self.module, "_STRATEGIES", {}).get(direction, ()))


def _chooser(module: ModuleType, name: str, direction: str, number: int) -> FunctionType:
    """A function of the module itself, so that whoever copies the module copies it along."""

    def choose(sizes, direction=direction, number=number):
        return _STRATEGIES[direction][number]  # type: ignore[name-defined]  # noqa: F821

    return FunctionType(choose.__code__, vars(module), name, choose.__defaults__)


def _small_parts(count: int, elements: int, columns: int = 0) -> list[tuple[int, int]]:
    """Parts of two, and a last one that is smaller if `count` is odd."""
    return [(first, min(first + 2, count)) for first in range(0, count, 2)]


SMALL = {"_parts": _small_parts}
