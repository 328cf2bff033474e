"""Deliveries: one row per object and destination; the rows of a destination are its queue."""

from collections.abc import Collection, Mapping
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, func, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from plugin.registry.engine import Database
from plugin.registry.records import DeliveryRecord
from plugin.registry.rows import delivery_record, select_deliveries
from plugin.registry.tables import deliveries
from plugin.registry.transitions import delivery_may_become


def retry_dead(connection: Connection, now: datetime, *which: ColumnElement[bool]) -> int:
    """Put dead deliveries back into their queues; return how many."""
    dead = delivery_may_become(deliveries.c.state, DeliveryState.PENDING, {DeliveryState.DEAD})
    return connection.execute(
        update(deliveries)
        .where(dead, *which)
        .values(
            state=DeliveryState.PENDING.value,
            attempts=0,
            last_reason=None,
            last_status=None,
            next_attempt_at=now,
        )
    ).rowcount


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

    def sent(self, delivery_id: int, status: int = 0x0000) -> bool:
        """Note that the destination took the object (``status``: success or a warning)."""
        return self._move(
            delivery_id,
            DeliveryState.SENT,
            {DeliveryState.PENDING},
            attempts=deliveries.c.attempts + 1,
            last_status=status,
            last_reason=None,
            sent_at=self._database.now(),
        )

    def confirmed(self, delivery_id: int) -> bool:
        """Note that the destination committed to keep the object."""
        return self._move(
            delivery_id,
            DeliveryState.CONFIRMED,
            {DeliveryState.SENT},
            confirmed_at=self._database.now(),
        )

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
            {DeliveryState.PENDING},
            attempts=deliveries.c.attempts + 1,
            last_reason=reason.value,
            last_status=status,
        )

    def retry(self, delivery_id: int) -> bool:
        """Have a dead delivery tried again from the beginning."""
        with self._database.write() as connection:
            return retry_dead(connection, self._database.now(), deliveries.c.id == delivery_id) == 1

    def retry_all(self, destination_id: int) -> int:
        """Have everything that was given up at one destination tried again; return how many."""
        with self._database.write() as connection:
            return retry_dead(
                connection, self._database.now(), deliveries.c.destination_id == destination_id
            )

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
            return (
                connection.execute(
                    update(deliveries)
                    .where(deliveries.c.id == delivery_id)
                    .where(delivery_may_become(deliveries.c.state, target, sources))
                    .values(state=target.value, **values)
                ).rowcount
                == 1
            )
