"""Peers: who may send, edited while the system runs.

Each change is checked, audited in its own transaction and seen by the next association or send.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, RowMapping, select, update
from sqlalchemy.exc import IntegrityError

from plugin.domain.certificates import PeerTls, check_certificate_name, check_fingerprint
from plugin.domain.errors import ConfigurationError, Reason
from plugin.domain.identifiers import check_ae_title
from plugin.domain.study import PeerKind
from plugin.registry.audit import note
from plugin.registry.engine import Database
from plugin.registry.marks import plain, require_mark
from plugin.registry.records import PeerRecord
from plugin.registry.rows import newest
from plugin.registry.tables import peers

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
        tls: PeerTls = PeerTls.ALLOWED,
        certificate_name: str | None = None,
        certificate_fingerprint: str | None = None,
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
                "tls": tls,
                "certificate_name": certificate_name,
                "certificate_fingerprint": certificate_fingerprint,
            }
        )
        _require_tls_for_certificates(values)
        with self._database.write() as connection:
            with free_name(f"peer {values['ae_title']}"):
                connection.execute(peers.insert().values(**values))
            after = _peer(connection, values["ae_title"])
            subject = f"peer {after.ae_title}"
            note(connection, self._database.now(), (actor, "peer.add", subject), after=plain(after))
        return after

    def edit(
        self,
        ae_title: str,
        /,
        *,
        actor: str = "cli",
        expected: str | None = None,
        **changes: object,
    ) -> PeerRecord:
        """Change fields of a known sender; what is not named stays.

        Parameters
        ----------
        expected
            ``mark_of`` the record that the change was made on; None: whatever it is now.

        Raises
        ------
        ConfigurationError
            If the peer is unknown, a value cannot be used, or somebody changed it meanwhile.
        """
        values = _checked_peer(changes)
        with self._database.write() as connection:
            before = _peer(connection, ae_title)
            require_mark(connection, before, f"peer {before.ae_title}", expected)
            _require_tls_for_certificates({**plain(before), **values})
            if values:
                changed = update(peers).where(peers.c.id == before.id).values(**values)
                with free_name(f"peer {values.get('ae_title')}"):
                    connection.execute(changed)
            after = _peer(connection, values.get("ae_title", before.ae_title))
            what = (actor, "peer.edit", f"peer {before.ae_title}")
            note(connection, self._database.now(), what, plain(before), plain(after))
        return after

    def remove(self, ae_title: str, *, actor: str = "cli", expected: str | None = None) -> None:
        """Forget a sender (as ``edit`` expects it); what it sent stays."""
        with self._database.write() as connection:
            before = _peer(connection, ae_title)
            require_mark(connection, before, f"peer {before.ae_title}", expected)
            connection.execute(peers.delete().where(peers.c.id == before.id))
            what = (actor, "peer.remove", f"peer {before.ae_title}")
            note(connection, self._database.now(), what, plain(before))

    def list(self) -> list[PeerRecord]:
        """Return all peers by AE title."""
        with self._database.read() as connection:
            rows = connection.execute(select(peers).order_by(peers.c.ae_title)).mappings()
            return [_peer_record(row) for row in rows]

    def page(self, limit: int, before_id: int | None = None) -> Sequence[PeerRecord]:
        """Return some peers, the newest first."""
        query = newest(select(peers), peers.c.id, limit, before_id)
        with self._database.read() as connection:
            return [_peer_record(row) for row in connection.execute(query).mappings()]

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


@contextmanager
def free_name(what: str) -> Iterator[None]:
    """Say that the name is taken when the database refuses a second row with it."""
    try:
        yield
    except IntegrityError:
        raise ConfigurationError(Reason.SETTING_INVALID, f"{what} exists already") from None


def _peer_record(row: RowMapping) -> PeerRecord:
    return PeerRecord(**{**row, "kind": PeerKind(row["kind"]), "tls": PeerTls(row["tls"])})


def _peer(connection: Connection, ae_title: str) -> PeerRecord:
    query = select(peers).where(peers.c.ae_title == ae_title.strip(" ")).with_for_update()
    row = connection.execute(query).mappings().one_or_none()
    if row is None:
        raise ConfigurationError(Reason.NOT_FOUND, f"peer {ae_title}")
    return _peer_record(row)


def _checked_peer(values: dict[str, Any]) -> dict[str, Any]:
    refuse_unknown(values, PeerRecord)
    checked = checked_address(values)
    for name, choices in (("kind", PeerKind), ("tls", PeerTls)):
        if name in checked:
            try:
                checked[name] = choices(checked[name]).value
            except ValueError:
                detail = f"{name} is one of: {', '.join(choices)}"
                raise ConfigurationError(Reason.SETTING_INVALID, detail) from None
    for name, check in (
        ("certificate_name", check_certificate_name),
        ("certificate_fingerprint", check_fingerprint),
    ):
        if name in checked:
            checked[name] = check(checked[name]) if checked[name] else None
    for name in ("quiet_seconds", "cap_seconds"):
        if checked.get(name) is not None and not 0 < checked[name] < float("inf"):
            raise ConfigurationError(Reason.SETTING_INVALID, f"{name} must be more than 0")
    return checked


def _require_tls_for_certificates(values: dict[str, Any]) -> None:
    """Refuse a certificate that a connection without TLS would pass by."""
    bound = values.get("certificate_name") or values.get("certificate_fingerprint")
    if bound and values.get("tls") != PeerTls.REQUIRED:
        detail = "a peer that must show a certificate must connect by TLS: tls is required"
        raise ConfigurationError(Reason.SETTING_INVALID, detail)


def checked_address(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values with AE title and host without spaces around them.

    Raises
    ------
    ConfigurationError
        If the AE title or the port cannot be one.
    """
    checked = dict(values)
    if "ae_title" in checked:
        checked["ae_title"] = check_ae_title(checked["ae_title"])
    if "host" in checked:
        checked["host"] = (checked["host"] or "").strip() or None
    if checked.get("port") is not None and not 0 < checked["port"] <= _HIGHEST_PORT:
        raise ConfigurationError(Reason.SETTING_INVALID, "a port is 1 to 65535")
    return checked


def refuse_unknown(values: dict[str, Any], record: type) -> None:
    """Raise ``TypeError`` for a field that the record does not have: a fault of the caller."""
    unknown = set(values) - (set(record.__slots__) - {"id", "last_seen_at"})  # type: ignore[attr-defined]
    if unknown:
        message = f"no such field: {', '.join(sorted(unknown))}"
        raise TypeError(message)
