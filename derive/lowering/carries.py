"""Pass: what a loop hands to its next round only needs two rows, not one for every round.

h_bar = np.zeros((T + 1, N))               h_bar, h_bar_next = np.zeros(N), np.empty(N)
h_bar[1:] = y_bar                          for t in reversed(range(T)):
for t in reversed(range(T)):                   h_bar += y_bar[t]
    a_bar[t] = h_bar[t + 1] * k[t]             a_bar[t] = h_bar * k[t]
    h_bar[t] += a_bar[t] @ w     becomes       h_bar_next = a_bar[t] @ w
h0_bar = h_bar[0]                              h_bar, h_bar_next = h_bar_next, h_bar
                                           h0_bar = h_bar
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from sympy import Expr, Integer

from derive.calculus.affine import affine
from derive.calculus.statements import Statement, names_in
from derive.language.symbols import Access, Tensor
from derive.lowering.fallback import Fallback
from derive.lowering.schedule import Item, Loop, flattened

Rewritten = dict[Statement, Statement]


@dataclass(frozen=True)
class Carrying(Loop):
    """A loop that exchanges pairs of tensors at the end of each round: present one and next."""

    pairs: tuple[tuple[Tensor, Tensor], ...]


def with_carries(items: Sequence[Item], keep: set[Tensor]) -> tuple[tuple[Item, ...], Rewritten]:
    """Replace what loops carry by two rows; tensors in `keep` stay whole.

    Returns
    -------
    items, renamed
        The items, and for each statement that was rewritten what it was before.
    """
    result = list(items)
    renamed: Rewritten = {}
    taken = names_in(flattened(items))
    for item in items:
        if not isinstance(item, Loop):
            continue
        loop: Loop = item
        for tensor in dict.fromkeys(s.target.tensor for s in item.statements):
            name = f"{tensor.name}_next"
            if tensor in keep or name in taken:
                continue
            carried = _Carried.of(tensor, loop, result)
            if carried is None:
                continue
            new, changed = carried.rewritten(result)
            renamed |= {now: renamed.get(before, before) for before, now in changed.items()}
            result = new
            loop = next(i for i in result if isinstance(i, Carrying) and carried.pair in i.pairs)
    return tuple(result), renamed


@dataclass(frozen=True)
class _Carried:
    """A tensor of which a loop reads one row and writes the next."""

    tensor: Tensor
    loop: Loop
    before: tuple[Statement, ...]
    after: tuple[Statement, ...]
    step: Expr

    @classmethod
    def of(cls, tensor: Tensor, loop: Loop, items: Sequence[Item]) -> _Carried | None:
        """None if some access is of any other row, or of a row at another time."""
        if any(isinstance(i, Loop) for i in loop.items):
            return None
        axis, step = loop.axis, Integer(-1 if loop.falling else 1)
        begin, end = (axis.extent - 1, Integer(0))[:: 1 if loop.falling else -1]
        rows = {axis, axis + step}
        for statement in loop.statements:
            if any(a.index[0] not in rows for a in _accesses(statement, tensor) if a.index):
                return None
        place = list(items).index(loop)
        before, after = [], []
        for number, item in enumerate(items):
            if item is loop:
                continue
            inner = item.statements if isinstance(item, Loop) else (item,)
            found = [s for s in inner if _accesses(s, tensor)]
            if not found:
                continue
            if isinstance(item, Loop):
                return None
            (before if number < place else after).append(found[0])
        carried = cls(tensor, loop, tuple(before), tuple(after), step)
        good = (
            tensor.rank > 1
            and not tensor.integer
            and all(carried.prepares(s, begin) for s in before)
            and all(carried.concludes(s, end + step) for s in after)
            and carried.begins_anew()
        )
        return carried if good else None

    def prepares(self, statement: Statement, begin: Expr) -> bool:
        """Whether the statement adds to the first row, or to every row what it knows."""
        if statement.target.tensor != self.tensor or statement.where:
            return False
        if any(r.tensor == self.tensor or r.tensor.optional for r in statement.entries):
            return False
        row = statement.target.index[0]
        written = {a for i in statement.target.index for a in affine(i).iterators}
        if set(statement.domain) != written or self.loop.axis in affine(begin).iterators:
            return False
        return row == begin or row == self.loop.axis

    def concludes(self, statement: Statement, end: Expr) -> bool:
        """Whether the statement reads the last row."""
        reads = [r for r in statement.entries if r.tensor == self.tensor]
        return statement.target.tensor != self.tensor and all(r.index[0] == end for r in reads)

    def begins_anew(self) -> bool:
        """Whether some row is carried, and the first that is added to it is all of it."""
        following = self.loop.axis + self.step
        writers = [
            s
            for s in self.loop.statements
            if s.target.tensor == self.tensor and s.target.index[0] == following
        ]
        if not writers or any(
            r.tensor == self.tensor and r.index[0] == following
            for s in self.loop.statements
            for r in s.entries
        ):
            return False
        first = self.short(writers[0])
        fallback = Fallback(first, (self.loop.axis,))
        absent = any(r.tensor.optional for r in first.entries)
        return fallback.exact and fallback.whole and not absent

    @property
    def pair(self) -> tuple[Tensor, Tensor]:
        tensor = self.tensor
        shape = tuple((e,) for e in tensor.shape[1:])
        offset = tensor.offset[1:]
        now, following = (
            tensor.like(name=name, shape=shape, outside=None, offset=offset)
            for name in (tensor.name, f"{tensor.name}_next")
        )
        return now, following

    def short(self, statement: Statement) -> Statement:
        """The statement with rows instead of the tensor."""
        now, following = self.pair
        found = {
            a: Access(following if a.index[0] == self.loop.axis + self.step else now, *a.index[1:])
            for a in _accesses(statement, self.tensor)
        }
        return replace(
            statement,
            target=found.get(statement.target, statement.target),
            value=statement.value.xreplace(found),
        )

    def rewritten(self, items: Sequence[Item]) -> tuple[list[Item], Rewritten]:
        """The items, every round's own addition within the loop, and what became of what."""
        every = [s for s in self.before if s.target.index[0] == self.loop.axis]
        moved = {*every}
        statements = (*self.before, *self.after, *self.loop.statements)
        touched = {s: self.short(s) for s in statements if _accesses(s, self.tensor)}
        inner = tuple(touched.get(s, s) for s in (*every, *self.loop.statements))
        pairs = (*getattr(self.loop, "pairs", ()), self.pair)
        loop = Carrying(self.loop.axis, self.loop.falling, inner, pairs)
        result: list[Item] = []
        for item in items:
            if item is self.loop:
                result.append(loop)
            elif item not in moved:
                result.append(item if isinstance(item, Loop) else touched.get(item, item))
        return result, touched


def _accesses(statement: Statement, tensor: Tensor) -> list[Access]:
    return [a for a in (statement.target, *statement.entries) if a.tensor == tensor]
