"""What a person writes: an operation is a name, its tensors and its equations."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from sympy import Basic, Eq, Expr, sympify
from sympy.logic.boolalg import Boolean

from derive.display import Displayed
from derive.errors import DefinitionError
from derive.language.dictionary import TIMES, Dictionary, check_names
from derive.language.notes import order_of
from derive.language.numbers import exact, understood
from derive.language.options import Option
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in


@dataclass(frozen=True)
class Equation(Displayed):
    """``left = right`` for every point, or (scatter) ``left += right`` for every point."""

    left: Access
    right: Expr
    scatter: bool = False

    def __post_init__(self) -> None:
        object.__setattr__(self, "right", understood(self.right))  # a number of Python's, too

    def __str__(self) -> str:
        return f"{self.left} {'+=' if self.scatter else '='} {self.right}"


def accumulate(left: Access, right: Expr) -> Equation:
    """State a scatter: add `right` to `left` for every point; what falls outside vanishes."""
    return Equation(left, right, scatter=True)


def sides(equation: Any) -> tuple[Any, Any]:
    """Left and right of an equation, in either of its forms."""
    return equation.args if isinstance(equation, Eq) else (equation.left, equation.right)


def _right(equation: Any) -> Any:
    """The right side, if it is an equation at all; that is checked elsewhere."""
    return sides(equation)[1] if isinstance(equation, Eq | Equation) else None


_FIELDS = {
    "inputs": "tensors",
    "outputs": "tensors",
    "equations": "equations",
    "options": "options",
    "requires": "relations with words",
    "aliases": "names",
    "cases": "mappings",
}


@dataclass(frozen=True, repr=False)
class Operation(Displayed):
    """An operation, defined by equations over tensors.

    Parameters
    ----------
    name : str
        Name of the generated module.
    summary : str
        One sentence, what it does.
    inputs : tuple of Tensor
        Arguments of the generated functions, in order.
    outputs : tuple of Tensor
        What they return.
    equations : tuple
        ``sympy.Eq`` or ``accumulate`` of an access and an expression.
    options : tuple of Option
        Keyword arguments.
    requires : tuple
        Relations over sizes and settings that a call must satisfy, each with the words of the
        error: ``(P >= 1, "the kernel is larger than the padded input")``.
    legend : mapping of str to str
        What the single letters mean.
    rows : mapping of str to sequence of str
        What the rows are called over which an index of a fixed extent runs, such as those of gates:
        ``{"gate": ("input", "forget", "cell", "output")}``. Derivations say ``forget`` where an
        equation says 1; the legend names them, too.
    notes : str
        Further paragraphs for the module's docstring.
    aliases : tuple of str
        Other names under which the module can be imported.
    source : str
        Where the mathematics is from (paper, section of a textbook).
    cases : tuple of mapping
        Further cases for verification: values of sizes and options.
    example : mapping of str to numbers
        Small numbers to work out by hand: each input by name, as nested lists; options; sizes that
        no input shows; and, if the cotangents of the outputs are to be others than 1, 2, 3, ...,
        these by the names of outputs with ``_bar``.

    dictionaries : mapping of str to Dictionary
        What lectures call its tensors, indices and rows: ``derive show rnn --names uwv`` prints the
        page in the words of the one that is called ``uwv``.
    time : {"index", "superscript"}
        How derivations write a step of time, as for `Dictionary`.

    Attributes
    ----------
    order : Order
        In which order the equations were written, which SymPy does not keep.
    """

    name: str
    summary: str
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    equations: tuple[Any, ...]
    options: tuple[Option, ...] = ()
    requires: tuple[tuple[Basic, str], ...] = ()
    legend: Mapping[str, str] = field(default_factory=dict)
    notes: str = ""
    aliases: tuple[str, ...] = ()
    source: str = ""
    cases: tuple[Mapping[str, Any], ...] = ()
    rows: Mapping[str, Sequence[str]] = field(default_factory=dict)
    example: Mapping[str, Any] = field(default_factory=dict)
    dictionaries: Mapping[str, Dictionary] = field(default_factory=dict)
    time: str = "index"
    order: Order = field(init=False, repr=False)  # two that differ in it alone are two

    def __post_init__(self) -> None:
        for field_name, kind in _FIELDS.items():
            given = getattr(self, field_name)
            if not isinstance(given, tuple | list):
                raise DefinitionError(
                    str(self.name), f"{field_name} must be a tuple of {kind}, not {given!r}"
                )
            object.__setattr__(self, field_name, tuple(given))
        for field_name, kind in (("inputs", Tensor), ("outputs", Tensor), ("options", Option)):
            for thing in getattr(self, field_name):
                if not isinstance(thing, kind):
                    raise DefinitionError(
                        str(self.name), f"{field_name} holds {thing!r}, which is no {kind.__name__}"
                    )
        for given in self.cases:
            if not isinstance(given, Mapping):
                raise DefinitionError(
                    str(self.name),
                    f"cases holds {given!r}, which is no mapping",
                    remedy='Give each case its sizes and options by name: {"N": 3, "padding": 1}.',
                )
        for relation in self.requires:
            if not isinstance(relation, tuple) or len(relation) != 2:
                raise DefinitionError(
                    str(self.name),
                    f"requires holds {relation!r}",
                    remedy='Give each relation its words: (P >= 1, "the kernel is too large").',
                )
        requires = tuple((exact(relation), words) for relation, words in self.requires)
        for relation, words in requires:
            if not isinstance(relation, Boolean) or relation.has(Access):
                raise DefinitionError(
                    str(self.name),
                    f"requires holds {relation} ({words!r}), which compares no sizes and settings",
                    remedy='Write a relation, such as (P >= 1, "the kernel is too large").',
                )
        object.__setattr__(self, "requires", requires)
        if not isinstance(self.legend, Mapping):
            raise DefinitionError(str(self.name), "legend must map letters to their meaning")
        _check_rows(self)
        said = {i: ", ".join(names) for i, names in self.rows.items() if i not in self.legend}
        object.__setattr__(self, "legend", dict(self.legend) | said)
        if not isinstance(self.example, Mapping):
            raise DefinitionError(
                str(self.name),
                f"example is {self.example!r}, which is no mapping",
                remedy='Give numbers by name: {"x": [1, 2, 3], "stride": 2}.',
            )
        if self.time not in TIMES:
            raise DefinitionError(
                str(self.name),
                f"time is written as {self.time!r}",
                remedy=f"It can be written as {' or '.join(map(repr, TIMES))}.",
            )
        _check_dictionaries(self)
        rights = [right for e in self.equations if isinstance(right := _right(e), Expr)]
        object.__setattr__(self, "order", order_of(rights))

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Inputs, outputs, and whatever else the equations name, in a fixed order."""
        named = {a.tensor for e in self.equations for s in sides(e) for a in entries_in(s)}
        others = sorted(named - {*self.inputs, *self.outputs}, key=str)
        return tuple(dict.fromkeys((*self.inputs, *self.outputs, *others)))

    @cached_property
    def axes(self) -> tuple[Axis, ...]:
        """Every index of the equations, in a fixed order."""
        found = {axis for e in self.equations for s in sides(e) for axis in s.atoms(Axis)}
        return tuple(sorted(found, key=str))

    @property
    def named_rows(self) -> dict[tuple[Tensor, int], Sequence[str]]:
        """What the rows of a tensor along its index at a position are called.

        They have the names of the index that runs over them; where some of them are read by number
        alone, those of a longer index that begins with the same names.
        """
        found: dict[tuple[Tensor, int], Sequence[str]] = {}
        entries = (a for e in self.equations for s in sides(e) for a in entries_in(s))
        for entry in sorted(entries, key=str):
            for place, index in enumerate(entry.index):
                own = self.rows.get(index.name, ()) if isinstance(index, Axis) else ()
                if len(own) > len(found.get((entry.tensor, place), ())):
                    found[entry.tensor, place] = own
        for (tensor, place), own in found.items():
            longer = (names for names in self.rows.values() if [*names[: len(own)]] == [*own])
            whole = (names for names in longer if len(names) == tensor.shape[place])
            found[tensor, place] = next(whole, own)
        return found

    def dictionary(self, name: str) -> Dictionary:
        """The dictionary of that name.

        Raises
        ------
        DefinitionError
            If there is none; the message lists those that there are.
        """
        if name in self.dictionaries:
            return self.dictionaries[name]
        known = ", ".join(self.dictionaries)
        raise DefinitionError(
            self.name,
            f"it has no dictionary that is called {name}",
            remedy=f"It has {known}." if known else
            "It has none: say names one by one, such as x=u,y=v.",
        )  # fmt: skip

    @cached_property
    def sizes(self) -> tuple[Size, ...]:
        """Every size that the definition names, in a fixed order: behind those it is made of."""
        found: dict[Size, None] = {}

        def visit(expression: Any) -> None:
            for symbol in sorted(sympify(expression).free_symbols, key=str):
                if isinstance(symbol, Size) and symbol not in found:
                    if symbol.formula is not None:
                        visit(symbol.formula)
                    found[symbol] = None

        tensors = [*self.inputs, *self.outputs]
        for equation in self.equations:
            for side in sides(equation):
                tensors += sorted((a.tensor for a in entries_in(side)), key=str)
                for axis in sorted(side.atoms(Axis), key=str):
                    visit(axis.extent)
        for tensor in tensors:
            for number in (*tensor.shape, tensor.below, tensor.besides, tensor.default):
                if number is not None:
                    visit(number)
        for option in self.options:
            for numbers in option.spellings.values():
                for number in numbers:
                    visit(number)
        for relation, _ in self.requires:
            visit(relation)
        return tuple(found)

    def __hash__(self) -> int:
        return hash((self.name, self.inputs, self.outputs))

    def __str__(self) -> str:
        return self.name

    def __repr__(self) -> str:
        """Short: equations of a layer fill a screen."""
        inputs, outputs = (", ".join(t.name for t in ts) for ts in (self.inputs, self.outputs))
        return f"<Operation {self.name}: {inputs} -> {outputs}>"


def _check_rows(operation: Operation) -> None:
    """Raise if names of rows do not fit the index that they are for."""
    if not isinstance(operation.rows, Mapping):
        raise DefinitionError(str(operation.name), "rows must map an index to names")
    if not operation.rows:
        return
    extents = {axis.name: axis.extent for axis in operation.axes}
    for index, names in operation.rows.items():
        words = isinstance(names, tuple | list) and all(isinstance(n, str) for n in names)
        if index not in extents:
            problem = f"rows names those of {index}, which is no index of the equations"
        elif not words or not all(re.fullmatch(r"[A-Za-z][A-Za-z0-9_ -]*", n) for n in names):
            problem = f"rows calls those of {index} {names!r}, which are not all words"
        elif len(names) != extents[index]:
            problem = f"rows has {len(names)} names for {index}, which runs over {extents[index]}"
        elif len(set(names)) < len(names):
            problem = f"rows calls two of {index} the same: {', '.join(names)}"
        elif both := sorted(extents.keys() & set(names)):
            problem = f"rows calls one of {index} {both[0]}, which is an index itself"
        else:
            continue
        raise DefinitionError(
            str(operation.name), problem,
            remedy='Give each row of an index over a number its own name: {"gate": ("a", "b")}.',
        )  # fmt: skip


def _check_dictionaries(operation: Operation) -> None:
    """Raise if a dictionary is none, or does not fit the operation."""
    given = operation.dictionaries
    if not isinstance(given, Mapping) or not all(
        isinstance(name, str) and name.isidentifier() and isinstance(dictionary, Dictionary)
        for name, dictionary in given.items()
    ):
        raise DefinitionError(
            str(operation.name),
            f"dictionaries is {given!r}",
            remedy='Give each a word for a name: {"lecture": Dictionary({"weight": "W"})}.',
        )
    for dictionary in given.values():
        check_names(operation, dictionary.names)
