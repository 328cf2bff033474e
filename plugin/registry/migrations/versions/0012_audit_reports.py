"""How far the audit trail was reported to the audit repository."""

import sqlalchemy as sa
from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "audit_reported",
        sa.Column("audit_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.PrimaryKeyConstraint("audit_id", name=op.f("pk_audit_reported")),
    )
    op.create_table(
        "audit_reporting",
        sa.Column("id", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("all_reported_up_to", sa.BigInteger(), nullable=False),
        sa.Column("last_sent_at", _TIME, nullable=True),
        sa.Column("failing_since", _TIME, nullable=True),
        sa.Column("reason", sa.String(length=48), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_reporting")),
    )


def downgrade() -> None:
    op.drop_table("audit_reporting")
    op.drop_table("audit_reported")
