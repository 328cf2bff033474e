"""Requests between processes, who is alive, model bundles and which one is in force."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_TIME = sa.DateTime(timezone=True)


def upgrade() -> None:
    op.create_table(
        "requests",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _text("kind", 32),
        sa.Column("asked", sa.JSON(), nullable=False),
        _text("asked_by", 128),
        sa.Column("asked_at", _TIME, nullable=False),
        sa.Column("lapses_at", _TIME, nullable=True),
        sa.Column("taken_by", sa.String(length=128), nullable=True),
        sa.Column("taken_until", _TIME, nullable=True),
        sa.Column("answered_at", _TIME, nullable=True),
        sa.Column("reason", sa.String(length=48), nullable=True),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_requests")),
    )
    op.create_index(op.f("ix_requests_answered_at"), "requests", ["answered_at"])
    op.create_table(
        "heartbeats",
        _text("name", 128),
        _text("kind", 16),
        sa.Column("started_at", _TIME, nullable=False),
        sa.Column("seen_at", _TIME, nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("name", name=op.f("pk_heartbeats")),
    )
    op.create_table(
        "bundles",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        _text("digest", 64),
        _text("name", 64),
        _text("version", 32),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("facts", sa.JSON(), nullable=False),
        sa.Column("installed_at", _TIME, nullable=False),
        _text("installed_by", 128),
        sa.Column("verified_at", _TIME, nullable=False),
        sa.Column("is_intact", sa.Boolean(), nullable=False),
        sa.Column("problem", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundles")),
        sa.UniqueConstraint("digest", name=op.f("uq_bundles_digest")),
    )
    op.create_table(
        "bundle_activations",
        sa.Column("id", _ID, autoincrement=True, nullable=False),
        sa.Column(
            "bundle_id",
            _ID,
            sa.ForeignKey("bundles.id", name=op.f("fk_bundle_activations_bundle_id_bundles")),
            nullable=True,
        ),
        sa.Column("activated_at", _TIME, nullable=False),
        _text("activated_by", 128),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_bundle_activations")),
    )


def _text(name: str, length: int) -> sa.Column[Any]:
    return sa.Column(name, sa.String(length=length), nullable=False)
