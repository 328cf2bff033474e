"""Peers that must come by TLS and show their certificate, destinations that are called by it."""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column(
        "peers", sa.Column("tls", sa.String(16), nullable=False, server_default="allowed")
    )
    op.add_column("peers", sa.Column("certificate_name", sa.String(255)))
    op.add_column("peers", sa.Column("certificate_fingerprint", sa.String(64)))
    op.add_column(
        "destinations", sa.Column("tls", sa.Boolean(), nullable=False, server_default=sa.false())
    )
    op.add_column("destinations", sa.Column("tls_name", sa.String(255)))


def downgrade() -> None:
    op.drop_column("destinations", "tls_name")
    op.drop_column("destinations", "tls")
    op.drop_column("peers", "certificate_fingerprint")
    op.drop_column("peers", "certificate_name")
    op.drop_column("peers", "tls")
