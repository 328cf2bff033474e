"""``study withdraw`` as a person uses it, on a result whose objects are files."""

from pathlib import Path

import pytest
from typer.testing import CliRunner

from plugin.cli import app
from plugin.domain.job import JobState
from plugin.domain.objects import REJECTION
from plugin.registry import PublishedResult, ResultObject
from tests.plugin.registry.samples import STUDY_UID, claim_job
from tests.worker.report.materials import material, sample
from worker.report.key_objects import key_objects

REASON = "Contours of another series"


@pytest.fixture
def job(registry, tmp_path):
    """Give a reported job with one object, which is on its way to one archive."""
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
    written = key_objects(material(*sample()))
    path = tmp_path / "key_objects.dcm"
    written.save_as(path, enforce_file_format=True)
    item = ResultObject(
        kind="key_objects",
        sop_class_uid=str(written.SOPClassUID),
        sop_instance_uid=str(written.SOPInstanceUID),
        series_instance_uid=str(written.SeriesInstanceUID),
        path=str(path),
        sha256="0" * 64,
        n_bytes=path.stat().st_size,
    )
    job = claim_job(registry)
    result = PublishedResult((item,), "d", {"lvef_percent": 61.5, "finding": "Normal heart."})
    assert registry.jobs.publish(job.id, job.fence, result)
    return job


def call(config, *arguments):
    return CliRunner().invoke(app, [*arguments, "--config", str(config)])


def test_withdrawn_result_is_told_to_archives_and_shown_without_numbers(config, registry, job):
    done = call(config, "study", "withdraw", STUDY_UID, "--reason", REASON)
    assert done.exit_code == 0, done.output
    assert "1 destination(s) get a rejection note" in done.output
    (note,) = [one for one in registry.deliveries.for_job(job.id) if one.kind == REJECTION]
    assert REASON.encode() in Path(note.path).read_bytes()
    listed = call(config, "study", "list").output
    shown = call(config, "study", "show", STUDY_UID).output
    for said in (listed, shown):
        assert JobState.WITHDRAWN.value in said.replace("\n", "")
        assert "61.5" not in said
        assert "Normal heart" not in said
    assert REASON in shown
    (entry, *_) = registry.audit.list()
    assert (entry.action, entry.after["reason"]) == ("study.withdraw", REASON)


def test_withdrawing_needs_a_reason_and_a_result_that_stands(config, registry, job):
    empty = call(config, "study", "withdraw", STUDY_UID, "--reason", "  ")
    assert empty.exit_code == 2
    assert registry.jobs.get(job.id).state is JobState.REPORTED
    assert call(config, "study", "withdraw", STUDY_UID, "--reason", REASON).exit_code == 0
    again = call(config, "study", "withdraw", STUDY_UID, "--reason", REASON)
    assert again.exit_code == 3
    assert "nothing to withdraw" in again.output
    assert "Traceback" not in again.output
