"""With all passes off every operation is still correct: a pass only makes it faster."""

import pytest

from derive.ops import recurrent, shipped
from tests.backends.numpy.building import failures
from tests.backends.numpy.zoo import ZOO

OPERATIONS = {o.name: o for operations in shipped().values() for o in operations}
# Recurrent operations count before they are shipped.
OPERATIONS |= {o.name: o for o in getattr(recurrent, "OPERATIONS", ())}
SOME = ("linear", "correlate1d", "conv_transpose1d", "rnn", "lstm", "gru")
PLAIN = ("bilinear_batch", "causal", "locally_connected", "causal_attention", "bidirectional")


@pytest.mark.parametrize("name", OPERATIONS)
def test_an_operation_is_exact_without_passes(name):
    """Gradients are the transpose of the derivative."""
    count = 1 if "3d" in name else 3
    assert failures(OPERATIONS[name], count=count, passes=False, checks="exact") == []


@pytest.mark.parametrize("name", [name for name in SOME if name in OPERATIONS])
def test_an_operation_equals_its_definition_without_passes(name):
    """Values and gradients are those of plain loops."""
    assert failures(OPERATIONS[name], count=3, passes=False, checks="reference") == []


@pytest.mark.parametrize("name", PLAIN)
def test_other_definitions_are_exact_without_passes(name):
    """So are definitions that nobody ships."""
    assert failures(ZOO[name], count=4, passes=False) == []
