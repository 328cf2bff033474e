"""The tables about people: who may log in, who reads what, what they say about results."""

from sqlalchemy import (
    JSON,
    Boolean,
    Column,
    Float,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from plugin.registry.tables import RowId, SafeText, UtcDateTime, metadata

users = Table(
    "users",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("name", String(64), nullable=False, unique=True),
    Column("role", String(16), nullable=False),
    Column("password_hash", String(255), nullable=False),
    Column("one_time", Boolean, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("last_login_at", UtcDateTime),
    # Who the account is at an identity provider; None: a local account, with a password.
    Column("issuer", String(255)),
    Column("subject", String(255)),
    Index(None, "issuer", "subject", unique=True),
)

# Digests only: who reads the database cannot log in with what it holds.
sessions = Table(
    "sessions",
    metadata,
    Column("digest", String(64), primary_key=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("created_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    # For logging out at the provider that logged somebody in; opens nothing here.
    Column("id_token", Text),
)

api_tokens = Table(
    "api_tokens",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("digest", String(64), nullable=False, unique=True),
    Column("user_id", ForeignKey("users.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("label", String(64), nullable=False),
    Column("created_at", UtcDateTime, nullable=False),
    Column("expires_at", UtcDateTime, nullable=False),
)

readings = Table(
    "readings",
    metadata,
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("claimed_by", String(64)),
    Column("claimed_at", UtcDateTime),
    Column("read_by", String(64)),
    Column("read_at", UtcDateTime),
    Column("read_generation", Integer),
)

feedback = Table(
    "feedback",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), nullable=False),
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), nullable=False),
    Column("by", String(64), nullable=False),
    Column("at", UtcDateTime, nullable=False),
    Column("verdict", String(16), nullable=False),
    Column("lvef_percent", Float),
    Column("diagnosis", String(64)),
    Column("priority", String(32)),
    Column("comment", SafeText, nullable=False),
    Column("result", JSON, nullable=False),
    Index(None, "study_id"),
    Index(None, "job_id"),
    Index(None, "at"),
)
