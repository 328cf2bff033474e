"""Objects of patients whose headers are hard to carry, into Orthanc on both roads and back."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydicom import dcmread

from dicom_node.channels import caller_of, send
from dicom_node.statuses import Outcome
from plugin.domain.job import DeliveryState
from plugin.domain.objects import OBJECT_KINDS
from plugin.registry import DeliveryRecord, DestinationRecord
from tests.dicom_node.real_archives import PASSWORD, USER, dataset_part, free_port, orthanc
from tests.worker.report import kinds

pytestmark = pytest.mark.system

_PATIENTS = (
    "Latin-1",
    "Japanese",
    "Korean",
    "Chinese",
    "Arabic",
    "five components",
    "name empty",
    "identifiers missing",
    "accession number missing",
    "nothing known",
)
_NOW = datetime(2026, 1, 2, tzinfo=UTC)


@pytest.fixture(scope="module")
def deliveries(tmp_path_factory):
    """Return a delivery of every object that needs no drawing, for each patient."""
    folder = tmp_path_factory.mktemp("hostile")
    found = []
    for patient in _PATIENTS:
        for kind, dataset in kinds.objects_of(patient, short=True).items():
            path = folder / f"{len(found):03d}.dcm"
            dataset.save_as(path, enforce_file_format=True)
            found.append(delivery(len(found), kind, path, dataset))
    return found


def delivery(number, kind, path, dataset):
    return DeliveryRecord(
        id=number,
        job_id="job",
        destination_id=1,
        destination_name="archive",
        object_id=number,
        kind=kind,
        path=str(path),
        sop_class_uid=str(dataset.SOPClassUID),
        sop_instance_uid=str(dataset.SOPInstanceUID),
        state=DeliveryState.PENDING,
        attempts=0,
        next_attempt_at=_NOW,
        last_status=None,
        last_reason=None,
        created_at=_NOW,
        sent_at=None,
        confirmed_at=None,
        study_instance_uid=str(dataset.StudyInstanceUID),
        series_instance_uid=str(dataset.SeriesInstanceUID),
    )


@pytest.mark.parametrize("road", ["DIMSE", "DICOMweb"])
def test_every_object_of_every_patient_comes_back_bit_for_bit(tmp_path, settings, deliveries, road):
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{USER}:{PASSWORD}\n")
    with orthanc(tmp_path / "orthanc", free_port()) as there:
        where = {"ae_title": "ORTHANC", "host": "127.0.0.1", "port": there.port}
        if road == "DICOMweb":
            where |= {"url": there.url, "credentials_file": str(credentials)}
        archive = DestinationRecord(
            id=1, name="archive", objects=OBJECT_KINDS, enabled=True, **where
        )
        answers = list(send(archive, deliveries, caller_of(settings)))
        assert [answer.outcome for answer in answers] == [Outcome.SENT] * len(deliveries)
        stored = there.stored() if road == "DIMSE" else there.retrieved(deliveries)
    assert len(stored) == len(deliveries) == len(_PATIENTS) * 9
    for one in deliveries:
        sent = Path(one.path).read_bytes()
        assert dataset_part(stored[one.sop_instance_uid]) == dataset_part(sent), one.kind


def test_the_patients_are_as_hard_as_their_names_say(deliveries):
    names = {str(dcmread(one.path, stop_before_pixels=True).PatientName) for one in deliveries}
    expected = {kinds.LATIN, kinds.JAPANESE, kinds.KOREAN, kinds.CHINESE, kinds.ARABIC, kinds.FIVE}
    assert expected | {""} <= names
