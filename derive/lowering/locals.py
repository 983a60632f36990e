"""Pass: what a loop uses only in the round that computes it needs no room for all rounds.

for t:  i_bar[t] = c_bar[t]*g[t];  a_bar[t] = i_bar[t]*...     becomes
for t:  i_bar    = c_bar[t]*g[t];  a_bar[t] = i_bar*...
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from derive.calculus.affine import affine
from derive.calculus.statements import Statement
from derive.language.symbols import Access, Axis, Tensor
from derive.lowering.fallback import Fallback
from derive.lowering.schedule import Item, Loop


def with_locals(items: Sequence[Item], keep: set[Tensor]) -> tuple[Item, ...]:
    """Drop the loop's axis from tensors that live within one round; those in `keep` stay."""
    result: list[Item] = []
    outside = [s for item in items if not isinstance(item, Loop) for s in (item,)]
    for item in items:
        if isinstance(item, Loop):
            others = [
                s for o in items if isinstance(o, Loop) and o is not item for s in o.statements
            ]
            item = _shrunk(item, keep, (*outside, *others))
        result.append(item)
    return tuple(result)


def _shrunk(loop: Loop, keep: set[Tensor], others: Sequence[Statement]) -> Loop:
    used_outside = {a.tensor for s in others for a in (s.target, *s.entries)}
    statements = loop.statements
    shrunk: dict[Tensor, tuple[int, Tensor]] = {}
    straight = [s for s in loop.items if not isinstance(s, Loop)]
    inner = {a.tensor for s in statements if s not in straight for a in (s.target, *s.entries)}
    for tensor in dict.fromkeys(s.target.tensor for s in straight):
        accesses = [a for s in statements for a in (s.target, *s.entries) if a.tensor == tensor]
        dimension = _dimension(accesses, loop.axis)
        if tensor in keep | used_outside | inner or dimension is None:
            continue
        first = next(s for s in straight if s.target.tensor == tensor)
        may_be_absent = any(entry.tensor.optional for entry in first.entries)
        if may_be_absent or not Fallback(first, (loop.axis,)).exact:
            continue  # it would have to be emptied in every round
        shrunk[tensor] = (dimension, _without(tensor, dimension))
    if not shrunk:
        return loop
    return Loop(loop.axis, loop.falling, tuple(_rewritten(item, shrunk) for item in loop.items))


def _dimension(accesses: Sequence[Access], axis: Axis) -> int | None:
    """The one dimension that the loop's axis walks, at the same place in every access."""
    first = accesses[0]
    for dimension, index in enumerate(first.index):
        if affine(index).iterators == (axis,):
            same = all(a.index[dimension] == index for a in accesses)
            rest = all(
                axis not in affine(i).iterators
                for a in accesses
                for d, i in enumerate(a.index)
                if d != dimension
            )
            return dimension if same and rest else None
    return None


def _without(tensor: Tensor, dimension: int) -> Tensor:
    shape = tuple((e,) for d, e in enumerate(tensor.shape) if d != dimension)
    offset = tuple(o for d, o in enumerate(tensor.offset) if d != dimension)
    return tensor.like(shape=shape, offset=offset)


def _rewritten(item: Item, shrunk: dict[Tensor, tuple[int, Tensor]]) -> Item:
    if isinstance(item, Loop):
        inner = tuple(_rewritten(i, shrunk) for i in item.items)
        return Loop(item.axis, item.falling, inner)
    values = {
        a: _shorter(a, *shrunk[a.tensor])
        for a in (item.target, *item.entries)
        if a.tensor in shrunk
    }
    return replace(
        item, target=values.get(item.target, item.target), value=item.value.xreplace(values)
    )


def _shorter(access: Access, dimension: int, tensor: Tensor) -> Access:
    return Access(tensor, *(i for d, i in enumerate(access.index) if d != dimension))
