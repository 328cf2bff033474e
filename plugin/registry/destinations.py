"""Destinations: where results go, edited while the system runs.

Each change is checked, audited in its own transaction and seen by the next send.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update

from plugin.domain.certificates import check_certificate_name
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.job import ConfirmMode, DeliveryState
from plugin.domain.objects import DEFAULT_OBJECTS, OBJECT_KINDS
from plugin.domain.urls import checked_url
from plugin.registry.audit import note
from plugin.registry.deliveries import nothing_to_confirm, retry_dead
from plugin.registry.delivery_records import DestinationRecord
from plugin.registry.engine import Database
from plugin.registry.health import forget
from plugin.registry.marks import plain, require_mark
from plugin.registry.peers import (
    checked_address,
    free_name,
    refuse_unknown,
)
from plugin.registry.rows import newest
from plugin.registry.tables import deliveries, destinations

_LONGEST_NAME = 64
_NOT_DIMSE = {"ae_title": "", "tls": False, "tls_name": None}


class Destinations:
    """Where results go, by name."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(  # noqa: PLR0913
        self,
        name: str,
        *,
        ae_title: str = "",
        host: str | None = None,
        port: int | None = None,
        url: str | None = None,
        credentials_file: str | None = None,
        ca_file: str | None = None,
        confirm: ConfirmMode = ConfirmMode.AUTO,
        reject_superseded: bool = False,
        tls: bool = False,
        tls_name: str | None = None,
        objects: tuple[str, ...] = DEFAULT_OBJECTS,
        enabled: bool = True,
        actor: str = "cli",
    ) -> DestinationRecord:
        """Add a destination, by DIMSE address or by URL; what is published from now on goes there.

        So does what waited for an earlier destination of this name when that was removed.

        Raises
        ------
        ConfigurationError
            If the name exists already or a value cannot be used.
        """
        values = _checked(
            {
                "name": name,
                "ae_title": ae_title,
                "host": host,
                "port": port,
                "url": url,
                "credentials_file": credentials_file,
                "ca_file": ca_file,
                "confirm": confirm,
                "reject_superseded": reject_superseded,
                "tls": tls,
                "tls_name": tls_name,
                "objects": objects,
                "enabled": enabled,
            }
        )
        with self._database.write() as connection:
            with free_name(f"destination {name}"):
                connection.execute(destinations.insert().values(**values))
            after = _destination(connection, values["name"])
            _adopt(connection, after, self._database.now())
            what = (actor, "destination.add", f"destination {after.name}")
            note(connection, self._database.now(), what, after=plain(after))
        return after

    def edit(
        self,
        name: str,
        /,
        *,
        actor: str = "cli",
        expected: str | None = None,
        **changes: object,
    ) -> DestinationRecord:
        """Change fields of a destination; what is not named stays.

        Parameters
        ----------
        expected
            ``mark_of`` the record that the change was made on; None: whatever it is now.

        Raises
        ------
        ConfigurationError
            If the destination is unknown, a value cannot be used, or somebody changed it meanwhile.
        """
        with self._database.write() as connection:
            before = _destination(connection, name)
            require_mark(connection, before, f"destination {before.name}", expected)
            values = _checked({**plain(before), **changes}, changes)
            if values:
                changed = update(destinations).where(destinations.c.id == before.id)
                with free_name(f"destination {values.get('name')}"):
                    connection.execute(changed.values(**values))
            after = _destination(connection, values.get("name", before.name))
            _follow(connection, before, after)
            what = (actor, "destination.edit", f"destination {before.name}")
            note(connection, self._database.now(), what, plain(before), plain(after))
        return after

    def remove(self, name: str, *, actor: str = "cli", expected: str | None = None) -> int:
        """Remove a destination; return how many objects still waited for it (now dead)."""
        with self._database.write() as connection:
            before = _destination(connection, name)
            require_mark(connection, before, f"destination {before.name}", expected)
            waiting = connection.execute(
                update(deliveries)
                .where(deliveries.c.destination_id == before.id)
                .where(deliveries.c.state == DeliveryState.PENDING)
                .values(state=DeliveryState.DEAD, last_reason=Reason.DESTINATION_REMOVED)
            ).rowcount
            connection.execute(destinations.delete().where(destinations.c.id == before.id))
            what = (actor, "destination.remove", f"destination {before.name}")
            note(connection, self._database.now(), what, plain(before), {"n_waiting": waiting})
        return waiting

    def retry(self, name: str, *, actor: str = "cli") -> int:
        """Have everything that was given up at a destination sent again; return how many objects.

        What was learnt of it is forgotten: it is asked at once, and gets every kind again.

        Raises
        ------
        ConfigurationError
            ``NOT_FOUND``.
        """
        now = self._database.now()
        with self._database.write() as connection:
            found = _destination(connection, name)
            forget(connection, found.id)
            n_objects = retry_dead(connection, now, deliveries.c.destination_id == found.id)
            what = (actor, "delivery.retry", f"destination {found.name}")
            note(connection, now, what, after={"n_objects": n_objects})
        return n_objects

    def list(self) -> list[DestinationRecord]:
        """Return all destinations by name."""
        with self._database.read() as connection:
            rows = connection.execute(select(destinations).order_by(destinations.c.name)).mappings()
            return [_destination_record(row) for row in rows]

    def page(self, limit: int, before_id: int | None = None) -> Sequence[DestinationRecord]:
        """Return some destinations, the newest first."""
        query = newest(select(destinations), destinations.c.id, limit, before_id)
        with self._database.read() as connection:
            return [_destination_record(row) for row in connection.execute(query).mappings()]

    def with_ae_title(self, ae_title: str) -> "DestinationRecord | None":
        """Return a destination with this AE title, an enabled one first, or None."""
        query = (
            select(destinations)
            .where(destinations.c.ae_title == ae_title.strip(" "))
            .order_by(destinations.c.enabled.desc(), destinations.c.id)
            .limit(1)
        )
        with self._database.read() as connection:
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _destination_record(row)

    def get(self, name: str) -> DestinationRecord | None:
        """Return the destination with this name, or None."""
        with self._database.read() as connection:
            query = select(destinations).where(destinations.c.name == name)
            row = connection.execute(query).mappings().one_or_none()
            return None if row is None else _destination_record(row)


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


def _destination_record(row: RowMapping) -> DestinationRecord:
    return DestinationRecord(
        **{**row, "objects": tuple(row["objects"]), "confirm": ConfirmMode(row["confirm"])}
    )


def _destination(connection: Connection, name: str) -> DestinationRecord:
    query = select(destinations).where(destinations.c.name == name).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"destination {name}")
    return _destination_record(row)


def _follow(connection: Connection, before: DestinationRecord, after: DestinationRecord) -> None:
    """Draw the consequences of an edit: another system has to be learnt anew."""
    if _address(before) != _address(after):
        forget(connection, after.id)
    if after.confirm is ConfirmMode.NONE:
        nothing_to_confirm(connection, after.id)


def _address(record: DestinationRecord) -> tuple[object, ...]:
    return record.ae_title, record.host, record.port, record.url, record.tls


def _checked(values: dict[str, Any], changes: dict[str, Any] | None = None) -> dict[str, Any]:
    """Return the columns to write: all of a new destination, or those that ``changes`` touch."""
    refuse_unknown(values if changes is None else changes, DestinationRecord)
    if changes is not None and changes.get("tls") is False:
        changes = {"tls_name": None, "ca_file": None, **changes}
        values = {**values, **changes}
    checked = _located(values)
    if not 0 < len(checked["name"].strip()) <= _LONGEST_NAME:
        raise ConfigurationError(Reason.SETTING_INVALID, "a name has 1 to 64 characters")
    wanted = set(checked["objects"])
    if not wanted or not wanted <= set(OBJECT_KINDS):
        kinds = ", ".join(OBJECT_KINDS)
        raise ConfigurationError(Reason.SETTING_INVALID, f"objects are some of: {kinds}")
    checked["objects"] = [kind for kind in OBJECT_KINDS if kind in wanted]
    checked["confirm"] = _checked_confirm(checked)
    _check_transport(checked)
    checked.pop("id", None)
    if changes is None:
        return checked
    touched = {"host", "port", "url", *_NOT_DIMSE} if "url" in changes else set()
    return {name: value for name, value in checked.items() if name in touched | set(changes)}


def _check_transport(checked: dict[str, Any]) -> None:
    """Make the fields about TLS and credentials fit each other and the address, in place."""
    for name in ("credentials_file", "ca_file"):
        checked[name] = checked[name] or None
    checked["tls_name"] = (
        check_certificate_name(checked["tls_name"]) if checked["tls_name"] else None
    )
    if not checked["url"] and checked["credentials_file"]:
        detail = "credentials are for DICOMweb destinations (url)"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    by_tls = checked["tls"] or bool(checked["url"])
    if (checked["ca_file"] and not by_tls) or (checked["tls_name"] and not checked["tls"]):
        detail = "certificates are for destinations with TLS: --tls, or an https url"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)


def _checked_confirm(checked: dict[str, Any]) -> str:
    try:
        confirm = ConfirmMode(checked["confirm"])
    except ValueError:
        modes = ", ".join(ConfirmMode)
        raise ConfigurationError(Reason.SETTING_INVALID, f"confirm is one of: {modes}") from None
    if checked["url"] and confirm is ConfirmMode.COMMITMENT:
        detail = "DICOMweb has no Storage Commitment: confirm is query, none or auto"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)
    return confirm.value


def _located(values: dict[str, Any]) -> dict[str, Any]:
    """Check where a destination is: a URL, or AE title, host and port."""
    if values["url"]:
        url, host, port = checked_url(values["url"])
        return {**values, "url": url, "host": host, "port": port, **_NOT_DIMSE}
    checked = {**checked_address(values), "url": None}
    for name in ("host", "port"):
        if checked[name] is None:
            raise ConfigurationError(Reason.SETTING_INVALID, f"a destination needs a {name}")
    return checked
