"""Images go N days after delivery, or above a quota; never without a delivered report."""

from datetime import UTC, datetime, timedelta

import pytest

from dicom_node.completion import Action, Policy, content_of, decide
from dicom_node.indexer import Indexer
from dicom_node.retention import (
    delete_leftovers,
    delete_old_images,
    empty_quarantine,
    forget_old_studies,
)
from plugin.domain.errors import Reason, StudyRejectedError
from plugin.registry import PublishedResult, ResultObject
from plugin.registry.worklist import Stage
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


def test_images_stay_when_somebody_has_just_had_the_study_queued_again(
    spool, registry, study_of, monkeypatch
):
    study = study_of("delivered")
    choose = registry.studies.images_to_delete

    def asked_meanwhile(*arguments, **options):
        chosen = choose(*arguments, **options)
        registry.studies.requeue(study.id, "somebody")
        return chosen

    monkeypatch.setattr(registry.studies, "images_to_delete", asked_meanwhile)
    assert run(spool, registry, now=NOW + timedelta(days=8)) == 0
    assert on_disk(spool, study)
    assert not any(one.deleted for one in registry.studies.current_instances(study.id))


def test_object_that_comes_after_the_images_went_changes_nothing(spool, registry, study_of):
    study = study_of("delivered")
    later = NOW + timedelta(days=400)
    assert run(spool, registry, now=later) == 1
    drawn = mr_image(
        study.study_instance_uid,
        SOPClassUID="1.2.840.10008.5.1.4.1.1.11.1",
        Modality="PR",
        Rows=None,
    )
    name = f"{1_700_000_001_000_000_000:020d}-{'ab' * 16}-000000.dcm"
    stored(spool.incoming / name, encoded(drawn))
    Indexer(spool, registry).index_incoming()
    (facts,) = registry.studies.receiving()
    content = content_of(registry.studies.current_instances(study.id))
    policy = Policy(60, 900, 7200, 3)
    assert decide(facts, lambda: content, policy, later).action is Action.KEEP
    assert registry.studies.mark_kept(study.id, revision=facts.study.revision)

    after = registry.studies.by_id(study.id)
    assert (after.state, after.needs_person, after.reason) == (study.state, False, None)
    assert registry.worklist.entry(study.id).stage is Stage.DONE
    assert len(registry.jobs.list(study.id)) == 1
    assert forget(spool, registry, later, study_retention_days=365) == 1


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


def forget(spool, registry, now, **changes):
    settings = SpoolSettings(folder=spool.folder, **changes)
    run(spool, registry, now=now, **changes)
    return forget_old_studies(spool, registry, settings, now)


def test_studies_go_long_after_delivery_with_results_and_are_audited(spool, registry, study_of):
    received, reported, delivered = map(study_of, ("received", "reported", "delivered"))
    (job,) = registry.jobs.list(delivered.id)
    folder = spool.result_folder(job.id, job.fence)
    (folder / "sr.dcm").write_bytes(b"x")
    later = NOW + timedelta(days=4000)
    assert forget(spool, registry, later) == 0
    assert forget(spool, registry, NOW + timedelta(days=364), study_retention_days=365) == 0
    assert folder.is_dir()
    assert forget(spool, registry, NOW + timedelta(days=366), study_retention_days=365) == 1
    assert forget(spool, registry, later, study_retention_days=365) == 0
    assert not folder.exists()
    assert registry.studies.by_id(delivered.id) is None
    assert [on_disk(spool, study) for study in (received, reported)] == [True, True]
    purged = [e for e in registry.audit.list() if e.action == "study.purge"]
    assert [(e.actor, e.subject) for e in purged] == [("retention", f"study {delivered.study_key}")]


def test_a_purge_by_age_is_refused_when_the_study_changed_since(spool, registry, study_of):
    study, other = study_of("delivered"), study_of("delivered")
    before = NOW + timedelta(days=400)
    run(spool, registry, now=before)
    assert [one.id for one in registry.studies.to_forget(before)] == [study.id, other.id]
    (job,) = registry.jobs.list(study.id)
    registry.jobs.withdraw(job.id, "wrong heart", (), "somebody")
    assert registry.studies.purge(study.id, "retention", safe_before=before) is None
    assert registry.studies.purge(other.id, "retention", safe_before=before) is not None
    assert registry.studies.by_id(study.id) is not None
    assert registry.studies.purge(study.id, "somebody") is not None


def test_files_of_a_purged_study_that_a_crash_left_go_at_the_next_start(spool, registry, study_of):
    purged, again, other = (study_of("delivered") for _ in range(3))
    folders = {}
    for study in (purged, other):
        (job,) = registry.jobs.list(study.id)
        folders[study.id] = spool.result_folder(job.id, job.fence)
    for study in (purged, again):
        registry.studies.purge(study.id, "retention")  # and it dies here
    unknown = spool.studies / ("ab" * 10)  # of a registry that was put back from a copy
    unknown.mkdir()
    image = next((spool.studies / again.study_key).glob("*.dcm"))
    name = f"{1_700_000_000_000_000_000:020d}-{'ab' * 16}-000000.dcm"
    (spool.incoming / name).write_bytes(image.read_bytes())  # it is sent again
    Indexer(spool, registry).index_incoming()
    stored(spool.incoming / "waiting.dcm", encoded(mr_image()))
    delete_leftovers(spool, registry)
    assert [on_disk(spool, study) for study in (purged, again, other)] == [False, True, True]
    assert [folder.exists() for folder in folders.values()] == [False, True]
    assert unknown.is_dir()
    assert [path.name for path in spool.incoming_files()] == ["waiting.dcm"]


def test_a_study_stays_while_an_object_of_it_was_given_up(spool, registry, study_of):
    given_up = study_of("reported")
    (job,) = registry.jobs.list(given_up.id)
    for delivery in registry.deliveries.for_job(job.id):
        registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)
    registry.studies.mark_images_deleted(given_up.id, revision=given_up.revision)  # by quota
    later = NOW + timedelta(days=4000)
    assert forget(spool, registry, later, study_retention_days=1) == 0
    assert registry.studies.by_id(given_up.id) is not None


def test_a_study_stays_while_a_superseded_object_is_on_its_way(spool, registry, study_of):
    study = study_of("reported")
    (first,) = registry.jobs.list(study.id)
    second = registry.jobs.claim(registry.studies.requeue(study.id, "test").id, "test", 60)
    sr = ResultObject("sr", "1.2", "1.2.999", "1.2.999", "/nowhere", "0" * 64, 1)
    registry.jobs.publish(second.id, second.fence, PublishedResult((sr,), "other", {}))
    for delivery in registry.deliveries.for_job(second.id):
        registry.deliveries.sent(delivery.id)
    later = NOW + timedelta(days=4000)
    assert forget(spool, registry, later, study_retention_days=1) == 0
    for delivery in registry.deliveries.for_job(first.id):
        registry.deliveries.sent(delivery.id)
    assert forget(spool, registry, later, study_retention_days=1) == 1


def test_a_study_stays_while_its_images_do(spool, registry, study_of):
    study_of("delivered")
    later = NOW + timedelta(days=30)
    changes = {"study_retention_days": 10, "retention_days": 60}
    assert forget(spool, registry, later, **changes) == 0


def test_rejected_studies_go_only_after_their_images(spool, registry, study_of):
    rejected = study_of("rejected")
    later = NOW + timedelta(days=400)
    assert forget(spool, registry, later, study_retention_days=365) == 0
    both = {"study_retention_days": 365, "rejected_retention_days": 30}
    assert forget(spool, registry, NOW + timedelta(days=31), **both) == 0
    assert forget(spool, registry, later, **both) == 1
    assert registry.studies.by_id(rejected.id) is None


def test_quarantine_is_emptied_by_age_only_if_told_so_and_audited(spool, registry):
    kept = []
    for number, days in enumerate((40, 2)):
        stored(spool.incoming / f"{number}.dcm", b"junk")
        path = spool.quarantine_file(spool.incoming / f"{number}.dcm", Reason.NOT_DICOM)
        at = NOW - timedelta(days=days)
        registry.studies.quarantine_add(str(path), Reason.NOT_DICOM, "PACS", at)
        kept.append(path)
    settings = SpoolSettings(folder=spool.folder)
    assert empty_quarantine(spool, registry, settings, NOW) == 0
    settings = SpoolSettings(folder=spool.folder, quarantine_retention_days=30)
    assert empty_quarantine(spool, registry, settings, NOW) == 1
    assert [path.exists() for path in kept] == [False, True]
    assert [one.path for one in registry.studies.quarantine_list()] == [str(kept[1])]
    (entry,) = [e for e in registry.audit.list() if e.action == "quarantine.delete"]
    assert (entry.actor, entry.before) == ("retention", {"n_files": 1})
    assert empty_quarantine(spool, registry, settings, NOW) == 0
