"""Associations that are open, were open, or were refused, as the node saw them."""

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, case, func, select, update

from plugin.domain.errors import Reason
from plugin.registry.audit import note
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.records import AssociationRecord, RejectedAssociation
from plugin.registry.tables import associations, instances, rejected_associations

# An open association is beaten with every image, or at least this often divided by a few; a node
# that died without closing its rows must not hold studies back for ever.
STALE_AFTER = timedelta(seconds=180)


@dataclass(frozen=True, slots=True)
class Traffic:
    """What one sender sent within a time: associations, those aborted, images."""

    n_associations: int
    n_aborted: int
    n_images: int


class Associations:
    """Accepted and refused associations."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def opened(
        self, association_id: str, calling_ae_title: str, called_ae_title: str, address: str
    ) -> None:
        """Note an accepted association."""
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(
                associations.insert().values(
                    id=association_id,
                    calling_ae_title=calling_ae_title,
                    called_ae_title=called_ae_title,
                    address=address,
                    opened_at=now,
                    seen_at=now,
                )
            )

    def beat(self, association_id: str, n_received: int | None = None) -> None:
        """Note that the association lives (at least once a minute)."""
        values: dict[str, object] = {"seen_at": self._database.now()}
        if n_received is not None:
            values["n_received"] = n_received
        with self._database.write() as connection:
            connection.execute(
                update(associations)
                .where(associations.c.id == association_id, associations.c.closed_at.is_(None))
                .values(**values)
            )

    def closed(self, association_id: str, outcome: str, n_received: int) -> None:
        """Note its end: ``released`` or ``aborted``, and how many instances it brought."""
        now = self._database.now()
        with self._database.write() as connection:
            connection.execute(
                update(associations)
                .where(associations.c.id == association_id, associations.c.closed_at.is_(None))
                .values(closed_at=now, seen_at=now, outcome=outcome, n_received=n_received)
            )

    def close_stale(self) -> int:
        """Close what an earlier run of the node left open; called once at node start."""
        with self._database.write() as connection:
            return connection.execute(
                update(associations)
                .where(associations.c.closed_at.is_(None))
                .values(closed_at=self._database.now(), outcome="aborted")
            ).rowcount

    def open_for(self, calling_ae_title: str) -> int:
        """Count the associations that are open now from this AE title."""
        query = (
            select(func.count())
            .select_from(associations)
            .where(associations.c.calling_ae_title == calling_ae_title, is_open(self._database))
        )
        with self._database.read() as connection:
            return connection.execute(query).scalar_one()

    def rejected(
        self, calling_ae_title: str, called_ae_title: str, address: str, reason: Reason
    ) -> None:
        """Note a refused association; equal ones are counted, so a mad sender fills no disk."""
        now = self._database.now()
        key = {
            "calling_ae_title": calling_ae_title,
            "called_ae_title": called_ae_title,
            "address": address,
            "reason": reason.value,
        }
        columns = rejected_associations.c
        with self._database.write() as connection:
            is_new = insert_unless_known(
                connection,
                rejected_associations,
                {**key, "n_times": 0, "first_at": now, "last_at": now},
                *key,
            )
            if is_new:
                what = (calling_ae_title, "association.refuse", "node")
                note(connection, now, what, after=key)
            connection.execute(
                update(rejected_associations)
                .where(*(columns[name] == value for name, value in key.items()))
                .values(n_times=columns.n_times + 1, last_at=now)
            )

    def list_rejected(self, limit: int = 100) -> list[RejectedAssociation]:
        """Return refused associations, the latest first."""
        columns = [column for column in rejected_associations.c if column.name != "id"]
        query = select(*columns).order_by(rejected_associations.c.last_at.desc()).limit(limit)
        with self._database.read() as connection:
            rows = connection.execute(query).mappings()
            return [RejectedAssociation(**{**r, "reason": Reason(r["reason"])}) for r in rows]

    def traffic(self, since: datetime) -> dict[str, Traffic]:
        """Return by calling AE title what was sent on associations opened since a time."""
        columns = associations.c
        query = (
            select(
                columns.calling_ae_title,
                func.count(),
                func.sum(case((columns.outcome == "aborted", 1), else_=0)),
                func.sum(columns.n_received),
            )
            .where(columns.opened_at >= since)
            .group_by(columns.calling_ae_title)
        )
        with self._database.read() as connection:
            return {row[0]: Traffic(row[1], row[2], row[3]) for row in connection.execute(query)}

    def of_study(self, study_id: int) -> list[AssociationRecord]:
        """Return the associations that brought images of a study, oldest first."""
        brought = select(instances.c.association_id).where(instances.c.study_id == study_id)
        query = (
            select(associations)
            .where(associations.c.id.in_(brought))
            .order_by(associations.c.opened_at)
        )
        with self._database.read() as connection:
            return [AssociationRecord(**row) for row in connection.execute(query).mappings()]

    def list(self, limit: int = 100) -> list[AssociationRecord]:
        """Return the newest associations, newest first."""
        query = select(associations).order_by(associations.c.opened_at.desc()).limit(limit)
        with self._database.read() as connection:
            return [AssociationRecord(**row) for row in connection.execute(query).mappings()]


def is_open(database: Database) -> ColumnElement[bool]:
    """Return the condition under which an association holds its studies open."""
    alive = associations.c.seen_at > database.now() - STALE_AFTER
    return associations.c.closed_at.is_(None) & alive
