"""How destinations confirm, what was learnt of them, and DICOMweb destinations."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    # What was sent before keeps ``confirm_at`` empty: nobody asks about it any more.
    for column in (
        sa.Column("confirm", sa.String(length=16), nullable=False, server_default="auto"),
        sa.Column("url", sa.Text(), nullable=True),
        sa.Column("credentials_file", sa.Text(), nullable=True),
        sa.Column("ca_file", sa.Text(), nullable=True),
    ):
        op.add_column("destinations", column)
    added: tuple[sa.Column[Any], ...] = (
        sa.Column("confirm_at", _TIME, nullable=True),
        sa.Column("confirmed_by", sa.String(length=16), nullable=True),
        sa.Column("transaction_uid", sa.String(length=64), nullable=True),
        sa.Column("n_asked", sa.Integer(), nullable=False, server_default="0"),
        sa.Column("n_lost", sa.Integer(), nullable=False, server_default="0"),
    )
    for one in added:
        op.add_column("deliveries", one)
    op.create_table(
        "destination_health",
        sa.Column("destination_id", _ID, nullable=False),
        sa.Column("n_failures", sa.Integer(), nullable=False),
        sa.Column("open_since", _TIME, nullable=True),
        sa.Column("next_probe_at", _TIME, nullable=True),
        sa.Column("last_reason", sa.String(length=48), nullable=True),
        sa.Column("last_answer_at", _TIME, nullable=True),
        sa.Column("confirms_by", sa.String(length=16), nullable=True),
        sa.Column("confirms_since", _TIME, nullable=True),
        sa.Column("implicit_since", _TIME, nullable=True),
        _destination("destination_health"),
        sa.PrimaryKeyConstraint("destination_id", name=op.f("pk_destination_health")),
    )
    op.create_table(
        "substitutions",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column("destination_id", _ID, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("instead", sa.String(length=32), nullable=False),
        sa.Column("status", sa.Integer(), nullable=True),
        sa.Column("since", _TIME, nullable=False),
        _destination("substitutions"),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_substitutions")),
        sa.UniqueConstraint(
            "destination_id", "kind", name=op.f("uq_substitutions_destination_id_kind")
        ),
    )
    op.create_table(
        "commitments",
        sa.Column("transaction_uid", sa.String(length=64), nullable=False),
        sa.Column("destination_id", _ID, nullable=False),
        sa.Column("n_objects", sa.Integer(), nullable=False),
        sa.Column("requested_at", _TIME, nullable=False),
        sa.Column("reported_at", _TIME, nullable=True),
        _destination("commitments"),
        sa.PrimaryKeyConstraint("transaction_uid", name=op.f("pk_commitments")),
    )
    op.create_index(
        op.f("ix_commitments_destination_id"), "commitments", ["destination_id"], unique=False
    )


def _destination(table: str) -> sa.ForeignKeyConstraint:
    return sa.ForeignKeyConstraint(
        ["destination_id"],
        ["destinations.id"],
        name=op.f(f"fk_{table}_destination_id"),
        ondelete="CASCADE",
    )
