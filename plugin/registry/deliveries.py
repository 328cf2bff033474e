"""Deliveries: one row per object and destination; the rows of a destination are its queue."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, update

from plugin.domain.errors import Reason
from plugin.domain.identifiers import study_key
from plugin.domain.job import MAXIMUM_LOSSES, DeliveryState
from plugin.registry.audit import note
from plugin.registry.delivery_records import DeliveryRecord
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.rows import delivery_record, select_deliveries
from plugin.registry.tables import deliveries, jobs, result_objects, studies
from plugin.registry.transitions import delivery_may_become

Condition = ColumnElement[bool]

TAKEN_BACK = (Reason.RESULT_WITHDRAWN, Reason.RESULT_SUPERSEDED)
"""Reasons for which an object is neither sent nor asked about any more."""


def retry_dead(connection: Connection, now: datetime, *which: Condition) -> int:
    """Put dead deliveries back into their queues, except what was taken back; return how many."""
    dead = delivery_may_become(deliveries.c.state, DeliveryState.PENDING, {DeliveryState.DEAD})
    return connection.execute(
        update(deliveries)
        .where(dead, ~taken_back(), *which)
        .values(
            state=DeliveryState.PENDING.value,
            attempts=0,
            last_reason=None,
            last_status=None,
            next_attempt_at=now,
            n_asked=0,
            n_lost=0,
        )
    ).rowcount


def taken_back() -> Condition:
    """Return the condition that an object must not reach its destination any more."""
    reasons = [reason.value for reason in TAKEN_BACK]
    return func.coalesce(deliveries.c.last_reason, "").in_(reasons)


def nothing_to_confirm(connection: Connection, destination_id: int) -> None:
    """Ask a destination about nothing any more: it confirms nothing, or nobody wants it to."""
    connection.execute(
        update(deliveries)
        .where(deliveries.c.destination_id == destination_id)
        .where(deliveries.c.state == DeliveryState.SENT.value)
        .values(confirm_at=None)
    )


def insert_delivery(
    connection: Connection,
    job_id: str,
    object_id: int,
    destination: tuple[int, str],
    now: datetime,
) -> bool:
    """Put an object into the queue of a destination (id, name); False when it is there already."""
    destination_id, destination_name = destination
    values = {
        "job_id": job_id,
        "destination_id": destination_id,
        "destination_name": destination_name,
        "object_id": object_id,
        "state": DeliveryState.PENDING.value,
        "attempts": 0,
        "next_attempt_at": now,
        "created_at": now,
    }
    return insert_unless_known(connection, deliveries, values, "object_id", "destination_id")


def send_again(
    connection: Connection, reason: Reason, status: int | None, now: datetime, *which: Condition
) -> None:
    """Send objects anew that their destination lost; give up those that it lost too often."""
    lost_too_often = deliveries.c.n_lost + 1 >= MAXIMUM_LOSSES
    values = {
        "n_lost": deliveries.c.n_lost + 1,
        "n_asked": 0,
        "last_reason": reason.value,
        "last_status": status,
        "confirm_at": None,
    }
    for state, chosen in (
        (DeliveryState.DEAD, lost_too_often),
        (DeliveryState.PENDING, ~lost_too_often),
    ):
        connection.execute(
            update(deliveries)
            .where(delivery_may_become(deliveries.c.state, state, {DeliveryState.SENT}))
            .where(chosen, ~taken_back(), *which)
            .values(state=state.value, next_attempt_at=now, **values)
        )


class Deliveries:
    """Result objects on their way."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def due(
        self, destination_id: int, now: datetime | None = None, limit: int = 50
    ) -> list[DeliveryRecord]:
        """Return what one destination should get now, in the order it was published."""
        query = (
            select_deliveries()
            .where(deliveries.c.destination_id == destination_id)
            .where(deliveries.c.state == DeliveryState.PENDING.value)
            .where(deliveries.c.next_attempt_at <= (now or self._database.now()))
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [delivery_record(row) for row in connection.execute(query).mappings()]

    def get(self, delivery_id: int) -> DeliveryRecord | None:
        """Return one delivery, or None."""
        query = select_deliveries().where(deliveries.c.id == delivery_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else delivery_record(row)

    def for_job(self, job_id: str) -> list[DeliveryRecord]:
        """Return all deliveries of one job."""
        query = select_deliveries().where(deliveries.c.job_id == job_id).order_by(deliveries.c.id)
        with self._database.read() as connection:
            return [delivery_record(row) for row in connection.execute(query).mappings()]

    def to_confirm(
        self, destination_id: int, now: datetime | None = None, limit: int = 50
    ) -> list[DeliveryRecord]:
        """Return what one destination took and should be asked about now, oldest first."""
        query = (
            select_deliveries()
            .where(deliveries.c.destination_id == destination_id)
            .where(deliveries.c.state == DeliveryState.SENT.value)
            .where(deliveries.c.confirm_at <= (now or self._database.now()))
            .order_by(deliveries.c.id)
            .limit(limit)
        )
        with self._database.read() as connection:
            return [delivery_record(row) for row in connection.execute(query).mappings()]

    def sent(
        self, delivery_id: int, status: int = 0x0000, confirm_at: datetime | None = None
    ) -> bool:
        """Note that the destination took the object (``status``: success or a warning).

        Parameters
        ----------
        confirm_at
            When to ask whether it keeps it; None when it will not be asked.
        """
        now = self._database.now()
        values = {"last_status": status, "last_reason": None, "confirm_at": confirm_at}
        with self._database.write() as connection:
            moved = _move(
                connection,
                delivery_id,
                DeliveryState.SENT,
                {DeliveryState.PENDING},
                attempts=deliveries.c.attempts + 1,
                sent_at=now,
                n_asked=0,
                **values,
            )
            if moved:
                _note_all_sent(connection, delivery_id, now)
            return moved

    def confirmed(self, delivery_id: int, by: str = "commitment") -> bool:
        """Note that the destination keeps the object, as a ``commitment`` or a ``query`` says."""
        return self._move(
            delivery_id,
            DeliveryState.CONFIRMED,
            {DeliveryState.SENT},
            confirmed_at=self._database.now(),
            confirmed_by=by,
            confirm_at=None,
            last_reason=None,
        )

    def unconfirmed(
        self, delivery_id: int, reason: Reason | None, confirm_at: datetime, *, counts: bool = True
    ) -> None:
        """Note that the destination could not say yes, and when it is asked again."""
        with self._database.write() as connection:
            connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery_id)
                .where(deliveries.c.state == DeliveryState.SENT.value)
                .values(
                    n_asked=deliveries.c.n_asked + (1 if counts else 0),
                    last_reason=None if reason is None else reason.value,
                    confirm_at=confirm_at,
                )
            )

    def lost(self, delivery_id: int, status: int | None = None) -> None:
        """Send an object anew that its destination took and does not have; give up at last."""
        reason, mine = Reason.DESTINATION_LOST_INSTANCE, deliveries.c.id == delivery_id
        with self._database.write() as connection:
            send_again(connection, reason, status, self._database.now(), mine)

    def nothing_to_confirm(self, destination_id: int) -> None:
        """Leave what a destination took as sent: it offers no way to ask whether it keeps it."""
        with self._database.write() as connection:
            nothing_to_confirm(connection, destination_id)

    def failed(
        self,
        delivery_id: int,
        reason: Reason,
        status: int | None,
        next_attempt_at: datetime,
        *,
        counts: bool = True,
    ) -> bool:
        """Note a failed attempt and when to try again; False when it no longer waits.

        Parameters
        ----------
        counts
            Whether the object itself was tried; not when there was no association to send it on.
        """
        with self._database.write() as connection:
            return (
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == delivery_id)
                    .where(deliveries.c.state == DeliveryState.PENDING.value)
                    .values(
                        attempts=deliveries.c.attempts + (1 if counts else 0),
                        last_reason=reason.value,
                        last_status=status,
                        next_attempt_at=next_attempt_at,
                    )
                ).rowcount
                == 1
            )

    def dead(self, delivery_id: int, reason: Reason, status: int | None = None) -> bool:
        """Give up one object at one destination; a person may ``retry`` it."""
        return self._move(
            delivery_id,
            DeliveryState.DEAD,
            {DeliveryState.PENDING, DeliveryState.SENT},
            attempts=deliveries.c.attempts + 1,
            last_reason=reason.value,
            last_status=status,
        )

    def retry(self, delivery_id: int) -> bool:
        """Have a dead delivery tried again from the beginning."""
        return self.retry_some([delivery_id]) == 1

    def retry_some(self, delivery_ids: Sequence[int], *, actor: str = "cli") -> int:
        """Have some dead deliveries tried again from the beginning; return how many were dead."""
        now = self._database.now()
        with self._database.write() as connection:
            chosen = deliveries.c.id.in_(delivery_ids)
            somewhere = deliveries.c.destination_id.is_not(None)
            n_objects = retry_dead(connection, now, chosen, somewhere)
            after = {"n_objects": n_objects, "ids": sorted(delivery_ids)}
            note(connection, now, (actor, "delivery.retry", "deliveries"), after=after)
            return n_objects

    def counts(self) -> Mapping[str, Mapping[DeliveryState, int]]:
        """Count deliveries by destination name and state."""
        columns = deliveries.c
        query = select(columns.destination_name, columns.state, func.count()).group_by(
            columns.destination_name, columns.state
        )
        found: dict[str, dict[DeliveryState, int]] = {}
        with self._database.read() as connection:
            for name, state, number in connection.execute(query):
                found.setdefault(name, dict.fromkeys(DeliveryState, 0))[DeliveryState(state)] = (
                    number
                )
        return found

    def _move(
        self,
        delivery_id: int,
        target: DeliveryState,
        sources: Collection[DeliveryState],
        **values: object,
    ) -> bool:
        with self._database.write() as connection:
            return _move(connection, delivery_id, target, sources, **values)

    def list(
        self,
        *,
        states: Collection[DeliveryState] = tuple(DeliveryState),
        destination_name: str | None = None,
        limit: int = 100,
        before_id: int | None = None,
    ) -> list[DeliveryRecord]:
        """Return deliveries in some states (before one), the newest first."""
        query = (
            select_deliveries()
            .where(deliveries.c.state.in_([state.value for state in states]))
            .order_by(deliveries.c.id.desc())
            .limit(limit)
        )
        if destination_name is not None:
            query = query.where(deliveries.c.destination_name == destination_name)
        if before_id is not None:
            query = query.where(deliveries.c.id < before_id)
        with self._database.read() as connection:
            return [delivery_record(row) for row in connection.execute(query).mappings()]


def _move(
    connection: Connection,
    delivery_id: int,
    target: DeliveryState,
    sources: Collection[DeliveryState],
    **values: object,
) -> bool:
    changed = (
        update(deliveries)
        .where(deliveries.c.id == delivery_id)
        .where(delivery_may_become(deliveries.c.state, target, sources))
        .values(state=target.value, **values)
    )
    return connection.execute(changed).rowcount == 1


def _note_all_sent(connection: Connection, delivery_id: int, now: datetime) -> None:
    """Note in the audit trail what a destination got of a result, when its last object is there."""
    row = connection.execute(
        select(deliveries.c.job_id, deliveries.c.destination_name, studies.c.study_instance_uid)
        .join(jobs, jobs.c.id == deliveries.c.job_id)
        .join(studies, studies.c.id == jobs.c.study_id)
        .where(deliveries.c.id == delivery_id)
    ).one()
    mine = (
        deliveries.c.job_id == row.job_id,
        deliveries.c.destination_name == row.destination_name,
    )
    waits = (*mine, deliveries.c.state == DeliveryState.PENDING.value)
    if connection.execute(select(deliveries.c.id).where(*waits).limit(1)).first() is not None:
        return
    there = deliveries.c.state.in_([DeliveryState.SENT.value, DeliveryState.CONFIRMED.value])
    counted = (
        select(result_objects.c.sop_class_uid, func.count())
        .join(deliveries, deliveries.c.object_id == result_objects.c.id)
        .where(*mine, there)
        .group_by(result_objects.c.sop_class_uid)
    )
    classes = {row[0]: row[1] for row in connection.execute(counted)}
    after = {"destination": row.destination_name, "job_id": row.job_id, "sop_classes": classes}
    subject = f"study {study_key(row.study_instance_uid)}"
    note(connection, now, ("delivery", "study.send", subject), after=after)
