"""One table for the laws: every shipped operation, with its generated module and its cases."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import ModuleType

from derive.language import Operation
from derive.ops import shipped
from derive.verification.cases import Case, cases
from derive.verification.strategies import Loaded
from derive.verification.verify import Verification, runs

GENERATED = Path(__file__).resolve().parent.parent / "generated"


@dataclass(frozen=True, eq=False)
class Subject:
    """An operation with everything a law needs; made when first asked for."""

    operation: Operation
    family: str

    def __str__(self) -> str:
        return self.operation.name

    @property
    def path(self) -> Path:
        return GENERATED / self.family / f"{self.operation.name}.py"

    @cached_property
    def loaded(self) -> Loaded:
        return Loaded(self.path)

    @property
    def module(self) -> ModuleType:
        return self.loaded.module

    @cached_property
    def cases(self) -> tuple[Case, ...]:
        return cases(self.operation)

    @cached_property
    def verification(self) -> Verification:
        return Verification(self.operation, self.cases)


@dataclass(frozen=True, eq=False)
class Trial:
    """One case of one operation."""

    subject: Subject
    case: Case

    def __str__(self) -> str:
        return str(self.case).replace(" ", "-")

    def modules(self) -> Iterator[ModuleType]:
        """The module with every strategy forced, axes whole and cut into parts."""
        for _, module, _ in runs((self.case, self.case), self.subject.loaded):
            yield module


SUBJECTS = tuple(
    Subject(operation, family)
    for family, operations in shipped().items()
    for operation in operations
)
SUBJECT = {subject.operation.name: subject for subject in SUBJECTS}
CASES = tuple(Trial(subject, case) for subject in SUBJECTS for case in subject.cases)
FEW = tuple(Trial(subject, case) for subject in SUBJECTS for case in subject.cases[::6])
"""A sixth of the cases, the empty batch among them, for laws that do not depend on numbers."""
