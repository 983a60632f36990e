"""From the adjoint to the form people know, one named rule after another.

For each cotangent: the chain rule with its partial derivatives, linearity, the deltas, then the
rules of `sifting` in their order. The derivation is computed beside the adjoint and from the same
statements; its first step says that both are equal, and tests evaluate it and every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from sympy import Expr, Function, Integer, Symbol

from derive.calculus import sifting
from derive.calculus.adjoint import Adjoint, weigh
from derive.calculus.differentiate import partial
from derive.calculus.lift import equations_of
from derive.calculus.reading import read_form, read_recurrence
from derive.calculus.statements import Guard, Statement, System
from derive.calculus.step import Becomes, Equal, PartialDerivative, Phrase, Step, listing
from derive.language.operation import Equation, Operation
from derive.language.symbols import Access, Axis, Tensor

RULES: tuple[tuple[str, Callable[..., sifting.Rewritten], bool], ...] = (
    # name, rule, whether equalities are still printed as deltas afterwards
    ("sift δ, same axis", sifting.sift_bare, True),
    ("sift δ, solve for an index", sifting.sift_unit, True),
    ("sift δ, exact division", sifting.sift_multiple, True),
    ("a δ that stays", sifting.keep_residual, False),
    ("drop implied conditions", sifting.drop_implied, False),
    ("zero extension", sifting.absorb, False),
)


@dataclass(frozen=True)
class Derivation:
    """How each cotangent comes about.

    Attributes
    ----------
    operation : Operation
        What was differentiated.
    definition : tuple of Equation
        Its equations as their author wrote them.
    forward : tuple of Statement
        Its statements: sums apart, and what stands inside a function named.
    gradients : dict of Tensor to tuple of Step
        The steps of each cotangent, in an order in which each uses only those before it (but for
        recurrences).
    cotangent : dict of Tensor to Tensor
        From a primal tensor to its cotangent.
    order : tuple of Tensor
        The order of factors in print: cotangents, then the inputs as declared, then the rest.
    """

    operation: Operation
    definition: tuple[Equation, ...]
    forward: tuple[Statement, ...]
    gradients: dict[Tensor, tuple[Step, ...]]
    cotangent: dict[Tensor, Tensor]
    order: tuple[Tensor, ...]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        return tuple(step for steps in self.gradients.values() for step in steps)

    @property
    def lifted(self) -> bool:
        """Whether statements were named that the author did not name."""
        return len({s.target.tensor for s in self.forward}) > len(
            {e.left.tensor for e in self.definition}
        )

    @property
    def axes(self) -> tuple[Axis, ...]:
        """The author's indices in the order in which the statements introduce them."""
        return tuple(dict.fromkeys(axis for s in self.forward for axis in s.domain))

    def final(self, tensor: Tensor) -> Step | None:
        """The last step that holds for all values of the options."""
        general = [s for s in self.gradients.get(tensor, ()) if not s.assuming]
        return general[-1] if general else None

    def label_of(self, tensor: Tensor) -> str:
        """The label under which the derivation states what is computed for `tensor`."""
        step = self.final(tensor)
        return step.label if step else f"{tensor.name}.1"


def derivation(operation: Operation, system: System, adjoint: Adjoint) -> Derivation:
    """Derive the cotangents of `system`, step by step.

    Parameters
    ----------
    operation : Operation
        The definition.
    system : System
        ``to_system(operation)``.
    adjoint : Adjoint
        ``adjoint(system)``: says which cotangents are wanted.
    """
    bars = frozenset(adjoint.cotangent.values())
    scatter: dict[Tensor, list[Statement]] = {}
    for statement in adjoint.statements:
        scatter.setdefault(statement.target.tensor, []).append(statement)
    primal = {bar: tensor for tensor, bar in adjoint.cotangent.items()}
    values = _forward_values(system)
    gradients = {}
    for bar in _in_order(scatter, system, primal):
        line = _Line(bar, bars, tuple(scatter[bar]), _cycle(bar, scatter))
        if any(s.op == "max" for s in system.statements):
            gradients[bar] = ()
            continue
        _differentiate(line, system, primal[bar], adjoint.cotangent)
        line.apply("reuse forward values", sifting.reuse_forward(values), line.deltas)
        for name, rule, deltas in RULES:
            line.apply(name, rule, deltas)
            if rule is sifting.sift_bare:
                line.rename()
        line.rename_last()
        line.read()
        _specialise(line)
        gradients[bar] = tuple(line.steps)
    inputs = (*system.inputs, *(t for t in system.tensors if t not in system.inputs))
    cotangents = tuple(adjoint.cotangent[t] for t in inputs if t in adjoint.cotangent)
    order = tuple(dict.fromkeys((*cotangents, *inputs)))
    definition = equations_of(operation)
    return Derivation(
        operation, definition, system.statements, gradients, dict(adjoint.cotangent), order
    )


@dataclass
class _Line:
    """The steps of one cotangent as they are found."""

    target: Tensor
    bars: frozenset[Tensor]
    current: tuple[Statement, ...]
    cycle: frozenset[Tensor] = frozenset()
    steps: list[Step] = field(default_factory=list)
    deltas: bool = False
    assuming: tuple[Equal, ...] = ()

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

    def apply(self, name: str, rule: Callable[..., sifting.Rewritten], deltas: bool) -> None:
        """Rewrite every statement to which the rule applies; record a step if there was one."""
        after, reasons = [], []
        for term in self.current:
            rewritten = rule(term, self.bars)
            after.append(rewritten[0] if rewritten else term)
            if rewritten and rewritten[1] not in reasons:
                reasons.append(rewritten[1])
        if reasons:
            self.deltas = deltas and any(g.kind == "eq" for s in after for g in s.where)
            because = reasons[0]
            for reason in reasons[1:]:
                because = (*because, "; ", *reason)
            self.add(name, after, because)

    def primes(self) -> dict[Axis, Axis]:
        """Primed free indices whose plain name is free again."""
        target = self.current[0].target
        if any(s.target != target for s in self.current):
            return {}
        used = {a.name for s in self.current for a in s.domain}
        renamed: dict[Axis, Axis] = {}
        for axis in self.current[0].domain:
            plain = axis.name.rstrip("'")
            if axis in target.free_symbols and plain not in used:
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
        """Say what the form is called, after what it was called before."""
        reading = read_form(self.current) or read_recurrence(self.current, self.cycle)
        if reading:
            self.steps[-1] = replace(self.steps[-1], reading=reading)


def _specialise(line: _Line) -> None:
    """What becomes of divisions where what divides is 1, and the flip that follows."""
    ones = sifting.unit_moduli(line.current)
    if ones:
        line.assuming = tuple(Equal(symbol, one) for symbol, one in ones.items())
        after = [sifting.specialise(s, ones) for s in line.current]
        line.add("special case", after, ("every number is divisible by 1",))
        line.read()
    before = line.steps[-1]
    line.apply("change of index", sifting.flip, line.deltas)
    if line.steps[-1] is not before:
        line.read()
        last = line.steps[-1]
        if before.reading and last.reading:
            first, second = read_form(before.shown, rest=False), read_form(last.shown, detail=False)
            both = (*first, "; that is, ", *second) if first and second else last.reading
            line.steps[-1] = replace(last, reading=both)


def _differentiate(line: _Line, system: System, by: Tensor, bars: dict[Tensor, Tensor]) -> None:
    """Chain rule, linearity (or the derivative of the value), and the deltas they leave."""
    slopes = [
        (statement, read, partial(statement.value, read))
        for statement in system.statements
        if statement.target.tensor in bars
        for read in statement.reads
        if read.tensor == by
    ]
    slopes = [(s, r, slope) for s, r, slope in slopes if slope != 0]
    written = tuple(dict.fromkeys(s.target.tensor for s, _, _ in slopes))
    names = _Names(system, slopes)
    free = names.free(by, [read for _, read, _ in slopes])
    target = Access(line.target, *(a + o for a, o in zip(free, by.offset, strict=True)))

    chain: list[Statement] = []
    for tensor in written:
        over = names.entries(tensor, [s.target for s, _, _ in slopes if s.target.tensor == tensor])
        entry = tuple(a + o for a, o in zip(over, tensor.offset, strict=True))
        derivative = Access(PartialDerivative(tensor, by), *entry, *target.index)
        value = Access(bars[tensor], *entry) * derivative
        chain.append(Statement((*free, *over), target, value))
    for statement, read, slope in slopes:
        derivative = PartialDerivative(statement.target.tensor, by)
        place = Access(derivative, *statement.target.index, *read.index)
        chain.append(Statement(statement.domain, place, slope, statement.where))
    line.add("chain rule", chain, (by, " reaches the result through ", *listing(written)))

    same = PartialDerivative(by, by)
    linear = []
    for term, (_, read, _) in zip(_weighed(slopes, bars), slopes, strict=True):
        value = term.value * Access(same, *read.index, *target.index)
        linear.append(Statement((*free, *term.domain), target, value, term.where))
    unit = Access(same, *target.index, *target.index)
    is_linear = not any(slope.has(read) for _, read, slope in slopes)
    if is_linear:
        name, because = "linearity", (
            "what does not depend on ",
            by,
            " comes before the derivative",
        )
    else:
        name, because = "derivative of the value", ("by the rules for functions of one number",)
    line.add(name, (*linear, Statement(free, unit, Integer(1))), because)

    deltas = []
    for statement, (_, read, _) in zip(linear, slopes, strict=True):
        where = tuple(
            Guard("eq", index - of) for index, of in zip(target.index, read.index, strict=True)
        )
        value = statement.value.xreplace({Access(same, *read.index, *target.index): Integer(1)})
        deltas.append(replace(statement, value=value, where=statement.where + where))
    line.deltas = True
    line.add(
        "∂x[α]/∂x[β] = δ", deltas, ("entries of ", by, " are independent of each other")
    )  # fmt: skip


def _weighed(
    slopes: Sequence[tuple[Statement, Access, Expr]], bars: dict[Tensor, Tensor]
) -> list[Statement]:
    """Cotangent times derivative, over the box of each statement."""
    return [
        replace(
            statement,
            value=weigh(Access(bars[statement.target.tensor], *statement.target.index), slope),
        )
        for statement, _, slope in slopes
    ]


class _Names:
    """Names for new indices: familiar ones where they are free, else with a prime."""

    def __init__(self, system: System, slopes: Sequence[tuple[Statement, Access, Expr]]) -> None:
        self.taken = {t.name for t in system.tensors}
        for statement, _, _ in slopes:
            self.taken |= {a.name for a in statement.domain}
            self.taken |= {s.name for a in statement.reads for s in a.free_symbols}

    def new(self, extent: Expr, like: Axis | None) -> Axis:
        if like is not None:
            name = like.name + "'"
        else:
            own = [extent.name.lower()] if isinstance(extent, Symbol) else []
            own = [x for x in own if len(x) == 1]
            letters = own or ["i", "j", "l", "m", "r"]
            name = next((x for x in letters if x not in self.taken), letters[0] + "'")
        while name in self.taken:
            name += "'"
        self.taken.add(name)
        return Axis(Symbol(name, integer=True), extent)

    def free(self, tensor: Tensor, reads: Sequence[Access]) -> tuple[Axis, ...]:
        """An index for each axis of a tensor, named after those by which it is read."""
        found = []
        for position, extent in enumerate(tensor.shape):
            bare = [r.index[position] for r in reads if isinstance(r.index[position], Axis)]
            found.append(self.new(extent, bare[0] if bare else None))  # type: ignore[arg-type]
        return tuple(found)

    def entries(self, tensor: Tensor, written: Sequence[Access]) -> tuple[Axis, ...]:
        """An index for each axis of a tensor: the author's own where the target names it."""
        found: list[Axis] = []
        for position, extent in enumerate(tensor.shape):
            own = written[0].index[position]
            plain = isinstance(own, Axis) and own.extent == extent and tensor.offset[position] == 0
            if plain and own not in found:
                found.append(own)  # type: ignore[arg-type]
            else:
                found.append(self.new(extent, None))
        return tuple(found)


def _forward_values(system: System) -> tuple[Statement, ...]:
    """Statements that say what one function of known entries is, at every point of a tensor."""
    found = []
    for statement in system.statements:
        tensor = statement.target.tensor
        whole = (
            isinstance(statement.value, Function)
            and system.writing(tensor) == (statement,)
            and not statement.where
            and len(set(statement.target.index)) == len(statement.domain)
            and not any(tensor.offset)
            and all(
                isinstance(i, Axis) and i.extent == extent
                for i, extent in zip(statement.target.index, tensor.shape, strict=True)
            )
        )
        if whole:
            found.append(statement)
    return tuple(found)


def _cycle(bar: Tensor, scatter: dict[Tensor, list[Statement]]) -> frozenset[Tensor]:
    """The cotangents that `bar` depends on and that depend on it."""

    def behind(start: Tensor) -> set[Tensor]:
        reached: set[Tensor] = set()
        waiting = [start]
        while waiting:
            for statement in scatter.get(waiting.pop(), ()):
                new = {r.tensor for r in statement.reads} & scatter.keys() - reached
                reached |= new
                waiting += sorted(new, key=str)
        return reached

    return frozenset(t for t in behind(bar) if bar in behind(t))


def _in_order(
    scatter: dict[Tensor, list[Statement]], system: System, primal: dict[Tensor, Tensor]
) -> list[Tensor]:
    """Cotangents, each after those it is computed from; of equals, inputs as declared, last."""
    place = {
        t: i
        for i, t in enumerate((*reversed(system.tensors[len(system.inputs) :]), *system.inputs))
    }
    waiting = sorted(scatter, key=lambda bar: place.get(primal[bar], 0))
    done: list[Tensor] = []
    while waiting:
        ready = next(
            (
                bar
                for bar in waiting
                if not any(
                    read.tensor in waiting and read.tensor != bar
                    for statement in scatter[bar]
                    for read in statement.reads
                )
            ),
            waiting[0],
        )
        waiting.remove(ready)
        done.append(ready)
    return done
