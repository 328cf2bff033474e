"""Two studies of one patient through registry and worker: the second knows the first."""

import json
import math
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import numpy as np
import pydicom
import pytest

from plugin.registry import IndexedInstance, Registry
from plugin.settings import Settings
from plugin.spool import Spool
from tests.generated import TruthSegmenter, small_cine, small_patient
from tests.plugin.registry.samples import make_result
from worker.phantom.study import write_study
from worker.report import build
from worker.tasks import Analyst, Outcome

EF = "lv_ejection_fraction"
PERSON = {"PatientID": "SAME-1", "PatientBirthDate": "19700304", "PatientSex": "M"}


@pytest.fixture(scope="module")
def make_study(tmp_path_factory):
    """Write a study of the person on a day; the images are those of one heart."""

    def make(day, time="101500", **attributes):
        patient = small_patient()
        study = replace(patient.study, accession_number=f"{day}{time}")
        study = replace(study, study_date=day, study_time=time)
        instances = replace(patient, study=study).instances()
        for one in instances:
            for keyword, value in {**PERSON, **attributes}.items():
                setattr(one, keyword, value)
        return write_study(instances, tmp_path_factory.mktemp("study"))

    return make


@pytest.fixture
def settings(tmp_path):
    return Settings(
        operation={"mode": "live"}, spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0}
    )


@pytest.fixture
def registry(settings):
    Spool(settings.spool.folder)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
        yield registry


def receive(registry, paths):
    """Put a study into the registry as the indexer would, and queue its job."""
    header = pydicom.dcmread(paths[0], stop_before_pixels=True)
    uid = str(header.StudyInstanceUID)
    now = datetime.now(UTC)
    registry.studies.add_instances(
        [
            IndexedInstance(
                study_instance_uid=uid,
                series_instance_uid="1.2.3",
                sop_instance_uid=f"{uid}.{number}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                modality="MR",
                path=str(path),
                sha256=sha256(path.read_bytes()).hexdigest(),
                n_bytes=path.stat().st_size,
                received_at=now,
                calling_ae_title="PACS",
                patient_id=str(header.PatientID),
                study_date=str(header.StudyDate),
                study_time=str(header.StudyTime),
                patient_birth_date=str(header.PatientBirthDate),
                patient_sex=str(header.PatientSex),
            )
            for number, path in enumerate(paths, start=1)
        ]
    )
    return registry.studies.mark_complete(registry.studies.get(uid).id)


def publish_unreadable(registry, paths, name):
    """Receive a study and publish a result of it whose files are not there."""
    job = registry.jobs.claim(receive(registry, paths).id, "test", 60)
    assert registry.jobs.publish(job.id, job.fence, make_result(name))


def weak_cine():
    """Return the heart as if it contracted only as far as it does in its third phase."""
    cine = small_cine()
    n_phases = len(cine.labels)
    phases = [round(2 * math.sin(math.pi * phase / (n_phases - 1))) for phase in range(n_phases)]
    return replace(cine, labels=cine.labels[phases])


def analyse(settings, registry, paths, cine=None):
    """Receive and analyse a study; the tower answers with the contours of a cine."""
    job = receive(registry, paths)
    tower = TruthSegmenter(cine)
    analyst = Analyst(settings, registry, Spool(settings.spool.folder), tower, "test")
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    (report,) = [one for one in registry.jobs.result_objects(job.id) if one.kind == "sr"]
    folder = Path(report.path).parent
    written = json.loads((folder / "result.json").read_text())["assessment"]["comparison"]
    return job, pydicom.dcmread(report.path), written


@pytest.fixture
def reports_only(monkeypatch):
    """Write the reports and nothing else: pictures take most of the time."""
    kept = {kind: build.BUILDERS[kind] for kind in ("sr", "sr_enhanced")}
    monkeypatch.setattr(build, "BUILDERS", kept)
    monkeypatch.setattr(build, "PAGES", {})
    empty = np.zeros((8, 8, 3), np.uint8)
    monkeypatch.setattr(build, "saliency_page", lambda *_: empty)


@pytest.mark.usefixtures("reports_only")
def test_study_of_a_patient_is_compared_with_what_stands_of_earlier_ones(
    settings, registry, make_study
):
    """The second study knows the first; of others one cannot be read, one is another person's."""
    first, report, nothing = analyse(settings, registry, make_study("20240110"))
    assert nothing is None
    publish_unreadable(registry, make_study("20240210"), "gone")
    publish_unreadable(registry, make_study("20240310", PatientBirthDate="19300101"), "other")
    _, later, compared = analyse(settings, registry, make_study("20250110"), weak_cine())
    (result,) = compared["results"]
    assert (result["day"], result["days"], result["job_id"]) == ("2024-01-10", 366, first.id)
    change = next(one for one in compared["changes"] if one["key"] == EF)
    assert change["now"] < change["before"] - change["limit"]
    (study,) = later.PertinentOtherEvidenceSequence
    (named,) = study.ReferencedSeriesSequence[0].ReferencedSOPSequence
    assert named.ReferencedSOPInstanceUID == report.SOPInstanceUID
    assert study.StudyInstanceUID == report.StudyInstanceUID
    assert compared["obstacles"] == ["other_person", "unreadable"]
    assert "the identity should be checked" in later.to_json()
