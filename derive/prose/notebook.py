"""What notebooks show: definitions and derivations as mathematics, in HTML or else in LaTeX."""

from __future__ import annotations

from collections.abc import Sequence
from functools import singledispatch

from derive.calculus.derivation import Derivation
from derive.calculus.lift import equations_of
from derive.language.operation import Equation, Operation
from derive.prose import html as page
from derive.prose.document import Case
from derive.prose.latex_formula import Latex
from derive.prose.legend import printer_of
from derive.prose.mathml import MathML
from derive.prose.names import setting_names
from derive.prose.typeset import Typeset


@singledispatch
def html(thing: object) -> str:
    """An operation's or an equation's formulas, or a whole derivation, with what they look like."""
    raise TypeError(f"{thing!r} is no mathematics")


@html.register
def _(derivation: Derivation) -> str:
    return page.fragment([Case(derivation)])


@html.register
def _(operation: Operation) -> str:
    return page.equations(_definition(_printer(MathML, operation), equations_of(operation)))


@html.register
def _(equation: Equation) -> str:
    return page.equations(_definition(MathML(), (equation,)))


@singledispatch
def latex(thing: object) -> str:
    """The same for paper; of a derivation what is defined and what it arrives at."""
    raise TypeError(f"{thing!r} is no mathematics")


@latex.register
def _(derivation: Derivation) -> str:
    printer = printer_of(Latex, derivation)
    last = [steps[-1] for steps in derivation.gradients.values()]
    lines = [printer.lines(step.shown, step.deltas) for step in last]
    return _aligned([_definition(printer, derivation.definition), *lines])


@latex.register
def _(operation: Operation) -> str:
    return _aligned([_definition(_printer(Latex, operation), equations_of(operation))])


@latex.register
def _(equation: Equation) -> str:
    return _aligned([_definition(Latex(), (equation,))])


def _printer(kind: type[Typeset], operation: Operation) -> Typeset:
    """A printer that calls options and tensors different names."""
    things = (*operation.tensors, *operation.axes, *operation.sizes)
    settings = setting_names(operation.options, {thing.name for thing in things})
    return kind((*operation.inputs, *operation.outputs), (), operation.order, settings)


def _definition(printer: Typeset, equations: Sequence[Equation]) -> list[str]:
    return printer.display(printer.definition(equations))


def _aligned(groups: Sequence[Sequence[str]]) -> str:
    """Lines of several displays in one."""
    text = " \\\\\n".join("\n".join(lines) for lines in groups)
    return f"$$\\begin{{aligned}}\n{text}\n\\end{{aligned}}$$"
