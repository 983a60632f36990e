"""Every shipped operation as a reader gets it; made when first asked for."""

from __future__ import annotations

from functools import cache

from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import Derivation, derivation
from derive.calculus.lift import to_system
from derive.language import Operation
from derive.ops import shipped
from derive.prose.document import Case
from derive.prose.latex import render_latex
from derive.prose.terminal import render_text

OPERATIONS = [operation for family in shipped().values() for operation in family]


@cache
def derived(operation: Operation) -> Derivation:
    system = to_system(operation)
    return derivation(operation, system, adjoint(system))


@cache
def text(operation: Operation) -> str:
    return render_text([Case(derived(operation))], all_steps=True)


@cache
def latex(operation: Operation) -> str:
    return render_latex([Case(derived(operation))], all_steps=True)
