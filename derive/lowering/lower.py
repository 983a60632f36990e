"""From systems to the two functions of a module: forward and backward."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from sympy import Expr

from derive.calculus.adjoint import Adjoint
from derive.calculus.statements import Statement, System
from derive.language.symbols import Tensor
from derive.lowering.columns import correlate, scatter
from derive.lowering.copies import without_copies
from derive.lowering.fallback import Fallback
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
    NONE,
    Assign,
    Binary,
    Comment,
    If,
    Line,
    Literal,
    Name,
    Node,
    TupleOf,
    numpy,
)
from derive.lowering.schedule import in_order
from derive.lowering.strategies import plan_windows
from derive.lowering.windows import Trilinear, trilinear

Describe = Callable[[Statement], str]


@dataclass
class Needs:
    """What the lines of a module need besides themselves."""

    constants: dict[str, Expr] = field(default_factory=dict)
    functions: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Variant:
    """One way to run a direction: its name and its lines."""

    name: str
    lines: tuple[Line, ...]


@dataclass(frozen=True)
class Direction:
    """Forward or backward: its strategies, and the test that chooses the first of two."""

    variants: tuple[Variant, ...]
    applies: Node | None = None
    prefers: Node | None = None


@dataclass(frozen=True)
class Program:
    """The mathematics of a module.

    Attributes
    ----------
    forward, backward : Direction
        `forward` computes the outputs, `backward` the cotangents of the inputs.
    saved : tuple of Tensor
        Primal tensors that backward reads: inputs, and values computed by forward.
    cotangents : dict
        From an input or output to its cotangent.
    needs : Needs
        Constants and functions that the module must define.
    """

    forward: Direction
    backward: Direction
    saved: tuple[Tensor, ...]
    cotangents: dict[Tensor, Tensor]
    needs: Needs


def lower(
    name: str, system: System, adjoint: Adjoint, describe: Describe, *, passes: bool = True
) -> Program:
    """Lower a system and its adjoint.

    Parameters
    ----------
    name : str
        The operation's name, for errors.
    system, adjoint
        What to lower.
    describe : callable
        Gives the comment of a statement.
    passes : bool
        Without them every statement takes the total fallback: slow, and as correct.
    """
    needs = Needs()
    optional = {t for t in system.inputs if t.optional}
    bars = adjoint.cotangent
    reads = {r.tensor for s in adjoint.statements for r in s.reads}
    saved = tuple(t for t in system.tensors if t in reads)
    wanted = {bars[t]: t.name for t in system.inputs if t in bars}
    arriving = (*system.tensors, *(bars[t] for t in system.outputs if t in bars))

    def direction(statements, given, asked, keep) -> Direction:
        if passes:
            statements = without_copies(statements, {*given, *asked, *keep})
        plan = plan_windows(statements) if passes else None
        if plan is None:
            writer = _Writer(name, optional, describe, needs, {}, 0)
            return Direction((Variant("", writer.lines(statements, given, asked)),))
        variants = []
        for word, chosen, slide in plan.strategies():
            forms = {s: f for s in chosen if (f := trilinear(s))}
            writer = _Writer(name, optional, describe, needs, forms, slide)
            variants.append(Variant(word, writer.lines(chosen, given, asked)))
        if len(variants) == 2 and variants[0].lines == variants[1].lines:
            variants.pop()
        if len(variants) == 1:
            return Direction((Variant("", variants[0].lines),))
        return Direction(tuple(variants), plan.applies(), plan.prefers())

    forward = direction(system.statements, system.inputs, {}, {*system.outputs, *saved})
    backward = direction(adjoint.statements, arriving, wanted, ())
    return Program(forward, backward, saved, bars, needs)


@dataclass
class _Writer:
    name: str
    optional: set[Tensor]
    describe: Describe
    needs: Needs
    forms: dict[Statement, Trilinear]
    slide: bool

    def lines(
        self,
        statements: Iterable[Statement],
        given: Iterable[Tensor],
        wanted: dict[Tensor, str],
    ) -> tuple[Line, ...]:
        """Compute every tensor in order; with `wanted`, only what these names were asked for."""
        statements = tuple(statements)
        self.serves = _serves(statements, wanted)
        self.everything = frozenset(wanted.values())
        written = in_order(statements, given, self.name)
        done: set[Tensor] = set()
        blocks: list[tuple[frozenset[str], list[Line]]] = []
        for tensor in written:
            if tensor in done:
                continue
            together = self.sharing(tensor, statements, set(given) | done)
            done |= set(together)
            names = frozenset().union(*(self.names(t) for t in together))
            if not blocks or blocks[-1][0] != names:
                blocks.append((names, []))
            if len(together) > 1:
                blocks[-1][1].extend(self.group(together, statements))
            else:
                blocks[-1][1].extend(self.tensor(tensor, statements))
        lines: list[Line] = []
        for names, block in blocks:
            if names == self.everything and len(wanted) != 1:
                lines += block
            else:
                lines.append(If(_asked(names), tuple(block)))
        return tuple(lines)

    def names(self, tensor: Tensor) -> frozenset[str]:
        """The wanted gradients that a tensor serves; all of them if none is listed."""
        return self.serves.get(tensor, self.everything)

    def asked(self, statement: Statement) -> Node | None:
        names = self.names(statement.target.tensor)
        return None if names == self.everything else _asked(names)

    def sharing(
        self, tensor: Tensor, statements: tuple[Statement, ...], known: set[Tensor]
    ) -> list[Tensor]:
        """The tensors whose products use the same columns as this one's and can be had now."""
        own = [s for s in statements if s.target.tensor == tensor]
        mine = self.forms.get(own[0]) if len(own) == 1 else None
        if mine is None or _image_is_target(mine):
            return [tensor]
        found = [tensor]
        for statement, form in self.forms.items():
            other = statement.target.tensor
            alone = sum(1 for s in statements if s.target.tensor == other) == 1
            if other not in found and alone and _same_columns(mine, form):
                if all(r.tensor in known for r in statement.reads):
                    found.append(other)
        return found

    def group(
        self, tensors: list[Tensor], statements: tuple[Statement, ...]
    ) -> list[Line]:
        """Several products with the same columns."""
        own = [s for t in tensors for s in statements if s.target.tensor == t]
        self.need_windows()
        lines: list[Line] = [Comment(self.describe(s)) for s in own]
        forms = [self.forms[s] for s in own]
        return [*lines, *correlate(forms, self.looped(forms[0]), self.asked, lambda form: True)]

    def looped(self, form: Trilinear) -> int:
        return 1 if self.slide and len(form.windows) > 1 else 0

    def need_windows(self) -> None:
        self.needs.functions |= {"_framed", "_windows", "_chunks", "_product", "_add_windows"}

    def tensor(self, tensor: Tensor, statements: tuple[Statement, ...]) -> list[Line]:
        """All statements that write one tensor; the one that can assign comes first."""
        own = [s for s in statements if s.target.tensor == tensor]
        own.sort(key=lambda s: (bool(self.absent(s)), -len(s.domain)))
        lowerings = {s: Fallback(s) for s in own if s not in self.forms}
        first = next((s for s in own if self.assigns(s, lowerings.get(s))), None)
        lines: list[Line] = []
        if first is None:
            lines.append(Assign(Name(tensor.name), self.allocate("zeros", tensor)))
        else:
            own.remove(first)
            own.insert(0, first)
        for statement in own:
            block = [Comment(self.describe(statement))]
            block += self.statement(statement, lowerings.get(statement), statement is first)
            absent = self.absent(statement)
            lines += [If(_present(absent), tuple(block))] if absent else block
        return lines

    def assigns(self, statement: Statement, lowering: Fallback | None) -> bool:
        """Whether the statement can make its target, all of it."""
        return not self.absent(statement) and (lowering is None or lowering.covers)

    def statement(
        self, statement: Statement, lowering: Fallback | None, assign: bool
    ) -> list[Line]:
        """One statement, by the fallback or as a windowed contraction."""
        if lowering is None:
            form = self.forms[statement]
            self.need_windows()
            if _image_is_target(form):
                return scatter(form, assign)
            return correlate([form], self.looped(form), self.asked, lambda _: assign)
        lines: list[Line] = []
        done = lowering.lower(assign)
        if assign and not done.makes_target:
            target = statement.target.tensor
            lines.append(Assign(Name(target.name), self.allocate("empty", target)))
        self.needs.constants |= done.constants
        self.needs.functions |= done.functions
        return [*lines, *done.lines]

    def absent(self, statement: Statement) -> list[Tensor]:
        """Optional tensors without which the statement is dropped."""
        return [t for t in dict.fromkeys(r.tensor for r in statement.reads) if t in self.optional]

    def allocate(self, how: str, tensor: Tensor) -> Node:
        shape = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
        return numpy(how, shape, Name("dtype"))


def _image_is_target(form: Trilinear) -> bool:
    return form.statement.target == form.image


def _same_columns(one: Trilinear, other: Trilinear) -> bool:
    def key(form: Trilinear):
        windows = [(w.step, w.dilation, w.shift, w.tap, w.place) for w in form.windows]
        return form.image, form.batch, form.images, form.channels, windows

    return not _image_is_target(other) and key(one) == key(other)


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
            for read in statement.reads:
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

