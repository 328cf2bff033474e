"""Key Object Selections: what they name, and the verdict of other people's validators."""

from dataclasses import replace
from datetime import UTC, datetime

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.materials import STUDY_KINDS, material, sample
from worker.report.key_objects import key_objects, middle_slice
from worker.report.rejection import rejected, rejection_note

NOW = datetime(2026, 1, 3, tzinfo=UTC)


def references(document: Dataset) -> list[tuple[str, str, int | None]]:
    """Return value type, instance and frame of every object that the document names."""
    return [
        (
            item.ValueType,
            item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID,
            item.ReferencedSOPSequence[0].get("ReferencedFrameNumber"),
        )
        for item in document.ContentSequence
        if item.ValueType in {"IMAGE", "COMPOSITE"}
    ]


def evidence(document: Dataset) -> set[str]:
    (study,) = document.CurrentRequestedProcedureEvidenceSequence
    assert study.StudyInstanceUID == document.StudyInstanceUID
    return {
        item.ReferencedSOPInstanceUID
        for series in study.ReferencedSeriesSequence
        for item in series.ReferencedSOPSequence
    }


@pytest.mark.parametrize("kind", STUDY_KINDS)
def test_selection_names_the_middle_images_the_page_and_the_report(kind: str) -> None:
    loaded, labels = sample(kind)
    made = material(loaded, labels)
    document = key_objects(made)
    z, assessment = middle_slice(made), made.assessment
    ed, es = (loaded.stack.frames[p][z] for p in (assessment.ed_phase, assessment.es_phase))
    assert references(document) == [
        ("IMAGE", ed.sop_instance_uid, ed.frame_number),
        ("IMAGE", es.sop_instance_uid, es.frame_number),
        ("IMAGE", made.uids.instance("summary"), None),
        ("COMPOSITE", made.uids.instance("sr"), None),
    ]
    assert evidence(document) == {uid for _, uid, _ in references(document)}
    assert document.ConceptNameCodeSequence[0].CodeValue == "113000"


def test_middle_slice_shows_the_cavity() -> None:
    loaded, labels = sample()
    labels = labels.copy()
    labels[:, :2] = 0
    made = material(loaded, labels)
    assert middle_slice(made) == 3
    assert middle_slice(replace(made, labels=labels * 0)) == 2


def test_objects_of_the_same_analysis_are_named_as_they_are_written(reported: Reported) -> None:
    document = pydicom.dcmread(reported.files["key_objects"].path)
    named = {uid for _, uid, _ in references(document)}
    assert {reported.files[kind].sop_instance_uid for kind in ("sr", "summary")} <= named
    assert document.ReferencedRequestSequence[0].RequestedProcedureID == "RP-9"


def note_of(reported: Reported, reason: str = "Wrong patient.") -> Dataset:
    objects = [
        rejected(file.sop_class_uid, file.sop_instance_uid, file.series_instance_uid)
        for file in reported.files.values()
    ]
    return rejection_note(objects, reason, reported.files["summary"].path, "9.9.9", NOW)


def test_rejection_note_takes_back_every_object_and_says_why(reported: Reported) -> None:
    note = note_of(reported)
    assert note.ConceptNameCodeSequence[0].CodeValue == "113001"
    uids = {file.sop_instance_uid for file in reported.files.values()}
    assert {uid for _, uid, _ in references(note)} == uids == evidence(note)
    kinds = {uid: kind for kind, uid, _ in references(note)}
    assert kinds[reported.files["sr"].sop_instance_uid] == "COMPOSITE"
    assert kinds[reported.files["summary"].sop_instance_uid] == "IMAGE"
    (words,) = (item.TextValue for item in note.ContentSequence if "113012" in str(item))
    assert words.endswith("must not be used. Wrong patient.")
    assert note.PatientName == reported.loaded.reference.PatientName
    assert list(note.SoftwareVersions) == ["9.9.9", "cmr-sax 1.0.0"]
    assert note.StudyInstanceUID == samples.STUDY_UID


def test_archive_that_applies_a_note_finds_each_object_where_it_filed_it(
    reported: Reported,
) -> None:
    """IHE Imaging Object Change Management: it goes by study, series, class and instance.

    dcm4chee refuses a note whose class differs from what it stored, and one that names itself.
    """
    note = note_of(reported)
    assert note.SOPClassUID == pydicom.uid.KeyObjectSelectionDocumentStorage
    assert (note.Modality, note.ValueType) == ("KO", "CONTAINER")
    assert note.ConceptNameCodeSequence[0].CodingSchemeDesignator == "DCM"
    assert note.ContentTemplateSequence[0].TemplateIdentifier == "2010"
    (study,) = note.CurrentRequestedProcedureEvidenceSequence
    named = [
        (series.SeriesInstanceUID, one.ReferencedSOPClassUID, one.ReferencedSOPInstanceUID)
        for series in study.ReferencedSeriesSequence
        for one in series.ReferencedSOPSequence
    ]
    stored = {
        kind: pydicom.dcmread(file.path, stop_before_pixels=True)
        for kind, file in reported.files.items()
    }
    filed = [
        (one.SeriesInstanceUID, one.SOPClassUID, one.SOPInstanceUID) for one in stored.values()
    ]
    assert sorted(named) == sorted(filed)
    assert {one.StudyInstanceUID for one in stored.values()} == {study.StudyInstanceUID}
    assert note.SOPInstanceUID not in {uid for *_, uid in named}
    assert note.SeriesInstanceUID not in {uid for uid, *_ in named}


def test_another_reason_is_another_note(reported: Reported) -> None:
    first, second = (note_of(reported, reason).SOPInstanceUID for reason in ("A.", "B."))
    assert first != second
    assert first == note_of(reported, "A.").SOPInstanceUID
