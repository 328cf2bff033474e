"""Which processes live, and what they say of themselves: load, memory, model, what they do."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select, update

from plugin.registry.engine import Database, insert_unless_known
from plugin.registry.operation_tables import heartbeats

STALE_AFTER = timedelta(seconds=40)
_KEPT_FOR = timedelta(hours=12)


@dataclass(frozen=True, slots=True)
class Heartbeat:
    """One process as it last said of itself."""

    name: str
    kind: str
    started_at: datetime
    seen_at: datetime
    facts: Mapping[str, Any]

    def is_alive(self, now: datetime) -> bool:
        """Tell whether it was heard of lately."""
        return now - self.seen_at < STALE_AFTER


class Heartbeats:
    """The processes that beat."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def beat(self, name: str, kind: str, facts: Mapping[str, Any]) -> None:
        """Note that a process lives; rows of processes that ended long ago go."""
        now = self._database.now()
        values = {"kind": kind, "seen_at": now, "facts": dict(facts)}
        with self._database.write() as connection:
            new = {"name": name, "started_at": now, **values}
            if not insert_unless_known(connection, heartbeats, new, "name"):
                mine = heartbeats.c.name == name
                connection.execute(update(heartbeats).where(mine).values(**values))
            connection.execute(heartbeats.delete().where(heartbeats.c.seen_at < now - _KEPT_FOR))

    def ended(self, name: str) -> None:
        """Forget a process that ended as it should."""
        with self._database.write() as connection:
            connection.execute(heartbeats.delete().where(heartbeats.c.name == name))

    def list(self) -> list[Heartbeat]:
        """Return all processes by kind and name."""
        query = select(heartbeats).order_by(heartbeats.c.kind, heartbeats.c.name)
        with self._database.read() as connection:
            return [Heartbeat(**row) for row in connection.execute(query).mappings()]
