"""The cases an operation is verified on: sizes and options, enumerated from its definition.

Candidates are drawn with a fixed seed: distinct small primes as sizes (and now and then 1 or 0),
options from their samples, sides and spellings. Of those that meet the requirements, a greedy
choice keeps the few that show the most: every option, every optional input present and absent,
floors with and without a remainder, any two numbers in either order and equal.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import combinations
from math import prod
from typing import Any

from derive.errors import VerificationError
from derive.language.operation import Operation
from derive.language.options import Option, is_word
from derive.verification.case import Case
from derive.verification.sizes import Formulas, Unmet, formulas_of

COUNT = 24  # cases of an operation
FEWEST = 5  # below this, an operation is not verified
FEW = 8  # cases before a module is written
_ATTEMPTS = 400  # candidates
_FEW_ATTEMPTS = 80
_WORK = 360  # points of all statements of a case; plain loops take about 0.1 ms for each
_EMPTY = 3  # cases with an axis of length 0: there is little to see in them
_WEIGHT = 4  # of what a case shows, against what it shows once more of a neutral option
_PRIMES = (2, 3, 5, 7, 11, 13)


def cases(operation: Operation) -> tuple[Case, ...]:
    """The cases of an operation, the same ones every time.

    Raises
    ------
    VerificationError
        If the definition yields too few, or says something in `cases=` that cannot be.
    """
    formulas = formulas_of(operation)
    own = [_coarse(_stated(formulas, given)) for given in operation.cases]
    found = _select(own, [_coarse(candidate) for candidate in _candidates(formulas)])
    chosen = _several(formulas, [candidate.case for candidate in found])
    if len(chosen) < FEWEST:
        raise _too_few(operation, len(chosen))
    return chosen


def few(operation: Operation) -> tuple[Case, ...]:
    """The cases on which a module is checked before it is written: up to `FEW`, small ones first.

    One of each kind that there is: nothing but defaults; options off neutral and sides unequal;
    optional inputs left out; an empty axis; all sizes 1. The others show what was not yet shown.

    Raises
    ------
    VerificationError
        If there is none, or the definition says something in `cases=` that cannot be.
    """
    formulas = formulas_of(operation)
    own = [_stated(formulas, given) for given in operation.cases[:1]]
    pool = [*_candidates(formulas, _FEW_ATTEMPTS), *_roomy(formulas)]
    with suppress(VerificationError):
        pool.append(_stated(formulas, {s.name: max(1, s.minimum) for s in formulas.free}))
    if not own and not pool:
        raise _too_few(operation, 0)
    chosen = list(own)
    for wish in (_plainness, _busyness, _bareness, _emptiness, _oneness):
        best = max(pool, key=lambda c: (wish(c), -c.work), default=None)
        if best is not None and wish(best)[0]:
            chosen.append(best)
            pool = [c for c in pool if str(c.case) != str(best.case)]
    pool = [c for c in pool if not c.case.is_empty]
    chosen = _greedy(chosen, pool, FEW)
    distinct = {str(c.case): c for c in chosen}.values()
    return _several(formulas, [c.case for c in sorted(distinct, key=lambda c: c.work)])


def _several(formulas: Formulas, chosen: Sequence[Case]) -> tuple[Case, ...]:
    """At least `FEWEST`, if nothing can vary but the numbers drawn."""
    if formulas.free or formulas.operation.options:
        return tuple(chosen)
    rounds = range(-(-FEWEST // len(chosen)) if chosen else 0)
    return tuple(replace(case, number=number) for number in rounds for case in chosen)


def stated(operation: Operation, given: Mapping[str, Any]) -> Case:
    """The case of some sizes and options by name, as `cases=` of a definition states them.

    Raises
    ------
    VerificationError
        If there is no such case.
    """
    return _stated(formulas_of(operation), given).case


def smaller(case: Case) -> tuple[Case, ...]:
    """Cases with less to compute than one that fails, the smallest first."""
    formulas = formulas_of(case.operation)
    work = formulas.work({s.name: v for s, v in case.values.items()})
    pool = sorted(_candidates(formulas, _FEW_ATTEMPTS), key=lambda c: c.work)
    return tuple(c.case for c in pool if c.work < work)


def _plainness(candidate: _Candidate) -> tuple[bool, tuple[int, ...]]:
    """Nothing said, nothing left out, and as much room to go wrong in as there is.

    A slip in an axis does not show where that axis has length 1.
    """
    case = candidate.case
    plain = not case.options and None not in case.shapes.values() and not case.is_empty
    apart = sum(feature[0] == "told apart" for feature in candidate.shows)
    return plain, (candidate.long, apart, min(candidate.work, _WORK))


def _busyness(candidate: _Candidate) -> tuple[bool, tuple[int, int]]:
    """Every option said, with numbers that differ; but none that puts statements out of effect."""
    said = candidate.case.options
    numbers = [n for v in said.values() if isinstance(v, tuple) for n in v]
    effect = sum(feature[0] == "in effect" for feature in candidate.shows)
    much = 4 * len(said) + len(set(map(str, numbers)))
    return bool(said) and not candidate.case.is_empty, (effect, much)


def _bareness(candidate: _Candidate) -> tuple[bool, int]:
    """Optional inputs left out."""
    count = sum(shape is None for shape in candidate.case.shapes.values())
    return count > 0 and not candidate.case.is_empty, count


def _emptiness(candidate: _Candidate) -> tuple[bool, int]:
    return candidate.case.is_empty, -candidate.rank


def _oneness(candidate: _Candidate) -> tuple[bool, int]:
    return ("all one", True) in candidate.shows, 0


def _too_few(operation: Operation, found: int) -> VerificationError:
    formulas = formulas_of(operation)
    names = [f"{size.name!r}: 5" for size in formulas.free[:2]]
    names += [f"{o.name!r}: {o.default!r}" for o in operation.options[:2]]
    enough = f", of the {FEWEST} that it takes" if found else ""
    return VerificationError(
        f"{operation.name}: {found or 'no'} cases were found to verify it on{enough}.\n"
        f"State some in the definition: cases=({{{', '.join(names)}}}, ...)."
    )


@dataclass(frozen=True, eq=False)
class _Candidate:
    """A case with the work it takes and what it shows."""

    case: Case
    work: int
    long: int  # axes of statements that have more than one point, and pairs of them
    rank: int  # of the first size that is 0
    shows: frozenset[tuple]
    crossed: frozenset[tuple]  # the same for each option that is neutral


def _coarse(candidate: _Candidate) -> _Candidate:
    """Without what single statements do: among many cases that comes by itself."""
    single = ("long", "in effect")
    return replace(
        candidate,
        shows=frozenset(f for f in candidate.shows if f[0] not in single),
        crossed=frozenset(f for f in candidate.crossed if f[1] not in single),
    )


def _select(own: Sequence[_Candidate], candidates: Sequence[_Candidate]) -> list[_Candidate]:
    """Those of the definition, then greedily what shows most that was not yet shown."""
    chosen = list(own)
    said = {str(candidate.case) for candidate in own}
    pool = list({str(c.case): c for c in candidates if str(c.case) not in said}.values())
    empty = {c.shows: c for c in reversed(pool) if c.case.is_empty}
    pool = [c for c in pool if not c.case.is_empty]
    room = max(COUNT - len(own), 0)
    chosen += sorted(empty.values(), key=lambda c: c.rank)[: min(_EMPTY, room)]

    return _greedy(chosen, pool, COUNT, known=own)


def _greedy(
    chosen: Sequence[_Candidate],
    pool: Sequence[_Candidate],
    count: int,
    known: Sequence[_Candidate] | None = None,
) -> list[_Candidate]:
    """Add those of `pool` that show most of what `known` (by default `chosen`) do not show."""
    chosen, pool = list(chosen), list(pool)
    known = chosen if known is None else known
    bits: dict[tuple, int] = {}  # sets of features as bits of integers: a hundred times faster
    masks = {id(c): (_mask(c.shows, bits), _mask(c.crossed, bits)) for c in (*known, *pool)}
    seen = 0
    for candidate in known:
        seen |= masks[id(candidate)][0] | masks[id(candidate)][1]

    def news(candidate: _Candidate) -> tuple[int, int]:
        shows, crossed = masks[id(candidate)]
        count = _WEIGHT * (shows & ~seen).bit_count() + (crossed & ~seen).bit_count()
        return count, -candidate.work

    while pool and len(chosen) < count:
        best = max(pool, key=news)
        pool.remove(best)
        chosen.append(best)
        seen |= masks[id(best)][0] | masks[id(best)][1]
    return chosen


def _mask(features: Iterable[tuple], bits: dict[tuple, int]) -> int:
    return sum(1 << bits.setdefault(feature, len(bits)) for feature in features)


def _candidates(formulas: Formulas, attempts: int = _ATTEMPTS) -> list[_Candidate]:
    """Random calls that meet the requirements, within the bound on work."""
    source = random.Random(2**61 - 1)
    found: dict[str, _Candidate] = {}
    for _ in range(attempts):
        sizes = _random_sizes(formulas, source)
        plain = source.random() < 0.1
        options = {
            o.name: o.default if plain or source.random() < 0.3 else _random_value(o, source)
            for o in formulas.operation.options
        }
        left_out = (t.name for t in formulas.operation.inputs if not t.required)
        absent = {name for name in left_out if source.random() < 0.3}
        values = _within_bound(formulas, sizes, options, source)
        said = f"{sizes} {options} {sorted(absent)}"
        if values is not None and said not in found:
            found[said] = _candidate(formulas, sizes, options, absent, values)
    return [*found.values()]


def _roomy(formulas: Formulas) -> list[_Candidate]:
    """The plain call with everything in it, and no axis of length 1 if that can be; or nothing.

    Sizes are 2, and grow by one where that makes an axis longer than 1 or tells two of them apart.
    An operation with many statements has no other call of this kind: within the bound on work
    nearly all of its sizes would be 1.
    """
    defaults = {o.name: o.default for o in formulas.operation.options}

    def values_of(sizes: dict[str, int]) -> dict[str, int] | None:
        with suppress(Unmet):
            return formulas.complete(sizes, defaults)
        return None

    def room(sizes: dict[str, int], values: dict[str, int]) -> tuple[int, int]:
        return sum(len(p) for _, p in formulas.long(values)), sum(
            a != b for a, b in combinations(sizes.values(), 2)
        )

    for least in _PRIMES[:3]:
        sizes = {size.name: max(size.minimum, least) for size in formulas.free}
        values = values_of(sizes)
        if values is not None and formulas.work(values) <= 4 * _WORK:
            break
    else:
        return []
    for name in [*sizes] * 2:
        larger = sizes | {name: sizes[name] + 1}
        found = values_of(larger)
        if found is None or room(larger, found) <= room(sizes, values):
            continue
        if formulas.work(found) <= 2 * _WORK:
            sizes, values = larger, found
    return [_stated(formulas, dict(sizes))]


Axes = dict[str, tuple[int, ...]]  # of a free size: one number, or several if it is packed


def _within_bound(formulas: Formulas, sizes: Axes, options, source) -> dict[str, int] | None:
    """All numbers, after shrinking `sizes` until they are small enough; None if that fails."""
    while True:
        try:
            values = formulas.complete(_multiplied(sizes), options)
        except Unmet:
            return None
        if formulas.work(values) <= _WORK:
            return values
        large = [s for s in formulas.free if max(sizes[s.name], default=0) > max(1, s.minimum)]
        if not large:
            return None
        # Squaring prefers the largest, without always ending at twos and threes.
        (size,) = source.choices(large, [max(sizes[s.name]) ** 2 for s in large])
        sizes[size.name] = tuple(_smaller(n, size.minimum) for n in sizes[size.name])


def _multiplied(sizes: Axes) -> dict[str, int]:
    return {name: prod(axes) for name, axes in sizes.items()}


def _smaller(number: int, minimum: int) -> int:
    smaller = [p for p in (1, *_PRIMES) if minimum <= p < number]
    return smaller[-1] if smaller else number


def _random_sizes(formulas: Formulas, source: random.Random) -> Axes:
    """For each free size a prime of its own, sometimes 1, rarely 0; packed ones are up to two."""
    free = formulas.free
    if source.random() < 0.03:
        return {s.name: (max(1, s.minimum),) for s in free}
    pool = [p for p in _PRIMES for _ in range(1 + len(free) // len(_PRIMES))]
    sizes: Axes = {}
    for size, prime in zip(free, source.sample(pool, len(free)), strict=True):
        number = max(1 if source.random() < 0.15 else prime, size.minimum)
        sizes[size.name] = (number,)
        if size.packed:
            sizes[size.name] = source.choice([(), (number,), (source.choice((1, 2, 3)), number)])
    may_be_empty = [s.name for s in free if s.minimum == 0 and sizes[s.name]]
    if may_be_empty and source.random() < 0.12:
        name = source.choice(may_be_empty)
        sizes[name] = (0, *sizes[name][1:])
    return sizes


def _random_value(option: Option, source: random.Random) -> Any:
    """A value as a caller may give it: a word, one number, one for each axis, or pairs."""
    words = list(option.spellings)
    if not option.numeric or (words and source.random() < 0.4):
        return source.choice(words)
    plain = [v for v in option.samples if not is_word(v)]
    if plain in ([], [option.default]):
        plain += _beside(option)
    least = [] if option.minimum is None else [option.minimum]
    numbers = [v for v in plain if not isinstance(v, tuple | list)] or least
    if not (plain or numbers):
        return source.choice(words or [option.default])
    count = len(option.settings) // (2 if option.sides else 1)
    if not numbers or not option.integer or (not option.ranked and not option.sides):
        return source.choice(plain or numbers)
    way = source.random()
    if way < 0.4:
        return source.choice(plain or numbers)
    if option.sides and way < 0.8:
        return tuple((source.choice(numbers), source.choice(numbers)) for _ in range(count))
    return tuple(source.choice(numbers) for _ in range(count))


def _beside(option: Option) -> list[Any]:
    """Numbers for an option of which the definition states no samples, near its default."""
    default: Any = option.default
    several, least = is_word(default) or type(default) in (tuple, list), option.minimum
    if option.integer:
        near = [] if least is None else [least, least + 1, least if several else default + 1]
    elif several:
        near = []
    else:  # a share stays one
        default = float(default)
        near = [default / 2 or 0.25, (1 + default) / 2 if 0 < default < 1 else default + 0.5]
    return [n for n in dict.fromkeys(near) if n != default and option.takes((n,))]


def _stated(formulas: Formulas, given: Mapping[str, Any]) -> _Candidate:
    """A case of the definition; sizes it does not name are small primes."""
    operation = formulas.operation
    given = {str(key): value for key, value in given.items()}
    primes = iter(_PRIMES * (1 + len(formulas.free)))
    sizes: Axes = {}
    for size in formulas.free:
        value = given.pop(size.name, None)
        value = max(size.minimum, next(primes)) if value is None else value
        axes = value if isinstance(value, tuple) else (value,)
        whole = all(isinstance(n, int) and not isinstance(n, bool) for n in axes)
        if not whole or prod(axes) < size.minimum or (len(axes) != 1 and not size.packed):
            raise VerificationError(
                f"{operation.name}: cases= states {size.name}={value!r}, and {size.name} is "
                + f"{'one or several integers' if size.packed else 'an integer'} "
                + f"from {size.minimum}."
            )
        sizes[size.name] = axes
    left_out = [t.name for t in operation.inputs if not t.required]
    absent = {name for name in left_out if given.pop(name, True) is None}
    options = {o.name: given.pop(o.name, o.default) for o in operation.options}
    for option in operation.options:
        if not option.accepts(options[option.name]):
            raise VerificationError(
                f"{operation.name}: cases= states {option.name}={options[option.name]!r}, and "
                f"{option.name} takes {option.said()}."
            )
    if given:
        names = ", ".join(given)
        raise VerificationError(f"{operation.name}: cases= names {names}, no size and no option.")
    try:
        values = formulas.complete(_multiplied(sizes), options)
    except Unmet as unmet:
        said = ", ".join(f"{name}={value}" for name, value in (sizes | options).items())
        raise VerificationError(f"{operation.name}: cases= states {said}, but {unmet}.") from None
    return _candidate(formulas, sizes, options, absent, values)


def _candidate(formulas: Formulas, sizes: Axes, options, absent, values) -> _Candidate:
    operation = formulas.operation
    said = {o.name: options[o.name] for o in operation.options if options[o.name] != o.default}
    shape = {
        t.name: formulas.shape(t, values, sizes) for t in (*operation.inputs, *operation.outputs)
    }
    case = Case(
        operation,
        {t.name: None if t.name in absent else shape[t.name] for t in operation.inputs},
        said,
        {symbol: values[symbol.name] for symbol in formulas.symbols},
        {t.name: shape[t.name] for t in operation.outputs},
    )
    zeros = [i for i, size in enumerate(formulas.free) if values[size.name] == 0]
    shows = {("empty", *zeros)} if case.is_empty else set(_shows(formulas, case, values))
    # A strategy may serve a neutral option alone (a stride of 1): it has to see everything, too.
    neutral = [o.name for o in operation.options if _is_neutral(o, values)]
    crossed = {(name, *feature) for name in neutral for feature in shows}
    rank = min(zeros, default=0)
    return _Candidate(
        case, formulas.work(values), sum(feature[0] == "long" for feature in shows), rank,
        frozenset(shows), frozenset(crossed),
    )  # fmt: skip


def _is_neutral(option: Option, values: Mapping[str, Any]) -> bool:
    """Whether every number of an option is the least one."""
    return all(values[setting.name] == option.minimum for setting in option.settings)


def _shows(formulas: Formulas, case: Case, values: Mapping[str, Any]):
    """What a case can bring to light."""
    for option in case.operation.options:
        said = case.options.get(option.name)
        yield option.name, said if is_word(said) else type(said)
        yield from ((s.name, values[s.name]) for s in option.settings)
    names = [option.name for option in case.operation.options]
    for a, b in combinations(names, 2):
        yield "together", a, b, a in case.options, b in case.options
    yield "plain", not case.options
    for name, shape in case.shapes.items():
        yield "present", name, shape is not None, shape is not None and len(shape)
    for size in formulas.free:
        number = values[size.name]
        kind = number if number < 2 else "odd" if number % 2 else "even"
        yield size.name, kind
        for option in case.operation.options:
            yield size.name, kind, option.name, _is_neutral(option, values)
    for a, b in combinations([size.name for size in formulas.free], 2):
        if min(values[a], values[b]) > 1:
            yield "told apart", a, b, values[a] != values[b]
    for number, remainder in enumerate(formulas.remainders(values)):
        yield "floor", number, remainder > 0
    names = [size.name for size in formulas.free]
    names += [s.name for option in case.operation.options for s in option.settings]
    for a, b in combinations(names, 2):
        order = (values[a] > values[b]) - (values[a] < values[b])
        yield "order", a, b, order, min(values[a], values[b]) > 1
    absent = {name for name, shape in case.shapes.items() if shape is None}
    for number, places in formulas.long(values, absent):
        yield from (("long", number, place) for place in places)
        yield from (("long", number, *pair) for pair in combinations(places, 2))
    yield from (("in effect", number) for number in formulas.in_effect(values))
    yield "all one", all(values[size.name] == 1 for size in formulas.free)
