"""The tables about triage: policies, decisions, and switches that hold everything back."""

from sqlalchemy import JSON, Column, ForeignKey, Index, String, Table, Text

from plugin.registry.tables import RowId, UtcDateTime, metadata

# Every activation is a row and the newest one is in force, so a rollback is one more row.
policies = Table(
    "policies",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False),
    Column("version", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Column("text", Text, nullable=False),
    Column("activated_at", UtcDateTime, nullable=False),
    Column("activated_by", String(128), nullable=False),
)

# ``job_id`` is empty where a study was promoted without a result.
triage_decisions = Table(
    "triage_decisions",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE")),
    Column("decided_at", UtcDateTime, nullable=False),
    Column("policy", String(128), nullable=False),
    Column("level", String(16), nullable=False),
    Column("outcome", String(16), nullable=False),
    Column("rules", JSON, nullable=False),
    Column("not_judged", JSON, nullable=False),
    Column("sentence", Text, nullable=False),
    Column("inputs", JSON, nullable=False),
    Index(None, "study_id"),
    Index(None, "job_id"),
)

# A row means off; without a destination it holds everything.
switches = Table(
    "switches",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE")),
    Column("off_since", UtcDateTime, nullable=False),
    Column("switched_by", String(128), nullable=False),
    Index(None, "destination_id"),
)
