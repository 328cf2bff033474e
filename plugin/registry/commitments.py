"""Requests for Storage Commitment, kept before they are made: any process may hear the answer.

An archive answers on the association of the request, or hours later on one that it opens to our
node, which is another process. Whoever hears it writes it here, in one transaction.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, and_, case, func, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState, Remedy
from plugin.registry.deliveries import send_again
from plugin.registry.delivery_records import UnconfirmedObject
from plugin.registry.engine import Database
from plugin.registry.tables import commitments, deliveries, result_objects
from plugin.registry.transitions import delivery_may_become

_KEPT = timedelta(days=90)  # nobody answers later


@dataclass(frozen=True, slots=True)
class CommitmentResult:
    """What a report changed: objects confirmed, objects not, and for which destination."""

    destination_id: int
    n_confirmed: int
    n_unconfirmed: int


class Commitments:
    """Open and answered transactions."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def request(
        self,
        destination_id: int,
        transaction_uid: str,
        delivery_ids: Sequence[int],
        ask_again_at: datetime,
    ) -> None:
        """Note a request that is about to be made.

        Parameters
        ----------
        ask_again_at
            When the objects are asked about anew if nobody reported.
        """
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(commitments.delete().where(commitments.c.requested_at < now - _KEPT))
            connection.execute(
                commitments.insert().values(
                    transaction_uid=transaction_uid,
                    destination_id=destination_id,
                    n_objects=len(delivery_ids),
                    requested_at=now,
                )
            )
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id.in_(delivery_ids))
                .where(deliveries.c.state == DeliveryState.SENT.value)
                .values(
                    transaction_uid=transaction_uid,
                    n_asked=deliveries.c.n_asked + 1,
                    confirm_at=ask_again_at,
                    last_reason=case(
                        (deliveries.c.n_asked > 0, Reason.COMMITMENT_UNANSWERED.value),
                        else_=deliveries.c.last_reason,
                    ),
                )
            )

    def not_made(self, transaction_uid: str, ask_again_at: datetime) -> None:
        """Note that a request was not answered, or refused; a report counts all the same."""
        with self._database.write() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.transaction_uid == transaction_uid)
                .where(deliveries.c.state == DeliveryState.SENT.value)
                .values(n_asked=deliveries.c.n_asked - 1, confirm_at=ask_again_at)
            )

    def report(
        self,
        transaction_uid: str,
        committed: Collection[str],
        failed: Sequence[UnconfirmedObject],
        ask_again_at: datetime,
    ) -> CommitmentResult | None:
        """Write down what an archive reports; harmless when it reports twice.

        A commitment counts whenever it comes: what an archive keeps, it keeps. A failure counts
        only for the newest request, and for an object that is in both lists.

        Parameters
        ----------
        committed
            SOP Instance UIDs.
        ask_again_at
            For failures that may pass.

        Returns
        -------
        CommitmentResult or None
            None when the transaction is not one of ours.
        """
        now = self._database.now()
        with self._database.write() as connection:
            known = commitments.c.transaction_uid == transaction_uid
            query = select(commitments.c.destination_id).where(known)
            destination_id = connection.execute(query).scalar_one_or_none()
            if destination_id is None:
                return None
            connection.execute(update(commitments).where(known).values(reported_at=now))
            bad = {item.sop_instance_uid for item in failed}
            good = [uid for uid in committed if uid not in bad]
            n_confirmed = _confirm(connection, destination_id, good, now)
            for item in failed:
                mine = deliveries.c.transaction_uid == transaction_uid
                which = (mine, _named(destination_id, [item.sop_instance_uid]))
                _mend(connection, item, which, (now, ask_again_at))
        return CommitmentResult(destination_id, n_confirmed, len(failed))

    def open_transactions(self, destination_id: int) -> int:
        """Count the requests that wait for a report and hold unconfirmed objects."""
        waiting = (
            select(deliveries.c.id)
            .where(deliveries.c.transaction_uid == commitments.c.transaction_uid)
            .where(deliveries.c.state == DeliveryState.SENT.value)
        )
        query = (
            select(func.count())
            .select_from(commitments)
            .where(commitments.c.destination_id == destination_id)
            .where(commitments.c.reported_at.is_(None), waiting.exists())
        )
        with self._database.read() as connection:
            return int(connection.execute(query).scalar_one())


def _named(destination_id: int, uids: Collection[str]) -> ColumnElement[bool]:
    """Return the condition that a delivery brings one of these instances to a destination."""
    objects = select(result_objects.c.id).where(result_objects.c.sop_instance_uid.in_(uids))
    return and_(deliveries.c.destination_id == destination_id, deliveries.c.object_id.in_(objects))


def _confirm(
    connection: Connection, destination_id: int, uids: Collection[str], now: datetime
) -> int:
    sent = delivery_may_become(deliveries.c.state, DeliveryState.CONFIRMED, {DeliveryState.SENT})
    return connection.execute(
        update(deliveries)
        .where(sent, _named(destination_id, uids))
        .values(
            state=DeliveryState.CONFIRMED.value,
            confirmed_at=now,
            confirmed_by="commitment",
            confirm_at=None,
            last_reason=None,
        )
    ).rowcount


def _mend(
    connection: Connection,
    item: UnconfirmedObject,
    which: tuple[ColumnElement[bool], ...],
    times: tuple[datetime, datetime],
) -> None:
    """Do what an object needs that was not committed; ``times``: now, and when to ask again."""
    now, ask_again_at = times
    if item.remedy is Remedy.SEND_AGAIN:
        send_again(connection, item.reason, item.status, now, *which)
        return
    values: dict[str, object] = {"last_reason": item.reason.value, "last_status": item.status}
    if item.remedy is Remedy.GIVE_UP:
        state = deliveries.c.state
        allowed = delivery_may_become(state, DeliveryState.DEAD, {DeliveryState.SENT})
        values |= {"state": DeliveryState.DEAD.value, "confirm_at": None}
    else:
        allowed = deliveries.c.state == DeliveryState.SENT.value
        values["confirm_at"] = ask_again_at
    connection.execute(update(deliveries).where(allowed, *which).values(**values))
