"""The tables about operation: requests between processes, who is alive, model bundles."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    ForeignKey,
    Index,
    String,
    Table,
    Text,
)

from plugin.registry.tables import RowId, UtcDateTime, metadata

requests = Table(
    "requests",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("kind", String(32), nullable=False),
    Column("asked", JSON, nullable=False),
    Column("asked_by", String(128), nullable=False),
    Column("asked_at", UtcDateTime, nullable=False),
    Column("lapses_at", UtcDateTime),
    Column("taken_by", String(128)),
    Column("taken_until", UtcDateTime),
    Column("answered_at", UtcDateTime),
    Column("reason", String(48)),
    Column("answer", JSON),
    Index(None, "answered_at"),
)

# One row per process that lives or lived lately; what it says of itself is in ``facts``.
heartbeats = Table(
    "heartbeats",
    metadata,
    Column("name", String(128), primary_key=True),
    Column("kind", String(16), nullable=False),
    Column("started_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("facts", JSON, nullable=False),
)

bundles = Table(
    "bundles",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("name", String(64), nullable=False),
    Column("version", String(32), nullable=False),
    Column("folder", Text, nullable=False),
    Column("facts", JSON, nullable=False),
    Column("installed_at", UtcDateTime, nullable=False),
    Column("installed_by", String(128), nullable=False),
    Column("verified_at", UtcDateTime, nullable=False),
    Column("is_intact", Boolean, nullable=False),
    Column("problem", Text, nullable=False),
    Column("removed_at", UtcDateTime),
)

# Every activation is a row and the newest one is in force; without a bundle: as the settings say.
bundle_activations = Table(
    "bundle_activations",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("bundle_id", ForeignKey("bundles.id")),
    Column("activated_at", UtcDateTime, nullable=False),
    Column("activated_by", String(128), nullable=False),
)
