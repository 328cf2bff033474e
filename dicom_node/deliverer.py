"""Bringing results to their destinations: a thread for each, the registry as its queue.

A dead PACS blocks nobody: every destination has its own thread, its own association and its own
wait. Nothing is remembered outside the registry, so a restart continues where it stopped; an
object that was sent twice because of a crash is the same object (decision record 0002).
"""

import random
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dicom_node.sender import SendResult, send_objects
from dicom_node.statuses import Outcome
from plugin.domain.errors import Reason, TransientError
from plugin.logs import get_logger
from plugin.registry import DeliveryRecord, DestinationRecord, Registry
from plugin.settings import DeliverySettings, Settings

log = get_logger(__name__)

_BATCH = 50
_JITTER = 0.25


def backoff_seconds(
    n_failures: int, first_seconds: float, maximum_seconds: float, chance: float
) -> float:
    """Return how long to wait after the ``n_failures``-th failure in a row.

    Doubles from ``first_seconds`` up to ``maximum_seconds``, then spread by a quarter either way so
    that many objects (or many installations) do not come back in the same moment.

    Parameters
    ----------
    n_failures
        From 1.
    chance
        Uniform in 0..1.
    """
    doublings = min(n_failures - 1, 30)
    wait = min(first_seconds * 2.0**doublings, maximum_seconds)
    return min(wait * (1 + _JITTER * (2 * chance - 1)), maximum_seconds)


class DestinationLoop:
    """Sends what is due to one destination; runs in a thread of its own.

    The whole destination pauses after a failed association (there is no use in trying the next
    object), while an object that alone was refused waits alone. Only the latter counts towards
    giving an object up: a PACS that is down for a week gets everything when it is back.
    """

    def __init__(
        self,
        destination: DestinationRecord,
        settings: Settings,
        registry: Registry,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.destination = destination
        self._settings = settings
        self._registry = registry
        self._chance = chance
        self._stop = threading.Event()
        self._n_failed_associations = 0
        self._fresh = True
        self._thread = threading.Thread(target=self._run, daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def stop(self) -> None:
        """Ask the thread to end after the object that it is sending."""
        self._stop.set()

    def join(self, timeout_seconds: float) -> None:
        """Wait for the thread."""
        self._thread.join(timeout_seconds)

    def _run(self) -> None:
        wait = 0.0
        while not self._stop.wait(wait):
            try:
                wait = self.step()
            except TransientError as error:
                wait = self._delivery.first_retry_seconds
                log.warning(
                    "delivery_paused", destination=self.destination.name, reason=error.reason
                )
            except Exception as error:
                wait = self._delivery.first_retry_seconds
                log.error(
                    "delivery_paused",
                    destination=self.destination.name,
                    reason=Reason.INTERNAL_ERROR,
                    exc_info=error,
                )

    @property
    def _delivery(self) -> DeliverySettings:
        return self._settings.delivery

    def step(self) -> float:
        """Send what is due now, and return how many seconds to rest.

        Raises
        ------
        TransientError
            The registry does not answer.
        """
        now = datetime.now(UTC)
        # A thread is new after a start of the process and after a change of the destination: then
        # nothing waits for the end of an earlier pause.
        horizon = timedelta(seconds=self._delivery.maximum_retry_seconds if self._fresh else 0)
        self._fresh = False
        due = self._registry.deliveries.due(self.destination.id, now + horizon, _BATCH)
        if not due:
            return self._delivery.poll_seconds
        try:
            self._send(due)
        except TransientError as error:
            if error.reason is Reason.REGISTRY_UNAVAILABLE:
                raise
            return self._association_failed(due, error.reason)
        self._n_failed_associations = 0
        return 0.0 if len(due) == _BATCH else self._delivery.poll_seconds

    def _send(self, due: list[DeliveryRecord]) -> None:
        by_id = {delivery.id: delivery for delivery in due}
        results = send_objects(
            self.destination,
            due,
            self._settings.node.ae_title,
            self._delivery.connection_timeout_seconds,
        )
        for result in results:
            self._note(by_id[result.delivery_id], result)
            if self._stop.is_set():
                results.close()
                return

    def _association_failed(self, due: list[DeliveryRecord], reason: Reason) -> float:
        self._n_failed_associations += 1
        wait = self._backoff(self._n_failed_associations)
        log.warning(
            "destination_failed",
            destination=self.destination.name,
            reason=reason,
            n_failures=self._n_failed_associations,
            wait_seconds=round(wait, 1),
        )
        outcome = Outcome.DEAD if reason is Reason.DESTINATION_NO_CONTEXT else Outcome.RETRY
        for delivery in due:
            self._note(delivery, SendResult(delivery.id, outcome, reason, None), wait)
        return wait

    def _note(
        self, delivery: DeliveryRecord, result: SendResult, wait: float | None = None
    ) -> None:
        deliveries = self._registry.deliveries
        reason = result.reason or Reason.INTERNAL_ERROR
        outcome = result.outcome
        tried = wait is None
        if tried and outcome is Outcome.RETRY:
            used_up = delivery.attempts + 1 >= self._delivery.maximum_attempts
            outcome = Outcome.DEAD if used_up else Outcome.RETRY
        if outcome is Outcome.SENT:
            deliveries.sent(delivery.id, result.status or 0)
        elif outcome is Outcome.DEAD:
            deliveries.dead(delivery.id, reason, result.status)
        else:
            seconds = self._backoff(delivery.attempts + 1) if wait is None else wait
            again = datetime.now(UTC) + timedelta(seconds=seconds)
            deliveries.failed(delivery.id, reason, result.status, again, counts=tried)
        log.info(
            "object_delivered" if outcome is Outcome.SENT else "object_not_delivered",
            destination=self.destination.name,
            job_id=delivery.job_id,
            kind=delivery.kind,
            outcome=outcome,
            reason=result.reason,
            status=result.status,
            attempts=delivery.attempts + tried,
        )

    def _backoff(self, n_failures: int) -> float:
        return backoff_seconds(
            n_failures,
            self._delivery.first_retry_seconds,
            self._delivery.maximum_retry_seconds,
            self._chance(),
        )


class Deliverer:
    """Keeps one running loop for every enabled destination, as they are edited."""

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self._settings = settings
        self._registry = registry
        self._loops: dict[int, DestinationLoop] = {}

    def refresh(self) -> None:
        """Start loops of new destinations, replace changed ones, end removed or disabled ones.

        Raises
        ------
        TransientError
            The registry does not answer; the loops go on as they are.
        """
        wanted = {d.id: d for d in self._registry.destinations.list() if d.enabled}
        for destination_id, loop in list(self._loops.items()):
            if wanted.get(destination_id) != loop.destination:
                loop.stop()
                del self._loops[destination_id]
        for destination_id, destination in wanted.items():
            if destination_id not in self._loops:
                loop = DestinationLoop(destination, self._settings, self._registry)
                self._loops[destination_id] = loop
                loop.start()

    def stop(self, timeout_seconds: float) -> None:
        """End all loops within a time; each finishes the object that it is sending."""
        for loop in self._loops.values():
            loop.stop()
        deadline = time.monotonic() + timeout_seconds
        for loop in self._loops.values():
            loop.join(max(0.0, deadline - time.monotonic()))
        self._loops.clear()
