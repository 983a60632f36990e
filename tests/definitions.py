"""Random definitions: what nobody has thought of, from a seed.

Two to four axes, reads with shifts, strides and dilations, sums, maxima, products, every scalar
function, cases by index, by integers and by numbers, tensors that are something outside, states,
scatters, integers that stand in indices, options, inputs that may be left out. Names are drawn,
too. Each definition ends in a `DefinitionError`, or in a module that its checks accept.
"""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable, Sequence
from typing import Any

import sympy
from sympy import Eq, Expr, Float, Integer, Max, Min, Mod, Piecewise, Rational, Sum, floor

from derive.language import (
    Access,
    Axis,
    Maximum,
    Operation,
    Size,
    Tensor,
    accumulate,
    axis,
    integers,
    option,
    relu,
    sigmoid,
    size,
    softsign,
    state,
    stop,
    tensor,
)
from derive.language.operation import sides
from derive.language.scalars import SCALARS

_LETTERS = tuple("nmklijazsrgtuvpq")
_NAMES = (*"xwbhcoefdy", "ab", "za")
_POSITIVE = (sympy.log,)  # wants an argument above 0
_STEEP = (sympy.exp, sympy.sinh, sympy.cosh, sympy.tan)  # wants a small one
_LEVEL = (sympy.tanh, sympy.sin, sympy.atan, sympy.erf, sigmoid, softsign, relu, sympy.Abs)
_CONSTANTS = (
    Integer(2), Integer(-1), Integer(3), Rational(1, 2), Rational(-2, 5), Rational(1, 3),
    Float("0.1"), Float("-1.5"), sympy.sqrt(2), sympy.pi,
)  # fmt: skip


def random_definition(seed: int) -> Operation:
    """The definition of a seed; the same one every time.

    Raises
    ------
    DefinitionError
        If the language refuses it while it is written down.
    """
    return _Author(seed).operation()


class _Author:
    """Writes one definition, as a person would: tensors first, then equations over them."""

    def __init__(self, seed: int) -> None:
        self.seed = seed
        self.random = random.Random(seed)
        letters = self.random.sample(_LETTERS, len(_LETTERS))
        self.letters, self.names = iter(letters), iter(self.random.sample(_NAMES, len(_NAMES)))
        self.further = itertools.count()  # names of axes, when there are no more letters
        count = self.random.choice((2, 2, 3, 3, 4))
        self.sizes = [size(f"N{i}", minimum=self.random.choice((0, 0, 1))) for i in range(count)]
        self.axes = {s: axis(next(self.letters), s) for s in self.sizes}
        self.inputs: list[Tensor] = []
        self.readable: list[Tensor] = []
        self.integers: list[Tensor] = []
        self.equations: list[Any] = []
        self.settings: list[Any] = []
        self.options: list[Any] = []
        self.requires: list[Any] = []

    def chance(self, share: float) -> bool:
        return self.random.random() < share

    def operation(self) -> Operation:
        for _ in range(self.random.choice((1, 2, 2, 3))):
            self.input()
        bound = {extent for made in self.inputs if made.required for extent in made.shape}
        for made in [t for t in self.inputs if not bound.issuperset(t.shape)]:
            needed = made.like(optional=False)  # nothing else tells how long it is
            self.inputs[self.inputs.index(made)] = needed
            self.readable[self.readable.index(made)] = needed
            bound |= {*needed.shape}
        self.sizes = [s for s in self.sizes if s in bound]
        if self.chance(0.25):
            self.integer()
        if self.chance(0.2):
            self.setting()
        for form in (self.state, self.window, self.temporary):
            if self.chance(0.3):
                form()
        outputs = [self.output() for _ in range(1 if self.chance(0.85) else 2)]
        self.read_all(outputs)
        return Operation(
            name=f"random_{self.seed}",
            summary="A random definition.",
            inputs=tuple(sorted((*self.inputs, *self.integers), key=lambda t: not t.required)),
            outputs=tuple(outputs),
            equations=tuple(self.equations),
            options=tuple(self.options),
            requires=tuple(self.requires),
        )

    # Tensors

    def some_sizes(self, most: int) -> list[Size]:
        return self.random.sample(self.sizes, min(len(self.sizes), self.random.randint(0, most)))

    def outside(self) -> Any:
        return self.random.choice((None, None, 0, 0, 1, -2, Rational(1, 2)))

    def input(self) -> None:
        shape = self.some_sizes(3) or [self.sizes[0]]
        optional = len(self.inputs) > 1 and self.chance(0.2)
        interval = (1, 3) if self.chance(0.1) else None
        made = tensor(
            next(self.names), *shape, outside=self.outside(), optional=optional, interval=interval
        )
        self.inputs.append(made)
        self.readable.append(made)

    def integer(self) -> None:
        shape = self.some_sizes(2) or [self.sizes[0]]
        below = self.random.choice((*self.sizes, Integer(2), Integer(3)))
        self.integers.append(integers(next(self.names), *shape, below=below))

    def setting(self) -> None:
        real = self.chance(0.5)
        default, other = (0.5, 2.0) if real else (1, 2)
        made = option("rate", default, integer=not real, minimum=0, samples=(other,))
        self.options.append(made)
        self.settings += made.settings

    # Equations

    def define(self, target: Tensor, index: Sequence[Any], value: Expr) -> None:
        self.equations.append(Eq(target[tuple(index)], value, evaluate=False))

    def temporary(self) -> None:
        free = [self.axes[s] for s in self.some_sizes(3)]
        made = tensor(next(self.names), *(a.extent for a in free), outside=self.outside())
        self.define(made, free, self.value(free, 2))
        self.readable.append(made)

    def state(self) -> None:
        count = min(len(self.sizes), self.random.choice((1, 2, 2)))
        time, *rest = self.random.sample(self.sizes, count)
        made = state(next(self.names), time, *rest)
        t, units = self.axes[time], [self.axes[s] for s in rest]
        first: Expr = Integer(self.random.choice((0, 0, 1)))
        if self.chance(0.4):
            given = tensor(next(self.names), *rest)
            self.inputs.append(given)
            first = given[tuple(units)]
        before = made[(t - 1, *units)]
        if units and self.chance(0.5):
            (unit,) = units
            other = axis(next(self.letters), unit.extent)
            matrix = tensor(next(self.names), unit.extent, unit.extent)
            self.inputs.append(matrix)
            before = Sum(matrix[unit, other] * made[t - 1, other], other)
        value = before + self.value([t, *units], 1)
        if self.chance(0.7):
            value = self.random.choice(_LEVEL)(value)
        elif self.chance(0.5):
            value = before / 2 + sympy.tanh(self.value([t, *units], 1)) * before
        self.define(made, (-1, *units), first)
        self.define(made, (t, *units), value)
        seen = tensor(next(self.names), time, *rest, outside=self.outside())
        self.define(seen, (t, *units), made[(t, *units)])
        self.readable.append(seen)

    def window(self) -> None:
        long, taps = size("H", minimum=1), size("U", minimum=1)
        step, spread, low = (self.random.choice(c) for c in ((1, 1, 2, 3), (1, 1, 2), (0, 0, 1)))
        count = size("Q", floor((long + 2 * low - spread * (taps - 1) - 1) / step) + 1)
        q, u = axis("q_", count), axis("u_", taps)
        signal = tensor(next(self.names), long, outside=self.random.choice((0, 0, 1, -1)))
        weight = tensor(next(self.names), taps)
        self.inputs += [signal, weight]
        self.requires.append((count >= 0, "the window is longer than the signal"))
        made = tensor(next(self.names), count)
        read = signal[step * q + spread * u - low]
        body = read * weight[u] if self.chance(0.7) else read + weight[u]
        reduce: Callable[..., Expr] = Sum if self.chance(0.7) else Maximum
        self.define(made, (q,), reduce(body, u))
        self.sizes.append(count)
        self.axes[count] = q
        self.readable.append(made)

    def output(self) -> Tensor:
        if self.chance(0.12) and self.sizes[0].formula is None:
            return self.scatter()
        free = [self.axes[s] for s in self.some_sizes(3)]
        made = tensor(next(self.names), *(a.extent for a in free))
        self.define(made, free, self.value(free, 3))
        return made

    def scatter(self) -> Tensor:
        along, across = self.random.choices(self.sizes, k=2)
        source, tap = self.axes[along], self.axes[across]
        made = tensor(next(self.names), self.random.choice((along, across, Integer(4))))
        step = self.random.choice((1, 2))
        place = step * source + self.random.choice((0, tap, -1, 2 * tap - 1))
        self.equations.append(accumulate(made[place], self.value([source, tap], 2)))
        return made

    def read_all(self, outputs: Sequence[Tensor]) -> None:
        """Let the last equation read whatever reaches no output."""
        last = self.equations[-1]
        left, right = sides(last)
        free = sorted(left.atoms(Axis), key=str)
        written = [t for t in self.readable if t not in self.inputs]
        for made in (*written, *self.inputs, *self.integers):
            if made not in self.reaching(outputs) | {a.tensor for a in right.atoms(Access)}:
                bound: dict[Expr, Axis] = {}
                value = self.entry(made, free, bound)
                right = right + (Sum(value, *bound.values()) if bound else value)
        again = Eq(left, right, evaluate=False) if isinstance(last, Eq) else accumulate(left, right)
        self.equations[-1] = again

    def reaching(self, outputs: Sequence[Tensor]) -> set[Tensor]:
        """The tensors that an output depends on."""
        found = set(outputs)
        for _ in self.equations:
            for equation in self.equations:
                left, right = sides(equation)
                if left.tensor in found:
                    found |= {a.tensor for side in (left, right) for a in side.atoms(Access)}
        return found

    # Values

    def value(self, free: Sequence[Axis], depth: int) -> Expr:
        """A value at every point of some axes."""
        if depth == 0:
            return self.product(free)
        inner = lambda: self.value(free, depth - 1)  # noqa: E731
        forms: list[tuple[int, Callable[[], Expr]]] = [
            (4, lambda: self.product(free)),
            (3, lambda: inner() + inner()),
            (2, lambda: inner() - inner()),
            (3, lambda: inner() * self.product(free)),
            (6, lambda: self.function(inner())),
            (2, lambda: self.cases(inner, free)),
            (2, lambda: self.random.choice((Max, Min))(inner(), self.other(inner))),
            (3, lambda: self.reduction(free, depth)),
            (2, lambda: self.power(inner())),
            (2, lambda: self.constant(free) * inner()),
            (1, lambda: inner() + self.constant(free)),
        ]
        weights, makers = zip(*forms, strict=True)
        return self.random.choices(makers, weights)[0]()

    def other(self, inner: Callable[[], Expr]) -> Expr:
        return inner() if self.chance(0.5) else self.random.choice(_CONSTANTS)

    def constant(self, free: Sequence[Axis]) -> Expr:
        return self.random.choice((*_CONSTANTS, *self.settings, *self.sizes[:1], *free[:1]))

    def function(self, value: Expr) -> Expr:
        function = self.random.choice((*SCALARS, sympy.sqrt))
        if function in _POSITIVE or (function == sympy.sqrt):
            value = 1 + value**2
        elif function in _STEEP:
            value = sympy.tanh(value)
        elif function.__name__ == "log1p":
            value = value**2
        return function(value)

    def power(self, value: Expr) -> Expr:
        return self.random.choice(
            (value**2, value**3, 1 / (1 + value**2), (1 + value**2) ** Rational(1, 2))
        )

    def cases(self, inner: Callable[[], Expr], free: Sequence[Axis]) -> Expr:
        condition: Any = inner() > self.random.choice((0, Rational(1, 2), 1))
        known = [t for t in self.integers if {self.axes[s] for s in t.shape} <= set(free)]
        if known and self.chance(0.6):
            chosen = self.random.choice(known)
            condition = chosen[tuple(self.axes[s] for s in chosen.shape)] >= 1
        elif free and self.chance(0.7):
            one = self.random.choice(list(free))
            two = self.random.choice([*free, Integer(1)])
            condition = self.random.choice((one >= two, one < two + 1, Eq(Mod(one, 2), 0)))
        return Piecewise((inner(), condition), (self.other(inner), True))

    def reduction(self, free: Sequence[Axis], depth: int) -> Expr:
        name = next(self.letters, None)
        if name is None:
            return self.product(free)
        bound = axis(name, self.random.choice(self.sizes))
        value = self.value([*free, bound], depth - 1)
        if self.chance(0.65):
            return Sum(value, bound)
        return stop(Maximum(value, bound)) if self.chance(0.2) else Maximum(value, bound)

    def product(self, free: Sequence[Axis]) -> Expr:
        """One or two reads; what they need besides the axes at hand is summed."""
        bound: dict[Expr, Axis] = {}
        reads = [self.read(free, bound) for _ in range(self.random.choice((1, 1, 2)))]
        value = reads[0] * reads[-1] if len(reads) > 1 else reads[0]
        return Sum(value, *bound.values()) if bound else value

    def read(self, free: Sequence[Axis], bound: dict[Expr, Axis]) -> Expr:
        return self.entry(self.random.choice(self.readable), free, bound)

    def entry(self, chosen: Tensor, free: Sequence[Axis], bound: dict[Expr, Axis]) -> Expr:
        """An entry of a tensor, at axes of its own extents or shifted, or where integers say."""
        index = []
        for extent in chosen.shape:
            at = [a for a in free if a.extent == extent]
            if not at and extent not in bound:
                name = next(self.letters, None)
                bound[extent] = axis(name or f"b{next(self.further)}", extent)
            place: Expr = self.random.choice(at) if at else bound[extent]
            gather = [t for t in self.integers if t.below == extent]
            if gather and self.chance(0.5):
                table = gather[0]
                if {self.axes[s] for s in table.shape} <= set(free):
                    place = table[tuple(self.axes[s] for s in table.shape)]
            if chosen.outside is not None and self.chance(0.4):
                place = place + self.random.choice((-1, 1, -2))
            index.append(place)
        return chosen[tuple(index)]
