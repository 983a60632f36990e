"""Write a schedule out: who allocates, who assigns and who adds, and what a call may skip."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from sympy import Expr, sympify

from derive.calculus.affine import affine
from derive.calculus.bounds import disjoint
from derive.calculus.statements import Statement
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Tensor
from derive.lowering.batches import COUNT, Batch, with_batches
from derive.lowering.carries import with_carries
from derive.lowering.columns import constants_of, correlate, scatter
from derive.lowering.destinations import WHOLE, in_place
from derive.lowering.elementwise import Elementwise
from derive.lowering.fallback import Fallback
from derive.lowering.integers import lower_integer
from derive.lowering.locals import with_locals
from derive.lowering.outside import is_copy_with_fill
from derive.lowering.program import (
    NONE,
    Assign,
    Attribute,
    Binary,
    Comment,
    For,
    If,
    Line,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    call,
    names_in,
    numpy,
    tidied,
)
from derive.lowering.schedule import Item, Loop, flattened, schedule
from derive.lowering.stretches import Stretched, with_stretches
from derive.lowering.windows import Trilinear

NAMES = ("sizes", "dtype", "wrt", "first", "last")  # of every direction
Describe = Callable[[Statement, bool], str]
Axes = tuple[Axis, ...]


@dataclass
class Needs:
    """What the lines of a module need besides functions: named constants."""

    constants: dict[str, Expr] = field(default_factory=dict)


class Writer:
    """Writes the lines of one direction.

    Parameters
    ----------
    name : str
        The operation, for errors.
    optional : set of Tensor
        Inputs that may be absent; statements that read them are then skipped.
    describe : callable
        Gives the comment of a statement, and is told whether it adds to what is there.
    needs : Needs
        Collects what the module must define.
    forms : dict
        The statements to be lowered as windowed contractions.
    slide : bool
        Whether these leave their outermost window axis unexpanded.
    shrink : bool
        Whether loops may keep less than they compute, and compute in place.
    written : Order
        In which order the author wrote what is computed.
    finite : frozenset of Tensor
        Tensors without infinite entries.
    """

    def __init__(
        self,
        name: str,
        optional: set[Tensor],
        describe: Describe,
        needs: Needs,
        forms: dict[Statement, Trilinear],
        slide: bool,
        shrink: bool,
        written: Order,
        finite: frozenset[Tensor] = frozenset(),
    ) -> None:
        self.name, self.optional, self.describe, self.needs = name, optional, describe, needs
        self.forms, self.slide, self.shrink, self.written = forms, slide, shrink, written
        self.finite = finite
        self.serves: dict[Tensor, frozenset[str]] = {}
        self.everything: frozenset[str] = frozenset()
        self.order: tuple[Statement, ...] = ()
        self.origin: dict[Statement, Statement] = {}  # as it was before passes changed it
        self.loops: dict[Statement, Axes] = {}
        self.allocated: set[Tensor] = set()
        self.parts: set[Tensor] = set()  # of tensors that are allocated as a whole
        self.carried: set[Tensor] = set()  # from round to round of a loop
        self.arrays: dict[str, int] = {}  # their names and numbers of axes
        self.taken: set[str] = set()

    def lines(
        self,
        statements: Iterable[Statement],
        wanted: dict[Tensor, str],
        keep: Iterable[Tensor],
    ) -> tuple[Line, ...]:
        """Compute everything in order; with `wanted`, only what these names were asked for.

        Tensors in `keep` are read by others afterwards.
        """
        statements = tuple(statements)
        self.serves = _serves(statements, wanted)
        self.everything = frozenset(wanted.values())
        items: Sequence[Item | Batch] = self.largest_first(schedule(statements, self.name))
        given = flattened(items)
        if self.shrink:
            items = with_locals(items, {*keep, *wanted})
        self.origin = dict(zip(flattened(items), given, strict=True))
        if self.shrink:
            for narrowed in (with_carries, with_stretches):
                items, renamed = narrowed(items, {*keep, *wanted})
                self.origin |= {new: self.origin[old] for new, old in renamed.items()}
            whole = flattened(items)
            items = with_batches(items, {*keep, *wanted}, set(self.forms), self.names)
            pairs = zip(flattened(items), whole, strict=True)
            self.origin |= {new: self.origin[old] for new, old in pairs}
        self.order = flattened(items)
        tensors = [a.tensor for s in self.order for a in (s.target, *s.entries)]
        self.arrays = {tensor.name: tensor.rank for tensor in tensors}
        extents = [e for t in tensors for e in t.shape]
        for statement in self.order:
            extents += [statement.value, *(a.extent for a in statement.domain), *statement.domain]
        numbers = {x.name for e in extents for x in e.free_symbols}
        self.taken = {*self.arrays, *numbers, *NAMES}
        self.place(items, ())
        lines: list[Line] = []
        written = {s.target.tensor for s in statements}
        for tensor, name in wanted.items():
            if tensor not in written:  # nothing depends on it: its gradient is zero
                lines.append(If(_asked((name,)), tuple(self.allocate(tensor, False))))
        for names, block in self.blocks(items):
            if names == self.everything and len(wanted) != 1:
                lines += block
            else:
                lines.append(If(_asked(names), tuple(block)))
        return tidied(lines)

    def place(self, items: Sequence[Item | Batch], outer: Axes) -> None:
        """Note the loops around every statement."""
        for item in items:
            if isinstance(item, Loop):
                self.loops |= dict.fromkeys(item.statements, outer)
                self.carried |= {now for now, _ in getattr(item, "pairs", ())}
                for now, following in getattr(item, "pairs", ()):
                    self.written.stands(following, now)
                self.place(item.items, (*outer, item.axis))
            elif isinstance(item, Batch):
                self.place(item.statements, outer)
                for whole, part in item.renamed:
                    self.written.stands(part, whole)
            else:
                self.loops[item] = outer

    def largest_first(self, items: Sequence[Item]) -> tuple[Item, ...]:
        """Of neighbours with one target the largest comes first: it can make the target."""
        result: list[Item] = []
        for run in _runs(items):
            if isinstance(run, list):
                run.sort(key=lambda s: (bool(self.absent(s)), -len(s.domain)))
                result += run
            else:
                result.append(run)
        return tuple(result)

    # ---- what a call may skip ------------------------------------------------------------

    def blocks(self, items: Sequence[Item | Batch]) -> list[tuple[frozenset[str], list[Line]]]:
        """Lines, each block with the names of the gradients that need it."""
        blocks: list[tuple[frozenset[str], list[Line]]] = []
        done: set[Item | Batch] = set()
        for item in items:
            if item in done:
                continue
            if isinstance(item, Loop | Batch):
                together: list[Statement] = list(item.statements)
                lines = self.loop(item) if isinstance(item, Loop) else self.batch(item)
            else:
                together = self.sharing(item, items, done)
                lines = self.group(together) if len(together) > 1 else self.statement(item)
                done |= set(together)
            names = frozenset().union(*(self.names(s) for s in together))
            if not blocks or blocks[-1][0] != names:
                blocks.append((names, []))
            blocks[-1][1].extend(lines)
            done.add(item)
        return blocks

    def names(self, statement: Statement) -> frozenset[str]:
        """The wanted gradients that a statement serves; all of them if none is listed."""
        tensor = self.origin.get(statement, statement).target.tensor
        return self.serves.get(tensor, self.everything)

    def asked(self, statement: Statement) -> Node | None:
        names = self.names(statement)
        return None if names == self.everything else _asked(names)

    # ---- who makes the target ------------------------------------------------------------

    def statement(self, statement: Statement) -> list[Line]:
        """The lines of one statement, its target's allocation before it where that is needed."""
        tensor = statement.target.tensor
        # A product over windows runs over all rounds of a loop; in one round it is not to be had.
        form = None if self.loops[statement] else self.forms.get(statement)
        absent = self.absent(statement)
        before: list[Line] = []
        if form is not None:
            assign = tensor not in self.allocated
            self.needs.constants |= constants_of(form)
            if form.image == statement.target:
                work = scatter(form, assign)
            else:
                work = correlate([form], self.looped(form), self.asked, lambda _: assign)
        else:
            earlier = self.order[: self.order.index(statement)]
            again = any(other.target.tensor == tensor for other in earlier)
            lowering = Fallback(
                statement, self.loops[statement], tensor in self.parts, again, self.written,
                self.finite,
            )  # fmt: skip
            fill = is_copy_with_fill(statement)
            assign = fill or (not absent and lowering.exact and self.is_first(statement))
            if fill:
                assert isinstance(statement.value, Access)
                before = self.allocate_filled(tensor, statement.value.tensor.outside)
            done = lowering.lower(assign)
            self.needs.constants |= done.constants
            if not done.makes_target:
                before = [*before, *self.allocate(tensor, assign and lowering.whole)]
            work = list(done.lines)
        block = (Comment(self.describe(self.origin[statement], not assign)), *work)
        self.allocated.add(tensor)
        return [*before, *([If(_present(absent), block)] if absent else block)]

    def is_first(self, statement: Statement) -> bool:
        """Whether nothing has been added yet where the statement writes."""
        if statement.target.tensor in self.carried and self.loops[statement]:
            return False
        here = self.order.index(statement)
        for place, other in enumerate(self.order):
            if other is statement or other.target.tensor != statement.target.tensor:
                continue
            if disjoint(statement, other):
                continue
            if place < here or not self.same_step(statement, other):
                return False
        return True

    def same_step(self, one: Statement, other: Statement) -> bool:
        """Whether loops around both reach an entry in the same round for both."""
        if one.target.tensor != self.origin[one].target.tensor:
            return True  # it lives within one round
        for axis in self.loops[one]:
            if axis not in self.loops[other]:
                continue
            for left, right in zip(one.target.index, other.target.index, strict=True):
                if axis in affine(left).iterators and left != right:
                    return False
            if not any(axis in affine(left).iterators for left in one.target.index):
                return False
        return True

    def allocate(self, tensor: Tensor, empty: bool) -> list[Line]:
        if tensor in self.allocated:
            return []
        self.allocated.add(tensor)
        shape = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
        dtype = Name("int" if tensor.integer else "dtype")
        start = self.start(tensor)
        if empty or start == Literal(0):
            made = numpy("empty" if empty else "zeros", shape, dtype)
        else:
            made = numpy("full", shape, start, dtype)
        return [Assign(Name(tensor.name), made)]

    def start(self, tensor: Tensor) -> Node:
        """What a tensor holds before the first statement adds to it."""
        if {s.op for s in self.order if s.target.tensor == tensor} <= {"add"}:
            return Literal(0)
        return Unary("-", Literal(1) if tensor.integer else Attribute(Name("np"), "inf"))

    def allocate_filled(self, tensor: Tensor, outside: Expr | None) -> list[Line]:
        """The target of a copy holds what is read outside, until it is overwritten."""
        if tensor in self.allocated:
            return []
        self.allocated.add(tensor)
        printer = Elementwise(lambda access: Name(access.tensor.name))
        value = printer.lower(sympify(outside))
        self.needs.constants |= printer.constants
        shape = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
        return [Assign(Name(tensor.name), numpy("full", shape, value, Name("dtype")))]

    def loop(self, loop: Loop) -> list[Line]:
        """A loop over time, say; what it writes is allocated before it."""
        before: list[Line] = []
        for now, _ in getattr(loop, "pairs", ()):  # what no statement before has prepared is 0
            before += self.allocate(now, False)
        for statement in flattened(loop.items):
            if is_copy_with_fill(statement):
                assert isinstance(statement.value, Access)
                outside = statement.value.tensor.outside
                before += self.allocate_filled(statement.target.tensor, outside)
                continue
            lowering = Fallback(statement, self.loops[statement])
            first = lowering.exact and lowering.whole and self.is_first(statement)
            before += self.allocate(statement.target.tensor, first and not self.absent(statement))
        body: list[Line] = []
        for item in loop.items:
            body += self.loop(item) if isinstance(item, Loop) else self.statement(item)
        for pair in getattr(loop, "pairs", ()):
            names = TupleOf(tuple(Name(t.name) for t in pair))
            body.append(Assign(names, TupleOf(names.items[::-1])))
        extent = lower_integer(loop.axis.extent)
        stretched = isinstance(loop, Stretched)
        ends = (Name("first"), Name("last"))
        steps = self.turned(loop, call("range", *(ends if stretched else (extent,))))
        whole = For(Name(loop.axis.name), steps, tuple(body))
        lines = in_place(whole, self.arrays, self.taken) if self.shrink else [whole]
        before, lines = [*before, *lines[:-1]], lines[-1:]
        if stretched:
            ahead = [line for s in loop.ahead for line in self.statement(s)]
            stretches = call("_stretches", extent, lower_integer(loop.elements))
            lines = [For(TupleOf(ends), self.turned(loop, stretches), (*ahead, *lines))]
        return [*before, *lines]

    def turned(self, loop: Loop, steps: Node) -> Node:
        return call("reversed", steps) if loop.falling else steps

    def batch(self, batch: Batch) -> list[Line]:
        """Statements for one part of an axis after another; what stays is allocated before them.

        A part is filled where it is computed: then it is in the cache, and a whole array of zeros
        would be written and read twice.
        """
        before: list[Line] = []
        filled: list[Line] = []
        written = {s.target.tensor for s in batch.statements}
        self.parts |= {part for _, part in batch.parts}
        for whole, part in batch.parts:
            self.allocated.add(part)
            if part in written:
                first = next(s for s in batch.statements if s.target.tensor == part)
                lowering = Fallback(first)
                exact = lowering.exact and lowering.whole and self.is_first(first)
                before += self.allocate(whole, True)
                if not exact:
                    filled.append(Assign(Subscript(Name(part.name), (WHOLE,)), self.start(part)))
        body: list[Line] = []
        span = Slice(Name("first"), Name("last"))
        for whole, part in batch.parts:
            body.append(Assign(Name(part.name), Subscript(Name(whole.name), (span,))))
        body += filled
        for statement in batch.statements:
            body += self.statement(statement)
        if COUNT.name in names_in(tuple(body)):
            body.insert(0, Assign(Name(COUNT.name), Name("last") - Name("first")))
        parts = call("_batches", lower_integer(batch.axis.extent), lower_integer(batch.elements))
        return [*before, For(TupleOf((Name("first"), Name("last"))), parts, tuple(body))]

    def absent(self, statement: Statement) -> list[Tensor]:
        """Optional tensors without which the statement is dropped."""
        return [t for t in dict.fromkeys(r.tensor for r in statement.entries) if t in self.optional]

    # ---- windowed contractions -----------------------------------------------------------

    def sharing(
        self, statement: Statement, items: Sequence[Item | Batch], done: set[Item | Batch]
    ) -> list[Statement]:
        """The statements whose products use the same columns as this one's and can be had now."""
        mine = self.forms.get(statement)
        if mine is None or mine.image == statement.target or not self.alone(statement):
            return [statement]
        found = [statement]
        pending = {s.target.tensor for s in self.order if s not in done}
        for other in items:
            form = self.forms.get(other) if isinstance(other, Statement) else None
            if form is None or other in found or other in done or not _same_columns(mine, form):
                continue
            assert isinstance(other, Statement)
            if self.alone(other) and not any(r.tensor in pending for r in other.entries):
                found.append(other)
        return found

    def alone(self, statement: Statement) -> bool:
        return sum(s.target.tensor == statement.target.tensor for s in self.order) == 1

    def group(self, statements: list[Statement]) -> list[Line]:
        """Several products with the same columns."""
        self.allocated |= {s.target.tensor for s in statements}
        forms = [self.forms[s] for s in statements]
        for form in forms:
            self.needs.constants |= constants_of(form)
        lines: list[Line] = [Comment(self.describe(s, False)) for s in statements]
        return [*lines, *correlate(forms, self.looped(forms[0]), self.asked, lambda _: True)]

    def looped(self, form: Trilinear) -> int:
        return 1 if self.slide and len(form.windows) > 1 else 0


def _runs(items: Sequence[Item]) -> Iterable[list[Statement] | Loop]:
    """Loops, and neighbouring statements that write the same tensor."""
    run: list[Statement] = []
    for item in items:
        if run and (isinstance(item, Loop) or item.target.tensor != run[0].target.tensor):
            yield run
            run = []
        if isinstance(item, Loop):
            yield item
        else:
            run.append(item)
    if run:
        yield run


def _same_columns(one: Trilinear, other: Trilinear) -> bool:
    def key(form: Trilinear):
        windows = [(w.step, w.dilation, w.shift, w.tap, w.place) for w in form.windows]
        return form.image, form.batch, form.images, form.channels, windows

    return other.image != other.statement.target and key(one) == key(other)


def _serves(
    statements: tuple[Statement, ...], wanted: dict[Tensor, str]
) -> dict[Tensor, frozenset[str]]:
    """For each tensor, the names of the wanted tensors it contributes to."""
    serves = {tensor: frozenset({name}) for tensor, name in wanted.items()}
    grew = bool(wanted)
    while grew:
        grew = False
        for statement in statements:
            names = serves.get(statement.target.tensor, frozenset())
            for read in statement.entries:
                union = serves.get(read.tensor, frozenset()) | names
                if union != serves.get(read.tensor, frozenset()):
                    serves[read.tensor] = union
                    grew = True
    return serves


def _asked(names: Iterable[str]) -> Node:
    tests: list[Node] = [Binary("in", Literal(name), Name("wrt")) for name in sorted(names)]
    return _any(tests, "or")


def _present(tensors: list[Tensor]) -> Node:
    return _any([Binary("is not", Name(t.name), NONE) for t in tensors], "and")


def _any(tests: list[Node], word: str) -> Node:
    result = tests[0]
    for test in tests[1:]:
        result = Binary(word, result, test)
    return result
