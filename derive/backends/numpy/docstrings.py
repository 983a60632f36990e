"""What a module says of itself: docstrings, and the types of what is public."""

from __future__ import annotations

from textwrap import wrap
from typing import Any

from derive.backends.signature import is_packed
from derive.calculus.derivation import Derivation
from derive.language.operation import Operation
from derive.language.options import Option
from derive.language.symbols import Tensor
from derive.prose.text import equation_text


def module_docstring(derivation: Derivation) -> str:
    """Summary, equations, legend, notes and source, none of which can end the string."""
    operation = derivation.operation
    paragraphs = ["\n".join(wrap(operation.summary, 96))]
    order, written = derivation.order, derivation.written
    printed = [equation_text(e, order, written) for e in derivation.definition]
    paragraphs.append(
        "\n".join(
            line
            for equation in printed
            for line in wrap(equation, 96, initial_indent="    ", subsequent_indent="        ")
        )
    )
    if operation.legend:
        paragraphs.append("\n".join(f"{key}: {text}" for key, text in operation.legend.items()))
    if operation.notes:
        paragraphs.append("\n".join(wrap(operation.notes, 96)))
    if derivation.ties:
        words = "Of equal arguments of max or min the first has the gradient, as they stand above."
        paragraphs.append(words)
    if operation.source:
        paragraphs.append("\n".join(wrap(f"Source: {operation.source}.", 96)))
    return escaped("\n\n".join(paragraphs))


def escaped(text: str) -> str:
    """Text that means itself inside a docstring, and cannot end it."""
    return text.replace("\\", "\\\\").replace('"' * 3, '\\"' * 3)


def typed_parameters(inputs: tuple[Tensor, ...], options: tuple[Option, ...]) -> list[str]:
    """The parameters of what is public, each with its type."""
    parts = [
        f"{t.name}: np.ndarray" if t.required else f"{t.name}: np.ndarray | None = None"
        for t in inputs
    ]
    if options:
        parts.append("*")
    return [*parts, *(f"{o.name}: {_hint(o)} = {_default(o.default)}" for o in options)]


def _hint(option: Option) -> str:
    """The type of an option."""
    kinds = [] if not option.numeric else ["int" if option.integer else "float"]
    if option.numeric and option.sides:
        kinds.append("tuple[int | tuple[int, int], ...]")
    elif option.numeric and option.ranked:
        kinds.append("tuple[int, ...]")
    words = ("None" if word is None else type(word).__name__ for word in option.spellings)
    return " | ".join(dict.fromkeys([*kinds, *words]))


def _default(value: Any) -> str:
    plain = isinstance(value, str) and not {'"', "\\"} & set(value)
    return f'"{value}"' if plain else repr(value)


def _shape_text(tensor: Tensor) -> str:
    parts = []
    for factors in tensor.axes_of:
        if is_packed(factors):
            parts.append("*")
        else:
            parts.append("*".join(str(f) for f in factors))
    return "(" + ", ".join(parts) + ("," if len(parts) == 1 else "") + ")"


def described_parameters(operation: Operation) -> str:
    lines = ["    Parameters", "    ----------"]
    for tensor in operation.inputs:
        kind = "ndarray of int" if tensor.integer else "ndarray"
        optional = ", optional" if tensor.optional else ""
        optional = optional if tensor.default is None else f", default {tensor.default}"
        lines.append(f"    {tensor.name} : {kind} {_shape_text(tensor)}{optional}")
        if tensor.below is not None:
            besides = "" if tensor.besides is None else f", or are {tensor.besides}"
            lines.append(f"        Entries lie in 0 <= entry < {tensor.below}{besides}.")
        if tensor.interval is not None:
            low, high = tensor.interval
            begin = f"{low} <= " if low.is_finite else ""
            end = f" <= {high}" if high.is_finite else ""
            lines.append(f"        Entries lie in {begin}entry{end}, and none is NaN.")
    for option in operation.options:
        kind, default = escaped(_kind(option)), escaped(_default(option.default))
        lines.append(f"    {option.name} : {kind}, default {default}")
        if option.meaning:
            meaning = escaped(" ".join(option.meaning.split()))
            lines.append(f"        {meaning[0].upper()}{meaning[1:]}.")
    return "\n".join(lines)


def _kind(option: Option) -> str:
    words = [_default(word) for word in option.spellings]
    if not option.numeric:
        return "{" + ", ".join(words) + "}"
    if not option.integer:
        return "float"
    kinds = ["int"]
    if option.sides:
        kinds += ["tuple of int", "tuple of (low, high)"]
    elif option.ranked:
        kinds += ["tuple of int"]
    return " or ".join([*kinds, *words])


def described_returns(operation: Operation) -> str:
    lines = []
    for tensor in operation.outputs:
        lines.append(f"    {tensor.name} : ndarray {_shape_text(tensor)}")
    return "\n".join(lines)
