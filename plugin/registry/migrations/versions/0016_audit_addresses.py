"""Where the pages were used from, in the audit trail."""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("audit", sa.Column("address", sa.String(length=64), nullable=True))


def downgrade() -> None:
    op.drop_column("audit", "address")
