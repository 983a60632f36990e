"""What becomes of an operation's equations when it is a part of another operation."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import sympy
from sympy import Basic, Expr, Integer, Mul, Piecewise, Sum, expand
from sympy.logic.boolalg import Boolean

from derive.errors import DefinitionError
from derive.language.maximum import ArgMaximum, Maximum
from derive.language.notes import rewritten
from derive.language.numbers import exact, understood
from derive.language.operation import Equation, Operation, sides
from derive.language.options import Option, is_word
from derive.language.symbols import Access, Axis, Shape, Size, Tensor, entries_in


class Inlining:
    """One part: first what becomes of sizes and settings, then of axes, tensors and equations.

    Names of the part and of the whole may be the same ones for different things. So everything is
    replaced once, from the outside in, and never what a replacement brought along.

    A size may become several axes, a product, or none: `split` has a shape for it, that of the axes
    in its place. What is 1 has no index, so that one axis less is in the equations.
    """

    def __init__(
        self,
        operation: Operation,
        rename: Callable[[str], str],
        bindings: Mapping[str, Any],
        name: str = "",
    ) -> None:
        self.operation, self.rename, self.name = operation, rename, name
        self.seen: Any = None  # the equation that is being rebuilt
        self.called: dict[str, str] = {}  # indices whose names others have in the whole
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
        where = f"as the part {self.name}" if self.name else "as a part"
        equation = "" if self.seen is None else str(self.seen)
        return DefinitionError(
            self.operation.name, f"{where}: {what}", equation=equation, remedy=remedy
        )

    # ---- what is bound -------------------------------------------------------------------

    def bind(self, bindings: dict[str, Any]) -> None:
        operation = self.operation
        tensors = dict.fromkeys((*operation.inputs, *operation.outputs))
        for option in operation.options:
            self.choose(option, bindings.pop(option.name, option.default))
        for size in self.sizes:
            if size.name in bindings:
                self.bound[size] = exact(bindings.pop(size.name))
        self.drop_ones()
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
        self.drop_ones()
        for size in (s for s in self.sizes if s not in self.bound):
            if size.kept:
                self.decide(size, *size.kept)
            elif flat := size.formula in self.split and self.flat(size.formula):
                self.split[size], self.bound[size] = (flat,), Mul(*flat)
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

    def drop_ones(self) -> None:
        """What is 1 has no index, if it can do without."""
        for one in [s for s, number in self.bound.items() if number == 1 and self.vanishes(s)]:
            self.split.setdefault(one, ((),))

    def vanishes(self, extent: Basic) -> bool:
        """Whether an axis of this extent has no index where it is 1.

        It is a factor of a product, as a number of groups is, and every index over it is one by
        itself; another one may lead outside, where there is something else to be read.
        """
        tensors = self.operation.tensors
        if not any(extent in f for t in tensors for f in t.axes_of if len(f) > 1):
            return False
        entries = (e for eq in self.operation.equations for s in sides(eq) for e in entries_in(s))
        return all(
            place == 0 or (isinstance(place, Axis) and place.extent == factor)
            for entry in entries
            for place, factor in zip(entry.index, entry.tensor.shape, strict=True)
            if factor == extent
        )

    def decide(self, size: Size, whole: Size, condition: Boolean) -> None:
        """Keep the axes of a size, or drop them, where the options say which."""
        holds = self.number(condition)
        if holds == sympy.true:
            self.bound[size] = self.number(whole)
            if whole in self.split:
                self.split[size] = self.split[whole]
        elif holds == sympy.false:
            self.split[size], self.bound[size] = (), Integer(1)
        elif any(not isinstance(Mul(*axis), Size) for axis in self.shape((whole,))):
            raise self.error(
                f"an option of the whole decides whether there are axes, and {whole} is no size",
                "Give that option a value.",
            )
        elif whole in self.split:
            names = self.numbered(size.name, len(self.split[whole]))
            shape = tuple(
                (Size(n, Piecewise((e, holds), (1, True)), 0, True, (e, holds)),)
                for n, (e,) in zip(names, self.split[whole], strict=True)
            )
            self.split[size] = shape
            self.bound[size] = Mul(*(kept for (kept,) in shape))

    def unify(self, tensor: Tensor, given: Tensor) -> None:
        """Read the part's sizes off the shape of a tensor of the caller."""
        if tensor.integer != given.integer:
            raise self.error(
                f"of {tensor.name} and {given.name}, one holds integers", "Give another tensor."
            )
        mine, theirs = list(tensor.axes_of), list(given.axes_of)
        packs = [place for place, (first, *_) in enumerate(mine) if getattr(first, "packed", False)]
        more = len(theirs) - len(mine)
        if packs and more >= -1:
            place, end = packs[0], packs[0] + 1 + more
            self.spread(mine[place][0], tuple(theirs[place:end]), tensor.name)
            mine, theirs = mine[:place] + mine[place + 1 :], theirs[:place] + theirs[end:]
        if len(mine) != len(theirs):
            raise self.error(
                f"{tensor.name} has {len(tensor.axes_of)} axes, and {given.name} has "
                f"{len(given.axes_of)}",
                "Give a tensor with as many axes.",
            )
        for factors, found in zip(mine, theirs, strict=True):
            if len(factors) > len(found):  # a number of groups often is 1
                factors = tuple(f for f in factors if self.split.get(f) != ((),)) or factors[-1:]
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

    def shape(self, factors: tuple[Expr, ...]) -> Shape:
        """What becomes of an axis: as a rule one axis again."""
        if len(factors) == 1:
            (only,) = factors
            return self.split[only] if only in self.split else ((self.number(only),),)
        return (tuple(e for f in factors for e in self.flat(f)),)

    def flat(self, extent: Any) -> tuple[Expr, ...]:
        """The extents that stand for one of the part; those of a product are among them."""
        return tuple(e for axis in self.shape((extent,)) for e in axis)

    def numbered(self, name: str, count: int) -> list[str]:
        """Names for what one thing of the part becomes."""
        return [self.rename(f"{name}{n}" if count > 1 else name) for n in range(count)]

    def axes(self, axis: Axis) -> tuple[Axis, ...]:
        """What an axis becomes; it keeps its name where its size is one of the whole, too."""
        extent, extents = axis.extent, self.flat(axis.extent)
        same = extents == (extent,) and not extent.is_number
        names = [axis.name] if same else self.numbered(axis.name, len(extents))
        found = zip(names, extents, strict=True)
        return tuple(Axis(self.called.get(n, n), e) for n, e in found)

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
        offset: list[int] = []
        first = iter(tensor.offset)
        for factors in tensor.axes_of:
            mine = [next(first) for _ in factors]
            shape += (axis or (Integer(1),) for axis in self.shape(factors))
            pairs = zip(factors, mine, strict=True)
            offset += [o for f, o in pairs for _ in self.flat(f)]
            offset += [0] * (sum(map(len, shape)) - len(offset))  # of what is 1 by itself
        below = None if tensor.below is None else self.number(tensor.below)
        default = None if tensor.default is None else self.number(tensor.default)
        besides = None if tensor.besides is None else self.number(tensor.besides)
        return tensor.like(
            name=self.rename(tensor.name), shape=tuple(shape), offset=offset, below=below,
            default=default, besides=besides, outside=self.outside(tensor),
        )  # fmt: skip

    def outside(self, tensor: Tensor) -> Expr | None:
        return None if tensor.outside is None else self.number(tensor.outside)

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
        self.seen = Equation(left, right, scatter)
        found = Equation(self.rebuilt(left), self.rebuilt(right), scatter)
        self.seen = None
        return found

    def rebuilt(self, value: Any) -> Any:
        """An expression of the part, in the tensors, axes and sizes of the whole."""
        if isinstance(value, Access):
            return self.access(value)
        if isinstance(value, Sum | Maximum):
            function = self.rebuilt(value.function)
            limits = [l for limit in value.limits for l in self.limits(limit)]
            if limits:
                return value.func(function, *limits)
            return Integer(0) if isinstance(value, ArgMaximum) else function  # of one alone
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
        pairs = zip(access.index, access.tensor.shape, strict=True)
        flat = iter([i for place, extent in pairs for i in self.index(place, extent)])
        given = None if self.is_function(access.tensor) else self.tensor(access.tensor)
        mine = [axis for factors in access.tensor.axes_of for axis in self.shape(factors)]
        found: list[Any] = []
        for axis, there in zip(mine, mine if given is None else given.axes_of, strict=True):
            ones = axis != there and len(axis) < len(there)  # which nothing runs over
            found.append(tuple(0 if ones and e == 1 else next(flat) for e in there))
        if given is not None:
            return given[tuple(found)]
        function = self.given[access.tensor]
        entry = understood(function(*(f if len(f) > 1 else next(iter(f), 0) for f in found)))
        if entry.has(Sum):
            raise self.error(
                f"the function for {access.tensor.name} returns a sum",
                "Name the sum by an equation, and return an entry of that tensor.",
            )
        return entry

    def index(self, place: Expr, extent: Expr) -> tuple[Expr, ...]:
        """One index; of a size that is split, several."""
        extents = self.flat(extent)
        if len(extents) == 1:
            return (self.rebuilt(place),)
        if not extents:
            return ()
        if isinstance(place, Axis):
            own = place.extent
            kept = isinstance(own, Size) and own.kept is not None and own.kept[0] == extent
            if self.flat(own) == extents or (kept and len(self.flat(own)) == len(extents)):
                return self.axes(place)
        raise self.error(
            f"{extent} becomes a product, but {place} is not an index by itself",
            "Give a tensor whose axis is no product.",
        )


def _opened(extent: Any) -> Any:
    """An extent with the formulas of sizes written out."""
    while found := {s: s.formula for s in extent.free_symbols if getattr(s, "formula", None)}:
        extent = extent.xreplace(found)
    return extent
