"""One job, one published result, whoever dies, sleeps or comes twice."""

import threading

import pytest

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.study import StudyState
from plugin.registry import JobRecord, Registry
from tests.plugin.registry.samples import (
    FakeClock,
    claim_job,
    make_instance,
    make_result,
    queue_job,
    receive,
    report_job,
)


def _job(registry: Registry, job_id: str) -> JobRecord:
    job = registry.jobs.get(job_id)
    assert job is not None
    return job


def test_claim_takes_a_queued_job_once(registry):
    job = queue_job(registry)

    first = registry.jobs.claim(job.id, "w1", 60)
    second = registry.jobs.claim(job.id, "w2", 60)

    assert first is not None
    assert (first.state, first.fence, first.attempts) == (JobState.RUNNING, 1, 1)
    assert first.worker == "w1"
    assert second is None


def test_claim_returns_nothing_for_an_unknown_job(registry):
    assert registry.jobs.claim("no such job", "w1", 60) is None


def test_claim_gives_one_winner_when_many_threads_race(registry):
    job_ids = [
        queue_job(registry, make_instance(study_instance_uid=f"1.2.{number}")).id
        for number in range(5)
    ]
    winners: list[str] = []
    barrier = threading.Barrier(8)

    def race(worker: str) -> None:
        barrier.wait()
        winners.extend(
            job_id for job_id in job_ids if registry.jobs.claim(job_id, worker, 60) is not None
        )

    threads = [threading.Thread(target=race, args=(f"w{n}",)) for n in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(winners) == sorted(job_ids)


def test_claim_takes_over_when_the_lease_has_ended(registry, clock):
    stale = claim_job(registry)

    clock.advance(61)
    taken = registry.jobs.claim(stale.id, "w2", 60)

    assert taken is not None
    assert taken.fence == stale.fence + 1
    assert not registry.jobs.heartbeat(stale.id, stale.fence, 60)
    assert registry.jobs.heartbeat(taken.id, taken.fence, 60)


def test_claim_leaves_a_job_alone_that_killed_too_many_workers(registry, clock):
    job = queue_job(registry)
    for _ in range(3):
        assert registry.jobs.claim(job.id, "w", 60, maximum_attempts=3) is not None
        clock.advance(61)

    assert registry.jobs.claim(job.id, "w", 60, maximum_attempts=3) is None


def test_heartbeat_keeps_the_lease(registry, clock):
    job = claim_job(registry)
    for _ in range(5):
        clock.advance(50)
        assert registry.jobs.heartbeat(job.id, job.fence, 60)

    assert registry.jobs.claim(job.id, "w2", 60) is None
    assert registry.jobs.sweep_expired() == []


def test_publish_makes_everything_true_at_once(registry):
    pacs = registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)
    viewer = registry.destinations.add(
        "viewer", ae_title="VIEWER", host="h", port=104, objects=("summary",)
    )
    registry.destinations.add("off", ae_title="OFF", host="h", port=104, enabled=False)
    job = claim_job(registry)

    assert registry.jobs.publish(job.id, job.fence, make_result())

    reported = _job(registry, job.id)
    assert reported.state is JobState.REPORTED
    assert reported.lease_until is None
    assert reported.input_digest == "d" * 64
    assert reported.summary == {"lvef_percent": 61.0}
    objects = registry.jobs.result_objects(job.id)
    assert [item.kind for item in objects] == ["sr", "summary"]
    assert [d.kind for d in registry.deliveries.due(pacs.id)] == ["sr", "summary"]
    assert [d.kind for d in registry.deliveries.due(viewer.id)] == ["summary"]
    assert all(d.state is DeliveryState.PENDING for d in registry.deliveries.for_job(job.id))
    assert registry.studies.is_own_result(objects[0].sop_instance_uid)
    assert not registry.studies.is_own_result("2.25.1")


def test_publish_is_refused_for_a_stale_fence(registry, clock):
    registry.destinations.add("pacs", ae_title="PACS", host="h", port=104)
    sleeper = claim_job(registry)
    clock.advance(61)
    worker = registry.jobs.claim(sleeper.id, "w2", 60)
    assert worker is not None

    assert not registry.jobs.publish(sleeper.id, sleeper.fence, make_result("sleeper"))
    assert registry.jobs.result_objects(sleeper.id) == []
    assert registry.deliveries.for_job(sleeper.id) == []

    assert registry.jobs.publish(worker.id, worker.fence, make_result("worker"))
    assert not registry.jobs.publish(sleeper.id, sleeper.fence, make_result("sleeper"))
    assert len(registry.jobs.result_objects(sleeper.id)) == 2


def test_publish_happens_once_when_two_runs_end_together(registry):
    job = claim_job(registry)
    outcomes = []
    barrier = threading.Barrier(4)

    def publish() -> None:
        barrier.wait()
        outcomes.append(registry.jobs.publish(job.id, job.fence, make_result()))

    threads = [threading.Thread(target=publish) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == [False, False, False, True]
    assert len(registry.jobs.result_objects(job.id)) == 2


def test_publish_leaves_no_trace_when_it_cannot_finish(registry):
    job = claim_job(registry)
    result = make_result()
    twice = type(result)(result.objects + result.objects, result.input_digest, {})

    with pytest.raises(Exception, match=r"UNIQUE|unique"):
        registry.jobs.publish(job.id, job.fence, twice)

    assert _job(registry, job.id).state is JobState.RUNNING
    assert registry.jobs.result_objects(job.id) == []
    assert registry.jobs.publish(job.id, job.fence, result)


def test_publish_supersedes_the_earlier_result(registry):
    first = report_job(registry, "first")
    second = report_job(registry, "second", make_instance(2))

    assert second.predecessor_job_id == first.id
    assert second.generation == first.generation + 1
    assert _job(registry, first.id).state is JobState.SUPERSEDED
    standing = registry.jobs.last_reported(first.study_id)
    assert standing is not None
    assert standing.id == second.id


def test_publish_is_refused_when_images_came_during_the_analysis(registry):
    job = claim_job(registry)
    newer = queue_job(registry, make_instance(2))

    assert not registry.jobs.heartbeat(job.id, job.fence, 60)
    assert not registry.jobs.publish(job.id, job.fence, make_result())
    assert _job(registry, job.id).state is JobState.SUPERSEDED
    assert _job(registry, newer.id).state is JobState.QUEUED


def test_unchanged_lets_the_earlier_result_stand(registry):
    first = report_job(registry)
    second = claim_job(registry, make_instance(2))

    assert registry.jobs.unchanged(second.id, second.fence, "d" * 64)

    ended = _job(registry, second.id)
    assert (ended.state, ended.reason) == (JobState.UNCHANGED, Reason.SAME_IMAGES)
    standing = registry.jobs.last_reported(first.study_id)
    assert standing is not None
    assert standing.id == first.id
    assert _job(registry, first.id).state is JobState.REPORTED


def test_fail_ends_a_job_for_good(registry, clock):
    job = claim_job(registry)

    assert registry.jobs.fail(job.id, job.fence, Reason.HEART_NOT_FOUND, "0 of 10 slices")

    failed = _job(registry, job.id)
    assert (failed.state, failed.reason) == (JobState.FAILED, Reason.HEART_NOT_FOUND)
    assert failed.detail == "0 of 10 slices"
    clock.advance(1000)
    assert registry.jobs.claim(job.id, "w2", 60) is None
    assert not registry.jobs.publish(job.id, job.fence, make_result())


def test_reject_marks_the_study(registry):
    job = claim_job(registry)

    assert registry.jobs.reject(job.id, job.fence, Reason.TOO_FEW_SLICES, "1 slice")

    study = registry.studies.by_id(job.study_id)
    assert study is not None
    assert (study.state, study.reason) == (StudyState.REJECTED, Reason.TOO_FEW_SLICES)
    assert study.detail == "1 slice"


def test_reject_leaves_a_study_alone_that_receives_again(registry):
    job = claim_job(registry)
    receive(registry, make_instance(2))

    assert registry.jobs.reject(job.id, job.fence, Reason.TOO_FEW_SLICES)

    study = registry.studies.by_id(job.study_id)
    assert study is not None
    assert (study.state, study.reason) == (StudyState.RECEIVING, None)


def test_release_waits_longer_every_time_and_counts_no_attempt(registry, clock):
    job = claim_job(registry)

    assert registry.jobs.release(job.id, job.fence, Reason.DISK_FULL)
    waiting = _job(registry, job.id)
    assert (waiting.state, waiting.reason) == (JobState.QUEUED, Reason.DISK_FULL)
    assert waiting.attempts == 0
    assert registry.jobs.claim(job.id, "w1", 60) is None
    assert registry.jobs.queued(0) == []

    clock.advance(5)
    assert registry.jobs.queued(0) == [job.id]
    again = registry.jobs.claim(job.id, "w1", 60)
    assert again is not None
    assert again.fence == 2
    assert registry.jobs.release(again.id, again.fence, Reason.DISK_FULL)
    clock.advance(6)
    assert registry.jobs.claim(job.id, "w1", 60) is None
    clock.advance(5)
    assert registry.jobs.claim(job.id, "w1", 60) is not None


def test_release_is_refused_for_a_stale_fence(registry):
    job = claim_job(registry)
    assert not registry.jobs.release(job.id, job.fence - 1, Reason.DISK_FULL)
    assert _job(registry, job.id).state is JobState.RUNNING


def test_sweep_requeues_what_has_no_live_lease(registry, clock):
    dead = claim_job(registry, make_instance(study_instance_uid="1.2.1"))
    clock.advance(40)
    alive = claim_job(registry, make_instance(study_instance_uid="1.2.2"))
    clock.advance(40)

    assert registry.jobs.sweep_expired() == [dead.id]

    lost = _job(registry, dead.id)
    assert (lost.state, lost.reason) == (JobState.QUEUED, Reason.WORKER_LOST)
    assert _job(registry, alive.id).state is JobState.RUNNING
    assert not registry.jobs.publish(dead.id, dead.fence, make_result())


def test_sweep_gives_up_a_job_that_killed_too_many_workers(registry, clock):
    job = queue_job(registry)
    for _ in range(2):
        assert registry.jobs.claim(job.id, "w", 60) is not None
        clock.advance(61)
        registry.jobs.sweep_expired(maximum_attempts=2)

    given_up = _job(registry, job.id)
    assert (given_up.state, given_up.reason) == (JobState.FAILED, Reason.TOO_MANY_ATTEMPTS)
    assert given_up.finished_at == clock.now


def test_queued_hints_again_but_less_and_less_often(registry: Registry, clock: FakeClock):
    job = queue_job(registry)
    hinted_after = []
    for second in range(1, 200):
        clock.advance(1)
        if registry.jobs.queued(10):
            hinted_after.append(second)

    assert hinted_after == [10, 30, 70, 150]
    assert registry.jobs.claim(job.id, "w", 600) is not None
    clock.advance(500)
    assert registry.jobs.queued(10) == []


def test_counts_names_every_state(registry):
    claim_job(registry)
    counts = registry.jobs.counts()
    assert set(counts) == set(JobState)
    assert counts[JobState.RUNNING] == 1
    assert counts[JobState.FAILED] == 0
