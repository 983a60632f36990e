"""The small numbers that a definition gives for its worked example, checked and completed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import prod
from typing import Any

import sympy
from sympy import Expr, Integer, Symbol

from derive.calculus.array import Array
from derive.calculus.sizes import Values, completed, symbols_of_operation
from derive.errors import DefinitionError
from derive.language.numbers import exact
from derive.language.operation import Operation
from derive.language.options import Option
from derive.language.symbols import Size, Tensor

BAR = "_bar"


@dataclass(frozen=True, eq=False)
class Numbers:
    """The numbers of a worked example.

    Attributes
    ----------
    values : mapping of Symbol to int
        Every size and setting.
    arrays : mapping of Tensor to Array
        The inputs that are given, their entries exact; product axes are split.
    arriving : mapping of Tensor to Array
        The cotangent of each output.
    options : mapping of str to value
        What was said of options.
    """

    values: Mapping[Symbol, int]
    arrays: Mapping[Tensor, Array]
    arriving: Mapping[Tensor, Array]
    options: Mapping[str, Any]


def given_numbers(operation: Operation) -> Numbers | None:
    """The example of a definition; None if it has none.

    Raises
    ------
    DefinitionError
        If the example names something unknown, leaves out an input, or its shapes do not fit.
    """
    if not operation.example:
        return None
    given = dict(operation.example)
    options = {o.name: _said(operation, o, given) for o in operation.options if o.name in given}
    stated = {s: _size(operation, s, given) for s in operation.sizes
              if s.formula is None and s.name in given}  # fmt: skip
    arrays = {}
    for tensor in operation.inputs:
        if tensor.name in given:
            arrays[tensor] = _array(operation, tensor.name, given.pop(tensor.name))
        elif tensor.required:
            raise _wrong(operation, f"leaves out {tensor.name}", "Give each input that is needed.")
    bars = {
        tensor: _array(operation, tensor.name + BAR, given.pop(tensor.name + BAR))
        for tensor in operation.outputs
        if tensor.name + BAR in given
    }
    if given:
        known = [*(t.name for t in operation.inputs), *(o.name for o in operation.options)]
        known += [t.name + BAR for t in operation.outputs]
        known += [s.name for s in operation.sizes if s.formula is None]
        raise _wrong(
            operation,
            f"names {', '.join(map(str, given))}, which is nothing of the operation",
            f"It may name {', '.join(known)}.",
        )
    values = _completed(operation, options, _bound(operation, arrays, stated, options))
    split = {t: _split(operation, t, array, values) for t, array in arrays.items()}
    arriving, first = {}, 1
    for tensor in operation.outputs:
        if tensor in bars:
            arriving[tensor] = _split(operation, tensor, bars[tensor], values)
            continue
        shape = _shape(tensor, values)
        counted = [Integer(first + number) for number in range(prod(shape))]
        arriving[tensor] = Array(shape, tuple(counted))
        first += len(counted)
    return Numbers(values, split, arriving, options)


def _wrong(operation: Operation, what: str, remedy: str) -> DefinitionError:
    return DefinitionError(operation.name, f"the example {what}", remedy=remedy)


def _said(operation: Operation, option: Option, given: dict[str, Any]) -> Any:
    value = given.pop(option.name)
    if not option.accepts(value):
        raise _wrong(
            operation, f"states {option.name}={value!r}", f"{option.name} takes {option.said()}."
        )
    return value


def _size(operation: Operation, size: Size, given: dict[str, Any]) -> int:
    value = given.pop(size.name)
    if isinstance(value, bool) or not isinstance(value, int) or value < size.minimum:
        raise _wrong(
            operation,
            f"states {size.name}={value!r}",
            f"{size.name} is an integer from {size.minimum}.",
        )
    return value


def _array(operation: Operation, name: str, given: Any) -> Array:
    """Nested lists as an array of exact numbers."""
    given = given.tolist() if hasattr(given, "tolist") else given

    def shape(part: Any) -> tuple[int, ...]:
        if not isinstance(part, list | tuple):
            return ()
        inner = {shape(p) for p in part}
        if len(inner) > 1:
            raise _wrong(
                operation, f"has rows of unequal lengths in {name}", "Make them equally long."
            )
        return (len(part), *(inner.pop() if inner else ()))

    def entries(part: Any) -> list[Any]:
        return [e for p in part for e in entries(p)] if isinstance(part, list | tuple) else [part]

    numbers = []
    for entry in entries(given):
        try:
            number: Any = exact(entry)
        except DefinitionError:
            number = None
        if not isinstance(number, Expr) or not number.is_Rational:
            raise _wrong(
                operation,
                f"has {entry!r} in {name}",
                "Write integers, decimals or fractions: sympy.Rational(1, 3).",
            )
        numbers.append(number)
    return Array(shape(given), tuple(numbers))


def _bound(
    operation: Operation, arrays: Mapping[Tensor, Array], stated: dict[Size, int],
    options: Mapping[str, Any],
) -> dict[Size, int]:  # fmt: skip
    """The sizes that shapes of inputs show."""
    known: dict[Symbol, Any] = dict(stated)
    for option in operation.options:
        value = options.get(option.name, option.default)
        if not isinstance(value, str | bool) and value is not None:
            known |= dict(zip(option.settings, option.numbers(value), strict=True))
    grew = True
    while grew:
        grew = False
        for tensor, array in arrays.items():
            for factors, extent in zip(
                tensor.axes_of, _axes(operation, tensor, array), strict=True
            ):
                open_sizes = [f for f in factors if isinstance(f, Size) and f.formula is None
                              and f not in known]  # fmt: skip
                rest = [f for f in factors if f not in open_sizes]
                number = prod([sympy.sympify(f).xreplace(known) for f in rest])
                whole = getattr(number, "is_number", True) and number and extent % number == 0
                if len(open_sizes) == 1 and whole:
                    known[open_sizes[0]] = int(extent / number)
                    grew = True
    return {s: int(n) for s, n in known.items() if isinstance(s, Size)}


def _axes(operation: Operation, tensor: Tensor, array: Array) -> tuple[int, ...]:
    """The extents of an array, axes that are packed into one multiplied."""
    count = len(tensor.axes_of)
    packed = [place for place, (first, *_) in enumerate(tensor.axes_of)
              if isinstance(first, Size) and first.packed]  # fmt: skip
    several = len(array.shape) - count + 1
    if len(packed) == 1 and several >= 0:
        (place,) = packed
        before, rest = array.shape[:place], array.shape[place:]
        return (*before, prod(rest[:several]), *rest[several:])
    if len(array.shape) != count:
        raise _wrong(
            operation,
            f"gives {tensor.name} {len(array.shape)} axes, and it has {count}",
            f"Its shape is ({', '.join(_written(tensor))}).",
        )
    return array.shape


def _written(tensor: Tensor) -> list[str]:
    return ["*".join(map(str, factors)) for factors in tensor.axes_of]


def _completed(operation: Operation, options: Mapping[str, Any], sizes: dict[Size, int]) -> Values:
    missing = [s for s in operation.sizes if s.formula is None and s not in sizes]
    if missing:
        names = ", ".join(s.name for s in missing)
        raise _wrong(operation, f"does not say {names}", f"State it: example={{{names!r}: 2}}.")
    values = completed(symbols_of_operation(operation), operation.options, options, sizes)
    if values is None:
        raise _wrong(operation, "makes some extent negative", "Give a larger input.")
    for relation, words in operation.requires:
        if relation.xreplace({s: Integer(n) for s, n in values.items()}) == sympy.false:
            raise _wrong(operation, f"cannot be: {words}", "Mend its sizes or options.")
    return values


def _shape(tensor: Tensor, values: Values) -> tuple[int, ...]:
    numbers = {symbol: sympy.sympify(value) for symbol, value in values.items()}
    return tuple(int(extent.xreplace(numbers)) for extent in tensor.shape)


def _split(operation: Operation, tensor: Tensor, array: Array, values: Values) -> Array:
    """An array with the shape that sizes say, product axes split."""
    shape = _shape(tensor, values)
    numbers = {symbol: sympy.sympify(value) for symbol, value in values.items()}
    expected = tuple(
        int(prod([f.xreplace(numbers) for f in factors])) for factors in tensor.axes_of
    )
    found = _axes(operation, tensor, array)
    if found != expected:
        raise _wrong(
            operation,
            f"gives {tensor.name} the shape {found}",
            f"With the other inputs it is {expected}: ({', '.join(_written(tensor))}).",
        )
    if tensor.integer:
        _check_integers(operation, tensor, array, numbers)
    if tensor.interval is not None:
        low, high = tensor.interval
        beyond = [n for n in array.entries if not low <= n <= high]
        if beyond:
            raise _wrong(
                operation, f"has {beyond[0]} in {tensor.name}", f"It lies between {low} and {high}."
            )
    return array.shaped(*shape)


def _check_integers(operation: Operation, tensor: Tensor, array: Array, numbers) -> None:
    below = None if tensor.below is None else tensor.below.xreplace(numbers)
    besides = None if tensor.besides is None else tensor.besides.xreplace(numbers)
    for number in array.entries:
        fits = number.is_Integer and (below is None or 0 <= number < below)
        if not fits and number != besides:
            raise _wrong(
                operation,
                f"has {number} in {tensor.name}",
                f"Its entries are integers, 0 <= entry < {tensor.below}.",
            )
