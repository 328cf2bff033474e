"""The tables about reporting the audit trail elsewhere."""

from sqlalchemy import BigInteger, Column, Integer, String, Table

from plugin.registry.tables import UtcDateTime, metadata

# Entries that the repository has and that are not yet summed up in ``all_reported_up_to``.
audit_reported = Table(
    "audit_reported",
    metadata,
    Column("audit_id", BigInteger, primary_key=True, autoincrement=False),
)

# One row at most; none while nothing was ever to be reported.
audit_reporting = Table(
    "audit_reporting",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=False),
    Column("all_reported_up_to", BigInteger, nullable=False),
    Column("last_sent_at", UtcDateTime),
    Column("failing_since", UtcDateTime),
    Column("reason", String(48)),
)
