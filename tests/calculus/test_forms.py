"""Whatever a formula is called is computed from what the name means, and compared.

Nothing here asks how a name was found. Each is computed with plain loops or NumPy as a textbook
defines it, on random integers, and has to be equal to the formula, evaluated literally.
"""

from __future__ import annotations

import itertools
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import replace

import numpy as np
import pytest
from sympy import Expr, Integer

from derive.calculus import reading
from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import Derivation
from derive.calculus.forms import (
    MatrixProduct,
    Recurrence,
    Routed,
    Sliding,
    Spread,
    StateMatrix,
    Total,
)
from derive.calculus.lift import to_system
from derive.calculus.statements import Statement, System
from derive.calculus.step import Form, Step, every_access
from derive.language import Operation, axes, option, parameter, sizes, tensor
from derive.language.symbols import Access, Axis, Tensor
from derive.prose.text import Text
from derive.verification.case import Case
from derive.verification.cases import cases
from derive.verification.reference import evaluate
from tests.documents import OPERATIONS, derived

COUNT = 4  # cases of an operation, on which its names are tried

Numbers = Mapping[Expr, int]


def named(operation: Operation) -> list[tuple[Step, Form]]:
    return [(step, form) for step in derived(operation).steps for form in step.forms]


def tried(operation: Operation) -> list[Case]:
    """Cases without empty axes, those with the most options first: strides, paddings, dilations."""
    found = [case for case in cases(operation) if not case.is_empty]
    return sorted(found, key=lambda case: -len(case.options))[:COUNT]


# Arrays and formulas ------------------------------------------------------------------------------


def integer(expression: Expr, numbers: Numbers) -> int:
    return int(Integer(0) + expression.xreplace({k: Integer(v) for k, v in numbers.items()}))


def shape(tensor: Tensor, numbers: Numbers) -> tuple[int, ...]:
    return tuple(integer(extent, numbers) for extent in tensor.shape)


class Drawn:
    """Random integers for everything that a step reads, and what its formula makes of them."""

    def __init__(self, step: Step, case: Case) -> None:
        given = {e.left: int(e.right) for e in step.assuming}
        self.numbers: dict = settled(case, given)
        self.step = step
        statements = step.shown
        self.read = tuple(
            dict.fromkeys(a.tensor for s in statements for a in every_access(s))
        )  # fmt: skip
        rng = case.rng(step.label)
        self.arrays = {
            t.name: np.asarray(rng.integers(1, 10, shape(t, self.numbers)), dtype=object)
            for t in self.read
        }

    def formula(self, arrays: Mapping[str, np.ndarray] | None = None) -> np.ndarray:
        return computed(self.step.shown, self.step.target, self.read, arrays or self.arrays,
                        self.numbers)  # fmt: skip

    def at(self, expression: Expr) -> int:
        return integer(expression, self.numbers)


def computed(statements, target: Tensor, inputs, arrays, numbers) -> np.ndarray:
    """What statements write to their target."""
    result = Tensor("result", target.axes_of, outside=0, offset=target.offset)
    renamed = tuple(
        replace(
            s,
            target=Access(result, *s.target.index),
            where=tuple(sorted(s.where, key=lambda g: g.expression.has(Access))),  # ranges first
        )
        for s in statements
    )
    inputs = tuple(t for t in inputs if t != target) + ((target,) if target in inputs else ())
    return evaluate(System(inputs, (result,), renamed), arrays, numbers)["result"]


def settled(case: Case, given: Mapping[Expr, int]) -> dict:
    """The numbers of a case, with some of its settings as a step assumes them."""
    numbers = dict(case.values) | given
    if not given:
        return numbers
    computed = [s for s in numbers if getattr(s, "formula", None) is not None]
    for symbol in computed * len(computed):  # one may be computed from another
        numbers[symbol] = max(0, integer(symbol.formula, numbers))
    return numbers


def taken(read: Access, array: np.ndarray) -> tuple[np.ndarray, list[Axis]]:
    """An array with the rows that are read by number taken out, and the indices that are left."""
    places = tuple(
        slice(None) if isinstance(i, Axis) else int(i) - o
        for i, o in zip(read.index, read.tensor.offset, strict=True)
    )
    return array[places], [i for i in read.index if isinstance(i, Axis)]


def points(*extents: int) -> Iterator[tuple[int, ...]]:
    return itertools.product(*map(range, extents))


# What the names mean ------------------------------------------------------------------------------


def total(form: Total, drawn: Drawn) -> np.ndarray:
    array, index = taken(form.of, drawn.arrays[form.of.tensor.name])
    summed = array.sum(axis=tuple(index.index(a) for a in form.over))
    left = [a for a in index if a not in form.over]
    target = [*drawn.step.shown[0].target.index]
    return np.transpose(summed, [left.index(a) for a in target]) * drawn.at(form.factor)


def matrix_product(form: MatrixProduct, drawn: Drawn) -> np.ndarray:
    left, right = (drawn.arrays[a.tensor.name] for a in (form.left, form.right))
    left = left.T if form.left_transposed else left
    right = right.T if form.right_transposed else right
    return left @ right * drawn.at(form.factor)


def full_convolution(image: dict, kernel: dict) -> Counter:
    """Σ over all pairs: the product of the entries at a and b stands at a + b."""
    found: Counter = Counter()
    for a, b in itertools.product(image, kernel):
        found[tuple(i + j for i, j in zip(a, b, strict=True))] += image[a] * kernel[b]
    return found


def correlation(image: dict, kernel: dict) -> Counter:
    """Entry m is the sum of image[m + b] kernel[b]."""
    found: Counter = Counter()
    for a, b in itertools.product(image, kernel):
        found[tuple(i - j for i, j in zip(a, b, strict=True))] += image[a] * kernel[b]
    return found


def entries(array: np.ndarray, apart: tuple[int, ...], origin: tuple[int, ...]) -> dict:
    """The entries of an array by where they stand, `apart` from each other, after `origin`."""
    return {
        tuple(o + i * d for o, i, d in zip(origin, place, apart, strict=True)): array[place]
        for place in points(*array.shape)
    }


def sliding(form: Sliding, drawn: Drawn) -> np.ndarray:
    """Planes of the image and the kernel for every channel, correlated or convolved, added up."""
    target = drawn.step.shown[0].target.index
    free, taps = [s.free for s in form.slides], [s.tap for s in form.slides]
    outer = dict.fromkeys(a for a in target if a not in free)
    every = [*outer, *form.besides]
    moving = [p for p, i in enumerate(form.image.index) if i.free_symbols & set(taps)]
    within = [next(p for p, i in enumerate(form.kernel.index) if t in i.free_symbols)
              for t in taps]  # fmt: skip
    steps, wide, gaps, starts = (
        tuple(drawn.at(getattr(s, what)) for s in form.slides)
        for what in ("stride", "dilation", "spread", "start")
    )
    pads = tuple(0 if form.convolves else drawn.at(form.padding(s)) for s in form.slides)
    result = np.zeros(shape(drawn.step.target, drawn.numbers), dtype=object)
    for outside in points(*(drawn.at(a.extent) for a in every)):
        place = dict(zip(every, outside, strict=True))

        def plane(read: Access, own: list[int], place=place) -> np.ndarray:
            at = tuple(slice(None) if p in own else place[i] for p, i in enumerate(read.index))
            found = drawn.arrays[read.tensor.name][at]
            return np.transpose(found, np.argsort(np.argsort(own)))

        image, kernel = plane(form.image, moving), plane(form.kernel, within)
        if form.turned:
            kernel = np.flip(kernel)
        dilated = entries(kernel, wide, (0,) * len(taps))
        spread = entries(image, gaps, pads)
        if form.convolves:
            whole = full_convolution(spread, dilated)
        else:
            whole = correlation(spread, dilated)
        for own in points(*(drawn.at(a.extent) for a in free)):
            number = [f * s for f, s in zip(own, steps, strict=True)]
            if form.backwards:
                last = [(drawn.at(a.extent) - 1) * s for a, s in zip(free, steps, strict=True)]
                number = [x - n for x, n in zip(last, number, strict=True)]
            if form.convolves:
                number = [n + s for n, s in zip(number, starts, strict=True)]
            here = {**place, **dict(zip(free, own, strict=True))}
            result[tuple(here[a] for a in target)] += whole[tuple(number)]
    return result * drawn.at(form.factor)


def spread(form: Spread, drawn: Drawn) -> np.ndarray:
    """Every entry added to each entry of its window."""
    target = drawn.step.shown[0].target.index
    result = np.zeros(shape(drawn.step.target, drawn.numbers), dtype=object)
    array = drawn.arrays[form.of.tensor.name]
    for place in points(*array.shape):
        known = dict(zip(form.of.index, place, strict=True))
        for inside in points(*(drawn.at(w.size) for w in form.windows)):
            for window, step in zip(form.windows, inside, strict=True):
                start = drawn.at(window.stride) * known[window.entry] - drawn.at(window.padding)
                known[window.free] = start + step
            entry = tuple(known[a] for a in target)
            if all(0 <= i < n for i, n in zip(entry, result.shape, strict=True)):
                result[entry] += array[place]
    return result


MEANINGS = {Total: total, MatrixProduct: matrix_product, Sliding: sliding, Spread: spread}


def check_named(step: Step, form: Form, case: Case) -> bool:
    drawn = Drawn(step, case)
    assert np.array_equal(MEANINGS[type(form)](form, drawn), drawn.formula())
    return bool(drawn.formula().any())


def check_routed(operation: Operation, step: Step, form: Routed, case: Case) -> bool:
    """Forward, entries are copies of entries of an input; each cotangent goes whole to the entry
    that its own is a copy of, or nowhere where a condition says so."""
    found = derived(operation)
    primal = {bar: primal for primal, bar in found.cotangent.items()}
    copied, origin = primal[form.of.tensor], primal[step.target]
    numbers = settled(case, {e.left: int(e.right) for e in step.assuming})
    arrays = dict(case.draw(case.rng(step.label)))
    system = adjoint(to_system(operation)).primal
    for given in system.inputs:  # numbers of which no two are equal, and 0 is not among them
        if not given.integer and arrays[given.name] is not None:
            fresh = case.rng("distinct").permutation(10**4)[: arrays[given.name].size] + 1
            arrays[given.name] = fresh.reshape(shape(given, numbers)).astype(object)
        elif arrays[given.name] is not None:
            arrays[given.name] = np.asarray(arrays[given.name]).astype(object)
    asked = tuple(t for t in system.tensors if t not in system.inputs)
    values = arrays | evaluate(System(system.inputs, asked, system.statements), arrays, numbers)
    source, copy = values[origin.name], values[copied.name]
    where = {abs(source[place]): place for place in points(*source.shape)}
    if len(where) < source.size:  # one that is computed may hold a number twice
        assert origin not in system.inputs
        return
    sent = np.asarray(case.rng("sent").integers(1, 10, copy.shape), dtype=object)
    expected = np.zeros(source.shape, dtype=object)
    kept = conditions(form, values, numbers)
    for place in points(*copy.shape):
        if kept(place) and abs(copy[place]) in where:
            expected[where[abs(copy[place])]] += sent[place]
    reads = tuple(dict.fromkeys(a.tensor for s in step.shown for a in every_access(s)))
    given = {t.name: values[t.name] for t in reads if t != form.of.tensor}
    given[form.of.tensor.name] = sent
    assert np.array_equal(computed(step.shown, step.target, reads, given, numbers), expected)
    return bool(expected.any())


def conditions(form: Routed, values, numbers):
    def kept(place: tuple[int, ...]) -> bool:
        known = dict(zip(form.of.index, place, strict=True))

        def value(expression):
            inside = {}
            for access in expression.atoms(Access):
                at = tuple(integer(i, {**numbers, **known}) for i in access.index)
                inside[access] = Integer(int(values[access.tensor.name][at]))
            return integer(expression.xreplace(inside), {**numbers, **known})

        return all(value(g.expression) >= 0 for g in form.where)

    return kept


def check_recurrence(operation: Operation, form: Recurrence, step: Step, case: Case) -> bool:
    """In the order that is named, every entry reads nothing but what is known by then."""
    drawn = Drawn(step, case)
    before = drawn.formula()
    target = step.target
    cycle = dependent(derived(operation), target)
    places = {a: p for p, a in enumerate(step.shown[0].target.index) if a in form.along}
    assert set(places) == set(form.along)
    moves = 0
    for place in points(*before.shape):
        row = [place[p] for p in places.values()]
        changed = {}
        for read in (t for t in drawn.read if t in cycle):
            array = drawn.arrays[read.name].copy()
            for other in points(*array.shape):
                own = [other[p] + read.offset[p] - target.offset[p] for p in places.values()]
                later = own >= row if form.backwards else own <= row
                if not later or (read == target and own == row):
                    array[other] += 1000  # not known yet
            changed[read.name] = array
        after = drawn.formula({**drawn.arrays, **changed})
        assert after[place] == before[place]
        known = {t.name: drawn.arrays[t.name] + 1 for t in drawn.read if t in cycle}
        moves += drawn.formula({**drawn.arrays, **known})[place] != before[place]
    return moves > 0


def dependent(found: Derivation, target: Tensor) -> set[Tensor]:
    """The cotangents that depend on `target`, by what their last steps read."""
    reads = {
        bar: {a.tensor for s in step.shown for a in every_access(s)}
        for bar in found.gradients if (step := found.final(bar)) is not None
    }  # fmt: skip
    reached, waiting = set(), [target]
    while waiting:
        asked = waiting.pop()
        new = {bar for bar, read in reads.items() if asked in read} - reached
        reached |= new
        waiting += new
    return reached


def check_matrix(form: StateMatrix, step: Step, case: Case) -> bool:
    """The Jacobian at random numbers; then without weights, where only what leads past them is."""
    drawn = Drawn(step, case)
    of, by = step.target.of, step.target.by
    target = step.shown[0].target.index
    alike = {a for i in target[: of.rank] for a in i.free_symbols}
    assert of.rank == by.rank
    if form.diagonal:
        # Either one index stands for both, or the others are equated: everything else is 0.
        whole = drawn.formula()
        for place in points(*whole.shape):
            if place[1 : of.rank] != place[of.rank + 1 :] and whole[place] != 0:
                raise AssertionError(f"{place} is off the diagonal")
    if not form.straight:
        return True
    bare = {t.name: (drawn.arrays[t.name] * 0 if t.parameter else drawn.arrays[t.name])
            for t in drawn.read}  # fmt: skip
    found = drawn.formula(bare)
    free = sorted({a for e in form.straight for a in e.atoms(Axis)}, key=str)
    assert set(free) <= alike
    held = 0
    for place in points(*(drawn.at(a.extent) for a in free)):
        known = dict(zip(free, place, strict=True))
        straight = sum(
            integer(e.xreplace({
                a: Integer(drawn.arrays[a.tensor.name][tuple(
                    integer(i - o, {**drawn.numbers, **known})
                    for i, o in zip(a.index, a.tensor.offset, strict=True))])
                for a in e.atoms(Access)
            }), drawn.numbers)
            for e in form.straight
        )  # fmt: skip
        here = [integer(i, {**drawn.numbers, **known}) for i in target[: of.rank]]
        back = [*here]
        back[0] -= 1
        entry = tuple(i - o for i, o in zip((*here, *back), step.target.offset, strict=True))
        if min(entry) < 0 or any(e >= n for e, n in zip(entry, found.shape, strict=True)):
            continue
        assert found[entry] in ((straight, 0) if form.conditional else (straight,))
        held += found[entry] == straight
    return held > 0


def check(operation: Operation, step: Step, form: Form, case: Case) -> bool:
    """Whether a case shows that a formula is what it is called; an error if it shows it is not."""
    if isinstance(form, Routed):
        return check_routed(operation, step, form, case)
    if isinstance(form, Recurrence):
        return check_recurrence(operation, form, step, case)
    if isinstance(form, StateMatrix):
        return check_matrix(form, step, case)
    return check_named(step, form, case)


@pytest.mark.parametrize("operation", [o for o in OPERATIONS if named(o)], ids=str)
def test_what_is_named_is_what_is_computed(operation):
    found = tried(operation)
    for step, form in named(operation):
        shown = [check(operation, step, form, case) for case in found]
        # What is read by number may be read twice in every call that is tried.
        assert any(shown) or any(t.integer for t in operation.inputs), step.label


def test_every_name_is_given():
    given = {type(form) for operation in OPERATIONS for _, form in named(operation)}
    assert given == {*MEANINGS, Routed, Recurrence, StateMatrix}


WRONG = {
    "another entry": lambda form: _slid(form, start=form.slides[0].start + 1),
    "other steps": lambda form: _slid(form, stride=form.slides[0].stride + 1),
    "another dilation": lambda form: _slid(form, dilation=form.slides[0].dilation + 1),
    "more zeros": lambda form: _slid(form, spread=form.slides[0].spread + 1),
    "not turned": lambda form: replace(form, turned=not form.turned),
    "convolved for correlated": lambda form: replace(form, convolves=not form.convolves),
    "from the other end": lambda form: replace(form, backwards=not form.backwards),
    "another sign": lambda form: replace(form, factor=-form.factor),
}


def _slid(form: Sliding, **change) -> Sliding:
    return replace(form, slides=(replace(form.slides[0], **change), *form.slides[1:]))


@pytest.mark.parametrize("wrong", WRONG)
def test_a_wrong_name_is_noticed(wrong):
    (operation,) = (o for o in OPERATIONS if o.name == "convolve1d")
    sliding_forms = [(s, f) for s, f in named(operation) if isinstance(f, Sliding)]
    assert len(sliding_forms) == 5
    for step, form in sliding_forms:
        with pytest.raises(AssertionError):
            for case in tried(operation):
                check_named(step, WRONG[wrong](form), case)


N, I, J, K, V, P = sizes("N I J K V P", minimum=1)
n, i, j, k, v, p = axes("n i j k v p", N, I, J, K, V, P)
STEP = option("step", 1, minimum=1).settings[0]


def reading_of(value: Expr, target: Access, *domain: Axis, where=()) -> str:
    found = reading.read_form((Statement(domain, target, value, tuple(where)),))
    return Text().phrase((*found.phrase, *found.rest)) if found else ""


def test_a_name_holds_for_everything_or_is_not_given():
    """The sum over a part of an axis, a kernel read in part, or a matrix read in part."""
    long, out = tensor("long", 2 * N), tensor("out")
    assert reading_of(long[n], out[()], n) == ""
    assert reading_of(tensor("a", N)[n], out[()], n) == "the sum of a over n"
    image, part = tensor("image", N, outside=0), parameter("part", 2 * V)
    row = tensor("row", P)
    assert reading_of(image[p + v] * part[v], row[p], p, v) == ""
    assert reading_of(image[p + v] * part[2 * v], row[p], p, v) == ""
    whole = parameter("whole", V)
    plain = "the correlation of image with whole"
    assert reading_of(image[p + v] * whole[v], row[p], p, v) == plain
    twice = reading_of(-2 * image[p + v] * whole[v], row[p], p, v)
    assert twice == f"minus {plain}, times 2"
    edge = tensor("edge", N, outside=1)
    assert reading_of(edge[p + v] * whole[v], row[p], p, v) == ""


def test_what_runs_both_ways_is_no_recurrence():
    both = tensor("both", N, outside=0)
    cycle = frozenset({both})
    ahead = Statement((n,), both[n], both[n + 1])
    behind = Statement((n,), both[n], both[n - 1])
    found = reading.read_form((ahead,), cycle)
    assert found == Recurrence((n,), True)
    assert reading.read_form((ahead, behind), cycle) is None
