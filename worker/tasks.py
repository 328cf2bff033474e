"""The worker process: takes one job at a time, keeps its lease alive, publishes by fence.

A message is a job id and only a hint; what counts is the claim in the registry. Two runs of one
job may overlap (a paused process wakes up), but only the one whose fence is current is published.
Knows Celery, the registry and the spool; what is computed is in ``worker.pipeline``.
"""

import dataclasses
import os
from concurrent.futures import ProcessPoolExecutor
from enum import StrEnum
from importlib.metadata import version
from multiprocessing import get_context
from pathlib import Path
from socket import gethostname
from typing import Any

from celery import Celery
from celery.signals import worker_process_init

from plugin.domain.errors import (
    ConfigurationError,
    ModelError,
    Reason,
    StudyRejectedError,
    TransientError,
    TriageError,
)
from plugin.domain.triage import OrderFacts, Situation
from plugin.logs import configure, describe_error, get_logger
from plugin.queue import ANALYSE_TASK, QUEUE_NAME, make_app
from plugin.registry import JobRecord, PublishedResult, Registry, RejectionNote
from plugin.settings import Settings, WorkerSettings
from plugin.spool import Spool
from worker.analysis_result import AnalysisResult
from worker.bundle import load_bundle
from worker.earlier import past_of
from worker.findings.word import Writer
from worker.lease import Lease
from worker.model.language.writer import LanguageWriter, open_writer
from worker.model.tower import SegmentationTower
from worker.pipeline import Segmenter, analyse_paths
from worker.report import PredecessorReport
from worker.withdrawal import SUPERSEDED, as_stored, representative, write_notes

log = get_logger(__name__)


class Outcome(StrEnum):
    """How one message ended."""

    NOT_CLAIMED = "not_claimed"
    PUBLISHED = "published"
    UNCHANGED = "unchanged"
    REJECTED = "rejected"
    FAILED = "failed"
    RELEASED = "released"
    LEASE_LOST = "lease_lost"


class Analyst:
    """Runs one job after the other.

    Parameters
    ----------
    name
        Of this worker, as the registry shows it.
    writer
        The language model that words reports; None: by rules.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        spool: Spool,
        segmenter: Segmenter,
        name: str,
        writer: Writer | None = None,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._spool = spool
        self._segmenter = segmenter
        self._name = name
        self._writer = writer
        self._software_version = version("cmr-triage")

    def analyse(self, job_id: str) -> Outcome:
        """Claim and run the job that is next (the hint says only that one waits).

        Never raises for what a study or a model can do wrong.
        """
        worker = self._settings.worker
        job = self._registry.jobs.claim_next(
            job_id, self._name, worker.lease_seconds, worker.maximum_attempts
        )
        if job is None:
            return Outcome.NOT_CLAIMED
        log.info("job_started", job_id=job.id, fence=job.fence, attempt=job.attempts)
        outcome = self._guarded(job)
        log.info("job_ended", job_id=job.id, fence=job.fence, outcome=outcome.value)
        return outcome

    def _guarded(self, job: JobRecord) -> Outcome:
        """Turn every way of failing into a state of the job; the class decides which."""
        jobs = self._registry.jobs
        try:
            with Lease(self._registry, job, self._settings) as lease:
                return self._run(job, lease)
        except StudyRejectedError as error:
            jobs.reject(job.id, job.fence, error.reason, error.detail)
            return Outcome.REJECTED
        except (ModelError, ConfigurationError) as error:
            jobs.fail(job.id, job.fence, error.reason, error.detail)
            return Outcome.FAILED
        except TransientError as error:
            if error.reason is Reason.LEASE_EXPIRED:
                return Outcome.LEASE_LOST
            jobs.release(job.id, job.fence, error.reason)
            return Outcome.RELEASED
        except Exception as error:
            log.error("analysis_crashed", job_id=job.id, exc_info=error)
            # Its class and place, never its text, which may hold values of a patient.
            detail = " at ".join(str(value) for value in describe_error(error).values())
            jobs.fail(job.id, job.fence, Reason.INTERNAL_ERROR, detail)
            return Outcome.FAILED

    def _run(self, job: JobRecord, lease: Lease) -> Outcome:
        previous = self._registry.jobs.last_reported(job.study_id)
        folder = self._spool.result_folder(job.id, job.fence)
        result = analyse_paths(
            self._images(job),
            self._segmenter,
            folder,
            software_version=self._software_version,
            predecessor=None if previous is None else self._reference(previous),
            # A person who asks for a new analysis gets one, even of the same images.
            previous_digest=previous.input_digest if previous and job.automatic else None,
            created_at=job.created_at,
            report_language=self._settings.worker.report_language,
            writer=self._writer,
            language_seconds=self._settings.worker.language_seconds,
            situation=self._situation(job),
            # Looked up now, not when the job was queued: what stands may have changed.
            past=past_of(self._registry.earlier.results(job.study_id)),
            with_viewer=True,
            on_progress=lease.check,
        )
        if result.unchanged:
            done = self._registry.jobs.unchanged(job.id, job.fence, result.input_digest)
            self._spool.remove_results(job.id)
            return Outcome.UNCHANGED if done else Outcome.LEASE_LOST
        self._spool.sync_results(folder)
        lease.check()
        everything = published(
            result,
            is_shadow=not self._settings.is_live,
            rejections=self._rejections(job, previous, result, folder),
        )
        if not self._registry.jobs.publish(job.id, job.fence, everything):
            return Outcome.LEASE_LOST
        self._spool.remove_lost_results(job.id, job.fence)
        return Outcome.PUBLISHED

    def _situation(self, job: JobRecord) -> Situation:
        """Return what the policy in force may look at besides the result."""
        policy = self._registry.policies.in_force()
        study = self._registry.studies.by_id(job.study_id)
        if study is None:
            return Situation(policy)
        waiting = job.created_at - study.first_received_at
        order = OrderFacts.from_dict(study.order_facts or {})
        return Situation(policy, order, waiting.total_seconds() / 60)

    def _rejections(
        self, job: JobRecord, previous: JobRecord | None, result: AnalysisResult, folder: Path
    ) -> tuple[RejectionNote, ...]:
        """Write notes that take the previous objects back, where a destination wants that."""
        if previous is None or not self._settings.is_live:
            return ()
        wanted = {
            one.id
            for one in self._registry.destinations.list()
            if one.enabled and one.reject_superseded
        }
        held = {
            destination_id: objects
            for destination_id, objects in self._registry.jobs.holders(previous.id).items()
            if destination_id in wanted
        }
        if not held:
            return ()
        source, made_by = representative(result.objects), self._software_version
        notes = write_notes(held, source, folder, SUPERSEDED, made_by, job.created_at)
        self._spool.sync_results(folder)
        return notes

    def _images(self, job: JobRecord) -> list[Path]:
        """Return the files of the current version of every instance of the study."""
        instances = self._registry.studies.current_instances(job.study_id)
        n_missing = sum(item.deleted or not Path(item.path).exists() for item in instances)
        if n_missing:
            raise ModelError(Reason.IMAGES_DELETED, f"{n_missing} of {len(instances)} images")
        return [Path(item.path) for item in instances]

    def _reference(self, job: JobRecord) -> PredecessorReport | None:
        """Return the report of a job in the form that carries its contours, with its other form."""
        by_kind = {
            item.kind: PredecessorReport(
                sop_class_uid=item.sop_class_uid,
                sop_instance_uid=item.sop_instance_uid,
                series_instance_uid=item.series_instance_uid,
            )
            for item in self._registry.jobs.result_objects(job.id)
            if item.kind in ("sr", "sr_enhanced")
        }
        report = by_kind.get("sr")
        return report and dataclasses.replace(report, enhanced=by_kind.get("sr_enhanced"))


def published(
    result: AnalysisResult,
    *,
    is_shadow: bool = False,
    rejections: tuple[RejectionNote, ...] = (),
) -> PublishedResult:
    """Describe what was written, with content hashes, for the registry."""
    return PublishedResult(
        objects=tuple(as_stored(item) for item in result.objects),
        input_digest=result.input_digest,
        summary=result.summary,
        decision=result.decision,
        is_shadow=is_shadow,
        rejections=rejections,
        figures=result.figures,
    )


def open_models(settings: WorkerSettings) -> tuple[SegmentationTower, LanguageWriter | None]:
    """Load the tower that the settings name, and its bundle's language model where it is wanted."""
    bundle = load_bundle(settings.bundle or None)
    tower = SegmentationTower(bundle, device=settings.device, threads=settings.threads)
    if not settings.language_model:
        return tower, None
    return tower, open_writer(bundle, settings.device, settings.threads)


def check_model(settings: WorkerSettings) -> None:
    """Try the model in a process of its own: the parent of forks must not hold a session.

    Raises
    ------
    ConfigurationError, ModelError
        The bundle is missing, tampered with or unusable, or the runtime or device is not there.
    """
    with ProcessPoolExecutor(1, mp_context=get_context("fork")) as trial:
        failure = trial.submit(_failure_of_model, settings).result()
    if failure is not None:
        kind, reason, detail = failure
        raise kind(reason, detail)


def _failure_of_model(settings: WorkerSettings) -> tuple[type[TriageError], Reason, str] | None:
    try:
        open_models(settings)
    except TriageError as error:
        return type(error), error.reason, error.detail
    return None


class Workplace:
    """What one worker process opens once: the model, the registry, the spool."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._analyst: Analyst | None = None

    def open(self, **_signal: Any) -> None:
        """Load the model; in the process that computes, never before the fork."""
        settings = self._settings
        tower, writer = open_models(settings.worker)
        self._analyst = Analyst(
            settings,
            Registry(settings.registry_url),
            Spool(settings.spool.folder),
            tower,
            f"{gethostname()}:{os.getpid()}",
            writer,
        )

    def analyse(self, job_id: str) -> None:
        """Run one job; nothing is returned, so that nothing of a patient enters the queue."""
        if self._analyst is None:
            self.open()
        if self._analyst is not None:
            self._analyst.analyse(job_id)


def make_worker(settings: Settings) -> tuple[Celery, Workplace]:
    """Make the Celery application of a worker with its one task."""
    app = make_app(settings)
    workplace = Workplace(settings)
    app.task(name=ANALYSE_TASK, ignore_result=True)(workplace.analyse)
    return app, workplace


def main(settings: Settings) -> None:
    """Work until SIGTERM, which lets the running analysis finish.

    Raises
    ------
    ConfigurationError, ModelError
        The bundle is missing, tampered with or unusable, or the runtime or device is not there;
        found before the first job, not in its middle.
    """
    configure(settings.logs.level, "worker")
    check_model(settings.worker)
    registry = Registry(settings.registry_url)
    registry.migrate()
    registry.close()
    log.info("worker_started", state=settings.operation.mode)
    app, workplace = make_worker(settings)
    worker_process_init.connect(workplace.open, weak=False)
    app.worker_main(
        [
            "--quiet",
            "worker",
            f"--queues={QUEUE_NAME}",
            "--without-gossip",
            "--without-mingle",
        ]
    )
