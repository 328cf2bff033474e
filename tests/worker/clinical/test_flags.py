"""Words of an order that a triage policy may look at."""

import pytest

from plugin.domain.triage import ClinicalFlag
from worker.clinical.flags import text_flags
from worker.clinical.types import ClinicalContext, ClinicalText, TextFlag, Topic

FLAG = ClinicalFlag


def flags_of(text, topic=Topic.REASON, marks=frozenset()):
    return text_flags(ClinicalContext((ClinicalText(topic, "X", "()", text, None, marks),)))


@pytest.mark.parametrize(
    ("text", "flags"),
    [
        ("Acute chest pain, troponin 300", {FLAG.CHEST_PAIN}),
        ("Syncope on exertion; family history of HCM", {FLAG.SYNCOPE_OR_ARREST}),
        ("s/p cardiac arrest. ?myocarditis", {FLAG.SYNCOPE_OR_ARREST, FLAG.MYOCARDITIS}),
        ("Acute decompensated heart failure", {FLAG.ACUTE_HEART_FAILURE}),
        ("Cardiogenic shock", {FLAG.ACUTE_HEART_FAILURE}),
        ("LV thrombus on echo", {FLAG.INTRACARDIAC_MASS}),
        ("Perimyocarditis", {FLAG.MYOCARDITIS}),
        ("胸痛伴晕厥", {FLAG.CHEST_PAIN, FLAG.SYNCOPE_OR_ARREST}),
        ("急性心力衰竭，左房黏液瘤", {FLAG.ACUTE_HEART_FAILURE, FLAG.INTRACARDIAC_MASS}),
        ("No chest pain but syncope", {FLAG.SYNCOPE_OR_ARREST}),
        ("Denies syncope or chest pain", set()),
        ("Rule out myocarditis", set()),
        ("无胸痛，否认晕厥", set()),
        ("Chronic heart failure, follow-up", set()),
        ("STAT please read first, most urgent", set()),
        ("Vital signs stable", set()),
    ],
)
def test_flags_of_a_reason(text, flags):
    assert flags_of(text) == flags


@pytest.mark.parametrize("topic", [Topic.HISTORY, Topic.COMMENT, Topic.PRIOR_REPORT, Topic.ALERT])
def test_only_reason_and_diagnosis_are_read(topic):
    assert flags_of("chest pain", topic) == set()
    assert flags_of("chest pain", Topic.DIAGNOSIS) == {FLAG.CHEST_PAIN}


def test_text_that_reads_like_an_instruction_raises_nothing():
    assert flags_of("chest pain", marks=frozenset({TextFlag.INSTRUCTION_LIKE})) == set()
