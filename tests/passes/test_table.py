"""The table of passes: what may be asked of it, and what comes out."""

from dataclasses import replace

import pytest
from sympy import Eq

from derive.calculus.adjoint import adjoint
from derive.errors import BrokenProgram, UsageError
from derive.language import Operation, axes, sizes, tensor
from derive.passes import OPTIONAL, PASSES, Pass, after_passes, equations
from derive.pipeline import explain
from derive.program.grammar import Allocate
from tests.passes.building import lines
from tests.programs import system_of

(N,) = sizes("N")
(n,) = axes("n", N)
x, y = tensor("x", N), tensor("y", N)
TWICE = Operation("twice", "Twice.", (x,), (y,), (Eq(y[n], 2 * x[n]),))


def module():
    system = system_of(TWICE)
    return equations("twice", system, adjoint(system))


@pytest.mark.parametrize("after", ["stak", "separate_windows"])
def test_a_pass_that_there_is_not_is_refused(after):
    names = ", ".join(row.name for row in PASSES)
    for ask in (
        lambda: after_passes(module(), after=after),
        lambda: explain(TWICE, "forward", after),
    ):
        with pytest.raises(UsageError) as refusal:
            ask()
        assert str(refusal.value) == f"{after!r} is no pass; the passes are {names}."


@pytest.mark.parametrize("without", ["stak", "allocate"])
def test_what_cannot_be_left_out_is_refused(without):
    with pytest.raises(UsageError, match=f"'{without}' cannot be left out; of the passes, .* can"):
        after_passes(module(), without=(without,))
    plain = after_passes(module(), without=OPTIONAL)
    assert lines(plain.forward) == ["new y  [N]", "y[n] = 2·x[n]"]


def test_no_program_leaves_that_breaks_the_rules(monkeypatch):
    """A pass that forgets who makes a tensor."""

    def forget(module):
        return module.each(without_allocations)

    def without_allocations(program):
        body = tuple(b for b in program.body if not isinstance(b, Allocate))
        return replace(program, body=body)

    rows = (*PASSES, Pass(forget))
    monkeypatch.setattr("derive.passes.PASSES", rows)
    with pytest.raises(BrokenProgram) as refusal:
        after_passes(module())
    assert refusal.value.program == "twice, forwards"
    assert "y is written and was not made" in str(refusal.value)
    assert "Most likely this is a defect of derive" in str(refusal.value)
    # not asked at the end
    assert lines(after_passes(module(), after="allocate").forward) == [
        "new y  [N]",
        "y[n] = 2·x[n]",
    ]


def test_each_direction_has_a_name_of_its_own():
    for direction in ("forward", "backward"):
        head = explain(TWICE, direction).splitlines()[0]
        assert head.startswith(f"twice, {direction}s: ")
