"""Pass: statements that go over the same data again and again do so for a part of it at a time.

    z[n,q] += x[n,s*q+v];  y[n] += z[n,q]     becomes     for a part of all n:
                                                              z += x_part[...];  y_part += z

The part is what fits the cache. What only these statements use is made anew for each part.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from sympy import Expr, Max, Mul, Symbol

from derive.calculus.affine import axes_in
from derive.calculus.statements import Statement
from derive.language.symbols import Axis, Tensor
from derive.lowering.loops import bare_axes, loops_of
from derive.lowering.schedule import Item

COUNT = Symbol("count", integer=True, nonnegative=True)  # of what is in a part


@dataclass(frozen=True)
class Batch:
    """Statements that run for one part of an axis after another.

    Attributes
    ----------
    axis : Axis
        The axis, the first one of every tensor that has it.
    statements : tuple of Statement
        About one part.
    parts : tuple of (Tensor, Tensor)
        Tensors that exist as a whole, each with its part.
    renamed : tuple of (Tensor, Tensor)
        The same, and tensors that exist for one part only.
    elements : sympy.Expr
        How many entries the largest tensor has for each point of the axis.
    """

    axis: Axis
    statements: tuple[Statement, ...]
    parts: tuple[tuple[Tensor, Tensor], ...]
    renamed: tuple[tuple[Tensor, Tensor], ...]
    elements: Expr


def with_batches(
    items: Sequence[Item],
    keep: set[Tensor],
    fixed: set[Statement],
    group: Callable[[Statement], Any],
) -> tuple[Item | Batch, ...]:
    """Gather runs of statements.

    Parameters
    ----------
    items : sequence
        What is run, in order.
    keep : set of Tensor
        What others read afterwards.
    fixed : set of Statement
        Statements that are lowered otherwise.
    group : callable
        Only statements for which it is equal run together.
    """
    result: list[Item | Batch] = []
    everything = [s for i in items for s in ((i,) if isinstance(i, Statement) else i.statements)]
    for run in _runs(items, fixed, group):
        batch = _batch(run, everything, keep) if isinstance(run, list) else None
        result += [batch] if batch else run if isinstance(run, list) else [run]
    return tuple(result)


def _runs(
    items: Sequence[Item], fixed: set[Statement], group: Callable[[Statement], Any]
) -> Iterator[list[Statement] | Item]:
    """Neighbours that could run together, and everything else one by one."""
    run: list[Statement] = []
    for item in items:
        apart = not isinstance(item, Statement) or item in fixed or _axis(item) is None
        if run and (apart or not _joins(item, run, group)):
            yield run
            run = []
        if apart:
            yield item
        else:
            run.append(item)  # type: ignore[arg-type]
    if run:
        yield run


def _joins(item: Any, run: list[Statement], group: Callable[[Statement], Any]) -> bool:
    axis, first = _axis(item), _axis(run[0])
    alike = axis is not None and first is not None and axis.extent == first.extent
    return alike and group(item) == group(run[0])


def _axis(statement: Statement) -> Axis | None:
    """The axis that walks the whole of the target's first dimension and stands nowhere else.

    Its own number stands in no value: within a part, it is counted from 0.
    """
    if not statement.target.index or any(a.tensor.optional for a in statement.entries):
        return None
    axis = statement.target.index[0]
    if not isinstance(axis, Axis) or any(axis in axes_in((g.expression,)) for g in statement.where):
        return None
    if axis in bare_axes(statement.value):
        return None
    for access in (statement.target, *statement.entries):
        if access.index and access.index[0] == axis:
            whole = access.tensor.shape[0] == axis.extent and access.tensor.offset[0] == 0
            if not whole or axis in axes_in(access.index[1:]):
                return None
        elif axis in axes_in(access.index):
            return None
    return axis


def _batch(run: list[Statement], everything: list[Statement], keep: set[Tensor]) -> Batch | None:
    """The run as a batch, if it goes over data more than once."""
    if not any(loops_of(statement) for statement in run):
        return None
    axis = _axis(run[0])
    assert axis is not None
    whole: set[Tensor] = set()
    split: dict[Tensor, None] = {}
    for statement in run:
        own = _axis(statement)
        for access in (statement.target, *statement.entries):
            if access.index and access.index[0] == own:
                split.setdefault(access.tensor)
            else:
                whole.add(access.tensor)
    others = [s for s in everything if s not in run]
    written = {s.target.tensor for s in run}
    used = {a.tensor for s in others for a in (s.target, *s.entries)}
    if whole & split.keys() or written & {s.target.tensor for s in others}:
        return None
    renamed: dict[Tensor, Tensor] = {}
    parts: dict[Tensor, Tensor] = {}
    for tensor in split:
        local = tensor in written and tensor not in keep | used
        renamed[tensor] = _part(tensor, tensor.name if local else f"{tensor.name}_part")
        if not local:
            parts[tensor] = renamed[tensor]
    statements = tuple(s.substitute({**renamed, _axis(s): Axis(str(_axis(s)), COUNT)}) for s in run)
    sizes = [Mul(*tensor.shape[1:]) for tensor in split]
    return Batch(axis, statements, tuple(parts.items()), tuple(renamed.items()), Max(*sizes))


def _part(tensor: Tensor, name: str) -> Tensor:
    shape = ((COUNT,), *((extent,) for extent in tensor.shape[1:]))
    return tensor.like(name=name, shape=shape)
