"""The signature of a module: which size binds where, what is compared, what is refused.

    x (N, groups*C, H, W), weight (groups*K, C, U, V), stride=1, groups=1
        groups is an option; N is axis 0 of x; C is axis 1 of weight; K is axis 0 of weight divided
        by groups; P has a formula; axis 1 of x has to be groups * C; and P >= 1 is required.

All of it is data over SymPy expressions, for any printer: nothing here is Python, NumPy or C.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import sympy
from sympy import Basic, Expr, Ge, Mul, Symbol
from sympy.logic.boolalg import Boolean

from derive.calculus.bounds import nonnegative
from derive.errors import DefinitionError
from derive.language.operation import Operation
from derive.language.options import Option, Setting
from derive.language.symbols import Size, Tensor


@dataclass(frozen=True)
class FromAxis:
    """A size is the extent of an axis, or of all axes that are packed there."""

    size: Size
    tensor: Tensor
    axis: int

    @property
    def meaning(self) -> str:
        """Where the size is from, for messages."""
        return f"axis {numbered(self.tensor, self.axis)} of {self.tensor}"


@dataclass(frozen=True)
class FromQuotient(FromAxis):
    """A size is the extent of an axis divided by the other factors, which has to be exact."""

    divisor: Expr
    factors: tuple[Expr, ...]


@dataclass(frozen=True)
class FromFormula:
    """A size is computed; or, if it is kept, it stands for the axes of another one, or for none."""

    size: Size

    @property
    def meaning(self) -> str:
        return "its formula"


@dataclass(frozen=True)
class FromOption:
    """The settings of an option are what the caller says, in numbers or in a word."""

    option: Option

    @property
    def meaning(self) -> str:
        return self.option.name


Binding = FromAxis | FromFormula | FromOption


@dataclass(frozen=True)
class Comparison:
    """An axis of an array that is there has the extent that the sizes say.

    Attributes
    ----------
    tensor : Tensor
    axis : int
    extent : sympy.Expr
    sources : tuple of (Size, str)
        Where the sizes of the extent are from.
    """

    tensor: Tensor
    axis: int
    extent: Expr
    sources: tuple[tuple[Size, str], ...]

    @property
    def meaning(self) -> str:
        """What is expected, for messages: ``groups * C; C from axis 1 of weight``."""
        factors = " * ".join(str(f) for f in self.tensor.axes_of[self.axis])
        source = ", ".join(f"{size} from {where}" for size, where in self.sources)
        return f"{factors}; {source}" if source else factors


@dataclass(frozen=True)
class Requirement:
    """A relation that a call must meet, the author's words, and the numbers to be told."""

    relation: Boolean
    words: str
    told: tuple[Symbol, ...]


@dataclass(frozen=True)
class Signature:
    """The way into a module, in order.

    Attributes
    ----------
    inputs, outputs : tuple of Tensor
        Each says its axes as factors, which are packed, whether it is required, what it holds,
        and between which bounds.
    bindings : tuple of FromAxis, FromQuotient, FromFormula or FromOption
        Where the value of every size and setting is from; each builds on those before it.
    comparisons : tuple of Comparison
        What the axes that bind no size have to be.
    requirements : tuple of Requirement
        What the author requires.
    nonnegative : tuple of Size
        Computed sizes that may come out negative, which is an error of the call, unless it is
        one already by what is required.
    made : tuple of sympy.Expr
        Extents that options decide on, which may be larger than any array.
    makers : tuple of Option
        The options that they are made of.
    """

    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    bindings: tuple[Binding, ...]
    comparisons: tuple[Comparison, ...] = ()
    requirements: tuple[Requirement, ...] = ()
    nonnegative: tuple[Size, ...] = ()
    made: tuple[Expr, ...] = ()
    makers: tuple[Option, ...] = ()

    @property
    def symbols(self) -> tuple[Symbol, ...]:
        """All sizes and settings, in the order in which they are bound."""
        return tuple(s for binding in self.bindings for s in _bound(binding))

    @property
    def packed(self) -> tuple[Size, ...]:
        """Sizes that stand for any number of axes."""
        return tuple(s for s in self.symbols if isinstance(s, Size) and s.packed)


def signature(operation: Operation) -> Signature:
    """The signature of an operation.

    Raises
    ------
    DefinitionError
        If some size can be bound neither by an input's shape nor by a formula.
    """
    bindings = _bindings(operation)
    sources = {s: binding.meaning for binding in bindings for s in _bound(binding)}
    comparisons = tuple(
        comparison
        for tensor in operation.inputs
        for comparison in _comparisons(operation, tensor, sources)
    )
    requirements = tuple(
        _requirement(operation, relation, words, sources)
        for relation, words in operation.requires
        if relation != sympy.true
    )
    for size in operation.sizes:
        if size not in sources:
            raise _unbound(operation, f"the size {size}")
    negative = (
        size
        for size in operation.sizes
        if size.formula is not None
        and not size.kept
        and not nonnegative(size.formula, ())
        and not any(_bounds_below(relation, size) for relation, _ in operation.requires)
    )
    known = Signature(operation.inputs, operation.outputs, bindings, comparisons, requirements)
    made, makers = _made(operation)
    return replace(known, nonnegative=tuple(negative), made=made, makers=makers)


def _bounds_below(relation: Basic, size: Size) -> bool:
    """Whether a relation says that a size is not negative: ``P >= 1``."""
    return isinstance(relation, Ge) and relation.lhs == size and bool(relation.rhs.is_nonnegative)


def is_packed(factors: tuple[Expr, ...]) -> bool:
    """Whether an axis stands for any number of axes."""
    return isinstance(factors[0], Size) and factors[0].packed


def numbered(tensor: Tensor, axis: int) -> int:
    """The number of an axis in an array; behind packed axes it is counted from the end."""
    behind = any(map(is_packed, tensor.axes_of[:axis]))
    return axis - len(tensor.axes_of) if behind else axis


def _bindings(operation: Operation) -> tuple[Binding, ...]:
    """By first bare appearance, else by exact division of a product axis, else by a formula."""
    known: dict[Symbol, None] = {}
    found: list[Binding] = []

    def bind(binding: Binding) -> None:
        found.append(binding)
        known.update(dict.fromkeys(_bound(binding)))

    def compute() -> None:
        for size in operation.sizes:
            formula = size.formula
            if size not in known and formula is not None and known.keys() >= formula.free_symbols:
                bind(FromFormula(size))

    axes = [
        (tensor, position, factors)
        for tensor in operation.inputs
        if tensor.tells_sizes
        for position, factors in enumerate(tensor.axes_of)
    ]
    for option in operation.options:
        if not option.spellings:
            bind(FromOption(option))
    for tensor, position, (first, *rest) in axes:
        if isinstance(first, Size) and not rest and first.formula is None and first not in known:
            bind(FromAxis(first, tensor, position))
    before = -1
    while before < len(found):
        before = len(found)
        compute()
        for tensor, position, factors in axes:
            quotient = _quotient(tensor, position, factors, known)
            if quotient is not None:
                bind(quotient)
    for option in operation.options:  # a word may build on sizes
        if option.spellings:
            bind(FromOption(option))
    compute()
    return tuple(found)


def _bound(binding: Binding) -> tuple[Symbol, ...]:
    return binding.option.settings if isinstance(binding, FromOption) else (binding.size,)


def _quotient(
    tensor: Tensor, position: int, factors: tuple[Expr, ...], known: Mapping[Symbol, None]
) -> FromQuotient | None:
    """The one factor of an axis that is not known yet."""
    extent = Mul(*factors)
    unknown = [s for s in extent.free_symbols if s not in known]
    if len(unknown) != 1 or not isinstance(unknown[0], Size):
        return None
    (size,) = unknown
    divisor = extent / size
    if size in divisor.free_symbols:
        return None
    return FromQuotient(size, tensor, position, divisor, tuple(f for f in factors if f != size))


def _comparisons(operation: Operation, tensor: Tensor, sources: Mapping[Symbol, str]):
    """What the axes of an input have to be that bind nothing."""
    for position, factors in enumerate(tensor.axes_of):
        extent = Mul(*factors)
        unknown = [s for s in extent.free_symbols if s not in sources]
        if unknown:
            raise _unbound(operation, f"the size {unknown[0]} of axis {position} of {tensor.name}")
        here = f"axis {numbered(tensor, position)} of {tensor}"
        if any(sources.get(part) == here for part in (extent, *factors)):  # type: ignore[arg-type]
            continue
        named = sorted(extent.free_symbols, key=str)
        sizes = tuple((s, sources[s]) for s in named if isinstance(s, Size))
        yield Comparison(tensor, position, extent, sizes)


def _requirement(
    operation: Operation, relation, words: str, sources: Mapping[Symbol, str]
) -> Requirement:
    symbols = sorted(relation.free_symbols, key=str)
    for symbol in symbols:
        if symbol not in sources:
            raise DefinitionError(
                operation.name, f"the requirement {relation} names {symbol}, unknown"
            )
    told = sorted({part for s in symbols for part in _made_of(s)}, key=str)
    return Requirement(relation, words, tuple(told))


def _made(operation: Operation) -> tuple[tuple[Expr, ...], tuple[Option, ...]]:
    """The extents that options decide on, and these options."""
    shapes = [extent for tensor in operation.tensors for extent in tensor.shape]
    extents = dict.fromkeys([*operation.sizes, *shapes])
    parts = {e: {p for s in e.free_symbols for p in _made_of(s)} for e in extents}
    made = [e for e, of in parts.items() if any(isinstance(p, Setting) for p in of)]
    made = [e for e in made if not getattr(e, "kept", None)]
    settings = {p for e in made for p in parts[e]}
    return tuple(made), tuple(o for o in operation.options if settings.intersection(o.settings))


def _made_of(symbol: Symbol) -> set[Symbol]:
    """What a caller can see of a size: the sizes and settings that its formula is made of."""
    formula = getattr(symbol, "formula", None)
    if formula is None:
        return {symbol}
    return {part for s in formula.free_symbols for part in _made_of(s)}


def _unbound(operation: Operation, what: str) -> DefinitionError:
    return DefinitionError(
        operation.name,
        f"no input binds {what}",
        remedy="Let it be an axis of a required input, or give it a formula.",
    )
