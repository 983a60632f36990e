"""Two schedules of windowed contractions, and which of them a call takes.

    columns    every window axis is lifted; with the image as target the columns are added back
    slide      steps are 1: a sum into the image is turned into one over windows of the output
               (`windows.pulled`), and the outermost window axis is a loop over flat slices

`slide` is preferred wherever it applies, unless it would expand a tensor much larger than the
image. The thresholds are measured (benchmarks/) and stand here and in `_chunks` alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from sympy import Expr, Integer, Mul

from derive.calculus.bounds import nonnegative
from derive.calculus.statements import Statement
from derive.lowering.columns import volume
from derive.lowering.integers import lower_integer
from derive.lowering.program import Binary, Literal, Node
from derive.lowering.windows import Trilinear, pulled, trilinear

# The pulled form is preferred while its columns are at most so many times those of the image, and
# the image at most half as large again as the output: it multiplies for every point of the image.
PULL_RATIO = 6


@dataclass(frozen=True)
class WindowPlan:
    """The windowed contractions among some statements."""

    statements: tuple[Statement, ...]
    forms: tuple[Trilinear, ...]

    def strategies(self) -> Iterator[tuple[str, tuple[Statement, ...], bool]]:
        """Name, statements and whether the outermost axis slides, the preferred one first."""
        if all(s.is_Symbol or s == 1 for s in self.steps):
            yield "slide", self.pull(), True
        yield "columns", self.statements, False

    @property
    def steps(self) -> list[Expr]:
        return sorted({s for f in self.forms for s in f.unit_steps}, key=str)

    @property
    def turned(self) -> list[Trilinear]:
        """The forms whose target is the image; what is read outside can be 0."""
        made = {s.target.tensor for s in self.statements}
        zero = (None, Integer(0))
        return [
            f
            for f in self.forms
            if f.statement.target == f.image
            and (f.output.tensor not in made or f.output.tensor.outside in zero)
        ]

    def pull(self) -> tuple[Statement, ...]:
        """The statements with steps 1, no image being a target, and columns shared."""
        new = {form.statement: pulled(form) for form in self.turned}
        images = {_columns_of(s) for s in new.values()}
        for form in self.forms:
            if form.statement.target == form.kernel:
                other = pulled(form)
                if _columns_of(other) in images:
                    new[form.statement] = other
        ones = {step: Integer(1) for step in self.steps}
        # Who makes what reads 0 outside from now on makes that tensor, not one of its name.
        read = {r.tensor.name: r.tensor for s in new.values() for r in s.reads}
        made = {s.target.tensor for s in self.statements}
        ones |= {t: read[t.name] for t in made if t.name in read}
        return tuple(new.get(s, s).substitute(ones) for s in self.statements)

    def applies(self) -> Node | None:
        """The run-time test whether `slide` computes the same: all steps are 1."""
        return _all([Binary("==", lower_integer(s), Literal(1)) for s in self.steps])

    def prefers(self) -> Node | None:
        """The run-time test whether `slide` is the faster one, where it applies."""
        tests: list[Node] = []
        for form in self.turned:
            shape = dict(zip(form.image.index, form.image.tensor.shape, strict=True))
            image = Mul(*(e for i, e in shape.items() if len(i.free_symbols) > 1))
            places = volume(form.places)
            pairs = (
                (volume(form.filters) * image, PULL_RATIO * volume(form.channels) * places),
                (2 * image, 3 * places),
            )
            tests += [
                Binary("<=", lower_integer(small), lower_integer(large))
                for small, large in pairs
                if not nonnegative(large - small, ())
            ]
        return _all(tests)


def plan_windows(statements: Iterable[Statement]) -> WindowPlan | None:
    """Find the windowed contractions; None if there are none."""
    statements = tuple(statements)
    forms = tuple(f for s in statements if (f := _usable(s)))
    return WindowPlan(statements, forms) if forms else None


def _usable(statement: Statement) -> Trilinear | None:
    if any(access.tensor.optional for access in statement.reads):
        return None
    return trilinear(statement)


def _columns_of(statement: Statement):
    form = trilinear(statement)
    assert form is not None
    return form.image, form.channels


def _all(tests: Sequence[Node]) -> Node | None:
    if not tests:
        return None
    result = tests[0]
    for test in tests[1:]:
        result = Binary("and", result, test)
    return result
