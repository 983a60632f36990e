"""Every pass keeps what a program computes, and may be left out.

All shipped operations, and as many random definitions as wanted, are tried by
``python -m tests.programs``; here is a sample.
"""

import random
from dataclasses import replace

import pytest

from derive import passes
from derive.backends.numpy.lower import lower
from derive.backends.numpy.module import render_module
from derive.calculus.adjoint import adjoint
from derive.calculus.derivation import outline
from derive.passes import PASSES
from derive.passes.separate_windows import with_separate_windows
from derive.verification.cases import few
from derive.verification.gate import examine
from tests.cases import SUBJECT
from tests.programs import (
    OPTIONAL,
    SEPARATE,
    Pair,
    differences,
    examined,
    expected,
    lowered,
    outcome,
    system_of,
)

FIRES = {
    "separate_windows": "max_pool2d",
    "simplify": "rnn_truncated",
    "share_values": "tanh",
    "drop_copies": "ccc_loss",
    "route_maxima": "max_pool2d",
    "hoist_factors": "rnn_truncated",
    "stack": "gru_before",
    "share_sums": "lstm",
    "lift_windows": "correlate1d",
    "contract_storage": "gru_before",
    "tile_loops": "rnn_truncated",
    "tile_batches": "max_pool2d",
}
"""An operation that each pass changes."""

SEED, MORE, DEFINITIONS = 1, 8, 10
_others = sorted(n for n in SUBJECT if n not in FIRES.values() and "stacked" not in n)
SAMPLE = sorted({*FIRES.values(), *random.Random(SEED).sample(_others, MORE)})


@pytest.fixture(scope="module")
def outcomes():
    """What was found of the operations so far; each is examined once."""
    return {}


@pytest.mark.parametrize("name", SAMPLE)
def test_a_program_computes_what_the_equations_say_with_each_pass(name, outcomes):
    found = outcomes[name] = examined(SUBJECT[name].operation, count=1)
    assert found.wrong == ()
    assert found.runs >= found.programs


def test_every_pass_changes_some_operation(outcomes):
    assert FIRES.keys() == {*OPTIONAL}
    for row, name in FIRES.items():
        found = outcomes.get(name) or examined(SUBJECT[name].operation, count=0)
        assert row in found.fired, (row, name)


def test_random_definitions_are_computed_alike_with_each_pass():
    found = [one for seed in range(DEFINITIONS) if (one := outcome(seed, 1)) is not None]
    assert [(one.name, one.wrong) for one in found if one.wrong] == []
    assert len(found) > DEFINITIONS / 2
    assert any(one.fired for one in found)


def test_a_pass_that_loses_a_statement_is_noticed():
    """Else the law would say little."""
    operation = SUBJECT["linear"].operation
    system, case = system_of(operation), few(operation)[-1]
    module = lowered(operation, system, ())
    right = expected(system, case, 0)
    assert differences(Pair(module).results(case, 0), right) == []
    forward = replace(module.forward, body=module.forward.body[:-1])
    lost = replace(module, forward=forward)
    assert differences(Pair(lost).results(case, 0), right) == ["y"]


NAMES = sorted(OPTIONAL)
SUBSETS = [frozenset(), *(frozenset(NAMES) - {name} for name in NAMES)]
_random = random.Random(SEED)
SUBSETS += [frozenset(_random.sample(NAMES, len(NAMES) // 2)) for _ in range(3)]


def text_of(operation, on: frozenset[str], monkeypatch) -> str:
    """A module made with some of the passes."""
    rows = tuple(row for row in PASSES if row.needed or row.name in on)
    monkeypatch.setattr(passes, "PASSES", rows)
    system = system_of(operation)
    apart = with_separate_windows(system) if SEPARATE in on else system
    program = lower(operation.name, apart, adjoint(apart), lambda *_: "", passes=bool(on))
    return render_module(program, outline(operation, adjoint(system)), layout=False)


@pytest.mark.parametrize("number", range(len(SUBSETS)))
def test_any_pass_may_be_left_out(number, monkeypatch):
    """The module is right with one pass less, with some of them, and with none."""
    source, on = random.Random(SEED + number), SUBSETS[number]
    off = [FIRES[name] for name in NAMES if name not in on]
    for name in {source.choice(off), *source.sample(SAMPLE, 2)}:
        operation = SUBJECT[name].operation
        assert examine(operation, text_of(operation, on, monkeypatch)).cases > 0
