"""Key Object Selections: what they name, and the verdict of other people's validators."""

from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pydicom
import pytest
from pydicom.dataset import Dataset

from tests.worker.report import samples
from tests.worker.report.conftest import Reported
from tests.worker.report.materials import STUDY_KINDS, material, sample
from tests.worker.report.programs import run_program
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


def test_another_reason_is_another_note(reported: Reported) -> None:
    first, second = (note_of(reported, reason).SOPInstanceUID for reason in ("A.", "B."))
    assert first != second
    assert first == note_of(reported, "A.").SOPInstanceUID


@pytest.mark.system
@pytest.mark.timeout(900)
@pytest.mark.parametrize("kind", ["multi-frame", "rejection"])
def test_validators_find_no_error(kind: str, reported: Reported, tmp_path: Path) -> None:
    document = note_of(reported) if kind == "rejection" else key_objects(material(*sample(kind)))
    path = tmp_path / "document.dcm"
    document.save_as(path, enforce_file_format=True)
    said = run_program("dciodvfy", str(path))
    assert "KeyObjectSelectionDocument" in said
    assert "Error" not in said, said
    said = run_program("DicomSRValidator", str(path))
    assert "Found Root Template TID_2010" in said
    assert "Error" not in said, said
