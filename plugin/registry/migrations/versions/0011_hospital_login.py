"""Accounts of people whom an identity provider vouches for."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("users", sa.Column("issuer", sa.String(length=255), nullable=True))
    op.add_column("users", sa.Column("subject", sa.String(length=255), nullable=True))
    op.create_index(op.f("ix_users_issuer_subject"), "users", ["issuer", "subject"], unique=True)
    op.add_column("sessions", sa.Column("id_token", sa.Text(), nullable=True))


def downgrade() -> None:
    op.drop_column("sessions", "id_token")
    op.drop_index(op.f("ix_users_issuer_subject"), table_name="users")
    op.drop_column("users", "subject")
    op.drop_column("users", "issuer")
