"""What all of the course comes down to."""

from sympy import Symbol

from derive.course.shipped import operation
from derive.course.stop import Shown, Stop

IDEA = Stop(
    title="One idea, three results",
    question="Why does a kernel turn, why does time run backwards, and why does a maximum send its "
    "gradient to one entry alone?",
    words=(
        "All three have one reason. A gradient asks of every entry that was read: which results "
        "did it go into, and with which factor? Entries are independent of each other, so the "
        "derivative of one by another is one where they are the same, and zero elsewhere. What "
        "is left is to solve an equation for an index.",
        "If a result reads a later place, then a place is read by an earlier result: the kernel "
        "turns. If a step reads the step before, then a step is read by the step after: time runs "
        "backwards. If a result reads the largest entry, then only the largest entry is read.",
        "This is what {delta} says: it is one where both indices are equal, and zero elsewhere. "
        "Below, each derivation is shown where its {delta} is solved.",
        "A bar marks the gradient: the derivative of the loss by every entry of what stands below "
        "the bar. Every framed line of this page is where a derivation ends. The link above it "
        "leads to all of its steps, and to the NumPy module that carries them out.",
    ),
    terms=lambda: {"delta": Symbol("delta")},
    shown=(
        Shown(
            operation("correlate1d"), title="The kernel turns", gradients=("x",), solved=True,
            pictures=("window",),
        ),
        Shown(
            operation("rnn"), title="Time runs backwards", gradients=("h",), solved=True,
            pictures=("recurrence",),
        ),
        Shown(
            operation("max_pool1d"), title="The maximum routes", gradients=("x",),
            solved=True, case={"kernel_size": 2}, pictures=("winner",),
        ),
    ),
)  # fmt: skip

STOPS = (IDEA,)
