"""Compositions: an operation whose equations are those of other operations, and some between them.

    hidden = part(linear, "hidden", x=x)           y_hidden = x · weight_hiddenᵀ + bias_hidden
    Eq(z[n, o], relu(hidden["y"][n, o]))           z = relu(y_hidden)
    output = part(linear, "output", x=z)           y_output = z · weight_outputᵀ + bias_output

A part is copied in, with the caller's tensors in place of its own. What comes out is one system, so
that gradients, order and code of the whole follow from the same rules as those of any definition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from sympy import Basic

from derive.errors import DefinitionError
from derive.language.inlining import Inlining
from derive.language.names import fresh
from derive.language.operation import Equation, Operation, sides
from derive.language.options import Option
from derive.language.symbols import Access, Axis, Tensor, entries_in


@dataclass(frozen=True, eq=False)
class Part:
    """An operation inside another one, see `part`.

    Attributes
    ----------
    name : str
        What it is called in messages.
    inputs : tuple of Tensor
        What the operation takes and was not given: inputs of the whole.
    equations : tuple of Equation
        Its equations, over the tensors of the whole.
    requires : tuple
        What it requires of the sizes.
    legend : mapping of str to str
        What its indices mean.
    rows : mapping of str to sequence of str
        What rows are called, by the index that runs over them.
    named : mapping of str to Tensor
        Its inputs and outputs, by the names that they have in the operation.
    """

    operation: Operation
    name: str
    inputs: tuple[Tensor, ...]
    equations: tuple[Equation, ...]
    requires: tuple[tuple[Basic, str], ...]
    legend: Mapping[str, str]
    rows: Mapping[str, Sequence[str]]
    named: Mapping[str, Tensor]
    inlined: Inlining

    def __getitem__(self, name: str) -> Tensor:
        """The tensor that is the part's output (or input) of that name."""
        if name in self.named:
            return self.named[name]
        raise DefinitionError(
            self.operation.name,
            f"{name} is no tensor of the part {self.name}, or was given as a function",
            remedy=f"Its tensors are {', '.join(self.named)}.",
        )

    def beside(self, names: dict[str, Any]) -> Part:
        """The same part, its indices called otherwise where others have their names already.

        `names` says what each name stands for in the whole; those of the indices are added.
        """
        inlined, taken = self.inlined, {*names}
        mine = {axis for e in self.equations for side in sides(e) for axis in side.atoms(Axis)}
        called = {
            axis.name: fresh(axis.name, taken)
            for axis in sorted(mine, key=str)
            if names.setdefault(axis.name, axis) != axis
        }
        if not called:
            return self
        names |= dict.fromkeys(called.values())
        inlined.called = called
        return replace(
            self, equations=inlined.equations(), legend=inlined.legend(), rows=inlined.rows()
        )


def part(
    operation: Operation, suffix: str | Callable[[str], str], /, *, name: str = "", **bindings: Any
) -> Part:
    """Use an operation inside another one, much as its generated module is called.

    Parameters
    ----------
    operation : Operation
        What to use.
    suffix : str or function
        Behind ``name_`` this is what tensors and sizes of the part are called in the whole; a
        function gets the name and returns the new one.
    name : str, optional
        What messages call the part; as a rule this is the suffix.
    **bindings
        By the names that they have in the operation:

        * an input or an output: a tensor of the caller, whose shape then says what the sizes are
          (and how many axes a pack has); or a function of the indices (a tuple for a product axis)
          that returns an entry, such as ``lambda n, j: h0[1, n, j]``. An input without a binding
          becomes one of the whole.
        * an option: a value as a caller says it, or an option of the whole with as many numbers.
          Without a binding it has its default.
        * a size: a size, an expression of sizes, or a number.

    Returns
    -------
    Part
        ``part["y"]`` is the tensor that is now the output ``y``.

    Raises
    ------
    DefinitionError
        If a name is unknown, or a shape does not fit.
    """
    rename = suffix if callable(suffix) else (lambda name: f"{name}_{suffix}" if suffix else name)
    name = name or (suffix if isinstance(suffix, str) else "") or operation.name
    inlined = Inlining(operation, rename, bindings, name)
    named = (*operation.inputs, *operation.outputs)
    return Part(
        operation,
        name,
        tuple(inlined.tensor(t) for t in operation.inputs if t not in inlined.given),
        inlined.equations(),
        tuple(inlined.requirements()),
        inlined.legend(),
        inlined.rows(),
        {t.name: inlined.tensor(t) for t in named if not inlined.is_function(t)},
        inlined,
    )


def compose(
    name: str,
    summary: str,
    parts: Iterable[Part],
    *,
    inputs: Sequence[Tensor] = (),
    outputs: Sequence[Tensor],
    equations: Sequence[Any] = (),
    requires: Sequence[tuple[Basic, str]] = (),
    legend: Mapping[str, str] | None = None,
    rows: Mapping[str, Sequence[str]] | None = None,
    **more: Any,
) -> Operation:
    """The operation that consists of parts and of equations between them.

    Parameters
    ----------
    name, summary : str
        As for `Operation`.
    parts : iterable of Part
        Made by `part`; their order has no meaning. An index of a part whose name the whole or an
        earlier part has for something else is called otherwise: ``c2``.
    inputs : sequence of Tensor
        What the whole takes besides what the parts still need. Those that may be left out come
        last, as in every operation.
    outputs, equations, requires, legend, rows, **more
        As for `Operation`; what the parts have of these is added. Equations that no output
        depends on are left out, such as those of a part's output that nobody reads.
    """
    parts = tuple(parts)
    names = _names([*inputs, *outputs], equations, more.get("options", ()))
    for p in parts:
        for n, thing in _names(p.named.values(), p.equations).items():
            if not isinstance(thing, Axis):
                names.setdefault(n, thing)
    parts = tuple(p.beside(names) for p in parts)
    needed = (*inputs, *(tensor for p in parts for tensor in p.inputs))
    meanings: dict[str, str] = {}
    called: dict[str, Sequence[str]] = {}
    for p in parts:
        meanings |= p.legend
        called |= p.rows
    used = _reaching(outputs, [*(e for p in parts for e in p.equations), *equations])
    left = {axis.name for e in used for side in sides(e) for axis in side.atoms(Axis)}
    return Operation(
        name=name,
        summary=summary,
        inputs=tuple(sorted(dict.fromkeys(needed), key=lambda tensor: not tensor.required)),
        outputs=tuple(outputs),
        equations=used,
        requires=(*dict.fromkeys(r for p in parts for r in p.requires), *requires),
        legend=meanings | dict(legend or {}),
        rows={index: names for index, names in called.items() if index in left} | dict(rows or {}),
        **more,
    )


def _names(
    tensors: Iterable[Tensor], equations: Sequence[Any], options: Iterable[Option] = ()
) -> dict[str, Any]:
    """What each name stands for."""
    both = [side for e in equations for side in sides(e)]
    found = {*tensors, *(a.tensor for side in both for a in entries_in(side))}
    things = [axis for side in both for axis in side.atoms(Axis)]
    things += [s for t in found for extent in t.shape for s in extent.free_symbols]
    things += [s for axis in things if isinstance(axis, Axis) for s in axis.extent.free_symbols]
    settings = [s for o in options for s in o.settings]
    return {thing.name: thing for thing in (*things, *found, *settings)}


def _reaching(outputs: Iterable[Tensor], equations: Sequence[Any]) -> tuple[Any, ...]:
    """The equations that an output depends on."""
    needed, before = set(outputs), set()
    while needed != before:
        before = set(needed)
        for equation in equations:
            left, right = sides(equation)
            if not isinstance(left, Access) or left.tensor in needed:
                needed |= {a.tensor for side in (left, right) for a in entries_in(side)}
    kept = ((e, sides(e)[0]) for e in equations)
    return tuple(e for e, left in kept if not isinstance(left, Access) or left.tensor in needed)
