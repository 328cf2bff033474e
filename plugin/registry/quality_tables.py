"""The tables about quality: where studies come from, what results tell besides a summary."""

from sqlalchemy import JSON, Boolean, Column, Float, ForeignKey, Integer, String, Table

from plugin.registry.tables import SafeText, UtcDateTime, metadata

study_origins = Table(
    "study_origins",
    metadata,
    Column("study_id", ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    Column("site", SafeText(64), nullable=False),
    Column("scanner", SafeText(128), nullable=False),
    Column("field_strength_t", Float),
)

result_figures = Table(
    "result_figures",
    metadata,
    Column("job_id", ForeignKey("jobs.id", ondelete="CASCADE"), primary_key=True),
    Column("at", UtcDateTime, nullable=False, index=True),
    Column("seconds_to_result", Float),
    Column("level", String(16), nullable=False),
    Column("wants_review", Boolean, nullable=False),
    Column("measured", JSON, nullable=False),
    Column("notes", JSON, nullable=False),
    Column("group", String(64), nullable=False),
    Column("confidence_percent", Integer),
    Column("bundle", String(128), nullable=False),
)
