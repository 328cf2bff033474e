"""Indexes for what the pages ask most: the standing result of a study, its audit entries."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_jobs_study_id_state"), "jobs", ["study_id", "state"])
    op.create_index(op.f("ix_audit_subject"), "audit", ["subject"])
