"""Results that are taken back: nothing of them is sent any more, and who has them is told."""

import pytest

from plugin.domain.errors import Reason, StudyRejectedError
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.objects import REJECTION
from plugin.registry import RejectionNote, ResultObject
from plugin.registry.worklist import Stage
from tests.plugin.registry.samples import (
    make_instance,
    make_result,
    queue_job,
    receive,
    report_job,
)


def add(registry, name, **options):
    return registry.destinations.add(name, ae_title=name.upper(), host="h", port=104, **options)


def note_object(name="n"):
    uid = f"2.25.9{int.from_bytes(name.encode())}"
    return ResultObject(REJECTION, "1.2", uid, "2.25.8", f"results/{name}.dcm", "e" * 64, 10)


def by_kind(registry, job, destination):
    found = registry.deliveries.for_job(job.id)
    return {one.kind: one for one in found if one.destination_id == destination.id}


def give_up(registry, delivery):
    assert registry.deliveries.dead(delivery.id, Reason.DESTINATION_REFUSED_INSTANCE)


@pytest.fixture
def pacs(registry):
    return add(registry, "pacs")


def test_holders_are_those_that_may_have_an_object(registry, pacs):
    viewer = add(registry, "viewer", objects=("summary",))
    job = report_job(registry)
    report, page = by_kind(registry, job, pacs).values()
    registry.deliveries.sent(report.id)
    give_up(registry, page)
    held = registry.jobs.holders(job.id)
    assert {where: [item.kind for item in items] for where, items in held.items()} == {
        pacs.id: ["sr"],  # the page was given up before it was taken
        viewer.id: ["summary"],  # it waits, so it may be under way
    }


def test_object_that_another_kind_replaced_is_not_there(registry, pacs):
    job = report_job(registry)
    assert registry.health.substitute(by_kind(registry, job, pacs)["sr"]) == "summary"
    ((_, held),) = registry.jobs.holders(job.id).items()
    assert [item.kind for item in held] == ["summary"]


def test_withdrawing_stops_what_waits_and_sends_the_note(registry, pacs):
    job = report_job(registry)
    registry.deliveries.sent(by_kind(registry, job, pacs)["sr"].id)
    note = RejectionNote(note_object(), (pacs.id,))

    assert registry.jobs.withdraw(job.id, "Wrong patient", [note], "anna")

    withdrawn = registry.jobs.get(job.id)
    assert (withdrawn.state, withdrawn.reason) == (JobState.WITHDRAWN, Reason.RESULT_WITHDRAWN)
    assert withdrawn.detail == "Wrong patient"
    after = by_kind(registry, job, pacs)
    assert after["sr"].state is DeliveryState.SENT
    assert after["sr"].confirm_at is None
    assert after["summary"].state is DeliveryState.DEAD
    assert after["summary"].last_reason is Reason.RESULT_WITHDRAWN
    assert [one.kind for one in registry.deliveries.due(pacs.id)] == [REJECTION]
    assert registry.studies.is_own_result(note.note.sop_instance_uid)
    (entry, *_) = registry.audit.list()
    assert (entry.actor, entry.action) == ("anna", "study.withdraw")
    assert entry.after == {"reason": "Wrong patient", "n_notes": 1}


def test_study_waits_for_a_person_until_somebody_asks_again(registry, pacs):
    job = report_job(registry)
    registry.jobs.withdraw(job.id, "Wrong patient", [], "anna")
    study = registry.studies.by_id(job.study_id)
    assert (study.needs_person, study.reason) == (True, Reason.RESULT_WITHDRAWN)
    assert study.detail == "Wrong patient"
    registry.studies.requeue(job.study_id, "anna")
    study = registry.studies.by_id(job.study_id)
    assert (study.needs_person, study.reason, study.detail) == (False, None, "")


def test_analysis_that_is_under_way_goes_on(registry, pacs):
    job = report_job(registry)
    again = registry.studies.requeue(job.study_id, "anna")
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")
    assert not registry.studies.by_id(job.study_id).needs_person
    assert registry.jobs.claim(again.id, "w", 60) is not None


@pytest.mark.parametrize("running", [False, True])
def test_analysis_that_nobody_asked_for_is_stopped(registry, pacs, running):
    job = report_job(registry)
    late = queue_job(registry, make_instance(2))
    claimed = registry.jobs.claim(late.id, "w", 60) if running else late
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")
    study = registry.studies.by_id(job.study_id)
    assert (study.needs_person, study.reason) == (True, Reason.RESULT_WITHDRAWN)
    assert registry.jobs.get(late.id).state is JobState.SUPERSEDED
    assert registry.jobs.claim(late.id, "w", 60) is None
    assert not registry.jobs.publish(late.id, claimed.fence, make_result("late"))
    assert registry.worklist.entry(study.id).stage is Stage.NOT_ANALYSED


def test_images_that_come_after_a_withdrawal_wait_for_a_person_too(registry, pacs):
    job = report_job(registry)
    receive(registry, make_instance(2))
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")  # while the second one still arrives
    with pytest.raises(StudyRejectedError) as refused:
        registry.studies.mark_complete(job.study_id)
    assert (refused.value.reason, refused.value.detail) == (Reason.RESULT_WITHDRAWN, "Wrong")
    assert not registry.studies.mark_kept(job.study_id)
    assert [one.id for one in registry.jobs.list(job.study_id)] == [job.id]


def test_images_that_come_after_somebody_asked_again_are_analysed_with_the_others(registry, pacs):
    job = report_job(registry)
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")
    registry.studies.requeue(job.study_id, "anna")
    second = queue_job(registry, make_instance(2))
    third = queue_job(registry, make_instance(3))
    assert registry.jobs.get(second.id).state is JobState.SUPERSEDED
    claimed = registry.jobs.claim(third.id, "w", 60)
    assert registry.jobs.publish(third.id, claimed.fence, make_result("again"))
    assert queue_job(registry, make_instance(4)) is not None


def test_what_was_withdrawn_is_never_sent_again(registry, pacs):
    job = report_job(registry)
    report, page = by_kind(registry, job, pacs).values()
    registry.deliveries.sent(report.id)
    give_up(registry, page)
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")
    assert registry.destinations.retry(pacs.name) == 0
    registry.destinations.remove("pacs")
    add(registry, "pacs")
    assert {one.state for one in registry.deliveries.for_job(job.id)} == {
        DeliveryState.SENT,
        DeliveryState.DEAD,
    }


def test_only_a_result_that_stands_can_be_withdrawn_and_only_once(registry, pacs):
    first = report_job(registry)
    second = report_job(registry, "s", make_instance(2))
    assert not registry.jobs.withdraw(first.id, "Superseded already", [], "anna")
    assert registry.jobs.withdraw(second.id, "Wrong", [], "anna")
    note = RejectionNote(note_object(), (pacs.id,))
    assert not registry.jobs.withdraw(second.id, "Wrong again", [note], "anna")
    assert REJECTION not in by_kind(registry, second, pacs)
    assert registry.jobs.get(second.id).detail == "Wrong"


def test_superseded_objects_stay_unless_the_destination_wants_a_note(registry, pacs):
    strict = add(registry, "strict", reject_superseded=True)
    first = report_job(registry)
    job = report_job_with_note(registry, strict)
    assert {one.state for one in by_kind(registry, first, pacs).values()} == {DeliveryState.PENDING}
    kept_back = by_kind(registry, first, strict).values()
    assert {one.last_reason for one in kept_back} == {Reason.RESULT_SUPERSEDED}
    assert {one.state for one in kept_back} == {DeliveryState.DEAD}
    assert REJECTION in by_kind(registry, job, strict)
    assert REJECTION not in by_kind(registry, job, pacs)


def test_a_note_about_others_goes_out_even_if_its_own_result_is_withdrawn(registry):
    strict = add(registry, "strict", reject_superseded=True)
    report_job(registry)
    job = report_job_with_note(registry, strict)
    registry.jobs.withdraw(job.id, "Wrong", [], "anna")
    waiting = registry.deliveries.due(strict.id)
    assert [one.kind for one in waiting] == [REJECTION]


def report_job_with_note(registry, destination):
    """Publish the next generation with a note about the one before."""
    registry.studies.add_instances([make_instance(2)])
    study = registry.studies.list()[0]
    job = registry.studies.mark_complete(study.id)
    job = registry.jobs.claim(job.id, "w", 60)
    result = make_result("second")
    note = RejectionNote(note_object("superseded"), (destination.id,))
    result = type(result)(result.objects, result.input_digest, {}, rejections=(note,))
    assert registry.jobs.publish(job.id, job.fence, result)
    return job
