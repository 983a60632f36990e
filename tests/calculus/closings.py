"""Evaluate closing lines beside the adjoint system, exactly, on the cases of an operation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np

from derive.calculus.adjoint import adjoint
from derive.calculus.closing import Closing, closing_lines
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.lift import to_system
from derive.calculus.matrix import MatrixForm, matrix_forms, subscripts
from derive.calculus.statements import Statement, System
from derive.language.operation import Operation
from derive.language.symbols import Access, Axis, Tensor
from derive.verification.arithmetic import FIELD, NUMBERS, Arithmetic
from derive.verification.cases import Case
from derive.verification.matrix import Matrices
from derive.verification.number import evaluation
from derive.verification.reference import evaluate, reading
from tests.programs import differences, entries, inputs_of, values_of


@cache
def closed(operation: Operation) -> Closed:
    """The same for every test that changes nothing of the engine: to find the lines takes long."""
    return Closed(operation)


class Closed:
    """An operation with its closing lines and the values of all its cotangents."""

    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.system = to_system(operation)
        self.adjoint = adjoint(self.system)
        self.derivation: Derivation = derivation(operation, self.system, self.adjoint)
        self.lines: dict[Tensor, Closing] = closing_lines(self.derivation)

    def values(self, case: Case, numbers: Arithmetic) -> dict[str, Any]:
        """Inputs, and every cotangent as the adjoint system has it."""
        rng, reverse = np.random.default_rng(1), self.adjoint
        drawn = inputs_of(case, rng, numbers)
        found = evaluate(self.system, drawn, values_of(case), numbers)
        for output in self.system.outputs:
            if output in reverse.cotangent:
                bar = reverse.cotangent[output]
                drawn[bar.name] = entries(found[output.name].shape, rng, numbers)
        written = tuple(dict.fromkeys(s.target.tensor for s in reverse.statements))
        whole = replace(reverse.system, outputs=written)
        return drawn | evaluate(whole, drawn, values_of(case), numbers)

    def value(
        self, terms: tuple[Statement, ...], target: Tensor, case: Case, known: dict, numbers
    ) -> np.ndarray:
        """What statements write to `target`, all cotangents that they read being known."""
        result = Tensor("result", target.axes_of, outside=0, offset=target.offset)
        renamed = tuple(replace(_guarded(s), target=Access(result, *s.target.index)) for s in terms)
        bars = tuple(t for t in self.adjoint.cotangent.values() if t.name in known)
        inputs = tuple(dict.fromkeys((*self.adjoint.system.inputs, *bars)))
        system = System(
            inputs, (result,), (*self.adjoint.primal.statements, *renamed), self.system.order
        )
        return evaluate(system, known, values_of(case), numbers)["result"]

    def forms(self) -> dict[Tensor, tuple[MatrixForm, ...] | None]:
        """The matrix forms of each line; None for one that has none."""
        positions = subscripts(self.derivation, self.lines.values())
        order = self.derivation.order
        return {bar: matrix_forms(line, positions, order) for bar, line in self.lines.items()}

    def differing(self, forms: Iterable[MatrixForm], case: Case) -> Iterator[MatrixForm]:
        """The matrix forms that are not what their lines say."""
        exact = self.values(case, FIELD)
        long: dict = {}
        for form in forms:
            if self.differs(form, case, exact, FIELD):
                with evaluation():
                    long = long or self.values(case, NUMBERS)
                    if self.differs(form, case, long, NUMBERS):
                        yield form

    def differs(self, form: MatrixForm, case: Case, known: dict, numbers: Arithmetic) -> bool:
        """Whether some matrix, at some subscript, is another one than its line gives."""
        target = form.target.entry.tensor
        bars = tuple(t for t in self.adjoint.cotangent.values() if t.name in known)
        inputs = tuple(dict.fromkeys((*self.adjoint.system.inputs, *bars)))
        system = System(inputs, (), self.adjoint.primal.statements, self.system.order)
        compiler, sizes = reading(system, known, values_of(case), numbers)
        matrices = Matrices(compiler)
        whole = self.value(form.terms, target, case, known, numbers)
        others = {a for i in form.target.subscripts for a in i.atoms(Axis)}
        for here in compiler.box(sorted(others, key=str))(sizes):
            place: list = []
            for index, first in zip(form.target.entry.index, target.offset, strict=True):
                side = index in (form.target.rows, form.target.columns)
                number = slice(None) if side else int(compiler.compiled(index)(here)) - first
                place.append(slice(number, number + 1) if isinstance(number, int) else number)
            found = matrices.entries(form.value, here)
            expected = (whole[tuple(place)] if place else whole).reshape(found.shape)
            if differences({"": found}, {"": expected}):
                return True
        return False

    def wrong(self, case: Case) -> Iterator[str]:
        """The labels of lines and steps that are not what the adjoint says.

        Where a field does not have an identity, such as that of an exponential with a logarithm,
        numbers of 40 digits decide.
        """
        exact = self.values(case, FIELD)
        long: dict = {}
        for bar, line in self.lines.items():
            lines = [(step.label, step.after) for step in line.steps]
            for label, terms in (*lines, (f"{bar.name} closed", line.terms)):
                found = self.value(terms, bar, case, exact, FIELD)
                if not differences({"": found}, {"": exact[bar.name]}):
                    continue
                with evaluation():
                    long = long or self.values(case, NUMBERS)
                    found = self.value(terms, bar, case, long, NUMBERS)
                    if differences({"": found}, {"": long[bar.name]}):
                        yield label


def _guarded(term: Statement) -> Statement:
    """Ranges are looked at before the entries that can be read within them alone."""
    return replace(term, where=tuple(sorted(term.where, key=lambda g: g.expression.has(Access))))
