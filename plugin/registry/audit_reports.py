"""How far the audit trail was reported to the hospital's audit repository.

The trail itself is the queue: what waits is every entry since reporting was first switched on that
is not noted here. Entries become visible out of order (transactions overlap), so each one is noted
for a while, and only what is old enough is summed up in one number.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from plugin.domain.errors import Reason
from plugin.registry.audit import AuditRecord
from plugin.registry.audit_tables import audit_reported, audit_reporting
from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.tables import audit

_ROW = 1
_SETTLED_AFTER = timedelta(hours=1)
"""No transaction is open for so long: older entries are all visible."""


@dataclass(frozen=True, slots=True)
class AuditReporting:
    """How reporting goes.

    Attributes
    ----------
    n_waiting, oldest_at
        Entries that the repository has not got yet, and the time of the oldest.
    failing_since, reason
        Since when and why it cannot be reported; None when the last try was good.
    """

    n_waiting: int
    oldest_at: datetime | None
    last_sent_at: datetime | None
    failing_since: datetime | None
    reason: Reason | None


class AuditReports:
    """What the repository has, and what it has not."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def begin(self) -> None:
        """Note that entries are reported from now on, unless they are already."""
        with self._database.read() as connection:
            if connection.execute(select(audit_reporting.c.id)).first() is not None:
                return
            newest = connection.execute(select(func.max(audit.c.id))).scalar_one_or_none()
        values = {"id": _ROW, "all_reported_up_to": newest or 0}
        with self._database.write() as connection:
            insert_unless_known(connection, audit_reporting, values, "id")

    def waiting(self, limit: int) -> list[AuditRecord]:
        """Return the oldest entries that were not reported yet, in order."""
        query = select(audit).where(*_waits()).order_by(audit.c.id).limit(limit)
        with self._database.read() as connection:
            return [AuditRecord(**row) for row in connection.execute(query).mappings()]

    def sent(self, ids: Sequence[int]) -> None:
        """Note that the repository has entries."""
        now = self._database.now()
        good = {"last_sent_at": now, "failing_since": None, "reason": None}
        with self._database.write() as connection:
            connection.execute(insert(audit_reported), [{"audit_id": one} for one in ids])
            connection.execute(update(audit_reporting).values(**good))
            _sum_up(connection, now - _SETTLED_AFTER)

    def failed(self, reason: Reason) -> None:
        """Note that entries could not be reported; since when, the first failure says."""
        since = func.coalesce(audit_reporting.c.failing_since, self._database.now())
        with self._database.write() as connection:
            values = {"failing_since": since, "reason": reason.value}
            connection.execute(update(audit_reporting).values(**values))

    def state(self) -> AuditReporting | None:
        """Return how reporting goes; None when nothing was ever to be reported."""
        waiting = select(func.count(), func.min(audit.c.at)).where(*_waits())
        with self._database.read() as connection:
            row = connection.execute(select(audit_reporting)).mappings().one_or_none()
            if row is None:
                return None
            n_waiting, oldest_at = connection.execute(waiting).one()
        reason = None if row["reason"] is None else Reason(row["reason"])
        return AuditReporting(
            n_waiting, oldest_at, row["last_sent_at"], row["failing_since"], reason
        )


def _waits() -> tuple[ColumnElement[bool], ...]:
    up_to = select(audit_reporting.c.all_reported_up_to).scalar_subquery()
    noted = select(audit_reported.c.audit_id).where(audit_reported.c.audit_id == audit.c.id)
    return audit.c.id > up_to, ~noted.exists()


def _sum_up(connection: Connection, before: datetime) -> None:
    """Forget single notes up to the last entry before a time, if none before it waits."""
    up_to = connection.execute(
        select(func.max(audit.c.id)).where(audit.c.at < before)
    ).scalar_one_or_none()
    first = connection.execute(select(func.min(audit.c.id)).where(*_waits())).scalar_one_or_none()
    if up_to is None or (first is not None and first <= up_to):
        return
    forward = audit_reporting.c.all_reported_up_to < up_to
    connection.execute(update(audit_reporting).where(forward).values(all_reported_up_to=up_to))
    connection.execute(delete(audit_reported).where(audit_reported.c.audit_id <= up_to))
