"""Indexes by which a page of the worklist is found without reading every study."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index(op.f("ix_studies_first_received_at"), "studies", ["first_received_at"])
    op.drop_index(op.f("ix_jobs_study_id_state"), "jobs")
    op.create_index(
        op.f("ix_jobs_study_id_state_generation_triage_urgency"),
        "jobs",
        ["study_id", "state", "generation", "triage_urgency"],
    )
