"""What becomes of an operation's equations when it is a part of another operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Mul, Piecewise, Sum, expand
from sympy.logic.boolalg import Boolean

from derive.errors import DefinitionError
from derive.language.notes import rewritten
from derive.language.numbers import exact, understood
from derive.language.operation import Equation, Operation, sides
from derive.language.options import Option, is_word
from derive.language.symbols import Access, Axis, Shape, Size, Tensor


class Inlining:
    """One part: first what becomes of sizes and settings, then of axes, tensors and equations.

    Names of the part and of the whole may be the same ones for different things. So everything is
    replaced once, from the outside in, and never what a replacement brought along.
    """

    def __init__(
        self, operation: Operation, rename: Callable[[str], str], bindings: Mapping[str, Any]
    ) -> None:
        self.operation, self.rename = operation, rename
        self.sizes = operation.sizes
        self.bound: dict[Basic, Expr] = {}  # sizes and settings, in symbols of the whole
        self.words: dict[Basic, Expr] = {}  # settings that are spelled out, in the part's own
        self.split: dict[Basic, Shape] = {}  # sizes that become several axes, or a product
        self.given: dict[Tensor, Any] = {}
        self.equal: list[tuple[Expr, Expr, str]] = []  # extents that have to agree
        self.made: dict[Tensor, Tensor] = {}
        self.copies: list[Equation] = []
        self.bind(dict(bindings))

    def error(self, what: str, remedy: str) -> DefinitionError:
        return DefinitionError(self.operation.name, f"as a part: {what}", remedy=remedy)

    # ---- what is bound -------------------------------------------------------------------

    def bind(self, bindings: dict[str, Any]) -> None:
        operation = self.operation
        tensors = dict.fromkeys((*operation.inputs, *operation.outputs))
        for option in operation.options:
            self.choose(option, bindings.pop(option.name, option.default))
        for size in self.sizes:
            if size.name in bindings:
                self.bound[size] = exact(bindings.pop(size.name))
        for tensor in tensors:
            if tensor.name in bindings:
                self.given[tensor] = given = bindings.pop(tensor.name)
                if isinstance(given, Tensor):
                    self.unify(tensor, given)
                elif not callable(given):
                    raise self.error(
                        f"{tensor.name} is bound to {given!r}",
                        "Bind it to a tensor, or to a function of its indices.",
                    )
        if bindings:
            known = ", ".join(t.name for t in (*tensors, *operation.options, *self.sizes))
            raise self.error(
                f"it has nothing that is called {next(iter(bindings))}", f"It has {known}."
            )
        for size in (s for s in self.sizes if s.kept and s not in self.bound):
            self.decide(size, *size.kept)  # type: ignore[misc]
        for extent, expected, where in self.equal:
            if expand(_opened(self.number(extent)) - _opened(expected)) != 0:
                raise self.error(
                    f"{where} has the extent {self.number(extent)}, but {expected} was given",
                    "Give a tensor whose shape fits.",
                )

    def choose(self, option: Option, value: Any) -> None:
        """Give an option a value, or hand it on to one of the whole."""
        if is_word(value) and value in option.spellings:
            self.words |= dict(zip(option.settings, option.spellings[value], strict=True))
            return
        numbers = value.settings if isinstance(value, Option) else option.numbers(value)
        said = not is_word(value) and (isinstance(value, Option) or option.takes(numbers))
        if not said:
            raise self.error(
                f"{value!r} is no value of the option {option.name}",
                f"It takes {option.said()}, or an option of the whole.",
            )
        if len(numbers) != len(option.settings):
            raise self.error(
                f"the option {option.name} has {len(option.settings)} numbers, and "
                f"{len(numbers)} were given",
                "Give a value that the operation takes, or an option with as many numbers.",
            )
        self.bound |= dict(zip(option.settings, map(exact, numbers), strict=True))
        self.split |= {s: () for s in option.settings if self.bound[s] == 1 and self.divides(s)}

    def divides(self, extent: Expr) -> bool:
        """Whether it is only ever one factor of several of an axis, as a number of groups is."""
        found = [f for t in self.operation.tensors for f in t.axes_of if extent in f]
        return bool(found) and all(len(factors) > 1 for factors in found)

    def decide(self, size: Size, whole: Size, condition: Boolean) -> None:
        """Keep the axes of a size, or drop them, where the options say which."""
        holds = self.number(condition)
        if holds == sympy.true:
            self.bound[size] = self.number(whole)
            if whole in self.split:
                self.split[size] = self.split[whole]
        elif holds == sympy.false:
            self.split[size], self.bound[size] = (), Integer(1)
        elif not isinstance(self.number(whole), Size):
            raise self.error(
                f"an option of the whole decides whether there are axes, and {whole} is several",
                "Give that option a value.",
            )

    def unify(self, tensor: Tensor, given: Tensor) -> None:
        """Read the part's sizes off the shape of a tensor of the caller."""
        if tensor.integer != given.integer:
            raise self.error(
                f"of {tensor.name} and {given.name}, one holds integers", "Give another tensor."
            )
        mine, theirs = list(tensor.axes_of), list(given.axes_of)
        leading = mine[0][0] if mine else None
        if isinstance(leading, Size) and leading.packed and len(theirs) >= len(mine) - 1:
            count = len(theirs) - (len(mine) - 1)
            self.spread(leading, tuple(theirs[:count]), tensor.name)
            mine, theirs = mine[1:], theirs[count:]
        if len(mine) != len(theirs):
            raise self.error(
                f"{tensor.name} has {len(tensor.axes_of)} axes, and {given.name} has "
                f"{len(given.axes_of)}",
                "Give a tensor with as many axes.",
            )
        for factors, found in zip(mine, theirs, strict=True):
            if len(factors) > len(found):
                factors = self.longer(factors)
            if len(factors) == 1 and len(found) > 1 and isinstance(factors[0], Size):
                self.spread(factors[0], (found,), tensor.name)
                continue
            if len(factors) != len(found):
                mine_text, theirs_text = ("*".join(map(str, f)) for f in (factors, found))
                raise self.error(
                    f"{tensor.name} has an axis {mine_text}, where {given.name} has {theirs_text}",
                    "Give a tensor whose axis is the same product.",
                )
            for factor, extent in zip(factors, found, strict=True):
                if isinstance(factor, Size):
                    self.bound.setdefault(factor, extent)
                self.equal.append((factor, extent, tensor.name))

    def longer(self, factors: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """Factors without those that are 1 here, as a number of groups often is."""
        return tuple(f for f in factors if self.bound.get(f, f) != 1)

    def spread(self, size: Size, shape: Shape, where: str) -> None:
        """Let a size stand for several axes, or for a product."""
        self.split.setdefault(size, shape)
        product = Mul(*(f for factors in shape for f in factors))
        self.bound.setdefault(size, product)
        self.equal.append((size, product, where))

    # ---- symbols -------------------------------------------------------------------------

    def number(self, expression: Any) -> Any:
        """An expression of sizes and settings, in those of the whole."""
        expression = understood(expression)
        return expression.xreplace({s: self.symbol(s) for s in expression.free_symbols})

    def symbol(self, symbol: Any) -> Expr:
        if symbol in self.words and symbol not in self.bound:
            self.bound[symbol] = self.number(self.words[symbol])
        if isinstance(symbol, Size) and symbol not in self.bound:
            formula = None if symbol.formula is None else self.number(symbol.formula)
            name = self.rename(symbol.name)
            kept = symbol.kept and (self.number(symbol.kept[0]), self.number(symbol.kept[1]))
            self.bound[symbol] = Size(name, formula, symbol.minimum, symbol.packed, kept)
        return self.bound.get(symbol, symbol)

    def axes(self, axis: Axis) -> tuple[Axis, ...]:
        """What an axis becomes; it keeps its name where its size is one of the whole, too."""
        if axis.extent in self.split:
            extents = [f for factors in self.split[axis.extent] for f in factors]
            if not extents:
                return ()
            if len(extents) > 1:
                names = [f"{axis.name}{number}" for number in range(len(extents))]
                return tuple(Axis(self.rename(n), e) for n, e in zip(names, extents, strict=True))
        extent = self.number(axis.extent)
        same = extent == axis.extent and not extent.is_number
        return (Axis(axis.name if same else self.rename(axis.name), extent),)

    # ---- tensors -------------------------------------------------------------------------

    def tensor(self, tensor: Tensor) -> Tensor:
        """What stands for a tensor of the part in the whole."""
        if tensor not in self.made:
            given = self.given.get(tensor)
            self.made[tensor] = self.renamed(tensor) if given is None else given
            if given is not None and tensor.outside not in (None, given.outside):
                self.made[tensor] = self.framed(tensor, given)
        return self.made[tensor]

    def renamed(self, tensor: Tensor) -> Tensor:
        shape: list[tuple[Expr, ...]] = []
        for factors in tensor.axes_of:
            if len(factors) == 1 and factors[0] in self.split:
                shape += self.split[factors[0]]
            else:
                shape.append(tuple(f for factor in factors for f in self.factors(factor)))
        below = None if tensor.below is None else self.number(tensor.below)
        default = None if tensor.default is None else self.number(tensor.default)
        besides = None if tensor.besides is None else self.number(tensor.besides)
        offset = [
            first  # a state is never split along time
            for first, factor in zip(tensor.offset, tensor.shape, strict=True)
            for _ in self.factors(factor)
        ]
        return tensor.like(
            name=self.rename(tensor.name), shape=tuple(shape), offset=offset, below=below,
            default=default, besides=besides, outside=self.outside(tensor),
        )  # fmt: skip

    def outside(self, tensor: Tensor) -> Expr | None:
        return None if tensor.outside is None else self.number(tensor.outside)

    def factors(self, extent: Expr) -> tuple[Expr, ...]:
        if extent in self.split:
            return tuple(f for factors in self.split[extent] for f in factors)
        return (self.number(extent),)

    def framed(self, tensor: Tensor, given: Tensor) -> Tensor:
        """A copy of what was given, for a read outside must yield what it does in the part."""
        extents = [f for factors in given.axes_of for f in factors]
        places = iter([Axis(self.rename(f"i{n}"), e) for n, e in enumerate(extents)])
        index = tuple(tuple(next(places) for _ in factors) for factors in given.axes_of)
        copy = given.like(
            name=self.rename(tensor.name), outside=self.outside(tensor), optional=False,
            parameter=False, default=None, interval=None,
        )  # fmt: skip
        self.copies.append(Equation(copy[index], given[index]))
        return copy

    # ---- equations -----------------------------------------------------------------------

    def is_function(self, tensor: Tensor) -> bool:
        return tensor in self.given and not isinstance(self.given[tensor], Tensor)

    def equations(self) -> tuple[Equation, ...]:
        """The equations of the part, and those of copies that it takes."""
        mine = [self.equation(e) for e in self.operation.equations]
        return (*self.copies, *mine)

    def legend(self) -> dict[str, str]:
        """What indices mean, by the names that they have now."""
        found = {axis.name: axis for axis in self.operation.axes}
        named = {name: ",".join(a.name for a in self.axes(axis)) for name, axis in found.items()}
        keys = {
            key: [name for letter in key.split(",") if (name := named.get(letter, letter))]
            for key in self.operation.legend
        }
        return {",".join(names): self.operation.legend[key] for key, names in keys.items() if names}

    def rows(self) -> dict[str, Sequence[str]]:
        """What rows are called, by the names that indices have now."""
        found = {axis.name: axis for axis in self.operation.axes}
        return {
            axis.name: names
            for index, names in self.operation.rows.items()
            for axis in self.axes(found[index])
        }

    def requirements(self) -> Iterable[tuple[Basic, str]]:
        """What the part says of its sizes, where those of the whole do not say it themselves."""
        for relation, words in self.operation.requires:
            if (said := self.rebuilt(relation)) != sympy.true:
                yield said, words
        for size in self.sizes:
            value = self.symbol(size)
            least = value.minimum if isinstance(value, Size) else 0
            if value.is_Integer:
                least = int(value)
            if size.formula is None and least < size.minimum:
                yield value >= size.minimum, f"{size} of {self.operation.name} is too small"

    def equation(self, equation: Any) -> Equation:
        scatter = isinstance(equation, Equation) and equation.scatter
        left, right = sides(equation)
        return Equation(self.rebuilt(left), self.rebuilt(right), scatter)

    def rebuilt(self, value: Any) -> Any:
        """An expression of the part, in the tensors, axes and sizes of the whole."""
        if isinstance(value, Access):
            return self.access(value)
        if isinstance(value, Sum):
            function, *limits = value.args
            return Sum(self.rebuilt(function), *(l for limit in limits for l in self.limits(limit)))
        if isinstance(value, Axis):
            return self.single(value)
        if isinstance(value, Piecewise):  # what no option chooses need not make sense
            cases = [(piece, self.rebuilt(condition)) for piece, condition in value.args]
            chosen = [(p, c) for p, c in cases if c != sympy.false]
            always = next((i for i, (_, c) in enumerate(chosen) if c == sympy.true), len(chosen))
            return Piecewise(*((self.rebuilt(p), c) for p, c in chosen[: always + 1]))
        if not value.args:
            return self.symbol(value)
        arguments = [self.rebuilt(argument) for argument in value.args]
        return rewritten(value, self.operation.order, value.func(*arguments), arguments)

    def limits(self, limit: Any) -> tuple[Any, ...]:
        index, *range_ = limit
        if isinstance(index, Axis):
            return self.axes(index)
        return ((index, *map(self.rebuilt, range_)),)

    def single(self, axis: Axis) -> Expr:
        found = self.axes(axis)
        if len(found) > 1:
            raise self.error(
                f"{axis.extent} becomes a product, but {axis.name} is not an index by itself",
                "Give a tensor whose axis is no product.",
            )
        return found[0] if found else Integer(0)

    def access(self, access: Access) -> Any:
        """An entry; an index over a product axis becomes a tuple."""
        given: Any = self.given.get(access.tensor)
        places = iter(access.index)
        found: list[Any] = []
        for factors in access.tensor.axes_of:
            parts = [(f, self.index(next(places), f)) for f in factors]
            shape = self.split.get(factors[0]) if len(factors) == 1 else None
            if shape is not None:
                flat = iter(parts[0][1])
                found += [tuple(next(flat) for _ in split) for split in shape]
                continue
            if isinstance(given, Tensor) and len(given.axes_of[len(found)]) < len(factors):
                parts = [(f, p) for f, p in parts if f in self.longer(factors)]
            found.append(tuple(p for _, several in parts for p in several))
        if not self.is_function(access.tensor):
            return self.tensor(access.tensor)[tuple(found)]
        entry = understood(given(*(f if len(f) > 1 else f[0] for f in found)))
        if entry.has(Sum):
            raise self.error(
                f"the function for {access.tensor.name} returns a sum",
                "Name the sum by an equation, and return an entry of that tensor.",
            )
        return entry

    def index(self, place: Expr, extent: Expr) -> tuple[Expr, ...]:
        """One index; of a size that is split, several."""
        moved = self.split.get(place.extent) if isinstance(place, Axis) else None
        if isinstance(place, Axis) and extent in self.split and moved == self.split[extent]:
            return self.axes(place)
        if not self.factors(extent):
            return ()
        if len(self.factors(extent)) > 1:
            raise self.error(
                f"{extent} becomes a product, but {place} is not an index by itself",
                "Give a tensor whose axis is no product.",
            )
        return (self.rebuilt(place),)


def _opened(extent: Any) -> Any:
    """An extent with the formulas of sizes written out."""
    while found := {s: s.formula for s in extent.free_symbols if getattr(s, "formula", None)}:
        extent = extent.xreplace(found)
    return extent
