"""The way into a module: check the arguments, bind the sizes, spell the options out.

Everything a caller can get wrong is caught here, by argument, before any mathematics runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import sympy
from sympy import Expr, Mul, Symbol
from sympy.logic.boolalg import Boolean

from derive.calculus.bounds import nonnegative
from derive.errors import DefinitionError
from derive.language.operation import Operation
from derive.language.options import Option, Setting
from derive.language.symbols import Access, Axis, Size, Tensor
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
    return _Binder(operation).entry()


class _Binder:
    def __init__(self, operation: Operation) -> None:
        self.operation = operation
        self.lines: list[Line] = []
        self.known: dict[Symbol, str] = {}  # bound symbols, and where their value came from

    def entry(self) -> Entry:
        operation = self.operation
        for tensor in operation.inputs:
            self.array(tensor)
        names = TupleOf(tuple(Name(t.name) for t in operation.inputs if not t.integer))
        labels = TupleOf(tuple(Literal(t.name) for t in operation.inputs if not t.integer))
        if names.items:
            self.lines.append(Do(call("_same_dtype", labels, names)))
        plain = [o for o in operation.options if not o.spellings]
        spelled = [o for o in operation.options if o.spellings]
        for option in plain:
            self.option(option)
        self.shapes()
        for option in spelled:
            self.option(option)
        self.formulas()
        for tensor in operation.inputs:
            self.compare(tensor)
        for relation, words in operation.requires:
            self.require(relation, words)
        for size in all_sizes(operation):
            if size.formula is None or size.kept:
                continue
            if not nonnegative(size.formula, ()):
                self.lines.append(
                    Do(call("_at_least", Literal(size.name), Name(size.name), Literal(0)))
                )
        self.complete()
        self.extents()
        for tensor in operation.inputs:
            self.fill(tensor)
        tensors = (*operation.inputs, *operation.outputs)
        merged = {t: self.merged_shape(t) for t in tensors}
        split = {t: TupleOf(tuple(lower_integer(extent) for extent in t.shape)) for t in tensors}
        for tensor in operation.inputs:
            if merged[tensor] != split[tensor]:
                self.guarded(
                    tensor,
                    Assign(Name(tensor.name), method(Name(tensor.name), "reshape", split[tensor])),
                )
        packed = tuple(f"{s.name}_axes" for s in self.known if isinstance(s, Size) and s.packed)
        symbols = (*(s.name for s in self.known), *packed)
        return Entry(tuple(self.lines), symbols, split, merged)

    # ---- arrays --------------------------------------------------------------------------

    def guarded(self, tensor: Tensor, *lines: Line) -> None:
        """Lines that an input skips that was left out."""
        if tensor.required:
            self.lines += lines
        else:
            self.lines.append(If(Binary("is not", Name(tensor.name), NONE), lines))

    def array(self, tensor: Tensor) -> None:
        rank = len(tensor.axes_of)
        packed = any(isinstance(f[0], Size) and f[0].packed for f in tensor.axes_of)
        word = "_integer_array" if tensor.integer else "_array"
        layout = "(" + ", ".join("*" if p else t for t, p in _layout(tensor)) + ")"
        arguments = (
            Literal(tensor.name),
            Name(tensor.name),
            Literal(rank - 1 if packed else rank),
            Literal(packed),
            Literal(layout),
        )
        self.guarded(tensor, Assign(Name(tensor.name), call(word, *arguments)))

    def place(self, tensor: Tensor, position: int) -> Subscript:
        """One entry of the array's shape; counted from the end behind packed axes."""
        rank = len(tensor.axes_of)
        behind = any(isinstance(f[0], Size) and f[0].packed for f in tensor.axes_of[:position])
        index = Literal(position)
        if behind:
            index = Unary("-", Literal(rank - position))
        return Subscript(Attribute(Name(tensor.name), "shape"), (index,))

    def shapes(self) -> None:
        """Bind sizes: by first bare appearance, then by exact division of a product axis."""
        required = [t for t in self.operation.inputs if t.required]
        for tensor in required:
            for position, factors in enumerate(tensor.axes_of):
                first, *rest = factors
                if isinstance(first, Size) and not rest and first.formula is None:
                    self.bare(tensor, position, first)
        progress = True
        while progress:
            progress = False
            self.formulas()
            for tensor in required:
                for position, factors in enumerate(tensor.axes_of):
                    progress |= self.divided(tensor, position, factors)

    def bare(self, tensor: Tensor, position: int, size: Size) -> None:
        if size in self.known:
            return
        self.known[size] = f"axis {position} of {tensor.name}"
        if size.packed:
            shape = Attribute(Name(tensor.name), "shape")
            whole = len(tensor.axes_of) == 1
            axes = shape if whole else Subscript(shape, (_packed(tensor, position),))
            self.lines.append(Assign(Name(f"{size.name}_axes"), axes))
            self.lines.append(Assign(Name(size.name), call("_count", Name(f"{size.name}_axes"))))
            return
        self.lines.append(Assign(Name(size.name), self.place(tensor, position)))
        self.minimum(tensor, position, size)

    def minimum(self, tensor: Tensor, position: int, size: Size) -> None:
        if size.minimum > 0:
            self.lines.append(
                Do(
                    call(
                        "_at_least",
                        Literal(f"axis {position} of {tensor.name} ({size.name})"),
                        Name(size.name),
                        Literal(size.minimum),
                    )
                )
            )

    def divided(self, tensor: Tensor, position: int, factors: tuple[Expr, ...]) -> bool:
        extent = Mul(*factors)
        unknown = [s for s in extent.free_symbols if s not in self.known]
        if len(unknown) != 1 or not isinstance(unknown[0], Size):
            return False
        (size,) = unknown
        rest = extent / size
        if size in rest.free_symbols:
            return False
        text = " * ".join(str(f) for f in factors if f != size)
        self.lines.append(
            Assign(
                Name(size.name),
                call(
                    "_divided",
                    Literal(tensor.name),
                    Name(tensor.name),
                    self.place(tensor, position).items[0],
                    lower_integer(rest),
                    Literal(text),
                ),
            )
        )
        self.known[size] = f"axis {position} of {tensor.name}"
        self.minimum(tensor, position, size)
        return True

    def formulas(self) -> None:
        """Compute the sizes whose formulas are known by now."""
        for size in all_sizes(self.operation):
            if size in self.known or size.formula is None:
                continue
            if all(s in self.known for s in size.formula.free_symbols):
                if size.kept is None:
                    self.lines.append(Assign(Name(size.name), lower_integer(size.formula)))
                else:
                    self.kept(size, *size.kept)
                self.known[size] = "its formula"

    def extents(self) -> None:
        """Refuse what options make of extents, where no array can have them."""
        shapes = [extent for tensor in self.operation.tensors for extent in tensor.shape]
        extents = dict.fromkeys([*all_sizes(self.operation), *shapes])
        parts = {e: {p for s in e.free_symbols for p in _made_of(s)} for e in extents}
        made = [e for e, of in parts.items() if any(isinstance(p, Setting) for p in of)]
        made = [e for e in made if not getattr(e, "kept", None)]
        settings = {p for e in made for p in parts[e]}
        options = [o for o in self.operation.options if settings.intersection(o.settings)]
        if made:
            sizes = TupleOf(tuple(TupleOf((Literal(str(e)), lower_integer(e))) for e in made))
            said = TupleOf(tuple(TupleOf((Literal(o.name), Name(o.name))) for o in options))
            self.lines.append(Do(call("_extents", sizes, said)))

    def kept(self, size: Size, whole: Size, condition: Boolean) -> None:
        """The axes of another size, or none."""
        axes, single = Name(f"{size.name}_axes"), TupleOf((Name(whole.name),))
        there = Assign(axes, Name(f"{whole.name}_axes") if whole.packed else single)
        self.lines.append(If(lower_integer(condition), (there,), (Assign(axes, TupleOf(())),)))
        self.lines.append(Assign(Name(size.name), call("_count", axes)))

    def compare(self, tensor: Tensor) -> None:
        """Compare every axis with what the sizes say."""
        lines: list[Line] = []
        for position, factors in enumerate(tensor.axes_of):
            extent = Mul(*factors)
            unknown = [s for s in extent.free_symbols if s not in self.known]
            if unknown:
                raise DefinitionError(
                    self.operation.name,
                    f"no input binds the size {unknown[0]} of axis {position} of {tensor.name}",
                    remedy="Let it be an axis of a required input, or give it a formula.",
                )
            if isinstance(extent, Size):
                if self.known[extent] == f"axis {position} of {tensor.name}":
                    continue
                if extent.packed:
                    lines.append(
                        Do(
                            call(
                                "_expect_axes",
                                Literal(tensor.name),
                                Name(tensor.name),
                                call("slice", *_bounds(tensor, position)),
                                Name(f"{extent.name}_axes"),
                            )
                        )
                    )
                    continue
            elif any(self.known.get(f) == f"axis {position} of {tensor.name}" for f in factors):
                continue
            source = ", ".join(
                f"{s} from {self.known[s]}"
                for s in sorted(extent.free_symbols, key=str)
                if isinstance(s, Size)
            )
            meaning = " * ".join(str(f) for f in factors)
            if source:
                meaning = f"{meaning}; {source}"
            lines.append(
                Do(
                    call(
                        "_expect",
                        Literal(tensor.name),
                        Name(tensor.name),
                        self.place(tensor, position).items[0],
                        lower_integer(extent),
                        Literal(meaning),
                    )
                )
            )
        named = Literal(tensor.name), Name(tensor.name)
        if tensor.below is not None:
            bounds = [lower_integer(e) for e in (tensor.below, tensor.besides) if e is not None]
            lines.append(Do(call("_in_range", *named, *bounds)))
        if tensor.interval is not None:
            bounds = [_bound(end) for end in tensor.interval]
            lines.append(Do(call("_in_interval", *named, *bounds)))
        if lines:
            self.guarded(tensor, *lines)

    def fill(self, tensor: Tensor) -> None:
        """Make an array that was left out and has a default."""
        if tensor.default is not None:
            extents = TupleOf(tuple(lower_integer(extent) for extent in tensor.shape))
            arguments = [extents, lower_integer(tensor.default)]
            if not tensor.integer:
                given = next(t for t in self.operation.inputs if t.required and not t.integer)
                arguments.append(Attribute(Name(given.name), "dtype"))
            filled = numpy("full", *arguments)
            test = Binary("is", Name(tensor.name), NONE)
            self.lines.append(If(test, (Assign(Name(tensor.name), filled),)))

    def complete(self) -> None:
        """Every size the mathematics uses has a value by now."""
        for size in all_sizes(self.operation):
            if size not in self.known:
                raise DefinitionError(
                    self.operation.name,
                    f"no input binds the size {size}",
                    remedy="Let it be an axis of a required input, or give it a formula.",
                )

    def merged_shape(self, tensor: Tensor) -> Node:
        """The shape the caller sees: product axes multiplied, packed axes as they came."""
        items: list[Node] = []
        for factors in tensor.axes_of:
            extent = Mul(*factors)
            if isinstance(extent, Size) and extent.packed:
                items.append(Unpack(Name(f"{extent.name}_axes")))
            else:
                items.append(lower_integer(extent))
        return TupleOf(tuple(items))

    # ---- options -------------------------------------------------------------------------

    def option(self, option: Option) -> None:
        target: Node = TupleOf(tuple(Name(s.name) for s in option.settings))
        numbers = self.numbers(option)
        if len(option.settings) == 1:
            target = Name(option.settings[0].name)
        line: Line = Assign(target, numbers)
        words = list(option.spellings.items())
        if words:
            said = ", ".join(repr(w) for w, _ in words)
            if not option.numeric:
                line = Do(
                    call("_refuse_spelling", Literal(option.name), Name(option.name), Literal(said))
                )
            for word, values in reversed(words):
                test = call("_says", Name(option.name), Literal(word))
                assigned: Node = TupleOf(tuple(lower_integer(v) for v in values))
                if len(values) == 1:
                    assigned = lower_integer(values[0])
                line = If(test, (Assign(target, assigned),), (line,))
        for setting in option.settings:
            self.known[setting] = option.name
        self.lines.append(line)

    def numbers(self, option: Option) -> Node:
        said = ", ".join(str(word) for word in option.spellings)
        minimum = NONE if option.minimum is None else Literal(option.minimum)
        name = Literal(option.name)
        if not option.integer:
            return call("_number", name, Name(option.name), minimum)
        if option.sides:
            rank = Literal(len(option.settings) // 2)
            return call("_pairs", name, Name(option.name), rank, minimum, Literal(said))
        if option.ranked:
            rank = Literal(len(option.settings))
            value = call("_integers", name, Name(option.name), rank, minimum)
            return value if len(option.settings) > 1 else Subscript(value, (Literal(0),))
        return call("_integer", name, Name(option.name), minimum)

    def require(self, relation, words: str) -> None:
        if relation == sympy.true:
            return
        symbols = sorted(relation.free_symbols, key=str)
        for symbol in symbols:
            if symbol not in self.known:
                raise DefinitionError(
                    self.operation.name, f"the requirement {relation} names {symbol}, unknown"
                )
        told = sorted({part for s in symbols for part in _made_of(s)}, key=str)
        values = TupleOf(tuple(TupleOf((Literal(s.name), Name(s.name))) for s in told))
        self.lines.append(
            If(
                Unary("not", lower_integer(relation)),
                (Do(call("_refuse", Literal(words), values)),),
            )
        )


def _bound(number: Expr) -> Node:
    """An end of an interval; infinity is no end."""
    if not number.is_finite:
        return NONE
    size = Literal(int(abs(number)) if number.is_Integer else float(abs(number)))
    return Unary("-", size) if number.is_negative else size


def _made_of(symbol: Symbol) -> set[Symbol]:
    """What a caller can see of a size: the sizes and settings that its formula is made of."""
    formula = getattr(symbol, "formula", None)
    if formula is None:
        return {symbol}
    return {part for s in formula.free_symbols for part in _made_of(s)}


def _bounds(tensor: Tensor, position: int) -> tuple[Node, Node]:
    """Where the axes begin and end that are packed at a position; the end from behind."""
    behind = len(tensor.axes_of) - 1 - position
    return Literal(position) if position else NONE, Unary("-", Literal(behind)) if behind else NONE


def _packed(tensor: Tensor, position: int) -> Slice:
    first, end = (None if bound == NONE else bound for bound in _bounds(tensor, position))
    return Slice(first, end)


def _layout(tensor: Tensor) -> list[tuple[str, bool]]:
    return [
        (
            "*".join(str(f) for f in factors),
            isinstance(factors[0], Size) and factors[0].packed,
        )
        for factors in tensor.axes_of
    ]


def all_sizes(operation: Operation) -> list[Size]:
    """Every size of the operation, those that formulas mention included, in a fixed order."""
    found: dict[Size, None] = {}

    def visit(expression: Expr) -> None:
        for symbol in sorted(sympy.sympify(expression).free_symbols, key=str):
            if isinstance(symbol, Size) and symbol not in found:
                if symbol.formula is not None:
                    visit(symbol.formula)
                found[symbol] = None

    tensors = [*operation.inputs, *operation.outputs]
    for equation in operation.equations:
        for side in (
            equation.args
            if isinstance(equation, sympy.Eq)
            else (
                equation.left,
                equation.right,
            )
        ):
            tensors += [a.tensor for a in side.atoms(Access)]
            for axis in sorted(side.atoms(Axis), key=str):
                visit(axis.extent)
    for tensor in tensors:
        for extent in (*tensor.shape, *((tensor.below,) if tensor.below is not None else ())):
            visit(extent)
    for relation, _ in operation.requires:
        visit(relation)  # type: ignore[arg-type]
    return list(found)
