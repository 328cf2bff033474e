"""The assembling process: index, decide, create jobs, wake workers, keep the spool tidy.

One thread does these in turn, so that no image arrives in the registry between a decision and its
transaction. What is decided is ``completion``; a decision is refused by the registry when the
study changed since it was looked at.
"""

import signal
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from typing import Any

from dicom_node.completion import Action, Decision, Policy, content_of, decide
from dicom_node.indexer import Indexer
from dicom_node.retention import (
    delete_leftovers,
    delete_old_images,
    empty_quarantine,
    forget_old_studies,
    forget_orders,
)
from plugin.domain.errors import Reason, StudyRejectedError, TransientError
from plugin.logs import configure, get_logger
from plugin.queue import make_app, send_analyse
from plugin.registry import AssemblyFacts, Registry
from plugin.settings import Settings
from plugin.spool import Spool

log = get_logger(__name__)

_RETENTION_EVERY_SECONDS = 60.0
_SWEEP_EVERY_SECONDS = 2.0
_TRIAGE_EVERY_SECONDS = 30.0
_HINT_AGAIN_AFTER_SECONDS = 10.0
_REDIS_PAUSE_SECONDS = 5.0


class Assembler:
    """The loop's body and its memory: when it last swept, whether Redis answered."""

    def __init__(self, settings: Settings, spool: Spool, registry: Registry) -> None:
        self._settings = settings
        self._spool = spool
        self._registry = registry
        self._indexer = Indexer(spool, registry)
        self._queue: Any = make_app(settings)
        self._policy = Policy(
            archive_quiet_seconds=settings.assembly.archive_quiet_seconds,
            modality_quiet_seconds=settings.assembly.modality_quiet_seconds,
            cap_seconds=settings.assembly.modality_cap_seconds,
            automatic_generations=settings.assembly.automatic_generations,
        )
        self._stop = threading.Event()
        self._sweep_at = self._retain_at = self._hint_at = self._triage_at = 0.0

    def stop(self) -> None:
        """Ask the loop to end; what it is doing is finished or can be repeated."""
        self._stop.set()

    def run(self) -> None:
        """Tick until ``stop``."""
        self._recover()
        while not self._stop.is_set():
            self.tick(datetime.now(UTC))
            self._stop.wait(self._settings.assembly.tick_seconds)

    def _recover(self) -> None:
        """Finish what an earlier run left half done; what fails here is tried at the next start."""
        try:
            self._indexer.recover_quarantine()
            delete_leftovers(self._spool, self._registry)
        except TransientError as error:
            log.warning("recovery_failed", reason=error.reason)

    def tick(self, now: datetime) -> None:
        """Do everything that is due at ``now`` once.

        What fails is told and holds up nothing else: on a full disk nothing can be indexed, and
        only the deletions give room again.
        """
        _attempt(partial(self._assemble, now))
        clock = time.monotonic()
        if clock >= self._sweep_at:
            self._sweep_at = clock + _SWEEP_EVERY_SECONDS
            _attempt(self._sweep)
        if clock >= self._triage_at:
            self._triage_at = clock + _TRIAGE_EVERY_SECONDS
            _attempt(self._reconsider)
        if clock >= self._retain_at:
            self._retain_at = clock + _RETENTION_EVERY_SECONDS
            for delete in (delete_old_images, forget_old_studies, empty_quarantine):
                _attempt(partial(delete, self._spool, self._registry, self._settings.spool, now))
            _attempt(partial(forget_orders, self._registry, self._settings.registry, now))

    def _assemble(self, now: datetime) -> None:
        # Studies are decided on only when every file that had arrived by ``now`` is indexed.
        if self._indexer.index_incoming(self._stop.is_set):
            for facts in self._registry.studies.receiving():
                self._settle(facts, now)

    def _reconsider(self) -> None:
        n_changed = self._registry.triage.reconsider()
        if n_changed:
            log.info("studies_reconsidered", n_studies=n_changed)

    def _settle(self, facts: AssemblyFacts, now: datetime) -> None:
        study = facts.study
        decision = decide(
            facts,
            lambda: content_of(self._registry.studies.current_instances(study.id)),
            self._policy,
            now,
        )
        if decision.action is Action.WAIT:
            return
        if self._carry_out(facts, decision):
            log.info(
                "study_settled",
                study_key=study.study_key,
                outcome=decision.action,
                reason=decision.reason,
                n_instances=study.n_instances,
            )

    def _carry_out(self, facts: AssemblyFacts, decision: Decision) -> bool:
        studies, study = self._registry.studies, facts.study
        reason = decision.reason or Reason.INTERNAL_ERROR
        if decision.action is Action.REJECT:
            return studies.mark_rejected(study.id, reason, revision=study.revision)
        if decision.action is Action.KEEP:
            return studies.mark_kept(study.id, revision=study.revision)
        if decision.action is Action.NEEDS_PERSON:
            return studies.mark_needs_person(study.id, reason, revision=study.revision)
        try:
            job = studies.mark_complete(study.id, revision=study.revision)
        except StudyRejectedError as error:  # withdrawn, or bytes went since the look
            why = (error.reason, error.detail)
            return studies.mark_needs_person(study.id, *why, revision=study.revision)
        if job is None:
            return False
        self._hint(job.id)
        return True

    def _sweep(self) -> None:
        """Re-queue jobs whose worker is gone, and remind the queue of jobs that still wait."""
        jobs = self._registry.jobs
        for job_id in jobs.sweep_expired(self._settings.worker.maximum_attempts):
            log.warning("lease_expired", job_id=job_id)
            self._hint(job_id)
        for job_id in jobs.queued(_HINT_AGAIN_AFTER_SECONDS):
            self._hint(job_id)

    def _hint(self, job_id: str) -> None:
        """Wake a worker; without Redis the job waits in the registry and is hinted again later."""
        if time.monotonic() < self._hint_at:
            return
        try:
            send_analyse(self._queue, job_id)
        except TransientError as error:
            self._hint_at = time.monotonic() + _REDIS_PAUSE_SECONDS
            log.warning("job_not_hinted", job_id=job_id, reason=error.reason)


def _attempt(part: Callable[[], object]) -> None:
    """Do one part of a tick; the next tick tries again what failed."""
    try:
        part()
    except TransientError as error:
        log.warning("tick_failed", reason=error.reason)
    except Exception as error:
        log.error("tick_failed", reason=Reason.INTERNAL_ERROR, exc_info=error)


def main(settings: Settings) -> None:
    """Assemble until SIGTERM or SIGINT."""
    configure(settings.logs.level, "assemble")
    spool = Spool(settings.spool.folder)
    with Registry(settings.registry_url) as registry:
        registry.migrate()
        assembler = Assembler(settings, spool, registry)
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: assembler.stop())
        with registry.audit.running("assemble"):
            assembler.run()
