"""From the adjoint to the form people know, one named rule after another.

For each cotangent: the chain rule with its partial derivatives, linearity, the deltas, then the
rules of `sifting` in their order. The derivation is computed beside the adjoint and from the same
statements; its first step says that both are equal, and tests evaluate it and every other.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from derive.calculus import sifting
from derive.calculus.adjoint import Adjoint
from derive.calculus.boundary import set_boundary_apart, set_rows_apart
from derive.calculus.chain import differentiate
from derive.calculus.differentiate import extrema
from derive.calculus.jacobian import jacobian_lines
from derive.calculus.lift import equations_of
from derive.calculus.line import Line
from derive.calculus.loops import loops_in
from derive.calculus.reuse import forward_values, reuse_forward
from derive.calculus.statements import Statement, System
from derive.calculus.step import Equal, Step, TotalDerivative
from derive.display import Displayed
from derive.language.operation import Equation, Operation
from derive.language.order import Order
from derive.language.symbols import Axis, Tensor

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
class Derivation(Displayed):
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
        The tensors: cotangents, then the inputs as declared, then the rest. Factors of what
        nobody wrote are printed in this order.
    written : Order
        In which order what the author wrote is printed.
    jacobians : dict of TotalDerivative to tuple of Step
        The steps of the derivatives of each state by each state one step before.
    """

    operation: Operation
    definition: tuple[Equation, ...]
    forward: tuple[Statement, ...]
    gradients: dict[Tensor, tuple[Step, ...]]
    cotangent: dict[Tensor, Tensor]
    order: tuple[Tensor, ...]
    written: Order
    jacobians: dict[TotalDerivative, tuple[Step, ...]]

    @property
    def steps(self) -> tuple[Step, ...]:
        """All steps in order."""
        lines = (*self.gradients.values(), *self.jacobians.values())
        return tuple(step for steps in lines for step in steps)

    @property
    def given(self) -> tuple[Tensor, ...]:
        """The cotangents of the outputs from which everything follows."""
        bars = (self.cotangent.get(tensor) for tensor in self.operation.outputs)
        return tuple(bar for bar in bars if bar is not None)

    @property
    def wanted(self) -> tuple[Tensor, ...]:
        """The cotangents of inputs that follow; an input that no output varies with has none."""
        bars = (self.cotangent.get(tensor) for tensor in self.operation.inputs)
        return tuple(bar for bar in bars if bar in self.gradients)

    @property
    def rows(self) -> dict[tuple[Tensor, int], Sequence[str]]:
        """What rows of tensors are called, those of their cotangents too."""
        found = self.operation.named_rows
        bars = {
            (self.cotangent[tensor], place): names
            for (tensor, place), names in found.items()
            if tensor in self.cotangent
        }
        return found | bars

    @property
    def ties(self) -> bool:
        """Whether arguments of a maximum or minimum may tie for a derivative."""
        return any(
            extrema(statement.value, read)
            for statement in self.forward
            for read in statement.reads
            if read.tensor in self.cotangent and statement.target.tensor in self.cotangent
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


def label_of(statement: Statement, derivation: Derivation) -> str:
    """The step that states this very formula, or words that say from which one it comes."""
    tensor = statement.target.tensor
    for step in reversed(derivation.gradients.get(tensor, ())):
        if not step.assuming and any(_says_the_same(s, statement) for s in step.shown):
            return step.label
    return f"from {derivation.label_of(tensor)}"


def _says_the_same(one: Statement, other: Statement) -> bool:
    """Whether two statements differ in nothing but the order of axes and conditions."""
    parts = [(s.target, s.value, s.op, {*s.domain}, {*s.where}) for s in (one, other)]
    return parts[0] == parts[1]


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
    whole = outline(operation, adjoint)
    bars = frozenset(adjoint.cotangent.values())
    scatter: dict[Tensor, list[Statement]] = {}
    for statement in adjoint.statements:
        scatter.setdefault(statement.target.tensor, []).append(statement)
    primal = {bar: tensor for tensor, bar in adjoint.cotangent.items()}
    system = adjoint.primal
    values = forward_values(system)
    names = frozenset(t.name for t in system.tensors)
    gradients = {}
    for bar in _in_order(scatter, system, primal):
        line = Line(bar, bars, tuple(scatter[bar]), _cycle(bar, scatter), reserved=names)
        differentiate(line, system, primal[bar], adjoint.cotangent)
        _sift(line, values, system.order)
        gradients[bar] = tuple(line.steps)
    lines = _jacobian_lines(system, adjoint, values, names)
    jacobians = {line.target: tuple(line.steps) for line in lines}
    return replace(whole, gradients=gradients, jacobians=jacobians)


def outline(operation: Operation, adjoint: Adjoint) -> Derivation:
    """A derivation before there is any step: what is defined, and in which order it prints."""
    system = adjoint.primal
    inputs = (*system.inputs, *(t for t in system.tensors if t not in system.inputs))
    cotangents = tuple(adjoint.cotangent[t] for t in inputs if t in adjoint.cotangent)
    order = tuple(dict.fromkeys((*cotangents, *inputs)))
    definition = equations_of(operation)
    cotangent = dict(adjoint.cotangent)
    return Derivation(
        operation, definition, system.statements, {}, cotangent, order, system.order, {}
    )


def _jacobian_lines(
    system: System, adjoint: Adjoint, values: tuple[Statement, ...], names: frozenset[str]
) -> Iterator[Line]:
    """The Jacobian of one step of every loop through which a gradient flows."""

    def sift(line: Line) -> None:
        """As for a cotangent, but a δ between two indices of the result may stay."""
        line.apply("reuse forward values", reuse_forward(values, system.order), line.deltas)
        for name, rule, _ in RULES:
            if rule is not sifting.keep_residual:
                line.apply(name, rule, True)

    written = {s.target.tensor for s in adjoint.statements}
    active = {tensor: bar for tensor, bar in adjoint.cotangent.items() if bar in written}
    for loop in loops_in(system, active):
        yield from jacobian_lines(loop, system, names, sift)


def _sift(line: Line, values: tuple[Statement, ...], order: Order) -> None:
    """All rules in their order."""
    line.apply("reuse forward values", reuse_forward(values, order), line.deltas)
    for name, rule, deltas in RULES:
        if rule is sifting.keep_residual:
            set_rows_apart(line)
        applied = line.apply(name, rule, deltas)
        if applied and rule is sifting.sift_bare:
            line.rename()
    set_boundary_apart(line)
    line.rename_last()
    line.read()
    _specialise(line)


def _specialise(line: Line) -> None:
    """What becomes of divisions where what divides is 1, and the flip that follows."""
    ones = sifting.unit_moduli(line.current)
    if after := sifting.decided(sifting.specialise(s, ones) for s in line.current if ones):
        line.assuming = tuple(Equal(symbol, one) for symbol, one in ones.items())
        line.add("special case", after, ("every number is divisible by 1",))
        line.read()
    before, known = line.steps[-1], len(line.steps)
    line.apply("change of index", sifting.flip, line.deltas)
    if line.steps[-1] is not before:
        line.read()
        last = line.steps[-1]
        if not last.forms:  # then nothing was gained
            del line.steps[known:]
            line.current = before.after
        elif before.forms:
            line.steps[-1] = replace(last, forms=(*before.forms, *last.forms))


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
