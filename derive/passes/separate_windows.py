"""Pass: a sum or maximum over windows along several axes is taken along one axis after another.

    y[p,q] max= x[s*p + u, r*q + v]        becomes     y_over_v[h,q] max= x[h, r*q + v]
                                                       y[p,q] max= y_over_v[s*p + u, q]

For windows of U by V that is U + V passes over the data and not U V. For a maximum the last axis
goes first: then the first maximum is that of row-major order, for it lies in the first row whose
maximum attains the maximum of the window, and in that row in the first column. For a sum it goes
last, when the fewest rows are left: along it entries are far apart and runs of them short.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from sympy import Expr, Mul, Symbol

from derive.calculus.affine import affine, axes_in
from derive.calculus.selection import reduced
from derive.calculus.statements import Guard, Statement, System
from derive.language.names import fresh
from derive.language.symbols import Access, Axis, Tensor


def with_separate_windows(system: System) -> System:
    """Split every statement that runs over several windows."""
    chosen = {a for s in system.statements if s.op == "first" for a in s.reads}
    taken = system.names
    statements: list[Statement] = []
    for statement in system.statements:
        windows = _windows(statement)
        if len(windows) > 1 and statement.target not in chosen:  # which numbers all taps at once
            statements += _stages(statement, windows, taken)
        else:
            statements.append(statement)
    return replace(system, statements=tuple(statements), order=system.order.copy())


@dataclass(frozen=True)
class _Window:
    """One index of the entry that is read: where it stands, its place, its taps and conditions."""

    position: int
    place: Axis
    taps: tuple[Axis, ...]
    where: tuple[Guard, ...]


def _windows(statement: Statement) -> tuple[_Window, ...]:
    """The windows along the axes of what is read; nothing if they depend on one another."""
    read = _entry(statement)
    summed = set(reduced(statement))
    if statement.op == "first" or read is None or any(read.tensor.offset):
        return ()
    if statement.op == "add" and read.tensor.outside not in (None, 0):
        return ()
    own = [axes_in((index,)) for index in read.index]
    together = set().union(*own)
    if sum(map(len, own)) != len(together) or together != set(statement.domain):
        return ()
    if any(affine(i).bare is None for i in statement.target.index):
        return ()
    left = list(statement.where)
    found = []
    for position, (index, axes) in enumerate(zip(read.index, own, strict=True)):
        places, taps = axes - summed, tuple(a for a in statement.domain if a in axes & summed)
        if not taps and affine(index).bare is not None:
            continue
        if not taps or len(places) != 1:
            return ()
        where = tuple(g for g in left if _axes_of(g) and _axes_of(g) <= axes)
        left = [g for g in left if g not in where]
        found.append(_Window(position, places.pop(), taps, where))
    return () if any(_axes_of(g) for g in left) else tuple(found)


def _axes_of(guard: Guard) -> set[Axis]:
    return axes_in((guard.expression, guard.modulus))


def _entry(statement: Statement) -> Access | None:
    """The one entry that is read; a sum may weigh it by a number."""
    reads = [f for f in Mul.make_args(statement.value) if f.has(Access)]
    if len(reads) != 1 or not isinstance(reads[0], Access):
        return None
    weight = statement.value / reads[0]
    plain = weight == 1 if statement.op == "max" else not weight.atoms(Axis)
    return reads[0] if plain else None


def _stages(statement: Statement, windows: tuple[_Window, ...], taken: set[str]) -> list[Statement]:
    """Statements that leave one window after another behind."""
    entry = source = _entry(statement)
    assert entry is not None and source is not None
    stages, known = [], [g for w in windows for g in w.where]
    index = list(source.index)
    order = windows[::-1] if statement.op == "max" else windows
    for number, window in enumerate(order[:-1], 1):
        later = order[number:]
        rows = {w.position: _row(w, source.tensor.shape[w.position], taken) for w in later}
        read = Access(source.tensor, *(rows.get(p, i) for p, i in enumerate(index)))
        axes = tuple(
            rows.get(p) or (window.place if p == window.position else i)
            for p, i in enumerate(index)
        )
        name = fresh(f"{statement.target.tensor.name}_over_{window.taps[-1].name}", taken)
        shape = tuple((a.extent,) for a in axes)
        integer = source.tensor.integer
        between = Tensor(name, shape, source.tensor.outside, integer=integer)
        domain = (*axes, *window.taps)
        stages.append(Statement(domain, Access(between, *axes), read, window.where, statement.op))
        index[window.position] = window.place
        source = Access(between, *index)
        known = [g for g in known if g not in window.where]
    where = tuple(g for g in statement.where if g in known or not _axes_of(g))
    gone = {a for w in order[:-1] for a in w.taps}
    domain = tuple(a for a in statement.domain if a not in gone)
    value = statement.value.xreplace({entry: source})
    return [*stages, replace(statement, domain=domain, value=value, where=where)]


def _row(window: _Window, extent: Expr, taken: set[str]) -> Axis:
    """An axis over all entries, where a window is yet to be run over."""
    own = extent.name.lower() if isinstance(extent, Symbol) else f"{window.place.name}_row"
    return Axis(fresh(own, taken), extent)
