"""Numbers for all sizes and settings, from some of them: what formulas say, and options."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from derive.calculus.statements import System
from derive.language.numbers import exact
from derive.language.operation import Operation
from derive.language.options import Option, Setting, is_word
from derive.language.symbols import Size

Values = dict[Symbol, int]


def symbols_of(system: System) -> tuple[Symbol, ...]:
    """Every size and setting that a system mentions, those of their formulas included."""
    parts: list[Any] = []
    for tensor in system.tensors:
        parts += [n for n in (*tensor.shape, tensor.below, tensor.default) if n is not None]
    for statement in system.statements:
        parts += [axis.extent for axis in statement.domain]
        parts += [e for g in statement.where for e in (g.expression, g.modulus)]
        parts += [statement.target, statement.value]
    return _through_formulas(parts)


def symbols_of_operation(operation: Operation) -> tuple[Symbol, ...]:
    """Every size and setting of a definition."""
    settings = [setting for option in operation.options for setting in option.settings]
    return _through_formulas([*operation.sizes, *settings])


def _through_formulas(parts: Iterable[Any]) -> tuple[Symbol, ...]:
    found: dict[Symbol, None] = {}

    def visit(expression: Any) -> None:
        for symbol in sorted(sympy.sympify(expression).free_symbols, key=str):
            if isinstance(symbol, Size | Setting) and symbol not in found:
                found[symbol] = None
                if isinstance(symbol, Size) and symbol.formula is not None:
                    visit(symbol.formula)

    for part in parts:
        visit(part)
    return tuple(found)


def free_sizes(expressions: Iterable[Expr]) -> tuple[Size, ...]:
    """The sizes that callers choose and some expressions depend on, through formulas too."""
    found: dict[Size, None] = {}

    def visit(expression: Expr) -> None:
        for symbol in sorted(expression.free_symbols, key=str):
            if isinstance(symbol, Size):
                if symbol.formula is None:
                    found[symbol] = None
                else:
                    visit(symbol.formula)

    for expression in expressions:
        visit(expression)
    return tuple(found)


def completed(
    symbols: Iterable[Symbol],
    options: Iterable[Option] = (),
    said: Mapping[str, Any] | None = None,
    sizes: Mapping[Size, int] | None = None,
) -> Values | None:
    """A number for every size and setting; None if an extent would be negative.

    Parameters
    ----------
    symbols : iterable of Symbol
        What to find a number for, all that formulas mention included.
    options : iterable of Option
        A setting of none of them has its least value.
    said : mapping of str to value, optional
        Options by name; the others have their defaults.
    sizes : mapping of Size to int, optional
        Sizes that callers choose; the others are as small as they may be, but not 0.
    """
    said, sizes = said or {}, sizes or {}
    waiting: dict[Symbol, Expr] = {}
    for option in options:
        value = said.get(option.name, option.default)
        numbers = option.spellings[value] if is_word(value) else option.numbers(value)
        waiting |= dict(zip(option.settings, map(exact, numbers), strict=True))
    for symbol in symbols:
        if isinstance(symbol, Size) and symbol.formula is not None:
            waiting[symbol] = symbol.formula
        elif isinstance(symbol, Size):
            waiting[symbol] = Integer(sizes.get(symbol, max(1, symbol.minimum)))
        elif isinstance(symbol, Setting) and symbol not in waiting:
            waiting[symbol] = Integer(max(0, symbol.minimum or 0))
    known: dict[Symbol, Expr] = {}
    while waiting:
        ready = [s for s, e in waiting.items() if e.free_symbols <= known.keys()]
        if not ready:
            return None
        for symbol in ready:
            number = waiting.pop(symbol).xreplace(known)
            if isinstance(symbol, Size) and (not number.is_Integer or number < 0):
                return None
            known[symbol] = number
    return {symbol: _plain(number) for symbol, number in known.items()}


def _plain(number: Expr) -> Any:
    return int(number) if number.is_Integer else number


def choices(options: Iterable[Option], said: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """What may be said of options: nothing but what is said already, then one sample more."""
    yield dict(said)
    for option in options:
        if option.name not in said:
            for sample in option.samples:
                yield {**said, option.name: sample}
