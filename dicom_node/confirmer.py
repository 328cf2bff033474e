"""Asking a destination whether it keeps what it took, in the way that it offers.

One for each destination, in that destination's thread. By Storage Commitment where it can be
negotiated, else by a query; a destination that offers neither confirms nothing, which is noted and
shown. What is waited for lies in the registry, so a restart goes on.
"""

import random
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta

from dicom_node import channels
from dicom_node.breaker import backoff_seconds
from dicom_node.commitment import Hearing, ask_for_commitment, new_transaction_uid
from plugin.domain.errors import Reason, TransientError
from plugin.domain.job import ConfirmMode
from plugin.logs import get_logger
from plugin.registry import DeliveryRecord, DestinationRecord, Registry
from plugin.settings import Settings

log = get_logger(__name__)

_BATCH = 50
# After so many commitments without a report, or reports of a failure, one looks for oneself.
_PATIENCE = 3
# An archive may show what it took a while later; after so many looks (minutes) it is lost.
_LOOKS = 6

COMMITMENT, QUERY, NOTHING = "commitment", "query", "nothing"
_WAYS = {
    ConfirmMode.AUTO: (COMMITMENT, QUERY),
    ConfirmMode.COMMITMENT: (COMMITMENT,),
    ConfirmMode.QUERY: (QUERY,),
    ConfirmMode.NONE: (),
}
_NOT_OFFERED = (Reason.COMMITMENT_NOT_OFFERED, Reason.QUERY_NOT_OFFERED)
# The service fails, the destination is there: objects are sent to it all the same. Some reject an
# association without a storage class.
_FAILED = (
    Reason.COMMITMENT_FAILED,
    Reason.QUERY_FAILED,
    Reason.DESTINATION_REJECTED_ASSOCIATION,
)


class Confirmer:
    """Asks one destination about what was sent there."""

    def __init__(
        self,
        destination: DestinationRecord,
        settings: Settings,
        registry: Registry,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self._destination = destination
        self._settings = settings.delivery
        self._registry = registry
        self._chance = chance
        self._caller = channels.caller_of(settings)
        ways = _WAYS[destination.confirm]
        self._ways = [way for way in ways if way == QUERY or not destination.url]
        self._noted: str | None = None

    def first_question_at(self, now: datetime) -> datetime | None:
        """Return when to ask about what is sent now; None where nothing can be asked."""
        if not self._ways:
            return None
        return now + timedelta(seconds=self._settings.confirm_after_seconds)

    def step(self, until: datetime) -> bool:
        """Ask about what is due until then; tell whether anything was.

        Raises
        ------
        TransientError
            The destination (or the registry) does not answer.
        """
        due = self._registry.deliveries.to_confirm(self._destination.id, until, _BATCH)
        if not due:
            return False
        for way in list(self._ways):
            due = self._ask(way, due)
        if due and not self._ways:
            self._registry.deliveries.nothing_to_confirm(self._destination.id)
            self._note(NOTHING)
        return True

    def _ask(self, way: str, due: list[DeliveryRecord]) -> list[DeliveryRecord]:
        """Ask in one way; return what is left for the next one."""
        asked, left = due, list[DeliveryRecord]()
        if way == COMMITMENT and QUERY in self._ways:
            asked = [one for one in due if one.n_asked < _PATIENCE]
            left = [one for one in due if one.n_asked >= _PATIENCE]
        if not asked:
            return left
        try:
            (self._commit if way == COMMITMENT else self._look)(asked)
        except TransientError as error:
            if error.reason in _NOT_OFFERED:
                return self._not_offered(way, asked, error.reason) + left
            if error.reason not in _FAILED:
                raise
            self._ask_later(asked, error.reason, self._backoff(asked[0].n_asked + 1))
            return left
        self._note(way)
        return left

    def _not_offered(
        self, way: str, asked: list[DeliveryRecord], reason: Reason
    ) -> list[DeliveryRecord]:
        log.info("confirmation_not_offered", destination=self._destination.name, reason=reason)
        if self._destination.confirm is ConfirmMode.AUTO:
            self._ways.remove(way)  # until the next start of this thread
            return asked
        # A person said that it does; until then it counts as not kept, visibly.
        self._ask_later(asked, reason, self._settings.maximum_retry_seconds)
        return []

    def _commit(self, asked: Sequence[DeliveryRecord]) -> None:
        transaction_uid = new_transaction_uid()
        deadline = datetime.now(UTC) + timedelta(seconds=self._settings.commitment_timeout_seconds)
        ids = [one.id for one in asked]
        hear = Hearing(
            self._registry,
            self._settings.maximum_retry_seconds,
            self._settings.commitment_wait_seconds,
        )
        # First the registry: an archive may be quick and report to our node, which must know it.
        self._registry.commitments.request(self._destination.id, transaction_uid, ids, deadline)
        try:
            ask_for_commitment(self._destination, transaction_uid, asked, self._caller, hear)
        except TransientError as error:
            if error.reason is Reason.REGISTRY_UNAVAILABLE:
                raise
            self._registry.commitments.not_made(transaction_uid, datetime.now(UTC))
            raise

    def _look(self, asked: Sequence[DeliveryRecord]) -> None:
        found = channels.find(self._destination, asked, self._caller)
        n_found = 0
        for one in asked:
            if one.sop_instance_uid in found:
                n_found += self._registry.deliveries.confirmed(one.id, QUERY)
            elif one.n_asked + 1 >= _LOOKS:
                self._registry.deliveries.lost(one.id)
            else:
                self._ask_later([one], None, self._backoff(one.n_asked + 1))
        log.info(
            "objects_looked_for",
            destination=self._destination.name,
            n_confirmed=n_found,
            n_unconfirmed=len(asked) - n_found,
        )

    def _ask_later(
        self, asked: Sequence[DeliveryRecord], reason: Reason | None, seconds: float
    ) -> None:
        again = datetime.now(UTC) + timedelta(seconds=seconds)
        for one in asked:
            self._registry.deliveries.unconfirmed(one.id, reason, again)

    def _backoff(self, n_asked: int) -> float:
        settings = self._settings
        return backoff_seconds(
            n_asked, settings.confirm_after_seconds, settings.maximum_retry_seconds, self._chance()
        )

    def _note(self, way: str) -> None:
        if way != self._noted:
            self._noted = way
            self._registry.health.confirms(self._destination.id, way)
