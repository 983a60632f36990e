"""Statements that know which statements of the system they stand for, so that these are told."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from derive.calculus.statements import Statement


@dataclass(frozen=True)
class Told:
    """A statement, and those of the system that it stands for."""

    statement: Statement
    originals: tuple[Statement, ...]


def as_told(statements: Iterable[Statement]) -> tuple[Told, ...]:
    """Statements as they are in the system."""
    return tuple(Told(s, (s,)) for s in statements)


def plain(told: Iterable[Told]) -> tuple[Statement, ...]:
    """The statements alone."""
    return tuple(t.statement for t in told)
