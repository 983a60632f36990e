"""The steps of one cotangent, as they are found."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Any

from sympy import Symbol

from derive.calculus.reading import read_form
from derive.calculus.sifting import Rewritten
from derive.calculus.statements import Statement
from derive.calculus.step import Becomes, Equal, Phrase, Step, listing
from derive.language.symbols import Axis, Tensor


@dataclass
class Line:
    """What is known of one cotangent, and how it came to be known.

    Attributes
    ----------
    target : Tensor
        The cotangent.
    bars : frozenset of Tensor
        All cotangents: their indices are the ones to solve for.
    current : tuple of Statement
        The statements that the last step left.
    cycle : frozenset of Tensor
        The cotangents that this one depends on and that depend on it.
    deltas : bool
        Whether equalities are still to be sifted.
    assuming : tuple of Equal
        What steps from now on take for granted.
    reserved : frozenset of str
        Names that no index may get.
    """

    target: Tensor
    bars: frozenset[Tensor]
    current: tuple[Statement, ...]
    cycle: frozenset[Tensor] = frozenset()
    steps: list[Step] = field(default_factory=list)
    deltas: bool = False
    assuming: tuple[Equal, ...] = ()
    reserved: frozenset[str] = frozenset()

    def add(self, rule: str, after: Iterable[Statement], because: Phrase) -> None:
        label = f"{self.target.name}.{len(self.steps) + 1}"
        after = tuple(after)
        self.steps.append(
            Step(
                rule, self.target, self.current, after, because, label,
                assuming=self.assuming, deltas=self.deltas,
            )
        )  # fmt: skip
        self.current = after

    def apply(self, name: str, rule: Callable[..., Rewritten], deltas: bool) -> bool:
        """Rewrite every statement to which the rule applies; record a step if there was one."""
        after, reasons = [], []
        for term in self.current:
            rewritten = rule(term, self.bars)
            after.append(rewritten[0] if rewritten else term)
            if rewritten and rewritten[1] not in reasons:
                reasons.append(rewritten[1])
        if reasons:
            self.deltas = deltas and any(g.kind == "eq" for s in after for g in s.where)
            self.add(name, after, _together(reasons))
        return bool(reasons)

    def primes(self) -> dict[Axis, Axis]:
        """Primed free indices whose plain name is free again."""
        target = self.current[0].target
        if any(s.target != target for s in self.current):
            return {}
        used = {a.name for s in self.current for a in s.domain}
        renamed: dict[Axis, Any] = {}
        for axis in self.current[0].domain:
            plain = axis.name.rstrip("'")
            if axis in target.free_symbols and plain not in used | self.reserved:
                used.add(plain)
                renamed[axis] = Axis(Symbol(plain, integer=True), axis.extent)
        return renamed

    def rename(self) -> None:
        """Write n for n', now that the index n that was equal to it is gone."""
        if renamed := self.primes():
            self.current = tuple(s.substitute(dict(renamed)) for s in self.current)
            self.steps[-1] = replace(self.steps[-1], after=self.current)

    def rename_last(self) -> None:
        """v' -> v, as a step of its own, where v was something else than v' before."""
        if renamed := self.primes():
            after = [s.substitute(dict(renamed)) for s in self.current]
            self.add("change of index", after, listing(Becomes(a, b) for a, b in renamed.items()))

    def read(self) -> None:
        """Say what the form is called."""
        if form := read_form(self.current, self.cycle):
            self.steps[-1] = replace(self.steps[-1], forms=(form,))


def _together(reasons: Iterable[Phrase]) -> Phrase:
    """Reasons of several terms: what they have in common is said once."""
    found: list = []
    begun = None
    for reason in reasons:
        alike = isinstance(reason[0], str) and reason[0] == begun
        if alike and all(part in found for part in reason[1:] if not isinstance(part, str)):
            continue
        found += [", ", *reason[1:]] if alike else ["; ", *reason] if found else reason
        begun = reason[0]
    return tuple(found)
