"""The order in which an author wrote sums, products, maxima and minima.

    x - top - log(total)      SymPy:  x - log(total) - top      here:  x, -top, -log(total)

SymPy sorts what it builds, and everything in derive relies on that: equal expressions look equal.
But the order of floating-point operations matters, of equal arguments of a maximum one has to win,
and a reader expects what was written. So `notes` keeps the operands that an author gave, beside the
expressions, and an `Order` is what was noted of the equations of one operation. Who prints,
computes or differentiates asks it; who renames or names tells it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any, NamedTuple

from sympy import Add, Expr, Integer, Max, Min, Mul, Pow, Rational, Sum, preorder_traversal

from derive.language.symbols import Access, Axis, Tensor

KINDS = (Add, Mul, Max, Min)


class Operand(NamedTuple):
    """An operand, or a bracket of several; an `inverse` one is subtracted, or divided by."""

    inverse: bool
    part: Any  # an expression, or Written


Written = tuple[Operand, ...]  # of a product, without its sign


# ---- operands ------------------------------------------------------------------------------


def operand(kind: type, value: Expr, inverse: bool = False) -> Operand:
    """``+(-x)`` as ``-x``, ``*(1/x)`` as ``/x``; the sign of a factor is that of the product."""
    if kind is Add and _negative(value):
        return Operand(not inverse, -value)
    if kind is Mul:
        value = positive(value)
        power = isinstance(value, Pow) and value.args[1].could_extract_minus_sign()
        if power or (isinstance(value, Rational) and value.p == 1 != value.q):
            return Operand(not inverse, 1 / value)
    return Operand(inverse, value)


def plain(value: Expr) -> Written:
    """The operands as SymPy has them."""
    return tuple(operand(type(value), a) for a in _arguments(value))


def arguments(kind: type, written: Written, inverse: bool = False) -> Iterator[Expr]:
    """The arguments of the expression, in order and without brackets."""
    for turned, part in written:
        turned = turned != inverse
        if isinstance(part, tuple):
            yield from arguments(kind, part, turned)
        else:
            yield _turned(kind, part) if turned else part


def joined(kind: type, given: Iterable[tuple[bool, Expr, Written | None]]) -> Written:
    """Operands behind one another; what one of them was written as is a bracket, but in front.

    Arguments of a maximum need no brackets.
    """
    found: list[Operand] = []
    for inverse, value, written in given:
        if not isinstance(value, kind):
            found.append(operand(kind, value, inverse))
            continue
        inner = written or plain(value)
        if not inverse and (not found or kind in (Max, Min)):
            found += inner
        else:
            found.append(_bracket(inverse, inner))
    return tuple(found)


def opposed(written: Written) -> Written:
    """The terms of ``-(a - b)``: ``b - a``, which is the same number."""
    first, *rest = (Operand(not inverse, part) for inverse, part in written)
    if first.inverse and rest and not rest[0].inverse:
        first, rest[0] = rest[0], first
    return (first, *rest)


def replaced(
    kind: type,
    written: Written,
    by: Callable[[Expr], Expr],
    of: Callable[[Expr], Written | None] = lambda value: None,
    inverse: bool = False,
) -> Written:
    """The operands after each argument of the expression has become another.

    Parameters
    ----------
    kind, written
        What the expression is, and its operands.
    by : callable
        From an argument to the new one.
    of : callable
        How a new argument is written.
    inverse : bool
        Whether the operands are those of a bracket that is subtracted, or divided by.
    """
    found: list[Operand] = []
    for turned, part in written:
        whole = turned != inverse
        if isinstance(part, tuple):
            found.append(Operand(turned, replaced(kind, part, by, of, whole)))
            continue
        new = by(_turned(kind, part) if whole else part)
        one = operand(kind, new)
        if isinstance(new, kind):
            inner = of(new) or plain(new)
            if not found and not inverse:
                found += inner
                continue
            one = _bracket(False, inner)
        found.append(Operand(one.inverse != inverse, one.part))
    return tuple(found)


def scaled(given: Iterable[tuple[Expr, Written | None]]) -> Written | None:
    """The terms of a sum that SymPy multiplied by numbers; None if it is anything else."""
    given = [*given]
    sums = [pair for pair in given if isinstance(pair[0], Add)]
    numbers = [value for value, _ in given if value.is_number]
    if len(sums) != 1 or len(sums) + len(numbers) != len(given):
        return None
    (value, written), number = sums[0], Mul(*numbers)
    return replaced(Add, written or plain(value), lambda term: term * number)


def fitted(value: Expr, written: Written) -> Written:
    """The same operands, if they are those that the expression has; else its own in their order.

    SymPy adds numbers up, collects equal terms and lets opposite ones vanish.
    """
    kind, own, given = type(value), _arguments(value), [*arguments(type(value), written)]
    if kind in (Max, Min):
        return tuple(Operand(False, a) for a in dict.fromkeys((*given, *own)) if a in own)
    if Counter(given) == Counter(own):
        return written
    numbers = [a for a in own if a.is_number]
    if Counter(a for a in given if not a.is_number) == Counter(a for a in own if not a.is_number):
        place = next((i for i, one in enumerate(written) if _is_number(one)), len(written))
        before, behind = _without_numbers(written[:place]), _without_numbers(written[place:])
        return (*before, *(operand(kind, n) for n in numbers), *behind)
    places: dict[Expr, int] = {}
    for place, argument in enumerate(given):
        places.setdefault(_base(kind, argument), place)
    ordered = sorted(own, key=lambda a: places.get(_base(kind, a), len(given)))
    return tuple(operand(kind, a) for a in ordered)


def positive(value: Expr) -> Expr:
    """A product, or a number, without its sign."""
    return -value if _negative(value) else value


def unsigned(value: Expr) -> Expr | None:
    """What is looked up: a product without its sign; None for what has no order."""
    bare = positive(value) if isinstance(value, Mul) else value
    return bare if isinstance(bare, KINDS) and type(bare) is type(value) else None


def _negative(value: Expr) -> bool:
    number = value.args[0] if isinstance(value, Mul) else value
    return bool(number.is_number and number.is_extended_negative)


def _turned(kind: type, value: Expr) -> Expr:
    return -value if kind is Add else 1 / value


def _arguments(value: Expr) -> tuple[Expr, ...]:
    return Mul.make_args(positive(value)) if isinstance(value, Mul) else value.args  # type: ignore


def _bracket(inverse: bool, inner: Written) -> Operand:
    if len(inner) > 1:
        return Operand(inverse, inner)
    alone = next(iter(inner))
    return Operand(alone.inverse != inverse, alone.part)


def _is_number(one: Operand) -> bool:
    return not isinstance(one.part, tuple) and one.part.is_number


def _without_numbers(written: Written) -> Written:
    found = []
    for one in written:
        if isinstance(one.part, tuple) and (inner := _without_numbers(one.part)):
            found.append(_bracket(one.inverse, inner))
        elif not isinstance(one.part, tuple) and not _is_number(one):
            found.append(one)
    return tuple(found)


def _base(kind: type, value: Expr) -> Expr:
    """What the terms, or factors, that SymPy collects have in common."""
    if value.is_number:
        return Integer(1)
    return value.as_coeff_Mul()[1] if kind is Add else value.as_base_exp()[0]


# ---- the order of an operation -------------------------------------------------------------


class Order:
    """In which order the equations of one operation were written.

    An expression whose indices were renamed since, or that reads a part or a row of a tensor in
    place of it, is found by its form.
    """

    def __init__(self) -> None:
        self._written: dict[Expr, Written] = {}
        self._forms: dict[Any, Expr] = {}
        self._stands: dict[str, str] = {}
        self._known: dict[Expr, Written | None] = {}  # what was asked before

    def copy(self) -> Order:
        """The same, to be told more."""
        other = Order()
        other._written, other._forms = dict(self._written), dict(self._forms)
        other._stands = dict(self._stands)
        return other

    # ---- who asks ------------------------------------------------------------------------

    def of(self, value: Expr) -> Written | None:
        """The operands of a sum, product, maximum or minimum as written; None if nobody did.

        Those of a product are those of its absolute value.
        """
        bare = unsigned(value)
        if not self._written or bare is None:
            return None
        if bare not in self._known:
            found = self._written.get(bare) or self._alike(bare)
            if found is None and isinstance(bare, Add):
                found = self._written.get(-bare) or self._alike(-bare)
                found = found and opposed(found)
            self._known[bare] = found
        return self._known[bare]

    def arguments(self, value: Expr) -> tuple[Expr, ...]:
        """The arguments in the order in which they were written; else as SymPy has them."""
        written = self.of(value)
        if written is None:
            return value.args  # type: ignore[return-value]
        found = (*arguments(type(value), written),)
        sign = (Integer(-1),) if isinstance(value, Mul) and _negative(value) else ()
        return (*sign, *found)

    def key(self, values: Iterable[Expr]) -> str:
        """What two definitions that differ in order alone do not have in common."""
        nodes = {node for value in values for node in preorder_traversal(value)}
        # SymPy does not always walk through a condition in one order.
        return "\n".join(sorted(f"{n}: {self._written[n]}" for n in nodes if n in self._written))

    # ---- who tells -----------------------------------------------------------------------

    def note(self, value: Expr, written: Written) -> Expr:
        """Say how an expression is written; what is known of it stays. Returns the expression."""
        bare = unsigned(value)
        if bare is not None and bare not in self._written:
            self._known.clear()
            self._written[bare] = fitted(bare, written)
            for indices in (True, False):
                self._forms.setdefault(self._form(bare, indices), bare)
        return value

    def put(self, value: Expr, values: Mapping[Any, Any]) -> Expr:
        """Replace, as ``xreplace`` does: what was in order stays in order."""
        replacement = value.xreplace(dict(values))
        if replacement is value or not self._written:
            return replacement
        for node in preorder_traversal(value):
            if isinstance(node, KINDS) and (written := self.of(node)):
                new = node.xreplace(dict(values))
                if type(new) is type(node):
                    by = lambda a: a.xreplace(dict(values))  # noqa: E731
                    self.note(new, replaced(type(node), written, by, self.of))
        return replacement

    def rebuilt(self, value: Expr, new: Iterable[Expr]) -> Expr:
        """The expression with other arguments, in the order of those that it had."""
        new = tuple(new)
        result = value.func(*new)
        written = self.of(value)
        if written and type(result) is type(value):
            became = dict(zip(value.args, new, strict=True))
            written = replaced(type(value), written, lambda a: became.get(a, a), self.of)
        elif isinstance(result, Add) and isinstance(value, Mul):
            written = scaled([(a, self.of(a)) for a in new])
        else:
            written = None
        return self.note(result, written) if written else result

    def part(self, value: Expr, terms: Iterable[Expr]) -> Expr:
        """A sum of some of the terms of a sum, or of what has become of them."""
        terms = tuple(terms)
        written = _only(self.of(value) or (), set(terms)) if isinstance(value, Add) else ()
        if Counter(arguments(Add, written)) != Counter(terms):
            written = tuple(operand(Add, term) for term in terms)
        return self.note(Add(*terms), written)

    def stands(self, tensor: Tensor, whole: Tensor) -> None:
        """Say that a tensor is a part or a row of another."""
        if tensor.name != whole.name:
            self._known.clear()
            self._stands[tensor.name] = whole.name

    # ---- forms ---------------------------------------------------------------------------

    def _alike(self, value: Expr) -> Written | None:
        """As an expression of the same form was written."""
        for indices in (True, False):
            known = self._forms.get(self._form(value, indices))
            if known is not None:
                return self._matched(value, known, indices)
        return None

    def _matched(self, value: Expr, known: Expr, indices: bool) -> Written:
        left = Counter(_arguments(value))
        given = [*arguments(type(known), self._written[known])]
        became: dict[Expr, list[Expr]] = {}
        for argument in (a for a in given if a in left):
            became.setdefault(argument, []).append(argument)
            left[argument] -= 1
        rest = [*left.elements()]
        for argument in given:
            if argument in became:
                continue
            form = self._form(argument, indices)
            new = next(a for a in rest if self._form(a, indices) == form)
            rest.remove(new)
            became.setdefault(argument, []).append(new)
        return replaced(type(known), self._written[known], lambda a: became[a][0])

    def _form(self, value: Any, indices: bool) -> Any:
        """An expression without the names of its axes, or without any index."""
        if isinstance(value, Access):
            name = self._stands.get(value.tensor.name, value.tensor.name)
            return (name, *(self._form(i, True) for i in value.index)) if indices else name
        if isinstance(value, Axis):
            return "axis"
        inner = value.args[:1] if isinstance(value, Sum) else value.args
        if not inner:
            return str(value)
        parts = [self._form(argument, indices) for argument in inner]
        if isinstance(value, KINDS):
            parts.sort(key=repr)
        return (type(value).__name__, *parts)


def _only(written: Written, wanted: set[Expr], inverse: bool = False) -> Written:
    """The operands of some of the terms of a sum."""
    found = []
    for turned, part in written:
        whole = turned != inverse
        if isinstance(part, tuple):
            if inner := _only(part, wanted, whole):
                found.append(_bracket(turned, inner))
        elif (-part if whole else part) in wanted:
            found.append(Operand(turned, part))
    return tuple(found)
