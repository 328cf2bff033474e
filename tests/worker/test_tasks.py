import errno
import os
import threading
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path
from unittest.mock import MagicMock

import onnxruntime
import pydicom
import pytest

from plugin.domain.errors import (
    ConfigurationError,
    ModelError,
    Reason,
    StudyRejectedError,
    TransientError,
    TriageError,
)
from plugin.domain.job import DeliveryState, JobState
from plugin.domain.objects import DEFAULT_OBJECTS, OBJECT_KINDS, REJECTION
from plugin.domain.study import StudyState
from plugin.registry import IndexedInstance, Registry, ResultObject
from plugin.settings import Settings
from plugin.spool import Spool
from tests.generated import TruthSegmenter, small_patient, write_small_study
from worker import tasks
from worker.lease import Lease
from worker.tasks import Analyst, Outcome
from worker.withdrawal import withdraw_result


class Clock:
    def __init__(self):
        self.ahead = timedelta()

    def __call__(self):
        return datetime.now(UTC) + self.ahead


@pytest.fixture(scope="module")
def images(tmp_path_factory):
    return write_small_study(tmp_path_factory.mktemp("images"))


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def settings(tmp_path):
    return Settings(
        operation={"mode": "live"},
        spool={"folder": tmp_path / "spool", "minimum_free_bytes": 0},
        worker={"lease_seconds": 30, "heartbeat_seconds": 10},
    )


@pytest.fixture
def spool(settings):
    return Spool(settings.spool.folder)


@pytest.fixture
def registry(settings, spool, clock):
    with Registry(settings.registry_url, clock) as registry:
        registry.migrate()
        registry.peers.add("PACS")
        registry.destinations.add("pacs", ae_title="PACS", host="127.0.0.1", port=104)
        yield registry


def receive(registry, paths):
    """Put files into the registry as the indexer would."""
    patient = small_patient()
    uid = str(patient.study.study_instance_uid)
    now = datetime.now(UTC)
    registry.studies.add_instances(
        [
            IndexedInstance(
                study_instance_uid=uid,
                series_instance_uid="1.2.3",
                sop_instance_uid=f"1.2.3.{number}",
                sop_class_uid="1.2.840.10008.5.1.4.1.1.4",
                transfer_syntax_uid="1.2.840.10008.1.2.1",
                modality="MR",
                path=str(path),
                sha256=sha256(path.read_bytes()).hexdigest(),
                n_bytes=path.stat().st_size,
                received_at=now,
                calling_ae_title="PACS",
            )
            for number, path in enumerate(paths, start=1)
        ]
    )
    study = registry.studies.get(uid)
    return registry.studies.mark_complete(study.id, revision=study.revision)


@pytest.fixture
def job(registry, images):
    return receive(registry, images)


def make_analyst(settings, registry, spool, segmenter=None):
    return Analyst(settings, registry, spool, segmenter or TruthSegmenter(), "test")


@pytest.fixture
def analyst(settings, registry, spool):
    return make_analyst(settings, registry, spool)


@pytest.fixture
def quick(monkeypatch):
    """Replace the computation by writing one file: these tests are about who may publish."""

    def install(before=lambda: None, digest="d" * 64):
        def analyse(_paths, _segmenter, folder, **options):
            options["on_progress"]("segment", 0.0)
            before()
            if options["previous_digest"] == digest:
                return tasks.AnalysisResult(digest, unchanged=True)
            folder.mkdir(parents=True, exist_ok=True)
            path = folder / "sr.dcm"
            path.write_bytes(b"report")
            uid = f"1.2.4.{abs(hash(folder)) % 10**9}"
            item = ResultObject("sr", "1.2", uid, "1.2.5", str(path), "", 0)
            written = _File(item, path)
            return tasks.AnalysisResult(digest, objects=(written,), summary={"lvef_percent": 60.0})

        monkeypatch.setattr(tasks, "analyse_paths", analyse)

    return install


class _File:
    def __init__(self, item, path):
        self.kind = item.kind
        self.path = path
        self.sop_class_uid = item.sop_class_uid
        self.sop_instance_uid = item.sop_instance_uid
        self.series_instance_uid = item.series_instance_uid


def test_analyst_publishes_what_the_pipeline_found(analyst, registry, job):
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    after = registry.jobs.get(job.id)
    assert after.state is JobState.REPORTED
    truth = small_patient().truth
    assert after.summary["lvef_percent"] == pytest.approx(truth.lv_ef_percent, abs=6)
    assert set(after.summary) >= {"lvedv_ml", "lv_mass_g", "finding", "priority", "seconds"}
    objects = registry.jobs.result_objects(job.id)
    assert {item.kind for item in objects} == set(OBJECT_KINDS)
    for item in objects:
        assert sha256(Path(item.path).read_bytes()).hexdigest() == item.sha256
    waiting = registry.deliveries.for_job(job.id)
    assert [item.state for item in waiting] == [DeliveryState.PENDING] * len(DEFAULT_OBJECTS)


def test_analyst_leaves_alone_what_it_cannot_claim(analyst, registry, job, quick):
    quick()
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    assert analyst.analyse(job.id) is Outcome.NOT_CLAIMED
    assert analyst.analyse("no such job") is Outcome.NOT_CLAIMED


def test_run_that_lost_its_claim_publishes_nothing(
    analyst, settings, registry, spool, job, quick, clock
):
    """A worker is stopped past its lease, another one takes the job, then the first continues."""
    second = make_analyst(settings, registry, spool)
    taken_over = []

    def stopped_meanwhile():
        if taken_over:
            return
        clock.ahead = timedelta(seconds=31)
        taken_over.append(True)
        taken_over.append(second.analyse(job.id))

    quick(before=stopped_meanwhile)
    assert analyst.analyse(job.id) is Outcome.LEASE_LOST
    assert taken_over[1] is Outcome.PUBLISHED
    after = registry.jobs.get(job.id)
    assert after.state is JobState.REPORTED
    assert after.fence == 2
    (published,) = registry.jobs.result_objects(job.id)
    assert f"{job.id}-2" in published.path
    assert Path(published.path).is_file()


def test_run_that_lost_its_claim_deletes_nothing_of_the_run_that_published(
    analyst, registry, job, quick, images, clock
):
    """The first run finds its images unchanged; the second, of another version, others."""
    quick()
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    later = receive(registry, [*images, Path(__file__)])
    taken_over = []

    def taken_over_by_another():
        clock.ahead = timedelta(seconds=31)
        quick(digest="e" * 64)
        taken_over.append(analyst.analyse(later.id))

    quick(before=taken_over_by_another)
    assert analyst.analyse(later.id) is Outcome.LEASE_LOST
    assert taken_over == [Outcome.PUBLISHED]
    (published,) = registry.jobs.result_objects(later.id)
    assert Path(published.path).is_file()


@pytest.mark.parametrize("is_asked_for", [False, True])
def test_withdrawal_ends_a_run_that_nobody_asked_for(
    analyst, registry, job, quick, images, is_asked_for
):
    quick()
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    if is_asked_for:
        later = registry.studies.requeue(job.study_id, "anna")
    else:
        later = receive(registry, [*images, Path(__file__)])
    quick(before=lambda: registry.jobs.withdraw(job.id, "Wrong.", (), "anna"), digest="e" * 64)
    ended = analyst.analyse(later.id)
    assert ended is (Outcome.PUBLISHED if is_asked_for else Outcome.LEASE_LOST)
    assert registry.studies.by_id(job.study_id).needs_person is not is_asked_for


def test_lease_is_renewed_while_the_analysis_runs(registry, job):
    settings = Settings(worker={"lease_seconds": 0.9, "heartbeat_seconds": 0.1})
    claimed = registry.jobs.claim(job.id, "test", 0.9)
    with Lease(registry, claimed, settings) as lease:
        threading.Event().wait(2.0)
        assert not lease.lost.is_set()
        assert registry.jobs.sweep_expired() == []
    assert registry.jobs.get(job.id).lease_until > claimed.lease_until


def test_lease_tells_how_far_a_run_is(registry, job):
    settings = Settings(worker={"lease_seconds": 3, "heartbeat_seconds": 0.1})
    claimed = registry.jobs.claim(job.id, "test", 3)
    with Lease(registry, claimed, settings) as lease:
        lease.check("segment", 0.25)
        lease.check()
        for _ in range(200):
            told = registry.jobs.get(job.id)
            if told.progress is not None:
                break
            threading.Event().wait(0.05)
    assert (told.activity, told.progress) == ("segment", 0.25)


def test_lease_stops_a_run_whose_job_was_taken(registry, job, clock):
    settings = Settings(worker={"lease_seconds": 0.3, "heartbeat_seconds": 0.1})
    claimed = registry.jobs.claim(job.id, "test", 0.3)
    clock.ahead = timedelta(seconds=5)
    assert registry.jobs.claim(job.id, "other", 60) is not None
    with Lease(registry, claimed, settings) as lease:
        assert lease.lost.wait(10)
        with pytest.raises(TransientError) as caught:
            lease.check("segment", 0.5)
    assert caught.value.reason is Reason.LEASE_EXPIRED


def test_rejected_study_is_marked_with_the_reason(analyst, registry, spool, tmp_path):
    text = tmp_path / "note.dcm"
    text.write_text("no image")
    job = receive(registry, [text])
    assert analyst.analyse(job.id) is Outcome.REJECTED
    study = registry.studies.by_id(job.study_id)
    assert study.state is StudyState.REJECTED
    assert study.reason is Reason.NO_READABLE_INSTANCE


def test_image_that_is_gone_ends_the_job(analyst, registry, tmp_path):
    image = tmp_path / "image.dcm"
    image.write_bytes(b"image")
    job = receive(registry, [image])
    image.unlink()
    assert analyst.analyse(job.id) is Outcome.FAILED
    assert registry.jobs.get(job.id).reason is Reason.IMAGES_DELETED


@pytest.mark.parametrize("number", [errno.EIO, errno.ESTALE, errno.EACCES, errno.ENOENT])
def test_image_on_a_share_that_is_away_releases_the_job(
    analyst, registry, spool, job, images, monkeypatch, number
):
    """A share that is not mounted lacks the folder of all studies, not only a file."""
    stat = Path.stat

    def fails(path, **options):
        if path == images[0]:
            raise OSError(number, os.strerror(number))
        return stat(path, **options)

    monkeypatch.setattr(Path, "stat", fails)
    if number == errno.ENOENT:
        spool.studies.rmdir()
    assert analyst.analyse(job.id) is Outcome.RELEASED
    assert registry.jobs.get(job.id).state is JobState.QUEUED


@pytest.mark.parametrize(
    ("error", "outcome", "ended"),
    [
        (
            ModelError(Reason.HEART_NOT_FOUND),
            Outcome.FAILED,
            (JobState.FAILED, Reason.HEART_NOT_FOUND),
        ),
        (
            TransientError(Reason.DISK_FULL),
            Outcome.RELEASED,
            (JobState.QUEUED, Reason.DISK_FULL),
        ),
        (
            ValueError("SECRET^PATIENT"),
            Outcome.FAILED,
            (JobState.FAILED, Reason.INTERNAL_ERROR),
        ),
    ],
)
def test_class_of_an_error_decides_what_happens(analyst, job, quick, capsys, error, outcome, ended):
    def fail():
        raise error

    quick(before=fail)
    assert analyst.analyse(job.id) is outcome
    after = analyst._registry.jobs.get(job.id)
    assert (after.state, after.reason) == ended
    assert "SECRET" not in after.detail
    printed = capsys.readouterr()
    assert "SECRET" not in printed.out + printed.err


def test_released_job_is_taken_again_later_and_its_attempt_does_not_count(
    analyst, registry, job, quick, clock
):
    errors = [TransientError(Reason.DISK_FULL)] * 5

    def fail_a_while():
        if errors:
            raise errors.pop()

    quick(before=fail_a_while)
    outcomes = []
    for hour in range(6):
        clock.ahead = timedelta(hours=hour)
        outcomes.append(analyst.analyse(job.id))
    assert outcomes == [Outcome.RELEASED] * 5 + [Outcome.PUBLISHED]


def test_job_that_keeps_killing_workers_is_given_up(registry, job, clock):
    for attempt in range(3):
        assert registry.jobs.claim(job.id, "test", 1) is not None, attempt
        clock.ahead += timedelta(seconds=10)
        registry.jobs.sweep_expired()
    after = registry.jobs.get(job.id)
    assert (after.state, after.reason) == (JobState.FAILED, Reason.TOO_MANY_ATTEMPTS)


def test_missing_images_are_named_as_the_reason(analyst, registry, tmp_path, quick):
    quick()
    gone = tmp_path / "gone.dcm"
    gone.write_bytes(b"x")
    job = receive(registry, [gone])
    gone.unlink()
    assert analyst.analyse(job.id) is Outcome.FAILED
    after = registry.jobs.get(job.id)
    assert (after.reason, after.detail) == (Reason.IMAGES_DELETED, "1 of 1 images")


def test_same_images_again_leave_the_result_standing(
    analyst, registry, spool, job, quick, images, clock
):
    quick()
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    study = registry.studies.by_id(job.study_id)
    again = registry.studies.requeue(study.id, actor="test")
    assert analyst.analyse(again.id) is Outcome.PUBLISHED  # a person asked: computed all the same
    assert registry.jobs.get(job.id).state is JobState.SUPERSEDED
    extra = images[0].with_name("extra.dcm")
    extra.write_bytes(b"another series")
    later = receive(registry, [*images, extra])
    assert later is not None
    assert later.automatic
    assert analyst.analyse(later.id) is Outcome.UNCHANGED
    extra.unlink()
    assert registry.jobs.get(again.id).state is JobState.REPORTED
    assert not list(spool.results.glob(f"{later.id}-*"))


@pytest.mark.parametrize(
    ("values", "reason"),
    [
        ({"bundle": "/nowhere"}, Reason.BUNDLE_MISSING),
        ({"device": "cuda"}, Reason.DEVICE_UNAVAILABLE),
    ],
)
def test_worker_does_not_start_with_a_model_that_it_cannot_use(values, reason):
    if "device" in values and "CUDAExecutionProvider" in onnxruntime.get_available_providers():
        pytest.skip("CUDA is available here")
    with pytest.raises(TriageError) as caught:
        tasks.check_model(Settings(worker=values).worker)
    assert caught.value.reason is reason


def test_worker_starts_with_the_shipped_bundle():
    tasks.check_model(Settings().worker)


def test_worker_takes_one_task_by_name_and_keeps_no_result(settings):
    app, _ = tasks.make_worker(settings)
    assert tasks.ANALYSE_TASK in app.tasks
    assert app.tasks[tasks.ANALYSE_TASK].ignore_result


def test_start_and_stop_of_the_worker_are_audited(settings, registry, monkeypatch):
    def noted():
        entries = registry.audit.list(actions=["application.start", "application.stop"])
        return [(one.action, one.subject) for one in entries[::-1]]

    class App:
        def worker_main(self, _arguments):
            assert noted() == [("application.start", "process worker")]
            raise SystemExit(0)

    for name in ("configure", "check_model", "worker_process_init", "worker_process_shutdown"):
        monkeypatch.setattr(tasks, name, MagicMock())
    monkeypatch.setattr(tasks, "make_worker", lambda given: (App(), tasks.Workplace(given)))
    with pytest.raises(SystemExit):
        tasks.main(settings)
    assert noted()[1:] == [("application.stop", "process worker")]


@pytest.fixture
def reported(analyst, registry, job):
    """Give a job whose report and summary page are at a destination; the rest still waits."""
    assert analyst.analyse(job.id) is Outcome.PUBLISHED
    for delivery in registry.deliveries.for_job(job.id):
        if delivery.kind in {"sr", "summary"}:
            registry.deliveries.sent(delivery.id)
    return registry.jobs.get(job.id)


def named(path):
    """Return the UIDs that a rejection note names, by its title."""
    note = pydicom.dcmread(path)
    uids = {
        item.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        for item in note.ContentSequence
        if "ReferencedSOPSequence" in item
    }
    return note.ConceptNameCodeSequence[0].CodeValue, uids


def test_withdrawing_tells_each_destination_about_the_objects_that_it_may_have(
    registry, spool, reported
):
    registry.destinations.add("late", ae_title="LATE", host="127.0.0.1", port=104)
    job, n_told = withdraw_result(registry, spool, reported.study_id, "Wrong.", "anna", "1")
    assert (job.id, n_told) == (reported.id, 1)
    assert registry.jobs.get(job.id).state is JobState.WITHDRAWN
    (note,) = [one for one in registry.deliveries.for_job(job.id) if one.kind == REJECTION]
    assert (note.destination_name, note.state) == ("pacs", DeliveryState.PENDING)
    expected = {
        item.sop_instance_uid
        for item in registry.jobs.result_objects(job.id)
        if item.kind in DEFAULT_OBJECTS
    }
    assert named(note.path) == ("113001", expected)
    with pytest.raises(StudyRejectedError) as error:
        withdraw_result(registry, spool, reported.study_id, "Again.", "anna", "1")
    assert error.value.reason is Reason.NOTHING_TO_WITHDRAW


def test_analysis_after_a_withdrawal_has_no_uid_that_archives_hide(
    analyst, registry, spool, reported
):
    withdraw_result(registry, spool, reported.study_id, "Wrong.", "anna", "1")
    again = registry.studies.requeue(reported.study_id, "anna")
    assert analyst.analyse(again.id) is Outcome.PUBLISHED

    def uids(job, name):
        return {getattr(item, name) for item in registry.jobs.result_objects(job.id)}

    for name in ("sop_instance_uid", "series_instance_uid"):
        assert uids(again, name)
        assert not uids(again, name) & uids(reported, name)


def test_two_who_withdraw_at_once_leave_the_note_that_counts(
    registry, spool, reported, monkeypatch
):
    holders = registry.jobs.holders

    def beaten(job_id):
        monkeypatch.setattr(registry.jobs, "holders", holders)
        withdraw_result(registry, spool, reported.study_id, "Wrong.", "anna", "1")
        return held

    held = holders(reported.id)
    monkeypatch.setattr(registry.jobs, "holders", beaten)
    with pytest.raises(StudyRejectedError):
        withdraw_result(registry, spool, reported.study_id, "Also wrong.", "bert", "1")
    (note,) = [one for one in registry.jobs.result_objects(reported.id) if one.kind == REJECTION]
    assert sha256(Path(note.path).read_bytes()).hexdigest() == note.sha256


def test_result_whose_files_are_gone_cannot_be_withdrawn_by_a_note(registry, spool, reported):
    for item in registry.jobs.result_objects(reported.id):
        Path(item.path).unlink()
    with pytest.raises(ConfigurationError) as error:
        withdraw_result(registry, spool, reported.study_id, "Wrong.", "anna", "1")
    assert error.value.reason is Reason.RESULT_MISSING
    assert registry.jobs.get(reported.id).state is JobState.REPORTED


def test_superseded_objects_are_rejected_where_a_destination_wants_it(analyst, registry, reported):
    registry.destinations.edit("pacs", reject_superseded=True)
    again = registry.studies.requeue(reported.study_id, "anna")
    assert analyst.analyse(again.id) is Outcome.PUBLISHED
    (note,) = [one for one in registry.deliveries.for_job(again.id) if one.kind == REJECTION]
    title, uids = named(note.path)
    before = {item.sop_instance_uid for item in registry.jobs.result_objects(reported.id)}
    assert title == "113001"
    assert uids <= before
    assert len(uids) == len(DEFAULT_OBJECTS)


def test_each_form_of_a_new_report_names_that_form_of_the_one_before(analyst, registry, reported):
    again = registry.studies.requeue(reported.study_id, "anna")
    assert analyst.analyse(again.id) is Outcome.PUBLISHED
    before, after = (
        {item.kind: item for item in registry.jobs.result_objects(one.id)}
        for one in (reported, again)
    )
    for kind in ("sr", "sr_enhanced"):
        report = pydicom.dcmread(after[kind].path)
        series = report.PredecessorDocumentsSequence[0].ReferencedSeriesSequence[0]
        named_before = series.ReferencedSOPSequence[0].ReferencedSOPInstanceUID
        assert named_before == before[kind].sop_instance_uid
