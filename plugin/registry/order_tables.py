"""The table of orders that messages told of; holds no name and no ID of a patient."""

from sqlalchemy import JSON, Boolean, Column, Index, String, Table

from plugin.registry.tables import RowId, SafeText, UtcDateTime, metadata

orders = Table(
    "orders",
    metadata,
    Column("id", RowId, primary_key=True, autoincrement=True),
    Column("source", String(16), nullable=False),
    Column("told_at", UtcDateTime, nullable=False),
    Column("received_at", UtcDateTime, nullable=False),
    *(
        Column(name, SafeText, nullable=False)
        for name in (
            *("placer_number", "filler_number", "work_item_uid", "study_instance_uid"),
            *("accession_number", "accession_issuer", "requested_procedure_id"),
        )
    ),
    Column("priority", String(16)),
    Column("written", SafeText, nullable=False),
    Column("patient_class", String(16)),
    Column("text_flags", JSON, nullable=False),
    Column("is_cancelled", Boolean, nullable=False),
    *(
        Index(None, name)
        for name in (
            *("placer_number", "filler_number", "work_item_uid", "study_instance_uid"),
            *("accession_number", "requested_procedure_id", "received_at"),
        )
    ),
)
