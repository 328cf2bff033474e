"""The queue of one destination, worked off by a thread of its own: send, confirm, rest, note.

Decides what is written down of each answer and when to come back; how things are said on the wire
is ``channels``, what is asked afterwards ``confirmer``, when a silent destination is asked again
``breaker``.
"""

import random
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from dicom_node import channels
from dicom_node.breaker import Breaker, backoff_seconds
from dicom_node.confirmer import Confirmer
from dicom_node.sender import SendResult
from dicom_node.statuses import Outcome, refuses_the_class
from plugin.domain.errors import Reason, TransientError
from plugin.logs import get_logger
from plugin.registry import DeliveryRecord, DestinationRecord, Registry
from plugin.settings import DeliverySettings, Settings

log = get_logger(__name__)

_BATCH = 50
_LOOK_SECONDS = 5.0  # how soon a paused thread sees that a person has a destination tried again
_NOTE_SECONDS = 60.0  # how often a good answer is noted
_FILE_SECONDS = 60.0  # until a result that could not be read is looked for again


class DestinationLoop:
    """Sends what is due to one destination and has it confirmed; runs in a thread of its own.

    The whole destination pauses after a failed association (there is no use in trying the next
    object), while an object that alone was refused waits alone. Only the latter counts towards
    giving an object up: a PACS that is down for a week gets everything when it is back, and so it
    is with a share that does not give our files back.
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
        self._caller = channels.caller_of(settings)
        self._confirmer = Confirmer(destination, settings, registry, chance)
        self._breaker = Breaker(settings.delivery.failures_until_open, self._backoff)
        self._answer_noted_at = datetime.min.replace(tzinfo=UTC)
        self._implicit_noted = False
        self._stop = threading.Event()
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
        """Send what is due now, ask about what was sent, and return how many seconds to rest.

        Raises
        ------
        TransientError
            The registry does not answer.
        """
        now = datetime.now(UTC)
        if self._fresh:
            self._remember_failures()
        rest = self._rest_seconds(now)
        if rest:
            return rest
        # A thread is new after a start of the process and after a change of the destination: then,
        # and when a destination answers again, nothing waits for the end of an earlier pause.
        horizon = timedelta(seconds=self._delivery.maximum_retry_seconds if self._fresh else 0)
        self._fresh = False
        due = self._registry.deliveries.due(self.destination.id, now + horizon, _BATCH)
        more = answered = False
        try:
            if due:
                more, answered = self._send(due)
        except TransientError as error:
            if error.reason is Reason.REGISTRY_UNAVAILABLE:
                raise
            return self._association_failed(due, error.reason)
        try:
            asked = self._confirmer.step(now)
        except TransientError as error:
            if error.reason is Reason.REGISTRY_UNAVAILABLE:
                raise
            return self._association_failed([], error.reason)
        if answered or asked:
            self._answered(now)
        return 0.0 if more else self._delivery.poll_seconds

    def _remember_failures(self) -> None:
        """Go on where an earlier thread or process stopped: an open breaker is probed at once."""
        self._breaker.n_failures = self._registry.health.get(self.destination.id).n_failures

    def _rest_seconds(self, now: datetime) -> float:
        """Return how long to rest because the destination does not answer; ask it when it is time.

        A person who has it tried again closes the breaker in the registry, which is looked at.
        """
        if not self._breaker.is_open:
            return 0.0
        rest = self._breaker.rest_seconds(now)
        if rest and self._registry.health.get(self.destination.id).open_since is not None:
            return min(rest, _LOOK_SECONDS)
        try:
            channels.probe(self.destination, self._caller)
        except TransientError as error:
            if error.reason is Reason.REGISTRY_UNAVAILABLE:
                raise
            waiting = self._registry.deliveries.due(self.destination.id, now, _BATCH)
            return min(self._association_failed(waiting, error.reason), _LOOK_SECONDS)
        self._answered(now)
        self._fresh = True
        return 0.0

    def _answered(self, now: datetime) -> None:
        again = now - self._answer_noted_at > timedelta(seconds=_NOTE_SECONDS)
        if self._breaker.n_failures or again:
            self._breaker.answered()
            self._registry.health.answered(self.destination.id)
            self._answer_noted_at = now

    def _send(self, due: list[DeliveryRecord]) -> tuple[bool, bool]:
        """Send; tell whether there is more to send at once, and whether the destination answered.

        Nobody was called where no object could be read.
        """
        answered = False
        wanted, replaced = self._without_refused(due)
        by_id = {delivery.id: delivery for delivery in wanted}
        results = channels.send(self.destination, wanted, self._caller)
        try:
            for result in results:
                replaced |= self._note(by_id[result.delivery_id], result)
                answered |= not result.says_nothing_of_destination
                if self._stop.is_set():
                    results.close()
                    break
        except TransientError as error:
            if error.reason is not Reason.DESTINATION_NO_CONTEXT:
                raise
            answered = True  # and takes none of these kinds
            for delivery in wanted:
                result = SendResult(delivery.id, Outcome.DEAD, error.reason, None)
                replaced |= self._note(delivery, result)
        return replaced or len(due) == _BATCH, answered

    def _without_refused(self, due: list[DeliveryRecord]) -> tuple[list[DeliveryRecord], bool]:
        """Replace at once what the destination is known not to take; tell whether any was."""
        known = self._registry.health.substitutions(self.destination.id)
        refused = {item.kind: item.status for item in known}
        wanted, replaced = [], False
        for delivery in due:
            if delivery.kind in refused and self._replace(delivery, refused[delivery.kind]):
                replaced = True
            else:
                wanted.append(delivery)
        return wanted, replaced

    def _replace(self, delivery: DeliveryRecord, status: int | None) -> bool:
        instead = self._registry.health.substitute(delivery, status)
        if instead is None:
            return False
        log.info(
            "object_replaced",
            destination=self.destination.name,
            job_id=delivery.job_id,
            kind=delivery.kind,
            instead=instead,
            status=status,
        )
        return True

    def _association_failed(self, due: list[DeliveryRecord], reason: Reason) -> float:
        now = datetime.now(UTC)
        wait = self._breaker.failed(now)
        log.warning(
            "destination_failed",
            destination=self.destination.name,
            reason=reason,
            n_failures=self._breaker.n_failures,
            wait_seconds=round(wait, 1),
        )
        again = now + timedelta(seconds=wait)
        for delivery in due:
            self._registry.deliveries.failed(delivery.id, reason, None, again, counts=False)
        self._registry.health.failed(
            self.destination.id,
            reason,
            self._breaker.n_failures,
            again,
            opens=self._breaker.is_open,
        )
        return wait

    def _note(self, delivery: DeliveryRecord, result: SendResult) -> bool:
        """Write down what became of an object; tell whether another one goes instead."""
        deliveries = self._registry.deliveries
        reason = result.reason or Reason.INTERNAL_ERROR
        outcome = result.outcome
        now = datetime.now(UTC)
        counts = not result.says_nothing_of_destination
        is_last = delivery.attempts + 1 >= self._delivery.maximum_attempts
        if outcome is Outcome.RETRY and counts and is_last:
            outcome = Outcome.DEAD
        if outcome is Outcome.SENT:
            confirm_at = self._confirmer.first_question_at(now)
            deliveries.sent(delivery.id, result.status or 0, confirm_at)
            if result.implicit:
                self._note_implicit()
        elif outcome is Outcome.DEAD:
            if refuses_the_class(result.reason, result.status) and self._replace(
                delivery, result.status
            ):
                return True
            deliveries.dead(delivery.id, reason, result.status)
        else:
            seconds = self._backoff(delivery.attempts + 1) if counts else _FILE_SECONDS
            again = now + timedelta(seconds=seconds)
            deliveries.failed(delivery.id, reason, result.status, again, counts=counts)
        log.info(
            "object_delivered" if outcome is Outcome.SENT else "object_not_delivered",
            destination=self.destination.name,
            job_id=delivery.job_id,
            kind=delivery.kind,
            outcome=outcome,
            reason=result.reason,
            status=result.status,
            attempts=delivery.attempts + 1,
        )
        return False

    def _note_implicit(self) -> None:
        if not self._implicit_noted:
            self._implicit_noted = True
            self._registry.health.takes_implicit(self.destination.id)

    def _backoff(self, n_failures: int) -> float:
        return backoff_seconds(
            n_failures,
            self._delivery.first_retry_seconds,
            self._delivery.maximum_retry_seconds,
            self._chance(),
        )
