"""How gradients are told: each in its own section, and those that come about alike in one."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import groupby

from derive.calculus.bounds import inside
from derive.calculus.closing import Closing, closing_lines
from derive.calculus.derivation import Derivation
from derive.calculus.folding import Told, folded
from derive.calculus.matrices import Diagonal, Hadamard, Product, Transpose, nodes
from derive.calculus.matrix import Positions, matrix_forms, subscripts
from derive.calculus.partials import partials
from derive.calculus.statements import Statement
from derive.calculus.step import Equal, Phrase, Step, TotalDerivative, listing
from derive.language.symbols import Axis, Tensor
from derive.prose.matrix import sides_of
from derive.prose.names import cited
from derive.prose.typeset import Row, Typeset
from derive.prose.views import Block, Display, Section, StepView

# What is not written so with indices.
_OF_MATRICES = (Product, Transpose, Hadamard, Diagonal)
_MANY = 40  # parts of a matrix form that nobody reads
# The rules by which an index is found of what was read.
SOLVED = ("sift δ, solve for an index", "sift δ, exact division")

# What is told of each cotangent and each block; where that is known already, it need not be said.
Known = Mapping[str, tuple]


@dataclass(frozen=True)
class Depth:
    """How much is told.

    Attributes
    ----------
    all_steps : bool
        Whether bookkeeping steps stand by themselves.
    together : bool
        Whether gradients that come about alike share a section.
    parts : bool
        Whether steps that stand for others hold these.
    """

    all_steps: bool = False
    together: bool = True
    parts: bool = False


@dataclass(frozen=True)
class _Line:
    """A cotangent, its steps and its closing line, if there is one."""

    bar: Tensor
    steps: tuple[Step, ...]
    closing: Closing | None

    @property
    def whole(self) -> tuple[Step, ...]:
        return (*self.steps, *self.closing.steps) if self.closing else self.steps


@dataclass(frozen=True)
class Sections:
    """The sections of one case.

    Parameters
    ----------
    derivation : Derivation
    printer : Typeset
    depth : Depth
    labelled : bool
        Whether modules cite the labels of this case; else steps have numbers alone.
    lecture : bool
        Whether closing lines and matrices belong to it.
    known : mapping of str to tuple
        `told` of a case before.
    """

    derivation: Derivation
    printer: Typeset
    depth: Depth
    labelled: bool
    lecture: bool
    known: Known = field(default_factory=dict)
    printed: dict[str, tuple[StepView, ...]] = field(default_factory=dict, init=False)

    @cached_property
    def told(self) -> Known:
        """What is told of each cotangent and block, whatever its steps are numbered."""
        return {
            tensor.name: tuple((v.rule, v.assuming, v.because, v.lines) for v in self.views(steps))
            for tensor, steps in self.lines.items()
        }

    @property
    def lines(self) -> Mapping[Tensor, tuple[Step, ...]]:
        """The steps of all cotangents and blocks."""
        return {**self.derivation.gradients, **self.derivation.jacobians}

    def is_known(self, tensor: Tensor) -> bool:
        if self.depth.all_steps or not self.known:
            return False
        return self.known.get(tensor.name) == self.told[tensor.name]

    @cached_property
    def closings(self) -> dict[Tensor, Closing]:
        return closing_lines(self.derivation) if self.lecture else {}

    @cached_property
    def positions(self) -> Positions:
        return subscripts(self.derivation, self.closings.values()) if self.lecture else frozenset()

    # ---- what there is -------------------------------------------------------------------

    def sections(self) -> Iterator[Section]:
        """The gradients that are not known already, in the order of the derivation."""
        lines = [
            _Line(bar, steps, self.closings.get(bar))
            for bar, steps in self.derivation.gradients.items()
            if not self.is_known(bar)
        ]
        said: set[Phrase] = set()  # where what stands in a matrix form comes from
        numbered = enumerate(lines)  # what does not come about like others is alone
        for _, group in groupby(numbered, lambda line: self.way(line[1]) or line[0]):
            alike = [line for _, line in group]
            section = self.alone(alike[0]) if len(alike) == 1 else self.together(alike)
            yield replace(section, further=(*section.further, *self.matrices(alike, said)))

    def ends(self) -> Iterator[StepView]:
        """The last steps of the gradients that are known."""
        for bar in self.derivation.gradients:
            if self.is_known(bar):
                last = self.views(self.lines[bar])[-1]
                yield replace(last, rule="", because="", readings=(), parts=())

    def blocks(self) -> Iterator[Block]:
        """The derivatives of states by states one step before that are not known already."""
        for whole in self.derivation.jacobians:
            if not self.is_known(whole):
                of, by = self.printer.plain(whole.of.name), self.printer.plain(whole.by.name)
                yield Block(of, by, self.views(self.lines[whole]))

    # ---- a gradient ----------------------------------------------------------------------

    def alone(self, line: _Line) -> Section:
        bar, closing = line.bar, line.closing
        found = self.views(line.whole)
        if closing:  # what only puts a sum into another form looks the same
            before = (None, *found)
            found = tuple(v for v, b in zip(found, before, strict=False)
                          if b is None or v.lines != b.lines)  # fmt: skip
            found = _with_a_box(found)
        further = (*self.by_slopes([line]), *self.gathered(line.steps))
        return Section((self.title(bar),), (self.heading(bar),), found, further)

    def together(self, lines: Sequence[_Line]) -> Section:
        """Gradients of what reaches the result through one tensor, in one place each."""
        printer = self.printer
        told = [folded(line.steps) for line in lines]
        first, through = lines[0].steps[0], self.way(lines[0])
        of = [printer.bars[line.bar] for line in lines]
        words: Phrase = ("each of ", *listing(of), " reaches the result through ", through,
                         " alone; below for ", of[0])  # fmt: skip
        chain = StepView(
            (self.label(first),), first.rule, "", printer.phrase(words),
            tuple(printer.lines(first.shown)),
            tuple(printer.briefly([s for line in lines for s in self.slopes(line.steps[0])])),
        )  # fmt: skip
        ends = [one[-1].step for one in told]
        rows = [row for end in ends for row in printer.rows(end.shown)]
        parts: tuple[tuple[StepView, ...], ...] = ()
        if self.depth.parts:  # the first chain rule stands above
            rest = [lines[0].steps[1:], *(line.steps for line in lines[1:])]
            parts = tuple(map(self.parts, rest))
        last = StepView(
            tuple(map(self.label, ends)), ends[0].rule, "",
            printer.phrase(listing(dict.fromkeys(_flat(end.because for end in ends)))),
            tuple(printer.display(rows)),
            readings=tuple(self.common_readings(ends)),
            boxed=any(line.closing for line in lines),
            parts=parts,
        )  # fmt: skip
        return Section(
            tuple(self.title(line.bar) for line in lines),
            tuple(self.heading(line.bar) for line in lines),
            (chain, last),
            tuple(self.by_slopes(lines)),
        )

    def common_readings(self, ends: Sequence[Step]) -> Iterator[str]:
        """What lines are called, those that have one name together."""
        for name in dict.fromkeys(end.reading for end in ends if end.reading):
            bars = [end.target for end in ends if end.reading == name]
            several = ("Each of ", *listing(bars)) if bars[1:] else (bars[0],)
            yield self.printer.phrase((*several, " is ", *name, "."))

    def way(self, line: _Line) -> Tensor | None:
        """The one tensor through which a gradient comes, if nothing else happens on the way."""
        if self.depth.all_steps or not self.depth.together or line.whole != line.steps:
            return None
        told = folded(line.steps)
        found = partials(line.steps[0])
        if len(told) != 2 or told[1].solves or len(found) != 1 or told[1].step.assuming:
            return None
        return found[0].target.tensor.of

    def title(self, bar: Tensor) -> str:
        return self.printer.plain(self.printer.bars[bar].name)

    def heading(self, bar: Tensor) -> str:
        return self.printer.inline(self.printer.heading(bar))

    # ---- steps ---------------------------------------------------------------------------

    def views(self, steps: tuple[Step, ...]) -> tuple[StepView, ...]:
        label = steps[-1].label
        if label not in self.printed:
            found = [Told(s, (s,)) for s in steps] if self.depth.all_steps else folded(steps)
            self.printed[label] = tuple(map(self.view, found))
        return self.printed[label]

    def view(self, told: Told) -> StepView:
        step, printer = told.step, self.printer
        chain = step.rule == "chain rule" and not self.depth.all_steps
        several = self.depth.parts and len(told.parts) > 1
        return StepView(
            (self.label(step),),
            printer.plain(step.rule),
            printer.phrase(listing(step.assuming)),
            printer.phrase(step.because),
            tuple(printer.lines(step.shown, step.deltas)),
            tuple(printer.briefly(self.slopes(step))) if chain else (),
            (printer.phrase(("This is ", *step.reading, ".")),) if step.reading else (),
            parts=(self.parts(told.parts),) if several else (),
        )

    def parts(self, steps: Sequence[Step]) -> tuple[StepView, ...]:
        return tuple(self.view(Told(step, (step,))) for step in steps)

    def slopes(self, step: Step) -> tuple[Statement, ...]:
        """What the partial derivatives are, if that needs no sum."""
        return () if isinstance(step.target, TotalDerivative) else partials(step)

    def label(self, step: Step) -> str:
        """A step's label; where another case bears the labels that modules cite, its number."""
        return self.printer.plain(cited(step.label, self.labelled))

    # ---- what else is to be said ---------------------------------------------------------

    def gathered(self, steps: Sequence[Step]) -> Iterable[Display]:
        """The statement that scatters what the last step gathers, if an index was solved for."""
        solved = [step for step in steps if step.rule in SOLVED]
        axes = [s.right.atoms(Axis) for step in solved for s in step.because
                if isinstance(s, Equal)]  # fmt: skip
        if not any(len(found) > 1 for found in axes):
            return  # a shift by a number tells nothing new
        sent = [s for s in steps[0].before if s.target.tensor == steps[0].target]
        beyond = any(not inside(s.target, s.domain, s.where) for s in sent)
        words: Phrase = (
            "This gathers, for each entry, the terms that were sent to it. The chain rule itself "
            "scatters them: begin with zeros, and for all values of the indices add",
            " (what falls outside the range is dropped)" * beyond,
        )  # fmt: skip
        rows = [
            Row(
                *self.printer.sent(statement),
                "only where" if statement.where else "",
                tuple(self.printer.guards(statement.where, statement.target)),
            )
            for statement in sent
        ]
        yield self.display(words, rows)

    def by_slopes(self, lines: Sequence[_Line]) -> Iterable[Display]:
        """The lines with the derivatives of functions by their names, and what these are."""
        closings = [line.closing for line in lines if line.closing]
        slopes = [slope for closing in closings for slope in closing.slopes]
        named = [row for c in closings if c.slopes for row in self.printer.rows(c.by_slope)]
        if slopes and named:
            yield self.display(("With the slopes by name, where ", *listing(slopes), ":"), named)

    def matrices(self, lines: Sequence[_Line], said: set[Phrase]) -> Iterable[Display]:
        """The matrix forms of lines, and where what stands in them comes from, if that was not
        said before."""
        found = [form for line in lines for form in self.forms(line.closing)]
        if not found:
            return
        words: list = ["With matrices"]
        because = dict.fromkeys(r for form in found for r in form.because if r not in said)
        said |= because.keys()
        for number, reason in enumerate(because):
            words += ["; " if number else ": ", *reason]
        rows = [Row(*sides_of(form, self.printer)) for form in found]
        yield self.display((*words, "."), rows)

    def forms(self, closing: Closing | None) -> list:
        """What a line is with matrices, if that is not what it is with indices, and short."""
        found = closing and matrix_forms(closing, self.positions, self.derivation.order)
        every = [node for form in found or () for node in nodes(form.value)]
        if not found or len(every) > _MANY or not any(isinstance(n, _OF_MATRICES) for n in every):
            return []
        return [form for one in found for form in (one, one.diagonal) if form]

    def display(self, words: Phrase, rows: Sequence[Row]) -> Display:
        return Display("", self.printer.phrase(words), tuple(self.printer.display(rows)))


def _flat(phrases: Iterable[Phrase]) -> Iterator:
    """The equalities that phrases hold; words between them are made anew."""
    for phrase in phrases:
        yield from (part for part in phrase if isinstance(part, Equal))


def _with_a_box(views: tuple[StepView, ...]) -> tuple[StepView, ...]:
    """The last line in a box; or the one before it, if that has a name, too, and is shorter."""
    place = len(views) - 1
    if place > 0 and views[place].readings and views[place - 1].readings:
        before, last = (sum(map(len, view.lines)) for view in views[place - 1 :])
        place -= before < last
    boxed = replace(views[place], boxed=True)
    return (*views[:place], boxed, *views[place + 1 :])
