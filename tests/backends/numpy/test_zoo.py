"""Definitions nobody ships, through all three verifications."""

import pytest

from tests.backends.numpy.building import few, report
from tests.backends.numpy.zoo import ZOO


@pytest.mark.parametrize("name", ZOO)
def test_a_definition_is_what_is_generated(name):
    """Plain loops, the exact identity and central differences agree, empty axes included."""
    found = report(ZOO[name], few(ZOO[name], 6))
    assert found.ok, "\n".join(found.failures)
