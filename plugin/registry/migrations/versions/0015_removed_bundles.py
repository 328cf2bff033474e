"""Model bundles that were removed: their rows stay, as activations name them."""

import sqlalchemy as sa
from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None


def upgrade() -> None:
    time = sa.DateTime(timezone=True)
    op.add_column("bundles", sa.Column("removed_at", time, nullable=True))


def downgrade() -> None:
    op.drop_column("bundles", "removed_at")
