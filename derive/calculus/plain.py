"""The plain case of an operation, and any other special case of it.

    y[n,(g,k),p] = b[(g,k)] + sum_{c,u} x[n,(g,c),s*p + d*u - P] w[(g,k),c,u]

becomes, for stride and dilation 1, no padding and one group,

    y[n,k,p] = b[k] + sum_{c,u} x[n,c,p + u] w[k,c,u]

A special case is an operation like any other: the general one used as a part, with options bound,
without the inputs that are left out, and without conditions that then always hold.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import sympy
from sympy import Add, And, Dummy, Expr, Integer, Mod, Mul, Not, Or, Piecewise, Sum
from sympy.core.relational import Relational

from derive.calculus.bounds import nonnegative
from derive.errors import DefinitionError
from derive.language.composition import compose, part
from derive.language.dictionary import check_names
from derive.language.inlining import Inlining
from derive.language.maximum import Maximum
from derive.language.notes import order_of, rewritten
from derive.language.operation import Equation, Operation
from derive.language.options import Option, Setting, is_word
from derive.language.order import Order
from derive.language.symbols import Access, Axis, Size, Tensor, entries_in

GIVEN, ABSENT = "given", "absent"  # what may be said of an input that may be left out

_HUGE = 10**30  # definitions compare with such numbers to keep infinities out
_NOTHING = Dummy("nothing")  # stands where an input was left out that drops its term


def plain(operation: Operation) -> Operation:
    """The case of the textbooks: options neutral, nothing optional, sequences of full length.

    Options that are words have their defaults; so have numbers whose default is neutral. Inputs
    that may be left out are, but for parameters, which are then given.
    """
    return special(operation, {})


def special(operation: Operation, choices: Mapping[str, Any]) -> Operation:
    """The case in which options have given values; all others are as in the plain case.

    Parameters
    ----------
    operation : Operation
        The general case.
    choices : mapping of str to object
        By name: an option's value, as a caller says it; "given" or "absent" for an input that may
        be left out.

    Raises
    ------
    DefinitionError
        If a name or a value is none of the operation's.
    """
    options = {o.name: o for o in operation.options}
    spare = {t.name: t for t in operation.inputs if not t.required}
    for name, value in choices.items():
        if name not in options and name not in spare:
            known = ", ".join((*options, *spare))
            raise DefinitionError(
                operation.name,
                f"it has neither an option nor a spare input that is called {name}",
                remedy=f"It has {known}." if known else "It has only this one case.",
            )
        if name in spare and value not in (GIVEN, ABSENT):
            raise DefinitionError(
                operation.name,
                f"the input {name} is {value!r}",
                remedy=f"It may be left out: say {GIVEN} or {ABSENT}.",
            )
    marks = {o.name for o in operation.options if _marks(o, operation) and o.name not in choices}
    bound = {name: choices.get(name, option.default if name in marks else _neutral(option))
             for name, option in options.items()}  # fmt: skip
    counts = {s.name: _positive(s) for s in operation.sizes if not (s.formula or s.kept)}
    inner = part(operation, "", **bound, **counts)
    outputs = tuple(inner[t.name] for t in operation.outputs)
    absent = [inner[name] for name, t in spare.items()
              if choices.get(name) == ABSENT or not (t.parameter or name in choices)]  # fmt: skip
    everything = _read(inner.equations, outputs)
    for tensor in [t for t in absent if t.name not in choices]:
        if everything - _read(_without(inner.equations, [tensor]), outputs) - {tensor}:
            absent.remove(tensor)  # something else would have no effect either
    given = [t for t in inner.inputs if t not in absent]
    marked = any(_marks(options[n], operation) for n in choices if n in options)
    unmarked = {} if marked else {"besides": None}
    required = {t: t.like(optional=False, default=None, **unmarked) for t in given}
    equations = _without(inner.equations, absent, required)
    return compose(
        operation.name,
        operation.summary,
        (),
        inputs=tuple(required.values()),
        outputs=outputs,
        equations=_without_names(equations, outputs),
        requires=inner.requires,
        legend=inner.legend,
        rows=inner.rows,
        options=tuple(o for name, o in options.items() if bound[name] is o),
        source=operation.source,
        time=operation.time,
        example=_example(operation, bound, [t.name for t in absent], [t.name for t in given]),
    )


def _example(
    operation: Operation, bound: Mapping[str, Any], absent: Sequence[str], given: Sequence[str]
) -> dict[str, Any]:
    """The numbers of the general case, if they are some of this one, too."""
    said = {str(name): value for name, value in operation.example.items()}
    if not said.keys() >= {*given}:
        return {}
    if any(name in said and value != said[name] and not isinstance(value, Option)
           for name, value in bound.items()):  # fmt: skip
        return {}
    fixed = {name for name, value in bound.items() if not isinstance(value, Option)}
    return {name: value for name, value in said.items() if name not in {*absent, *fixed}}


def renamed(operation: Operation, names: Mapping[str, str], time: str = "index") -> Operation:
    """The operation in the words of a lecture: U for weight_ih.

    Parameters
    ----------
    operation : Operation
        The definition.
    names : mapping of str to str
        Other names for some of its tensors, indices and rows.
    time : str, optional
        How a step of time is written, as for `Dictionary`.

    Raises
    ------
    DefinitionError
        If it has nothing of a name, or two would be called the same.
    """
    if not names and time == operation.time:
        return operation
    check_names(operation, names)
    inner = _Renaming(
        operation, lambda name: names.get(name, name), {o.name: o for o in operation.options}
    )
    return compose(
        operation.name,
        operation.summary,
        (),
        inputs=[inner.tensor(t) for t in operation.inputs],
        outputs=[inner.tensor(t) for t in operation.outputs],
        equations=inner.equations(),
        requires=operation.requires,
        legend=inner.legend() | _translated(inner.rows(), names),
        rows={index: [names.get(r, r) for r in rows] for index, rows in inner.rows().items()},
        options=operation.options,
        notes=_in_words(operation.notes, names),
        source=operation.source,
        example={names.get(str(key), key): value for key, value in operation.example.items()},
        time=time,
    )


class _Renaming(Inlining):
    """A part that is the whole: its indices get names, too."""

    def axes(self, axis: Axis) -> tuple[Axis, ...]:
        return (Axis(self.rename(axis.name), self.number(axis.extent)),)


def _translated(rows: Mapping[str, Sequence[str]], names: Mapping[str, str]) -> dict[str, str]:
    """What rows are called, and what they were called in words: ``i (input), f (forget)``."""
    return {
        index: ", ".join(f"{names[row]} ({row})" if row in names else row for row in called)
        for index, called in rows.items()
        if names.keys() & {*called}
    }


def _in_words(text: str, names: Mapping[str, str]) -> str:
    """Names within a text, if they cannot be words of its language: weight_hh, and not a."""
    return re.sub(r"\w+", lambda m: m[0] if m[0].isalpha() else names.get(m[0], m[0]), text)


def distinction(general: Operation, narrow: Operation, choices: Mapping[str, Any]) -> str:
    """What is special of a special case, as a sentence; empty if nothing is."""
    kept, there = {o.name for o in narrow.options}, {t.name for t in narrow.inputs}
    values = [(o, choices.get(o.name, o.default)) for o in general.options if o.name not in kept]
    said = [f"{option.name} = {_value(option, value)}" for option, value in values]
    absent = [t.name for t in general.inputs if t.name not in there]
    clauses = [_listed(said)] if said else []
    if absent:
        clauses.append(f"{_listed(absent)} {'are' if len(absent) > 1 else 'is'} left out")
    return f"Here {', and '.join(clauses)}." if clauses else ""


def _value(option: Option, value: Any) -> Any:
    """A value of an option, and not the word that stands for another option's."""
    meant = option.spellings.get(value, ()) if is_word(value) else ()
    others = {setting.option for setting in meant if isinstance(setting, Setting)}
    return others.pop() if meant and len(others) == 1 else value


def _listed(items: Sequence[str]) -> str:
    return " and ".join(filter(None, (", ".join(items[:-1]), items[-1])))


def _positive(size: Size) -> Size:
    """A size that is at least 1: of nothing, textbooks do not speak."""
    return Size(size.name, None, max(size.minimum, 1), size.packed)


def _marks(option: Option, operation: Operation) -> bool:
    """Whether it says which number among an input's integers means nothing."""
    marks = [t.besides for t in operation.inputs if t.besides is not None]
    return any(mark.has(*option.settings) for mark in marks)


def _neutral(option: Option) -> Any:
    """The option's value in the plain case; the option itself, if it stays what a caller says."""
    neutral = (0, 1) if option.integer else (0,)
    numbers = isinstance(option.default, int | float) and option.default in neutral
    plain = is_word(option.default) or (numbers and not option.essential)
    return option.default if plain else option


def _read(equations: Sequence[Equation], outputs: Sequence[Tensor]) -> set[Tensor]:
    """Every tensor that an output depends on."""
    needed = compose("", "", (), outputs=outputs, equations=equations).equations
    return {a.tensor for e in needed for a in entries_in(e.right)}


def _without(
    equations: Sequence[Equation],
    absent: Sequence[Tensor],
    renamed: Mapping[Tensor, Tensor] | None = None,
) -> list[Equation]:
    """The equations where inputs are left out: they have their default, or drop their terms."""
    order, renamed = order_of([e.right for e in equations]), renamed or {}

    def entry(access: Access) -> Expr:
        if access.tensor in absent:
            return _NOTHING if access.tensor.default is None else access.tensor.default
        return Access(renamed.get(access.tensor, access.tensor), *access.index)

    return [_with(e, order, entry) for e in equations]


def _rebuilt(value: Any, order: Order, entry: Callable[[Access], Expr]) -> Any:
    """An expression with other entries, and without what the ranges of its indices decide."""
    if isinstance(value, Access):
        index = [_rebuilt(i, order, entry) for i in value.index]
        return entry(Access(value.tensor, *index))
    if isinstance(value, Axis) or not value.args:
        return value
    if isinstance(value, Sum | Maximum):
        inside = _rebuilt(value.args[0], order, entry)
        if inside is _NOTHING:
            return _NOTHING
        constant = isinstance(value, Sum) and not inside.has(Access, Axis)
        if constant:  # one number for each point
            return inside * Mul(*(limit.args[0].extent for limit in value.args[1:]))
        given = [inside, *value.args[1:]]
        return rewritten(value, order, value.func(*given), given)
    if isinstance(value, Piecewise):
        cases = [(_rebuilt(v, order, entry), _decided(_rebuilt(c, order, entry)))
                 for v, c in value.args]  # fmt: skip
        return Piecewise(*((_something(v), c) for v, c in cases))
    arguments = [_rebuilt(a, order, entry) for a in value.args]
    if isinstance(value, Add):
        if all(a is _NOTHING for a in arguments):
            return _NOTHING
        arguments = [_something(a) for a in arguments]
    if _NOTHING in arguments:
        return _NOTHING
    return rewritten(value, order, value.func(*arguments), arguments)


def _something(value: Expr) -> Expr:
    return Integer(0) if value is _NOTHING else value


def _decided(condition: Any) -> Any:
    """A condition as far as the ranges of its indices leave it open."""
    if isinstance(condition, And | Or | Not):
        return condition.func(*map(_decided, condition.args))
    if not isinstance(condition, Relational):
        return condition
    left, right = condition.args
    if (large := _far_apart(left, right)) is not None:
        return condition.func(large, 0)
    domain = tuple(sorted(condition.atoms(Axis), key=str))
    over = left - right
    if over.has(Mod) or not all(s.is_integer for s in over.free_symbols | entries_in(over)):
        return condition
    above, below = (nonnegative(e, domain) for e in (over - 1, -over - 1))
    least, most = (nonnegative(e, domain) for e in (over, -over))
    holds, fails = {
        sympy.Ge: (least, below), sympy.Gt: (above, most), sympy.Le: (most, above),
        sympy.Lt: (below, least), sympy.Eq: (False, above or below),
        sympy.Ne: (above or below, False),
    }[condition.func]  # fmt: skip
    return sympy.true if holds else sympy.false if fails else condition


def _far_apart(left: Expr, right: Expr) -> int | None:
    """The sign of a difference where one side is a number that no entry of a textbook exceeds."""
    for sign, number, other in ((1, left, right), (-1, right, left)):
        if number.is_number and other.has(Access) and abs(number) >= _HUGE:
            return sign if number > 0 else -sign
    return None


def _without_names(
    equations: Sequence[Equation], outputs: Sequence[Tensor]
) -> tuple[Equation, ...]:
    """a[t,n] = b[n,t];  w[n] = 1;  c[t] = w[0] a[t,0]      becomes      c[t] = b[0,t]"""
    writers = [e.left.tensor for e in equations]
    for equation in equations:
        tensor = equation.left.tensor
        once = writers.count(tensor) == 1 and tensor not in outputs and not equation.scatter
        if once and _only_names(equation.left, equation.right):
            entry = partial(_named, equation)
            order = order_of([e.right for e in equations])
            others = [e for e in equations if e.left.tensor != tensor]
            return _without_names([_with(e, order, entry) for e in others], outputs)
    return tuple(equations)


def _with(equation: Equation, order: Order, entry: Callable[[Access], Expr]) -> Equation:
    """The equation with other entries on both sides."""
    left, right = (_rebuilt(side, order, entry) for side in (equation.left, equation.right))
    return Equation(left, _something(right), equation.scatter)


def _named(equation: Equation, access: Access) -> Expr:
    if access.tensor != equation.left.tensor:
        return access
    return equation.right.xreplace(dict(zip(equation.left.index, access.index, strict=True)))


def _only_names(left: Access, right: Expr) -> bool:
    """Whether a tensor is another, with its axes in another order; or one number throughout."""
    if not all(isinstance(i, Axis) for i in left.index) or left.tensor.outside is not None:
        return False
    if not right.has(Access, Axis):
        return True
    plain = isinstance(right, Access) and all(isinstance(i, Axis) for i in right.index)
    return plain and {*left.index} == {*right.index} and len({*right.index}) == len(right.index)


__all__ = ["ABSENT", "GIVEN", "distinction", "plain", "renamed", "special"]
