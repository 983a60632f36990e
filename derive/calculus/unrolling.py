"""Backpropagation through time: from a recursion to a sum over all pairs of steps.

Let s[t] be the states after step t, all that a step hands on to the next, and J[t] its derivative
by s[t−1]. How the loss depends on s[t], directly and through later steps, is

    dL/ds[t] = ∂L[t]/∂s[t] + dL/ds[t+1] J[t+1],        dL/ds[T] = 0

where ∂L[t]/∂s[t] is what reaches the loss without another step. A parameter w is read in every
step, so that dL/dw = Σ_t dL/ds[t] ∂⁺s[t]/∂w; in ∂⁺ the states one step before are held fixed. With
the recursion put into itself,

    dL/dw = Σ_t Σ_{t' ≤ t} ∂L[t]/∂s[t] J[t] J[t−1] ⋯ J[t'+1] ∂⁺s[t']/∂w

All of it is read off the last steps of a derivation. (Werbos, "Backpropagation through time: what
it does and how to do it", Proc. IEEE 78, 1990; Pascanu, Mikolov and Bengio, "On the difficulty of
training recurrent neural networks", ICML 2013, from where the sign ∂⁺ is.)
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property

from sympy import Expr, Integer, Symbol

from derive.calculus.derivation import Derivation
from derive.calculus.loops import Loop
from derive.calculus.normal import tidy
from derive.calculus.statements import Statement, names_in
from derive.calculus.step import ImmediateDerivative, PartialDerivative, Step, TotalDerivative
from derive.calculus.straight import recurrences, straight_in
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor, entries_in


@dataclass(frozen=True)
class Parts:
    """Through what one state reaches the loss.

    Attributes
    ----------
    state, bar : Tensor
        The state and its cotangent.
    direct : tuple of Statement
        Through what is no part of the loop: ∂L[t]/∂s[t].
    later : tuple of Statement
        Through the next step.
    within : tuple of Statement
        Through other tensors of the same step. The cotangent is the sum of all three; as a part of
        dL/ds[t] the state counts without this one, which is counted with those tensors.
    label : str
        The step that says all this.
    ending : str
        The step that says that behind the last step nothing follows.
    """

    state: Tensor
    bar: Tensor
    direct: tuple[Statement, ...]
    later: tuple[Statement, ...]
    within: tuple[Statement, ...]
    label: str
    ending: str


@dataclass(frozen=True)
class Block:
    """The derivatives of one state by another across one step, as the derivation ends them."""

    derivative: TotalDerivative
    last: Step

    @property
    def of(self) -> Tensor:
        return self.derivative.of

    @property
    def by(self) -> Tensor:
        return self.derivative.by

    @property
    def terms(self) -> tuple[Statement, ...]:
        return self.last.shown


@dataclass(frozen=True)
class Unrolling:
    """A loop, step by step.

    Attributes
    ----------
    loop : Loop
        What is computed in each step.
    time : Axis
        The number of a step.
    earlier, between : Axis
        The numbers of an earlier step, and of one between the two.
    ahead : int
        1 if steps follow each other as their numbers rise, else -1.
    parts : tuple of Parts
        Of each state.
    blocks : tuple of Block
        Derivatives of each state by each across one step; what is not listed is 0.
    vector, jacobian, loss, weight : Tensor
        Names for all states together (that of the state if there is one), for J, for L, and for
        any of `weights`.
    weights : tuple of Tensor
        Parameters that reach the loss only through the steps of the loop.
    straight : tuple of Statement
        What leads from a state to itself past every weight (`derive.calculus.straight`).
    """

    loop: Loop
    time: Axis
    earlier: Axis
    between: Axis
    ahead: int
    parts: tuple[Parts, ...]
    blocks: tuple[Block, ...]
    vector: Tensor
    jacobian: Tensor
    loss: Tensor
    weight: Tensor
    weights: tuple[Tensor, ...]
    straight: tuple[Statement, ...]

    @property
    def end(self) -> Expr:
        """The number of the step behind the last one."""
        return self.time.extent if self.ahead == 1 else Integer(-1)

    @cached_property
    def states(self) -> tuple[Tensor, ...]:
        return tuple(part.state for part in self.parts)

    # What stands in the formulas: rows, matrices and numbers, each of one step.

    def total(self, step: Expr) -> Access:
        """dL/ds[t]: how the loss depends on the states, a row."""
        return Access(TotalDerivative(self.loss, self.vector), step)

    def share(self, step: Expr) -> Access:
        """∂L[t]/∂s[t]: the same without what goes through another step."""
        return Access(PartialDerivative(self._shares, self.vector), step, step)

    def across(self, step: Expr) -> Access:
        """J[t]: the derivative of the states by those one step before."""
        return Access(self.jacobian, step)

    def through(self, step: Expr, before: Expr) -> Access:
        """ds[t]/ds[t']: the derivative of the states by those of another step."""
        return Access(TotalDerivative(self.vector, self.vector), step, before)

    def immediate(self, step: Expr) -> Access:
        """∂⁺s[t]/∂w: the derivative by a parameter, the states one step before held fixed."""
        return Access(ImmediateDerivative(self.vector, self.weight), step)

    def entries(self, part: Parts) -> tuple[Statement, ...]:
        """The entries of ∂L[t]/∂s[t] that belong to a state."""
        derivative = PartialDerivative(self._shares, part.state)
        return tuple(
            replace(term, target=Access(derivative, self.time, *term.target.index))
            for term in part.direct
        )

    @property
    def _shares(self) -> Tensor:
        """What each step adds to the loss."""
        return Tensor(self.loss.name, ((self.time.extent,),))


def unrolled(derivation: Derivation) -> tuple[Unrolling, ...]:
    """Every loop of a derivation whose steps follow each other one by one.

    Not among them are loops that read from farther than one step, those whose tensors leave a step
    otherwise than as states, and those with derivatives that nobody would read.
    """
    every = tuple(recurrences(derivation))
    taken = names_in(derivation.forward) | {t.name for t in derivation.cotangent.values()}
    found = (_unrolled(loop, every, derivation, set(taken)) for loop in every)
    return tuple(one for one in found if one)


def _unrolled(
    loop: Loop, every: tuple[Loop, ...], derivation: Derivation, taken: set[str]
) -> Unrolling | None:
    lags = {loop.lag(slope) for slope in loop.slopes} - {0}
    if lags not in ({-1}, {1}):
        return None
    (lag,) = lags
    blocks = _blocks(loop, lag, derivation)
    parts = [_parts(loop, tensor, lag, derivation) for tensor in loop.tensors]
    time = _time(loop, derivation)
    if blocks is None or time is None:
        return None
    if any(p.direct for p in parts if p.state not in loop.states):
        return None
    earlier = _axis(time.name + "'", time.extent, taken)
    between = _axis(
        next(n for n in ("r", "u", "v", "q", "r'") if n not in taken), time.extent, taken
    )
    one = len(loop.states) == 1
    name = loop.states[0].name if one else fresh("s", taken)
    return Unrolling(
        loop,
        time,
        earlier,
        between,
        -lag,
        tuple(p for p in parts if p.state in loop.states),
        blocks,
        *(Tensor(name, ((time.extent,),)) for name in (name, fresh("J", taken))),
        *(Tensor(fresh(name, taken), ()) for name in ("L", "w")),
        weights=_weights(loop, every, derivation),
        straight=tuple(straight_in(loop)),
    )


def _axis(name: str, extent: Expr, taken: set[str]) -> Axis:
    while name in taken:
        name += "'"
    taken.add(name)
    return Axis(Symbol(name, integer=True), extent)


def _time(loop: Loop, derivation: Derivation) -> Axis | None:
    """The index that numbers the steps, if every state is written at it."""
    found: dict[Axis, None] = {}
    for statement in derivation.forward:
        tensor = statement.target.tensor
        if tensor in loop.states:
            index = statement.target.index[loop.place[tensor]]
            if isinstance(index, Axis):
                found[index] = None
            elif not index.is_number:
                return None
    return next(iter(found)) if len(found) == 1 else None


def _blocks(loop: Loop, lag: int, derivation: Derivation) -> tuple[Block, ...] | None:
    """The derivatives of each state by each; None if one of them is not known."""
    known = {(d.of, d.by): (d, steps[-1]) for d, steps in derivation.jacobians.items()}
    found = []
    for of in loop.states:
        for by in loop.states:
            if (of, by) in known:
                found.append(Block(*known[of, by]))
            elif next(loop.ways(of, by, lag), None) is not None:
                return None
    return tuple(found)


def _parts(loop: Loop, tensor: Tensor, lag: int, derivation: Derivation) -> Parts:
    """The terms of a cotangent's last step, by how far ahead they read cotangents of the loop."""
    bars = {derivation.cotangent[t]: t for t in loop.tensors}
    bar = derivation.cotangent[tensor]
    final = derivation.final(bar)
    assert final is not None  # a loop's tensors have cotangents that something is added to
    parts: dict[str, list[Statement]] = {"direct": [], "later": [], "within": []}
    for term in final.shown:
        now = term.target.index[loop.place[tensor]]
        if isinstance(now, Axis):  # else what comes before the beginning
            read = [a for a in entries_in(term.value) if a.tensor in bars]
            distances = {tidy(a.index[loop.place[bars[a.tensor]]] - now) for a in read}
            name = "direct" if not read else "within" if distances == {0} else "later"
            parts[name].append(term)
    terms = {name: tuple(found) for name, found in parts.items()}
    return Parts(tensor, bar, **terms, label=final.label, ending=_ending(bars, bar, derivation))


def _ending(bars: dict[Tensor, Tensor], bar: Tensor, derivation: Derivation) -> str:
    """The step by which cotangents of the loop are 0 behind its end; else the last one, where the
    condition still stands."""
    steps = [s for s in derivation.gradients[bar] if not s.assuming]
    for step in steps:
        if step.rule == "zero extension" and any(b in step.because for b in bars):
            return step.label
    return steps[-1].label


def _weights(loop: Loop, every: tuple[Loop, ...], derivation: Derivation) -> tuple[Tensor, ...]:
    """Parameters that are read in the loop, or by what only the loop reads, and nowhere else."""
    readers: dict[Tensor, set[Tensor]] = {}
    for statement in derivation.forward:
        for read in statement.reads:
            readers.setdefault(read.tensor, set()).add(statement.target.tensor)
    elsewhere = {t for other in every for t in other.tensors} - {*loop.tensors}

    def only_here(tensor: Tensor, seen: tuple[Tensor, ...] = ()) -> bool:
        if tensor in loop.tensors:
            return True
        if tensor in elsewhere or tensor in seen:
            return False
        found = readers.get(tensor, set())
        return bool(found) and all(only_here(r, (*seen, tensor)) for r in found)

    return tuple(t for t in derivation.operation.inputs
                 if t.parameter and derivation.cotangent.get(t) in derivation.gradients
                 and only_here(t))  # fmt: skip


__all__ = ["Block", "Parts", "Unrolling", "unrolled"]
