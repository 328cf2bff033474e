"""Training ends with its process in the product; here other tests follow in the same one."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _numbers_stay_as_the_standard_says():
    yield
    torch = sys.modules.get("torch")
    if torch is not None:
        torch.set_flush_denormal(False)
