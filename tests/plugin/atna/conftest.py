"""A study that audit messages are about."""

import pytest

from tests.plugin.web.conftest import receive


@pytest.fixture
def study(registry):
    return receive(registry, accession_number="A-1")
