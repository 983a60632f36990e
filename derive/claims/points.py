"""The calls a claim is tried on: sizes and options, and exact numbers for everything that comes in.

An option that the claim does not name is at its default, and so are integers that have one: a claim
made for the plain case is tried on the plain case. What it names takes other values, too.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import cached_property
from itertools import combinations, permutations, product
from typing import Any

import numpy as np

from derive.errors import DefinitionError, VerificationError
from derive.language.claim import Claim
from derive.language.numbers import exact
from derive.language.operation import sides
from derive.language.options import Option, is_word
from derive.language.symbols import Size, Tensor, entries_in
from derive.verification.case import Case
from derive.verification.cases import stated
from derive.verification.closures import fraction
from derive.verification.sizes import Formulas, Unmet, formulas_of

_ATTEMPTS, _CALLS = 80, 3
_WORK = 200  # points of all statements; numbers of 40 digits take about 20 µs for each
_LENGTHS = (1, 2, 2, 3, 3, 4, 5)
_NEAR = Fraction(1, 10**7)


@dataclass(frozen=True, eq=False)
class Point:
    """A call, with a number for every entry that comes in; None for an input that is left out."""

    case: Case
    arrays: Mapping[str, np.ndarray | None]

    def near(self, tensors: Iterable[Tensor], rng: np.random.Generator) -> Iterator[Point]:
        """Two points close by, at both sides of this one: a kink is between them."""
        moved = {}
        for tensor in tensors:
            if not tensor.integer and (array := self.arrays[tensor.name]) is not None:
                moved[tensor.name] = _mapped(
                    array, lambda entry: _NEAR * Fraction(int(rng.integers(1, 1000)), 7)
                )
        for sign in (1, -1):
            there = {name: self.arrays[name] + sign * step for name, step in moved.items()}
            yield replace(self, arrays={**self.arrays, **there})


def exact_values(case: Case) -> dict[Any, Any]:
    """Sizes and settings, a float as the decimal that it prints as."""
    return {s: Fraction(repr(v)) if type(v) is float else v for s, v in case.values.items()}


def named_options(claim: Claim) -> set[str]:
    """The options whose settings stand in the claim itself."""
    named = {s for e in claim.equations for side in sides(e) for s in side.free_symbols}
    return {o.name for o in claim.operation.options if named & set(o.settings)}


def calls(claim: Claim) -> tuple[Case, ...]:
    """A few calls with room to go wrong in, the least work first.

    Raises
    ------
    DefinitionError
        If there is no call for which the claim is made.
    """
    operation, formulas = claim.operation, formulas_of(claim.operation)
    fixed = _fixed(claim)
    source = random.Random(2**31 - 1)
    named = named_options(claim)
    found: dict[tuple, _Candidate] = {}
    bound = max(_WORK, _plain_work(formulas, fixed))
    refusals: list[str] = []
    free = [s.name for s in formulas.free]
    least = {s.name: fixed.get(s.name, max(s.minimum, 1)) for s in formulas.free}
    drawn = [
        {s.name: max(s.minimum, source.choice(_LENGTHS)) for s in formulas.free}
        for _ in range(_ATTEMPTS)
    ]
    two = [least | {a: 2, b: 3} for a, b in permutations(free, 2)]
    for sizes in (*drawn, *two, *({**least, name: 2} for name in free)):
        sizes |= {name: fixed[name] for name in free if name in fixed}
        options = {
            o.name: fixed.get(o.name, _value(o, source) if o.name in named else o.default)
            for o in operation.options
        }
        try:
            values = formulas.complete(sizes, options)
        except Unmet as unmet:
            refusals.append(str(unmet))
            continue
        lengths = sizes | {s.name: values[s.name] for s in formulas.derived}
        tried = {(name, str(options[name])) for name in named}
        key = (*sizes.values(), *map(str, options.values()))
        found[key] = _Candidate(lengths, formulas.work(values), sizes | options, tried)
    if not found:
        raise DefinitionError(
            operation.name,
            f"there is no call for which the claim is made: {(refusals or ['no sizes'])[0]}",
            remedy="Give other sizes and options, or fewer of them.",
        )
    fitting = [c for c in found.values() if c.work <= bound]
    fitting = fitting or [min(found.values(), key=lambda c: c.work)]
    chosen = _covering(sorted(fitting, key=lambda c: c.room, reverse=True))
    return tuple(call(claim, c.said) for c in sorted(chosen, key=lambda c: c.work))


@dataclass(frozen=True, eq=False)
class _Candidate:
    """Sizes and options of a call.

    A claim may be wrong where two sizes are exchanged, or where one of them is more than 1; `seen`
    are these circumstances, and the values of options that the claim names.
    """

    lengths: Mapping[str, int]
    work: int
    said: dict[str, Any]
    tried: set[tuple[str, str]]

    @property
    def room(self) -> tuple:
        """How much can go wrong in it."""
        lengths = self.lengths.values()
        return sum(n > 1 for n in lengths), len(set(lengths)), -self.work

    @cached_property
    def seen(self) -> set:
        several = [name for name, n in self.lengths.items() if n > 1]
        unlike = {
            (a, b) for a, b in combinations(several, 2) if self.lengths[a] != self.lengths[b]
        }
        return {*several, *unlike, *self.tried}


def _covering(best: Sequence[_Candidate]) -> list[_Candidate]:
    """The best one, and others until all that is to be seen in any of them has been seen."""
    chosen = list(best[:1])
    open_ = set().union(*(c.seen for c in best)) - best[0].seen
    while open_:
        more = max(best, key=lambda c: len(c.seen & open_))
        chosen.append(more)
        open_ -= more.seen
    return [*chosen, *(c for c in best if c not in chosen)][: max(_CALLS, len(chosen))]


def _plain_work(formulas: Formulas, fixed: Mapping[str, Any]) -> int:
    """The work of a call with all sizes 2, nearly."""
    sizes = {s.name: fixed.get(s.name, max(s.minimum, 2)) for s in formulas.free}
    options = {o.name: fixed.get(o.name, o.default) for o in formulas.operation.options}
    try:
        return 3 * formulas.work(formulas.complete(sizes, options)) // 2
    except Unmet:
        return 0


def absent(claim: Claim) -> list[Tensor]:
    """The inputs that are left out: those of which the claim says so, and integers that have a
    default, unless it reads them."""
    read = {a.tensor for e in claim.equations for s in sides(e) for a in entries_in(s)}

    def is_absent(tensor: Tensor) -> bool:
        if tensor in claim.given:
            return claim.given[tensor] is None
        return tensor.integer and tensor.default is not None and tensor not in read

    return [t for t in claim.operation.inputs if is_absent(t)]


def call(claim: Claim, said: Mapping[str, Any]) -> Case:
    """The call of some sizes and options."""
    without = {t.name: None for t in absent(claim)}
    try:
        return stated(claim.operation, {**said, **without})
    except VerificationError as error:
        raise DefinitionError(claim.operation.name, f"given= cannot be: {error}") from None


def sizes_of(case: Case) -> dict[str, Any]:
    """What a call was stated by: its free sizes, and its options."""
    free = {s.name for s in formulas_of(case.operation).free}
    sizes = {s.name: v for s, v in case.values.items() if s.name in free}
    return sizes | {o.name: case.options.get(o.name, o.default) for o in case.operation.options}


def smaller(claim: Claim, case: Case) -> Iterator[Case]:
    """The same call with one size smaller, the smallest first."""
    said = sizes_of(case)
    fixed = _fixed(claim)
    formulas = formulas_of(claim.operation)
    for size in formulas.free:
        if size.name in fixed:
            continue
        for length in range(max(size.minimum, 1), said[size.name]):
            new = said | {size.name: length}
            options = {o.name: new[o.name] for o in claim.operation.options}
            try:
                formulas.complete({s.name: new[s.name] for s in formulas.free}, options)
            except Unmet:
                continue
            yield call(claim, new)


def _fixed(claim: Claim) -> dict[str, Any]:
    """Sizes and options of given=, by name."""
    fixed: dict[str, Any] = {}
    operation = claim.operation
    for thing, value in claim.given.items():
        known = operation.inputs if isinstance(thing, Tensor) else (
            operation.options if isinstance(thing, Option) else formulas_of(operation).free
        )  # fmt: skip
        if thing not in known:
            kind = "input" if isinstance(thing, Tensor) else (
                "option" if isinstance(thing, Option) else "size of an input"
            )  # fmt: skip
            raise DefinitionError(
                operation.name,
                f"given= names {thing.name}, which is no {kind} of {operation.name}",
                remedy=f"It has {', '.join(k.name for k in known) or 'none'}.",
            )
        whole = isinstance(value, int) and not isinstance(value, bool)
        if isinstance(thing, Size) and (not whole or value < thing.minimum):
            raise DefinitionError(
                operation.name,
                f"given= says {thing.name}={value!r}",
                remedy=f"Give an integer from {thing.minimum}.",
            )
        if isinstance(thing, Option) and not thing.accepts(value):
            raise DefinitionError(
                operation.name,
                f"given= says {thing.name}={value!r}",
                remedy=f"It takes {thing.said()}.",
            )
        if not isinstance(thing, Tensor):
            fixed[thing.name] = value
    return fixed


def _value(option: Option, source: random.Random) -> Any:
    """A value of an option that the claim names: numbers, and its default now and then."""
    numbers = [v for v in (option.default, *option.samples) if not is_word(v)]
    return source.choice(numbers) if numbers else option.default


# ---- numbers -------------------------------------------------------------------------------


def generic(claim: Claim, case: Case, cotangents: Mapping[str, tuple[int, ...]]) -> Iterator[Point]:
    """Points without any relation between their numbers; at the second all are positive, for there
    a logarithm or a root has a value."""
    rng = case.rng("a claim")
    for positive in (False, True):
        yield _drawn(claim, case, cotangents, rng, lambda n, p=positive: _rationals(n, rng, p))


def small(
    claim: Claim, case: Case, cotangents: Mapping[str, tuple[int, ...]], count: int, largest: int
) -> Iterator[Point]:
    """Points of small integers, in half of them of positive ones."""
    rng = case.rng(f"small numbers up to {largest}")
    for number in range(count):
        least = 1 if number % 2 else -largest

        def draw(n: int, least: int = least) -> list[Fraction | int]:
            return [int(i) for i in rng.integers(least, largest + 1, n)]

        yield _drawn(claim, case, cotangents, rng, draw)


def _drawn(claim: Claim, case: Case, cotangents, rng: np.random.Generator, draw) -> Point:
    arrays: dict[str, np.ndarray | None] = {}
    integers = case.draw(rng)
    for tensor in claim.operation.inputs:
        shape = case.shapes[tensor.name]
        if shape is None:
            arrays[tensor.name] = None
        elif tensor in claim.given:
            number = fraction(exact(claim.given[tensor]))
            arrays[tensor.name] = _filled(shape, [number] * int(np.prod(shape)))
        elif tensor.integer:
            arrays[tensor.name] = _unmarked(claim, case, tensor, integers[tensor.name])
        else:
            numbers = draw(int(np.prod(shape)))
            arrays[tensor.name] = _filled(shape, [_within(n, tensor) for n in numbers])
    for name, shape in cotangents.items():
        arrays[name] = _filled(shape, draw(int(np.prod(shape))))
    return Point(case, arrays)


def _unmarked(claim: Claim, case: Case, tensor: Tensor, array: np.ndarray) -> np.ndarray:
    """Integers without the one that marks entries which mean nothing, unless an option that the
    claim names says which one it is."""
    names = {s.name: value for s, value in case.values.items()}
    mark = formulas_of(claim.operation).besides(tensor, names)
    settings = set() if tensor.besides is None else tensor.besides.free_symbols
    options = {o.name for o in claim.operation.options if settings & set(o.settings)}
    return (
        array
        if mark is None or options & named_options(claim)
        else np.where(array == mark, 0, array)
    )


def _rationals(count: int, rng: np.random.Generator, positive: bool) -> list[Fraction]:
    """Fractions of a prime denominator, about as large as 1, and none of them twice."""
    signs = [1] * count if positive else rng.choice((1, -1), count)
    found = rng.choice(range(2000, 30000), count, replace=count > 20000)
    return [Fraction(int(s) * int(n), 20011) for s, n in zip(signs, found, strict=True)]


def _within(number: Any, tensor: Tensor) -> Any:
    """A number, moved to where the entries of a tensor lie."""
    if tensor.interval is None:
        return number
    low, high = tensor.interval
    if low.is_infinite or high.is_infinite:
        if low.is_infinite and high.is_infinite:
            return number
        away = abs(Fraction(number)) + Fraction(1, 2)
        end = high if low.is_infinite else low
        return Fraction(int(end.p), int(end.q)) + (-away if low.is_infinite else away)  # type: ignore
    first, last = (Fraction(int(end.p), int(end.q)) for end in (low, high))  # type: ignore
    share = Fraction(1, 2) + Fraction(number) / (2 * (abs(Fraction(number)) + 1))
    return first + (last - first) * share


def _filled(shape: Sequence[int], entries: Sequence[Any]) -> np.ndarray:
    array = np.empty(len(entries), dtype=object)
    array[:] = entries
    return array.reshape(shape)


def _mapped(array: np.ndarray, function) -> np.ndarray:
    return _filled(array.shape, [function(entry) for entry in array.ravel().tolist()])


def entries(point: Point, tensors: Iterable[Tensor]) -> list[tuple[str, tuple[int, ...]]]:
    """Every entry that may be another number."""
    found = []
    for tensor in tensors:
        array = point.arrays.get(tensor.name)
        if array is not None:
            found += [(tensor.name, i) for i in product(*map(range, array.shape))]
    return found


def with_entry(point: Point, name: str, index: Any, number: Any) -> Point:
    """A point with another number at one entry, or, with ``...``, at all of them."""
    array = point.arrays[name].copy()  # type: ignore[union-attr]
    array[index] = number
    return replace(point, arrays={**point.arrays, name: array})
