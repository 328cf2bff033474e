"""Images go N days after delivery, or above a quota; never without a delivered report."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.indexer import Indexer
from dicom_node.retention import delete_leftovers, delete_old_images
from plugin.domain.errors import Reason, StudyRejectedError
from plugin.registry import PublishedResult, ResultObject
from plugin.settings import SpoolSettings
from tests.dicom_node.images import encoded, mr_image
from tests.dicom_node.test_headers import stored

NOW = datetime.now(UTC)


@pytest.fixture
def study_of(spool, registry):
    """Make a study with images on disk: received, rejected, reported, or also delivered."""
    registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
    names = iter(range(100))

    def make(state):
        number = next(names)
        image = mr_image()
        name = f"{1_700_000_000_000_000_000 + number:020d}-{'ab' * 16}-000000.dcm"
        stored(spool.incoming / name, encoded(image))
        Indexer(spool, registry).index_incoming()
        record = registry.studies.get(image.StudyInstanceUID)
        if state == "rejected":
            registry.studies.mark_rejected(record.id, Reason.NOT_CARDIAC)
        elif state != "received":
            job = registry.jobs.claim(registry.studies.mark_complete(record.id).id, "test", 60)
            uid = f"1.2.3.{number + 1}"
            sr = ResultObject("sr", "1.2", uid, uid, "/nowhere", "0" * 64, 1)
            registry.jobs.publish(job.id, job.fence, PublishedResult((sr,), uid, {}))
            if state == "delivered":
                for delivery in registry.deliveries.for_job(job.id):
                    registry.deliveries.sent(delivery.id)
        return registry.studies.by_id(record.id)

    return make


def on_disk(spool, study):
    return any((spool.studies / study.study_key).glob("*.dcm"))


def run(spool, registry, now=NOW, **changes):
    settings = SpoolSettings(folder=spool.folder, **changes)
    return delete_old_images(spool, registry, settings, now)


def test_images_go_after_the_days_and_only_of_delivered_studies(spool, registry, study_of):
    received, reported, delivered = map(study_of, ("received", "reported", "delivered"))
    assert run(spool, registry, now=NOW + timedelta(days=6)) == 0
    assert run(spool, registry, now=NOW + timedelta(days=8)) == 1
    assert not on_disk(spool, delivered)
    assert on_disk(spool, received)
    assert on_disk(spool, reported)
    assert registry.studies.by_id(delivered.id).images_deleted_at is not None
    with pytest.raises(StudyRejectedError):
        registry.studies.requeue(delivered.id, "test")


def test_rejected_images_stay_unless_the_setting_says_how_long(spool, registry, study_of):
    rejected, received = study_of("rejected"), study_of("received")
    later = NOW + timedelta(days=400)
    assert run(spool, registry, now=later, quota_bytes=1) == 0
    assert run(spool, registry, now=NOW + timedelta(days=29), rejected_retention_days=30) == 0
    assert run(spool, registry, now=later, rejected_retention_days=30) == 1
    assert [on_disk(spool, study) for study in (rejected, received)] == [False, True]


def test_quota_takes_the_oldest_but_never_an_unreported_study(spool, registry, study_of):
    received = study_of("received")
    old, new = study_of("delivered"), study_of("delivered")
    assert run(spool, registry, quota_bytes=received.n_bytes + new.n_bytes) == 1
    assert [on_disk(spool, study) for study in (received, old, new)] == [True, False, True]
    assert run(spool, registry, quota_bytes=1) == 1
    assert on_disk(spool, received)


def test_files_that_a_crash_left_go_at_the_next_start(spool, registry, study_of):
    study, other = study_of("delivered"), study_of("received")
    registry.studies.mark_images_deleted(study.id, revision=study.revision)  # and it dies here
    assert on_disk(spool, study)
    delete_leftovers(spool, registry)
    assert not on_disk(spool, study)
    assert on_disk(spool, other)
