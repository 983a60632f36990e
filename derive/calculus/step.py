"""What a derivation is made of: a step turns statements into statements of the same values.

Both sides of a step can be evaluated. Words that explain it are data too: a renderer puts them into
Unicode or LaTeX.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sympy import Expr, Symbol

from derive.calculus.statements import Guard, Statement
from derive.language.symbols import Access, Axis, Tensor, entries_in


@dataclass(frozen=True)
class Equal:
    """``left = right``, in the words of a step."""

    left: Expr
    right: Expr

    @property
    def sides(self) -> tuple[Expr, Expr]:
        return self.left, self.right


@dataclass(frozen=True)
class Becomes:
    """``old -> new``, in the words of a step."""

    old: Expr
    new: Expr

    @property
    def sides(self) -> tuple[Expr, Expr]:
        return self.old, self.new


# Words and the formulas among them, in order; a tensor stands for its name.
Phrase = tuple[str | Expr | Tensor | Guard | Equal | Becomes, ...]


def listing(items: Iterable[str | Expr | Tensor | Guard | Equal | Becomes]) -> Phrase:
    """``a, b and c`` as a phrase."""
    found = list(items)
    phrase: list = []
    for position, item in enumerate(found):
        if position:
            phrase.append(" and " if position == len(found) - 1 else ", ")
        phrase.append(item)
    return tuple(phrase)


class Form(ABC):
    """What a formula is called; `derive.calculus.forms` has one class for each name."""

    @property
    @abstractmethod
    def phrase(self) -> Phrase:
        """The name, to stand after "This is"."""

    @property
    def rest(self) -> Phrase:
        """What is said once, after all names that the formula has."""
        return ()


@dataclass(frozen=True)
class Step:
    """One application of one rule to the statements that write one cotangent.

    Attributes
    ----------
    rule : str
        Name of the rule.
    target : Tensor
        The cotangent.
    before, after : tuple of Statement
        Statements that write the target, and those of the partial derivatives they read. A
        Kronecker delta is a guard of kind "eq"; the indices it sums over are in the domain.
    because : Phrase
        Why, in words and formulas.
    label : str
        ``x_bar.3``: counted for each tensor.
    forms : tuple of Form
        What the formula is called, each of them a name for all of it; empty where it has none.
    assuming : tuple of Equal
        Values of settings for which alone the two sides agree.
    deltas : bool
        Whether equalities are still to be sifted, and print as deltas.
    """

    rule: str
    target: Tensor
    before: tuple[Statement, ...]
    after: tuple[Statement, ...]
    because: Phrase
    label: str
    forms: tuple[Form, ...] = ()
    assuming: tuple[Equal, ...] = ()
    deltas: bool = False

    @property
    def shown(self) -> tuple[Statement, ...]:
        """The statements of `after` that write the target."""
        return tuple(s for s in self.after if s.target.tensor == self.target)

    @property
    def reading(self) -> Phrase:
        """What the formula is called, in words."""
        phrase: list = []
        for form, after in zip(self.forms, (*self.forms[1:], None), strict=False):
            phrase += form.phrase
            phrase += form.rest if after is None or after.rest != form.rest else ()
            phrase += ["; that is, "] if after else []
        return tuple(phrase)


class PartialDerivative(Tensor):
    """All derivatives of the entries of one tensor by those of another, as a tensor.

    ``∂y[i]/∂x[j]`` is its entry at ``(*i, *j)``.
    """

    sign = "∂"
    of: Tensor
    by: Tensor

    def __new__(cls, of: Tensor, by: Tensor, name: str = ""):
        name = name or f"d{of.name}_d{by.name}"
        shape, offset = (*of.axes_of, *by.axes_of), (*of.offset, *by.offset)
        plain = Tensor(name, shape, outside=0, offset=offset)
        self = Symbol.__xnew__(cls, name, real=True)
        vars(self).update(vars(plain))
        self.of, self.by = of, by
        return self.carrying(*plain.carried, of, by)


class TotalDerivative(PartialDerivative):
    """The same, where what lies between the two tensors follows instead of being held fixed."""

    sign = "d"


class ImmediateDerivative(PartialDerivative):
    """The same, where what a step computes follows, and the states one step before are fixed."""

    sign = "∂⁺"


def bound(statement: Statement) -> tuple[Axis, ...]:
    """The axes that are summed over: those the target does not name."""
    free = free_axes(statement)
    return tuple(a for a in statement.domain if a not in free)


def free_axes(statement: Statement) -> tuple[Axis, ...]:
    """The axes that the target names."""
    named: set[Any] = set().union(*(i.free_symbols for i in statement.target.index), set())
    return tuple(a for a in statement.domain if a in named)


@lru_cache(maxsize=4096)
def every_access(statement: Statement) -> tuple[Access, ...]:
    """Every entry read, those inside indices and conditions too."""
    found = set(entries_in(statement.value))
    for index in statement.target.index:
        found |= entries_in(index)
    for guard in statement.where:
        found |= entries_in(guard.expression)
    return tuple(sorted(found, key=str))


def factors(value: Any) -> tuple[Any, ...]:
    """The factors of a product; anything else is one factor."""
    return value.args if value.is_Mul else (value,)


__all__ = [
    "Becomes",
    "Equal",
    "Form",
    "ImmediateDerivative",
    "PartialDerivative",
    "Phrase",
    "Step",
    "TotalDerivative",
    "bound",
    "every_access",
    "factors",
    "free_axes",
    "listing",
]
