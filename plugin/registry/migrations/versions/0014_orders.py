"""Orders that messages told of, and what names them in the headers of a study."""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)
_NUMBERS = (
    "placer_number",
    "filler_number",
    "work_item_uid",
    "study_instance_uid",
    "accession_number",
    "accession_issuer",
    "requested_procedure_id",
)
_SEARCHED = (*(name for name in _NUMBERS if name != "accession_issuer"), "received_at")
_TOLD = ("accession_issuer", "requested_procedure_id")


def upgrade() -> None:
    op.create_table(
        "orders",
        sa.Column(
            "id",
            sa.BigInteger().with_variant(sa.Integer(), "sqlite"),
            autoincrement=True,
            nullable=False,
        ),
        sa.Column("source", sa.String(length=16), nullable=False),
        sa.Column("told_at", _TIME, nullable=False),
        sa.Column("received_at", _TIME, nullable=False),
        *(sa.Column(name, sa.Text(), nullable=False) for name in _NUMBERS),
        sa.Column("priority", sa.String(length=16), nullable=True),
        sa.Column("written", sa.Text(), nullable=False),
        sa.Column("patient_class", sa.String(length=16), nullable=True),
        sa.Column("text_flags", sa.JSON(), nullable=False),
        sa.Column("is_cancelled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_orders")),
    )
    for name in _SEARCHED:
        op.create_index(op.f(f"ix_orders_{name}"), "orders", [name])
    for name in _TOLD:
        told = sa.Column(name, sa.Text(), nullable=False, server_default=sa.text("''"))
        op.add_column("studies", told)
    op.create_index(
        op.f("ix_studies_requested_procedure_id"), "studies", ["requested_procedure_id"]
    )


def downgrade() -> None:
    op.drop_index(op.f("ix_studies_requested_procedure_id"), "studies")
    for name in reversed(_TOLD):
        op.drop_column("studies", name)
    op.drop_table("orders")
