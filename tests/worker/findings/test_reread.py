"""The text of real assessments is confirmed; a wrong sentence is flagged, never fatal."""

import dataclasses

import pytest

from tests.worker.findings.shapes import heart_of, heart_study, segmentation_of
from tests.worker.findings.studies import KNOWN, study
from worker.findings import assess, reread
from worker.findings.checker import DisagreementKind
from worker.volume.types import PatientContext


@pytest.mark.parametrize("name", KNOWN)
def test_known_assessments_are_confirmed_and_unchanged(name):
    again, found = reread(KNOWN[name])
    assert found == ()
    assert again is KNOWN[name]


@pytest.mark.parametrize("kind", ["healthy", "dilated", "hypertrophic_septal", "right_ventricular"])
@pytest.mark.parametrize("sex", ["F", None])
def test_assessments_of_generated_hearts_are_confirmed(kind, sex):
    labels, stack = heart_study(kind)
    person = heart_of(kind).person
    patient = PatientContext(sex, 50.0, person.height_m * 100.0, person.weight_kg)
    _, found = reread(assess(stack, segmentation_of(labels), patient))
    assert found == ()


def wrong(assessment):
    (first, *rest) = assessment.impression
    return dataclasses.replace(assessment, impression=(first.replace("%", "ml"), *rest))


def test_a_wrong_sentence_becomes_a_note_and_a_warning():
    assessment = wrong(KNOWN["weak dilated left ventricle"])
    warned, found = reread(assessment)
    assert {one.kind for one in found} <= set(DisagreementKind)
    assert found
    (note,) = [one for one in warned.quality if one.key == "text_not_confirmed"]
    assert warned.impression == (note.sentence, *assessment.impression)
    assert warned.measurements == assessment.measurements


def test_a_left_out_finding_is_noticed():
    assessment = study(0).assessment
    assert assessment.findings
    silent = dataclasses.replace(
        assessment,
        impression=(),
        findings=tuple(dataclasses.replace(one, sentence="") for one in assessment.findings),
    )
    _, found = reread(silent)
    assert {one.kind for one in found} == {DisagreementKind.OMITTED}
