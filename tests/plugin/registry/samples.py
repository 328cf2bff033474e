"""Builders for what the registry takes in, with everything defaulted that a test does not say."""

import hashlib
from datetime import UTC, datetime, timedelta
from typing import Any

from plugin.registry import (
    IndexedInstance,
    JobRecord,
    PublishedResult,
    Registry,
    ResultObject,
    StudyRecord,
)

START = datetime(2026, 3, 1, 12, 0, tzinfo=UTC)
STUDY_UID = "1.2.826.0.1.3680043.8.498.1"


class FakeClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> datetime:
        return self.now

    def advance(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


def make_instance(number: int = 1, content: str = "", **changes: Any) -> IndexedInstance:
    """Make instance ``number`` of a study; other ``content`` is other bytes."""
    values: dict[str, Any] = {
        "study_instance_uid": STUDY_UID,
        "series_instance_uid": f"{STUDY_UID}.1",
        "sop_instance_uid": f"{STUDY_UID}.1.{number}",
        "sop_class_uid": "1.2.840.10008.5.1.4.1.1.4",
        "transfer_syntax_uid": "1.2.840.10008.1.2.1",
        "modality": "MR",
        "path": f"studies/{number}-{content}.dcm",
        "sha256": hashlib.sha256(f"{number} {content}".encode()).hexdigest(),
        "n_bytes": 1000,
        "received_at": START,
        "calling_ae_title": "PACS",
        "association_id": "a1",
        "patient_name": "Doe^Jane",
        "patient_id": "P1",
        "accession_number": "A1",
        "study_date": "20260301",
        "description": "Cardiac",
        "slice_position": str(number),
        "header": {"CardiacNumberOfImages": 25, "BodyPartExamined": "HEART"},
    }
    return IndexedInstance(**(values | changes))


def make_result(name: str = "r", kinds: tuple[str, ...] = ("sr", "summary")) -> PublishedResult:
    """Make a result with one object per kind; ``name`` keeps the UIDs of two results apart."""
    objects = tuple(
        ResultObject(
            kind=kind,
            sop_class_uid="1.2.840.10008.5.1.4.1.1.88.34",
            sop_instance_uid=f"2.25.{int.from_bytes(f'{name}{kind}'.encode()) % 10**30}",
            series_instance_uid="2.25.7",
            path=f"results/{name}/{kind}.dcm",
            sha256="c" * 64,
            n_bytes=10,
        )
        for kind in kinds
    )
    return PublishedResult(objects=objects, input_digest="d" * 64, summary={"lvef_percent": 61.0})


def receive(registry: Registry, *instances: IndexedInstance) -> StudyRecord:
    """Add instances (one by default) and return their study."""
    added = instances or (make_instance(),)
    registry.studies.add_instances(added)
    study = registry.studies.get(added[0].study_instance_uid)
    assert study is not None
    return study


def queue_job(registry: Registry, *instances: IndexedInstance) -> JobRecord:
    """Receive a study, complete it and return its queued job."""
    job = registry.studies.mark_complete(receive(registry, *instances).id)
    assert job is not None
    return job


def claim_job(registry: Registry, *instances: IndexedInstance) -> JobRecord:
    """Queue a job and claim it."""
    job = registry.jobs.claim(queue_job(registry, *instances).id, "w1", 60)
    assert job is not None
    return job


def report_job(registry: Registry, name: str = "r", *instances: IndexedInstance) -> JobRecord:
    """Queue, claim and publish a job."""
    job = claim_job(registry, *instances)
    assert registry.jobs.publish(job.id, job.fence, make_result(name))
    reported = registry.jobs.get(job.id)
    assert reported is not None
    return reported
