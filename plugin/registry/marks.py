"""Two people who change one record: the second is told what the first one changed.

Whoever changes a record says on which state of it: its mark. What happened since that state is read
from the audit trail, which keeps every state before and after a change.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from sqlalchemy import Connection, select

from plugin.domain.errors import ConfigurationError, Reason
from plugin.registry.delivery_records import DestinationRecord
from plugin.registry.records import PeerRecord
from plugin.registry.tables import audit

_N_CHANGES_LOOKED_AT = 100


def plain(record: PeerRecord | DestinationRecord) -> dict[str, Any]:
    """Return a record as the audit keeps it."""
    values = asdict(record)
    values.pop("last_seen_at", None)
    return values


def mark_of(record: PeerRecord | DestinationRecord) -> str:
    """Return a text that differs when anything that people edit in a record does."""
    return mark_of_values(plain(record))


def require_mark(
    connection: Connection,
    record: PeerRecord | DestinationRecord,
    subject: str,
    expected: str | None,
) -> None:
    """Refuse a change that was made on another state than the present one.

    Parameters
    ----------
    subject
        Of the record in the audit trail.
    expected
        ``mark_of`` the state that the change was made on; None: whatever it is now.

    Raises
    ------
    ConfigurationError
        ``CHANGED_MEANWHILE``, with what was changed by whom where the audit trail tells.
    """
    if expected is not None and expected != mark_of(record):
        detail = _what_changed(connection, plain(record), subject, expected)
        raise ConfigurationError(Reason.CHANGED_MEANWHILE, detail)


def mark_of_values(values: Mapping[str, Any]) -> str:
    """Return the mark of a record as the audit trail keeps it."""
    return hashlib.sha256(json.dumps(values, default=str).encode()).hexdigest()[:16]


def _what_changed(
    connection: Connection, now: Mapping[str, Any], subject: str, expected: str
) -> str:
    changes = select(audit).where(audit.c.subject == subject).order_by(audit.c.id.desc())
    actors: dict[str, None] = {}
    for entry in connection.execute(changes.limit(_N_CHANGES_LOOKED_AT)).mappings():
        before = entry["before"]
        if before is None:
            continue  # nothing of the record was changed
        actors[entry["actor"]] = None
        if mark_of_values(before) == expected:
            return f"{_difference(before, json.loads(json.dumps(now)))} by {', '.join(actors)}"
    return ""


def _difference(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    fields = [name for name in now if before.get(name) != now[name]]
    return "; ".join(
        f"{name}: {_shown(before.get(name))} -> {_shown(now[name])}" for name in fields
    )


def _shown(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    return "none" if value is None else str(value)
