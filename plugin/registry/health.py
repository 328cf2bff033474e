"""What is learnt of destinations by talking to them: do they answer, what do they take instead.

Kept beside the destinations, which people edit: an edit is noticed by comparing records, and a
restart goes on with what was learnt.
"""

from datetime import datetime

from sqlalchemy import Connection, Select, select, update

from plugin.domain.errors import Reason
from plugin.domain.job import DeliveryState
from plugin.domain.objects import FALLBACKS
from plugin.registry.deliveries import insert_delivery
from plugin.registry.delivery_records import DeliveryRecord, DestinationHealth, Substitution
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.tables import (
    deliveries,
    destination_health,
    destinations,
    result_objects,
    substitutions,
)
from plugin.registry.transitions import delivery_may_become


def forget(connection: Connection, destination_id: int) -> None:
    """Forget what was learnt of a destination: its address changed, or its fault was mended."""
    for table in (destination_health, substitutions):
        connection.execute(table.delete().where(table.c.destination_id == destination_id))


class Health:
    """The memory of the delivering process, visible to people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, destination_id: int) -> DestinationHealth:
        """Return what is known of a destination; of a new one nothing."""
        columns = [destination_health.c[name] for name in DestinationHealth.__slots__]
        query = select(*columns).where(destination_health.c.destination_id == destination_id)
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
        if row is None:
            return DestinationHealth()
        reason = row["last_reason"]
        return DestinationHealth(
            **{**row, "last_reason": None if reason is None else Reason(reason)}
        )

    def failed(
        self,
        destination_id: int,
        reason: Reason,
        n_failures: int,
        next_probe_at: datetime,
        *,
        opens: bool,
    ) -> None:
        """Note a failure in a row; ``opens`` when nothing is sent there until a probe succeeds."""
        now = self._database.now()
        with self._database.write() as connection:
            _ensure(connection, destination_id)
            mine = destination_health.c.destination_id == destination_id
            values = {
                "n_failures": n_failures,
                "last_reason": reason.value,
                "next_probe_at": next_probe_at,
            }
            connection.execute(update(destination_health).where(mine).values(**values))
            if opens:
                closed = destination_health.c.open_since.is_(None)
                connection.execute(
                    update(destination_health).where(mine, closed).values(open_since=now)
                )

    def answered(self, destination_id: int) -> None:
        """Note that the destination answers; what was open is closed."""
        self._note(
            destination_id,
            n_failures=0,
            open_since=None,
            next_probe_at=None,
            last_reason=None,
            last_answer_at=self._database.now(),
        )

    def confirms(self, destination_id: int, by: str) -> None:
        """Note how the destination confirms: ``commitment``, ``query`` or ``nothing``."""
        self._note(destination_id, confirms_by=by, confirms_since=self._database.now())

    def _note(self, destination_id: int, **values: object) -> None:
        with self._database.write() as connection:
            _ensure(connection, destination_id)
            mine = destination_health.c.destination_id == destination_id
            connection.execute(update(destination_health).where(mine).values(**values))

    def substitutions(self, destination_id: int | None = None) -> list[Substitution]:
        """Return what destinations (or one of them) get instead of what they do not take."""
        columns = [
            substitutions.c[name] for name in Substitution.__slots__ if name != "destination_name"
        ]
        query: Select[tuple[object, ...]] = (
            select(destinations.c.name.label("destination_name"), *columns)
            .join_from(substitutions, destinations)
            .order_by(destinations.c.name, substitutions.c.since, substitutions.c.id)
        )
        if destination_id is not None:
            query = query.where(substitutions.c.destination_id == destination_id)
        with self._database.read() as connection:
            return [Substitution(**row) for row in connection.execute(query).mappings()]

    def takes_implicit(self, destination_id: int) -> None:
        """Note that objects go there in Implicit VR Little Endian only."""
        self._note(destination_id, implicit_since=self._database.now())

    def substitute(self, delivery: DeliveryRecord, status: int | None = None) -> str | None:
        """Send another kind of object of the same job instead of one that is not taken there.

        The refusal is remembered; who takes the kind again is learnt by ``forget``.

        Parameters
        ----------
        status
            The status of the refusal, None where the SOP class was not negotiated.

        Returns
        -------
        str or None
            The kind that goes there instead (it may have been on its way already); None when the
            job has none, and nothing was changed.
        """
        if delivery.destination_id is None:
            return None
        now = self._database.now()
        with self._database.write() as connection:
            kind, objects = _best_fallback(connection, delivery)
            if kind is None:
                return None
            waits = delivery_may_become(
                deliveries.c.state, DeliveryState.REPLACED, {DeliveryState.PENDING}
            )
            replaced = connection.execute(
                update(deliveries)
                .where(deliveries.c.id == delivery.id, waits)
                .values(
                    state=DeliveryState.REPLACED.value,
                    last_reason=Reason.REPLACED_BY_OTHER_KIND.value,
                    last_status=status,
                )
            ).rowcount
            if not replaced:
                return None
            _remember(connection, delivery.destination_id, delivery.kind, (kind, status, now))
            destination = (delivery.destination_id, delivery.destination_name)
            for object_id in objects:
                insert_delivery(connection, delivery.job_id, object_id, destination, now)
            return kind

    def forget(self, destination_id: int) -> None:
        """Forget what was learnt, so that everything is tried again as if it were new."""
        with self._database.write() as connection:
            forget(connection, destination_id)


def _ensure(connection: Connection, destination_id: int) -> None:
    """Make the row of a destination, if there is none yet."""
    known = select(destinations.c.id).where(destinations.c.id == destination_id)
    if connection.execute(known).one_or_none() is None:
        return  # removed in this moment; there is nothing to note any more
    values = {"destination_id": destination_id, "n_failures": 0}
    insert_unless_known(connection, destination_health, values, "destination_id")


def _best_fallback(
    connection: Connection, delivery: DeliveryRecord
) -> tuple[str | None, list[int]]:
    """Return the kind to send instead and the job's objects of it; None when there is none."""
    mine = substitutions.c.destination_id == delivery.destination_id
    refused = set(connection.execute(select(substitutions.c.kind).where(mine)).scalars())
    made = connection.execute(
        select(result_objects.c.kind, result_objects.c.id).where(
            result_objects.c.job_id == delivery.job_id
        )
    ).all()
    for kind in FALLBACKS.get(delivery.kind, ()):
        objects = [row.id for row in made if row.kind == kind]
        if objects and kind not in refused:
            return kind, objects
    return None, []


def _remember(
    connection: Connection, destination_id: int, kind: str, what: tuple[str, int | None, datetime]
) -> None:
    """Note a refusal; one that is known already keeps its date and status."""
    instead, status, since = what
    values = {"destination_id": destination_id, "kind": kind, "instead": instead}
    new = {**values, "status": status, "since": since}
    if not insert_unless_known(connection, substitutions, new, "destination_id", "kind"):
        mine = (substitutions.c.destination_id == destination_id, substitutions.c.kind == kind)
        connection.execute(update(substitutions).where(*mine).values(instead=instead))
