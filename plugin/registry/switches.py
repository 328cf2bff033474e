"""Switches: sending held back everywhere or at one destination, without losing anything.

What waits stays in its queue and goes when the switch is on again. While everything is off, the
worklist keeps the order that it would have without the AI.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ColumnElement, Connection, select

from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.tables import destinations
from plugin.registry.triage_tables import switches


@dataclass(frozen=True, slots=True)
class SwitchedOff:
    """One switch that is off; ``destination`` is None for all of them."""

    destination_id: int | None
    destination: str | None
    off_since: datetime
    switched_by: str


@dataclass(frozen=True, slots=True)
class Switches:
    """Every switch that is off now."""

    off: tuple[SwitchedOff, ...]

    @property
    def everything_is_off(self) -> bool:
        """Whether nothing is sent anywhere and no order is changed."""
        return any(one.destination_id is None for one in self.off)

    def holds(self, destination_id: int) -> bool:
        """Tell whether nothing may be sent to a destination now."""
        return any(one.destination_id in (None, destination_id) for one in self.off)


class SwitchBoard:
    """The switches; each change is audited and counts at once in every process."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> Switches:
        """Return what is switched off."""
        query = (
            select(switches, destinations.c.name)
            .outerjoin(destinations, destinations.c.id == switches.c.destination_id)
            .order_by(switches.c.id)
        )
        with self._database.read() as connection:
            return Switches(
                tuple(
                    SwitchedOff(row.destination_id, row.name, row.off_since, row.switched_by)
                    for row in connection.execute(query)
                )
            )

    def switch_off(self, actor: str, destination: str | None = None) -> bool:
        """Hold back everything, or what goes to one destination; False when it is held already.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``: there is no such destination.
        """
        now = self._database.now()
        with self._database.write() as connection:
            destination_id = _destination_id(connection, destination)
            if _is_off(connection, destination_id):
                return False
            connection.execute(
                switches.insert().values(
                    destination_id=destination_id, off_since=now, switched_by=actor
                )
            )
            note(connection, now, (actor, "switch.off", _subject(destination)))
            return True

    def switch_on(self, actor: str, destination: str | None = None) -> bool:
        """Let go again; False when it was not held.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``: there is no such destination.
        """
        now = self._database.now()
        with self._database.write() as connection:
            destination_id = _destination_id(connection, destination)
            if not _is_off(connection, destination_id):
                return False
            connection.execute(switches.delete().where(_is(destination_id)))
            note(connection, now, (actor, "switch.on", _subject(destination)))
            return True


def _is(destination_id: int | None) -> ColumnElement[bool]:
    column = switches.c.destination_id
    return column.is_(None) if destination_id is None else column == destination_id


def _is_off(connection: Connection, destination_id: int | None) -> bool:
    return connection.execute(select(switches.c.id).where(_is(destination_id))).first() is not None


def _destination_id(connection: Connection, name: str | None) -> int | None:
    if name is None:
        return None
    query = select(destinations.c.id).where(destinations.c.name == name)
    found = connection.execute(query).scalar_one_or_none()
    if found is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
    return int(found)


def _subject(destination: str | None) -> str:
    return "everything" if destination is None else f"destination {destination}"
