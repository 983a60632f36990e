"""What is to be said of a claim."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from itertools import islice
from typing import Any

from derive.claims.edits import Edit, edits
from derive.claims.examine import Examination, Found
from derive.claims.known import Known
from derive.claims.line import Line, Sides, line_of
from derive.claims.pieces import Pieces
from derive.claims.points import named_options
from derive.claims.text import ClaimText, array_text, number_text
from derive.language.claim import Claim, Cotangent
from derive.language.operation import Operation
from derive.language.order import Order
from derive.language.symbols import Access
from derive.verification.number import evaluation

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
        printer = self._printer
        found = [self.answer.value + self._assumed(), f"  claimed  {printer.line(self._line)}"]
        if self.answer is not Answer.equal:
            derived, label = self._derived()
            if derived:
                found.append(f"  derived  {derived}{label and f'    ({label})'}")
        if self.found is not None:
            found += self._numbers(self.found)
        if self.meant is not None:
            found.append(f"  equal {self._words(self.meant)}:")
            found.append(f"           {printer.line(self.meant.line)}")
        return tuple(found)

    @property
    def _printer(self) -> ClaimText:
        tensors = self._known.operation.tensors
        return ClaimText((*map(Cotangent, (t for t in tensors if not t.integer)), *tensors),
                         (), self._order)  # fmt: skip

    def _assumed(self) -> str:
        """The options that the claim does not name."""
        named = named_options(self.claim) | {o.name for o in self.claim.given if _is_option(o)}
        rest = [o for o in self._known.operation.options if o.name not in named]
        said = [f"{o.name} = {o.default}" for o in rest]
        said += [f"{thing.name} = {value}" for thing, value in self.claim.given.items()]
        return f", for {', '.join(said)}" if said else ""

    def _derived(self) -> tuple[str, str]:
        """The line of the derivation, or of the definition, and its label."""
        tensor = self._line.equation.left.tensor
        if isinstance(tensor, Cotangent):
            bar = self._known.adjoint.cotangent.get(tensor.of)
            step = self._known.derivation.final(bar) if bar is not None else None
            if step is None:
                return f"{tensor.name} = 0: no output depends on {tensor.of.name}", ""
            whole = self._known.derivation
            printer = ClaimText(whole.order, whole.axes, whole.written)
            return printer.statements(step.shown), step.label
        own = [e for e in self._known.derivation.definition if e.left.tensor == tensor]
        printer = ClaimText((), (), self._known.operation.order)
        return "; ".join(map(printer.defined, own)), ""

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
        return [
            f"  {'at a tie or kink' if self.holds else 'for'}{' ' * (not self.holds)}"
            f"{', for ' * self.holds}{', '.join(sizes) or 'these numbers'}:",
            *(f"           {line}" for line in shown),
            f"           {at} is {right}, and {claimed} by the claim",
        ]

    def _words(self, edit: Edit) -> str:
        show = self._printer.expression
        if edit.words == "in place of":
            return f"with {show(edit.new)} in place of {show(edit.old)}"
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


def _is_option(thing: Any) -> bool:
    return hasattr(thing, "settings")


_KNOWN: dict[int, tuple[Operation, Known]] = {}


def _known(operation: Operation) -> Known:
    """What is known of an operation, found out once."""
    if id(operation) not in _KNOWN:
        _KNOWN[id(operation)] = operation, Known(operation)
    return _KNOWN[id(operation)][1]


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
    known = _known(claim.operation)
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
        except (ArithmeticError, LookupError, TypeError, ValueError, RecursionError):
            continue  # an edit need not make sense
        return edit
    return None
