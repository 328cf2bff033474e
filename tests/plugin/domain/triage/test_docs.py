"""The page on triage names everything that a policy may say, and its example can be used."""

import re
from pathlib import Path

import pytest

from plugin.domain.triage import (
    CHANNELS,
    ClinicalFlag,
    IncomingPriority,
    PatientClass,
    default_policy,
    parse_policy,
)
from plugin.domain.triage.conditions import CONDITIONS
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS, STRATA
from worker.acceptance.reference import COLUMNS

PAGE = (Path(__file__).parents[4] / "docs" / "triage.md").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    "word",
    [
        *MEASUREMENTS,
        *FINDINGS,
        *STRATA,
        *ClinicalFlag,
        *PatientClass,
        *IncomingPriority,
        *COLUMNS,
        *CONDITIONS,
        *(key for keys in CONDITIONS.values() for key in keys),
    ],
)
def test_page_names_every_word_of_a_policy(word):
    assert re.search(rf"`{word}[` ]", PAGE), word


def test_units_and_rules_are_those_of_the_code():
    for key, known in MEASUREMENTS.items():
        assert f"| `{key}` | {known.name} | `{known.unit}` |" in PAGE
    for rule in default_policy().rules:
        assert f"`{rule.name}`" in PAGE
        assert rule.source in PAGE
    for values in CHANNELS.values():
        assert values.ups in PAGE
        assert values.code is None or values.code.value in PAGE


def test_example_on_the_page_can_be_used():
    example = re.search(r"```toml\n(.*?)```", PAGE, re.DOTALL)[1]
    assert [one.name for one in parse_policy(example).rules] == ["weak_and_in_emergency", "weak"]
