"""SymPy's operators and constructors note what an author gives them.

Only calls from an author's module are noted, not those of SymPy and of derive's own engine: so
``sum([...])``, loops, helpers of other modules and the cells of a notebook are, and what SymPy
multiplies out (``2*(x - a)/3``) stays multiplied out, with its terms in order.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, NamedTuple

import sympy
from sympy import Add, Basic, Expr, Function, Max, Min, Mul, Pow, preorder_traversal

from derive.language.order import (
    KINDS,
    Order,
    Written,
    fitted,
    joined,
    opposed,
    plain,
    replaced,
    scaled,
    unsigned,
)


class Note(NamedTuple):
    """What an author wrote: an expression, its operands, and the notes of what is inside it."""

    value: Expr
    written: Written | None
    parts: tuple[Note, ...]


# By identity, for one value may be written in several orders; and the latest of each value, for
# of equal expressions SymPy's functions return the one that was built first.
_NOTES: dict[int, Note] = {}
_LATEST: dict[Expr, Note] = {}


def order_of(values: Sequence[Expr]) -> Order:
    """The order in which expressions were written."""
    order, known, seen = Order(), {}, set()
    waiting = [note for value in values for note in _notes_of(value)]
    while waiting:
        note = waiting.pop(0)
        if id(note) not in seen:
            seen.add(id(note))
            known.setdefault(unsigned(note.value), note.written)
            waiting += note.parts
    for node in (node for value in values for node in preorder_traversal(value)):
        # What SymPy takes out of an odd function is the sign of all of its argument.
        for written_as in (node, -node) if isinstance(node, Add) else (node,):
            written = known.get(unsigned(written_as))
            if written is None and isinstance(node, Max | Min):
                written = plain(node)  # renamed, it would be sorted anew, and another one would win
            if written is not None:
                order.note(written_as, written)
    return order


def noted(value: Expr, written: Written | None, given: Iterable[Any]) -> Expr:
    """Note how an expression was written; returns it, or its like if it was in another order."""
    if written is not None:
        written = fitted(value, written)
    note = Note(value, written, tuple(n for g in given for n in _notes_of(g)))
    if value.is_Atom or (note.written is None and not note.parts):
        return value
    before = _NOTES.get(id(value), note)
    if before == note:
        note = before
    else:
        value = _twin(value)
        note = note._replace(value=value)
    _NOTES[id(value)] = _LATEST[value] = note
    return value


def rewritten(value: Expr, order: Order, new: Expr, given: Sequence[Any]) -> Expr:
    """Note an expression that was made of another, whose arguments became `given`."""
    if not isinstance(new, Expr):
        return new
    written = order.of(value) if type(new) is type(value) else None
    if written is not None:
        became = dict(zip(value.args, given, strict=True))
        of = lambda part: note.written if (note := _note_of(part)) else None  # noqa: E731
        written = replaced(type(value), written, lambda a: became.get(a, a), of)
    return noted(new, written, given)


def _note_of(value: Any) -> Note | None:
    return _NOTES.get(id(value)) or _LATEST.get(value)


def _notes_of(value: Any) -> Iterable[Note]:
    """The note of an expression, or those of what is inside it."""
    note = _note_of(value)
    return (note,) if note else _inside(value)


def _inside(value: Any) -> Iterator[Note]:
    for argument in value.args if isinstance(value, Basic) else ():
        note = _LATEST.get(argument)
        if note is None:
            yield from _inside(argument)
        else:
            yield note


def _twin(value: Expr) -> Expr:
    """An equal expression that is another object."""
    twin = Basic.__new__(type(value), *value.args)
    if hasattr(value, "__dict__"):
        vars(twin).update(vars(value))
    if isinstance(value, Add | Mul | Pow):
        twin.is_commutative = value.is_commutative  # type: ignore[misc]
    return twin  # type: ignore[return-value]


def _writing(sign: str, result: Expr, given: Sequence[Expr]) -> Written | None:
    """The operands of what an author's call returned."""
    kind = type(result)
    if kind not in KINDS:
        return None
    pairs = [(g, note.written if (note := _note_of(g)) else None) for g in given]
    if sign == "neg":
        value, written = pairs[0]
        if kind is Add:
            return opposed(written or plain(value))
        return joined(kind, [(False, value, written)])
    if kind is Mul and sign == "^" and isinstance(given[0], Mul):
        return replaced(Mul, pairs[0][1] or plain(given[0]), lambda factor: factor ** given[1])
    if kind is Add and sign == "*":
        return scaled(pairs)
    if kind is Add and sign == "/":
        return scaled([pairs[0], (1 / pairs[1][0], None)])
    if sign in {Add: "+-", Mul: "*/", Max: ",", Min: ","}[kind]:
        turned = (sign in "-/" and place > 0 for place in range(len(pairs)))
        return joined(kind, [(t, *pair) for t, pair in zip(turned, pairs, strict=True)])
    return None


# ---- who calls -----------------------------------------------------------------------------


_AUTHORS = ("ops", "course")  # folders of derive in which operations are defined


def _by_author() -> bool:
    """Whether the call that may be noted stands in an author's module."""
    return _authored(sys._getframe(2).f_globals.get("__name__") or "")


@functools.lru_cache(maxsize=1024)
def _authored(module: str) -> bool:
    package, _, rest = module.partition(".")
    return package != "sympy" and (package != "derive" or rest.partition(".")[0] in _AUTHORS)


def _operator(cls: type, name: str, sign: str) -> None:
    original = getattr(cls, name)
    swapped = name.startswith("__r")

    @functools.wraps(original)
    def operator(self, *others):
        result = original(self, *others)
        if not isinstance(result, Expr) or not _by_author():
            return result
        given = [self, *map(sympy.sympify, others)]
        return _as_given(sign, result, given[::-1] if swapped else given)

    setattr(cls, name, operator)


def _constructor(cls: Any, sign: str) -> None:
    original = cls.__new__

    @functools.wraps(original)
    def new(kind, *arguments, **options):
        result = original(kind, *arguments, **options)
        if not isinstance(result, Expr) or not _by_author():
            return result
        return _as_given(sign, result, [*map(sympy.sympify, arguments)])

    cls.__new__ = staticmethod(new)


def _as_given(sign: str, result: Expr, given: Sequence[Expr]) -> Expr:
    if any(result is g for g in given):
        return result
    return noted(result, _writing(sign, result, given), given)


for _name, _sign in {"add": "+", "sub": "-", "mul": "*", "truediv": "/", "pow": "^"}.items():
    _operator(Expr, f"__{_name}__", _sign)
    _operator(Expr, f"__r{_name}__", _sign)
for _cls in (Expr, Add, Mul):
    _operator(_cls, "__neg__", "neg")
for _cls, _sign in {Add: "+", Mul: "*", Max: ",", Min: ",", Pow: "^"}.items():
    _constructor(_cls, _sign)
for _cls in sympy.exp.__mro__:  # SymPy's own functions have a constructor besides that of all
    if issubclass(_cls, Function) and "__new__" in vars(_cls):
        _constructor(_cls, "()")
