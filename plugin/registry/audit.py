"""Who changed what: rows that are only ever added."""

import contextlib
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, select

from plugin.domain.errors import TransientError
from plugin.registry.engine import Database
from plugin.registry.tables import audit

USED_FROM: ContextVar[str | None] = ContextVar("used_from", default=None)
"""IP address from which somebody uses the pages, for what is audited on the way; None: nobody."""


@dataclass(frozen=True, slots=True)
class AuditRecord:
    """Who changed what.

    Attributes
    ----------
    address
        IP address from which the pages or the interface were used; None: not through them.
    """

    id: int
    at: datetime
    actor: str
    action: str
    subject: str
    before: Mapping[str, Any] | None
    after: Mapping[str, Any] | None
    address: str | None = None


class Audit:
    """The audit trail; subjects name peers, destinations and studies (by key), not patients."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        actor: str,
        action: str,
        subject: str,
        before: Mapping[str, Any] | None = None,
        after: Mapping[str, Any] | None = None,
    ) -> None:
        """Note that ``actor`` did ``action`` (``peer.add``, ``study.requeue``) to ``subject``."""
        with self._database.write() as connection:
            note(connection, self._database.now(), (actor, action, subject), before, after)

    def add_unless_lately(self, actor: str, action: str, subject: str, lately: timedelta) -> None:
        """Note what comes in many requests once: not again while an entry of it is so young.

        What the same actor does from another IP address is another thing.
        """
        same = (
            audit.c.subject == subject,
            audit.c.actor == actor,
            audit.c.action == action,
            audit.c.address.is_not_distinct_from(USED_FROM.get()),
            audit.c.at > self._database.now() - lately,
        )
        with self._database.read() as connection:
            noted = connection.execute(select(audit.c.id).where(*same).limit(1)).first()
        if noted is None:
            self.add(actor, action, subject)

    @contextlib.contextmanager
    def running(self, process: str) -> Iterator[None]:
        """Note that a process of ours starts and stops."""
        self.add("system", "application.start", f"process {process}")
        try:
            yield
        finally:
            with contextlib.suppress(TransientError):
                self.add("system", "application.stop", f"process {process}")

    def of_subject(self, subject: str, limit: int = 200) -> Sequence[AuditRecord]:
        """Return what was done to one subject, newest first."""
        query = select(audit).where(audit.c.subject == subject).order_by(audit.c.id.desc())
        with self._database.read() as connection:
            return [AuditRecord(**row) for row in connection.execute(query.limit(limit)).mappings()]

    def get(self, entry_id: int) -> AuditRecord | None:
        """Return one entry."""
        with self._database.read() as connection:
            found = connection.execute(select(audit).where(audit.c.id == entry_id)).mappings()
            row = found.one_or_none()
            return None if row is None else AuditRecord(**row)

    def list(
        self, limit: int = 200, before_id: int | None = None, actions: Collection[str] = ()
    ) -> list[AuditRecord]:
        """Return the newest entries (before one, of some actions only), newest first."""
        query = select(audit).order_by(audit.c.id.desc()).limit(limit)
        if before_id is not None:
            query = query.where(audit.c.id < before_id)
        if actions:
            query = query.where(audit.c.action.in_(actions))
        with self._database.read() as connection:
            return [AuditRecord(**row) for row in connection.execute(query).mappings()]


def note(
    connection: Connection,
    at: datetime,
    what: tuple[str, str, str],
    before: Mapping[str, Any] | None = None,
    after: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry (actor, action, subject) in the transaction of the change itself."""
    actor, action, subject = what
    connection.execute(
        audit.insert().values(
            at=at,
            actor=actor,
            action=action,
            subject=subject,
            before=None if before is None else dict(before),
            after=None if after is None else dict(after),
            address=USED_FROM.get(),
        )
    )
