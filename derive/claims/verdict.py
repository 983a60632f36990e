"""What is to be said of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice

from derive.calculus.step import Step
from derive.claims.edits import Edit, edits
from derive.claims.examine import Examination, Found
from derive.claims.known import Known, known_of
from derive.claims.line import Line, Sides, line_of
from derive.claims.pieces import Pieces
from derive.claims.points import absent, named_options
from derive.claims.text import ClaimText, array_text, number_text, wrapped
from derive.errors import DefinitionError
from derive.language.claim import Claim, Cotangent, Derivative
from derive.language.order import Order
from derive.language.symbols import Access
from derive.verification.number import evaluation

_INDENT = " " * 11
_MOST = 6000  # lines beside a claim that are tried


class Answer(StrEnum):
    """Whether a claim is so."""

    equal = "equal"
    convention = "equal but for a convention"
    wrong = "not equal"


@dataclass(frozen=True, repr=False)
class Verdict:
    """What became of a claim.

    Attributes
    ----------
    claim : Claim
    answer : Answer
        "equal": everywhere; "equal but for a convention": everywhere but at ties, kinks and where
        the claim divides by 0; "not equal".
    found : Found or None
        The smallest numbers that tell the claim from what is so.
    meant : Edit or None
        The first of the lines that differ from the claim in one place and are right.
    """

    claim: Claim
    answer: Answer
    found: Found | None
    meant: Edit | None
    _known: Known
    _line: Line
    _order: Order

    @property
    def holds(self) -> bool:
        """Whether the claim is right, conventions aside."""
        return self.answer is not Answer.wrong

    def __str__(self) -> str:
        return "\n".join(self.lines)

    def __repr__(self) -> str:
        return f"<Verdict: {self.answer.value}>"

    # ---- in words ------------------------------------------------------------------------

    @property
    def lines(self) -> tuple[str, ...]:
        """The verdict as text."""
        found = wrapped(self.answer.value + self._assumed(), "")
        found += self._line_text("  claimed  ", self._line)
        if self.answer is not Answer.equal and (derived := self._derived()):
            found += wrapped(derived, "  derived  ")
        if self.found is not None:
            found += self._numbers(self.found)
        if self.meant is not None:
            found += wrapped(f"equal {self._words(self.meant)}:", "  ")
            found += self._line_text(_INDENT, self.meant.line)
        return tuple(found)

    def _line_text(self, begin: str, line: Line) -> list[str]:
        first, *others = self._printer.line(line)
        return [*wrapped(first, begin), *(w for other in others for w in wrapped(other, _INDENT))]

    @property
    def _printer(self) -> ClaimText:
        tensors = self._known.operation.tensors
        return ClaimText((*map(Cotangent, (t for t in tensors if not t.integer)), *tensors),
                         (), self._order)  # fmt: skip

    def _assumed(self) -> str:
        """What the claim does not name, and what it is made for."""
        given, without = self.claim.given, absent(self.claim)
        named = named_options(self.claim)
        said = [f"{o.name} = {o.default}" for o in self._known.operation.options
                if o.name not in named and o not in given]  # fmt: skip
        said += [f"{t.name} = {value}" for t, value in given.items() if t not in without]
        words = [f"for {', '.join(said)}"] if said else []
        words += [f"without {', '.join(t.name for t in without)}"] if without else []
        return "".join(f", {word}" for word in words)

    def _derived(self) -> str:
        """The last line of the derivation with its label, or that of the definition."""
        tensor, bars = self._line.equation.left.tensor, self._known.adjoint.cotangent
        by = tensor.of if isinstance(tensor, Cotangent) else None
        alone = ""
        if isinstance(tensor, Derivative):  # of the one number that comes out: a cotangent
            if self._known.operation.outputs != (tensor.of,) or tensor.of.rank:
                return ""
            by, alone = tensor.by, f", where {bars[tensor.of].name} = 1"
        if by is not None:
            whole = self._known.derivation
            steps = whole.gradients.get(bars[by], ()) if by in bars else ()
            step = next(filter(self._made_for, reversed(steps)), None)
            if step is None:
                return f"0, for no output depends on {by.name}"
            printer = ClaimText(whole.order, whole.axes, whole.written)
            return f"{printer.statements(step.shown)}{alone}    ({step.label})"
        own = [e for e in self._known.derivation.definition if e.left.tensor == tensor]
        printer = ClaimText((), (), self._known.operation.order)
        return "; ".join(map(printer.defined, own))

    def _made_for(self, step: Step) -> bool:
        """Whether a step holds for what is claimed: in general, or for options at their values."""
        named = named_options(self.claim)
        fixed = {
            s for o in self._known.operation.options if o.name not in named for s in o.settings
        }
        values = self.found.point.case.values if self.found else {}
        return all(e.left in fixed and values.get(e.left) == e.right for e in step.assuming)

    def _numbers(self, found: Found) -> list[str]:
        """The call, the numbers that come in, and both sides."""
        case, entry = found.point.case, found.entry
        known = {s.name: v for s, v in case.values.items()}
        sizes = [f"{s.name} = {known[s.name]}" for s in self._known.operation.sizes
                 if s.name in known]  # fmt: skip
        for name in sorted(named_options(self.claim)):
            option = next(o for o in self._known.operation.options if o.name == name)
            sizes.append(f"{name} = {case.options.get(name, option.default)}")
        arrays = found.point.arrays
        bars = {b.name: f"{t.name}_bar" for t, b in self._known.cotangents.items()}
        shown = [
            f"{bars.get(name, name)} = {array_text(array)}"
            for name, array in arrays.items()
            if array is not None and any(entry != 0 for entry in array.ravel().tolist())
        ]
        if len(shown) < sum(a is not None and a.size > 0 for a in arrays.values()):
            shown.append("everything else is 0" if shown else "all numbers are 0")
        left = Access(self._line.equation.left.tensor, *entry.place)
        at = ClaimText().entry(left)
        right, claimed = number_text(entry.right), number_text(entry.claimed)
        there = "at a tie or kink, for" if self.holds else "for"
        return [
            *wrapped(f"{there} {', '.join(sizes) or 'these numbers'}:", "  "),
            *(line for array in shown for line in wrapped(array, _INDENT)),
            *wrapped(f"{at} is {right}, and {claimed} by the claim", _INDENT),
        ]

    def _words(self, edit: Edit) -> str:
        show = self._printer.expression
        if edit.words == "in place of":
            return f"with {show(edit.new)} in place of {show(edit.old)}"
        if edit.words == "both":
            pairs = zip(edit.new, edit.old, strict=True)
            return "with " + " and ".join(f"{show(n)} in place of {show(o)}" for n, o in pairs)
        if edit.words == "range":
            index, low, high = edit.new
            return f"with {show(index)} from {show(low)} to {show(high)}"
        if edit.words == "plus":
            return f"with {show(edit.new)} added"
        if edit.words == "where":
            return f"where {self._printer.condition(edit.new)} alone"
        if edit.words == "without the condition":
            return f"without the condition {self._printer.condition(edit.old)}"
        if edit.words == "times":
            return f"times {show(edit.new)}"
        return f"without {show(edit.old)}"


def audit(claim: Claim) -> Verdict:
    """Whether a claim is right; where it is not, numbers that show it, and what may be meant.

    Both sides are evaluated at random fractions on a few calls, exactly, or with 40 digits where
    a function makes the numbers.

    Parameters
    ----------
    claim : Claim
        An equation between entries of an operation's tensors, their cotangents and derivatives.

    Returns
    -------
    Verdict
        ``holds`` says whether it is right, ``str`` everything else.

    Raises
    ------
    DefinitionError
        If the operation or the claim cannot be meant: a tensor or function that nobody defines.
    VerificationError
        If there is nothing to compare with.

    Examples
    --------
    >>> from sympy import Eq, Sum
    >>> from derive import Claim, axes, cotangent
    >>> from derive.ops.dense import linear
    >>> x, weight, bias = linear.inputs
    >>> (y,) = linear.outputs
    >>> n, i, o = (a for name in "nio" for a in linear.axes if a.name == name)
    >>> right = Sum(cotangent(y)[n, o] * weight[o, i], o)
    >>> audit(Claim(linear, Eq(cotangent(x)[n, i], right))).holds
    True
    """
    known = known_of(claim.operation)
    line = line_of(claim, known)
    order = claim.order.copy()
    with evaluation():
        examination = Examination(claim, known, line, order)
        found = examination.refutation()
        if found is None:
            exception = examination.exception()
            answer = Answer.convention if exception else Answer.equal
            return Verdict(claim, answer, exception, None, known, line, order)
        meant = _meant(examination, found, order)
        smallest = examination.counterexample(found)
        return Verdict(claim, Answer.wrong, smallest, meant, known, line, order)


def _meant(examination: Examination, found: Found, order: Order) -> Edit | None:
    """The first line beside the claim that is right."""
    known, line = examination.known, examination.line
    around = edits(line, Pieces(known, line), order)
    truth = examination.truth(found.point)
    for edit in islice(around, _MOST):
        try:
            sides = Sides(edit.line, order)
            if any(e.differs for e in sides.at(truth)) or not examination.agrees(sides):
                continue
        except (ArithmeticError, DefinitionError, LookupError, TypeError, ValueError):
            continue  # an edit need not make sense
        return edit
    return None
