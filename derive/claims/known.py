"""What is so: the values of an operation, its cotangents and derivatives, at a point.

Values are those of the equations; cotangents and derivatives those of the adjoint system. Both are
evaluated entry by entry with `derive.verification.reference`, on fractions, and on numbers of 40
digits where a function makes them.
"""

from __future__ import annotations

from dataclasses import replace
from functools import cache, cached_property

import numpy as np

from derive.calculus.adjoint import Adjoint, adjoint
from derive.calculus.checks import check, check_system
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.lift import lifted, outputs_apart
from derive.calculus.statements import System
from derive.claims.points import Point, exact_values
from derive.language.claim import Cotangent, Derivative
from derive.language.operation import Operation
from derive.language.symbols import Access, Tensor
from derive.verification.case import Case
from derive.verification.reference import Evaluation


class Known:
    """An operation with its adjoint.

    Parameters
    ----------
    operation : Operation
        A definition that can be meant.

    Raises
    ------
    DefinitionError
        If it cannot.
    """

    def __init__(self, operation: Operation) -> None:
        check(operation)
        lift = lifted(operation)
        check_system(operation, lift)
        self.operation = operation
        self.system: System = outputs_apart(lift)
        self._slopes: dict[Tensor, Adjoint] = {}

    @cached_property
    def adjoint(self) -> Adjoint:
        return adjoint(self.system)

    @cached_property
    def derivation(self) -> Derivation:
        """How the cotangents come about."""
        return derivation(self.operation, self.system, self.adjoint)

    def has(self, tensor: Tensor) -> bool:
        """Whether the operation reads or computes a tensor, be it where a maximum lies."""
        return tensor in self.tensors or tensor in self.adjoint.primal.tensors

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Whatever the operation reads or computes."""
        return self.system.tensors

    @cached_property
    def cotangents(self) -> dict[Tensor, Tensor]:
        """From an output to the tensor that stands for its cotangent."""
        pairs = self.adjoint.cotangent
        return {t: pairs[t] for t in self.system.outputs if t in pairs}

    @cached_property
    def incoming(self) -> tuple[Tensor, ...]:
        """Inputs and the cotangents of outputs."""
        return (*self.operation.inputs, *self.cotangents.values())

    def shapes(self, case: Case) -> dict[str, tuple[int, ...]]:
        """The shapes of the cotangents of outputs, by name."""
        return {bar.name: case.outputs[t.name] for t, bar in self.cotangents.items()}

    def slopes(self, of: Tensor) -> Adjoint:
        """The adjoint of one tensor alone."""
        if of not in self._slopes:
            alone = replace(self.system, outputs=(of,))
            self._slopes[of] = adjoint(outputs_apart(alone))
        return self._slopes[of]


@cache
def known_of(operation: Operation) -> Known:
    """What is known of an operation, found out once."""
    return Known(operation)


class Truth:
    """All values at one point; of each, no more is computed than somebody asks for."""

    def __init__(self, known: Known, point: Point) -> None:
        self.known, self.point = known, point
        self.sizes = exact_values(point.case)
        self._arrays: dict[Tensor, np.ndarray] = {}

    @cached_property
    def _evaluation(self) -> Evaluation:
        return Evaluation(self.known.adjoint.system, self.point.arrays, self.sizes)

    @cached_property
    def _values(self) -> Evaluation:
        """Of the operation alone: who claims nothing of gradients needs no adjoint."""
        return Evaluation(self.known.system, self.point.arrays, self.sizes)

    def array(self, tensor: Tensor) -> np.ndarray:
        """Every entry of a tensor, a cotangent or a derivative."""
        if tensor not in self._arrays:
            self._arrays[tensor] = self._computed(tensor)
        return self._arrays[tensor]

    def _computed(self, tensor: Tensor) -> np.ndarray:
        if isinstance(tensor, Derivative):
            return self._derivative(tensor)
        if isinstance(tensor, Cotangent):
            bar = self.known.adjoint.cotangent.get(tensor.of)
            if bar is None:
                return np.zeros(self._values.shape(tensor), dtype=object)
            return self._evaluation.whole(bar)
        here = self._values if tensor in self.known.tensors else self._evaluation
        return here.whole(tensor)

    def _derivative(self, tensor: Derivative) -> np.ndarray:
        """A row for each entry of what is differentiated: the adjoint of that entry."""
        slopes = self.known.slopes(tensor.of)
        outer, inner = (self._values.shape(t) for t in (tensor.of, tensor.by))
        found = np.zeros((*outer, *inner), dtype=object)
        seed, by = slopes.cotangent.get(tensor.of), slopes.cotangent.get(_read(tensor, slopes))
        if seed is None or by is None:
            return found
        for place in np.ndindex(*outer):
            one = np.zeros(outer, dtype=object)
            one[place] = 1
            arrays = {**self.point.arrays, seed.name: one}
            row = Evaluation(slopes.system, arrays, self.sizes).whole(by)
            found[place] = row if row.shape else row.item()
        return found


def _read(tensor: Derivative, slopes: Adjoint) -> Tensor:
    """By what is differentiated. A state by itself, one step before: by what the steps read of it,
    which is another tensor where the state comes out (see `outputs_apart`)."""
    if tensor.of != tensor.by:
        return tensor.by
    (writing,) = slopes.primal.writing(tensor.of)[:1]
    copied = isinstance(writing.value, Access) and writing.value.tensor.axes_of == tensor.of.axes_of
    return writing.value.tensor if copied else tensor.of  # type: ignore[union-attr]
