"""The way into a module: check the arguments, bind the sizes, spell the options out.

Everything a caller can get wrong is caught here, by argument, before any mathematics runs. What is
to be done is the signature's to say (`derive.backends.signature`); these are its lines in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

from sympy import Expr, Mul

from derive.backends.signature import (
    Binding,
    Comparison,
    FromFormula,
    FromOption,
    FromQuotient,
    Requirement,
    Signature,
    is_packed,
    signature,
)
from derive.language.operation import Operation
from derive.language.options import Option
from derive.language.symbols import Size, Tensor
from derive.lowering.integers import lower_integer
from derive.lowering.program import (
    NONE,
    Assign,
    Attribute,
    Binary,
    Do,
    If,
    Line,
    Literal,
    Name,
    Node,
    Slice,
    Subscript,
    TupleOf,
    Unary,
    Unpack,
    call,
    method,
    numpy,
)


@dataclass(frozen=True)
class Entry:
    """The body of ``_bind`` and the fields of the sizes it returns.

    Attributes
    ----------
    lines : tuple of Line
        Checks and bindings; every size and setting is a local variable afterwards.
    symbols : tuple of str
        Names of all sizes and settings, in order: the fields of the module's ``_Sizes``.
    split : dict
        For each tensor the shape with product axes split, as the mathematics uses it.
    merged : dict
        For each tensor the shape that the caller sees.
    """

    lines: tuple[Line, ...]
    symbols: tuple[str, ...]
    split: Mapping[Tensor, Node]
    merged: Mapping[Tensor, Node]


def enter(operation: Operation) -> Entry:
    """Write the entry of an operation's module.

    Raises
    ------
    DefinitionError
        If some size can be bound neither by an input's shape nor by a formula.
    """
    known = signature(operation)
    tensors = (*known.inputs, *known.outputs)
    merged = {t: _merged(t) for t in tensors}
    split = {t: TupleOf(tuple(map(lower_integer, t.shape))) for t in tensors}
    packed = (f"{s.name}_axes" for s in known.packed)
    symbols = (*(s.name for s in known.symbols), *packed)
    return Entry(tuple(_lines(known, split, merged)), symbols, split, merged)


def _lines(
    known: Signature, split: Mapping[Tensor, Node], merged: Mapping[Tensor, Node]
) -> Iterator[Line]:
    for tensor in known.inputs:
        yield from _guarded(tensor, _array(tensor))
    reals = [t for t in known.inputs if not t.integer]
    if reals:
        labels = TupleOf(tuple(Literal(t.name) for t in reals))
        yield Do(call("_same_dtype", labels, TupleOf(tuple(Name(t.name) for t in reals))))
    for binding in known.bindings:
        yield from _binding(binding)
    compared = {t: tuple(c) for t, c in groupby(known.comparisons, lambda c: c.tensor)}
    for tensor in known.inputs:
        lines = [*map(_comparison, compared.get(tensor, ())), *_within_bounds(tensor)]
        yield from _guarded(tensor, *lines)
    yield from map(_requirement, known.requirements)
    for size in known.nonnegative:
        yield _at_least(size.name, size, 0)
    if known.made:
        extents = tuple(TupleOf((Literal(str(e)), lower_integer(e))) for e in known.made)
        said = tuple(TupleOf((Literal(o.name), Name(o.name))) for o in known.makers)
        yield Do(call("_extents", TupleOf(extents), TupleOf(said)))
    for tensor in known.inputs:
        yield from _filled(tensor, reals)
    for tensor in known.inputs:
        if merged[tensor] != split[tensor]:
            shaped = method(Name(tensor.name), "reshape", split[tensor])
            yield from _guarded(tensor, Assign(Name(tensor.name), shaped))


def _guarded(tensor: Tensor, *lines: Line) -> tuple[Line, ...]:
    """Lines that an input skips that was left out."""
    if tensor.required or not lines:
        return lines
    return (If(Binary("is not", Name(tensor.name), NONE), lines),)


def _array(tensor: Tensor) -> Line:
    rank = len(tensor.axes_of)
    packed = any(map(is_packed, tensor.axes_of))
    word = "_integer_array" if tensor.integer else "_array"
    axes = ("*" if is_packed(f) else "*".join(map(str, f)) for f in tensor.axes_of)
    arguments = (
        Literal(tensor.name),
        Name(tensor.name),
        Literal(rank - 1 if packed else rank),
        Literal(packed),
        Literal(f"({', '.join(axes)})"),
    )
    return Assign(Name(tensor.name), call(word, *arguments))


def _position(tensor: Tensor, axis: int) -> Node:
    """The number of an axis; counted from the end behind packed axes."""
    behind = any(map(is_packed, tensor.axes_of[:axis]))
    return Unary("-", Literal(len(tensor.axes_of) - axis)) if behind else Literal(axis)


def _at_least(what: str, size: Size, minimum: int) -> Line:
    return Do(call("_at_least", Literal(what), Name(size.name), Literal(minimum)))


def _binding(binding: Binding) -> Iterator[Line]:
    if isinstance(binding, FromOption):
        yield _option(binding.option)
        return
    size = binding.size
    if isinstance(binding, FromFormula):
        if size.kept is None:
            yield Assign(Name(size.name), lower_integer(size.formula))  # type: ignore[arg-type]
        else:
            yield from _kept(size)
        return
    tensor, axis = binding.tensor, binding.axis
    shape = Attribute(Name(tensor.name), "shape")
    if size.packed:
        whole = len(tensor.axes_of) == 1
        axes = shape if whole else Subscript(shape, (_packed(tensor, axis),))
        yield Assign(Name(f"{size.name}_axes"), axes)
        yield Assign(Name(size.name), call("_count", Name(f"{size.name}_axes")))
        return
    value: Node = Subscript(shape, (_position(tensor, axis),))
    if isinstance(binding, FromQuotient):
        named = Literal(tensor.name), Name(tensor.name), _position(tensor, axis)
        words = Literal(" * ".join(str(f) for f in binding.factors))
        value = call("_divided", *named, lower_integer(binding.divisor), words)
    yield Assign(Name(size.name), value)
    if size.minimum > 0:
        yield _at_least(f"{binding.meaning} ({size.name})", size, size.minimum)


def _kept(size: Size) -> Iterator[Line]:
    """The axes of another size, or none."""
    assert size.kept is not None
    whole, condition = size.kept
    axes, single = Name(f"{size.name}_axes"), TupleOf((Name(whole.name),))
    there = Assign(axes, Name(f"{whole.name}_axes") if whole.packed else single)
    yield If(lower_integer(condition), (there,), (Assign(axes, TupleOf(())),))  # type: ignore[arg-type]
    yield Assign(Name(size.name), call("_count", axes))


def _comparison(compared: Comparison) -> Line:
    """Compare an axis with what the sizes say."""
    tensor, axis, extent = compared.tensor, compared.axis, compared.extent
    named = Literal(tensor.name), Name(tensor.name)
    if isinstance(extent, Size) and extent.packed:
        place = call("slice", *_bounds(tensor, axis))
        return Do(call("_expect_axes", *named, place, Name(f"{extent.name}_axes")))
    expected = lower_integer(extent), Literal(compared.meaning)
    return Do(call("_expect", *named, _position(tensor, axis), *expected))


def _within_bounds(tensor: Tensor) -> Iterator[Line]:
    named = Literal(tensor.name), Name(tensor.name)
    if tensor.below is not None:
        bounds = [lower_integer(e) for e in (tensor.below, tensor.besides) if e is not None]
        yield Do(call("_in_range", *named, *bounds))
    if tensor.interval is not None:
        yield Do(call("_in_interval", *named, *map(_bound, tensor.interval)))


def _requirement(required: Requirement) -> Line:
    values = (TupleOf((Literal(s.name), Name(s.name))) for s in required.told)
    refused = call("_refuse", Literal(required.words), TupleOf(tuple(values)))
    return If(Unary("not", lower_integer(required.relation)), (Do(refused),))  # type: ignore[arg-type]


def _filled(tensor: Tensor, reals: list[Tensor]) -> Iterator[Line]:
    """Make an array that was left out and has a default."""
    if tensor.default is not None:
        extents = TupleOf(tuple(map(lower_integer, tensor.shape)))
        arguments = [extents, lower_integer(tensor.default)]
        if not tensor.integer:
            given = next(t for t in reals if t.required)
            arguments.append(Attribute(Name(given.name), "dtype"))
        filled = Assign(Name(tensor.name), numpy("full", *arguments))
        yield If(Binary("is", Name(tensor.name), NONE), (filled,))


def _merged(tensor: Tensor) -> Node:
    """The shape the caller sees: product axes multiplied, packed axes as they came."""
    items = (
        Unpack(Name(f"{f[0]}_axes")) if is_packed(f) else lower_integer(Mul(*f))
        for f in tensor.axes_of
    )
    return TupleOf(tuple(items))


def _option(option: Option) -> Line:
    target: Node = TupleOf(tuple(Name(s.name) for s in option.settings))
    if len(option.settings) == 1:
        target = Name(option.settings[0].name)
    line: Line = Assign(target, _numbers(option))
    if option.spellings and not option.numeric:
        said = Literal(", ".join(repr(word) for word in option.spellings))
        line = Do(call("_refuse_spelling", Literal(option.name), Name(option.name), said))
    for word, values in reversed(list(option.spellings.items())):
        test = call("_says", Name(option.name), Literal(word))
        assigned: Node = TupleOf(tuple(map(lower_integer, values)))
        if len(values) == 1:
            assigned = lower_integer(values[0])
        line = If(test, (Assign(target, assigned),), (line,))
    return line


def _numbers(option: Option) -> Node:
    said = ", ".join(str(word) for word in option.spellings)
    minimum = NONE if option.minimum is None else Literal(option.minimum)
    named = Literal(option.name), Name(option.name)
    if not option.integer:
        return call("_number", *named, minimum)
    if option.sides:
        rank = Literal(len(option.settings) // 2)
        return call("_pairs", *named, rank, minimum, Literal(said))
    if option.ranked:
        value = call("_integers", *named, Literal(len(option.settings)), minimum)
        return value if len(option.settings) > 1 else Subscript(value, (Literal(0),))
    return call("_integer", *named, minimum)


def _bound(number: Expr) -> Node:
    """An end of an interval; infinity is no end."""
    if not number.is_finite:
        return NONE
    size = Literal(int(abs(number)) if number.is_Integer else float(abs(number)))  # type: ignore[arg-type]
    return Unary("-", size) if number.is_negative else size


def _bounds(tensor: Tensor, position: int) -> tuple[Node, Node]:
    """Where the axes begin and end that are packed at a position; the end from behind."""
    behind = len(tensor.axes_of) - 1 - position
    return Literal(position) if position else NONE, Unary("-", Literal(behind)) if behind else NONE


def _packed(tensor: Tensor, position: int) -> Slice:
    first, end = (None if bound == NONE else bound for bound in _bounds(tensor, position))
    return Slice(first, end)
