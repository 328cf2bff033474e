"""Peers (who may send) and destinations (where results go): edited while the system runs.

Each change is checked, audited in its own transaction and seen by the next association or send.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.exc import IntegrityError

from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.identifiers import check_ae_title
from plugin.domain.job import ConfirmMode, DeliveryState
from plugin.domain.objects import DEFAULT_OBJECTS, OBJECT_KINDS
from plugin.domain.study import PeerKind
from plugin.registry.audit import note
from plugin.registry.deliveries import retry_dead
from plugin.registry.engine import Database
from plugin.registry.records import DestinationRecord, PeerRecord
from plugin.registry.tables import deliveries, destinations, peers

_HIGHEST_PORT = 65535
_LONGEST_NAME = 64


class Peers:
    """The known senders, by calling AE title."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(  # noqa: PLR0913
        self,
        ae_title: str,
        *,
        host: str | None = None,
        port: int | None = None,
        kind: PeerKind = PeerKind.ARCHIVE,
        quiet_seconds: float | None = None,
        cap_seconds: float | None = None,
        enabled: bool = True,
        actor: str = "cli",
    ) -> PeerRecord:
        """Make a sender known.

        Raises
        ------
        ConfigurationError
            If the AE title is invalid or known already, or a value cannot be used.
        """
        values = _checked_peer(
            {
                "ae_title": ae_title,
                "host": host,
                "port": port,
                "kind": kind,
                "quiet_seconds": quiet_seconds,
                "cap_seconds": cap_seconds,
                "enabled": enabled,
            }
        )
        with self._database.write() as connection:
            with _free_name(f"peer {values['ae_title']}"):
                connection.execute(peers.insert().values(**values))
            after = _peer(connection, values["ae_title"])
            subject = f"peer {after.ae_title}"
            note(
                connection, self._database.now(), (actor, "peer.add", subject), after=_plain(after)
            )
        return after

    def edit(self, ae_title: str, /, *, actor: str = "cli", **changes: object) -> PeerRecord:
        """Change fields of a known sender; what is not named stays.

        Raises
        ------
        ConfigurationError
            If the peer is unknown or a value cannot be used.
        """
        values = _checked_peer(changes)
        with self._database.write() as connection:
            before = _peer(connection, ae_title)
            if values:
                changed = update(peers).where(peers.c.id == before.id).values(**values)
                with _free_name(f"peer {values.get('ae_title')}"):
                    connection.execute(changed)
            after = _peer(connection, values.get("ae_title", before.ae_title))
            what = (actor, "peer.edit", f"peer {before.ae_title}")
            note(connection, self._database.now(), what, _plain(before), _plain(after))
        return after

    def remove(self, ae_title: str, *, actor: str = "cli") -> None:
        """Forget a sender; what it sent stays."""
        with self._database.write() as connection:
            before = _peer(connection, ae_title)
            connection.execute(peers.delete().where(peers.c.id == before.id))
            what = (actor, "peer.remove", f"peer {before.ae_title}")
            note(connection, self._database.now(), what, _plain(before))

    def list(self) -> list[PeerRecord]:
        """Return all peers by AE title."""
        with self._database.read() as connection:
            rows = connection.execute(select(peers).order_by(peers.c.ae_title)).mappings()
            return [_peer_record(row) for row in rows]

    def get(self, ae_title: str) -> PeerRecord | None:
        """Return the peer with this AE title (case matters), or None."""
        with self._database.read() as connection:
            query = select(peers).where(peers.c.ae_title == ae_title.strip(" "))
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _peer_record(row)

    def seen(self, ae_title: str) -> None:
        """Note that the peer opened an association now."""
        with self._database.write() as connection:
            connection.execute(
                update(peers)
                .where(peers.c.ae_title == ae_title)
                .values(last_seen_at=self._database.now())
            )


class Destinations:
    """Where results go, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(
        self,
        name: str,
        *,
        ae_title: str,
        host: str,
        port: int,
        objects: tuple[str, ...] = DEFAULT_OBJECTS,
        enabled: bool = True,
        actor: str = "cli",
    ) -> DestinationRecord:
        """Add a destination; results published from now on are sent there.

        So is what waited for an earlier destination of this name when that was removed.

        Raises
        ------
        ConfigurationError
            If the name exists already or a value cannot be used.
        """
        values = _checked_destination(
            {
                "name": name,
                "ae_title": ae_title,
                "host": host,
                "port": port,
                "objects": objects,
                "enabled": enabled,
            }
        )
        with self._database.write() as connection:
            with _free_name(f"destination {name}"):
                connection.execute(destinations.insert().values(**values))
            after = _destination(connection, values["name"])
            _adopt(connection, after, self._database.now())
            what = (actor, "destination.add", f"destination {after.name}")
            note(connection, self._database.now(), what, after=_plain(after))
        return after

    def edit(self, name: str, /, *, actor: str = "cli", **changes: object) -> DestinationRecord:
        """Change fields of a destination; what is not named stays.

        Raises
        ------
        ConfigurationError
            If the destination is unknown or a value cannot be used.
        """
        values = _checked_destination(changes)
        with self._database.write() as connection:
            before = _destination(connection, name)
            if values:
                changed = update(destinations).where(destinations.c.id == before.id)
                with _free_name(f"destination {values.get('name')}"):
                    connection.execute(changed.values(**values))
            after = _destination(connection, values.get("name", before.name))
            what = (actor, "destination.edit", f"destination {before.name}")
            note(connection, self._database.now(), what, _plain(before), _plain(after))
        return after

    def remove(self, name: str, *, actor: str = "cli") -> int:
        """Remove a destination; return how many objects still waited for it (now dead)."""
        with self._database.write() as connection:
            before = _destination(connection, name)
            waiting = connection.execute(
                update(deliveries)
                .where(deliveries.c.destination_id == before.id)
                .where(deliveries.c.state == DeliveryState.PENDING)
                .values(state=DeliveryState.DEAD, last_reason=Reason.DESTINATION_REMOVED)
            ).rowcount
            connection.execute(destinations.delete().where(destinations.c.id == before.id))
            what = (actor, "destination.remove", f"destination {before.name}")
            note(connection, self._database.now(), what, _plain(before), {"n_waiting": waiting})
        return waiting

    def list(self) -> list[DestinationRecord]:
        """Return all destinations by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(destinations).order_by(destinations.c.name)).mappings()
            return [_destination_record(row) for row in rows]

    def get(self, name: str) -> DestinationRecord | None:
        """Return the destination with this name, or None."""
        with self._database.read() as connection:
            query = select(destinations).where(destinations.c.name == name)
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _destination_record(row)


@contextmanager
def _free_name(what: str) -> Iterator[None]:
    """Say that the name is taken when the database refuses a second row with it."""
    try:
        yield
    except IntegrityError:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{what} exists already") from None


def _adopt(connection: Connection, destination: DestinationRecord, now: datetime) -> None:
    """Give a new destination what waited for a removed one of its name."""
    orphans = (
        deliveries.c.destination_id.is_(None),
        deliveries.c.destination_name == destination.name,
        deliveries.c.last_reason == Reason.DESTINATION_REMOVED,
    )
    connection.execute(
        update(deliveries)
        .where(*orphans, deliveries.c.state == DeliveryState.DEAD)
        .values(destination_id=destination.id)
    )
    retry_dead(connection, now, deliveries.c.destination_id == destination.id)


def _plain(record: PeerRecord | DestinationRecord) -> dict[str, Any]:
    values = asdict(record)
    values.pop("last_seen_at", None)
    return values


def _peer_record(row: RowMapping) -> PeerRecord:
    return PeerRecord(**{**row, "kind": PeerKind(row["kind"])})


def _destination_record(row: RowMapping) -> DestinationRecord:
    return DestinationRecord(
        **{**row, "objects": tuple(row["objects"]), "confirm": ConfirmMode(row["confirm"])}
    )


def _peer(connection: Connection, ae_title: str) -> PeerRecord:
    query = select(peers).where(peers.c.ae_title == ae_title.strip(" ")).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"peer {ae_title}")
    return _peer_record(row)


def _destination(connection: Connection, name: str) -> DestinationRecord:
    query = select(destinations).where(destinations.c.name == name).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
    return _destination_record(row)


def _checked_peer(values: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown(values, PeerRecord)
    checked = _checked_address(values)
    if "kind" in checked:
        try:
            checked["kind"] = PeerKind(checked["kind"]).value
        except ValueError:
            kinds = ", ".join(PeerKind)
            raise ConfigurationError(Reason.SETTING_INVALID, f"kind is one of: {kinds}") from None
    for name in ("quiet_seconds", "cap_seconds"):
        if checked.get(name) is not None and not 0 < checked[name] < float("inf"):
            raise ConfigurationError(Reason.SETTING_INVALID, f"{name} must be more than 0")
    return checked


def _checked_destination(values: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown(values, DestinationRecord)
    checked = _checked_address(values)
    if "name" in checked and not 0 < len(checked["name"].strip()) <= _LONGEST_NAME:
        raise ConfigurationError(Reason.SETTING_INVALID, "a name has 1 to 64 characters")
    if "host" in checked and checked["host"] is None:
        raise ConfigurationError(Reason.SETTING_INVALID, "a destination needs a host")
    if "port" in checked and checked["port"] is None:
        raise ConfigurationError(Reason.SETTING_INVALID, "a destination needs a port")
    if "objects" in checked:
        wanted = set(checked["objects"])
        if not wanted or not wanted <= set(OBJECT_KINDS):
            kinds = ", ".join(OBJECT_KINDS)
            raise ConfigurationError(Reason.SETTING_INVALID, f"objects are some of: {kinds}")
        checked["objects"] = [kind for kind in OBJECT_KINDS if kind in wanted]
    return checked


def _checked_address(values: dict[str, Any]) -> dict[str, Any]:
    checked = dict(values)
    if "ae_title" in checked:
        checked["ae_title"] = check_ae_title(checked["ae_title"])
    if "host" in checked:
        checked["host"] = (checked["host"] or "").strip() or None
    if checked.get("port") is not None and not 0 < checked["port"] <= _HIGHEST_PORT:
        raise ConfigurationError(Reason.SETTING_INVALID, "a port is 1 to 65535")
    return checked


def _refuse_unknown(values: dict[str, Any], record: type) -> None:
    unknown = set(values) - (set(record.__slots__) - {"id", "last_seen_at"})  # type: ignore[attr-defined]
    if unknown:
        message = f"no such field: {', '.join(sorted(unknown))}"
        raise TypeError(message)
