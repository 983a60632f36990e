"""The words of a definition: sizes, axes, tensors and their entries.

Each is a thin subclass of a SymPy atom, so a definition is an ordinary SymPy equation. What SymPy
does not know of them (a formula, an extent, a shape) is part of their identity: two sizes called
``P`` with different formulas are different symbols.
"""

from __future__ import annotations

from collections.abc import Iterator as PythonIterator
from collections.abc import Sequence
from functools import cached_property
from typing import Any, Self
from weakref import WeakValueDictionary

from sympy import Basic, Expr, Idx, Mul, Piecewise, Symbol, Tuple
from sympy.core.symbol import Str
from sympy.logic.boolalg import Boolean

from derive.errors import DefinitionError
from derive.language.names import checked_name
from derive.language.numbers import exact


def _as_basic(thing: Any) -> Basic:
    """Anything a symbol carries, as a SymPy expression."""
    if isinstance(thing, tuple):
        return Tuple(*(_as_basic(part) for part in thing))
    return thing if isinstance(thing, Basic) else Str(repr(thing))


_INTERNED: dict[tuple[type, tuple[Any, ...]], Symbol] = {}


class Named(Symbol):
    """A symbol whose identity includes what it carries; never taken from SymPy's cache."""

    carried: tuple[Any, ...]
    content: tuple[Any, ...]

    def carrying(self, *things: Any) -> Self:
        """This symbol with what it carries; the same object for the same things, because SymPy
        compares the contents of objects that are not identical."""
        self.carried = things
        # SymPy sorts by this, and can only compare expressions of its own.
        self.content = (*Symbol._hashable_content(self), _as_basic(things))
        return _INTERNED.setdefault((type(self), self.content), self)  # type: ignore[return-value]

    def _hashable_content(self) -> tuple[Any, ...]:
        return self.content

    def __getnewargs_ex__(self):  # pragma: no cover - symbols live within one process
        raise TypeError("derive's symbols are not pickled; build the operation again instead")


class Size(Named):
    """An extent of an axis: read off an input's shape, or given by a formula.

    Attributes
    ----------
    formula : sympy.Expr or None
        Value in terms of other sizes and options; None for a size bound by an input's shape.
    minimum : int
        Least value an input may have. A formula may fall below it, which is then an error of the
        call ("kernel larger than the padded input").
    packed : bool
        Stands for any number of axes, multiplied.
    kept : tuple of (Size, sympy condition) or None
        Stands for the axes of another size where the condition on settings holds, else for none.
    """

    formula: Expr | None
    minimum: int
    packed: bool
    kept: tuple[Size, Boolean] | None

    def __new__(cls, name, formula=None, minimum=0, packed=False, kept=None):
        checked_name(name, "a size")
        # What a formula yields is checked at run time; SymPy must not take it for granted.
        sign = {"positive": True} if minimum > 0 else {"nonnegative": True}
        sign = sign if formula is None else {}
        self = Symbol.__xnew__(cls, name, integer=True, **sign)
        self.formula = None if formula is None else exact(formula)
        self.minimum = minimum
        self.packed = packed
        self.kept = kept
        return self.carrying(self.formula, minimum, packed, kept)


def size(name: str, formula: Expr | int | None = None, *, minimum: int = 0) -> Size:
    """One size. With a formula (floors allowed) it is computed, else an input's shape binds it."""
    return Size(name, formula, minimum)


def sizes(names: str, *, minimum: int = 0) -> tuple[Size, ...]:
    """Several sizes bound by the inputs' shapes, from names separated by blanks."""
    return tuple(Size(name, None, minimum) for name in names.split())


def leading(name: str) -> Size:
    """The size of any number of axes taken together, as in ``(*, I)`` or ``(N, C, *)``."""
    return Size(name, None, 0, True)


def kept(name: str, whole: Size, when: Boolean) -> Size:
    """The axes of `whole` where a condition on settings holds, else none at all.

    A loss of several entries is one number, or keeps the entries apart:

        reduction = option("reduction", "mean", spellings={"none": (0,), "mean": (1,), ...})
        y = tensor("y", kept("Y", M, when=reduction[0] <= 0))
    """
    return Size(name, Piecewise((whole, when), (1, True)), 0, True, (whole, when))


def _extent(given: Any, name: str) -> Expr:
    """What an axis may be long: no fraction, no negative number, no entry of a tensor."""
    extent = exact(given)
    sized = isinstance(extent, Expr) and not extent.has(Access)
    if not sized or extent.is_integer is False or extent.is_negative:
        raise DefinitionError(
            name,
            f"an extent of {name} is {given}",
            remedy="Write an integer, a size, or an expression of sizes and settings.",
        )
    return extent


# Equal axes are one object while anybody has it: SymPy compares the contents of different ones.
_AXES: WeakValueDictionary[tuple[Symbol, Any], Axis] = WeakValueDictionary()


class Axis(Idx):
    """An index and its box: SymPy's ``Idx`` over ``0 <= index < extent``."""

    def __new__(cls, name, extent):
        if isinstance(extent, Tuple):  # SymPy rebuilds an expression from its arguments
            # Its Abs turns a - b into -(b - a) wherever that stands, and leaves it so.
            last = extent[1].replace(lambda e: e.is_Mul, lambda e: Mul(*e.args))
            extent = last + 1
        if not isinstance(name, Symbol):
            name = Symbol(checked_name(name, "an axis"), integer=True)
        extent = _extent(extent, str(name))
        if (known := _AXES.get((name, extent))) is not None:
            return known
        return _AXES.setdefault((name, extent), Idx.__new__(cls, name, extent))

    @cached_property
    def extent(self) -> Expr:
        return self.upper + 1

    def __eq__(self, other):
        """Whether they are the same. Most differ, which their hashes tell at once."""
        if self is other or not isinstance(other, Axis):
            return self is other or super().__eq__(other)
        return hash(self) == hash(other) and super().__eq__(other)

    __hash__ = Idx.__hash__

    def __str__(self) -> str:
        return self.name  # without a printer, for much is sorted by it


def axis(name: str, extent: Expr | int) -> Axis:
    """One index that runs over ``0 <= index < extent``."""
    return Axis(name, extent)


def axes(names: str, *extents: Expr | int) -> tuple[Axis, ...]:
    """Several indices: ``n, k = axes("n k", N, K)``."""
    split = names.split()
    if len(split) != len(extents):
        raise DefinitionError(
            names, f"axes() got {len(split)} names and {len(extents)} extents; give one for each"
        )
    return tuple(Axis(name, extent) for name, extent in zip(split, extents, strict=True))


Shape = tuple[tuple[Expr, ...], ...]


class Bound(Named):
    """Where a part of an axis begins or ends: a number between 0 and the axis's extent."""

    extent: Expr

    def __new__(cls, name: str, extent: Expr):
        self = Symbol.__xnew__(cls, name, integer=True, nonnegative=True)
        self.extent = extent
        return self.carrying(extent)


class Tensor(Named):
    """An array of real or integer numbers with a symbolic shape.

    Attributes
    ----------
    axes_of : tuple of tuple of sympy.Expr
        One entry for each axis of the array; an axis with several factors is a product axis.
    outside : sympy.Expr or None
        What an access beyond the array reads. None: such an access is an error.
    offset : tuple of int
        The first index of each factor (``-1`` for a state that begins before time 0).
    integer : bool
        Holds integers: may stand in an index, is never differentiated.
    below : sympy.Expr or None
        For integers: entries lie in ``0 <= entry < below``.
    optional, parameter : bool
        May be absent (its term is then dropped); is learned rather than fed.
    default : sympy.Expr or None
        What every entry is where a caller leaves the array out.
    besides : sympy.Expr or None
        For integers: one more number that may occur, however large.
    interval : tuple of two numbers or None
        Where the entries lie, bounds included.
    """

    axes_of: Shape
    outside: Expr | None
    offset: tuple[int, ...]
    integer: bool
    below: Expr | None
    optional: bool
    parameter: bool
    default: Expr | None
    besides: Expr | None
    interval: tuple[Expr, Expr] | None

    def __new__(
        cls,
        name,
        shape: Shape,
        outside=None,
        offset=None,
        integer=False,
        below=None,
        optional=False,
        parameter=False,
        default=None,
        besides=None,
        interval=None,
    ):
        self = Symbol.__xnew__(cls, name, real=True)
        self.axes_of = tuple(tuple(_extent(f, name) for f in factors) for factors in shape)
        flat = sum(len(factors) for factors in self.axes_of)
        self.outside = None if outside is None else exact(outside)
        self.offset = (0,) * flat if offset is None else tuple(offset)
        self.integer, self.optional, self.parameter = integer, optional, parameter
        self.below = None if below is None else exact(below)
        self.default = None if default is None else exact(default)
        carried = (self.axes_of, self.outside, self.offset, integer, self.below, optional)
        self.besides = None if besides is None else exact(besides)
        self.interval = None if interval is None else tuple(map(exact, interval))
        return self.carrying(*carried, parameter, self.default, self.besides, self.interval)

    def like(self, **changes: Any) -> Tensor:
        """A tensor with all properties of this one but those that are given, as `Tensor` has them.

        It keeps what it holds and what it reads outside, whatever properties there will be.
        """
        words = ("name", "outside", "offset", "integer", "below", "optional", "parameter")
        words += ("default", "besides", "interval")
        known: dict[str, Any] = {word: getattr(self, word) for word in words}
        known["shape"] = self.axes_of
        return Tensor(**(known | changes))

    @property
    def shape(self) -> tuple[Expr, ...]:
        """Extents with product axes split into their factors."""
        return tuple(factor for factors in self.axes_of for factor in factors)

    @property
    def rank(self) -> int:
        """Number of indices, product axes split."""
        return len(self.shape)

    @property
    def required(self) -> bool:
        """Whether a caller has to give it."""
        return not self.optional and self.default is None

    @property
    def tells_sizes(self) -> bool:
        """Whether its shape can tell how large something is: it is there, with all its axes."""
        return self.required and not any(isinstance(e, Size) and e.kept for e in self.shape)

    def __getitem__(self, index) -> Access:
        """``x[n, (g, c), h]``: a tuple indexes a product axis; ``x[()]`` is a scalar."""
        index = index if isinstance(index, tuple | Tuple) else (index,)
        if len(self.axes_of) == 1 and len(index) == len(self.axes_of[0]) > 1:
            index = (index,)  # Python hands over b[(g, k)] as b[g, k]
        if len(index) != len(self.axes_of):
            raise DefinitionError(
                self.name,
                f"{self.name} has {len(self.axes_of)} axes, but {len(index)} indices were given: "
                f"{self.name}{list(index)}",
                remedy="Give one index for each axis (a tuple for a product axis).",
            )
        flat: list[Expr] = []
        for position, (entry, factors) in enumerate(zip(index, self.axes_of, strict=True)):
            parts = tuple(entry) if isinstance(entry, tuple | Tuple) else (entry,)
            if len(parts) != len(factors):
                raise DefinitionError(
                    self.name,
                    f"axis {position} of {self.name} has {len(factors)} factor(s) "
                    f"{'*'.join(map(str, factors))}, but its index is {entry}",
                    remedy="Index a product axis by a tuple with one index for each factor.",
                )
            flat += [_index(part, self.name) for part in parts]
        return Access(self, *flat)

    def _sympystr(self, printer) -> str:
        return self.name

    _sympyrepr = _latex = _sympystr

    def __iter__(self) -> PythonIterator[Any]:
        raise TypeError(f"tensor {self.name} is not iterable; index it")


def _index(part: Any, name: str) -> Expr:
    if isinstance(part, slice) or part is Ellipsis or isinstance(part, str | float):
        raise DefinitionError(
            name,
            f"{part!r} cannot index {name}",
            remedy="Write an index as an affine expression of axes, such as s*p + d*u - P.",
        )
    return exact(part)


def tensor(
    name: str,
    *shape: Expr | int | Sequence[Expr | int],
    outside: Expr | float | None = None,
    offset: Sequence[int] | None = None,
    optional: bool = False,
    default: Expr | int | None = None,
    interval: tuple[Any, Any] | None = None,
) -> Tensor:
    """A tensor; a tuple among the extents is a product axis.

    Parameters
    ----------
    name : str
        Name of the argument in the generated module.
    *shape : sympy.Expr, int or sequence of these
        One extent for each axis, ``(G, C)`` for an axis that is a product of two.
    outside : number, optional
        What an access beyond the array reads; without it such an access is an error.
    offset : sequence of int, optional
        First index along each axis, for states that begin at -1.
    optional : bool
        The caller may leave it out: its term is then dropped.
    default : sympy.Expr or int, optional
        The caller may leave it out: every entry is then this number.
    interval : tuple of two numbers, optional
        The least and the largest number that an entry may be, ``-oo`` and ``oo`` for none. NaN
        lies in no interval, and is refused like a number outside: whoever states an interval
        computes what has no meaning elsewhere.
    """
    _check_default(name, optional, default, interval)
    return Tensor(
        checked_name(name, "a tensor"), _shape(shape), outside, offset, optional=optional,
        default=default, interval=interval,
    )  # fmt: skip


def state(name: str, *shape: Expr | int | Sequence[Expr | int]) -> Tensor:
    """A tensor whose first axis is time and begins at -1: ``h[-1]`` holds the initial value.

    ``state("h", T, N, H)`` has the T + 1 rows ``h[-1] .. h[T-1]``.
    """
    checked_name(name, "a state")
    time, *rest = _shape(shape)
    if len(time) != 1:
        raise DefinitionError(name, "the first axis of a state is time, no product axis")
    flat = sum(len(factors) for factors in rest)
    return Tensor(name, ((time[0] + 1,), *rest), offset=(-1, *(0,) * flat))


def parameter(
    name: str,
    *shape,
    optional: bool = False,
    outside=None,
    default: Expr | int | None = None,
    interval: tuple[Any, Any] | None = None,
) -> Tensor:
    """A tensor that is learned, such as a weight or a bias."""
    checked_name(name, "a parameter")
    _check_default(name, optional, default, interval)
    return Tensor(
        name, _shape(shape), outside, optional=optional, parameter=True, default=default,
        interval=interval,
    )  # fmt: skip


def integers(
    name: str,
    *shape,
    below: Expr | int | None = None,
    optional: bool = False,
    default: Expr | int | None = None,
    besides: Expr | int | None = None,
) -> Tensor:
    """A tensor of integers; it may stand in an index.

    With `below`, its entries lie in ``0 <= entry < below``. An input has to say so; for integers
    that an equation computes it is a promise, which lets indices be proved inside their arrays.

    One with a `default` (an expression of sizes) may be left out and has that number everywhere
    then; of one that is `optional` without a default, the term is dropped.

    One more number may occur `besides`, which marks an entry that means nothing. What is read at
    it stands in a case that excludes the mark, ``Piecewise((z[n, k[n]], Ne(k[n], -1)), (0, True))``
    with ``besides=-1``; a tensor that is read at it elsewhere says what it is there, by `outside`.
    """
    checked_name(name, "an integer tensor")
    _check_default(name, optional, default)
    if below is not None and (exact(below).is_nonpositive or exact(below).is_integer is False):
        raise DefinitionError(
            name,
            f"below={below} leaves no number to the entries of {name}",
            remedy="Their numbers are 0 .. below-1: give a size, or an integer from 1.",
        )
    return Tensor(
        name, _shape(shape), integer=True, below=below, optional=optional, default=default,
        besides=besides,
    )  # fmt: skip


def _check_default(
    name: str,
    optional: bool,
    default: Expr | int | None,
    interval: tuple[Any, Any] | None = None,
) -> None:
    if interval is not None:
        try:
            low, high = map(exact, interval)
            fits = low.is_extended_real and high.is_extended_real and bool(low < high)
        except (TypeError, ValueError, DefinitionError):
            fits = False
        if not fits:
            raise DefinitionError(
                name,
                f"the interval of {name} is {interval}",
                remedy="Give two numbers, the smaller one first: interval=(0, 1).",
            )
    if default is not None and exact(default).has(Access):
        raise DefinitionError(
            name,
            f"the default of {name} is {default}, which reads a tensor",
            remedy="A default is a number, or an expression of sizes.",
        )
    if default is not None and optional:
        raise DefinitionError(
            name, f"{name} has a default, so no term is dropped: it is not optional"
        )


def _shape(shape: Sequence[Any]) -> Shape:
    whole = (tuple, list, Tuple)
    return tuple(tuple(s) if isinstance(s, whole) else (s,) for s in shape)  # type: ignore


class Access(Expr):
    """``A[i, j]``: one entry of a tensor, of any rank, as a SymPy expression."""

    @property
    def tensor(self) -> Tensor:
        return self.args[0]  # type: ignore[return-value]

    @property
    def index(self) -> tuple[Expr, ...]:
        return self.args[1:]  # type: ignore[return-value]

    @property
    def free_symbols(self) -> set[Symbol]:
        """The symbols of the indices; the tensor is a name, not a variable."""
        return set().union(*(i.free_symbols for i in self.index)) if self.index else set()

    def __eq__(self, other):
        """Whether they are the same. Most differ, which their hashes tell at once."""
        if self is other or not isinstance(other, Access):
            return self is other or super().__eq__(other)
        return hash(self) == hash(other) and super().__eq__(other)

    __hash__ = Expr.__hash__

    @cached_property
    def _text(self) -> str:
        return super().__str__()

    def __str__(self) -> str:
        return self._text  # asked for again and again, for entries are sorted by it

    def _eval_is_commutative(self) -> bool:
        return True

    def _eval_is_integer(self) -> bool | None:
        return True if self.tensor.integer else None

    def _eval_is_extended_real(self) -> bool:
        return True

    def _eval_derivative(self, s):
        raise TypeError("differentiate with derive.calculus, not with SymPy's diff")

    def _sympystr(self, printer) -> str:
        index = ", ".join(printer._print(i) for i in self.index)
        return f"{self.tensor.name}[{index}]" if index else self.tensor.name

    _sympyrepr = _sympystr


def entries_in(value: Basic) -> set[Access]:
    """Every entry in an expression, those inside indices of others too.

    As SymPy's ``value.atoms(Access)``, which looks for them in the range of each index as well, and
    is asked so often that this was a tenth of all the time.
    """
    found: set[Access] = set()
    waiting: list[Basic] = [value]
    while waiting:
        node = waiting.pop()
        if isinstance(node, Access):
            found.add(node)
            waiting += node.index
        elif not isinstance(node, Axis):
            waiting += node.args
    return found
