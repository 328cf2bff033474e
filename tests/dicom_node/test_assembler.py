"""The loop: files in, jobs out, hints to workers, leases swept, whatever Redis does."""

import errno
import time
from datetime import UTC, datetime, timedelta

import pytest
from pydicom.uid import generate_uid

from dicom_node import assembler as module
from dicom_node.assembler import Assembler
from plugin.domain.errors import Reason, TransientError
from plugin.domain.job import JobState
from plugin.domain.study import PeerKind, StudyState
from plugin.registry import PublishedResult, ResultObject
from tests.dicom_node.images import encoded, mr_image
from tests.dicom_node.test_headers import stored

PRESENTATION = {"SOPClassUID": "1.2.840.10008.5.1.4.1.1.11.1", "Modality": "PR"}


@pytest.fixture
def hints(monkeypatch):
    sent = []
    monkeypatch.setattr(module, "send_analyse", lambda _app, job_id: sent.append(job_id))
    return sent


@pytest.fixture
def assembler(settings, spool, registry, hints):
    return Assembler(settings, spool, registry)


@pytest.fixture
def arrive(spool):
    def put(*images):
        for image in images:
            name = f"{time.time_ns():020d}-{'cd' * 16}-{0:06d}.dcm"
            stored(spool.incoming / name, encoded(image))

    return put


def now(later=0.0):
    return datetime.now(UTC) + timedelta(seconds=later)


def only(registry):
    (study,) = registry.studies.list()
    return study


def report(registry, job_id):
    """Do what a worker does when it has a result."""
    job = registry.jobs.claim(job_id, "test", 60)
    uid = generate_uid()
    sr = ResultObject("sr", "1.2", uid, generate_uid(), "/nowhere", "0" * 64, 1)
    registry.jobs.publish(job.id, job.fence, PublishedResult((sr,), uid, {}))


def test_quiet_study_becomes_a_job_and_a_worker_is_woken(assembler, arrive, registry, hints):
    arrive(mr_image())
    assembler.tick(now())
    assert only(registry).state is StudyState.RECEIVING
    assembler.tick(now(2))
    assert only(registry).state is StudyState.COMPLETE
    (job,) = registry.jobs.list()
    assert job.state is JobState.QUEUED
    assert hints == [job.id]
    assembler.tick(now(3))
    assert len(registry.jobs.list()) == 1


def test_late_image_makes_a_new_generation(assembler, arrive, registry, hints):
    study = generate_uid()
    arrive(mr_image(study))
    assembler.tick(now(2))
    report(registry, hints[0])
    arrive(mr_image(study))
    assembler.tick(now(4))
    first, second = sorted(registry.jobs.list(), key=lambda job: job.generation)
    assert (second.generation, second.predecessor_job_id) == (2, first.id)


def test_late_object_that_is_no_mr_image_leaves_the_result_standing(
    assembler, arrive, registry, hints
):
    study = generate_uid()
    arrive(mr_image(study))
    assembler.tick(now(2))
    report(registry, hints[0])
    for later in (4, 6):  # the second one is judged as the first
        arrive(mr_image(study, **PRESENTATION))
        assembler.tick(now(later))
    record = only(registry)
    assert (record.state, record.needs_person) == (StudyState.COMPLETE, False)
    (job,) = registry.jobs.list()
    assert job.state is JobState.REPORTED


def test_image_that_comes_while_a_person_is_asked_stays_with_the_person(
    settings, spool, registry, hints, arrive
):
    """A presentation state after it does not make the study look as if all were analysed."""
    few = settings.assembly.model_copy(update={"automatic_generations": 1})
    assembler = Assembler(settings.model_copy(update={"assembly": few}), spool, registry)
    study = generate_uid()
    arrive(mr_image(study))
    assembler.tick(now(2))
    report(registry, hints[0])
    arrive(mr_image(study))
    assembler.tick(now(4))
    arrive(mr_image(study, **PRESENTATION))
    assembler.tick(now(6))
    assert only(registry).reason is Reason.TOO_MANY_GENERATIONS


@pytest.mark.parametrize("late", [{}, PRESENTATION])
def test_withdrawn_result_is_followed_by_none_whatever_comes(
    assembler, arrive, registry, hints, late
):
    study = generate_uid()
    arrive(mr_image(study))
    assembler.tick(now(2))
    report(registry, hints[0])
    registry.jobs.withdraw(hints[0], "Wrong heart.", (), "anna")
    arrive(mr_image(study, **late))
    assembler.tick(now(4))
    record = only(registry)
    assert (record.needs_person, record.reason) == (True, Reason.RESULT_WITHDRAWN)
    assert record.detail == "Wrong heart."
    assert len(registry.jobs.list()) == 1


def test_same_image_again_makes_no_new_generation(assembler, arrive, registry):
    image = mr_image()
    arrive(image)
    assembler.tick(now(2))
    arrive(image)
    assembler.tick(now(9))
    assert len(registry.jobs.list()) == 1
    assert only(registry).state is StudyState.COMPLETE


def test_after_some_generations_a_person_is_asked(settings, spool, registry, hints, arrive):
    few = settings.assembly.model_copy(update={"automatic_generations": 2})
    assembler = Assembler(settings.model_copy(update={"assembly": few}), spool, registry)
    study = generate_uid()
    for number in range(3):
        arrive(mr_image(study))
        assembler.tick(now(2 + number))
        if number < 2:
            report(registry, hints[-1])
    record = only(registry)
    assert len(registry.jobs.list()) == 2
    assert (record.needs_person, record.reason) == (True, Reason.TOO_MANY_GENERATIONS)
    arrive(mr_image(study))
    assembler.tick(now(9))
    assert (only(registry).needs_person, len(registry.jobs.list())) == (True, 2)


@pytest.mark.parametrize(
    ("images", "reason"),
    [
        ([{"SOPClassUID": "1.2.840.10008.5.1.4.1.1.2", "Modality": "CT"}], Reason.NOT_MR),
        ([{"BodyPartExamined": "BRAIN"}], Reason.NOT_CARDIAC),
        ([{}, {"PatientID": "P2"}], Reason.MIXED_PATIENTS),
    ],
)
def test_study_that_is_not_ours_is_rejected_and_kept(
    assembler, arrive, registry, spool, images, reason
):
    study = generate_uid()
    arrive(*(mr_image(study, **changes) for changes in images))
    assembler.tick(now(2))
    record = only(registry)
    assert (record.state, record.reason) == (StudyState.REJECTED, reason)
    assert registry.jobs.list() == []
    assert len(list(spool.studies.rglob("*.dcm"))) == len(images)


def test_corrected_study_is_analysed(assembler, arrive, registry):
    study = generate_uid()
    wrong = mr_image(study, PatientID="P2")
    arrive(mr_image(study), wrong)
    assembler.tick(now(2))
    assert only(registry).reason is Reason.MIXED_PATIENTS
    wrong.PatientID = "P1"
    arrive(wrong)
    assembler.tick(now(4))
    assert only(registry).state is StudyState.COMPLETE


def test_open_association_and_modality_hold_a_study_back(assembler, arrive, registry):
    registry.associations.opened("a", "ARCHIVE", "CMRTRIAGE", "127.0.0.1")
    arrive(mr_image())
    assembler.tick(now(2))
    assert only(registry).state is StudyState.RECEIVING
    registry.associations.closed("a", "released", 1)
    registry.peers.edit("ARCHIVE", kind=PeerKind.MODALITY)
    assembler.tick(now(10))
    assert only(registry).state is StudyState.RECEIVING
    registry.peers.edit("ARCHIVE", kind=PeerKind.ARCHIVE)
    assembler.tick(now(10))
    assert only(registry).state is StudyState.COMPLETE


def test_dead_redis_loses_nothing_and_is_not_asked_for_every_job(
    settings, spool, registry, arrive, monkeypatch
):
    asked = []

    def dead(_app, job_id):
        asked.append(job_id)
        raise TransientError(Reason.QUEUE_UNAVAILABLE)

    monkeypatch.setattr(module, "send_analyse", dead)
    assembler = Assembler(settings, spool, registry)
    arrive(mr_image(), mr_image(), mr_image())
    assembler.tick(now(2))
    assert [job.state for job in registry.jobs.list()] == [JobState.QUEUED] * 3
    assert len(asked) == 1


def test_job_that_was_never_hinted_is_hinted_by_the_sweep(
    assembler, arrive, registry, hints, monkeypatch
):
    monkeypatch.setattr(module, "_HINT_AGAIN_AFTER_SECONDS", 0.0)
    arrive(mr_image())
    assembler.tick(now(2))
    hints.clear()
    assembler._sweep_at = 0.0
    assembler.tick(now(3))
    assert hints == [registry.jobs.list()[0].id]


def test_expired_lease_is_swept_and_the_job_hinted(assembler, arrive, registry, hints):
    arrive(mr_image())
    assembler.tick(now(2))
    registry.jobs.claim(hints[0], "killed", 0.01)
    time.sleep(0.05)
    assembler._sweep_at = 0.0
    assembler.tick(now(3))
    assert registry.jobs.get(hints[0]).state is JobState.QUEUED
    assert hints == [hints[0]] * 2


def test_study_that_changes_during_the_decision_is_not_completed(
    assembler, arrive, registry, monkeypatch
):
    study = generate_uid()
    arrive(mr_image(study))
    assembler.tick(now())
    mark = registry.studies.mark_complete

    def late(study_id, **arguments):
        arrive(mr_image(study))
        assembler._indexer.index_incoming()
        return mark(study_id, **arguments)

    monkeypatch.setattr(registry.studies, "mark_complete", late)
    assembler.tick(now(2))
    assert only(registry).state is StudyState.RECEIVING
    assert registry.jobs.list() == []


def test_loop_survives_faults_and_stops(assembler, monkeypatch, capfd):
    ticks = []

    def faulty(_stop):
        ticks.append(1)
        if len(ticks) == 3:
            assembler.stop()
        if len(ticks) == 2:
            raise TransientError(Reason.REGISTRY_UNAVAILABLE)
        message = "Secret^Person"
        raise RuntimeError(message)

    monkeypatch.setattr(assembler._indexer, "index_incoming", faulty)
    assembler.run()
    assert len(ticks) == 3
    captured = capfd.readouterr()
    assert "Secret" not in captured.err + captured.out


PARTS = (
    "delete_old_images",
    "forget_old_studies",
    "empty_quarantine",
    "forget_orders",
)


@pytest.mark.parametrize("broken", ["index", "sweep", "reconsider", *PARTS])
@pytest.mark.parametrize(
    "error", [TransientError(Reason.DISK_FULL), OSError(errno.EIO, "I/O"), ValueError("wrong")]
)
def test_part_of_a_tick_that_fails_holds_up_no_other(
    assembler, registry, monkeypatch, broken, error
):
    """A full disk lets nothing be indexed, and only the deletions give room again."""
    done = []

    def part(name):
        def do(*_arguments):
            done.append(name)
            if name == broken:
                raise error

        return do

    monkeypatch.setattr(assembler._indexer, "index_incoming", part("index"))
    monkeypatch.setattr(registry.jobs, "sweep_expired", lambda _n: part("sweep")() or ())
    monkeypatch.setattr(registry.triage, "reconsider", part("reconsider"))
    for name in PARTS:
        monkeypatch.setattr(module, name, part(name))
    assembler.tick(now())
    assert done == ["index", "sweep", "reconsider", *PARTS]
