"""The page on input names every attribute that is read, and the limits of the code."""

from pathlib import Path

import pytest

from worker.clinical.elements import MAXIMUM_BYTES
from worker.clinical.read import MAXIMUM_ALL_CHARACTERS, MAXIMUM_CHARACTERS
from worker.clinical.sources import SOURCES

DOCS = Path(__file__).resolve().parents[3] / "docs"
INPUT = (DOCS / "input.md").read_text(encoding="utf-8")
DECISION = (DOCS / "decisions" / "0005-clinical-text.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("source", SOURCES, ids=lambda source: source.keyword)
def test_every_attribute_is_on_the_page_below_its_topic(source):
    (row,) = [line for line in INPUT.splitlines() if f"`{source.keyword}`" in line]
    assert row.startswith(f"| {source.topic.value} |")


def test_limits_in_the_texts_are_those_of_the_code():
    assert (
        f"cut at {MAXIMUM_CHARACTERS} characters, all of them at {MAXIMUM_ALL_CHARACTERS}" in INPUT
    )
    assert f"{MAXIMUM_BYTES // 1024} KiB of a value" in DECISION
    assert (
        f"{MAXIMUM_CHARACTERS} characters of a text and {MAXIMUM_ALL_CHARACTERS} of all" in DECISION
    )
