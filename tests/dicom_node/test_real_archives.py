"""Every kind of object into archives that nobody here wrote, confirmed, and back again.

Orthanc over DIMSE (Storage Commitment, reported on an association of its own), Orthanc over
STOW-RS, and dcmtk's dcmqrscp (C-FIND, and not every SOP class).
"""

import hashlib
import time
from pathlib import Path

import pydicom
import pytest
from pydicom.uid import generate_uid

from dicom_node.channels import caller_of, send, verify
from dicom_node.destination_loop import DestinationLoop
from dicom_node.statuses import Outcome
from plugin.domain.errors import TransientError
from plugin.domain.job import DeliveryState
from plugin.domain.objects import OBJECT_KINDS
from plugin.registry import IndexedInstance, PublishedResult, ResultObject
from plugin.registry.engine import utc_now
from tests.dicom_node.images import dataset_bytes
from tests.dicom_node.real_archives import PASSWORD, USER, dataset_part, dcmqrscp, orthanc
from tests.worker.report import samples
from tests.worker.report.conftest import report_into

pytestmark = pytest.mark.system

_LIMIT_SECONDS = 60.0
_TABLE = Path(__file__).parents[2] / "docs/objects/archives.md"


@pytest.fixture(scope="module")
def reported(tmp_path_factory):
    return report_into(tmp_path_factory.mktemp("report"))


@pytest.fixture
def settings(settings):
    delivery = settings.delivery.model_copy(
        update={
            "confirm_after_seconds": 0.2,
            "commitment_wait_seconds": 0.5,
            "connection_timeout_seconds": 10,
        }
    )
    return settings.model_copy(update={"delivery": delivery})


@pytest.fixture
def deliver(registry, settings):
    """Publish the results of the sample study for one destination; send until all is at rest."""

    def run(reported, **destination):
        record = registry.destinations.add("archive", objects=OBJECT_KINDS, **destination)
        job_id = publish(registry, reported)
        loop = DestinationLoop(record, settings, registry)
        deadline = time.monotonic() + _LIMIT_SECONDS
        while time.monotonic() < deadline:
            loop.step()
            found = registry.deliveries.for_job(job_id)
            waiting = {DeliveryState.PENDING, DeliveryState.SENT}
            if not any(one.state in waiting for one in found):
                return loop, {one.kind: one for one in found}
            time.sleep(0.05)
        pytest.fail(f"not at rest: {[(one.kind, one.state, one.last_reason) for one in found]}")

    return run


def publish(registry, reported):
    uid = samples.STUDY_UID
    image = generate_uid()
    registry.studies.add_instance(
        IndexedInstance(uid, "1.2", image, "1.2", "1.2", "MR", "/x", "0" * 64, 1, utc_now(), "A")
    )
    job = registry.studies.mark_complete(registry.studies.get(uid).id)
    job = registry.jobs.claim(job.id, "test", 60)
    objects = tuple(
        ResultObject(
            kind=file.kind,
            sop_class_uid=file.sop_class_uid,
            sop_instance_uid=file.sop_instance_uid,
            series_instance_uid=file.series_instance_uid,
            path=str(file.path),
            sha256=hashlib.sha256(file.path.read_bytes()).hexdigest(),
            n_bytes=file.path.stat().st_size,
        )
        for file in reported.files.values()
    )
    registry.jobs.publish(job.id, job.fence, PublishedResult(objects, "0" * 64, {}))
    return job.id


def documented(archive):
    """Return what the table for integrators says of each kind of object at an archive."""
    lines = [line for line in _TABLE.read_text("utf-8").splitlines() if line.startswith("| ")]
    heads, *rows = ([cell.strip() for cell in line.strip("|").split("|")] for line in lines)
    column = heads.index(archive)
    return {row[0].strip("`"): row[column] for row in rows}


def seen(found, substitutions=()):
    """Return the same of what happened."""
    instead = {item.kind: f"`{item.instead}` instead" for item in substitutions}
    return {
        one.kind: f"kept, {one.confirmed_by}"
        if one.state is DeliveryState.CONFIRMED
        else instead.get(one.kind, one.state.value)
        for one in found.values()
    }


def assert_returned_as_sent(reported, stored):
    for file in reported.files.values():
        sent = file.path.read_bytes()
        assert dataset_part(stored[file.sop_instance_uid]) == dataset_part(sent), file.kind


def test_orthanc_commits_to_every_kind_and_keeps_each_once_bit_for_bit(
    tmp_path, reported, deliver, registry, node, settings
):
    with orthanc(tmp_path / "orthanc", node.port) as there:
        loop, found = deliver(reported, ae_title="ORTHANC", host="127.0.0.1", port=there.port)
        assert set(found) == set(reported.files)
        assert seen(found) == documented("Orthanc, DIMSE")
        assert {one.attempts for one in found.values()} == {1}
        stored = there.stored()
        assert_returned_as_sent(reported, stored)
        # What a crash between answer and note would do: all of it once more.
        twice = send(loop.destination, list(found.values()), caller_of(settings))
        assert {result.outcome for result in twice} == {Outcome.SENT}
        assert there.stored() == stored
        verified = verify(loop.destination, caller_of(settings))
        assert (verified.instead, verified.confirms_by) == ({}, ("commitment", "query"))


def test_orthanc_that_lost_an_object_gets_it_again_and_has_it_once(
    tmp_path, reported, deliver, registry, node, settings
):
    with orthanc(tmp_path / "orthanc", node.port) as there:
        record = registry.destinations.add(
            "archive", ae_title="ORTHANC", host="127.0.0.1", port=there.port, objects=("summary",)
        )
        job_id = publish(registry, reported)
        loop = DestinationLoop(record, settings, registry)
        loop.step()
        (sent,) = registry.deliveries.for_job(job_id)
        assert sent.state is DeliveryState.SENT
        there.forget(sent.sop_instance_uid)
        deadline = time.monotonic() + _LIMIT_SECONDS
        while sent.state is not DeliveryState.CONFIRMED and time.monotonic() < deadline:
            loop.step()
            time.sleep(0.05)
            (sent,) = registry.deliveries.for_job(job_id)
        assert (sent.state, sent.n_lost, sent.attempts) == (DeliveryState.CONFIRMED, 1, 2)
        assert list(there.stored()) == [sent.sop_instance_uid]


def test_orthanc_takes_every_kind_over_the_web_and_returns_it_bit_for_bit(
    tmp_path, reported, deliver, node, settings
):
    credentials = tmp_path / "credentials"
    credentials.write_text(f"{USER}:{PASSWORD}\n")
    with orthanc(tmp_path / "orthanc", node.port) as there:
        loop, found = deliver(reported, url=there.url, credentials_file=str(credentials))
        assert seen(found) == documented("Orthanc, STOW-RS")
        stored = there.stored()
        assert_returned_as_sent(reported, stored)
        again = loop.destination
        credentials.write_text("nobody:nothing")
        with pytest.raises(TransientError):
            verify(again, caller_of(settings))


def test_dcmqrscp_takes_what_it_knows_and_is_asked_by_query(tmp_path, reported, deliver, registry):
    with dcmqrscp(tmp_path / "dcmqrscp") as (port, storage):
        _, found = deliver(reported, ae_title="DCMTK", host="127.0.0.1", port=port)
        assert seen(found, registry.health.substitutions()) == documented("dcmqrscp")
        confirmed = [one.kind for one in found.values() if one.state is DeliveryState.CONFIRMED]
        files = [path for path in storage.iterdir() if path.name != "index.dat"]
        stored = {str(pydicom.dcmread(path).SOPInstanceUID): path for path in files}
        assert len(files) == len(confirmed)
        for kind in confirmed:
            sent = reported.files[kind]
            assert dataset_bytes(stored[sent.sop_instance_uid]) == dataset_bytes(sent.path), kind
