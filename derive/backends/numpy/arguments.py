"""The way into a module: check the arguments, bind the sizes, spell the options out.

Everything a caller can get wrong is caught here, by argument, before any mathematics runs. What is
to be done is the signature's to say (`derive.backends.signature`); these are its lines in NumPy.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import groupby

import sympy
from sympy import Expr, Mul, Pow

from derive.backends.numpy.integers import lower_integer
from derive.backends.numpy.tree import (
    NONE,
    Assign,
    Attribute,
    Binary,
    Conditional,
    Do,
    If,
    Line,
    Literal,
    Mapped,
    Name,
    Node,
    Refuse,
    Subscript,
    TupleOf,
    Unary,
    Unpack,
    call,
    method,
    numpy,
)
from derive.backends.signature import (
    Binding,
    FromAxis,
    FromFormula,
    FromOption,
    FromQuotient,
    Requirement,
    Signature,
    is_packed,
    numbered,
    signature,
)
from derive.language.operation import Operation
from derive.language.options import Option
from derive.language.symbols import Size, Tensor


@dataclass(frozen=True)
class Entry:
    """The body of ``_bind``, the sizes it returns, and the table of what it expects.

    Attributes
    ----------
    signature : tuple of (str, bool, tuple of str, bool)
        For each input its name, whether it holds integers, its axes, and whether it is required.
    sources : dict
        For each size that some axis is compared with, where its value is from.
    lines : tuple of Line
        Checks and bindings; every size and setting is a local variable afterwards.
    symbols : tuple of str
        Names of all sizes and settings, in order: the fields of the module's ``_Sizes``.
    split : dict
        For each tensor the shape with product axes split, as the mathematics uses it.
    merged : dict
        For each tensor the shape that the caller sees.
    """

    signature: tuple[tuple[str, bool, tuple[str, ...], bool], ...]
    sources: Mapping[str, str]
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
    return Entry(
        tuple((t.name, t.integer, _axes(t), t.required) for t in known.inputs),
        {size.name: where for c in known.comparisons for size, where in c.sources},
        tuple(_lines(known, split, merged)),
        (*(s.name for s in known.symbols), *packed),
        split,
        merged,
    )


def _axes(tensor: Tensor) -> tuple[str, ...]:
    """The axes of an input in words; where an option keeps or drops some, it takes any number."""
    if sum(map(is_packed, tensor.axes_of)) > 1:
        return ("*",)
    return tuple("*" if is_packed(f) else "*".join(map(str, f)) for f in tensor.axes_of)


def _lines(
    known: Signature, split: Mapping[Tensor, Node], merged: Mapping[Tensor, Node]
) -> Iterator[Line]:
    arrays = tuple(Name(t.name) for t in known.inputs)
    yield Assign(TupleOf((*arrays, Name("shapes"))), call("_arrays", *arrays))
    together = groupby(known.bindings, lambda b: b.tensor if type(b) is FromAxis else b)
    for source, bindings in together:
        if isinstance(source, Tensor):
            yield from _axes_bound(source, {b.axis: b.size for b in bindings})  # type: ignore[union-attr]
        else:
            yield from _binding(source)
    compared = {c.tensor for c in known.comparisons}
    for tensor in known.inputs:
        yield from _fitted(tensor, tensor in compared, split[tensor], merged[tensor])
        yield from _within_bounds(tensor, known.inputs)
    yield from map(_requirement, known.requirements)
    for size in known.nonnegative:
        yield _at_least(size.name, size, 0)
    if known.made:
        yield _too_large(known)


def _guarded(tensor: Tensor, *lines: Line) -> tuple[Line, ...]:
    """Lines that an input skips that was left out."""
    if tensor.required or not lines:
        return lines
    return (If(Binary("is not", Name(tensor.name), NONE), lines),)


def _at_least(what: str, size: Size, minimum: int) -> Line:
    return Do(call("_at_least", Literal(what), Name(size.name), Literal(minimum)))


def _axes_bound(tensor: Tensor, sizes: Mapping[int, Size]) -> Iterator[Line]:
    """Take all sizes from an array's shape that it binds: ``N, _, H, W = x.shape``."""
    shape = Attribute(Name(tensor.name), "shape")
    packed = [s for s in sizes.values() if s.packed]
    if len(tensor.axes_of) == 1 and packed:
        (size,) = packed
        axes, entries = Name(f"{size.name}_axes"), Attribute(Name(tensor.name), "size")
        yield Assign(TupleOf((Name(size.name), axes)), TupleOf((entries, shape)))
    else:
        targets: list[Node] = []
        for axis, factors in enumerate(tensor.axes_of):
            size = sizes.get(axis)
            if is_packed(factors):
                targets.append(Unpack(Name(f"{size.name}_axes" if size else "_")))
            else:
                targets.append(Name(size.name if size else "_"))
        yield Assign(TupleOf(tuple(targets)), shape)
        for size in packed:
            yield Assign(Name(size.name), call("prod", Name(f"{size.name}_axes")))
    for axis, size in sizes.items():
        if size.minimum > 0:
            yield _at_least(FromAxis(size, tensor, axis).meaning + f" ({size})", size, size.minimum)


def _binding(binding: Binding) -> Iterator[Line]:
    if isinstance(binding, FromOption):
        yield _option(binding.option)
    elif isinstance(binding, FromQuotient):
        size, named = binding.size, (Literal(binding.tensor.name), Name(binding.tensor.name))
        words = Literal(" * ".join(str(f) for f in binding.factors))
        number = numbered(binding.tensor, binding.axis)
        place = Literal(number) if number >= 0 else Unary("-", Literal(-number))
        value = call("_divided", *named, place, lower_integer(binding.divisor), words)
        yield Assign(Name(size.name), value)
        if size.minimum > 0:
            yield _at_least(f"{binding.meaning} ({size})", size, size.minimum)
    elif isinstance(binding, FromFormula) and binding.size.kept:
        yield from _kept(binding.size)
    else:
        yield Assign(Name(binding.size.name), lower_integer(binding.size.formula))  # type: ignore[arg-type]


def _kept(size: Size) -> Iterator[Line]:
    """The axes of another size, or none."""
    assert size.kept is not None
    whole, condition = size.kept
    axes, single = Name(f"{size.name}_axes"), TupleOf((Name(whole.name),))
    there = Name(f"{whole.name}_axes") if whole.packed else single
    test = lower_integer(condition)  # type: ignore[arg-type]
    yield Assign(axes, Conditional(there, test, TupleOf(())))
    yield Assign(Name(size.name), call("prod", axes))


def _fitted(tensor: Tensor, compared: bool, split: Node, merged: Node) -> Iterator[Line]:
    """Compare an array with what the sizes say, and split its product axes."""
    array = Name(tensor.name)
    parts = () if split == merged else (split,)
    if compared:
        yield Assign(array, call("_fitted", Literal(tensor.name), array, merged, *parts))
    elif parts:
        yield from _guarded(tensor, Assign(array, method(array, "reshape", split)))


def _within_bounds(tensor: Tensor, inputs: tuple[Tensor, ...]) -> Iterator[Line]:
    """Look at the entries of an array; or make it, if it was left out and has a default."""
    named = Literal(tensor.name), Name(tensor.name)
    lines: list[Line] = []
    if tensor.below is not None:
        bounds = [lower_integer(e) for e in (tensor.below, tensor.besides) if e is not None]
        lines.append(Do(call("_in_range", *named, *bounds)))
    if tensor.interval is not None:
        lines.append(Do(call("_in_interval", *named, *map(_bound, tensor.interval))))
    if tensor.default is None:
        yield from _guarded(tensor, *lines)
    else:
        made = Assign(Name(tensor.name), _filled(tensor, inputs))
        yield If(Binary("is", Name(tensor.name), NONE), (made,), tuple(lines))


def _requirement(required: Requirement) -> Line:
    told = tuple((Name(s.name), " = ") for s in required.told)
    refused = Refuse((f"{required.words} (", *told, ")"))
    return If(Unary("not", lower_integer(required.relation)), (refused,))  # type: ignore[arg-type]


def _too_large(known: Signature) -> Line:
    """Refuse extents that no array has, and say which options have led to them."""
    extents = tuple(map(lower_integer, known.made))
    largest = extents[0] if len(extents) == 1 else call("max", *extents)
    options = tuple((Name(o.name), "=") for o in known.makers)
    made = tuple((e, " = ") for e in extents)
    test = Binary(">", largest, Binary("**", Literal(2), Literal(36)))
    return If(test, (Refuse((*options, ": too large, for arrays would have the extents ", *made)),))


def _filled(tensor: Tensor, inputs: tuple[Tensor, ...]) -> Node:
    """An array that was left out and has a default."""
    arguments = [TupleOf(tuple(map(lower_integer, tensor.shape))), lower_integer(tensor.default)]  # type: ignore[arg-type]
    if not tensor.integer:
        given = next(t for t in inputs if t.required and not t.integer)
        arguments.append(Attribute(Name(given.name), "dtype"))
    return numpy("full", *arguments)


def _merged(tensor: Tensor) -> Node:
    """The shape the caller sees: product axes multiplied, packed axes as they came."""
    items = (
        Unpack(Name(f"{f[0]}_axes")) if is_packed(f) else lower_integer(Mul(*f))
        for f in tensor.axes_of
    )
    return TupleOf(tuple(items))


def _option(option: Option) -> Line:
    """Numbers, or words that stand for numbers."""
    target: Node = TupleOf(tuple(Name(s.name) for s in option.settings))
    if len(option.settings) == 1:
        target = Name(option.settings[0].name)
    words = {word: _together(values) for word, values in option.spellings.items()}
    named = Literal(option.name), Name(option.name)
    if words and not option.numeric and not any(map(_divides, option.spellings.values())):
        table = Mapped(tuple((Literal(word), values) for word, values in words.items()))
        return Assign(target, call("_word", *named, table))
    line: Line = Assign(target, _numbers(option))
    if words and not option.numeric:
        line = Do(call("_word", *named, Mapped(tuple((Literal(word), NONE) for word in words))))
    for word, values in reversed(list(words.items())):
        says = call("_says", named[1], Literal(word))
        test = Binary("is", named[1], NONE) if word is None else says
        line = If(test, (Assign(target, values),), (line,))
    return line


def _together(values: tuple[Expr, ...]) -> Node:
    nodes = tuple(map(lower_integer, values))
    return nodes[0] if len(nodes) == 1 else TupleOf(nodes)


def _divides(values: tuple[Expr, ...]) -> bool:
    """Whether something is divided by what may be 0: not to be computed unless it is asked for."""
    powers = (power for value in values for power in value.atoms(Pow))
    return any(value.has(sympy.Mod) for value in values) or any(
        power.exp.is_negative and power.free_symbols for power in powers
    )


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
