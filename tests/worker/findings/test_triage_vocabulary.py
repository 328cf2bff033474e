"""The words of triage policies are those of the worker's tables, and every language says them."""

import pytest

from plugin.domain.comparison import COMPARED, Changed
from plugin.domain.findings import Certainty, PriorityReason, ReasonKind
from plugin.domain.triage import (
    ClinicalFlag,
    IncomingPriority,
    PatientClass,
    TriageInputs,
    decide,
    parse_policy,
)
from plugin.domain.triage.policy import Direction
from plugin.domain.triage.vocabulary import FINDINGS, MEASUREMENTS, STRATA
from tests.plugin.domain.triage.policies import policy_text, rule
from worker.findings.definitions import DEFINITIONS
from worker.findings.language import languages, load_language
from worker.findings.rules import RANGE_RULES
from worker.findings.sentences import Sentences
from worker.findings.strata import BANDS


@pytest.mark.parametrize("key", list(MEASUREMENTS))
def test_unit_behind_a_number_is_that_of_the_english_report(key):
    english = load_language("en")
    assert MEASUREMENTS[key].unit_after_number == english.unit(DEFINITIONS[key].unit)


@pytest.mark.parametrize("key", list(MEASUREMENTS))
def test_measurement_is_one_that_the_worker_makes(key):
    known, definition = MEASUREMENTS[key], DEFINITIONS[key]
    assert (known.name, known.unit, known.decimals) == (
        definition.name,
        definition.unit,
        definition.decimals,
    )
    low, high = definition.plausible
    assert known.low <= low < known.low + 0.1
    assert known.high == high


def test_findings_rest_on_the_measurements_of_their_rules():
    for one in RANGE_RULES:
        assert FINDINGS[one.key].rests_on == one.keys
    assert {key for one in FINDINGS.values() for key in one.rests_on} <= set(MEASUREMENTS)


def test_strata_are_the_bands():
    bands = {band.key: band.measurement for band in BANDS}
    assert {key: (bands[key],) for key in STRATA} == {
        key: one.rests_on for key, one in STRATA.items()
    }
    assert set(bands) - set(STRATA) == {"ejection_fraction_preserved"}


def reasons():
    yield from (PriorityReason(ReasonKind.FINDING, key, "S") for key in FINDINGS)
    yield from (PriorityReason(ReasonKind.STRATUM, key, "S") for key in STRATA)
    yield from (PriorityReason(ReasonKind.TEXT, key.value, "S") for key in ClinicalFlag)
    yield from (PriorityReason(ReasonKind.PATIENT_CLASS, key.value, "S") for key in PatientClass)
    yield from (PriorityReason(ReasonKind.ORDER, key.value, "S") for key in IncomingPriority)
    yield PriorityReason(ReasonKind.WAITING, "", "S", "at or above", 90.0)
    for direction in Direction:
        for days in (None, 365):
            yield PriorityReason(ReasonKind.CHANGE, COMPARED[0], "S", direction.value, 10.0, days)


def test_what_is_compared_can_be_named_in_a_policy():
    assert set(COMPARED) <= set(MEASUREMENTS)


@pytest.mark.parametrize("code", languages())
def test_every_reason_can_be_said_in_every_language(code):
    say = Sentences(load_language(code))
    words = [say.priority_words(one) for one in reasons()]
    assert all(words)
    assert len(set(words)) == len(words)


CONDITIONS = [
    ('{ finding = "rv_dilation" }', {"findings": {"rv_dilation": Certainty.PRESENT}}),
    (
        '{ stratum = "massive_wall_thickness" }',
        {"strata": {"massive_wall_thickness": Certainty.PRESENT}},
    ),
    ('{ text = "chest_pain" }', {"text_flags": frozenset({ClinicalFlag.CHEST_PAIN})}),
    ("{ waiting_minutes = 30 }", {"waiting_minutes": 31.0}),
    (
        '{ change = "lv_ejection_fraction", fell_by = 10, unit = "%", within_days = 400 }',
        {"changes": {"lv_ejection_fraction": Changed(-12.5, "%", True, 365)}},
    ),
    (
        '{ change = "lv_end_diastolic_volume_index", rose_by = 20.5, unit = "ml/m2" }',
        {"changes": {"lv_end_diastolic_volume_index": Changed(30.0, "ml/m2", True, 365)}},
    ),
]


@pytest.mark.parametrize(("when", "inputs"), CONDITIONS)
@pytest.mark.parametrize("level", ["URGENT", "REVIEW"])
def test_english_report_says_what_the_decision_says(when, inputs, level):
    decision = decide(parse_policy(policy_text(rule("a", level, when))), TriageInputs(**inputs))
    said = Sentences(load_language("en")).priority(decision.suggestion(), {})
    assert said == decision.sentence
