"""The claims in examples/: slides are refuted, and what they may have meant is what is mended."""

from pathlib import Path

import pytest
from sympy import expand
from typer.testing import CliRunner

import derive
from derive import cli
from derive.claims import Answer
from derive.errors import DefinitionError
from derive.language.load import load_claims
from derive.language.operation import sides

FILES = sorted((Path(__file__).parents[1] / "examples" / "claims").glob("*.py"))
CLAIMS = {f"{path.stem}.{name}": claim
          for path in FILES for name, claim in load_claims(path).items()}  # fmt: skip
UNDEFINED = "gru.slide"
SLIDES = [name for name in CLAIMS if ".slide" in name and name != UNDEFINED]
MENDED = [name for name in CLAIMS if ".slide" not in name]


@pytest.mark.parametrize("name", MENDED)
def test_what_is_mended_holds(name):
    verdict = derive.audit(CLAIMS[name])
    assert verdict.answer is Answer.equal, str(verdict)


@pytest.mark.parametrize("name", SLIDES)
def test_what_a_slide_says_is_refuted_and_mended(name):
    verdict = derive.audit(CLAIMS[name])
    assert verdict.answer is Answer.wrong
    right = sides(CLAIMS[name.replace("slide", "mended")].equation)[1]
    meant = verdict.meant.line.equation.right
    assert expand(meant - right) == 0, str(verdict)


def test_a_thousand_steps_are_computed_exactly():
    entry = derive.audit(CLAIMS["power.slide"]).found.entry
    assert (entry.right, entry.claimed) == (2**1000, 2**999)


def test_a_gate_that_nobody_defines_is_named():
    with pytest.raises(DefinitionError, match="gru: f is neither an input nor defined"):
        derive.audit(CLAIMS[UNDEFINED])


def test_every_slide_is_there():
    assert len(SLIDES) == 6 and len(MENDED) >= 7


@pytest.mark.parametrize("stem, code", [("chain", 1), ("gru", 2)])
def test_the_command(stem, code):
    """What a lecturer types."""
    (path,) = (p for p in FILES if p.stem == stem)
    result = CliRunner().invoke(cli.app, ["audit", str(path)])
    assert result.exit_code == code
    assert "mended: equal" in result.stdout
    assert all(len(line) <= 80 for line in result.stdout.splitlines())
    assert ("f is neither an input" in result.stderr) == (code == 2)
