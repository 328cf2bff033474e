"""What tells two people with one Patient ID apart, and two studies of one day: for comparisons."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

_COLUMNS = ("study_time", "issuer_of_patient_id", "patient_birth_date", "patient_sex")


def upgrade() -> None:
    for name in _COLUMNS:
        empty = sa.text("''")
        op.add_column("studies", sa.Column(name, sa.Text(), nullable=False, server_default=empty))
