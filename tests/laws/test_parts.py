"""Used as a part, and whole, every shipped operation is what it is by itself.

It gets tensors of a caller, whose shapes are plain: for a pack none, one or two axes of their own,
and for a product with a number of 1 no product. Each size in turn is 1. Options have their
defaults; each of them in turn has every value that it is verified with, and is handed on to an
option of the whole. All of them are tried with DERIVE_ALL_PARTS=1, else a third.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property
from math import prod
from typing import Any

import numpy as np
import pytest
from sympy import Expr, Integer, Mul

from derive.errors import DefinitionError, VerificationError
from derive.language import Operation, Option, Size, Tensor, compose, part
from derive.language.numbers import exact
from derive.language.options import Setting, is_word
from derive.verification.case import Case
from derive.verification.cases import cases, few
from derive.verification.sizes import formulas_of
from derive.verification.verify import Verification
from tests.cases import SUBJECTS

HANDED_ON = object()  # in place of a value: the whole has an option of its own
TRIED = 2  # calls of each whole


@dataclass(frozen=True)
class Whole:
    """A composition with one part.

    Attributes
    ----------
    inner : Operation
        The part.
    said : mapping of str to object
        What is said of its options.
    axes : int
        How many axes the caller has for each pack.
    everything : bool
        The caller has a tensor for every input, and not only for those that are required.
    one : Size or None
        A size that is the number 1 for the caller.
    """

    inner: Operation
    said: Mapping[str, Any]
    axes: int = 1
    everything: bool = False
    one: Size | None = None

    def __str__(self) -> str:
        said = [f"{n}={'own' if v is HANDED_ON else v}" for n, v in self.said.items()]
        said += [f"{self.one}=1"] if self.one else []
        return "-".join((self.inner.name, *said, f"{self.axes}-axes")).replace(" ", "")

    @cached_property
    def sizes(self) -> dict[Size, tuple[Any, ...]]:
        """What the caller has for each size that the part's inputs bind."""
        count = {s: self.axes if s.packed else 1 for s in _free(self.inner)}
        mine = {s: tuple(Size(f"{s}_{n}", None, s.minimum) for n in range(count[s])) for s in count}
        return mine | ({} if self.one is None else {self.one: (Integer(1),)})

    @cached_property
    def options(self) -> dict[str, Option]:
        """The options of the whole, by the names that they have in the part."""
        own = (o for o in self.inner.options if self.said.get(o.name) is HANDED_ON)
        return {o.name: self.own(o) for o in own}

    def own(self, given: Option) -> Option:
        """An option like another one, with other names."""
        renamed = tuple(
            Setting(f"own_{s.name}", f"own_{given.name}", given.integer, s.minimum)
            for s in given.settings
        )
        sizes = {size: Mul(*mine) for size, mine in self.sizes.items()}
        words = {w: tuple(e.xreplace(sizes) for e in v) for w, v in given.spellings.items()}
        return replace(given, name=f"own_{given.name}", settings=renamed, spellings=words)

    def number(self, expression: Any) -> Expr:
        """An expression of the part's sizes and settings, for the caller."""
        known: dict[Any, Any] = {size: Mul(*mine) for size, mine in self.sizes.items()}
        for o in self.inner.options:
            value = self.said.get(o.name, o.default)
            if value is HANDED_ON:
                known |= dict(zip(o.settings, self.options[o.name].settings, strict=True))
            else:
                meant = o.spellings[value] if is_word(value) else map(exact, o.numbers(value))
                known |= dict(zip(o.settings, meant, strict=True))
        for size in reversed(self.inner.sizes):  # behind those that it is made of
            if size.formula is not None:
                expression = exact(expression).xreplace({size: size.formula})
        return exact(expression).xreplace(known).xreplace(known)  # words stand for other settings

    def tensor(self, given: Tensor) -> Tensor:
        """The caller's tensor for an input of the part."""
        shape: list[Any] = []
        for factors in given.axes_of:
            if isinstance(factors[0], Size) and factors[0].packed:
                shape += [(size,) for size in self.sizes[factors[0]]]
                continue
            several = len(factors) > 1
            found = [(f, self.number(f)) for f in factors]
            shape.append(tuple(e for f, e in found if e != 1 or f == self.one or not several))
        return given.like(
            name=f"own_{given.name}", shape=tuple(shape),
            below=given.below and self.number(given.below),
            besides=given.besides and self.number(given.besides),
            offset=None, outside=None, default=None, optional=False,
        )  # fmt: skip

    @cached_property
    def operation(self) -> Operation:
        tensors = {
            t.name: self.tensor(t) for t in self.inner.inputs if self.everything or t.required
        }
        used = part(self.inner, "part", **(tensors | dict(self.said) | self.options))
        return compose(
            "whole", "One part.", (used,), inputs=tuple(tensors.values()),
            outputs=tuple(used[t.name] for t in self.inner.outputs),
            options=tuple(self.options.values()),
        )  # fmt: skip

    def alone(self, case: Case, arrays: Mapping[str, Any]) -> Case:
        """The call of the part that a call of the whole amounts to."""
        formulas = formulas_of(self.inner)
        values = {s.name: v for s, v in case.values.items()}
        axes = {
            s.name: tuple(values[m.name] if isinstance(m, Size) else 1 for m in mine)
            for s, mine in self.sizes.items()
        }
        options = {}
        for o in self.inner.options:
            value = self.said.get(o.name, o.default)
            own = self.options.get(o.name)
            options[o.name] = value if own is None else case.options.get(own.name, own.default)
        found = formulas.complete({name: prod(several) for name, several in axes.items()}, options)
        shapes = {n: None if a is None else np.shape(a) for n, a in arrays.items()}
        outputs = {t.name: formulas.shape(t, found, axes) for t in self.inner.outputs}
        symbols = {s: found[s.name] for s in formulas.symbols}
        return Case(self.inner, shapes, options, symbols, outputs)

    @cached_property
    def calls(self) -> Sequence[Case]:
        """Some calls of the whole; none if more has to be said of its options."""
        with suppress(VerificationError):
            return few(self.operation)[-TRIED:]
        return ()

    def with_more_said(self) -> Whole:
        """The same with the options of a call of the operation by itself."""
        calls = [c for c in cases(self.inner) if self.one is None or c.values[self.one] == 1]
        said = [c.options for c in calls if self.said.items() <= c.options.items()]
        return replace(self, said=min(said, key=len))

    def check(self) -> None:
        """Values and gradients of the whole, and of the part alone."""
        whole = Verification(self.operation, ())
        alone = Verification(self.inner, ())
        made = [t for t in self.operation.tensors if not t.name.startswith("own_")]
        assert not any(1 in factors for t in made for factors in t.axes_of if len(factors) > 1)
        outside = {t.name: t.name.removesuffix("_part").removeprefix("own_")
                   for t in (*self.operation.inputs, *self.operation.outputs)}  # fmt: skip
        for case in self.calls:
            found = whole.expected(case)
            arrays = {outside[n]: a for n, a in found.inputs.items()}
            ordered = {t.name: arrays[t.name] for t in self.inner.inputs}
            bars = {outside[n]: bar for n, bar in found.y_bar.items()}
            right = alone.at(self.alone(case, ordered), ordered, bars)
            for name, values in found.values.items():
                *words, last = name.split()
                expected = right.values[" ".join((*words, outside[last]))]
                assert values.shape == expected.shape, (str(case), name)
                np.testing.assert_allclose(values, expected, 1e-12, 1e-12, err_msg=str(case))


def _free(operation: Operation) -> list[Size]:
    """The sizes that inputs bind."""
    return [size for size in operation.sizes if size.formula is None]


def wholes() -> Iterator[Whole]:
    """Every operation with every value of every option, and with an option of the whole."""
    for number, subject in enumerate(SUBJECTS):
        inner = subject.operation
        yield from (Whole(inner, {}, axes, everything=True) for axes in (0, 1, 2))
        for one in inner.options:
            for place, value in enumerate((*one.samples, HANDED_ON)):
                yield Whole(inner, {one.name: value}, (number + place) % 3)
        for size in _free(inner):
            if not size.packed and size.minimum <= 1:
                yield Whole(inner, {}, one=size)


WHOLES = tuple(wholes())
ALL = bool(os.environ.get("DERIVE_ALL_PARTS"))


@pytest.mark.parametrize("whole", WHOLES[:: 1 if ALL else 3], ids=str)
def test_a_part_is_what_its_operation_is(whole: Whole):
    try:
        whole = whole if whole.calls else whole.with_more_said()
    except DefinitionError as error:  # a batch that is read by number is one axis
        assert whole.axes != 1 and "is not an index by itself" in str(error)
        return
    whole.check()
    assert whole.calls
