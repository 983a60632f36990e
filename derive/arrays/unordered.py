"""NaN is not swallowed: what is selected by comparing it is NaN.

    {y_bar if x > 0; a·y_bar otherwise}      at x = NaN is NaN, and not a·y_bar

A comparison with NaN is false, whatever it says. So a value with cases has to ask for NaN where no
case that may be taken then, and nothing that stands beside it, depends on what was compared.
"""

from __future__ import annotations

import sympy
from sympy import Add, Expr, Mul, Piecewise, Pow
from sympy.core.relational import Relational

from derive.arrays.harmless import clipped, spared
from derive.language.scalars import SCALARS
from derive.language.symbols import Access, entries_in

Entries = frozenset[Access]


def compared(cases: Piecewise) -> Entries:
    """The real numbers that conditions compare."""
    conditions = (condition for _, condition in cases.args)
    return frozenset(a for c in conditions for a in entries_in(c) if not a.tensor.integer)


def handed_on(value: Expr, asking: bool = True) -> Entries:
    """The entries of which the value is NaN if one of them is; it may itself be `asking`."""
    if isinstance(value, Access):
        return frozenset({value}) if not value.tensor.integer else frozenset()
    if isinstance(value, Piecewise):
        always = frozenset.intersection(*(handed_on(p, asking) for p, _ in value.args))
        return always | {a for a in compared(value) if asking or _safe(value, a, asking)}
    if isinstance(value, Pow):
        return handed_on(value.base, asking) if value.exp.is_zero is False else frozenset()
    if isinstance(value, spared | clipped):
        return handed_on(value.args[0], asking)  # for it matters where the case is taken
    if isinstance(value, Add | Mul | sympy.Max | sympy.Min) or value.func in SCALARS:
        return frozenset().union(*(handed_on(part, asking) for part in value.args))
    return frozenset()


def swallowed(cases: Piecewise) -> list[Access]:
    """The entries of which a case may be taken that does not hand them on, if they are NaN."""
    return sorted((a for a in compared(cases) if not _safe(cases, a)), key=str)


def _safe(cases: Piecewise, entry: Access, asking: bool = True) -> bool:
    for piece, condition in cases.args:
        condition = condition.xreplace(
            {
                relation: sympy.true if isinstance(relation, sympy.Ne) else sympy.false
                for relation in condition.atoms(Relational)
                if relation.has(entry)
            }
        )
        if condition != sympy.false and entry not in handed_on(piece, asking):
            return False
        if condition == sympy.true:
            return True
    return False
