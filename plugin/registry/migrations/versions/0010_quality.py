"""Figures of quality: origins of studies, what results tell, opinions about priorities."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "study_origins",
        sa.Column("study_id", _ID, nullable=False),
        sa.Column("site", sa.Text(), nullable=False),
        sa.Column("scanner", sa.Text(), nullable=False),
        sa.Column("field_strength_t", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["study_id"],
            ["studies.id"],
            name=op.f("fk_study_origins_study_id_studies"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("study_id", name=op.f("pk_study_origins")),
    )
    op.create_table(
        "result_figures",
        sa.Column("job_id", sa.String(length=36), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("seconds_to_result", sa.Float(), nullable=True),
        sa.Column("level", sa.String(length=16), nullable=False),
        sa.Column("wants_review", sa.Boolean(), nullable=False),
        sa.Column("measured", sa.JSON(), nullable=False),
        sa.Column("notes", sa.JSON(), nullable=False),
        sa.Column("group", sa.String(length=64), nullable=False),
        sa.Column("confidence_percent", sa.Integer(), nullable=True),
        sa.Column("bundle", sa.String(length=128), nullable=False),
        sa.ForeignKeyConstraint(
            ["job_id"],
            ["jobs.id"],
            name=op.f("fk_result_figures_job_id_jobs"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("job_id", name=op.f("pk_result_figures")),
    )
    op.create_index(op.f("ix_result_figures_at"), "result_figures", ["at"])
    op.add_column("feedback", sa.Column("priority", sa.String(length=32), nullable=True))
    op.create_index(op.f("ix_feedback_at"), "feedback", ["at"])
    op.create_index(op.f("ix_deliveries_created_at"), "deliveries", ["created_at"])
