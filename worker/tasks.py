"""The worker process: takes one job at a time, keeps its lease alive, publishes by fence.

A message is a job id and only a hint; what counts is the claim in the registry. Two runs of one
job may overlap (a paused process wakes up), but only the one whose fence is current is published.
Knows Celery, the registry and the spool; what is computed is in ``worker.pipeline``.
"""

import dataclasses
import os
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from socket import gethostname
from typing import Any

from celery import Celery
from celery.signals import worker_process_init, worker_process_shutdown

from plugin.desk import Desk
from plugin.domain.errors import (
    ConfigurationError,
    ModelError,
    Reason,
    StudyRejectedError,
    TransientError,
)
from plugin.domain.triage import OrderFacts, Situation
from plugin.logs import configure, describe_error, get_logger
from plugin.machine import LoadMeter
from plugin.queue import ANALYSE_TASK, QUEUE_NAME, make_app
from plugin.registry import JobRecord, PublishedResult, Registry, RejectionNote
from plugin.settings import Settings
from plugin.spool import Spool
from worker.analysis_result import AnalysisResult
from worker.earlier import past_of
from worker.findings.word import Writer
from worker.lease import Lease
from worker.measuring import Segmenter
from worker.models import check_model, open_models
from worker.pipeline import Recogniser, analyse_paths
from worker.report import PredecessorReport
from worker.requests import make_desk, note_bundle
from worker.unpack import remove_unfinished
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
    recogniser
        Holds studies to described categories; None: nobody asked.
    """

    def __init__(
        self,
        settings: Settings,
        registry: Registry,
        spool: Spool,
        segmenter: Segmenter,
        name: str,
        writer: Writer | None = None,
        recogniser: Recogniser | None = None,
    ) -> None:
        self._settings = settings
        self._registry = registry
        self._spool = spool
        self._segmenter = segmenter
        self._name = name
        self._writer, self._recogniser = writer, recogniser
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
            jobs.release(job.id, job.fence, error.reason, error.detail)
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
            generation=job.generation,
            created_at=job.created_at,
            report_language=self._settings.worker.report_language,
            segmentation_phases=self._settings.worker.segmentation_phases,
            writer=self._writer,
            language_seconds=self._settings.worker.language_seconds,
            recogniser=self._recogniser,
            situation=self._situation(job),
            # Looked up now, not when the job was queued: what stands may have changed.
            past=past_of(self._registry.earlier.results(job.study_id)),
            with_viewer=True,
            on_progress=lease.check,
        )
        if result.unchanged:
            if not self._registry.jobs.unchanged(job.id, job.fence, result.input_digest):
                return Outcome.LEASE_LOST  # what lies there is, or will be, another run's result
            self._spool.remove_results(job.id)
            return Outcome.UNCHANGED
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
        """Return the files of the current version of every instance of the study.

        Raises
        ------
        ModelError
            ``IMAGES_DELETED``: some are gone for good.
        TransientError
            The disk or share does not tell.
        """
        instances = self._registry.studies.current_instances(job.study_id)
        n_missing = sum(item.deleted or self._is_gone(Path(item.path)) for item in instances)
        if n_missing:
            raise ModelError(Reason.IMAGES_DELETED, f"{n_missing} of {len(instances)} images")
        return [Path(item.path) for item in instances]

    def _is_gone(self, path: Path) -> bool:
        """Tell a deleted file from one on a share that is away, which takes all studies with it."""
        try:
            path.stat()
        except OSError as error:
            if isinstance(error, FileNotFoundError) and os.path.isdir(self._spool.studies):  # noqa: PTH112 - says no where pathlib raises
                return True
            detail = error.strerror or "input/output error"
            raise TransientError(Reason.STORAGE_UNREADABLE, detail) from None
        return False

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


class Workplace:
    """What one worker process has: registry, spool, desk, and the models of the bundle in force.

    Which bundle that is, it asks before each job; one that cannot be opened stops the work, not
    the process, so that jobs wait until somebody activates a bundle that can.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._name = ""
        self._registry: Registry | None = None
        self._desk: Desk | None = None
        self._analyst: Analyst | None = None
        self._opened: str | None = None
        self._facts: dict[str, Any] = {"device": settings.worker.device}
        self._meter = LoadMeter(with_gpu=settings.worker.device == "cuda")

    def open(self, **_signal: Any) -> None:
        """Load the model and open the desk; in the process that computes, never before the fork."""
        settings = self._settings
        self._name = f"{gethostname()}:{os.getpid()}"
        self._registry = registry = Registry(settings.registry_url)
        spool = Spool(settings.spool.folder)
        remove_unfinished(spool.bundles)
        self._load(registry, spool)
        self._desk = make_desk(settings, registry, spool, self._name, self._look)
        self._desk.open()

    def close(self, **_signal: Any) -> None:
        """Close the desk at the end of the process."""
        if self._desk is not None:
            self._desk.close()

    def analyse(self, job_id: str) -> None:
        """Run one job; nothing is returned, so that nothing of a patient enters the queue."""
        if self._registry is None:
            self.open()
        if self._registry is None:
            return
        self._load(self._registry, Spool(self._settings.spool.folder))
        if self._analyst is not None:
            self._analyst.analyse(job_id)

    def _look(self) -> dict[str, Any]:
        return {**self._facts, **self._meter.look()}

    def _load(self, registry: Registry, spool: Spool) -> None:
        """Open the models of the bundle in force, unless they are open already."""
        in_force = registry.bundles.in_force()
        wanted = in_force.folder if in_force else ""
        if self._analyst is not None and wanted == self._opened:
            return
        self._analyst = None  # the memory of the former models goes first
        try:
            models = open_models(self._settings.worker, wanted)
        except (ConfigurationError, ModelError) as error:
            self._facts["problem"] = error.sentence
            log.error("bundle_not_opened", reason=error.reason)
            return
        bundle = models.tower.bundle
        note_bundle(registry, bundle, "worker")
        self._facts |= {"bundle": f"{bundle.name} {bundle.version}", "problem": ""}
        self._opened = wanted
        self._analyst = Analyst(
            self._settings,
            registry,
            spool,
            models.tower,
            self._name,
            models.writer,
            models.recogniser,
        )


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
    app, workplace = make_worker(settings)
    worker_process_init.connect(workplace.open, weak=False)
    worker_process_shutdown.connect(workplace.close, weak=False)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        with registry.audit.running("worker"):
            registry.close()  # no connection goes through the fork; the end opens a new one
            log.info("worker_started", state=settings.operation.mode)
            app.worker_main(
                [
                    "--quiet",
                    "worker",
                    f"--queues={QUEUE_NAME}",
                    "--without-gossip",
                    "--without-mingle",
                ]
            )
