"""A worker's claim on a job: renewed while an analysis runs, and how far that is told to people.

Knows the registry; what is computed meanwhile it does not.
"""

import threading
import time
from types import TracebackType
from typing import Self

from plugin.domain.errors import Reason, TransientError
from plugin.registry import JobRecord, Registry
from plugin.settings import Settings

_PROGRESS_SECONDS = 1.0
"""How often people who wait are told how far an analysis is."""


class Lease:
    """Renews the claim on a job from a thread of its own until the run ends; tells how far it is.

    Attributes
    ----------
    lost
        Set when the registry no longer knows this fence: someone else has the job.
    """

    def __init__(self, registry: Registry, job: JobRecord, settings: Settings) -> None:
        self._registry = registry
        self._job = job
        self._lease_seconds = settings.worker.lease_seconds
        self._beat_seconds = min(settings.worker.heartbeat_seconds, self._lease_seconds / 3)
        self._progress = ("", 0.0)
        self._ended = threading.Event()
        self.lost = threading.Event()
        self._thread = threading.Thread(target=self._beat, name="lease", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._ended.set()
        self._thread.join()

    def check(self, stage: str = "", fraction: float = 0.0) -> None:
        """Note how far an analysis is, and stop it early when its lease is gone.

        Called between its steps; costs nothing, what is noted is written by the lease's thread.

        Raises
        ------
        TransientError
            ``LEASE_EXPIRED``.
        """
        if stage:
            self._progress = (stage, fraction)
        if self.lost.is_set():
            raise TransientError(Reason.LEASE_EXPIRED)

    def _beat(self) -> None:
        jobs, job = self._registry.jobs, self._job
        told, beaten_at = self._progress, time.monotonic()
        while not self._ended.wait(min(_PROGRESS_SECONDS, self._beat_seconds)):
            alive = True
            try:
                if self._progress != told:
                    told = self._progress
                    alive = jobs.advance(job.id, job.fence, *told)
                if time.monotonic() - beaten_at >= self._beat_seconds:
                    alive = jobs.heartbeat(job.id, job.fence, self._lease_seconds)
                    beaten_at = time.monotonic()
            except TransientError:
                continue  # the registry is away; the lease may outlast that
            if not alive:
                self.lost.set()
                return
