"""What a lecture calls the things of an operation: its own names, and its own way to write time."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from derive.errors import DefinitionError

if TYPE_CHECKING:
    from derive.language.operation import Operation

TIMES = ("index", "superscript")  # s[t,n,j], or s⟨t⟩[n,j]


@dataclass(frozen=True)
class Dictionary:
    """Names for a printed page.

    Parameters
    ----------
    names : mapping of str to str
        From what the definition calls a tensor, an index or a row to what the lecture calls it.
    time : {"index", "superscript"}
        Where a step of time stands: among the other indices, ``s[t,n,j]``, or in angle brackets
        above the name, ``s⟨t⟩[n,j]``. Time is what a recurrence runs over.
    """

    names: Mapping[str, str] = field(default_factory=dict)
    time: str = "index"

    def __post_init__(self) -> None:
        pairs = self.names.items() if isinstance(self.names, Mapping) else ((None, None),)
        if not all(isinstance(word, str) for pair in pairs for word in pair):
            raise DefinitionError(
                "",
                f"a dictionary has the names {self.names!r}",
                remedy='Give each thing its name in the lecture: {"weight_ih": "U", "h": "s"}.',
            )
        if self.time not in TIMES:
            raise DefinitionError(
                "",
                f"a dictionary writes time as {self.time!r}",
                remedy=f"It can be written as {' or '.join(map(repr, TIMES))}.",
            )

    def within(self, known: Iterable[str]) -> Dictionary:
        """The part of it that an operation needs which has these names alone."""
        kept = {*known}
        return Dictionary({k: name for k, name in self.names.items() if k in kept}, self.time)


def check_names(operation: Operation, names: Mapping[str, str]) -> None:
    """Raise if the operation lacks what is to get a name, or would call two things the same."""
    things = [*(t.name for t in operation.tensors), *(a.name for a in operation.axes)]
    known = {*things, *(row for rows in operation.rows.values() for row in rows)}
    for name in names:
        if name not in known:
            raise DefinitionError(
                operation.name,
                f"it has no tensor, index or row that is called {name}",
                remedy=f"What may get another name: {', '.join(sorted(known))}.",
            )
    fixed = (*operation.sizes, *operation.options)
    count = Counter([names.get(name, name) for name in things] + [thing.name for thing in fixed])
    twice = sorted(name for name in {*names.values()} if count[name] > 1)
    if twice:
        raise DefinitionError(
            operation.name,
            f"{twice[0]} would be the name of two things",
            remedy="Choose names that nothing else has.",
        )


__all__ = ["TIMES", "Dictionary", "check_names"]
