"""The tables, for SQLite and PostgreSQL alike; the migrations make exactly these (tested)."""

from datetime import UTC, datetime
from typing import Any

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    DateTime,
    Dialect,
    Float,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
    text,
)
from sqlalchemy.types import TypeDecorator

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


class UtcDateTime(TypeDecorator[datetime]):
    """Aware UTC times; SQLite keeps them as text without a zone, PostgreSQL with one."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """Refuse naive times: nobody could tell what they mean."""
        if value is None:
            return None
        if value.tzinfo is None:
            message = "a time without a zone"
            raise ValueError(message)
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(
        self,
        value: datetime | None,
        dialect: Dialect,
    ) -> datetime | None:
        """Give the zone back."""
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class SafeText(TypeDecorator[str]):
    """Text from the wire, made storable: no NUL and no broken UTF-16, cut at the column's length.

    PostgreSQL refuses all three, SQLite none; a damaged header must not stop the indexer on either.
    """

    impl = Text
    cache_ok = True

    def __init__(self, length: int | None = None) -> None:
        super().__init__()
        self.length = length

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        """Clean one value."""
        if value is None:
            return None
        return value.replace("\x00", "").encode("utf-8", "replace").decode()[: self.length]


# SQLite counts rows itself only in a column of type INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")


def _text(name: str, length: int = 64) -> Column[str]:
    return Column(name, SafeText(length), nullable=False, default="")


def _told(name: str) -> Column[str]:
    """Return a column that older rows have empty: what headers may tell."""
    return Column(name, SafeText, nullable=False, server_default=text("''"))


def _id() -> Column[int]:
    return Column("id", RowId, primary_key=True, autoincrement=True)


def _reference(name: str, target: str, *, index: bool = False) -> Column[Any]:
    return Column(name, ForeignKey(target, ondelete="CASCADE"), nullable=False, index=index)


peers = Table(
    "peers",
    metadata,
    _id(),
    Column("ae_title", String(16), nullable=False, unique=True),
    Column("host", String(255)),
    Column("port", Integer),
    Column("kind", String(16), nullable=False),
    Column("quiet_seconds", Float),
    Column("cap_seconds", Float),
    Column("enabled", Boolean, nullable=False),
    Column("last_seen_at", UtcDateTime),
    Column("tls", String(16), nullable=False, server_default="allowed"),
    Column("certificate_name", String(255)),
    Column("certificate_fingerprint", String(64)),
)

destinations = Table(
    "destinations",
    metadata,
    _id(),
    Column("name", String(64), nullable=False, unique=True),
    Column("ae_title", String(16), nullable=False),
    Column("host", String(255), nullable=False),
    Column("port", Integer, nullable=False),
    Column("objects", JSON, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("confirm", String(16), nullable=False, server_default="auto"),
    Column("url", Text),
    Column("credentials_file", Text),
    Column("ca_file", Text),
    Column("reject_superseded", Boolean, nullable=False, server_default=false()),
    Column("tls", Boolean, nullable=False, server_default=false()),
    Column("tls_name", String(255)),
)

# What was learnt of a destination by talking to it; not in its own row, which people edit.
destination_health = Table(
    "destination_health",
    metadata,
    Column("destination_id", ForeignKey("destinations.id", ondelete="CASCADE"), primary_key=True),
    Column("n_failures", Integer, nullable=False, default=0),
    Column("open_since", UtcDateTime),
    Column("next_probe_at", UtcDateTime),
    Column("last_reason", String(48)),
    Column("last_answer_at", UtcDateTime),
    Column("confirms_by", String(16)),
    Column("confirms_since", UtcDateTime),
    Column("implicit_since", UtcDateTime),
)

substitutions = Table(
    "substitutions",
    metadata,
    _id(),
    _reference("destination_id", "destinations.id"),
    Column("kind", String(32), nullable=False),
    Column("instead", String(32), nullable=False),
    Column("status", Integer),
    Column("since", UtcDateTime, nullable=False),
    UniqueConstraint("destination_id", "kind"),
)

commitments = Table(
    "commitments",
    metadata,
    Column("transaction_uid", String(64), primary_key=True),
    _reference("destination_id", "destinations.id", index=True),
    Column("n_objects", Integer, nullable=False),
    Column("requested_at", UtcDateTime, nullable=False),
    Column("reported_at", UtcDateTime),
)

associations = Table(
    "associations",
    metadata,
    Column("id", String(64), primary_key=True),
    _text("calling_ae_title", 16),
    _text("called_ae_title", 16),
    _text("address"),
    Column("opened_at", UtcDateTime, nullable=False),
    Column("seen_at", UtcDateTime, nullable=False),
    Column("closed_at", UtcDateTime),
    Column("outcome", String(16)),
    Column("n_received", Integer, nullable=False, default=0),
    Index(None, "closed_at", "calling_ae_title"),
)

rejected_associations = Table(
    "rejected_associations",
    metadata,
    _id(),
    _text("calling_ae_title", 16),
    _text("called_ae_title", 16),
    _text("address"),
    Column("reason", String(48), nullable=False),
    Column("n_times", Integer, nullable=False),
    Column("first_at", UtcDateTime, nullable=False),
    Column("last_at", UtcDateTime, nullable=False),
    UniqueConstraint("calling_ae_title", "called_ae_title", "address", "reason"),
)

studies = Table(
    "studies",
    metadata,
    _id(),
    Column("study_instance_uid", String(64), nullable=False, unique=True),
    Column("state", String(16), nullable=False),
    Column("reason", String(48)),
    Column("detail", SafeText, nullable=False, default=""),
    Column("patient_name", SafeText, nullable=False, default=""),
    Column("patient_id", SafeText, nullable=False, default=""),
    Column("accession_number", SafeText, nullable=False, default=""),
    Column("study_date", SafeText, nullable=False, default=""),
    Column("description", SafeText, nullable=False, default=""),
    _text("calling_ae_title", 16),
    Column("first_received_at", UtcDateTime, nullable=False),
    Column("receiving_since", UtcDateTime, nullable=False),
    Column("last_received_at", UtcDateTime, nullable=False),
    Column("completed_at", UtcDateTime),
    Column("images_deleted_at", UtcDateTime),
    Column("n_instances", Integer, nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("generation", Integer, nullable=False),
    Column("needs_person", Boolean, nullable=False),
    Column("order_facts", JSON),
    Column("order_urgency", Integer, nullable=False, server_default="1"),
    Column("policy_urgency", Integer, nullable=False, server_default="0"),
    _told("study_time"),
    _told("issuer_of_patient_id"),
    _told("patient_birth_date"),
    _told("patient_sex"),
    _told("accession_issuer"),
    _told("requested_procedure_id"),
    Index(None, "state"),
    Index(None, "accession_number"),
    Index(None, "patient_id"),
    Index(None, "last_received_at"),
    Index(None, "first_received_at"),
    Index(None, "requested_procedure_id"),
)

instances = Table(
    "instances",
    metadata,
    _id(),
    _reference("study_id", "studies.id"),
    Column("series_instance_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("transfer_syntax_uid", String(64), nullable=False),
    _text("modality", 16),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    Column("version", Integer, nullable=False),
    Column("is_current", Boolean, nullable=False),
    Column("differs", Boolean, nullable=False),
    Column("deleted_at", UtcDateTime),
    _text("association_id"),
    Column("received_at", UtcDateTime, nullable=False),
    Column("slice_position", SafeText, nullable=False, default=""),
    Column("cardiac_number_of_images", Integer),
    Column("images_in_acquisition", Integer),
    Column("number_of_temporal_positions", Integer),
    Column("number_of_frames", Integer),
    Column("header", JSON, nullable=False),
    UniqueConstraint("study_id", "sop_instance_uid", "sha256"),
    Index(None, "sop_instance_uid"),
)

quarantine = Table(
    "quarantine",
    metadata,
    _id(),
    Column("path", Text, nullable=False, unique=True),
    Column("reason", String(48), nullable=False),
    _text("calling_ae_title", 16),
    Column("received_at", UtcDateTime, nullable=False),
)

jobs = Table(
    "jobs",
    metadata,
    Column("id", String(36), primary_key=True),
    _reference("study_id", "studies.id"),
    Column("generation", Integer, nullable=False),
    Column("state", String(16), nullable=False),
    Column("reason", String(48)),
    Column("detail", SafeText, nullable=False, default=""),
    Column("fence", Integer, nullable=False, default=0),
    Column("lease_until", UtcDateTime),
    _text("worker", 128),
    Column("attempts", Integer, nullable=False, default=0),
    Column("n_releases", Integer, nullable=False, default=0),
    Column("not_before", UtcDateTime),
    Column("hinted_at", UtcDateTime, nullable=False),
    Column("n_hints", Integer, nullable=False, default=0),
    Column("automatic", Boolean, nullable=False),
    Column("input_digest", String(64)),
    Column("predecessor_job_id", String(36)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("started_at", UtcDateTime),
    Column("finished_at", UtcDateTime),
    Column("reported_at", UtcDateTime),
    Column("activity", String(16)),
    Column("progress", Float),
    Column("summary", JSON),
    Column("fast_lane", Boolean, nullable=False, server_default=false()),
    Column("triage_urgency", Integer, nullable=False, server_default="0"),
    Column("wants_review", Boolean, nullable=False, server_default=false()),
    UniqueConstraint("study_id", "generation"),
    Index(None, "study_id", "state", "generation", "triage_urgency"),
    Index(None, "state"),
)

result_objects = Table(
    "result_objects",
    metadata,
    _id(),
    _reference("job_id", "jobs.id", index=True),
    Column("kind", String(32), nullable=False),
    Column("sop_class_uid", String(64), nullable=False),
    Column("sop_instance_uid", String(64), nullable=False),
    Column("series_instance_uid", String(64), nullable=False),
    Column("path", Text, nullable=False),
    Column("sha256", String(64), nullable=False),
    Column("n_bytes", BigInteger, nullable=False),
    UniqueConstraint("job_id", "sop_instance_uid"),
)

# Outlives a purge: a PACS may send our objects back years later.
own_results = Table(
    "own_results",
    metadata,
    Column("sop_instance_uid", String(64), primary_key=True),
)

deliveries = Table(
    "deliveries",
    metadata,
    _id(),
    _reference("job_id", "jobs.id", index=True),
    Column("destination_id", ForeignKey("destinations.id", ondelete="SET NULL")),
    Column("destination_name", String(64), nullable=False),
    _reference("object_id", "result_objects.id"),
    Column("state", String(16), nullable=False),
    Column("attempts", Integer, nullable=False, default=0),
    Column("next_attempt_at", UtcDateTime, nullable=False),
    Column("last_status", Integer),
    Column("last_reason", String(48)),
    Column("created_at", UtcDateTime, nullable=False),
    Column("sent_at", UtcDateTime),
    Column("confirmed_at", UtcDateTime),
    Column("confirm_at", UtcDateTime),
    Column("confirmed_by", String(16)),
    Column("transaction_uid", String(64)),
    Column("n_asked", Integer, nullable=False, server_default="0"),
    Column("n_lost", Integer, nullable=False, server_default="0"),
    UniqueConstraint("object_id", "destination_id"),
    Index(None, "destination_id", "state", "next_attempt_at"),
    Index(None, "created_at"),
)

audit = Table(
    "audit",
    metadata,
    _id(),
    Column("at", UtcDateTime, nullable=False),
    Column("actor", String(128), nullable=False),
    Column("action", String(64), nullable=False),
    Column("subject", String(128), nullable=False),
    Column("before", JSON),
    Column("after", JSON),
    # Of the machine from which somebody used the pages or the interface.
    Column("address", String(64)),
    Index(None, "subject"),
)
