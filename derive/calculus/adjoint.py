"""The adjoint rule and the tangent rule: the whole of differentiation.

For every access ``A[psi(i)]`` in the value of a statement ``T[phi(i)] += value``:

    adjoint    A_bar[psi(i)]  +=  T_bar[phi(i)] * d value / d A[psi(i)]     over the same box
    tangent    T_dot[phi(i)]  +=  d value / d A[psi(i)] * A_dot[psi(i)]     over the same box

A maximum first becomes a sum over the point that it selects (`selection`). Nothing is solved, and
no operation has a gradient of its own. Because reads outside a tensor yield a constant and writes
outside it vanish, neither rule needs guards beyond those of the statement.
(Griewank and Walther, "Evaluating Derivatives", 2nd ed., SIAM 2008, chapter 3.)
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, replace

from sympy import Add, Expr, Mul, Piecewise

from derive.calculus.differentiate import has_pole, partial, with_cases
from derive.calculus.selection import selected, with_selections
from derive.calculus.statements import Statement, System, distinct
from derive.language.names import fresh
from derive.language.symbols import Access, Tensor


@dataclass(frozen=True)
class Adjoint:
    """The adjoint system and which tensor is the cotangent of which.

    Attributes
    ----------
    system : System
        Its inputs are the primal inputs and the cotangents of the primal outputs; its outputs are
        the cotangents of the primal inputs that were asked for; its statements include the primal
        ones, whose values it reads.
    primal : System
        The system that was differentiated, with what its maxima select.
    cotangent : dict
        From a primal tensor to its cotangent, by identity.
    statements : tuple of Statement
        The adjoint statements alone.
    """

    system: System
    primal: System
    cotangent: dict[Tensor, Tensor]
    statements: tuple[Statement, ...]


def adjoint(system: System, wrt: Iterable[Tensor] | None = None) -> Adjoint:
    """Reverse mode, as a system again.

    Parameters
    ----------
    system : System
        What to differentiate.
    wrt : iterable of Tensor, optional
        Inputs whose cotangents are wanted; by default every input of real numbers.
    """
    wanted = tuple(t for t in (system.inputs if wrt is None else wrt) if not t.integer)
    active = _depending_on(system, wanted) & _reaching(system, _varying(system))
    system = with_selections(system, active)
    bars = _companions(system, active | set(wanted), "bar")
    steep = _steep(system)
    statements = []
    for statement in system.statements:
        written = statement.target.tensor
        if written not in bars:
            continue
        statement = selected(statement, system)
        source = Access(bars[written], *statement.target.index)
        for read in statement.reads:
            if read.tensor not in bars:
                continue
            slope = partial(statement.value, read, system.order)
            if slope == 0:
                continue
            if written in steep:
                slope = with_cases(slope)
            statements.append(
                Statement(
                    statement.domain,
                    Access(bars[read.tensor], *read.index),
                    weigh(source, slope),
                    statement.where,
                )
            )
    outputs = tuple(bars[t] for t in wanted)
    arriving = tuple(bars[t] for t in system.outputs if t in bars)
    statements = _prune(_nonzero(distinct(statements), {*system.tensors, *arriving}), outputs)
    others = (s for s in system.statements if s.op != "first")
    used = {r.tensor for s in (*statements, *others) for r in s.entries} | {*system.outputs}
    onward = tuple(s for s in system.statements if s.op != "first" or s.target.tensor in used)
    system = replace(system, statements=onward)
    full = System((*system.inputs, *arriving), outputs, (*onward, *statements), system.order)
    return Adjoint(full, system, bars, tuple(statements))


def tangent(system: System, wrt: Iterable[Tensor] | None = None) -> System:
    """Forward mode, as a system again: its outputs are the tangents of the primal outputs.

    The inputs of `wrt` move, by default every one of real numbers; the others are constant. An
    input that may be left out stays where it is if its tangent is left out.
    """
    active = _depending_on(system, tuple(system.inputs if wrt is None else wrt))
    system = with_selections(system, active)
    dots = _companions(system, active, "dot", spare={t for t in system.inputs if not t.required})
    statements = []
    for statement in system.statements:
        written = statement.target.tensor
        if written not in dots:
            continue
        statement = selected(statement, system)
        for read in statement.reads:
            if read.tensor in dots:
                slope = partial(statement.value, read, system.order)
                if slope != 0:
                    value = weigh(Access(dots[read.tensor], *read.index), slope)
                    target = Access(dots[written], *statement.target.index)
                    statements.append(Statement(statement.domain, target, value, statement.where))
    arriving = tuple(dots[t] for t in system.inputs if t in dots)
    outputs = tuple(dots[t] for t in system.outputs if t in dots)
    statements = (*system.statements, *_prune(distinct(statements), outputs))
    return System((*system.inputs, *arriving), outputs, statements, system.order)


def weigh(source: Access, slope: Expr) -> Expr:
    """``source * slope``, distributed into cases: a case that is not taken must not be evaluated
    as ``infinity * 0``."""
    if isinstance(slope, Piecewise):
        return Piecewise(*((weigh(source, piece), condition) for piece, condition in slope.args))
    if isinstance(slope, Mul) and any(isinstance(f, Piecewise) for f in slope.args):
        cases = next(f for f in slope.args if isinstance(f, Piecewise))
        rest = Mul(*(f for f in slope.args if f is not cases))
        return Piecewise(*((weigh(source, piece * rest), c) for piece, c in cases.args))
    if isinstance(slope, Add) and slope.has(Piecewise):
        return Add(*(weigh(source, term) for term in slope.args))
    return source * slope


def _depending_on(system: System, wanted: tuple[Tensor, ...]) -> set[Tensor]:
    """Tensors through which a wanted input reaches something."""
    active = {t for t in wanted if not t.integer}
    varying = _varying(system)
    grew = True
    while grew:
        grew = False
        for statement in system.statements:
            written = statement.target.tensor
            if written in active or written.integer:
                continue
            if any(read.tensor in active for read in varying(statement)):
                active.add(written)
                grew = True
    return active


def _steep(system: System) -> set[Tensor]:
    """Tensors whose cotangents may be infinite, though they themselves are not."""
    slopes = [
        (s.target.tensor, read.tensor, partial(s.value, read, system.order))
        for s in system.statements
        if not s.target.tensor.integer
        for read in s.reads
    ]
    steep = {read for _, read, slope in slopes if has_pole(slope)}
    while more := {r for written, r, slope in slopes if slope != 0 and written in steep} - steep:
        steep |= more
    return steep


def _varying(system: System) -> Callable[[Statement], tuple[Access, ...]]:
    """The entries by which a value has a derivative: none of those inside a `stop`."""

    def varying(statement: Statement) -> tuple[Access, ...]:
        if statement.target.tensor.integer:
            return ()
        reads = statement.reads
        return tuple(r for r in reads if partial(statement.value, r, system.order) != 0)

    return varying


def _entries(statement: Statement) -> tuple[Access, ...]:
    return statement.entries


def _reaching(
    system: System, through: Callable[[Statement], tuple[Access, ...]] = _entries
) -> set[Tensor]:
    """Tensors that reach an output, by whatever a statement reads or by some of it."""
    reaching = set(system.outputs)
    grew = True
    while grew:
        grew = False
        for statement in system.statements:
            if statement.target.tensor in reaching:
                for read in through(statement):
                    if read.tensor not in reaching:
                        reaching.add(read.tensor)
                        grew = True
    return reaching


def _companions(
    system: System, active: set[Tensor], suffix: str, spare: Collection[Tensor] = ()
) -> dict[Tensor, Tensor]:
    """A tensor of the same shape for each active one, with a name nothing else has; those of what
    is `spare` may be left out."""
    taken = system.names
    companions = {}
    for primal in system.tensors:
        if primal not in active:
            continue
        name = fresh(f"{primal.name}_{suffix}", taken)
        companions[primal] = Tensor(
            name, primal.axes_of, outside=0, offset=primal.offset, parameter=primal.parameter,
            optional=primal in spare,
        )  # fmt: skip
    return companions


def _nonzero(statements: Sequence[Statement], known: set[Tensor]) -> Sequence[Statement]:
    """Drop what reads a cotangent that nothing is ever added to."""
    while True:
        written = known | {s.target.tensor for s in statements}
        kept = [s for s in statements if all(r.tensor in written for r in s.reads)]
        if len(kept) == len(statements):
            return kept
        statements = kept


def _prune(statements: Sequence[Statement], outputs: tuple[Tensor, ...]) -> list[Statement]:
    """Keep what reaches an output."""
    needed = _reaching(System((), outputs, tuple(statements)))
    return [s for s in statements if s.target.tensor in needed]
