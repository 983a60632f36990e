"""What leads from a state to itself, one step later, past every weight and every function.

    c[t] = f[t] c[t−1] + i[t] g[t]        gives        ∂c[t]/∂c[t−1] = f[t]

It is the partial derivative: everything else in the step, f[t] too, is held fixed. Along this way a
gradient can pass through many steps. (Hochreiter and Schmidhuber, "Long short-term memory", Neural
Computation 9, 1997; Gers, Schmidhuber and Cummins, "Learning to forget", ibid. 12, 2000.)
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from derive.calculus.chain import Slope
from derive.calculus.derivation import Derivation
from derive.calculus.jacobian import leads_past
from derive.calculus.loops import Loop, loops_in
from derive.calculus.statements import Statement, System
from derive.calculus.step import PartialDerivative
from derive.language.symbols import Access


def recurrences(derivation: Derivation) -> Iterator[Loop]:
    """The loops of what was differentiated."""
    operation, bars = derivation.operation, derivation.cotangent
    active = {tensor: bar for tensor, bar in bars.items() if bar in derivation.gradients}
    outputs = operation.outputs
    system = System(operation.inputs, outputs, derivation.forward, derivation.written)
    return loops_in(system, active)


def straight(derivation: Derivation) -> tuple[Statement, ...]:
    """For each state that can: its derivative by itself, one step before, past every weight."""
    return tuple(s for loop in recurrences(derivation) for s in straight_in(loop))


def straight_in(loop: Loop) -> Iterator[Statement]:
    """The same for the states of one loop."""
    for state, lag in loop.sources:
        slopes = loop.between(state, state, lag)
        if all(_leads_past(loop, slope) for slope in slopes):  # else it is not the whole derivative
            for slope in slopes:
                derivative = PartialDerivative(state, state)
                target = Access(derivative, *slope.statement.target.index, *slope.read.index)
                yield replace(slope.statement, target=target, value=slope.slope)


def _leads_past(loop: Loop, slope: Slope) -> bool:
    """Whether an entry leads to the same entry of the next step, past weights and functions."""
    place = loop.place[slope.read.tensor]
    pairs = zip(slope.statement.target.index, slope.read.index, strict=True)
    same = all(a == b for i, (a, b) in enumerate(pairs) if i != place)
    return same and leads_past(slope, slope.slope)


__all__ = ["recurrences", "straight", "straight_in"]
