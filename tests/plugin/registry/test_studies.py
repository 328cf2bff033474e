"""Receiving, completing, asking again, forgetting."""

import threading
from datetime import timedelta

import pytest

from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.job import JobState
from plugin.domain.study import StudyState
from plugin.registry import AddOutcome
from tests.plugin.registry.samples import (
    START,
    STUDY_UID,
    claim_job,
    make_instance,
    make_result,
    queue_job,
    receive,
    report_job,
)

LATER = START + timedelta(minutes=10)


def _delivered(registry, clock, name="r", *instances):
    if not registry.destinations.list():
        registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)
    job = report_job(registry, name, *instances)
    for delivery in registry.deliveries.for_job(job.id):
        assert registry.deliveries.sent(delivery.id)
    return registry.studies.by_id(job.study_id)


def test_add_makes_a_study_that_receives(registry):
    assert registry.studies.add_instance(make_instance()) is AddOutcome.NEW

    study = registry.studies.get(STUDY_UID)
    assert study.state is StudyState.RECEIVING
    assert (study.patient_name, study.calling_ae_title) == ("Doe^Jane", "PACS")
    assert (study.n_instances, study.n_bytes, study.revision) == (1, 1000, 1)
    assert study.first_received_at == study.last_received_at == START
    assert study.last_received_at.tzinfo is not None


def test_add_knows_the_same_bytes_again(registry):
    receive(registry)
    before = registry.studies.get(STUDY_UID)

    again = make_instance(received_at=LATER)
    assert registry.studies.add_instance(again) is AddOutcome.DUPLICATE
    assert registry.studies.get(STUDY_UID) == before


def test_add_keeps_other_bytes_of_one_uid_as_a_flagged_version(registry):
    study = receive(registry, make_instance(content="first"))

    outcome = registry.studies.add_instance(make_instance(content="second"))

    assert outcome is AddOutcome.NEW_VERSION
    (current,) = registry.studies.current_instances(study.id)
    assert (current.version, current.differs, current.path) == (2, True, "studies/1-second.dcm")
    assert [v.is_current for v in registry.studies.versions(study.id)] == [False, True]
    assert registry.studies.by_id(study.id).n_instances == 1


def test_add_takes_an_old_version_sent_again_for_known(registry):
    study = receive(registry, make_instance(content="first"), make_instance(content="second"))

    outcome = registry.studies.add_instance(make_instance(content="first"))

    assert outcome is AddOutcome.DUPLICATE
    (current,) = registry.studies.current_instances(study.id)
    assert current.version == 2


@pytest.mark.parametrize("settle", ["complete", "rejected", "person"])
@pytest.mark.parametrize(
    ("added", "state"),
    [
        (make_instance(2), StudyState.RECEIVING),
        (make_instance(1, "other"), StudyState.RECEIVING),
        (make_instance(1), None),
    ],
    ids=["new", "new_version", "duplicate"],
)
def test_add_brings_a_settled_study_back_only_for_something_new(registry, settle, added, state):
    study = receive(registry)
    if settle == "complete":
        registry.studies.mark_complete(study.id)
    elif settle == "rejected":
        registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC)
    else:
        registry.studies.mark_needs_person(study.id)
    settled = registry.studies.by_id(study.id)

    registry.studies.add_instance(added)

    now = registry.studies.by_id(study.id)
    assert now.state is (state or settled.state)
    assert now.reason is (None if state else settled.reason)


def test_add_counts_receiving_since_from_the_first_new_image(registry):
    study = receive(registry)
    registry.studies.mark_complete(study.id)

    registry.studies.add_instance(make_instance(2, received_at=LATER))
    registry.studies.add_instance(make_instance(3, received_at=LATER + timedelta(minutes=1)))

    study = registry.studies.by_id(study.id)
    assert study.receiving_since == LATER
    assert study.first_received_at == START
    assert study.last_received_at == LATER + timedelta(minutes=1)


def test_add_survives_what_a_damaged_header_may_hold(registry):
    damaged = make_instance(
        patient_name="A\x00B\ud800",
        modality="M" * 40,
        header={
            "CardiacNumberOfImages": 2**80,
            "ImagesInAcquisition": True,
            "NumberOfFrames": "many",
            "bad\x00": [float("nan"), float("inf"), "x\x00\ud800", {"y": object}],
        },
    )
    study = receive(registry, damaged)

    (facts,) = registry.studies.receiving()
    assert facts.series[0].cardiac_number_of_images is None
    assert facts.series[0].images_in_acquisition is None
    assert "\x00" not in study.patient_name
    assert len(facts.series[0].modality) <= 16


def test_add_is_counted_right_when_many_threads_add(registry):
    barrier = threading.Barrier(4)
    outcomes = []

    def add(first: int) -> None:
        barrier.wait()
        numbers = range(first, first + 20)
        outcomes.extend(registry.studies.add_instance(make_instance(n)) for n in numbers)

    threads = [threading.Thread(target=add, args=(first,)) for first in (0, 10, 20, 30)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    study = registry.studies.get(STUDY_UID)
    assert study.n_instances == 50
    assert study.revision == 50
    assert outcomes.count(AddOutcome.NEW) == 50


def test_receiving_tells_the_assembler_what_it_decides_from(registry):
    registry.peers.add("PACS", kind="modality", quiet_seconds=5, cap_seconds=50)
    registry.associations.opened("a1", "PACS", "CMRTRIAGE", "10.0.0.1")
    registry.associations.opened("a2", "OTHER", "CMRTRIAGE", "10.0.0.2")
    counts = {"CardiacNumberOfImages": 25, "ImagesInAcquisition": 250}
    receive(
        registry,
        make_instance(1, slice_position="a", header=counts),
        make_instance(2, slice_position="b", header=counts),
        make_instance(3, slice_position="b", header={}),
        make_instance(4, series_instance_uid="1.2.9", slice_position="", received_at=LATER),
    )

    (facts,) = registry.studies.receiving()

    assert (facts.peer_kind, facts.quiet_seconds, facts.cap_seconds) == ("modality", 5, 50)
    assert facts.n_open_associations == 1
    assert facts.n_automatic_results == 0
    stack, other = facts.series
    assert (stack.n_instances, stack.n_slice_positions) == (3, 2)
    assert (stack.cardiac_number_of_images, stack.images_in_acquisition) == (25, 250)
    assert stack.last_received_at == START
    assert (other.n_slice_positions, other.last_received_at) == (0, LATER)


def test_receiving_takes_an_unknown_sender_for_an_archive(registry):
    receive(registry)
    (facts,) = registry.studies.receiving()
    assert (facts.peer_kind, facts.quiet_seconds) == ("archive", None)


def test_receiving_counts_results_that_nobody_asked_for(registry):
    first = report_job(registry, "first")
    registry.studies.requeue(first.study_id, "somebody")
    asked = registry.jobs.claim(registry.jobs.latest(first.study_id).id, "w", 60)
    assert registry.jobs.publish(asked.id, asked.fence, make_result("asked"))
    report_job(registry, "third", make_instance(3))
    failed = claim_job(registry, make_instance(4))
    registry.jobs.fail(failed.id, failed.fence, Reason.HEART_NOT_FOUND)
    receive(registry, make_instance(5))

    (facts,) = registry.studies.receiving()
    assert facts.n_automatic_results == 2


def test_complete_queues_the_next_generation_in_the_same_step(registry):
    study = receive(registry)

    job = registry.studies.mark_complete(study.id, revision=study.revision)

    assert (job.state, job.generation, job.automatic) == (JobState.QUEUED, 1, True)
    completed = registry.studies.by_id(study.id)
    assert (completed.state, completed.generation) == (StudyState.COMPLETE, 1)
    assert registry.studies.receiving() == []
    assert registry.studies.mark_complete(study.id) is None


def test_complete_is_refused_when_an_image_came_meanwhile(registry):
    study = receive(registry)
    receive(registry, make_instance(2))

    assert registry.studies.mark_complete(study.id, revision=study.revision) is None
    assert not registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC, revision=study.revision)
    assert registry.jobs.list(study.id) == []


def test_complete_replaces_a_job_that_has_not_started(registry):
    first = queue_job(registry)
    second = queue_job(registry, make_instance(2))

    assert registry.jobs.get(first.id).state is JobState.SUPERSEDED
    assert registry.jobs.claim(first.id, "w", 60) is None
    assert registry.jobs.queued(0) == [second.id]


def test_complete_makes_one_job_when_two_assemblers_race(registry):
    study = receive(registry)
    barrier = threading.Barrier(4)
    made = []

    def complete() -> None:
        barrier.wait()
        made.append(registry.studies.mark_complete(study.id, revision=study.revision))

    threads = [threading.Thread(target=complete) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sum(job is not None for job in made) == 1
    assert len(registry.jobs.list(study.id)) == 1


def test_needs_person_waits_for_a_requeue(registry):
    study = receive(registry)

    assert registry.studies.mark_needs_person(study.id)

    waiting = registry.studies.by_id(study.id)
    assert waiting.needs_person
    assert waiting.reason is Reason.TOO_MANY_GENERATIONS
    job = registry.studies.requeue(study.id, "somebody")
    assert not job.automatic
    assert not registry.studies.by_id(study.id).needs_person


def test_requeue_of_a_rejected_study_is_audited(registry):
    study = receive(registry)
    registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC, "by body part")

    job = registry.studies.requeue(study.id, "somebody")

    assert registry.studies.by_id(study.id).state is StudyState.COMPLETE
    entry, received = registry.audit.list()
    assert (received.actor, received.action) == ("PACS", "study.receive")
    assert (entry.actor, entry.action) == ("somebody", "study.requeue")
    assert entry.after == {"job_id": job.id, "generation": 1}
    assert STUDY_UID not in repr(entry)


def test_requeue_is_refused_when_images_were_deleted(registry, clock):
    study = _delivered(registry, clock)
    assert registry.studies.mark_images_deleted(study.id, revision=study.revision)

    with pytest.raises(StudyRejectedError) as refused:
        registry.studies.requeue(study.id, "somebody")

    assert refused.value.reason is Reason.IMAGES_DELETED


def test_complete_is_refused_when_images_were_deleted(registry, clock):
    study = _delivered(registry, clock)
    registry.studies.mark_images_deleted(study.id, revision=study.revision)
    receive(registry, make_instance(2))

    (facts,) = registry.studies.receiving()
    assert facts.n_deleted_instances == 1
    with pytest.raises(StudyRejectedError) as refused:
        registry.studies.mark_complete(study.id)
    assert refused.value.reason is Reason.IMAGES_DELETED


def test_deleted_images_sent_again_make_a_requeue_possible(registry, clock):
    study = _delivered(registry, clock)
    registry.studies.mark_images_deleted(study.id, revision=study.revision)

    outcome = registry.studies.add_instance(make_instance(path="studies/again.dcm"))

    assert outcome is AddOutcome.RESTORED
    restored = registry.studies.by_id(study.id)
    assert (restored.state, restored.images_deleted_at) == (StudyState.COMPLETE, None)
    (current,) = registry.studies.current_instances(study.id)
    assert (current.deleted, current.path) == (False, "studies/again.dcm")
    assert registry.studies.requeue(study.id, "somebody").generation == 2


def test_requeue_of_nothing_says_so(registry):
    with pytest.raises(StudyRejectedError) as refused:
        registry.studies.requeue(99, "somebody")
    assert refused.value.reason is Reason.NO_READABLE_INSTANCE


def test_purge_forgets_all_but_the_audit_and_our_own_uids(registry, clock):
    study = _delivered(registry, clock)
    job = registry.jobs.latest(study.id)
    (report, *_) = registry.jobs.result_objects(job.id)

    purged = registry.studies.purge(study.id, "somebody")

    assert (purged.study_key, purged.n_instances) == (study.study_key, 1)
    assert purged.job_ids == (job.id,)
    assert registry.studies.get(STUDY_UID) is None
    assert registry.jobs.get(job.id) is None
    assert registry.deliveries.for_job(job.id) == []
    assert registry.studies.is_own_result(report.sop_instance_uid)
    entry = registry.audit.list()[0]
    assert (entry.action, entry.subject) == ("study.purge", f"study {study.study_key}")
    assert registry.studies.purge(study.id, "somebody") is None


def test_purge_stops_a_running_job_from_publishing(registry):
    job = claim_job(registry)
    registry.studies.purge(job.study_id, "somebody")

    assert not registry.jobs.heartbeat(job.id, job.fence, 60)
    assert not registry.jobs.publish(job.id, job.fence, make_result())


@pytest.mark.parametrize("term", [STUDY_UID, STUDY_UID[:-2], "A1", "P1"])
def test_get_finds_a_study_by_what_people_have(registry, term):
    receive(registry)
    assert registry.studies.get(term).study_instance_uid == STUDY_UID


@pytest.mark.parametrize("term", ["", "1.2", "1.2.3.4.5", "%", "_" * 8])
def test_get_finds_nothing_for_what_names_nothing(registry, term):
    receive(registry)
    assert registry.studies.get(term) is None


def test_get_finds_nothing_when_two_match(registry):
    receive(registry)
    receive(registry, make_instance(study_instance_uid=f"{STUDY_UID}.5"))
    assert registry.studies.get("P1") is None
    assert len(registry.studies.find("P1")) == 2
    assert registry.studies.get(STUDY_UID) is not None


def test_list_shows_the_latest_first(registry):
    receive(registry)
    receive(registry, make_instance(study_instance_uid="1.2.3.4", received_at=LATER))
    registry.studies.mark_rejected(registry.studies.get("1.2.3.4").id, Reason.NOT_MR)

    assert [s.study_instance_uid for s in registry.studies.list()] == ["1.2.3.4", STUDY_UID]
    assert len(registry.studies.list(limit=1)) == 1
    (rejected,) = registry.studies.list(state=StudyState.REJECTED)
    assert rejected.reason is Reason.NOT_MR


def test_quarantine_keeps_one_row_per_file(registry):
    for _ in range(2):
        registry.studies.quarantine_add("q/1.dcm", Reason.NOT_DICOM, "PACS", START)

    (entry,) = registry.studies.quarantine_list()
    assert (entry.path, entry.reason, entry.calling_ae_title) == ("q/1.dcm", "not_dicom", "PACS")


def test_deletion_waits_for_the_retention_after_delivery(registry, clock):
    study = _delivered(registry, clock)

    assert registry.studies.images_to_delete(clock.now, 0) == []
    just_after = clock.now + timedelta(seconds=1)
    assert [s.id for s in registry.studies.images_to_delete(just_after, 0)] == [study.id]
    assert registry.studies.mark_images_deleted(study.id, revision=study.revision)
    assert registry.studies.images_to_delete(just_after, 0) == []
    assert registry.studies.stored_bytes() == 0
    assert registry.studies.by_id(study.id).images_deleted_at == clock.now


@pytest.mark.parametrize("case", ["receiving", "queued", "failed", "rejected", "late_image"])
def test_deletion_never_takes_an_unreported_study(registry, clock, case):
    if case == "receiving":
        receive(registry)
    elif case == "queued":
        queue_job(registry)
    elif case == "failed":
        job = claim_job(registry)
        registry.jobs.fail(job.id, job.fence, Reason.HEART_NOT_FOUND)
    elif case == "rejected":
        registry.studies.mark_rejected(receive(registry).id, Reason.NOT_CARDIAC)
    else:
        _delivered(registry, clock)
        job = claim_job(registry, make_instance(2))
        registry.jobs.fail(job.id, job.fence, Reason.HEART_NOT_FOUND)

    assert registry.studies.images_to_delete(clock.now + timedelta(days=400), 1) == []


def test_deletion_counts_from_the_report_when_it_goes_nowhere(registry, clock):
    study = registry.studies.by_id(report_job(registry).study_id)

    assert registry.studies.images_to_delete(clock.now, 0) == []
    just_after = clock.now + timedelta(seconds=1)
    assert [s.id for s in registry.studies.images_to_delete(just_after, 0)] == [study.id]


def test_deletion_of_a_rejected_study_waits_for_its_own_time(registry, clock):
    study = receive(registry)
    registry.studies.mark_rejected(study.id, Reason.NOT_CARDIAC)
    late, never = clock.now + timedelta(days=400), clock.now - timedelta(days=400)

    def chosen(before):
        found = registry.studies.images_to_delete(never, 0, rejected_before=before)
        return [s.id for s in found]

    assert chosen(clock.now) == []
    assert chosen(late) == [study.id]
    assert registry.studies.stored_bytes(StudyState.REJECTED) == 1000
    assert registry.studies.stored_bytes(StudyState.COMPLETE) == 0
    # An image that came since makes it a study that may still get a report.
    receive(registry, make_instance(2))
    assert chosen(late) == []


def test_deletion_leaves_a_rejected_study_alone_that_a_worker_has(registry, clock):
    job = claim_job(registry)
    receive(registry, make_instance(2))
    registry.studies.mark_rejected(job.study_id, Reason.MIXED_PATIENTS)
    late = clock.now + timedelta(days=400)

    assert registry.studies.images_to_delete(late, 1, rejected_before=late) == []
    registry.jobs.fail(job.id, job.fence, Reason.HEART_NOT_FOUND)
    assert len(registry.studies.images_to_delete(late, 0, rejected_before=late)) == 1


def test_deletion_waits_while_one_destination_has_not_got_its_objects(registry, clock):
    registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)
    registry.destinations.add("down", ae_title="DOWN", host="h", port=104)
    study = _delivered(registry, clock)
    late = clock.now + timedelta(days=1)
    assert len(registry.studies.images_to_delete(late, 0)) == 1

    other = report_job(registry, "b", make_instance(study_instance_uid="1.2.3"))
    for delivery in registry.deliveries.for_job(other.id):
        if delivery.destination_name == "pacs":
            registry.deliveries.sent(delivery.id)

    assert [s.id for s in registry.studies.images_to_delete(late, 0)] == [study.id]
    registry.destinations.remove("down")
    assert len(registry.studies.images_to_delete(late, 0)) == 2


def test_deletion_frees_the_oldest_reported_study_above_the_quota(registry, clock):
    for number in range(3):
        received_at = START + timedelta(hours=number)
        uid = f"1.2.3.{number}"
        report_job(registry, uid, make_instance(study_instance_uid=uid, received_at=received_at))
    long_ago = START - timedelta(days=1)

    assert registry.studies.images_to_delete(long_ago, 3000) == []
    over = registry.studies.images_to_delete(long_ago, 1500)
    assert [s.study_instance_uid for s in over] == ["1.2.3.0", "1.2.3.1"]


def test_deletion_is_refused_when_the_study_changed(registry, clock):
    study = _delivered(registry, clock)
    receive(registry, make_instance(2))
    assert not registry.studies.mark_images_deleted(study.id, revision=study.revision)
